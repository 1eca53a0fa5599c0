#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The files for systemd: the unit is understood and its sandbox as tight as promised; the user and the folders are made.
# Also the manual pages of the daemon: its options and keys are all there. Nothing is started or changed.
. "$(dirname "$0")/../lib.sh"
cd "$top" || exit 1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
have() { command -v "$1" >/dev/null || { skip "$2" "not installed: $1 (package systemd)"; return 1; }; }

# The promise: systemd-analyze's number is 2.6 at most, of 10 for a service without any protection.
LIMIT=26
unit=$work/guestnetd.service
sed "s|@sbindir@|$BIN|; s|@bindir@|$BIN|; s|@sysconfdir@|/etc|" systemd/guestnetd.service.in >"$unit"
equal placeholders '' "$(grep -o '@[a-z]*@' "$unit")"
exposure() {	# UNIT
	systemd-analyze security --offline=yes --no-pager "$1" 2>&1 |
		sed -n 's/.*Overall exposure level for [^:]*: \([0-9]*\)\.\([0-9]\).*/\1\2/p'
}
if have systemd-analyze exposure; then
	if systemd-analyze security --help 2>/dev/null | grep -q -- --offline; then
		number=$(exposure "$unit")
		check exposure test "${number:-100}" -le $LIMIT
		# Shown something worse, the check notices.
		grep -vE '^(Protect|Private|SystemCall|Restrict)' "$unit" >"$work/open.service"
		number=$(exposure "$work/open.service")
		check exposure-notices test "${number:-0}" -gt $LIMIT
	else
		skip exposure 'this systemd-analyze cannot judge a file (--offline)'
	fi
	# Other units that are named need not be here.
	equal verify '' "$(systemd-analyze verify --man=no "$unit" 2>&1 | grep -F guestnetd)"
	sed 's/^WatchdogSec=.*/WatchdogSec=often/; s/^KillMode=.*/KillModus=process/' "$unit" >"$work/wrong.service"
	equal verify-notices 2 "$(systemd-analyze verify --man=no "$work/wrong.service" 2>&1 | grep -c '^[^ ]*wrong.service:')"

	equal verify-sysctl '' "$(systemd-analyze verify --man=no systemd/guestnetd-sysctl.service systemd/guestnetd-sysctl.path 2>&1 | grep -F guestnetd-sysctl)"
fi

