/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Import of libvirt's network XML: single translations, what is refused and why, and damaged documents.
 * tests/ctl/import.sh compares whole documents with another parser's view.
 */
#include "unit.h"

#include <dirent.h>
#include <time.h>

#include "../../ctl/import.h"
#include "../../ctl/libxml.h"

static int parse(const char *xml, size_t length, struct import *ret_import, struct failure *failure)
{
	struct import_options options = { .origin = "test" };

	return import_parse(xml, length, &options, ret_import, failure);
}

/* The parts of a network that is otherwise good: an item, whether it is translated, and a part of its words. */
static const struct {
	const char *inside, *path;
	bool translated;
	const char *words;
} parts[] = {
	{ "<bridge name='br7'/>", "network/bridge@name", true, "[Network] Bridge=br7" },
	{ "<bridge name='a/b'/>", "network/bridge@name", false, "Bridge=a/b is not possible: want" },
	{ "<bridge stp='off'/>", "network/bridge@stp", true, "always so" },
	{ "<bridge stp='on'/>", "network/bridge@stp", false, "no spanning tree" },
	{ "<bridge delay='0'/>", "network/bridge@delay", true, "always so" },
	{ "<bridge delay='2'/>", "network/bridge@delay", false, "spanning tree" },
	{ "<mtu size='1400'/>", "network/mtu@size", true, "[Network] MTU=1400" },
	{ "<mtu size='68'/>", "network/mtu@size", false, "MTU=68 is not possible" },
	{ "<mac address='52:54:00:12:34:56'/>", "network/mac@address", true, "[Network] MACAddress=52:54:00:12:34:56" },
	{ "<domain name='lab.example'/>", "network/domain@name", true, "[DNS] Domain=lab.example" },
	{ "<domain name='a&#10;b'/>", "network/domain@name", false, "cannot have this value" },
	{ "<domain name='a\\'/>", "network/domain@name", false, "cannot have this value" },
	{ "<domain name=''/>", "network/domain@name", false, "cannot have this value" },
	{ "<domain name='a.b' localOnly='no'/>", "network/domain@localOnly", false, "another Domain=" },
	{ "<domain name='a.b' register='yes'/>", "network/domain@register", true, "always so" },
	{ "<domain name='a.b' register='no'/>", "network/domain@register", false, "where systemd-resolved runs it is told" },
	{ "<virtualport type='openvswitch'/>", "network/virtualport@type", false, "Open vSwitch" },
	{ "<forward/>", "network/forward", true, "[Network] Mode=nat" },
	{ "<forward mode='nat'/>", "network/forward@mode", true, "[Network] Mode=nat" },
	{ "<dns enable='no'/>", "network/dns@enable", true, "[DNS] Enable=no" },
	{ "<dns><forwarder addr='9.9.9.9'/></dns>", "network/dns/forwarder@addr", true, "[DNS] Forwarder=9.9.9.9" },
	{ "<dns><forwarder addr='localhost'/></dns>", "network/dns/forwarder@addr", false, "Forwarder=localhost is not possible" },
	{ "<ip address='10.1.0.1' netmask='255.255.0.0'/>", "network/ip@netmask", true, "[Address] Address=10.1.0.1/16" },
	{ "<ip address='10.1.0.1' netmask='255.0.255.0'/>", "network/ip@netmask", false, "do not fit together" },
	{ "<ip address='10.1.0.1'/>", "network/ip@address", true, "[Address] Address=10.1.0.1/8" },
	{ "<ip family='ipv6' address='10.1.0.1' prefix='24'/>", "network/ip@family", false, "do not fit together" },
	{ "<ip family='ipv6' address='fd00:1::1' prefix='64'/>", "network/ip@family", true, "[Address] Address=fd00:1::1/64" },
	{ "<ip address='10.1.0.1' prefix='24'><dhcp><range start='10.1.0.2' end='10.1.0.9'/></dhcp></ip>",
	  "network/ip/dhcp/range@end", true, "[DHCP] Range=10.1.0.2-10.1.0.9" },
	{ "<ip address='10.1.0.1' prefix='24'><dhcp><range start='10.1.0.2' end='10.1.0.9'><lease expiry='5'/></range></dhcp></ip>",
	  "network/ip/dhcp/range/lease@expiry", true, "[DHCP] LeaseTime=5min" },
	{ "<ip address='10.1.0.1' prefix='24'><dhcp><range start='10.1.0.2' end='10.1.0.9'><lease expiry='0' unit='hours'/></range></dhcp></ip>",
	  "network/ip/dhcp/range/lease@unit", true, "[DHCP] LeaseTime=infinity" },
	{ "<ip family='ipv6' address='fd00:1::1' prefix='64'><dhcp><host id='0:3:0:1:52:54:0:0:0:aa' name='six' ip='fd00:1::5'/></dhcp></ip>",
	  "network/ip/dhcp/host@id", true, "[Host] ClientID=00:03:00:01:52:54:00:00:00:aa" },
	{ "<ip family='ipv6' address='fd00:1::1' prefix='64'><dhcp><host id='0:3:0:1:52:54:0:0:0:aa' ip='fd00:1::5'/></dhcp></ip>",
	  "network/ip/dhcp/host@ip", true, "[Host] ClientID=00:03:00:01:52:54:00:00:00:aa" },
	{ "<ip family='ipv6' address='fd00:1::1' prefix='64'><dhcp><host id='laptop' ip='fd00:1::5'/></dhcp></ip>",
	  "network/ip/dhcp/host@id", false, "a guest is known by its MAC address" },
	{ "<ip family='ipv6' address='fd00:1::1' prefix='64'><dhcp><host name='six' ip='fd00:1::5'/></dhcp></ip>",
	  "network/ip/dhcp/host@ip", false, "or over IPv6 by its DUID" },
	{ "<ip address='10.1.0.1' prefix='24'><dhcp><host mac='52:54:00:00:00:01' id='01:52:54:00:00:00:01' ip='10.1.0.5'/></dhcp></ip>",
	  "network/ip/dhcp/host@id", false, "over IPv4 by ClientID= only where all are" },
	{ "<ip address='10.1.0.1' prefix='24'><dhcp><host mac='52:54:00:00:00:01' id='01:52:54:00:00:00:01' ip='10.1.0.5'/></dhcp></ip>",
	  "network/ip/dhcp/host@mac", true, "[Host] MACAddress=52:54:00:00:00:01" },
	{ "<ip address='10.1.0.1' prefix='24'/><route address='10.5.1.2' prefix='16' gateway='10.1.0.5' metric='3'/>",
	  "network/route@metric", true, "[Route] Destination=10.5.0.0/16" },
	{ "<ip address='10.1.0.1' prefix='24'/><route address='10.5.0.0' prefix='16' gateway='10.1.0.5' metric='0'/>",
	  "network/route@gateway", false, "Metric=0 is not possible" },
	{ "<route address='10.5.0.0' netmask='255.0.255.0' gateway='10.1.0.5'/>", "network/route@address", false, "do not fit together" },
	{ "<route address='10.5.0.0' prefix='16'/>", "network/route@prefix", false, "a route has a gateway" },
	{ "<route address='0.0.0.0' prefix='0' gateway='10.1.0.5'/>", "network/route@address", false, "any source would be believed" },
	{ "<tango/>", "network/tango", false, "not known in libvirt's format" },
	{ "<metadata><x:y xmlns:x='u:v'>z</x:y></metadata>", "network/metadata/x:y", false, "notes of other programs" },
	{ "<name>again</name>", "network/name", true, "the name of the file" },
};

