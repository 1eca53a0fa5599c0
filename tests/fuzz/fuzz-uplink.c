/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The input is the file of what was on a network card. What is believed prints as something that reads as the same.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../../lib/util.h"
#include "../../netd/model/uplink.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(uplink_deinit) struct uplink uplink = UPLINK_NULL, again = UPLINK_NULL;
	_cleanup_(freep) char *text = strndup((const char *)data, size), *printed = NULL, *reprinted = NULL;
	struct failure failure = { 0 };
	int r;

	must(text);
	r = uplink_parse(text, &uplink, &failure);
	must(r == 0 || (r == -EINVAL && failure.text[0]));
	if (r < 0)
		return 0;
	must(uplink_print(&uplink, &printed) == 0);
	must(uplink_parse(printed, &again, &failure) == 0);
	must(uplink_print(&again, &reprinted) == 0);
	must(strcmp(printed, reprinted) == 0);
	return 0;
}
