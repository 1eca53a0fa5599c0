/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * guestnetd: keeps the declared networks true.
 * Runs as the user guestnet with CAP_NET_ADMIN, CAP_NET_RAW and CAP_NET_BIND_SERVICE, or as root.
 */
#include <errno.h>
#include <getopt.h>
#include <grp.h>
#include <malloc.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>
#include <systemd/sd-event.h>
#include <unistd.h>

#include "../../lib/str.h"
#include "../../lib/util.h"
#include "../kernel/record.h"
#include "activation.h"
#include "api.h"
#include "child.h"
#include "log.h"
#include "manager.h"
#include "paths.h"
#include "systembus.h"
#include "tapserver.h"

static const char *arg_config_root = PATH_CONFIG_ROOT;
static const char *arg_vendor_root = PATH_VENDOR_ROOT;
static const char *arg_state_root = PATH_STATE_ROOT;
static const char *arg_run_root = PATH_RUN_ROOT;
static const char *arg_dnsmasq = "/usr/sbin/dnsmasq";
static const char *arg_helper = PATH_HELPER;
static const char *arg_service_user;	/* NULL: guestnet, or nobody where there is no such user */
static const char *arg_record;
static enum mode { MODE_RUN, MODE_CHECK, MODE_PLAN, MODE_TEARDOWN } arg_mode = MODE_RUN;

static const char help[] =
	"Usage: guestnetd [OPTION]...\n"
	"\n"
	"Keeps the networks declared in " PATH_CONFIG_ROOT "/networks true.\n"
	"\n"
	"  --check              read the configuration, say what is wrong with it, and exit\n"
	"  --plan               print what would be done now, and exit\n"
	"  --teardown           take all networks down, and exit\n"
	"  --config-root=DIR    instead of " PATH_CONFIG_ROOT "\n"
	"  --vendor-root=DIR    instead of " PATH_VENDOR_ROOT "\n"
	"  --state-root=DIR     instead of " PATH_STATE_ROOT "\n"
	"  --run-root=DIR       instead of " PATH_RUN_ROOT "\n"
	"  --dnsmasq=PATH       instead of /usr/sbin/dnsmasq\n"
	"  --helper=PATH        instead of " PATH_HELPER "\n"
	"  --service-user=USER  who dnsmasq runs as when guestnetd is root (a name or a number)\n"
	"  --record=FILE        write what the kernel tells and what is made of it to a new file\n"
	"  --help, --version\n"
	"\n"
	"SIGHUP reads the configuration again. SIGTERM ends the daemon and leaves the networks up.\n";

enum { OPTION_CONFIG = 256, OPTION_VENDOR, OPTION_STATE, OPTION_RUN, OPTION_DNSMASQ, OPTION_HELPER, OPTION_USER,
       OPTION_RECORD, OPTION_CHECK, OPTION_PLAN, OPTION_TEARDOWN, OPTION_HELP, OPTION_VERSION };

static const struct option options[] = {
	{ "config-root",	required_argument,	NULL,	OPTION_CONFIG },
	{ "vendor-root",	required_argument,	NULL,	OPTION_VENDOR },
	{ "state-root",		required_argument,	NULL,	OPTION_STATE },
	{ "run-root",		required_argument,	NULL,	OPTION_RUN },
	{ "dnsmasq",		required_argument,	NULL,	OPTION_DNSMASQ },
	{ "helper",		required_argument,	NULL,	OPTION_HELPER },
	{ "service-user",	required_argument,	NULL,	OPTION_USER },
	{ "record",		required_argument,	NULL,	OPTION_RECORD },
	{ "check",		no_argument,		NULL,	OPTION_CHECK },
	{ "plan",		no_argument,		NULL,	OPTION_PLAN },
	{ "teardown",		no_argument,		NULL,	OPTION_TEARDOWN },
	{ "help",		no_argument,		NULL,	OPTION_HELP },
	{ "version",		no_argument,		NULL,	OPTION_VERSION },
	{ NULL,			0,			NULL,	0 },
};

/* Whoever says --check --teardown wants to look first: neither is done. */
static void set_mode(enum mode mode)
{
	if (arg_mode != MODE_RUN) {
		fprintf(stderr, "guestnetd: --check, --plan and --teardown exclude each other: say one of them\n");
		exit(2);
	}
	arg_mode = mode;
}

