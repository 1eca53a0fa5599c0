/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The policy language. What was understood is printed in one canonical form, so that a row of a table
 * is text on both sides.
 */
#include "unit.h"

static void print_whos(struct text *text, const struct policy *policy, const struct policy_rule *rule, bool group)
{
	const char *separator = group ? " group=" : " user=";

	for (size_t i = 0; i < rule->n_whos; i++) {
		const struct policy_who *who = &policy->whos[rule->first_who + i];

		if (who->group != group)
			continue;
		text_add(text, "%s%s", separator, who->negated ? "!" : "");
		if (who->name)
			text_add(text, "%s%s", who->name, who->state == WHO_ASKED_NOT ? "" : "(state?)");
		else
			text_add(text, "#%u%s", who->id, who->state == WHO_KNOWN ? "" : "(state?)");
		separator = ",";
	}
}

static void print_rule(struct text *text, const struct policy *policy, const struct policy_rule *rule)
{
	text_add(text, "%u:%s %s", rule->line, policy_action_names[rule->action],
		 rule->bridge ?: "(all)");
	print_whos(text, policy, rule, false);
	print_whos(text, policy, rule, true);
	if (rule->max)
		text_add(text, " max=%u", rule->max);
	if (rule->networks)
		text_add(text, " networks=%u", rule->networks);
	for (size_t i = 0; i < rule->n_ranges; i++)
		text_add(text, "%s%u-%u", i ? "," : " ports=", policy->ranges[rule->first_range + i].first,
			 policy->ranges[rule->first_range + i].last);
	if (rule->isolated)
		text_add(text, " isolated");
	if (rule->vlan)
		text_add(text, " vlan=%u", rule->vlan);
	for (size_t i = 0; i < rule->n_macs; i++)
		text_add(text, "%s" MAC_FORMAT, i ? "," : " macs=", MAC_BYTES(policy->macs[rule->first_mac + i]));
	text_add(text, ";");
}

/* Parses a text and prints its rules and includes in the order in which they were reported, or the error. */
static int parse_and_print(const char *in, size_t length, char *out, size_t size)
{
	_cleanup_(policy_deinit) struct policy policy = POLICY_NULL;
	struct policy_cursor cursor = unit_policy_begin(&policy, in, length);
	struct failure failure = { 0 };
	const char *include;
	struct text text;
	size_t n = 0;
	int r;

	text_init(&text, out, size);
	do {
		r = policy_parse(&policy, &cursor, &include, &failure);
		if (r < 0) {
			text_init(&text, out, size);
			text_add(&text, "%s", failure.text);
			return r;
		}
		for (; n < policy.n_rules; n++)
			print_rule(&text, &policy, &policy.rules[n]);
		if (include)
			text_add(&text, "%u:include [%s];", cursor.line, include);
	} while (include);
	assert_false(text.overflow);
	return 0;
}

struct row {
	const char *in;
	const char *out;
};

static void check_good(const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		char out[4096];
		int r = parse_and_print(rows[i].in, strlen(rows[i].in), out, sizeof(out));

		check_string(STR_ESCAPED(rows[i].in), out, rows[i].out);
		check_int(STR_ESCAPED(rows[i].in), r, 0);
	}
}

/* The beginning of the text is compared: the place and what is wrong. */
static void check_bad(const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		char out[4096];
		int r = parse_and_print(rows[i].in, strlen(rows[i].in), out, sizeof(out));

		check_prefix(STR_ESCAPED(rows[i].in), out, rows[i].out);
		check_int(STR_ESCAPED(rows[i].in), r, -EINVAL);
	}
}

static void compatible_core(void **state _unused_)
{
	static const struct row rows[] = {
		{ "", "" },
		{ "\n", "" },
		{ "\n\n\r\n  \n\t\n", "" },
		{ "allow br0\n", "1:allow br0;" },
		{ "deny br0\n", "1:deny br0;" },
		{ "allow all\n", "1:allow (all);" },
		{ "deny all\n", "1:deny (all);" },
		{ "allow br0\ndeny br1\nallow br2\n", "1:allow br0;2:deny br1;3:allow br2;" },
		{ "\n\nallow br0\n", "3:allow br0;" },
		/* these are ordinary names */
		{ "allow any\n", "1:allow any;" },
		{ "allow ALL\n", "1:allow ALL;" },
		{ "allow alles\n", "1:allow alles;" },
		{ "allow allow\ndeny deny\nallow include\n", "1:allow allow;2:deny deny;3:allow include;" },
		{ "allow isolated\n", "1:allow isolated;" },
		{ "allow max=3\n", "1:allow max=3;" },
		{ "allow fifteen-bytes-x\n", "1:allow fifteen-bytes-x;" },
		{ "allow \xc3\xb6\n", "1:allow \xc3\xb6;" },
	};

	check_good(rows, ARRAY_SIZE(rows));
}

