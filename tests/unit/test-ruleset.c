/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * netd/model/ruleset.c: what the lines of the table become.
 */
#include <assert.h>

#include "unit.h"

#include "../../netd/model/ruleset.h"

static void build(struct ruleset *ruleset, unsigned int v4, unsigned int v4_too, unsigned int v6)
{
	struct netstate_table table = { 0 };

	ruleset_add_prefix4(&table, v4);
	ruleset_add_prefix4(&table, v4_too);
	ruleset_add_prefix6(&table, v6);
	table.features = RULESET_BRIDGED | RULESET_OUT;
	assert_int_equal(ruleset_build(&table, ruleset), 0);
}

static const struct ruleset_rule *find_rule(const struct ruleset *ruleset, const char *chain, const char *text)
{
	for (size_t i = 0; i < ruleset->n_rules; i++)
		if (strcmp(ruleset->rules[i].chain, chain) == 0 && strcmp(ruleset->rules[i].text, text) == 0)
			return &ruleset->rules[i];
	fail_msg("no rule \"%s\" in %s", text, chain);
	return NULL;
}

/* Statements in short: kind, fields, inversion, mask, value, name. */
static void describe(const struct ruleset_rule *rule, char *buffer, size_t size)
{
	static const char *const kinds[] = { "cmp", "flags", "lookup", "later", "clamp", "jump", "goto", "accept", "drop", "return", "reject", "masq",
					     "snat", "dnat" };
	static_assert(ARRAY_SIZE(kinds) == RULESET_KIND_MAX_, "every kind has its name");
	struct text text;

	text_init(&text, buffer, size);
	for (size_t i = 0; i < rule->n_statements; i++) {
		const struct ruleset_statement *s = &rule->statements[i];

		text_add(&text, "%s%s", i ? "; " : "", kinds[s->kind]);
		for (size_t j = 0; j < s->n_fields; j++)
			text_add(&text, " f%u", s->fields[j]);
		if (s->masked)
			text_add(&text, " /%u", s->prefix_length);
		if (s->invert)
			text_add(&text, " !");
		if (s->length)
			text_add(&text, " ");
		for (size_t j = 0; j < s->length; j++)
			text_add(&text, "%02x", s->value[j]);
		if (s->name[0])
			text_add(&text, " %s", s->name);
		if (s->ports[1])
			text_add(&text, " %u-%u", s->ports[0], s->ports[1]);
	}
}

