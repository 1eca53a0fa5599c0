#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# One network of many is disturbed, and never the first: a plan is about the networks that something has happened to, and
# nobody but events says which. Afterwards all of the host is as before. Two at once, more than are counted, one while a pass
# runs; steps that fail; what is named in a network's report, and no longer.
# Namespaces: this one is the host; "web" is a guest of fw that leases, "db" one of gd.

suite=netd-slices
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/world.bash"
# With a table that has an owner nobody could disturb a rule.
export PLAIN_TABLES=1
. "$(dirname "$0")/nets.bash"
world_enter "$@"
world_setup || exit 1
nets_setup strace tc

mkdir -p /run/systemd/journal /run/guestnet
"$world/tools/observe-journal" /run/systemd/journal/socket >$root/journal &
journal_pid=$!
wait_for 5 test -S /run/systemd/journal/socket
ln -s $root/run/tap.sock /run/guestnet/tap.sock
roots+=(--helper=$helper)

# aa is the first in every order, and nothing happens to it.
off=('[DHCP]' Enable=no '[DNS]' Enable=no)
network aa '[Address]' Address=10.60.1.1/24 Address=fd60::1/64 "${off[@]}"
fw=('[Network]' Mode=nat Ports=none '[Address]' Address=10.61.1.1/24 Address=fd61::1/64 '[Forward]' Listen=tcp:8081 To=roamer:80)
network fw "${fw[@]}"
network gd '[Network]' Mode=nat 'Ports=port-*' '[Address]' Address=10.62.1.1/24 Address=fd62::1/64 "${off[@]}" '[Port]' Isolated=yes RAGuard=yes
network is '[Network]' Mode=isolated '[Address]' Address=10.63.1.1/24 "${off[@]}"
network na '[Address]' Address=10.64.1.1/24 Address=fd64::1/64
network p1 '[Network]' Mode=route Peer=p2 '[Address]' Address=10.65.1.1/24 Address=fd65::1/64 "${off[@]}"
p2=('[Address]' Address=10.66.1.1/24 Address=fd66::1/64 "${off[@]}")
network p2 '[Network]' Mode=nat Peer=p1 "${p2[@]}"
network pt '[Network]' Mode=isolated 'Ports=vnet*' '[Address]' Address=10.67.1.1/24 "${off[@]}"
rt=('[Network]' Mode=route '[Address]' Address=10.68.1.1/24 Address=fd68::1/64 "${off[@]}")
network rt "${rt[@]}"
gone=('[Network]' Mode=isolated '[Address]' Address=10.69.1.1/24 "${off[@]}")
network wy "${gone[@]}"
netd_start
check up wait_for 60 settled
skip_guards=''
[ "$(state gd)" = running ] || skip_guards=1
guest db gn-gd 10.62.1.5 fd62::5
ip tuntap add vnet0 mode tap
ip link set vnet0 master gn-pt up
bridge link set dev vnet0 isolated on
world_policy "allow na isolated"
hold tap --uid $alice $helper --br=gn-na
tap=$reply_tap
equal tap-attached 0 "$reply_status"

# All that there is of the host's network, as text: without numbers that are the kernel's own, and without what it makes by itself.
all_of() {
	# One jq for all: to start one takes longer than what it does here.
	{
		ip -d -j link; ip -j addr
		ip -j route show table all; ip -6 -j route show table all
		nft -j -s list ruleset; tc -j qdisc
	} | jq -cSn '
		(input | .[] | select(.ifname != "lo") | [.ifname, .ifalias, .address, .mtu, .master, .altnames, .group, (.flags | index("UP") != null),
			(.linkinfo | .info_kind, (.info_data // {} | .stp_state, .forward_delay, .vlan_filtering, .nf_call_iptables, .nf_call_ip6tables, .nf_call_arptables),
			(.info_slave_data // {} | .isolated, .learning, .flood, .locked, .hairpin, .guard)), .inet6_addr_gen_mode]),
		(input | .[] | .ifname as $link | .addr_info[]? | select(.scope != "link") | ["address", $link, .local, .prefixlen, .scope, .protocol]),
		((input, input) | .[] | select(.dst | test("^(fe80|ff00|multicast)") | not) | select(.type != "anycast") |
			["route", .dst, .dev, .gateway, .table, .protocol, .metric, .type]),
		(input | .nftables[] | del(.metainfo) | map_values(del(.handle)) |
			if .set then .set.elem |= (. // [] | sort_by(tostring)) elif .map then .map.elem |= (. // [] | sort_by(tostring)) else . end),
		(input | .[] | select(.kind != "noqueue") | ["qdisc", .kind, .dev])'
	for link in $(tc qdisc | sed -n 's/^qdisc clsact .* dev \([^ ]*\) .*/\1/p'); do
		tc filter show dev $link egress 2>/dev/null | sed "s/^/filter $link /"
	done
	grep -r . /proc/sys/net/ipv[46]/conf/{all,default,gn-*,port-*,vnet0}/ /proc/sys/net/ipv4/ip_forward 2>/dev/null
	for pid_file in $root/run/dnsmasq/*.pid; do
		read -r pid _ <$pid_file
		echo "dnsmasq ${pid_file##*/} $(cat /proc/$pid/comm 2>/dev/null)"
	done
}
look() { all_of | sort; }
same() { [ "$(look)" = "$before" ]; }
differences() { diff <(echo "$before") <(look) | grep '^[<>]' | cut -c1-200 | head -8; client status --json | jq -r '.[] | select(.state != "running") | "\(.name) \(.state) \(.problem)"'; }
# It waits for events, and nothing that it has begun is open: two looks find it asleep, and no oftener than before.
sleeps() { awk '/^State/ { state = $2 } /voluntary_ctxt_switches/ { n += $2 } END { print state, n }' /proc/$netd_pid/status; }
idle() {
	local n
	n=$(sleeps)
	[[ $n == S* ]] || return
	rest 150000
	[ "$n" = "$(sleeps)" ]
}
repairs() { [[ $(client status "$1" --json) =~ \"repairs\":([0-9]+) ]] && echo "${BASH_REMATCH[1]}"; }
whole() { same && all_running; }
# In a fight all is looked at once a second, and a repair says nothing. One ends after 5 s.
fights() { grep -ac 'again and again' $root/journal; }
# mended ID NETWORK COMMAND...: that network is disturbed, and is repaired by itself.
mended() {
	local id=$1 out fights
	shift 2
	fights=$(fights)
	wait_for 30 idle || { fail "$id" "does not come to rest"; return; }
	out=$("$@" 2>&1) || { fail "$id" "could not disturb: $out"; return; }
	wait_for 30 whole || { fail "$id" "$(differences)"; return; }
	equal "$id" "$fights" "$(fights)"
}
has_address() { ip addr show dev "$1" | grep -qF "$2"; }
set_value() { echo "$2" >/proc/sys/net/$1; }
# An event that says nothing but that there was one.
event() { ip link add probe type bridge && ip link del probe; }
# All of it happens before the daemon sees any of it.
unseen() {
	local status
	kill -STOP $netd_pid
	"$@"
	status=$?
	kill -CONT $netd_pid
	return $status
}
set_value_event() { set_value "$@" && event; }

wait_for 30 idle
before=$(look)
matches state-complete 'inet.*guestnet.*dnsmasq|dnsmasq.*guestnet' "$(tr '\n' ' ' <<<"$before")"
equal state-same '' "$(diff <(echo "$before") <(look))"

# --- one thing of one network --------------------------------------------------------------------
mended address rt ip addr del 10.68.1.1/24 dev gn-rt
mended address6 na ip addr del fd64::1/64 dev gn-na
mended mtu fw ip link set gn-fw mtu 1400
mended stp gd ip link set gn-gd type bridge stp_state 1
mended forward-delay is ip link set gn-is type bridge forward_delay 900
mended mac p1 ip link set gn-p1 address 52:54:00:00:00:99
mended down p2 ip link set gn-p2 down
mended alias rt ip link set gn-rt alias ''
mended altname na ip link property del dev gn-na altname na
mended addr-gen fw ip link set gn-fw addrgenmode random
mended renamed rt ip link set gn-rt name gn-other
renamed_twice() { ip link set gn-p1 name gn-other && ip link set gn-other name gn-p1x && ip link set gn-p1x alias ''; }
mended renamed-unmarked p1 unseen renamed_twice
mended deleted na ip link del gn-na
deleted_with_port() { ip link del gn-gd && wait_for 30 ip link set port-db master gn-gd up; }
mended deleted-guards gd deleted_with_port
mended route rt ip route del 10.68.1.0/24 dev gn-rt
mended route6 p2 ip -6 route del fd66::/64 dev gn-p2
replaced() { ip route replace 10.65.1.0/24 dev up0 proto kernel scope link src 10.65.1.1 && ip route del 10.65.1.0/24 dev up0; }
mended route-replaced p1 replaced
mended flushed fw unseen ip addr flush dev gn-fw scope global
mended dnsmasq na sh -c "kill -9 \$(cut -d' ' -f1 $root/run/dnsmasq/na.pid)"

# --- at once ---------------------------------------------------------------------------------------
# What a bridge lacks is set again before anything is asked: that is the first that the daemon sends. Where a pass was under way
# for another reason, it is seen the next time.
sent_first() {	# ID NETWORK TYPES COMMAND...
	local id=$1 types=$3 tracer try first
	traced() { [ "$(awk '/^TracerPid/ { print $2 }' /proc/$netd_pid/status)" = $tracer ]; }
	for try in 1 2 3; do
		wait_for 30 idle
		strace -qq -e trace=sendto -o $root/sent -p $netd_pid 2>/dev/null &
		tracer=$!
		wait_for 30 traced
		if [ $try = 1 ]; then mended "$id" "$2" "${@:4}"; else "${@:4}" && wait_for 30 whole; fi
		kill $tracer
		reap $tracer
		first=$(grep -o 'nlmsg_type=[A-Z_0-9]*' $root/sent | head -n 1)
		[[ $first =~ ^nlmsg_type=($types)$ ]] && break
	done
	matches "$id-first" "^nlmsg_type=($types)\$" "$first"
}
sent_first at-once-address rt RTM_NEWADDR ip addr del 10.68.1.1/24 dev gn-rt
sent_first at-once-address6 na RTM_NEWADDR ip addr del fd64::1/64 dev gn-na
sent_first at-once-mtu fw 'RTM_NEWLINK|RTM_SETLINK' ip link set gn-fw mtu 1400
sent_first at-once-down p2 'RTM_NEWADDR|RTM_NEWLINK|RTM_SETLINK' ip link set gn-p2 down
sent_first at-once-renamed p1 'RTM_NEWLINK|RTM_SETLINK' ip link set gn-p1 name gn-other
sent_first at-once-altname na RTM_NEWLINKPROP ip link property del dev gn-na altname na
sent_first at-once-route rt RTM_NEWROUTE ip route del 10.68.1.0/24 dev gn-rt

# --- ports ---------------------------------------------------------------------------------------
mended tap-pulled na ip link set "$tap" nomaster
mended kept-port-pulled pt ip link set vnet0 nomaster
mended tap-isolated na bridge link set dev "$tap" isolated off
mended port-isolated gd bridge link set dev port-db isolated off
mended tap-learning na bridge link set dev "$tap" learning off
[ -n "$skip_guards" ] || mended port-group gd ip link set port-db group default
mended tap-down na ip link set "$tap" down
# It is still the network's: its mark comes back, and so does the tap when it is pulled off then, or at once.
mended tap-unmarked na ip link set "$tap" alias ''
mended tap-unmarked-pulled na ip link set "$tap" nomaster
unmarked_and_pulled() { ip link set "$tap" alias '' && ip link set "$tap" nomaster; }
mended tap-unmarked-off na unseen unmarked_and_pulled
mended tap-moved na ip link set "$tap" master gn-rt
mended kept-bridge-deleted pt ip link del gn-pt
# A port of somebody's who moves it: nothing is done, and each network's report knows what it has.
ports() { [ "$(report "$1" ports)" = "$2" ]; }
ip link add veth0 type veth peer name veth1
ip link set veth0 master gn-is
check port-comes wait_for 30 ports is 1
ip link set veth0 master gn-gd
check port-goes wait_for 30 ports is 0
check port-arrives wait_for 30 ports gd 2
ip link del veth0
check port-gone wait_for 30 ports gd 1

# A new one gets what the network's [Port] says.
ip link add port-new type veth peer name veth1
wait_for 30 idle
unseen ip link set port-new master gn-gd
guarded() { [ "$(link port-new .linkinfo.info_slave_data.isolated)" = true ]; }
check port-new wait_for 30 guarded
ip link del port-new
check port-new-gone wait_for 30 ports gd 1

# A bridge under another name is still the same network's: its ports are not without their guards for a moment.
ip -o monitor link >$root/groups 2>/dev/null &
monitor_pid=$!
heard() { ip link add probe type bridge; ip link del probe; wait_for 1 grep -q probe $root/groups; }
wait_for 30 heard
mended renamed-guards gd unseen ip link set gn-gd name gn-other
both() { ip link set gn-gd name gn-other && ip link set gn-other alias ''; }
mended renamed-unmarked-guards gd unseen both
# All of the host is read while it is called so.
renamed_reloaded() { both && kill -HUP $netd_pid; }
mended renamed-unmarked-read gd unseen renamed_reloaded
ip link add probe2 type bridge
wait_for 30 grep -q probe2 $root/groups
ip link del probe2
group_of() { ip -o link show dev "$1" | grep -o 'group [^ ]*'; }
equal renamed-guards-stay '' "$(grep -a 'port-db.* group ' $root/groups | grep -v "$(group_of port-db) " | head -1)"
ended $monitor_pid

# --- values --------------------------------------------------------------------------------------
mended accept-ra rt set_value_event ipv6/conf/gn-rt/accept_ra 2
mended accept-dad is set_value_event ipv6/conf/gn-is/accept_dad 1
mended route-localnet fw set_value_event ipv4/conf/gn-fw/route_localnet 0
mended forwarding-one p1 set_value ipv4/conf/gn-p1/forwarding 0
mended forwarding p2 set_value ipv4/ip_forward 0
mended forwarding6 rt set_value ipv6/conf/all/forwarding 0

# One that was stopped and started is planned for alone, and its values are as the others'.
again() { client stop rt >/dev/null && client start rt >/dev/null; }
mended started-again rt again
mended started-accept-ra rt set_value_event ipv6/conf/gn-rt/accept_ra 2

# --- rules ---------------------------------------------------------------------------------------
mended table p2 nft delete table inet guestnet
mended element is nft delete element inet guestnet bridges '{ gn-is }'
mended flushed-chain rt nft flush chain inet guestnet forward
mended ruleset na nft flush ruleset

# --- strangers -----------------------------------------------------------------------------------
# Its report names what is foreign while it is there. Nothing is taken away.
problem() { [[ $(report "$1" problem) == *"$2"* ]]; }
unproblematic() { [ -z "$(report "$1" problem)" ]; }
named() {	# ID NETWORK TEXT COMMAND...; and when `undo` has been run, it is not named any more
	local id=$1 network=$2 text=$3
	shift 3
	wait_for 30 idle
	"$@" || fail "$id" "could not disturb"
	if wait_for 30 problem "$network" "$text"; then pass "$id"; else fail "$id" "$(state "$network"): $(report "$network" problem)"; fi
	wait_for 30 idle
	undo || fail "$id" "could not undo"
	if wait_for 30 unproblematic "$network" && wait_for 30 whole; then pass "$id-over"; else fail "$id-over" "$(differences) $(report "$network" problem)"; fi
}
undo() { ip addr del 172.31.7.1/24 dev gn-rt; }
named foreign-address rt 172.31.7.1 ip addr add 172.31.7.1/24 dev gn-rt
undo() { ip route del 10.65.1.128/25 dev up0; }
named foreign-route p1 10.65.1.128 ip route add 10.65.1.128/25 dev up0
undo() { ip link del twin; }
# Of an alias the kernel tells only where an interface is up.
double() { ip link add twin up type bridge && ip link set twin alias "$(link gn-na .ifalias)"; }
named double na twin unseen double
# Our bridge's address on another one, and its name. The other one is nobody's of ours.
before_twin=$before
ip link add twin address "$(link gn-p2 .address)" type bridge
before=$(look)
mended twin-mac p2 ip link del gn-p2
before=$before_twin
ip link del twin
take_name() { ip link del "$1" && ip link add "$1" type "${@:2}"; }
unseen take_name gn-p1 bridge || fail name-taken "could not disturb"
failed() { [ "$(state "$1")" = failed ]; }
check name-taken wait_for 30 failed p1
wait_for 30 idle
ip link del gn-p1
if wait_for 30 same; then pass name-given-back; else fail name-given-back "$(differences)"; fi
check name-given-back-running wait_for 30 all_running
# What only looks like a route of ours to somewhere behind a guest.
mended route-marked rt ip route add 10.99.1.0/24 via 10.68.1.9 dev gn-rt proto 71
mended route-marked-direct p1 ip route add 10.99.1.0/24 dev gn-p1 proto 71
mended route-marked6 p2 ip route add fd99::/64 dev gn-p2 proto 71

# --- several at once -----------------------------------------------------------------------------
# What is broken a few times in each of many networks is no fight, however many repairs that takes within two seconds.
in_turn() {
	local round one
	for round in 1 2 3; do
		for one in fw:10.61 gd:10.62 is:10.63 na:10.64 p1:10.65 p2:10.66 pt:10.67 rt:10.68; do
			ip addr del ${one#*:}.1.1/24 dev gn-${one%:*}
			wait_for 30 has_address gn-${one%:*} ${one#*:}.1.1 || return
		done
	done
}
mended no-fight rt in_turn
# Both are looked at: one that is repaired says nothing of the other.
both() {
	ip link set gn-is mtu 1400
	ip addr flush dev gn-rt scope global
}
mended two rt unseen both
swapped() { printf '%s\n' 'link set gn-p1 name gn-tmp' 'link set gn-p2 name gn-p1' 'link set gn-tmp name gn-p2' | ip -batch -; }
mended two-swapped p1 unseen swapped
both() { ip link del gn-p1 && ip link del gn-fw; }
mended two-deleted fw unseen both
both() { ip link set "$tap" master gn-is && ip link set gn-rt address 52:54:00:00:00:98 && ip link set gn-is down; }
mended two-crossed na unseen both
many() { local name; for name in aa fw gd is na p1 p2 pt rt wy; do echo "addr flush dev gn-$name scope global"; done | ip -batch -; }
mended all wy unseen many

# --- while a pass runs ---------------------------------------------------------------------------
# Each message to the kernel takes so long that a pass is under way when the next network is disturbed: while it looks, when
# it has repaired the first, and a third one after that.
slowly() {	# COMMAND...
	local tracer
	strace -qq -o /dev/null -e trace=sendto -e inject=sendto:delay_enter=40000 -p $netd_pid 2>/dev/null &
	tracer=$!
	traced() { [ "$(awk '/^TracerPid/ { print $2 }' /proc/$netd_pid/status)" = $tracer ]; }
	wait_for 30 traced && "$@"
	kill $tracer
	reap $tracer
	:
}
while_it_looks() {
	ip addr del 10.63.1.1/24 dev gn-is
	ip addr del 10.68.1.1/24 dev gn-rt
	wait_for 30 has_address gn-is 10.63.1.1
	wait_for 30 has_address gn-rt 10.68.1.1
}
mended during-look rt slowly while_it_looks
while_it_acts() {
	ip addr del 10.65.1.1/24 dev gn-p1
	wait_for 30 has_address gn-p1 10.65.1.1
	ip link set gn-fw mtu 1400
	wait_for 30 has_address gn-fw 'mtu 1500'
	ip link set gn-wy down
	wait_for 30 has_address gn-wy ',UP'
}
mended during-act wy slowly while_it_acts
# So many events that a look is never the last one, and in the midst of them one that counts.
while_others_come() {
	local n
	for n in $(seq 60); do
		echo "link add ev$n type bridge"
		[ $n != 30 ] || echo 'addr del 10.68.1.1/24 dev gn-rt'
		echo "link del ev$n"
	done | ip -batch -
	wait_for 30 has_address gn-rt 10.68.1.1
}
mended during-others rt slowly while_others_come

# As many, of addresses, while links stay as they are: what a pass looks at after its plan is marked, too.
noise() {
	local n
	while :; do
		for n in $(seq 200); do printf 'addr add 203.0.113.%d/32 dev up0\naddr del 203.0.113.%d/32 dev up0\n' $n $n; done
	done
}
under_noise() {
	local noise n name
	ip -batch - < <(noise 2>/dev/null) >/dev/null 2>&1 &
	noise=$!
	for n in $(seq 6); do
		for name in rt:10.68 is:10.63 p1:10.65 wy:10.69 p2:10.66; do ip addr del ${name#*:}.1.1/24 dev gn-${name%:*}; done
		wait_for 30 has_address gn-rt 10.68.1.1 && wait_for 30 has_address gn-is 10.63.1.1 && wait_for 30 has_address gn-p1 10.65.1.1 &&
			wait_for 30 has_address gn-wy 10.69.1.1 && wait_for 30 has_address gn-p2 10.66.1.1 || break
	done
	kill $noise
	reap $noise
	ip addr flush dev up0 to 203.0.113.0/24
}
mended during-noise rt slowly under_noise

# --- steps that fail -----------------------------------------------------------------------------
# One message after the other is refused, once each, and each time another network waits for it.
refused_once() {	# N COMMAND...
	local tracer n=$1
	shift
	strace -qq -o /dev/null -e trace=sendto -e inject=sendto:error=EPERM:when=$n -p $netd_pid 2>/dev/null &
	tracer=$!
	traced() { [ "$(awk '/^TracerPid/ { print $2 }' /proc/$netd_pid/status)" = $tracer ]; }
	wait_for 30 traced && "$@"
	wait_for 30 idle
	kill $tracer
	reap $tracer
	:
}
names=(rt is p1 wy fw pt)
wrong=''
for n in $(seq 1 12); do
	name=${names[n % ${#names[@]}]}
	wait_for 30 idle
	refused_once $n ip link set gn-$name mtu 1400
	wait_for 30 whole || wrong+="message $n, $name: $(differences); "
done
equal refused-once '' "$wrong"
# Another kind of interface has the name: that network fails, again and again; the others are repaired meanwhile, and it
# comes back when the name is free.
wait_for 30 idle
unseen take_name gn-wy veth peer name veth9
check step-fails wait_for 30 failed wy
ip addr del 10.68.1.1/24 dev gn-rt
check step-fails-others wait_for 30 has_address gn-rt 10.68.1.1
ip link del gn-wy
if wait_for 40 whole; then pass step-fails-over; else fail step-fails-over "$(differences)"; fi
# And then it is as before for it, too.
mended after-failure wy ip link set gn-wy mtu 1400

# Of all that, the daemon has counted something for each but the first.
uncounted() { client status --json | jq -r '.[] | select(.repairs == 0) | .name' | grep -vx aa; }
equal counted '' "$(uncounted)"

# --- files and leases ----------------------------------------------------------------------------
network wy
reload() { client reload >/dev/null; }
reload
is_gone() { ! ip link show dev gn-wy; }
check file-removed wait_for 30 is_gone
network wy "${gone[@]}"
reload
if wait_for 30 whole; then pass file-back; else fail file-back "$(differences)"; fi
network p2 '[Network]' Mode=nat Peer=p1 MTU=1400 "${p2[@]}"
reload
has_mtu() { [ "$(link gn-p2 .mtu)" = 1400 ]; }
check file-changed wait_for 30 has_mtu
network p2 '[Network]' Mode=nat Peer=p1 "${p2[@]}"
mended file-changed-pending is sh -c "$BIN/guestnet reload >/dev/null; ip link set gn-is down"
# A forward follows the lease of a guest in a network that is not the first.
cat >$root/udhcpc <<'S'
#!/bin/sh
[ "$1" = bound ] && ip addr replace $ip/$mask dev $interface
S
chmod 755 $root/udhcpc
guest web gn-fw - -
lease() { timeout 40 ip netns exec web busybox udhcpc -i eth0 -f -q -n -t 30 -T 1 -A 1 -x hostname:roamer -s $root/udhcpc "$@" >/dev/null 2>&1; }
leads_to() { nft list table inet guestnet | grep -qE "8081 : $1 \. 80|$1 \. 80"; }
lease -r 10.61.1.77
check lease wait_for 30 leads_to 10.61.1.77
ip link set gn-rt mtu 1400
wait_for 30 idle
ip -n web addr flush dev eth0
ip -n web link set eth0 down
ip -n web link set eth0 address 52:54:00:61:00:02
ip -n web link set eth0 up
lease -r 10.61.1.78
check lease-changed wait_for 30 leads_to 10.61.1.78

# --- more at once than are counted -----------------------------------------------------------------
many=40
for i in $(seq $many); do network m$i '[Network]' Mode=isolated '[Address]' Address=10.200.$i.1/24 "${off[@]}"; done
reload
wait_for 60 settled
wait_for 30 idle
before=$(look)
flush_many() { seq ${1:-1} $many | sed 's|.*|addr del 10.200.&.1/24 dev gn-m&|' | ip -batch -; }
mended more-than-counted m40 unseen flush_many
mended as-many-as-counted m40 unseen flush_many $((many - 31))
mended one-of-many m7 ip link set gn-m7 mtu 1400
# They are marked one by one, over more than one look.
flush_slowly() {
	local i
	for i in $(seq $many); do ip addr del 10.200.$i.1/24 dev gn-m$i; done
	wait_for 30 has_address gn-m$many 10.200.$many.1
}
mended more-slowly m40 slowly flush_slowly
for i in $(seq $many); do network m$i; done
reload
wait_for 60 settled
wait_for 30 idle

# --- checksums of DHCP replies ---------------------------------------------------------------------
for way in nft queue tc; do
	network na '[Network]' DHCPChecksum=$way '[Address]' Address=10.64.1.1/24 Address=fd64::1/64
	network fw "${fw[@]:0:3}" DHCPChecksum=$way "${fw[@]:3}"
	reload
	in_force() { [ "$(report na checksum)" = $way ] && plan_is_empty && all_running; }
	decided() { in_force || [ "$(state na)" = degraded ]; }
	wait_for 30 decided
	in_force || { skip checksum-$way "$(report na checksum_reason)"; continue; }
	wait_for 30 idle
	before=$(look)
	case $way in
	nft) mended checksum-nft na iptables-nft -t mangle -F GUESTNET ;;
	queue) mended checksum-queue na nft delete table ip guestnet-dhcp ;;
	tc)
		mended checksum-tc na tc filter del dev gn-na egress
		mended checksum-clsact fw tc qdisc del dev gn-fw clsact
		mended checksum-tc-others rt ip addr del 10.68.1.1/24 dev gn-rt
		;;
	esac
done

# --- what is never cut out, and what others lose by that --------------------------------------------
# A declared tap, a prefix behind a guest, a network card of the host: with one of them each plan is for all networks.
network na '[Address]' Address=10.64.1.1/24 Address=fd64::1/64
network fw "${fw[@]}"
network tp '[Network]' Mode=isolated '[Address]' Address=10.70.1.1/24 "${off[@]}" '[Tap]' Name=tap9 User=$bob
reload
wait_for 60 settled
wait_for 30 idle
before=$(look)
mended beside-tap rt ip addr del 10.68.1.1/24 dev gn-rt
mended tap-network-address tp ip addr del 10.70.1.1/24 dev gn-tp
mended declared-pulled tp ip link set tap9 nomaster
# Made anew it has another Ethernet address: the kernel's choice.
ip link del tap9
declared_again() { [ "$(link tap9 .master)" = gn-tp ] && all_running; }
check declared-deleted wait_for 30 declared_again
network tp '[Network]' Mode=isolated '[Address]' Address=10.70.1.1/24 "${off[@]}" '[Route]' Destination=10.71.0.0/16 Gateway=10.70.1.5
reload
wait_for 60 settled
wait_for 30 idle
before=$(look)
matches route-there 10.71.0.0/16 "$(ip route show dev gn-tp)"
mended beside-route rt ip link set gn-rt mtu 1400
mended guest-route tp ip route del 10.71.0.0/16
mended route-network-address tp ip addr del 10.70.1.1/24 dev gn-tp
mended route-network-down tp ip link set gn-tp down
network tp
ip link add card0 type veth peer name card1
ip link set card0 up && ip link set card1 up
network lan '[Network]' Mode=bridge Uplink=card0 Bridge=br-lan
reload
carded() { [ "$(link card0 .master)" = br-lan ] && settled; }
check card-taken wait_for 60 carded
wait_for 30 idle
before=$(look)
mended beside-card rt ip addr del 10.68.1.1/24 dev gn-rt
mended beside-card-down p1 ip link set gn-p1 down
mended card-pulled lan ip link set card0 nomaster
network lan
reload
free() { [ "$(link card0 .master)" = null ] && settled; }
check card-given-back wait_for 60 free

# A daemon that records plans for all networks, and does nothing before its look.
netd_stop
netd_start --record=$root/slices.record
wait_for 60 settled
wait_for 30 idle
before=$(look)
mended recorded-address rt ip addr del 10.68.1.1/24 dev gn-rt
mended recorded-tap na ip link set "$tap" nomaster
mended recorded-two rt unseen both
check recorded test -s $root/slices.record
release tap
nets_done
kill $journal_pid
