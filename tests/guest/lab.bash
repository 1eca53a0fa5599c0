# SPDX-License-Identifier: GPL-2.0-or-later
# A laboratory for guests, in the private world of tests/netns/world.bash: a bridge with dnsmasq, captures, and QEMU run
# as numeric users. Sourced after tests/lib.sh by tests/guest/*.sh and tools/demo.
#
#   lab_enter "$@"                  for a suite: all three of these and world_enter; what is missing skips it
#   lab_missing                     names what of lab_programs is not installed
#   lab_build                       the guests' kernel and initramfs; before world_enter, for it may need the network
#   lab_setup                       after world_enter: world_setup and a folder for the rest
#   lab_bridge NAME ADDRESS/LENGTH
#   lab_ports BRIDGE                names of its ports
#   lab_dnsmasq BRIDGE FIRST LAST   lab_lease MAC
#   capture_start FILE INTERFACE [FILTER...]   capture_stop FILE   capture_show FILE [OPTION...]   capture_has FILE FILTER...
#   capture_lease FILE MAC
#   guest_start NAME UID DEVICE MAC NETDEV [KERNEL-WORD...]   guest_command NAME UID COMMAND...   guest_ready NAME   guest_ended NAME   guest_log NAME
#   guest_run NAME COMMAND   guest_said NAME WORD
#   guest_tap NAME   guest_proc NAME   guest_powerless NAME UID   guest_kill NAME   guest_stop NAME

. "$top/tests/netns/world.bash"
lab=$world/lab
declare -A guest_pid=() guest_fd=() capture_pid=()

lab_programs=(qemu-system-x86_64 dnsmasq tcpdump busybox cpio ip bridge ss jq setpriv setcap unshare flock)
lab_missing() {
	local program
	for program in "${lab_programs[@]}"; do
		command -v "$program" >/dev/null || printf '%s ' "$program"
	done
}

lab_build() {
	"$top/tools/fetch-kernel" && "$top/tools/build-initramfs" --init "$top/tests/guest/init" \
		--modules 'virtio_pci virtio_net e1000 8139cp' "$top/build/guest.cpio"
}

lab_setup() { world_setup && mkdir $lab; }

lab_enter() {
	local missing reason
	if [ -z "${WORLD_INSIDE-}" ]; then
		missing=$(lab_missing)
		[ -z "$missing" ] || { skip all "not installed: $missing"; exit 0; }
		[ "$(id -u)" != 0 ] || reason=$(lab_build 2>&1) || { skip all "no kernel or first file system for guests: $reason"; exit 0; }
	fi
	world_enter "$@"
	lab_setup || { fail lab 'the private namespaces cannot be set up'; exit 1; }
}

lab_bridge() { world_bridge "$1" && ip address add "$2" dev "$1"; }

lab_ports() { ip -j link show master "$1" | jq -r '.[].ifname'; }

lab_dnsmasq() {	# BRIDGE FIRST LAST
	mkdir -p $lab/dnsmasq
	chown 4300:4300 $lab/dnsmasq
	cat >$lab/dnsmasq.conf <<-END
		conf-dir=
		keep-in-foreground
		log-facility=$lab/dnsmasq/log
		pid-file=
		no-resolv
		no-hosts
		port=0
		bind-dynamic
		interface=$1
		except-interface=lo
		no-ping
		dhcp-authoritative
		dhcp-leasefile=$lab/dnsmasq/leases
		dhcp-range=$2,$3,1h
		log-dhcp
	END
	setpriv --reuid=4300 --regid=4300 --clear-groups --inh-caps=-all,+net_admin,+net_raw,+net_bind_service \
		--ambient-caps=-all,+net_admin,+net_raw,+net_bind_service \
		dnsmasq --conf-file=$lab/dnsmasq.conf >$lab/dnsmasq.out 2>&1 &
	wait_for 10 lab_dnsmasq_listens || { cat $lab/dnsmasq.out $lab/dnsmasq/log >&2; return 1; }
}

lab_dnsmasq_listens() { ss -Hlun 'sport = 67' | grep -q .; }

# The address that dnsmasq has given to a MAC address.
lab_lease() { awk -v mac="$1" '$2 == mac { print $3 }' $lab/dnsmasq/leases; }

capture_start() {	# FILE INTERFACE [FILTER...]
	tcpdump -i "$2" -n -U --immediate-mode -Z root -w "$1" "${@:3}" 2>"$1.log" &
	capture_pid[$1]=$!
	wait_for 10 grep -q 'listening on' "$1.log"
}

capture_stop() {
	ended "${capture_pid[$1]}"
	unset "capture_pid[$1]"
	rm -f "$1.log"
}

# Reads what is there so far; a packet that is being written is left out.
capture_show() { tcpdump -Z root -nr "$1" "${@:2}" 2>/dev/null; }

capture_has() {	# FILE FILTER...
	[ -n "$(capture_show "$1" -c 1 "${@:2}")" ]
}

# capture_lease FILE MAC: "ADDRESS SECONDS", from the first DISCOVER to the ACK of that guest.
capture_lease() {
	capture_show "$1" -tt -v 'udp port 67 or udp port 68' | awk -v mac="$2" '
		/^[0-9]/ { at = $1; your = client = "" }
		$1 == "Your-IP" { your = $2 }
		$1 == "Client-Ethernet-Address" { client = $2 }
		client == mac && /DHCP-Message.*: Discover/ && !first { first = at }
		client == mac && /DHCP-Message.*: ACK/ && first { printf "%s %.2f\n", your, at - first; exit }'
}

capture_has_lease() { [ -n "$(capture_lease "$@")" ]; }