static void test_statements(void **state _unused_)
{
	static const struct {
		const char *chain, *text, *want;
	} cases[] = {
		{ "from_bridge", "iifname . ip saddr & 255.255.240.0 @source20 goto from_guest",
		  "cmp f2 02; lookup f0 f5 /20 source20; goto from_guest" },
		{ "from_bridge", "iifname . ip6 saddr & ffff:ffff:ffff:ffff:: @source6_64 goto from_guest",
		  "cmp f2 0a; lookup f0 f7 /64 source6_64; goto from_guest" },
		{ "forward", "meta iifkind \"bridge\" goto from_bridge",
		  "cmp f31 62726964676500000000000000000000; goto from_bridge" },
		{ "from_guest", "meta oifkind \"bridge\" oifname @bridges goto between",
		  "cmp f32 62726964676500000000000000000000; lookup f1 bridges; goto between" },
		{ "from_guest", "ct status assured accept", "flags f17 04000000; accept" },
		{ "from_guest", "ct state new,untracked iifname @out jump rules_out", "flags f16 48000000; lookup f0 out; jump rules_out" },
		{ "rules_out_guest", "iifname . ether saddr . ip6 daddr . meta l4proto . th dport != @outguestdeny6 goto rules_out_all",
		  "cmp f2 0a; lookup f0 f21 f8 f3 f13 ! outguestdeny6; goto rules_out_all" },
		{ "to_guest", "ct state established,related accept", "flags f16 06000000; accept" },
		{ "to_guest", "ct status dnat accept", "flags f17 20000000; accept" },
		{ "postrouting", "ip saddr @gateway4 oifname != @bridges goto masq_host",
		  "cmp f2 02; lookup f5 gateway4; lookup f1 ! bridges; goto masq_host" },
		{ "postrouting", "oifname \"lo\" return", "cmp f1 6c6f0000000000000000000000000000; return" },
		{ "masq_host", "ip daddr 224.0.0.0/24 return", "cmp f2 02; cmp f6 /24 e0000000; return" },
		{ "masq", "meta l4proto udp masquerade to :1024-65535", "cmp f3 11; masq 1024-65535" },
		{ "masq", "masquerade", "masq" },
		{ "from_guest_in", "udp dport 67 udp sport 68 accept", "cmp f3 11; cmp f11 0043; cmp f10 0044; accept" },
		{ "from_guest_in", "icmpv6 type nd-neighbor-solicit ip6 hoplimit 255 accept",
		  "cmp f2 0a; cmp f3 3a; cmp f15 87; cmp f9 ff; accept" },
		{ "from_guest_in", "ip6 saddr fe80::/10 goto to_host",
		  "cmp f2 0a; cmp f7 /10 fe800000000000000000000000000000; goto to_host" },
		{ "to_host", "meta pkttype multicast drop", "cmp f4 02; drop" },
		{ "service", "icmp type echo-request accept", "cmp f2 02; cmp f3 01; cmp f14 08; accept" },
		/* In the bridge family the frame says what it carries. */
		{ "port", "iifgroup @ra icmpv6 type nd-router-advert drop",
		  "lookup f19 ra; cmp f20 86dd; cmp f3 3a; cmp f15 86; drop" },
		{ "port", "iifname @bound iifname . ether saddr != @mac drop", "lookup f0 bound; lookup f0 f21 ! mac; drop" },
		{ "port", "iifgroup @bpdu ether daddr 01:80:c2:00:00:00 drop", "lookup f19 bpdu; cmp f22 0180c2000000; drop" },
		{ "port_source", "meta protocol arp goto port_arp", "cmp f20 0806; goto port_arp" },
		{ "port_whole", "frag frag-off != 0 accept", "cmp f20 86dd; later; accept" },
		{ "port_arp", "arp htype 1 arp ptype ip arp hlen 6 arp plen 4 arp saddr ip 0.0.0.0 accept",
		  "cmp f20 0806; cmp f23 0001; cmp f24 0800; cmp f25 06; cmp f26 04; cmp f28 00000000; accept" },
		{ "port_ip", "iifgroup . ether saddr . ip saddr @address4 accept", "cmp f20 0800; lookup f19 f21 f5 address4; accept" },
		{ "port_target", "icmpv6 taddr fe80::/10 iifgroup . icmpv6 taddr != @gateway6 accept",
		  "cmp f20 86dd; cmp f3 3a; cmp f30 /10 fe800000000000000000000000000000; lookup f19 f30 ! gateway6; accept" },
	};
	struct ruleset ruleset;
	char got[512];

	build(&ruleset, 20, 24, 64);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		describe(find_rule(&ruleset, cases[i].chain, cases[i].text), got, sizeof(got));
		check_string(cases[i].text, got, cases[i].want);
	}
	ruleset_deinit(&ruleset);
}

static bool has_chain(const struct ruleset *ruleset, const char *name)
{
	for (size_t i = 0; i < ruleset->n_chains; i++)
		if (strcmp(ruleset->chains[i].name, name) == 0)
			return true;
	return false;
}

static bool has_set(const struct ruleset *ruleset, const char *name)
{
	for (size_t i = 0; i < ruleset->n_sets; i++)
		if (strcmp(ruleset->sets[i].name, name) == 0)
			return true;
	return false;
}

static bool needs_nfproto(uint8_t field)
{
	return (field >= RULESET_IP_SADDR && field <= RULESET_IP6_HOPLIMIT) ||
	       (field >= RULESET_ARP_HTYPE && field <= RULESET_ARP_SADDR_IP) || field == RULESET_ICMPV6_TADDR;
}

/* What must hold for every rule, whatever the table says. */
static void test_every_rule(void **state _unused_)
{
	struct ruleset ruleset;

	build(&ruleset, 0, 32, 128);
	for (size_t i = 0; i < ruleset.n_rules; i++) {
		const struct ruleset_rule *rule = &ruleset.rules[i];
		const struct ruleset_statement *last = &rule->statements[rule->n_statements - 1];
		bool nfproto = false;

		assert_true(has_chain(&ruleset, rule->chain));
		assert_true(rule->n_statements > 0);
		if (last->kind < RULESET_CLAMP)
			fail_msg("no verdict: %s", rule->text);
		for (size_t j = 0; j < rule->n_statements; j++) {
			const struct ruleset_statement *s = &rule->statements[j];

			if (s->kind >= RULESET_GOTO && s != last)
				fail_msg("a verdict before the end: %s", rule->text);
			if (s->kind == RULESET_GOTO && !has_chain(&ruleset, s->name))
				fail_msg("no such chain: %s", rule->text);
			if (s->kind == RULESET_LOOKUP && !has_set(&ruleset, s->name))
				fail_msg("no such set: %s", rule->text);
			nfproto |= s->n_fields == 1 && s->fields[0] == (rule->bridge ? RULESET_PROTOCOL : RULESET_NFPROTO);
			for (size_t k = 0; k < s->n_fields; k++)
				if (needs_nfproto(s->fields[k]) && !nfproto)
					fail_msg("reads a header before it knows the protocol: %s", rule->text);
		}
	}
	ruleset_deinit(&ruleset);
}

