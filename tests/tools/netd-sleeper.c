// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Stands in for dnsmasq where a thousand of them would be measured instead of the daemon: keeps its command line, does
 * nothing, ends on SIGTERM.
 */
#include <unistd.h>

int main(void)
{
	for (;;)
		pause();
}
