/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Starts a bridge helper as QEMU does, and says what came of it.
 *
 *	launch-helper [OPTION...] HELPER ARG...
 *
 * Makes a socket pair, forks, becomes uid and gid, executes HELPER with --use-vnet --fd=N and the given
 * arguments, receives the fd, waits for the exit, and prints one line of JSON:
 *
 *	{"status":0,"byte":0,"fd":true,"tap":"gn4201_0","flags":20482,"vnet_hdr_size":10,"stdout":"","stderr":""}
 *
 * With a tap in hand it then waits for the end of its own stdin, so that the tap lives as long as that.
 * "status" is the exit status, or 128 + the signal; "tap" is missing when the fd is not a tap.
 *
 *	--uid N --gid N --groups N,N	who calls
 *	--no-vnet			without --use-vnet
 *	--no-hold			does not wait with the tap in hand
 *	--raw				only the given arguments, in which a '@' stands for the socket's number
 *	--type KIND			stream, dgram, seqpacket, nonblock; or one that cannot work: dead (nobody at the
 *					other end), full, unconnected, listening, inet, netlink, file, none
 *	--at N				the socket's number
 *	--close N,N			closed before the exec (of 0, 1, 2)
 *	--extra-fds N			so many open fds more
 *	--signals block|ignore		all that can be
 *	--rlimit NAME=N			nofile, as, stack, fsize, cpu, nproc, data
 *	--no-new-privs
 *	--seccomp			a filter refuses TUNSETIFF (EPERM)
 *	--trace				the helper is traced by this process while it starts
 *	--chroot DIR
 *	--env NAME=VALUE		in the helper's environment
 *	--mac MAC --persist		what the fd's holder does with the tap
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/filter.h>
#include <linux/if_tun.h>
#include <linux/seccomp.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAX_ARGUMENTS 2000
#define MAX_LIMITS 8
#define MAX_ENVIRONMENT 16

static unsigned int arg_uid, arg_gid;
static gid_t arg_groups[64];
static size_t arg_n_groups;
static bool arg_vnet = true, arg_hold = true, arg_raw, arg_no_new_privs, arg_seccomp, arg_trace, arg_persist;
static const char *arg_type = "stream", *arg_close = "", *arg_signals = "", *arg_mac, *arg_chroot;
static int arg_at = -1, arg_extra_fds;
static struct { int resource; rlim_t value; } arg_limits[MAX_LIMITS];
static size_t arg_n_limits;
static char *arg_environment[MAX_ENVIRONMENT];
static size_t arg_n_environment;

static void fail(const char *what)
{
	perror(what);
	exit(2);
}

static void print_string(const char *string)
{
	putchar('"');
	for (; *string; string++) {
		if (*string == '"' || *string == '\\')
			printf("\\%c", *string);
		else if ((unsigned char)*string < 0x20)
			printf("\\u%04x", *string);
		else
			putchar(*string);
	}
	putchar('"');
}

static size_t read_all(int fd, char *buffer, size_t size)
{
	size_t length = 0;
	ssize_t n;

	while (length < size - 1 && (n = read(fd, buffer + length, size - 1 - length)) > 0)
		length += (size_t)n;
	buffer[length] = '\0';
	return length;
}

static int receive(int socket_fd, int *byte)
{
	union { struct cmsghdr align; char bytes[CMSG_SPACE(sizeof(int))]; } control;
	char data[16];
	struct iovec iov = { data, sizeof(data) };
	struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control) };
	struct cmsghdr *header;
	int fd = -1;
	ssize_t n = recvmsg(socket_fd, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);

	*byte = n == 1 ? (unsigned char)data[0] : -1;
	if (n <= 0)
		return -1;
	header = CMSG_FIRSTHDR(&message);
	if (header && header->cmsg_type == SCM_RIGHTS)
		memcpy(&fd, CMSG_DATA(header), sizeof(fd));
	return fd;
}

