# SPDX-License-Identifier: GPL-2.0-or-later
# A private world for the bridge helper: mount, network and pid namespaces of its own, an own /etc, /run, /dev, /sys
# and libexec folder, and copies of the programs as they are installed. Nothing outside is changed, and everything in it
# ends with the script. Sourced after tests/lib.sh by tests/netns/*.sh:
#
#	. "$(dirname "$0")/../lib.sh"
#	. "$(dirname "$0")/world.bash"
#	world_enter "$@"
#	world_setup || exit 1
#
#   world_enter "$@"         start this script again inside the namespaces (needs root; skips the suite otherwise)
#   world_setup              mounts and copies; then $helper, $helper_setuid, $helper_plain, $lookup, $launch exist
#   world_policy TEXT        writes $policy_file, 0644 root
#   world_bridge NAME [OPTION...]	a bridge with a pinned address, up; OPTION as of `ip link add ... type bridge`
#   launch ARG...            launch-helper --no-hold ARG...: the tap goes at once; sets the variables below
#   hold NAME ARG...         launch-helper ARG...: the tap lives until `release NAME`; sets the variables below
#   release NAME             ends it; returns when the tap is gone
#   reply_read JSON          sets $reply $reply_status $reply_byte $reply_fd $reply_tap $reply_stdout $reply_stderr
#   granted ID ARG...        launch; passes when a tap came: status 0, one zero byte, stdout and stderr empty, gone after
#   refused ID REGEX ARG...  launch; passes when refused: status 1, one line on stderr that matches, nothing on stdout, no
#                            byte, no fd, no tap
#   taps                     names of the tap devices;  no_taps: there is none
#   link DEVICE FILTER       a jq filter on the device's object of `ip -d -j link`
#   need ID PROGRAM...       true when all are installed; otherwise records a skip
#
# Uids are plain numbers: $alice, $bob and $carol have no account; `--uid N` of launch-helper takes them.

