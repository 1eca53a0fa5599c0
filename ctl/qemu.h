/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a guest's network device is made from, for the verbs that print it and that use it.
 */
#pragma once

#include "../lib/addr.h"
#include "ctl.h"

#define NETDEV_ID "gn0"

struct nic {
	const char *network;	/* borrowed: as it was given */
	const char *model;	/* borrowed: QEMU's name of the device */
	struct mac mac;
	bool vhost;		/* the kernel moves the packets, and you may use that */
};

int nic_build(const struct options *options, struct nic *ret_nic, struct failure *failure);
enum exit_status nic_verify_network(const char *network, struct failure *failure);
bool nic_has_queues(const struct nic *nic);
void nic_print_device(const struct nic *nic, unsigned int queues, char *buffer, size_t size);
