#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Ports of the host that users' own networks forward, with real packets: which ones, whose they are, who loses, and what is
# left when the rule becomes less.
# Namespaces: this one is the host; "guest" is on alice's network, "boss" on an administrator's.
suite=netd-own-forward
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/world.bash"
world_enter "$@"
world_setup || exit 1
eval "tap_$(declare -f refused)"
. "$(dirname "$0")/nets.bash"
nets_setup setpriv
run=/run/guestnet
mkdir $run && rmdir $root/run && ln -s $run $root/run
roots+=(--helper=$helper)
echo "alice:x:$alice:$alice::/:/bin/sh" >>/etc/passwd
install -m 755 "$BIN/guestnet" $world/tools/guestnet
policy=/etc/guestnet/bridge.conf file=$root/state/networks/$alice.lab.network

as() { setpriv --reuid="$1" --regid="$1" --clear-groups timeout 60 $world/tools/guestnet "${@:2}"; }
says() {	# ID STATUS REGEX UID ARGUMENT...: what the client says to this user, and how it ends
	local id=$1 want=$2 regex=$3 out status
	out=$(as "${@:4}" 2>&1)
	status=$?
	if [ $status != "$want" ]; then fail "$id" "status $status, not $want: $out"; else matches "$id" "$regex" "$out"; fi
}
# defines ID STATUS REGEX UID NETWORK LISTEN...: with a forward to its one guest for each; the first stands in line 6.
defines() {
	local text=$'[Network]\n'${mode-}$'\n[Host]\nMACAddress=52:54:00:13:00:01\nName=web\n' listen
	for listen in "${@:6}"; do text+=$'[Forward]\nListen='$listen$'\nTo='${to-web:80}$'\n'; done
	says "$1" "$2" "$3" "$4" define - "$5" <<<"$text"
}
answers() { equal "$1" "$2" "$(asked "${@:3}" | cut -d' ' -f3)"; }	# ID WHO NAMESPACE ADDRESS PORT [udp]
answered_by() { [ "$(asked internet 198.51.100.2 "$2" | cut -d' ' -f3)" = "$1" ]; }
lab_is() { is "$1" $alice.lab; }
# A program that wants a port: what became of it.
listener() {	# PORT
	"$seen_tool" serve "$1" host >/dev/null 2>$tmp/listener &
	listener_pid=$!
	wait_for 20 heard "$1"
}
heard() { listens host "$1" || ! kill -0 $listener_pid 2>/dev/null; }
in_use() { timeout 10 "$seen_tool" serve "$1" host 2>&1 | grep -q 'Address already in use'; }

# --- Which ports: those of the rule ---------------------------------------------------------------
world_policy 'own networks=2 user=alice'
netd_start
defines no-ports 1 "standard input:6: Listen=tcp:8080: uid $alice may forward no port of the host: $policy:1 does not say ports= .*ports=8000-8999" \
	$alice $alice.lab tcp:8080
rule="own networks=2 user=alice ports=2222,8000-8999"
world_policy "$rule
own networks=2 user=$bob ports=8000-8099"
for listen in tcp:9000 tcp:22 udp:53535 tcp:8999-9000 tcp:2221-2223 tcp:7999; do
	defines "outside-$listen" 1 "standard input:6: Listen=$listen: of the host.s ports uid $alice may forward 2222, 8000-8999 and no others .$policy:1" \
		$alice $alice.lab $listen
done
defines outside-second 1 "standard input:9: Listen=udp:9000: of the host's ports" $alice $alice.lab tcp:8080 udp:9000
defines address 1 "standard input:6: Listen=: a user's own network listens at every address of the host" $alice $alice.lab tcp:198.51.100.2:8080
defines many 1 'standard input:6: more than 16 ports are forwarded' $alice $alice.lab tcp:8080-8096
to=198.51.100.1:80 defines elsewhere 1 'standard input:6: To=198.51.100.1 lies in the prefix of no Address= of this network' $alice $alice.lab tcp:8080
equal refused-nothing '' "$(client list --names)"
matches policy-list 'may have 2 networks of their own, which forward ports of the host from 2222,8000-8999: .*bridge.conf:1' "$(as $alice policy list)"
equal policy-json '["2222","8000-8999"]' "$(as $alice policy list --json | jq -c .own.grant.ports)"

# --- They lead to the guest, from everywhere ------------------------------------------------------
defines defined 0 '' $alice $alice.lab tcp:8080 tcp:2222 udp:8100-8102
check running wait_for 30 lab_is running
check settled wait_for 30 settled
matches policy-why 'forwards from ports 2222,8000-8999 of the host' "$(as $alice policy why $alice.lab)"
bridge=gn-$alice.lab
dhcp_guest
# Nobody is there yet: who connects is refused, and not left to wait.
check nobody-yet refused internet 198.51.100.2 8080
plug
check lease lease
for port in 80 81 82; do serve guest $port; done
check leads wait_for 30 answered_by guest 8080
equal source 198.51.100.1 "$(seen internet 198.51.100.2 8080)"
answers second-forward guest internet 198.51.100.2 2222
answers range guest internet 198.51.100.2 8102 udp
answers host guest host 198.51.100.2 8080
answers loopback guest host 127.0.0.1 8080
check not-forwarded refused internet 198.51.100.2 8081
address=$(ip -n guest -4 -j addr show dev eth0 | jq -r ".[0].addr_info[0].local")
matches told "forward +tcp:8080 to web:80, now $address" "$(as $bob status $alice.lab)"
matches held-log "Listen=tcp:8080 of uid $alice.s network $alice.lab: the host.s ports are held for it" "$(cat $root/log)"
# The port is held as a program holds it: nobody begins to listen there and is never heard.
check held-tcp in_use 8080
check held-udp in_use 8100
check not-held eval '! in_use 2223'