world=/run/world
tmp=$world/tmp
policy_file=/etc/guestnet/bridge.conf
helper=$world/cap/guestnet-bridge-helper		# as installed: cap_net_admin=p
helper_setuid=$world/setuid/guestnet-bridge-helper	# set-user-ID root
helper_plain=$world/plain/guestnet-bridge-helper	# neither
launch=$world/tools/launch-helper			# all of build/tests is in that folder, for any uid
alice=4201 bob=4202 carol=4203
declare -A hold_pid=()
PATH=$PATH:/usr/sbin:/sbin
[[ $BIN == /* ]] || BIN=$PWD/$BIN

# The paths compiled in.
world_path() {	# MACRO
	sed -n "s|^#define $1 \"\(.*\)\"\$|\1|p" "$(dirname "$BIN")/paths.h" "$top/build/${FLAVOUR:-release}/paths.h" 2>/dev/null | head -n 1
}
lookup=$(world_path PATH_LOOKUP)
lookup=${lookup:-/usr/local/libexec/guestnet-lookup}

# The pid namespace sees to it that nothing survives, however this ends.
world_enter() {
	if [ -n "${WORLD_INSIDE-}" ]; then
		# The first process of a pid namespace gets only signals that it has a handler for.
		trap 'exit 143' TERM INT HUP
		return
	fi
	if [ "$(id -u)" != 0 ]; then
		skip all "needs root for namespaces and file capabilities"
		exit 0
	fi
	WORLD_INSIDE=1 exec unshare --mount --propagation private --net --pid --fork --kill-child --mount-proc bash "$0" "$@"
}

# A writable folder in the place of one that may not exist: what stands beside it stays visible through links.
world_replace() {	# FOLDER
	local folder=$1 parent entry n
	[ -d "$folder" ] && { mount -t tmpfs -o mode=755 tmpfs "$folder"; return; }
	parent=$folder
	while [ ! -d "$parent" ]; do parent=$(dirname "$parent"); done
	n=$world/kept$(tr / - <<<"$parent")
	mkdir -p "$n" && mount --rbind "$parent" "$n" && mount -t tmpfs -o mode=755 tmpfs "$parent" || return
	for entry in "$n"/*; do [ -e "$entry" ] && ln -s "$entry" "$parent/"; done
	mkdir -p -m 755 "$folder"
}

world_setup() {
	local node major minor
	umask 022
	mount -t tmpfs -o mode=755 tmpfs /run || return
	mkdir -p $world/etc $world/dev/net $world/dev/shm $world/{cap,setuid,plain,tools,tmp} || return
	chmod 1777 $tmp

	cp -a /etc/. $world/etc/ || return
	chmod 755 $world/etc
	rm -rf $world/etc/guestnet $world/etc/qemu
	mkdir $world/etc/guestnet $world/etc/qemu
	mount --bind $world/etc /etc || return

	# Own nodes, so that a closed /dev/net/tun of the machine can be an open one here.
	for node in null:1:3 zero:1:5 full:1:7 random:1:8 urandom:1:9 tty:5:0 net/tun:10:200; do
		IFS=: read -r node major minor <<<"$node"
		mknod -m 666 "$world/dev/$node" c "$major" "$minor" || return
	done
	ln -s /proc/self/fd $world/dev/fd
	mount --rbind $world/dev /dev || return

	mount -t sysfs -o ro sysfs /sys || return		# of this network namespace
	ip link set lo up || return

	install -m 755 "$BIN/guestnet-bridge-helper" $helper || return
	setcap cap_net_admin=p $helper || return
	install -m 4755 "$BIN/guestnet-bridge-helper" $helper_setuid || return
	install -m 755 "$BIN/guestnet-bridge-helper" $helper_plain || return
	for node in "$top"/build/tests/*; do
		[ ! -f "$node" ] || install -m 755 "$node" $world/tools/ || return
	done
	world_replace "$(dirname "$lookup")" || return
	[ ! -x "$BIN/guestnet-lookup" ] || install -m 711 "$BIN/guestnet-lookup" "$lookup"
	[ -z "${PLAIN_TABLES-}" ] || world_plain_tables
}

# With PLAIN_TABLES set the daemon believes that it runs on a kernel before Linux 6.9: its table has no owner, and is repaired.
world_plain_tables() {
	DRIVER=${DRIVER:-${BIN%/bin}/tests/netns/kernel-driver}
	world_preload plain-tables.so guestnetd kernel-driver
}

# world_preload LIBRARY PROGRAM...: these programs of $BIN (and $DRIVER) run with a library of the tests from now on.
world_preload() {
	local library=$world/tools/$1 program
	shift
	mkdir $world/bin || return
	for program in "$BIN"/* ${DRIVER:+"$DRIVER"}; do ln -s "$(realpath "$program")" $world/bin/ || return; done
	for program in "$@"; do
		printf '#!/bin/bash\nLD_PRELOAD=%s ASAN_OPTIONS=%s exec -a %s %s "$@"\n' $library \
			"${ASAN_OPTIONS:+$ASAN_OPTIONS:}verify_asan_link_order=0" $program "$(realpath $world/bin/$program)" >$world/bin/$program.plain &&
			chmod 755 $world/bin/$program.plain && mv $world/bin/$program.plain $world/bin/$program || return
	done
	BIN=$world/bin DRIVER=${DRIVER:+$world/bin/kernel-driver}
}

world_policy() {
	printf '%s\n' "$1" >$policy_file && chown root:root $policy_file && chmod 644 $policy_file
}

world_bridge() {	# NAME [OPTION...]
	local n=${world_bridges:=0}
	world_bridges=$((n + 1))
	ip link add "$1" address "$(printf '52:54:00:77:13:%02x' "$n")" type bridge "${@:2}" && ip link set "$1" up
}

taps() {
	local path
	for path in /sys/class/net/*/tun_flags; do
		[ -e "$path" ] && path=${path%/*} && printf '%s\n' "${path##*/}"
	done
}
no_taps() { [ -z "$(taps)" ]; }

reply_read() {
	reply=$1 reply_status='' reply_byte='' reply_fd='' reply_tap='' reply_stdout='' reply_stderr=''
	[[ $reply =~ \"status\":(-?[0-9]+),\"byte\":(-?[0-9]+),\"fd\":(true|false) ]] || return
	reply_status=${BASH_REMATCH[1]} reply_byte=${BASH_REMATCH[2]} reply_fd=${BASH_REMATCH[3]}
	[[ $reply =~ \"tap\":\"([^\"]*)\" ]] && reply_tap=${BASH_REMATCH[1]}
	[[ $reply =~ ,\"stdout\":\"(.*)\",\"stderr\":\"(.*)\"\}$ ]] || return
	reply_stdout=${BASH_REMATCH[1]} reply_stderr=${BASH_REMATCH[2]//\\\"/\"}
	reply_stderr=${reply_stderr//\\\\/\\}
}

# The bound is for a helper that hangs: then there is no reply, and the test fails.
launch() {
	reply_read "$(timeout 60 "$launch" --no-hold "$@" </dev/null)"
}

# A pipe that is open for both directions never ends: the holder waits until it is killed.
hold() {
	local name=$1
	shift
	rm -f "$tmp/$name.in" "$tmp/$name.out"
	mkfifo "$tmp/$name.in"
	"$launch" "$@" <>"$tmp/$name.in" >"$tmp/$name.out" &
	hold_pid[$name]=$!
	wait_for 20 test -s "$tmp/$name.out"
	reply_read "$(cat "$tmp/$name.out")"
}

release() {
	ended "${hold_pid[$1]}"
	unset "hold_pid[$1]"
}

granted() {
	local id=$1
	shift
	launch "$@"
	if [ "$reply_status,$reply_byte,$reply_fd,$reply_stdout,$reply_stderr" != 0,0,true,, ]; then
		fail "$id" "not granted: $reply"
	elif ! no_taps; then
		fail "$id" "left behind: $(taps)"
	else
		pass "$id"
	fi
}

# A "\n" in the text is a second line; the usage may follow a wrong command line, which request_* tests look at.
refused() {
	local id=$1 regex=$2
	shift 2
	launch "$@"
	if [ "$reply_status,$reply_byte,$reply_fd,$reply_stdout" != 1,-1,false, ]; then
		fail "$id" "not refused: $reply"
	elif ! [[ $reply_stderr =~ $regex ]]; then
		fail "$id" "want /$regex/, got: $reply_stderr"
	elif ! [[ $reply_stderr =~ ^[^[:cntrl:]]*\\u000a$ ]] || [[ ${reply_stderr%\\u000a} == *\\u00* ]]; then
		fail "$id" "not one line: $reply_stderr"
	elif ! no_taps; then
		fail "$id" "left behind: $(taps)"
	else
		pass "$id"
	fi
}

link() { ip -d -j link show dev "$1" | jq -r ".[0] | $2"; }

need() {
	local id=$1 program missing=
	shift
	for program in "$@"; do command -v "$program" >/dev/null || missing+=" $program"; done
	[ -z "$missing" ] || { skip "$id" "not installed:$missing"; return 1; }
}