static void blanks(void **state _unused_)
{
	static const struct row rows[] = {
		{ " allow br0\n", "1:allow br0;" },
		{ "\tallow br0\n", "1:allow br0;" },
		{ " \t \tallow\t \tbr0 \t \n", "1:allow br0;" },
		{ "allow br0 \n", "1:allow br0;" },
		{ "allow br0\t\n", "1:allow br0;" },
		{ "allow  br0  isolated  max=2 \n", "1:allow br0 max=2 isolated;" },
		{ "allow\tbr0\tisolated\tmax=2\n", "1:allow br0 max=2 isolated;" },
	};

	check_good(rows, ARRAY_SIZE(rows));
}

static void line_ends(void **state _unused_)
{
	static const struct row rows[] = {
		{ "allow br0", "1:allow br0;" },
		{ "allow br0 ", "1:allow br0;" },
		{ "allow br0 isolated", "1:allow br0 isolated;" },
		{ "allow br0\r\n", "1:allow br0;" },
		{ "allow br0\r", "1:allow br0;" },
		{ "allow br0 \r\n", "1:allow br0;" },
		{ "allow br0\r\ndeny br1\r\n\r\nallow br2", "1:allow br0;2:deny br1;4:allow br2;" },
		{ "include /a\r\n", "1:include [/a];" },
		{ "include /a", "1:include [/a];" },
		{ "#\r\n", "" },
		{ "\r", "" },
	};
	static const struct row bad[] = {
		{ "allow br0\r\r\n", "t.conf:1: \"br0\\x0d\" cannot be the name of a bridge" },
		{ "allow br0\rdeny br1\n", "t.conf:1: \"br0\\x0ddeny\" cannot be the name of a bridge" },
		{ "allow\vbr0\n", "t.conf:1: unknown word \"allow\\x0bbr0\"" },
		{ "allow\fbr0\n", "t.conf:1: unknown word \"allow\\x0cbr0\"" },
		{ "\xef\xbb\xbf" "allow br0\n", "t.conf:1: unknown word \"\\xef\\xbb\\xbfallow\"" },
	};

	check_good(rows, ARRAY_SIZE(rows));
	check_bad(bad, ARRAY_SIZE(bad));
}

static void comments(void **state _unused_)
{
	static const struct row rows[] = {
		{ "# allow br0\n", "" },
		{ "#allow br0\n", "" },
		{ "  # allow br0\n", "" },
		{ "\t#\n", "" },
		{ "#", "" },
		{ "allow br0 # the rest is not read\n", "1:allow br0;" },
		{ "allow br0\t#isolated\n", "1:allow br0;" },
		{ "allow br0 #\n", "1:allow br0;" },
		{ "allow br0 #", "1:allow br0;" },
		{ "allow br0 # frobnicate=1\r\n", "1:allow br0;" },
		{ "allow br0 isolated # max=3\n", "1:allow br0 isolated;" },
		{ "allow br0 ## isolated\n", "1:allow br0;" },
		/* inside a word it is an ordinary byte */
		{ "allow br#0\n", "1:allow br#0;" },
		{ "allow br0#isolated\n", "1:allow br0#isolated;" },
		{ "allow br0 user=a#b\n", "1:allow br0 user=a#b;" },
	};
	static const struct row bad[] = {
		{ "allow # br0\n", "t.conf:1: allow wants the name of a bridge, or all" },
		{ "allow br0 isolated#comment\n", "t.conf:1: unknown word \"isolated#comment\"" },
		{ "allow br0 max=3#comment\n", "t.conf:1: max=3#comment: want a number" },
		{ "allow br0 user=a# b\n", "t.conf:1: unknown word \"b\"" },
	};

	check_good(rows, ARRAY_SIZE(rows));
	check_bad(bad, ARRAY_SIZE(bad));
}

static void includes(void **state _unused_)
{
	static const struct row rows[] = {
		{ "include /a\n", "1:include [/a];" },
		{ "include a.conf\n", "1:include [a.conf];" },
		{ "include ../a\n", "1:include [../a];" },
		{ " \tinclude\t \t/a \t\n", "1:include [/a];" },
		{ "include /etc/a b.conf\n", "1:include [/etc/a b.conf];" },
		{ "include /etc/a  b \t c.conf  \n", "1:include [/etc/a  b \t c.conf];" },
		{ "include /a # comment\n", "1:include [/a];" },
		{ "include /a b\t# comment\r\n", "1:include [/a b];" },
		{ "include /a#b\n", "1:include [/a#b];" },
		{ "include /a#b #c\n", "1:include [/a#b];" },
		{ "include /a \xc3\xb6\n", "1:include [/a \xc3\xb6];" },
		{ "include allow br0\n", "1:include [allow br0];" },
		/* in reading order among the rules */
		{ "allow a\ninclude /x\ndeny b\n\ninclude /y\ninclude /z\nallow c\n",
		  "1:allow a;2:include [/x];3:deny b;5:include [/y];6:include [/z];7:allow c;" },
	};
	static const struct row bad[] = {
		{ "include\n", "t.conf:1: include wants a path" },
		{ "include", "t.conf:1: include wants a path" },
		{ "include \t \n", "t.conf:1: include wants a path" },
		{ "include # /a\n", "t.conf:1: include wants a path" },
		{ "include #/a\n", "t.conf:1: include wants a path" },
		{ "include /a\nallow\n", "t.conf:2: allow wants the name of a bridge, or all" },
	};

	check_good(rows, ARRAY_SIZE(rows));
	check_bad(bad, ARRAY_SIZE(bad));
}

