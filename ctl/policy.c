/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the verbs of the policy share: everything an answer is made from, and its parts in JSON.
 * System calls: reads policy files, accounts, and the devices of the network namespace.
 *
 * The verdicts come from the very library that the helper uses, over the same files read with the same
 * rights.
 */
#include "policy.h"

#include <errno.h>
#include <grp.h>
#include <net/if.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>

#include "paths.h"

/* Frees what a view owns. A zeroed one will do. */
void view_deinit(struct view *view)
{
	sources_deinit(&view->sources);
	link_table_deinit(&view->links);
	policy_deinit(&view->policy);
	caller_deinit(&view->caller);
}

/*
 * As policy_resolve(), and then by the name service switch: this process has no privilege that its
 * modules could take, so it needs no child for that.
 */
void policy_resolve_all_ways(struct policy *policy, const struct policy_device *device)
{
	policy_resolve(policy, device, NULL);
	for (size_t i = 0; i < policy->n_whos; i++) {
		struct policy_who *who = &policy->whos[i];
		const struct passwd *user;
		const struct group *group;

		if (who->state != WHO_UNKNOWN)
			continue;
		user = who->group ? NULL : getpwnam(who->name);
		group = who->group ? getgrnam(who->name) : NULL;
		if (!user && !group)
			continue;
		who->id = user ? user->pw_uid : group->gr_gid;
		who->state = WHO_KNOWN;
	}
}

static void note_include(const struct source_note *note, void *data)
{
	struct view *view = data;

	if (note->kind != SOURCE_WRONG)
		view->includes_differ = true;
}

/*
 * Reads policy, accounts and devices, for @user or whoever calls; root becomes @user. The caller must
 * view_deinit() it, failed or not. -ESRCH: there is no such user.
 */
int view_load(struct view *view, const char *user, struct failure *failure)
{
	struct failure cause = { 0 };
	int r;

	r = caller_load(user, &view->caller, failure);
	if (r == 0)
		r = caller_become(&view->caller, failure);
	if (r < 0)
		return r;

	r = policy_load(&view->policy, PATH_POLICY, 0, &cause);
	if (r < 0)
		return failure_set(failure, r, "%s (until this is put right, the helper refuses %s)", cause.text,
				   !view->caller.other ? "you" : view->caller.reads_as ? "this user" :
				   "whoever reads what you read");
	policy_resolve_all_ways(&view->policy, NULL);
	view->sources = SOURCES_NULL(&view->policy);
	for (size_t i = 0; !view->caller.reads_as && i < view->policy.n_files; i++)
		(void)source_scan(view->policy.files[i].path, note_include, view);

	r = link_table_load(&view->links);
	return r < 0 ? failure_set(failure, r, "cannot read the network devices: %s", strerror(-r)) : 0;
}

/* Devices */

/* NULL is no bridge. */
bool link_is_bridge(const struct link *link)
{
	return link && strcmp(link->kind, "bridge") == 0;
}

/* The device in the policy's eyes; borrows from @link. */
struct policy_device link_device(const struct link *link)
{
	return (struct policy_device){ .names = link->names, .n_names = link->n_names };
}

/* The names other than the canonical one, for people; "" when there are none. */
void link_other_names(const struct link *link, char *buffer, size_t size)
{
	struct text text;

	text_init(&text, buffer, size);
	for (size_t i = 1; link && i < link->n_names; i++)
		text_add(&text, "%s%s", i > 1 ? ", " : "", STR_ESCAPED(link->names[i]));
}

/* Quota: slots are alternative names of taps, guestnet.u<uid>.s<n>.<bridge> (helper/attach.c). */

/* Which slot of this uid on this bridge the device holds, or -1. */
static int slot_of(const struct link *link, uid_t uid, const char *bridge)
{
	char prefix[64];

	snprintf(prefix, sizeof(prefix), "guestnet.u%u.s", (unsigned int)uid);
	for (size_t i = 1; i < link->n_names; i++) {
		const char *rest, *dot;
		char number[8];
		uint32_t slot;

		if (!str_has_prefix(link->names[i], prefix, &rest))
			continue;
		dot = strchr(rest, '.');
		if (!dot || strcmp(dot + 1, bridge) != 0)
			continue;
		if (snprintf(number, sizeof(number), "%.*s", (int)(dot - rest), rest) < (int)sizeof(number) &&
		    str_parse_u32(number, LIMIT_MAX_PORTS, &slot) == 0)
			return (int)slot;
	}
	return -1;
}

/* Counts the taps on a bridge, and those of them that stand in the way of another one. */
void view_count_taps(const struct view *view, const struct link *bridge, unsigned int max, unsigned int *ret_taps,
		       unsigned int *ret_used)
{
	*ret_taps = *ret_used = 0;
	for (size_t i = 0; bridge && i < view->links.n_links; i++) {
		int slot = slot_of(&view->links.links[i], view->caller.as.uid, bridge->names[0]);

		*ret_taps += slot >= 0;
		*ret_used += slot >= 0 && (unsigned int)slot < max;
	}
}

/* Parts of answers */

/* Options of a port in the words of the policy, "" when there are none. */
void grant_print(const struct policy_grant *grant, struct text *text)
{
	if (grant->isolated)
		text_add(text, "isolated");
	if (grant->vlan)
		text_add(text, "%svlan=%u", text->length ? " " : "", grant->vlan);
	for (size_t i = 0; i < grant->n_macs; i++)
		text_add(text, "%s" MAC_FORMAT, i ? "," : text->length ? " macs=" : "macs=", MAC_BYTES(grant->macs[i]));
}

