/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The decision: tables, then properties over random policies.
 */
#include "unit.h"

/* The account files of these tests; every other name is unknown. */
static const struct account {
	const char *name;
	bool group;
	uint32_t id;
} accounts[] = {
	{ "root", false, 0 }, { "alice", false, 4201 }, { "bob", false, 4202 },
	{ "root", true, 0 }, { "alice", true, 4201 }, { "staff", true, 500 }, { "wheel", true, 501 },
	/* a user and a group of one name, with different numbers */
	{ "mixed", false, 4300 }, { "mixed", true, 502 },
};

static void resolve(struct policy *policy)
{
	for (size_t i = 0; i < policy->n_whos; i++) {
		struct policy_who *who = &policy->whos[i];

		if (who->state == WHO_KNOWN)
			continue;
		who->state = WHO_UNKNOWN;
		for (size_t j = 0; j < ARRAY_SIZE(accounts); j++)
			if (accounts[j].group == who->group && strcmp(accounts[j].name, who->name) == 0) {
				who->id = accounts[j].id;
				who->state = WHO_KNOWN;
			}
	}
}

static void make_policy(struct policy *policy, const char *text)
{
	struct failure failure = { 0 };
	int r = unit_policy_parse(policy, text, strlen(text), &failure);

	check_string(text, failure.text, "");
	check_int(text, r, 0);
}

static const char *print_verdict(const struct policy *policy, const struct policy_verdict *verdict,
				 char *buffer, size_t size)
{
	struct text text;

	text_init(&text, buffer, size);
	if (!verdict->rule) {
		check_int("no rule", verdict->allowed, false);
		text_add(&text, "none");
		return buffer;
	}
	text_add(&text, "%s@%u", verdict->allowed ? "allow" : "deny", verdict->rule->line);
	assert_true(verdict->rule >= policy->rules && verdict->rule < policy->rules + policy->n_rules);
	if (!verdict->allowed)
		return buffer;
	text_add(&text, " max=%u", verdict->grant.max);
	if (verdict->grant.isolated)
		text_add(&text, " isolated");
	if (verdict->grant.vlan)
		text_add(&text, " vlan=%u", verdict->grant.vlan);
	for (size_t i = 0; i < verdict->grant.n_macs; i++)
		text_add(&text, "%s" MAC_FORMAT, i ? "," : " macs=", MAC_BYTES(verdict->grant.macs[i]));
	return buffer;
}

static const gid_t staff[] = { 500 }, staff_wheel[] = { 500, 501 }, alice_group[] = { 4201 };

/* A, B, R: alice, bob and root with a group of their own; others as the comment says. */
static const struct policy_caller callers[] = {
	['A'] = { .uid = 4201, .gid = 4201 },
	['B'] = { .uid = 4202, .gid = 4202 },
	['R'] = { .uid = 0, .gid = 0 },
	['p'] = { .uid = 4201, .gid = 500 },						/* staff is primary */
	['s'] = { .uid = 4201, .gid = 4201, .groups = staff, .n_groups = 1 },		/* staff is supplementary */
	['w'] = { .uid = 4202, .gid = 4202, .groups = staff_wheel, .n_groups = 2 },	/* the second one counts too */
	['x'] = { .uid = 4300, .gid = 4201, .groups = alice_group, .n_groups = 1 },
};

static const char *const br0[] = { "br0", "default", "net0" };

struct row {
	const char *text;
	char caller;
	const char *verdict;
};

static void check_rows(const struct row *rows, size_t n)
{
	const struct policy_device device = { br0, ARRAY_SIZE(br0) };

	for (size_t i = 0; i < n; i++) {
		_cleanup_(policy_deinit) struct policy policy = POLICY_NULL;
		struct policy_verdict verdict;
		char got[256], label[512];

		make_policy(&policy, rows[i].text);
		resolve(&policy);
		policy_match(&policy, &callers[(unsigned char)rows[i].caller], &device, &verdict);
		snprintf(label, sizeof(label), "%c %s", rows[i].caller, rows[i].text);
		check_string(label, print_verdict(&policy, &verdict, got, sizeof(got)), rows[i].verdict);
	}
}

