# SPDX-License-Identifier: GPL-2.0-or-later
# virsh's verbs for networks beside ours, on twins: libvirt's network "theirs" and our network "ours" are alike but for their
# names and prefixes. Sourced by tests/vm/libvirt.sh, whose guests "theirs" and "ours" have ports. Each verb is done to both,
# and what each then has is compared as tests/ctl/virsh.tsv says.
declare -A their_state=() our_state=() said=()

twin_files() {
	cat >$work/theirs.xml <<-'XML'
		<network>
		  <name>theirs</name>
		  <forward mode='nat'/>
		  <bridge name='br-theirs'/>
		  <ip address='10.50.0.1' netmask='255.255.255.0'><dhcp><range start='10.50.0.100' end='10.50.0.199'/></dhcp></ip>
		</network>
	XML
	printf '%s\n' '[Network]' Mode=nat Bridge=br-ours Autostart=no '[Address]' Address=10.51.0.1/24 '[DHCP]' \
		Range=10.51.0.100-10.51.0.199 >$work/ours.network
	printf '%s\n' '#!/bin/sh' 'printf "%s\n" "[Host]" MACAddress=52:54:00:13:00:01 Name=web Address=10.51.0.77 >>"$1"' >$work/add-host
	chmod 755 $work/add-host
	cat >$work/port.xml <<-'XML'
		<networkport>
		  <uuid>5d744f21-ba4a-4d6e-bdb2-30a35ff3207d</uuid>
		  <owner><name>web</name><uuid>12345678-1234-1234-1234-123456789abc</uuid></owner>
		  <mac address='52:54:00:13:00:0a'/>
		</networkport>
	XML
}

