/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How many lines of the log there are about what one user does.
 * Pure: no system calls.
 */
#include "ration.h"

#include <stddef.h>

/*
 * Is there to be one more line about this user? @ret_over, which is always written: whose time is over where that user's begins, with
 * the lines that there were or would have been; 0 of them for nobody's.
 */
bool ration_take(struct ration *ration, uid_t uid, uint64_t now_us, struct ration_user *ret_over)
{
	struct ration_user *place = NULL;

	*ret_over = (struct ration_user){ 0 };
	for (struct ration_user *i = ration->users; i < ration->users + RATION_USERS; i++) {
		if (i->n > 0 && i->uid == uid) {
			place = i;
			break;
		}
		if (!place && (i->n == 0 || now_us - i->begin_us >= RATION_US))
			place = i;
	}
	if (!place)
		return false;
	if (place->n == 0 || now_us - place->begin_us >= RATION_US) {
		*ret_over = *place;
		*place = (struct ration_user){ .uid = uid, .begin_us = now_us };
	}
	return place->n++ < RATION_LINES;
}