static void order(void **state _unused_)
{
	static const struct row rows[] = {
		{ "", 'A', "none" },
		{ "", 'R', "none" },
		{ "allow br1", 'A', "none" },
		{ "allow br0", 'A', "allow@1 max=64" },
		{ "allow br0", 'R', "allow@1 max=64" },
		{ "allow all", 'A', "allow@1 max=64" },
		{ "allow br1", 'R', "none" },
		/* any deny beats any allow */
		{ "deny br0", 'A', "deny@1" },
		{ "allow br0\ndeny br0", 'A', "deny@2" },
		{ "deny br0\nallow br0", 'A', "deny@1" },
		{ "allow br0\ndeny all", 'A', "deny@2" },
		{ "deny all\nallow br0", 'A', "deny@1" },
		{ "allow br0\ndeny all", 'R', "deny@2" },
		{ "allow br0\nallow br0\nallow all\nallow br1\ndeny br0\nallow all", 'A', "deny@5" },
		{ "allow all\ndeny br1", 'A', "allow@1 max=64" },
		{ "deny br1\nallow all", 'A', "allow@2 max=64" },
		/* the first of several denials is the one named */
		{ "allow all\ndeny all\ndeny br0", 'A', "deny@2" },
		/* the first allow that matches decides, however narrow others are */
		{ "allow all\nallow br0 max=2 isolated", 'A', "allow@1 max=64" },
		{ "allow br0 max=2 isolated\nallow all max=9", 'A', "allow@1 max=2 isolated" },
		{ "allow br1 max=1\nallow br0 max=2\nallow br0 max=3", 'A', "allow@2 max=2" },
		{ "allow br0 user=bob max=1\nallow br0 max=2", 'A', "allow@2 max=2" },
		{ "allow br0 user=bob max=1\nallow br0 max=2", 'B', "allow@1 max=1" },
	};

	check_rows(rows, ARRAY_SIZE(rows));
}

static void names_of_the_device(void **state _unused_)
{
	static const struct row rows[] = {
		{ "allow default", 'A', "allow@1 max=64" },
		{ "allow net0", 'A', "allow@1 max=64" },
		{ "allow br0\ndeny default", 'A', "deny@2" },
		{ "allow default\ndeny br0", 'A', "deny@2" },
		{ "deny net0\nallow all", 'A', "deny@1" },
		{ "allow default max=1\nallow br0 max=2", 'A', "allow@1 max=1" },
		/* a name is compared as a whole */
		{ "allow br", 'A', "none" },
		{ "allow br00", 'A', "none" },
		{ "allow BR0", 'A', "none" },
		{ "allow br0x\nallow xbr0\nallow any\nallow ALL\nallow *", 'A', "none" },
	};

	check_rows(rows, ARRAY_SIZE(rows));
}

static void options(void **state _unused_)
{
	static const struct row rows[] = {
		{ "allow br0 max=1", 'A', "allow@1 max=1" },
		{ "allow br0 max=64", 'A', "allow@1 max=64" },
		{ "allow br0 max=1023", 'A', "allow@1 max=1023" },
		{ "allow br0 isolated", 'A', "allow@1 max=64 isolated" },
		{ "allow br0 vlan=4094", 'A', "allow@1 max=64 vlan=4094" },
		{ "allow br0 macs=02:00:00:00:00:01,02:00:00:00:00:02", 'A',
		  "allow@1 max=64 macs=02:00:00:00:00:01,02:00:00:00:00:02" },
		{ "allow br1 macs=02:00:00:00:00:01\nallow br0 macs=02:00:00:00:00:02 vlan=3 isolated max=5", 'A',
		  "allow@2 max=5 isolated vlan=3 macs=02:00:00:00:00:02" },
		/* nothing is left over from a rule that did not decide */
		{ "allow br0 user=bob isolated vlan=2 macs=02:00:00:00:00:01\nallow br0", 'A', "allow@2 max=64" },
	};

	check_rows(rows, ARRAY_SIZE(rows));
}

