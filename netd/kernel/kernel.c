/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The daemon's way to the kernel: the sockets for requests, and the one function that changes anything.
 * Acts; decides nothing.
 */
#include "kernel.h"

#include <fcntl.h>
#include <linux/if_link.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "../../lib/fd.h"
#include "dump.h"
#include "nft.h"
#include "sysctl.h"

/* Should this change fail, for a test? Every change of the kernel's state asks once. */
bool kernel_injected(struct kernel *kernel)
{
	unsigned int message = kernel->n_messages++;

	return kernel->inject && kernel->inject(kernel->inject_data, message);
}

static void inject(struct kernel *kernel, struct nl_batch *batch)
{
	for (size_t i = 0; i < batch->n_entries; i++) {
		struct nlmsghdr *message = (struct nlmsghdr *)(batch->bytes + batch->entries[i].offset);

		if (batch->entries[i].tag != NL_UNTAGGED && kernel_injected(kernel))
			message->nlmsg_type = (message->nlmsg_type & 0xff00) | 0xf0;
	}
}

/*
 * Sends changes to the kernel: all of them go through here. As nl_transact().
 */
int kernel_transact(struct kernel *kernel, struct nl_channel *channel, struct nl_batch *batch, nl_each each, void *data)
{
	int r;

	if (batch->error == 0)
		inject(kernel, batch);
	r = nl_transact(channel, batch, each, data);
	/* A transaction of nftables that goes through raises its generation by one (nf_tables_api.c:nf_tables_commit()). */
	if (r == 0 && channel == &kernel->nft && batch->whole && batch->n_errors == 0 && kernel->generation)
		kernel->generation++;
	return r;
}

/* Adds an interface, with all of its routes when it is @routed; too many interfaces are all of them. */
void dirt_add_link(struct dirt *dirt, int ifindex, bool routed)
{
	unsigned int i = 0;

	while (i < dirt->n_links && dirt->links[i] != ifindex)
		i++;
	if (i == DIRT_LINKS) {
		dirt->parts |= DIRTY_LINKS | DIRTY_ADDRESSES;
		return;
	}
	if (i == dirt->n_links) {
		dirt->links[dirt->n_links++] = ifindex;
		dirt->routed[i] = false;
	}
	dirt->routed[i] |= routed;
}

void dirt_add(struct dirt *dirt, const struct dirt *more)
{
	dirt->overlap |= more->overlap;
	/* An unknown commit stays one whatever comes later. */
	if (more->parts & DIRTY_RULES)
		dirt->generation = dirt->parts & DIRTY_RULES && !dirt->generation ? 0 : more->generation;
	dirt->parts |= more->parts;
	for (unsigned int i = 0; i < more->n_links; i++)
		dirt_add_link(dirt, more->links[i], more->routed[i]);
}

/* The nftables socket, to be kept for the next process of ours. Borrowed. */
int kernel_nft_fd(const struct kernel *kernel)
{
	return nl_channel_fd(&kernel->nft);
}

static int each_probed_link(const struct nlmsghdr *message, uint32_t tag _unused_, void *data)
{
	bool *needed = data;
	struct dump_link link;

	if (dump_link(message, &link) == 0)
		*needed = link.no_gen_mode;
	return 0;
}

/*
 * Without counters, Linux 5.10 does not say how an interface makes its link-local address, and 6.1 does (net/ipv6/addrconf.c:
 * inet6_fill_ifla6_attrs()). The loopback interface, which each network namespace has as its first, tells which kind this is.
 */
static bool probe_counters_needed(struct nl_channel *rtnl)
{
	_cleanup_(nl_batch_deinit) struct nl_batch batch = NL_BATCH_NULL;
	const struct ifinfomsg header = { .ifi_index = 1 };
	bool needed = false;

	nl_begin(&batch, RTM_GETLINK, 0, 0, &header, sizeof(header));
	nl_put_u32(&batch, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
	return nl_transact(rtnl, &batch, each_probed_link, &needed) < 0 || needed;
}

/* Into a request for links: their counters, which are half of what is said of one, may be left out. */
void kernel_leave_out_counters(const struct kernel *kernel, struct nl_batch *batch)
{
	if (!kernel->counters_needed)
		nl_put_u32(batch, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
}

/*
 * Opens what is needed, in the network namespace of the process. @nft_fd is the nftables socket of an
 * earlier process of ours, taken over when it succeeds, or negative.
 */
int kernel_open(int nft_fd, struct kernel *ret_kernel, struct failure *failure)
{
	struct kernel kernel = KERNEL_NULL;
	const char *what = "open a netlink socket";
	int r;

	r = nl_channel_open(NETLINK_ROUTE, &kernel.rtnl);
	if (r == 0)
		r = nl_channel_open(NETLINK_NETFILTER, &kernel.conntrack);
	if (r == 0) {
		what = "open /proc/sys/net";
		kernel.sysctl_fd = open("/proc/sys/net", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		r = kernel.sysctl_fd < 0 ? -errno : 0;
	}
	/* A kernel without IPv6 has only one of them. */
	for (size_t i = 0; r == 0 && i < 2; i++)
		kernel.forwarding_fds[i] = openat(kernel.sysctl_fd, netstate_forwarding[i], O_RDONLY | O_CLOEXEC);
	if (r == 0) {
		what = "open the nftables socket";
		r = nft_fd >= 0 ? nl_channel_adopt(nft_fd, &kernel.nft) : nl_channel_open(NETLINK_NETFILTER, &kernel.nft);
	}
	if (r < 0) {
		kernel_deinit(&kernel);
		return failure_set(failure, r, "cannot %s: %s", what, strerror(-r));
	}
	kernel.owner_tables = nft_probe_owner(&kernel.nft);
	kernel.counters_needed = probe_counters_needed(&kernel.rtnl);
	*ret_kernel = kernel;
	return 0;
}

/* Closes everything. Tables with owner and persist stay, and can be adopted. */
void kernel_deinit(struct kernel *kernel)
{
	netstate_deinit(&kernel->view.state);
	netstate_deinit(&kernel->view.added);
	netstate_deinit(&kernel->view.removed);
	free(kernel->view.links);
	free(kernel->view.watched);
	kernel->view = (struct view){ 0 };
	nl_channel_deinit(&kernel->rtnl);
	nl_channel_deinit(&kernel->nft);
	nl_channel_deinit(&kernel->conntrack);
	nl_channel_deinit(&kernel->queue);
	for (size_t i = 0; i < 2; i++)
		kernel->forwarding_fds[i] = fd_close(kernel->forwarding_fds[i]);
	kernel->sysctl_fd = fd_close(kernel->sysctl_fd);
}
