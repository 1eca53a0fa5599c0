#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The client's verbs about networks, as somebody types them: text, JSON as doc/json.md documents it, exit statuses, an
# editor, terminals of 80 and 200 columns, completion; many clients at once, and clients that do not read.

suite=client-networks
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/world.bash"
world_enter "$@"
world_setup || exit 1
need all dnsmasq jq python3 || exit 0

root=$world/netd
mkdir -p $root/{etc/networks,vendor/networks,state,run}
cp "$top"/netd/networks/*.network $root/vendor/networks/
printf '[Network]\nMode=nat\nAutostart=no\n[Address]\nAddress=10.91.0.1/24\n' >$root/etc/networks/lab.network
export GUESTNET_BUS=unix:path=$root/run/bus.sock
client=$world/tools/guestnet
install -m 755 "$BIN/guestnet" $client
"$BIN/guestnetd" --config-root=$root/etc --vendor-root=$root/vendor --state-root=$root/state --run-root=$root/run \
	--service-user=65534 >>$root/log 2>&1 &
netd_pid=$!

run() { timeout 60 $client "$@" >"$tmp/out" 2>"$tmp/err" </dev/null; status=$?; out=$(<"$tmp/out") err=$(<"$tmp/err"); }
# says ID STATUS REGEX ARG...: exit status, stdout; nothing on stderr.
says() {
	local id=$1 want=$2 regex=$3
	shift 3
	run "$@"
	if [ "$status" != "$want" ] || [ -n "$err" ]; then fail "$id" "status $status, not $want: $out $err"; else matches "$id" "$regex" "$out"; fi
}
# complains ID STATUS REGEX ARG...: exit status, one line on stderr, nothing on stdout.
complains() {
	local id=$1 want=$2 regex=$3
	shift 3
	run "$@"
	if [ "$status" != "$want" ] || [ -n "$out" ] || [[ $err == *$'\n'* ]]; then
		fail "$id" "status $status, not $want, or not one line: '$out' '$err'"
	else
		matches "$id" "$regex" "$err"
	fi
}
state_is() { [ "$($client list --json | jq -r --arg n "$1" '.[] | select(.name == $n) | .state')" = "$2" ]; }

# documented SECTION: "key type" of each key in the tables of a section of doc/json.md; "type/null" where it may be null.
documented() {
	awk -v section="## $1" '$0 == section { on = 1; next } /^## / { on = 0 }
		on && /^\| `/ { split($0, cell, "|"); n = split(cell[2], name, ","); split(cell[3], word, " ")
			for (i = 1; i <= n; i++) { gsub(/[` ]/, "", name[i]); print name[i], word[1] (cell[3] ~ /or null/ ? "/null" : "") } }' \
		"$top/doc/json.md" | sort
}
# as_documented ID SECTION FILTER ARG...: the objects that the filter finds have the documented keys and types.
as_documented() {
	local id=$1 section=$2 filter=$3 key type bad=
	shift 3
	run "$@" --json
	if [ "$(wc -l <"$tmp/out")" != 1 ]; then fail "$id" "not one line: $out $err"; return; fi
	documented "$section" >$tmp/documented
	[ -s $tmp/documented ] || bad="doc/json.md has no section \"$section\""
	jq -r "[$filter] | .[] | to_entries[] | .key + \" \" + (.value | type)" <"$tmp/out" | sort -u >$tmp/there
	while read -r key type; do
		grep -qE "^$key ($type|${type/null*/null})\$" <(sed "s,/null, null," $tmp/documented | awk '{ for (i = 2; i <= NF; i++) print $1, $i }') ||
			bad+=" $key is $type;"
	done <$tmp/there
	for key in $(cut -d' ' -f1 $tmp/documented); do grep -q "^$key " $tmp/there || bad+=" no $key;"; done
	[ -s $tmp/there ] || bad+=" nothing found: $out"
	if [ -z "$bad" ]; then pass "$id"; else fail "$id" "$bad"; fi
}

wait_for 30 test -S $root/run/bus.sock
check up wait_for 30 state_is default running

