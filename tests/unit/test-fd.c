/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An fd over a Unix socket, both ways.
 */
#include "unit.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/uio.h>

#include "../../lib/fd.h"

static const struct {
	const char *name;
	int type;
} types[] = {
	{ "stream", SOCK_STREAM },
	{ "dgram", SOCK_DGRAM },
	{ "seqpacket", SOCK_SEQPACKET },
};

static size_t count_fds(void)
{
	DIR *directory = opendir("/proc/self/fd");
	size_t n = 0;

	assert_non_null(directory);
	while (readdir(directory))
		n++;
	closedir(directory);
	return n;
}

static void make_pair(int type, int ret_fds[2])
{
	assert_int_equal(socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ret_fds), 0);
}

static void close_pair(int fds[2])
{
	fds[0] = fd_close(fds[0]);
	fds[1] = fd_close(fds[1]);
}

static int open_null(void)
{
	int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

/* A list of one. */
static int fd_send(int socket_fd, int fd, const void *bytes, size_t length, int timeout_ms)
{
	const struct fd_list one = { .fds = { fd }, .n = 1 };

	return fd_send_list(socket_fd, &one, bytes, length, timeout_ms);
}

/* Likewise; -EBADF when none came. */
static int fd_receive(int socket_fd, void *bytes, size_t size, int *ret_fd, size_t *ret_length)
{
	struct fd_list list;
	int r = fd_receive_list(socket_fd, bytes, size, 1, &list, ret_length);

	if (r == 0)
		*ret_fd = list.n > 0 ? list.fds[0] : -EBADF;
	return r;
}

/* Sends what fd_send() never does: @n fds in one message. */
static void send_fds(int socket_fd, int fd, size_t n, const char *bytes)
{
	union { struct cmsghdr align; char bytes[CMSG_SPACE(8 * sizeof(int))]; } control = { 0 };
	struct iovec iov = { (void *)bytes, strlen(bytes) };
	struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (n > 0) {
		struct cmsghdr *header;

		message.msg_control = control.bytes;
		message.msg_controllen = CMSG_SPACE(n * sizeof(int));
		header = CMSG_FIRSTHDR(&message);
		header->cmsg_level = SOL_SOCKET;
		header->cmsg_type = SCM_RIGHTS;
		header->cmsg_len = CMSG_LEN(n * sizeof(int));
		for (size_t i = 0; i < n; i++)
			memcpy(CMSG_DATA(header) + i * sizeof(int), &fd, sizeof(int));
	}
	assert_int_equal(sendmsg(socket_fd, &message, 0), strlen(bytes));
}

static void passes(void **state _unused_)
{
	size_t before = count_fds();

	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		int fds[2], fd = open_null(), got = -EBADF;
		struct stat sent, received;
		char byte = 'x';
		size_t length = 77;

		make_pair(types[i].type, fds);
		check_int(types[i].name, fd_send(fds[0], fd, "", 1, 1000), 0);
		check_int("the sender keeps its fd", fcntl(fd, F_GETFD), FD_CLOEXEC);
		check_int(types[i].name, fd_receive(fds[1], &byte, 1, &got, &length), 0);
		check_int(types[i].name, length, 1);
		check_int(types[i].name, byte, 0);
		check_int("close-on-exec", fcntl(got, F_GETFD), FD_CLOEXEC);
		assert_int_equal(fstat(fd, &sent), 0);
		assert_int_equal(fstat(got, &received), 0);
		check_int(types[i].name, received.st_rdev == sent.st_rdev, 1);
		check_int(types[i].name, received.st_ino == sent.st_ino, 1);
		fd_close(got);
		fd_close(fd);
		close_pair(fds);
	}
	check_int("fds", count_fds(), before);
}

