/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Prints doc/TROUBLESHOOTING.md from the table that guestnet doctor goes through.
 */
#include <stdio.h>
#include <string.h>

#include "../ctl/doctor/checks.h"

static void print_message(const char *text, size_t length)
{
	printf("    %.*s\n", (int)length, text);
}

int main(void)
{
	puts("<!-- SPDX-License-Identifier: GPL-2.0-or-later -->\n"
	     "<!-- Printed by tools/print-checks from ctl/doctor/checks.c: make troubleshooting -->\n"
	     "# Troubleshooting\n"
	     "\n"
	     "    sudo guestnet doctor            # looks at everything below, in this order\n"
	     "    sudo guestnet doctor --fix      # and runs the commands that lose nothing\n"
	     "    sudo guestnet why GUEST DESTINATION:PORT\n"
	     "    guestnet status NETWORK\n"
	     "\n"
	     "## By message\n"
	     "\n"
	     "| message | look at |\n"
	     "|---|---|");
	for (size_t i = 0; i < n_checks; i++)
		for (const char *line = checks[i].symptoms; *line; line += strcspn(line, "\n") + 1) {
			printf("| ");
			for (size_t j = 0; line[j] != '\n'; j++)
				printf(line[j] == '`' ? "'" : line[j] == '|' ? "\\|" : line[j] == '<' ? "\\<" : "%c", line[j]);
			printf(" | [%s](#%s) |\n", checks[i].id, checks[i].id);
		}
	for (size_t i = 0; i < n_checks; i++) {
		printf("\n## %s\n\nDoctor looks whether %s.\n\n%s\n", checks[i].id, checks[i].looked_at, checks[i].meaning);
		if (checks[i].symptoms[0])
			puts("");
		for (const char *line = checks[i].symptoms; *line; line += strcspn(line, "\n") + 1)
			print_message(line, strcspn(line, "\n"));
	}
	return 0;
}
