/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The helper's command line.
 */
#include "unit.h"

#include "../../helper/request.h"

#define ARGUMENTS 8

static void accepted(void **state _unused_)
{
	static const struct {
		const char *arguments[ARGUMENTS];
		enum request_kind kind;
		const char *bridge;
		int reply_fd;
		bool vnet_hdr;
	} cases[] = {
		/* as QEMU and libvirt call it */
		{ { "--use-vnet", "--fd=3", "--br=br0" }, REQUEST_ATTACH, "br0", 3, true },
		{ { "--use-vnet", "--br=virbr0", "--fd=21" }, REQUEST_ATTACH, "virbr0", 21, true },
		{ { "--fd=3", "--br=br0" }, REQUEST_ATTACH, "br0", 3, false },
		/* any order, the last of a kind */
		{ { "--br=a", "--br=b", "--fd=3", "--fd=4" }, REQUEST_ATTACH, "b", 4, false },
		{ { "--fd=4", "--br=b", "--fd=3", "--br=a", "--use-vnet", "--use-vnet" }, REQUEST_ATTACH, "a", 3, true },
		/* names */
		{ { "--br=default", "--fd=0" }, REQUEST_ATTACH, "default", 0, false },
		{ { "--br=--fd=7", "--fd=3" }, REQUEST_ATTACH, "--fd=7", 3, false },
		{ { "--br=fifteen-bytes-x", "--fd=3" }, REQUEST_ATTACH, "fifteen-bytes-x", 3, false },
		/* numbers */
		{ { "--br=a", "--fd=2147483647" }, REQUEST_ATTACH, "a", 2147483647, false },
		{ { "--br=a", "--fd=0005" }, REQUEST_ATTACH, "a", 5, false },
		/* these want nothing else, and nothing else disturbs them */
		{ { "--help" }, REQUEST_HELP, NULL, -EBADF, false },
		{ { "--version" }, REQUEST_VERSION, NULL, -EBADF, false },
		{ { "--version", "--help" }, REQUEST_HELP, NULL, -EBADF, false },
		{ { "--help", "--version" }, REQUEST_VERSION, NULL, -EBADF, false },
		{ { "--br=a", "--fd=3", "--help" }, REQUEST_HELP, "a", 3, false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char *argv[ARGUMENTS + 2] = { (char *)"helper" };
		struct failure failure = { 0 };
		struct request request;
		char label[32];
		int argc = 1;

		snprintf(label, sizeof(label), "case %zu", i);
		for (size_t j = 0; cases[i].arguments[j]; j++)
			argv[argc++] = (char *)cases[i].arguments[j];

		check_int(label, request_parse(argc, argv, &request, &failure), 0);
		check_string(label, failure.text, "");
		check_int(label, request.kind, cases[i].kind);
		check_string(label, request.bridge ?: "(none)", cases[i].bridge ?: "(none)");
		check_int(label, request.reply_fd, cases[i].reply_fd);
		check_int(label, request.vnet_hdr, cases[i].vnet_hdr);
	}
}

static void refused(void **state _unused_)
{
	static const struct {
		const char *arguments[ARGUMENTS];
		const char *text;
	} cases[] = {
		{ { NULL }, "no bridge is named: --br=NAME is missing" },
		{ { "--fd=3" }, "no bridge is named: --br=NAME is missing" },
		{ { "--br=br0" }, "no socket is named: --fd=FD is missing" },
		{ { "--use-vnet" }, "no bridge is named" },
		/* the name */
		{ { "--br=", "--fd=3" }, "invalid bridge name \"\": want 1 to 15 bytes" },
		{ { "--br=sixteen-bytes-xx", "--fd=3" }, "invalid bridge name \"sixteen-bytes-xx\"" },
		{ { "--br=a b", "--fd=3" }, "invalid bridge name \"a b\"" },
		{ { "--br=a/b", "--fd=3" }, "invalid bridge name \"a/b\"" },
		{ { "--br=../x", "--fd=3" }, "invalid bridge name \"../x\"" },
		{ { "--br=..", "--fd=3" }, "invalid bridge name \"..\"" },
		{ { "--br=.", "--fd=3" }, "invalid bridge name \".\"" },
		{ { "--br=a:b", "--fd=3" }, "invalid bridge name \"a:b\"" },
		{ { "--br=tap%d", "--fd=3" }, "invalid bridge name \"tap%d\"" },
		{ { "--br=a\tb", "--fd=3" }, "invalid bridge name \"a\\x09b\"" },
		{ { "--br=a\n", "--fd=3" }, "invalid bridge name \"a\\x0a\"" },
		{ { "--br=\x1b[2J", "--fd=3" }, "invalid bridge name \"\\x1b[2J\"" },
		{ { "--br=a\x7f", "--fd=3" }, "invalid bridge name \"a\\x7f\"" },
		{ { "--br=a b", "--br=ok", "--fd=3" }, "invalid bridge name \"a b\"" },
		/* the socket */
		{ { "--br=a", "--fd=" }, "invalid fd \"\": want the number of an open socket" },
		{ { "--br=a", "--fd=-1" }, "invalid fd \"-1\"" },
		{ { "--br=a", "--fd=+3" }, "invalid fd \"+3\"" },
		{ { "--br=a", "--fd= 3" }, "invalid fd \" 3\"" },
		{ { "--br=a", "--fd=3 " }, "invalid fd \"3 \"" },
		{ { "--br=a", "--fd=3x" }, "invalid fd \"3x\"" },
		{ { "--br=a", "--fd=0x3" }, "invalid fd \"0x3\"" },
		{ { "--br=a", "--fd=three" }, "invalid fd \"three\"" },
		{ { "--br=a", "--fd=2147483648" }, "invalid fd \"2147483648\"" },
		{ { "--br=a", "--fd=4294967299" }, "invalid fd \"4294967299\"" },
		{ { "--br=a", "--fd=18446744073709551619" }, "invalid fd \"18446744073709551619\"" },
		/* everything else */
		{ { "--br", "a", "--fd", "3" }, "unknown argument \"--br\"" },
		{ { "--br=a", "--fd=3", "" }, "unknown argument \"\"" },
		{ { "--br=a", "--fd=3", "x" }, "unknown argument \"x\"" },
		{ { "--br=a", "--fd=3", "--" }, "unknown argument \"--\"" },
		{ { "-h" }, "unknown argument \"-h\"" },
		{ { "--use-vnet=1", "--br=a", "--fd=3" }, "unknown argument \"--use-vnet=1\"" },
		{ { "--use-vne", "--br=a", "--fd=3" }, "unknown argument \"--use-vne\"" },
		{ { "--help", "--nonsense" }, "unknown argument \"--nonsense\"" },
		{ { "--policy=/tmp/x", "--br=a", "--fd=3" }, "unknown argument \"--policy=/tmp/x\"" },
		{ { "\x1b]0;x\x07" }, "unknown argument \"\\x1b]0;x\\x07\"" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char *argv[ARGUMENTS + 2] = { (char *)"helper" };
		struct request request = { .reply_fd = 77 };
		struct failure failure = { 0 };
		int argc = 1;

		for (size_t j = 0; cases[i].arguments[j]; j++)
			argv[argc++] = (char *)cases[i].arguments[j];

		check_int(cases[i].text, request_parse(argc, argv, &request, &failure), -EINVAL);
		check_prefix(cases[i].text, failure.text, cases[i].text);
		check_int(cases[i].text, request.reply_fd, 77);
	}
}

/* execve(2) may be called without any argument. */
static void no_arguments_at_all(void **state _unused_)
{
	char *argv[] = { NULL };
	struct failure failure = { 0 };
	struct request request;

	check_int("argc 0", request_parse(0, argv, &request, &failure), -EINVAL);
	check_prefix("argc 0", failure.text, "no bridge is named");
}

static void long_argument(void **state _unused_)
{
	_cleanup_(freep) char *argument = malloc(100001);
	char *argv[] = { (char *)"helper", argument, NULL };
	struct failure failure = { 0 };
	struct request request;

	assert_non_null(argument);
	memset(argument, '\x1b', 100000);
	argument[100000] = '\0';
	check_int("long", request_parse(2, argv, &request, &failure), -EINVAL);
	check_prefix("long", failure.text, "unknown argument \"\\x1b\\x1b");
	memcpy(argument, "--br=", 5);
	failure = (struct failure){ 0 };
	check_int("long", request_parse(2, argv, &request, &failure), -EINVAL);
	check_prefix("long", failure.text, "invalid bridge name \"\\x1b\\x1b");
}

/* What the daemon says to the helper that it starts; privileges.c decides whether it is believed. */
static void from_the_daemon(void **state _unused_)
{
	char *argv[] = { (char *)"helper", (char *)"--client=3", (char *)"--br=default", (char *)"--use-vnet", (char *)"--for-parent",
			 (char *)"--will-be=gn-default", (char *)"--will-be=default", (char *)"--will-be=a", (char *)"--will-be=b",
			 (char *)"--will-be=c", (char *)"--will-be=d", (char *)"--will-be=e", (char *)"--will-be=f",
			 (char *)"--will-be=more", NULL };
	struct failure failure = { 0 };
	struct request request;

	check_int("all", request_parse(7, argv, &request, &failure), 0);
	check_int("for a client", request.for_client && request.for_parent && request.vnet_hdr, true);
	check_int("fd", request.reply_fd, 3);
	check_int("names", (long long)request.n_will_be, 2);
	check_string("name", request.will_be[0], "gn-default");
	argv[4] = (char *)"--queues=16";
	check_int("queues", request_parse(5, argv, &request, &failure), 0);
	check_int("queues", request.queues, 16);
	for (size_t i = 0; i < 5; i++) {
		argv[4] = (char *[]){ (char *)"--queues=0", (char *)"--queues=1", (char *)"--queues=17", (char *)"--queues=", (char *)"--queues=2x" }[i];
		failure = (struct failure){ 0 };
		check_int("queues", request_parse(5, argv, &request, &failure), -EINVAL);
		check_prefix("queues", failure.text, "invalid number of queues");
	}
	failure = (struct failure){ 0 };
	argv[4] = (char *)"--for-parent";
	check_int("too many", request_parse(14, argv, &request, &failure), -EINVAL);
	failure = (struct failure){ 0 };
	argv[5] = (char *)"--will-be=a/b";
	check_int("no name", request_parse(6, argv, &request, &failure), -EINVAL);
	argv[1] = (char *)"--fd=3";
	argv[5] = NULL;
	check_int("nobody's", request_parse(4, argv, &request, &failure), 0);
	check_int("for itself", request.for_client, false);

	/* Said by anybody else these are refused, wherever they stand. */
	argv[4] = (char *)"--for-parent";
	failure = (struct failure){ 0 };
	check_int("parent", request_parse(5, argv, &request, &failure), -EINVAL);
	check_string("parent", failure.text, "unknown argument \"--for-parent\" without --client=");
	argv[4] = argv[1];
	argv[1] = (char *)"--will-be=default";
	failure = (struct failure){ 0 };
	check_int("another name", request_parse(5, argv, &request, &failure), -EINVAL);
	check_string("another name", failure.text, "unknown argument \"--will-be=default\" without --client=");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(accepted),
		cmocka_unit_test(refused),
		cmocka_unit_test(no_arguments_at_all),
		cmocka_unit_test(long_argument),
		cmocka_unit_test(from_the_daemon),
	};

	return cmocka_run_group_tests_name("request", tests, NULL, NULL);
}