/* Networks of users' own: UID.NAME on gn-UID.NAME. */
static void own_networks(void **state _unused_)
{
	static const char *const alices[] = { "gn-4201.lab", "4201.lab" }, *const roots[] = { "gn-0.lab", "0.lab" };
	static const char *const lookalike[] = { "br0", "gn-4201.lab" }, *const bare[] = { "4201.lab" };
	static const struct {
		const char *const *names;
		size_t n_names;
		struct row row;
		unsigned int networks;
		uint32_t owner;
	} rows[] = {
#define ALICES alices, ARRAY_SIZE(alices)
		/* nothing but `own` lets anybody on, and that the owner alone */
		{ ALICES, { "", 'A', "none" }, 0, 4201 },
		{ ALICES, { "allow all", 'A', "none" }, 0, 4201 },
		{ ALICES, { "allow 4201.lab", 'A', "none" }, 0, 4201 },
		{ ALICES, { "own", 'A', "allow@1 max=64" }, 1, 4201 },
		{ ALICES, { "own networks=3 max=2 isolated", 'A', "allow@1 max=2 isolated" }, 3, 4201 },
		{ ALICES, { "own user=alice", 'A', "allow@1 max=64" }, 1, 4201 },
		{ ALICES, { "own user=bob", 'A', "none" }, 0, 4201 },
		{ ALICES, { "own user=ghost", 'A', "none" }, 0, 4201 },
		{ ALICES, { "own user=!ghost", 'A', "none" }, 0, 4201 },
		{ ALICES, { "own group=staff", 's', "allow@1 max=64" }, 1, 4201 },
		{ ALICES, { "own group=staff", 'A', "none" }, 0, 4201 },
		{ ALICES, { "own networks=2\nown networks=5", 'A', "allow@1 max=64" }, 2, 4201 },
		{ ALICES, { "own user=bob networks=2\nown networks=5", 'A', "allow@2 max=64" }, 5, 4201 },
		{ ALICES, { "allow all max=1\nown networks=5", 'A', "allow@2 max=64" }, 5, 4201 },
		{ ALICES, { "own", 'B', "none" }, 0, 4201 },
		{ ALICES, { "own\nallow all\nallow 4201.lab user=bob", 'B', "none" }, 0, 4201 },
		/* to root it is a bridge like any other */
		{ ALICES, { "own", 'R', "none" }, 0, 4201 },
		{ ALICES, { "allow all", 'R', "allow@1 max=64" }, 0, 4201 },
		/* a deny is heard as ever */
		{ ALICES, { "own\ndeny all user=alice", 'A', "deny@2" }, 0, 4201 },
		{ ALICES, { "own\ndeny gn-4201.lab", 'A', "deny@2" }, 0, 4201 },
		{ ALICES, { "deny all user=ghost\nown", 'A', "deny@1" }, 0, 4201 },
		{ ALICES, { "own\ndeny br0", 'A', "allow@1 max=64" }, 1, 4201 },
		/* the kernel's own name decides, not another one; nobody is owner of a network that is root's */
		{ lookalike, 2, { "own", 'A', "none" }, 0, POLICY_NOBODY },
		{ lookalike, 2, { "own\nallow all max=3", 'B', "allow@2 max=3" }, 0, POLICY_NOBODY },
		{ bare, 1, { "own\nallow all max=3", 'B', "allow@2 max=3" }, 0, POLICY_NOBODY },
		{ roots, 2, { "own", 'R', "none" }, 0, POLICY_NOBODY },
		{ br0, 3, { "own", 'A', "none" }, 0, POLICY_NOBODY },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_(policy_deinit) struct policy policy = POLICY_NULL;
		const struct policy_device device = { rows[i].names, rows[i].n_names };
		struct policy_verdict verdict;
		char got[256], label[512];

		make_policy(&policy, rows[i].row.text);
		resolve(&policy);
		policy_match(&policy, &callers[(unsigned char)rows[i].row.caller], &device, &verdict);
		snprintf(label, sizeof(label), "%s: %c %s", rows[i].names[0], rows[i].row.caller, rows[i].row.text);
		check_string(label, print_verdict(&policy, &verdict, got, sizeof(got)), rows[i].row.verdict);
		check_int(label, verdict.grant.networks, rows[i].networks);
		check_int(label, verdict.owner, rows[i].owner);
	}
}

