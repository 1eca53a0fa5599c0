/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The dnsmasq processes of the networks: carrying out what a plan says of them, and hearing of their end.
 * Event loop context.
 */
#include "services.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../lib/clock.h"
#include "../../lib/fd.h"
#include "../../lib/str.h"
#include "listen.h"
#include "log.h"
#include "replace.h"

/* How long a child that ends at once is left alone: doubled each time, from this to 64 times as long. */
#define CHILD_BACKOFF_US	250000
/* A child that has lived so long has started well. */
#define CHILD_SETTLED_US	5000000
/* One that was started after failures must live so long before its network is said to run. */
#define CHILD_STABLE_US		1000000
/* One that has not begun to serve after so long never will. */
#define CHILD_START_US		10000000
/* Sockets follow a new address within milliseconds: dnsmasq hears of it as we do. */
#define CHILD_DEAF_US		1000000
/* A port that somebody else holds is tried again after so long, doubled each time up to 64 times as long. */
#define WITHHELD_TRY_US		1000000
/* A lease file is written in less. */
#define LEASES_WRITTEN_US	2000000

static struct child_order child_order(const struct services *services, const struct managed *managed,
				      const struct netstate_service *service)
{
	return (struct child_order){
		.program = services->options->dnsmasq,
		.run_dir = services->run_dir,
		.network = managed->network.name,
		.config_hash = service ? service->config_hash : 0,
		.data_hash = service ? service->data_hash : 0,
		.uid = services->options->service_uid,
		.gid = services->options->service_gid,
	};
}

/* Whom dnsmasq runs as. */
static uid_t service_uid(const struct manager_options *options)
{
	return geteuid() == 0 ? options->service_uid : geteuid();
}

/* Where dnsmasq_build() shall say that things are. Borrowed from @services. */
struct dnsmasq_options services_dnsmasq_options(const struct services *services)
{
	return (struct dnsmasq_options){
		.run_dir = services->run_dir,
		.state_dir = services->state_dir,
		/* Not standard error: child_read_errors() says why. */
		.log_facility = "daemon",
		.no_ipv6 = services->no_ipv6,
	};
}

static void lease_path(const struct services *services, const struct managed *managed, char *buffer, size_t size)
{
	snprintf(buffer, size, "%s/%s.leases", services->state_dir, managed->network.name);
}

/*
 * Reads the leases of a network. False when some are gone that may be there still: dnsmasq empties the file and writes it
 * anew in pieces (lease.c: lease_update_file()), and what is there of it in between can end where a line does. Those stand until
 * they are gone in a file that is @written.
 */
static bool read_leases(const struct services *services, struct managed *managed, bool written)
{
	_cleanup_(leases_deinit) struct leases leases = LEASES_NULL;
	char path[4200];
	bool kept = false;

	lease_path(services, managed, path, sizeof(path));
	if (leases_read(path, &leases) < 0)
		return true;		/* being written: the next event comes when it is done */
	if (!written && leases_keep(&leases, &managed->leases, &kept) < 0)
		return false;
	leases_deinit(&managed->leases);
	managed->leases = leases;
	leases = LEASES_NULL;
	return !kept;
}

static bool read_all_leases(const struct services *services, bool written)
{
	bool all = true;

	for (size_t i = 0; i < services->list->n; i++)
		all &= read_leases(services, services->list->items[i], written);
	services->leases_changed(services->data);
	return all;
}

static int on_inotify(sd_event_source *source _unused_, int fd, uint32_t events _unused_, void *data)
{
	_Alignas(struct inotify_event) char buffer[16384];
	struct services *services = data;
	ssize_t n = read(fd, buffer, sizeof(buffer));

	/* Which file it was is not looked at: a queue that has overflowed would not say either. */
	if (n <= 0 || read_all_leases(services, false))
		return 0;
	/* Events that follow do not put it off. */
	if (sd_event_source_get_enabled(services->written_timer, NULL) > 0)
		return 0;
	(void)sd_event_source_set_time_relative(services->written_timer, LEASES_WRITTEN_US);
	(void)sd_event_source_set_enabled(services->written_timer, SD_EVENT_ONESHOT);
	return 0;
}

static int on_written(sd_event_source *source _unused_, uint64_t when_us _unused_, void *data)
{
	(void)read_all_leases(data, true);
	return 0;
}