static void parse_options(int argc, char *argv[])
{
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case OPTION_CONFIG:
			arg_config_root = optarg;
			break;
		case OPTION_VENDOR:
			arg_vendor_root = optarg;
			break;
		case OPTION_STATE:
			arg_state_root = optarg;
			break;
		case OPTION_RUN:
			arg_run_root = optarg;
			break;
		case OPTION_DNSMASQ:
			arg_dnsmasq = optarg;
			break;
		case OPTION_HELPER:
			arg_helper = optarg;
			break;
		case OPTION_USER:
			arg_service_user = optarg;
			break;
		case OPTION_RECORD:
			arg_record = optarg;
			break;
		case OPTION_CHECK:
			set_mode(MODE_CHECK);
			break;
		case OPTION_PLAN:
			set_mode(MODE_PLAN);
			break;
		case OPTION_TEARDOWN:
			set_mode(MODE_TEARDOWN);
			break;
		case OPTION_HELP:
			fputs(help, stdout);
			exit(EXIT_SUCCESS);
		case OPTION_VERSION:
			puts("guestnetd " GUESTNET_VERSION);
			exit(EXIT_SUCCESS);
		default:
			fprintf(stderr, "%s", help);
			exit(2);
		}
	}
	if (optind < argc) {
		fprintf(stderr, "guestnetd: unexpected argument \"%s\"\n", argv[optind]);
		exit(2);
	}
	/* A folder that was mistyped would have no mistakes in it. The usual one need not be there. */
	if (arg_mode == MODE_CHECK && strcmp(arg_config_root, PATH_CONFIG_ROOT) != 0 && access(arg_config_root, F_OK) < 0) {
		fprintf(stderr, "guestnetd: --config-root=%s: %s: want the folder in which networks/ is\n", STR_ESCAPED(arg_config_root),
			strerror(errno));
		exit(2);
	}
}

/*
 * Who dnsmasq becomes when we are root: the user that was asked for, else guestnet, or nobody where there is no such user.
 * Names are looked up only then: the libraries that do it would stay in memory.
 */
static void find_service_user(uid_t *ret_uid, gid_t *ret_gid)
{
	const struct passwd *user;
	uint32_t number;

	*ret_uid = *ret_gid = 65534;
	if (geteuid() != 0)
		return;
	if (arg_service_user && str_parse_u32(arg_service_user, UINT32_MAX - 1, &number) == 0) {
		*ret_uid = *ret_gid = number;
		return;
	}
	user = getpwnam(arg_service_user ?: "guestnet");
	if (user) {
		*ret_uid = user->pw_uid;
		*ret_gid = user->pw_gid;
	} else if (arg_service_user) {
		fprintf(stderr, "guestnetd: --service-user=%s: there is no such user\n", arg_service_user);
		exit(2);
	}
}

static int make_directory(const char *path, mode_t mode)
{
	if (mkdir(path, mode) < 0 && errno != EEXIST) {
		fprintf(stderr, "guestnetd: %s: %s\n", path, strerror(errno));
		return -errno;
	}
	return 0;
}

/*
 * One daemon for each network namespace: an abstract socket is a name that belongs to the namespace, and is ours
 * until we end. Anybody may take such a name: a holder that is neither root nor of our own or the service's user is said and
 * passed over. The name's fd, or -EBUSY, and it is said who the other one is.
 */
static int be_alone(uid_t service_uid)
{
	static const char name[] = "guestnetd";
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	const socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(name));
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct ucred other = { .pid = 0 };
	socklen_t n = sizeof(other);

	memcpy(address.sun_path + 1, name, strlen(name));
	if (fd < 0)
		return -errno;
	if (bind(fd, (struct sockaddr *)&address, size) == 0)
		return listen(fd, 64) < 0 ? -errno : fd;
	if (errno != EADDRINUSE)
		return -errno;
	if (connect(fd, (struct sockaddr *)&address, size) < 0 ||
	    getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &other, &n) < 0)
		other = (struct ucred){ .uid = UINT32_MAX };
	close(fd);
	if (other.uid != 0 && other.uid != geteuid() && other.uid != service_uid) {
		log_say(4, NULL, NULL, "uid %d, pid %d holds the name of this daemon's lock", (int)other.uid, (int)other.pid);
		return -ENOENT;
	}
	fprintf(stderr, "guestnetd: another one, pid %d, keeps the networks of this network namespace\n", (int)other.pid);
	return -EBUSY;
}

/*
 * What root does beside a service's directories is done as the service: it could not write in directories that root has
 * made in them, nor replace files there.
 */
