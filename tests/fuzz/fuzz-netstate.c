/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The input is a state as text. What can be read is printed, and what is printed reads as the same.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../../lib/util.h"
#include "../../netd/model/plan.h"
#include "../../netd/model/print.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(netstate_deinit) struct netstate state = NETSTATE_NULL, again = NETSTATE_NULL;
	_cleanup_(freep) char *text = NULL, *first = NULL, *second = NULL;
	struct failure failure = { 0 };
	int r;

	text = strndup((const char *)data, size);
	must(text);
	r = netstate_parse(text, &state, &failure);
	must(r == 0 || r == -EINVAL);
	must((r < 0) == (failure.text[0] != '\0'));
	if (r < 0)
		return 0;
	must(netstate_print(&state, &first) == 0);
	must(netstate_parse(first, &again, &failure) == 0);
	must(netstate_print(&again, &second) == 0);
	must(strcmp(first, second) == 0);
	return 0;
}
