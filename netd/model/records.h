/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a network file can hold any number of: sections that repeat, and lists of records.
 * Pure.
 */
#pragma once

#include "values.h"

bool records_boot_is_url(const char *file);
const char *records_boot_client_name(enum boot_client client);
int records_begin_section(struct network *network, const char *section, struct network_place place);
void records_verify(struct network *network, struct mistakes *mistakes);
int records_clash(const struct network *earlier, const struct network *later, struct network_place *ret_place,
		  struct network_place *ret_other, char what[static 128]);

/* What keys.c takes for its table. */
#define RECORD_KEY(name)									\
	int records_parse_##name(struct network *network, const char *value, char why[static KEY_WHY_SIZE]);	\
	void records_reset_##name(struct network *network);
RECORD_KEY(dhcp_range)
RECORD_KEY(dhcp_option)
RECORD_KEY(dhcp_ntp)
RECORD_KEY(dhcp_router)
RECORD_KEY(dns_forwarder)
RECORD_KEY(dns_host)
RECORD_KEY(dns_txt)
RECORD_KEY(dns_srv)
RECORD_KEY(host_mac)
RECORD_KEY(host_client_id)
RECORD_KEY(host_name)
RECORD_KEY(host_address)
RECORD_KEY(host_lease_time)
RECORD_KEY(host_option)
RECORD_KEY(forward_listen)
RECORD_KEY(forward_to)
RECORD_KEY(boot_root)
RECORD_KEY(boot_file)
RECORD_KEY(boot_server)
#undef RECORD_KEY