/* QEMU reads the byte as one message: exactly one byte and one fd come, whatever the buffer. */
static void sends_one_byte(void **state _unused_)
{
	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		int fds[2], got = -EBADF;
		char bytes[64];
		size_t length;

		make_pair(types[i].type, fds);
		check_int(types[i].name, fd_send(fds[0], fds[0], "", 1, 1000), 0);
		check_int(types[i].name, fd_receive(fds[1], bytes, sizeof(bytes), &got, &length), 0);
		check_int(types[i].name, length, 1);
		check_int(types[i].name, recv(fds[1], bytes, sizeof(bytes), MSG_DONTWAIT), -1);
		fd_close(got);
		close_pair(fds);
	}
}

static void bytes_without_fd(void **state _unused_)
{
	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		int fds[2], got = 77;
		size_t length = 0;
		char bytes[8];

		make_pair(types[i].type, fds);
		send_fds(fds[0], -1, 0, "abc");
		check_int(types[i].name, fd_receive(fds[1], bytes, sizeof(bytes), &got, &length), 0);
		check_int(types[i].name, got, -EBADF);
		check_int(types[i].name, length, 3);
		close_pair(fds);
	}
}

static void end_of_stream(void **state _unused_)
{
	int fds[2], got = 77;
	size_t length = 77;
	char byte;

	make_pair(SOCK_STREAM, fds);
	fds[0] = fd_close(fds[0]);
	check_int("end", fd_receive(fds[1], &byte, 1, &got, &length), 0);
	check_int("end", length, 0);
	check_int("end", got, -EBADF);
	close_pair(fds);
}

/* More than one fd is refused, and none of them stays open here. */
static void several_fds(void **state _unused_)
{
	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		for (size_t n = 2; n <= 8; n++) {
			int fds[2], got = 77, fd = open_null();
			size_t length = 77, before;
			char byte, label[32];

			snprintf(label, sizeof(label), "%s, %zu fds", types[i].name, n);
			make_pair(types[i].type, fds);
			send_fds(fds[0], fd, n, "x");
			before = count_fds();
			check_int(label, fd_receive(fds[1], &byte, 1, &got, &length), -EPROTO);
			check_int(label, count_fds(), before);
			check_int(label, got, 77);
			check_int(label, length, 77);
			fd_close(fd);
			close_pair(fds);
		}
}

/* A message that is longer than wanted is refused where messages have ends. */
static void truncated(void **state _unused_)
{
	for (size_t i = 1; i < ARRAY_SIZE(types); i++) {
		int fds[2], got = 77, fd = open_null();
		size_t length = 77, before;
		char bytes[2];

		make_pair(types[i].type, fds);
		send_fds(fds[0], fd, 1, "abc");
		before = count_fds();
		check_int(types[i].name, fd_receive(fds[1], bytes, sizeof(bytes), &got, &length), -EPROTO);
		check_int(types[i].name, count_fds(), before);
		check_int(types[i].name, got, 77);
		fd_close(fd);
		close_pair(fds);
	}
}

/* A dead peer is an error and no signal. */
static void dead_peer(void **state _unused_)
{
	static const int errors[] = { -EPIPE, -ECONNREFUSED, -EPIPE };

	assert_ptr_equal(signal(SIGPIPE, SIG_DFL), SIG_DFL);
	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		int fds[2];

		make_pair(types[i].type, fds);
		fds[1] = fd_close(fds[1]);
		check_int(types[i].name, fd_send(fds[0], fds[0], "", 1, 1000), errors[i]);
		close_pair(fds);
	}
}

static void not_a_socket(void **state _unused_)
{
	int fd = open_null(), got = 77;
	size_t length;
	char byte;

	check_int("file", fd_send(fd, fd, "", 1, 1000), -ENOTSOCK);
	check_int("none", fd_send(-1, fd, "", 1, 1000), -EBADF);
	check_int("file", fd_receive(fd, &byte, 1, &got, &length), -ENOTSOCK);
	check_int("none", fd_receive(-1, &byte, 1, &got, &length), -EBADF);
	fd_close(fd);
}

static void no_such_fd(void **state _unused_)
{
	int fds[2], fd = open_null();

	make_pair(SOCK_STREAM, fds);
	fd_close(fd);
	check_int("closed", fd_send(fds[0], fd, "", 1, 1000), -EBADF);
	close_pair(fds);
}