static void parse_limit(char *word)
{
	static const struct { const char *name; int resource; } names[] = {
		{ "nofile", RLIMIT_NOFILE }, { "as", RLIMIT_AS }, { "stack", RLIMIT_STACK }, { "fsize", RLIMIT_FSIZE },
		{ "cpu", RLIMIT_CPU }, { "nproc", RLIMIT_NPROC }, { "data", RLIMIT_DATA },
	};
	char *value = strchr(word, '=');

	for (size_t i = 0; value && i < sizeof(names) / sizeof(names[0]); i++) {
		if (strncmp(word, names[i].name, (size_t)(value - word)) != 0 || arg_n_limits == MAX_LIMITS)
			continue;
		arg_limits[arg_n_limits].resource = names[i].resource;
		arg_limits[arg_n_limits++].value = strtoul(value + 1, NULL, 10);
		return;
	}
	exit(2);
}

static int parse_options(int argc, char **argv)
{
	int i;

	arg_uid = getuid();
	arg_gid = getgid();
	for (i = 1; i < argc && argv[i][0] == '-'; i++) {
		if (strcmp(argv[i], "--no-vnet") == 0) {
			arg_vnet = false;
		} else if (strcmp(argv[i], "--no-hold") == 0) {
			arg_hold = false;
		} else if (strcmp(argv[i], "--raw") == 0) {
			arg_raw = true;
		} else if (strcmp(argv[i], "--no-new-privs") == 0) {
			arg_no_new_privs = true;
		} else if (strcmp(argv[i], "--seccomp") == 0) {
			arg_seccomp = true;
		} else if (strcmp(argv[i], "--trace") == 0) {
			arg_trace = true;
		} else if (strcmp(argv[i], "--persist") == 0) {
			arg_persist = true;
		} else if (i + 1 == argc) {
			exit(2);
		} else if (strcmp(argv[i], "--uid") == 0) {
			arg_uid = arg_gid = (unsigned int)strtoul(argv[++i], NULL, 10);
		} else if (strcmp(argv[i], "--gid") == 0) {
			arg_gid = (unsigned int)strtoul(argv[++i], NULL, 10);
		} else if (strcmp(argv[i], "--groups") == 0) {
			for (char *word = strtok(argv[++i], ","); word && arg_n_groups < 64; word = strtok(NULL, ","))
				arg_groups[arg_n_groups++] = (gid_t)strtoul(word, NULL, 10);
		} else if (strcmp(argv[i], "--type") == 0) {
			arg_type = argv[++i];
		} else if (strcmp(argv[i], "--at") == 0) {
			arg_at = atoi(argv[++i]);
		} else if (strcmp(argv[i], "--close") == 0) {
			arg_close = argv[++i];
		} else if (strcmp(argv[i], "--extra-fds") == 0) {
			arg_extra_fds = atoi(argv[++i]);
		} else if (strcmp(argv[i], "--signals") == 0) {
			arg_signals = argv[++i];
		} else if (strcmp(argv[i], "--rlimit") == 0) {
			parse_limit(argv[++i]);
		} else if (strcmp(argv[i], "--mac") == 0) {
			arg_mac = argv[++i];
		} else if (strcmp(argv[i], "--env") == 0 && arg_n_environment < MAX_ENVIRONMENT) {
			arg_environment[arg_n_environment++] = argv[++i];
		} else if (strcmp(argv[i], "--chroot") == 0) {
			arg_chroot = argv[++i];
		} else {
			exit(2);
		}
	}
	if (i == argc || argc - i > MAX_ARGUMENTS - 4)
		exit(2);
	return i;
}

static int make_listening(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	/* An address of the kernel's choice (unix(7): autobind). */
	if (bind(fd, (struct sockaddr *)&address, sizeof(sa_family_t)) < 0 || listen(fd, 1) < 0)
		fail("listen");
	return fd;
}

/* A connected TCP socket; needs a loopback device that is up. */
static int make_inet(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof(address);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), fd = socket(AF_INET, SOCK_STREAM, 0);

	if (bind(listener, (struct sockaddr *)&address, size) < 0 || listen(listener, 1) < 0 ||
	    getsockname(listener, (struct sockaddr *)&address, &size) < 0 ||
	    connect(fd, (struct sockaddr *)&address, size) < 0)
		fail("connect");
	return fd;
}

