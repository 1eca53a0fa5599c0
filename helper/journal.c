/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The record of what was allowed and denied.
 * System calls: sends one datagram and never waits.
 *
 * Records are sent as the caller, who could send the like without us: they hold only what the caller may
 * know, and where it matters the daemon keeps a record of its own. Nothing depends on their arriving.
 */
#include "journal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <syslog.h>
#include <unistd.h>

#include "../lib/str.h"

#define IDENTIFIER "guestnet-bridge-helper"

static int send_text(int fd, const char *path, const struct text *text)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	if (sendto(fd, text->data, text->length, MSG_DONTWAIT | MSG_NOSIGNAL, (struct sockaddr *)&address,
		   sizeof(address)) < 0)
		return -errno;
	return 0;
}

/*
 * Sends a record to the journal (systemd's native protocol: one FIELD=value a line; facility authpriv),
 * or, where there is none, to the socket of syslog(3). The socket is closed by the exit that follows.
 */
void journal_send(const struct journal_record *record)
{
	int priority = record->allowed ? LOG_INFO : LOG_WARNING;
	char buffer[2048], line[1536];
	struct text text;
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return;

	/* Names in the text are escaped already; a newline in it would begin another field. */
	snprintf(line, sizeof(line), "%s", record->text);
	str_one_line(line);
	text_init(&text, buffer, sizeof(buffer));
	text_add(&text, "PRIORITY=%d\nSYSLOG_FACILITY=%d\nSYSLOG_IDENTIFIER=" IDENTIFIER "\n", priority,
		 LOG_FAC(LOG_AUTHPRIV));
	text_add(&text, "GUESTNET_VERDICT=%s\nGUESTNET_UID=%u\nBRIDGE=%s\n", record->allowed ? "allow" : "deny",
		 (unsigned int)record->uid, STR_ESCAPED(record->bridge));
	if (record->tap[0])
		text_add(&text, "TAP=%s\n", STR_ESCAPED(record->tap));
	if (record->rule[0])
		text_add(&text, "GUESTNET_RULE=%s\n", STR_ESCAPED(record->rule));
	text_add(&text, "MESSAGE=%s\n", line);
	if (send_text(fd, "/run/systemd/journal/socket", &text) == 0)
		return;

	text_init(&text, buffer, sizeof(buffer));
	text_add(&text, "<%d>" IDENTIFIER "[%d]: %s", LOG_AUTHPRIV | priority, (int)getpid(), line);
	(void)send_text(fd, "/dev/log", &text);
}
