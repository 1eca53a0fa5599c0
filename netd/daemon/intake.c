/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a peer that may only look sends: to its bus, up to the first message that is larger than it may be.
 * Event loop context.
 *
 * Theory of operation. sd-bus keeps messages of up to 128 MiB, and whoever sends nearly all of one makes us hold that for as long as
 * the connection lasts; it has no limit that could be set. So the bus reads from a pipe, and what is written there is looked at
 * before: of each message the fixed header, which says how long all of it is. Answers go to the peer's socket directly.
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
	intake->room = sd_event_source_unref(intake->room);
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

/* Goes through messages; false at a header that is none, or of too much. */
static bool follow(struct intake *intake, const unsigned char *bytes, size_t n)
{
	while (n > 0) {
		size_t part = intake->rest ? intake->rest : INTAKE_HEADER - intake->n_header;

		if (part > n)
			part = n;
		if (intake->rest) {
			intake->rest -= (uint32_t)part;
		} else {
			memcpy(intake->header + intake->n_header, bytes, part);
			intake->n_header += (uint32_t)part;
		}
		bytes += part;
		n -= part;
		if (intake->n_header == INTAKE_HEADER) {
			const uint64_t rest = rest_of(intake->header);

			if (rest > LIMIT_BUS_MESSAGE)
				return false;
			intake->rest = (uint32_t)rest;
			intake->n_header = 0;
		}
	}
	return true;
}

/* A part of the greeting goes to the bus, and is looked at there. Less than 0: the bus has no use for it. */
static int greet(struct intake *intake, const unsigned char *bytes, size_t n)
{
	int r;

	/* Nothing is in the pipe: it has room. */
	if (write(intake->pipe_fd, bytes, n) != (ssize_t)n)
		return -EIO;
	do
		r = sd_bus_process(intake->bus, NULL);
	while (r > 0);
	intake->running = r >= 0 && sd_bus_is_ready(intake->bus) > 0;
	return r;
}

/* Writes what is kept, or waits for room. */
static int pass_on(struct intake *intake)
{
	int r;

	if (intake->n == 0 || write(intake->pipe_fd, intake->bytes, intake->n) == (ssize_t)intake->n) {
		intake->n = 0;
		r = sd_event_source_set_enabled(intake->room, SD_EVENT_OFF);
		return r < 0 ? r : sd_event_source_set_enabled(intake->source, SD_EVENT_ON);
	}
	if (errno != EAGAIN)
		return -errno;
	r = sd_event_source_set_enabled(intake->source, SD_EVENT_OFF);
	return r < 0 ? r : sd_event_source_set_enabled(intake->room, SD_EVENT_ON);
}

static int on_room(sd_event_source *source _unused_, int fd _unused_, uint32_t events _unused_, void *data)
{
	struct intake *intake = data;

	if (pass_on(intake) < 0)
		refuse(intake);
	return 0;
}

static int on_input(sd_event_source *source _unused_, int fd, uint32_t events _unused_, void *data)
{
	struct intake *intake = data;
	ssize_t n = recv(fd, intake->bytes, sizeof(intake->bytes), MSG_DONTWAIT);
	size_t begin = 0;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n <= 0) {
		intake_stop(intake);
		return 0;
	}
	while (!intake->running && begin < (size_t)n) {
		const unsigned char *end = memchr(intake->bytes + begin, '\n', (size_t)n - begin);
		const size_t line = end ? (size_t)(end - intake->bytes) + 1 - begin : (size_t)n - begin;

		if (greet(intake, intake->bytes + begin, line) < 0) {
			refuse(intake);
			return 0;
		}
		begin += line;
	}
	intake->n = (uint32_t)((size_t)n - begin);
	memmove(intake->bytes, intake->bytes + begin, intake->n);
	if (!follow(intake, intake->bytes, intake->n) || pass_on(intake) < 0)
		refuse(intake);
	return 0;
}

/* From now on what the peer sends reaches @bus, which reads what intake_open() returned. What sd-event says. */
int intake_start(struct intake *intake, sd_event *event, sd_bus *bus)
{
	int r;

	intake->bus = bus;
	r = sd_event_add_io(event, &intake->source, intake->fd, EPOLLIN, on_input, intake);
	if (r >= 0)
		r = sd_event_add_io(event, &intake->room, intake->pipe_fd, EPOLLOUT, on_room, intake);
	return r < 0 ? r : sd_event_source_set_enabled(intake->room, SD_EVENT_OFF);
}
