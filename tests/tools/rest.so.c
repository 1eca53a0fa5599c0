// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A command for bash, loaded by tests/lib.sh: "rest MICROSECONDS" returns when that long has passed.
 *
 * Bash 5.2's own `read -t` does not do for a short time. When that is over before the reading begins, as on a busy machine, it
 * blocks the signals that happen to lie on its stack (prevset in builtins/read.def). With SIGCHLD among them the shell never hears
 * that a child has ended, which stays a zombie; with SIGTERM, what it starts from then on may not heed that.
 */
#include <errno.h>
#include <stdlib.h>
#include <time.h>

/* What a loaded command and bash know of each other; the same since bash 2. */
struct word {
	char *text;
	int flags;
};
struct words {
	struct words *next;
	struct word *word;
};
struct builtin {
	char *name;
	int (*function)(struct words *);
	int flags;
	char *const *long_doc;
	const char *short_doc;
	char *handle;
};
#define BUILTIN_ENABLED 0x01

static int rest(struct words *words)
{
	struct timespec end;
	char *rest_of_it;
	long us;

	if (words == NULL || words->next != NULL)
		return 2;
	us = strtol(words->word->text, &rest_of_it, 10);
	if (*rest_of_it != '\0' || us < 0)
		return 2;
	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_sec += us / 1000000;
	end.tv_nsec += us % 1000000 * 1000;
	if (end.tv_nsec >= 1000000000) {
		end.tv_sec++;
		end.tv_nsec -= 1000000000;
	}
	/* A child's end comes in between. */
	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &end, NULL) == EINTR)
		;
	return 0;
}

static char *const long_doc[] = { "Returns when so many microseconds have passed.", NULL };
extern struct builtin rest_struct;
struct builtin rest_struct = { "rest", rest, BUILTIN_ENABLED, long_doc, "rest MICROSECONDS", NULL };
