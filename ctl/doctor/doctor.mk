# SPDX-License-Identifier: GPL-2.0-or-later
# The chapter of troubleshooting is printed from the table that guestnet doctor goes through.
DOCTOR_OBJECTS = $(call objects,$(filter-out ctl/main.c ctl/verbs.c ctl/complete.c,$(CTL_SOURCES)) $(NL_SOURCES) $(POLICY_SOURCES) $(LIB_SOURCES))
$(OBJ)/tools/print-checks: $(call objects,tools/print-checks.c) $(DOCTOR_OBJECTS)
	$(link) -pie $(call pkg_flags,--libs,libmnl libsystemd libxml-2.0)
troubleshooting: $(OBJ)/tools/print-checks	## prints doc/TROUBLESHOOTING.md
	@$< >$(OBJ)/TROUBLESHOOTING.md && cp $(OBJ)/TROUBLESHOOTING.md doc/
check-troubleshooting: $(OBJ)/tools/print-checks
	@$< | cmp - doc/TROUBLESHOOTING.md || \
		{ echo 'doc/TROUBLESHOOTING.md is not what ctl/doctor/checks.c says: make troubleshooting' >&2; exit 1; }
static-checks: check-troubleshooting
.PHONY: troubleshooting check-troubleshooting
