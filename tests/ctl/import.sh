#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# guestnet import: every part of every document is accounted for once, by the count of another parser; what is written
# is right, and nothing is written or lost where something is wrong.
. "$(dirname "$0")/../lib.sh"
for program in jq python3; do
	command -v $program >/dev/null || { skip all "not installed: $program"; exit 0; }
done
cd "$top" || exit 1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
data=tests/data/libvirt
guestnet=$BIN/guestnet

# --- The account: each item once.
translated=0 listed=0 dropped=0 files=0 wrong=''
for file in "$data"/*.xml; do
	name=$(basename "$file" .xml)
	$guestnet import "$file" --name imported --stdout --json >"$work/$name.json" 2>"$work/err"
	status=$?
	out=$(tests/ctl/walk-xml "$file" "$work/$name.json" 2>&1) || wrong+=" $name: $out;"
	# It cannot be done: then there is a reason, and no file.
	jq -e 'if '$status' == 0 then .text and .problem == null else '$status' == 1 and .text == null and (.problem | length > 20) end' \
		"$work/$name.json" >/dev/null || wrong+=" $name: status $status;"
	read -r t l d < <(jq -r '[.translated, .listed, .dropped] | join(" ")' "$work/$name.json")
	translated=$((translated + t)) listed=$((listed + l)) dropped=$((dropped + d)) files=$((files + 1))
done
equal account '' "$wrong"
check files test "$files" -ge 60
echo "$files documents: translated $translated, listed $listed, silently dropped $dropped"

# The documents hold every part of the format.
tests/ctl/walk-xml --paths "$data"/*.xml | sed 's/^networkstatus\///' | sort -u >"$work/seen"
unseen=''
while read -r path; do
	case $path in
	'#'* | '') ;;
	*'/*') grep -qF "${path%\*}" "$work/seen" || unseen+=" $path" ;;
	*) grep -qxF "$path" "$work/seen" || unseen+=" $path" ;;
	esac
done <"$data/paths.txt"
equal format-covered '' "$unseen"
# And none of the format is unknown to the client: what it does not know are inventions.
equal format-known '' "$(jq -r 'select(.name) | .items[] | select(.words == "not known in libvirt'\''s format") | .path' "$work"/*.json |
	grep -vE 'colour|quantum|stq|teleport|@size|/pool|^network$' | sort -u | tr '\n' ' ')"

# --- Without libxml2 nothing is lost but this verb, which says so; the others do not even look for it.
mkdir "$work/libraries"
: >"$work/libraries/libxml2.so.2"
: >"$work/libraries/libxml2.so.16"
out=$(LD_LIBRARY_PATH=$work/libraries $guestnet import "$data/routed.xml" --stdout 2>&1)
equal libxml-status 1 $?
matches libxml-said 'libxml2, which cannot be loaded \(install libxml2\)' "$out"
check libxml-others env LD_LIBRARY_PATH="$work/libraries" $guestnet --version
rm -r "$work/libraries"

# --- Behind a wireless card, where no bridge can be.
why() { jq -r '.problem // "", .remarks[]' "$work/$1.json"; }
matches wireless-macvtap 'Mode=route and ProxyARP=yes' "$(why macvtap-wireless)"
matches wireless-routed 'with ProxyARP=yes, and a part of the LAN' "$(why routed-wireless)"
equal wireless-none '' "$(why macvtap-bridge | grep ProxyARP; why routed | grep ProxyARP)"
matches card-macvtap 'Mode=bridge and the card as its Uplink=' "$(why macvtap-bridge)"

equal impossible-alone '' "$(jq -r 'select(.problem) | .remarks[]' "$work"/*.json | grep 'no address on the network')"

# --- A domain whose other names are elsewhere, as long as nobody says that it is the guests' alone.
matches domain-shared 'names of example.com that no guest has .* another Domain=' "$(why dhcp-hosts)"
equal domain-alone '' "$(why domain-local | grep 'names of'; why dns | grep 'names of'; why dns-own-servers | grep 'names of')"
# A domain without a server of its own is asked for as all others are: "none" would be the opposite.
words() { jq -r --arg value "$2" '.items[] | select(.value == $value) | "\(.translated) \(.words)"' "$work/$1.json"; }
equal forwarder-standard "true nothing to write: its names are asked for as all others are" "$(words dns-standard incorp.example)"
matches forwarder-around 'false all names of corp.example are asked of its own servers' "$(words dns-standard www.corp.example)"
matches forwarder-own "false names of the network's own domain" "$(words dns-standard apps.LAB.example)"
matches forwarder-around-own 'false all names of lab.example are' "$(words dns-own-servers www.lab.example)"
equal domain-forwarder 'true nothing to write: Forwarder= names the servers of this domain' "$(words dns-own-servers no)"
equal forwarder-off "true nothing to write: with enable='no' nobody asks it" "$(words dns-off 9.9.9.9)"
matches host-both 'without Name=paul, which another' "$(words hosts-both fd97::10)"
matches ipv6-no 'false guests of a network can always' "$(words dns-standard no)"
matches dnsmasq-keys 'SendOption=, NTP= and Router=' "$(jq -r '.items[] | select(.value == "foo=bar").words' "$work/dnsmasq-options.json")"

# --- What is written, without the comments.
for file in "$data"/*.xml; do
	name=$(basename "$file" .xml)
	echo "== $name"
	jq -r 'if .text then .text else "(" + (.problem | split(":")[0]) + ")" end' "$work/$name.json" | grep -vE '^(#|$)'
done >"$work/written"
[ -z "${GOLDEN_UPDATE-}" ] || cp "$work/written" "$data/written.txt"
if out=$(diff "$data/written.txt" "$work/written"); then pass written; else fail written "$out"; fi

# --- Files: whole or not at all.
$guestnet import "$data/default.xml" --output "$work/default.network" >"$work/out" 2>&1
equal write-status 0 $?
matches write-account 'translated [0-9]+, listed [0-9]+, silently dropped 0' "$(cat "$work/out")"
matches write-place "written: $work/default.network" "$(cat "$work/out")"
matches write-next "  guestnet define $work/default.network default " "$(cat "$work/out")"
equal write-mode 644 "$(stat -c %a "$work/default.network")"
$guestnet import "$data/default.xml" --stdout 2>/dev/null | cmp -s - "$work/default.network" && pass write-text || fail write-text 'not what --stdout says'
cp "$work/default.network" "$work/before"
complains() {	# ID STATUS REGEX ARGUMENT...
	local id=$1 status=$2 regex=$3 out
	shift 3
	out=$($guestnet "$@" 2>&1 >/dev/null)
	equal "$id-status" "$status" $?
	matches "$id" "$regex" "$out"
}
complains exists 1 'exists already: it stays as it is' import "$data/isolated.xml" --name default --output "$work/default.network"
check exists-stays cmp "$work/before" "$work/default.network"
for file in "$data"/bad/*.xml "$data/hostdev.xml"; do
	out=$($guestnet import "$file" --output "$work/default.network" --force 2>&1 >/dev/null)
	status=$?
	[ $status = 1 ] && [[ $out == "guestnet: $file: "?????* ]] && [[ $out != *$'\n'* ]] || wrong+=" $file: $status $out;"
	cmp -s "$work/before" "$work/default.network" || wrong+=" $file: the old file is gone;"
done
equal bad-documents '' "$wrong"
equal nothing-left 'before default.network' "$(cd "$work" && ls -A | grep -vE 'json$|^(seen|written|out|err)$' | tr '\n' ' ' | sed 's/ $//')"
check force $guestnet import "$data/isolated.xml" --name default --output "$work/default.network" --force
matches force-replaced 'Mode=isolated' "$(cat "$work/default.network")"
complains no-folder 1 'cannot be written: No such file or directory' import "$data/default.xml" --output "$work/none/x.network"
complains missing 3 'No such file or directory' import "$work/missing.xml"
complains folder 1 'Is a directory' import "$work"
complains neither 2 'want one of them' import
complains both 2 'want one of them' import x.xml --libvirt default
complains stdout-output 2 'exclude each other' import x.xml --stdout --output y
complains bad-name 1 'give it another name with --name' import "$data/default.xml" --name 'a b' --stdout
head -c 1100000 /dev/zero | tr '\0' ' ' >"$work/big"
complains too-large 1 'larger than 1048576 bytes' import "$work/big"
{ echo '<network><name>x</name>'; for ((i = 0; i < 10001; i++)); do echo '<a/>'; done; echo '</network>'; } >"$work/many"
complains too-many 1 'more than 10000 attributes and texts' import "$work/many" --stdout
equal from-stdin 0 "$($guestnet import - --stdout <"$data/default.xml" >/dev/null 2>&1; echo $?)"

# --- Nothing but the document is read, and nobody is asked.
if command -v strace >/dev/null && strace -o "$work/trace" true 2>/dev/null; then
	for file in external-entity external-dtd parameter-entity bomb; do
		strace -f -e trace=openat,open,socket,connect -o "$work/trace" $guestnet import "$data/bad/$file.xml" --stdout >/dev/null 2>&1
		grep -E 'socket|connect|hostname|passwd|network\.dtd' "$work/trace"
	done >"$work/traces"
	equal hostile-alone '' "$(cat "$work/traces")"
fi