/*
 * Before the source of what a bridge of ours sends is known to be true, nothing may be let through: not even an
 * established flow. The first rule of `forward` hands on whatever a bridge sends; `from_bridge` hands on by a true source,
 * and what is left of our bridges' goes to `stray`, which lets through what stays on one bridge, and drops the rest.
 */
static void test_source_comes_first(void **state _unused_)
{
	static const struct {
		const char *chain, *allowed, *end;	/* beginnings of rules: any number, and what they end with */
	} cases[] = {
		{ "forward", "meta iifkind \"bridge\" goto from_bridge", NULL },
		{ "from_bridge", "iifname . ip", "iifname @bridges goto stray" },
		{ "stray", "iifname . oifname @same accept", "drop" },
	};
	struct ruleset ruleset;

	build(&ruleset, 16, 24, 64);
	for (size_t c = 0; c < ARRAY_SIZE(cases); c++) {
		bool ended = false;
		size_t n = 0;

		for (size_t i = 0; i < ruleset.n_rules && !ended; i++) {
			const struct ruleset_rule *rule = &ruleset.rules[i];

			if (strcmp(rule->chain, cases[c].chain) != 0)
				continue;
			n++;
			if (cases[c].end && strcmp(rule->text, cases[c].end) == 0)
				ended = true;
			else if (strncmp(rule->text, cases[c].allowed, strlen(cases[c].allowed)) != 0)
				fail_msg("%s: before the source check: %s", cases[c].chain, rule->text);
			if (!cases[c].end)
				ended = true;
		}
		assert_true(ended);
		assert_true(n > 0);
	}
	ruleset_deinit(&ruleset);
}

/* A guard is for what is none of ours, established or not: it comes before the state is asked. */
static void test_guard_comes_before_state(void **state _unused_)
{
	struct netstate_table table = { .features = RULESET_GUARD };
	struct ruleset ruleset;
	bool guarded = false, found = false;

	assert_int_equal(ruleset_build(&table, &ruleset), 0);
	for (size_t i = 0; i < ruleset.n_rules; i++) {
		const struct ruleset_rule *rule = &ruleset.rules[i];

		if (strcmp(rule->chain, "forward") != 0)
			continue;
		guarded |= strcmp(rule->text, "meta nfproto @guard drop") == 0;
		if (strcmp(rule->text, "ct state established,related accept") == 0) {
			found = true;
			assert_true(guarded);
		}
	}
	assert_true(found);
	ruleset_deinit(&ruleset);
}

