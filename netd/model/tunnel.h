/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A network that other hosts have a part of: the section [Tunnel] of its file.
 * Pure.
 */
#pragma once

#include "../../lib/str.h"
#include "values.h"

int tunnel_begin(struct network *network, struct network_place place);
int tunnel_verify(struct network *network, struct mistakes *mistakes);
int tunnel_clash(const struct network *earlier, const struct network *later, struct network_place *ret_place,
		 struct network_place *ret_other, char what[static 128]);
void tunnel_name(const struct network *network, char ret_name[static IFNAME_SIZE]);
bool tunnel_is_v6(const struct network_tunnel *tunnel);
uint32_t tunnel_overhead(bool v6);
void tunnel_print(const struct network *network, struct text *text);
int tunnel_add(const struct network *network, uint32_t mtu, struct netstate *state);

#define TUNNEL_KEY(name)									\
	int tunnel_parse_##name(struct network *network, const char *value, char why[static KEY_WHY_SIZE]);	\
	void tunnel_reset_##name(struct network *network);
TUNNEL_KEY(vni)
TUNNEL_KEY(remote)
TUNNEL_KEY(group)
TUNNEL_KEY(interface)
TUNNEL_KEY(local)
TUNNEL_KEY(port)
TUNNEL_KEY(mac_learning)
TUNNEL_KEY(ttl)
#undef TUNNEL_KEY
