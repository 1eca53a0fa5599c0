/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What has passed through ports and bridges, as the kernel counts it.
 */
#pragma once

#include <linux/netlink.h>
#include <stddef.h>
#include <stdint.h>

#include "../lib/addr.h"
#include "json.h"

/* From the device's side: what a port has received, its guest has sent. */
struct counters {
	uint64_t rx_bytes, rx_packets, rx_dropped;
	uint64_t tx_bytes, tx_packets, tx_dropped;
};

struct counted {
	int ifindex, master;
	char name[IFNAME_SIZE];
	struct counters counters;
};

/* Of all devices, at one time. */
struct traffic {
	struct counted *items;		/* owned */
	size_t n;
};
#define TRAFFIC_NULL (struct traffic){ 0 }

int traffic_load(struct traffic *ret_traffic);
void traffic_deinit(struct traffic *traffic);
bool traffic_find(const struct traffic *traffic, const char *bridge, struct counters *ret_bridge, struct counters *ret_ports);

#define COUNTERS_TEXT_SIZE 24
void counters_parse(const struct nlattr *attribute, struct counters *ret_counters);
const char *counters_print_bytes(char buffer[static COUNTERS_TEXT_SIZE], uint64_t bytes);
#define COUNTERS_BYTES(_bytes) counters_print_bytes((char[COUNTERS_TEXT_SIZE]){ 0 }, (_bytes))
void counters_put(struct json *json, const struct counters *counters);
