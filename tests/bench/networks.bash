# SPDX-License-Identifier: GPL-2.0-or-later
# Many declared networks for tests/bench/repair and tests/bench/netd, inside the world of tests/netns/world.bash.
#
#   networks_root FOLDER            where the daemon's files are; must be called first
#   networks_write COUNT [FIRST]    files n0001... ; the odd ones mode nat, the even ones isolated
#   networks_idle NUMBER            the file of one more, that is down until it is asked for
#   networks_daemon                 the daemon's command line, in $netd
#   networks_stop                   ends the daemon and what it has started, and removes all that it has made
#   median, p99                     of the numbers on standard input

networks_root() {
	root=$1
	mkdir -p $root/{etc/networks,vendor/networks,state,run}
	export GUESTNET_BUS=unix:path=$root/run/bus.sock
	# Above others on a busy machine: it is the daemon that is measured.
	netd=(nice -n -15 "$BIN/guestnetd" --config-root=$root/etc --vendor-root=$root/vendor --state-root=$root/state
		--run-root=$root/run --service-user=65534)
}

networks_write() {
	local i mode
	for ((i = ${2:-1}; i <= $1; i++)); do
		mode=nat
		[ $((i % 2)) = 1 ] || mode=isolated
		printf '[Network]\nMode=%s\n[Address]\nAddress=10.%d.%d.1/24\nAddress=fd00:7:%x::1/64\n%s' $mode \
			$((100 + i / 256)) $((i % 256)) $i "${networks_more-}" >$root/etc/networks/$(printf 'n%04d' $i).network
	done
}

networks_idle() {
	networks_write $1 $1
	sed -i '1a Autostart=no' $root/etc/networks/$(printf 'n%04d' $1).network
}

# Everything ends with the world's pid namespace; what is measured next wants an empty one.
networks_stop() {
	local file pid
	kill "$netd_pid" 2>/dev/null
	wait "$netd_pid" 2>/dev/null
	for file in $root/run/dnsmasq/*.pid; do
		[ -e "$file" ] && read -r pid _ <"$file" && kill -9 "$pid" 2>/dev/null
	done
	rm -rf "${root:?}"
}

median() { sort -n | awk '{ a[NR] = $1 } END { print (NR ? a[int((NR + 1) / 2)] : "-") }'; }
p99() { sort -n | awk '{ a[NR] = $1 } END { n = int(NR * 0.99 + 0.999); print (NR ? a[(n > NR ? NR : n)] : "-") }'; }
