# SPDX-License-Identifier: GPL-2.0-or-later
# guestnetd: what it is made of. Included by tools/build.mk.

# The model: pure, needs libc only.
NETD_MODEL_SOURCES := netd/model/netstate.c netd/model/ip.c netd/model/siphash.c netd/model/network.c netd/model/mistakes.c netd/model/values.c netd/model/keys.c \
	netd/model/config.c netd/model/records.c netd/model/taps.c netd/model/tunnel.c netd/model/forwards.c netd/model/routes.c netd/model/subnet.c netd/model/dnsmasq.c netd/model/desired.c netd/model/desired-change.c netd/model/slice.c netd/model/haste.c netd/model/plan.c \
	$(patsubst %,netd/model/plan-%.c,addresses bridges guest-routes owners ports proxies routes rules services shapers steps sysctls taps tunnels uplinks) \
	netd/model/notes.c netd/model/print.c netd/model/print-parse.c netd/model/ruleset.c netd/model/ruleset-sets.c netd/model/ruleset-parse.c netd/model/leasefile.c netd/model/flows.c netd/model/coexist.c netd/model/doubles.c netd/model/forwarding.c netd/model/uplink.c netd/model/uplinkfile.c netd/model/guards.c netd/model/rates.c netd/model/reach.c netd/model/ration.c
NETD_MODEL_TESTS := test-doubles test-uplink test-config test-subnet test-dnsmasq test-desired test-plan test-flows test-coexist test-forwarding test-reach test-ration

$(NETD_MODEL_TESTS:%=$(OBJ)/tests/unit/%): $(OBJ)/tests/unit/%: $(OBJ)/tests/unit/%.o \
		$(call objects,$(NETD_MODEL_SOURCES) $(LIB_SOURCES))
	$(link) -pie $(call pkg_flags,--libs,cmocka)

netd-model-tests: $(NETD_MODEL_TESTS:%=$(OBJ)/tests/unit/%)	## unit tests of the daemon's model
	@tests/run $^
.PHONY: netd-model-tests

# The kernel side: acts, decides nothing. libmnl and libnftnl.
NETD_KERNEL_SOURCES := netd/kernel/kernel.c netd/kernel/nft.c netd/kernel/dump.c netd/kernel/link.c netd/kernel/farewell.c \
	netd/kernel/snapshot.c netd/kernel/snapshot-links.c netd/kernel/snapshot-routes.c netd/kernel/snapshot-values.c netd/kernel/rules.c netd/kernel/apply.c netd/kernel/result.c netd/kernel/checksum.c netd/kernel/tc.c netd/kernel/shaper.c netd/kernel/queue.c netd/kernel/foreign.c netd/kernel/sysctl.c netd/kernel/tap.c netd/kernel/record.c netd/kernel/monitor.c netd/kernel/told.c netd/kernel/conntrack.c netd/kernel/coexist.c netd/kernel/sockets.c \
	netd/kernel/delegation.c netd/kernel/neighbours.c netd/kernel/prefixes.c netd/kernel/proxies.c netd/kernel/tunnels.c netd/kernel/vlan.c netd/kernel/uplink.c netd/kernel/uplink-look.c \
	lib/pages.c lib/nl/batch.c lib/nl/socket.c lib/nl/wire.c
NETD_KERNEL_TESTS := test-ruleset test-dump test-pages
# The decoders, for tests and fuzzers of them alone.
NETD_DUMP_SOURCES := netd/kernel/dump.c netd/model/netstate.c netd/model/ip.c lib/nl/batch.c lib/nl/socket.c lib/nl/wire.c

$(call objects,$(NETD_KERNEL_SOURCES)): EXTRA_CFLAGS = $(call pkg_flags,--cflags,libmnl libnftnl)

$(NETD_KERNEL_TESTS:%=$(OBJ)/tests/unit/%): $(OBJ)/tests/unit/%: $(OBJ)/tests/unit/%.o \
		$(call objects,netd/model/ruleset.c netd/model/ruleset-sets.c netd/model/ruleset-parse.c netd/kernel/link.c lib/pages.c $(NETD_DUMP_SOURCES) $(LIB_SOURCES))
	$(link) -pie $(call pkg_flags,--libs,cmocka libmnl)

# What was recorded, gone through again: with a file in the place of the kernel.
NETD_RECORD_TEST := $(OBJ)/tests/unit/test-record
$(NETD_RECORD_TEST): $(OBJ)/tests/unit/test-record.o $(call objects,$(filter-out lib/nl/wire.c netd/kernel/sysctl.c netd/kernel/tap.c,$(NETD_KERNEL_SOURCES)) \
		$(NETD_MODEL_SOURCES) $(LIB_SOURCES))
	$(link) -pie $(call pkg_flags,--libs,cmocka libnftnl libmnl)
