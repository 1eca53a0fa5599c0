# SPDX-License-Identifier: GPL-2.0-or-later
# What is started ends with who has started it. Sourced by tests/run and tools/check.
#
#   group SECONDS COMMAND...	runs a command in a process group of its own, for that long at the most (0: any time)
#
# When the script is ended, the group is: by a signal that it can answer, through its EXIT trap, which has to call group_end;
# by SIGKILL, because timeout(1) then gets SIGTERM from the kernel, and hands it on to the whole group. A namespace of
# processes goes with the unshare(1) that has made it (world_enter). What does not heed SIGTERM is killed after
# $group_grace seconds.

group_pid='' group_grace=10
group() {
	local status
	set -m	# a group of its own, and SIGINT as it was
	setpriv --pdeathsig TERM timeout -k "$group_grace" "$@" &
	group_pid=$!
	set +m
	wait "$group_pid"
	status=$?
	group_pid=
	return $status
}
group_end() {
	[ -n "$group_pid" ] || return 0
	kill "$group_pid" 2>/dev/null
	wait "$group_pid" 2>/dev/null
	kill -KILL -- "-$group_pid" 2>/dev/null
	:
}
trap 'exit 143' TERM HUP
trap 'exit 130' INT
