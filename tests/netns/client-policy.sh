#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The client's verbs about the policy: text and JSON, exit statuses, terminals, and above all that `guestnet policy why`
# says what the helper then does.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/world.bash"
world_enter "$@"
world_setup || exit 1
need all jq setpriv || exit 0

client=$world/tools/guestnet
install -m 755 "$BIN/guestnet" "$client" || exit 1
printf '%s\n' 'ana:x:4201:4201::/:/bin/sh' 'ben:x:4202:4202::/:/bin/sh' 'sam:x:4209:4301::/:/bin/sh' >>/etc/passwd
printf '%s\n' 'ana:x:4201:' 'ben:x:4202:' 'crew:x:4300:ana,ben' 'staff2:x:4301:' >>/etc/group

# run UID[:GROUP,GROUP] ARG...: the client as that user, 0 is root; sets $out $err $status.
run() {
	local uid=${1%%:*} groups=--clear-groups
	[[ $1 == *:* ]] && groups=--groups=${1#*:}
	shift
	setpriv --reuid "$uid" --regid "$uid" "$groups" timeout 60 "$client" "$@" >"$tmp/out" 2>"$tmp/err" </dev/null
	status=$?
	out=$(<"$tmp/out") err=$(<"$tmp/err")
}

# says ID STATUS REGEX USER ARG...: exit status, and stdout matches; stderr is empty.
says() {
	local id=$1 want=$2 regex=$3
	shift 3
	run "$@"
	if [ "$status" != "$want" ]; then
		fail "$id" "status $status, not $want: $out $err"
	elif [ -n "$err" ]; then
		fail "$id" "on stderr: $err"
	elif ! [[ $out =~ $regex ]]; then
		fail "$id" "want /$regex/, got: $out"
	else
		pass "$id"
	fi
}

# complains ID STATUS REGEX USER ARG...: exit status, one line on stderr that matches, nothing on stdout.
complains() {
	local id=$1 want=$2 regex=$3
	shift 3
	run "$@"
	if [ "$status" != "$want" ] || [ -n "$out" ]; then
		fail "$id" "status $status, not $want, or on stdout: '$out'; stderr: $err"
	elif ! [[ $err =~ $regex ]] || [[ $err == *$'\n'* ]]; then
		fail "$id" "want one line /$regex/, got: $err"
	else
		pass "$id"
	fi
}

# json ID STATUS FILTER WANT USER ARG...: jq's answer on the output, which must be one line of JSON.
json() {
	local id=$1 want_status=$2 filter=$3 want=$4 got
	shift 4
	run "$@" --json
	got=$(jq -rc "$filter" <"$tmp/out" 2>&1)
	if [ "$status" != "$want_status" ]; then
		fail "$id" "status $status, not $want_status: $out $err"
	elif [ "$(wc -l <"$tmp/out")" != 1 ]; then
		fail "$id" "not one line: $out"
	else
		equal "$id" "$want" "$got"
	fi
}

world_bridge br7
ip link property add dev br7 altname default
world_bridge lab
world_bridge mgmt
ip link add v0 type veth peer name v1

# Command line

complains usage_verb 2 'unknown verb "polcy", did you mean "policy"\?' $alice polcy
complains usage_second 2 'unknown verb "policy chek", did you mean "policy check"\?' $alice policy chek
complains usage_help_verb 2 'unknown verb "policy lisst", did you mean "policy list"\?' $alice help policy lisst
complains usage_family 2 'policy wants a second word' $alice policy
complains usage_option 2 'unknown option --jsno, did you mean --json\?' $alice policy list --jsno
complains usage_missing 2 'something is missing: guestnet policy why BRIDGE' $alice policy why
complains usage_many 2 'too many arguments: guestnet policy list' $alice policy list x
complains usage_user 2 'guestnet policy check knows no --user' $alice policy check --user ana
complains usage_user_value 2 '--user wants a value: --user NAME.UID' $alice policy list --user
complains usage_bridge 2 '"a/b" cannot be the name of a bridge' $alice policy why a/b
complains usage_escaped 2 'unknown verb "x\\x1b\[31m"' $alice $'x\e[31m'
says help 0 'policy check \[FILE\].*policy list.*policy why BRIDGE' $alice help
says help_family 0 'policy check.*policy why' $alice policy --help
says help_verb 0 'Exit status: 0 allowed, 4 denied, 3 no such bridge' $alice help policy why
says version 0 '^guestnet [0-9]+\.[0-9]+$' $alice --version
complains alone_is_list 1 'guestnetd does not answer' $alice

# check

world_policy 'allow default group=crew max=3
include more.conf
deny mgmt user=ben'
echo 'allow lab user=ana' >/etc/guestnet/more.conf
says check_good 0 '^/etc/guestnet/bridge.conf: 3 rules in 2 files, 0 errors, 0 warnings$' $alice policy check
json check_json 0 '[.ok, .installed, .rules, (.files | length), (.problems | length)]' '[true,true,3,2,0]' $alice policy check

world_policy 'allow lab user=ana
allow lab user=ana max=2
deny mgmt
allow mgmt group=crew
include /nowhere/at/all
allow lab user=nemo,ben
deny lab group=nogroup2'
says check_shadow 1 'bridge.conf:2: error: this rule has no effect: /etc/guestnet/bridge.conf:1 comes first' $alice policy check
matches check_shadow_deny 'bridge.conf:4: error: this rule has no effect: /etc/guestnet/bridge.conf:3 denies' "$out"
matches check_unresolved 'bridge.conf:6: warning: nobody knows the user nemo'$'\n' "$out"
matches check_unresolved_deny 'bridge.conf:7: warning: nobody knows the group nogroup2: until it is known, this rule denies everybody' "$out"
matches check_skipped 'bridge.conf:5: note: include /nowhere/at/all is skipped: No such file' "$out"
matches check_summary '6 rules in 1 file, 2 errors, 2 warnings$' "$out"
json check_json_problems 1 '[.ok, ([.problems[] | [.severity, .line]] | sort)]' \
	'[false,[["error",2],["error",4],["note",5],["warning",6],["warning",7]]]' $alice policy check

world_policy 'allow lab frob
allow lab
alow lab max=0
deny lab max=2'
says check_all_errors 1 'bridge.conf:1: error: unknown word "frob".*bridge.conf:3: error: unknown word "alow".*bridge.conf:4: error: max has no meaning.*3 errors' \
	$alice policy check
json check_errors_once 1 '[.problems[].line]' '[1,3,4]' $alice policy check

world_policy 'allow lab'
chown $bob $policy_file
says check_owner 1 'bridge.conf: error: belongs to uid 4202: it must be root' 0 policy check
json check_owner_once 1 '[.problems[] | [.severity, .file]]' '[["error","/etc/guestnet/bridge.conf"]]' 0 policy check
cp -p $policy_file $tmp/draft.conf
says check_draft 0 'draft.conf: note: before it is installed: .*1 rule in 1 file, 0 errors, 0 warnings \(a draft' 0 policy check $tmp/draft.conf
chown 0 $tmp/draft.conf
json check_draft_folder 0 '.problems' '[]' 0 policy check $tmp/draft.conf
json check_draft_json 0 '[.ok, .installed]' '[true,false]' 0 policy check $tmp/draft.conf
ln -s /etc/guestnet/bridge.conf $world/link.conf
says check_link_is_installed 1 'error: .*belongs to uid 4202' 0 policy check $world/link.conf
chown 0 $policy_file
chmod 664 $policy_file
says check_mode 1 'error: can be written by others than root' 0 policy check
chmod 644 $policy_file
chmod 777 /etc/guestnet
says check_folder 1 'bridge.conf: error: /etc/guestnet can be written by others' 0 policy check
chmod 755 /etc/guestnet

printf 'allow lab # \e[31m\nfrob\n' >"$tmp/"$'a\e[1m\n\xff"b'
says check_hostile_name 1 'a\\x1b\[1m\\x0a\\xff"b:2: error: unknown word "frob"' 0 policy check "$tmp/"$'a\e[1m\n\xff"b'
json check_hostile_json 1 '.policy | ltrimstr("/run/world/tmp/")' $'a\e[1m\n\xef\xbf\xbd"b' 0 policy check "$tmp/"$'a\e[1m\n\xff"b'
check check_hostile_utf8 iconv -f UTF-8 -t UTF-8 -o /dev/null $tmp/out
complains check_missing 3 'No such file' $alice policy check $tmp/none.conf
json check_missing_json 3 'keys' '["error"]' $alice policy check $tmp/none.conf
mkfifo $tmp/fifo
says check_fifo 1 'error: .*is not a regular file' 0 policy check $tmp/fifo
says check_folder_as_file 1 'error: .*is not a regular file' 0 policy check $tmp
head -c 70000 /dev/zero | tr '\0' x >$tmp/long.conf
says check_long_line 1 'long.conf:1: error: line longer' 0 policy check $tmp/long.conf
echo "include loop.conf" >$tmp/loop.conf
says check_loop 1 'loop.conf:1: include loop.conf: this file has been read already' 0 policy check $tmp/loop.conf
(cd $tmp && printf 'allow lab\ninclude sub.conf\n' >rel.conf && echo 'allow br7' >sub.conf && cd $tmp &&
	timeout 20 "$client" policy check rel.conf) >$tmp/out 2>&1
matches check_relative '2 rules in 2 files, 0 errors' "$(<$tmp/out)"
setpriv --reuid $alice --regid $alice --clear-groups "$client" policy check >/dev/full 2>$tmp/err
equal full_output "1 guestnet: cannot write the answer: No space left on device" "$? $(<$tmp/err)"

# why

world_policy 'allow default group=crew max=3 isolated macs=52:54:00:00:00:01,52:54:00:00:00:02
allow lab user=ana,nemo max=2		# the lab
allow all user=ben
deny  mgmt group=!staff2
include secret.conf'
echo 'allow lab user=ben max=1' >/etc/guestnet/secret.conf
says why_allowed 0 'ana \(uid 4201\) may use lab\..*bridge.conf:2.*allow lab user=ana,nemo max=2 # the lab.*taps     at most 2, 0 in use.*no restrictions' $alice policy why lab
matches why_others 'bridge.conf:3 +allow all user=ben +user= does not mean uid 4201' "$out"
says why_options 0 'at most 3.*isolated macs=52:54:00:00:00:01,52:54:00:00:00:02.*br7 \(also default\), up' $alice:4300 policy why default
says why_altname_rule 0 'bridge.conf:1' $alice:4300 policy why br7
says why_denied 4 'may not use default\..*no rule allows it.*allow default user=4201.*bridge.conf:1 .*group= does not mean the groups of uid 4201' $alice policy why default
says why_denied_rule 4 'may not use mgmt\..*bridge.conf:4.*bridge.conf:3 +allow all user=ben +a deny rule beats every allow' $bob policy why mgmt
says why_second_allow 0 'bridge.conf:3.*secret.conf:1 +allow lab user=ben max=1 .*bridge.conf:3 comes first' $bob policy why lab
matches why_unknown_name 'nobody knows the user nemo' "$out"
says why_missing 3 'ben \(uid 4202\) may use nowhere\..*there is no device nowhere now' $bob policy why nowhere
says why_not_bridge 3 'v0 is not a bridge \(veth\)' $bob policy why v0
says why_user_name 4 'sam \(uid 4209\) may not use lab' $alice policy why lab --user sam
says why_user_number 0 'ana \(uid 4201\) may use lab' 0 policy why --user=4201 lab
says why_user_groups 0 'ana \(uid 4201\) may use default' 0 policy why default --user ana
says why_user_primary 3 'sam \(uid 4209\) may not use nowhere' 0 policy why nowhere --user sam
says why_no_account 4 'uid 4977 has no account, so no groups were assumed' 0 policy why lab --user 4977
complains list_no_user 3 'there is no user nemo' $alice policy list --user nemo
complains why_no_user 3 'there is no user nemo' $alice policy why lab --user nemo
json why_json 0 '[.allowed, .exists, .device.name, .device.altnames, .rule.line, .rule.text, .grant.max, .grant.isolated, .grant.vlan, (.grant.macs | length), .free, .caller.uid, .caller.groups]' \
	'[true,true,"br7",["default"],1,"allow default group=crew max=3 isolated macs=52:54:00:00:00:01,52:54:00:00:00:02",3,true,null,2,3,4201,[4300]]' \
	$alice:4300 policy why default
json why_json_denied 4 '[.allowed, .rule.action, .grant, .free, [.others[] | [.line, .reason]]]' \
	'[false,"deny",null,null,[[3,"a deny rule beats every allow"]]]' $bob policy why mgmt
json why_json_missing 3 '[.allowed, .exists, .device]' '[true,false,null]' $bob policy why nowhere

# A file that only some may read is part of their policy alone; root answers with the user's eyes.
chown root:4300 /etc/guestnet/secret.conf
chmod 640 /etc/guestnet/secret.conf
json include_mine 0 '[.others[].file] | contains(["/etc/guestnet/secret.conf"])' true $bob:4300 policy why lab
json include_not_mine 0 '[.others[].file] | contains(["/etc/guestnet/secret.conf"])' false $bob policy why lab
json include_root_as_user 0 '[.others[].file] | contains(["/etc/guestnet/secret.conf"])' true 0 policy why lab --user ben
json include_root_as_other 4 '[.others[].file] | contains(["/etc/guestnet/secret.conf"])' false 0 policy why lab --user sam
says include_caveat 0 'includes were read with your rights; ben \(uid 4202\) may be able to read others' $carol policy why lab --user ben
says include_skipped_for_you 0 'note: include secret.conf is skipped for you: Permission denied' $carol policy check

# list

hold tap --uid $alice $helper --br=lab
says list_text 0 '^BRIDGE +ALSO +STATE +TAPS +PORT +RULE'$'\n''lab +- +up +1/2 +- +/etc/guestnet/bridge.conf:2$' $alice policy list
json list_json 0 '[.bridges[] | [.bridge, .exists, .taps, .free, .rule.line]]' "[[\"lab\",true,[\"$reply_tap\"],1,2]]" $alice policy list
json list_quota_of_others 0 '[.bridges[] | select(.bridge == "lab") | .taps, .free]' '[[],64]' $bob policy list
json list_quota_of_bridge 0 '[.bridges[] | select(.bridge == "br7") | .taps, .free]' '[[],3]' $alice:4300 policy list
json list_others 0 '[.others.allowed, .others.rule.line, ([.bridges[].bridge] | sort)]' '[true,3,["br7","lab"]]' $bob policy list
says list_others_text 0 'ben \(uid 4202\) may use every other bridge too: /etc/guestnet/bridge.conf:3' $bob policy list
says list_nothing 0 'uid 4203 may use no bridge' $carol policy list
release tap
wait_for 20 no_taps
world_policy 'allow ghost user=ana
allow v0 user=ana
allow lab user=ana'
says list_states 0 'lab .* up .*ghost .* missing .*v0 .* no bridge ' $alice policy list
json list_states_json 0 '[.bridges[] | [.bridge, .exists, .device.kind]]' '[["lab",true,"bridge"],["ghost",false,null],["v0",false,"veth"]]' $alice policy list

# A policy that the helper refuses: the client says so and does not guess.
world_policy 'allow lab frob'
complains broken_why 1 'bridge.conf:1: unknown word "frob".*the helper refuses you' $alice policy why lab
complains broken_list 1 'the helper refuses this user' 0 policy list --user ana
json broken_json 1 'keys' '["error"]' $alice policy list
rm $policy_file
complains missing_why 1 'bridge.conf: No such file' $alice policy why lab

# The members of every answer are the documented ones.
world_policy 'allow lab user=ana'
documented() {	# HEADING: names in the first column of the table behind it
	awk -v heading="$1" 'index($0, heading) == 1 { on = 1; next } on && /^(##|\*\*|Each)/ { exit }
		on && /^\| `/ { split($0, cell, "|"); n = split(cell[2], name, ","); for (i = 1; i <= n; i++) { gsub(/[` ]/, "", name[i]); print name[i] } }' \
		"$top/doc/json.md" | sort | tr '\n' ' '
}
members() { jq -r "$1 | keys[]" <"$tmp/out" | sort | tr '\n' ' '; }
run $alice policy why lab --json
equal doc_why "$(documented '## `guestnet policy why')" "$(members .)"
equal doc_rule "$(documented '**rule**')" "$(members .rule)"
equal doc_grant "$(documented '**grant**')" "$(members .grant)"
equal doc_device "$(documented '**device**')" "$(members .device)"
equal doc_caller "$(documented '**caller**')" "$(members .caller)"
run $alice policy list --json
equal doc_list "$(documented '## `guestnet policy list')" "$(members .)"
world_policy 'frob'
run $alice policy check --json
equal doc_check "$(documented '## `guestnet policy check')" "$(members .)"
equal doc_problem "$(documented 'Each problem')" "$(members '.problems[0]')"

