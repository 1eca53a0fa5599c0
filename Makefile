# SPDX-License-Identifier: GPL-2.0-or-later
# guestnet. `make help` lists the targets.
#
# Objects go to build/FLAVOUR/, programs of the release flavour to build/bin/. A flavour is a set of
# flags and nothing else; several can be built side by side. See doc/HACKING.md.

VERSION := 0.1
FLAVOUR ?= release

# Where things are installed. sysconfdir and runstatedir do not follow prefix: the policy has one place.
prefix ?= /usr/local
exec_prefix ?= $(prefix)
bindir ?= $(exec_prefix)/bin
libexecdir ?= $(exec_prefix)/libexec
datadir ?= $(prefix)/share
mandir ?= $(datadir)/man
docdir ?= $(datadir)/doc/guestnet
sbindir ?= $(exec_prefix)/sbin
sysconfdir ?= /etc
localstatedir ?= /var
runstatedir ?= /run
DESTDIR ?=

# What each program is made of.
LIB_SOURCES := lib/failure.c lib/str.c lib/fd.c lib/addr.c lib/tapsocket.c
POLICY_SOURCES := policy/policy.c policy/parse.c policy/match.c policy/owner.c policy/access.c policy/load.c policy/names.c policy/peer.c
HELPER_SOURCES := helper/privileges.c helper/request.c helper/rtnetlink.c helper/bridge.c helper/attach.c \
	helper/explain.c helper/journal.c helper/tapclient.c
IFUP_SOURCES := helper/ifup.c helper/rtnetlink.c helper/bridge.c
NL_SOURCES := lib/nl/wire.c lib/nl/socket.c lib/nl/link.c
# A line for each capability of the client.
CTL_SOURCES := ctl/main.c ctl/verbs.c ctl/complete.c ctl/uplink.c ctl/table.c ctl/json.c \
	ctl/policy.c ctl/check.c ctl/why.c ctl/list.c ctl/source.c ctl/caller.c \
	ctl/bus.c ctl/report.c ctl/networks.c ctl/leases.c ctl/monitor.c ctl/change.c ctl/edit.c ctl/virsh.c \
	ctl/qemu.c ctl/exec.c ctl/ports.c ctl/portrates.c ctl/counters.c ctl/setup.c \
	ctl/why/verb.c ctl/why/trace.c ctl/why/guard.c ctl/why/reach.c ctl/why/evaluate.c ctl/why/xt.c ctl/why/describe.c ctl/why/rules.c ctl/why/legacy.c ctl/why/look.c lib/nl/batch.c \
	ctl/doctor/verb.c ctl/doctor/checks.c ctl/doctor/cards.c ctl/doctor/frames.c ctl/doctor/dhcp.c

PROGRAMS := guestnet-bridge-helper guestnet-lookup guestnet-ifup guestnet guestnetd
UNIT_TESTS := test-str test-addr test-fd test-policy-parse test-policy-match test-policy-load test-request test-rtnetlink test-tapsocket
FUZZERS := fuzz-policy fuzz-request fuzz-rtnetlink fuzz-config fuzz-leasefile fuzz-uplink fuzz-netstate fuzz-dump fuzz-tapsocket

include tools/build.mk

## Everyday
all: $(PROGRAMS:%=$(BIN)/%)			## build the programs into build/bin
demo:						## install what is missing, build, show the main jobs with real guests
	@tools/install-deps build demo
	@$(MAKE) --no-print-directory all test-tools
	@tools/as-root tools/demo-netd
	@tools/as-root tools/demo
check:						## install what is missing, build, run every test
	@tools/install-deps build test guest vm
	@tools/as-root tools/check
