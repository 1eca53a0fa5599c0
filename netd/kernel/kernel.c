/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The daemon's way to the kernel: the sockets for requests, and the one function that changes anything.
 * Acts; decides nothing.
 */
#include "kernel.h"

#include <fcntl.h>
#include <linux/netfilter/nfnetlink.h>
#include <string.h>
#include <sys/socket.h>

#include "../../lib/fd.h"
#include "nft.h"

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
	if (batch->error == 0)
		inject(kernel, batch);
	return nl_transact(channel, batch, each, data);
}

/* The nftables socket, to be kept for the next process of ours. Borrowed. */
int kernel_nft_fd(const struct kernel *kernel)
{
	return nl_channel_fd(&kernel->nft);
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
	if (r == 0) {
		what = "open the nftables socket";
		r = nft_fd >= 0 ? nl_channel_adopt(nft_fd, &kernel.nft) : nl_channel_open(NETLINK_NETFILTER, &kernel.nft);
	}
	if (r < 0) {
		kernel_deinit(&kernel);
		return failure_set(failure, r, "cannot %s: %s", what, strerror(-r));
	}
	kernel.owner_tables = nft_probe_owner(&kernel.nft);
	*ret_kernel = kernel;
	return 0;
}

/* Closes everything. Tables with owner and persist stay, and can be adopted. */
void kernel_deinit(struct kernel *kernel)
{
	netstate_deinit(&kernel->rules);
	nl_channel_deinit(&kernel->rtnl);
	nl_channel_deinit(&kernel->nft);
	nl_channel_deinit(&kernel->conntrack);
	kernel->sysctl_fd = fd_close(kernel->sysctl_fd);
}
