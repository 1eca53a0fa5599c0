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
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../../lib/fd.h"
#include "../../lib/limits.h"

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
static bool is_networkd_s(int ifindex)
{
	char path[64], state[32];

	snprintf(path, sizeof(path), "/run/systemd/netif/links/%d", ifindex);
	return read_value(path, "ADMIN_STATE", state, sizeof(state)) && strcmp(state, "unmanaged") != 0;
}

/* NetworkManager keeps managed=0 or 1 for each device (nm-config.c). */
static bool is_networkmanager_s(int ifindex)
{
	char path[64], state[32];

	snprintf(path, sizeof(path), "/run/NetworkManager/devices/%d", ifindex);
	return read_value(path, "managed", state, sizeof(state)) && strcmp(state, "1") == 0;
}

/*
 * Does a program manage this card that would fight for it? Then @problem says so, and @fix is the command that has it make the
 * bridge itself.
 */
bool cardowner_manages(const char *nic, int ifindex, const char *bridge, struct text *problem, struct text *fix)
{
	if (is_networkmanager_s(ifindex)) {
		text_add(problem, "NetworkManager manages %s, and would take it back: let it make the bridge %s, and leave Uplink= away",
			 STR_ESCAPED(nic), STR_ESCAPED(bridge));
		text_add(fix, "nmcli connection add type bridge con-name %s ifname %s bridge.stp no bridge.mac-address \"$(cat /sys/class/net/%s/address)\" && nmcli connection add type ethernet con-name %s-%s ifname %s master %s && nmcli connection up %s-%s",
			 bridge, bridge, nic, bridge, nic, nic, bridge, bridge, nic);
		return true;
	}
	if (is_networkd_s(ifindex)) {
		text_add(problem, "systemd-networkd manages %s, and would take it back: let it make the bridge %s, and leave Uplink= away; what it is to have stands in the card's .network file, and moves to the bridge's",
			 STR_ESCAPED(nic), STR_ESCAPED(bridge));
		text_add(fix, "cd /etc/systemd/network && printf '[NetDev]\\nName=%s\\nKind=bridge\\nMACAddress=%%s\\n' \"$(cat /sys/class/net/%s/address)\" >10-%s.netdev && printf '[Match]\\nName=%s\\n[Network]\\nBridge=%s\\n' >10-%s.network && printf '[Match]\\nName=%s\\n[Network]\\nDHCP=yes\\n' >11-%s.network && networkctl reload",
			 bridge, nic, bridge, nic, bridge, nic, bridge, bridge);
		return true;
	}
	return false;
}

static size_t read_small(int proc_fd, const char *pid, const char *name, char *buffer, size_t size)
{
	_cleanup_(fd_closep) int fd = -EBADF;
	char path[64];
	ssize_t n;

	snprintf(path, sizeof(path), "%.20s/%s", pid, name);
	fd = openat(proc_fd, path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? 0 : read(fd, buffer, size - 1);
	buffer[n > 0 ? n : 0] = '\0';
	return n > 0 ? (size_t)n : 0;
}

static bool is_client(const char *command)
{
	static const char *const clients[] = { "dhclient", "dhcpcd", "udhcpc", "busybox" };

	for (size_t i = 0; i < ARRAY_SIZE(clients); i++)
		if (strcmp(command, clients[i]) == 0)
			return true;
	return false;
}

/* Arguments stand behind each other, each with a zero byte. */
static bool has_argument(const char *arguments, size_t length, const char *word)
{
	for (size_t i = 0; i < length; i += strlen(arguments + i) + 1)
		if (strcmp(arguments + i, word) == 0)
			return true;
	return false;
}

/* A DHCP client that was told to look after this card: "dhclient (pid 812)". False when none is found. */
bool cardowner_find_client(const char *nic, struct text *text)
{
	unsigned int n = 0;
	struct dirent *entry;
	DIR *proc = opendir("/proc");
	bool found = false;

	while (proc && !found && n < LIMIT_PROCESSES && (entry = readdir(proc))) {
		char command[32], arguments[4096];
		size_t length;
		uint32_t pid;

		if (str_parse_u32(entry->d_name, INT32_MAX, &pid) < 0)
			continue;
		n++;
		(void)read_small(dirfd(proc), entry->d_name, "comm", command, sizeof(command));
		command[strcspn(command, "\n")] = '\0';
		if (!is_client(command))
			continue;
		length = read_small(dirfd(proc), entry->d_name, "cmdline", arguments, sizeof(arguments));
		found = has_argument(arguments, length, nic) &&
			(strcmp(command, "busybox") != 0 || has_argument(arguments, length, "udhcpc"));
		if (found)
			text_add(text, "%s (pid %u)", strcmp(command, "busybox") == 0 ? "udhcpc" : command, pid);
	}
	if (proc)
		closedir(proc);
	return found;
}