static void first_words(void **state _unused_)
{
	static const struct row bad[] = {
		{ "allow\n", "t.conf:1: allow wants the name of a bridge, or all" },
		{ "deny\n", "t.conf:1: deny wants the name of a bridge, or all" },
		{ "deny", "t.conf:1: deny wants the name of a bridge, or all" },
		{ "\n\n\nalow br0\n", "t.conf:4: unknown word \"alow\" (a line begins with allow, deny, own or include)" },
		{ "Allow br0\n", "t.conf:1: unknown word \"Allow\"" },
		{ "ALLOW br0\n", "t.conf:1: unknown word \"ALLOW\"" },
		{ "allowbr0\n", "t.conf:1: unknown word \"allowbr0\"" },
		{ "allow=br0\n", "t.conf:1: unknown word \"allow=br0\"" },
		{ "includes /a\n", "t.conf:1: unknown word \"includes\"" },
		{ "br0\n", "t.conf:1: unknown word \"br0\"" },
		{ "; comment\n", "t.conf:1: unknown word \";\"" },
		{ "// comment\n", "t.conf:1: unknown word \"//\"" },
		{ "\x1b[2J\n", "t.conf:1: unknown word \"\\x1b[2J\"" },
		{ "allow br0\nallow br1\nnonsense\nallow br2\n", "t.conf:3: unknown word \"nonsense\"" },
	};

	check_bad(bad, ARRAY_SIZE(bad));
}

static void bridge_names(void **state _unused_)
{
	static const struct row bad[] = {
		{ "allow sixteen-bytes-xx\n", "t.conf:1: \"sixteen-bytes-xx\" cannot be the name of a bridge" },
		{ "deny sixteen-bytes-xx\n", "t.conf:1: \"sixteen-bytes-xx\" cannot be the name of a bridge" },
		{ "allow a/b\n", "t.conf:1: \"a/b\" cannot be" },
		{ "allow a:b\n", "t.conf:1: \"a:b\" cannot be" },
		{ "allow br%d\n", "t.conf:1: \"br%d\" cannot be" },
		{ "allow .\n", "t.conf:1: \".\" cannot be" },
		{ "allow ..\n", "t.conf:1: \"..\" cannot be" },
		{ "allow a\x7f\n", "t.conf:1: \"a\\x7f\" cannot be" },
		{ "allow a,b/c\n", "t.conf:1: \"a,b/c\" cannot be" },
	};

	check_bad(bad, ARRAY_SIZE(bad));
}

static void keyword_user(void **state _unused_)
{
	static const struct row rows[] = {
		{ "allow br0 user=alice\n", "1:allow br0 user=alice;" },
		{ "allow br0 user=alice,bob\n", "1:allow br0 user=alice,bob;" },
		{ "allow br0 user=!alice\n", "1:allow br0 user=!alice;" },
		{ "allow br0 user=alice,!bob,carol\n", "1:allow br0 user=alice,!bob,carol;" },
		{ "allow br0 user=1000\n", "1:allow br0 user=#1000;" },
		{ "allow br0 user=!1000,0\n", "1:allow br0 user=!#1000,#0;" },
		{ "allow br0 user=4294967294\n", "1:allow br0 user=#4294967294;" },
		{ "allow br0 user=0x10\n", "1:allow br0 user=0x10;" },
		{ "allow br0 user=-1\n", "1:allow br0 user=-1;" },
		{ "allow br0 user=DOM\\bob\n", "1:allow br0 user=DOM\\bob;" },
		{ "allow br0 user=a=b\n", "1:allow br0 user=a=b;" },
		{ "allow all user=alice\n", "1:allow (all) user=alice;" },
		{ "deny br0 user=alice\n", "1:deny br0 user=alice;" },
		{ "deny all user=!alice\n", "1:deny (all) user=!alice;" },
	};
	static const struct row bad[] = {
		{ "allow br0 user\n", "t.conf:1: user wants a value: user=..." },
		{ "allow br0 user=\n", "t.conf:1: empty name in user=" },
		{ "allow br0 user=,\n", "t.conf:1: empty name in user=" },
		{ "allow br0 user=a,\n", "t.conf:1: empty name in user=" },
		{ "allow br0 user=,a\n", "t.conf:1: empty name in user=" },
		{ "allow br0 user=a,,b\n", "t.conf:1: empty name in user=" },
		{ "allow br0 user=!\n", "t.conf:1: '!' without a name" },
		{ "allow br0 user=a,!\n", "t.conf:1: '!' without a name" },
		{ "allow br0 user=a, b\n", "t.conf:1: empty name in user=" },
		{ "allow br0 user= a\n", "t.conf:1: empty name in user=" },
		{ "allow br0 user =a\n", "t.conf:1: user wants a value: user=..." },
		{ "allow br0 user=4294967295\n", "t.conf:1: 4294967295 is not a user number" },
		{ "allow br0 user=!4294967295\n", "t.conf:1: 4294967295 is not a user number" },
		{ "allow br0 user=4294967296\n", "t.conf:1: 4294967296 is not a user number" },
		{ "allow br0 user=18446744073709551616\n", "t.conf:1: 18446744073709551616 is not a user number" },
		{ "allow br0 user=a user=b\n", "t.conf:1: user is given twice" },
	};

	check_good(rows, ARRAY_SIZE(rows));
	check_bad(bad, ARRAY_SIZE(bad));
}

