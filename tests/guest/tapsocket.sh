#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Guests of users who cannot make a tap: no file capability counts, and the daemon does not run yet. With the one command
# line that `guestnet qemu` prints, under no_new_privs; with `guestnet exec` and a QEMU that may start nothing; and in a
# user namespace. The daemon runs as its service does, without systemd.
suite=guest.tapsocket
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/lab.bash"
. "$(dirname "$0")/netd.bash"
lab_programs+=(systemd-socket-activate)
netd_enter "$@"

service=4290
run=/run/guestnet
export GUESTNET_BUS=unix:path=$run/bus.sock
mkdir -p $run
chown -R $service:$service $run $netd_root/state
guestnet=$world/tools/guestnet
install -m 755 "$BIN/guestnet" $guestnet
install -m 755 "$BIN/guestnetd" $world/tools/guestnetd
# As on a system whose helper has lost its capability: nothing is gained by it.
installed=$(world_path PATH_HELPER)
install -m 755 "$BIN/guestnet-bridge-helper" "$installed"

world_policy 'allow default user=4201,4202,4203
own user=4204'
capabilities=-all,+net_admin,+net_raw,+net_bind_service
setpriv --reuid=$service --regid=$service --clear-groups --no-new-privs --inh-caps=$capabilities --ambient-caps=$capabilities \
	--bounding-set=$capabilities systemd-socket-activate --listen=$run/tap.sock --seqpacket --fdname=tap \
	$world/tools/guestnetd --config-root=$netd_root/etc --vendor-root=$netd_root/vendor --state-root=$netd_root/state \
	--run-root=$run >>$netd_root/log 2>&1 &
wait_for 20 test -S $run/tap.sock
chmod 666 $run/tap.sock
check cold-no-bridge eval '! ip link show dev gn-default'

# --- The line that is printed, word by word, in a sandbox.
line=$(setpriv --reuid=4201 --regid=4201 --clear-groups $guestnet qemu default)
matches line "^-netdev tap,id=gn0,br=default,helper=$installed,vhost=(on|off) -device virtio-net-pci,netdev=gn0,mac=52:54:00(:[0-9a-f]{2}){3}\$" "$line"
equal line-stable "$line" "$(setpriv --reuid=4201 --regid=4201 --clear-groups $guestnet qemu default)"
check line-other-user test "$line" != "$(setpriv --reuid=4202 --regid=4202 --clear-groups $guestnet qemu default)"
mac1=${line##*mac=}
read -ra words <<<"$line"
guest_command one 4201 setpriv --no-new-privs qemu-system-x86_64 -sandbox on "${words[@]}"
if wait_for 60 ip link show dev gn-default; then pass cold-up; else fail cold-up "$(guest_log one) $(tail -n 3 $netd_root/log)"; fi

# --- exec: QEMU may start nothing and gain nothing.
guest_command two 4202 setpriv --no-new-privs $guestnet exec default --guest two --queues 2 -- qemu-system-x86_64 -smp 2 \
	-sandbox on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny -name two
# --- A user namespace with a network of its own, where nothing of the host's is to be seen but the socket.
if setpriv --reuid=4203 --regid=4203 --clear-groups unshare -Urn true 2>/dev/null; then
	guest_command three 4203 unshare -Urn $guestnet exec default --model e1000 -- qemu-system-x86_64 -sandbox on,spawn=deny -name three
	guests='one two three'
else
	skip user-namespace 'this system does not let users make user namespaces'
	guests='one two'
fi

greeted() { [ "$(guest_run "$1" "echo | nc -w 5 $netd_internet 7777")" = hello ]; }
gateway() { ip -4 -j addr show dev gn-default | jq -r '.[0].addr_info[0].local'; }
for guest in $guests; do
	guest_ready $guest || { fail $guest-boot "$(guest_log $guest)"; continue; }
	pass $guest-boot
	matches $guest-lease "^lease $(gateway | sed 's/[0-9]*$//')[0-9]+ " "$(guest_said $guest lease)"
	check $guest-tcp wait_for 20 greeted $guest
	tap=$(guest_tap $guest)
	equal $guest-port gn-default "$(link "$tap" .master)"
	equal $guest-owner "guestnet uid=${tap//[a-z]/}" "$(ip -j link show dev "$tap" | jq -r '.[0].ifalias' | sed 's/\(uid=[0-9]*\) .*/\1_0/')"
	matches $guest-no-new-privs '^NoNewPrivs:.1$' "$(grep NoNewPrivs "/proc/${guest_pid[$guest]}/status")"
done
matches one-mac "$mac1" "$(guest_said one eth0)"
equal two-mac "$(setpriv --reuid=4202 --regid=4202 --clear-groups $guestnet qemu default --guest two | sed 's/.*mac=//')" \
	"$(guest_said two eth0 | cut -d' ' -f2)"
matches two-seccomp '^Seccomp:.2$' "$(grep '^Seccomp:' "/proc/${guest_pid[two]}/status")"
equal two-queues 'rx-0 rx-1 tx-0 tx-1' "$(guest_run two 'ls /sys/class/net/eth0/queues' | tr '\n' ' ' | sed 's/ $//')"
equal two-queues-tap 2 "$(ip -d -j link show dev "$(guest_tap two)" | jq '.[0].linkinfo.info_data.numqueues')"
# Its own process is what the tap says, not a helper's.
tap=$(guest_tap two)
equal two-pid "${guest_pid[two]}" "$(ip -j link show dev "$tap" | jq -r '.[0].ifalias' | sed -n 's/.*pid=\([0-9]*\).*/\1/p')"

# --- Who hangs there: text for people, the same in JSON, and less of it for others.
ports=$($guestnet ports default --json)
equal ports-count "$(wc -w <<<"$guests")" "$(jq length <<<"$ports")"
equal ports-owner "4202 ${guest_pid[two]} two" "$(jq -r --arg tap "$tap" '.[] | select(.port == $tap) | "\(.uid) \(.pid) \(.guest)"' <<<"$ports")"
equal ports-mac "$(guest_said two eth0 | cut -d' ' -f2)" "$(jq -r --arg tap "$tap" '.[] | select(.port == $tap) | .macs | join(" ")' <<<"$ports")"
check ports-counters test "$(jq --arg tap "$tap" '.[] | select(.port == $tap) | .rx_bytes' <<<"$ports")" -gt 500
equal ports-counters-kernel true "$(jq --arg tap "$tap" --argjson now "$(cat "/sys/class/net/$tap/statistics/tx_bytes")" '.[] | select(.port == $tap) | .tx_bytes <= $now and .tx_bytes > 0' <<<"$ports")"
matches ports-text "default +$tap +two +52:54:00:[0-9a-f:]+ +4202 +${guest_pid[two]} +[0-9.]+[kM]? +[0-9.]+[kM]?" "$($guestnet ports)"
check ports-width test "$($guestnet ports | wc -L)" -le 80
matches ports-of-others "$tap two 4202" "$(setpriv --reuid=4201 --regid=4201 --clear-groups $guestnet ports gn-default --json |
	jq -r '.[] | "\(.port) \(.guest) \(.uid)"')"