static void fill(int fd)
{
	char byte = 'x';

	while (send(fd, &byte, 1, MSG_DONTWAIT) == 1)
		;
}

/* sockets[0] is ours (-1: we have none), sockets[1] the helper's. */
static void make_sockets(int sockets[2])
{
	int type = strcmp(arg_type, "dgram") == 0 ? SOCK_DGRAM : strcmp(arg_type, "seqpacket") == 0 ? SOCK_SEQPACKET : SOCK_STREAM;

	sockets[0] = -1;
	if (strcmp(arg_type, "unconnected") == 0) {
		sockets[1] = socket(AF_UNIX, SOCK_STREAM, 0);
	} else if (strcmp(arg_type, "listening") == 0) {
		sockets[1] = make_listening();
	} else if (strcmp(arg_type, "inet") == 0) {
		sockets[1] = make_inet();
	} else if (strcmp(arg_type, "netlink") == 0) {
		sockets[1] = socket(AF_NETLINK, SOCK_RAW, 0);
	} else if (strcmp(arg_type, "file") == 0) {
		sockets[1] = open("/dev/null", O_RDWR);
	} else if (strcmp(arg_type, "none") == 0) {
		sockets[1] = dup(0);
		close(sockets[1]);
		return;
	} else {
		if (socketpair(AF_UNIX, type, 0, sockets) < 0)
			fail("socketpair");
		fcntl(sockets[0], F_SETFD, FD_CLOEXEC);
		if (strcmp(arg_type, "nonblock") == 0)
			fcntl(sockets[1], F_SETFL, O_NONBLOCK);
		if (strcmp(arg_type, "full") == 0)
			fill(sockets[1]);
		if (strcmp(arg_type, "dead") == 0) {
			close(sockets[0]);
			sockets[0] = -1;
		}
	}
	if (sockets[1] < 0)
		fail("socket");
}

static void set_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	if (strcmp(arg_signals, "block") == 0)
		sigfillset(&set);
	sigprocmask(SIG_BLOCK, &set, NULL);	/* SIGCHLD as QEMU does */
	for (int i = 1; strcmp(arg_signals, "ignore") == 0 && i < NSIG; i++)
		signal(i, SIG_IGN);
}

/* ioctl(fd, TUNSETIFF, ...) is EPERM from here on; as root, so that privileges can still be gained. */
static void filter_tunsetiff(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_ioctl, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[1])
			 + (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? 4 : 0)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned int)TUNSETIFF, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { sizeof(code) / sizeof(code[0]), code };

	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0)
		fail("seccomp");
}

