#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# org.guestnet1 on a system bus, as programs other than ours see it: a private dbus-daemon, a real polkitd, busctl. The
# bus comes late, goes, and comes back; polkit does the same.

suite=netd-bus
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/world.bash"
world_enter "$@"
world_setup || exit 1
polkitd=/usr/lib/polkit-1/polkitd
need all dnsmasq busctl dbus-daemon dbus-send jq python3 $polkitd || exit 0

run=$(world_path PATH_RUN_ROOT)		# where the client looks by itself
root=$world/netd
mkdir -p $root/{etc/networks,vendor/networks,state} "$run" /run/dbus
printf '[Network]\nMode=nat\nAutostart=no\n[Address]\nAddress=10.91.0.1/24\n' >$root/etc/networks/lab.network
printf '[Network]\nMode=isolated\nAutostart=no\n[Address]\nAddress=10.92.0.1/24\n' >$root/vendor/networks/quiet.network
printf '%s\n' 'ana:x:4201:4201::/:/bin/sh' 'ben:x:4202:4202::/:/bin/sh' 'cem:x:4203:4203::/:/bin/sh' >>/etc/passwd
printf '%s\n' 'ana:x:4201:' 'ben:x:4202:' 'cem:x:4203:' >>/etc/group
unset GUESTNET_BUS
client=$world/tools/guestnet
install -m 755 "$BIN/guestnet" $client
as() { local uid=$1; shift; setpriv --reuid "$uid" --regid "$uid" --clear-groups timeout 60 "$@"; }

