#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# README.md, step by step, as somebody types it who has never seen any of this: in a Debian system with systemd in a machine of its
# own, as alice, who may use sudo, from a clone of the sources below her home. What is typed here is what stands there: each
# command of the README is run, or listed below with the reason and the test that has it instead. A new one fails this suite.
#
# The machine has no network, no compiler and no QEMU. What make would build has been built outside, of the same tree; in the
# place of QEMU a script takes the tap as QEMU does (real guests are in tests/guest).
suite=vm.readme
packages=dbus,make,polkitd,sudo,systemd-resolved,libnss-resolve
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/system.bash"
home=/home/alice
prepare() {
	mkdir -p "$root$home/guestnet/build/release" "$root/usr/lib/qemu"
	chmod 755 "$root$home"
	make -s -j"$(nproc)" all >/dev/null 2>&1 || { fail build 'make all failed'; exit 1; }
	cp -a Makefile ./*.md COPYING ctl doc firewalld helper lib man netd policy systemd tools "$root$home/guestnet/"
	cp -a build/bin "$root$home/guestnet/build/"
	tar -C build/release -c --exclude='*.d' --exclude=./tests . | tar -C "$root$home/guestnet/build/release" -x
	# How the helper is linked is seen by these.
	for file in /usr/bin/musl-gcc "/usr/lib/$(uname -m)-linux-musl/rcrt1.o"; do
		[ ! -e "$file" ] || install -D -m 755 /dev/null "$root$file"
	done
	install -m 755 /dev/stdin "$root/usr/bin/qemu-system-x86_64" <<-'END'
		#!/bin/bash
		# In the place of QEMU: takes the tap that it is told of, and says so.
		while [ $# -gt 0 ]; do
			[ "$1" != -netdev ] || netdev=,$2,
			shift
		done
		value() { [[ $netdev == *",$1="* ]] && { netdev_rest=${netdev#*,$1=}; echo "${netdev_rest%%,*}"; }; }
		if fd=$(value fd); then
			sed -n 's/^iff:\t*/fd /p' "/proc/self/fdinfo/$fd"
		else
			launch-helper --no-hold "$(value helper)" --br="$(value br)"
		fi
	END
}
system_enter

# --- The commands of README.md: all that is set apart by four blanks, a command each.
readme=$home/guestnet/README.md
mapfile -t commands < <(sed -n '/^    [^ ]/,/^$/p' $readme | sed -n 's/^    *//p' | sed -e ':join; /\\$/ { N; s/ *\\\n */ /; b join }' |
	sed -E 's/ +# .*//; s/ \.\.\.$//')
words=$(tr -s ' \n' ' ' <$readme)
declare -A done_with

# is_there COMMAND: it stands in the README, as a line of its own or `in a sentence`.
is_there() {
	done_with[$1]=yes
	printf '%s\n' "${commands[@]}" | grep -qxF -- "$1" || [[ $words == *"\`$1\`"* ]]
}
# typed ID USER COMMAND: what it says is in $out, its end in $status; standard input is the caller's. A login, as in a terminal.
typed() {
	status=1 out='this is not what README.md says'
	is_there "$3" || { fail "$1" "README.md has no command \"$3\""; return 1; }
	out=$(runuser -l "$2" -c "cd $home/guestnet; $3" 2>&1)
	status=$?
}
# types ID USER COMMAND: it succeeds.
types() {
	typed "$@" </dev/null || return
	if [ $status = 0 ]; then pass "$1"; else fail "$1" "status $status: $out"; fi
}
# elsewhere REASON COMMAND...: is not run here.
elsewhere() {
	local command
	for command in "${@:2}"; do is_there "$command" || fail elsewhere "README.md has no \"$command\" any more"; done
}

