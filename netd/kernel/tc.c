/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Filters behind a bridge that complete the checksums of DHCP replies.
 * Acts; decides nothing.
 *
 * What `tc` would write as
 *
 *	tc qdisc add dev BRIDGE clsact
 *	tc filter add dev BRIDGE egress protocol ip pref 26478 u32
 *		match u8 0x45 0xff at 0  match u16 0 0x3fff at 6  match u8 17 0xff at 9  match u32 0x00430044 0xffffffff at 20
 *		action csum udp continue cookie ...
 *
 * that is: no options, no fragment, UDP from 67 to 68. "continue", so that filters of others see the packet too.
 *
 * The clsact is one per device and has no place for a mark. So the action has one, its cookie, and that also says
 * whether it was us who made the clsact: only such a one is ever deleted, and only when nobody else has put a
 * filter there. In a netstate the handle of a filter is the device's index in the upper half, and the kernel's
 * handle in the lower one.
 */
#include "tc.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <linux/tc_act/tc_csum.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "../../lib/util.h"
#include "link.h"

#define PRIORITY	26478		/* "gn" in ASCII; others begin at 49152 and count down, or at 1 */
#define INFO		TC_H_MAKE((uint32_t)PRIORITY << 16, htons(ETH_P_IP))
#define EGRESS		TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_EGRESS)
#define INGRESS		TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_INGRESS)
#define QDISC		TC_H_MAKE(TC_H_CLSACT, 0)

/* At most 16 bytes (TC_COOKIE_MAX_SIZE). */
#define COOKIE		"guestnet"
#define COOKIE_QDISC	"guestnet clsact"

#define N_KEYS		4

struct selector {
	struct tc_u32_sel sel;
	struct tc_u32_key keys[N_KEYS];
};

/* As the kernel compares: 32 bits at a time, from the network header on. */
static void build_selector(struct selector *selector)
{
	const struct tc_u32_key keys[N_KEYS] = {
		{ .off = 0, .val = htonl(0x45000000), .mask = htonl(0xff000000) },
		{ .off = 4, .val = 0, .mask = htonl(0x00003fff) },
		{ .off = 8, .val = htonl(0x00110000), .mask = htonl(0x00ff0000) },
		{ .off = 20, .val = htonl(67 << 16 | 68), .mask = UINT32_MAX },
	};

	memset(selector, 0, sizeof(*selector));
	selector->sel.flags = TC_U32_TERMINAL;
	selector->sel.nkeys = N_KEYS;
	memcpy(selector->keys, keys, sizeof(keys));
}

static void begin(struct nl_batch *batch, uint16_t type, uint16_t flags, const struct tcmsg *header, uint32_t tag)
{
	nl_begin(batch, type, flags, tag, header, sizeof(*header));
}

static void put_qdisc(struct nl_batch *batch, bool add, int ifindex, uint32_t tag)
{
	const struct tcmsg header = { .tcm_ifindex = ifindex, .tcm_handle = QDISC, .tcm_parent = TC_H_CLSACT };

	begin(batch, add ? RTM_NEWQDISC : RTM_DELQDISC, add ? NLM_F_CREATE | NLM_F_EXCL : 0, &header, tag);
	nl_put_string(batch, TCA_KIND, "clsact");
}

static void put_filter(struct nl_batch *batch, int ifindex, const char *cookie, uint32_t tag)
{
	const struct tcmsg header = { .tcm_ifindex = ifindex, .tcm_parent = EGRESS, .tcm_info = INFO };
	const struct tc_csum csum = { .action = TC_ACT_UNSPEC, .update_flags = TCA_CSUM_UPDATE_FLAG_UDP };
	struct selector selector;
	size_t options, actions, action, parameters;

	build_selector(&selector);
	begin(batch, RTM_NEWTFILTER, NLM_F_CREATE | NLM_F_EXCL, &header, tag);
	nl_put_string(batch, TCA_KIND, "u32");
	options = nl_nest(batch, TCA_OPTIONS);
	nl_put(batch, TCA_U32_SEL, &selector, sizeof(selector));
	actions = nl_nest(batch, TCA_U32_ACT);
	action = nl_nest(batch, 1);
	nl_put_string(batch, TCA_ACT_KIND, "csum");
	nl_put(batch, TCA_ACT_COOKIE, cookie, strlen(cookie));
	parameters = nl_nest(batch, TCA_ACT_OPTIONS);
	nl_put(batch, TCA_CSUM_PARMS, &csum, sizeof(csum));
	nl_nest_end(batch, parameters);
	nl_nest_end(batch, action);
	nl_nest_end(batch, actions);
	nl_nest_end(batch, options);
}

