/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Queues that send at a rate, at the root of bridges and of ports.
 * Acts; decides nothing.
 *
 * What `tc` would write as
 *
 *	tc qdisc add dev INTERFACE root handle 676e: tbf rate RATE burst BURST limit QUEUE
 *
 * The handle is our mark: who makes one of their own gets another number from the kernel (from 8000: on). A message with
 * it makes the queue where there is none but the kernel's own, and changes ours in place, with what waits in it; where
 * another program's is, the kernel refuses (net/sched/sch_api.c:tc_modify_qdisc()).
 */
#include "shaper.h"

#include <errno.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "../../lib/util.h"
#include "link.h"
#include "snapshot.h"

#define HANDLE		TC_H_MAKE(UINT32_C(0x676e) << 16, 0)	/* "gn" in ASCII */
#define KIND		"tbf"
#define LINKLAYER	TC_LINKLAYER_ETHERNET
#define NS_PER_TICK	64			/* include/net/pkt_sched.h: PSCHED_SHIFT */
#define NS_PER_S	UINT64_C(1000000000)

static void put_qdisc(struct nl_batch *batch, uint16_t type, uint16_t flags, int ifindex, uint32_t tag)
{
	const struct tcmsg header = { .tcm_ifindex = ifindex, .tcm_parent = TC_H_ROOT, .tcm_handle = HANDLE };

	nl_begin(batch, type, flags, tag, &header, sizeof(header));
}

/* With this link layer the kernel asks for no table of times. */
static struct tc_ratespec make_rate(uint64_t rate)
{
	return (struct tc_ratespec){ .linklayer = rate ? LINKLAYER : 0, .rate = rate > UINT32_MAX ? UINT32_MAX : (uint32_t)rate };
}

static void put_shaper(struct nl_batch *batch, int ifindex, const struct netstate_shaper *shaper, uint32_t tag)
{
	const struct tc_tbf_qopt parameters = {
		.rate = make_rate(shaper->rate),
		.peakrate = make_rate(shaper->peak),
		.limit = shaper->queue,
	};
	size_t options;

	put_qdisc(batch, RTM_NEWQDISC, NLM_F_CREATE, ifindex, tag);
	nl_put_string(batch, TCA_KIND, KIND);
	options = nl_nest(batch, TCA_OPTIONS);
	nl_put(batch, TCA_TBF_PARMS, &parameters, sizeof(parameters));
	nl_put_u32(batch, TCA_TBF_BURST, shaper->burst);
	if (shaper->rate > UINT32_MAX)
		nl_put(batch, TCA_TBF_RATE64, &shaper->rate, sizeof(shaper->rate));
	if (shaper->peak)
		nl_put_u32(batch, TCA_TBF_PBURST, shaper->peak_burst);
	if (shaper->peak > UINT32_MAX)
		nl_put(batch, TCA_TBF_PRATE64, &shaper->peak, sizeof(shaper->peak));
	nl_nest_end(batch, options);
}

static uint32_t bytes_of(uint32_t ticks, uint64_t rate)
{
	return (uint32_t)((unsigned __int128)ticks * NS_PER_TICK * rate / NS_PER_S);
}

/* A burst is told as the time that it takes. One that is not as we would make it has no rate. */
static int read_options(const struct nlattr *attribute, struct netstate_shaper *shaper)
{
	const struct nlattr *options[TCA_TBF_MAX + 1];
	struct tc_tbf_qopt parameters;
	uint64_t rate, peak;

	if (!nl_parse_nested(attribute, options, ARRAY_SIZE(options)) ||
	    !nl_get(options[TCA_TBF_PARMS], &parameters, sizeof(parameters)))
		return -EPROTO;
	rate = parameters.rate.rate;
	peak = parameters.peakrate.rate;
	if ((options[TCA_TBF_RATE64] && !nl_get(options[TCA_TBF_RATE64], &rate, sizeof(rate))) ||
	    (options[TCA_TBF_PRATE64] && !nl_get(options[TCA_TBF_PRATE64], &peak, sizeof(peak))))
		return -EPROTO;
	if (parameters.rate.overhead || parameters.peakrate.overhead || (parameters.rate.linklayer & TC_LINKLAYER_MASK) != LINKLAYER)
		return 0;
	shaper->rate = rate;
	shaper->queue = parameters.limit;
	shaper->burst = bytes_of(parameters.buffer, rate);
	shaper->peak = peak;
	shaper->peak_burst = peak ? bytes_of(parameters.mtu, peak) : 0;
	return 0;
}

struct reading {
	struct kernel *kernel;
	struct netstate *state;
};

/* Others' queues count where one of ours may have to be. */
static bool is_of_interest(const struct netstate *links, const char *link)
{
	if (netstate_find_bridge(links, link))
		return true;
	for (size_t i = 0; i < links->n_ports; i++)
		if (strcmp(links->ports[i].name, link) == 0)
			return true;
	return false;
}

