# SPDX-License-Identifier: GPL-2.0-or-later
# The client's verbs about libvirt. Included by tools/build.mk. Only these files know libxml2, which is loaded by them, not linked.

IMPORT_CORE_SOURCES := ctl/import.c ctl/import-rows.c ctl/import-build.c ctl/import-file.c ctl/libxml.c
IMPORT_SOURCES := $(IMPORT_CORE_SOURCES) ctl/import-verb.c ctl/libvirt-virsh.c ctl/libvirt-xml.c ctl/libvirt-link.c

$(call objects,$(IMPORT_SOURCES) tests/unit/test-import.c): EXTRA_CFLAGS = $(call pkg_flags,--cflags,libxml-2.0)
# What is made is read by the parser that the daemon has.
$(BIN)/guestnet: $(call objects,$(IMPORT_SOURCES) $(NETD_MODEL_SOURCES))

IMPORT_TESTS := test-import
$(IMPORT_TESTS:%=$(OBJ)/tests/unit/%): $(OBJ)/tests/unit/%: $(OBJ)/tests/unit/%.o \
		$(call objects,$(IMPORT_CORE_SOURCES) $(NETD_MODEL_SOURCES) $(LIB_SOURCES))
	$(link) -pie $(call pkg_flags,--libs,cmocka) -ldl
UNIT_TESTS += $(IMPORT_TESTS)

check-ctl: all					## the client's verbs about libvirt, against its documented format
	@tests/run tests/ctl/*.sh
.PHONY: check-ctl