/* Fills the socket until nothing more goes in. */
static void fill(int fd)
{
	static const char junk[512];
	int size = 4096;

	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	while (send(fd, junk, sizeof(junk), MSG_DONTWAIT) > 0)
		;
	assert_int_equal(errno, EAGAIN);
	while (send(fd, junk, 1, MSG_DONTWAIT) > 0)
		;
	assert_int_equal(errno, EAGAIN);
}

/* A full socket is waited for no longer than allowed, also when it would block. */
static void full_socket(void **state _unused_)
{
	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		for (int blocking = 0; blocking < 2; blocking++) {
			int fds[2];

			make_pair(types[i].type, fds);
			fill(fds[0]);
			if (!blocking)
				fcntl(fds[0], F_SETFL, O_NONBLOCK);
			check_int(types[i].name, fd_send(fds[0], fds[0], "", 1, 60), -ETIMEDOUT);
			check_int(types[i].name, fd_send(fds[0], fds[0], "", 1, 0), -ETIMEDOUT);
			close_pair(fds);
		}
}

static void on_alarm(int signal_number _unused_)
{
}

/* Signals do not end the waiting early, and do not make it endless. */
static void full_socket_with_signals(void **state _unused_)
{
	const struct sigaction action = { .sa_handler = on_alarm };
	const struct itimerval often = { { 0, 5000 }, { 0, 5000 } }, never = { { 0, 0 }, { 0, 0 } };
	struct sigaction before;
	int fds[2], r;

	make_pair(SOCK_STREAM, fds);
	fill(fds[0]);
	sigaction(SIGALRM, &action, &before);
	setitimer(ITIMER_REAL, &often, NULL);
	r = fd_send(fds[0], fds[0], "", 1, 60);
	setitimer(ITIMER_REAL, &never, NULL);
	sigaction(SIGALRM, &before, NULL);
	check_int("signals", r, -ETIMEDOUT);
	close_pair(fds);
}

/* Waits, bounded, until the main thread waits for something. */
static void await_main_thread(void)
{
	char path[64], text[256];

	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", (int)getpid());
	for (int i = 0; i < 2000; i++) {
		FILE *file = fopen(path, "re");
		const char *state = file && fgets(text, sizeof(text), file) ? strrchr(text, ')') : NULL;

		if (file)
			fclose(file);
		if (state && state[2] == 'S')
			return;
		poll(NULL, 0, 1);
	}
}

struct drain {
	int fd;
	int got;
};

/* Waits until the other side waits for room, makes room, and goes on until an fd comes. */
static void *drain(void *data)
{
	struct drain *drain = data;
	size_t length = 1;
	char bytes[512];

	await_main_thread();
	while (drain->got < 0 && length > 0)
		if (fd_receive(drain->fd, bytes, sizeof(bytes), &drain->got, &length) < 0)
			break;
	return NULL;
}

/* Room that appears while waiting is used. */
static void full_socket_gets_room(void **state _unused_)
{
	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		struct drain order = { .got = -EBADF };
		pthread_t thread;
		int fds[2];

		make_pair(types[i].type, fds);
		fill(fds[0]);
		order.fd = fds[1];
		assert_int_equal(pthread_create(&thread, NULL, drain, &order), 0);
		check_int(types[i].name, fd_send(fds[0], fds[0], "", 1, 20000), 0);
		pthread_join(thread, NULL);
		check_int(types[i].name, order.got >= 0, 1);
		fd_close(order.got);
		close_pair(fds);
	}
}

/* A peer that goes away while we wait is an error at once. */
static void *hang_up(void *data)
{
	await_main_thread();
	close(*(int *)data);
	return NULL;
}

static void full_socket_then_dead_peer(void **state _unused_)
{
	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		pthread_t thread;
		int fds[2], r;

		make_pair(types[i].type, fds);
		fill(fds[0]);
		assert_int_equal(pthread_create(&thread, NULL, hang_up, &fds[1]), 0);
		r = fd_send(fds[0], fds[0], "", 1, 20000);
		pthread_join(thread, NULL);
		fds[1] = -EBADF;
		check_int(types[i].name, r == -EPIPE || r == -ECONNREFUSED || r == -ECONNRESET, 1);
		close_pair(fds);
	}
}

