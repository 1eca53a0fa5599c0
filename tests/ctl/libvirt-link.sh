#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# guestnet libvirt-link and libvirt-unlink where things go wrong: each call of virsh fails, or is the last one that is
# made. The real libvirt is in tests/vm/libvirt.sh.
suite=libvirt-link
. "$(dirname "$0")/../lib.sh"
. "$top/tests/netns/world.bash"
world_enter "$@"
world_setup || exit 1
for program in ip jq xmllint; do
	command -v $program >/dev/null || { skip all "not installed: $program"; exit 0; }
done
# What is kept is in a folder beside the daemon's.
state=$(world_path PATH_STATE_ROOT)-libvirt
world_replace "$(dirname "$state")" || exit 1
mkdir -p $tmp/bin $tmp/fake
install -m 755 "$top/tests/ctl/fake-virsh" $tmp/bin/virsh
export PATH=$tmp/bin:$PATH FAKE=$tmp/fake
ip link add gn-default type bridge
ip link property add dev gn-default altname default
ip link set gn-default alias 'guestnet net=default'
data=$top/tests/data/libvirt
kept=$state/default.xml

# The network as libvirt has it: with guests' portgroups, running.
reset() {
	rm -rf "$FAKE" "$state"
	mkdir -p "$FAKE"
	cat >"$FAKE/default.xml" <<-'XML'
		<network>
		  <name>default</name>
		  <uuid>3e3fce45-4f53-4fa7-bb32-11f34168b82b</uuid>
		  <title>mine</title>
		  <metadata><x:y xmlns:x='http://example.com/x'>z</x:y></metadata>
		  <forward mode='nat'/>
		  <bridge name='virbr0' stp='on' delay='0'/>
		  <mac address='52:54:00:12:34:56'/>
		  <portgroup name='slow'><bandwidth><inbound average='10'/></bandwidth></portgroup>
		  <port isolated='yes'/>
		  <ip address='192.168.122.1' netmask='255.255.255.0'><dhcp><range start='192.168.122.2' end='192.168.122.254'/></dhcp></ip>
		</network>
	XML
	sed "s/<network>/<network connections='${1-0}'>/" "$FAKE/default.xml" >"$FAKE/default.running"
	cp "$FAKE/default.xml" "$tmp/before.xml"
}
# What libvirt has: the definition without layout and comments, and whether it runs by it.
look() {
	xmllint --noblanks --c14n "$FAKE/default.xml" | sed 's/<!--.*-->//' | md5sum | cut -c1-12
	[ -e "$FAKE/default.running" ] && xmllint --noblanks --c14n "$FAKE/default.running" | sed "s/ connections=\"[0-9]*\"//; s/<!--.*-->//" | md5sum | cut -c1-12
}
client() { "$BIN/guestnet" "$@"; }
linked() {	# does it run as a bridge onto ours?
	[ "$(xmllint --xpath 'concat(/network/forward/@mode, " ", /network/bridge/@name)' "$FAKE/default.running")" = 'bridge gn-default' ] &&
		cmp -s "$FAKE/default.xml" "$FAKE/default.running"
}

# --- All is well.
reset
before=$(look)
check link client libvirt-link default
check linked linked
equal link-keeps 'default 3e3fce45-4f53-4fa7-bb32-11f34168b82b mine z slow yes' "$(echo $(xmllint --xpath \
	'concat(//name, " ", //uuid, " ", //title, " ", //metadata, " ", //portgroup/@name, " ", //port/@isolated)' "$FAKE/default.xml"))"
equal link-leaves '' "$(xmllint --xpath '//ip | //mac | //bridge/@stp' "$FAKE/default.xml" 2>/dev/null)"
check kept cmp "$tmp/before.xml" "$kept"
equal kept-mode '700 600' "$(stat -c %a "$state" "$kept" | tr '\n' ' ' | sed 's/ $//')"
calls=$(wc -l <"$FAKE/calls")
matches again 'is the bridge gn-default already' "$(client libvirt-link default 2>&1)"
check again-kept cmp "$tmp/before.xml" "$kept"
check unlink client libvirt-unlink default
equal unlinked "$before" "$(look)"
equal nothing-kept '' "$(ls -A "$state")"
out=$(client libvirt-unlink default 2>&1)
equal unlink-again-status 3 $?
matches unlink-again 'is no link of ours' "$out"

# --- A network that did not run: it does while it is a link, and does not afterwards.
reset
rm "$FAKE/default.running"
before=$(look)
check link-stopped client libvirt-link default
check linked-stopped linked
check unlink-stopped client libvirt-unlink default
equal unlinked-stopped "$before" "$(look)"

