/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who else looks after a network card: systemd-networkd, NetworkManager, a DHCP client.
 * Reads files.
 *
 * The two managers take back whatever is taken from a card of theirs, and lose track of the host's addresses: there
 * the bridge has to be theirs, too. They say what they manage in files that everybody may read, below /run.
 */
#include "cardowner.h"

#include <dirent.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include "../../lib/addr.h"
#include "../../lib/limits.h"
#include "process.h"

/* Is there a line KEY=VALUE in this file? @ret_value gets the value. */
static bool read_value(const char *path, const char *key, char *ret_value, size_t size)
{
	char line[512];
	FILE *file = fopen(path, "re");
	bool found = false;

	while (file && !found && fgets(line, sizeof(line), file)) {
		const char *value;

		line[strcspn(line, "\n")] = '\0';
		found = str_has_prefix(line, key, &value) && *value == '=';
		if (found)
			snprintf(ret_value, size, "%s", value + 1);
	}
	if (file)
		fclose(file);
	return found;
}

/* networkd writes a file for each link, and what it does with it as ADMIN_STATE (networkd-state-file.c). */
static bool is_networkd_s(int ifindex, char *ret_file, size_t size)
{
	char path[64], state[32];

	snprintf(path, sizeof(path), "/run/systemd/netif/links/%d", ifindex);
	if (!read_value(path, "NETWORK_FILE", ret_file, size) || strchr(ret_file, '\''))
		ret_file[0] = '\0';
	return read_value(path, "ADMIN_STATE", state, sizeof(state)) && strcmp(state, "unmanaged") != 0;
}

/* NetworkManager writes managed=true or false for each device (nm_config_device_state_write()). */
static bool is_networkmanager_s(int ifindex)
{
	char path[64], state[32];

	snprintf(path, sizeof(path), "/run/NetworkManager/devices/%d", ifindex);
	return read_value(path, "managed", state, sizeof(state)) && strcmp(state, "true") == 0;
}

/* What they call the bridge: they leave those named as ours are alone, as we have told them to. */
static void name_bridge(const char *bridge, char ret_name[static IFNAME_SIZE])
{
	const char *rest;

	if (str_has_prefix(bridge, "gn-", &rest))
		snprintf(ret_name, IFNAME_SIZE, "br-%.12s", rest);
	else
		snprintf(ret_name, IFNAME_SIZE, "%.15s", bridge);
}

/* The present profile stays, so that it can be gone back to, and does not start by itself any more. */
static void fix_networkmanager(const char *nic, const char *bridge, struct text *fix)
{
	text_add(fix, "old=$(nmcli -g GENERAL.CON-UUID device show %s); set --; for key in $(printf 'ipv%%s ' 4.addresses 4.gateway 4.routes 4.dns 4.dns-search 4.method 6.addresses 6.gateway 6.routes 6.dns 6.dns-search 6.method); do set -- \"$@\" $key \"$(nmcli -e no -g $key connection show \"$old\")\"; done; ",
		 nic);
	text_add(fix, "nmcli connection add type bridge con-name %s ifname %s bridge.stp no bridge.mac-address \"$(cat /sys/class/net/%s/address)\" \"$@\" && nmcli connection add type ethernet con-name %s-%s ifname %s master %s && nmcli connection modify \"$old\" connection.autoconnect no && nmcli connection up %s-%s",
		 bridge, bridge, nic, bridge, nic, nic, bridge, bridge, nic);
}

/* @file says what the card has: without its [Match] it is the bridge's. "00-" comes before all others that would match. */
static void fix_networkd(const char *nic, const char *bridge, const char *file, struct text *fix)
{
	text_add(fix, "cd /etc/systemd/network && printf '[NetDev]\\nName=%s\\nKind=bridge\\nMACAddress=%%s\\n' \"$(cat /sys/class/net/%s/address)\" >00-%s.netdev && printf '[Match]\\nName=%s\\n[Network]\\nBridge=%s\\n' >00-%s-%s.network && ",
		 bridge, nic, bridge, nic, bridge, bridge, nic);
	if (file[0])
		text_add(fix, "{ printf '[Match]\\nName=%s\\n'; sed '/^\\[Match\\]/,/^\\[/{/^\\[Match\\]/d;/^\\[/!d}' '%s'; } >00-%s.network",
			 bridge, file, bridge);
	else
		text_add(fix, "printf '[Match]\\nName=%s\\n[Network]\\nDHCP=yes\\n' >00-%s.network", bridge, bridge);
	text_add(fix, " && networkctl reload");
}

/*
 * Does a program manage this card that would fight for it? Then @problem says so, and @fix is the command that has it make the
 * bridge itself.
 */
