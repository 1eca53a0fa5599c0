/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What may pass through ports, as the kernel has it.
 * System calls: netlink. Queues are told to everybody, sets of nftables to those with CAP_NET_ADMIN.
 */
#include "portrates.h"

#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/nl/socket.h"
#include "../lib/str.h"

#define LOAD_ATTEMPTS	16
#define LIMIT_RATES	(1 << 17)
/* Our mark on a queue, and the set of the limits (netd/kernel/shaper.c, netd/model/ruleset.c). */
#define HANDLE		(UINT32_C(0x676e) << 16)
#define TABLE		"guestnet"
#define SET		"portrate"

void portrates_deinit(struct portrates *rates)
{
	free(rates->items);
	*rates = PORTRATES_NULL;
}

static int add(struct portrates *rates, const struct port_rate *rate)
{
	struct port_rate *items = rates->items;

	if (rates->n == LIMIT_RATES)
		return -E2BIG;
	if (!(rates->n & (rates->n - 1)))
		items = reallocarray(items, rates->n ? 2 * rates->n : 1, sizeof(*items));
	if (!items)
		return -ENOMEM;
	rates->items = items;
	items[rates->n++] = *rate;
	return 0;
}

/* The attribute @type among those nested in @parent, with @size bytes or more; NULL when it is not there. */
static const struct nlattr *find(const struct nlattr *parent, uint16_t type, size_t size)
{
	const struct nlattr *attribute;

	mnl_attr_for_each_nested(attribute, parent)
		if (mnl_attr_get_type(attribute) == type && mnl_attr_get_payload_len(attribute) >= size)
			return attribute;
	return NULL;
}

static int add_queue(const struct nlmsghdr *message, void *data)
{
	const struct tcmsg *header = mnl_nlmsg_get_payload(message);
	const struct nlattr *attribute, *parameters, *large;
	struct tc_tbf_qopt tbf;
	uint64_t rate;

	if (message->nlmsg_type != RTM_NEWQDISC || mnl_nlmsg_get_payload_len(message) < sizeof(*header))
		return -EPROTO;
	if (header->tcm_handle != HANDLE || header->tcm_parent != TC_H_ROOT)
		return 0;
	mnl_attr_for_each(attribute, message, sizeof(*header)) {
		if (mnl_attr_get_type(attribute) != TCA_OPTIONS)
			continue;
		parameters = find(attribute, TCA_TBF_PARMS, sizeof(tbf));
		large = find(attribute, TCA_TBF_RATE64, sizeof(rate));
		if (!parameters)
			return 0;
		memcpy(&tbf, mnl_attr_get_payload(parameters), sizeof(tbf));
		rate = large ? mnl_attr_get_u64(large) : tbf.rate.rate;
		return add(data, &(struct port_rate){ .ifindex = header->tcm_ifindex, .bits = 8 * rate });
	}
	return 0;
}

/* The rate of an expression "limit rate over N bytes/second"; 0 for another one. */
static uint64_t read_limit(const struct nlattr *expression)
{
	const struct nlattr *data = find(expression, NFTA_EXPR_DATA, 0), *rate, *unit;

	rate = data ? find(data, NFTA_LIMIT_RATE, sizeof(uint64_t)) : NULL;
	unit = data ? find(data, NFTA_LIMIT_UNIT, sizeof(uint64_t)) : NULL;
	if (!rate || !unit || !mnl_attr_get_u64(unit))
		return 0;
	return 8 * (be64toh(mnl_attr_get_u64(rate)) / be64toh(mnl_attr_get_u64(unit)));
}

static int add_element(const struct nlattr *element, struct portrates *rates)
{
	const struct nlattr *key = find(element, NFTA_SET_ELEM_KEY, 0), *value = key ? find(key, NFTA_DATA_VALUE, IFNAME_SIZE) : NULL;
	const struct nlattr *expression = find(element, NFTA_SET_ELEM_EXPR, 0), *list = find(element, NFTA_SET_ELEM_EXPRESSIONS, 0);
	struct port_rate rate = { 0 };

	if (!expression && list)
		expression = find(list, NFTA_LIST_ELEM, 0);
	if (!value || !expression)
		return 0;
	memcpy(rate.name, mnl_attr_get_payload(value), IFNAME_SIZE - 1);
	rate.bits = read_limit(expression);
	return rate.bits ? add(rates, &rate) : 0;
}

