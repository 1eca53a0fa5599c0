# SPDX-License-Identifier: GPL-2.0-or-later
# How things are compiled and linked. Included by the Makefile, which says what they are made of.

OBJ := build/$(FLAVOUR)
BIN := $(if $(filter release,$(FLAVOUR)),build/bin,$(OBJ)/bin)
.DEFAULT_GOAL := all

CC ?= cc
ifeq ($(origin CC),default)
CC := gcc
endif
PKG_CONFIG ?= pkg-config

FLAGS_debug := -O0 -g3
FLAGS_release := -O2 -g -D_FORTIFY_SOURCE=2
FLAGS_asan := -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
FLAGS_coverage := -O0 -g --coverage
FLAGS_fuzz := -O1 -g -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all
ifeq ($(filter $(FLAVOUR),debug release asan coverage fuzz),)
$(error FLAVOUR=$(FLAVOUR): want debug, release, asan, coverage or fuzz)
endif

WARNINGS := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wswitch-enum -Wformat=2 \
	-Wpointer-arith -Wimplicit-fallthrough -Wvla -Wundef -Wwrite-strings -Wno-missing-field-initializers \
	$(if $(WERROR)$(CI),-Werror)
HARDENING := -fPIE -fstack-protector-strong -fstack-clash-protection \
	$(if $(filter x86_64 i%86,$(shell uname -m)),-fcf-protection)
ALL_CFLAGS = -std=gnu11 -D_GNU_SOURCE $(FLAGS_$(FLAVOUR)) $(WARNINGS) $(HARDENING) -I$(OBJ) $(CFLAGS)
ALL_LDFLAGS = $(filter -fsanitize=% --coverage,$(FLAGS_$(FLAVOUR))) -Wl,-z,relro,-z,now,-z,noexecstack $(LDFLAGS)

# The helper is linked statically where that is possible: each shared object costs time at every start
# and is code beside a privilege. Best with musl (a tenth of glibc's size, and no probing of the processor
# at start, which costs 0.3 ms in a virtual machine), else with glibc's archive, else dynamically.
# Sanitisers and coverage want the dynamic libc.
HELPER_LINK ?= auto
musl_startfile := $(firstword $(wildcard /usr/lib/$(shell uname -m)-linux-musl/rcrt1.o \
	/usr/$(shell uname -m)-linux-musl/lib64/rcrt1.o /usr/local/musl/lib/rcrt1.o))
have_musl := $(if $(musl_startfile),$(shell command -v musl-gcc))
have_static_libc := $(shell echo 'int main(void){return 0;}' | $(CC) -xc -static-pie -o /dev/null - 2>/dev/null && echo yes)
ifeq ($(HELPER_LINK),auto)
helper_link := $(if $(filter release debug,$(FLAVOUR)),$(if $(have_musl),musl,$(if $(have_static_libc),static,dynamic)),dynamic)
else
helper_link := $(HELPER_LINK)
endif
ifeq ($(filter $(helper_link),musl static dynamic),)
$(error HELPER_LINK=$(HELPER_LINK): want auto, musl, static or dynamic)
endif
HELPER_LDFLAGS := $(if $(filter static,$(helper_link)),-static-pie,-pie)
MUSL_CFLAGS = $(filter-out -D_FORTIFY_SOURCE=%,$(ALL_CFLAGS)) -idirafter /usr/include \
	-idirafter /usr/include/$(shell $(CC) -print-multiarch)
musl_crt = $(dir $(musl_startfile))$(1).o

# Every package, asked for only by what needs it.
pkg_flags = $(shell $(PKG_CONFIG) $(1) $(2) || echo missing-package-$(firstword $(2)))

# A file that holds the flags and changes only when they do: a prerequisite of every object. Where the objects are makes them no others.
stamp_text := $(CC) $(filter-out -I$(OBJ),$(ALL_CFLAGS)) $(ALL_LDFLAGS) $(helper_link) $(HELPER_LDFLAGS)
$(OBJ)/flags.stamp: FORCE
	@mkdir -p $(OBJ)
	@printf '%s\n' '$(stamp_text)' | cmp -s - $@ || printf '%s\n' '$(stamp_text)' >$@