# --- Whose the port is ----------------------------------------------------------------------------
defines other-user 1 "standard input:6: port 8080: it is that of network $alice.lab .$file:6" $bob $bob.lab tcp:8080
defines other-user-udp 0 '' $bob $bob.lab udp:8080
says other-user-gone 0 '' $bob undefine $bob.lab
answers other-user-nothing guest internet 198.51.100.2 8080
# A program that is there already.
listener 8200
defines listener 1 "standard input:9: port 8200: it is that of netd-seen .pid $listener_pid" $alice $alice.lab tcp:8080 tcp:8200
ended $listener_pid
# One that comes while the network is down.
defines with-8200 0 '' $alice $alice.lab tcp:8080 tcp:8200
check with-8200-settled wait_for 30 settled
says stopped 0 '' $alice stop $alice.lab
listener 8200
says started 0 '' $alice start $alice.lab
plug
check lost wait_for 30 lab_is degraded
matches lost-told "$file:9: Listen=tcp:8200 leads to no guest: port 8200: it is that of netd-seen .pid $listener_pid" "$(report $alice.lab problem)"
matches lost-forward "^the port is another's" "$(report $alice.lab 'forwards[1].why')"
check lost-lease lease
answers lost-listener host internet 198.51.100.2 8200
check lost-others wait_for 30 answered_by guest 8080
equal lost-plan '' "$(plan)"
ended $listener_pid
says again 0 '' $alice restart $alice.lab
plug
check again-settled wait_for 30 settled
check again-lease lease
check again-leads wait_for 30 answered_by guest 8200
# A network that is down holds nothing.
says down 0 '' $alice stop $alice.lab
listener 8200
check down-free kill -0 $listener_pid
ended $listener_pid
says up 0 '' $alice start $alice.lab
plug
check up-lease lease

# --- An administrator's network comes first -------------------------------------------------------
boss=('[Address]' Address=10.90.1.1/24)
network boss "${boss[@]}"
netd_reload
guest boss gn-boss 10.90.1.5 -
serve boss 80
network boss "${boss[@]}" '[Forward]' Listen=tcp:8080 To=10.90.1.5:80
client reload
check makes-way wait_for 30 answered_by boss 8080
check makes-way-running is running boss
check makes-way-degraded wait_for 30 lab_is degraded
matches makes-way-told "$file:6: Listen=tcp:8080 leads to no guest: port 8080: it is that of network boss .*boss.network:3" "$(report $alice.lab problem)"
check makes-way-others wait_for 30 answered_by guest 8200
defines makes-way-define 1 "standard input:6: port 8080: it is that of network boss" $alice $alice.lab tcp:8080
# At one address only, and while it is down.
network boss "${boss[@]}" '[Forward]' Listen=tcp:198.51.100.2:8080 To=10.90.1.5:80
client reload
client stop boss
check down-still-first lab_is degraded
network boss
client reload
check comes-back wait_for 30 settled
check comes-back-leads wait_for 30 answered_by guest 8080

# --- A daemon that dies ---------------------------------------------------------------------------
netd_kill
netd_start
check restarted wait_for 60 settled
check restarted-leads answered_by guest 8080
check restarted-held in_use 8080

# --- The rule becomes less: what is there stays, and its owner may do nothing with it --------------
world_policy 'own networks=2 user=alice ports=2222'
client reload
check less-settled wait_for 30 settled
check less-leads answered_by guest 8080
says less-start 4 "$file:6: Listen=tcp:8080: of the host's ports uid $alice may forward 2222 and no others" $alice start $alice.lab
says less-restart 4 "$file:6: Listen=tcp:8080" $alice restart $alice.lab
defines less-define 1 'standard input:6: Listen=tcp:8080' $alice $alice.lab tcp:8080
defines less-other 0 '' $alice $alice.lab tcp:2222
check less-other-settled wait_for 30 settled
check less-other-leads wait_for 30 answered_by guest 2222
check less-gone refused internet 198.51.100.2 8080
says less-other-start 0 '' $alice start $alice.lab
# An administrator's drop-in needs no leave.
mkdir $root/etc/networks/$alice.lab.network.d
printf '[Forward]\nListen=tcp:9999\nTo=web:80\n' >$root/etc/networks/$alice.lab.network.d/more.conf
netd_reload
check dropin-leads wait_for 30 answered_by guest 9999
says dropin-start 0 '' $alice start $alice.lab
rm -r $root/etc/networks/$alice.lab.network.d
netd_reload
# Nor is it started by asking for a tap.
world_policy "$rule"
mode=Autostart=on-demand defines demand 0 '' $alice $alice.lab tcp:8080
says demand-stop 0 '' $alice stop $alice.lab
world_policy 'own networks=2 user=alice'
tap_refused demand-less "Listen=tcp:8080: uid $alice may forward no port of the host" --uid $alice $helper_plain --br=$alice.lab
check demand-down lab_is stopped
world_policy "$rule"
granted demand-granted --uid $alice $helper_plain --br=$alice.lab
nets_done