groupadd --force kvm
useradd --no-create-home --shell /bin/bash alice
useradd --create-home --shell /bin/bash --groups kvm bob
chown -R alice: $home
echo 'alice ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/alice
printf '#!/bin/sh\n' >/usr/lib/qemu/qemu-bridge-helper && chmod 755 /usr/lib/qemu/qemu-bridge-helper
# The folder that is shared with the machine outside holds no file capabilities.
mkdir -p /usr/local/libexec
mount -t tmpfs -o mode=755 tmpfs /usr/local/libexec
modprobe tun
chmod 666 /dev/net/tun		# as udev does
# The flags are written down as they are here, and all that is built is newer, in its order: make has nothing to do.
runuser -l alice -c 'cd guestnet && make -s build/release/flags.stamp && touch build/release/paths.h &&
	find build/release -name "*.o" -exec touch {} + && touch build/bin/*' || fail built 'make failed'

# --- Install
types install alice 'make && sudo make install'
equal install-helper 'cap_net_admin=p' "$(getcap /usr/local/libexec/guestnet-bridge-helper | sed 's/.* //')"
equal install-places '' "$(ls /usr/local/bin/guestnet /usr/local/sbin/guestnetd /etc/guestnet/bridge.conf 2>&1 >/dev/null)"

running() { [ "$(state "$@")" = running ]; }
enabled() { systemctl is-enabled guestnetd && systemctl is-active guestnetd; }
# A few questions, on a terminal: an empty line is a yes.
is_there 'sudo guestnet setup' || fail setup-text 'README.md does not say it'
questions() { runuser -l alice -c 'yes "" | head -n 9 | script -qec "sudo guestnet setup" /dev/null' 2>&1 </dev/null; }
out=$(questions)
matches setup '\[Y/n\].*Done' "$(tr -d '\r\n' <<<"$out")"
check setup-enabled enabled
essential setup-running wait_for 60 running
on_bus() { busctl --system --json=short call org.freedesktop.DBus /org/freedesktop/DBus org.freedesktop.DBus NameHasOwner s org.guestnet1 | grep -q true; }
check setup-on-bus wait_for 20 on_bus
equal setup-diverted /usr/local/libexec/guestnet-bridge-helper "$(readlink /usr/lib/qemu/qemu-bridge-helper)"
matches setup-again 'Nothing to do' "$(questions)"

# --- Use
tap='"status":0,"byte":0,"fd":true,"tap":"gn[0-9]+_[0-9]+"'
guest='qemu-system-x86_64 -m 1G disk.img $(guestnet qemu default)'
types qemu alice "$guest"
matches qemu-tap "$tap" "$out"
execed='guestnet exec default -- qemu-system-x86_64 -sandbox on,spawn=deny -m 1G disk.img'
types exec alice "$execed"
matches exec-tap '^fd gn[0-9]+_[0-9]+$' "$out"
# Both, where no file capability counts, and with the daemon down.
locked() { setpriv --no-new-privs runuser -u alice -- bash -c "cd $home/guestnet && $1" 2>&1 </dev/null; }
systemctl stop guestnetd
matches qemu-no-new-privs "$tap" "$(locked "$guest")"
systemctl stop guestnetd
matches exec-no-new-privs '^fd gn[0-9]+_[0-9]+$' "$(locked "$execed")"
essential running-again wait_for 60 running
# The helper by name, on a bridge of the administrator's.
ip link add br0 address 52:54:00:00:00:01 type bridge
ip link set br0 up
named='qemu-system-x86_64 -netdev bridge,id=n0,br=br0,helper=/usr/local/libexec/guestnet-bridge-helper -device virtio-net-pci,netdev=n0'
typed helper alice "$named" </dev/null
matches helper-denied '"status":1,.*access denied by acl file' "$out"
sed -i '1i allow br0 user=alice' /etc/guestnet/bridge.conf
types helper alice "$named"
matches helper-tap "$tap" "$out"

# --- The policy in ten lines
types policy-check alice 'guestnet policy check'
types policy-why alice 'guestnet policy why br0'
matches policy-why-rule 'bridge.conf:1' "$out"
types policy-list alice 'guestnet policy list'
matches policy-list-both 'default.*br0|br0.*default' "$(tr '\n' ' ' <<<"$out")"

# --- The daemon, as if setup had never been called.
systemctl --quiet disable --now guestnetd-tap.socket guestnetd
types enable alice 'sudo systemctl enable --now guestnetd'
essential enable-running wait_for 60 running
matches enable-user '^guestnet 0000000000003400$' \
	"$(pid=$(systemctl show -P MainPID guestnetd); echo "$(stat -c %U /proc/$pid) $(sed -n 's/^CapEff:\t//p' /proc/$pid/status)")"
types list alice 'guestnet list'
matches list-default 'default +running' "$out"
types status alice 'guestnet status default'

# A guest: address, gateway as DNS server, name, way out; of the host DHCP, DNS and ping.
internet
ip -n internet route add blackhole 10.0.0.0/8		# whoever came under a guest's own address gets no answer
ip netns add guest
ip link add port0 type veth peer name eth0 netns guest
ip link set port0 master gn-default up
ip -n guest link set eth0 up
install -m 755 /dev/stdin /run/udhcpc <<'S'
#!/bin/sh
[ "$1" = bound ] || exit 0
ip addr add $ip/$mask dev $interface
ip route replace default via $router
echo "$ip $router $dns" >/run/lease
S
in_guest() { ip netns exec guest "$@"; }
timeout 40 ip netns exec guest busybox udhcpc -i eth0 -f -q -n -t 20 -T 2 -A 1 -x hostname:web -s /run/udhcpc >/dev/null 2>&1
address='' router='' dns=''
[ ! -s /run/lease ] || read -r address router dns </run/lease
equal guest-dns "$router" "$dns"
types qemu-default bob 'qemu-system-x86_64 -netdev bridge,id=n0,br=default,helper=/usr/local/libexec/guestnet-bridge-helper -device virtio-net-pci,netdev=n0'
matches qemu-default-kvm "$tap" "$out"
types leases alice 'guestnet leases'
matches leases-guest "web.*$address|$address.*web" "$out"
is_there 'guestnet net-dhcp-leases default' || fail virsh-text 'README.md does not say it'
matches leases-virsh "$address" "$(runuser -l alice -c 'guestnet net-dhcp-leases default')"
resolves() { in_guest busybox nslookup web.default.internal "$dns" | grep -q "$address"; }
check guest-name wait_for 10 resolves
flow() { [ "$(echo hello | in_guest timeout 5 busybox nc -w 3 198.51.100.1 7777 2>/dev/null)" = hello ]; }
check guest-way-out wait_for 10 flow
check guest-ping in_guest busybox ping -c 1 -W 5 "$router"
busybox nc -ll -p 2222 -e /bin/cat &
closed() { ! echo hello | in_guest timeout 5 busybox nc -w 3 "$router" 2222 2>/dev/null | grep -q hello; }
check guest-nothing-else closed

# Who may what: kvm attaches; root and the group guestnet start and stop; alice's rule is her own.
matches kvm-attaches "$tap" "$(runuser -l bob -c "$guest" 2>&1)"
matches group-not 'action org.guestnet1.manage.*root and members of the group guestnet may' "$(runuser -l bob -c 'guestnet stop default' 2>&1)"
usermod --append --groups guestnet bob
equal group-may 0 "$(runuser -l bob -c 'guestnet stop default && guestnet start default' >/dev/null 2>&1; echo $?)"
essential group-started wait_for 60 running

# --- Configure: the file as it stands there.
sed -n '/^```ini$/,/^```$/p' $readme | grep -v '^```' >/etc/guestnet/networks/lab.network
check configure-file grep -q '^Domain=lab.internal$' /etc/guestnet/networks/lab.network
types configure-check alice 'sudo guestnetd --check'
matches configure-check-says 'no errors' "$out"
types configure-plan alice 'sudo guestnetd --plan'
matches configure-plan-says 'gn-lab' "$out"
types configure-reload alice 'sudo guestnet reload'
check configure-running wait_for 30 running lab
equal configure-address '10.20.0.1/24' "$(ip -4 -j addr show dev gn-lab | jq -r '.[0].addr_info[0] | .local + "/" + (.prefixlen | tostring)')"
sed -i 's/^LeaseTime=.*/LeesTime=12h/' /etc/guestnet/networks/lab.network
typed configure-wrong alice 'sudo guestnetd --check' </dev/null
matches configure-wrong "lab.network:[0-9]+: .*LeaseTime" "$out"
runuser -l alice -c 'sudo guestnet reload' >/dev/null 2>&1
check configure-wrong-stays ip link show dev gn-lab
rm /etc/guestnet/networks/lab.network
runuser -l alice -c 'sudo guestnet reload' >/dev/null

