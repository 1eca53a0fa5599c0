/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whom an answer is about: whoever calls, or the user named by --user.
 * System calls: reads the process's own ids and the account database; root may become the user.
 */
#include "caller.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <unistd.h>

#include "../lib/str.h"

/* The kernel's group of nobody (overflowgid): for reading as a uid that has no account. */
#define OVERFLOW_GID 65534

/* Frees what a caller owns. CALLER_NULL will do. */
void caller_deinit(struct caller *caller)
{
	free(caller->groups);
	free(caller->name);
	*caller = CALLER_NULL;
}

static int set_name(struct caller *caller, const struct passwd *account)
{
	if (!account)
		return 0;
	caller->name = strdup(account->pw_name);
	return caller->name ? 0 : -ENOMEM;
}

/* Whoever calls: what the helper would see, started from here. */
static int load_self(struct caller *caller)
{
	int n = getgroups(0, NULL);

	if (n < 0)
		return -errno;
	caller->groups = calloc((size_t)n + 1, sizeof(*caller->groups));
	if (!caller->groups)
		return -ENOMEM;
	n = getgroups(n, caller->groups);
	if (n < 0)
		return -errno;

	caller->as = (struct policy_caller){
		.uid = getuid(),
		.gid = getgid(),
		.groups = caller->groups,
		.n_groups = (size_t)n,
	};
	caller->has_gid = caller->reads_as = true;
	return set_name(caller, getpwuid(caller->as.uid));
}

/* The groups that a login of this account would have. */
static int load_groups(struct caller *caller, const struct passwd *account)
{
	int n = 64;

	for (;;) {
		gid_t *groups = reallocarray(caller->groups, (size_t)n, sizeof(*groups));
		int capacity = n;

		if (!groups)
			return -ENOMEM;
		caller->groups = groups;
		if (getgrouplist(account->pw_name, account->pw_gid, groups, &n) >= 0)
			break;
		/* Says how many there are; more may have come by then. */
		n = n > capacity ? n : 2 * capacity;
		if (n > LIMIT_GROUPS)
			return -E2BIG;
	}
	caller->as.groups = caller->groups;
	caller->as.n_groups = (size_t)n;
	return 0;
}

static int load_other(const char *user, struct caller *caller, struct failure *failure)
{
	const struct passwd *account;
	uint32_t uid;
	int r;

	caller->other = true;
	/* As in a rule: digits are a number, and everything else is a name. */
	if (str_parse_u32(user, UINT32_MAX - 1, &uid) == 0) {
		account = getpwuid(uid);
	} else {
		account = getpwnam(user);
		if (!account)
			return failure_set(failure, -ESRCH, "there is no user %s (a number needs no account)", STR_ESCAPED(user));
		uid = account->pw_uid;
	}

	/* (gid_t)-1 is nobody's group, and no rule can name it. */
	caller->as = (struct policy_caller){ .uid = uid, .gid = account ? account->pw_gid : (gid_t)-1 };
	caller->has_gid = account != NULL;
	r = set_name(caller, account);
	return r == 0 && account ? load_groups(caller, account) : r;
}

/* @user NULL means whoever calls. The caller of this function owns @ret_caller, failed or not. */
int caller_load(const char *user, struct caller *ret_caller, struct failure *failure)
{
	int r;

	*ret_caller = CALLER_NULL;
	r = user ? load_other(user, ret_caller, failure) : load_self(ret_caller);
	return r < 0 ? failure_set(failure, r, "cannot find out who %s: %s", user ? "that is" : "you are", strerror(-r)) : 0;
}

/*
 * Root gives up everything and becomes the user of --user, for good: what includes this user can read
 * is part of the answer, and only the kernel knows it. Nobody else can, and need not.
 */
int caller_become(struct caller *caller, struct failure *failure)
{
	gid_t gid = caller->has_gid ? caller->as.gid : OVERFLOW_GID;

	if (!caller->other || geteuid() != 0)
		return 0;
	if (setgroups(caller->as.n_groups, caller->as.groups) < 0 || setresgid(gid, gid, gid) < 0 ||
	    setresuid(caller->as.uid, caller->as.uid, caller->as.uid) < 0)
		return failure_set(failure, -errno, "cannot become uid %u to read the policy as they would: %s",
				   (unsigned int)caller->as.uid, strerror(errno));
	caller->reads_as = true;
	return 0;
}