/* How long it is left alone after that many failures in a row; the first one costs nothing. */
static void note_child_failures(struct managed *managed, unsigned int n, const char *text)
{
	managed->n_child_failures = n;
	if (n < 2)
		return;
	managed->child_retry_at_us = clock_us() + backoff_us(CHILD_BACKOFF_US, n - 2);
	managed_set_text(&managed->child_problem, text);
}

/* The child and whose it is, for the event source. */
struct watch {
	struct services *services;
	struct managed *managed;
};

static void watch_free(void *data)
{
	free(data);
}

/*
 * A source goes before its fd is closed. An fd that a process just forked has, too, stays in the epoll set otherwise,
 * with a source that is freed (epoll(7): closing a descriptor removes it when all that refer to its description are).
 */
static void forget_words(struct managed *managed)
{
	managed->words_source = sd_event_source_disable_unref(managed->words_source);
	managed->child.error_fd = fd_close(managed->child.error_fd);
}

static void forget_sources(struct managed *managed)
{
	managed->child_source = sd_event_source_disable_unref(managed->child_source);
	managed->words_source = sd_event_source_disable_unref(managed->words_source);
}

/* It has ended: why, and when it may start again. */
static void end_child(struct services *services, struct managed *managed)
{
	uint64_t lived_us = clock_us() - managed->child_started_us;
	char how[64] = "ended", text[384];
	_cleanup_(freep) char *last_words = NULL;
	const char *words;
	unsigned int n_failures;

	(void)child_read_errors(&managed->child);
	last_words = steal_ptr(managed->child.last_words);
	words = last_words ?: "";
	forget_sources(managed);
	(void)child_reap(&managed->child, how, sizeof(how));
	managed->listens = false;
	n_failures = lived_us > CHILD_SETTLED_US ? 0 : managed->n_child_failures + 1;
	snprintf(text, sizeof(text), "dnsmasq of network %s %s, %u times in a row%s%s", managed->network.name, how, n_failures,
		 words[0] ? ": " : "", STR_ESCAPED(words));
	note_child_failures(managed, n_failures, text);
	if (managed->wanted)
		log_say(4, managed->network.name, managed->network.bridge, "dnsmasq of network %s %s%s%s: starting it again",
			managed->network.name, how, words[0] ? ": " : "", STR_ESCAPED(words));
	services->changed(managed, services->data);
}

static int on_end(sd_event_source *source _unused_, int fd _unused_, uint32_t events _unused_, void *data)
{
	const struct watch watch = *(const struct watch *)data;	/* which goes with the source */

	end_child(watch.services, watch.managed);
	return 0;
}

/* What it says while it starts; the end of that has a pass look whether it listens. */
static int on_words(sd_event_source *source _unused_, int fd _unused_, uint32_t events _unused_, void *data)
{
	const struct watch watch = *(const struct watch *)data;

	if (child_read_errors(&watch.managed->child))
		return 0;
	forget_words(watch.managed);
	watch.services->changed(watch.managed, watch.services->data);
	return 0;
}

static int watch_fd(struct services *services, struct managed *managed, int fd, sd_event_io_handler_t handler,
		    sd_event_source **ret_source)
{
	struct watch *watch = malloc(sizeof(*watch));
	sd_event_source *source = NULL;
	int r;

	if (!watch)
		return -ENOMEM;
	*watch = (struct watch){ services, managed };
	r = sd_event_add_io(services->event, &source, fd, EPOLLIN, handler, watch);
	if (r < 0) {
		free(watch);
		return r;
	}
	(void)sd_event_source_set_destroy_callback(source, watch_free);
	*ret_source = source;
	return 0;
}

static int watch_child(struct services *services, struct managed *managed)
{
	int r;

	forget_sources(managed);
	r = watch_fd(services, managed, managed->child.pidfd, on_end, &managed->child_source);
	if (r == 0 && managed->child.error_fd >= 0)
		r = watch_fd(services, managed, managed->child.error_fd, on_words, &managed->words_source);
	return r;
}

/*
 * Makes the directories and watches the one of the lease files: again wherever they are needed, for somebody may have cleared
 * them away. Of a directory that is watched already, the kernel keeps the watch that it has.
 */