# --- Looking
equal down-checksum '{"checksum":"none","checksum_reason":""}' "$($client status isolated --json | jq -c '.[0] | {checksum, checksum_reason}')"
says alone 0 $'^NAME +STATE +MODE +BRIDGE +PORTS +ADDRESSES\ndefault +running +nat ' list
says list_names 0 $'^default\nisolated\nlab$' net-list --all --names
says status 0 'lab is stopped since .*mode +nat' status lab
says info 0 '^default is running' net-info default
says cat 0 $'^# .*/vendor/networks/default.network\n.*Mode=nat' cat default
says dumpxml 0 'Address=10.91.0.1/24$' net-dumpxml lab
says leases_none 0 '^NETWORK +ADDRESS +MAC +NAME +EXPIRES +CLIENT-ID$' leases
complains unknown_network 3 'there is no network "defalt", did you mean "default"\?' status defalt
complains unknown_start 3 'there is no network "labb", did you mean "lab"\?' start labb
complains unknown_cat 3 'no network "x"' cat x
complains unknown_leases 3 'no network "iso1ated", did you mean "isolated"' dhcp-leases iso1ated
complains unknown_monitor 3 'no network "x"' monitor x
for verb in stop restart edit undefine autostart ports qemu cat info net-destroy; do
	complains "unknown_$verb" 3 'no network "labb", did you mean "lab"\?' $verb labb
done
complains unknown_unbridge 3 'no network "labb", did you mean "lab"\?' iface-unbridge labb
complains unbridge_none 1 'there is no network card in the bridge of lab, whose mode is nat: .*guestnet undefine lab' iface-unbridge lab
says unbridge_none_stays 0 'lab is stopped' status lab
says ports_of_none 0 '^NETWORK +PORT ' ports lab
complains unknown_exec 3 'no network "labb", did you mean "lab"\?' exec labb -- /bin/true '{fd}'
complains unknown_link 3 'no .*network "labb", did you mean "lab"\?' libvirt-link labb
complains unknown_why 3 'nobody' why nobody 10.91.0.9:80
complains unknown_verb 2 'unknown verb "strat", did you mean "start"\?' strat default
complains unknown_net_verb 2 'unknown verb "undefin", did you mean "undefine"' net-undefin
says help_exec 0 '^Usage: guestnet exec NETWORK .*--queues NUMBER. -- VMM ARGUMENT...' help exec
says help_help 0 '^Usage: guestnet .VERB' help help
complains leases_empty 3 'there is no network ""' leases ''
complains why_host_host 2 'from the host to the host\? One of them is a guest' why host host
complains timeout_alone 2 '^guestnet: --timeout is for --wait' leases --timeout 3
complains wait_empty 2 '^guestnet: --wait is empty: --wait GUEST$' leases --wait ''
complains wait_nobody 2 '^guestnet: --wait wants a value: --wait GUEST$' leases --wait --json
complains exec_dashes 2 '^guestnet: -m is no option of guestnet exec: .*guestnet exec lab -- qemu-system-x86_64 ' exec lab qemu-system-x86_64 -m 1G
complains timeout_word 2 'want seconds' leases --wait a --timeout soon
complains no_lease 1 'no lease for nobody within 1 s' leases --wait nobody --timeout 1

