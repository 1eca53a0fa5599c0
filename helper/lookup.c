/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * guestnet-lookup: user and group names to numbers, by way of the name service switch.
 * Unprivileged. Run by the bridge helper for names that /etc/passwd and /etc/group do not hold; it is
 * a program of its own so that name service modules are never loaded beside a capability.
 *
 * Arguments are u:NAME and g:NAME. Prints one line for each: the number, or "-".
 */
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		const struct passwd *user = strncmp(argv[i], "u:", 2) == 0 ? getpwnam(argv[i] + 2) : NULL;
		const struct group *group = strncmp(argv[i], "g:", 2) == 0 ? getgrnam(argv[i] + 2) : NULL;

		if (user)
			printf("%u\n", (unsigned int)user->pw_uid);
		else if (group)
			printf("%u\n", (unsigned int)group->gr_gid);
		else
			printf("-\n");
	}
	return fflush(stdout) == 0 ? 0 : 1;
}