/* In the child: becomes the caller, with everything that callers can do to a program they start. */
static void become_caller(int socket_fd, int out_fd, int err_fd)
{
	dup2(out_fd, 1);
	dup2(err_fd, 2);
	if (arg_at >= 0 && socket_fd != arg_at && (dup2(socket_fd, arg_at) < 0 || close(socket_fd) < 0))
		fail("dup2");
	for (int i = 0; i < arg_extra_fds; i++)
		if (open("/dev/null", O_RDWR) < 0)
			fail("extra fds");
	if (arg_chroot && (chroot(arg_chroot) < 0 || chdir("/") < 0))
		fail("chroot");
	set_signals();
	if (arg_seccomp)
		filter_tunsetiff();
	if (getuid() != arg_uid || getgid() != arg_gid)
		if (setgroups(arg_n_groups, arg_groups) < 0 || setresgid(arg_gid, arg_gid, arg_gid) < 0 ||
		    setresuid(arg_uid, arg_uid, arg_uid) < 0)
			fail("setuid");
	for (size_t i = 0; i < arg_n_limits; i++) {
		struct rlimit limit = { arg_limits[i].value, arg_limits[i].value };

		if (setrlimit(arg_limits[i].resource, &limit) < 0)
			fail("setrlimit");
	}
	if (arg_no_new_privs && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		fail("no_new_privs");
	if (arg_trace && ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0)
		fail("ptrace");
	for (size_t i = 0; i < arg_n_environment; i++)
		putenv(arg_environment[i]);
	for (const char *p = arg_close; *p; p++)
		if (*p >= '0' && *p <= '2')
			close(*p - '0');
}

static char **build_arguments(char **argv, int fd)
{
	static char *arguments[MAX_ARGUMENTS];
	static char buffers[MAX_ARGUMENTS][64];
	size_t n = 0;

	arguments[n++] = *argv++;
	if (!arg_raw && arg_vnet)
		arguments[n++] = "--use-vnet";
	if (!arg_raw) {
		snprintf(buffers[n], sizeof(buffers[n]), "--fd=%d", fd);
		arguments[n] = buffers[n];
		n++;
	}
	for (; *argv; argv++, n++) {
		char *at = arg_raw ? strchr(*argv, '@') : NULL;

		arguments[n] = *argv;
		if (!at || at - *argv > 40)
			continue;
		snprintf(buffers[n], sizeof(buffers[n]), "%.*s%d%s", (int)(at - *argv), *argv, fd, at + 1);
		arguments[n] = buffers[n];
	}
	arguments[n] = NULL;
	return arguments;
}

static void use_tap(int fd)
{
	struct ifreq request = { .ifr_hwaddr.sa_family = 1 };
	unsigned char *mac = (unsigned char *)request.ifr_hwaddr.sa_data;

	if (arg_mac && (sscanf(arg_mac, "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", &mac[0], &mac[1], &mac[2], &mac[3], &mac[4], &mac[5]) != 6 ||
			ioctl(fd, SIOCSIFHWADDR, &request) < 0))
		fail("SIOCSIFHWADDR");
	if (arg_persist && ioctl(fd, TUNSETPERSIST, 1UL) < 0)
		fail("TUNSETPERSIST");
}

static void print_tap(int fd)
{
	struct ifreq request = { 0 };
	int size = 0;

	/* The checks of QEMU (net/tap-linux.c), on what need not be a tap. */
	if (ioctl(fd, TUNGETIFF, &request) < 0 || ioctl(fd, TUNGETVNETHDRSZ, &size) < 0)
		return;
	printf(",\"tap\":");
	print_string(request.ifr_name);
	printf(",\"flags\":%d,\"vnet_hdr_size\":%d", (unsigned short)request.ifr_flags, size);
	if ((request.ifr_flags & IFF_VNET_HDR) && ioctl(fd, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6) < 0)
		fail("TUNSETOFFLOAD");
}

/* Lets the helper run on from its exec, with us as its tracer up to there. */
static void start_traced(pid_t pid)
{
	int status;

	if (waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status) || ptrace(PTRACE_DETACH, pid, NULL, NULL) < 0)
		fail("trace");
}

int main(int argc, char **argv)
{
	int first = parse_options(argc, argv);
	int sockets[2], out[2], err[2], status, byte = -1, fd = -1;
	static char output[4096], errors[16384];
	char **arguments;
	pid_t pid;

	make_sockets(sockets);
	if (pipe2(out, O_CLOEXEC) < 0 || pipe2(err, O_CLOEXEC) < 0)
		fail("pipe");
	arguments = build_arguments(argv + first, arg_at >= 0 ? arg_at : sockets[1]);

	pid = fork();
	if (pid == 0) {
		become_caller(sockets[1], out[1], err[1]);
		execv(arguments[0], arguments);
		fail("exec");
	}
	if (arg_trace)
		start_traced(pid);
	close(sockets[1]);
	close(out[1]);
	close(err[1]);
	read_all(err[0], errors, sizeof(errors));
	read_all(out[0], output, sizeof(output));
	waitpid(pid, &status, 0);
	if (sockets[0] >= 0)
		fd = receive(sockets[0], &byte);

	printf("{\"status\":%d,\"byte\":%d,\"fd\":%s", WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status),
	       byte, fd >= 0 ? "true" : "false");
	if (fd >= 0) {
		use_tap(fd);
		print_tap(fd);
	}
	printf(",\"stdout\":");
	print_string(output);
	printf(",\"stderr\":");
	print_string(errors);
	printf("}\n");
	fflush(stdout);

	if (fd >= 0 && arg_hold)
		read_all(0, output, sizeof(output));
	return 0;
}
