/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A network's configuration of dnsmasq.
 * Pure.
 */
#pragma once

#include "../../lib/str.h"
#include "subnet.h"

#define DNSMASQ_TEXT_SIZE 98304	/* is always enough, but for directories with very long names */

/* What a network's dnsmasq does. */
enum service_part {
	SERVICE_DNS	= 1 << 0,
	SERVICE_DHCP	= 1 << 1,	/* leases: IPv4. Router advertisements need no port */
	SERVICE_ALL	= 1 << 2,	/* withheld: no dnsmasq at all, there is nobody whom it could serve */
};

/* Where things are. All borrowed. */
struct dnsmasq_options {
	const char *run_dir;		/* RUN/NAME.static, .options and .names must exist before dnsmasq starts */
	const char *state_dir;		/* STATE/NAME.leases; NULL: it stands in run_dir too */
	const char *pid_file;		/* NULL: none, whoever starts it knows its pid */
	const char *log_facility;	/* a file, or a facility of syslog(3); NULL: standard error */
	unsigned int withheld;		/* enum service_part: what cannot be served now, whatever the network says */
	unsigned int no_ipv6;		/* 1: the kernel has none at all, and dnsmasq would end for want of a socket; a whole word, no padding */
};

bool dnsmasq_is_wanted(const struct network *network);
bool dnsmasq_boots_nobody(const struct network *network);
int dnsmasq_build(const struct network *network, const struct subnet_choice *choice,
		  const struct dnsmasq_options *options, struct text *text);
uint64_t dnsmasq_hash(const struct text *text);

/* What dnsmasq reads again on SIGHUP: known guests, options, names. */
enum dnsmasq_file { DNSMASQ_HOSTS, DNSMASQ_OPTIONS, DNSMASQ_NAMES, DNSMASQ_FILE_MAX_ };

const char *dnsmasq_file_suffix(enum dnsmasq_file which);
int dnsmasq_build_file(const struct network *network, enum dnsmasq_file which, char **ret_text, size_t *ret_length);
int dnsmasq_hash_files(const struct network *network, uint64_t *ret_hash);