static void test_sets(void **state _unused_)
{
	static const struct {
		enum netstate_set set;
		uint8_t length;
		const char *name;
		uint8_t key_length;
	} cases[] = {
		{ NETSTATE_SET_BRIDGES, 0, "bridges", 16 },
		{ NETSTATE_SET_SOURCE4, 24, "source24", 20 },
		{ NETSTATE_SET_SOURCE6, 64, "source6_64", 32 },
		{ NETSTATE_SET_SOURCE6, 4, "source6_4", 32 },
		{ NETSTATE_SET_SAME, 0, "same", 32 },
		{ NETSTATE_SET_NAT, 0, "nat", 16 },
		{ NETSTATE_SET_NAT6, 0, "nat6", 16 },
		{ NETSTATE_SET_GATEWAY4, 0, "gateway4", 4 },
		{ NETSTATE_SET_LOCAL4, 0, "local4", 20 },
		{ NETSTATE_SET_LOCAL6, 0, "local6", 32 },
		{ NETSTATE_SET_HOSTOPEN, 0, "hostopen", 16 },
		{ NETSTATE_SET_HOSTCLOSED, 0, "hostclosed", 16 },
		{ NETSTATE_SET_INSIDE4, 29, "inside29", 20 },
		{ NETSTATE_SET_INSIDE6, 128, "inside6_128", 32 },
	};
	static const char *const strangers[] = { "", "source", "source33", "source6_129", "source24x", "nat7", "Bridges" };
	char name[RULESET_NAME_SIZE];
	enum netstate_set set;
	uint8_t length;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_int_equal(ruleset_set_name(cases[i].set, cases[i].length, name, sizeof(name)), 0);
		check_string("name", name, cases[i].name);
		assert_int_equal(ruleset_set_parse(name, &set, &length), 0);
		assert_int_equal(set, cases[i].set);
		assert_int_equal(length, cases[i].length);
		assert_int_equal(ruleset_set_key_length(set), cases[i].key_length);
	}
	for (size_t i = 0; i < ARRAY_SIZE(strangers); i++)
		assert_int_equal(ruleset_set_parse(strangers[i], &set, &length), -ENOENT);
	assert_int_equal(ruleset_set_name(NETSTATE_SET_LOCAL4, 0, name, 3), -ENAMETOOLONG);
	/* A key stands in an element together with what it stands for. */
	for (set = 0; set < NETSTATE_SET_MAX_; set++) {
		const size_t key = ruleset_set_key_length(set), element = key + ruleset_set_data_length(set);

		assert_true(key > 0 && key <= NETSTATE_KEY_SIZE);
		assert_true(element > 0 && element <= NETSTATE_ELEMENT_SIZE);
	}
}

static void test_fingerprint(void **state _unused_)
{
	struct netstate_table a = { 0 }, b = { 0 };

	assert_true(ruleset_fingerprint(&a) != 0);
	ruleset_add_prefix4(&a, 24);
	assert_true(ruleset_fingerprint(&a) != ruleset_fingerprint(&b));
	ruleset_add_prefix4(&b, 24);
	/* Only the prefix lengths count, not whose table it is. */
	b.handle = 7;
	b.owned = true;
	assert_true(ruleset_fingerprint(&a) == ruleset_fingerprint(&b));
	ruleset_add_prefix6(&b, 64);
	assert_true(ruleset_fingerprint(&a) != ruleset_fingerprint(&b));
	ruleset_add_prefix6(&a, 65);
	assert_true(ruleset_fingerprint(&a) != ruleset_fingerprint(&b));
	/* Lengths that there are not change nothing. */
	b = a;
	ruleset_add_prefix4(&b, 33);
	ruleset_add_prefix6(&b, 129);
	assert_true(ruleset_fingerprint(&a) == ruleset_fingerprint(&b));
}

static void test_print(void **state _unused_)
{
	static const char *const parts[] = {
		"table inet guestnet {\n",
		"}\ntable bridge guestnet {\n\tcomment \"guestnet 2\"\n\tset guarded { type devgroup; }\n",
		"\tset portrate { type ifname; limit rate over 1 kbytes/second; }\n",
		"\tset address6 { type devgroup . ether_addr . ipv6_addr; }\n",
		"\tchain port_in {\n\t\ttype filter hook prerouting priority -300; policy accept;\n\t\tiifname @portrate drop\n\t\tiifgroup @guarded goto port\n\t}\n",
		"\tset source6_64 { type ifname . ipv6_addr; }\n",
		"\tset outallow4 { type ifname . ipv4_addr . inet_proto . inet_service; flags interval; }\n",
		"\tchain forward {\n\t\ttype filter hook forward priority 0; policy accept;\n"
		"\t\tmeta iifkind \"bridge\" goto from_bridge\n",
		"\tchain from_bridge {\n"
		"\t\tiifname . ip saddr & 255.0.0.0 @source8 goto from_guest\n"
		"\t\tiifname . ip saddr & 255.255.255.0 @source24 goto from_guest\n",
		"\tchain masq6 {\n\t\tip6 daddr ff00::/8 return\n",
	};
	struct ruleset ruleset;
	char buffer[32768];
	struct text text;

	build(&ruleset, 8, 24, 64);
	text_init(&text, buffer, sizeof(buffer));
	ruleset_print(&ruleset, &text);
	assert_false(text.overflow);
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
		check_contains("text", buffer, parts[i]);
	ruleset_deinit(&ruleset);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_statements),
		cmocka_unit_test(test_every_rule),
		cmocka_unit_test(test_source_comes_first),
		cmocka_unit_test(test_guard_comes_before_state),
		cmocka_unit_test(test_sets),
		cmocka_unit_test(test_fingerprint),
		cmocka_unit_test(test_print),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
