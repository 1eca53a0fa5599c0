/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a peer that may only look sends: to its bus, one call after the other, up to the first message that is larger than it may be.
 * Event loop context.
 *
 * Theory of operation. sd-bus keeps messages of up to 128 MiB, and whoever sends nearly all of one makes us hold that for as long as
 * the connection lasts; it has no limit that could be set. So the bus reads from a pipe, and what is written there is looked at
 * before: of each message the fixed header, which says how long all of it is. Answers go to the peer's socket directly; while one of
 * them has not been taken as a whole, sd-bus keeps it, and no other message is passed on. So a peer makes us hold one answer, of whatever
 * size that is, and nobody is cut off for asking before it reads.
 *
 * Where the greeting ends and messages begin is for sd-bus alone to say. Until then it gets one line at a time and is asked after
 * each, so that there are no two opinions on which byte is the first of a message. Its own limit is for the greeting (64 KiB).
 */
#include "intake.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../../lib/fd.h"
#include "../../lib/limits.h"

/* Makes the pipe of an intake that knows whom to tell (refused, data). @peer_fd stays the caller's; @ret_bus_fd is what the bus is to read, and becomes the caller's. */
int intake_open(struct intake *intake, int peer_fd, int *ret_bus_fd)
{
	int fds[2];

	/* One of its own: sd-bus listens to its fds, too, and closes them when it likes. */
	intake->fd = fcntl(peer_fd, F_DUPFD_CLOEXEC, 3);
	if (intake->fd < 0)
		return -errno;
	if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) < 0) {
		int r = -errno;

		intake->fd = fd_close(intake->fd);
		return r;
	}
	intake->pipe_fd = fds[1];
	*ret_bus_fd = fds[0];
	return 0;
}

/* Nothing more is read, and the bus sees the end when it has read what there is. */
void intake_stop(struct intake *intake)
{
	intake->source = sd_event_source_unref(intake->source);
	intake->fd = fd_close(intake->fd);
	intake->pipe_fd = fd_close(intake->pipe_fd);
}

static void refuse(struct intake *intake)
{
	void (*refused)(void *data) = intake->refused;

	intake_stop(intake);
	refused(intake->data);
}

static uint32_t read_u32(const unsigned char *bytes, bool little)
{
	return little ? bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24 :
			bytes[3] | (uint32_t)bytes[2] << 8 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[0] << 24;
}

/* How long a message is behind its fixed header, padding and all (D-Bus specification, "Message Format"). */
static uint64_t rest_of(const unsigned char header[static INTAKE_HEADER])
{
	const bool little = header[0] == 'l';
	const uint64_t body = read_u32(header + 4, little), fields = read_u32(header + 12, little);

	return little || header[0] == 'B' ? body + ((fields + 7) & ~7ULL) : UINT64_MAX;
}

/* A message has begun, and not ended. */
static bool is_within(const struct intake *intake)
{
	return intake->rest > 0 || intake->n_header > 0;
}

/*
 * How many of these bytes, of which there is one at least, belong to the message that is on its way, or to the next one; 0 at a header
 * that is none, or of too much.
 */
static size_t follow(struct intake *intake, const unsigned char *bytes, size_t n)
{
	size_t done = 0;

	do {
		size_t part = intake->rest ? intake->rest : INTAKE_HEADER - intake->n_header;

		if (part > n - done)
			part = n - done;
		if (intake->rest) {
			intake->rest -= (uint32_t)part;
		} else {
			memcpy(intake->header + intake->n_header, bytes + done, part);
			intake->n_header += (uint32_t)part;
		}
		done += part;
		if (intake->n_header == INTAKE_HEADER) {
			const uint64_t rest = rest_of(intake->header);

			if (rest > LIMIT_BUS_MESSAGE)
				return 0;
			intake->rest = (uint32_t)rest;
			intake->n_header = 0;
		}
	} while (done < n && is_within(intake));
	return done;
}

/* What is to be passed on next of what has come: a line of the greeting, or no more than a message. 0: it is refused. */
static size_t find_part(struct intake *intake)
{
	const unsigned char *begin = intake->bytes + intake->begin, *end;
	const size_t n = intake->end - intake->begin;

	if (intake->running)
		return follow(intake, begin, n);
	end = memchr(begin, '\n', n);
	return end ? (size_t)(end - begin) + 1 : n;
}

/* The bus takes all that there is. Less than 0: it has no use for it. */
static int process(struct intake *intake)
{
	int r;

	do
		r = sd_bus_process(intake->bus, NULL);
	while (r > 0);
	if (r >= 0 && !intake->running)
		intake->running = sd_bus_is_ready(intake->bus) > 0;
	return r;
}

/* The peer's socket has taken all answers. */
static bool is_answered(const struct intake *intake)
{
	uint64_t n = 0;

	return sd_bus_get_n_queued_write(intake->bus, &n) >= 0 && n == 0;
}

/* Passes on what has come; where an answer has not been taken, no more than the message that has begun: then it waits for room there. */
static int pass_on(struct intake *intake)
{
	bool waits = false;
	int r = 0;

	while (r >= 0 && intake->begin < intake->end) {
		size_t n;

		waits = intake->running && !is_within(intake) && !is_answered(intake);
		if (waits)
			break;
		n = find_part(intake);
		/* Nothing is in the pipe: it has room. */
		if (n == 0 || write(intake->pipe_fd, intake->bytes + intake->begin, n) != (ssize_t)n)
			return -EIO;
		intake->begin += (uint32_t)n;
		r = process(intake);
	}
	return r < 0 ? r : sd_event_source_set_io_events(intake->source, waits ? EPOLLOUT : EPOLLIN);
}

static int on_peer(sd_event_source *source _unused_, int fd, uint32_t events _unused_, void *data)
{
	struct intake *intake = data;
	int r = 0;

	if (intake->begin < intake->end) {
		r = process(intake);
	} else {
		ssize_t n = recv(fd, intake->bytes, sizeof(intake->bytes), MSG_DONTWAIT);

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return 0;
		if (n <= 0) {
			intake_stop(intake);
			return 0;
		}
		intake->begin = 0;
		intake->end = (uint32_t)n;
	}
	if (r < 0 || pass_on(intake) < 0)
		refuse(intake);
	return 0;
}

/* From now on what the peer sends reaches @bus, which reads what intake_open() returned. What sd-event says. */
int intake_start(struct intake *intake, sd_event *event, sd_bus *bus)
{
	intake->bus = bus;
	return sd_event_add_io(event, &intake->source, intake->fd, EPOLLIN, on_peer, intake);
}
