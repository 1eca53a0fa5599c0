/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The verbs of guestnet and their options.
 * Pure: two tables, and finding in them.
 */
#include "verbs.h"

#include <string.h>

#include "paths.h"

const struct option_name option_names[] = {
	[OPTION_JSON] = { "--json", NULL, "print JSON (doc/json.md)" },
	[OPTION_LIBVIRT] = { "--libvirt", "NETWORK", "a network that libvirt has, by its name there" },
	[OPTION_LIBVIRT_NAME] = { "--libvirt-name", "NAME", "the network's name in libvirt, if it is another one" },
	[OPTION_NAME] = { "--name", "NAME", "what the network is to be called here" },
	[OPTION_OUTPUT] = { "--output", "FILE", "where to write, if not below " PATH_CONFIG_ROOT "/networks" },
	[OPTION_STDOUT] = { "--stdout", NULL, "print the file instead of writing it" },
	[OPTION_FORCE] = { "--force", NULL, "replace a file that exists; interrupt guests that run" },
	[OPTION_USER] = { "--user", "NAME|UID", "that user, instead of whoever calls" },
	[OPTION_NAMES] = { "--names", NULL, "print names only" },
	[OPTION_ALL] = { "--all", NULL, "all networks: these are always shown" },
	[OPTION_WAIT] = { "--wait", "GUEST", "wait until this guest (its name or MAC) has a lease, and print its address" },
	[OPTION_TIMEOUT] = { "--timeout", "SECONDS", "do not wait longer" },
	[OPTION_DISABLE] = { "--disable", NULL, "not any more" },
	[OPTION_DRY_RUN] = { "--dry-run", NULL, "do nothing, and say what would be done" },
	[OPTION_DROP_IN] = { "--drop-in", NULL, "not its own file, but one beside it that outdoes it" },
	[OPTION_MAC] = { "--mac", "ADDRESS", "the guest's MAC address, instead of one that is always the same for it" },
	[OPTION_MODEL] = { "--model", "DEVICE", "virtio (the default), e1000, or another of QEMU's devices" },
	[OPTION_GUEST] = { "--guest", "NAME", "which guest: each has a MAC address of its own" },
	[OPTION_YES] = { "--yes", NULL, "ask nothing" },
	[OPTION_FIX] = { "--fix", NULL, "run the commands that lose nothing, and look again" },
	[OPTION_TRAFFIC] = { "--traffic", NULL, "bytes, packets and drops, of the bridge too" },
	[OPTION_QUEUES] = { "--queues", "NUMBER", "a tap with several queues, as many as the guest has processors" },
	[OPTION_PROTOCOL] = { "--protocol", "NAME", "tcp or udp (with a port; tcp if nothing is said), or icmp (without)" },
};
_Static_assert(ARRAY_SIZE(option_names) == OPTION_MAX_, "every option has a name");

#define JSON	OPTION_BIT(OPTION_JSON)
#define USER	OPTION_BIT(OPTION_USER)
#define BIT(option) OPTION_BIT(OPTION_##option)

#define NIC	(OPTION_BIT(OPTION_MAC) | OPTION_BIT(OPTION_MODEL) | OPTION_BIT(OPTION_GUEST))