# Of what the daemon says of forwarding, root takes over two lines and no other.
script=$(sed -n "s/^ExecStart=\/bin\/sh -c '\(.*\)'$/\1/p" systemd/guestnetd-sysctl.service)
script=${script//\/run\//$work/run/}
mkdir -p "$work/run/guestnet" "$work/run/sysctl.d"
snippet() { printf '%s\n' "$@" >"$work/run/guestnet/sysctl.conf"; sh -c "$script"; cat "$work/run/sysctl.d/zz-guestnet.conf" 2>/dev/null; }
equal sysctl-both 'net.ipv4.ip_forward = 1
net.ipv6.conf.all.forwarding = 1' "$(snippet '# x' 'net.ipv4.ip_forward = 1' 'net.ipv6.conf.all.forwarding = 1')"
equal sysctl-no-other 'net.ipv4.ip_forward = 1' "$(snippet 'kernel.core_pattern = |/tmp/x' 'net.ipv4.ip_forward = 1' 'net.ipv4.ip_forward = 1 # ' 'xnet.ipv4.ip_forward = 1')"
equal sysctl-none '' "$(snippet '# nothing')"
equal sysctl-clean '' "$(ls -A "$work/run/sysctl.d")"

# What makes the difference for guests, whoever edits the unit.
for line in Type=notify User=guestnet KillMode=process RuntimeDirectoryPreserve=yes NoNewPrivileges=yes \
	'AmbientCapabilities=CAP_NET_ADMIN CAP_NET_RAW CAP_NET_BIND_SERVICE' \
	'CapabilityBoundingSet=CAP_NET_ADMIN CAP_NET_RAW CAP_NET_BIND_SERVICE'; do
	check "unit-${line%%=*}" grep -qxF -- "$line" "$unit"
done
check unit-before-docker grep -qE '^Before=.*\bdocker\.service\b' "$unit"
# Fds for all that its clients can take at one time, for a process of each network, and some for its own work.
defined() { sed -n "s/^#define $2[[:space:]]*\([0-9]*\).*/\1/p" "$1"; }
fds=$((4 * $(defined lib/limits.h LIMIT_BUS_PEERS) + 2 * $(defined netd/daemon/tapserver.c CLIENTS) +
	$(defined lib/limits.h LIMIT_DAEMON_FDS) + $(defined netd/daemon/files.c NETWORKS_LIMIT)))
check unit-fds test "$(sed -n 's/^LimitNOFILE=//p' "$unit")" -ge "$fds"
matches unit-descriptors '^[1-9][0-9]*$' "$(sed -n 's/^FileDescriptorStoreMax=//p' "$unit")"

# The user, and the folders that belong to it, in a root of their own.
mkdir -p "$work/tree/etc"
printf 'root:x:0:0:root:/:/bin/sh\n' >"$work/tree/etc/passwd"
printf 'root:x:0:\n' >"$work/tree/etc/group"
if have systemd-sysusers sysusers; then
	out=$(systemd-sysusers --dry-run --root="$work/tree" "$top/systemd/sysusers.conf" 2>&1)
	matches sysusers 'guestnet' "$out"
	equal sysusers-complaints '' "$(grep -iE 'invalid|unknown|fail' <<<"$out")"
fi
if have systemd-tmpfiles tmpfiles; then
	# With our own ids, so that no privilege is needed.
	printf 'guestnet:x:%d:%d::/:/bin/false\n' "$(id -u)" "$(id -g)" >>"$work/tree/etc/passwd"
	printf 'guestnet:x:%d:\n' "$(id -g)" >>"$work/tree/etc/group"
	sed 's|@sysconfdir@|/etc|' "$top/systemd/tmpfiles.conf.in" >"$work/tmpfiles.conf"
	equal tmpfiles '' "$(systemd-tmpfiles --create --root="$work/tree" "$work/tmpfiles.conf" 2>&1 | grep -iE 'guestnet|tmpfiles.conf')"
	for folder in etc/guestnet/networks run/guestnet var/lib/guestnet; do
		equal "tmpfiles-$folder" 755 "$(stat -c %a "$work/tree/$folder" 2>&1)"
	done
fi

# Manual pages: every option, every key.
for option in $(grep -oE '^	\{ "[a-z-]+",' netd/daemon/main.c | sed 's/.*"\(.*\)",/--\1/'); do
	check "manual-option$option" grep -qF -- "${option//-/\\-}" man/guestnetd.8
done
for key in $(grep -oE '^		"(Network|Address|DHCP|DNS)", "[A-Za-z]+"' netd/model/keys.c | sed 's/.*"\(.*\)"$/\1/'); do
	check "manual-key-$key" grep -qx "\.B $key=" man/guestnet.network.5
done
if [ -x build/release/tools/print-keys ]; then
	check manual-keys sh -c 'build/release/tools/print-keys man/guestnet.network.5 | cmp - man/guestnet.network.5'
	sed '/^\.B MTU=/d' man/guestnet.network.5 >"$work/page.5"
	check manual-keys-notices sh -c "! build/release/tools/print-keys $work/page.5 | cmp -s - $work/page.5"
	sed 's/^\.\\" keys: DNS/.\\" keys: Dns/' man/guestnet.network.5 >"$work/page.5"
	check manual-keys-unknown sh -c "! build/release/tools/print-keys $work/page.5 >$work/out 2>&1"
fi

# Examples in the manual are networks that the daemon takes.
if [ -x "$BIN/guestnetd" ]; then
	mkdir -p "$work/etc/networks" "$work/none"
	awk '/^\.EX/ { n++; out = "'"$work"'/etc/networks/example" n ".network"; next } /^\.EE/ { out = ""; next }
		out { gsub(/\\-/, "-"); print >out }' man/guestnet.network.5
	check manual-examples "$BIN/guestnetd" --check --config-root="$work/etc" --vendor-root="$work/none" \
		--state-root="$work/none/state" --run-root="$work/none/run"
	cp -r netd/networks/. "$work/etc/networks/"
	check shipped-networks "$BIN/guestnetd" --check --config-root="$work/etc" --vendor-root="$work/none" \
		--state-root="$work/none/state" --run-root="$work/none/run"
fi
# Reading needs no privilege, and leaves nothing behind.
equal check-leaves-nothing '' "$(find "$work/none" -mindepth 1)"
if [ "$(id -u)" = 0 ] && [ -x "$BIN/guestnetd" ]; then
	chmod 755 "$work"
	cp "$BIN/guestnetd" "$work/"
	check check-unprivileged setpriv --reuid 65534 --regid 65534 --clear-groups "$work/guestnetd" --check \
		--config-root="$work/etc" --vendor-root="$work/none"
fi
exit 0