# --- When something does not work
typed doctor alice 'sudo guestnet doctor' </dev/null
equal doctor '0 ' "$status $(grep -A 1 '^problem' <<<"$out")"
typed why alice 'sudo guestnet why web 192.0.2.7:443' </dev/null
matches why "$address" "$out"
is_there 'guestnet monitor' || fail monitor-text 'README.md does not say it'
runuser -l alice -c 'timeout 60 guestnet monitor' >/run/monitor 2>&1 &
heard() { nft flush ruleset; grep -q default /run/monitor; }
check monitor wait_for 30 heard

# --- QEMU's own helper, back and forth.
types undivert alice 'sudo make undivert'
equal undivert-back '#!/bin/sh' "$(head -n 1 /usr/lib/qemu/qemu-bridge-helper)"
types divert alice 'sudo make divert'
equal divert-link /usr/local/libexec/guestnet-bridge-helper "$(readlink /usr/lib/qemu/qemu-bridge-helper)"

# --- All down.
types teardown alice 'sudo systemctl stop guestnetd-tap.socket guestnetd && sudo guestnetd --teardown'
equal teardown-bridges br0 "$(ip -j link show type bridge | jq -r '.[].ifname')"

elsewhere 'they download packages and a kernel, and run machines of their own: this is one of them' 'make demo' 'make check'
elsewhere 'a part of the first command; once more, and away again: tests/house/install.sh, tests/vm/systemd.sh' 'sudo make install' 'sudo make uninstall'
elsewhere 'a line of a file, and libvirt is not here' 'bridge_helper = "/usr/local/libexec/guestnet-bridge-helper"'
elsewhere 'these talk to libvirt: tests/vm/libvirt.sh' 'guestnet import --libvirt default --stdout' \
	'sudo guestnet import --libvirt default --name lab' 'sudo virsh net-destroy default' \
	'sudo guestnet libvirt-link lab --libvirt-name default' 'sudo guestnet libvirt-unlink lab --libvirt-name default'
left=''
for command in "${commands[@]}"; do [ -n "${done_with[$command]-}" ] || left+=" \"$command\""; done
equal all-commands '' "$left"
equal commands-found yes "$([ ${#commands[@]} -ge 20 ] && echo yes || echo "${#commands[@]}")"
finish
