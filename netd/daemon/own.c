/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Networks of unprivileged users' own: who may do what to which, by the policy.
 * System calls: asks the kernel who a peer is, reads the policy, may run one child for names of users and groups.
 *
 * Theory of operation. A user's own network is called UID.NAME, so whose it is needs no record that could be lost or changed.
 * Who calls is what the kernel says of the connection. What users may have at all is said by the policy's lines `own`, read for
 * each call as the helper reads them, by the same code and as if by the caller. What the network can be is said by the table of
 * keys (struct key, `own`), each time that its file is read.
 *
 * The number of networks is what is declared at this moment: files in a folder of the daemon's, which outlive it and the
 * machine. Nothing else happens between this count and the writing of the next file, because one thread does both, so any
 * number of calls at one time leaves no more than there may be.
 *
 * Which ports of the host a network forwards is held against the rule when its text is written, and when it is started. What is
 * there stays when the rule becomes less, as with the number: at boot, and until its owner wants something of it.
 */
#include "own.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "../../lib/clock.h"
#include "../../lib/fd.h"
#include "../../lib/limits.h"
#include "../../lib/str.h"
#include "../model/forwards.h"
#include "managed.h"
#include "paths.h"
#include "process.h"

/* A lookup program that took longer than the first is not asked again before the second: everybody waits while it is. */
#define LOOKUP_SLOW_US	200000
#define LOOKUP_PAUSE_US	60000000

/* Is the network the own one of this user? */
bool own_is_about(const char *network, uid_t uid)
{
	uint32_t owner;

	return name_find_owner(network, &owner) && owner == uid;
}

/*
 * Is it one of the uids that a user has in user namespaces (subuid(5))? There are thousands for each, and with every one there
 * would be as many networks as the rule says, or places at a socket. Those that stand in no file are not known to be such.
 */
bool own_is_subordinate(uid_t uid)
{
	_cleanup_(fd_closep) int fd = open("/etc/subuid", O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	_cleanup_(freep) char *text = NULL;
	char *rest = NULL;
	struct stat st;
	size_t length;

	if (fd < 0 || fstat(fd, &st) < 0 || fd_read_text(fd, &st, LIMIT_ACCOUNT_FILE, &text, &length) < 0)
		return false;
	for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		char *count = strrchr(line, ':'), *begin;
		uint32_t first, n;

		if (!count)
			continue;
		*count++ = '\0';
		begin = strchr(line, ':');
		if (begin && str_parse_u32(begin + 1, UINT32_MAX, &first) == 0 && str_parse_u32(count, UINT32_MAX, &n) == 0 &&
		    uid >= first && uid - first < n)
			return true;
	}
	return false;
}

static bool has_unknown(const struct policy *policy)
{
	for (size_t i = 0; i < policy->n_whos; i++)
		if (policy->whos[i].state == WHO_UNKNOWN)
			return true;
	return false;
}

/* Names that are in the account files cost nothing; the others are looked up in this thread, and seldom where that is slow. */
static void resolve(struct own *own, struct policy *policy, const struct policy_device *device)
{
	uint64_t begin_us = clock_us();

	policy_resolve(policy, device, NULL);
	if (!has_unknown(policy) || begin_us < own->lookup_after_us)
		return;
	policy_resolve(policy, device, PATH_LOOKUP);
	if (clock_us() - begin_us > LOOKUP_SLOW_US)
		own->lookup_after_us = clock_us() + LOOKUP_PAUSE_US;
}

static int deny(const struct policy *policy, const struct policy_verdict *verdict, struct failure *failure)
{
	if (verdict->rule)
		return failure_set(failure, -EACCES, "uid %u may have no networks of its own: %s:%u denies it", verdict->owner,
				   STR_ESCAPED(policy_rule_path(policy, verdict->rule)), verdict->rule->line);
	return failure_set(failure, -EACCES,
			   "uid %u may have no networks of its own: no rule `own' is for it (an administrator can add to " PATH_POLICY " the line: own networks=1 user=%u)",
			   verdict->owner, verdict->owner);
}

/* The names of a user's networks, as many as fit. */
static void list_names(const struct managed_list *list, uid_t uid, struct text *text)
{
	for (size_t i = 0; i < list->n; i++)
		if (list->items[i]->declared && own_is_about(list->items[i]->network.name, uid))
			text_add(text, "%s%s", text->length ? ", " : "", list->items[i]->network.name);
}

/* May there be one more? */
static int verify_number(const struct own *own, const struct policy *policy, const struct policy_verdict *verdict,
			 struct failure *failure)
{
	const struct managed_list *list = manager_get_networks(own->manager);
	char names[256];
	struct text text;

	if (own_is_subordinate(verdict->owner))
		return failure_set(failure, -EACCES, "uid %u may have no networks of its own: it is one that a user has in user namespaces (/etc/subuid)",
				   verdict->owner);
	if (managed_count_own(list, NULL) >= LIMIT_OWN_NETWORKS)
		return failure_set(failure, -EDQUOT, "there are %d networks of users' own, and can be no more", LIMIT_OWN_NETWORKS);
	if (managed_count_own(list, &verdict->owner) < verdict->grant.networks)
		return 0;
	text_init(&text, names, sizeof(names));
	list_names(list, verdict->owner, &text);
	return failure_set(failure, -EDQUOT, "uid %u has all the %u network%s of its own that %s:%u allows%s (%s): guestnet undefine removes one",
			   verdict->owner, verdict->grant.networks, verdict->grant.networks == 1 ? "" : "s", STR_ESCAPED(policy_rule_path(policy, verdict->rule)), verdict->rule->line,
			   verdict->rule->networks ? "" : " by default, without networks=", names);
}

