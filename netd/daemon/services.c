/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The dnsmasq processes of the networks: carrying out what a plan says of them, and hearing of their end.
 * Event loop context.
 */
#include "services.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <systemd/sd-journal.h>
#include <time.h>
#include <unistd.h>

#include "../../lib/fd.h"

/* How long a child that ends at once is left alone: doubled each time, from this to 64 times as long. */
#define CHILD_BACKOFF_US	250000
/* A child that has lived so long has started well. */
#define CHILD_SETTLED_US	5000000

static uint64_t now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static struct child_order child_order(const struct services *services, const struct managed *managed, uint64_t hash)
{
	return (struct child_order){
		.program = services->options->dnsmasq,
		.run_dir = services->run_dir,
		.network = managed->network.name,
		.config_hash = hash,
		.uid = services->options->service_uid,
		.gid = services->options->service_gid,
	};
}

/* Where dnsmasq_build() shall say that things are. Borrowed from @services. */
struct dnsmasq_options services_dnsmasq_options(const struct services *services)
{
	return (struct dnsmasq_options){ .run_dir = services->run_dir, .state_dir = services->state_dir };
}

static void lease_path(const struct services *services, const struct managed *managed, char *buffer, size_t size)
{
	snprintf(buffer, size, "%s/%s.leases", services->state_dir, managed->network.name);
}

static void read_leases(struct services *services, struct managed *managed)
{
	struct leases leases = LEASES_NULL;
	char path[4200];

	lease_path(services, managed, path, sizeof(path));
	if (leases_read(path, &leases) < 0)
		return;		/* being written: the next event comes when it is done */
	leases_deinit(&managed->leases);
	managed->leases = leases;
}

static int on_inotify(sd_event_source *source _unused_, int fd, uint32_t events _unused_, void *data)
{
	_Alignas(struct inotify_event) char buffer[16384];
	struct services *services = data;
	ssize_t n = read(fd, buffer, sizeof(buffer));

	/* Which file it was is not looked at: a queue that has overflowed would not say either. */
	if (n <= 0)
		return 0;
	for (size_t i = 0; i < services->list->n; i++)
		read_leases(services, services->list->items[i]);
	return 0;
}

