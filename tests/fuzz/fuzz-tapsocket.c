/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The input is a packet at the tap socket, and behind its first 32 bytes an access control list.
 */
#include <errno.h>
#include <string.h>

#include "../../lib/addr.h"
#include "../../lib/tapsocket.h"
#include "../../policy/access.h"
#include "fuzz.h"

#define PACKET 32

static void verify_access(const uint8_t *data, size_t size)
{
	const gid_t groups[] = { 1, 2 };
	const struct policy_caller caller = { .uid = 3, .gid = 4, .groups = groups, .n_groups = 2 };
	const struct stat st = { .st_uid = 5, .st_gid = 1, .st_mode = 0 };
	struct access_list list;

	list.length = size < sizeof(list.bytes) ? size : sizeof(list.bytes);
	memcpy(list.bytes, data, list.length);
	/* What may be read and written may be read; without a list the mode says no. */
	if (access_is_allowed(&caller, &st, &list, ACCESS_READ_WRITE))
		must(access_is_allowed(&caller, &st, &list, ACCESS_READ) && list.length > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tapsocket_request request, again;
	int r = tapsocket_parse_request(data, size, &request);

	must(r == 0 || r == -EPROTO || r == -EINVAL);
	if (r == 0) {
		must(size == sizeof(request) && ifname_is_valid(request.bridge));
		must((request.flags & ~TAPSOCKET_FLAGS) == 0);
		/* One request has one form. */
		must(request.queues != 1 && request.queues <= LIMIT_TAP_QUEUES);
		again = tapsocket_request(request.bridge, request.flags);
		again.queues = request.queues;
		must(memcmp(&again, &request, sizeof(request)) == 0);
	}
	if (size > PACKET)
		verify_access(data + PACKET, size - PACKET);
	return 0;
}
