/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * systemd-resolved is told whom to ask for the names of guests: they resolve on the host then.
 */
#pragma once

#include "../model/network.h"
#include "../model/subnet.h"
#include "systembus.h"

/* A bridge whose dnsmasq answers for a domain. Zeroed before it is filled in: compared as bytes. */
struct resolved_link {
	char bridge[IFNAME_SIZE];
	int ifindex;
	char domain[LIMIT_NETWORK_DOMAIN];
	struct { struct ip ip; uint8_t prefix_length; } addresses[SUBNET_ADDRESSES];	/* the host's: servers, and what they know backwards */
	size_t n_addresses;
};

struct resolved;

int resolved_new(sd_event *event, struct systembus *systembus, void (*changed)(void *data), void *data,
		 struct resolved **ret_resolved);
struct resolved *resolved_free(struct resolved *resolved);

bool resolved_is_there(const struct resolved *resolved);
int resolved_want(struct resolved *resolved, const struct resolved_link *links, size_t n);
bool resolved_knows(const struct resolved *resolved, const char *bridge, const char **ret_why_not);
