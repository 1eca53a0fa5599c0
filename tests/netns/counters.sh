#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What has passed through ports and bridges: guestnet ports, ports --traffic and status, as text and as JSON, beside what the
# kernel writes below /sys. Whose point of view that is; what the bridge's counters are a part of; a tap whose guest takes
# nothing; and that the daemon is not woken for it.

suite=counters
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/world.bash"
world_enter "$@"
world_setup || exit 1
. "$(dirname "$0")/nets.bash"
nets_setup

network n '[Address]' Address=10.83.1.1/24
netd_start
check up wait_for 30 settled
guest one gn-n 10.83.1.5 -
guest two gn-n 10.83.1.6 -
world_policy 'allow all'

ports() { client ports n --json | jq -r ".[] | select(.port == \"$1\") | $2"; }	# PORT WHAT
traffic() { report n "traffic.$1"; }
kernel() { cat /sys/class/net/$1/statistics/$2; }
burst() { in_ns "$1" busybox ping -q -c "$3" -i 0.01 -s 1000 -W 2 "$2" >/dev/null 2>&1; }	# NAMESPACE ADDRESS COUNT
# Who has not been seen for a while is asked for, and that is a packet, too.
burst one 10.83.1.6 2; burst one 10.83.1.1 2; burst two 10.83.1.1 2
# As much, and up to ARP and the like more.
about() { if [ "$2" -ge "$3" ] && [ "$2" -le $(($3 + 20)) ]; then pass "$1"; else fail "$1" "want $3, got $2"; fi; }
all='[.rx_packets, .rx_bytes, .tx_packets, .tx_bytes, .rx_dropped, .tx_dropped] | join(" ")'

# From guest to guest: what one has sent two has received. The bridge's own counters know nothing of it.
read -r sent sent_bytes received received_bytes _ < <(ports port-one "$all")
read -r up _ down _ < <(ports port-one ".bridge | $all")
burst one 10.83.1.6 50
read -r sent1 sent_bytes1 received1 received_bytes1 _ < <(ports port-one "$all")
read -r up1 _ down1 _ < <(ports port-one ".bridge | $all")
about sent $((sent1 - sent)) 50
about sent-bytes $(((sent_bytes1 - sent_bytes) / 1042)) 50
about received $((received1 - received)) 50
about received-bytes $(((received_bytes1 - received_bytes) / 1042)) 50
about not-to-host $((up1 - up)) 0
about not-from-host $((down1 - down)) 0
# One way only: who does not answer has received, and has sent nothing.
in_ns two sh -c 'echo 1 >/proc/sys/net/ipv4/icmp_echo_ignore_all'
read -r sent _ received _ < <(ports port-one "$all")
read -r sent_two _ received_two _ < <(ports port-two "$all")
burst one 10.83.1.6 40
read -r sent1 _ received1 _ < <(ports port-one "$all")
read -r sent_two1 _ received_two1 _ < <(ports port-two "$all")
about one-way-sent $((sent1 - sent)) 40
about one-way-not-received $((received1 - received)) 0
about one-way-received $((received_two1 - received_two)) 40
about one-way-not-sent $((sent_two1 - sent_two)) 0

# To the host and back: that is the bridge's, too, and the network's.
read -r up up_bytes down down_bytes _ < <(traffic "bridge | $all")
read -r sent _ received _ < <(traffic "ports | $all")
burst two 10.83.1.1 30
read -r up1 up_bytes1 down1 down_bytes1 _ < <(traffic "bridge | $all")
read -r sent1 _ received1 _ < <(traffic "ports | $all")
about to-host $((up1 - up)) 30
about to-host-bytes $(((up_bytes1 - up_bytes) / 1028)) 30	# without the Ethernet header: netif_receive_skb() is behind it
about from-host $((down1 - down)) 30
about from-host-bytes $(((down_bytes1 - down_bytes) / 1042)) 30
about all-sent $((sent1 - sent)) 30
about all-received $((received1 - received)) 30

# A guest that takes nothing loses what does not fit its queue.
hold slow $helper --br=gn-n
tap=$reply_tap
ip neigh add 10.83.1.77 lladdr 52:54:00:83:00:77 dev gn-n nud permanent
equal no-drop 0 "$(ports $tap .tx_dropped)"
for n in {1..1600}; do echo hello >/dev/udp/10.83.1.77/9; done
lost=$(ports $tap .tx_dropped)
[ "$lost" -ge 100 ] && pass dropped || fail dropped "$lost of 1600"
[ "$(traffic ports.tx_dropped)" -ge "$lost" ] && pass dropped-in-status || fail dropped-in-status "$(traffic ports)"

# All of it as the kernel says it elsewhere; and for people.
same() {
	local name
	for name in rx_packets rx_bytes rx_dropped tx_packets tx_bytes tx_dropped; do
		[ "$(ports port-one .$name)" = "$(kernel port-one $name)" ] && [ "$(ports port-one .bridge.$name)" = "$(kernel gn-n $name)" ] &&
			[ "$(traffic bridge.$name)" = "$(kernel gn-n $name)" ] || return
	done
}
check as-the-kernel wait_for 10 same
text() {
	local shown
	shown=$(client ports n --traffic)
	[[ $shown =~ ^NETWORK\ +PORT\ +GUEST\ +SENT\ +PACKETS\ +DROPPED\ +RECV\ +PACKETS\ +DROPPED ]] &&
		grep -qE "^n +port-one +- +[0-9.]+[kM]? +$(kernel port-one rx_packets) +0 +[0-9.]+[kM]? +$(kernel port-one tx_packets) +[0-9]+$" <<<"$shown" &&
		tail -n 1 <<<"$shown" | grep -qE "^n +gn-n +\(the host\) +[0-9.]+[kM]? +$(kernel gn-n rx_packets) +" &&
		client status n | grep -qE "^  sent       [0-9.]+[kM]? in [0-9]+ packets, [0-9]+ dropped; [0-9.]+[kM]? in $(kernel gn-n rx_packets) of them to the host" &&
		client status n | grep -qE "^  received   [0-9.]+[kM]? in [0-9]+ packets, [0-9]+ dropped; [0-9.]+[kM]? in $(kernel gn-n tx_packets) of them from the host"
}
check text wait_for 10 text
equal one-row-of-the-bridge 1 "$(client ports --traffic | grep -c '(the host)')"
release slow

# The daemon sleeps while the kernel is asked.
switches() { sed -n 's/^voluntary_ctxt_switches:[[:blank:]]*//p' /proc/$netd_pid/status; }
asleep() {
	local before
	before=$(switches)
	client ports n >/dev/null; client ports --traffic >/dev/null; client ports n --json >/dev/null
	[ "$(switches)" = "$before" ]
}
check daemon-sleeps wait_for 30 asleep
client stop n
equal no-bridge null "$(report n traffic)"
nets_done
