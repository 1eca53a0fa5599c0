/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the kernel would let a caller open, asked by a process that is not that caller.
 * System calls: reads attributes; access_is_allowed() is pure.
 *
 * Theory of operation. Where the helper works for a client of guestnetd it cannot become that client: it
 * holds no right to change ids. Files are then opened with the daemon's rights, and count only when the
 * caller could have opened them too: by the mode, or by the access control list where there is one, in the
 * order of acl(5) (fs/posix_acl.c:posix_acl_permission()). Capabilities never count: the helper that runs as
 * the caller gives up all that could open a file.
 */
#include "access.h"

#include <errno.h>
#include <string.h>
#include <sys/xattr.h>

/* Tags of entries; the number of the owner and the others means nothing. */
enum { TAG_OWNER = 1, TAG_USER = 2, TAG_GROUP_OF_FILE = 4, TAG_GROUP = 8, TAG_MASK = 16, TAG_OTHERS = 32 };

#define LIST_VERSION	2
#define HEADER_SIZE	4
#define ENTRY_SIZE	8

struct entry {
	unsigned int tag, permissions;
	uint32_t id;
};

static uint32_t read_le(const unsigned char *bytes, unsigned int n)
{
	uint32_t value = 0;

	while (n-- > 0)
		value = value << 8 | bytes[n];
	return value;
}

static size_t count_entries(const struct access_list *list)
{
	return list->length < HEADER_SIZE ? 0 : (list->length - HEADER_SIZE) / ENTRY_SIZE;
}

static struct entry read_entry(const struct access_list *list, size_t i)
{
	const unsigned char *bytes = list->bytes + HEADER_SIZE + i * ENTRY_SIZE;

	return (struct entry){ .tag = read_le(bytes, 2), .permissions = read_le(bytes + 2, 2), .id = read_le(bytes + 4, 4) };
}

static bool is_member(const struct policy_caller *caller, gid_t gid)
{
	if (caller->gid == gid)
		return true;
	for (size_t i = 0; i < caller->n_groups; i++)
		if (caller->groups[i] == gid)
			return true;
	return false;
}

static bool mode_allows(const struct policy_caller *caller, const struct stat *st, unsigned int want)
{
	unsigned int bits = st->st_mode;

	if (caller->uid == st->st_uid)
		bits >>= 6;
	else if (is_member(caller, st->st_gid))
		bits >>= 3;
	return (bits & want) == want;
}

/* The first entry that is about the caller decides; of groups, any one that grants it all. */
static bool list_allows(const struct policy_caller *caller, const struct stat *st, const struct access_list *list,
			unsigned int want)
{
	unsigned int mask = 7, others = 0;
	bool in_a_group = false, granted = false;
	size_t n = count_entries(list);

	for (size_t i = 0; i < n; i++)
		if (read_entry(list, i).tag == TAG_MASK)
			mask = read_entry(list, i).permissions;

	for (size_t i = 0; i < n; i++) {
		struct entry entry = read_entry(list, i);

		if (entry.tag == TAG_OWNER && caller->uid == st->st_uid)
			return (entry.permissions & want) == want;
		if (entry.tag == TAG_USER && caller->uid == entry.id)
			return (entry.permissions & mask & want) == want;
		if ((entry.tag == TAG_GROUP_OF_FILE && is_member(caller, st->st_gid)) ||
		    (entry.tag == TAG_GROUP && is_member(caller, entry.id))) {
			in_a_group = true;
			granted = granted || (entry.permissions & want) == want;
		}
		if (entry.tag == TAG_OTHERS)
			others = entry.permissions;
	}
	if (in_a_group)
		return granted && (mask & want) == want;
	return (others & want) == want;
}

/* Could @caller open what @st and @list describe? A list that is not what the kernel hands out allows nothing. */
bool access_is_allowed(const struct policy_caller *caller, const struct stat *st, const struct access_list *list,
		       enum access_want want)
{
	if (list->length == 0)
		return mode_allows(caller, st, want);
	if (list->length > sizeof(list->bytes) || list->length < HEADER_SIZE ||
	    (list->length - HEADER_SIZE) % ENTRY_SIZE != 0 || read_le(list->bytes, 4) != LIST_VERSION)
		return false;
	return list_allows(caller, st, list, want);
}

static int verify(const struct policy_caller *caller, const struct stat *st, struct access_list *list, ssize_t length,
		  int error, enum access_want want)
{
	if (length < 0 && error != ENODATA && error != EOPNOTSUPP)
		return -error;
	list->length = length < 0 ? 0 : (size_t)length;
	return access_is_allowed(caller, st, list, want) ? 0 : -EACCES;
}

/*
 * May @caller do that with what is at @path, whose last component is no link? Ways to it are not looked at.
 * 0 or -EACCES; others say that it could not be found out.
 */
int access_verify(const struct policy_caller *caller, const char *path, enum access_want want)
{
	struct access_list list;
	struct stat st;
	ssize_t n;

	if (lstat(path, &st) < 0)
		return -errno;
	n = lgetxattr(path, "system.posix_acl_access", list.bytes, sizeof(list.bytes));
	return verify(caller, &st, &list, n, n < 0 ? errno : 0, want);
}

/* The same of an open file that @st describes. */
int access_verify_fd(const struct policy_caller *caller, int fd, const struct stat *st, enum access_want want)
{
	struct access_list list;
	ssize_t n = fgetxattr(fd, "system.posix_acl_access", list.bytes, sizeof(list.bytes));

	return verify(caller, st, &list, n, n < 0 ? errno : 0, want);
}
