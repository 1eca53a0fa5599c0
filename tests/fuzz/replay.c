/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Calls a fuzzer once for each file of the directories given, without libFuzzer:
 *
 *	fuzz-NAME-replay DIRECTORY...
 *
 * Prints how many there were. None at all is a failure: then the corpus is missing.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "fuzz.h"

static void replay_file(const char *path, const struct stat *st)
{
	size_t size = (size_t)st->st_size;
	uint8_t *data = malloc(size ? size : 1);	/* exactly the size, for sanitisers */
	FILE *file = fopen(path, "re");

	if (!data || !file || fread(data, 1, size, file) != size) {
		perror(path);
		exit(EXIT_FAILURE);
	}
	fclose(file);
	(void)LLVMFuzzerTestOneInput(data, size);
	free(data);
}

static size_t replay_directory(const char *directory)
{
	struct dirent **entries;
	int n_entries = scandir(directory, &entries, NULL, alphasort);
	size_t n = 0;

	if (n_entries < 0) {
		perror(directory);
		exit(EXIT_FAILURE);
	}
	for (int i = 0; i < n_entries; i++) {
		char path[4096];
		struct stat st;

		snprintf(path, sizeof(path), "%s/%s", directory, entries[i]->d_name);
		if (stat(path, &st) == 0 && S_ISREG(st.st_mode)) {
			replay_file(path, &st);
			n++;
		}
		free(entries[i]);
	}
	free(entries);
	return n;
}

int main(int argc, char *argv[])
{
	const char *name = strrchr(argv[0], '/') ? strrchr(argv[0], '/') + 1 : argv[0];
	size_t n = 0;

	for (int i = 1; i < argc; i++)
		n += replay_directory(argv[i]);
	printf("%s: %zu inputs\n", name, n);
	return n > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