static int become_owner(void)
{
	struct stat st;
	int r = 0;

	if (geteuid() == 0 && stat(arg_state_root, &st) == 0 && st.st_uid != 0)
		r = child_become(st.st_uid, st.st_gid);
	if (r < 0)
		fprintf(stderr, "guestnetd: cannot become user %u, whom %s belongs to: %s\n", st.st_uid, arg_state_root,
			strerror(-r));
	return r;
}

/* Another one has looked who we are: that is all it wanted. */
static int on_visitor(sd_event_source *source, int fd, uint32_t events _unused_, void *data _unused_)
{
	int visitor = activation_accept(source, fd);

	if (visitor >= 0)
		close(visitor);
	return 0;
}

static int on_reload(sd_event_source *source _unused_, const struct signalfd_siginfo *info _unused_, void *data)
{
	struct failure failure = { 0 };

	sd_notify(0, "RELOADING=1");
	if (manager_reload(data, &failure) < 0)
		log_say(3, NULL, NULL, "reload: %s", failure.text);
	sd_notifyf(0, "READY=1\nSTATUS=%s", manager_status_text(data));
	return 0;
}

static int add_signals(sd_event *event, struct manager *manager)
{
	sigset_t mask;
	int r;

	sigemptyset(&mask);
	sigaddset(&mask, SIGTERM);
	sigaddset(&mask, SIGINT);
	sigaddset(&mask, SIGHUP);
	if (sigprocmask(SIG_BLOCK, &mask, NULL) < 0)
		return -errno;
	signal(SIGPIPE, SIG_IGN);
	r = sd_event_add_signal(event, NULL, SIGTERM, NULL, NULL);
	if (r >= 0)
		r = sd_event_add_signal(event, NULL, SIGINT, NULL, NULL);
	if (r >= 0)
		r = sd_event_add_signal(event, NULL, SIGHUP, on_reload, manager);
	return r;
}

static void print_lines(const char *before, const char *lines)
{
	for (const char *line = lines; *line; line += strcspn(line, "\n"), line += *line == '\n')
		fprintf(stderr, "%s%.*s\n", before, (int)strcspn(line, "\n"), line);
}

/* --check, --plan and --teardown: once, and what it says is the result. */
static int run_once(struct manager *manager)
{
	_cleanup_(freep) char *text = NULL;
	bool wrong = manager_file_problems(manager)[0] != '\0';
	char what_is_left[4096];
	struct text left;
	int r = 0;

	text_init(&left, what_is_left, sizeof(what_is_left));
	fputs(manager_file_problems(manager), stderr);
	if (arg_mode == MODE_CHECK)
		print_lines("warning: ", manager_file_warnings(manager));
	for (size_t i = 0; i < manager_count(manager); i++) {
		struct network_report report;

		manager_report_briefly(manager, i, &report);
		/* Whoever checks a file wants to know what a daemon would go on without. */
		for (size_t j = 0; arg_mode == MODE_CHECK && j < 2; j++) {
			const char *problem = j == 0 ? report.boot_problem : report.taps_problem;

			if (problem[0])
				fprintf(stderr, "%s\n", problem);
			wrong |= problem[0] != '\0';
		}
		if (report.state == NETWORK_FAILED) {
			fprintf(stderr, "%s\n", report.mistakes[0] ? report.mistakes : report.problem);
			wrong = true;
		}
	}
	if (arg_mode == MODE_CHECK && !wrong)
		printf("%zu network%s, no errors\n", manager_count(manager), manager_count(manager) == 1 ? "" : "s");
	if (arg_mode == MODE_PLAN) {
		r = manager_print_plan(manager, &text);
		if (r == 0)
			fputs(text, stdout);
	}
	if (arg_mode == MODE_TEARDOWN)
		r = manager_teardown(manager, &left);
	print_lines("guestnetd: ", left.data);
	if (r < 0 && !left.data[0])
		fprintf(stderr, "guestnetd: %s\n", strerror(-r));
	return r < 0 || wrong ? EXIT_FAILURE : EXIT_SUCCESS;
}

static int serve_taps(sd_event *event, struct manager *manager, const char *path, int listen_fd,
		      struct tapserver **ret_server, struct failure *failure)
{
	const struct tapserver_options taps = { .helper = arg_helper, .path = path, .listen_fd = listen_fd };

	return tapserver_new(event, manager, &taps, ret_server, failure);
}

