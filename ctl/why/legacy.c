/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The old iptables has rules of its own, which netlink does not tell of. What they do is not judged here, only whether
 * there is anything that could: its tables are there, empty, as soon as somebody has looked at them.
 * System calls: files of /proc, and the socket options of iptables (net/ipv4/netfilter/ip_tables.c).
 */
#include "legacy.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <linux/netfilter_ipv4/ip_tables.h>
#include <linux/netfilter_ipv6/ip6_tables.h>

#include "../../lib/fd.h"
#include "../../lib/str.h"

#define LIMIT_TABLE	(16 * 1024 * 1024)	/* bytes of one table's rules */

/* Both families have the same calls, but for their numbers and the size of an entry. */
static const struct family {
	int domain, level;
	const char *names;
	size_t head, target_offset;		/* of struct ip[6]t_entry */
} families[2] = {
	{ AF_INET, IPPROTO_IP, "/proc/net/ip_tables_names", sizeof(struct ipt_entry), offsetof(struct ipt_entry, target_offset) },
	{ AF_INET6, IPPROTO_IPV6, "/proc/net/ip6_tables_names", sizeof(struct ip6t_entry), offsetof(struct ip6t_entry, target_offset) },
};

_Static_assert(IPT_SO_GET_INFO == IP6T_SO_GET_INFO && IPT_SO_GET_ENTRIES == IP6T_SO_GET_ENTRIES, "one set of numbers");
_Static_assert(sizeof(struct ipt_getinfo) == sizeof(struct ip6t_getinfo), "one layout");
_Static_assert(offsetof(struct ipt_get_entries, entrytable) == offsetof(struct ip6t_get_entries, entrytable), "one layout");

/* Is the rule at @offset, the last of a built-in chain, an ACCEPT? */
static bool accepts(const struct family *family, const unsigned char *entries, size_t size, size_t offset)
{
	struct xt_standard_target target;
	uint16_t where;

	if (offset + family->head > size)
		return false;
	memcpy(&where, entries + offset + family->target_offset, sizeof(where));
	if (offset + where + sizeof(target) > size)
		return false;
	memcpy(&target, entries + offset + where, sizeof(target));
	return target.target.u.user.name[0] == '\0' && target.verdict == -NF_ACCEPT - 1;
}

/* Only the built-in chains, empty, with ACCEPT as their policy, and the entry that ends a table? False when unknown. */
static bool is_empty(const struct family *family, int fd, const char *table)
{
	_cleanup_(freep) struct ipt_get_entries *entries = NULL;
	struct ipt_getinfo info = { 0 };
	socklen_t size = sizeof(info);

	snprintf(info.name, sizeof(info.name), "%s", table);
	if (getsockopt(fd, family->level, IPT_SO_GET_INFO, &info, &size) < 0 || info.size > LIMIT_TABLE ||
	    info.num_entries != (unsigned int)__builtin_popcount(info.valid_hooks) + 1)
		return false;
	size = (socklen_t)(sizeof(*entries) + info.size);
	entries = calloc(1, size);
	if (!entries)
		return false;
	snprintf(entries->name, sizeof(entries->name), "%s", table);
	entries->size = info.size;
	if (getsockopt(fd, family->level, IPT_SO_GET_ENTRIES, entries, &size) < 0)
		return false;
	for (size_t i = 0; i < NF_INET_NUMHOOKS; i++)
		if (info.valid_hooks & 1u << i && !accepts(family, (unsigned char *)entries->entrytable, info.size, info.underflow[i]))
			return false;
	return true;
}

static void look(const struct family *family, struct legacy *legacy)
{
	_cleanup_(fd_closep) int fd = -EBADF;
	FILE *file = fopen(family->names, "re");
	char name[XT_TABLE_MAXNAMELEN];
	struct text text;

	text_init(&text, legacy->tables, sizeof(legacy->tables));
	if (file)
		fd = socket(family->domain, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);
	while (file && fgets(name, sizeof(name), file)) {
		name[strcspn(name, "\n")] = '\0';
		if (!is_empty(family, fd, name))
			text_add(&text, "%s%s", text.length ? ", " : "", name);
	}
	if (file)
		fclose(file);
}

/* For IPv4 and IPv6, which of its tables do anything. What cannot be read counts. */
void legacy_look(struct legacy ret_legacy[static 2])
{
	for (size_t i = 0; i < 2; i++)
		look(&families[i], &ret_legacy[i]);
}
