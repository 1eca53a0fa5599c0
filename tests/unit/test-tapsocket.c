/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Requests at the tap socket: the packet, and what a caller could have read of the policy.
 */
#include "unit.h"

#include "../../lib/tapsocket.h"
#include "../../policy/access.h"

static void requests(void **state _unused_)
{
	const struct tapsocket_request good = tapsocket_request("default", TAPSOCKET_VNET_HDR | TAPSOCKET_FOR_PARENT);
	struct tapsocket_request request, read;
	unsigned char long_packet[sizeof(request) + 1] = { 0 };

	check_int("good", tapsocket_parse_request(&good, sizeof(good), &read), 0);
	check_int("same", memcmp(&good, &read, sizeof(good)), 0);
	check_string("name", read.bridge, "default");

	for (size_t n = 0; n < sizeof(good); n++)
		check_int("short", tapsocket_parse_request(&good, n, &read), -EPROTO);
	memcpy(long_packet, &good, sizeof(good));
	check_int("long", tapsocket_parse_request(long_packet, sizeof(long_packet), &read), -EPROTO);

	request = good;
	request.magic++;
	check_int("magic", tapsocket_parse_request(&request, sizeof(request), &read), -EPROTO);
	request = good;
	request.version++;
	check_int("version", tapsocket_parse_request(&request, sizeof(request), &read), -EPROTO);
	for (unsigned int queues = 0; queues < 256; queues++) {
		request = good;
		request.queues = (uint8_t)queues;
		check_int("queues", tapsocket_parse_request(&request, sizeof(request), &read),
			  queues == 0 || (queues >= 2 && queues <= LIMIT_TAP_QUEUES) ? 0 : -EPROTO);
	}
	for (unsigned int bit = 0; bit < 8; bit++) {
		request = good;
		request.flags = (uint8_t)(1u << bit);
		check_int("flags", tapsocket_parse_request(&request, sizeof(request), &read),
			  (1u << bit) & TAPSOCKET_FLAGS ? 0 : -EPROTO);
	}
	request = good;
	memset(request.bridge, 'x', sizeof(request.bridge));
	check_int("no end", tapsocket_parse_request(&request, sizeof(request), &read), -EPROTO);
	request.bridge[15] = '\0';
	check_int("as long as can be", tapsocket_parse_request(&request, sizeof(request), &read), 0);
	request = good;
	request.bridge[15] = 'x';
	check_int("end, and none", tapsocket_parse_request(&request, sizeof(request), &read), -EPROTO);
	request.bridge[15] = '\0';
	request.bridge[9] = 'x';
	check_int("two names", tapsocket_parse_request(&request, sizeof(request), &read), -EPROTO);
	request = tapsocket_request("", 0);
	check_int("empty", tapsocket_parse_request(&request, sizeof(request), &read), -EINVAL);
	request = tapsocket_request("../x", 0);
	check_int("path", tapsocket_parse_request(&request, sizeof(request), &read), -EINVAL);
	request = tapsocket_request("a\nb", 0);
	check_int("control", tapsocket_parse_request(&request, sizeof(request), &read), -EINVAL);
}

static void replies(void **state _unused_)
{
	char text[2048];
	struct tapsocket_reply reply;

	reply = tapsocket_reply(-EACCES, "no\nno");
	check_int("error", reply.error, EACCES);
	check_string("one line", reply.text, "no?no");
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	reply = tapsocket_reply(-EPERM, text);
	check_int("cut", (long long)strlen(reply.text), (long long)sizeof(reply.text) - 1);
	check_int("done", tapsocket_reply(0, "").error, 0);
}

static const gid_t groups[] = { 7, 8 };
static const struct policy_caller alice = { .uid = 1000, .gid = 100, .groups = groups, .n_groups = 2 };

static void modes(void **state _unused_)
{
	static const struct {
		unsigned int uid, gid, mode;
		enum access_want want;
		bool allowed;
	} cases[] = {
		{ 0, 0, 0644, ACCESS_READ, true },
		{ 0, 0, 0640, ACCESS_READ, false },
		{ 0, 100, 0640, ACCESS_READ, true },	/* her own group */
		{ 0, 8, 0640, ACCESS_READ, true },	/* one of the others */
		{ 0, 9, 0640, ACCESS_READ, false },
		{ 0, 8, 0604, ACCESS_READ, false },	/* a group that may less than the others */
		{ 1000, 8, 0044, ACCESS_READ, false },	/* an owner who may less */
		{ 1000, 0, 0400, ACCESS_READ, true },
		{ 0, 0, 0751, ACCESS_SEARCH, true },
		{ 0, 0, 0754, ACCESS_SEARCH, false },
		{ 0, 0, 0666, ACCESS_READ_WRITE, true },
		{ 0, 0, 0664, ACCESS_READ_WRITE, false },
		{ 0, 7, 0660, ACCESS_READ_WRITE, true },
	};
	const struct access_list none = { .length = 0 };

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct stat st = { .st_uid = cases[i].uid, .st_gid = cases[i].gid, .st_mode = S_IFREG | cases[i].mode };
		char label[32];

		snprintf(label, sizeof(label), "case %zu", i);
		check_int(label, access_is_allowed(&alice, &st, &none, cases[i].want), cases[i].allowed);
	}
}