/* Until the loop is told to end: what is open to others comes after the first pass, "ready" after that. */
static int serve(sd_event *event, struct manager *manager, struct systembus *systembus, struct activation *activation,
		 struct failure *failure)
{
	_cleanup_(api_freep) struct api *api = NULL;
	_cleanup_(tapserver_freep) struct tapserver *tapserver = NULL;
	char socket_path[108], tap_path[108];
	int r;

	snprintf(tap_path, sizeof(tap_path), "%s/tap.sock", arg_run_root);
	snprintf(socket_path, sizeof(socket_path), "%s/bus.sock", arg_run_root);
	r = add_signals(event, manager);
	if (r >= 0)
		r = manager_attach_bus(manager, systembus);
	if (r >= 0)
		r = manager_run_pass(manager);
	if (r >= 0)
		r = api_new(event, manager, systembus, socket_path, &api, failure);
	if (r >= 0)
		r = serve_taps(event, manager, tap_path, activation_take(activation, "tap"), &tapserver, failure);
	if (r >= 0)
		r = sd_event_set_watchdog(event, 1);
	if (r >= 0) {
		sd_notifyf(0, "READY=1\nSTATUS=%s", manager_status_text(manager));
		r = sd_event_loop(event);
		manager_end_trials(manager);
		sd_notify(0, "STOPPING=1");
	}
	return r;
}

int main(int argc, char *argv[])
{
	_cleanup_(sd_event_unrefp) sd_event *event = NULL;
	_cleanup_(recorder_freep) struct recorder *recorder = NULL;
	_cleanup_(systembus_freep) struct systembus *systembus = NULL;
	_cleanup_(manager_freep) struct manager *manager = NULL;	/* uses the bus to its end */
	_cleanup_(activation_deinit) struct activation activation;
	struct manager_options manager_options = { 0 };
	struct failure failure = { 0 };
	int lock_fd = -EBADF, r;

	/* Until it has started, what grows stays in the heap: pages that are there already cost nothing. */
	(void)mallopt(M_MMAP_THRESHOLD, 32 * 1024 * 1024);
	(void)mallopt(M_TOP_PAD, 1024 * 1024);
	parse_options(argc, argv);
	if (arg_mode == MODE_RUN)
		log_to_stderr();
	umask(0022);
	activation_init(&activation);
	find_service_user(&manager_options.service_uid, &manager_options.service_gid);
	manager_options.config_root = arg_config_root;
	manager_options.vendor_root = arg_vendor_root;
	manager_options.state_root = arg_state_root;
	manager_options.run_root = arg_run_root;
	manager_options.dnsmasq = arg_dnsmasq;
	manager_options.nft_fd = activation_take(&activation, "nft");
	manager_options.only_check = arg_mode == MODE_CHECK;
	/* Before root becomes somebody else: the file is the caller's. */
	if (arg_record && arg_mode != MODE_CHECK && recorder_open(arg_record, &recorder, &failure) < 0) {
		fprintf(stderr, "guestnetd: %s\n", failure.text);
		return EXIT_FAILURE;
	}
	manager_options.recorder = recorder;
	if (arg_mode != MODE_CHECK && become_owner() < 0)
		return EXIT_FAILURE;
	if (arg_mode == MODE_RUN || arg_mode == MODE_TEARDOWN) {
		lock_fd = be_alone(manager_options.service_uid);
		if (lock_fd == -EBUSY)
			return EXIT_FAILURE;
	}
	if (arg_mode != MODE_CHECK &&
	    (make_directory(arg_run_root, 0755) < 0 || make_directory(arg_state_root, 0755) < 0))
		return EXIT_FAILURE;

	r = sd_event_default(&event);
	if (r >= 0)
		r = activation_prepare_rests(event);
	if (r >= 0 && lock_fd >= 0)
		r = sd_event_add_io(event, NULL, lock_fd, EPOLLIN, on_visitor, NULL);
	if (r >= 0)
		r = manager_new(event, &manager_options, &manager, &failure);
	if (r < 0) {
		fprintf(stderr, "guestnetd: %s\n", failure.text[0] ? failure.text : strerror(-r));
		return EXIT_FAILURE;
	}
	if (arg_mode != MODE_RUN)
		return run_once(manager);

	r = systembus_new(event, &systembus);
	if (r >= 0)
		r = serve(event, manager, systembus, &activation, &failure);
	if (r < 0) {
		fprintf(stderr, "guestnetd: %s\n", failure.text[0] ? failure.text : strerror(-r));
		return EXIT_FAILURE;
	}
	return EXIT_SUCCESS;
}
