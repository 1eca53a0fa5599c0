# SPDX-License-Identifier: GPL-2.0-or-later
# A Debian system with systemd in a machine of its own, for suites that need a whole one. Sourced after tests/lib.sh:
#
#	packages=NAME,NAME...		besides those below
#	memory=MEBIBYTES
#	nics=(QEMU-OPTION...)		network cards; none without it
#	prepare() { ...; }		optional: more files for the system whose root is $root
#	. "$(dirname "$0")/system.bash"
#	system_enter			outside: makes the system, runs this very script in it, and ends; inside: returns
#
# PREPARE=1: makes what takes long and can be kept, and ends.
#
# Outside: builds for prefix=/usr, makes the system (once for each list of packages, below build/debian, and suites with the same
# list share it), and starts QEMU without KVM on it. Inside, a service runs the script at each boot, until `finish`; the source tree's tools
# and files are in /guestnet, which is also the working folder.
#
#   install_guestnet         as the README says; what it printed is in /guestnet/out
#   essential ID COMMAND...  a check without which nothing that follows can work
#   internet                 a namespace of that name behind up0, the default route; its port 7777 sends back what it gets
#   state [NETWORK]          what guestnet says of it: running and so on
#   port_of PORT BRIDGE      whether it is one
#   finish                   the end of the tests and of the machine
#   restart                  boots again: the script runs once more
#   explain                  what the daemon says, for failures
PATH=$PATH:/usr/sbin:/sbin
common_packages=systemd-sysv,dnsmasq-base,nftables,iproute2,busybox,kmod,libmnl0,libnftnl11,libxml2,libcap2,libcap2-bin,jq,passwd
[ -n "${nics-}" ] || nics=(-nic none)
system_modules='9p 9pnet_virtio virtio_pci'