# Terminals

world_policy 'allow default user=ana max=16 isolated macs=52:54:00:00:00:01,52:54:00:00:00:02
include /etc/guestnet/a-folder-with-a-rather-long-name/rules-for-the-laboratory.conf'
mkdir /etc/guestnet/a-folder-with-a-rather-long-name
echo 'allow lab user=ana' >/etc/guestnet/a-folder-with-a-rather-long-name/rules-for-the-laboratory.conf
terminal() {	# COLUMNS SETTINGS: `policy list` on a terminal that wide
	timeout 60 script -qec "stty cols $1; exec env $2 setpriv --reuid $alice --regid $alice --clear-groups $client policy list" /dev/null \
		</dev/null 2>&1 | tr -d '\r'
}
longest() { awk '{ gsub(/\033\[[0-9;]*m/, ""); if (length($0) > n) n = length($0) } END { print n + 0 }'; }
if need terminal script && mkdir /dev/pts && mount -t devpts -o newinstance,ptmxmode=0666 devpts /dev/pts && ln -s pts/ptmx /dev/ptmx; then
	narrow=$(terminal 72 'TERM=xterm')
	wide=$(terminal 250 'TERM=xterm')
	check terminal_narrow [ "$(longest <<<"$narrow")" -le 72 ]
	matches terminal_end_kept '\.\.\.[^ ]*[a-z]\.conf:1'$'\n' "$narrow"$'\n'
	matches terminal_cut 'macs=[0-9:]*\.\.\. ' "$narrow"
	matches terminal_wide '52:54:00:00:00:02 .*a-folder-with-a-rather-long-name/rules-for-the-laboratory.conf:1' "$wide"
	check terminal_columns [ "$(terminal 250 'TERM=xterm COLUMNS=60' | longest)" -le 60 ]
	matches terminal_colour $'\e\\[1mBRIDGE' "$wide"
	equal terminal_no_color "BRIDGE" "$(terminal 250 'TERM=xterm NO_COLOR=1' | awk 'NR == 1 { print $1 }')"
	equal terminal_dumb "BRIDGE" "$(terminal 250 'TERM=dumb' | awk 'NR == 1 { print $1 }')"