static void keyword_group(void **state _unused_)
{
	static const struct row rows[] = {
		{ "allow br0 group=kvm\n", "1:allow br0 group=kvm;" },
		{ "allow br0 group=!kvm,36\n", "1:allow br0 group=!kvm,#36;" },
		{ "allow br0 group=g user=u\n", "1:allow br0 user=u group=g;" },
		{ "allow br0 user=u,!v group=g,!h\n", "1:allow br0 user=u,!v group=g,!h;" },
		{ "deny br0 group=guests\n", "1:deny br0 group=guests;" },
	};
	static const struct row bad[] = {
		{ "allow br0 group\n", "t.conf:1: group wants a value: group=..." },
		{ "allow br0 group=\n", "t.conf:1: empty name in group=" },
		{ "allow br0 group=a,,b\n", "t.conf:1: empty name in group=" },
		{ "allow br0 group=!\n", "t.conf:1: '!' without a name" },
		{ "allow br0 group=4294967295\n", "t.conf:1: 4294967295 is not a group number" },
		{ "allow br0 group=a user=u group=b\n", "t.conf:1: group is given twice" },
	};

	check_good(rows, ARRAY_SIZE(rows));
	check_bad(bad, ARRAY_SIZE(bad));
}

static void keyword_max(void **state _unused_)
{
	static const struct row rows[] = {
		{ "allow br0 max=1\n", "1:allow br0 max=1;" },
		{ "allow br0 max=1023\n", "1:allow br0 max=1023;" },
		{ "allow br0 max=016\n", "1:allow br0 max=16;" },
	};
	static const struct row bad[] = {
		{ "allow br0 max\n", "t.conf:1: max wants a value: max=..." },
		{ "allow br0 max=\n", "t.conf:1: max=: want a number from 1 to 1023 (use deny for none at all)" },
		{ "allow br0 max=0\n", "t.conf:1: max=0: want a number from 1 to 1023" },
		{ "allow br0 max=1024\n", "t.conf:1: max=1024: want a number" },
		{ "allow br0 max=65537\n", "t.conf:1: max=65537: want a number" },
		{ "allow br0 max=4294967297\n", "t.conf:1: max=4294967297: want a number" },
		{ "allow br0 max=-1\n", "t.conf:1: max=-1: want a number" },
		{ "allow br0 max=2,3\n", "t.conf:1: max=2,3: want a number" },
		{ "allow br0 max=many\n", "t.conf:1: max=many: want a number" },
		{ "allow br0 max=1 max=1\n", "t.conf:1: max is given twice" },
		{ "deny br0 max=1\n", "t.conf:1: max has no meaning in a deny rule" },
	};

	check_good(rows, ARRAY_SIZE(rows));
	check_bad(bad, ARRAY_SIZE(bad));
}

