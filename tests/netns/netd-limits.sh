#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What users who may only look, and ask for taps, can take of the daemon: places, memory, fds, time, lines of its log. Others are
# let in, root always, and what there is to do is done.

suite=netd-limits
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/world.bash"
world_enter "$@"
world_setup || exit 1
. "$(dirname "$0")/nets.bash"
nets_folders python3 || exit 0
ulimit -n 4096 || exit 1
roots+=(--helper=$helper)
world_policy 'allow all'
network lab '[Network]' Mode=isolated Autostart=no '[Address]' Address=10.91.0.1/24

cat >$tmp/peers.py <<'PY'
import os, socket, sys
run, mode, *arguments = sys.argv[1:]
os.setgroups([])
def dial(name, kind, uid=0):
    peer = socket.socket(socket.AF_UNIX, kind)
    peer.settimeout(50)
    os.setegid(uid); os.seteuid(uid)
    peer.connect(name if name[0] == "\0" else run + "/" + name)
    os.seteuid(0); os.setegid(0)
    return peer
def tap(uid=0):
    return dial("tap.sock", socket.SOCK_SEQPACKET, uid)
def bus(uid=0):
    peer = dial("bus.sock", socket.SOCK_STREAM, uid)
    try:
        peer.sendall(b"\0AUTH ANONYMOUS 67\r\n")
    except OSError:	# closed at once
        pass
    return peer
def is_in(peer):
    try:
        return peer.recv(4096).startswith(b"OK")
    except OSError:
        return False

if mode == "full":	# until the daemon has no fd for one more; then some go
    kept = [bus()]
    while is_in(kept[-1]):
        kept.append(bus())
        kept[-1].settimeout(1)
    others = [tap(), dial("\0guestnetd", socket.SOCK_STREAM)]
    print("full", flush=True)
    sys.stdin.readline()
    for peer in kept[:10]:
        peer.close()
    kept[-1].settimeout(50)
    print("let in" if is_in(kept[-1]) else "not let in", flush=True)
    print("ended" if others[1].recv(1) == b"" else "talks", flush=True)
PY
# Those before have gone.
peers() { wait_for 30 alone; timeout 100 python3 $tmp/peers.py $root/run "$@" 2>&1; }
alone() { [ "$(fds)" -le $((idle_fds + 2)) ]; }
start_with() {	# FDS
	ulimit -Sn "$1"
	netd_start
	ulimit -Sn 4096
	wait_for 30 is stopped lab
	idle_fds=$(fds)
}
cpu() { awk '{ print $14 + $15 }' /proc/$netd_pid/stat; }	# 1/100 s
fds() { ls /proc/$netd_pid/fd | wc -l; }
mkfifo $tmp/in

# --- No fd for one more connection: it waits, and so does the daemon; it is let in when there is one.
start_with 96
peers full <>$tmp/in >$tmp/out &
pid=$!
check full wait_for 60 grep -q full $tmp/out
before=$(cpu)
rest 2000000
check full-rests test $(($(cpu) - before)) -lt 10
echo 1<>$tmp/in
check full-let-in wait_for 30 grep -q '^let in' $tmp/out
check full-visitor wait_for 30 grep -q ended $tmp/out
reap $pid
netd_stop

grep -E 'ERROR|Sanitizer' $root/log && fail log "$(grep -E 'ERROR|Sanitizer' $root/log | head -3)"
exit 0