static void set_ports(const struct policy *policy, const struct policy_verdict *verdict, struct own_ports *ret_ports)
{
	struct own_ports ports = { .uid = verdict->owner };

	for (; ports.n < verdict->grant.n_ports && ports.n < ARRAY_SIZE(ports.ranges); ports.n++)
		ports.ranges[ports.n] = verdict->grant.ports[ports.n];
	snprintf(ports.rule, sizeof(ports.rule), "%s:%u", STR_ESCAPED(policy_rule_path(policy, verdict->rule)), verdict->rule->line);
	*ret_ports = ports;
}

static bool has_ports(const struct own_ports *ports, const struct network_forward *forward)
{
	const struct policy_grant grant = { .ports = ports->ranges, .n_ports = ports->n };

	for (unsigned int port = forward->ports[0]; port <= forward->ports[1]; port++)
		if (!policy_grant_has_port(&grant, (uint16_t)port))
			return false;
	return true;
}

static void print_ports(const struct own_ports *ports, struct text *text)
{
	for (size_t i = 0; i < ports->n; i++) {
		text_add(text, "%s", i ? ", " : "");
		text_add_range(text, ports->ranges[i].first, ports->ranges[i].last);
	}
}

/*
 * Does the network forward no other ports than these? Drop-ins are an administrator's, who needs no leave. -EINVAL, with the
 * place of what is wrong.
 */
int own_verify_ports(const struct own_ports *ports, const struct network *network, struct failure *failure)
{
	char listen[80], list[LIMIT_POLICY_PORTS * sizeof("65535-65535, ")];
	struct text text;

	for (size_t i = 0; i < network->n_forwards; i++) {
		const struct network_forward *forward = &network->forwards[i];

		if (!forward_is_users(network, forward) || has_ports(ports, forward))
			continue;
		text_init(&text, listen, sizeof(listen));
		forward_print_listen(forward, &text);
		if (ports->n == 0)
			return failure_set(failure, -EINVAL,
					   "%s:%u: Listen=%s: uid %u may forward no port of the host: %s does not say ports= (an administrator can add there, say: ports=8000-8999)",
					   STR_ESCAPED(network->paths[0]), forward->place.line, listen, ports->uid, ports->rule);
		text_init(&text, list, sizeof(list));
		print_ports(ports, &text);
		return failure_set(failure, -EINVAL, "%s:%u: Listen=%s: of the host's ports uid %u may forward %s and no others (%s)",
				   STR_ESCAPED(network->paths[0]), forward->place.line, listen, ports->uid, list, ports->rule);
	}
	return 0;
}

/*
 * May the peer do this to a network of its own? @network is one, by own_is_about(). -EACCES: the policy says no; -EDQUOT: it has
 * as many as it may; others as they come, and all with a text. @ret_ports: what a text that it defines is to be held against.
 *
 * Safe because: whose the connection is, groups and all, the kernel says; the policy is a file that nobody but root can change
 * (policy/owner.c), and what is wrong with it denies.
 */
int own_verify(struct own *own, int peer_fd, const char *network, enum own_act act, struct own_ports *ret_ports,
	       struct failure *failure)
{
	const struct managed *managed = managed_find(manager_get_networks(own->manager), network);
	_cleanup_(policy_deinit) struct policy policy = POLICY_NULL;
	_cleanup_(freep) gid_t *groups = NULL;
	char bridge[64];
	const char *const names[] = { bridge, network };
	const struct policy_device device = { .names = names, .n_names = ARRAY_SIZE(names) };
	struct policy_caller caller;
	struct policy_verdict verdict;
	struct own_ports ports = { 0 };
	struct failure cause = { 0 };
	pid_t pid;
	int r;

	r = policy_read_peer(peer_fd, &caller, &groups, &pid, failure);
	if (r < 0)
		return r;
	if (caller.uid == process_overflow_uid())
		return failure_set(failure, -EACCES,
				   "you are uid %u here, which stands for everybody who has no uid where guestnetd runs (user_namespaces(7)): nothing can be your own",
				   (unsigned int)caller.uid);
	if (act == OWN_END) {
		*ret_ports = ports;
		return 0;
	}
	snprintf(bridge, sizeof(bridge), "gn-%s", network);
	policy.reader = &caller;
	policy.only = &device;
	r = policy_load(&policy, PATH_POLICY, 0, &cause);
	if (r < 0)
		return failure_set(failure, r, "failed to parse default acl file `" PATH_POLICY "': %s", cause.text);
	resolve(own, &policy, &device);
	policy_match(&policy, &caller, &device, &verdict);
	if (!verdict.allowed)
		return deny(&policy, &verdict, failure);
	set_ports(&policy, &verdict, &ports);
	if (act == OWN_DEFINE && !(managed && managed->declared))
		r = verify_number(own, &policy, &verdict, failure);
	else if (act == OWN_USE && managed && own_verify_ports(&ports, &managed->network, failure) < 0)
		r = -EACCES;
	if (r == 0)
		*ret_ports = ports;
	return r;
}
