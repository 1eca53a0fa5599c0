/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Taps that are there before their guests: making them, and saying who may open them.
 * Acts; decides nothing.
 *
 * Only the device file makes a tap (rtnetlink cannot, drivers/net/tun.c:tun_validate()), and only who has it open may
 * say who else may. A tap that is made is given its mark and its owner first and told to stay last: whatever happens
 * before that, closing the file removes it, and nothing is left that would be a stranger's to the next pass.
 *
 * Safe because: what is made is called exactly so or not at all (IFF_TUN_EXCL, and no pattern in the name); what is
 * opened again carries our mark, which only who may make interfaces can write.
 */
#include "tap.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "../../lib/fd.h"
#include "dump.h"
#include "link.h"
#include "record.h"

#define TUN_PATH	"/dev/net/tun"

/* Attaches to the tap of that name: a new one, or one that exists. The caller closes @ret_fd. */
static int open_tap(const struct netstate_tap *tap, bool make, int *ret_fd)
{
	_cleanup_(fd_closep) int fd = open(TUN_PATH, O_RDWR | O_CLOEXEC);
	struct ifreq request = { .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR };
	int flags;

	if (fd < 0)
		return -errno;
	/* By an int: IFF_TUN_EXCL is the sign bit of the field. */
	flags = request.ifr_flags | (make ? IFF_TUN_EXCL : 0) | (tap->multi_queue ? IFF_MULTI_QUEUE : 0);
	request.ifr_flags = (short)flags;
	memcpy(request.ifr_name, tap->name, sizeof(request.ifr_name));
	if (ioctl(fd, TUNSETIFF, &request) < 0)
		return -errno;
	*ret_fd = steal_fd(&fd);
	return 0;
}

static int set_owner(int fd, const struct netstate_tap *tap)
{
	if (tap->uid != NETSTATE_NOBODY && ioctl(fd, TUNSETOWNER, (unsigned long)tap->uid) < 0)
		return -errno;
	if (tap->gid != NETSTATE_NOBODY && ioctl(fd, TUNSETGROUP, (unsigned long)tap->gid) < 0)
		return -errno;
	return 0;
}

/* The address that the kernel has chosen, made higher than a guest's: a bridge takes the lowest of its ports' for its own. */
static int read_mac(int fd, struct mac *ret_mac)
{
	struct ifreq request = { 0 };

	if (ioctl(fd, SIOCGIFHWADDR, &request) < 0)
		return -errno;
	memcpy(ret_mac, request.ifr_hwaddr.sa_data, sizeof(*ret_mac));
	ret_mac->bytes[0] = 0xfe;
	return 0;
}

/* The first refusal of the kernel, with its words; without IPv6 it may refuse to leave that out. */
static int transact(struct kernel *kernel, struct nl_batch *batch, struct apply_result *result)
{
	int r = kernel_transact(kernel, &kernel->rtnl, batch, NULL, NULL);

	for (size_t i = 0; r == 0 && i < batch->n_entries; i++) {
		const struct nl_entry *entry = &batch->entries[i];

		if (!entry->error || entry->error == -EAFNOSUPPORT)
			continue;
		r = entry->error;
		if (entry->text)
			apply_result_say(result, "%s", entry->text);
	}
	return r;
}

static int mark(struct kernel *kernel, const struct netstate_tap *tap, const struct mac *mac, struct apply_result *result)
{
	_cleanup_(nl_batch_deinit) struct nl_batch batch = NL_BATCH_NULL;
	int ifindex = link_index(kernel, tap->name);
	char alias[NETSTATE_ALIAS_SIZE];

	if (!ifindex)
		return -ENODEV;
	/* In the helper's form, so that whoever reads those reads this one too. */
	snprintf(alias, sizeof(alias), DUMP_ALIAS_PORT "%u pid=0 net=%s kind=" DUMP_KIND_DECLARED, tap->uid, tap->bridge);
	link_put_mark(&batch, ifindex, alias, mac, 0);
	return transact(kernel, &batch, result);
}

static int make(struct kernel *kernel, const struct netstate_tap *tap, struct apply_result *result)
{
	_cleanup_(fd_closep) int fd = -EBADF;
	struct mac mac;
	int r = open_tap(tap, true, &fd);

	if (r == 0)
		r = read_mac(fd, &mac);
	if (r == 0)
		r = mark(kernel, tap, &mac, result);
	if (r == 0)
		r = set_owner(fd, tap);
	if (r == 0 && ioctl(fd, TUNSETPERSIST, 1UL) < 0)
		r = -errno;
	return r;
}

static int set(struct kernel *kernel, const struct netstate_tap *tap, uint32_t fields, struct apply_result *result)
{
	_cleanup_(fd_closep) int fd = -EBADF;
	int r = 0;

	if (fields & TAP_FIELD_OWNER) {
		r = open_tap(tap, false, &fd);
		if (r == 0)
			r = set_owner(fd, tap);
		if (r == 0 && ioctl(fd, TUNSETPERSIST, 1UL) < 0)
			r = -errno;
	}
	return r == 0 && fields & TAP_FIELD_MARK ? mark(kernel, tap, NULL, result) : r;
}

/* What is there to be said of a failure, where the kernel has no words for it. */
static void explain(int r, const struct netstate_tap *tap, struct apply_result *result)
{
	if (result->text)
		return;
	if (r == -ENOENT || r == -ENODEV || r == -ENXIO || r == -EACCES)
		apply_result_say(result, "tap %s: " TUN_PATH ": %s", tap->name, strerror(-r));
	else
		apply_result_say(result, "tap %s", tap->name);
}

/* One step about a declared tap. The kernel's errno, with its words. */
int tap_apply(struct kernel *kernel, const struct plan_step *step, struct apply_result *result)
{
	_cleanup_(nl_batch_deinit) struct nl_batch batch = NL_BATCH_NULL;
	int r;

	if (kernel_injected(kernel)) {
		r = -EOPNOTSUPP;
	} else if (step->op == PLAN_TAP_CREATE) {
		r = make(kernel, &step->tap, result);
	} else if (step->op == PLAN_TAP_SET) {
		r = set(kernel, &step->tap, step->fields, result);
	} else {
		link_put_delete(&batch, step->tap.ifindex, 0);
		r = transact(kernel, &batch, result);
		r = r == -ENODEV ? 0 : r;
	}
	if (r < 0)
		explain(r, &step->tap, result);
	recorder_add_value(kernel->recorder, "tap", step->tap.name, 0, r);
	return r;
}