# --- Each call fails: nothing has changed.
wrong=''
for ((i = 1; i <= calls; i++)); do
	reset
	before=$(look)
	out=$(FAKE_FAIL=$i client libvirt-link default 2>&1)
	status=$?
	[ $status = 1 ] && [[ $out == "guestnet: virsh net-"*": call $i fails" ]] || wrong+=" $i: status $status, $out;"
	[ "$before" = "$(look)" ] || wrong+=" $i: not as before;"
done
equal link-fails '' "$wrong"
check calls test "$calls" -ge 6
reset
client libvirt-link default >/dev/null
: >"$FAKE/calls"
client libvirt-unlink default >/dev/null
unlink_calls=$(wc -l <"$FAKE/calls")
wrong=''
for ((i = 1; i <= unlink_calls; i++)); do
	reset
	client libvirt-link default >/dev/null
	: >"$FAKE/calls"
	out=$(FAKE_FAIL=$i client libvirt-unlink default 2>&1)
	status=$?
	[ $status = 1 ] && [[ $out == "guestnet: virsh net-"*": call $i fails" ]] || wrong+=" $i: status $status, $out;"
	linked || wrong+=" $i: no longer linked;"
	cmp -s "$tmp/before.xml" "$kept" || wrong+=" $i: not kept;"
done
equal unlink-fails '' "$wrong"
# The last step fails, and so does undoing it: that is said, and the definition is kept.
reset
out=$(FAKE_FAIL="$calls $((calls + 1))" client libvirt-link default 2>&1)
matches undo-fails "call $calls fails; and libvirt's network could not be put back: virsh net-define: call $((calls + 1)) fails" "$out"
check undo-fails-kept cmp "$tmp/before.xml" "$kept"
check undo-fails-unlink client libvirt-unlink default

# --- Killed before and after each call: both verbs go on from there.
wrong=''
for ((i = 1; i <= calls; i++)); do
	for when in - +; do
		for verb in link unlink; do
			reset
			(FAKE_KILL=$i$when client libvirt-link default) >/dev/null 2>&1
			rm -f "$FAKE/calls"
			if [ $verb = link ]; then
				client libvirt-link default >/dev/null 2>"$tmp/err" || wrong+=" $i$when: $(cat $tmp/err);"
				linked || wrong+=" $i$when: not linked;"
			fi
			# Where the definition was not touched yet there is nothing to take back.
			client libvirt-unlink default >/dev/null 2>&1
			[ "$(xmllint --noblanks --c14n "$FAKE/default.xml" | md5sum)" = "$(xmllint --noblanks --c14n "$tmp/before.xml" | md5sum)" ] ||
				wrong+=" $i$when $verb: another definition than before;"
		done
	done
done
equal killed '' "$wrong"

# --- What import says comes next, in the order in which it works: libvirt's bridge has the name and the addresses of ours.
next() { client import --libvirt default --force --output $tmp/imported.network 2>&1 | sed -n '/^Next:/,$s/^  \([a-z]* [a-z-]*\) .*/\1/p' | tr '\n' ' '; }
reset
equal import-next 'virsh net-destroy guestnet define guestnet libvirt-link ' "$(next)"
rm "$FAKE/default.running"
equal import-next-down 'guestnet define guestnet libvirt-link ' "$(next)"
sed -i "s/mode='nat'/mode='bridge'/; /<ip /d; /<mac /d" "$FAKE/default.xml"
equal import-next-bridged 'guestnet define ' "$(next)"

# --- What is refused.
complains() {	# ID STATUS REGEX ARGUMENT...
	local id=$1 status=$2 regex=$3 out before
	shift 3
	before=$(look)
	out=$(client "$@" 2>&1 >/dev/null)
	equal "$id-status" "$status" $?
	matches "$id" "$regex" "$out"
	equal "$id-unchanged" "$before" "$(look)"
}
reset 2
complains guests 1 'running guests have 2 interfaces on libvirt.s network default .*--force' libvirt-link default
check guests-force client libvirt-link default --force
reset
complains no-network 3 'there is no running network "lab"' libvirt-link lab
complains no-libvirt-network 3 "Network not found|failed to get network" libvirt-link default --libvirt-name lab
complains slash 1 'has no network of the name' libvirt-link default --libvirt-name ../x
ip link add br0 type bridge
complains foreign-bridge 3 'there is no running network "br0"' libvirt-link br0
FAKE_PERSISTENT=no complains transient 1 'it is only there until it ends' libvirt-link default
client libvirt-link default >/dev/null
sed -i "s/mode=.bridge./mode='nat'/" "$FAKE/default.xml"
complains changed 1 'has been changed since' libvirt-unlink default
check changed-force client libvirt-unlink default --force
rm $tmp/bin/virsh
if ! command -v virsh >/dev/null; then
	complains no-virsh 1 'virsh is not installed' libvirt-link default
fi
