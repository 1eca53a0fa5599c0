/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How the helper was started, and what it keeps of that.
 * Privileged.
 *
 * Theory of operation. Three stages, each of which only takes away:
 *
 *  1. privileges_establish() runs before arguments, environment or files are looked at. It finds out
 *     how the program was started, becomes the caller for good, and keeps CAP_NET_ADMIN as a permitted
 *     capability that is not in effect. From here on files are opened as the caller.
 *  2. privileges_raise() puts it into effect, after every check has been made.
 *  3. privileges_drop_all() leaves nothing, before anything is given to the caller.
 *
 * Taking away is read back from the kernel; waking is not, because what follows fails without it.
 * Capabilities are set with the system calls themselves: libcap probes the kernel with system calls of
 * its own at the start of every process, and there is nothing here that its text or set arithmetic would
 * make clearer.
 */
#include "privileges.h"

#include <errno.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "../lib/str.h"

struct capabilities {
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];
};

static const uint32_t net_admin = 1u << CAP_NET_ADMIN;

static int capabilities_read(struct capabilities *ret)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };

	return syscall(SYS_capget, &header, ret->data) < 0 ? -errno : 0;
}

/* Sets what is permitted and in effect; nothing is inheritable, and with that nothing ambient either. */
static int capabilities_set(uint32_t permitted, uint32_t effective)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct capabilities want = { .data[0] = { .permitted = permitted, .effective = effective } };

	return syscall(SYS_capset, &header, want.data) < 0 ? -errno : 0;
}

/* Leaves @permitted, none of it in effect, and reads back that it is so. */
static int capabilities_keep(uint32_t permitted, const struct capabilities *now)
{
	const struct capabilities want = { .data[0] = { .permitted = permitted } };
	struct capabilities then;
	int r;

	/* A file capability alone starts the program in the very state that it wants to be in. */
	if (now && memcmp(&want, now, sizeof(want)) == 0)
		return 0;
	r = capabilities_set(permitted, 0);
	if (r < 0)
		return r;
	r = capabilities_read(&then);
	if (r < 0)
		return r;
	return memcmp(&want, &then, sizeof(want)) == 0 ? 0 : -EPERM;
}

/*
 * Which of the known ways of starting is this? Anything else is refused rather than guessed at: a
 * set-group-ID file, or one that is set-user-ID to somebody else than root.
 */
static int find_mode(const struct capabilities *capabilities, struct privileges *privileges, bool *ret_is_caller,
		     struct failure *failure)
{
	uid_t ruid, euid, suid;
	gid_t rgid, egid, sgid;

	if (getresuid(&ruid, &euid, &suid) < 0 || getresgid(&rgid, &egid, &sgid) < 0)
		return failure_set(failure, -errno, "failed to drop privileges: %s", strerror(errno));

	privileges->uid = ruid;
	privileges->gid = rgid;
	*ret_is_caller = ruid == euid && euid == suid && rgid == egid && egid == sgid;

	/* A set-user-ID file sets the saved id too. */
	if (euid != suid || egid != sgid || egid != rgid || (euid != ruid && euid != 0))
		return failure_set(failure, -EPERM,
				   "failed to drop privileges: started as uid %u/%u, gid %u/%u: this program may be set-user-ID root, or have the file capability cap_net_admin=p, and nothing else",
				   ruid, euid, rgid, egid);

	if (!(capabilities->data[0].permitted & net_admin))
		privileges->mode = START_NONE;
	else if (euid != ruid)
		privileges->mode = START_SETUID;
	else if (euid == 0)
		privileges->mode = START_ROOT;
	else
		privileges->mode = START_CAPABILITY;
	return 0;
}

/*
 * Empties the bounding set where that is possible (CAP_SETPCAP: set-user-ID and root, in general), so
 * that not even an exec of a privileged file would bring anything back. A file capability cannot do
 * it; there no_new_privs alone stands in the way.
 */
static int empty_bounding_set(const struct capabilities *capabilities)
{
	if (!(capabilities->data[0].effective & (1u << CAP_SETPCAP)))
		return 0;

	for (unsigned long capability = 0; prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) == 0; capability++)
		if (capability > 63)
			return -EPERM;
	if (errno != EINVAL)	/* EINVAL ends the list of what this kernel has */
		return -errno;
	return prctl(PR_CAPBSET_READ, (unsigned long)CAP_NET_ADMIN, 0, 0, 0) == 0 ? 0 : -EPERM;
}

/*
 * Becomes the caller in all three ids. Supplementary groups are the caller's already: neither kind of
 * file changes them.
 * Safe because: setting all ids to the real one needs no capability and cannot be taken back without
 * one; PR_SET_KEEPCAPS lets the permitted set survive it, and is cleared by the next exec.
 */
static int become_caller(const struct privileges *privileges, bool already)
{
	uid_t ruid, euid, suid;
	gid_t rgid, egid, sgid;

	if (already)
		return 0;
	if (privileges->mode == START_SETUID && prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0)
		return -errno;
	if (setresgid(privileges->gid, privileges->gid, privileges->gid) < 0)
		return -errno;
	if (setresuid(privileges->uid, privileges->uid, privileges->uid) < 0)
		return -errno;

	if (getresuid(&ruid, &euid, &suid) < 0 || getresgid(&rgid, &egid, &sgid) < 0)
		return -errno;
	if (ruid != privileges->uid || euid != ruid || suid != ruid ||
	    rgid != privileges->gid || egid != rgid || sgid != rgid)
		return -EPERM;
	return 0;
}

