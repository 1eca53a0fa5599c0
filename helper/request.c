/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the caller asks for on the command line.
 * Pure: no system calls.
 */
#include "request.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#include "../lib/addr.h"
#include "../lib/limits.h"
#include "../lib/str.h"

static int parse_bridge(struct request *request, const char *value, struct failure *failure)
{
	if (!ifname_is_valid(value))
		return failure_set(failure, -EINVAL,
				   "invalid bridge name \"%s\": want 1 to 15 bytes without blanks, '/', ':' or '%%'",
				   STR_ESCAPED(value));
	request->bridge = value;
	return 0;
}

static int parse_fd(struct request *request, const char *value, struct failure *failure)
{
	uint32_t fd;

	if (str_parse_u32(value, INT_MAX, &fd) < 0)
		return failure_set(failure, -EINVAL, "invalid fd \"%s\": want the number of an open socket",
				   STR_ESCAPED(value));
	request->reply_fd = (int)fd;
	return 0;
}

static int parse_will_be(struct request *request, const char *value, struct failure *failure)
{
	if (!ifname_is_valid(value) || request->n_will_be == REQUEST_NAMES)
		return failure_set(failure, -EINVAL, "invalid bridge name \"%s\"", STR_ESCAPED(value));
	request->will_be[request->n_will_be++] = value;
	return 0;
}

static int parse_queues(struct request *request, const char *value, struct failure *failure)
{
	uint32_t queues;

	if (str_parse_u32(value, LIMIT_TAP_QUEUES, &queues) < 0 || queues < 2)
		return failure_set(failure, -EINVAL, "invalid number of queues \"%s\": want 2 to %d", STR_ESCAPED(value), LIMIT_TAP_QUEUES);
	request->queues = queues;
	return 0;
}

/* What guestnetd says to the helper that it starts; privileges.c argues who is believed. */
static int parse_internal(struct request *request, const char *option, struct failure *failure)
{
	const char *value;

	if (str_has_prefix(option, "--client=", &value)) {
		request->for_client = true;
		return parse_fd(request, value, failure);
	}
	if (str_has_prefix(option, "--will-be=", &value))
		return parse_will_be(request, value, failure);
	if (str_has_prefix(option, "--queues=", &value))
		return parse_queues(request, value, failure);
	if (strcmp(option, "--for-parent") == 0) {
		request->for_parent = true;
		return 0;
	}
	return failure_set(failure, -EINVAL, "unknown argument \"%s\"", STR_ESCAPED(option));
}

/*
 * What only guestnetd may say counts only behind --client=, which serve_client() believes nobody else. Without it these
 * words would be the caller's own: another name for a bridge that no rule allows.
 */
static int verify_internal(const struct request *request, struct failure *failure)
{
	if (request->for_client)
		return 0;
	if (request->n_will_be > 0)
		return failure_set(failure, -EINVAL, "unknown argument \"--will-be=%s\" without --client=", request->will_be[0]);
	if (request->queues > 0)
		return failure_set(failure, -EINVAL, "unknown argument \"--queues=%u\" without --client=", request->queues);
	if (request->for_parent)
		return failure_set(failure, -EINVAL, "unknown argument \"--for-parent\" without --client=");
	return 0;
}

/*
 * Reads the command line; of options that are repeated the last one counts. @argv must outlive the
 * request. -EINVAL with a text for everything that is not exactly
 * [--use-vnet] --br=NAME --fd=FD, --help or --version, or what guestnetd says.
 */
int request_parse(int argc, char *const argv[], struct request *ret_request, struct failure *failure)
{
	struct request request = { .kind = REQUEST_ATTACH, .reply_fd = -EBADF };

	for (int i = 1; i < argc; i++) {
		const char *value;
		int r = 0;

		if (strcmp(argv[i], "--use-vnet") == 0)
			request.vnet_hdr = true;
		else if (str_has_prefix(argv[i], "--br=", &value))
			r = parse_bridge(&request, value, failure);
		else if (str_has_prefix(argv[i], "--fd=", &value))
			r = parse_fd(&request, value, failure);
		else if (strcmp(argv[i], "--help") == 0)
			request.kind = REQUEST_HELP;
		else if (strcmp(argv[i], "--version") == 0)
			request.kind = REQUEST_VERSION;
		else
			r = parse_internal(&request, argv[i], failure);
		if (r < 0)
			return r;
	}

	if (request.kind == REQUEST_ATTACH && !request.bridge)
		return failure_set(failure, -EINVAL, "no bridge is named: --br=NAME is missing");
	if (request.kind == REQUEST_ATTACH && request.reply_fd < 0)
		return failure_set(failure, -EINVAL, "no socket is named: --fd=FD is missing");
	if (request.kind == REQUEST_ATTACH && verify_internal(&request, failure) < 0)
		return -EINVAL;

	*ret_request = request;
	return 0;
}
