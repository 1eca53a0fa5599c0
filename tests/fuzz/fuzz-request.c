/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The input is a command line: words with a zero byte behind each.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../../helper/request.h"
#include "../../lib/addr.h"
#include "../../lib/str.h"
#include "fuzz.h"

#define ARGUMENTS 64

static void verify_request(const struct request *request)
{
	switch (request->kind) {
	case REQUEST_ATTACH:
		must(request->bridge && ifname_is_valid(request->bridge));
		must(request->reply_fd >= 0);
		break;
	case REQUEST_HELP:
	case REQUEST_VERSION:
		must(!request->bridge || ifname_is_valid(request->bridge));
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct failure failure = { 0 };
	char *argv[ARGUMENTS + 1];
	struct request request;
	char *text = malloc(size + 1);
	int argc = 0, r;

	must(text);
	if (size > 0)
		memcpy(text, data, size);
	text[size] = '\0';
	for (char *word = text; word < text + size && argc < ARGUMENTS; word += strlen(word) + 1)
		argv[argc++] = word;
	argv[argc] = NULL;

	r = request_parse(argc, argv, &request, &failure);
	must(r == 0 || r == -EINVAL);
	must((r < 0) == (failure.text[0] != '\0'));
	for (const char *p = failure.text; *p; p++)
		must(*p >= 0x20 && *p < 0x7f);
	if (r == 0)
		verify_request(&request);
	free(text);
	return 0;
}