test: unit fuzz-replay static-checks		## the fast tests: no privileges, no network
help:						## this list
	@awk -F '\t*## ' '/^## / { printf "\n%s\n", $$2 } /^[a-z-]+:.*## / { split($$1, t, ":"); printf "  %-17s %s\n", t[1], $$2 }' \
		Makefile tools/build.mk ctl/import.mk ctl/doctor/doctor.mk netd/netd.mk
	@printf '\nSettings: FLAVOUR=debug|release|asan|coverage|fuzz  HELPER_LINK=auto|musl|static|dynamic\n  prefix=%s  sysconfdir=%s  localstatedir=%s  DESTDIR=  DIVERT=yes  IFUP=yes\n' \
		$(prefix) $(sysconfdir) $(localstatedir)
clean:						## remove everything that was built
	rm -rf build

## Tests
unit: $(UNIT_TESTS:%=$(OBJ)/tests/unit/%) $(NETD_TESTS:%=$(OBJ)/tests/unit/%)	## unit tests (cmocka)
	@tests/run $(if $(APPEND),--append) $^
fuzz-replay: $(FUZZERS:%=$(OBJ)/tests/fuzz/%-replay)	## every fuzzer over its corpus, with any compiler
	@for fuzzer in $(FUZZERS); do $(OBJ)/tests/fuzz/$$fuzzer-replay tests/fuzz/corpus/$$fuzzer || exit 1; done
static-checks: $(BIN)/guestnet-bridge-helper $(BIN)/guestnet	## dependency directions, the map of the sources, what the helper links, samples, examples
	@tools/check-includes
	@tools/check-architecture
	@tools/check-linking $(BIN)/guestnet-bridge-helper
	@tools/check-samples
	@tools/check-examples
check-netns: all test-tools			## real kernel in private namespaces (root)
	@tests/run tests/netns/*.sh
check-guest: all test-tools			## real QEMU guests (root)
	@tests/run tests/guest/*.sh
check-vm: all test-tools			## a virtual machine with Debian's kernel (root)
	@tests/run tests/vm/*.sh
check-asan:					## namespace tests with address and undefined behaviour sanitisers (root)
	@$(MAKE) --no-print-directory FLAVOUR=asan all test-tools
	@tools/as-root env SUITES=asan tools/check
mutants: all					## break the code in known ways and count what the tests notice (root)
	@tools/mutants

## Speed
bench-helper: all test-tools			## the helper beside qemu-bridge-helper, interleaved (root)
	@tests/bench/helper
bench-netd: all test-tools			## guestnetd beside the bare messages: start, one more, restart, idle (root)
	@tests/bench/netd
bench-datapath: all test-tools			## what a forwarded packet costs, with 1 to 1000 networks (root)
	@tests/bench/datapath
bench-rates: all test-tools			## what a rate costs a packet that it lets pass (root)
	@tests/bench/rates
bench-reach: all test-tools			## what rules for guests cost the first packet of a flow (root)
	@tests/bench/reach
bench-repair: all test-tools			## how long each repair takes, by a separate observer (root)
	@tests/bench/repair

## Installing
install: all					## install below DESTDIR; never overwrites a changed policy
	@tools/install
	@[ "$(IFUP)" != yes ] || tools/ifup
	@[ "$(DIVERT)" != yes ] || tools/divert
uninstall:					## remove what install installed; a changed policy stays
	@tools/install --uninstall
divert:						## put the helper in the place of QEMU's own (root)
	@tools/divert
ifup:						## let QEMU's -netdev tap call guestnet-ifup: /etc/qemu-ifup (root)
	@tools/ifup
unifup:						## /etc/qemu-ifup as it was before
	@tools/ifup --undo
undivert:					## give QEMU its own helper back (root)
	@tools/divert --undo

export VERSION BIN OBJ FLAVOUR prefix exec_prefix bindir sbindir localstatedir libexecdir datadir mandir docdir sysconfdir runstatedir DESTDIR
.PHONY: all demo check test help clean unit fuzz-replay static-checks check-netns check-guest check-vm check-asan \
	mutants bench-helper bench-netd bench-repair bench-rates bench-reach bench-datapath install uninstall divert undivert ifup unifup test-tools fuzzers analyze