static int prepare_directories(const struct services *services, struct failure *failure)
{
	const struct manager_options *options = services->options;
	int r;

	if ((mkdir(services->run_dir, 0755) < 0 && errno != EEXIST) ||
	    (mkdir(services->state_dir, 0755) < 0 && errno != EEXIST)) {
		r = -errno;
		return failure_set(failure, r, "%s or %s: %s", services->run_dir, services->state_dir, strerror(-r));
	}
	/* dnsmasq writes its lease files here, as whoever it runs as. */
	if (geteuid() == 0 && chown(services->state_dir, options->service_uid, options->service_gid) < 0) {
		r = -errno;
		return failure_set(failure, r, "%s: %s", services->state_dir, strerror(-r));
	}
	if (inotify_add_watch(services->inotify_fd, services->state_dir, IN_MODIFY | IN_CLOSE_WRITE | IN_MOVED_TO | IN_DELETE) < 0) {
		r = -errno;
		return failure_set(failure, r, "%s: no watch: %s%s", services->state_dir, strerror(-r),
				   r == -ENOSPC ? ": sysctl fs.inotify.max_user_watches=524288 allows more of them" : "");
	}
	return 0;
}

/* Prepares directories and the watch on lease files. All arguments must outlive @services. */
int services_init(struct services *services, sd_event *event, const struct manager_options *options,
		  const struct managed_list *list, struct failure *failure)
{
	int r;

	services->event = event;
	services->options = options;
	services->list = list;
	services->inotify_fd = -EBADF;
	services->no_ipv6 = access("/proc/sys/net/ipv6/conf", F_OK) < 0;
	snprintf(services->run_dir, sizeof(services->run_dir), "%s/dnsmasq", options->run_root);
	snprintf(services->state_dir, sizeof(services->state_dir), "%s/dnsmasq", options->state_root);
	services->inotify_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (services->inotify_fd < 0) {
		r = -errno;
		return failure_set(failure, r, "no watch on lease files: %s%s", strerror(-r),
				   r == -EMFILE ? ": this user has all that fs.inotify.max_user_instances allows: sysctl fs.inotify.max_user_instances=1024 allows more" : "");
	}
	r = prepare_directories(services, failure);
	if (r < 0)
		return r;
	r = child_find_orphans(services->run_dir, service_uid(options), &services->orphans, &services->n_orphans);
	if (r < 0)
		return failure_set(failure, r, "/proc: %s", strerror(-r));
	r = sd_event_add_time_relative(event, &services->written_timer, CLOCK_MONOTONIC, LEASES_WRITTEN_US, 0, on_written, services);
	if (r >= 0)
		r = sd_event_source_set_enabled(services->written_timer, SD_EVENT_OFF);
	if (r >= 0)
		r = sd_event_add_io(event, &services->inotify_source, services->inotify_fd, EPOLLIN, on_inotify, services);
	return r < 0 ? failure_set(failure, r, "no watch: %s", strerror(-r)) : 0;
}

void services_deinit(struct services *services)
{
	services->inotify_source = sd_event_source_unref(services->inotify_source);
	services->written_timer = sd_event_source_disable_unref(services->written_timer);
	services->inotify_fd = fd_close(services->inotify_fd);
	free(services->orphans);
}

/* Looks, once, for a child that an earlier daemon left running for this network, and for its leases. */
void services_adopt(struct services *services, struct managed *managed)
{
	const struct child_order order = child_order(services, managed, NULL);

	if (managed->adopted)
		return;
	managed->adopted = true;
	if (child_adopt(&order, services->orphans, services->n_orphans, &managed->child) < 0)
		return;
	managed->child_started_us = clock_us();
	(void)watch_child(services, managed);
	(void)read_leases(services, managed, true);
}

static bool is_taken_up(const struct services *services, pid_t pid)
{
	for (size_t i = 0; i < services->list->n; i++)
		if (services->list->items[i]->child.pid == pid)
			return true;
	return false;
}

/*
 * Ends what an earlier daemon left running and services_adopt() has not taken up: of networks whose file went while no daemon ran,
 * and second ones. Whoever serves their bridges now would have it beside them. To be called before anything is started.
 */