/* In the order of the help. Name, aliases, arguments, help, options, operands from-to, function, detail. */
const struct verb verbs[] = {
	{ "adopt", NULL, "TAP NETWORK", "put a tap of another program on a network, and keep it there", 0, 2, 2, networks_adopt,
	  "TAP is on no bridge, as QEMU leaves it with script=no. It stays the tap of who made it.\n" },
	{ "autostart", NULL, "NETWORK", "let a network start by itself", BIT(DISABLE), 1, 1, networks_autostart, "" },
	{ "cat", "dumpxml", "NETWORK", "the text of a network's files, in the order in which they apply", JSON, 1, 1,
	  networks_cat, "" },
	{ "complete", NULL, "[WORD...]", NULL, 0, 0, OPERANDS_ANY, complete_run, "" },
	{ "confirm", NULL, "NETWORK", "keep a network card where a start has put it on trial", 0, 1, 1, networks_confirm, "" },
	{ "create", NULL, "NAME|FILE [NETWORK]", "a network of your own, or one from a file until the next boot, and start it", 0, 1, 2,
	  networks_create,
	  "NAME alone makes a network of your own, UID.NAME: NAT, and there until guestnet undefine. The policy says whether and how\n"
	  "many (a line own, guestnet-bridge.conf(5)); guestnet edit changes it.\n"
	  "FILE is called NAME.network, or \"-\" (standard input) with a name.\n" },
	{ "define", NULL, "FILE [NETWORK]", "declare a network, or replace what declares it", 0, 1, 2, networks_define,
	  "FILE is called NAME.network, or \"-\" (standard input) with a name. What is wrong changes nothing.\n" },
	{ "delegate", NULL, "PREFIX [SECONDS]", "say that an IPv6 prefix was delegated to this host, and for how long", 0, 1, 2,
	  networks_delegate,
	  "For DHCPv6 clients that do not say so themselves: networks with Address=delegated have a part of it until the time is\n"
	  "over. Said again, the time begins anew; 0 ends it at once. guestnet.network(5), DELEGATED PREFIXES.\n" },
	{ "doctor", NULL, "", "look at everything that can be wrong, and say what mends it", JSON | BIT(FIX), 0, 0, doctor_verb,
	  "What it finds stands in doc/TROUBLESHOOTING.md, too. As root it sees firewalls of others.\n"
	  "Exit status: 0 all is well, 5 something is wrong.\n" },
	{ "edit", NULL, "NETWORK", "change a network's text in $EDITOR", BIT(DROP_IN), 1, 1, networks_edit,
	  "The text is checked before it replaces anything; a network that was up and fails with it gets the old one back.\n"
	  "A network that comes with the program gets a drop-in, which outdoes its file.\n" },
	{ "exec", NULL, "NETWORK -- VMM ARGUMENT...", "start a guest with a port on the network",
	  NIC | BIT(QUEUES), 2, OPERANDS_ANY, exec_run,
	  "The tap is an open fd of the program: it may run in any sandbox. QEMU gets -netdev and -device behind its own\n"
	  "arguments; for every other program, {fd}, {mac} and {fds} (all queues, with commas) are replaced:\n\n"
	  "  guestnet exec default -- qemu-system-x86_64 -sandbox on,spawn=deny -m 1G disk.img\n"
	  "  guestnet exec default --queues 2 -- cloud-hypervisor --net fd=[{fds}],mac={mac},num_queues=4 ...\n" },
	{ "iface-bridge", NULL, "INTERFACE BRIDGE", "put a network card of the host into a new bridge, and keep it there", BIT(YES), 2, 2,
	  networks_iface_bridge,
	  "Makes a network of the bridge's name with Mode=bridge and Uplink=, and starts it as guestnet start does.\n" },
	{ "iface-unbridge", NULL, "BRIDGE", "take a network card out of a bridge that iface-bridge has made", 0, 1, 1,
	  networks_iface_unbridge, "What was on the card is on it again, and the network is declared no more.\n" },
	{ "import", NULL, "FILE|--libvirt NETWORK", "make a network file of libvirt's XML, and say what is not in it",
	  JSON | OPTION_BIT(OPTION_LIBVIRT) | OPTION_BIT(OPTION_NAME) | OPTION_BIT(OPTION_OUTPUT) |
	  OPTION_BIT(OPTION_STDOUT) | OPTION_BIT(OPTION_FORCE), 0, 1, import_run,
	  "FILE may be -. Manual page: guestnet-import(1)\n" },
	{ "leases", "dhcp-leases", "[NETWORK]", "which guest has which address", JSON | BIT(WAIT) | BIT(TIMEOUT), 0, 1,
	  networks_leases, "" },
	{ "libvirt-link", NULL, "NETWORK", "put the guests of libvirt's network of that name on this one",
	  BIT(LIBVIRT_NAME) | BIT(FORCE), 1, 1, libvirt_link,
	  "libvirt's network becomes a bridge that is there already: this one. Undone by guestnet libvirt-unlink.\n" },
	{ "libvirt-unlink", NULL, "NETWORK", "make libvirt's network what it was before libvirt-link",
	  BIT(LIBVIRT_NAME) | BIT(FORCE), 1, 1, libvirt_unlink, "" },
	{ "list", NULL, "", "the declared networks", JSON | BIT(ALL) | BIT(NAMES), 0, 0, networks_list, "" },
	{ "monitor", "event", "[NETWORK]", "what happens, as it happens", JSON, 0, 1, networks_monitor,
	  "Until it is interrupted. With --json, one object on each line.\n" },
	{ "policy check", NULL, "[FILE]", "test a policy file: syntax, owners, rules that have no effect",
	  JSON, 0, 1, policy_check,
	  "Without FILE, the installed policy " PATH_POLICY ".\n"
	  "Exit status: 0 no errors, 1 errors, 3 no such file.\n" },
	{ "policy list", NULL, "", "which bridges you may use, and how much is left", JSON | USER, 0, 0, policy_list, "" },
	{ "policy why", NULL, "BRIDGE", "whether you may use a bridge, and which rule says so", JSON | USER, 1, 1, policy_why,
	  "Exit status: 0 allowed, 4 denied, 3 no such bridge (the policy is shown all the same).\n" },
	{ "ports", "port-list", "[NETWORK]", "which guest hangs where, and whose it is", JSON | BIT(TRAFFIC), 0, 1, ports_run,
	  "What is sent and received is so from the guest's point of view.\n" },
	{ "qemu", NULL, "NETWORK", "the arguments that put a guest on the network", JSON | NIC, 1, 1, qemu_run,
	  "  qemu-system-x86_64 -m 1G disk.img $(guestnet qemu default)\n\n"
	  "The MAC address is the same each time, for you, this network and this machine.\n" },
	{ "reload", NULL, "", "let the daemon read its configuration again", BIT(DRY_RUN), 0, 0, networks_reload, "" },
	{ "renumber", NULL, "NETWORK", "give a network another prefix than the one that was chosen for it (Address=auto)", 0, 1, 1,
	  networks_renumber,
	  "For when a VPN or a LAN has the same one. Guests keep their links, and get an address of the new prefix when their\n"
	  "lease is about to end; until then they reach nobody. While there are none, a network does this by itself.\n" },
	{ "restart", NULL, "NETWORK", "take a network down and bring it up", 0, 1, 1, networks_restart, "" },
	{ "setup", NULL, "", "what is needed before the first guest, after a few questions", USER | OPTION_BIT(OPTION_YES), 0, 0,
	  setup_run,
	  "Starts the network default now and at every boot, lets a user (--user, or whoever called sudo) start guests on it,\n"
	  "puts our helper in the place of QEMU's own, and gives the network the name virbr0, too, where libvirt does not use it\n"
	  "(with the line in QEMU's policy that GNOME Boxes looks for: it lets every user of the machine use the network).\n"
	  "Says first what it will do; does nothing twice; takes everything back when a step fails.\n" },
	{ "start", NULL, "NETWORK", "bring a network up, until the next boot", BIT(YES), 1, 1, networks_start,
	  "When a network card of the host becomes a port (Uplink=), it asks on a terminal whether to keep that, and undoes it\n"
	  "when nobody answers. With --yes, or without a terminal, the gateway's answer decides.\n" },
	{ "status", "info", "[NETWORK]", "how a network is, the problem first", JSON, 0, 1, networks_status,
	  "Exit status: 0 all is well, 3 no such network, 5 something is wrong.\n" },
	{ "stop", "destroy", "NETWORK", "take a network down, until the next boot", 0, 1, 1, networks_stop, "" },
	{ "undefine", NULL, "NETWORK", "take a network down and declare it no more", 0, 1, 1, networks_undefine,
	  "Its files stay beside their places, with a ~ behind their names.\n" },
	{ "why", NULL, "SOURCE DESTINATION[:PORT]", "whether a packet gets there, and who stops it", JSON | BIT(PROTOCOL), 2, 2, why_run,
	  "SOURCE and DESTINATION are addresses or names of guests; SOURCE may be host. Needs CAP_NET_ADMIN (root).\n"
	  "Exit status: 0 it and its answer pass, 1 they do not, 5 that cannot be told for certain.\n" },
};
const size_t n_verbs = ARRAY_SIZE(verbs);

