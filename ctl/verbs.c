/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The verbs of guestnet and their options.
 * Pure: two tables.
 */
#include "verbs.h"

#include "paths.h"

const struct option_name option_names[] = {
	[OPTION_JSON] = { "--json", NULL, "print JSON (doc/json.md)" },
	[OPTION_LIBVIRT] = { "--libvirt", "NETWORK", "a network that libvirt has, by its name there" },
	[OPTION_NAME] = { "--name", "NAME", "what the network is to be called here" },
	[OPTION_OUTPUT] = { "--output", "FILE", "where to write, if not below " PATH_CONFIG_ROOT "/networks" },
	[OPTION_STDOUT] = { "--stdout", NULL, "print the file instead of writing it" },
	[OPTION_FORCE] = { "--force", NULL, "replace a file that exists" },
	[OPTION_USER] = { "--user", "NAME|UID", "answer for that user (verbs of policy)" },
};
_Static_assert(ARRAY_SIZE(option_names) == OPTION_MAX_, "every option has a name");

#define JSON	OPTION_BIT(OPTION_JSON)
#define USER	OPTION_BIT(OPTION_USER)

/* In the order of the help. Name, aliases, arguments, help, options, operands from-to, function, detail. */
const struct verb verbs[] = {
	{ "import", NULL, "FILE|--libvirt NETWORK", "make a network file of libvirt's XML, and say what is not in it",
	  JSON | OPTION_BIT(OPTION_LIBVIRT) | OPTION_BIT(OPTION_NAME) | OPTION_BIT(OPTION_OUTPUT) |
	  OPTION_BIT(OPTION_STDOUT) | OPTION_BIT(OPTION_FORCE), 0, 1, import_run,
	  "FILE may be -. Manual page: guestnet-import(1)\n" },
	{ "leases", NULL, "[NETWORK]", "which guest has which address", JSON, 0, 1, networks_leases, "" },
	{ "list", NULL, "", "the declared networks", JSON, 0, 0, networks_list, "" },
	{ "policy check", NULL, "[FILE]", "test a policy file: syntax, owners, rules that have no effect",
	  JSON, 0, 1, policy_check,
	  "Without FILE, the installed policy " PATH_POLICY ".\n"
	  "Exit status: 0 no errors, 1 errors, 3 no such file.\n" },
	{ "policy list", NULL, "", "which bridges you may use, and how much is left", JSON | USER, 0, 0, policy_list, "" },
	{ "policy why", NULL, "BRIDGE", "whether you may use a bridge, and which rule says so", JSON | USER, 1, 1, policy_why,
	  "Exit status: 0 allowed, 4 denied, 3 no such bridge (the policy is shown all the same).\n" },
	{ "reload", NULL, "", "let the daemon read its configuration again", 0, 0, 0, networks_reload, "" },
	{ "start", NULL, "NETWORK", "bring a network up, until the next boot", 0, 1, 1, networks_start, "" },
	{ "status", NULL, "[NETWORK]", "how a network is, the problem first", JSON, 0, 1, networks_status,
	  "Exit status: 0 all is well, 3 no such network, 5 something is wrong.\n" },
	{ "stop", NULL, "NETWORK", "take a network down, until the next boot", 0, 1, 1, networks_stop, "" },
};
const size_t n_verbs = ARRAY_SIZE(verbs);