# What is installed for the bus and for polkit, in the places where they look.
install -D -m 644 "$top/systemd/org.guestnet1.conf" /etc/dbus-1/system.d/org.guestnet1.conf
mkdir $world/actions && cp /usr/share/polkit-1/actions/*.policy "$top/systemd/org.guestnet1.policy" $world/actions/
# The daemon is root here.
mount --bind $world/actions /usr/share/polkit-1/actions || exit 1

# A bus that starts nothing by itself, with the policies of the real one.
cat >$root/bus.conf <<-'CONF'
	<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-BUS Bus Configuration 1.0//EN"
		"http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
	<busconfig>
		<type>system</type>
		<listen>unix:path=/run/dbus/system_bus_socket</listen>
		<auth>EXTERNAL</auth>
		<policy context="default">
			<allow user="*"/>
			<deny own="*"/>
			<deny send_type="method_call"/>
			<allow send_type="signal"/>
			<allow send_requested_reply="true" send_type="method_return"/>
			<allow send_requested_reply="true" send_type="error"/>
			<allow receive_type="method_call"/>
			<allow receive_type="method_return"/>
			<allow receive_type="error"/>
			<allow receive_type="signal"/>
			<allow send_destination="org.freedesktop.DBus"/>
		</policy>
		<policy user="root">
			<allow send_destination="org.freedesktop.DBus" send_interface="org.freedesktop.DBus.Monitoring"/>
		</policy>
		<includedir>/usr/share/dbus-1/system.d</includedir>
		<includedir>/etc/dbus-1/system.d</includedir>
	</busconfig>
CONF
start_bus() {
	dbus-daemon --config-file=$root/bus.conf --nofork --nopidfile >>$root/bus.log 2>&1 &
	bus_pid=$!
	wait_for 20 test -S /run/dbus/system_bus_socket
}
stop_bus() { ended $bus_pid; rm -f /run/dbus/system_bus_socket; }
start_polkit() {
	$polkitd --no-debug >>$root/polkit.log 2>&1 &
	polkit_pid=$!
	wait_for 30 owned org.freedesktop.PolicyKit1
}
# Where another suite takes many bridges down the kernel lets nobody else change a network meanwhile: busctl waits for longer than its
# 25 s, so that only what hangs is cut.
export SYSTEMD_BUS_TIMEOUT=100
bus() { busctl --json=short "$@"; }
manager=(org.guestnet1 /org/guestnet1 org.guestnet1.Manager)
network() { busctl --json=short get-property org.guestnet1 /org/guestnet1/network/"$1" org.guestnet1.Network "$2" | jq -c .data; }
state_is() { [ "$(network "$1" State)" = "\"$2\"" ]; }
owned() {
	busctl --json=short call org.freedesktop.DBus /org/freedesktop/DBus org.freedesktop.DBus NameHasOwner s "$1" |
		jq -e '.data[0] == true'
}
served() { owned org.guestnet1; }

# --- No bus: nothing is missing. It comes, and the name is there.
"$BIN/guestnetd" --config-root=$root/etc --vendor-root=$root/vendor --state-root=$root/state --run-root="$run" \
	--service-user=65534 >>$root/log 2>&1 &
netd_pid=$!
wait_for 30 test -S "$run/bus.sock"
equal no-bus-works 'lab stopped quiet stopped' "$(as $alice $client list --json | jq -r '[.[] | .name, .state] | join(" ")')"
start_bus
check bus-comes-late wait_for 30 served

# --- What it looks like.
equal tree '/org/guestnet1/network/lab /org/guestnet1/network/quiet' \
	"$(busctl tree --list org.guestnet1 | grep '/network/' | sort | tr '\n' ' ' | sed 's/ $//')"
equal property '"stopped"' "$(network lab State)"
equal property-addresses '["10.91.0.1/24"]' "$(network lab Addresses)"
equal property-bool false "$(network lab Autostart)"
equal property-mode '"isolated"' "$(network quiet Mode)"
equal objects '["/org/guestnet1/network/lab","/org/guestnet1/network/quiet"]' \
	"$(bus call org.guestnet1 /org/guestnet1 org.freedesktop.DBus.ObjectManager GetManagedObjects | jq -c '.data[0] | keys')"
equal get-network '"/org/guestnet1/network/lab"' "$(bus call "${manager[@]}" GetNetwork s lab | jq -c '.data[0]')"
out=$(bus call "${manager[@]}" Start s lob 2>&1)
matches unknown-network 'no network "lob", did you mean "lab"' "$out"
out=$(bus get-property org.guestnet1 /org/guestnet1/network/nothing org.guestnet1.Network State 2>&1)
matches unknown-object 'Unknown object|Unknown interface|no such network' "$out"
matches introspect 'signal.*LeaseAdded' "$(busctl introspect --xml-interface org.guestnet1 /org/guestnet1)"
out=$(bus call "${manager[@]}" Nonsense 2>&1)
matches unknown-method 'Unknown method' "$out"

# The manual page names everything there is with its types, and nothing else: Name(in)out of methods and signals, properties.
documented() {
	sed 's/\\-/-/g' "$top/man/org.guestnet1.5" | sed -nE 's/^\.BR ([A-Z][A-Za-z]*) " \((.*)\)"$/\1 \2/p
		/^\.B "[A-Z]/ { s/^\.B "(.*)"$/\1/; s/ [a-z_]+([,)]|$)/\1/g; s/, //g; s/ -> //; p }' | sort -u
}
there_is() {
	local path
	for path in /org/guestnet1 /org/guestnet1/network/lab; do
		busctl introspect --xml-interface org.guestnet1 $path | awk -v network=${path#/org/guestnet1} '
			function value(key) { match($0, " " key "=\"[^\"]*\""); return RSTART ? substr($0, RSTART + length(key) + 3, RLENGTH - length(key) - 4) : "" }
			/<interface name="org.guestnet1/ { on = 1 } /<\/interface>/ { on = 0 }
			!on { next }
			/<property / { print value("name") " " value("type") }
			/<(method|signal) / { name = value("name"); takes = gives = "" }
			/<arg / { if (value("direction") == "out") gives = gives value("type"); else takes = takes value("type") }
			/<\/(method|signal)>|<(method|signal) .*\/>/ { if (!network) print name "(" takes ")" gives }'
	done | sort -u
}
equal manual-complete "$(there_is)" "$(documented)"

# --- Without polkit: reading is for all, the rest for root.
equal bare-read '"stopped"' "$(as $alice busctl --json=short get-property org.guestnet1 /org/guestnet1/network/lab org.guestnet1.Network State | jq -c .data)"
# busctl does not print why something was denied, dbus-send does.
call() {	# UID MEMBER ARGUMENT...
	as "$1" dbus-send --system --print-reply --dest=org.guestnet1 "${path-/org/guestnet1}" "$2" "${@:3}" 2>&1
}
out=$(call $alice org.guestnet1.Manager.Start string:lab)
matches bare-denied 'org.guestnet1.manage is denied: polkit does not answer' "$out"
equal bare-denied-nothing '"stopped"' "$(network lab State)"

# An empty GUESTNET_BUS is none.
equal empty-address lab "$(GUESTNET_BUS= "$BIN/guestnet" status lab --json 2>&1 | jq -r '.[0].name')"

# What waits for an answer about its sender is not kept however long it is.
printf -v long '%*s' 75000 ''
matches long-refused 'a call of more than 128 KiB' "$(call 0 org.guestnet1.Manager.Define string:long "string:${long// /#}" "string:${long// /#}")"
matches long-path-refused 'a call of more than 128 KiB' "$(path=/org/guestnet1/$(printf '%060000d' 0) call 0 org.guestnet1.Manager.Define "string:${long// /#}")"
out=$(call 0 org.guestnet1.Manager.Define string:lo "string:${long// /#}")
matches long-passed-on '1 to 12 letters' "$out"

# --- Signals, as another program sees them. Monitoring the bus is root's.
busctl --json=short monitor org.guestnet1 >$root/signals 2>/dev/null &
monitor_pid=$!
saw() { [ -n "$(jq "select(.type == \"signal\") | select($1) | 1" $root/signals 2>/dev/null)" ]; }
probed() { busctl call "${manager[@]}" GetNetwork s lab; grep -q GetNetwork $root/signals; }
wait_for 30 probed
check bare-root bus call "${manager[@]}" Start s lab
check started wait_for 30 state_is lab running
check signal-started wait_for 30 saw '.member == "NetworkStarted" and .payload.data[0] == "lab"'
check signal-properties wait_for 30 saw '.member == "PropertiesChanged" and .path == "/org/guestnet1/network/lab" and .payload.data[1].State.data == "running"'
equal property-path "$(ip -j link show dev gn-lab | jq -c '.[0].ifname')" "$(network lab Bridge)"
ip link add v0 type veth peer name v1
ip link set v0 master gn-lab up
check signal-port wait_for 30 saw '.member == "PortAttached" and .payload.data == ["lab", "v0"]'
equal ports '["v0"]' "$(network lab Ports | jq -c '[.[][0]]')"
check signal-invalidated wait_for 30 saw '.member == "PropertiesChanged" and (.payload.data[2] | index("Ports"))'
ip link del v0
check signal-port-gone wait_for 30 saw '.member == "PortDetached" and .payload.data == ["lab", "v0"]'
ip addr del 10.91.0.1/24 dev gn-lab
check signal-repair wait_for 30 saw '.member == "RepairDone" and .payload.data[0] == "lab" and (.payload.data[1] | index("address-add"))'
matches repairs-by-kind '"address-add":[1-9]' "$(network lab Repairs)"
# A lease: dnsmasq's own file, as it writes it.
echo "$(($(date +%s) + 3600)) 52:54:00:00:00:01 10.91.0.77 web 01:52:54:00:00:00:01" >>$root/state/dnsmasq/lab.leases
check signal-lease wait_for 30 saw '.member == "LeaseAdded" and .payload.data[0][0:4] == ["lab", "10.91.0.77", "52:54:00:00:00:01", "web"]'
equal leases '["10.91.0.77"]' "$(network lab Leases | jq -c '[.[][1]]')"
: >$root/empty && cat $root/empty >$root/state/dnsmasq/lab.leases
echo "$(($(date +%s) + 3600)) 52:54:00:00:00:02 10.91.0.78 db *" >$root/state/dnsmasq/lab.leases
check signal-lease-gone wait_for 30 saw '.member == "LeaseRemoved" and .payload.data[0][1] == "10.91.0.77"'
# The last one is given back: the file is empty then.
: >$root/state/dnsmasq/lab.leases
check signal-lease-last wait_for 30 saw '.member == "LeaseRemoved" and .payload.data[0][1] == "10.91.0.78"'
equal leases-none '[]' "$(network lab Leases)"
# It is written in pieces. One that ends where a line does takes nothing from the guests that come behind it; what is new in it counts.
lines=()
for n in 81 82 83; do lines+=("$(($(date +%s) + 3600)) 52:54:00:00:00:$n 10.91.0.$n * *"); done
leases_are() { [ "$(network lab Leases | jq -c '[.[][1] | ltrimstr("10.91.0.")] | sort')" = "$1" ]; }
printf '%s\n' "${lines[@]:1}" >$root/state/dnsmasq/lab.leases
check leases-two wait_for 30 leases_are '["82","83"]'
printf '%s\n' "${lines[@]:0:2}" >$root/state/dnsmasq/lab.leases
check leases-piece leases_are '["81","82","83"]'
printf '%s\n' "${lines[@]}" >$root/state/dnsmasq/lab.leases
check leases-whole leases_are '["81","82","83"]'
printf '%s\n' "${lines[@]:1}" >$root/state/dnsmasq/lab.leases
check leases-fewer wait_for 30 leases_are '["82","83"]'
removed() { jq -c 'select(.member == "LeaseRemoved") | .payload.data[0][1]' $root/signals | tr -d '"\n'; }
removed_are() { [ "$(removed)" = "$1" ]; }
check signal-lease-removed wait_for 30 removed_are 10.91.0.7710.91.0.7810.91.0.81

# --- Declaring over the bus.
text=$'[Network]\nMode=isolated\n[Address]\nAddress=10.93.0.1/24\n'
check define bus call "${manager[@]}" Define ss new "$text"
check define-runs wait_for 30 state_is new running
equal define-file "$text" "$(cat $root/etc/networks/new.network)"$'\n'
check signal-added wait_for 30 saw '.member == "InterfacesAdded" and .payload.data[0] == "/org/guestnet1/network/new"'
before=$(find $root/etc "$run"/staging* -type f -exec md5sum {} + 2>/dev/null)
broken() {	# ID REGEX NAME TEXT: refused, and nothing is another than before
	local out
	out=$(busctl call "${manager[@]}" Define ss "$3" "$4" 2>&1) && { fail "$1" "was taken"; return; }
	if [ "$before" != "$(find $root/etc "$run"/staging* -type f -exec md5sum {} + 2>/dev/null)" ]; then
		fail "$1" "files have changed: $(find $root/etc -type f)"
	else
		matches "$1" "$2" "$out"
	fi
}
broken broken-key 'new.network:2: unknown key Moed=' new $'[Network]\nMoed=nat\n'
broken broken-clash 'new.network:[0-9]+:.*lab' new $'[Network]\nMode=nat\n[Address]\nAddress=10.91.0.9/24\n'
broken broken-clash-first 'network lab would be wrong|aaa.network:[0-9]+' aaa $'[Network]\nMode=nat\n[Address]\nAddress=10.91.0.9/24\n'
broken broken-name 'the name of a network has' ../etc/x "$text"
broken broken-name-first 'begins with a letter or digit' _x "$text"
broken broken-empty 'hides the network' new ''
broken broken-long 'longer than' new "$(printf '#%.0s' {1..70000})"
check broken-still-runs state_is new running
out=$(bus call "${manager[@]}" SetDropIn ss nothing "$text" 2>&1)
matches dropin-unknown 'no network "nothing"' "$out"
check dropin bus call "${manager[@]}" SetDropIn ss new $'[Network]\nMTU=1400\n'
mtu_is() { [ "$(link gn-new .mtu)" = "$1" ]; }
check dropin-in-force wait_for 30 mtu_is 1400
# What a daemon has left that ended while it looked at a text says nothing of the next one.
mkdir -p "$run/staging-left/left.network.d"
echo nonsense >"$run/staging-left/left.network.d/local.conf"
check staged-before bus call "${manager[@]}" Define ss left $'[Network]\nMode=isolated\nAutostart=no\n[Address]\nAddress=10.94.0.1/24\n'
check staged-gone test ! -e "$run/staging-left"
check undefine bus call "${manager[@]}" Undefine s new
check undefine-gone wait_for 30 eval '! ip link show dev gn-new'
check undefine-kept test -f $root/etc/networks/new.network~
check signal-removed wait_for 30 saw '.member == "InterfacesRemoved" and .payload.data[0] == "/org/guestnet1/network/new"'
# The vendor's is hidden, and comes back when it is declared again.
check undefine-vendor bus call "${manager[@]}" Undefine s quiet
equal undefine-vendor-hidden /dev/null "$(readlink $root/etc/networks/quiet.network)"
check define-again bus call "${manager[@]}" Define ss quiet $'[Network]\nMode=isolated\nAutostart=no\n[Address]\nAddress=10.92.0.1/24\n'
check autostart bus call "${manager[@]}" SetAutostart sb quiet true
equal autostart-property true "$(network quiet Autostart)"
bus call "${manager[@]}" SetDropIn ss quiet $'[Network]\nAutostart=no\n' >/dev/null
out=$(bus call "${manager[@]}" SetAutostart sb quiet true 2>&1)
matches autostart-outdone 'quiet.network.d/local.conf:2 says Autostart=no' "$out"
kill $monitor_pid

# --- polkit: its defaults for somebody without a session; then a rule; then reading is closed to one user.
start_polkit
check polkit-root bus call "${manager[@]}" Restart s lab
out=$(call $alice org.guestnet1.Manager.Stop string:lab)
matches polkit-denied 'action org.guestnet1.manage.*(administrator|denied)' "$out"
out=$(as $alice $client stop lab 2>&1 </dev/null); status=$?
equal client-denied 4 $status
matches client-denied-says 'action org.guestnet1.manage.*members of the group guestnet' "$out"
check polkit-denied-nothing state_is lab running
mkdir -p /etc/polkit-1/rules.d
cat >/etc/polkit-1/rules.d/10-test.rules <<-'RULES'
	polkit.addRule(function(action, subject) {
		if (action.id == "org.guestnet1.manage" && subject.user == "ana") return polkit.Result.YES;
		if (action.id == "org.guestnet1.read" && subject.user == "ben") return polkit.Result.NO;
	});
RULES
chmod 755 /etc/polkit-1 /etc/polkit-1/rules.d; chmod 644 /etc/polkit-1/rules.d/10-test.rules
ended $polkit_pid
start_polkit
check rule-allows as $alice busctl call "${manager[@]}" Stop s lab
check rule-allows-did state_is lab stopped
# The client goes to the daemon's socket first, is denied there, and takes the bus.
check client-allowed as $alice $client start lab
check client-allowed-did state_is lab running
out=$(as $alice $client undefine lab 2>&1 </dev/null); status=$?
equal client-define-denied 4 $status
matches client-define-says 'action org.guestnet1.define' "$out"
out=$(path=/org/guestnet1/network/lab call $bob org.freedesktop.DBus.Properties.GetAll string:org.guestnet1.Network)
matches read-denied 'action org.guestnet1.read is denied' "$out"
# A user's own network is nobody else's to stop; the owner asks nobody, on the daemon's own socket.
world_policy 'own user=ben'
check own-created as $bob $client create net
own=/org/guestnet1/network/_34202_2enet
out=$(call $alice org.guestnet1.Manager.Stop string:4202.net)
matches own-stop-denied 'action org.guestnet1.define' "$out"
out=$(path=$own call $alice org.guestnet1.Network.Stop)
matches own-stop-denied-network 'action org.guestnet1.define' "$out"
equal own-stop-denied-nothing '"running"' "$(busctl --json=short get-property org.guestnet1 $own org.guestnet1.Network State | jq -c .data)"
check own-removed-by-root busctl call "${manager[@]}" Undefine s 4202.net
check network-methods as $alice busctl call org.guestnet1 /org/guestnet1/network/lab org.guestnet1.Network Restart

# --- A user whose calls wait for polkit, on however many connections, does not keep others waiting.
cat >$tmp/callers.py <<'PY'
# UID CONNECTIONS CALLS REFUSED: asks whatever polkit has to allow; "asked" when so many calls have been refused for their number, and
# all of the last connection's were read; in the end how many were refused, and answered.
import itertools, os, selectors, socket, struct, sys
uid, connections, calls, want = map(int, sys.argv[1:])
os.setgroups([]); os.setresgid(uid, uid, uid); os.setresuid(uid, uid, uid)
serials = itertools.count(1)
def call(destination, path, interface, member, text=None):
    fields = b""
    for code, type, value in (1, "o", path), (2, "s", interface), (3, "s", member), (6, "s", destination), (8, "g", "s"):
        if type == "g" and text is None:
            continue
        fields += b"\0" * (-len(fields) % 8) + bytes((code, 1, ord(type), 0))
        fields += (bytes((len(value),)) if type == "g" else struct.pack("<I", len(value))) + value.encode() + b"\0"
    body = b"" if text is None else struct.pack("<I", len(text)) + text.encode() + b"\0"
    data = struct.pack("<BBBBIII", ord("l"), 1, 0, 1, len(body), next(serials), len(fields)) + fields
    return data + b"\0" * (-len(data) % 8) + body
peers = selectors.DefaultSelector()
for i in range(connections):
    peer = socket.socket(socket.AF_UNIX)
    peer.connect("/run/dbus/system_bus_socket")
    peer.sendall(b"\0AUTH EXTERNAL " + str(uid).encode().hex().encode() + b"\r\n")
    assert peer.recv(4096).startswith(b"OK")
    peer.sendall(b"BEGIN\r\n" + call("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "Hello"))
    peers.register(peer, selectors.EVENT_READ, bytearray())
    for n in range(calls):
        peer.sendall(call("org.guestnet1", "/org/guestnet1", "org.guestnet1.Manager", "GetNetwork", "lab"))
if want == 0:
    peer.sendall(call("org.guestnet1", "/org/guestnet1", "org.freedesktop.DBus.Introspectable", "Introspect"))
refused = answered = described = 0
asked = False
while refused + answered < connections * calls:
    for key, event in peers.select(60) or sys.exit(f"{refused} refused, {answered} answered, and no more"):
        data = key.data
        data += key.fileobj.recv(1 << 20) or sys.exit("closed")
        while len(data) >= 16:
            body, fields = struct.unpack_from("<I4xI", data, 4)
            size = 16 + (fields + 7) // 8 * 8 + body
            if len(data) < size:
                break
            refused += data[1] == 3 and b"LimitsExceeded" in data[:size]
            answered += data[1] == 2 and b"/network/lab" in data[:size] and b"<node" not in data[:size]
            described += b"<node" in data[:size]
            del data[:size]
    if not asked and refused == want and (want > 0 or described):
        asked = True
        print("asked", flush=True)
print(refused, answered)
PY
callers() { timeout 100 python3 $tmp/callers.py "$@" >$tmp/callers.$1 2>&1; }
kill -STOP $polkit_pid
callers $alice 9 32 240 & alice_pid=$!
check calls-refused wait_for 30 grep -q asked $tmp/callers.$alice
callers $carol 1 1 0 & carol_pid=$!
check calls-of-others wait_for 30 grep -q asked $tmp/callers.$carol
kill -CONT $polkit_pid
reap $alice_pid $carol_pid
equal calls-of-one '240 48' "$(tail -n 1 $tmp/callers.$alice)"
equal calls-of-others-answered '0 1' "$(tail -n 1 $tmp/callers.$carol)"
ended $polkit_pid

# --- The bus goes and comes back; the daemon has not noticed, or rather: it has.
stop_bus
equal bus-gone-works running "$($client list --json | jq -r '.[] | select(.name == "lab") | .state')"
start_bus
check bus-back wait_for 60 served
check bus-back-works state_is lab running
equal alive "$netd_pid" "$(busctl --json=short call org.freedesktop.DBus /org/freedesktop/DBus org.freedesktop.DBus GetConnectionUnixProcessID s org.guestnet1 | jq '.data[0]')"

kill $netd_pid; reap $netd_pid
equal clean-exit 0 $?
stop_bus

# --- A stop is answered before the bridge is deleted, which takes the kernel tens of milliseconds; the next call comes after that.
# A daemon of its own, whose socket is asked by the program that takes the times: the first 10 times that the bridge is stopped.
rm -f $root/etc/networks/lab.network "$run"/*.wanted
export GUESTNET_BUS=unix:path=$run/bus.sock
coproc timed { exec "$top/build/tests/netd-time" 0 "$BIN/guestnetd" --config-root=$root/etc --vendor-root=$root/vendor \
	--state-root=$root/state --run-root="$run" --service-user=65534 2>>$root/log; }
heard() { while read -r -t 30 word said <&"${timed[0]}"; do [ "$word" = "$1" ] && return; done; return 1; }
stops_soon() {
	local tries stopped
	for ((tries = 0; tries < 10; tries++)); do
		printf '%s quiet\n' start stop >&"${timed[1]}"
		heard stopped || return
		stopped=$said
		heard gone || return
		ip link show gn-quiet 2>/dev/null && { echo 'the bridge is still there'; return 1; }
		[ $((said - stopped)) -gt 5000 ] && return
	done
	echo "answered after $stopped us, gone after $said us"
	return 1
}
heard running
check stop-answered-early stops_soon
eval "exec ${timed[1]}>&-"
