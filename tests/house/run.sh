#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What tests/run has started ends with it, however that ends: a suite that lived on would go on writing results.
. "$(dirname "$0")/../lib.sh"
unset AGAIN SUITE_PREFIX TIMES	# those of the run that this suite is a part of
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Whatever the suite starts inherits the lock.
cat >"$work/plain.sh" <<END
exec 9>$work/lock
flock 9
sh -c 'while :; do sleep 0.1; done' &
sh -c 'touch $work/started; while :; do sleep 0.1; done'
END

# The same in namespaces, where a first process gets no signal that it does not ask for.
cat >"$work/world.sh" <<END
. "$top/tests/lib.sh"
. "$top/tests/netns/world.bash"
[ -n "\${WORLD_INSIDE-}" ] || { exec 9>$work/lock; flock 9; }
world_enter "\$@"
setsid sh -c 'while :; do sleep 0.1; done' &
touch $work/started
while :; do sleep 0.1; done
END

is_on() { ! is_over; }
is_over() { flock -n "$work/lock" true; }

for kind in plain world; do
	for signal in TERM HUP KILL; do
		[ $kind = plain ] || [ "$(id -u)" = 0 ] || { skip $kind-$signal 'needs root for namespaces'; continue; }
		rm -f "$work/started"
		RESULTS=$work/results.tsv "$top/tests/run" "$work/$kind.sh" >"$work/log" 2>&1 &
		pid=$!
		check $kind-$signal-started wait_for 20 test -e "$work/started"
		check $kind-$signal-runs is_on
		kill -$signal $pid
		reap $pid
		check $kind-$signal wait_for 30 is_over
	done
done

# Nobody is ended who is through, and a status is handed on.
printf 'exit 7\n' >"$work/status.sh"
matches status 'FAIL status.exit: ended with status 7' "$(RESULTS=$work/results.tsv "$top/tests/run" "$work/status.sh" 2>&1)"
printf 'sleep 1000\n' >"$work/long.sh"
matches time-is-over 'FAIL long.exit: ended with status 124' "$(SUITE_TIMEOUT=0.2 RESULTS=$work/results.tsv "$top/tests/run" "$work/long.sh" 2>&1)"
exit 0