/*
 * No exec brings privileges back, and nobody of the caller's uid can trace this process or read its
 * memory. An exec of a privileged file and a change of ids make a process undumpable already, but to a
 * value that the administrator can choose (fs.suid_dumpable).
 */
static int seal(void)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return -errno;
	if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1 || prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) != 0)
		return -EPERM;
	return 0;
}

static int drop_to_caller(const struct privileges *privileges, const struct capabilities *capabilities, bool is_caller)
{
	int r;

	r = empty_bounding_set(capabilities);
	if (r < 0)
		return r;
	r = become_caller(privileges, is_caller);
	if (r < 0)
		return r;
	r = capabilities_keep(privileges->mode == START_NONE ? 0 : net_admin, is_caller ? capabilities : NULL);
	if (r < 0)
		return r;
	/*
	 * A process without privileges stays an ordinary one: nothing in it is worth protecting, and the
	 * daemon that it asks wants to see its /proc.
	 */
	return privileges->mode == START_NONE ? 0 : seal();
}

/*
 * Finds out how we were started, becomes the caller, keeps CAP_NET_ADMIN permitted where we had it and
 * nothing else, and verifies all of that. To be called before anything of the caller's is looked at.
 * Errors are final: -EPERM and what the system calls say, with a text.
 *
 * privileges->held: may we be told by arguments for whom we work (--client=)? guestnetd starts us so, with
 * no_new_privs set and its own capability, ambient or as root's.
 * Safe because: with no_new_privs execve(2) gives nothing that the process did not have, whatever the file's
 * capabilities or mode bits are (security/commoncap.c:cap_bprm_creds_from_file() intersects the new permitted set with
 * the old one; fs/exec.c:bprm_fill_uid() leaves the ids alone), and nobody else can set the flag for us.
 * A permitted CAP_NET_ADMIN was then permitted to whoever started us, in the same user namespace, and that
 * one could make any tap on any bridge without us: a lie about the caller brings nothing. Users have either the
 * flag or the capability of our file, never both.
 */
int privileges_establish(struct privileges *ret_privileges, struct failure *failure)
{
	/* Before seal() sets the flag. */
	const bool no_new_privs = prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1;
	struct privileges privileges = { .mode = START_NONE };
	struct capabilities capabilities;
	bool is_caller = false;
	int r;

	r = capabilities_read(&capabilities);
	if (r < 0)
		return failure_set(failure, r, "failed to drop privileges: %s", strerror(-r));
	r = find_mode(&capabilities, &privileges, &is_caller, failure);
	if (r < 0)
		return r;
	r = drop_to_caller(&privileges, &capabilities, is_caller);
	if (r < 0)
		return failure_set(failure, r, "failed to drop privileges: %s", strerror(-r));

	privileges.held = no_new_privs && is_caller && privileges.mode != START_NONE;
	*ret_privileges = privileges;
	return 0;
}

/*
 * Puts CAP_NET_ADMIN into effect.
 * Safe because: it was kept for this, the request has been decided, and what follows works on one
 * bridge by its index and one tap that nobody else has yet.
 */
int privileges_raise(struct failure *failure)
{
	int r = capabilities_set(net_admin, net_admin);

	return r < 0 ? failure_set(failure, r, "failed to create tun device: cannot use CAP_NET_ADMIN: %s",
				   strerror(-r)) : 0;
}

/* Leaves no capability at all, for good. */
int privileges_drop_all(struct failure *failure)
{
	int r = capabilities_keep(0, NULL);

	return r < 0 ? failure_set(failure, r, "failed to drop privileges: %s", strerror(-r)) : 0;
}

/*
 * Says why we can make no tap by ourselves, in the order in which an administrator would look: the first
 * reason that explains it.
 */
void privileges_explain(const struct privileges *privileges, struct failure *failure)
{
	const char *path = (const char *)getauxval(AT_EXECFN);
	struct statvfs filesystem;
	struct stat st;
	char value[64];

	if (privileges->mode != START_NONE)
		failure_set(failure, 0, "the capability does not count in this network namespace (a user namespace without a network namespace of its own, a seccomp filter, or a security module)");
	else if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1)
		failure_set(failure, 0, "the process may not gain privileges (no_new_privs: a sandbox, a container, or systemd's NoNewPrivileges=)");
	else if (prctl(PR_CAPBSET_READ, (unsigned long)CAP_NET_ADMIN, 0, 0, 0) == 0)
		failure_set(failure, 0, "CAP_NET_ADMIN is not in the bounding set (a container or a service without it)");
	else if (!path || stat(path, &st) < 0)
		failure_set(failure, 0, "this program has no CAP_NET_ADMIN");
	else if (statvfs(path, &filesystem) == 0 && (filesystem.f_flag & ST_NOSUID))
		failure_set(failure, 0, "%s is on a filesystem mounted nosuid", STR_ESCAPED(path));
	else if (!(st.st_mode & S_ISUID) && getxattr(path, "security.capability", value, sizeof(value)) < 0)
		failure_set(failure, 0, "%s has lost its file capability (as root: setcap cap_net_admin=p %s)",
			    STR_ESCAPED(path), STR_ESCAPED(path));
	else
		failure_set(failure, 0, "the capability of %s does not count here (a user namespace, or the program is being traced)", STR_ESCAPED(path));
}
