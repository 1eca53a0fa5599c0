/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What org.guestnet1 calls its objects, interfaces and errors, and what its methods ask of their callers.
 */
#pragma once

#define API_NAME		"org.guestnet1"
#define API_PATH		"/org/guestnet1"
#define API_NETWORKS		"/org/guestnet1/network"
#define API_MANAGER		"org.guestnet1.Manager"
#define API_NETWORK		"org.guestnet1.Network"
#define API_NO_SUCH_NETWORK	"org.guestnet1.NoSuchNetwork"
#define API_FAILED		"org.guestnet1.Failed"
#define API_DENIED		"org.guestnet1.Denied"	/* by the policy, whoever else is asked */

/* What a method asks of its caller. Names of the actions: ACTION_PREFIX and these words. */
enum access {
	ACCESS_NONE,		/* describes the interface */
	ACCESS_READ,
	ACCESS_MANAGE,		/* starting and stopping what is declared */
	ACCESS_DEFINE,		/* declaring */
	ACCESS_MAX_,
};
#define ACTION_PREFIX API_NAME "."