static void put_filter_delete(struct nl_batch *batch, int ifindex, uint32_t handle, uint32_t tag)
{
	const struct tcmsg header = { .tcm_ifindex = ifindex, .tcm_parent = EGRESS, .tcm_info = INFO, .tcm_handle = handle };

	begin(batch, RTM_DELTFILTER, 0, &header, tag);
	nl_put_string(batch, TCA_KIND, "u32");
}

/* What is on one device. */
struct found {
	int ifindex;
	uint32_t handle;	/* of a filter of ours */
	bool good;		/* it is as we would make it */
	unsigned int n_ours, n_others;
	bool qdisc_ours;	/* we made the clsact */
	uint32_t wrong[8];	/* handles of filters of ours that are not as we would make them */
	size_t n_wrong;
};

static bool is_cookie(const struct nlattr *attribute, const char *cookie)
{
	return nl_length(attribute) == strlen(cookie) && memcmp(nl_data(attribute), cookie, strlen(cookie)) == 0;
}

static bool is_csum(const struct nlattr *const *action)
{
	const struct nlattr *options[TCA_CSUM_MAX + 1];
	struct tc_csum csum;

	return strcmp(nl_get_string(action[TCA_ACT_KIND]) ?: "", "csum") == 0 &&
	       nl_parse_nested(action[TCA_ACT_OPTIONS], options, ARRAY_SIZE(options)) &&
	       nl_get(options[TCA_CSUM_PARMS], &csum, sizeof(csum)) && csum.action == TC_ACT_UNSPEC &&
	       csum.update_flags == TCA_CSUM_UPDATE_FLAG_UDP;
}

static bool is_selector(const struct nlattr *attribute)
{
	struct selector want, have;

	build_selector(&want);
	return nl_get(attribute, &have, sizeof(have)) && have.sel.flags == want.sel.flags &&
	       have.sel.nkeys == want.sel.nkeys && memcmp(have.keys, want.keys, sizeof(want.keys)) == 0;
}

static int each_filter(const struct nlmsghdr *message, void *data)
{
	const struct nlattr *table[TCA_MAX + 1], *options[TCA_U32_MAX + 1], *actions[3], *action[TCA_ACT_MAX + 1];
	struct found *found = data;
	struct tcmsg header;
	bool marked_qdisc;

	if (message->nlmsg_type != RTM_NEWTFILTER || message->nlmsg_len < NLMSG_LENGTH(sizeof(header)) ||
	    !nl_parse(message, sizeof(header), table, ARRAY_SIZE(table)))
		return -EPROTO;
	memcpy(&header, NLMSG_DATA(message), sizeof(header));
	/* A chain of filters begins with a message that has no filter, a table of u32 has no selector. */
	if (header.tcm_handle == 0)
		return 0;
	if (header.tcm_parent != EGRESS || header.tcm_info != INFO || strcmp(nl_get_string(table[TCA_KIND]) ?: "", "u32") != 0 ||
	    !nl_parse_nested(table[TCA_OPTIONS], options, ARRAY_SIZE(options))) {
		found->n_others++;
		return 0;
	}
	if (!options[TCA_U32_SEL])
		return 0;
	if (!nl_parse_nested(options[TCA_U32_ACT], actions, ARRAY_SIZE(actions)) ||
	    !nl_parse_nested(actions[1], action, ARRAY_SIZE(action)))
		return -EPROTO;
	marked_qdisc = is_cookie(action[TCA_ACT_COOKIE], COOKIE_QDISC);
	if (!marked_qdisc && !is_cookie(action[TCA_ACT_COOKIE], COOKIE)) {
		found->n_others++;
		return 0;
	}
	found->n_ours++;
	found->qdisc_ours |= marked_qdisc;
	if (!found->good && is_selector(options[TCA_U32_SEL]) && is_csum(action) && !actions[2]) {
		found->good = true;
		found->handle = header.tcm_handle;
	} else if (found->n_wrong < ARRAY_SIZE(found->wrong)) {
		found->wrong[found->n_wrong++] = header.tcm_handle;
	}
	return 0;
}

/* A device that has no clsact, or is no more, has no filters. */
static int read_filters(struct kernel *kernel, uint32_t parent, struct found *found)
{
	_cleanup_(nl_batch_deinit) struct nl_batch request = NL_BATCH_NULL;
	const struct tcmsg header = { .tcm_ifindex = found->ifindex, .tcm_parent = parent };
	int r;

	begin(&request, RTM_GETTFILTER, NLM_F_DUMP, &header, 0);
	r = nl_dump(&kernel->rtnl, &request, each_filter, found);
	return r == -EINVAL || r == -ENODEV || r == -ENOENT || r == -EOPNOTSUPP ? 0 : r;
}