# One virsh for all, since starting it takes long here. vsh COMMAND...: what it prints, and its errors.
virsh_start() {
	printf '%s\n' '#!/bin/sh' 'sed -i s/10.50.0.199/10.50.0.150/ "$1"' >$work/edit-theirs
	chmod 755 $work/edit-theirs
	coproc VIRSH { EDITOR=$work/edit-theirs exec virsh --quiet 2>&1; }
	# Those of a coprocess are closed in subshells; these are not.
	exec {virsh_out}<&"${VIRSH[0]}" {virsh_in}>&"${VIRSH[1]}"
}
vsh() {
	local line
	# It prints a prompt, and each command after it.
	printf '%s\necho THE-END\n\n' "$*" >&"$virsh_in"
	while IFS= read -rt 60 line <&"$virsh_out" && [[ $line != THE-END* ]]; do
		line=${line%%virsh \# *}
		[ -z "$line" ] || printf '%s\n' "$line"
	done
}

# What is a network's own, in the same words for both.
alike() { sed -E 's/\b10\.5[01]\.0\./10.5x.0./g; s/13:00:0[12]\b/13:00:0x/g; s/\b(theirs|ours)\b/twin/g'; }
yes_no() { if "$@" >/dev/null 2>&1; then echo yes; else echo no; fi; }

their_look() {
	local info bridge
	vsh net-info theirs >$work/info
	info=$(<$work/info)
	[ -e /sys/class/net/br-theirs ] && bridge=yes || bridge=no
	[[ $info != *error:* ]] || { echo "absent, bridge $bridge"; return; }
	sed -nE 's/^(Active|Autostart|Persistent): *(.*)/\1 \2/p' <<<"$info" | tr 'A-Z\n' 'a-z,' | sed 's/,/, /g'
	echo "bridge $bridge"
}
our_look() {	# without jq, for what state() in system.bash says
	local report bridge=no active=yes persistent=yes autostart=no
	[ ! -e /sys/class/net/br-ours ] || bridge=yes
	report=$(guestnet status ours --json 2>/dev/null)
	[[ $report == '[{'* ]] || { echo "absent, bridge $bridge"; return; }
	[[ $report != *'"state":"stopped"'* ]] || active=no
	[[ $report != *'"autostart":true'* ]] || autostart=yes
	[[ $(guestnet cat ours --json 2>/dev/null) != '[{"path":"/run/'* ]] || persistent=no
	echo "active $active, persistent $persistent, autostart $autostart, bridge $bridge"
}

# row VERB: what both have now, and what more is to be compared (in $their_more and $our_more).
their_more='' our_more=''
row() {
	their_state[$1]=$(their_look | tr -d '\n' | alike)${their_more:+; $(alike <<<"$their_more")}
	our_state[$1]=$(our_look | tr -d '\n' | alike)${our_more:+; $(alike <<<"$our_more")}
	their_more='' our_more=''
}
theirs() {
	vsh "$@" >$work/theirs.out
	! grep error: $work/theirs.out || echo "virsh $*"
}
ours() { guestnet "$@" >$work/ours.out 2>&1 || echo "guestnet $*: $(tail -n 1 $work/ours.out)"; }
# instead VERB: ours says what to do in its place.
instead() { said[$1]=$(guestnet "$1" ours 2>&1; echo "status $?"); }

declared() {	# FILE: mode, address and range of one of our files
	sed -nE 's/^(Mode|Address|Range)=/\1 /p' "$1" | tr '\n' ' '
}
their_declared() {
	vsh net-dumpxml --inactive theirs >$work/declared.xml
	guestnet import $work/declared.xml --stdout 2>/dev/null >$work/declared
	declared $work/declared
}
our_declared() { guestnet net-dumpxml ours >$work/declared; declared $work/declared; }
their_leases() {
	awk '{ print $3, $5, $6 }' $work/theirs.out | sed 's,/24 , ,' | sort
}
our_leases() { guestnet net-dhcp-leases ours --json | jq -r '.[] | "\(.mac) \(.address) \(.name)"' | sort; }
leased() {	# GUEST ADDRESS
	lease "$1" -x hostname:web && [ "$(address "$1")" = "$2" ]
}
our_ports() { guestnet net-port-list ours --json | jq length; }
no_ports() { [ "$(guestnet net-port-list ours --json)" = '[]' ]; }
both_events() { grep -qi stopped "$1" && grep -qi started "$1"; }
events() { grep -oiE 'started|stopped' "$1" | tr 'A-Z' 'a-z' | sort -u | tr '\n' ' '; }

twins_run() {
	local waiter follower holder verb our compared words count=0 rows=0 out
	twin_files
	virsh_start
	theirs net-define $work/theirs.xml
	ours net-define $work/ours.network
	row net-define
	theirs net-autostart theirs
	ours net-autostart ours
	row net-autostart
	theirs net-autostart theirs --disable
	ours net-autostart ours --disable
	theirs net-start theirs
	ours net-start ours
	row net-start
	theirs net-info theirs
	their_more=$(yes_no there "$(sed -n 's/^Bridge: *//p' $work/theirs.out)")
	our_more=$(yes_no there "$(guestnet net-info ours --json | jq -r '.[0].bridge')")
	row net-info
	theirs net-list --all
	their_more=$(awk '$1 == "theirs" { print $1, $2, $3 }' $work/theirs.out)
	our_more=$(guestnet net-list --all --json | jq -r '.[] | select(.name == "ours") | [.name,
		if .state == "stopped" then "inactive" else "active" end, if .autostart then "yes" else "no" end] | join(" ")')
	row net-list
	theirs net-uuid theirs; instead net-uuid
	theirs net-name "$(grep . $work/theirs.out)"; instead net-name; row net-name; row net-uuid
	their_declared >$work/theirs.declared
	their_more=$(<$work/theirs.declared) our_more=$(our_declared)
	row net-dumpxml

	# Both follow what happens, until the end of what follows.
	stdbuf -oL virsh net-event --network theirs --event lifecycle --loop >$work/theirs.events 2>&1 &
	waiter=$!
	guestnet net-event ours --json >$work/ours.events 2>&1 &
	follower=$!
	# Ports: a network's that libvirt is told of, and a program's that has a tap.
	echo 'allow ours user=0' >>/etc/guestnet/bridge.conf
	theirs net-port-create theirs $work/port.xml
	instead net-port-create
	mkfifo $work/hold
	guestnet exec ours -- /bin/sh -c 'read line' '{fd}' <>$work/hold >$work/ours.out 2>&1 &
	holder=$!
	no_ports_yet() { ! no_ports; }
	wait_for 20 no_ports_yet || cat $work/ours.out
	theirs net-port-list theirs
	their_more=$(grep -c . $work/theirs.out) our_more=$(our_ports)
	row net-port-create
	their_more=$(grep -c 5d744f21 $work/theirs.out) our_more=$(guestnet net-port-list ours --json | jq '[.[] | select(.uid == 0)] | length')
	row net-port-list
	theirs net-port-dumpxml theirs 5d744f21-ba4a-4d6e-bdb2-30a35ff3207d
	their_more=$(grep -c '<uuid>5d744f21' $work/theirs.out)
	instead net-port-dumpxml
	our_more=$(guestnet ports ours --json | jq --argjson pid $holder '[.[] | select(.pid == $pid)] | length')
	row net-port-dumpxml
	theirs net-port-delete theirs 5d744f21-ba4a-4d6e-bdb2-30a35ff3207d
	instead net-port-delete
	kill $holder; reap $holder
	wait_for 20 no_ports
	theirs net-port-list theirs
	their_more=$(grep -c . $work/theirs.out) our_more=$(our_ports)
	row net-port-delete

	theirs net-edit theirs
	EDITOR="sed -i s/10.51.0.199/10.51.0.150/" ours net-edit ours
	their_declared >$work/theirs.declared
	their_more=$(<$work/theirs.declared) our_more=$(our_declared)
	row net-edit
	# A guest with an address of its own: what libvirt's net-update is mostly for.
	theirs net-update theirs add ip-dhcp-host "\"<host mac='52:54:00:13:00:02' name='web' ip='10.50.0.77'/>\"" --live --config
	instead net-update
	EDITOR=$work/add-host ours net-edit ours
	plug theirs br-theirs
	plug ours br-ours
	wait_for 60 leased theirs 10.50.0.77
	wait_for 60 leased ours 10.51.0.77
	their_more=$(address theirs) our_more=$(address ours)
	row net-update
	theirs net-dhcp-leases theirs
	their_more=$(their_leases) our_more=$(our_leases)
	row net-dhcp-leases

	their_turn() { theirs net-destroy theirs; theirs net-start theirs; both_events $work/theirs.events; }
	our_turn() { ours net-destroy ours; ours net-start ours; both_events $work/ours.events; }
	wait_for 60 their_turn
	wait_for 60 our_turn
	kill $waiter $follower; reap $waiter $follower
	their_more=$(events $work/theirs.events) our_more=$(events $work/ours.events)
	row net-event
	theirs net-destroy theirs
	ours net-destroy ours
	row net-destroy
	theirs net-undefine theirs
	ours net-undefine ours
	row net-undefine
	theirs net-create $work/theirs.xml
	ours net-create $work/ours.network
	row net-create
	theirs net-destroy theirs
	ours net-undefine ours

	equal virsh-verbs "$(sed -n 's/^\(net-[a-z-]*\)\t.*/\1/p' tests/ctl/virsh.tsv | sort | tr '\n' ' ')" \
		"$(vsh help network | grep -oE '^ +net-[a-z-]+' | tr -d ' ' | sort | tr '\n' ' ')"
	while IFS=$'\t' read -r verb our compared words; do
		[[ $verb = net-* ]] || continue
		rows=$((rows + 1))
		out=${our_state[$verb]-}
		if [ "$our" = - ] && [[ ${said[$verb]-} != *"there is no verb \"${verb#net-}\": $words"*'status 2' ]]; then
			fail virsh-$verb "it says: ${said[$verb]-}"
		elif [ -n "$out" ] && [ "$out" = "${their_state[$verb]-}" ]; then
			pass virsh-$verb
			count=$((count + 1))
			echo "$verb	$our	$out"
		else
			fail virsh-$verb "libvirt's: ${their_state[$verb]-}; ours: $out"
		fi
	done <tests/ctl/virsh.tsv
	echo "$count of $rows"
	equal virsh-all '19 of 19' "$count of $rows"
}