static void own(void **state _unused_)
{
	static const struct row rows[] = {
		{ "own\n", "1:own (all);" },
		{ "own # mine\nallow br0\n", "1:own (all);2:allow br0;" },
		{ "own networks=1\nown networks=64 max=2 isolated\n", "1:own (all) networks=1;2:own (all) max=2 networks=64 isolated;" },
		{ "own user=4201 group=!7\n", "1:own (all) user=#4201 group=!#7;" },
		{ "own ports=8080\nown ports=2222,8000-8999 max=1\n", "1:own (all) ports=8080-8080;2:own (all) max=1 ports=2222-2222,8000-8999;" },
		/* those below 1024 by themselves */
		{ "own ports=1-1023,1024-65535\n", "1:own (all) ports=1-1023,1024-65535;" },
		{ "own ports=1,2,3,4,5,6,7,8\n", "1:own (all) ports=1-1,2-2,3-3,4-4,5-5,6-6,7-7,8-8;" },
	};
	static const struct row bad[] = {
		{ "own networks=0\n", "t.conf:1: networks=0: want a number from 1 to 64" },
		{ "own networks=65\n", "t.conf:1: networks=65: want a number from 1 to 64" },
		{ "own networks=\n", "t.conf:1: networks=: want a number" },
		{ "own networks\n", "t.conf:1: networks wants a value" },
		{ "own networks=1 networks=1\n", "t.conf:1: networks is given twice" },
		{ "own ports\n", "t.conf:1: ports wants a value" },
		{ "own ports=\n", "t.conf:1: empty port in ports=" },
		{ "own ports=8080,\n", "t.conf:1: empty port in ports=" },
		{ "own ports=,8080\n", "t.conf:1: empty port in ports=" },
		{ "own ports=80,,81\n", "t.conf:1: empty port in ports=" },
		{ "own ports=0\n", "t.conf:1: ports=0: want a port from 1 to 65535, or the first and the last one, such as 8000-8999" },
		{ "own ports=65536\n", "t.conf:1: ports=65536: want a port from 1 to 65535" },
		{ "own ports=8000-65536\n", "t.conf:1: ports=8000-65536: want a port from 1 to 65535" },
		{ "own ports=0-80\n", "t.conf:1: ports=0-80: want a port from 1 to 65535" },
		{ "own ports=8001-8000\n", "t.conf:1: ports=8001-8000: want a port from 1 to 65535" },
		{ "own ports=8000-\n", "t.conf:1: ports=8000-: want a port from 1 to 65535" },
		{ "own ports=-8000\n", "t.conf:1: ports=-8000: want a port from 1 to 65535" },
		{ "own ports=8000-8001-8002\n", "t.conf:1: ports=8000-8001-8002: want a port from 1 to 65535" },
		{ "own ports=http\n", "t.conf:1: ports=http: want a port from 1 to 65535" },
		{ "own ports=tcp:80\n", "t.conf:1: ports=tcp:80: want a port from 1 to 65535" },
		{ "own ports=1-65535\n", "t.conf:1: ports=1-65535: ports below 1024 are those of the host's own services: to give them away, write them as a range of their own" },
		{ "own ports=1023-1024\n", "t.conf:1: ports=1023-1024: ports below 1024 are those" },
		{ "own ports=1,2,3,4,5,6,7,8,9\n", "t.conf:1: more than 8 ranges in ports=" },
		{ "own ports=80 ports=81\n", "t.conf:1: ports is given twice" },
		{ "allow br0 ports=80\n", "t.conf:1: ports has no meaning in an allow rule" },
		{ "deny br0 ports=80\n", "t.conf:1: ports has no meaning in a deny rule" },
		{ "own all\n", "t.conf:1: unknown word \"all\"" },
		{ "own lab\n", "t.conf:1: unknown word \"lab\"" },
		{ "own vlan=3\n", "t.conf:1: vlan has no meaning in an own rule" },
		{ "own macs=52:54:00:12:34:56\n", "t.conf:1: macs has no meaning in an own rule" },
		{ "allow br0 networks=1\n", "t.conf:1: networks has no meaning in an allow rule" },
		{ "deny br0 networks=1\n", "t.conf:1: networks has no meaning in a deny rule" },
	};

	check_good(rows, ARRAY_SIZE(rows));
	check_bad(bad, ARRAY_SIZE(bad));
}

static void keyword_isolated(void **state _unused_)
{
	static const struct row rows[] = {
		{ "allow br0 isolated\n", "1:allow br0 isolated;" },
		{ "allow br0 isolated\nallow br1\n", "1:allow br0 isolated;2:allow br1;" },
	};
	static const struct row bad[] = {
		{ "allow br0 isolated=yes\n", "t.conf:1: isolated takes no value" },
		{ "allow br0 isolated=\n", "t.conf:1: isolated takes no value" },
		{ "allow br0 isolated isolated\n", "t.conf:1: isolated is given twice" },
		{ "deny br0 isolated\n", "t.conf:1: isolated has no meaning in a deny rule" },
		{ "allow br0 Isolated\n", "t.conf:1: unknown word \"Isolated\", did you mean \"isolated\"?" },
	};

	check_good(rows, ARRAY_SIZE(rows));
	check_bad(bad, ARRAY_SIZE(bad));
}