/* Ports of the host are those of the rule that decides, and of no other one. */
static void own_ports(void **state _unused_)
{
	static const char *const names[] = { "gn-4201.lab", "4201.lab" };
	static const struct policy_device device = { names, ARRAY_SIZE(names) };
	static const struct {
		const char *text;
		uint16_t port;
		bool has;
	} rows[] = {
		{ "own", 8080, false },
		{ "own ports=8080", 8080, true },
		{ "own ports=8080", 8079, false },
		{ "own ports=8080", 8081, false },
		{ "own ports=80,8000-8999,9500", 8000, true },
		{ "own ports=80,8000-8999,9500", 8999, true },
		{ "own ports=80,8000-8999,9500", 7999, false },
		{ "own ports=80,8000-8999,9500", 9000, false },
		{ "own ports=80,8000-8999,9500", 80, true },
		{ "own ports=80,8000-8999,9500", 9500, true },
		{ "own user=bob ports=8080\nown ports=9090", 8080, false },
		{ "own user=bob ports=8080\nown ports=9090", 9090, true },
		{ "own\nown ports=8080", 8080, false },
		{ "own ports=8080\ndeny all", 8080, false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_(policy_deinit) struct policy policy = POLICY_NULL;
		struct policy_verdict verdict;

		make_policy(&policy, rows[i].text);
		resolve(&policy);
		policy_match(&policy, &callers['A'], &device, &verdict);
		check_int(rows[i].text, policy_grant_has_port(&verdict.grant, rows[i].port), rows[i].has);
	}
}

static void users_and_groups(void **state _unused_)
{
	static const struct row rows[] = {
		{ "allow br0 user=alice", 'A', "allow@1 max=64" },
		{ "allow br0 user=alice", 'B', "none" },
		{ "allow br0 user=alice", 'R', "none" },
		{ "allow br0 user=4201", 'A', "allow@1 max=64" },
		{ "allow br0 user=4201", 'B', "none" },
		{ "allow br0 user=root", 'R', "allow@1 max=64" },
		{ "allow br0 user=0", 'A', "none" },
		{ "allow br0 user=bob,alice", 'A', "allow@1 max=64" },
		{ "allow br0 user=bob,root", 'A', "none" },
		/* a user is no group of the same number, nor the other way round */
		{ "allow br0 user=500", 'p', "none" },
		{ "allow br0 group=4202", 'A', "none" },
		{ "allow br0 user=mixed", 'x', "allow@1 max=64" },
		{ "allow br0 group=mixed", 'x', "none" },
		/* primary and supplementary groups */
		{ "allow br0 group=staff", 'A', "none" },
		{ "allow br0 group=staff", 'p', "allow@1 max=64" },
		{ "allow br0 group=staff", 's', "allow@1 max=64" },
		{ "allow br0 group=500", 's', "allow@1 max=64" },
		{ "allow br0 group=wheel", 's', "none" },
		{ "allow br0 group=wheel", 'w', "allow@1 max=64" },
		{ "allow br0 group=wheel,staff", 'p', "allow@1 max=64" },
		{ "allow br0 group=root", 'R', "allow@1 max=64" },
		/* both lists must hold */
		{ "allow br0 user=alice group=staff", 'A', "none" },
		{ "allow br0 user=alice group=staff", 's', "allow@1 max=64" },
		{ "allow br0 user=alice group=staff", 'w', "none" },
		/* the same in a deny */
		{ "allow all\ndeny br0 user=alice", 'A', "deny@2" },
		{ "allow all\ndeny br0 user=alice", 'B', "allow@1 max=64" },
		{ "allow all\ndeny br0 group=staff", 'p', "deny@2" },
		{ "allow all\ndeny br0 group=staff", 's', "deny@2" },
		{ "allow all\ndeny br0 group=staff", 'A', "allow@1 max=64" },
		{ "allow all\ndeny br0 user=bob group=staff", 's', "allow@1 max=64" },
		{ "allow all\ndeny br0 user=bob group=staff", 'w', "deny@2" },
	};

	check_rows(rows, ARRAY_SIZE(rows));
}

static void negation(void **state _unused_)
{
	static const struct row rows[] = {
		{ "allow br0 user=!alice", 'A', "none" },
		{ "allow br0 user=!alice", 'B', "allow@1 max=64" },
		{ "allow br0 user=!4201", 'A', "none" },
		{ "allow br0 user=!alice,!bob", 'B', "none" },
		{ "allow br0 user=!alice,!bob", 'R', "allow@1 max=64" },
		/* with names without '!' one of these must be the caller's too */
		{ "allow br0 user=!alice,bob", 'R', "none" },
		{ "allow br0 user=!alice,bob", 'B', "allow@1 max=64" },
		{ "allow br0 user=alice,!alice", 'A', "none" },
		{ "allow br0 user=!alice,alice", 'A', "none" },
		{ "allow br0 group=!staff", 'A', "allow@1 max=64" },
		{ "allow br0 group=!staff", 'p', "none" },
		{ "allow br0 group=!staff", 's', "none" },
		{ "allow br0 group=staff,!wheel", 's', "allow@1 max=64" },
		{ "allow br0 group=staff,!wheel", 'w', "none" },
		{ "allow br0 group=!wheel,staff", 'w', "none" },
		{ "allow br0 user=alice group=!staff", 'A', "allow@1 max=64" },
		{ "allow br0 user=alice group=!staff", 's', "none" },
		/* everybody but */
		{ "allow all\ndeny br0 user=!alice", 'A', "allow@1 max=64" },
		{ "allow all\ndeny br0 user=!alice", 'B', "deny@2" },
		{ "allow all\ndeny br0 group=!staff", 'p', "allow@1 max=64" },
		{ "allow all\ndeny br0 group=!staff", 'A', "deny@2" },
	};

	check_rows(rows, ARRAY_SIZE(rows));
}

/* A name that nobody could resolve never lets an allow match, and always lets a deny match. */
static void unresolved(void **state _unused_)
{
	static const struct row rows[] = {
		{ "allow br0 user=ghost", 'A', "none" },
		{ "allow br0 user=ghost", 'R', "none" },
		{ "allow br0 group=ghosts", 's', "none" },
		{ "allow br0 user=!ghost", 'A', "none" },
		{ "allow br0 user=!ghost", 'R', "none" },
		{ "allow br0 group=!ghosts", 'A', "none" },
		/* a plain unknown name among others harms nobody else; "!ghost" excludes everybody */
		{ "allow br0 user=ghost,alice", 'A', "allow@1 max=64" },
		{ "allow br0 user=ghost,alice", 'B', "none" },
		{ "allow br0 user=alice,!ghost", 'A', "none" },
		{ "allow br0 user=!ghost,alice", 'A', "none" },
		{ "allow br0 user=alice group=!ghosts", 'A', "none" },
		{ "allow br0 user=alice group=ghosts", 'A', "none" },
		{ "allow br0 user=alice group=ghosts,staff", 's', "allow@1 max=64" },
		/* another rule may still allow */
		{ "allow br0 user=!ghost max=1\nallow br0 max=2", 'A', "allow@2 max=2" },
		/* deny */
		{ "allow all\ndeny br0 user=ghost", 'A', "deny@2" },
		{ "allow all\ndeny br0 user=ghost", 'R', "deny@2" },
		{ "allow all\ndeny br0 group=ghosts", 'A', "deny@2" },
		{ "allow all\ndeny br0 user=!ghost", 'A', "deny@2" },
		{ "allow all\ndeny br0 user=bob,ghost", 'A', "deny@2" },
		{ "allow all\ndeny br0 user=!alice,ghost", 'A', "deny@2" },
		{ "allow all\ndeny br0 user=!alice,!ghost", 'A', "deny@2" },
		{ "allow all\ndeny br0 user=ghost group=!ghosts", 'A', "deny@2" },
		/* the other list, and the bridge, must hold all the same */
		{ "allow all\ndeny br0 user=ghost group=staff", 'A', "allow@1 max=64" },
		{ "allow all\ndeny br0 user=ghost group=staff", 's', "deny@2" },
		{ "allow all\ndeny br0 user=bob group=ghosts", 'A', "allow@1 max=64" },
		{ "allow all\ndeny br1 user=ghost", 'A', "allow@1 max=64" },
		/* a group is no user of that name */
		{ "allow br0 user=staff", 's', "none" },
		{ "allow all\ndeny br0 user=staff", 'A', "deny@2" },
	};

	check_rows(rows, ARRAY_SIZE(rows));
}

/* Names that were never looked up count as unresolved. */
static void never_resolved(void **state _unused_)
{
	static const struct policy_device device = { br0, ARRAY_SIZE(br0) };
	static const struct row rows[] = {
		{ "allow br0 user=alice", 'A', "none" },
		{ "allow br0 user=!bob", 'A', "none" },
		{ "allow br0 user=4201", 'A', "allow@1 max=64" },
		{ "allow br0 user=!4202", 'A', "allow@1 max=64" },
		{ "allow all\ndeny br0 user=bob", 'A', "deny@2" },
		{ "allow all\ndeny br0 user=!alice", 'A', "deny@2" },
		{ "allow all\ndeny br0 user=4202", 'A', "allow@1 max=64" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_(policy_deinit) struct policy policy = POLICY_NULL;
		struct policy_verdict verdict;
		char got[256];

		make_policy(&policy, rows[i].text);
		policy_match(&policy, &callers[(unsigned char)rows[i].caller], &device, &verdict);
		check_string(rows[i].text, print_verdict(&policy, &verdict, got, sizeof(got)), rows[i].verdict);
	}
}

static void device_without_names(void **state _unused_)
{
	_cleanup_(policy_deinit) struct policy policy = POLICY_NULL;
	const struct policy_device device = { 0 };
	struct policy_verdict verdict;

	make_policy(&policy, "allow br0\nallow all max=3");
	assert_false(policy_rule_names(&policy.rules[0], &device));
	assert_true(policy_rule_names(&policy.rules[1], &device));
	policy_match(&policy, &callers['A'], &device, &verdict);
	assert_ptr_equal(verdict.rule, &policy.rules[1]);
	check_string("path", policy_rule_path(&policy, verdict.rule), "t.conf");
}

/* Shadows: the line that is useless and the line that makes it so; 0: it is not. */
static void shadows(void **state _unused_)
{
	static const struct {
		const char *text;
		unsigned int useless, by;
	} cases[] = {
		{ "allow br0\nallow br0", 2, 1 },
		{ "allow br0\nallow br0", 1, 0 },
		{ "allow br0\nallow br0 max=2 isolated", 2, 1 },
		{ "allow br0 max=1\nallow br0", 2, 1 },
		{ "allow all\nallow br0", 2, 1 },
		{ "allow all\nallow all", 2, 1 },
		{ "allow br0\nallow all", 2, 0 },
		{ "allow br0\nallow br1", 2, 0 },
		{ "allow br0\nallow br0 user=alice", 2, 1 },
		{ "allow br0 user=alice\nallow br0", 2, 0 },
		{ "allow br0 user=alice,bob\nallow br0 user=bob", 2, 1 },
		{ "allow br0 user=bob\nallow br0 user=alice,bob", 2, 0 },
		{ "allow br0 user=alice\nallow br0 user=bob", 2, 0 },
		{ "allow br0 user=alice\nallow br0 group=alice", 2, 0 },
		{ "allow br0 user=alice\nallow br0 user=alice group=staff", 2, 1 },
		{ "allow br0 user=alice group=staff\nallow br0 user=alice", 2, 0 },
		{ "allow br0 user=1\nallow br0 user=1", 2, 1 },
		{ "allow br0 user=1\nallow br0 user=2", 2, 0 },
		/* a name may be that number, or not: the text does not say */
		{ "allow br0 user=root\nallow br0 user=0", 2, 0 },
		{ "allow br0 user=!alice\nallow br0 user=!alice", 2, 1 },
		{ "allow br0 user=!alice\nallow br0 user=!alice,!bob", 2, 1 },
		{ "allow br0 user=!alice,!bob\nallow br0 user=!alice", 2, 0 },
		{ "allow br0 user=!alice\nallow br0 user=bob", 2, 0 },
		{ "allow br0 user=!alice\nallow br0 user=bob,!alice", 2, 1 },
		{ "allow br0 user=!alice\nallow br0", 2, 0 },
		{ "allow br0 user=!alice\nallow br0 user=alice", 2, 0 },
		/* a deny anywhere makes an allow useless */
		{ "allow br0\ndeny br0", 1, 2 },
		{ "deny br0\nallow br0", 2, 1 },
		{ "allow br0 user=alice\ndeny br0", 1, 2 },
		{ "allow br0\ndeny all", 1, 2 },
		{ "allow all\ndeny br0", 1, 0 },
		{ "allow br0\ndeny br0 user=alice", 1, 0 },
		{ "allow br0 user=alice\ndeny br0 user=alice", 1, 2 },
		{ "allow br0 user=alice\ndeny br0 user=bob", 1, 0 },
		{ "allow br0 group=staff\ndeny br0 user=alice", 1, 0 },
		/* an allow never makes a deny useless, a later deny never an earlier one */
		{ "allow br0\ndeny br0", 2, 0 },
		{ "deny br0\ndeny br0", 1, 0 },
		{ "deny br0\ndeny br0", 2, 1 },
		{ "deny all\ndeny br0 user=alice", 2, 1 },
		{ "deny br0 user=alice\ndeny all", 2, 0 },
		{ "deny br0 user=alice\ndeny br0 user=alice", 2, 1 },
		{ "deny br0 user=alice,ghost\ndeny br0 user=ghost", 2, 1 },
		/* a name that cannot be resolved widens the later deny, so it is not useless */
		{ "deny br0 user=1\ndeny br0 user=1,!ghost", 2, 0 },
		{ "deny br0 user=!1\ndeny br0 user=!1,ghost", 2, 0 },
		{ "deny br0 user=!1\ndeny br0 user=!1,!ghost", 2, 0 },
		{ "deny br0 user=!1\ndeny br0 user=!1,!2", 2, 1 },
		{ "deny br0 group=staff\ndeny br0 group=staff,!ghosts", 2, 0 },
		/* the first that does is named */
		{ "allow all\nallow br0\nallow br0", 3, 1 },
		{ "allow br0\nallow br0\ndeny br0", 2, 1 },
		/* an own rule says nothing of bridges, nor an allow of networks of users' own */
		{ "allow all\nown", 2, 0 },
		{ "own\nallow all", 2, 0 },
		{ "own\nallow br0", 2, 0 },
		{ "own networks=3\nown user=a", 2, 1 },
		{ "own user=a\nown user=b", 2, 0 },
		{ "own\ndeny all", 1, 2 },
		{ "own\ndeny br0", 1, 0 },
		{ "own user=a\ndeny all user=a", 1, 2 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_(policy_deinit) struct policy policy = POLICY_NULL;
		const struct policy_rule *shadow;

		make_policy(&policy, cases[i].text);
		shadow = policy_find_shadow(&policy, &policy.rules[cases[i].useless - 1]);
		check_int(cases[i].text, shadow ? shadow->line : 0, cases[i].by);
	}
}

/*
 * Properties. A small world, so that everything in it can be tried: users a b 1 2, groups g h 11 12; each
 * name may be any of the numbers or unresolvable; callers of every uid, gid and supplementary group.
 */
static const char *const world_users[] = { "a", "b", "1", "2", "!a", "!b", "!1", "!2" };
static const char *const world_groups[] = { "g", "h", "11", "12", "!g", "!h", "!11", "!12" };

static void add_list(struct text *text, uint32_t *random, const char *key, const char *const words[8])
{
	size_t n = unit_random(random) % 3;

	for (size_t i = 0; i < n; i++)
		text_add(text, "%s%s", i ? "," : key, words[unit_random(random) % 8]);
}

static void random_policy(uint32_t *random, char *buffer, size_t size)
{
	static const char *const bridges[] = { "x", "y", "all" };
	size_t n = 1 + unit_random(random) % 5;
	struct text text;

	text_init(&text, buffer, size);
	for (size_t i = 0; i < n; i++) {
		text_add(&text, "%s %s", unit_random(random) % 3 ? "allow" : "deny", bridges[unit_random(random) % 3]);
		add_list(&text, random, " user=", world_users);
		add_list(&text, random, " group=", world_groups);
		text_add(&text, "\n");
	}
	assert_false(text.overflow);
}

/* Gives the names a meaning: two bits for each of a, b, g, h; 0 and 3 are unresolvable. */
static void world_resolve(struct policy *policy, unsigned int meaning)
{
	for (size_t i = 0; i < policy->n_whos; i++) {
		struct policy_who *who = &policy->whos[i];
		unsigned int id;

		if (!who->name)
			continue;
		id = meaning >> (who->group ? (who->name[0] == 'g' ? 4 : 6) : (who->name[0] == 'a' ? 0 : 2)) & 3;
		who->state = id == 1 || id == 2 ? WHO_KNOWN : WHO_UNKNOWN;
		who->id = id + (who->group ? 10 : 0);
	}
}

static struct policy_caller world_caller(unsigned int n, gid_t *groups)
{
	struct policy_caller caller = { .uid = 1 + n % 3, .gid = 11 + n / 3 % 3, .groups = groups };

	groups[0] = 11 + n / 9 % 3;
	caller.n_groups = n / 27 % 2;
	return caller;
}

static uint32_t first_seed(void)
{
	const char *seed = getenv("SEED");

	return seed ? (uint32_t)strtoul(seed, NULL, 10) ?: 1 : 20250214;
}

static void a_shadowed_rule_never_decides(void **state _unused_)
{
	static const char *const names[] = { "x", "y", "z" };
	size_t n_shadowed = 0;

	for (uint32_t seed = first_seed(), round = 0; round < 1500; round++, seed++) {
		_cleanup_(policy_deinit) struct policy policy = POLICY_NULL;
		uint32_t random = seed;
		bool shadowed[8] = { 0 }, any = false;
		char text[512];

		random_policy(&random, text, sizeof(text));
		make_policy(&policy, text);
		for (size_t i = 0; i < policy.n_rules; i++) {
			shadowed[i] = policy_find_shadow(&policy, &policy.rules[i]) != NULL;
			n_shadowed += shadowed[i];
			any = any || shadowed[i];
		}
		if (!any)
			continue;

		for (unsigned int meaning = 0; meaning < 256; meaning++) {
			world_resolve(&policy, meaning);
			for (unsigned int n = 0; n < 54; n++)
				for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
					struct policy_device device = { &names[i], 1 };
					gid_t groups[1];
					struct policy_caller caller = world_caller(n, groups);
					struct policy_verdict verdict;

					policy_match(&policy, &caller, &device, &verdict);
					if (verdict.rule && shadowed[verdict.rule - policy.rules])
						fail_msg("SEED=%u: line %u decides (uid %u gid %u, meaning %u, %s) in\n%s",
							 seed, verdict.rule->line, caller.uid, caller.gid, meaning,
							 names[i], text);
				}
		}
	}
	check_int("shadows were seen", n_shadowed > 100, true);
}

/* Whatever becomes unresolvable, and whichever deny is added, nobody gains by it; order changes nothing. */
static void nobody_gains(void **state _unused_)
{
	static const char *const names[] = { "x", "y", "z" };
	size_t n_allowed = 0, n_lost = 0;

	for (uint32_t seed = first_seed(), round = 0; round < 400; round++, seed++) {
		_cleanup_(policy_deinit) struct policy policy = POLICY_NULL, reversed = POLICY_NULL;
		uint32_t random = seed;
		char text[512];

		random_policy(&random, text, sizeof(text));
		make_policy(&policy, text);
		make_policy(&reversed, text);
		for (size_t i = 0; i < policy.n_rules; i++)
			reversed.rules[i] = policy.rules[policy.n_rules - 1 - i];

		for (unsigned int meaning = 0; meaning < 256; meaning += 5) {
			unsigned int mask = 3u << 2 * (unit_random(&random) % 4);

			for (unsigned int n = 0; n < 54; n++)
				for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
					struct policy_device device = { &names[i], 1 };
					gid_t groups[1];
					struct policy_caller caller = world_caller(n, groups);
					struct policy_verdict with, without, other;

					world_resolve(&policy, meaning);
					policy_match(&policy, &caller, &device, &with);
					world_resolve(&reversed, meaning);
					policy_match(&reversed, &caller, &device, &other);
					if (with.allowed != other.allowed)
						fail_msg("SEED=%u: the order decides (meaning %u) in\n%s", seed, meaning, text);

					world_resolve(&policy, meaning & ~mask);
					policy_match(&policy, &caller, &device, &without);
					if (!with.allowed && without.allowed)
						fail_msg("SEED=%u: uid %u gid %u gains (meaning %u, mask %u) in\n%s",
							 seed, caller.uid, caller.gid, meaning, mask, text);
					n_allowed += with.allowed;
					n_lost += with.allowed && !without.allowed;
				}
		}
	}
	check_int("something was allowed", n_allowed > 1000, true);
	check_int("something was lost", n_lost > 1000, true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(order),
		cmocka_unit_test(names_of_the_device),
		cmocka_unit_test(options),
		cmocka_unit_test(own_networks),
		cmocka_unit_test(own_ports),
		cmocka_unit_test(users_and_groups),
		cmocka_unit_test(negation),
		cmocka_unit_test(unresolved),
		cmocka_unit_test(never_resolved),
		cmocka_unit_test(device_without_names),
		cmocka_unit_test(shadows),
		cmocka_unit_test(a_shadowed_rule_never_decides),
		cmocka_unit_test(nobody_gains),
	};

	return cmocka_run_group_tests_name("policy-match", tests, NULL, NULL);
}
