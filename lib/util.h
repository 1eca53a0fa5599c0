/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The few words that every other file uses: cleanup attributes, stealing, array sizes.
 * Pure.
 */
#pragma once

#include <stddef.h>
#include <stdlib.h>

#define _cleanup_(f)	__attribute__((cleanup(f)))
#define _printf_(a, b)	__attribute__((format(printf, a, b)))
#define _unused_	__attribute__((unused))

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

/* Takes a pointer out of its variable, so that a cleanup attribute finds NULL. */
#define steal_ptr(p)			\
({					\
	__typeof__(p) *_pp = &(p);	\
	__typeof__(p) _v = *_pp;	\
	*_pp = NULL;			\
	_v;				\
})

/* For _cleanup_(freep): the variable may hold any kind of pointer from malloc. */
static inline void freep(void *p)
{
	free(*(void **)p);
}