void services_end_orphans(struct services *services)
{
	for (size_t i = 0; i < services->n_orphans; i++)
		if (!is_taken_up(services, services->orphans[i].pid))
			child_end_orphan(services->run_dir, &services->orphans[i]);
	free(services->orphans);
	services->orphans = NULL;
	services->n_orphans = 0;
}

/* What of a network's service is withheld: for desired_build(). */
unsigned int services_withheld(const char *network, const void *list)
{
	const struct managed *managed = managed_find(list, network);

	if (!managed)
		return 0;
	return managed->service_idle ? SERVICE_ALL : managed->withheld;
}

static void look_at(struct managed *managed, uint64_t when_us)
{
	if (!managed->look_at_us || when_us < managed->look_at_us)
		managed->look_at_us = when_us;
}

static bool is_deaf(const struct managed *managed)
{
	return managed->deaf_since_us && clock_us() >= managed->deaf_since_us + CHILD_DEAF_US;
}

/* It runs and serves nobody: that is a failure like its end. */
static void note_deafness(struct managed *managed)
{
	bool settled = clock_us() > managed->child_started_us + CHILD_SETTLED_US;
	char text[256];

	snprintf(text, sizeof(text), "dnsmasq of network %s does not listen on %s", managed->network.name,
		 STR_ESCAPED(managed->network.bridge));
	log_say(4, managed->network.name, managed->network.bridge, "%s: starting it again", text);
	note_child_failures(managed, settled ? 1 : managed->n_child_failures + 1, text);
}

static void review_child(struct managed *managed, const struct listen_view *view, const struct netstate *snapshot,
			 const struct subnet_choice *choice, const struct manager_options *options, uint64_t now)
{
	uint32_t uid = service_uid(options);

	if (!managed->child.ready) {
		/* One that hangs ends here, and on_end() counts it. */
		if (now >= managed->child_started_us + CHILD_START_US)
			(void)child_signal(&managed->child, SIGKILL);
		else
			look_at(managed, managed->child_started_us + CHILD_START_US);
		return;
	}
	managed->listens = listen_is_heard(view, managed, snapshot, choice, uid);
	if (!managed->listens) {
		if (!managed->deaf_since_us)
			managed->deaf_since_us = now;
		look_at(managed, managed->deaf_since_us + CHILD_DEAF_US);
		return;
	}
	managed->deaf_since_us = 0;
	if (!managed->child_problem[0])
		return;
	if (now >= managed->child_started_us + CHILD_STABLE_US)
		managed_set_text(&managed->child_problem, "");
	else
		look_at(managed, managed->child_started_us + CHILD_STABLE_US);
}

/* A part that was left out is tried again in each pass, and after a while if there is none. */
static void review_withheld(struct managed *managed, const struct subnet_choice *choice, uint64_t now)
{
	if (!managed->withheld) {
		managed->n_withheld_tries = 0;
		managed->withheld_try_us = 0;
		return;
	}
	listen_try(managed, choice, managed->withheld);
	if (!managed->withheld)
		return;
	if (now >= managed->withheld_try_us)
		managed->withheld_try_us = now + backoff_us(WITHHELD_TRY_US, managed->n_withheld_tries++);
	look_at(managed, managed->withheld_try_us);
}

/* Once started it goes on: whoever had a guest will have another one, and nothing changes for that one. */
static bool is_idle(const struct managed *managed, const struct netstate *snapshot)
{
	if (!managed->network.services_on_demand || managed->child.pidfd >= 0 || managed->child_retry_at_us)
		return false;
	for (size_t i = 0; i < snapshot->n_ports; i++)
		if (strcmp(snapshot->ports[i].bridge, managed->network.bridge) == 0)
			return false;
	return true;
}

/* Before it is said what should be: which networks have nobody to serve. */
void services_note_idle(const struct services *services, const struct netstate *snapshot)
{
	for (size_t i = 0; i < services->list->n; i++)
		services->list->items[i]->service_idle = is_idle(services->list->items[i], snapshot);
}

/*
 * Looks how the services do, before it is planned: whether they listen, and whether they could do more. Sets
 * managed.look_at_us where that has to be looked at again without an event.
 */
