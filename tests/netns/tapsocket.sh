#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The tap socket: guestnetd makes taps for callers that have no capability, by the helper's own policy, quota and words; and
# brings up a network that a guest asks for. The daemon runs as its service does: an ordinary user with three ambient
# capabilities and no_new_privs, but without systemd.
suite=tapsocket
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/world.bash"
world_enter "$@"
world_setup || exit 1
for program in dnsmasq nft jq setpriv ss; do
	command -v $program >/dev/null || { skip all "not installed: $program"; exit 0; }
done

root=$world/netd
service=4290
run=/run/guestnet
tap_socket=$run/tap.sock
mkdir -p $root/{etc/networks,vendor/networks,state} $run
cp "$top"/netd/networks/*.network $root/vendor/networks/
printf '[Network]\nAutostart=no\n' >$root/etc/networks/lab.network
printf '[Network]\nAutostart=on-demand\nIdleTimeout=1s\n[DHCP]\nEnable=no\n[DNS]\nEnable=no\n' >$root/etc/networks/brief.network
mkdir -p $root/run
chown -R $service:$service $root/state $run
# The forwarding switches belong to this namespace; a service's sandbox leaves them writable.
capabilities=-all,+net_admin,+net_raw,+net_bind_service
roots=(--config-root=$root/etc --vendor-root=$root/vendor --state-root=$root/state --run-root=$run)
client() { "$BIN/guestnet" "$@"; }
install -m 755 "$BIN/guestnet" $world/tools/guestnet
start_netd() {	# [OPTION...]
	setpriv --reuid=$service --regid=$service --clear-groups --no-new-privs --inh-caps=$capabilities --ambient-caps=$capabilities \
		--bounding-set=$capabilities "$BIN/guestnetd" "${roots[@]}" --helper="${helper_of_daemon-$helper}" "$@" >>$root/log 2>&1 &
	netd_pid=$!
	wait_for 30 test -S $run/bus.sock && wait_for 30 test -S $tap_socket
}
stop_netd() { ended $netd_pid; rm -f $run/bus.sock; }
state() { client status "$1" --json 2>/dev/null | jq -r '.[0].state'; }
is() { [ "$(state "$1")" = "$2" ]; }
alias_of() { ip -j link show dev "$1" | jq -r '.[0].ifalias'; }
master() { ip -j link show dev "$1" | jq -r '.[0].master'; }
# As granted, by the daemon: its helper has the tap too until it has ended.
served() {	# ID ARG...
	local id=$1 i
	shift
	# The kernel's lock for devices is the whole machine's: on a busy one it may be waited for longer than a request may take.
	for i in 1 2 3 4 5; do
		launch "$@"
		[[ $reply_stderr == *'took longer than 5 s'* ]] || break
	done
	equal "$id" '0 0 true  ' "$reply_status $reply_byte $reply_fd $reply_stdout $reply_stderr"
	wait_for 20 no_taps || fail "$id" "left behind: $(taps)"
}
open_fds() { ls /proc/$netd_pid/fd | wc -l; }

part_basics() {
	world_policy "allow default user=$alice max=3 isolated"
	start_netd
	check up wait_for 30 is default running
	equal mode 'socket 666' "$(stat -c '%F %a' $tap_socket)"
	equal not-root "$service" "$(ps -o uid= -p $netd_pid | tr -d ' ')"

	# The same tap as by the direct way.
	hold direct --uid $alice $helper --br=default
	direct=$reply direct_tap=$reply_tap
	hold socket --uid $alice $helper_plain --br=default
	equal socket-reply '0 0 true  ' "$reply_status $reply_byte $reply_fd $reply_stdout $reply_stderr"
	equal socket-flags "$(jq -c '[.flags, .vnet_hdr_size]' <<<"$direct")" "$(jq -c '[.flags, .vnet_hdr_size]' <<<"$reply")"
	matches socket-name "^gn${alice}_[0-9]+$" "$reply_tap"
	equal socket-master gn-default "$(master "$reply_tap")"
	equal socket-isolated true "$(link "$reply_tap" .linkinfo.info_slave_data.isolated)"
	equal socket-alias "$(alias_of "$direct_tap" | sed 's/pid=[0-9]*/pid=N/')" "$(alias_of "$reply_tap" | sed 's/pid=[0-9]*/pid=N/')"
	# Whose it is: the one that started the helper, not the helper, which is gone.
	equal socket-pid "${hold_pid[socket]}" "$(alias_of "$reply_tap" | sed -n 's/.*pid=\([0-9]*\).*/\1/p')"
	hold third --uid $alice --no-new-privs $helper --br=gn-default
	equal no-new-privs '0 gn-default' "$reply_status $(master "$reply_tap")"
	launch --uid $alice $helper_plain --br=default
	direct_words=$(launch --uid $alice $helper --br=default; echo "$reply_stderr")
	equal quota-words "$direct_words" "$reply_stderr"
	matches quota 'has all the 3 taps on bridge .default. that /etc/guestnet/bridge.conf:1 allows' "$reply_stderr"
	release direct; release socket; release third
	check gone wait_for 20 no_taps

	for helper_used in $helper $helper_plain; do
		launch --uid $bob $helper_used --br=default
		denied[${#denied[@]}]=$reply_stderr
	done
	matches denied "access denied by acl file: uid $bob may not use bridge .default.: no rule allows it" "${denied[1]}"
	equal denied-words "${denied[0]}" "${denied[1]}"
	launch --uid $alice $helper_plain --br=nothing
	matches unknown 'access denied by acl file' "$reply_stderr"
	world_policy 'allow all'
	refused unknown-bridge 'failed to get mtu of bridge .nothing.: No such device: .*you may use: gn-default' --uid $alice $helper_plain --br=nothing
	refused unknown-bridge-direct 'failed to get mtu of bridge .nothing.: No such device: .*you may use: gn-default' --uid $alice $helper --br=nothing
	refused not-a-bridge 'lo is not a bridge' --uid $alice $helper_plain --br=lo
	refused no-id 'stands for everybody who has no uid' --uid 65534 $helper_plain --br=default

	if setpriv --reuid=$alice --regid=$alice --clear-groups unshare -Ur true 2>/dev/null; then
		in_namespace() { reply_read "$(setpriv --reuid=$alice --regid=$alice --clear-groups unshare "$@" "$launch" --no-hold $helper --br=default </dev/null 2>&1)"; }
		in_namespace -Ur
		equal user-namespace '0 true' "$reply_status $reply_fd"
		in_namespace -Urn
		equal user-and-network-namespace '0 true' "$reply_status $reply_fd"
		check user-namespace-gone wait_for 20 no_taps
	else
		skip user-namespace "this system does not let users make user namespaces"
	fi
	# A service's helper need not have the file capability.
	stop_netd
	helper_of_daemon=$helper_plain start_netd
	served plain-helper-for-daemon --uid $alice $helper_plain --br=default
	stop_netd
	helper_of_daemon=/nonexistent start_netd
	refused no-helper-for-daemon 'guestnetd, ended by exit status 127' --uid $alice $helper_plain --br=default
	stop_netd
}
declare -a denied=()

# Which files count is what their modes and lists say of the caller, not of the daemon.
part_policy() {
	local folder=/etc/guestnet/users
	mkdir -p $folder
	chmod 755 $folder
	start_netd
	wait_for 30 is default running
	printf 'include users/one\ninclude users/two\n' >$policy_file
	echo "allow default user=$alice" >$folder/one
	echo "deny default" >$folder/two
	chmod 644 $folder/one
	chmod 600 $folder/two
	served include-not-of-caller --uid $alice $helper_plain --br=default
	chown root:$service $folder/two; chmod 640 $folder/two
	served include-of-daemon-only --uid $alice $helper_plain --br=default
	chown root:$alice $folder/two
	refused include-of-caller-only 'guestnetd may not read .*/two, and the caller may' --uid $alice $helper_plain --br=default
	chmod 644 $folder/two
	refused include-of-both 'two:1 denies it' --uid $alice $helper_plain --br=default
	chown root:$bob $folder/two; chmod 640 $folder/two
	refused include-by-group 'guestnetd may not read .*/two, and the caller may' --uid $alice --groups $carol,$bob $helper_plain --br=default
	mkdir $folder/closed; mv $folder/two $folder/closed/two; chmod 644 $folder/closed/two
	printf 'include users/one\ninclude users/closed/two\n' >$policy_file
	chmod 700 $folder/closed
	served folder-not-of-caller --uid $alice $helper_plain --br=default
	chown root:$alice $folder/closed; chmod 750 $folder/closed
	refused folder-of-caller-only 'guestnetd may not look at .*/closed/two, and the caller may' --uid $alice $helper_plain --br=default
	chmod 755 $folder/closed
	refused folder-open 'closed/two:1 denies it' --uid $alice $helper_plain --br=default
	if command -v setfacl >/dev/null && setfacl -m u:$alice:- $folder/closed/two 2>/dev/null; then
		served list-takes-away --uid $alice $helper_plain --br=default
		chmod 600 $folder/closed/two; setfacl -m u:$alice:r,u:$service:r $folder/closed/two
		refused list-gives 'closed/two:1 denies it' --uid $alice $helper_plain --br=default
	else
		skip list "no access control lists here"
	fi
	world_policy "allow default group=$carol"
	served group-supplementary --uid $alice --groups $bob,$carol $helper_plain --br=default
	refused group-none 'no rule allows it' --uid $alice --groups $bob $helper_plain --br=default
	chown root:kvm $policy_file 2>/dev/null || chown root:$bob $policy_file; chmod 640 $policy_file
	refused policy-unreadable 'failed to parse default acl file .*Permission denied .you must be able to read it' --uid $alice $helper_plain --br=default
	world_policy 'allow default'
	chmod 660 /dev/net/tun; chgrp $carol /dev/net/tun
	refused tun-closed 'failed to open /dev/net/tun: Permission denied' --uid $alice $helper_plain --br=default
	chmod 666 /dev/net/tun
	stop_netd
}

# Nobody else can say for whom the helper works.
part_forged() {
	world_policy 'allow all'
	start_netd
	wait_for 30 is default running
	# A connection of root's, in the hands of alice: the helper knows that she did not hold the capability.
	refused forged-capability 'is for guestnetd' --raw --uid $alice $helper --client=@ --br=default
	refused forged-no-new-privs 'is for guestnetd' --raw --uid $alice --no-new-privs $helper --client=@ --br=default
	refused forged-setuid 'is for guestnetd' --raw --uid $alice $helper_setuid --client=@ --br=default
	refused forged-plain 'is for guestnetd' --raw --uid $alice $helper_plain --client=@ --br=default
	# What only guestnetd may say is nobody else's: least of all another name for a bridge that no rule allows.
	world_policy "allow br1 user=$alice"
	ip link add br1 type bridge && ip link add br2 type bridge && ip link set br1 up && ip link set br2 up
	for words in --will-be=br1 --for-parent --queues=2; do
		for kind in helper helper_setuid; do
			launch --uid $alice ${!kind} $words --br=br2
			matches "forged-direct-$kind$words" "^1 false  unknown argument \"$words\" without --client=" \
				"$reply_status $reply_fd $reply_stdout $reply_stderr"
		done
	done
	ip link del br1 && ip link del br2
	stop_netd
}

# A tap with several queues, as a VMM that is no QEMU takes it; only exec gets one, through the daemon.
part_queues() {
	local as="setpriv --reuid=$alice --regid=$alice --clear-groups" holder tap mac=52:54:00:00:00:10
	world_policy "allow default user=$alice max=2"
	start_netd
	wait_for 30 is default running
	mkfifo $tmp/queues.in
	$as $world/tools/guestnet exec default --queues 3 --mac $mac -- $world/tools/fake-vmm --net 'fd=[{fds}],mac={mac},num_queues=6' \
		<>$tmp/queues.in >$tmp/queues.out 2>&1 &
	holder=$!
	wait_for 30 test -s $tmp/queues.out
	tap=$(jq -r .tap $tmp/queues.out)
	matches queues-taken '^\{"tap":"gn'$alice'_[0-9]+","queues":3,"flags":20738\}$' "$(cat $tmp/queues.out)"
	equal queues-port gn-default "$(master "$tap")"
	equal queues-kernel '3 0' "$(ip -d -j link show dev "$tap" | jq -r '.[0].linkinfo.info_data | "\(.numqueues) \(.numdisabled // 0)"')"
	equal queues-pid $holder "$(alias_of "$tap" | sed -n 's/.*pid=\([0-9]*\).*/\1/p')"
	equal queues-slot "guestnet.u$alice.s0.gn-default" "$(ip -j link show dev "$tap" | jq -r '.[0].altnames[0]')"
	learned() { [ "$(bridge -j fdb show br gn-default | jq --arg tap "$tap" '[.[] | select(.ifname == $tap and (.mac | startswith("52:54:00")))] | length')" = 3 ]; }
	check queues-each-works wait_for 20 learned
	# Nobody else gets a queue of it.
	equal queues-not-stolen EPERM "$(setpriv --reuid=$bob --regid=$bob --clear-groups $world/tools/fake-vmm steal "$tap")"
	kill $holder; reap $holder
	check queues-gone wait_for 20 no_taps
	# One that is no more than one is an ordinary tap.
	matches queues-one '"queues":1,"flags":20482' "$($as $world/tools/guestnet exec default --queues 1 --mac $mac -- \
		$world/tools/fake-vmm --net 'fd=[{fds}],mac={mac},num_queues=2' </dev/null 2>&1)"
	for words in 0 17 x; do
		$as $world/tools/guestnet exec default --queues $words -- /bin/true '{fds}' >$tmp/out 2>&1; equal queues-$words 2 $?
	done
	$as $world/tools/guestnet exec default --queues 2 -- /bin/true '{fd}' >$tmp/out 2>&1; equal queues-one-mark 2 $?
	$as $world/tools/guestnet exec default --queues 2 --model e1000 -- /bin/true '{fds}' >$tmp/out 2>&1; equal queues-model 2 $?
	setpriv --reuid=$bob --regid=$bob --clear-groups $world/tools/guestnet exec default --queues 2 -- /bin/true '{fds}' >$tmp/out 2>&1
	equal queues-denied 4 $?
	matches queues-denied-says 'access denied by acl file' "$(cat $tmp/out)"
	# One that ignores how its children end is told all the same what the helper says.
	install -m 755 "$BIN/guestnet-bridge-helper" "$(world_path PATH_HELPER)"
	(trap '' CHLD; exec setpriv --reuid=$bob --regid=$bob --clear-groups $world/tools/guestnet exec default -- /bin/true '{fd}') >$tmp/out 2>&1
	equal children-ignored 4 $?
	matches children-ignored-says 'access denied by acl file' "$(cat $tmp/out)"
	rm "$(world_path PATH_HELPER)"
	# The caller's closed fds do not become the tap's.
	$as $world/tools/guestnet exec default --queues 2 -- /bin/sh -c 'echo "$0" >&9' '{fds}' 9>$tmp/out <&- >&- 2>&-
	matches queues-closed '^([3-9]|[1-9][0-9]),([3-9]|[1-9][0-9])$' "$(cat $tmp/out)"
	wait_for 20 no_taps
	stop_netd
	out=$($as $world/tools/guestnet exec default --queues 2 -- /bin/true '{fds}' 2>&1)
	equal queues-no-daemon 1 $?
	matches queues-no-daemon-says "several queues is guestnetd's to give.*tap.sock" "$out"
}

part_on_demand() {
	world_policy "allow lab user=$alice
allow brief user=$alice
allow gn-brief user=$bob
allow isolated user=$alice
deny gn-isolated"
	start_netd
	check demand-ready wait_for 30 is default running
	equal demand-down stopped "$(state lab)"
	refused demand-denied 'no rule allows it' --uid $bob $helper --br=lab
	refused demand-denied-socket 'no rule allows it' --uid $bob $helper_plain --br=lab
	equal demand-denied-down stopped "$(state lab)"
	# The rule names the bridge, the guest the network, and there is neither yet.
	refused demand-denied-by-bridge 'bridge.conf:5 denies it' --uid $alice $helper --br=isolated
	equal demand-denied-by-bridge-down stopped "$(state isolated)"

	hold lab --uid $alice $helper --br=lab
	equal demand-direct '0 gn-lab' "$reply_status $(master "$reply_tap")"
	check demand-direct-running wait_for 30 is lab running
	stop_netd
	start_netd
	check demand-remembered wait_for 30 is lab running
	check demand-remembered-port master "$reply_tap"
	release lab
	client stop lab
	refused demand-stopped-by-hand 'stopped by hand: guestnet start lab' --uid $alice $helper --br=lab
	stop_netd
	start_netd
	refused demand-stopped-remembered 'stopped by hand: guestnet start lab' --uid $alice $helper_plain --br=lab
	client start lab
	served demand-started --uid $alice $helper_plain --br=lab

	equal brief-down stopped "$(state brief)"
	hold brief --uid $bob $helper_plain --br=brief
	equal brief-up '0 gn-brief' "$reply_status $(master "$reply_tap")"
	check brief-running wait_for 30 is brief running
	release brief
	check brief-goes wait_for 40 is brief stopped
	check brief-bridge-gone wait_for 20 no_bridge gn-brief
	hold brief --uid $alice $helper --br=gn-brief
	equal brief-again '0 gn-brief' "$reply_status $(master "$reply_tap")"
	# A restarted daemon leaves it up as long as there is a port.
	stop_netd
	start_netd
	check brief-kept wait_for 30 is brief running
	equal brief-kept-port gn-brief "$(master "$reply_tap")"
	release brief
	check brief-goes-after-restart wait_for 40 is brief stopped
	# It comes back for a guest even when it was stopped by hand: that is what on demand means.
	client stop brief
	served brief-after-stop --uid $alice $helper --br=brief
	# A name for programs that know no other, of a network that is down and of one that is up.
	printf '[Network]\nAutostart=no\nAlternativeName=virbr0\n' >$root/etc/networks/boxes.network
	world_policy "allow boxes user=$alice"
	kill -HUP $netd_pid
	check other-name-declared wait_for 30 is boxes stopped
	hold boxes --uid $alice $helper --br=virbr0
	equal other-name '0 gn-boxes' "$reply_status $(master "$reply_tap")"
	equal other-name-kernel 'boxes virbr0' "$(ip -j link show dev gn-boxes | jq -r '.[0].altnames | join(" ")')"
	release boxes
	served other-name-again --uid $alice $helper_plain --br=virbr0
	# A bridge that was there before its network has not the network's name, and the rule has.
	ip link add br-lan address 52:54:00:77:13:99 type bridge
	ip link set br-lan up
	printf '[Network]\nMode=bridge\nBridge=br-lan\n' >$root/etc/networks/lan.network
	world_policy "allow lan user=$alice"
	kill -HUP $netd_pid
	check lan wait_for 30 is lan running
	hold lan --uid $alice $helper --br=lan
	equal lan-direct '0 br-lan' "$reply_status $(master "$reply_tap")"
	release lan
	refused lan-denied 'no rule allows it' --uid $bob $helper --br=lan
	rm $root/etc/networks/lan.network
	# A network that cannot be.
	printf '[Network]\nAutostart=no\nBridge=taken0\n' >$root/etc/networks/taken.network
	ip link add taken0 type veth peer name taken1
	world_policy 'allow all'
	client reload 2>/dev/null || kill -HUP $netd_pid
	refused demand-impossible 'taken0 is not a bridge' --uid $alice $helper --br=taken0
	refused demand-impossible-name 'bridge .taken.: the network does not come up: ' --uid $alice $helper --br=taken
	ip link del taken0
	rm $root/etc/networks/taken.network
	stop_netd
}
no_bridge() { ! ip link show dev "$1"; }

# A cold daemon: nobody runs, and the service manager's socket is there.
part_cold() {
	command -v systemd-socket-activate >/dev/null || { skip cold "not installed: systemd-socket-activate"; return; }
	"$BIN/guestnetd" "${roots[@]}" --teardown >>$root/log 2>&1
	rm -f $tap_socket $run/bus.sock $run/*.wanted
	world_policy 'allow default'
	systemd-socket-activate --listen=$tap_socket --seqpacket --fdname=tap \
		"$BIN/guestnetd" "${roots[@]}" --helper=$helper --service-user=$service >>$root/log 2>&1 &
	netd_pid=$!
	wait_for 20 test -S $tap_socket
	chmod 666 $tap_socket
	check cold-down no_bridge gn-default
	hold cold --uid $alice $helper --br=default
	equal cold-direct '0 gn-default' "$reply_status $(master "$reply_tap")"
	hold cold-socket --uid $alice $helper_plain --br=default
	equal cold-socket '0 gn-default' "$reply_status $(master "$reply_tap")"
	release cold; release cold-socket
	# The socket is the service manager's, and stays.
	kill $netd_pid; reap $netd_pid
	check cold-socket-stays test -S $tap_socket
	rm -f $tap_socket $run/bus.sock
}

# By hand, as root, beside the directories of the service: that one can write in all that is there afterwards.
part_by_hand() {
	"$BIN/guestnetd" "${roots[@]}" --teardown >>$root/log 2>&1
	rm -rf $run/* $root/state/*
	"$BIN/guestnetd" "${roots[@]}" --helper=$helper --service-user=65534 >>$root/log 2>&1 &
	netd_pid=$!
	check by-hand-runs wait_for 30 is default running
	equal by-hand-owners '' "$(find $run $root/state ! -uid $service)"
	stop_netd
	start_netd
	check by-hand-service wait_for 30 is default running
	check by-hand-restart client restart default
	check by-hand-again wait_for 30 is default running
	stop_netd
}

part_parallel() {
	local i n_taps
	world_policy "allow default max=8"
	start_netd
	wait_for 30 is default running
	many() {	# ID HELPER...: 64 at once, taking turns with these helpers; exactly 8 get a tap
		local id=$1 pids=() used
		shift
		rm -f $tmp/many.*
		for i in {1..64}; do
			used=$1
			set -- "${@:2}" "$1"
			rm -f $tmp/many.$i.in; mkfifo $tmp/many.$i.in
			"$launch" --uid $alice $used --br=default <>$tmp/many.$i.in >$tmp/many.$i.out 2>&1 &
			pids+=($!)
		done
		for i in {1..64}; do wait_for 60 test -s $tmp/many.$i.out; done
		equal "$id-granted" 8 "$(cat $tmp/many.*.out | grep -c '"fd":true')"
		equal "$id-refused" 56 "$(cat $tmp/many.*.out | grep -c 'has all the 8 taps')"
		equal "$id-taps" 8 "$(taps | wc -l)"
		kill "${pids[@]}" 2>/dev/null
		reap "${pids[@]}"
		check "$id-gone" wait_for 60 no_taps
	}
	many parallel-socket $helper_plain
	many parallel-mixed $helper_plain $helper
	# Two users: the one with many requests does not keep the other waiting.
	equal parallel-no-helper-left '' "$(pgrep -P $netd_pid -f client= || :)"
	stop_netd
}

# Clients that do not behave: each leaves the daemon as it was, and others are served meanwhile.
part_hostile() {
	local id fds i
	world_policy "allow default user=$alice,$bob"
	start_netd
	wait_for 30 is default running
	bad() { setpriv --reuid=$alice --regid=$alice --clear-groups $world/tools/tap-client $tap_socket "$@"; }
	served hostile-before --uid $bob $helper_plain --br=default
	fds=$(open_fds)
	# Its other work opens an fd now and then; what a client leaves behind would be many.
	as_before() {
		no_taps && [ -z "$(ss -xH state connected src $tap_socket)" ] && [ "$(open_fds)" -le $((fds + 4)) ] &&
			[ -z "$(pgrep -P $netd_pid -f client=)" ]
	}
	after() {
		served "$1-others" --uid $bob $helper_plain --br=default
		check "$1-nothing-left" wait_for 30 as_before
	}
	equal hostile-ask '0 true' "$(bad ask default | jq -r '"\(.error) \(.fd)"')"
	# Of 200 packets all are answered: those that are wrong, and those that name what there is not.
	equal hostile-garbage 200 "$(bad garbage 4711 200)"
	after hostile-garbage
	# The empty one says nothing; what is too large for the socket is not sent at all.
	matches hostile-sizes '^6[78]$' "$(bad sizes)"
	after hostile-sizes
	matches hostile-fds '"error":[1-9][0-9]*,"fd":false,"text":"guestnetd does not understand' "$(bad fds default)"
	after hostile-fds
	equal hostile-chatter '0 true' "$(bad chatter default | jq -r '"\(.error) \(.fd)"')"
	after hostile-chatter
	check hostile-leave bad leave default
	after hostile-leave
	# All the places of one user, with nothing said on any: the next one of hers is refused, others are not.
	mkfifo $tmp/idle.in
	bad idle 96 <>$tmp/idle.in >$tmp/idle.out &
	idle=$!
	wait_for 30 grep -q ready $tmp/idle.out
	matches hostile-idle-own 'too many requests of yours' "$(bad ask default | jq -r .text)"
	served hostile-idle-others --uid $bob $helper_plain --br=default
	all_closed() { [ "$(grep -c closed $tmp/idle.out)" = 96 ]; }
	check hostile-idle-ends wait_for 60 all_closed
	kill $idle; reap $idle
	after hostile-idle
	# One that is stopped in the middle holds its place, and its helper, no longer than any.
	"$launch" --uid $alice $helper_plain --br=default <>$tmp/idle.in >/dev/null 2>&1 &
	i=$!
	kill -STOP $i
	hold hostile --uid $bob $helper_plain --br=default
	equal hostile-stopped-others '0 true' "$reply_status $reply_fd"
	release hostile
	kill -KILL $i; reap $i
	after hostile-stopped
	check hostile-daemon-lives kill -0 $netd_pid
	stop_netd
}

parts=(basics policy forged queues on_demand cold by_hand parallel hostile)
[ $# -eq 0 ] || parts=("$@")
for part in "${parts[@]}"; do part_"$part"; done
grep -E 'ERROR|Sanitizer' $root/log && fail log "$(grep -E 'ERROR|Sanitizer' $root/log | head -3)"
exit 0