#define OWNER(p)	{ 1, p, 0xffffffff }
#define USER(id, p)	{ 2, p, id }
#define FILE_GROUP(p)	{ 4, p, 0xffffffff }
#define GROUP(id, p)	{ 8, p, id }
#define MASK(p)		{ 16, p, 0xffffffff }
#define OTHERS(p)	{ 32, p, 0xffffffff }

static void put_le(struct access_list *list, uint32_t value, unsigned int n)
{
	for (; n > 0; n--, value >>= 8)
		list->bytes[list->length++] = (unsigned char)value;
}

static void lists(void **state _unused_)
{
	static const struct {
		const char *label;
		uint32_t entries[6][3];
		bool allowed;
	} cases[] = {
		{ "her name", { OWNER(6), USER(1000, 4), FILE_GROUP(0), MASK(4), OTHERS(0) }, true },
		{ "her name, masked", { OWNER(6), USER(1000, 4), FILE_GROUP(0), MASK(1), OTHERS(4) }, false },
		{ "her name, nothing", { OWNER(6), USER(1000, 0), FILE_GROUP(4), MASK(4), OTHERS(4) }, false },
		{ "somebody else", { OWNER(6), USER(1001, 4), FILE_GROUP(0), MASK(4), OTHERS(0) }, false },
		{ "a group of hers", { OWNER(6), FILE_GROUP(0), GROUP(8, 4), MASK(4), OTHERS(0) }, true },
		{ "one group no, one yes", { OWNER(6), FILE_GROUP(0), GROUP(7, 0), GROUP(8, 4), MASK(7), OTHERS(0) }, true },
		{ "a group, masked", { OWNER(6), FILE_GROUP(0), GROUP(8, 4), MASK(2), OTHERS(4) }, false },
		{ "a group, nothing", { OWNER(6), FILE_GROUP(4), GROUP(8, 0), MASK(4), OTHERS(4) }, false },
		{ "no group", { OWNER(6), FILE_GROUP(4), GROUP(9, 4), MASK(4), OTHERS(0) }, false },
		{ "others", { OWNER(6), FILE_GROUP(0), GROUP(9, 0), MASK(0), OTHERS(4) }, true },
	};
	const struct stat st = { .st_uid = 0, .st_gid = 0, .st_mode = S_IFREG | 0644 };
	const struct stat own = { .st_uid = 1000, .st_gid = 0, .st_mode = S_IFREG | 0644 };
	struct access_list list;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		list.length = 0;
		put_le(&list, 2, 4);
		for (size_t j = 0; j < 6 && cases[i].entries[j][0]; j++) {
			put_le(&list, cases[i].entries[j][0], 2);
			put_le(&list, cases[i].entries[j][1], 2);
			put_le(&list, cases[i].entries[j][2], 4);
		}
		check_int(cases[i].label, access_is_allowed(&alice, &st, &list, ACCESS_READ), cases[i].allowed);
		check_int(cases[i].label, access_is_allowed(&alice, &own, &list, ACCESS_READ), true);
	}
	/* What the kernel does not hand out allows nothing. */
	list.length -= 1;
	check_int("half an entry", access_is_allowed(&alice, &st, &list, ACCESS_READ), false);
	list.length = 3;
	check_int("half a header", access_is_allowed(&alice, &st, &list, ACCESS_READ), false);
	list.length = 0;
	put_le(&list, 3, 4);
	put_le(&list, 32, 2);
	put_le(&list, 4, 2);
	put_le(&list, 0, 4);
	check_int("another version", access_is_allowed(&alice, &st, &list, ACCESS_READ), false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(requests), cmocka_unit_test(replies), cmocka_unit_test(modes), cmocka_unit_test(lists),
	};

	return cmocka_run_group_tests_name("tapsocket", tests, NULL, NULL);
}