static void single_parts(void **state _unused_)
{
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		_cleanup_(import_deinit) struct import import = IMPORT_NULL;
		struct failure failure = { 0 };
		const struct import_item *item = NULL;
		char xml[1024];

		snprintf(xml, sizeof(xml), "<network><name>lab</name>%s</network>", parts[i].inside);
		if (parse(xml, strlen(xml), &import, &failure) < 0)
			fail_msg("%s: %s", parts[i].inside, failure.text);
		for (size_t j = 0; j < import.n_items && !item; j++)
			if (strcmp(import.items[j].path, parts[i].path) == 0)
				item = &import.items[j];
		if (!item)
			fail_msg("%s: no account of %s", parts[i].inside, parts[i].path);
		check_contains(parts[i].inside, item->words, parts[i].words);
		check_int(parts[i].inside, item->translated, parts[i].translated);
		check_int(parts[i].inside, import.n_translated + import.n_listed, import.n_found);
	}
}

/* Documents of which nothing is made. */
static const struct {
	const char *xml, *error;
} bad[] = {
	{ "", "it is no good XML" },
	{ "<network>", "line 1: it is no good XML" },
	{ "<network/>", "the network has no name" },
	{ "<network><name>a b</name></network>", "the network cannot be called \"a b\"" },
	{ "<network><name>../x</name></network>", "the network cannot be called" },
	{ "<networkstatus/>", "this is a <networkstatus>, want libvirt's <network>" },
	{ "<domain/>", "this is a <domain>, want libvirt's <network>" },
	{ "<network xmlns='http://example.com/x'><name>a</name></network>", "this <network> is of the namespace \"http://example.com/x\", and libvirt's is of none: take away its xmlns" },
	{ "<!DOCTYPE network><network><name>x</name></network>", "it has a document type declaration" },
	{ "<!DOCTYPE x [<!ENTITY a 'b'>]><network><name>&a;</name></network>", "it has a document type declaration" },
	{ "<network><name>&a;</name></network>", "Entity 'a' not defined" },
};

static void bad_documents(void **state _unused_)
{
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		_cleanup_(import_deinit) struct import import = IMPORT_NULL;
		struct failure failure = { 0 };

		check_int(bad[i].xml, parse(bad[i].xml, strlen(bad[i].xml), &import, &failure), -EINVAL);
		check_contains(bad[i].xml, failure.text, bad[i].error);
		check_int(bad[i].xml, import.n_items, 0);
	}
}