static uint64_t make_handle(const struct found *found, uint32_t handle)
{
	return (uint64_t)(uint32_t)found->ifindex << 32 | handle;
}

static int add_found(struct netstate *state, const struct netstate_bridge *bridge, const struct found *found)
{
	struct netstate_checksum checksum = { .strategy = CHECKSUM_TC };
	int r = 0;

	/* Those that are of no use are of no bridge, and go. */
	for (size_t i = 0; r == 0 && i < found->n_wrong; i++) {
		checksum.handle = make_handle(found, found->wrong[i]);
		r = netstate_add_checksum(state, &checksum);
	}
	if (r < 0 || !found->good)
		return r;
	memcpy(checksum.bridge, bridge->name, sizeof(checksum.bridge));
	checksum.handle = make_handle(found, found->handle);
	return netstate_add_checksum(state, &checksum);
}

/* Devices with a clsact, in ascending order when sorted. */
struct clsacts {
	int *ifindexes;		/* owned */
	size_t n;
};

static void clsacts_deinit(struct clsacts *clsacts)
{
	free(clsacts->ifindexes);
}

static int compare_indexes(const void *a, const void *b)
{
	const int *left = a, *right = b;

	return (*left > *right) - (*left < *right);
}

static int each_qdisc(const struct nlmsghdr *message, void *data)
{
	struct clsacts *clsacts = data;
	struct tcmsg header;
	int *grown;

	if (message->nlmsg_type != RTM_NEWQDISC || message->nlmsg_len < NLMSG_LENGTH(sizeof(header)))
		return -EPROTO;
	memcpy(&header, NLMSG_DATA(message), sizeof(header));
	if (header.tcm_parent != TC_H_CLSACT)
		return 0;
	grown = reallocarray(clsacts->ifindexes, clsacts->n + 1, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	clsacts->ifindexes = grown;
	grown[clsacts->n++] = header.tcm_ifindex;
	return 0;
}

/* One question for all devices. The kernel leaves out what a device has by itself (net/sched/sch_api.c:tc_qdisc_dump_ignore()). */
static int read_clsacts(struct kernel *kernel, struct clsacts *clsacts)
{
	_cleanup_(nl_batch_deinit) struct nl_batch request = NL_BATCH_NULL;
	const struct tcmsg header = { .tcm_family = AF_UNSPEC };
	int r;

	begin(&request, RTM_GETQDISC, NLM_F_DUMP, &header, 0);
	r = nl_dump(&kernel->rtnl, &request, each_qdisc, clsacts);
	if (clsacts->n > 0)
		qsort(clsacts->ifindexes, clsacts->n, sizeof(*clsacts->ifindexes), compare_indexes);
	return r == -EOPNOTSUPP ? 0 : r;
}

static bool has_clsact(const struct clsacts *clsacts, int ifindex)
{
	return clsacts->n > 0 && bsearch(&ifindex, clsacts->ifindexes, clsacts->n, sizeof(ifindex), compare_indexes);
}

/*
 * Adds our filters on the bridges of @links to @state. Nothing is asked where there can be none: kernel->tc_used
 * says that there may be, and without a clsact a bridge has none.
 */
int tc_read(struct kernel *kernel, const struct netstate *links, struct netstate *state)
{
	_cleanup_(clsacts_deinit) struct clsacts clsacts = { 0 };
	bool used = false;
	int r = kernel->tc_used && links->n_bridges > 0 ? read_clsacts(kernel, &clsacts) : 0;

	for (size_t i = 0; r == 0 && kernel->tc_used && i < links->n_bridges; i++) {
		struct found found = { .ifindex = links->bridges[i].ifindex };

		if (!has_clsact(&clsacts, found.ifindex))
			continue;
		r = read_filters(kernel, EGRESS, &found);
		if (r == 0)
			r = add_found(state, &links->bridges[i], &found);
		used |= found.n_ours > 0;
	}
	if (r == 0)
		kernel->tc_used = used;
	return r;
}

static void set_result(struct apply_result *result, int error, const char *text)
{
	if (result->error)
		return;
	result->error = error;
	apply_result_say(result, "%s", text ?: strerror(-error));
}

/* What the kernel answers for want of a module, and for what it does not know. */
static bool is_lasting(int error)
{
	return error == -ENOENT || error == -EOPNOTSUPP || error == -EINVAL || error == -EPERM;
}

static void remove_filter(struct kernel *kernel, uint64_t filter, struct apply_result *result)
{
	_cleanup_(nl_batch_deinit) struct nl_batch batch = NL_BATCH_NULL;
	struct found found = { .ifindex = (int)(filter >> 32) };
	uint32_t handle = (uint32_t)filter;
	bool there;
	int r;

	/* What is there is read again: it may be gone, or others may have come. */
	r = read_filters(kernel, EGRESS, &found);
	there = found.good && found.handle == handle;
	for (size_t i = 0; i < found.n_wrong; i++)
		there |= found.wrong[i] == handle;
	if (r == 0)
		r = read_filters(kernel, INGRESS, &found);
	if (r == 0 && there) {
		if (found.qdisc_ours && found.n_ours == 1 && found.n_others == 0)
			put_qdisc(&batch, false, found.ifindex, 0);
		else
			put_filter_delete(&batch, found.ifindex, handle, 0);
		r = kernel_transact(kernel, &kernel->rtnl, &batch, NULL, NULL);
		if (r == 0)
			r = batch.entries[0].error;
		/* Gone by itself, with its device. */
		if (r == -ENODEV || r == -ENOENT)
			r = 0;
	}
	if (r < 0)
		set_result(result, r, batch.n_entries > 0 ? batch.entries[0].text : NULL);
}

/* A clsact that we have just made, and could not put the filter into. */
static void undo_qdisc(struct kernel *kernel, int ifindex)
{
	_cleanup_(nl_batch_deinit) struct nl_batch batch = NL_BATCH_NULL;
	struct found found = { .ifindex = ifindex };

	if (read_filters(kernel, EGRESS, &found) < 0 || read_filters(kernel, INGRESS, &found) < 0 ||
	    found.n_ours + found.n_others > 0)
		return;
	put_qdisc(&batch, false, ifindex, 0);
	(void)kernel_transact(kernel, &kernel->rtnl, &batch, NULL, NULL);
}

static void add_filter(struct kernel *kernel, const char *bridge, struct apply_result *result)
{
	_cleanup_(nl_batch_deinit) struct nl_batch qdisc = NL_BATCH_NULL, filter = NL_BATCH_NULL;
	struct found found = { .ifindex = link_index(kernel, bridge) };
	bool made;
	int r;

	if (!found.ifindex) {
		set_result(result, -ENODEV, NULL);
		return;
	}
	r = read_filters(kernel, EGRESS, &found);
	if (r < 0 || found.good) {
		if (r < 0)
			set_result(result, r, NULL);
		return;
	}
	put_qdisc(&qdisc, true, found.ifindex, 0);
	r = kernel_transact(kernel, &kernel->rtnl, &qdisc, NULL, NULL);
	if (r < 0) {
		set_result(result, r, NULL);
		return;
	}
	r = qdisc.entries[0].error;
	made = r == 0;
	if (r < 0 && r != -EEXIST) {
		set_result(result, is_lasting(r) ? -EOPNOTSUPP : r, qdisc.entries[0].text ?: "the kernel has no clsact");
		return;
	}
	/* Found empty, or full of others' filters: theirs. */
	put_filter(&filter, found.ifindex, made || found.qdisc_ours ? COOKIE_QDISC : COOKIE, 0);
	r = kernel_transact(kernel, &kernel->rtnl, &filter, NULL, NULL);
	if (r == 0)
		r = filter.entries[0].error;
	kernel->tc_used = true;
	if (r == 0)
		return;
	set_result(result, is_lasting(r) && filter.entries[0].error ? -EOPNOTSUPP : r, filter.entries[0].text);
	if (made)
		undo_qdisc(kernel, found.ifindex);
}

/*
 * Carries out the steps of this strategy among @steps. A step that adds has -EOPNOTSUPP when this kernel cannot
 * do that at all; then nothing of it is left.
 */
void tc_apply(struct kernel *kernel, const struct plan *plan, const size_t *steps, size_t n_steps,
	      struct apply_result *results)
{
	for (size_t i = 0; i < n_steps; i++) {
		const struct plan_step *step = &plan->steps[steps[i]];

		if (step->checksum.strategy != CHECKSUM_TC)
			continue;
		if (step->op == PLAN_CHECKSUM_ADD)
			add_filter(kernel, step->checksum.bridge, &results[steps[i]]);
		else if (step->op == PLAN_CHECKSUM_REMOVE)
			remove_filter(kernel, step->checksum.handle, &results[steps[i]]);
	}
}
