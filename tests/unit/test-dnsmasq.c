/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * dnsmasq's configuration, text to text, and dnsmasq's own opinion of it.
 */
#include "model.h"

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *find_dnsmasq(void)
{
	static const char *const places[] = { "/usr/sbin/dnsmasq", "/usr/bin/dnsmasq", "/usr/local/sbin/dnsmasq" };

	for (size_t i = 0; i < ARRAY_SIZE(places); i++)
		if (access(places[i], X_OK) == 0)
			return places[i];
	return NULL;
}

static void build(const struct world *world, size_t i, const struct dnsmasq_options *options, struct text *text)
{
	assert_int_equal(dnsmasq_build(world->pointers[i], subnet_find(world->choices, world->n_choices, world->pointers[i]->name),
				       options, text), 0);
}

static void load(struct world *world, const struct golden *golden)
{
	_cleanup_(netstate_deinit) struct netstate snapshot = NETSTATE_NULL;
	const char *text = golden_find(golden, "snapshot");
	struct failure failure = { "" };

	world_load(world, golden);
	if (text && netstate_parse(text, &snapshot, &failure) < 0)
		fail_msg("%s: %s", golden->path, failure.text);
	world_build(world, &snapshot);
}

static void run_case(struct golden *golden)
{
	_cleanup_(world_deinit) struct world world;
	char buffer[DNSMASQ_TEXT_SIZE];
	struct text text;

	load(&world, golden);
	text_init(&text, buffer, sizeof(buffer));
	build(&world, 0, &test_options.dnsmasq, &text);
	golden_check(golden, "dnsmasq", buffer);
	for (unsigned int i = 0; i < DNSMASQ_FILE_MAX_; i++) {
		_cleanup_(freep) char *content = NULL;
		size_t length;

		assert_int_equal(dnsmasq_build_file(world.pointers[0], i, &content, &length), 0);
		if (golden_find(golden, dnsmasq_file_suffix(i)) || length > 0)
			golden_check(golden, dnsmasq_file_suffix(i), content);
	}
}

static void cases(void **state _unused_)
{
	golden_each("tests/data/dnsmasq", run_case);
}

/* dnsmasq --test reads a configuration and says whether it understands all of it. */
static int ask_dnsmasq(const char *program, const char *config, size_t length)
{
	char path[] = "/tmp/guestnet-test-XXXXXX", option[64];
	int fd = mkstemp(path), status = -1;
	pid_t pid;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, config, length), (ssize_t)length);
	close(fd);
	snprintf(option, sizeof(option), "--conf-file=%s", path);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		execl(program, program, "--test", option, (char *)NULL);
		_exit(127);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	unlink(path);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void ask_case(struct golden *golden)
{
	_cleanup_(world_deinit) struct world world;
	char buffer[DNSMASQ_TEXT_SIZE], directory[] = "/tmp/guestnet-test-XXXXXX", path[128];
	struct dnsmasq_options options = { .run_dir = directory };
	struct text text;

	assert_non_null(mkdtemp(directory));
	load(&world, golden);
	for (unsigned int i = 0; i < DNSMASQ_FILE_MAX_; i++) {
		_cleanup_(freep) char *content = NULL;
		size_t length;
		FILE *file;

		assert_int_equal(dnsmasq_build_file(world.pointers[0], i, &content, &length), 0);
		snprintf(path, sizeof(path), "%s/%s.%s", directory, world.networks[0].name, dnsmasq_file_suffix(i));
		file = fopen(path, "w");
		assert_non_null(file);
		fputs(content, file);
		assert_int_equal(fclose(file), 0);
	}
	text_init(&text, buffer, sizeof(buffer));
	build(&world, 0, &options, &text);
	check_int(golden->path, ask_dnsmasq(find_dnsmasq(), text.data, text.length), 0);
	for (unsigned int i = 0; i < DNSMASQ_FILE_MAX_; i++) {
		snprintf(path, sizeof(path), "%s/%s.%s", directory, world.networks[0].name, dnsmasq_file_suffix(i));
		unlink(path);
	}
	rmdir(directory);
}

static void dnsmasq_understands(void **state _unused_)
{
	static const char nonsense[] = "dhcp-range=frob\n";

	if (!find_dnsmasq())
		skip();
	/* It does say no. */
	assert_int_not_equal(ask_dnsmasq(find_dnsmasq(), nonsense, strlen(nonsense)), 0);
	golden_each("tests/data/dnsmasq", ask_case);
}