static void keyword_vlan(void **state _unused_)
{
	static const struct row rows[] = {
		{ "allow br0 vlan=1\n", "1:allow br0 vlan=1;" },
		{ "allow br0 vlan=4094\n", "1:allow br0 vlan=4094;" },
	};
	static const struct row bad[] = {
		{ "allow br0 vlan\n", "t.conf:1: vlan wants a value: vlan=..." },
		{ "allow br0 vlan=\n", "t.conf:1: vlan=: want a number from 1 to 4094" },
		{ "allow br0 vlan=0\n", "t.conf:1: vlan=0: want a number from 1 to 4094" },
		{ "allow br0 vlan=4095\n", "t.conf:1: vlan=4095: want a number from 1 to 4094" },
		{ "allow br0 vlan=65537\n", "t.conf:1: vlan=65537: want a number" },
		{ "allow br0 vlan=1-5\n", "t.conf:1: vlan=1-5: want a number" },
		{ "allow br0 vlan=1 vlan=2\n", "t.conf:1: vlan is given twice" },
		{ "deny br0 vlan=1\n", "t.conf:1: vlan has no meaning in a deny rule" },
	};

	check_good(rows, ARRAY_SIZE(rows));
	check_bad(bad, ARRAY_SIZE(bad));
}

static void keyword_macs(void **state _unused_)
{
	static const struct row rows[] = {
		{ "allow br0 macs=52:54:00:12:34:56\n", "1:allow br0 macs=52:54:00:12:34:56;" },
		{ "allow br0 macs=52:54:00:AA:bB:cC,02:00:00:00:00:01\n",
		  "1:allow br0 macs=52:54:00:aa:bb:cc,02:00:00:00:00:01;" },
		/* each rule has its own */
		{ "allow a macs=02:00:00:00:00:01\nallow b macs=02:00:00:00:00:02,02:00:00:00:00:03\nallow c\n",
		  "1:allow a macs=02:00:00:00:00:01;2:allow b macs=02:00:00:00:00:02,02:00:00:00:00:03;3:allow c;" },
	};
	static const struct row bad[] = {
		{ "allow br0 macs\n", "t.conf:1: macs wants a value: macs=..." },
		{ "allow br0 macs=\n", "t.conf:1: empty address in macs=" },
		{ "allow br0 macs=,\n", "t.conf:1: empty address in macs=" },
		{ "allow br0 macs=52:54:00:12:34:56,\n", "t.conf:1: empty address in macs=" },
		{ "allow br0 macs=,52:54:00:12:34:56\n", "t.conf:1: empty address in macs=" },
		{ "allow br0 macs=52:54:00:12:34:56,,52:54:00:12:34:57\n", "t.conf:1: empty address in macs=" },
		{ "allow br0 macs=52:54:00:12:34\n",
		  "t.conf:1: macs=52:54:00:12:34: want the address of one interface, such as 52:54:00:12:34:56" },
		{ "allow br0 macs=any\n", "t.conf:1: macs=any: want the address" },
		{ "allow br0 macs=52:54:00:12:34:56,ff:ff:ff:ff:ff:ff\n", "t.conf:1: macs=ff:ff:ff:ff:ff:ff: want the address" },
		{ "allow br0 macs=01:00:5e:00:00:01\n", "t.conf:1: macs=01:00:5e:00:00:01: want the address" },
		{ "allow br0 macs=00:00:00:00:00:00\n", "t.conf:1: macs=00:00:00:00:00:00: want the address" },
		{ "allow br0 macs=!52:54:00:12:34:56\n", "t.conf:1: macs=!52:54:00:12:34:56: want the address" },
		{ "allow br0 macs=02:00:00:00:00:01 macs=02:00:00:00:00:01\n", "t.conf:1: macs is given twice" },
		{ "deny br0 macs=52:54:00:12:34:56\n", "t.conf:1: macs has no meaning in a deny rule" },
	};

	check_good(rows, ARRAY_SIZE(rows));
	check_bad(bad, ARRAY_SIZE(bad));
}

static void all_keywords_at_once(void **state _unused_)
{
	static const struct row rows[] = {
		{ "allow br0 macs=02:00:00:00:00:01 vlan=7 isolated max=2 group=g user=u\n",
		  "1:allow br0 user=u group=g max=2 isolated vlan=7 macs=02:00:00:00:00:01;" },
		/* what is said twice counts within one line */
		{ "allow br0 max=1 isolated\nallow br0 max=2 isolated\n", "1:allow br0 max=1 isolated;2:allow br0 max=2 isolated;" },
	};

	check_good(rows, ARRAY_SIZE(rows));
}