else
	skip terminal "no pseudo terminals"
fi
export COLUMNS=40 TERM=xterm
says plain_whole 0 '52:54:00:00:00:02 .*a-folder-with-a-rather-long-name/rules-for-the-laboratory.conf:1' $alice policy list
unset COLUMNS
check plain_no_colour bash -c '! grep -q $'"'\\e'"' '"$tmp/out"

# What the client says is what the helper does.

# expected: what the helper should do, in one word, and the rule or the options: from `why --json`.
expected() {
	jq -r 'if .error then "unparsed"
		elif .device and (.exists | not) then "nobridge"
		elif (.allowed | not) then "denied " + (if .rule then "\(.rule.file):\(.rule.line)" else "norule" end)
		elif (.exists | not) then "missing"
		elif .obstacle then "obstacle"
		else "granted\(if .grant.isolated then " isolated" else "" end)\(if .grant.macs == [] then "" else " macs=" + (.grant.macs | join(",")) end)"
		end' <"$tmp/out"
}

# happened UID GROUPS BRIDGE: the same words for what the helper did.
happened() {
	local alias place='(/etc/[^ ]*:[0-9]+)' options='net=[^ ]+(.*)$'
	hold case --uid "$1" ${2:+--groups "$2"} "$helper" "--br=$3"
	case $reply_stderr in
	"failed to parse default acl file"*) echo unparsed ;;
	*"is not a bridge"*) echo nobridge ;;
	*"no rule allows it"*) echo denied norule ;;
	"access denied by acl file"*"has all the"* | *"does not filter VLANs"*) echo obstacle ;;
	"access denied by acl file"*) [[ $reply_stderr =~ $place ]]; echo "denied ${BASH_REMATCH[1]}" ;;
	*"No such device"*) echo missing ;;
	"")
		alias=$(link "$reply_tap" .ifalias)
		[[ $alias =~ $options ]]
		echo "granted${BASH_REMATCH[1]}"
		;;
	*) echo "else: $reply_stderr" ;;
	esac
	release case
	wait_for 20 no_taps
}

