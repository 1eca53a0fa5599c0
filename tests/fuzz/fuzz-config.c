/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The input is the text of network files. A line that begins with "%%" ends a file: "%%" alone begins a drop-in
 * of the same network, "%%NAME" the file of another one. All are read and compared with each other, and
 * of those that are accepted everything is made: addresses, the configuration of dnsmasq, the desired state.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../../lib/util.h"
#include "../../netd/model/config.h"
#include "../../netd/model/desired.h"
#include "../../netd/model/ip.h"
#include "../../netd/model/plan.h"
#include "../../netd/model/print.h"
#include "fuzz.h"

#define NETWORKS	8
#define PARTS		8

static const struct desired_options options = {
	.machine_id = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16 },
	.checksums = 1 << CHECKSUM_NFT,
	.dnsmasq = { .run_dir = "/run/guestnet", .state_dir = "/var/lib/guestnet" },
};

static void must_be_printable(const char *text)
{
	for (const char *p = text; *p; p++)
		must(*p >= 0x20 && *p < 0x7f);
}

static void verify_network(const struct network *network)
{
	must(network_name_is_valid(network->name));
	must(ifname_is_valid(network->bridge));
	must(network->mode < NETWORK_MODE_MAX_ && network->checksum < NETWORK_CHECKSUM_MAX_);
	must(network->host_access < HOST_ACCESS_MAX_);
	must(network->mtu >= 1280 && network->mtu <= 65535);
	must(network->n_addresses <= LIMIT_NETWORK_ADDRESSES && network->n_forwarders <= LIMIT_NETWORK_FORWARDERS);
	must(network->address_auto || network->n_addresses > 0);
	must(!network->mac_given || !(network->mac.bytes[0] & 1));
	must(network->lease_time_s >= 120);
	must(strlen(network->domain) < LIMIT_NETWORK_DOMAIN);
	for (size_t i = 0; i < network->n_addresses; i++) {
		const struct network_address *address = &network->addresses[i];

		must(ip_is_v4(&address->ip) || ip_is_v6(&address->ip));
		must(address->prefix_length >= 1 && address->prefix_length < ip_length(&address->ip) * 8);
		must(address->place.file < network->n_paths && address->place.line > 0);
		for (size_t j = 0; j < i; j++)
			must(!ip_overlaps(&address->ip, address->prefix_length, &network->addresses[j].ip,
					  network->addresses[j].prefix_length));
	}
	for (size_t i = 0; i < network->n_said; i++)
		must(network->said[i].key < KEY_MAX_ && network->said[i].place.file < network->n_paths);
}

/* What the programs would be given of networks that were accepted. */
static void use(const struct network *const networks[], size_t n)
{
	_cleanup_(netstate_deinit) struct netstate desired = NETSTATE_NULL, again = NETSTATE_NULL;
	_cleanup_(freep) struct subnet_choice *choices = NULL;
	static const struct subnet_avoided avoided = { .n = 0 };
	_cleanup_(freep) char *text = NULL, *second = NULL;
	const struct netstate nothing = NETSTATE_NULL;
	const struct plan_memory memory = { 0 };
	struct failure failure = { 0 };
	struct plan plan = { 0 };
	size_t n_choices;

	must(subnet_choose((const struct network **)networks, n, options.machine_id, &nothing, &avoided, NULL, 0, &choices, &n_choices) == 0);
	for (size_t i = 0; i < n; i++) {
		char buffer[DNSMASQ_TEXT_SIZE * 2];
		struct text configuration;

		text_init(&configuration, buffer, sizeof(buffer));
		must(dnsmasq_build(networks[i], subnet_find(choices, n_choices, networks[i]->name), &options.dnsmasq,
				   &configuration) == 0);
		for (const char *p = buffer; *p; p++)
			must((*p >= 0x20 && *p < 0x7f) || *p == '\n');
	}
	must(desired_build((const struct network **)networks, n, choices, n_choices, &options, &desired) == 0);
	must(plan_build(&desired, &nothing, &memory, NULL, 0, 0, &plan) == 0);
	plan_deinit(&plan);
	must(netstate_print(&desired, &text) == 0);
	must(netstate_parse(text, &again, &failure) == 0);
	must(netstate_print(&again, &second) == 0);
	must(strcmp(text, second) == 0);
}

struct input {
	struct network networks[NETWORKS];
	size_t n;
	char name[64];
	struct config_file parts[PARTS];
	size_t n_parts;
};

static void end_network(struct input *input)
{
	struct network *network = &input->networks[input->n];
	struct mistakes mistakes;
	size_t n_lines = 0;
	int r;

	if (input->n_parts == 0)
		return;
	r = config_parse_all(input->name, input->parts, input->n_parts, network, &mistakes);
	must(r == 0 || r == -EINVAL || r == -ELOOP);
	must(r == mistakes.error && (r < 0) == (mistakes.n > 0) && !mistakes.lines.overflow);
	for (char *line = mistakes.buffer, *end; *line; line = end, n_lines++) {
		end = line + strcspn(line, "\n");
		must(!*end || end[1]);
		if (*end)
			*end++ = '\0';
		must_be_printable(line);
		must(strncmp(line, "file", 4) == 0);
	}
	must(n_lines == (mistakes.n <= MISTAKES_MAX ? mistakes.n : MISTAKES_MAX + 1));
	if (r == 0) {
		verify_network(network);
		input->n++;
	}
	for (size_t i = 0; i < input->n_parts; i++)
		free((char *)input->parts[i].text);
	input->n_parts = 0;
}

/* A copy of exactly that size, so that a sanitiser sees a read behind it. */
static void add_part(struct input *input, const char *begin, const char *end)
{
	static const char *const paths[PARTS] = { "file", "file-1", "file-2", "file-3", "file-4", "file-5", "file-6", "file-7" };
	size_t n = (size_t)(end - begin);
	char *copy = malloc(n ? n : 1);

	must(copy);
	memcpy(copy, begin, n);
	input->parts[input->n_parts] = (struct config_file){ paths[input->n_parts], copy, n };
	input->n_parts++;
}

static void read_input(struct input *input, const char *next, const char *end)
{
	const char *begin = next;

	strcpy(input->name, "lab");
	while (next < end && input->n < NETWORKS && input->n_parts < PARTS) {
		const char *newline = memchr(next, '\n', (size_t)(end - next)) ?: end;

		if (newline - next < 2 || memcmp(next, "%%", 2) != 0) {
			next = newline + (newline < end);
			continue;
		}
		add_part(input, begin, next);
		if (newline - next > 2) {
			size_t n = (size_t)(newline - next - 2);

			end_network(input);
			if (n >= sizeof(input->name))
				n = sizeof(input->name) - 1;
			memcpy(input->name, next + 2, n);
			input->name[n] = '\0';
		}
		begin = next = newline + (newline < end);
	}
	if (input->n < NETWORKS && input->n_parts < PARTS)
		add_part(input, begin, end);
	if (input->n < NETWORKS)
		end_network(input);
	for (size_t i = 0; i < input->n_parts; i++)
		free((char *)input->parts[i].text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct network *good[NETWORKS];
	struct input input = { .n = 0 };
	size_t n_good = 0;

	read_input(&input, (const char *)data, (const char *)data + size);
	must(config_verify(input.networks, input.n) == 0);
	for (size_t i = 0; i < input.n; i++) {
		if (input.networks[i].problem)
			must_be_printable(input.networks[i].problem);
		else
			good[n_good++] = &input.networks[i];
	}
	use(good, n_good);
	for (size_t i = 0; i < input.n; i++)
		network_deinit(&input.networks[i]);
	return 0;
}