static void unknown_words(void **state _unused_)
{
#define KNOWN " (known: user= group= max= networks= ports= isolated vlan= macs=)"
	static const struct row bad[] = {
		{ "allow br0 isolate\n", "t.conf:1: unknown word \"isolate\", did you mean \"isolated\"?" KNOWN },
		{ "allow br0 usr=a\n", "t.conf:1: unknown word \"usr\", did you mean \"user\"?" KNOWN },
		{ "allow br0 users=a\n", "t.conf:1: unknown word \"users\", did you mean \"user\"?" KNOWN },
		{ "allow br0 grup=a\n", "t.conf:1: unknown word \"grup\", did you mean \"group\"?" KNOWN },
		{ "allow br0 vlna=5\n", "t.conf:1: unknown word \"vlna\", did you mean \"vlan\"?" KNOWN },
		{ "allow br0 mac=x\n", "t.conf:1: unknown word \"mac\", did you mean \"max\"?" KNOWN },
		{ "allow br0 frobnicate\n", "t.conf:1: unknown word \"frobnicate\"" KNOWN },
		{ "allow br0 br1\n", "t.conf:1: unknown word \"br1\"" KNOWN },
		{ "allow br0 =\n", "t.conf:1: unknown word \"\"" KNOWN },
		{ "allow br0 =x\n", "t.conf:1: unknown word \"\"" KNOWN },
		{ "deny br0 frobnicate\n", "t.conf:1: unknown word \"frobnicate\"" KNOWN },
		{ "allow br0 \x1b[31m\n", "t.conf:1: unknown word \"\\x1b[31m\"" },
		{ "allow br0 %s%n\n", "t.conf:1: unknown word \"%s%n\"" },
		{ "allow br0 isolated, max=2\n", "t.conf:1: unknown word \"isolated,\"" },
		{ "allow br0 allow br1\n", "t.conf:1: unknown word \"allow\"" },
	};

	check_bad(bad, ARRAY_SIZE(bad));
}

/* Makes HEAD + FILL * n + TAIL; the caller frees. */
static char *repeat(const char *head, const char *fill, size_t n, const char *tail)
{
	size_t size = strlen(fill);
	char *text = malloc(strlen(head) + n * size + strlen(tail) + 1);
	char *end = text;

	assert_non_null(text);
	end = stpcpy(end, head);
	for (size_t i = 0; i < n; i++) {
		memcpy(end, fill, size);
		end += size;
	}
	stpcpy(end, tail);
	return text;
}

static void check_text(const char *label, char *owned_text, int error, const char *prefix)
{
	_cleanup_(freep) char *text = owned_text;
	char out[4096];

	check_int(label, parse_and_print(text, strlen(text), out, sizeof(out)), error);
	check_prefix(label, out, prefix);
}

static void long_lines(void **state _unused_)
{
	enum { LINE = 64 * 1024 };

	check_text("64 KiB", repeat("allow br0 #", "x", LINE - 11, "\nallow b\n"), 0, "1:allow br0;2:allow b;");
	check_text("64 KiB, no newline", repeat("allow br0 #", "x", LINE - 11, ""), 0, "1:allow br0;");
	check_text("one more", repeat("allow br0 #", "x", LINE - 10, "\n"), -EINVAL,
		   "t.conf:1: line longer than 65536 bytes");
	check_text("one more, no newline", repeat("allow br0 #", "x", LINE - 10, ""), -EINVAL,
		   "t.conf:1: line longer than 65536 bytes");
	check_text("one more, a comment", repeat("\n#", "x", LINE, "\n"), -EINVAL,
		   "t.conf:2: line longer than 65536 bytes");
	/* a long line is one line: what stands far behind counts */
	check_text("isolated far behind", repeat("allow br0", " ", 60000, "isolated\n"), 0, "1:allow br0 isolated;");
	check_text("wrong far behind", repeat("allow br0", " ", 60000, "frob\n"), -EINVAL, "t.conf:1: unknown word \"frob\"");
	check_text("deny behind 5000 bytes", repeat("#", "x", 5000, "deny all\n"), 0, "");
	check_text("long name", repeat("allow ", "x", 5000, "\n"), -EINVAL, "t.conf:1: \"xxx");
	check_text("long word", repeat("allow br0 ", "q", 5000, "\n"), -EINVAL, "t.conf:1: unknown word \"qqq");
	check_text("long value", repeat("allow br0 max=", "1", 5000, "\n"), -EINVAL, "t.conf:1: max=111");
}

static void long_words_have_no_suggestion(void **state _unused_)
{
	_cleanup_(freep) char *text = repeat("allow br0 ", "q", 250, "\n");
	char out[4096];

	parse_and_print(text, strlen(text), out, sizeof(out));
	assert_null(strstr(out, "did you mean"));
}

static void limit_of_names(void **state _unused_)
{
	check_text("64 users", repeat("allow br0 user=1", ",1", 63, "\n"), 0, "1:allow br0 user=#1,#1,#1");
	check_text("65 users", repeat("allow br0 user=1", ",1", 64, "\n"), -EINVAL, "t.conf:1: more than 64 names in user=");
	check_text("64 groups", repeat("allow br0 group=!a", ",!a", 63, "\n"), 0, "1:allow br0 group=!a,!a,!a");
	check_text("65 groups", repeat("allow br0 group=!a", ",!a", 64, "\n"), -EINVAL, "t.conf:1: more than 64 names in group=");
}

