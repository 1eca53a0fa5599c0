/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Are the files there that guests are to boot from, and may the user read them that dnsmasq runs as?
 * Looks only.
 *
 * A guest that gets no answer to its first TFTP request says little about why. Modes are looked at, not tried: we
 * may be root, who may read everything, while dnsmasq is somebody else.
 */
#include "bootfiles.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "../model/keys.h"
#include "../model/records.h"

static bool may(const struct stat *st, uid_t uid, gid_t gid, mode_t bit)
{
	if (uid == 0)
		return true;
	if (st->st_uid == uid)
		return st->st_mode & bit << 6;
	return st->st_mode & (st->st_gid == gid ? bit << 3 : bit);
}

/* Walks the path: each folder must let the user through. */
static bool look_at(const char *path, bool folder, uid_t uid, gid_t gid, struct text *problem)
{
	char part[4096];
	struct stat st;

	for (const char *p = path; p; p = strchr(p + 1, '/')) {
		size_t n = p == path ? 1 : (size_t)(p - path);

		if (n >= sizeof(part))
			return true;
		memcpy(part, path, n);
		part[n] = '\0';
		if (stat(part, &st) < 0) {
			text_add(problem, "%s: %s", STR_ESCAPED(part), strerror(errno));
			return false;
		}
		if (!may(&st, uid, gid, S_IXOTH)) {
			text_add(problem, "%s: the user of dnsmasq (uid %u) may not enter this folder", STR_ESCAPED(part), uid);
			return false;
		}
	}
	if (stat(path, &st) < 0) {
		text_add(problem, "%s: %s", STR_ESCAPED(path), strerror(errno));
		return false;
	}
	if (folder ? !S_ISDIR(st.st_mode) : !S_ISREG(st.st_mode)) {
		text_add(problem, "%s: this is no %s", STR_ESCAPED(path), folder ? "folder" : "file");
		return false;
	}
	if (!may(&st, uid, gid, S_IROTH)) {
		text_add(problem, "%s: the user of dnsmasq (uid %u) may not read it", STR_ESCAPED(path), uid);
		return false;
	}
	return true;
}

static void begin(const struct network *network, enum key_id key, struct text *problem)
{
	const struct network_place place = network_find_place(network, key);

	text_init(problem, problem->data, problem->size);
	text_add(problem, "%s:%u: [Boot] %s=: ", STR_ESCAPED(network->paths[place.file]), place.line, keys[key].name);
}

/* Names the first that is not as it should be, with file and line; nothing when all are. */
void bootfiles_look(const struct network *network, uid_t uid, gid_t gid, struct text *problem)
{
	char path[4096];
	bool good = true;

	if (!network->boot_root)
		return;
	begin(network, KEY_BOOT_ROOT, problem);
	good = look_at(network->boot_root, true, uid, gid, problem);
	for (size_t i = 0; good && i < BOOT_CLIENT_MAX_; i++) {
		const char *file = network->boot_files[i];

		if (!file || records_boot_is_url(file))
			continue;
		snprintf(path, sizeof(path), "%s/%s", network->boot_root, file);
		begin(network, KEY_BOOT_FILE, problem);
		good = look_at(path, false, uid, gid, problem);
	}
	if (good)
		text_init(problem, problem->data, problem->size);
}
