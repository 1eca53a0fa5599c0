# SPDX-License-Identifier: GPL-2.0-or-later
# guestnetd: what it is made of. Included by tools/build.mk.

# The model: pure, needs libc only.
NETD_MODEL_SOURCES := netd/model/netstate.c netd/model/ip.c netd/model/siphash.c netd/model/keys.c \
	netd/model/config.c netd/model/subnet.c netd/model/dnsmasq.c netd/model/desired.c netd/model/plan.c \
	netd/model/print.c netd/model/ruleset.c netd/model/leasefile.c
NETD_MODEL_TESTS := test-config test-subnet test-dnsmasq test-desired test-plan

$(NETD_MODEL_TESTS:%=$(OBJ)/tests/unit/%): $(OBJ)/tests/unit/%: $(OBJ)/tests/unit/%.o \
		$(call objects,$(NETD_MODEL_SOURCES) $(LIB_SOURCES))
	$(link) -pie $(call pkg_flags,--libs,cmocka)

netd-model-tests: $(NETD_MODEL_TESTS:%=$(OBJ)/tests/unit/%)	## unit tests of the daemon's model
	@tests/run $^
.PHONY: netd-model-tests

# The kernel side: acts, decides nothing. libmnl and libnftnl.
NETD_KERNEL_SOURCES := netd/kernel/kernel.c netd/kernel/nft.c netd/kernel/dump.c netd/kernel/link.c \
	netd/kernel/snapshot.c netd/kernel/apply.c netd/kernel/checksum.c netd/kernel/sysctl.c netd/kernel/monitor.c netd/kernel/conntrack.c \
	lib/nl/batch.c lib/nl/socket.c
NETD_KERNEL_TESTS := test-ruleset

$(call objects,$(NETD_KERNEL_SOURCES)): EXTRA_CFLAGS = $(call pkg_flags,--cflags,libmnl libnftnl)

$(NETD_KERNEL_TESTS:%=$(OBJ)/tests/unit/%): $(OBJ)/tests/unit/%: $(OBJ)/tests/unit/%.o \
		$(call objects,netd/model/ruleset.c $(LIB_SOURCES))
	$(link) -pie $(call pkg_flags,--libs,cmocka)

# The kernel side without the daemon, for tests/netns/netd-kernel.sh.
$(OBJ)/tests/netns/kernel-driver: $(call objects,tests/netns/kernel-driver.c $(NETD_KERNEL_SOURCES) $(NETD_MODEL_SOURCES) $(LIB_SOURCES))
	$(link) -pie $(call pkg_flags,--libs,libmnl libnftnl)
netd-kernel-tests: $(NETD_KERNEL_TESTS:%=$(OBJ)/tests/unit/%) $(OBJ)/tests/netns/kernel-driver test-tools	## the daemon's kernel side: unit tests, private namespaces (root)
	@tests/run $(NETD_KERNEL_TESTS:%=$(OBJ)/tests/unit/%)
	@DRIVER=$(CURDIR)/$(OBJ)/tests/netns/kernel-driver tests/run --append tests/netns/netd-kernel.sh
.PHONY: netd-kernel-tests
