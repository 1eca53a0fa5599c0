#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The bridge helper on a real kernel, as unprivileged uids: the device it makes, how it is started, what it holds while
# it runs, hostile callers, its reply, its messages, its records, and the way through the daemon's socket.
# What policy files do is in helper-policy.sh.
#   tests/netns/helper.sh [PART...]
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/world.bash"
world_enter "$@"
world_setup || exit 1
ulimit -n 8192 || exit 1

daemon_socket=/run/guestnet/tap.sock

# usage_error ID REGEX ARG...: as refused, with the usage as a second line.
usage_error() {
	local id=$1 regex=$2
	shift 2
	launch "$@"
	if [ "$reply_status,$reply_byte,$reply_fd,$reply_stdout" != 1,-1,false, ]; then
		fail "$id" "not refused: $reply"
	elif ! [[ $reply_stderr =~ ^$regex\\u000aUsage:\ guestnet-bridge-helper\ \[--use-vnet\]\ --br=BRIDGE\ --fd=FD\\u000a$ ]]; then
		fail "$id" "want /$regex/ and the usage, got: $reply_stderr"
	elif ! no_taps; then
		fail "$id" "left behind: $(taps)"
	else
		pass "$id"
	fi
}

# The index that the next device will get: it tells whether one was made meanwhile.
next_index() {
	ip link add probe type bridge && cat /sys/class/net/probe/ifindex && ip link delete probe
}