static int add_elements(const struct nlmsghdr *message, void *data)
{
	const struct nlattr *attribute, *element;
	int r = 0;

	mnl_attr_for_each(attribute, message, sizeof(struct nfgenmsg)) {
		if (mnl_attr_get_type(attribute) != NFTA_SET_ELEM_LIST_ELEMENTS)
			continue;
		mnl_attr_for_each_nested(element, attribute) {
			r = add_element(element, data);
			if (r < 0)
				return r;
		}
	}
	return r;
}

static int dump(int protocol, struct nlmsghdr *request, int (*each)(const struct nlmsghdr *message, void *data), struct portrates *rates)
{
	_cleanup_(nlsocket_freep) struct mnl_socket *socket = NULL;
	int r = nlsocket_open(protocol, &socket);

	return r < 0 ? r : nlsocket_dump(socket, request, each, rates);
}

static int load_queues(struct portrates *rates)
{
	_Alignas(NLMSG_ALIGNTO) char buffer[256];
	struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);

	request->nlmsg_type = RTM_GETQDISC;
	request->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	((struct tcmsg *)mnl_nlmsg_put_extra_header(request, sizeof(struct tcmsg)))->tcm_family = AF_UNSPEC;
	return dump(NETLINK_ROUTE, request, add_queue, rates);
}

static int load_limits(struct portrates *rates)
{
	_Alignas(NLMSG_ALIGNTO) char buffer[256];
	struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);
	struct nfgenmsg *header;

	request->nlmsg_type = NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETSETELEM;
	request->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	header = mnl_nlmsg_put_extra_header(request, sizeof(*header));
	header->nfgen_family = NFPROTO_BRIDGE;
	header->version = NFNETLINK_V0;
	mnl_attr_put_strz(request, NFTA_SET_ELEM_LIST_TABLE, TABLE);
	mnl_attr_put_strz(request, NFTA_SET_ELEM_LIST_SET, SET);
	return dump(NETLINK_NETFILTER, request, add_elements, rates);
}

/*
 * Of all ports. What only CAP_NET_ADMIN may read is left out without it (knows_from). -EINTR when the kernel's tables do not come
 * to rest; others as netlink says. The caller ends @ret_rates with portrates_deinit(), after a failure too.
 */
int portrates_load(struct portrates *ret_rates)
{
	int r = -EINTR;

	*ret_rates = PORTRATES_NULL;
	for (unsigned int i = 0; r == -EINTR && i < LOAD_ATTEMPTS; i++) {
		portrates_deinit(ret_rates);
		r = load_queues(ret_rates);
		if (r < 0)
			continue;
		r = load_limits(ret_rates);
		ret_rates->knows_from = r != -EPERM;
		/* No such table or set: nothing is limited. A kernel without nftables has neither. */
		if (r == -EPERM || r == -ENOENT || r == -EOPNOTSUPP || r == -EINVAL || r == -EPROTONOSUPPORT)
			r = 0;
	}
	return r;
}

/* In bits per second; 0: as much as there is. */
uint64_t portrates_find_to(const struct portrates *rates, int ifindex)
{
	for (size_t i = 0; i < rates->n; i++)
		if (rates->items[i].ifindex == ifindex)
			return rates->items[i].bits;
	return 0;
}

uint64_t portrates_find_from(const struct portrates *rates, const char *name)
{
	for (size_t i = 0; i < rates->n; i++)
		if (rates->items[i].name[0] && strcmp(rates->items[i].name, name) == 0)
			return rates->items[i].bits;
	return 0;
}

static void print_rate(struct text *text, const char *word, uint64_t bits)
{
	static const char *const suffixes[] = { "", "K", "M", "G" };
	size_t i = 0;

	if (!bits)
		return;
	for (; i + 1 < ARRAY_SIZE(suffixes) && bits % 1000 == 0; i++)
		bits /= 1000;
	text_add(text, "%s%s %llu%s", text->length ? ", " : "", word, (unsigned long long)bits, suffixes[i]);
}

/* "to 4M, from 2M" into @buffer, which is returned; "-" for neither. */
const char *portrates_print(char buffer[static PORTRATES_TEXT_SIZE], uint64_t to, uint64_t from)
{
	struct text text;

	text_init(&text, buffer, PORTRATES_TEXT_SIZE);
	print_rate(&text, "to", to);
	print_rate(&text, "from", from);
	if (!text.length)
		text_add(&text, "-");
	return buffer;
}