$guestnet ports nothing 2>/dev/null; equal ports-unknown 3 $?

# --- Refused: the helper's own words, and nothing is started.
out=$(setpriv --reuid=4204 --regid=4204 --clear-groups $guestnet exec default -- /bin/echo started '{fd}' 2>&1); status=$?
equal refused-status 4 $status
matches refused-words 'access denied by acl file: uid 4204 may not use bridge' "$out"
out=$(setpriv --reuid=4201 --regid=4201 --clear-groups $guestnet exec default -- /bin/echo started 2>&1); status=$?
equal no-mark-status 2 $status
# Another program: the number in the place of the mark, the mac too.
out=$(setpriv --reuid=4201 --regid=4201 --clear-groups $guestnet exec default --mac 52:54:00:01:02:03 -- \
	/bin/sh -c 'echo "$1"; sed -n "s/^iff:.//p" /proc/self/fdinfo/${0}' '{fd}' 'fd={fd},mac={mac}' 2>&1)
matches other-program $'^fd=[0-9]+,mac=52:54:00:01:02:03\ngn4201_[0-9]+$' "$out"

# --- A user's own network: nobody was asked for it, and a guest of theirs is all there may be on it.
own=$(setpriv --reuid=4204 --regid=4204 --clear-groups $guestnet create net 2>&1)
matches own-created '^4204.net is yours' "$own"
read -ra words < <(setpriv --reuid=4204 --regid=4204 --clear-groups $guestnet qemu 4204.net)
guest_command four 4204 setpriv --no-new-privs qemu-system-x86_64 -sandbox on "${words[@]}"
out=$(setpriv --reuid=4201 --regid=4201 --clear-groups $guestnet exec 4204.net -- /bin/echo started '{fd}' 2>&1); status=$?
equal own-stranger 4 $status
matches own-stranger-words "uid 4201 may not use bridge .4204.net.: it is uid 4204's own network" "$out"
if guest_ready four; then
	matches own-lease "^lease $(ip -4 -j addr show dev gn-4204.net | jq -r '.[0].addr_info[0].local' | sed 's/[0-9]*$//')[0-9]+ " "$(guest_said four lease)"
	check own-tcp wait_for 20 greeted four
	equal own-port gn-4204.net "$(link "$(guest_tap four)" .master)"
else
	fail own-boot "$(guest_log four)"
fi

for guest in $guests four; do guest_kill $guest; done
check taps-gone wait_for 20 no_taps
exit 0
