#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# tools/install-deps and tools/as-root: what they run, when they ask, when they do nothing. The package managers and sudo
# are stand-ins that write down how they were called.
. "$(dirname "$0")/../lib.sh"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
log=$work/log
unset YES
chmod 755 "$work"

# world NAME PROGRAM...: a folder with stand-ins, and otherwise only what a script needs to run at all.
world() {
	local folder=$work/$1 program
	shift
	mkdir "$folder"
	for program in bash sh env sed grep id dirname head cat; do ln -s "$(type -P $program)" "$folder/"; done
	for program in "$@"; do
		# shellcheck disable=SC2016
		printf '#!/bin/sh\necho "%s: $*${YES+ YES=$YES}" >>%s\n' "$program" "$log" >"$folder/$program"
		chmod 755 "$folder/$program"
	done
}
world debian apt-get apt-cache dpkg
world fedora dnf
world systemd apt-get apt-cache dpkg systemctl
world other
# The packages of a system that does not have one of them any more.
for folder in debian systemd; do
	printf '#!/bin/sh\ncase $2 in\nisc-dhcp-client) ;;\n*) echo "  Candidate: 1" ;;\nesac\n' >"$work/$folder/apt-cache"
done

# The script adds the folders of system programs to its path; here it must not find those of this machine.
mkdir -p "$work/tools"
sed "s|^PATH=.*||; s|/run/systemd/system|$work/tools|" "$top/tools/install-deps" >"$work/tools/install-deps"
printf '#!/bin/sh\necho as-root >>%s\nexec "$@"\n' "$log" >"$work/tools/as-root"
chmod 755 "$work"/tools/*
deps() { : >"$log"; out=$(PATH=$work/$1 "$work/tools/install-deps" "${@:2}" 2>&1 </dev/null); }

# Nothing is missing: the roles of this very test, when make check has installed them. Should anything be missing after
# all, no package manager is reached from here.
mkdir "$work/none"
for program in apt-get dnf sudo; do
	printf '#!/bin/sh\necho "%s: $*" >>%s\nexit 1\n' "$program" "$log" >"$work/none/$program"
	chmod 755 "$work/none/$program"
done
: >"$log"
if out=$(PATH=$work/none:$PATH "$top/tools/install-deps" build test </dev/null 2>&1); then
	equal nothing-to-do '' "$out$(cat "$log")"
	if command -v strace >/dev/null; then
		PATH=$work/none:$PATH strace -f -qq -e trace=socket,execve -o "$work/strace" "$top/tools/install-deps" build test </dev/null
		equal nothing-no-network '' "$(grep -E 'AF_INET|apt-get|dnf|sudo' "$work/strace")"
	else
		skip nothing-no-network 'no strace'
	fi
else
	skip nothing-to-do 'something is missing here'
fi

deps debian build demo
equal debian-status 0 $?
matches debian-says 'for build demo, these packages are missing' "$out"
matches debian-why 'dnsmasq-base +DHCP server' "$out"
equal debian-steps "as-root
apt-get: -qq update
as-root" "$(head -n 3 "$log")"
matches debian-install 'apt-get: .*install --no-install-recommends .*gcc.* qemu-system-x86 ' "$(cat "$log")"
matches debian-base ' dnsmasq-base( |$)' "$(grep ' install ' "$log")"
equal debian-no-service '' "$(grep -wo 'dnsmasq\( \|$\)' "$log")"
equal debian-no-doubles '' "$(grep ' install ' "$log" | tr ' ' '\n' | sort | uniq -d)"

# A firewall or a DHCP server that comes along does not start, and is not there after a boot.
deps systemd test
equal firewall-off 'systemctl: -q --runtime mask firewalld.service isc-dhcp-server.service
apt-get install
systemctl: -q --runtime unmask firewalld.service isc-dhcp-server.service
systemctl: -q disable firewalld.service isc-dhcp-server.service' "$(sed -n 's/^apt-get: .* install .* firewalld .*/apt-get install/p; /^systemctl/p' "$log")"
matches gone-said 'this system has no package isc-dhcp-client: what needs it is skipped' "$out"
equal gone-left-out '' "$(grep -w isc-dhcp-client "$log")"
deps systemd build demo
equal firewall-not-asked '' "$(grep systemctl "$log")"

deps fedora build demo
equal fedora-steps as-root "$(head -n 1 "$log")"
matches fedora-install 'dnf: .*install .*gcc.* qemu-system-x86-core ' "$(cat "$log")"

deps other build
equal other-status 1 $?
matches other-list 'libmnl-dev|gcc +compiler' "$out"
equal other-runs-nothing '' "$(cat "$log")"

deps debian nonsense
equal unknown-role 1 $?

# On a terminal it asks once; YES=1 answers.
ask() {	# ANSWER [YES=1]
	: >"$log"
	out=$(printf '%s\n' "$1" | script -qec "env ${2-} PATH=$work/debian $work/tools/install-deps build" /dev/null 2>&1)
	grep -c ' install ' "$log"
}
if command -v script >/dev/null; then
	equal terminal-no 0 "$(ask n)"
	equal terminal-yes 1 "$(ask y)"
	equal terminal-default 1 "$(ask '')"
	equal terminal-YES 1 "$(ask n YES=1)"
	ask n >/dev/null
	equal terminal-once 1 "$(grep -c 'Install them now' <<<"$out")"
	ask n YES=1 >/dev/null
	equal terminal-YES-silent 0 "$(grep -c 'Install them now' <<<"$out")"
else
	skip terminal 'no script(1) (package bsdutils)'
fi

# as-root: a user without privileges goes through sudo, with what matters and nothing else.
if [ "$(id -u)" = 0 ]; then
	equal root-direct 'a b|c' "$("$top/tools/as-root" printf '%s|%s' 'a b' c)"
	equal root-status 7 "$("$top/tools/as-root" sh -c 'exit 7'; echo $?)"
	cp "$top/tools/as-root" "$work/tools/real"
	world sudo
	# shellcheck disable=SC2016
	printf '#!/bin/sh\nprintf "%%s|" "$@"\n' >"$work/sudo/sudo"
	chmod 755 "$work/sudo/sudo"
	user_path() { local PATH_=$1; shift; setpriv --reuid 4201 --regid 4201 --clear-groups env -i PATH="$PATH_" "$@" sh "$work/tools/real" cmd 'x y' 2>&1; }
	equal sudo-runs '--|env|cmd|x y|' "$(user_path "$work/sudo")"
	equal sudo-keeps '--|env|DESTDIR=/a b|CI=1|cmd|x y|' "$(user_path "$work/sudo" CI=1 'DESTDIR=/a b' SECRET=x)"
	matches no-sudo 'must run as root, and there is no sudo' "$(user_path "$work/other")"
	user_path "$work/other" >/dev/null
	equal no-sudo-status 1 $?
else
	skip as-root 'needs root to become another user'
fi
