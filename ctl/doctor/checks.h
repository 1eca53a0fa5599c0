/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What guestnet doctor looks at: one table, for the program, its manual and doc/TROUBLESHOOTING.md.
 */
#pragma once

#include "../report.h"
#include "../why/look.h"
#include "../why/packet.h"
#include "../why/rules.h"

enum verdict { VERDICT_OK, VERDICT_NOTE, VERDICT_PROBLEM, VERDICT_SKIPPED };

struct doctor;

struct check {
	const char *id;
	const char *looked_at;		/* "/dev/net/tun: ..." */
	/* Messages of QEMU, libvirt and this program that people search for, a line each; "" for none. */
	const char *symptoms;
	const char *meaning;		/* what it means and what to do, for the document */
	void (*run)(struct doctor *doctor);
	bool asks_daemon;		/* it is about what the daemon says of its networks */
};

struct finding {
	const struct check *check;	/* borrowed from the table */
	enum verdict verdict;
	char evidence[512];
	char fix[320];			/* a command; "" for none */
	bool safe;			/* the command loses nothing: --fix runs it */
};

#define DOCTOR_FINDINGS	256

/* Everything that the checks look at, read once. */
struct doctor {
	const char *helper, *policy, *dnsmasq, *tun;	/* borrowed paths */
	struct reports reports;		/* owned */
	bool has_daemon;
	struct look look;		/* owned */
	struct rules rules;		/* owned */
	bool has_rules;			/* they could be read: needs CAP_NET_ADMIN */

	const struct check *check;	/* the one that runs */
	struct finding findings[DOCTOR_FINDINGS];
	size_t n_findings;
};

/* Where rules that are not ours stop a packet, and the command that lets it pass. */
struct stopped {
	char place[440], fix[320];
	enum verdict verdict;		/* a problem; or a note, where a rule before that one is not understood */
};

/* An address of each family that is somewhere else. */
extern const uint8_t doctor_outside[2][16];

extern const struct check checks[];
extern const size_t n_checks;

struct finding *doctor_add(struct doctor *doctor, enum verdict verdict, const char *format, ...) _printf_(3, 4);
void doctor_fix(struct finding *finding, bool safe, const char *format, ...) _printf_(3, 4);
bool doctor_is_running(const struct report *report);
bool doctor_is_routed(const struct report *report);
bool doctor_read_gateway(const struct report *report, int family, uint8_t ret_gateway[static 16]);
bool doctor_is_stopped(struct doctor *doctor, const struct packet *packet, const int *hooks, const char *what, struct stopped *ret_stopped);
void doctor_run(struct doctor *doctor);