guest_start() {	# NAME UID DEVICE MAC NETDEV [KERNEL-WORD...]
	guest_words=("${@:6}")
	guest_command "$1" "$2" qemu-system-x86_64 -netdev "$5" -device "$3,netdev=n0,mac=$4,romfile="
}
guest_words=()

# COMMAND runs QEMU with the arguments that follow it: the rest of the machine.
guest_command() {	# NAME UID COMMAND...
	local dir=$lab/$1 file
	mkdir -p "$dir"
	rm -f "$dir"/*
	mkfifo "$dir/port.in" "$dir/port.out"
	chown -R "$2:$2" "$dir"
	# The checkout may lie where another user cannot reach it.
	for file in kernel/boot guest.cpio; do
		[ -e "$lab/$(basename $file)" ] && continue
		: >"$lab/$(basename $file)"
		mount --bind "$top/build/$file" "$lab/$(basename $file)"
	done
	setpriv --reuid="$2" --regid="$2" --clear-groups "${@:3}" -M pc -accel tcg -m 128 -nodefaults \
		-no-user-config -display none -no-reboot -kernel $lab/boot -initrd $lab/guest.cpio \
		-append "$kernel_words guest.name=$1 ${guest_words[*]}" \
		-chardev "file,id=console,path=$dir/console" -serial chardev:console \
		-chardev "pipe,id=port,path=$dir/port" -serial chardev:port </dev/null >"$dir/log" 2>&1 &
	guest_pid[$1]=$!
}

# What the guest and its QEMU have said; for the reason of a failure.
guest_log() { cat "$lab/$1/log" "$lab/$1/console" 2>/dev/null | tr -d '\r' | tail -n 20 | tr '\n' ';'; }

# The shell takes note of the end of its children at once, so an ended one has no process any more.
guest_ended() { ! kill -0 "${guest_pid[$1]}" 2>/dev/null; }

# guest_line NAME: the next line, in $line; false when it is not there within a second. What has come of it by then is kept: on a
# busy machine a guest may stop in the middle of one, and `read` hands over such a piece and forgets it.
declare -A guest_piece=()
guest_line() {
	local piece status
	IFS= read -r -t 1 piece <&"${guest_fd[$1]}"
	status=$?
	line=${guest_piece[$1]-}$piece
	[ $status = 0 ] && guest_piece[$1]='' || guest_piece[$1]=$line
	return $status
}

guest_ready() {	# NAME: waits until the guest takes requests
	local line end=$((SECONDS + 120)) fd
	exec {fd}<>"$lab/$1/port.out"
	guest_fd[$1]=$fd guest_piece[$1]=
	while [ $SECONDS -lt $end ] && ! guest_ended "$1"; do
		guest_line "$1" && [ "$line" = 'guest: ready' ] && return
	done
	return 1
}

guest_run() {	# NAME COMMAND: its output and its status; the command is one line
	local id=$EPOCHREALTIME line end=$((SECONDS + 60))
	# Opened for both directions, so that a QEMU that has just died cannot block us.
	printf '%s %s\n' "$id" "$2" 1<>"$lab/$1/port.in"
	while [ $SECONDS -lt $end ] && ! guest_ended "$1"; do
		guest_line "$1" || continue
		case $line in
		"$id| "*) printf '%s\n' "${line#"$id| "}" ;;
		"$id= "*) return "${line#"$id= "}" ;;
		esac
	done
	echo "guest $1 does not answer"
	return 124
}

# What the guest said on its console after "guest: ", by first word.
guest_said() { tr -d '\r' <"$lab/$1/console" | sed -n "s/^guest: \($2 .*\)/\1/p"; }

# The tap that this guest's QEMU holds, as the kernel tells it, not as its name suggests.
guest_tap() { sed -n 's/^iff:[[:blank:]]*//p' "/proc/${guest_pid[$1]}/fdinfo/"* 2>/dev/null | head -n 1; }

# Who a guest's QEMU is and what it may do, from the kernel.
guest_proc() {
	tr '\0' ' ' <"/proc/${guest_pid[$1]}/cmdline"
	echo
	grep -E '^(Name|Uid|Gid|Groups|Cap[A-Z][a-z]+|NoNewPrivs):' "/proc/${guest_pid[$1]}/status"
	sed -n 's/^iff:/tap:/p' "/proc/${guest_pid[$1]}/fdinfo/"* 2>/dev/null
}

# guest_powerless NAME UID: says what is wrong, if anything.
guest_powerless() {
	guest_proc "$1" | awk -v uid="$2" '
		$1 == "Name:" { seen++; if ($2 !~ /^qemu-system/) print "process is " $2 }
		$1 == "Uid:" || $1 == "Gid:" { seen++; for (i = 2; i <= 5; i++) if ($i != uid) { print "ids are " $0; break } }
		$1 == "Groups:" && NF > 1 { print "groups are " $0 }
		/^Cap(Inh|Prm|Eff|Amb):/ { seen++; if ($2 !~ /^0+$/) print "capabilities " $0 }
		END { if (seen != 7) print "only " seen + 0 " of 7 lines found" }'
}

guest_gone() {	# NAME: after its end
	local fd=${guest_fd[$1]-}
	reap "${guest_pid[$1]}"
	[ -z "$fd" ] || exec {fd}<&-
	unset "guest_pid[$1]" "guest_fd[$1]"
}

guest_kill() {	# NAME: SIGKILL, as a crash or the out-of-memory killer would
	kill -KILL "${guest_pid[$1]}"
	guest_gone "$1"
}

guest_stop() {	# NAME: the guest powers itself off
	echo '0 poweroff' 1<>"$lab/$1/port.in"
	guest_gone "$1"
}
