/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the daemon has to say: to the journal, and to standard error where that is something else.
 * System calls: sends a datagram, writes a line; waits for nobody.
 */
#include "log.h"

#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define SD_JOURNAL_SUPPRESS_LOCATION
#include <systemd/sd-journal.h>

#include "../../lib/clock.h"

#define LINE_SIZE	2048	/* below PIPE_BUF: a pipe that has room at all has room for it */

static bool arg_stderr;

/* This is the daemon: what it says is for whoever has started it, too. What is called once prints its result by itself. */
void log_to_stderr(void)
{
	arg_stderr = true;
}

/* The service manager says whose our standard error is (systemd.exec(5)). */
static bool is_journal(int fd)
{
	const char *stream = getenv("JOURNAL_STREAM");
	unsigned long long device, inode;
	struct stat st;

	return stream && sscanf(stream, "%llu:%llu", &device, &inode) == 2 && fstat(fd, &st) == 0 && st.st_dev == device &&
	       st.st_ino == inode;
}

/* Whoever does not read what we say must not keep us from our work: then it is lost. */
static void print_line(const char *message)
{
	struct pollfd pollfd = { .fd = STDERR_FILENO, .events = POLLOUT };

	if (poll(&pollfd, 1, 0) == 1 && pollfd.revents & POLLOUT)
		dprintf(STDERR_FILENO, "guestnetd: %s\n", message);
}

/*
 * @priority as syslog(3) has it; @network and @bridge: what it is about, NULL or "" for nothing. Where there is no journal, sd_journal_sendv()
 * sends nothing and says that all is well: so a daemon's standard error is told, too, unless it is the journal's by itself.
 */
void log_say(int priority, const char *network, const char *bridge, const char *format, ...)
{
	char message[LINE_SIZE] = "MESSAGE=", level[16], fields[2][64];
	const size_t prefix = strlen(message);
	struct iovec iov[4];
	int n = 0, r;
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(message + prefix, sizeof(message) - prefix, format, arguments);
	va_end(arguments);
	snprintf(level, sizeof(level), "PRIORITY=%d", priority);
	iov[n++] = (struct iovec){ message, strlen(message) };
	iov[n++] = (struct iovec){ level, strlen(level) };
	snprintf(fields[0], sizeof(fields[0]), "NETWORK=%s", network ?: "");
	snprintf(fields[1], sizeof(fields[1]), "BRIDGE=%s", bridge ?: "");
	if (network && *network)
		iov[n++] = (struct iovec){ fields[0], strlen(fields[0]) };
	if (bridge && *bridge)
		iov[n++] = (struct iovec){ fields[1], strlen(fields[1]) };
	r = sd_journal_sendv(iov, n);
	if (arg_stderr && (r < 0 || !is_journal(STDERR_FILENO)))
		print_line(message + prefix);
}

/* May there be a line about what this user does, who can do it as often as he likes? How many were left out is said with the next one. */
bool log_may_say(struct ration *ration, uid_t uid)
{
	struct ration_user over;
	bool may = ration_take(ration, uid, clock_us(), &over);

	if (over.n > RATION_LINES)
		log_say(4, NULL, NULL, "uid %u: %u more lines were left out in %d s", (unsigned int)over.uid, over.n - RATION_LINES,
			RATION_US / 1000000);
	return may;
}
