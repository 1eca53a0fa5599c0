/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Forwarding: which interfaces keep what was found of them, and in which order it is written.
 */
#include "unit.h"

#include "../../netd/model/forwarding.h"
#include "../../netd/model/plan.h"
#include "../../netd/model/print.h"

static void parse(const char *text, struct netstate *state)
{
	struct failure failure = { 0 };

	if (netstate_parse(text, state, &failure) < 0)
		fail_msg("%s", failure.text);
}

static bool update(struct forwarding *forwarding, const char *text)
{
	_cleanup_(netstate_deinit) struct netstate snapshot = NETSTATE_NULL;
	bool changed;

	parse(text, &snapshot);
	assert_int_equal(forwarding_update(forwarding, &snapshot, &changed), 0);
	return changed;
}

static void check_sysctls(const char *label, const struct forwarding *forwarding, bool v4, bool v6, const char *want)
{
	const struct families need = { .v4 = v4, .v6 = v6 };
	_cleanup_(netstate_deinit) struct netstate desired = NETSTATE_NULL;
	_cleanup_(freep) char *text = NULL;
	char *at;

	parse("bridge gn-a ours net=a mac=52:54:00:00:00:01\n", &desired);
	assert_int_equal(forwarding_add_sysctls(forwarding, &need, &desired), 0);
	netstate_sort(&desired);
	assert_int_equal(netstate_print(&desired, &text), 0);
	at = strchr(text, '\n') + 1;
	*strstr(at, "table ") = '\0';
	check_string(label, at, want);
}

static void accept_ra(void **state _unused_)
{
	_cleanup_(forwarding_deinit) struct forwarding forwarding = { .found6 = FORWARDING_OFF };

	check_sysctls("nothing", &forwarding, false, false, "");
	/* A network card, and what has been seen to use advertisements; a bridge of ours never. */
	assert_true(update(&forwarding, "device eth0 card\ndevice bond0 ra\ndevice gn-a ra\ndevice eth1 card ra\n"));
	assert_false(update(&forwarding, "device eth0 card\ndevice bond0 ra\n"));
	check_sysctls("uplinks", &forwarding, true, true,
		      "sysctl ipv4/ip_forward 1\nsysctl ipv6/conf/all/forwarding 1\nsysctl ipv6/conf/bond0/accept_ra 2 from-1\n"
		      "sysctl ipv6/conf/eth0/accept_ra 2 from-1\n");
	check_sysctls("IPv4 only", &forwarding, true, false, "sysctl ipv4/ip_forward 1\n");
	/* It is remembered; the card is not, it is seen again. */
	update(&forwarding, "");
	check_sysctls("remembered", &forwarding, false, true,
		      "sysctl ipv6/conf/all/forwarding 1\nsysctl ipv6/conf/bond0/accept_ra 2 from-1\n");
	/* A router takes no advertisements, unless it says so itself. */
	forwarding.found6 = FORWARDING_ON;
	check_sysctls("router", &forwarding, false, true, "sysctl ipv6/conf/all/forwarding 1\n");
}

static void interfaces_that_do_not_forward(void **state _unused_)
{
	_cleanup_(forwarding_deinit) struct forwarding forwarding = FORWARDING_NULL;

	update(&forwarding, "device all\ndevice eth0 off4\ndevice eth1 off6\ndevice gn-a off4 off6\ndevice a..b off4\n");
	check_sysctls("off", &forwarding, true, true,
		      "sysctl ipv4/conf/eth0/forwarding 0 after\nsysctl ipv4/conf/gn-a/forwarding 1 after\n"
		      "sysctl ipv4/ip_forward 1\nsysctl ipv6/conf/all/forwarding 1\n"
		      "sysctl ipv6/conf/eth1/forwarding 0 after\nsysctl ipv6/conf/gn-a/forwarding 1 after\n");
	check_sysctls("off, not needed", &forwarding, false, false, "");
	/* The host's own switch is off: what was known stays, of that family. */
	update(&forwarding, "device all off4\ndevice eth2 off6\n");
	check_sysctls("switch", &forwarding, true, true,
		      "sysctl ipv4/conf/eth0/forwarding 0 after\nsysctl ipv4/conf/gn-a/forwarding 1 after\nsysctl ipv4/ip_forward 1\n"
		      "sysctl ipv6/conf/all/forwarding 1\nsysctl ipv6/conf/eth2/forwarding 0 after\n");
	update(&forwarding, "device all off4\n");
	check_sysctls("switch, seen again", &forwarding, true, true,
		      "sysctl ipv4/conf/eth0/forwarding 0 after\nsysctl ipv4/conf/gn-a/forwarding 1 after\nsysctl ipv4/ip_forward 1\n"
		      "sysctl ipv6/conf/all/forwarding 1\n");
	/* Not looked at: nothing is known anew. */
	update(&forwarding, "");
	check_sysctls("unread", &forwarding, true, false,
		      "sysctl ipv4/conf/eth0/forwarding 0 after\nsysctl ipv4/conf/gn-a/forwarding 1 after\nsysctl ipv4/ip_forward 1\n");
	update(&forwarding, "device all\n");
	check_sysctls("on again", &forwarding, true, false, "sysctl ipv4/ip_forward 1\n");
}

