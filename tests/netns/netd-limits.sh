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
echo carol:100000:65536 >/etc/subuid
network lab '[Network]' Mode=isolated Autostart=no '[Address]' Address=10.91.0.1/24
# A network about which there is much to tell.
network big '[Network]' Mode=isolated Autostart=no '[Address]' Address=10.92.0.1/24
mkdir $root/etc/networks/big.network.d
for i in {1..8}; do yes "$(printf '#%1000d' 0)" | head -n 60 >$root/etc/networks/big.network.d/$i.conf; done

cat >$tmp/peers.py <<'PY'
import os, select, socket, struct, sys
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
def users():		# FIRST COUNT EACH: so many connections of each of so many uids; the arguments behind that stay
    first, count, each = map(int, arguments[:3])
    del arguments[:3]
    return [uid for uid in range(first, first + count) for i in range(each)]
def call(member, text):
    fields = b""
    for code, type, value in (1, "o", "/org/guestnet1"), (2, "s", "org.guestnet1.Manager"), (3, "s", member), (8, "g", "s"):
        fields += b"\0" * (-len(fields) % 8) + bytes((code, 1, ord(type), 0))
        fields += (bytes((len(value),)) if type == "g" else struct.pack("<I", len(value))) + value.encode() + b"\0"
    body = struct.pack("<I", len(text)) + text.encode() + b"\0"
    data = struct.pack("<BBBBIII", ord("l"), 1, 0, 1, len(body), 1, len(fields)) + fields
    return data + b"\0" * (-len(data) % 8) + body
def read_answers(peer, n):	# how many there are, errors too
    data, got = b"", 0
    try:
        while got < n and (part := peer.recv(1 << 20)):
            data += part
            while len(data) >= 16:
                body, fields = struct.unpack_from("<I4xI", data, 4)
                size = 16 + (fields + 7) // 8 * 8 + body
                if len(data) < size:
                    break
                got += data[1] in (2, 3)
                data = data[size:]
    except OSError:
        pass
    return got
def caller(uid):
    peer = bus(uid)
    if not is_in(peer):
        sys.exit("not let in")
    peer.sendall(b"BEGIN\r\n")
    return peer

if mode == "places":	# FIRST COUNT EACH UID...: how many are let in, and whether these are then
    kept = [peer for peer in map(bus, users()) if is_in(peer)]
    print(len(kept), *("yes" if is_in(bus(int(uid))) else "no" for uid in arguments))
elif mode == "taps":	# FIRST COUNT EACH UID...: nothing is said on these; do those have a place?
    kept = [tap(uid) for uid in users()]
    for uid in arguments:
        peer = tap(int(uid))
        try:
            peer.sendall(b"x")
        except OSError:
            pass
        print("yes" if b"does not understand" in peer.recv(4096) else "no", end=" ")
elif mode == "unread":	# CONNECTIONS CALLS: asks before it reads, and then reads
    peers = [caller(4201) for i in range(int(arguments[0]))]
    for peer in peers:
        peer.sendall(call("Files", "big") * int(arguments[1]))
    print(sum(read_answers(peer, int(arguments[1])) for peer in peers))
elif mode == "mute":	# CONNECTIONS CLOSED: all of these ask; so many are closed, and the others answered
    peers = [caller(4201) for i in range(int(arguments[0]))]
    ends = select.poll()
    for peer in peers:
        peer.sendall(call("Files", "big"))
        ends.register(peer, 0)		# the end of the connection, which is seen without reading
    closed = set()
    while len(closed) < int(arguments[1]) and (found := ends.poll(20000)):
        for fd, event in found:
            closed.add(fd)
            ends.unregister(fd)
    print(len(closed), sum(read_answers(peer, 1) for peer in peers if peer.fileno() not in closed))
elif mode == "refused":	# UID CALLS
    peer = caller(int(arguments[0]))
    peer.sendall(call("Stop", arguments[0] + ".x") * int(arguments[1]))
    print(read_answers(peer, int(arguments[1])))
elif mode == "full":	# until the daemon has no fd for one more; then some go
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
elif mode == "hold":	# FIRST COUNT EACH: of both sockets
    uids = users()
    kept = [peer for peer in map(bus, uids) if is_in(peer)] + [tap(uid) for uid in uids]
    print("held", flush=True)
    sys.stdin.readline()
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
peak() { awk '/^VmHWM/ { print $2 }' /proc/$netd_pid/status; }
cpu() { awk '{ print $14 + $15 }' /proc/$netd_pid/stat; }	# 1/100 s
fds() { ls /proc/$netd_pid/fd | wc -l; }
mkfifo $tmp/in

# --- Places: one user's uids in user namespaces do not take those of others; of those who are users anyway, root's are none.
start_with 4096
equal bus-namespaces '64 yes yes no' "$(peers places 100000 500 1 $alice 0 165535)"
equal bus-one-user '256 no yes yes' "$(peers places $alice 1 300 $alice $bob 0)"
equal bus-all-users '448 no yes' "$(peers places 5001 3 200 $alice 0)"
equal taps-namespaces 'yes yes no ' "$(peers taps 100000 400 1 $alice 0 165535)"
equal taps-all-users 'no yes ' "$(peers taps 5001 4 96 $alice 0)"

# --- Memory: an answer that is not read keeps the next call waiting; nobody is cut off for asking first.
echo 5 >/proc/$netd_pid/clear_refs
before=$(peak)
equal unread-answered 600 "$(peers unread 30 20)"
# A sanitiser keeps what was freed.
bound=65536
[[ ${SUITE_PREFIX-} != asan* ]] || bound=524288
check unread-small test $(($(peak) - before)) -lt $bound
equal unread-too-many '32 32' "$(peers mute 64 32)"

# --- The log: some lines about each user, and how many there were.
equal log-refused 500 "$(peers refused $bob 500)"
check log-some grep -q "uid $bob may do Stop to network $bob.x" $root/log
check log-few test "$(grep -c "uid $bob may do" $root/log)" -le 20
left_out() { peers refused $bob 1; grep -q "uid $bob: [0-9]* more lines were left out in 10 s" $root/log; }
check log-left-out wait_for 30 left_out
netd_stop

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

# --- Of few fds, some are left for the daemon's work, whatever users hold.
start_with 512
peers hold 5001 4 96 <>$tmp/in >$tmp/out &
pid=$!
check fds-held wait_for 60 grep -q held $tmp/out
check fds-left test "$(fds)" -le 264
check fds-start client start lab
check fds-running is running lab
echo 1<>$tmp/in
reap $pid
netd_stop
grep -E 'ERROR|Sanitizer' $root/log && fail log "$(grep -E 'ERROR|Sanitizer' $root/log | head -3)"
exit 0
