/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The old iptables has rules of its own, which netlink does not tell of. Whether there is anything that could do something
 * (its tables are there, empty, as soon as somebody has looked at them); and whether what is forwarded from one device to
 * another is dropped for certain. Rules that look at more than the devices may match or not.
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

static bool read_info(const struct family *family, int fd, const char *table, struct ipt_getinfo *ret_info)
{
	socklen_t size = sizeof(*ret_info);

	*ret_info = (struct ipt_getinfo){ 0 };
	snprintf(ret_info->name, sizeof(ret_info->name), "%s", table);
	return getsockopt(fd, family->level, IPT_SO_GET_INFO, ret_info, &size) == 0 && ret_info->size <= LIMIT_TABLE;
}

/* The rules of a table: info.size bytes behind the head. The caller frees them; NULL when they cannot be had. */
static struct ipt_get_entries *read_entries(const struct family *family, int fd, const struct ipt_getinfo *info)
{
	socklen_t size = (socklen_t)(sizeof(struct ipt_get_entries) + info->size);
	struct ipt_get_entries *entries = calloc(1, size);

	if (!entries)
		return NULL;
	snprintf(entries->name, sizeof(entries->name), "%s", info->name);
	entries->size = info->size;
	if (getsockopt(fd, family->level, IPT_SO_GET_ENTRIES, entries, &size) < 0)
		return freep(&entries), NULL;
	return entries;
}

/* Only the built-in chains, empty, with ACCEPT as their policy, and the entry that ends a table? False when unknown. */
static bool is_empty(const struct family *family, int fd, const char *table)
{
	_cleanup_(freep) struct ipt_get_entries *entries = NULL;
	struct ipt_getinfo info;

	if (!read_info(family, fd, table, &info) || info.num_entries != (unsigned int)__builtin_popcount(info.valid_hooks) + 1)
		return false;
	entries = read_entries(family, fd, &info);
	if (!entries)
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

/* What a rule looks at, of either family. */
struct rule {
	char iif[IFNAMSIZ], oif[IFNAMSIZ];
	unsigned char iif_mask[IFNAMSIZ], oif_mask[IFNAMSIZ];
	uint8_t inverted;		/* IPT_INV_* */
	bool narrow;			/* more than the devices */
	bool leaves;			/* -g: what comes back goes on behind the caller */
	size_t target, next;		/* offsets */
};

struct walk {
	const struct family *family;
	const unsigned char *entries;
	size_t size, steps;
	char iif[IFNAMSIZ], oif[IFNAMSIZ];
};

enum fate { FATE_GOES_ON, FATE_DROPPED, FATE_MAY_PASS };

#define LIMIT_STEPS	(1 << 16)
#define LIMIT_DEPTH	32

_Static_assert(IPT_INV_VIA_IN == IP6T_INV_VIA_IN && IPT_INV_VIA_OUT == IP6T_INV_VIA_OUT, "one set of bits");

/* A rule of either family: the entry at @bytes, its member @what, the flag that narrows it, the one of -g. */
#define COPY_RULE(type, what, narrowing, leaving, bytes, rule) do { \
	static const unsigned char none[16]; \
	struct type entry; \
	memcpy(&entry, bytes, sizeof(entry)); \
	memcpy((rule)->iif, entry.what.iniface, IFNAMSIZ); \
	memcpy((rule)->oif, entry.what.outiface, IFNAMSIZ); \
	memcpy((rule)->iif_mask, entry.what.iniface_mask, IFNAMSIZ); \
	memcpy((rule)->oif_mask, entry.what.outiface_mask, IFNAMSIZ); \
	(rule)->inverted = entry.what.invflags; \
	(rule)->narrow = entry.what.proto || (entry.what.invflags & ~(IPT_INV_VIA_IN | IPT_INV_VIA_OUT)) || \
			 memcmp(&entry.what.smsk, none, sizeof(entry.what.smsk)) != 0 || \
			 memcmp(&entry.what.dmsk, none, sizeof(entry.what.dmsk)) != 0 || (entry.what.flags & (narrowing)); \
	(rule)->leaves = entry.what.flags & (leaving); \
	(rule)->target = entry.target_offset; \
	(rule)->next = entry.next_offset; \
} while (0)