# The places that are compiled in. No option, environment variable or location of a binary changes them. Only the objects
# that it is in are made again when it changes: the compiler has written down which these are.
$(OBJ)/paths.h: FORCE
	@mkdir -p $(OBJ)
	@printf '%s\n' '/* Generated. */' '#pragma once' \
		'#define GUESTNET_VERSION "$(VERSION)"' \
		'#define PATH_POLICY "$(sysconfdir)/guestnet/bridge.conf"' \
		'#define PATH_HELPER "$(libexecdir)/guestnet-bridge-helper"' \
		'#define PATH_LOOKUP "$(libexecdir)/guestnet-lookup"' \
		'#define PATH_CONFIG_ROOT "$(sysconfdir)/guestnet"' \
		'#define PATH_VENDOR_ROOT "$(datadir)/guestnet"' \
		'#define PATH_STATE_ROOT "$(localstatedir)/lib/guestnet"' \
		'#define PATH_RUN_ROOT "$(runstatedir)/guestnet"' \
		'#define PATH_TAP_SOCKET "$(runstatedir)/guestnet/tap.sock"' >$@.new
	@if cmp -s $@.new $@; then rm $@.new; else mv $@.new $@; fi

$(OBJ)/%.o: %.c $(OBJ)/flags.stamp | $(OBJ)/paths.h
	@mkdir -p $(@D)
	@echo "  CC    $<"
	@$(CC) $(ALL_CFLAGS) $(EXTRA_CFLAGS) -MMD -MP -c -o $@ $<

$(OBJ)/musl/%.o: %.c $(OBJ)/flags.stamp | $(OBJ)/paths.h
	@mkdir -p $(@D)
	@echo "  MUSL  $<"
	@musl-gcc $(MUSL_CFLAGS) -MMD -MP -c -o $@ $<

objects = $(patsubst %.c,$(OBJ)/%.o,$(1))
define link
@mkdir -p $(@D)
@echo "  LINK  $@"
@$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $(filter %.o,$^)
endef

helper_program := helper/main.c $(HELPER_SOURCES) $(POLICY_SOURCES) $(LIB_SOURCES)
ifeq ($(helper_link),musl)
$(BIN)/guestnet-bridge-helper: $(helper_program:%.c=$(OBJ)/musl/%.o)
	@mkdir -p $(@D)
	@echo "  LINK  $@"
	@musl-gcc -nostartfiles -static -Wl,-pie,--no-dynamic-linker,-z,text,-z,relro,-z,now,-z,noexecstack -o $@ \
		$(call musl_crt,rcrt1) $(call musl_crt,crti) $^ $(call musl_crt,crtn)
else
$(BIN)/guestnet-bridge-helper: $(call objects,$(helper_program))
	$(link) $(HELPER_LDFLAGS)
endif
# What the exit frees, the helper does not free before: leaks are looked for in the unit tests. A privileged program
# does not get its environment, so this is said at link time.
$(OBJ)/asan-options.o:
	@mkdir -p $(@D)
	@echo 'const char *__asan_default_options(void) { return "detect_leaks=0"; }' | $(CC) -fPIE -xc -c -o $@ -
$(BIN)/guestnet-bridge-helper: $(if $(filter asan,$(FLAVOUR)),$(OBJ)/asan-options.o)
$(BIN)/guestnet-lookup: $(call objects,helper/lookup.c)
	$(link) -pie
$(BIN)/guestnet-ifup: $(call objects,$(IFUP_SOURCES) $(LIB_SOURCES))
	$(link) -pie
$(BIN)/guestnet: $(call objects,$(CTL_SOURCES) $(NL_SOURCES) $(POLICY_SOURCES) $(LIB_SOURCES))
	$(link) -pie $(call pkg_flags,--libs,libmnl libsystemd) -ldl
$(call objects,$(NL_SOURCES)): EXTRA_CFLAGS = $(call pkg_flags,--cflags,libmnl)