# --- The virsh words that mean nothing here say what does. Two are of libvirt's later than the table's.
instead() { complains "virsh_$1" 2 "there is no verb \"${1#net-}\": $2" "$1" default; }
instead net-desc "a network's description is a comment in its file"
instead net-metadata 'a network has no metadata'
while IFS=$'\t' read -r verb ours _ words; do
	[[ $verb = \#* ]] && continue
	if [ "$ours" = - ]; then
		instead "$verb" "$words"
	else
		run help ${verb#net-}
		matches "virsh_$verb" "^Usage: guestnet ${ours%% *}" "$out"
	fi
done <"$top/tests/ctl/virsh.tsv"

# --- Leases: waiting sees one that comes while it waits, and one that is there.
$client start lab || fail start-lab "status $?"
check lab-up wait_for 30 state_is lab running
lease_line() { echo "$(($(date +%s) + 3600)) 52:54:00:00:00:0$1 10.91.0.7$1 $2 *"; }
timeout 60 $client leases lab --wait web >$tmp/waited & waiter=$!
lease_line 1 db >>$root/state/dnsmasq/lab.leases
lease_line 2 web >>$root/state/dnsmasq/lab.leases
reap $waiter
equal wait_status 0 $?
equal wait_address 10.91.0.72 "$(cat $tmp/waited)"
says wait_there 0 '^10.91.0.71$' leases --wait 52:54:00:00:00:01
# One that is over is said to be, and nobody has waited for it.
echo "1000000000 52:54:00:00:00:08 10.91.0.78 old 01:52:54:00:00:00:08" >>$root/state/dnsmasq/lab.leases
# A guest without a name is not one of the name "".
echo "$(($(date +%s) + 3600)) 52:54:00:00:00:09 10.91.0.79 * *" >>$root/state/dnsmasq/lab.leases
says wait_nameless 0 '^10.91.0.79$' leases --wait 52:54:00:00:00:09
complains wait_expired 1 'no lease for old within 1 s' leases --wait old --timeout 1
says leases_expired 0 $'lab +10.91.0.78 +52:54:00:00:00:08 +old +2001-09-0.* \\(expired\\) +01:52:54:00:00:00:08(\n|$)' leases lab
says leases_not_expired 0 $'lab +10.91.0.79 +52:54:00:00:00:09 +- +20[0-9: -]*[0-9] +-(\n|$)' leases lab
complains why_nameless 3 '"" is no address, and no guest of that name' why '' 10.91.0.9:80
says leases 0 $'lab +10.91.0.7[12] ' leases lab
as_documented json_leases leases '.[]' leases lab

# --- JSON, as it is documented
as_documented json_list 'list, status' '.[]' list
as_documented json_status 'list, status' '.[]' status default
as_documented json_cat cat '.[]' cat default
as_documented json_qemu qemu . qemu default --guest web
ip link add v8 type veth peer name v9 && ip link set v8 master gn-lab up
as_documented json_ports ports '.[]' ports lab
ip link del v8
as_documented json_why why . why host 10.91.0.9:80
as_documented json_doctor doctor '.[]' doctor
cp "$top/tests/data/libvirt/$(ls "$top/tests/data/libvirt" | grep -m 1 'xml$')" $tmp/import.xml
as_documented json_import import . import $tmp/import.xml --name imported --stdout
equal json_import_items 'line number path string translated boolean value string words string' \
	"$(jq -r '.items[0] | to_entries | sort_by(.key)[] | .key + " " + (.value | type)' <$tmp/out | tr '\n' ' ' | sed 's/ $//')"
run status x --json
equal json_error 'there is no network "x" (guestnet list shows them)' "$(jq -r .error <<<"$out")"

# --- Following: a line for each event, text and JSON
timeout 60 $client monitor >$tmp/monitor.txt & text_pid=$!
timeout 60 $client monitor --json >$tmp/monitor.json & json_pid=$!
timeout 60 $client monitor isolated --json >$tmp/monitor.one & one_pid=$!
follows() {	# until all of them have seen something
	$client start isolated && $client stop isolated
	[ -s $tmp/monitor.txt ] && [ -s $tmp/monitor.json ] && [ -s $tmp/monitor.one ]
}
wait_for 30 follows
check restart $client restart lab
saw() { [ -n "$(jq "select($1) | 1" $tmp/monitor.json 2>/dev/null)" ]; }
check monitor_stopped wait_for 20 saw '.event == "network-stopped" and .network == "lab"'
check monitor_started wait_for 20 saw '.event == "network-started" and .network == "lab"'
ip link add v0 type veth peer name v1 && ip link set v0 master gn-lab up
check monitor_port wait_for 20 saw '.event == "port-attached" and .port == "v0"'
ip link set gn-lab mtu 1300
check monitor_repair wait_for 20 saw '.event == "repair-done" and .network == "lab" and (.kinds | index("bridge-set"))'
lease_line 3 late >>$root/state/dnsmasq/lab.leases
check monitor_lease wait_for 20 saw '.event == "lease-added" and .address == "10.91.0.73" and .name == "late"'
check monitor_text wait_for 20 grep -qE '^[0-9-]+ [0-9:]+  lab has leased 10.91.0.73 to late 52:54:00:00:00:03$' $tmp/monitor.txt
sed -i '/ late /d' $root/state/dnsmasq/lab.leases
check monitor_taken_back wait_for 20 grep -qE '  lab has taken back 10.91.0.73 from late 52:54:00:00:00:03$' $tmp/monitor.txt
equal monitor_one isolated "$(jq -r .network $tmp/monitor.one | sort -u)"
undocumented=$(jq -r 'keys[]' $tmp/monitor.json | sort -u | comm -23 - <(documented monitor | cut -d' ' -f1 | sort -u))
equal monitor_documented '' "$undocumented"
ip link del v0
says repairs 0 'repairs +[1-9][0-9]* \(.*bridge-set [1-9]' status lab
kill $text_pid $json_pid $one_pid 2>/dev/null; reap $text_pid $json_pid $one_pid

# --- Declaring: what is wrong changes nothing
snapshot() { find $root/etc ! -name '*~' ! -path '*~/*' -type f | sort | xargs md5sum 2>/dev/null; }
unchanged() {	# ID STATUS REGEX ARG...
	local before
	before=$(snapshot)
	complains "$@"
	equal "$1_unchanged" "$before" "$(snapshot)"
}
printf '[Network]\nMode=isolated\nAutostart=no\n[Address]\nAddress=10.94.0.1/24\n' >$tmp/new.network
says define 0 '^$' define $tmp/new.network
check define_there state_is new stopped
says define_named 0 '^$' define $tmp/new.network new
printf '[Network]\nMode=isolatd\n' >$tmp/bad.network
unchanged define_wrong 1 'bad.network:2: Mode=isolatd: want .*, did you mean isolated\?' define $tmp/bad.network new
unchanged define_unnamed 2 'what is the network to be called' define $tmp/out
unchanged define_missing 3 'No such file' define $tmp/none.network
echo '<network/>' >$tmp/xml.network
unchanged define_xml 1 'this is XML.*guestnet import' define $tmp/xml.network
printf 'a\0b' >$tmp/zero.network
unchanged define_binary 1 'zero byte' define $tmp/zero.network
unchanged define_badname 1 'the name of a network has' define $tmp/new.network ../x
sed 's/10.94/10.97/' $tmp/new.network >$tmp/fleet.network
# Nothing is replaced that cannot be kept.
rm $root/etc/networks/new.network~
mkdir $root/etc/networks/new.network~
unchanged define_unkept 1 'new.network~: the text before cannot be kept there: Is a directory' define $tmp/fleet.network new
equal define_unkept_left 'new.network new.network~' "$(cd $root/etc/networks && echo new.network*)"
rmdir $root/etc/networks/new.network~
says create 0 '^$' create $tmp/fleet.network
check create_up wait_for 20 state_is fleet running
check create_not_there test ! -e $root/etc/networks/fleet.network
says undefine_fleet 0 '^$' undefine fleet
# The daemon's group is one of many.
check autostart_groups setpriv --reuid 4202 --regid 4202 --groups "0,$(seq -s, 5000 5299)" $client autostart new
says autostart 0 '^$' autostart new
equal autostart_on true "$($client status new --json | jq '.[0].autostart')"
says autostart_off 0 '^$' net-autostart new --disable
equal autostart_off_is false "$($client status new --json | jq '.[0].autostart')"
says undefine 0 '^$' net-undefine new
complains undefined 3 'no network "new"' status new

# --- What a reload would do
printf '[Network]\nMode=isolated\n[Address]\nAddress=10.96.0.1/24\n' >$root/etc/networks/dry.network
says dry_run 0 'bridge-create .*gn-dry' reload --dry-run
complains dry_run_nothing 3 'no network "dry"' status dry
printf '[Network]\nMode=isolatd\n' >$root/etc/networks/dry.network
run reload --dry-run
equal dry_run_wrong 1 $status
matches dry_run_wrong_says 'dry.network:2: Mode=isolatd' "$out"
rm $root/etc/networks/dry.network
says dry_run_same 0 '^nothing would change$' reload --dry-run

# --- An editor
edits() {	# ID STATUS SED ARG...: what the editor does to the text
	local id=$1 want=$2
	export EDITOR="sed -i -e '$3'"
	shift 3
	run edit "$@"
	unset EDITOR
	equal "$id" "$want" "$status"
}
edits edit 0 's/10.91.0.1/10.95.0.1/' lab
matches edit_says 'lab.network is changed, and in force' "$out"
address_is() { [ "$(ip -4 -j addr show dev gn-lab | jq -r '.[0].addr_info[0].local')" = "$1" ]; }
check edit_in_force wait_for 20 address_is 10.95.0.1
# What cannot be remembered is not done: not by the next look either.
rm $root/run/lab.wanted
mkdir $root/run/lab.wanted
complains stop_unwritten 1 'lab.wanted: Is a directory' stop lab
run reload
check stop_unwritten_runs state_is lab running
rmdir $root/run/lab.wanted
edits edit_nothing 0 '' lab
matches edit_nothing_says 'as it was' "$out"
before=$(snapshot)
edits edit_wrong 1 's/10.95/10.1295/' lab
matches edit_wrong_says 'lab.network:5: Address=10.1295.* is as it was; your text is in /tmp/' "$(tr '\n' ' ' <<<"$err")"
kept=$(grep -oE '/tmp/guestnet-[^ ]*' <<<"$err")
check edit_wrong_kept grep -q 10.1295 "$kept"
equal edit_wrong_unchanged "$before" "$(snapshot)"
# Right, but it cannot be: somebody else's interface has the name. The network that was up comes back as it was.
ip link add taken type veth peer name taken-too
edits edit_impossible 1 's/^Mode=nat/&\nBridge=taken/' lab
matches edit_impossible_says 'lab.network: does not work, the old text is in force again: bridge-rename' "$err"
equal edit_impossible_unchanged "$before" "$(snapshot)"
check edit_impossible_runs wait_for 20 state_is lab running
rm -f /tmp/guestnet-*.network
edits edit_vendor 0 '$a [Network]\nMTU=1400' default
matches edit_vendor_says 'default.network.d/local.conf is changed' "$out"
mtu_is() { [ "$(link gn-default .mtu)" = "$1" ]; }
check edit_vendor_in_force wait_for 20 mtu_is 1400
EDITOR=false run edit lab
equal edit_editor 1 $status
matches edit_editor_says 'did not end well: nothing is changed$' "$err"
VISUAL='' EDITOR="sed -i s/10.95.0.1/10.95.0.2/" run edit lab
equal edit_empty_variable "0 $root/etc/networks/lab.network is changed, and in force" "$status $out$err"
# What somebody else has done meanwhile stays.
meanwhile() {	# ID STATUS REGEX ARG...: the client is told this while the editor runs
	local id=$1 want=$2 regex=$3 before
	shift 3
	printf '#!/bin/sh\n%s\nsed -i s/Mode=nat/Mode=open/ "$1"\n' "$client $*" >$tmp/editor
	chmod 755 $tmp/editor
	EDITOR=$tmp/editor run edit lab
	equal "$id" "$want" "$status"
	matches "${id}_says" "$regex; your text is in /tmp/guestnet-" "$err"
	check "${id}_kept" grep -q Mode=open "$(grep -oE '/tmp/guestnet-[^ ]*' <<<"$err")"
	equal "${id}_stays" 0 "$(cat $root/etc/networks/lab.network 2>/dev/null | grep -c Mode=open)"
	rm -f /tmp/guestnet-*.network
}
cp $root/etc/networks/lab.network $tmp/lab.network
{ cat $tmp/lab.network; echo '# by somebody else'; } >$tmp/theirs
meanwhile edit_meanwhile 1 'lab.network was changed by somebody else meanwhile, and stays as they left it' define $tmp/theirs lab
check edit_meanwhile_theirs cmp $tmp/theirs $root/etc/networks/lab.network
meanwhile edit_undefined 3 'there is no network "lab"[^;]*' undefine lab
complains edit_undefined_still 3 'no network "lab"' status lab
check edit_again $client define $tmp/lab.network
# What the file system has no room for is not edited by half; what nobody has changed is not left there. Results wait until the
# machine's own /tmp is back.
{ cat $tmp/lab.network; yes '# and so on' | head -n 2000; } | $client define - lab || fail long "status $?"
mount -t tmpfs -o size=8k tmpfs /tmp || exit 1
EDITOR=true run edit lab
full="$status $err $(ls -A /tmp)"
mount -t tmpfs -o remount,size=1m tmpfs /tmp
EDITOR=false run edit lab
left="$status $(ls -A /tmp)"
umount /tmp
matches edit_full '^1 guestnet: /tmp/guestnet-[^ ]*: No space left on device $' "$full"
equal edit_untouched '1 ' "$left"
check edit_short $client define $tmp/lab.network
check edit_short_start $client start lab
check edit_short_runs wait_for 20 state_is lab running
# Ctrl-C is the editor's: the client, which the terminal tells, too, waits for it.
[ -d /dev/pts ] || { mkdir /dev/pts && mount -t devpts -o newinstance,ptmxmode=666 devpts /dev/pts && ln -sf pts/ptmx /dev/ptmx; } || exit 1
cat >$tmp/editor <<'PY'
#!/usr/bin/env python3
import signal, sys
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
print("ready", flush=True)
signal.sigwait({signal.SIGINT})
open(sys.argv[1], "a").write("# by an editor that was interrupted\n")
PY
cat >$tmp/terminal.py <<'PY'
import os, pty, sys
pid, terminal = pty.fork()
if pid == 0:
    os.execv(sys.argv[1], sys.argv[1:])
said = b""
while b"ready" not in said:
    said += os.read(terminal, 1024)
os.write(terminal, b"\x03")
try:
    while os.read(terminal, 1024):
        pass
except OSError:			# its other end is closed
    pass
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) & 255)
PY
EDITOR=$tmp/editor timeout 60 python3 $tmp/terminal.py $client edit lab
equal edit_interrupted 0 $?
equal edit_interrupted_text 1 "$(grep -c interrupted $root/etc/networks/lab.network)"

# --- The problem comes first, with what mends it
ip addr add 192.0.2.9/24 dev gn-lab
foreign() { $client status lab --json | jq -e '.[0].problem | test("192.0.2.9")'; }
check problem wait_for 20 foreign
run status lab
matches problem_first $'^lab is [a-z]+ since [^\n]*\n +problem +[^\n]*192.0.2.9[^\n]*\n +fix +ip address delete 192.0.2.9/24 dev gn-lab\n' "$out"
ip addr del 192.0.2.9/24 dev gn-lab
printf '[Network]\nMoed=nat\n' >$root/etc/networks/wrong.network
printf '[Network]\n' >$root/etc/networks/longer-than-names.network
cp $root/etc/networks/lab.network $tmp/lab.right
printf '[Network]\nMode=isolated\nMode=isolatd\n' >$root/etc/networks/lab.network
complete() { $client status lab --json | jq -r '.[0] | .mode, .bridge, .addresses'; ip -4 -o addr show dev gn-lab; }
before=$(complete)
run reload
equal reload_wrong 5 $status
equal reload_wrong_each_says 3 "$(grep -c . <<<"$err")"
for line in 'longer-than-names.network: the name' 'lab.network:3: Mode=isolatd' 'wrong.network:2: .*Moed'; do matches "reload_wrong_${line%%.*}" "$line" "$err"; done
equal reload_wrong_nothing_else '' "$out"
equal reload_wrong_as_it_was "$before" "$(complete)"
run status
equal degraded 5 $status
matches degraded_first $'(^|\n)wrong is failed.*default is running' "$out"
run status --json
equal degraded_json 5 "$status"
matches degraded_json_files 'problem  .*longer-than-names.network: ' "$err"
equal degraded_json_networks failed "$(jq -r '.[] | select(.name == "wrong") | .state' <<<"$out")"
rm $root/etc/networks/{wrong,longer-than-names}.network
complains reload_one_wrong 5 'lab.network:3: ' reload
mv $tmp/lab.right $root/etc/networks/lab.network
says reload_right 0 '^$' reload

# --- Terminals
if need terminal tmux; then
	screen() {	# COLUMNS COMMAND: what a terminal of that width shows, colours and all
		local name=$1-$SRANDOM
		tmux -L $name -f /dev/null new-session -d -x "$1" -y 50 "env TERM=xterm-256color PS1= sh" || return
		tmux -L $name send-keys "clear; $2; echo end-of-it" Enter
		wait_for 20 eval "tmux -L $name capture-pane -p | grep -qx end-of-it"
		tmux -L $name capture-pane -e -p | sed -n '/NAME/,/end-of-it/p'
		tmux -L $name kill-server
	}
	plain() { sed 's/\x1b\[[0-9;]*m//g'; }
	printf '[Network]\nMode=nat\nAutostart=no\n[Address]\n%s' "$(for i in 1 2 3 4; do echo "Address=fd00:1234:5678:9abc:0:0:$i:1/112"; done)" |
		$client define - twelve-bytes || fail wide "status $?"
	narrow=$(screen 80 "$client list")
	wide=$(screen 200 "$client list")
	check terminal_80 awk 'length > 80 { exit 1 }' <<<"$(plain <<<"$narrow")"
	matches terminal_80_cut 'twelve-bytes +stopped +nat .*\.\.\.' "$(plain <<<"$narrow" | tr '\n' ' ')"
	equal terminal_80_lines 6 "$(plain <<<"$narrow" | grep -c .)"
	matches terminal_200_whole 'fd00:1234:5678:9abc:?:?[0:]*4:1/112' "$(plain <<<"$wide")"
	matches terminal_colour $'\e' "$narrow"
	equal terminal_no_color 0 "$(screen 80 "NO_COLOR=1 $client list" | grep -c $'\e')"
	$client undefine twelve-bytes
fi
equal pipe_no_color 0 "$($client list | grep -c $'\e')"

# --- Completion
# shellcheck disable=SC2034
if [ -n "${BASH_VERSION-}" ]; then
	PATH=$world/tools:$PATH
	complete() { :; }; . "$top/ctl/completion/guestnet.bash"; unset -f complete
	compopt() { :; }
	completes() {	# ID WANT WORD...
		COMP_WORDS=(guestnet "${@:3}") COMP_CWORD=$(($# - 2))
		_guestnet
		equal "$1" "$2" "${COMPREPLY[*]}"
	}
	completes bash_verb 'start status stop' st
	completes bash_network lab start la
	completes bash_networks 'default isolated lab' cat ''
	completes bash_second 'check list why' policy ''
	completes bash_option --wait leases --w
	completes bash_foreign '' exec lab -- qemu-system-x86_64 -
	completes bash_file "$tmp/new.network" define $tmp/new
	completes bash_nothing '' start lab ''
fi
if command -v fish >/dev/null; then
	cp "$top/ctl/completion/guestnet.fish" $tmp/
	equal fish 'default isolated lab' "$(HOME=$tmp fish -c "source $tmp/guestnet.fish; complete -C 'guestnet start '" | cut -f1 | tr '\n' ' ' | sed 's/ $//')"
else
	skip fish 'not installed: fish'
fi
if command -v zsh >/dev/null; then
	equal zsh 'default:running isolated:stopped lab:running' "$(zsh -fc "
		_describe() { print -r -- \${(P)2}; }; _files() { :; }
		words=(guestnet start ''); CURRENT=3; source $top/ctl/completion/_guestnet" 2>&1)"
else
	skip zsh 'not installed: zsh'
fi

# --- Many at once, and two kinds that never read: the daemon stays small and answers.
rss() { awk '/^VmRSS/ { print $2 }' /proc/$netd_pid/status; }
before=$(rss)
pids=()
for ((i = 0; i < 200; i++)); do timeout 100 $client list --json >$tmp/many.$i 2>&1 & pids+=($!); done
bad=0
for pid in "${pids[@]}"; do reap $pid || bad=$((bad + 1)); done
equal many 0 $bad
equal many_same 1 "$(cat $tmp/many.* | jq -c '[.[].name]' | sort -u | wc -l)"
cat >$tmp/mute.py <<'PY'
# Asks once, and reads the answer; then asks again and again, or for signals, and reads no more. Ends when it is cut off.
import select, socket, struct, sys
path, member, interface = sys.argv[1:4]
def call(serial):
    fields = b""
    for code, kind, text in (1, "o", "/org/guestnet1"), (2, "s", interface), (3, "s", member):
        fields += b"\0" * (-len(fields) % 8)
        fields += struct.pack("<BBBBI", code, 1, ord(kind), 0, len(text)) + text.encode() + b"\0"
    data = struct.pack("<BBBBIII", ord("l"), 1, 0, 1, 0, serial, len(fields)) + fields
    return data + b"\0" * (-len(data) % 8)
peer = socket.socket(socket.AF_UNIX)
peer.connect(path)
peer.sendall(b"\0AUTH ANONYMOUS 67\r\n")
assert peer.recv(4096).startswith(b"OK")
peer.sendall(b"BEGIN\r\n")
peer.settimeout(0.3)
answer = b""
while b"l\2" not in answer:		# a method return
    try:			# sd-bus looks at what came together with BEGIN only when more comes
        peer.sendall(call(1))
        answer += peer.recv(65536) or sys.exit("closed: " + repr(answer))
    except socket.timeout:
        pass
peer.settimeout(50)
print("answered", flush=True)
serial = 1
try:
    while member != "Subscribe":
        serial += 1
        peer.sendall(call(serial))
except OSError as error:
    sys.exit("not cut off" if isinstance(error, socket.timeout) else 0)
end = select.poll()
end.register(peer, 0)		# the end of the connection, which is seen without reading
sys.exit(0 if end.poll(150000) else "not cut off")
PY
# A user who may only look: what is larger than any call is not taken, however it begins; what is not comes in any pieces.
cat >$tmp/greedy.py <<'PY'
import array, fcntl, os, socket, struct, sys, termios
os.setgroups([]); os.setresgid(4201, 4201, 4201); os.setresuid(4201, 4201, 4201)
path, kind, size = sys.argv[1], sys.argv[2], int(sys.argv[3])
member, interface = ("GetManagedObjects", "org.freedesktop.DBus.ObjectManager") if kind == "mute" else ("GetNetwork", "org.guestnet1.Manager")
order = {"big": ">", "little": "<"}[sys.argv[4]]
def call(text):
    fields = b""
    for code, type, value in (1, "o", "/org/guestnet1"), (2, "s", interface), (3, "s", member), (8, "g", "s"):
        if type == "g" and kind == "mute":
            continue
        fields += b"\0" * (-len(fields) % 8) + bytes((code, 1, ord(type), 0))
        fields += (bytes((len(value),)) if type == "g" else struct.pack(order + "I", len(value))) + value.encode() + b"\0"
    body = b"" if kind == "mute" else struct.pack(order + "I", len(text)) + text + b"\0"
    data = struct.pack(order + "BBBBIII", ord("l" if order == "<" else "B"), 1, 0, 1, len(body), 1, len(fields)) + fields
    return data + b"\0" * (-len(data) % 8) + body
greeting = b"\0AUTH ANONYMOUS 67\r\nBEGIN\r\n"
if kind == "early":		# a BEGIN that counts for nothing, and what looks like a message
    greeting = b"\0BEGIN\r\nl\1\0\1\0\0\1\0\1\0\0\0\0\0\0\0\r\nAUTH ANONYMOUS 67\r\nBEGIN\r\n"
data = greeting + call(b"a" * size)
peer = socket.socket(socket.AF_UNIX)
peer.settimeout(50)
peer.connect(path)
if kind == "mute":		# asks until nobody listens any more; how much is there for it to read?
    peer.sendall(greeting)
    peer.settimeout(1)
    try:
        while True:
            peer.sendall(call(b""))
    except socket.timeout:
        pass
    unread = array.array("i", [0])
    fcntl.ioctl(peer, termios.FIONREAD, unread)
    print("much" if unread[0] > size else "little" if unread[0] > 8192 else "nothing")
    sys.exit()
try:
    if kind == "bytes":
        for byte in data:
            peer.sendall(bytes((byte,)))
    else:
        peer.sendall(data[:-1])
        if size < 1 << 17:
            peer.sendall(data[-1:])
    answer = b""
    while b"NoSuchNetwork" not in answer:
        part = peer.recv(65536)
        if not part:
            sys.exit("cut off")
        answer += part
except socket.timeout:
    sys.exit("held")
except OSError as error:
    sys.exit("cut off")
print("answered")
PY
greedy() { local id=$1 want=$2; shift 2; equal "greedy_$id" "$want" "$(timeout 60 python3 $tmp/greedy.py $root/run/bus.sock "$@" 2>&1)"; }
greedy much 'cut off' whole 30000000 little
greedy much_big_endian 'cut off' whole 30000000 big
greedy more 'cut off' whole 131072 little
greedy early 'cut off' early 30000000 little
greedy early_call answered early 5 little
greedy most answered whole 130000 little
greedy most_big_endian answered whole 130000 big
greedy bytes answered bytes 50 little
greedy unread little mute 1000000 little
timeout 100 python3 $tmp/mute.py $root/run/bus.sock GetManagedObjects org.freedesktop.DBus.ObjectManager >$tmp/mute.out 2>&1 & mute=$!
reap $mute
equal mute_cut_off '0 answered' "$? $(cat $tmp/mute.out)"
timeout 170 python3 $tmp/mute.py $root/run/bus.sock Subscribe org.guestnet1.Manager >$tmp/mute.sub 2>&1 & mute=$!
wait_for 20 test -s $tmp/mute.sub
# More signals than it may leave unread: each round 400 leases are renewed.
gone() { ! kill -0 $mute; }
for ((i = 0; i < 400; i++)); do
	printf '%s 52:54:00:01:%02x:%02x 10.95.%d.%d guest%d *\n' $(($(date +%s) + 3600)) $((i / 256)) $((i % 256)) $((i / 200)) $((i % 200 + 2)) $i
done >$tmp/leases
rounds=0
flood() {
	awk -v n=$((++rounds)) '{ $1 += n } 1' $tmp/leases >$root/state/dnsmasq/lab.leases
	$client leases lab
	gone
}
check mute_subscriber wait_for 120 flood
says mute_answers 0 '^default is running' status default
# A sanitiser keeps what was freed.
bound=16384
[[ ${SUITE_PREFIX-} != asan* ]] || bound=524288
check small test $(($(rss) - before)) -lt $bound

kill $netd_pid; reap $netd_pid
equal clean-exit 0 $?

# A daemon of before, that has not been started again since this client was installed, has not all that it asks for.
LC_ALL=C sed 's/ConfigProblems/ConfigPr0blems/g; s/SetAutostart/SetAut0start/g' "$BIN/guestnetd" >$tmp/guestnetd
chmod 755 $tmp/guestnetd
rm -f $root/run/bus.sock
$tmp/guestnetd --config-root=$root/etc --vendor-root=$root/vendor --state-root=$root/state --run-root=$root/run --service-user=65534 \
	>>$root/log 2>&1 &
netd_pid=$!
wait_for 30 test -S $root/run/bus.sock
says older-list 0 'default +running' list
complains older-method 1 'another version and does not know this: start it again \(guests do not notice\)$' autostart default
complains older-property 1 'another version and does not know this' reload
kill $netd_pid; reap $netd_pid
