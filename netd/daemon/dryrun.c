/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a reload would do, without doing it: guestnetd --plan, in a process of its own, that reads all files anew.
 * Event loop context; starts a process.
 */
#include "dryrun.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../lib/fd.h"
#include "../../lib/limits.h"
#include "api-names.h"

struct dryrun {
	struct dryrun **place;		/* where it stands; NULL there when it is through */
	sd_bus_message *call;		/* owned: who waits for the answer */
	sd_event_source *source;	/* owned */
	int fd;				/* owned: what it prints */
	pid_t pid;
	size_t length;
	char text[LIMIT_DRYRUN + 1];
};

struct dryrun *dryrun_free(struct dryrun *dryrun)
{
	if (!dryrun)
		return NULL;
	sd_event_source_unref(dryrun->source);
	fd_close(dryrun->fd);
	if (dryrun->pid > 0) {
		kill(dryrun->pid, SIGKILL);	/* ours, and not waited for yet: nobody else has its number */
		(void)waitpid(dryrun->pid, NULL, 0);
	}
	sd_bus_message_unref(dryrun->call);
	free(dryrun);
	return NULL;
}

static void end(struct dryrun *dryrun)
{
	int status = 0;

	dryrun->text[dryrun->length] = '\0';
	if (waitpid(dryrun->pid, &status, 0) == dryrun->pid && WIFEXITED(status) && WEXITSTATUS(status) <= 1)
		(void)sd_bus_reply_method_return(dryrun->call, "sb", dryrun->text, WEXITSTATUS(status) == 0);
	else
		(void)sd_bus_reply_method_errorf(dryrun->call, API_FAILED, "guestnetd --plan has ended badly: %s", dryrun->text);
	dryrun->pid = 0;
	*dryrun->place = NULL;
	dryrun_free(dryrun);
}

static int on_output(sd_event_source *source _unused_, int fd, uint32_t events _unused_, void *data)
{
	struct dryrun *dryrun = data;
	char rest[4096];
	ssize_t n = dryrun->length < LIMIT_DRYRUN ?
		read(fd, dryrun->text + dryrun->length, LIMIT_DRYRUN - dryrun->length) :
		read(fd, rest, sizeof(rest));	/* what is too long is cut */

	if (n > 0 && dryrun->length < LIMIT_DRYRUN)
		dryrun->length += (size_t)n;
	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
		end(dryrun);
	return 0;
}

/* Safe because: the program is the one that runs, the arguments are our own options, and nothing of the caller's. */
static _Noreturn void execute(const struct manager_options *options, int fd)
{
	char config[4200], vendor[4200], state[4200], run[4200], dnsmasq[4200], user[64];
	char *const arguments[] = { (char *)"guestnetd", (char *)"--plan", config, vendor, state, run, dnsmasq, user, NULL };
	sigset_t none;

	snprintf(config, sizeof(config), "--config-root=%s", options->config_root);
	snprintf(vendor, sizeof(vendor), "--vendor-root=%s", options->vendor_root);
	snprintf(state, sizeof(state), "--state-root=%s", options->state_root);
	snprintf(run, sizeof(run), "--run-root=%s", options->run_root);
	snprintf(dnsmasq, sizeof(dnsmasq), "--dnsmasq=%s", options->dnsmasq);
	snprintf(user, sizeof(user), "--service-user=%u", options->service_uid);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	unsetenv("NOTIFY_SOCKET");
	unsetenv("WATCHDOG_USEC");
	if (dup2(fd, STDOUT_FILENO) >= 0 && dup2(fd, STDERR_FILENO) >= 0)
		execv("/proc/self/exe", arguments);
	_exit(127);
}

/*
 * Starts it; @call is answered when it is through, with what it prints and whether all files are right. *@dryrun is
 * set until then: -EBUSY while it is.
 */
int dryrun_start(sd_event *event, const struct manager_options *options, sd_bus_message *call, struct dryrun **place)
{
	struct dryrun *dryrun;
	int fds[2], r;

	if (*place)
		return -EBUSY;
	dryrun = calloc(1, sizeof(*dryrun));
	if (!dryrun)
		return -ENOMEM;
	dryrun->place = place;
	dryrun->fd = -EBADF;
	if (pipe2(fds, O_CLOEXEC) < 0) {
		r = -errno;
		dryrun_free(dryrun);
		return r;
	}
	dryrun->fd = fds[0];
	dryrun->pid = fork();
	if (dryrun->pid == 0)
		execute(options, fds[1]);
	r = dryrun->pid < 0 ? -errno : fcntl(fds[0], F_SETFL, O_NONBLOCK);
	close(fds[1]);
	if (r >= 0)
		r = sd_event_add_io(event, &dryrun->source, dryrun->fd, EPOLLIN, on_output, dryrun);
	if (r < 0) {
		dryrun_free(dryrun);
		return r;
	}
	dryrun->call = sd_bus_message_ref(call);
	*place = dryrun;
	return 1;
}