void services_review(const struct services *services, const struct netstate *snapshot,
		     const struct subnet_choice *choices, size_t n_choices)
{
	struct listen_view view = LISTEN_VIEW_NULL;
	uint64_t now = clock_us();

	for (size_t i = 0; i < services->list->n; i++) {
		if (!services->list->items[i]->child.ready)
			continue;
		listen_view_read(&view);
		break;
	}
	for (size_t i = 0; i < services->list->n; i++) {
		struct managed *managed = services->list->items[i];
		const struct subnet_choice *choice = subnet_find(choices, n_choices, managed->network.name);

		managed->look_at_us = 0;
		if (!managed->wanted || managed->service_idle)
			continue;
		if (managed->child.pidfd >= 0)
			review_child(managed, &view, snapshot, choice, services->options, now);
		review_withheld(managed, choice, now);
	}
	listen_view_deinit(&view);
}

/*
 * Waits until something becomes of a service that starts, @end_us at the latest; true when there was news, and a
 * pass has to see them. This is the one place that waits for dnsmasq: somebody has asked for a start and wants to hear
 * how it went. It takes some 20 ms.
 */
bool services_wait(struct services *services, struct managed *managed, uint64_t end_us)
{
	struct pollfd fds[] = {
		{ .fd = managed->child.pidfd, .events = POLLIN },
		{ .fd = managed->child.error_fd, .events = POLLIN },	/* negative, and ignored, when it is ready */
	};
	uint64_t now = clock_us();
	int left_ms;

	if (managed->child.pidfd < 0 || now >= end_us)
		return false;
	left_ms = (int)((end_us - now) / 1000) + 1;
	/* It has its sockets, and one of them is not where it should be yet: an address came just now. */
	if (managed->child.ready && left_ms > 20)
		left_ms = 20;
	if (poll(fds, ARRAY_SIZE(fds), left_ms) < 0)
		return errno == EINTR;
	if (fds[0].revents)
		end_child(services, managed);
	else if (fds[1].revents && !child_read_errors(&managed->child))
		forget_words(managed);
	return true;
}

/* What is wrong with a network's service: "" for nothing. @ret_fix gets the command that mends it, or "". */
const char *services_problem(const struct managed *managed, const char **ret_fix)
{
	*ret_fix = "";
	if (managed->child_problem[0])
		return managed->child_problem;
	if (!managed->withheld)
		return "";
	*ret_fix = managed->withheld_fix;
	return managed->withheld_problem;
}

/* Do guests get what they should from it? */
bool services_are_ready(const struct managed *managed)
{
	return !dnsmasq_is_wanted(&managed->network) || managed->service_idle || (managed->child.pidfd >= 0 && managed->listens);
}

/*
 * What runs, as part of what is. A child that is left alone for a while, because it ended again and again,
 * counts as running: the network's other parts are planned as ever.
 */
int services_add_to_snapshot(const struct services *services, const struct netstate *desired, struct netstate *snapshot)
{
	for (size_t i = 0; i < services->list->n; i++) {
		const struct managed *managed = services->list->items[i];
		const struct netstate_service *wanted;
		struct netstate_service service = { .running = true, .config_hash = managed->child.config_hash,
							    .data_hash = managed->child.data_hash };
		int r = 0;

		if (managed->child.pidfd >= 0) {
			memcpy(service.network, managed->network.name, sizeof(service.network));
			memcpy(service.bridge, managed->network.bridge, sizeof(service.bridge));
			service.deaf = is_deaf(managed);
			r = netstate_add_service(snapshot, &service);
		} else if (managed->child_retry_at_us &&
			   (wanted = netstate_find_service(desired, managed->network.name))) {
			r = netstate_add_service(snapshot, wanted);
		}
		if (r < 0)
			return r;
	}
	return 0;
}

/* The files that are read again on SIGHUP. */
static int write_data(const struct managed *managed, const struct child_order *order, struct failure *failure)
{
	for (unsigned int i = 0; i < DNSMASQ_FILE_MAX_; i++) {
		_cleanup_(freep) char *content = NULL;
		char path[4200];
		size_t length;
		int r = dnsmasq_build_file(&managed->network, i, &content, &length);

		child_path(path, sizeof(path), order, dnsmasq_file_suffix(i));
		if (r == 0)
			r = replace_text(path, content, length, false);
		if (r < 0)
			return failure_set(failure, r, "%s: %s", path, strerror(-r));
	}
	return 0;
}