static void limit_of_addresses(void **state _unused_)
{
	check_text("8", repeat("allow br0 macs=02:00:00:00:00:01", ",02:00:00:00:00:01", 7, "\n"), 0,
		   "1:allow br0 macs=02:00:00:00:00:01,02");
	check_text("9", repeat("allow br0 macs=02:00:00:00:00:01", ",02:00:00:00:00:01", 8, "\n"), -EINVAL,
		   "t.conf:1: more than 8 addresses in macs=");
}

static void limit_of_rules(void **state _unused_)
{
	for (size_t n = 65535; n <= 65536; n++) {
		_cleanup_(policy_deinit) struct policy policy = POLICY_NULL;
		_cleanup_(freep) char *text = repeat("", "allow br0 user=7\n", n, "");
		struct failure failure = { 0 };
		int r = unit_policy_parse(&policy, text, strlen(text), &failure);

		check_int("result", r, n == 65535 ? 0 : -EINVAL);
		check_int("rules", policy.n_rules, 65535);
		check_int("the last line", policy.rules[65534].line, 65535);
		check_int("the last name", policy.whos[policy.rules[65534].first_who].id, 7);
		check_string("text", failure.text, n == 65535 ? "" : "t.conf:65536: more than 65535 rules");
	}
}

static void zero_bytes(void **state _unused_)
{
	static const char line[] = "allow br0 isolated # x\n";

	for (size_t i = 0; i < sizeof(line) - 2; i++) {
		char text[2 * sizeof(line)], out[256], label[32];

		memcpy(text, line, sizeof(line) - 1);
		memcpy(text + sizeof(line) - 1, line, sizeof(line) - 1);
		text[sizeof(line) - 1 + i] = '\0';
		snprintf(label, sizeof(label), "byte %zu", i);
		check_int(label, parse_and_print(text, 2 * sizeof(line) - 2, out, sizeof(out)), -EINVAL);
		check_string(label, out, "t.conf:2: zero byte in the line");
	}
}

/* Text that ends anywhere is read to its end, and never further: the sanitisers look on. */
static void every_length(void **state _unused_)
{
	static const char text[] =
		"allow br0 user=a,!2 group=g max=3 isolated vlan=4 macs=02:00:00:00:00:01\r\ninclude /a b # c\n deny all #\n";
	char out[512];

	for (size_t n = 0; n < sizeof(text); n++)
		parse_and_print(text, n, out, sizeof(out));
	check_string("whole", (parse_and_print(text, sizeof(text) - 1, out, sizeof(out)), out),
		     "1:allow br0 user=a,!#2 group=g max=3 isolated vlan=4 macs=02:00:00:00:00:01;2:include [/a b];3:deny (all);");
}

/* The path in a message is escaped, and a failure may be unwanted. */
static void messages(void **state _unused_)
{
	_cleanup_(policy_deinit) struct policy policy = POLICY_NULL;
	struct policy_cursor cursor = unit_policy_begin(&policy, "x", 1);
	struct failure failure = { 0 };
	const char *include;

	free(policy.files[0].path);
	policy.files[0].path = strdup("/a\nb");
	check_int("escaped", policy_parse(&policy, &cursor, &include, &failure), -EINVAL);
	check_prefix("escaped", failure.text, "/a\\x0ab:1: unknown word");

	cursor = POLICY_CURSOR(policy.files[0].text, 1, 0);
	policy.files[0].text[0] = 'x';
	check_int("unwanted", policy_parse(&policy, &cursor, &include, NULL), -EINVAL);
}

static void empty_policy(void **state _unused_)
{
	struct policy policy = POLICY_NULL;

	policy_deinit(&policy);
	policy_deinit(&policy);
	check_int("empty", policy.n_rules, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(compatible_core),
		cmocka_unit_test(blanks),
		cmocka_unit_test(line_ends),
		cmocka_unit_test(comments),
		cmocka_unit_test(includes),
		cmocka_unit_test(first_words),
		cmocka_unit_test(bridge_names),
		cmocka_unit_test(keyword_user),
		cmocka_unit_test(keyword_group),
		cmocka_unit_test(keyword_max),
		cmocka_unit_test(own),
		cmocka_unit_test(keyword_isolated),
		cmocka_unit_test(keyword_vlan),
		cmocka_unit_test(keyword_macs),
		cmocka_unit_test(all_keywords_at_once),
		cmocka_unit_test(unknown_words),
		cmocka_unit_test(long_lines),
		cmocka_unit_test(long_words_have_no_suggestion),
		cmocka_unit_test(limit_of_names),
		cmocka_unit_test(limit_of_addresses),
		cmocka_unit_test(limit_of_rules),
		cmocka_unit_test(zero_bytes),
		cmocka_unit_test(every_length),
		cmocka_unit_test(messages),
		cmocka_unit_test(empty_policy),
	};

	return cmocka_run_group_tests_name("policy-parse", tests, NULL, NULL);
}
