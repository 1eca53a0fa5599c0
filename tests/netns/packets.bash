# SPDX-License-Identifier: GPL-2.0-or-later
# What the suites share that plant a fault and look at doctor and at packets. Sourced after tests/lib.sh, world.bash and nets.bash.
#
#   packets_setup            a healthy host with the network default (10.82.1.1/24), its guests "guest" (by DHCP, port0) and
#                            "other" (10.82.1.200), and a server outside on port 7777
#   stops ID CHECK PROBE...  the fault is found, by its check alone (or by several: "CHECK CHECK"), and the packet does not pass
#   passes ID PROBE...       nothing is found any more, and the packet passes
#   do_printed CHECK         the command that doctor prints for it;  do_fix: doctor --fix
#   gets_lease, gets_out, pings NAMESPACE ADDRESS [OPTION...]	probes

packets_setup() {
	nets_setup
	installed=$(world_path PATH_HELPER)
	world_replace "$(dirname "$installed")" 2>/dev/null
	install -m 755 "$BIN/guestnet-bridge-helper" "$installed" && setcap cap_net_admin=p "$installed"
	world_policy 'allow all'
	mknod -m 666 /dev/vhost-net c 10 238
	cp "$top"/netd/networks/isolated.network $root/vendor/networks/
	network default '[Address]' Address=10.82.1.1/24
	netd_start
	check up wait_for 30 settled
	# shellcheck disable=SC2034 # plug
	bridge=gn-default
	dhcp_guest
	plug
	guest other gn-default 10.82.1.200 -
	serve internet 7777
	mkdir $root/path
	ln -s "$BIN/guestnet" $root/path/
}

doctor() { client doctor --json 2>&1; }
found() { doctor | jq -r '.[] | select(.verdict != "ok" and .verdict != "skipped") | .check' 2>&1 | sort -u | tr '\n' ' '; }
finds() { [ "$(found)" = "$1 " ]; }
healthy() { [ -z "$(found)" ]; }
of_check() { doctor | jq -r --arg check "$1" "[.[] | select(.check == \$check) | .$2][0]"; }
printed() { of_check "$1" fix; }
evidence() { of_check "$1" evidence; }

# The probe is tried for as long as a packet takes, not until it fails.
stops() {
	if wait_for 20 finds "$2"; then pass "$1"; else fail "$1" "want '$2', found '$(found)'"; fi
	if "${@:3}"; then fail "$1-packet" "it passes"; else pass "$1-packet"; fi
}
passes() {
	if wait_for 20 healthy; then pass "$1"; else fail "$1" "found '$(found)'"; fi
	check "$1-packet" wait_for 60 "${@:2}"
}
do_printed() { PATH=$root/path:$PATH sh -c "$(printed "$1")" >/dev/null 2>&1; }
do_fix() { client doctor --fix >/dev/null; }

gets_lease() { lease_s=3 lease; }
gets_out() { in_ns guest "$seen_tool" ask tcp 198.51.100.1 7777 >/dev/null 2>&1; }
pings() { in_ns "$1" busybox ping -q -c 1 -W 1 "${@:3}" "$2" >/dev/null 2>&1; }
