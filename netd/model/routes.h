/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Prefixes behind guests: the sections [Route] of a network file.
 * Pure.
 */
#pragma once

#include "../../lib/str.h"
#include "subnet.h"
#include "values.h"

int routes_begin(struct network *network, struct network_place place);
void routes_verify(const struct network *network, struct mistakes *mistakes);
bool routes_clash(const struct network *earlier, const struct network *later, struct network_place *ret_place,
		  struct network_place *ret_other, char what[static 256]);
bool routes_is_chosen(const struct network *network, const struct network_route *route, const struct subnet_choice *choices,
		      size_t n_choices);
bool routes_is_repeated(const struct network *network, size_t i);
struct netstate_route routes_build(const struct network_route *route, const char *bridge);
void routes_print_option(const struct network *network, struct text *text);

/* What keys.c takes for its table. */
#define ROUTE_KEY(name)										\
	int routes_parse_##name(struct network *network, const char *value, char why[static KEY_WHY_SIZE]);	\
	void routes_reset_##name(struct network *network);
ROUTE_KEY(destination)
ROUTE_KEY(gateway)
ROUTE_KEY(metric)
ROUTE_KEY(advertise)
#undef ROUTE_KEY