/* Ports of the host, as the policy writes them. */
void grant_print_ports(const struct policy_grant *grant, struct text *text)
{
	for (size_t i = 0; i < grant->n_ports; i++) {
		if (i > 0)
			text_add(text, ",");
		text_add_range(text, grant->ports[i].first, grant->ports[i].last);
	}
}

/* Who it is, for people. Returns @buffer. */
const char *caller_words(const struct caller *caller, char *buffer, size_t size)
{
	if (caller->name)
		snprintf(buffer, size, "%s (uid %u)", STR_ESCAPED(caller->name), (unsigned int)caller->as.uid);
	else
		snprintf(buffer, size, "uid %u", (unsigned int)caller->as.uid);
	return buffer;
}

/* What makes this answer less certain than one to the user in person. */
static void each_caveat(const struct view *view, void (*each)(const char *text, void *data), void *data)
{
	char text[512];

	if (!view->caller.has_gid) {
		snprintf(text, sizeof(text), "uid %u has no account, so no groups were assumed",
			 (unsigned int)view->caller.as.uid);
		each(text, data);
	}
	if (view->includes_differ) {
		snprintf(text, sizeof(text), "includes were read with your rights; %s may be able to read others",
			 CALLER_WORDS(&view->caller));
		each(text, data);
	}
}

static void print_caveat(const char *text, void *data _unused_)
{
	printf("Note: %s.\n", text);
}

/* The caveats, for people. */
void view_print_caveats(const struct view *view)
{
	each_caveat(view, print_caveat, NULL);
}

static void put_caveat(const char *text, void *data)
{
	json_string(data, NULL, text);
}

void put_caller(struct json *json, const struct view *view)
{
	const struct caller *caller = &view->caller;

	json_object(json, "caller");
	json_number(json, "uid", caller->as.uid);
	json_string(json, "name", caller->name);
	if (caller->has_gid)
		json_number(json, "gid", caller->as.gid);
	else
		json_null(json, "gid");
	json_array(json, "groups");
	for (size_t i = 0; i < caller->as.n_groups; i++)
		json_number(json, NULL, caller->as.groups[i]);
	json_array_end(json);
	json_object_end(json);
	json_string(json, "policy", PATH_POLICY);
	json_array(json, "notes");
	each_caveat(view, put_caveat, json);
	json_array_end(json);
}

void put_rule_members(struct json *json, struct view *view, const struct policy_rule *rule)
{
	json_string(json, "file", policy_rule_path(&view->policy, rule));
	json_number(json, "line", rule->line);
	json_string(json, "action", policy_action_names[rule->action]);
	json_string(json, "text", source_line(&view->sources, rule));
}

void put_rule(struct json *json, struct view *view, const struct policy_rule *rule)
{
	if (!rule) {
		json_null(json, "rule");
		return;
	}
	json_object(json, "rule");
	put_rule_members(json, view, rule);
	json_object_end(json);
}

void put_device(struct json *json, const struct link *link)
{
	if (!link) {
		json_null(json, "device");
		return;
	}
	json_object(json, "device");
	json_string(json, "name", link->names[0]);
	json_array(json, "altnames");
	for (size_t i = 1; i < link->n_names; i++)
		json_string(json, NULL, link->names[i]);
	json_array_end(json);
	json_number(json, "ifindex", (uint64_t)link->ifindex);
	json_string(json, "kind", link->kind[0] ? link->kind : NULL);
	json_bool(json, "up", link->flags & IFF_UP);
	json_number(json, "mtu", link->mtu);
	json_object_end(json);
}

void put_grant(struct json *json, const struct policy_verdict *verdict)
{
	const struct policy_grant *grant = &verdict->grant;

	if (!verdict->allowed) {
		json_null(json, "grant");
		return;
	}
	json_object(json, "grant");
	json_number(json, "max", grant->max);
	if (grant->networks)
		json_number(json, "networks", grant->networks);
	else
		json_null(json, "networks");
	json_array(json, "ports");
	for (size_t i = 0; i < grant->n_ports; i++) {
		char range[16];
		struct text text;

		text_init(&text, range, sizeof(range));
		text_add_range(&text, grant->ports[i].first, grant->ports[i].last);
		json_string(json, NULL, range);
	}
	json_array_end(json);
	json_bool(json, "isolated", grant->isolated);
	if (grant->vlan)
		json_number(json, "vlan", grant->vlan);
	else
		json_null(json, "vlan");
	json_array(json, "macs");
	for (size_t i = 0; i < grant->n_macs; i++) {
		char mac[18];

		snprintf(mac, sizeof(mac), MAC_FORMAT, MAC_BYTES(grant->macs[i]));
		json_string(json, NULL, mac);
	}
	json_array_end(json);
	json_object_end(json);
}

/* The caller's taps on this bridge, and how many more there may be. */
void put_taps(struct json *json, const struct view *view, const struct link *bridge,
		     const struct policy_verdict *verdict)
{
	unsigned int n_taps, used;

	json_array(json, "taps");
	for (size_t i = 0; bridge && i < view->links.n_links; i++)
		if (slot_of(&view->links.links[i], view->caller.as.uid, bridge->names[0]) >= 0)
			json_string(json, NULL, view->links.links[i].names[0]);
	json_array_end(json);

	view_count_taps(view, bridge, verdict->grant.max, &n_taps, &used);
	if (verdict->allowed)
		json_number(json, "free", verdict->grant.max - used);
	else
		json_null(json, "free");
}