static bool read_rule(const struct walk *walk, size_t offset, struct rule *ret_rule)
{
	struct rule rule = { 0 };

	if (offset > walk->size || walk->size - offset < walk->family->head)
		return false;
	if (walk->family->domain == AF_INET)
		COPY_RULE(ipt_entry, ip, IPT_F_FRAG, IPT_F_GOTO, walk->entries + offset, &rule);
	else
		COPY_RULE(ip6t_entry, ipv6, IP6T_F_TOS, IP6T_F_GOTO, walk->entries + offset, &rule);
	if (rule.target < walk->family->head || rule.next < rule.target + sizeof(struct xt_entry_target) ||
	    rule.next > walk->size - offset)
		return false;
	rule.narrow |= rule.target > walk->family->head;	/* -m */
	rule.target += offset;
	rule.next += offset;
	*ret_rule = rule;
	return true;
}

static bool is_device(const char *device, const char *name, const unsigned char *mask)
{
	for (size_t i = 0; i < IFNAMSIZ; i++)
		if ((device[i] ^ name[i]) & mask[i])
			return false;
	return true;
}

static bool is_between(const struct walk *walk, const struct rule *rule)
{
	return is_device(walk->iif, rule->iif, rule->iif_mask) != !!(rule->inverted & IPT_INV_VIA_IN) &&
	       is_device(walk->oif, rule->oif, rule->oif_mask) != !!(rule->inverted & IPT_INV_VIA_OUT);
}

/* Through a chain from the rule at @offset on. What is not understood may pass. */
static enum fate walk_chain(struct walk *walk, size_t offset, unsigned int depth)
{
	bool may_return = false;

	while (walk->steps++ < LIMIT_STEPS && depth < LIMIT_DEPTH) {
		struct xt_standard_target target = { 0 };
		enum fate fate = FATE_GOES_ON;
		struct rule rule;

		if (!read_rule(walk, offset, &rule))
			return FATE_MAY_PASS;
		offset = rule.next;
		if (!is_between(walk, &rule))
			continue;
		memcpy(&target, walk->entries + rule.target, sizeof(struct xt_entry_target));
		target.target.u.user.name[XT_EXTENSION_MAXNAMELEN - 1] = '\0';
		if (strcmp(target.target.u.user.name, "REJECT") == 0) {
			fate = FATE_DROPPED;
		} else if (strcmp(target.target.u.user.name, "LOG") == 0 || strcmp(target.target.u.user.name, "NFLOG") == 0) {
			continue;
		} else if (target.target.u.user.name[0] || rule.next - rule.target < sizeof(target)) {
			return FATE_MAY_PASS;
		} else {
			memcpy(&target, walk->entries + rule.target, sizeof(target));
			if (target.verdict >= 0)
				fate = walk_chain(walk, (size_t)target.verdict, depth + 1);
			else if (target.verdict == -NF_DROP - 1)
				fate = FATE_DROPPED;
			else if (target.verdict != XT_RETURN)
				return FATE_MAY_PASS;
			if (fate == FATE_GOES_ON && (target.verdict < 0 || rule.leaves)) {
				if (!rule.narrow)
					return FATE_GOES_ON;
				may_return = true;
			}
		}
		if (fate == FATE_MAY_PASS)
			return fate;
		if (fate == FATE_DROPPED && !rule.narrow)
			return may_return ? FATE_GOES_ON : FATE_DROPPED;
	}
	return FATE_MAY_PASS;
}

/*
 * Does the chain FORWARD of the table filter drop everything that comes in by @iif and leaves by @oif, whatever it is? @family:
 * AF_INET or AF_INET6. The table has to be among those of legacy_look(): asking for one makes it. False when unknown.
 */
bool legacy_drops(int family, const char *iif, const char *oif)
{
	struct walk walk = { .family = &families[family == AF_INET ? 0 : 1] };
	_cleanup_(fd_closep) int fd = socket(family, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);
	_cleanup_(freep) struct ipt_get_entries *entries = NULL;
	struct ipt_getinfo info;
	enum fate fate;

	if (fd < 0 || !read_info(walk.family, fd, "filter", &info) || !(info.valid_hooks & 1u << NF_INET_FORWARD))
		return false;
	entries = read_entries(walk.family, fd, &info);
	if (!entries)
		return false;
	walk.entries = (unsigned char *)entries->entrytable;
	walk.size = info.size;
	strncpy(walk.iif, iif, IFNAMSIZ - 1);
	strncpy(walk.oif, oif, IFNAMSIZ - 1);
	fate = walk_chain(&walk, info.hook_entry[NF_INET_FORWARD], 0);
	/* What returns from a built-in chain meets its policy. */
	if (fate == FATE_GOES_ON)
		return !accepts(walk.family, walk.entries, walk.size, info.underflow[NF_INET_FORWARD]);
	return fate == FATE_DROPPED;
}