# state_is ID FILTER WANT...: jq filters on the held tap's object in $state, all in one go.
state_is() {
	local id=$1 filter want got
	shift
	while [ $# -gt 0 ]; do
		filter+="${filter:+, }($1 | tostring)" want+="$2 "
		shift 2
	done
	got=$(jq -r "[.[0] | $filter] | join(\" \")" <<<"$state")
	equal "$id" "${want% }" "$got"
}

hold_state() {	# ARG...: holds a tap and reads its object
	hold one "$@"
	state=$(ip -d -j link show dev "${reply_tap:-none}")
}

has_link_local() { ip -6 address show dev "$1" | grep -q 'inet6 fe80'; }

# device
test_device() {
	local mtu
	world_policy 'allow br0'
	for mtu in 1500 9000 1000; do
		ip link set br0 mtu $mtu
		hold_state --uid $alice $helper --br=br0
		equal device_reply_$mtu '{"status":0,"byte":0,"fd":true,"tap":"gn4201_0","flags":20482,"vnet_hdr_size":10,"stdout":"","stderr":""}' "$reply"
		state_is device_$mtu .ifname gn4201_0 .mtu $mtu .master br0 .linkinfo.info_kind tun .linkinfo.info_data.type tap \
			.linkinfo.info_data.pi false .linkinfo.info_data.vnet_hdr true .linkinfo.info_data.persist false \
			.linkinfo.info_data.multi_queue false '(.flags | index("UP") != null)' true \
			.linkinfo.info_slave_data.isolated false .linkinfo.info_slave_data.locked false \
			.linkinfo.info_slave_data.learning true .linkinfo.info_slave_data.flood true
		matches device_mac_$mtu '^fe(:[0-9a-f]{2}){5}$' "$(jq -r '.[0].address' <<<"$state")"
		matches device_alias_$mtu '^guestnet uid=4201 pid=[0-9]+ net=br0$' "$(jq -r '.[0].ifalias' <<<"$state")"
		equal device_slot_$mtu guestnet.u4201.s0.br0 "$(jq -r '.[0].altnames | join(" ")' <<<"$state")"
		release one
		check device_gone_$mtu no_taps
	done
	ip link set br0 mtu 1500

	# The address of the bridge itself shows that this kernel would have given one to the tap as well.
	hold_state --uid $alice $helper --br=br0
	state_is no_ipv6_mode .inet6_addr_gen_mode none
	check no_ipv6_bridge_has wait_for 10 has_link_local br0
	equal no_ipv6_address '' "$(ip -6 address show dev "$reply_tap")"
	release one

	hold_state --no-vnet --uid $alice $helper --br=br0
	equal no_vnet '4098 false' "$(jq -r .flags <<<"$reply") $(jq -r '.[0].linkinfo.info_data.vnet_hdr' <<<"$state")"
	release one

	ip link set br0 down
	hold_state --uid $alice $helper --br=br0
	state_is bridge_down '(.flags | index("UP") != null)' true .master br0
	release one
	ip link set br0 up

	hold_state --uid 4294967294 $helper --br=br0
	state_is uid_long .ifname gn4294967294_0 '(.altnames[0])' guestnet.u4294967294.s0.br0
	matches uid_long_alias '^guestnet uid=4294967294 pid=[0-9]+ net=br0$' "$(jq -r '.[0].ifalias' <<<"$state")"
	release one

	# The pid is that of the process at the other end of the socket, which QEMU's user can find.
	hold one --uid $alice $helper --br=br0
	equal alias_pid "guestnet uid=4201 pid=${hold_pid[one]} net=br0" "$(link "$reply_tap" .ifalias)"
	release one
}

# slots
test_slots() {
	world_policy 'allow br0 max=2'
	hold one --uid $alice $helper --br=br0
	hold two --uid $alice $helper --br=br0
	equal slot_second guestnet.u4201.s1.br0 "$(link "$reply_tap" '.altnames | join(" ")')"
	launch --uid $alice $helper --br=br0
	equal quota_status '1 -1 false ' "$reply_status $reply_byte $reply_fd $reply_stdout"
	matches quota_message "^access denied by acl file: uid 4201 has all the 2 taps on bridge \`br0' that $policy_file:1 allows \(held by: gn4201_0, gn4201_1\)\\\\u000a$" "$reply_stderr"
	equal quota_left '2' "$(taps | wc -l)"
	hold three --uid $bob $helper --br=br0
	equal quota_of_another guestnet.u4202.s0.br0 "$(link "$reply_tap" '.altnames | join(" ")')"
	release three
	release one
	hold one --uid $alice $helper --br=br0
	equal slot_reused guestnet.u4201.s0.br0 "$(link "$reply_tap" '.altnames | join(" ")')"
	release one
	release two

	# Another bridge counts for itself; another name of the bridge does not.
	world_policy $'allow br0 max=1\nallow br1 max=1'
	world_bridge br1
	ip link property add dev br0 altname default
	hold one --uid $alice $helper --br=br0
	hold two --uid $alice $helper --br=br1
	equal quota_other_bridge guestnet.u4201.s0.br1 "$(link "$reply_tap" '.altnames | join(" ")')"
	release two
	launch --uid $alice $helper --br=default
	matches quota_other_name "^access denied by acl file: uid 4201 has all the 1 tap on bridge \`default' that $policy_file:1 allows" "$reply_stderr"
	release one
	ip link property del dev br0 altname default
	ip link delete br1

	# The holder's flags change nothing: a persistent tap goes on counting.
	world_policy 'allow br0 max=1'
	launch --persist --uid $alice $helper --br=br0
	launch --uid $alice $helper --br=br0
	matches quota_persistent 'held by: gn4201_0' "$reply_stderr"
	ip link delete gn4201_0
	granted quota_persistent_deleted --uid $alice $helper --br=br0

	# The limit that nobody wrote down.
	world_policy 'allow br0'
	local i id=1
	for ((i = 0; i < 64; i++)); do
		ip link add "d$i" type bridge && ip link property add dev "d$i" altname "guestnet.u4201.s$i.br0" || id=0
	done
	launch --uid $alice $helper --br=br0
	if [ $id = 1 ]; then
		matches quota_default "^access denied by acl file: uid 4201 has all the 64 taps on bridge \`br0' that $policy_file:1 allows by default, without max=" "$reply_stderr"
	else
		fail quota_default "no devices to take the slots"
	fi
	check quota_default_left no_taps
	for ((i = 0; i < 64; i++)); do printf 'link delete d%d\n' $i; done | ip -batch -
}

# port options
test_options() {
	local fdb
	world_policy 'allow br0 isolated'
	hold_state --uid $alice $helper --br=br0
	state_is isolated .linkinfo.info_slave_data.isolated true .linkinfo.info_slave_data.locked false
	matches isolated_alias ' net=br0 isolated$' "$(jq -r '.[0].ifalias' <<<"$state")"
	release one

	world_policy 'allow br0 macs=52:54:00:12:34:56,52:54:00:AB:cd:EF'
	hold_state --uid $alice $helper --br=br0
	state_is macs .linkinfo.info_slave_data.isolated false .linkinfo.info_slave_data.locked true \
		.linkinfo.info_slave_data.learning false .linkinfo.info_slave_data.flood false
	matches macs_alias ' net=br0 macs=52:54:00:12:34:56,52:54:00:ab:cd:ef$' "$(jq -r '.[0].ifalias' <<<"$state")"
	# A kernel with VLAN filtering lists each entry for each VLAN of the port too.
	fdb=$(bridge -j fdb show br br0 | jq -r --arg tap "$reply_tap" '[.[] | select(.ifname == $tap and .state == "static") | .mac + " " + (.flags | join(","))] | unique | join("; ")')
	equal macs_fdb '52:54:00:12:34:56 sticky; 52:54:00:ab:cd:ef sticky' "$fdb"
	launch --uid $bob $helper --br=br0
	matches macs_taken "^failed to add interface to bridge \`br0': the address 52:54:00:12:34:56 of the rule's macs= is in use by another port" "$reply_stderr"
	equal macs_taken_left 1 "$(taps | wc -l)"
	release one
	equal macs_fdb_gone '' "$(bridge fdb show br br0 | grep 52:54:00:12:34:56)"

	world_policy 'allow br0 macs=52:54:00:12:34:56 isolated max=3'
	hold_state --uid $alice $helper --br=br0
	state_is isolated_and_macs .linkinfo.info_slave_data.isolated true .linkinfo.info_slave_data.locked true \
		.linkinfo.info_slave_data.learning false .linkinfo.info_slave_data.flood false
	matches isolated_and_macs_alias ' net=br0 isolated macs=52:54:00:12:34:56$' "$(jq -r '.[0].ifalias' <<<"$state")"
	release one

	# An address that the bridge has learned elsewhere is no obstacle: nobody is bound to it.
	ip link add v0 type veth peer name v1 && ip link set v0 master br0 up && ip link set v1 up
	bridge fdb add 52:54:00:12:34:56 dev v0 master dynamic
	hold_state --uid $alice $helper --br=br0
	equal macs_learned_elsewhere "$reply_tap static" "$(bridge -j fdb show br br0 | jq -r '.[] | select(.mac == "52:54:00:12:34:56") | .ifname + " " + .state' | sort -u)"
	release one
	ip link delete v0

	world_policy 'allow br0 vlan=77'
	refused vlan_unfiltered "^failed to add interface to bridge \`br0': the rule says vlan=77, but the bridge does not filter VLANs \(as root: ip link set br0 type bridge vlan_filtering 1\)" --uid $alice $helper --br=br0
	if ! ip link add brv address 52:54:00:77:14:00 type bridge vlan_filtering 1 2>/dev/null; then
		skip vlan "this kernel has no bridge VLAN filtering (tests/vm has one)"
		return
	fi
	ip link set brv up
	world_policy 'allow brv vlan=77 isolated macs=52:54:00:12:34:56'
	hold_state --uid $alice $helper --br=brv
	equal vlan '77 PVID,Egress Untagged' "$(bridge -j vlan show dev "$reply_tap" | jq -r '.[0].vlans | map((.vlan | tostring) + " " + (.flags | join(","))) | join(";")')"
	matches vlan_alias ' net=brv isolated vlan=77 macs=52:54:00:12:34:56$' "$(jq -r '.[0].ifalias' <<<"$state")"
	equal vlan_fdb '77 static' "$(bridge -j fdb show br brv | jq -r '.[] | select(.mac == "52:54:00:12:34:56") | (.vlan | tostring) + " " + .state')"
	release one
	ip link delete brv
}

# the bridge's own address
test_bridge_address() {
	world_policy 'allow all'
	hold one --mac 02:00:00:00:00:01 --uid $alice $helper --br=br0
	equal address_of_tap_changed 02:00:00:00:00:01 "$(link "$reply_tap" .address)"
	equal address_pinned_stays 52:54:00:77:13:00 "$(link br0 .address)"
	release one
	equal address_pinned_stays_after 52:54:00:77:13:00 "$(link br0 .address)"

	# Where it is not pinned it follows: the kernel's rule, and the reason for the warning in the journal.
	ip link add brloose type bridge && ip link set brloose up
	hold one --mac 02:00:00:00:00:01 --uid $alice $helper --br=brloose
	equal address_loose_follows 02:00:00:00:00:01 "$(link brloose .address)"
	release one
	ip link delete brloose
}

# names
test_names() {
	ip link property add dev br0 altname default altname all altname guest-network-one
	world_policy 'allow default'
	granted name_rule_alt_request_canonical --uid $alice $helper --br=br0
	granted name_rule_alt_request_alt --uid $alice $helper --br=default
	world_policy 'allow br0'
	hold one --uid $alice $helper --br=default
	matches name_rule_canonical_request_alt '^guestnet uid=4201 pid=[0-9]+ net=br0$' "$(link "$reply_tap" .ifalias)"
	equal name_slot_is_canonical guestnet.u4201.s0.br0 "$(link "$reply_tap" '.altnames | join(" ")')"
	release one
	world_policy $'allow br0\ndeny default'
	refused name_deny_by_alt "^access denied by acl file: uid 4201 may not use bridge \`br0': $policy_file:2 denies it" --uid $alice $helper --br=br0
	world_policy $'deny br0\nallow default'
	refused name_deny_by_canonical "^access denied by acl file: uid 4201 may not use bridge \`default': $policy_file:1 denies it" --uid $alice $helper --br=default
	world_policy 'allow other'
	refused name_other "no rule allows it" --uid $alice $helper --br=default
	world_policy 'allow guest-network-o'
	refused name_no_prefix "no rule allows it" --uid $alice $helper --br=br0
	ip link property del dev br0 altname default altname all altname guest-network-one
	world_policy 'allow all'
	ip link add brexactly15byte type bridge
	hold one --uid $alice $helper --br=brexactly15byte
	equal name_15_bytes guestnet.u4201.s0.brexactly15byte "$(link "$reply_tap" '.altnames | join(" ")')"
	release one
	ip link delete brexactly15byte

	# A name may look like options of ours, and hold bytes that terminals act on.
	local name
	for name in '--br=x' $'b\xc3\xbc' "a'b\"c" '\x1b'; do
		ip link add "$name" type bridge 2>/dev/null || continue
		granted "name_odd_$(printf %s "$name" | od -An -tx1 | tr -d ' \n')" --uid $alice $helper "--br=$name"
		ip link delete "$name"
	done
}

# how it is started
# way_out ID CAUSE ARG...: no capability; names the cause and the daemon's socket.
way_out() {
	local id=$1 cause=$2
	shift 2
	refused "$id" "^failed to create tun device: Operation not permitted: $cause.*; and guestnetd cannot be asked instead: $daemon_socket: " "$@"
}
as_alice() { setpriv --reuid=$alice --regid=$alice --clear-groups -- "$@"; }
test_start() {
	local launch_all=$launch
	world_policy 'allow br0'
	granted start_capability --uid $alice $helper --br=br0
	granted start_setuid --uid $alice $helper_setuid --br=br0
	granted start_root $helper_plain --br=br0
	granted start_root_with_capability $helper --br=br0
	granted start_root_setuid $helper_setuid --br=br0
	world_policy 'allow br0 user=4202'
	refused start_root_has_no_privilege "^access denied by acl file: uid 0 may not use" $helper_plain --br=br0
	world_policy 'allow br0'

	way_out start_none "$helper_plain has lost its file capability \(as root: setcap cap_net_admin=p $helper_plain\)" --uid $alice $helper_plain --br=br0
	way_out start_no_new_privs 'the process may not gain privileges \(no_new_privs' --no-new-privs --uid $alice $helper --br=br0
	way_out start_no_new_privs_setuid 'the process may not gain privileges \(no_new_privs' --no-new-privs --uid $alice $helper_setuid --br=br0

	way_out start_seccomp 'the capability does not count .*seccomp' --seccomp --uid $alice $helper --br=br0
	way_out start_seccomp_setuid 'the capability does not count .*seccomp' --seccomp --uid $alice $helper_setuid --br=br0

	mkdir -p $world/nosuid && mount -t tmpfs -o nosuid,mode=755 tmpfs $world/nosuid
	cp $helper_plain $world/nosuid/capability && setcap cap_net_admin=p $world/nosuid/capability
	install -m 4755 $helper_plain $world/nosuid/setuid
	way_out start_nosuid "$world/nosuid/capability is on a filesystem mounted nosuid" --uid $alice $world/nosuid/capability --br=br0
	way_out start_nosuid_setuid "$world/nosuid/setuid is on a filesystem mounted nosuid" --uid $alice $world/nosuid/setuid --br=br0

	# The program's own name is the caller's to choose, as far as links go.
	ln -sf $helper_plain $tmp/$'red\e[31m'
	refused start_name_is_escaped 'red\\x1b\[31m has lost its file capability' --uid $alice $tmp/$'red\e[31m' --br=br0

	launch=$world/tools/launch-unbounded
	printf '#!/bin/sh\nexec setpriv --bounding-set=-net_admin --inh-caps=-all %s "$@"\n' "$launch_all" >$launch
	chmod 755 $launch
	way_out start_unbounded 'CAP_NET_ADMIN is not in the bounding set' --uid $alice $helper --br=br0
	way_out start_unbounded_setuid 'CAP_NET_ADMIN is not in the bounding set' --uid $alice $helper_setuid --br=br0
	way_out start_unbounded_root 'CAP_NET_ADMIN is not in the bounding set' $helper_plain --br=br0
	# What is not needed may be missing.
	printf '#!/bin/sh\nexec setpriv --bounding-set=-all,+net_admin,+setuid,+setgid --inh-caps=-all %s "$@"\n' "$launch_all" >$launch
	granted start_small_bounding_set --uid $alice $helper --br=br0
	granted start_small_bounding_set_setuid --uid $alice $helper_setuid --br=br0

	printf '#!/bin/sh\nexec setpriv --reuid=%s --regid=%s --clear-groups %s "$@"\n' $alice $alice "$launch_all" >$launch
	granted start_untraced $helper --br=br0
	way_out start_traced 'the capability of .* does not count here \(a user namespace, or the program is being traced\)' --trace $helper --br=br0
	way_out start_traced_setuid 'the capability of .* does not count here \(a user namespace, or the program is being traced\)' --trace $helper_setuid --br=br0
	launch=$launch_all

	install -m 2755 -g 4300 $helper_plain $world/setgid
	refused start_setgid '^failed to drop privileges: started as uid 4201/4201, gid 4201/4300: this program may be set-user-ID root, or have the file capability cap_net_admin=p, and nothing else' --uid $alice $world/setgid --br=br0
	setcap cap_net_admin=p $world/setgid
	refused start_setgid_capability '^failed to drop privileges: started as' --uid $alice $world/setgid --br=br0
	install -m 4755 -o $bob $helper_plain $world/setuid-bob
	refused start_setuid_other '^failed to drop privileges: started as uid 4201/4202' --uid $alice $world/setuid-bob --br=br0
	setcap cap_net_admin=p $world/setuid-bob
	refused start_setuid_other_capability '^failed to drop privileges: started as uid 4201/4202' --uid $alice $world/setuid-bob --br=br0
	rm -f $world/setgid $world/setuid-bob

	# In a user namespace: with a network namespace of one's own it works with what one has there, and nowhere else.
	if ! as_alice unshare -Urn true 2>/dev/null; then
		skip start_user_namespace "this system does not let users make user namespaces"
		return
	fi
	reply_read "$(as_alice unshare -Urn sh -c "ip link add br0 type bridge && $launch --no-hold $helper_plain --br=br0 </dev/null" 2>&1)"
	equal start_user_namespace '0 0 true gn0_0' "$reply_status $reply_byte $reply_fd $reply_tap"
	reply_read "$(as_alice unshare -Urn sh -c "ip link add br1 type bridge && $launch --no-hold $helper_plain --br=br1 </dev/null" 2>&1)"
	matches start_user_namespace_policy "^access denied by acl file: uid 0 may not use bridge \`br1'" "$reply_stderr"
	launch=$world/tools/launch-in-userns
	printf '#!/bin/sh\nexec setpriv --reuid=%s --regid=%s --clear-groups unshare -Ur %s "$@"\n' $alice $alice "$launch_all" >$launch
	chmod 755 $launch
	way_out start_user_namespace_only '.*user namespace' $helper_plain --br=br0
	way_out start_user_namespace_capability '.*user namespace' $helper --br=br0
	launch=$launch_all
}

# what it holds while it runs
stopped_or_ended() { grep -q 'stopped by SIGSTOP' $tmp/strace || ! kill -0 $tracer; }
# stop_at SYSCALL PATH COPY ARG...: starts the helper COPY as alice under strace and stops it behind the first SYSCALL
# (on PATH, unless that is '-'); $stopped is its pid.
stop_at() {
	local syscall=$1 path=$2 copy=$3 filter=()
	shift 3
	[ "$path" = - ] || filter=(-P "$path")
	rm -f $tmp/strace $tmp/stopped
	strace -f -qq -o $tmp/strace "${filter[@]}" -e trace="$syscall" -e inject="$syscall:signal=SIGSTOP:when=1" \
		"$launch" --no-hold --uid $alice --groups 4300,4301 "$@" "$copy" --br=br0 </dev/null >$tmp/stopped &
	tracer=$!
	stopped=
	wait_for 20 stopped_or_ended
	grep -q 'stopped by SIGSTOP' $tmp/strace || { ended $tracer; return 1; }
	stopped=$(awk '/stopped by SIGSTOP/ { print $1; exit }' $tmp/strace)
}
# The launcher may have stopped at a call of the same name, later.
tracer_ended() {
	awk '/stopped by SIGSTOP/ { print $1 }' $tmp/strace | xargs -r kill -CONT
	! kill -0 "$tracer"
}
go_on() {
	wait_for 20 tracer_ended || ended "$tracer"
	reply_read "$(cat $tmp/stopped)"
}
status_of() {	# FIELD
	awk -v field="$1:" '$1 == field { $1 = ""; gsub(/[ \t]+/, " "); sub(/^ /, ""); print; exit }' "/proc/$stopped/status"
}
caps() { local name; for name in CapInh CapPrm CapEff CapBnd CapAmb; do printf '%s ' "$(status_of $name | sed 's/^0*//; s/^$/0/')"; done; }
sealed_against_alice() {	# its memory and its descriptors
	[ "$(stat -c %u "/proc/$stopped/mem")" = 0 ] && ! as_alice cat "/proc/$stopped/maps" && ! as_alice ls "/proc/$stopped/fd" &&
		! as_alice strace -p "$stopped" -o /dev/null
}

# stage ID COPY SYSCALL PATH PERMITTED EFFECTIVE BOUNDING
stage() {
	stop_at "$3" "$4" "$2" --extra-fds 1000 || { fail "$1_stops" "did not call $3"; return; }
	equal "$1_ids" '4201 4201 4201 4201; 4201 4201 4201 4201; 4300 4301' "$(status_of Uid); $(status_of Gid); $(status_of Groups)"
	equal "$1_capabilities" "0 $5 $6 $7 0 " "$(caps)"
	equal "$1_no_new_privs" 1 "$(status_of NoNewPrivs)"
	check "$1_sealed" sealed_against_alice
	if [ -z "$(ls "/proc/$stopped/fd" | awk '$1 > 20')" ]; then pass "$1_fds"; else fail "$1_fds" "open: $(ls "/proc/$stopped/fd" | tr '\n' ' ')"; fi
	go_on
	equal "$1_then" '0 0 true' "$reply_status $reply_byte $reply_fd"
}
test_privileges() {
	local bounding
	need privileges strace || return
	world_policy 'allow br0'
	# A file capability cannot empty the bounding set; set-user-ID can.
	bounding=$(awk '$1 == "CapBnd:" { sub(/^0*/, "", $2); print $2 }' /proc/self/status)
	stage capability_before_policy $helper '?open,openat' $policy_file 1000 0 "$bounding"
	stage capability_tap $helper ioctl - 1000 1000 "$bounding"
	stage capability_reply $helper sendmsg - 0 0 "$bounding"
	stage setuid_before_policy $helper_setuid '?open,openat' $policy_file 1000 0 0
	stage setuid_tap $helper_setuid ioctl - 1000 1000 0
	stage setuid_reply $helper_setuid sendmsg - 0 0 0

	# Root keeps no more than anybody else.
	if stop_at '?open,openat' $policy_file $helper_plain --uid 0; then
		equal root_capabilities '0 1000 0 0 0 ' "$(caps)"
		equal root_no_new_privs 1 "$(status_of NoNewPrivs)"
		go_on
	else
		fail root_stops
	fi
}

# hostile callers
test_environment() {
	world_policy 'allow br0'
	local copy
	for copy in $helper $helper_setuid; do
		local name=${copy%/*}
		granted "environment_${name##*/}" --env LD_PRELOAD=$tmp/evil.so --env LD_LIBRARY_PATH=$tmp --env LD_AUDIT=$tmp/evil.so \
			--env GCONV_PATH=$tmp --env LOCPATH=$tmp --env LANG=xx_XX --env MALLOC_PERTURB_=1 \
			--env GUESTNET_POLICY=$tmp/policy --env TMPDIR=/nonexistent --uid $alice $copy --br=br0
	done
	refused environment_changes_no_path "^access denied by acl file: .*$policy_file" --env GUESTNET_CONFIG=$tmp/x --uid $alice $helper --br=other

	granted fds_closed_0 --close 0 --uid $alice $helper --br=br0
	granted fds_closed_1 --close 1 --uid $alice $helper --br=br0
	granted fds_closed_2 --close 2 --uid $alice $helper --br=br0
	granted fds_closed_all --close 0,1,2 --uid $alice $helper --br=br0
	granted fds_closed_all_setuid --close 0,1,2 --uid $alice $helper_setuid --br=br0
	launch --close 0,1,2 --uid $alice $helper --br=other
	equal fds_closed_refused '1 -1 false  ' "$reply_status $reply_byte $reply_fd $reply_stdout $reply_stderr"
	launch --close 0,1,2 --uid $alice $helper_plain --br=br0
	equal fds_closed_none '1 -1 false  ' "$reply_status $reply_byte $reply_fd $reply_stdout $reply_stderr"
	granted fds_1000 --extra-fds 1000 --uid $alice $helper --br=br0
	granted fds_socket_is_0 --at 0 --uid $alice $helper --br=br0
	granted fds_socket_is_1 --at 1 --uid $alice $helper --br=br0
	granted fds_socket_is_2 --at 2 --uid $alice $helper --br=br0
	granted fds_socket_is_4000 --at 4000 --uid $alice $helper --br=br0

	granted signals_blocked --signals block --uid $alice $helper --br=br0
	granted signals_ignored --signals ignore --uid $alice $helper --br=br0
	granted signals_ignored_setuid --signals ignore --uid $alice $helper_setuid --br=br0
	launch --signals ignore --type dead --uid $alice $helper --br=br0
	equal signals_ignored_dead_peer '1 -1 false' "$reply_status $reply_byte $reply_fd"
}

# the reply socket
test_socket() {
	local before after kind unix="^failed to write fd to unix socket: fd [0-9]+"
	world_policy 'allow br0'
	for kind in stream dgram seqpacket nonblock; do
		granted socket_$kind --type $kind --uid $alice $helper --br=br0
	done

	before=$(next_index)
	refused socket_file "$unix is not a socket: " --type file --uid $alice $helper --br=br0
	refused socket_closed "$unix is not a socket: " --type none --uid $alice $helper --br=br0
	refused socket_inet "$unix is a socket of another family" --type inet --uid $alice $helper --br=br0
	refused socket_netlink "$unix is a socket of another family" --type netlink --uid $alice $helper --br=br0
	refused socket_unconnected "$unix is not connected" --type unconnected --uid $alice $helper --br=br0
	refused socket_listening "$unix is a listening socket" --type listening --uid $alice $helper --br=br0
	refused socket_dead '^failed to write fd to unix socket: nobody is at the other end of fd [0-9]+' --type dead --uid $alice $helper --br=br0
	after=$(next_index)
	equal socket_refused_before_tap 1 $((after - before))

	refused socket_full '^failed to write fd to unix socket: .*: the socket was full for 5 s' --type full --uid $alice $helper --br=br0
}

# the command line
test_arguments() {
	world_policy 'allow br0'
	local long=$(printf 'x%.0s' {1..5000}) many=() i
	granted argv_order --raw --uid $alice $helper --br=br0 --fd=@ --use-vnet
	granted argv_order_2 --raw --uid $alice $helper --fd=@ --br=br0
	granted argv_last_bridge --raw --uid $alice $helper --br=nope --fd=@ --br=br0
	granted argv_last_fd --raw --uid $alice $helper --fd=900 --br=br0 --fd=@
	granted argv_vnet_twice --raw --uid $alice $helper --use-vnet --use-vnet --br=br0 --fd=@
	granted argv_fd_zeros --raw --uid $alice $helper --br=br0 --fd=000@
	for ((i = 0; i < 1500; i++)); do many+=(--use-vnet); done
	granted argv_many --raw --uid $alice $helper --br=br0 "${many[@]}" --fd=@
	usage_error argv_none 'no bridge is named: --br=NAME is missing' --raw --uid $alice $helper
	usage_error argv_no_bridge 'no bridge is named: --br=NAME is missing' --raw --uid $alice $helper --fd=@
	usage_error argv_no_fd 'no socket is named: --fd=FD is missing' --raw --uid $alice $helper --br=br0
	usage_error argv_unknown 'unknown argument "--vhost"' --uid $alice $helper --br=br0 --vhost
	usage_error argv_parted 'unknown argument "--br"' --uid $alice $helper --br br0
	usage_error argv_word 'unknown argument "br0"' --uid $alice $helper br0
	usage_error argv_empty_word 'unknown argument ""' --uid $alice $helper --br=br0 ''
	usage_error argv_dashes 'unknown argument "--"' --uid $alice $helper -- --br=br0
	usage_error argv_vnet_value 'unknown argument "--use-vnet=1"' --uid $alice $helper --use-vnet=1 --br=br0
	usage_error argv_short 'unknown argument "-h"' --uid $alice $helper -h
	for i in '' ' 3' +3 -1 0x3 3x 3.0 99999999999 4294967299 2147483648 ٣; do
		usage_error "argv_fd_$(printf %s "$i" | od -An -tx1 | tr -d ' \n')" 'invalid fd ".*": want the number of an open socket' --raw --uid $alice $helper --br=br0 "--fd=$i"
	done
	for i in '' . .. a/b a:b 'a b' $'a\tb' $'a\nb' $'a\x7fb' '%d' gn%d 0123456789abcdef $'\e[31m'; do
		usage_error "argv_bridge_$(printf %s "$i" | od -An -tx1 | tr -d ' \n')" "invalid bridge name \".*\": want 1 to 15 bytes without blanks, '/', ':' or '%'" --uid $alice $helper "--br=$i"
	done
	launch --uid $alice $helper --br=$'\e[31m\nx'
	matches argv_escaped '^invalid bridge name "\\x1b\[31m\\x0ax": ' "$reply_stderr"
	launch --uid $alice $helper $'--\e]0;x\a\xff'
	matches argv_escaped_option '^unknown argument "--\\x1b\]0;x\\x07\\xff"\\u000aUsage: ' "$reply_stderr"
	launch --uid $alice $helper "--$long"
	equal argv_long '1 -1 false  yes' "$reply_status $reply_byte $reply_fd $reply_stdout $([ ${#reply_stderr} -lt 1500 ] && echo yes)"
	launch --uid $alice $helper "--br=$long"
	equal argv_long_bridge '1 -1 false  yes' "$reply_status $reply_byte $reply_fd $reply_stdout $([ ${#reply_stderr} -lt 1500 ] && echo yes)"

	launch --raw --uid $alice $helper --help
	equal argv_help '0 -1 false ' "$reply_status $reply_byte $reply_fd $reply_stderr"
	matches argv_help_text '^Usage: guestnet-bridge-helper \[--use-vnet\] --br=BRIDGE --fd=FD\\u000a' "$reply_stdout"
	launch --uid $alice $helper --br=br0 --version
	equal argv_version '0 -1 false ' "$reply_status $reply_byte $reply_fd $reply_stderr"
	matches argv_version_text '^guestnet-bridge-helper [0-9.]+\\u000a$' "$reply_stdout"
	check argv_left no_taps
}

# messages
test_messages() {
	local name
	world_policy $'allow br0\nallow nope\nallow brx user=4202\nallow v0\nallow lo\nallow t0\nallow v1'
	ip link add brx type bridge
	refused message_no_bridge "^failed to get mtu of bridge \`nope': No such device: there is no bridge of that name \(you may use: br0\); if it is a declared network, start it: guestnet start nope" --uid $alice $helper --br=nope
	refused message_no_bridge_bob "\(you may use: br0, brx\)" --uid $bob $helper --br=nope
	world_policy 'allow nope'
	refused message_no_bridge_at_all "\(you may use: none\)" --uid $alice $helper --br=nope
	world_policy $'allow all\ndeny brx'
	refused message_no_bridge_all "\(you may use: br0\)" --uid $alice $helper --br=nope
	ip link delete brx

	ip link add v0 type veth peer name v1
	refused message_veth "^failed to add interface to \`v0': v0 is not a bridge \(veth\)" --uid $alice $helper --br=v0
	refused message_nic "^failed to add interface to \`lo': lo is not a bridge \(a network card\)" --uid $alice $helper --br=lo
	ip tuntap add t0 mode tap
	launch --uid $alice $helper --br=t0
	matches message_tap "^failed to add interface to \`t0': t0 is not a bridge \(tun\)" "$reply_stderr"
	ip tuntap del t0 mode tap
	ip link delete v0

	world_policy $'# comment\nallow br1\n\ndeny br0 user=4201'
	refused message_denied "^access denied by acl file: uid 4201 may not use bridge \`br0': $policy_file:4 denies it \(a deny rule beats every allow; an administrator can change that line\)" --uid $alice $helper --br=br0
	refused message_no_rule "^access denied by acl file: uid 4202 may not use bridge \`br0': no rule allows it \(an administrator can add to $policy_file the line: allow br0 user=4202\)" --uid $bob $helper --br=br0

	# The line that the message proposes is one that works.
	launch --uid $bob $helper --br=br0
	world_policy "$(sed 's/.*the line: \(.*\)).*/\1/' <<<"$reply_stderr")"
	granted message_line_works --uid $bob $helper --br=br0
	refused message_line_is_for_one 'no rule allows it' --uid $alice $helper --br=br0

	# Somebody else's denial: what is said does not tell whom other rules mean.
	world_policy $'allow br0 user=4202'
	launch --uid $alice $helper --br=br0
	equal message_reveals_nothing 0 "$(grep -c "4202" <<<"$reply_stderr")"

	world_policy 'allow br0'
	mv /dev/net/tun /dev/net/away
	refused message_tun_missing '^failed to open /dev/net/tun: No such file or directory: the kernel module tun is not loaded \(as root: modprobe tun\), or this container has no such device' --uid $alice $helper --br=br0
	mv /dev/net/away /dev/net/tun
	chmod 600 /dev/net/tun
	refused message_tun_closed '^failed to open /dev/net/tun: Permission denied: its mode or a device policy keeps you out \(as root: chmod 0666 /dev/net/tun\)' --uid $alice $helper --br=br0
	refused message_tun_closed_setuid '^failed to open /dev/net/tun: Permission denied' --uid $alice $helper_setuid --br=br0
	chmod 666 /dev/net/tun
	mv /dev/net/tun /dev/net/away
	: >/dev/net/tun && chmod 666 /dev/net/tun
	refused message_tun_is_a_file '^failed to create tun device: ' --uid $alice $helper --br=br0
	rm /dev/net/tun
	mv /dev/net/away /dev/net/tun

	# A name with quotes and escapes in it, from the kernel's side and from the caller's.
	world_policy 'deny all'
	refused message_escaped "uid 4201 may not use bridge \`b\\\\xc3\\\\xbc\\\\xff': $policy_file:1 denies it" --uid $alice $helper --br=$'b\xc3\xbc\xff'
	# More bridges than anybody wants to read.
	world_policy 'allow all'
	for name in {10..40}; do printf 'link add listed%s type bridge\n' "$name"; done | ip -batch -
	refused message_long_list '\(you may use: ([a-z0-9]+, ){12}\.\.\.\)' --uid $alice $helper --br=nope
	for name in {10..40}; do printf 'link delete listed%s\n' "$name"; done | ip -batch -
}

# records
recorded() { grep -q "$1" $tmp/journal; }
journal_start() {	# [stuck]
	mkdir -p /run/systemd/journal
	local socket=${journal_socket:-/run/systemd/journal/socket}
	rm -f $tmp/journal "$socket"
	$world/tools/observe-journal "$socket" "$@" >$tmp/journal &
	journal=$!
	wait_for 10 test -S "$socket"
}
test_journal() {
	world_policy $'allow br0 user=4201\nallow brloose'
	journal_start
	hold one --uid $alice $helper --br=br0
	check journal_allow_sent wait_for 10 recorded '^uid='
	equal journal_allow $'PRIORITY=6\nSYSLOG_FACILITY=10\nSYSLOG_IDENTIFIER=guestnet-bridge-helper\nGUESTNET_VERDICT=allow\nGUESTNET_UID=4201\nBRIDGE=br0\nTAP=gn4201_0\nGUESTNET_RULE='$policy_file$':1\nMESSAGE=uid 4201 got gn4201_0 on bridge br0 by '$policy_file':1' "$(grep -v '^uid=' $tmp/journal)"
	matches journal_sender '^uid=4201 pid=[0-9]+ --$' "$(grep '^uid=' $tmp/journal)"
	release one
	ended $journal

	journal_start
	launch --uid $bob $helper --br=br0
	check journal_deny_sent wait_for 10 recorded '^uid='
	equal journal_deny $'PRIORITY=4\nSYSLOG_FACILITY=10\nSYSLOG_IDENTIFIER=guestnet-bridge-helper\nGUESTNET_VERDICT=deny\nGUESTNET_UID=4202\nBRIDGE=br0' "$(grep -v '^uid=\|^MESSAGE' $tmp/journal)"
	equal journal_deny_message "MESSAGE=${reply_stderr%\\u000a}" "$(grep '^MESSAGE' $tmp/journal)"
	ended $journal

	ip link add brloose type bridge
	journal_start
	launch --uid $alice $helper --br=brloose
	check journal_loose_sent wait_for 10 recorded '^uid='
	check journal_loose recorded "the bridge's own address is not pinned, so a port can change it"
	ended $journal
	ip link delete brloose

	journal_start
	launch --uid $alice $helper --br=$'b\xff\\'
	check journal_escaped_sent wait_for 10 recorded '^uid='
	check journal_escaped recorded '^BRIDGE=b\\xff\\x5c$'
	ended $journal

	# Where there is no journal: syslog.
	rm -f /run/systemd/journal/socket
	journal_socket=/dev/log journal_start
	launch --uid $bob $helper --br=br0
	check journal_syslog_sent wait_for 10 recorded '^uid=\|--$'
	matches journal_syslog '^<84>guestnet-bridge-helper\[[0-9]+\]: access denied by acl file: uid 4202' "$(head -n 1 $tmp/journal)"
	ended $journal
	rm -f /dev/log

	journal_start stuck
	check journal_is_stuck wait_for 10 recorded stuck
	launch=$world/tools/launch-bounded
	printf '#!/bin/sh\nexec timeout 20 %s "$@"\n' $world/tools/launch-helper >$launch
	chmod 755 $launch
	granted journal_stuck --uid $alice $helper --br=br0
	refused journal_stuck_deny '^access denied' --uid $bob $helper --br=br0
	launch=$world/tools/launch-helper
	ended $journal
	rm -f /run/systemd/journal/socket
	mkfifo -m 666 /run/systemd/journal/socket
	granted journal_is_a_fifo --uid $alice $helper --br=br0
	rm -f /run/systemd/journal/socket
}

# the daemon's socket
daemon_start() {	# MODE
	mkdir -p ${daemon_socket%/*}
	rm -f $daemon_socket
	$world/tools/fake-tapd $daemon_socket "$1" >$tmp/daemon 2>&1 &
	daemon=$!
	wait_for 10 daemon_listens
}
daemon_listens() { ss -xl | grep -q $daemon_socket; }
daemon_stop() {
	ended $daemon
	rm -f $daemon_socket
}
test_daemon() {
	local none="^failed to create tun device: Operation not permitted: .*; and guestnetd cannot be asked instead: $daemon_socket: " mode
	world_policy 'allow br0'
	need daemon ss || return

	refused daemon_absent "${none}No such file or directory" --uid $alice $helper_plain --br=br0
	mkdir -p ${daemon_socket%/*}
	: >$daemon_socket
	refused daemon_is_a_file "${none}(Connection refused|Permission denied)" --uid $alice $helper_plain --br=br0
	chmod 666 $daemon_socket
	refused daemon_is_an_open_file "${none}Connection refused" --uid $alice $helper_plain --br=br0
	rm -f $daemon_socket

	daemon_start tap
	launch --uid $alice $helper_plain --br=default
	equal daemon_tap '0 0 true fake0  ' "$reply_status $reply_byte $reply_fd $reply_tap $reply_stdout $reply_stderr"
	equal daemon_tap_flags '20482' "$(jq .flags <<<"$reply")"
	equal daemon_asked '{"uid":4201,"size":24,"magic":true,"version":1,"flags":3,"bridge":"default","fds":false}' "$(cat $tmp/daemon)"
	check daemon_tap_gone wait_for 10 no_taps
	launch --no-vnet --uid $alice $helper_plain --br=br0
	equal daemon_tap_plain '0 4098' "$reply_status $(jq .flags <<<"$reply")"
	check daemon_tap_plain_gone wait_for 10 no_taps
	launch --no-new-privs --uid $alice $helper --br=br0
	equal daemon_no_new_privs '0 fake0' "$reply_status $reply_tap"
	check daemon_no_new_privs_gone wait_for 10 no_taps
	if as_alice unshare -Ur true 2>/dev/null; then
		reply_read "$(as_alice unshare -Ur "$launch" --no-hold $helper --br=br0 </dev/null 2>&1)"
		equal daemon_user_namespace '0 fake0' "$reply_status $reply_tap"
		check daemon_user_namespace_gone wait_for 10 no_taps
	else
		skip daemon_user_namespace "this system does not let users make user namespaces"
	fi
	# With the capability at hand nobody is asked.
	: >$tmp/daemon
	granted daemon_not_needed --uid $alice $helper --br=br0
	equal daemon_not_asked '' "$(cat $tmp/daemon)"
	launch --type dead --uid $alice $helper_plain --br=br0
	equal daemon_dead_peer "1 -1 false " "$reply_status $reply_byte $reply_fd $(cat $tmp/daemon)"
	daemon_stop

	daemon_start refuse
	refused daemon_refuses '^refused by the test: br0\\u000a$' --uid $alice $helper_plain --br=br0
	daemon_stop
	for mode in short long magic version no-fd two-fds; do
		daemon_start $mode
		refused "daemon_wrong_$mode" "${none}Protocol error" --uid $alice $helper_plain --br=br0
		daemon_stop
	done
	daemon_start close
	refused daemon_closes "${none}Connection reset by peer" --uid $alice $helper_plain --br=br0
	daemon_stop
	daemon_start refuse-fd
	refused daemon_refuses_with_fd '^refused by the test: br0' --uid $alice $helper_plain --br=br0
	daemon_stop
	daemon_start unterminated
	refused daemon_unterminated '^x{1023}\\u000a$' --uid $alice $helper_plain --br=br0
	daemon_stop
	daemon_start silent
	refused daemon_silent "${none}(Connection|Operation) timed out" --uid $alice $helper_plain --br=br0
	daemon_stop

	# A queue of connections that nobody takes.
	daemon_start deaf
	local i fillers=()
	for i in 1 2 3; do
		"$launch" --no-hold --uid $alice $helper_plain --br=br0 </dev/null >/dev/null &
		fillers+=($!)
	done
	refused daemon_deaf "$none" --uid $alice $helper_plain --br=br0
	kill "${fillers[@]}" 2>/dev/null
	reap "${fillers[@]}"
	daemon_stop
}

world_bridge br0 || exit 1
parts=(device slots options bridge_address names start privileges environment socket arguments messages journal daemon)
[ $# -eq 0 ] || parts=("$@")
for part in "${parts[@]}"; do test_"$part"; done
