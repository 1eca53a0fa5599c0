/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * guestnet qemu: the two arguments that put a guest on a network.
 */
#include "qemu.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <systemd/sd-id128.h>
#include <unistd.h>

#include "../lib/nl/link.h"
#include "../lib/fd.h"
#include "../lib/str.h"
#include "json.h"
#include "paths.h"
#include "report.h"

/* FNV-1a, 64 bit: only to fold a text into the id that the machine's own is hashed with. */
static uint64_t fold(const char *text, uint64_t hash)
{
	for (; *text; text++)
		hash = (hash ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
	return hash;
}

/*
 * The same address for the same guest of the same user on the same network of the same machine, for ever: its lease
 * and its interface's name stay. 52:54:00 is QEMU's own prefix, locally administered. Without a machine id it is the
 * same on every machine without one, which does no harm on a network of its own.
 */
static struct mac derive_mac(const char *network, const char *guest)
{
	struct mac mac = { { 0x52, 0x54, 0x00 } };
	sd_id128_t application, id;
	uint64_t halves[2];
	char text[256];

	snprintf(text, sizeof(text), "guestnet nic %u %s %s", (unsigned int)getuid(), network, guest ?: "");
	halves[0] = fold(text, UINT64_C(0xcbf29ce484222325));
	halves[1] = fold(text, halves[0]);
	memcpy(application.bytes, halves, sizeof(halves));
	if (sd_id128_get_machine_app_specific(application, &id) < 0)
		id = application;
	memcpy(mac.bytes + 3, id.bytes, 3);
	return mac;
}

static bool model_is_valid(const char *model)
{
	for (const char *p = model; *p; p++)
		if (!((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || (*p >= '0' && *p <= '9') || strchr("-_.", *p)))
			return false;
	return *model != '\0';
}

static bool is_virtio(const char *model)
{
	return strncmp(model, "virtio-", 7) == 0;
}

/* Tried, as QEMU will: a node without a driver behind it, or one that a container forbids, looks like any other. */
static bool has_vhost(void)
{
	_cleanup_(fd_closep) int fd = open("/dev/vhost-net", O_RDWR | O_CLOEXEC);

	return fd >= 0;
}

/* What --mac, --model and --guest say, or what fits. */
int nic_build(const struct options *options, struct nic *ret_nic, struct failure *failure)
{
	struct nic nic = {
		.network = options->operands[0],
		.model = options->values[OPTION_MODEL] ?: "virtio-net-pci",
	};

	if (!ifname_is_valid(nic.network))
		return failure_set(failure, -EINVAL, "invalid name of a network \"%s\": want 1 to 15 bytes without blanks, '/', ':' or '%%'",
				   STR_ESCAPED(nic.network));
	if (strcmp(nic.model, "virtio") == 0)
		nic.model = "virtio-net-pci";
	if (!model_is_valid(nic.model))
		return failure_set(failure, -EINVAL, "--model %s: want the name of a device, such as virtio or e1000", STR_ESCAPED(nic.model));
	nic.mac = derive_mac(nic.network, options->values[OPTION_GUEST]);
	if (options->values[OPTION_MAC] && mac_parse(options->values[OPTION_MAC], &nic.mac) < 0)
		return failure_set(failure, -EINVAL, "--mac %s: want the address of one interface, such as 52:54:00:12:34:56",
				   STR_ESCAPED(options->values[OPTION_MAC]));
	nic.vhost = is_virtio(nic.model) && has_vhost();
	*ret_nic = nic;
	return 0;
}

/* Can the device have several queues? */
bool nic_has_queues(const struct nic *nic)
{
	return is_virtio(nic->model);
}

/* virtio-net-pci,netdev=gn0,mac=... */
void nic_print_device(const struct nic *nic, unsigned int queues, char *buffer, size_t size)
{
	char more[64] = "";

	/* One vector for each direction of each queue, one for the configuration, one for control. */
	if (queues > 1)
		snprintf(more, sizeof(more), ",mq=on,vectors=%u", 2 * queues + 2);
	snprintf(buffer, size, "%s,netdev=" NETDEV_ID ",mac=" MAC_FORMAT "%s", nic->model, MAC_BYTES(nic->mac), more);
}

/*
 * Is there such a network, or will there be one when a guest asks for it? Where the daemon does not run, nobody
 * knows: then it is taken for one.
 */
enum exit_status nic_verify_network(const char *network, struct failure *failure)
{
	_cleanup_(link_table_deinit) struct link_table links = LINK_TABLE_NULL;
	_cleanup_(reports_deinit) struct reports reports = REPORTS_NULL;
	struct failure ignored = { 0 };

	if (link_table_load(&links) == 0 && link_table_find(&links, network))
		return STATUS_OK;
	if (reports_get(&reports, &ignored) < 0)
		return STATUS_OK;
	for (size_t i = 0; i < reports.n; i++)
		if (strcmp(reports.items[i].bridge, network) == 0)
			return STATUS_OK;
	return reports_find(&reports, network, failure) ? STATUS_OK : STATUS_NOT_FOUND;
}

enum exit_status qemu_run(const struct options *options, struct failure *failure)
{
	struct json json = JSON_NULL(stdout);
	char netdev[256], device[256];
	enum exit_status status;
	struct nic nic;

	if (nic_build(options, &nic, failure) < 0)
		return STATUS_USAGE;
	status = nic_verify_network(nic.network, failure);
	if (status != STATUS_OK)
		return status;
	snprintf(netdev, sizeof(netdev), "tap,id=" NETDEV_ID ",br=%s,helper=" PATH_HELPER ",vhost=%s", nic.network,
		 nic.vhost ? "on" : "off");
	nic_print_device(&nic, 1, device, sizeof(device));
	if (!options->json) {
		printf("-netdev %s -device %s\n", netdev, device);
		return STATUS_OK;
	}
	json_object(&json, NULL);
	json_string(&json, "network", nic.network);
	json_string(&json, "netdev", netdev);
	json_string(&json, "device", device);
	snprintf(netdev, sizeof(netdev), MAC_FORMAT, MAC_BYTES(nic.mac));
	json_string(&json, "mac", netdev);
	json_string(&json, "model", nic.model);
	json_bool(&json, "vhost", nic.vhost);
	json_object_end(&json);
	return STATUS_OK;
}