# system_packed FILE WHAT MMDEBSTRAP-ARGUMENT...: a packed system, made unless it is there and the same.
system_packed() {
	exec 8>"$1.lock"
	flock 8
	[ -s "$1" ] && [ "$(cat "$1.of" 2>/dev/null)" = "$2" ] && return
	rm -f "$1" "$1.of"
	timeout 800 mmdebstrap --quiet --mode=root --format=tar "${@:3}" >"$1.new.tar" 2>"$1.log" </dev/null ||
		{ echo "mmdebstrap failed: $(tail -n 1 "$1.log")"; rm -f "$1.new.tar"; return 1; }
	mv "$1.new.tar" "$1" && echo "$2" >"$1.of"
}
# system_base FILE: the packed system. What is the same in all is put together once.
system_base() {
	local codename mirror common
	codename=$(. /etc/os-release; echo "${VERSION_CODENAME-}")
	[ -n "$codename" ] && command -v apt-get >/dev/null || { echo 'this is not a Debian system, whose packages fit what is built'; return 1; }
	# The programs are built here: only this very release has their libraries.
	mirror=$(apt-get indextargets --format '$(REPO_URI) $(CODENAME) $(COMPONENT)' 'Created-By: Packages' 2>/dev/null |
		sed -n "s/ $codename main\$//p" | head -n 1)
	[ -n "$mirror" ] || { echo "apt has no package lists of $codename (run apt-get update)"; return 1; }
	common=$(dirname "$1")/common.tar
	mkdir -p "$(dirname "$1")"
	[ -s "$1" ] && [ "$(cat "$1.of" 2>/dev/null)" = "$codename $common_packages,$packages" ] && return
	# The lists of packages that it has are good for a day.
	find "$common" -mmin +1440 -delete 2>/dev/null
	# As options of dpkg's, mmdebstrap would filter each package by a program of its own.
	system_packed "$common" "$codename $common_packages" --variant=minbase --include="$common_packages" --skip=cleanup/apt/lists \
		--extract-hook='mkdir -p "$1/etc/dpkg/dpkg.cfg.d"; printf "path-exclude=/usr/share/%s/*\n" doc man locale >"$1/etc/dpkg/dpkg.cfg.d/machine"
			echo force-unsafe-io >>"$1/etc/dpkg/dpkg.cfg.d/machine"' \
		--customize-hook='rm -rf "$1"/usr/share/doc/* "$1"/usr/share/man/* "$1"/usr/share/locale/*' "$codename" - "$mirror" || return
	system_packed "$1" "$codename $common_packages,$packages" --variant=custom --skip=update --setup-hook="tar -C \"\$1\" --xattrs --exclude='./dev/*' -xf $(printf %q "$common")" \
		--customize-hook='printf "%s\n" "#!/bin/sh" "exit 101" >"$1/usr/sbin/policy-rc.d"; chmod 755 "$1/usr/sbin/policy-rc.d"' \
		--customize-hook="APT_CONFIG=\$MMDEBSTRAP_APT_CONFIG apt-get --yes -oDPkg::Chroot-Directory=\"\$1\" install ${packages//,/ }" \
		--customize-hook='rm "$1/usr/sbin/policy-rc.d"' "$codename" - "$mirror"
}

# The system's folder $root, with the programs, the kernel's modules and this suite as a service.
system_make() {
	local unit release
	release=$(cat build/kernel/release)
	mkdir -p "$root"
	tar -C "$root" --xattrs -xf "$1" || { fail system 'it cannot be unpacked'; exit 1; }
	mkdir -p "$root/usr/lib/modules" "$root/guestnet/tests/vm" "$root/guestnet/netd" "$root/guestnet/ctl" "$root/guestnet/build"
	cp -a build/kernel/lib/modules/"$release" "$root/usr/lib/modules/" && chroot "$root" depmod "$release"
	cp -a Makefile ./*.md COPYING tools policy man doc systemd firewalld "$root/guestnet/"
	cp -a netd/networks "$root/guestnet/netd/"
	cp -a ctl/completion "$root/guestnet/ctl/"
	cp -a build/usr/bin "$root/guestnet/build/bin"
	cp tests/lib.sh "$root/guestnet/tests/"
	cp "$0" tests/vm/system.bash "$root/guestnet/tests/vm/"
	cp build/tests/launch-helper "$root/usr/local/bin/"
	install -D -t "$root/guestnet/build/tests" build/tests/rest.so
	printf 'SUITE_PREFIX=%q\n' "${SUITE_PREFIX-}" >"$root/etc/guestnet-vm"
	echo "${suite#*.}-test" >"$root/etc/hostname"
	rm -f "$root/etc/resolv.conf"
	: >"$root/etc/machine-id"
	printf 'root / 9p rw 0 0\n' >"$root/etc/fstab"
	cat >"$root/etc/systemd/system/guestnet-test.service" <<-END
		[Unit]
		After=guestnetd.service systemd-user-sessions.service
		[Service]
		Type=simple
		ExecStart=/bin/bash /guestnet/tests/vm/$(basename "$0")
		StandardInput=null
		StandardOutput=file:/dev/ttyS1
		StandardError=inherit
		[Install]
		WantedBy=multi-user.target
	END
	mkdir -p "$root/etc/systemd/system/multi-user.target.wants"
	ln -s ../guestnet-test.service "$root/etc/systemd/system/multi-user.target.wants/"
	# What a test machine has no use for.
	for unit in getty.target systemd-networkd.service apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer systemd-hwdb-update.service; do
		ln -sf /dev/null "$root/etc/systemd/system/$unit"
	done
}

# Objects in build/usr are those in build/release, but for the few that have the prefix in them, which make tells by itself.
system_objects() {
	[ -e build/release/paths.h ] && [ ! -e build/usr ] || return 0
	rm -rf build/usr.new
	mkdir build/usr.new
	(cd build/release && cp -a --parents flags.stamp lib policy helper ctl netd $(ls -d musl 2>/dev/null) ../usr.new)
	find build/usr.new -name '*.d' -exec sed -i 's,build/release/,build/usr/,g' {} +
	mv build/usr.new build/usr
}
export -f system_objects

system_outside() {
	local program missing='' reason base
	[ "$(id -u)" = 0 ] || { skip all 'needs root to make a system and to share it with the machine'; exit 0; }
	for program in mmdebstrap qemu-system-x86_64 busybox cpio tar flock make; do
		command -v $program >/dev/null || missing+=" $program"
	done
	[ -z "$missing" ] || { skip all "not installed:$missing"; exit 0; }
	qemu-system-x86_64 -device help 2>/dev/null | grep -q '"virtio-9p-pci"' || { skip all 'QEMU cannot share folders (virtio-9p)'; exit 0; }
	reason=$("$top/tools/fetch-kernel" 2>&1) || { skip all "no kernel for test machines: $reason"; exit 0; }
	base=build/debian/$(cksum <<<"$packages" | cut -d" " -f1).tar
	reason=$(system_base "$top/$base") || { skip all "no system for the test machine: $reason"; exit 0; }

	cd "$top" || exit 1
	unset MAKEFLAGS MFLAGS MAKELEVEL
	# Two suites may get here at a time.
	reason=$(flock build/usr.lock bash -c 'system_objects; "$@"' - make -s -j"$(nproc)" OBJ=build/usr BIN=build/usr/bin prefix=/usr all 2>&1) || { fail build "$(tail -n 3 <<<"$reason")"; exit 1; }
	make -s build/tests/launch-helper build/tests/rest.so || exit 1
	[ -z "${PREPARE-}" ] || exit 0

	work=$(mktemp -d)
	trap 'rm -rf "$work"' EXIT
	trap 'exit 143' TERM INT HUP
	root=$work/root
	system_make "$base"
	! declare -F prepare >/dev/null || prepare

	cat >"$work/init" <<-END
		#!/bin/busybox sh
		mount -t proc proc /proc
		mount -t sysfs sysfs /sys
		mount -t devtmpfs devtmpfs /dev
		for module in $system_modules; do modprobe \$module; done
		mkdir -p /system
		mount -t 9p -o trans=virtio,version=9p2000.L,cache=loose,msize=512000 system /system || exec sh
		mount --move /dev /system/dev
		mount --move /sys /system/sys
		mount --move /proc /system/proc
		exec switch_root /system /sbin/init
	END
	tools/build-initramfs --init "$work/init" --modules "$system_modules" "$work/initramfs" ||
		{ fail machine 'its first file system cannot be built'; exit 1; }

	# The time limit is for a machine that hangs.
	timeout -k 5 "${VM_TIMEOUT:-1400}" qemu-system-x86_64 -M pc -accel tcg -m "${memory:-768}" -nodefaults -no-user-config -display none \
		-kernel build/kernel/boot -initrd "$work/initramfs" -append "$kernel_words systemd.show_status=1" "${nics[@]}" \
		-virtfs "local,path=$root,mount_tag=system,security_model=passthrough,multidevs=remap" \
		-chardev "file,id=console,path=${CONSOLE:-$work/console}" -serial chardev:console \
		-chardev stdio,id=output,signal=off -serial chardev:output </dev/null &
	qemu=$!
	trap 'kill $qemu 2>/dev/null; wait $qemu; exit 143' TERM INT HUP
	wait $qemu
	cat "$root/guestnet/results" >>"$RESULTS" 2>/dev/null
	if [ ! -e "$root/guestnet/done" ]; then
		fail machine "it ended before the tests did: $(tail -n 5 "$work/console" | tr -d '\r' | tr '\n' ';')"
		exit 1
	fi
	exit 0
}

system_enter() {
	[ -e /etc/guestnet-vm ] || system_outside
	. /etc/guestnet-vm
	RESULTS=/guestnet/results
	exec </dev/null
	cd /guestnet || exit 1
	trap 'fail machine "the suite ended in the middle"; finish' EXIT
}

# --- Inside.
install_guestnet() {
	groupadd --force kvm
	BIN=build/bin prefix=/usr bash tools/install >/guestnet/out 2>&1
}
essential() {
	if "${@:2}"; then pass "$1"; else fail "$1" "$(explain)"; finish; fi
}
internet() {
	ip netns add internet
	ip link add up0 type veth peer name eth0 netns internet
	ip addr add 198.51.100.2/24 dev up0
	ip link set up0 up
	ip route add default via 198.51.100.1
	ip -n internet addr add 198.51.100.1/24 dev eth0
	ip -n internet link set eth0 up
	ip netns exec internet busybox nc -ll -p 7777 -e /bin/cat &
}
# What is asked again and again until it is so: without jq, which takes 0.4 s of the processor to start here, while what is waited
# for needs that, too.
state() { [[ $(guestnet status "${1:-default}" --json 2>/dev/null) =~ ^\[\{\"name\":\"[^\"]*\",\"state\":\"([^\"]*)\" ]] && echo "${BASH_REMATCH[1]}"; }
port_of() { [ -e "/sys/class/net/$2/brif/$1" ]; }
finish() { trap - EXIT; touch /guestnet/done; sync; systemctl poweroff --force --force; exit 0; }
restart() { trap - EXIT; sync; systemctl --no-block start reboot.target; exit 0; }
explain() { systemctl status guestnetd --no-pager -l; journalctl -b -u guestnetd --no-pager | tail -n 20; }