static void limits(void **state _unused_)
{
	_cleanup_(forwarding_deinit) struct forwarding forwarding = FORWARDING_NULL;
	bool changed;

	for (unsigned int i = 0; i < 2 * LIMIT_UPLINKS; i++) {
		char name[32];

		snprintf(name, sizeof(name), "eth%u", i);
		assert_int_equal(forwarding_add_uplink(&forwarding, name, &changed), 0);
	}
	assert_int_equal(forwarding.n_uplinks, LIMIT_UPLINKS);
	changed = false;
	assert_int_equal(forwarding_add_uplink(&forwarding, "eth0", &changed), 0);
	assert_int_equal(forwarding_add_uplink(&forwarding, "", &changed), 0);
	assert_false(changed);
}

static void guard(void **state _unused_)
{
	const struct forwarding found = { .found4 = FORWARDING_OFF, .found6 = FORWARDING_ON };
	const struct families both = { true, true }, only6 = { false, true };
	struct families guarded = forwarding_guarded(&found, &both);

	assert_true(guarded.v4 && !guarded.v6);
	guarded = forwarding_guarded(&found, &only6);
	assert_false(guarded.v4 || guarded.v6);
}

/* What is there of a plan, in its order: the paths of its sysctls. */
static void check_plan(const char *label, const char *snapshot_text, const char *want)
{
	static const char desired_text[] =
		"bridge gn-a ours net=a up mtu=1500 mac=52:54:00:00:00:01\n"
		"sysctl ipv6/conf/all/forwarding 1\nsysctl ipv6/conf/eth0/accept_ra 2 from-1\n"
		"sysctl ipv6/conf/aaa/forwarding 0 after\nsysctl ipv4/conf/lan0/forwarding 0 after\ntable absent\n";
	_cleanup_(netstate_deinit) struct netstate desired = NETSTATE_NULL, snapshot = NETSTATE_NULL;
	_cleanup_(plan_deinit) struct plan plan = PLAN_NULL;
	char got[512] = "";
	struct text text;

	parse(desired_text, &desired);
	parse(snapshot_text, &snapshot);
	assert_int_equal(plan_build(&desired, &snapshot, NULL, NULL, 0, 1, &plan), 0);
	text_init(&text, got, sizeof(got));
	for (size_t i = 0; i < plan.n_steps; i++)
		if (plan.steps[i].op == PLAN_SYSCTL_SET)
			text_add(&text, "%s=%d ", plan.steps[i].sysctl.path, plan.steps[i].sysctl.value);
	check_string(label, got, want);
}

static void order(void **state _unused_)
{
#define BRIDGE "bridge gn-a index=5 ours net=a up mtu=1500 mac=52:54:00:00:00:01\n"
	check_plan("turned on", BRIDGE "sysctl ipv6/conf/all/forwarding 0\nsysctl ipv6/conf/eth0/accept_ra 1\n"
		   "sysctl ipv6/conf/aaa/forwarding 0\nsysctl ipv4/conf/lan0/forwarding 0\n",
		   "ipv6/conf/eth0/accept_ra=2 ipv6/conf/all/forwarding=1 ipv6/conf/aaa/forwarding=0 ");
	check_plan("is on", BRIDGE "sysctl ipv6/conf/all/forwarding 1\nsysctl ipv6/conf/eth0/accept_ra 2\n"
		   "sysctl ipv6/conf/aaa/forwarding 0\nsysctl ipv4/conf/lan0/forwarding 0\n", "");
	check_plan("refuses advertisements", BRIDGE "sysctl ipv6/conf/all/forwarding 1\nsysctl ipv6/conf/eth0/accept_ra 0\n"
		   "sysctl ipv6/conf/aaa/forwarding 1\nsysctl ipv4/conf/lan0/forwarding 1\n", "");
	check_plan("interfaces gone", BRIDGE "sysctl ipv6/conf/all/forwarding 0\n", "ipv6/conf/all/forwarding=1 ");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(accept_ra),
		cmocka_unit_test(interfaces_that_do_not_forward),
		cmocka_unit_test(limits),
		cmocka_unit_test(guard),
		cmocka_unit_test(order),
	};

	return cmocka_run_group_tests_name("forwarding", tests, NULL, NULL);
}