/* How long it is left alone after that many failures in a row; the first one costs nothing. */
static void note_child_failures(struct managed *managed, unsigned int n, const char *text)
{
	unsigned int doublings = n < 2 ? 0 : n - 2;
	struct text problem;

	managed->n_child_failures = n;
	if (n < 2)
		return;
	managed->child_retry_at_us = now_us() + ((uint64_t)CHILD_BACKOFF_US << (doublings < 6 ? doublings : 6));
	text_init(&problem, managed->problem, sizeof(managed->problem));
	text_add(&problem, "%s", text);
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

static int on_end(sd_event_source *source _unused_, int fd _unused_, uint32_t events _unused_, void *data)
{
	const struct watch watch = *(const struct watch *)data;
	struct managed *managed = watch.managed;
	uint64_t lived_us = now_us() - managed->child_started_us;
	char how[64] = "ended", text[256];
	unsigned int n_failures;

	(void)child_reap(&managed->child, how, sizeof(how));
	n_failures = lived_us > CHILD_SETTLED_US ? 0 : managed->n_child_failures + 1;
	snprintf(text, sizeof(text), "dnsmasq of network %s %s, %u times in a row", managed->network.name, how, n_failures);
	note_child_failures(managed, n_failures, text);
	if (managed->wanted)
		sd_journal_send("MESSAGE=dnsmasq of network %s %s: starting it again", managed->network.name, how,
				"PRIORITY=4", "NETWORK=%s", managed->network.name, "BRIDGE=%s", managed->network.bridge, NULL);
	/* Frees @data, and this source with it. */
	managed->child_source = sd_event_source_unref(managed->child_source);
	watch.services->changed(managed, watch.services->data);
	return 0;
}

static int watch_child(struct services *services, struct managed *managed)
{
	struct watch *watch = malloc(sizeof(*watch));
	int r;

	if (!watch)
		return -ENOMEM;
	*watch = (struct watch){ services, managed };
	managed->child_source = sd_event_source_unref(managed->child_source);
	r = sd_event_add_io(services->event, &managed->child_source, managed->child.pidfd, EPOLLIN, on_end, watch);
	if (r < 0) {
		free(watch);
		return r;
	}
	return sd_event_source_set_destroy_callback(managed->child_source, watch_free);
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
	snprintf(services->run_dir, sizeof(services->run_dir), "%s/dnsmasq", options->run_root);
	snprintf(services->state_dir, sizeof(services->state_dir), "%s/dnsmasq", options->state_root);
	if ((mkdir(services->run_dir, 0755) < 0 && errno != EEXIST) ||
	    (mkdir(services->state_dir, 0755) < 0 && errno != EEXIST))
		return failure_set(failure, -errno, "%s or %s: %s", services->run_dir, services->state_dir, strerror(errno));
	/* dnsmasq writes its lease files here, as whoever it runs as. */
	if (geteuid() == 0 && chown(services->state_dir, options->service_uid, options->service_gid) < 0)
		return failure_set(failure, -errno, "%s: %s", services->state_dir, strerror(errno));

	services->inotify_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (services->inotify_fd < 0 ||
	    inotify_add_watch(services->inotify_fd, services->state_dir, IN_MODIFY | IN_CLOSE_WRITE | IN_MOVED_TO | IN_DELETE) < 0)
		return failure_set(failure, -errno, "%s: no watch: %s", services->state_dir, strerror(errno));
	r = sd_event_add_io(event, &services->inotify_source, services->inotify_fd, EPOLLIN, on_inotify, services);
	return r < 0 ? failure_set(failure, r, "no watch: %s", strerror(-r)) : 0;
}

void services_deinit(struct services *services)
{
	services->inotify_source = sd_event_source_unref(services->inotify_source);
	services->inotify_fd = fd_close(services->inotify_fd);
}

/* Looks for a child that an earlier daemon left running for this network, and for its leases. */
void services_adopt(struct services *services, struct managed *managed)
{
	const struct child_order order = child_order(services, managed, 0);

	if (managed->child.pidfd >= 0 || child_adopt(&order, &managed->child) < 0)
		return;
	managed->child_started_us = now_us();
	(void)watch_child(services, managed);
	read_leases(services, managed);
}

/*
 * What runs, as part of what is. A child that is left alone for a while, because it ended again and again,
 * counts as running: the network's other parts are planned as ever.
 */
int services_add_to_snapshot(const struct services *services, const struct netstate *desired, struct netstate *snapshot)
{
	for (size_t i = 0; i < services->list->n; i++) {
		const struct managed *managed = services->list->items[i];
		const struct netstate_service *wanted = netstate_find_service(desired, managed->network.name);
		struct netstate_service service = { .running = true, .config_hash = managed->child.config_hash };
		int r = 0;

		if (managed->child.pidfd >= 0) {
			memcpy(service.network, managed->network.name, sizeof(service.network));
			memcpy(service.bridge, managed->network.bridge, sizeof(service.bridge));
			r = netstate_add_service(snapshot, &service);
		} else if (managed->child_retry_at_us && wanted) {
			r = netstate_add_service(snapshot, wanted);
		}
		if (r < 0)
			return r;
	}
	return 0;
}

static int write_file(const char *path, const struct text *text)
{
	_cleanup_(fd_closep) int fd = -EBADF;
	char next[4300];

	snprintf(next, sizeof(next), "%s.new", path);
	fd = open(next, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (fd < 0 || write(fd, text->data, text->length) != (ssize_t)text->length || rename(next, path) < 0)
		return -errno;
	return 0;
}

/* Writes the configuration, and makes the directories and the lease file that it names. */
static int write_configuration(struct services *services, struct managed *managed, const struct child_order *order,
			       const struct subnet_choice *choice, struct failure *failure)
{
	static const char *const directories[] = { "hosts", "dhcp-hosts" };
	_cleanup_(fd_closep) int fd = -EBADF;
	const struct dnsmasq_options options = services_dnsmasq_options(services);
	char buffer[DNSMASQ_TEXT_SIZE * 2], path[4200];
	struct text text;
	int r;

	text_init(&text, buffer, sizeof(buffer));
	r = dnsmasq_build(&managed->network, choice, &options, &text);
	if (r < 0)
		return failure_set(failure, r, "no configuration for dnsmasq of %s: %s", managed->network.name, strerror(-r));
	child_path(path, sizeof(path), order, "conf");
	r = write_file(path, &text);
	if (r < 0)
		return failure_set(failure, r, "%s: %s", path, strerror(-r));

	for (size_t i = 0; i < ARRAY_SIZE(directories); i++) {
		child_path(path, sizeof(path), order, directories[i]);
		if (mkdir(path, 0755) < 0 && errno != EEXIST)
			return failure_set(failure, -errno, "%s: %s", path, strerror(errno));
	}
	lease_path(services, managed, path, sizeof(path));
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (fd < 0 || (geteuid() == 0 && fchown(fd, order->uid, order->gid) < 0))
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
	(void)child_signal(&managed->child, SIGTERM);
	child_wait(&managed->child, 1000);
	managed->child_source = sd_event_source_unref(managed->child_source);
}

/* A program that cannot be started is the service's problem: the rest of the network is there without it. */
static void cannot_start(struct managed *managed, const char *text)
{
	unsigned int n = managed->n_child_failures + 1;

	if (strcmp(managed->problem, text) != 0)
		sd_journal_send("MESSAGE=network %s: %s", managed->network.name, text, "PRIORITY=3", "NETWORK=%s",
				managed->network.name, "BRIDGE=%s", managed->network.bridge, NULL);
	note_child_failures(managed, n < 2 ? 2 : n, text);
}

/*
 * Carries out one step about a service. On failure the network is to be tried again later; nothing of it is
 * left half done. A program that cannot be started is no failure of the step: it is tried again by itself.
 */
int services_apply(struct services *services, const struct plan_step *step, struct managed *managed,
		   const struct subnet_choice *choice, struct failure *failure)
{
	const struct child_order order = child_order(services, managed, step->service.config_hash);
	int r;

	if (step->op == PLAN_SERVICE_RELOAD)
		return child_signal(&managed->child, SIGHUP);
	stop_child(managed);
	if (step->op == PLAN_SERVICE_STOP)
		return 0;

	r = write_configuration(services, managed, &order, choice, failure);
	if (r == 0)
		r = child_start(&order, &managed->child, failure);
	if (r < 0) {
		cannot_start(managed, failure->text[0] ? failure->text : strerror(-r));
		return 0;
	}
	managed->child_started_us = now_us();
	return watch_child(services, managed);
}
