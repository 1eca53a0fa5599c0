/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The few words that every other file uses: cleanup attributes, stealing, array sizes, arrays that grow.
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

/*
 * Room for one more in an array of @n elements that has grown by this alone. Capacities are powers of two from 8 to 256 and
 * then multiples of that, so the count says when it is full; large arrays do not grow by more, as what is reserved and not used
 * is memory, too. The array, maybe elsewhere, or NULL: then the old one is as it was.
 */
static inline void *array_grow(void *array, size_t n, size_t size)
{
	if (n == 0)
		return reallocarray(array, 8, size);
	if (n < 8 || (n < 256 ? n & (n - 1) : n % 256) != 0)
		return array;
	return reallocarray(array, n < 256 ? 2 * n : n + 256, size);
}

/* For _cleanup_(freep): the variable may hold any kind of pointer from malloc. */
static inline void freep(void *p)
{
	free(*(void **)p);
}