/* Do the words begin with this name of a verb? Returns of how many words it is, 0 when they do not. */
static size_t name_matches(const char *name, size_t length, const char *const *words, size_t n_words)
{
	const char *blank = memchr(name, ' ', length);
	size_t first = blank ? (size_t)(blank - name) : length;

	if (n_words == 0 || strlen(words[0]) != first || strncmp(words[0], name, first) != 0)
		return 0;
	if (!blank)
		return 1;
	return n_words > 1 && strcmp(words[1], blank + 1) == 0 ? 2 : 0;
}

static size_t verb_matches(const struct verb *verb, const char *const *words, size_t n_words)
{
	size_t n = name_matches(verb->name, strlen(verb->name), words, n_words);

	for (const char *alias = verb->aliases; alias && *alias && n == 0;) {
		size_t length = strcspn(alias, " ");

		n = name_matches(alias, length, words, n_words);
		alias += length + (alias[length] == ' ');
	}
	return n;
}

/* The verb that the words begin with, NULL when they begin with none. @ret_length: of how many words its name is. */
const struct verb *verbs_find(const char *const *words, size_t n_words, size_t *ret_length)
{
	for (size_t i = 0; i < n_verbs; i++) {
		*ret_length = verb_matches(&verbs[i], words, n_words);
		if (*ret_length > 0)
			return &verbs[i];
	}
	return NULL;
}