n_agree=0
# agree WANT UID GROUPS BRIDGE POLICY: WANT is the verdict's first word, so that both cannot be wrong alike.
agree() {
	local id want=$1 uid=$2 groups=$3 bridge=$4 self root real
	n_agree=$((n_agree + 1))
	id=$(printf 'agree_%02d' $n_agree)
	world_policy "$5"
	run "$uid${groups:+:$groups}" policy why "$bridge" --json
	self=$(expected)
	real=$(happened "$uid" "$groups" "$bridge")
	# Asked by root about an account with these very groups, the answer is the same.
	root=$self
	if [ "$uid:$groups" = 4202: ] || [ "$uid:$groups" = 4201:4300 ]; then
		sed -i "s/^crew:.*/crew:x:4300:ana/" /etc/group
		run 0 policy why "$bridge" --user "$uid" --json
		root=$(expected)
	fi
	if [ "${real%% *}" != "$want" ]; then
		fail $id "the helper: $real, not $want; $reply_stderr"
	elif [ "$self" != "$real" ] || [ "$root" != "$real" ]; then
		fail $id "why: $self; why --user: $root; the helper: $real"
	else
		pass $id
	fi
}

mac=52:54:00:aa:bb:01
agree granted $alice '' lab 'allow lab'
agree granted $alice '' lab 'allow all'
agree denied $alice '' lab 'allow br7'
agree denied $alice '' lab '# nothing'
agree denied $alice '' lab $'allow all\ndeny lab'
agree denied $alice '' lab $'deny all\nallow lab'
agree granted $alice '' br7 'allow default'
agree granted $alice '' default 'allow br7'
agree denied $alice '' br7 $'allow br7\ndeny default'
agree granted $alice '' lab 'allow lab user=4201'
agree denied $bob '' lab 'allow lab user=4201'
agree granted $alice '' lab 'allow lab user=ana'
agree denied $bob '' lab 'allow lab user=ana'
agree denied $alice '' lab 'allow lab user=!ana'
agree granted $bob '' lab 'allow lab user=!ana'
agree denied $alice '' lab 'allow lab user=nemo'
agree denied $alice '' lab 'allow lab user=!nemo'
agree denied $alice '' lab $'allow lab\ndeny lab user=nemo'
agree granted $alice 4300 lab 'allow lab group=crew'
agree denied $alice '' lab 'allow lab group=crew'
agree granted $alice '' lab 'allow lab group=4201'
agree denied $alice 4300 lab $'allow lab\ndeny lab group=crew'
agree granted $alice '' lab $'allow lab\ndeny lab group=crew'
agree denied $alice 4300 lab 'allow lab user=ana group=!crew'
agree granted $alice '' lab $'allow lab isolated\nallow lab'
agree granted $alice '' lab $'allow lab user=ben isolated\nallow lab'
agree granted $alice '' lab "allow lab isolated macs=$mac"
agree obstacle $alice '' lab 'allow lab vlan=30'
agree missing $alice '' nowhere 'allow nowhere'
agree missing $bob '' nowhere 'allow all user=ben'
agree denied $alice '' nowhere 'allow lab'
agree nobridge $alice '' v0 'allow v0'
agree nobridge $alice '' v0 'deny v0'
agree unparsed $alice '' lab 'allow lab mx=3'
agree unparsed $alice '' lab $'allow lab\ninclude bridge.conf'
agree granted $bob 4300 lab $'deny br7\ninclude secret.conf'
agree denied $bob '' lab $'deny br7\ninclude secret.conf'
world_policy 'allow lab max=1'
hold full --uid $bob $helper --br=lab
run $bob policy why lab --json
equal agree_quota obstacle "$(expected)"
launch --uid $bob $helper --br=lab
matches agree_quota_helper 'has all the 1 tap on' "$reply_stderr"
json agree_quota_slots 0 '[.taps, .free]' "[[\"$(taps)\"],0]" $bob policy why lab
json agree_quota_other 0 '[.taps, .free, .obstacle]' '[[],1,null]' $alice policy why lab
release full
check no_tap_left wait_for 20 no_taps

# More devices than one answer of the kernel holds, which come and go while they are read
for i in {1..100}; do echo "link add many$i type bridge"; done | ip -batch -
world_policy 'allow all user=ana'
json many 0 '[.bridges[] | select(.bridge | startswith("many"))] | length' 100 $alice policy list
launch --uid $alice $helper --br=nowhere
matches many_helper 'there is no bridge of that name \(you may use: [a-z0-9, ]*many' "$reply_stderr"
(while :; do ip link add churn type bridge; ip link del churn; done) 2>/dev/null &
churn=$!
bad=0
for _ in {1..40}; do
	run $alice policy list
	[ "$status" = 0 ] && [ "$(grep -c '^many\|^lab ' $tmp/out)" = 101 ] || { bad=$((bad + 1)); reason=": $status $err"; }
done
ended $churn
equal churn "0 of 40" "$bad of 40${reason-}"
