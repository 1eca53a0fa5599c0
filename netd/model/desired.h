/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From declared networks to the state that the kernel should be in.
 * Pure.
 */
#pragma once

#include "dnsmasq.h"
#include "forwarding.h"
#include "guards.h"
#include "leasefile.h"
#include "network.h"
#include "rates.h"
#include "subnet.h"
#include "uplink.h"

/* What is the same for all networks. */
struct desired_options {
	uint8_t machine_id[SIPHASH_KEY_SIZE];
	uint8_t checksums;			/* which of enum checksum_strategy work here: bit n */
	struct dnsmasq_options dnsmasq;
	const struct forwarding *forwarding;	/* borrowed; NULL: nothing is known of the host */
	/* What of a network's service is withheld now, enum service_part; NULL: nothing of any. */
	unsigned int (*withheld)(const char *network, const void *data);
	const void *withheld_data;
	/* The leases of a network; NULL: none are known. */
	const struct leases *(*leases)(const char *network, const void *data);
	const void *leases_data;
	/* What a network's card (Uplink=) was like before it became a port; NULL: it is not known. */
	const struct uplink *(*card)(const char *network, const void *data);
	const void *card_data;
	const struct port_binding *bindings;	/* borrowed: which Ethernet addresses ports are bound to */
	size_t n_bindings;
	uint8_t rates;				/* bits of enum rates_means: what works here */
	const struct rates_port *rated_ports;	/* borrowed: the ports of guests */
	size_t n_rated_ports;
};

int desired_build(const struct network *const networks[], size_t n_networks,
		  const struct subnet_choice *choices, size_t n_choices,
		  const struct desired_options *options, struct netstate *ret_state);
int desired_build_part(const struct network *const networks[], size_t n_networks,
		       const struct subnet_choice *choices, size_t n_choices,
		       const struct desired_options *options, struct netstate *ret_state);
bool desired_can_change(const struct network *const networks[], size_t n_networks);
int desired_change(struct netstate *state, const struct network *const networks[], size_t n_networks,
		   const struct network *const added[], size_t n_added,
		   const struct network *const removed[], size_t n_removed,
		   const struct subnet_choice *choices, size_t n_choices, const struct desired_options *options,
		   struct netstate *ret_changed);
bool desired_needs_checksum(const struct network *network, const struct subnet_choice *choice);
enum checksum_strategy desired_checksum(const struct network *network, uint8_t possible);
struct mac desired_mac(const struct network *network, const uint8_t machine_id[static SIPHASH_KEY_SIZE]);