# The daemon.
include netd/netd.mk
NETD_DAEMON_SOURCES := netd/daemon/main.c netd/daemon/manager.c netd/daemon/managed.c netd/daemon/files.c netd/daemon/replace.c netd/daemon/own.c netd/daemon/held.c \
	$(patsubst %,netd/daemon/manager-%.c,desire due haste memory others pass ports rates renumber report slice state wanted) netd/daemon/bindings.c \
	netd/daemon/services.c netd/daemon/log.c netd/daemon/child.c netd/daemon/leases.c netd/daemon/listen.c netd/daemon/taken.c netd/daemon/bootfiles.c netd/daemon/taps.c netd/daemon/holder.c netd/daemon/process.c netd/daemon/twins.c netd/daemon/resolved.c \
	netd/daemon/api.c netd/daemon/objects.c netd/daemon/define.c netd/daemon/news.c netd/daemon/gate.c netd/daemon/intake.c netd/daemon/dryrun.c \
	netd/daemon/systembus.c netd/daemon/activation.c netd/daemon/tapserver.c
NETD_DAEMON_SOURCES += $(POLICY_SOURCES) netd/daemon/recorded.c netd/daemon/uplinks.c netd/daemon/uplinks-tell.c netd/daemon/cardowner.c netd/daemon/delegations.c netd/daemon/forwardfiles.c netd/daemon/firewalld.c netd/daemon/checksums.c
NETD_KERNEL_SOURCES ?= $(sort $(wildcard netd/kernel/*.c)) lib/nl/batch.c lib/nl/socket.c lib/nl/wire.c
$(BIN)/guestnetd: $(call objects,$(NETD_DAEMON_SOURCES) $(NETD_KERNEL_SOURCES) $(NETD_MODEL_SOURCES) $(LIB_SOURCES))
	$(link) -pie $(call pkg_flags,--libs,libnftnl libmnl libsystemd) -lcap

include ctl/import.mk
include ctl/doctor/doctor.mk

NETD_TESTS := $(NETD_MODEL_TESTS) $(NETD_KERNEL_TESTS) $(NETD_FILE_TESTS) $(NETD_BUS_TESTS) test-record

# Tests: a unit test or fuzzer links everything that is not a main program.
TESTED := $(LIB_SOURCES) $(POLICY_SOURCES) helper/request.c helper/rtnetlink.c helper/bridge.c
$(OBJ)/tests/unit/%: $(OBJ)/tests/unit/%.o $(call objects,$(TESTED))
	$(link) -pie $(call pkg_flags,--libs,cmocka)
$(OBJ)/tests/fuzz/%-replay: $(OBJ)/tests/fuzz/%.o $(OBJ)/tests/fuzz/replay.o $(call objects,$(TESTED))
	$(link) -pie
build/fuzz/tests/fuzz/%.bin: build/fuzz/tests/fuzz/%.o $(patsubst %.c,build/fuzz/%.o,$(TESTED))
	$(link) -fsanitize=fuzzer,address,undefined

TEST_TOOLS := $(patsubst tests/tools/%.c,%,$(wildcard tests/tools/*.c))
test-tools: $(TEST_TOOLS:%=build/tests/%)
build/tests/%: tests/tools/%.c $(wildcard tests/tools/*.h)
	@mkdir -p $(@D)
	@echo "  TOOL  $@"
	@$(CC) -std=gnu11 -D_GNU_SOURCE -O2 -g -Wall -Wextra -iquote lib $(if $(WERROR)$(CI),-Werror) -o $@ $< $(TOOL_LIBS)
build/tests/%.so: TOOL_LIBS = -shared -fPIC
build/tests/fake-resolved build/tests/netd-time: TOOL_LIBS = $(call pkg_flags,--cflags --libs,libsystemd)

## Looking closer
fuzzers:					## libFuzzer programs (clang) in build/fuzz/tests/fuzz
	@$(MAKE) --no-print-directory FLAVOUR=fuzz CC=clang $(FUZZERS:%=build/fuzz/tests/fuzz/%.bin)
analyze:					## clang-tidy, cppcheck and shellcheck, where they are installed
	@tools/analyze

-include $(shell find $(OBJ) -name '*.d' 2>/dev/null)
FORCE:
.PHONY: FORCE
.SECONDARY:
