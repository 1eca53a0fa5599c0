#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# guestnetd beside other firewalls: docker's rules as it documents them, ufw's chains and ufw itself, by iptables-nft; before
# us, after us, flushed and loaded again. Each time a new lease and a new flow. What drops and has no place for us is named.
# Namespaces: this one is the host; "guest" has a veth port on the bridge; "internet" is behind the host's uplink;
# "container" is behind docker's bridge.

suite=netd-firewalls
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/world.bash"
# The sanitised programs run as on a kernel whose tables have no owner, the others as on this one.
[ "${SUITE_PREFIX-}" != asan. ] || export PLAIN_TABLES=1
. "$(dirname "$0")/nets.bash"
world_enter "$@"
world_setup || exit 1
nets_setup iptables-nft

bridge=gn-default
printf '%s\n' '[Network]' 'Mode=nat' "Bridge=$bridge" '[Address]' 'Address=10.70.1.1/24' 'Address=fd70::1/64' \
	>$root/vendor/networks/default.network
teardown() { netd --teardown; }
blocked() { is degraded && [ "$(status problem)" = "$1" ]; }
settled() { is running && plan_is_empty; }

# Beside all this, another daemon has nothing to do for a minute. The leak sanitiser does not work below a tracer.
idle_pid=
if [ -z "${SUITE_PREFIX-}" ]; then
	env -u WORLD_INSIDE RESULTS="$RESULTS.idle" "$(dirname "$0")/netd-idle" >$root/idle.log 2>&1 </dev/null &
	idle_pid=$!
fi
ip netns exec internet busybox nc -ll -p 7777 -e cat >/dev/null 2>&1 &
dhcp_guest
ip -n guest addr add fd70::5/64 dev eth0 nodad
ip -n guest route add default via fd70::1
lease_s=10
works() { lease && flow 198.51.100.1 && flow 2001:db8:51::1 && ip netns exec guest busybox ping -c 1 -W 2 10.70.1.1; }

# What others have: their rules without ours, counters left out.
foreign() {
	{ iptables-nft-save -t filter; ip6tables-nft-save -t filter; } | grep -v -e '^#' -e '--comment guestnet ' | sed 's/ \[.*//'
}
ours() { { iptables-nft-save -t filter; ip6tables-nft-save -t filter; } | grep -e '--comment guestnet '; }
none_of_ours() { ! ours; }

docker() {
	iptables-nft-restore <<'R'
*filter
:INPUT ACCEPT [0:0]
:FORWARD DROP [0:0]
:OUTPUT ACCEPT [0:0]
:DOCKER - [0:0]
:DOCKER-ISOLATION-STAGE-1 - [0:0]
:DOCKER-ISOLATION-STAGE-2 - [0:0]
:DOCKER-USER - [0:0]
-A FORWARD -j DOCKER-USER
-A FORWARD -j DOCKER-ISOLATION-STAGE-1
-A FORWARD -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A FORWARD -o docker0 -j DOCKER
-A FORWARD -i docker0 ! -o docker0 -j ACCEPT
-A FORWARD -i docker0 -o docker0 -j ACCEPT
-A DOCKER-ISOLATION-STAGE-1 -i docker0 ! -o docker0 -j DOCKER-ISOLATION-STAGE-2
-A DOCKER-ISOLATION-STAGE-1 -j RETURN
-A DOCKER-ISOLATION-STAGE-2 -o docker0 -j DROP
-A DOCKER-ISOLATION-STAGE-2 -j RETURN
-A DOCKER-USER -j RETURN
COMMIT
*nat
:PREROUTING ACCEPT [0:0]
:INPUT ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
-A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE
COMMIT
R
	printf '%s\n' '*filter' ':INPUT ACCEPT [0:0]' ':FORWARD DROP [0:0]' ':OUTPUT ACCEPT [0:0]' ':DOCKER-USER - [0:0]' \
		'-A FORWARD -j DOCKER-USER' '-A DOCKER-USER -j RETURN' COMMIT | ip6tables-nft-restore
}
ufw_family() {	# PREFIX ICMP RESTORE
	sed -e "s/@/$1/g" -e "s/%/$2/g" <<'R' | "$3"
*filter
:INPUT DROP [0:0]
:FORWARD DROP [0:0]
:OUTPUT ACCEPT [0:0]
:@-before-logging-input - [0:0]
:@-before-input - [0:0]
:@-after-input - [0:0]
:@-reject-input - [0:0]
:@-before-forward - [0:0]
:@-after-forward - [0:0]
:@-reject-forward - [0:0]
:@-user-input - [0:0]
:@-user-forward - [0:0]
-A INPUT -j @-before-logging-input
-A INPUT -j @-before-input
-A INPUT -j @-after-input
-A INPUT -j @-reject-input
-A FORWARD -j @-before-forward
-A FORWARD -j @-after-forward
-A FORWARD -j @-reject-forward
-A @-before-input -i lo -j ACCEPT
-A @-before-input -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A @-before-input -m conntrack --ctstate INVALID -j DROP
-A @-before-input -j @-user-input
-A @-before-forward -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A @-before-forward -j @-user-forward
-A @-user-input -p tcp -m tcp --dport 22 -j ACCEPT
-A @-reject-forward -j REJECT
COMMIT
R
}
ufw() { ufw_family ufw icmp iptables-nft-restore && ufw_family ufw6 icmpv6 ip6tables-nft-restore; }
# What stops them leaves the policies, or flushes it all.
flush() { iptables-nft -F; ip6tables-nft -F; }
gone() { nft delete table ip filter; nft delete table ip6 filter; nft delete table ip nat 2>/dev/null; :; }

# checked ID: a new lease, new flows, and a table that iptables still understands.
checked() {
	local out
	if wait_for 20 works && wait_for 10 settled; then
		pass "$1"
	else
		fail "$1" "$(status state): $(status problem); ours: $(ours | head -3)"
	fi
	out=$({ iptables-nft -S; ip6tables-nft -S; } 2>&1 >/dev/null)
	equal "$1-listed" '' "$out"
}
for other in docker ufw; do
	# theirs first
	$other
	before=$(foreign)
	netd_start
	wait_for 10 settled
	plug
	checked $other-first
	equal $other-first-untouched "$before" "$(foreign)"
	check $other-marked ours
	[ $other != ufw ] || check ufw-tftp grep -q -- "-A ufw-user-input -i $bridge -p udp .*--dport 69 .*-j ACCEPT" <(ours)
	n=$(ours | wc -l)

	# loaded again, and again: ours are there once
	$other
	checked $other-reloaded
	$other
	checked $other-reloaded-again
	equal $other-once "$n" "$(ours | wc -l)"
	equal $other-reloaded-untouched "$before" "$(foreign)"

	# stopped by hand: nothing of ours stays with them
	client stop default
	check $other-removed wait_for 10 none_of_ours
	equal $other-removed-untouched "$before" "$(foreign)"
	client start default
	wait_for 10 settled
	plug
	checked $other-started-again

	# gone, and ours first
	gone
	checked $other-gone
	$other
	checked $other-second
	equal $other-second-untouched "$before" "$(foreign)"

	# the daemon goes and comes
	netd_kill
	$other
	netd_start
	checked $other-daemon-restarted
	equal $other-daemon-once "$n" "$(ours | wc -l)"
	netd_stop
	teardown
	check $other-teardown none_of_ours
	gone
done

# docker's chains flushed, its policy left: only the policy stands in the way.
docker
netd_start
wait_for 10 settled
plug
# Before that, a network beside this one comes and goes while nobody else commits anything.
placed() { ours | grep -q -- '-i gn-more .*-j ACCEPT'; }
not_placed() { ! placed; }
# It has no DHCP: with the rule that completes checksums all rules are read again, and so are those of others.
network more '[Network]' Autostart=no '[Address]' Address=10.71.1.1/24 Address=fd71::1/64 '[DHCP]' Enable=no
client reload
wait_for 10 settled
client start more
check another-placed wait_for 10 placed
check another-settled wait_for 10 settled
client stop more
check another-gone wait_for 10 not_placed
network more
client reload
wait_for 10 settled
flush
checked docker-flushed
check docker-flushed-forward grep -q -- '-A FORWARD -i gn-default' <(ours)
gone
wait_for 10 settled

# A container's ports: those that are published are there for guests, and no others. As docker 28 writes its rules, and
# as those before did, which left the rest to the policy.
container() {	# 28|27
	local old=('-A FORWARD -j DOCKER-USER' '-A FORWARD -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT'
		'-A FORWARD -o docker0 -j DOCKER' '-A FORWARD -i docker0 ! -o docker0 -j ACCEPT')
	local new=(':DOCKER-BRIDGE - [0:0]' ':DOCKER-CT - [0:0]' ':DOCKER-FORWARD - [0:0]'
		'-A FORWARD -j DOCKER-USER' '-A FORWARD -j DOCKER-FORWARD' '-A DOCKER-FORWARD -j DOCKER-CT'
		'-A DOCKER-FORWARD -j DOCKER-BRIDGE' '-A DOCKER-FORWARD -i docker0 -j ACCEPT' '-A DOCKER-BRIDGE -o docker0 -j DOCKER'
		'-A DOCKER-CT -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT')
	local last=('-A DOCKER ! -i docker0 -o docker0 -j DROP')
	[ "$1" = 28 ] || new=("${old[@]}") last=()
	printf '%s\n' '*filter' ':FORWARD DROP [0:0]' ':DOCKER - [0:0]' ':DOCKER-USER - [0:0]' "${new[@]}" \
		'-A DOCKER -d 172.17.0.2/32 ! -i docker0 -o docker0 -p tcp -m tcp --dport 80 -j ACCEPT' "${last[@]}" \
		COMMIT '*nat' ':PREROUTING ACCEPT [0:0]' ':POSTROUTING ACCEPT [0:0]' ':DOCKER - [0:0]' \
		'-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER' '-A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE' \
		'-A DOCKER ! -i docker0 -p tcp -m tcp --dport 8080 -j DNAT --to-destination 172.17.0.2:80' COMMIT | iptables-nft-restore
}
ip netns add container
ip link add docker0 type bridge
ip addr add 172.17.0.1/16 dev docker0
ip link set docker0 up
ip link add veth0 type veth peer name eth0 netns container
ip link set veth0 master docker0 up
ip -n container addr add 172.17.0.2/16 dev eth0
ip -n container link set eth0 up
ip -n container link set lo up
ip -n container route add default via 172.17.0.1
for port in 80 9999; do ip netns exec container busybox nc -ll -p $port -e cat >/dev/null 2>&1 & done
says() { [ "$(echo hello | timeout 5 ip netns exec "$1" busybox nc -w 2 "$2" "$3" 2>/dev/null)" = hello ]; }
silent() { ! says "$@"; }
for version in 28 27; do
	container $version
	checked container-$version
	check container-$version-published wait_for 20 says guest 198.51.100.2 8080
	check container-$version-unpublished silent guest 172.17.0.2 9999
	check container-$version-out wait_for 20 says container 198.51.100.1 7777
	check container-$version-no-guest silent container 10.70.1.1 53
	# A rule of ours is lost: the one that keeps containers closed is still first.
	iptables-nft -D DOCKER-USER -i $bridge -j ACCEPT -m comment --comment guestnet || fail container-$version-ours "$(ours)"
	checked container-$version-again
	check container-$version-again-unpublished silent guest 172.17.0.2 9999
done
# Another network of docker's.
iptables-nft -A FORWARD -o br-0123456789ab -j DOCKER
kept() { ours | grep -q -- "-A DOCKER-USER -i $bridge -o br-0123456789ab .*-j RETURN"; }
check container-another wait_for 20 kept
iptables-nft -D FORWARD -o br-0123456789ab -j DOCKER
not_kept() { ! kept; }
check container-another-gone wait_for 20 not_kept
gone
ip link del docker0
wait_for 10 settled

# ufw itself.
if command -v ufw >/dev/null; then
	ufw --force enable >/dev/null 2>&1
	checked real-ufw
	ufw reload >/dev/null 2>&1
	checked real-ufw-reloaded
	iptables-nft -F; ip6tables-nft -F
	check real-ufw-flushed wait_for 20 blocked 'blocked by INPUT of ip filter'
	ufw reload >/dev/null 2>&1
	checked real-ufw-flushed-reloaded
	ufw disable >/dev/null 2>&1
	checked real-ufw-disabled
	netd_kill
	ufw --force enable >/dev/null 2>&1
	netd_start
	checked real-ufw-first
	equal real-ufw-files '' "$(grep -rl -e guestnet -e gn-default /etc/ufw)"
	ufw disable >/dev/null 2>&1
	gone
	wait_for 10 settled
else
	skip real-ufw 'not installed: ufw'
fi

# Coexist=no: nothing is put anywhere, and what drops is named.
mkdir -p $root/etc/networks/default.network.d
printf '%s\n' '[Network]' 'Coexist=no' >$root/etc/networks/default.network.d/coexist.conf
docker
kill -HUP $netd_pid
check coexist-no wait_for 10 blocked 'blocked by FORWARD of ip filter'
check coexist-no-rules wait_for 10 none_of_ours
rm $root/etc/networks/default.network.d/coexist.conf
kill -HUP $netd_pid
checked coexist-yes
gone
wait_for 10 settled

# What drops and has no place for us is named; what names us is not in the way.
nft 'table inet closed { chain guard { type filter hook forward priority 10; policy drop; }; }'
check blocked-forward wait_for 10 blocked 'blocked by guard of inet closed'
nft "add rule inet closed guard iifname $bridge accept"
check blocked-no-more wait_for 10 is running
nft delete table inet closed
iptables-nft -P INPUT DROP
check blocked-input wait_for 10 blocked 'blocked by INPUT of ip filter'
iptables-nft -P INPUT ACCEPT
check input-open wait_for 10 is running
nft 'table inet open { chain guard { type filter hook forward priority 10; policy accept; }; }'
checked accepting
equal accepting-untouched 0 "$(nft list table inet open | grep -c accept\;\ comment)"

nft delete table inet open
# A chain that rejects what is left drops, whatever its policy; rules for interfaces of others say nothing of ours.
nft 'table inet closed { chain guard { type filter hook forward priority 10; policy accept; ct state established accept; iifname "docker*" drop; counter reject with icmpx admin-prohibited; }; }'
check blocked-reject wait_for 10 blocked 'blocked by guard of inet closed'
nft 'insert rule inet closed guard iifname "gn*" oifname "up*" ip daddr 198.51.100.1 accept'
check blocked-wildcard-named wait_for 10 is running
nft flush chain inet closed guard
check blocked-open wait_for 10 is running
nft 'add rule inet closed guard iifname "docker*" drop; add rule inet closed guard iifname "gn-d*" tcp dport 25 drop'
checked accepting-parts
nft 'add rule inet closed guard iifname "gn-d*" drop'
check blocked-wildcard wait_for 10 blocked 'blocked by guard of inet closed'
nft delete table inet closed
check blocked-end wait_for 10 is running
# Whoever lets answers in and nothing else has meant it; what is said of the host says nothing of what is forwarded.
nft 'table inet closed { chain guard { type filter hook forward priority 10; policy accept; oifname "gn-default" ct state established,related accept; oifname "gn-default" drop; }; }'
checked accepting-answers
nft 'delete table inet closed; table inet closed { chain in { type filter hook input priority 10; policy accept; iifname "gn-default" accept; }; chain guard { type filter hook forward priority 10; policy drop; }; }'
check blocked-beside wait_for 10 blocked 'blocked by guard of inet closed'
nft delete table inet closed
check blocked-beside-end wait_for 10 is running

# A chain for both that what is left goes to, and that rejects it: in FORWARD there is a place for ours.
printf '%s\n' '*filter' ':INPUT ACCEPT [0:0]' ':FORWARD ACCEPT [0:0]' ':guard - [0:0]' '-A INPUT -j guard' '-A FORWARD -j guard' \
	'-A guard -i lo -j ACCEPT' '-A guard -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT' \
	'-A guard -j REJECT --reject-with icmp-host-prohibited' COMMIT | iptables-nft-restore
check common-input wait_for 10 blocked 'blocked by INPUT of ip filter'
check common-forward wait_for 20 flow
iptables-nft -D INPUT -j guard
checked common-settled
# From where some goes back, it is not said.
gone
printf '%s\n' '*filter' ':INPUT ACCEPT [0:0]' ':FORWARD ACCEPT [0:0]' ':guard - [0:0]' '-A INPUT -j guard' '-A guard ! -i up0 -j RETURN' \
	'-A guard -j DROP' COMMIT | iptables-nft-restore
checked common-returns
gone
wait_for 10 settled

# By a set, a map, or addresses it is let pass as well; those of others, and what is said of them where nothing is filtered, are not.
closed() {	# RULE [SET]: a chain that drops all but what RULE lets pass
	nft "table inet closed { ${2-} chain guests { accept; }; chain guard { type filter hook forward priority 10; policy drop; $1; }; }"
}
lets() {	# ID RULE [SET]
	nft delete table inet closed 2>/dev/null
	closed "iifname lo accept"
	wait_for 10 blocked 'blocked by guard of inet closed' || { fail "$1" 'not blocked without it'; return; }
	nft delete table inet closed
	closed "${@:2}"
	check "$1" wait_for 10 is running
}
stops() {	# ID RULE [SET]
	nft delete table inet closed 2>/dev/null
	wait_for 10 is running || { fail "$1" 'blocked without it'; return; }
	closed "${@:2}"
	check "$1" wait_for 10 blocked 'blocked by guard of inet closed'
}
prefix=10.70.1.0/24
lets lets-set 'iifname { "lo", "gn-default" } accept'
lets lets-named-set 'iifname @trusted accept' 'set trusted { type ifname; elements = { "lo", "gn-default" }; };'
lets lets-wildcard-set 'iifname { "eth*", "gn-*" } accept'
lets lets-map 'iifname vmap { "lo" : accept, "gn-default" : jump guests }'
lets lets-address "ip saddr $prefix accept"
lets lets-wide-address 'ip daddr 10.64.0.0/12 ct state new accept'
lets lets-address6 'ip6 saddr fd70::/64 accept'
lets lets-address-set "ip saddr { 192.0.2.0/24, $prefix } accept"
stops stops-set 'iifname { "lo", "gn-other" } accept'
stops stops-set-not 'iifname != { "lo", "gn-default" } accept'
stops stops-wildcard-set 'iifname { "eth*", "gm-*" } accept'
stops stops-address 'ip saddr 192.0.2.0/24 accept'
stops stops-wide-address 'ip saddr 10.80.0.0/12 accept'
stops stops-address-set 'ip saddr { 192.0.2.0/24, 198.51.100.0/24 } accept'
stops stops-address-dropped "ip saddr $prefix drop"
stops stops-nat "iifname lo accept; }; chain nat { type nat hook postrouting priority 100; ip saddr $prefix masquerade"
nft delete table inet closed
check lets-end wait_for 10 is running

if [ -n "$idle_pid" ]; then
	reap_s=400 reap $idle_pid || fail idle "$(tail -n 3 $root/idle.log)"
	cat $root/idle.log
	cat "$RESULTS.idle" >>"$RESULTS"
	rm -f "$RESULTS.idle"
fi
netd_stop
grep -E 'ERROR|Sanitizer' $root/log && fail log "$(grep -E 'ERROR|Sanitizer' $root/log | head -3)"
exit 0