test-tools: $(NETD_RECORD_TEST)

# The kernel side without the daemon, for tests/netns/netd-kernel.sh: it stands beside the programs of its flavour.
KERNEL_DRIVER := $(patsubst %/bin,%,$(BIN))/tests/netns/kernel-driver
test-tools: $(KERNEL_DRIVER)
$(KERNEL_DRIVER): $(call objects,tests/netns/kernel-driver.c $(NETD_KERNEL_SOURCES) $(NETD_MODEL_SOURCES) $(LIB_SOURCES))
	$(link) -pie $(call pkg_flags,--libs,libmnl libnftnl)
netd-kernel-tests: $(NETD_KERNEL_TESTS:%=$(OBJ)/tests/unit/%) $(KERNEL_DRIVER) test-tools	## the daemon's kernel side: unit tests, private namespaces (root)
	@tests/run $(NETD_KERNEL_TESTS:%=$(OBJ)/tests/unit/%)
	@DRIVER=$(CURDIR)/$(KERNEL_DRIVER) tests/run --append tests/netns/netd-kernel.sh
.PHONY: netd-kernel-tests

# Fuzzers of the daemon: what else they are linked with.
FUZZERS_MODEL := fuzz-uplink fuzz-config fuzz-leasefile fuzz-netstate
netd_fuzz_objects = $(patsubst %.c,$(1)/%.o,$(LIB_SOURCES) $(2))
$(FUZZERS_MODEL:%=$(OBJ)/tests/fuzz/%-replay): $(OBJ)/tests/fuzz/%-replay: $(OBJ)/tests/fuzz/%.o $(OBJ)/tests/fuzz/replay.o \
		$(call netd_fuzz_objects,$(OBJ),$(NETD_MODEL_SOURCES))
	$(link) -pie
$(OBJ)/tests/fuzz/fuzz-dump-replay: $(OBJ)/tests/fuzz/fuzz-dump.o $(OBJ)/tests/fuzz/replay.o \
		$(call netd_fuzz_objects,$(OBJ),$(NETD_DUMP_SOURCES))
	$(link) -pie $(call pkg_flags,--libs,libmnl)
$(FUZZERS_MODEL:%=build/fuzz/tests/fuzz/%.bin): build/fuzz/tests/fuzz/%.bin: build/fuzz/tests/fuzz/%.o \
		$(call netd_fuzz_objects,build/fuzz,$(NETD_MODEL_SOURCES))
	$(link) -fsanitize=fuzzer,address,undefined
build/fuzz/tests/fuzz/fuzz-dump.bin: build/fuzz/tests/fuzz/fuzz-dump.o $(call netd_fuzz_objects,build/fuzz,$(NETD_DUMP_SOURCES))
	$(link) -fsanitize=fuzzer,address,undefined $(call pkg_flags,--libs,libmnl)

# The lists of keys in the manual page are printed from the table that the parser uses.
$(OBJ)/tools/print-keys: $(call objects,tools/print-keys.c $(NETD_MODEL_SOURCES) $(LIB_SOURCES))
	$(link) -pie
manual-keys: $(OBJ)/tools/print-keys		## prints the lists of keys into man/guestnet.network.5
	@$< man/guestnet.network.5 >$(OBJ)/guestnet.network.5 && cp $(OBJ)/guestnet.network.5 man/
check-manual-keys: $(OBJ)/tools/print-keys
	@$< man/guestnet.network.5 | cmp - man/guestnet.network.5 || \
		{ echo 'the lists of keys in man/guestnet.network.5 are not those of netd/model/keys.c: make manual-keys' >&2; exit 1; }
static-checks: check-manual-keys
.PHONY: manual-keys check-manual-keys

# Unit tests of the daemon's files and list of networks.
NETD_FILE_TESTS := test-files test-leasefile test-managed
$(NETD_FILE_TESTS:%=$(OBJ)/tests/unit/%): $(OBJ)/tests/unit/%: $(OBJ)/tests/unit/%.o \
		$(call objects,netd/daemon/files.c netd/daemon/managed.c netd/daemon/child.c netd/daemon/replace.c netd/daemon/process.c netd/daemon/leases.c \
		$(NETD_MODEL_SOURCES) $(LIB_SOURCES))
	$(link) -pie $(call pkg_flags,--libs,cmocka libsystemd) -lcap

# The system bus, with a real one.
NETD_BUS_TESTS := test-systembus
$(NETD_BUS_TESTS:%=$(OBJ)/tests/unit/%): $(OBJ)/tests/unit/%: $(OBJ)/tests/unit/%.o \
		$(call objects,netd/daemon/systembus.c netd/daemon/log.c netd/model/ration.c $(LIB_SOURCES))
	$(link) -pie $(call pkg_flags,--libs,cmocka libsystemd)