static void owning(void **state _unused_)
{
	int fd = open_null(), other = fd;

	check_int("stolen", steal_fd(&other), fd);
	check_int("left", other, -EBADF);
	fd_closep(&other);
	check_int("still open", fcntl(fd, F_GETFD), FD_CLOEXEC);
	errno = ENOENT;
	fd_closep(&fd);
	check_int("errno stays", errno, ENOENT);
	check_int("closed", fd, -EBADF);
	check_int("nothing to close", fd_close(-1), -EBADF);
	check_int("errno stays", errno, ENOENT);
}

/* What comes in pieces is read to its end, up to the limit and not a byte more. */
static void reads_streams(void **state _unused_)
{
	static const size_t limits[] = { 5, 6, 100, 4 };

	for (size_t i = 0; i < ARRAY_SIZE(limits); i++) {
		char *text = NULL;
		size_t length;
		int pair[2], r;

		assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
		assert_int_equal(send(pair[0], "12", 2, 0), 2);
		assert_int_equal(send(pair[0], "345", 3, 0), 3);
		close(pair[0]);
		r = fd_read_stream(pair[1], limits[i], &text, &length);
		close(pair[1]);
		if (limits[i] < 5) {
			assert_int_equal(r, -EFBIG);
			assert_null(text);
			continue;
		}
		assert_int_equal(r, 0);
		assert_int_equal(length, 5);
		assert_string_equal(text, "12345");
		free(text);
	}
	assert_int_equal(fd_read_stream(-1, 5, &(char *){ NULL }, &(size_t){ 0 }), -EBADF);
}

static void reads_text(void **state _unused_)
{
	char path[] = "/tmp/guestnet-test-XXXXXX", *text = NULL;
	int fd = mkstemp(path), null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	struct stat st, null_st;
	size_t length;

	assert_true(fd >= 0 && null_fd >= 0);
	unlink(path);
	assert_int_equal(write(fd, "12345", 5), 5);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	assert_int_equal(fd_read_text(fd, &st, 5, &text, &length), 0);
	assert_int_equal(length, 5);
	assert_string_equal(text, "12345");
	free(text);
	text = NULL;
	/* Too long; grown since it was looked at; shorter; no file. */
	assert_int_equal(fd_read_text(fd, &st, 4, &text, &length), -EFBIG);
	assert_int_equal(pwrite(fd, "6", 1, 5), 1);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	assert_int_equal(fd_read_text(fd, &st, 100, &text, &length), -EAGAIN);
	assert_null(text);
	assert_int_equal(ftruncate(fd, 2), 0);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	assert_int_equal(fd_read_text(fd, &st, 100, &text, &length), 0);
	assert_string_equal(text, "12");
	free(text);
	assert_int_equal(fstat(null_fd, &null_st), 0);
	assert_int_equal(fd_read_text(null_fd, &null_st, 100, &text, &length), -EINVAL);
	close(fd);
	close(null_fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(passes),
		cmocka_unit_test(sends_one_byte),
		cmocka_unit_test(bytes_without_fd),
		cmocka_unit_test(end_of_stream),
		cmocka_unit_test(several_fds),
		cmocka_unit_test(truncated),
		cmocka_unit_test(dead_peer),
		cmocka_unit_test(not_a_socket),
		cmocka_unit_test(no_such_fd),
		cmocka_unit_test(full_socket),
		cmocka_unit_test(full_socket_with_signals),
		cmocka_unit_test(full_socket_gets_room),
		cmocka_unit_test(full_socket_then_dead_peer),
		cmocka_unit_test(owning),
		cmocka_unit_test(reads_text),
		cmocka_unit_test(reads_streams),
	};

	return cmocka_run_group_tests_name("fd", tests, NULL, NULL);
}