static void hash_follows_the_text(void **state _unused_)
{
	static const char *const texts[] = { "", "[DHCP]\nLeaseTime=2h\n", "[Network]\nMTU=1400\n", "[DNS]\nForwarder=9.9.9.9\n" };
	uint64_t hashes[ARRAY_SIZE(texts)];

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct world world = { .n = 0 };
		char buffer[DNSMASQ_TEXT_SIZE];
		struct text text;

		world_add(&world, "a", texts[i]);
		world_build(&world, NULL);
		text_init(&text, buffer, sizeof(buffer));
		build(&world, 0, &test_options.dnsmasq, &text);
		hashes[i] = dnsmasq_hash(&text);
		/* What the desired state demands is the hash of this very text. */
		assert_true(world.desired.services[0].config_hash == hashes[i]);
		for (size_t j = 0; j < i; j++)
			assert_true(hashes[i] != hashes[j]);
		world_deinit(&world);
	}
}

/* Files for UEFI that IPv6 alone leads to, and no address for whoever wants one. */
static void boots_nobody(void **state _unused_)
{
#define V6 "[Address]\nAddress=fd00:1::1/64\n"
#define BOTH V6 "Address=10.1.0.1/24\n"
#define RANGE "[DHCP]\nRange=fd00:1::100-fd00:1::1ff\n"
#define ROOT "[Boot]\nTFTPRoot=/srv/tftp\n"
	static const struct {
		const char *text;
		bool nobody;
	} cases[] = {
		{ V6, false },
		{ V6 ROOT "File=uefi-x86_64:x.efi\n", true },
		{ V6 ROOT "File=uefi-arm64:x.efi\n", true },
		{ V6 ROOT "File=x.efi\n", true },
		{ V6 "[Boot]\nFile=http-x86_64:http://[fd00:1::1]/x.efi\n", true },
		{ V6 "[Boot]\nServer=fd00:1::9\nFile=x.efi\n", true },
		/* iPXE and what BIOS starts need no address of DHCPv6. */
		{ V6 ROOT "File=ipxe:boot.ipxe\nFile=bios:pxelinux.0\n", false },
		{ V6 ROOT "File=boot.ipxe\n", false },
		{ V6 ROOT "File=x.efi\n" RANGE, false },
		{ V6 ROOT "File=x.efi\n" RANGE "OnlyHosts=yes\n", true },
		{ V6 ROOT "File=x.efi\n[Host]\nMACAddress=52:54:00:00:00:01\nAddress=fd00:1::7\n", false },
		{ V6 ROOT "File=x.efi\n[Host]\nMACAddress=52:54:00:00:00:01\nName=a\n", true },
		/* Over IPv4 it boots; where the server is one of IPv6, only by an address of the web. */
		{ BOTH ROOT "File=x.efi\n", false },
		{ ROOT "File=x.efi\n", false },
		{ BOTH "[Boot]\nServer=fd00:1::9\nFile=x.efi\n", true },
		{ BOTH "[Boot]\nServer=fd00:1::9\nServer=10.1.0.9\nFile=x.efi\n", false },
		{ BOTH "[Boot]\nServer=fd00:1::9\nFile=http://10.1.0.9/x.efi\n", false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct world world = { .n = 0 };

		world_add(&world, "a", cases[i].text);
		check_int(cases[i].text, dnsmasq_boots_nobody(world.pointers[0]), cases[i].nobody);
		world_deinit(&world);
	}
}

static void too_long(void **state _unused_)
{
	struct world world = { .n = 0 };
	char buffer[64];
	struct text text;

	world_add(&world, "a", "");
	text_init(&text, buffer, sizeof(buffer));
	assert_int_equal(dnsmasq_build(world.pointers[0], NULL, &test_options.dnsmasq, &text), -EMSGSIZE);
	world_deinit(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cases),
		cmocka_unit_test(dnsmasq_understands),
		cmocka_unit_test(hash_follows_the_text),
		cmocka_unit_test(boots_nobody),
		cmocka_unit_test(too_long),
	};

	return cmocka_run_group_tests_name("dnsmasq", tests, NULL, NULL);
}