/* Writes the configuration, the files that it names, and the lease file. */
static int write_configuration(struct services *services, struct managed *managed, struct child_order *order,
			       const struct subnet_choice *choice, struct failure *failure)
{
	_cleanup_(fd_closep) int fd = -EBADF;
	struct dnsmasq_options options = services_dnsmasq_options(services);
	char buffer[DNSMASQ_TEXT_SIZE * 2], path[4200];
	struct text text;
	struct stat st;
	int r;

	options.withheld = managed->withheld;
	text_init(&text, buffer, sizeof(buffer));
	r = dnsmasq_build(&managed->network, choice, &options, &text);
	if (r < 0)
		return failure_set(failure, r, "no configuration for dnsmasq of %s: %s", managed->network.name, strerror(-r));
	/* Not always what the plan says: which ports can be had has just been found out. */
	order->config_hash = dnsmasq_hash(&text);
	child_path(path, sizeof(path), order, "conf");
	r = replace_text(path, text.data, text.length, false);
	if (r < 0)
		return failure_set(failure, r, "%s: %s", path, strerror(-r));

	r = write_data(managed, order, failure);
	if (r < 0)
		return r;
	lease_path(services, managed, path, sizeof(path));
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0644);
	if (fd < 0 || fstat(fd, &st) < 0)
		return failure_set(failure, -errno, "%s: %s", path, strerror(errno));
	/* Safe because: in a folder of dnsmasq's user, a name may lead to anything; only a file that has no other name is given away. */
	if (!S_ISREG(st.st_mode) || st.st_nlink != 1)
		return failure_set(failure, -EINVAL, "%s: it is no plain file with one name: remove it", path);
	if (geteuid() == 0 && fchown(fd, order->uid, order->gid) < 0)
		return failure_set(failure, -errno, "%s: %s", path, strerror(errno));
	return 0;
}

static void stop_child(struct managed *managed)
{
	if (managed->child.pidfd < 0)
		return;
	/*
	 * dnsmasq ends at once on SIGTERM. Its place is free for the next one when its sockets are closed,
	 * which is before its pidfd says so: waiting here is short, and bounded by SIGKILL.
	 */
	forget_sources(managed);
	(void)child_signal(&managed->child, SIGTERM);
	child_wait(&managed->child, 1000);
}

/* A program that cannot be started is the service's problem: the rest of the network is there without it. */
static void cannot_start(struct managed *managed, const char *text)
{
	unsigned int n = managed->n_child_failures + 1;

	if (strcmp(managed->child_problem, text) != 0)
		log_say(3, managed->network.name, managed->network.bridge, "network %s: %s", managed->network.name, text);
	note_child_failures(managed, n < 2 ? 2 : n, text);
}

/*
 * Carries out one step about a service. On failure the network is to be tried again later; nothing of it is
 * left half done. A program that cannot be started is no failure of the step: it is tried again by itself.
 */
int services_apply(struct services *services, const struct plan_step *step, struct managed *managed,
		   const struct subnet_choice *choice, struct failure *failure)
{
	struct child_order order = child_order(services, managed, &step->service);
	int r;

	if (step->op == PLAN_SERVICE_RELOAD) {
		r = write_data(managed, &order, failure);
		return r < 0 ? r : child_reload(&order, &managed->child);
	}
	if (step->op == PLAN_SERVICE_RESTART && is_deaf(managed))
		note_deafness(managed);
	stop_child(managed);
	managed->listens = false;
	managed->deaf_since_us = 0;
	if (step->op == PLAN_SERVICE_STOP) {
		managed_set_text(&managed->child_problem, "");
		managed->withheld = 0;
		return 0;
	}
	/* It has failed before, even if only just now: not at once again. */
	if (managed->child_retry_at_us)
		return 0;

	listen_try(managed, choice, SERVICE_DNS | SERVICE_DHCP);
	r = prepare_directories(services, failure);
	if (r == 0)
		r = write_configuration(services, managed, &order, choice, failure);
	if (r == 0)
		r = child_start(&order, &managed->child, failure);
	if (r < 0) {
		cannot_start(managed, failure->text[0] ? failure->text : strerror(-r));
		return 0;
	}
	managed->child_started_us = clock_us();
	return watch_child(services, managed);
}