/* Networks that are accounted for and cannot be ours. */
static const struct {
	const char *inside, *problem;
} impossible[] = {
	{ "<forward mode='vepa'><interface dev='eth0'/></forward>", "in mode vepa each guest has a device of its own" },
	{ "<forward mode='bridge'><interface dev='eth0'/></forward>", "in mode bridge each guest has a device of its own" },
	{ "<forward mode='hostdev'><pf dev='eth0'/></forward>", "in mode hostdev each guest has a device of its own" },
	{ "<forward mode='telepathy'/>", "Mode=telepathy is not possible: want" },
	{ "<virtualport type='openvswitch'/>", "a bridge of the kernel; let libvirt keep this one" },
	{ "<ip address='10.0.0.0' prefix='31'/>", "none of its addresses is possible here" },
	{ "<ip address='10.0.0.1' prefix='24'/><ip address='10.0.0.2' prefix='24'/>", "overlaps with" },
};

static void impossible_networks(void **state _unused_)
{
	for (size_t i = 0; i < ARRAY_SIZE(impossible); i++) {
		_cleanup_(import_deinit) struct import import = IMPORT_NULL;
		struct failure failure = { 0 };
		char xml[1024];

		snprintf(xml, sizeof(xml), "<network><name>lab</name>%s</network>", impossible[i].inside);
		check_int(impossible[i].inside, parse(xml, strlen(xml), &import, &failure), 0);
		if (import.text || !import.problem)
			fail_msg("%s: no problem", impossible[i].inside);
		check_contains(impossible[i].inside, import.problem, impossible[i].problem);
		check_int(impossible[i].inside, import.n_items, import.n_found);
	}
}

/* What is in a value never becomes a line of its own. */
static void values_stay_values(void **state _unused_)
{
	static const char xml[] = "<network><name>lab</name><title>a\nMode=open\n[Network]</title><uuid>b\nMode=open</uuid>"
				  "<description>&#xd;c&#xa;Mode=open</description></network>";
	_cleanup_(import_deinit) struct import import = IMPORT_NULL;
	struct failure failure = { 0 };

	check_int("parse", parse(xml, sizeof(xml) - 1, &import, &failure), 0);
	for (const char *line = import.text; *line;) {
		const char *end = strchr(line, '\n');

		if (strncmp(line, "Mode=open", 9) == 0)
			fail_msg("a line of its own:\n%s", import.text);
		line = end ? end + 1 : line + strlen(line);
	}
}

/* Good documents with some bytes changed: each is refused, or accounted for without a rest. */
static void damage(const char *path, uint32_t *seed)
{
	char text[16384], damaged[16384];
	FILE *file = fopen(path, "rb");
	size_t length = file ? fread(text, 1, sizeof(text), file) : 0;

	if (!file || length == sizeof(text))
		fail_msg("%s: cannot be read (the tests run from the top of the tree)", path);
	fclose(file);
	for (unsigned int round = 0; round < 40 && length > 0; round++) {
		_cleanup_(import_deinit) struct import import = IMPORT_NULL;
		struct failure failure = { 0 };
		unsigned int n = 1 + unit_random(seed) % 4;
		size_t cut = unit_random(seed) % 8 == 0 ? unit_random(seed) % length : length;
		int r;

		memcpy(damaged, text, length);
		for (unsigned int i = 0; i < n; i++)
			damaged[unit_random(seed) % length] = "<>/='\"&;!-[]: \n0a\xc3"[unit_random(seed) % 18];
		r = parse(damaged, cut, &import, &failure);
		if (r == 0)
			check_int(path, import.n_translated + import.n_listed, import.n_found);
		else if (r != -EINVAL && r != -E2BIG)
			fail_msg("%s: %d", path, r);
		else if (!failure.text[0])
			fail_msg("%s: refused without a word", path);
	}
}

static void damaged_documents(void **state _unused_)
{
	static const char folder[] = "tests/data/libvirt";
	uint32_t seed = (uint32_t)time(NULL) | 1;
	DIR *dir = opendir(folder);
	struct dirent *entry;
	size_t n = 0;

	printf("# damaged_documents: seed %u\n", seed);
	if (!dir)
		fail_msg("%s: cannot be read (the tests run from the top of the tree)", folder);
	while ((entry = readdir(dir))) {
		char path[512];

		if (!strstr(entry->d_name, ".xml"))
			continue;
		snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
		damage(path, &seed);
		n++;
	}
	closedir(dir);
	assert_true(n >= 40);
}

static int load(void **state _unused_)
{
	struct failure failure = { 0 };

	return libxml_load(&failure);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(single_parts), cmocka_unit_test(bad_documents), cmocka_unit_test(impossible_networks),
		cmocka_unit_test(values_stay_values), cmocka_unit_test(damaged_documents),
	};

	return cmocka_run_group_tests_name("import", tests, load, NULL);
}
