#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The helper killed, and stopped and killed, at every system call it makes: nothing of it is left, nobody waits for it.
suite=helper-kill
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/world.bash"
world_enter "$@"
world_setup || { fail world 'the private namespaces cannot be set up'; exit 1; }
need all ip || exit 0

# One tap and one address for the first user: the next start succeeds only when both are free again.
world_bridge br0
world_policy "allow br0 user=$alice max=1 isolated macs=52:54:00:00:00:21
allow br0 user=$bob"

# A build with sanitisers makes hundreds of system calls before the first of its own.
every=1
[ "${FLAVOUR-}" != asan ] && [[ $BIN != */asan/* ]] || every=5

points() {	# ID ARG...: the last line is the figure, those before it what was wrong
	local id=$1 output status
	shift
	output=$("$world/tools/killpoints" --every $every "$@" 2>&1)
	status=$?
	output=${output//$'\n'/; }
	printf '     %s: %s\n' "$id" "${output##*; }"
	if [ $status = 0 ]; then pass "$id"; else fail "$id" "$output"; fi
}
points capability $alice $bob $helper br0
points capability-stopped --stop $alice $bob $helper br0
points setuid $alice $bob $helper_setuid br0
points setuid-stopped --stop $alice $bob $helper_setuid br0

# With a name in the policy that only the lookup program could know: a child is under way at some of these moments.
world_policy "allow br0 user=$alice,nobody-has-this-name max=1 isolated macs=52:54:00:00:00:21
allow br0 user=$bob"
points lookup --child $alice $bob $helper br0
points lookup-stopped --stop --child $alice $bob $helper br0
check nothing-left no_taps