static int each_qdisc(const struct nlmsghdr *message, void *data)
{
	const struct nlattr *table[TCA_MAX + 1];
	struct reading *reading = data;
	struct netstate_shaper shaper;
	struct tcmsg header;
	const char *kind, *link;
	int r = 0;

	if (message->nlmsg_type != RTM_NEWQDISC || message->nlmsg_len < NLMSG_LENGTH(sizeof(header)) ||
	    !nl_parse(message, sizeof(header), table, ARRAY_SIZE(table)))
		return -EPROTO;
	memcpy(&header, NLMSG_DATA(message), sizeof(header));
	/* The kernel's own has no handle. */
	if (header.tcm_parent != TC_H_ROOT || header.tcm_handle == 0)
		return 0;
	link = kernel_link_name(reading->kernel, header.tcm_ifindex);
	kind = nl_get_string(table[TCA_KIND]) ?: "";
	memset(&shaper, 0, sizeof(shaper));
	shaper.ours = header.tcm_handle == HANDLE && strcmp(kind, KIND) == 0;
	/* One that has come since the links were read is read again, with its event. */
	if (!link || (!shaper.ours && !is_of_interest(&reading->kernel->view.state, link)))
		return 0;
	snprintf(shaper.link, sizeof(shaper.link), "%s", link);
	shaper.ifindex = header.tcm_ifindex;
	if (shaper.ours)
		r = read_options(table[TCA_OPTIONS], &shaper);
	else
		snprintf(shaper.kind, sizeof(shaper.kind), "%s", kind);
	return r < 0 ? r : netstate_add_shaper(reading->state, &shaper);
}

/* Adds the queues of all interfaces to @ret_state, which is sorted then. The names are those of the last look at links. */
int shaper_read(struct kernel *kernel, struct netstate *ret_state)
{
	_cleanup_(nl_batch_deinit) struct nl_batch request = NL_BATCH_NULL;
	const struct tcmsg header = { .tcm_family = AF_UNSPEC };
	struct reading reading = { .kernel = kernel, .state = ret_state };
	int r;

	nl_begin(&request, RTM_GETQDISC, NLM_F_DUMP, 0, &header, sizeof(header));
	r = nl_dump(&kernel->rtnl, &request, each_qdisc, &reading);
	netstate_sort_shapers(ret_state);
	/* A kernel without queues (CONFIG_NET_SCHED). */
	return r == -EOPNOTSUPP ? 0 : r;
}

static void note_result(const struct nl_entry *entry, const struct plan_step *step, struct apply_result *result)
{
	int error = entry->error;

	if (error == 0 || error == -ENODEV)
		return;		/* a port goes whenever its guest does */
	if (step->op == PLAN_SHAPER_REMOVE && (error == -ENOENT || error == -EINVAL))
		return;		/* it went before */
	/* What the kernel answers for a kind that it does not know, and without queues at all. */
	if (error == -ENOENT)
		error = -EOPNOTSUPP;
	result->error = error;
	apply_result_say(result, "%s", entry->text ?: strerror(-error));
}

/* Carries out the steps among @steps that are about queues. -EOPNOTSUPP: this kernel has none that sends at a rate. */
void shaper_apply(struct kernel *kernel, const struct plan *plan, const size_t *steps, size_t n_steps,
		  struct apply_result *results)
{
	_cleanup_(nl_batch_deinit) struct nl_batch batch = NL_BATCH_NULL;
	int r;

	for (size_t i = 0; i < n_steps; i++) {
		const struct plan_step *step = &plan->steps[steps[i]];
		int ifindex;

		if (step->op != PLAN_SHAPER_SET && step->op != PLAN_SHAPER_REMOVE)
			continue;
		ifindex = step->op == PLAN_SHAPER_SET ? link_index(kernel, step->shaper.link) : step->shaper.ifindex;
		if (ifindex && step->op == PLAN_SHAPER_SET)
			put_shaper(&batch, ifindex, &step->shaper, (uint32_t)steps[i]);
		else if (ifindex)
			put_qdisc(&batch, RTM_DELQDISC, 0, ifindex, (uint32_t)steps[i]);
	}
	if (batch.n_entries == 0)
		return;
	/* No event tells of these while nobody has asked for such events. */
	kernel->shapers_used = true;
	kernel->dirt.parts |= DIRTY_FILTERS;
	r = kernel_transact(kernel, &kernel->rtnl, &batch, NULL, NULL);
	for (size_t i = 0; i < batch.n_entries; i++) {
		const struct nl_entry *entry = &batch.entries[i];

		if (r < 0)
			results[entry->tag].error = r;
		else
			note_result(entry, &plan->steps[entry->tag], &results[entry->tag]);
	}
}