bool cardowner_manages(const char *nic, int ifindex, const char *bridge, struct text *problem, struct text *fix)
{
	char name[IFNAME_SIZE], file[256];
	const char *owner;

	name_bridge(bridge, name);
	if (is_networkmanager_s(ifindex)) {
		owner = "NetworkManager";
		fix_networkmanager(nic, name, fix);
	} else if (is_networkd_s(ifindex, file, sizeof(file))) {
		owner = "systemd-networkd";
		fix_networkd(nic, name, file, fix);
	} else {
		return false;
	}
	text_add(problem, "%s manages %s, and would take it back: let it make the bridge, with what %s has, and write Bridge=%s in the place of Uplink=%s",
		 owner, STR_ESCAPED(nic), STR_ESCAPED(nic), STR_ESCAPED(name), STR_ESCAPED(nic));
	return true;
}

/* Arguments stand behind each other, each with a zero byte. */
static bool has_argument(const char *arguments, size_t length, const char *word)
{
	for (size_t i = 0; i < length; i += strlen(arguments + i) + 1)
		if (strcmp(arguments + i, word) == 0)
			return true;
	return false;
}

/* Is there a word of this name in a title such as "dhcpcd: eth0 [ip4]"? */
static bool has_word(const char *title, const char *word)
{
	const size_t n = strlen(word);

	for (; *title; title += strcspn(title, " "), title += strspn(title, " "))
		if (strcspn(title, " ") == n && strncmp(title, word, n) == 0)
			return true;
	return false;
}

/* An argument that is an interface: a dhclient without one looks after all of them. */
static bool names_interface(const char *arguments, size_t length)
{
	for (size_t i = 0; i < length; i += strlen(arguments + i) + 1)
		if (if_nametoindex(arguments + i) > 0)
			return true;
	return false;
}

/*
 * dhcpcd gives its process a title; the one of all interfaces calls itself the manager, or the master. Its helpers' titles
 * begin with another word in brackets.
 */
static bool is_dhcpcd_of(const char *title, const char *nic, bool *ret_everywhere)
{
	if (!str_has_prefix(title, "dhcpcd: ", &title))
		return false;
	*ret_everywhere = strncmp(title, "[manager]", 9) == 0 || strncmp(title, "[master]", 8) == 0;
	return *ret_everywhere || (title[0] != '[' && has_word(title, nic));
}

static bool is_client_of(pid_t pid, const char *nic, struct cardowner_client *ret_client)
{
	struct cardowner_client client = { 0 };
	char command[32], arguments[4096];
	size_t length;
	bool found = false;

	(void)process_read(pid, "comm", command, sizeof(command));
	command[strcspn(command, "\n")] = '\0';
	if (strcmp(command, "dhclient") != 0 && strcmp(command, "dhcpcd") != 0 && strcmp(command, "udhcpc") != 0 &&
	    strcmp(command, "busybox") != 0)
		return false;
	length = process_read(pid, "cmdline", arguments, sizeof(arguments));
	if (strcmp(command, "dhcpcd") == 0) {
		found = is_dhcpcd_of(arguments, nic, &client.everywhere);
	} else if (strcmp(command, "dhclient") == 0) {
		client.everywhere = !names_interface(arguments, length);
		found = client.everywhere || has_argument(arguments, length, nic);
	} else if (strcmp(command, "udhcpc") == 0 || has_argument(arguments, length, "udhcpc")) {
		found = has_argument(arguments, length, nic);
	}
	/* Another container's client for its own eth0 is none of ours. */
	if (!found || process_shares_network(pid) <= 0)
		return false;
	client.pid = (uint32_t)pid;
	snprintf(client.program, sizeof(client.program), "%.15s", strcmp(command, "busybox") == 0 ? "udhcpc" : command);
	*ret_client = client;
	return true;
}

/* Does a client that has been found still run? */
bool cardowner_is_client(const char *nic, const struct cardowner_client *client)
{
	struct cardowner_client found;

	return client->pid && is_client_of((pid_t)client->pid, nic, &found);
}

/* A DHCP client that looks after this interface. False when none is found. */
bool cardowner_find_client(const char *nic, struct cardowner_client *ret_client)
{
	unsigned int n = 0;
	struct dirent *entry;
	DIR *proc = opendir("/proc");
	bool found = false;

	while (proc && !found && n < LIMIT_PROCESSES && (entry = readdir(proc))) {
		uint32_t pid;

		if (str_parse_u32(entry->d_name, INT32_MAX, &pid) < 0)
			continue;
		n++;
		found = is_client_of((pid_t)pid, nic, ret_client);
	}
	if (proc)
		closedir(proc);
	return found;
}
