#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# guestnetd as a service: a Debian system with systemd in a machine of its own, where it is installed, enabled, and
# there after a reboot; what guests notice when the rules are flushed, the daemon is killed, stopped, started again.
#
# It installs at the first boot, and tests after a reboot.
suite=vm.systemd
packages=dbus,make,polkitd,sudo,systemd-resolved,libnss-resolve	# as readme.sh, which shares the system
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/system.bash"
system_enter

# --- Inside, the first time: install, as the README says.
property() { systemctl show -P "$1" guestnetd; }
running() { [ "$(state)" = running ]; }
plan_is_empty() { [ -z "$(guestnetd --plan 2>&1 | grep -v '^note: table-owned')" ]; }

if [ ! -e /guestnet/installed ]; then
	touch /guestnet/installed
	if install_guestnet; then pass install; else fail install "$(cat /guestnet/out)"; fi
	useradd --create-home --groups kvm alice
	matches install-next 'systemctl enable --now guestnetd' "$(cat /guestnet/out)"
	matches install-user '^guestnet:x:[0-9]+:[0-9]+:.*:/usr/sbin/nologin$' "$(getent passwd guestnet)"
	equal install-folders 'guestnet 755 guestnet 755' \
		"$(stat -c '%U %a' /etc/guestnet/networks /var/lib/guestnet | tr '\n' ' ' | sed 's/ $//')"
	check enable systemctl enable --now guestnetd
	essential enabled-runs wait_for 30 running
	cp /var/lib/guestnet/subnets /guestnet/subnets
	restart
fi

# --- The second time: it is there after the boot.
essential boot wait_for 60 running
equal boot-subnets-kept "$(cat /guestnet/subnets)" "$(cat /var/lib/guestnet/subnets)"
bridge=gn-default
gateway=$(ip -4 -j addr show dev $bridge | jq -r '.[0].addr_info[0].local')
equal list 'default running' "$(runuser -u alice -- guestnet list --json | jq -r '.[] | select(.name == "default") | .name + " " + .state')"
matches status-text '^1 of 1 networks running' "$(property StatusText)"
check plan-empty wait_for 10 plan_is_empty
pid() { property MainPID; }
equal user "guestnet" "$(stat -c %U "/proc/$(pid)")"
equal capabilities 0000000000003400 "$(sed -n 's/^CapEff:\t//p' "/proc/$(pid)/status")"
equal bounding-set 0000000000003400 "$(sed -n 's/^CapBnd:\t//p' "/proc/$(pid)/status")"
dnsmasq() { cut -d' ' -f1 /run/guestnet/dnsmasq/default.pid; }
dnsmasq_pid=$(dnsmasq)
equal dnsmasq-user guestnet "$(stat -c %U "/proc/$dnsmasq_pid")"
equal dnsmasq-capabilities 0000000000003400 "$(sed -n 's/^CapEff:\t//p' "/proc/$dnsmasq_pid/status")"
equal descriptors-stored 1 "$(property NFileDescriptorStore)"
equal no-complaint '' "$(journalctl -b -u guestnetd _COMM=guestnetd -p 4 --no-pager -q -o cat)"

# udev would set this mode.
modprobe tun
chmod 666 /dev/net/tun
# A tap that is there before its guest: the sandbox of the unit lets it be made, and alice opens it without a privilege.
mkdir -p /etc/guestnet/networks/default.network.d
printf '[Tap]\nName=tap0\nUser=alice\n' >/etc/guestnet/networks/default.network.d/tap.conf
check tap-reload guestnet reload
premade() { port_of tap0 $bridge && [ "$(</sys/class/net/tap0/owner)" = "$(id -u alice)" ]; }
check tap-made wait_for 20 premade
rm -r /etc/guestnet/networks/default.network.d
check tap-reload-again guestnet reload
without() { ! ip link show tap0 >/dev/null 2>&1; }
check tap-gone wait_for 20 without
# vhost where the host offers it, and only there.
if modprobe vhost_net 2>/dev/null && [ -e /dev/vhost-net ]; then
	matches vhost-on 'vhost=on' "$(guestnet qemu default)"
	matches vhost-e1000 'vhost=off' "$(guestnet qemu default --model e1000)"
	chmod 600 /dev/vhost-net
	matches vhost-closed 'vhost=off' "$(runuser -u alice -- guestnet qemu default)"
else
	skip vhost-on 'this machine has no module vhost_net'
fi

# The neighbourhood: "internet" is behind the uplink, "guest" has a port on the bridge.
internet
ip netns add guest
ip link add port0 type veth peer name eth0 netns guest
ip link set port0 master $bridge up
ip -n guest link set eth0 up
cat >/run/udhcpc <<'S'
#!/bin/sh
[ "$1" = bound ] || exit 0
ip addr flush dev $interface scope global
ip addr add $ip/$mask dev $interface
ip route replace default via $router
echo "$ip $router" >/run/lease
S
chmod 755 /run/udhcpc
lease() {	# asks until it has one; the address is in $address
	rm -f /run/lease
	timeout 40 ip netns exec guest busybox udhcpc -i eth0 -f -q -n -t 20 -T 2 -A 1 -x hostname:web -s /run/udhcpc >/dev/null 2>&1
	read -r address router </run/lease
}
flow() { [ "$(echo hello | timeout 5 ip netns exec guest busybox nc -w 3 198.51.100.1 7777 2>/dev/null)" = hello ]; }
essential lease lease
matches lease-address "^${gateway%.*}\.[0-9]+$" "${address-}"
check flow wait_for 10 flow
resolves() { ip netns exec guest busybox nslookup web.default.internal "$gateway" | grep -q "$address"; }
check dns-own-name wait_for 10 resolves
has_lease() { [[ $(guestnet leases default --json) == *'"name":"web"'* ]]; }
check leases wait_for 10 has_lease

# On the host guests have names, too, by the system's own resolver: polkit lets the daemon tell it. ssh asks as ahosts does,
# for addresses of both kinds; the kind is said here, as a guest gets one of IPv6 whenever it likes.
host_finds() { getent ahostsv4 web.default.internal | grep -q "^$address "; }
check names-host wait_for 40 host_finds
matches names-host-status 'NAME.default.internal, by systemd-resolved' "$(guestnet status default)"
host_finds_back() { getent hosts "$address" | grep -qw web.default.internal; }
check names-host-address wait_for 10 host_finds_back
# Of an address that nobody has the answer is no, at once: the resolver and our server do not wait for each other.
nobody=${gateway%.*}.254
[ "$nobody" != "$address" ] || nobody=${gateway%.*}.253
equal names-host-nobody 2 "$(timeout 10 getent hosts "$nobody" >/dev/null; echo $?)"
# Nobody else on this host knows. What it wrote down about links would outlive it: one that has forgotten is told again.
# It may insist on signatures and encryption for all other names.
systemctl stop systemd-resolved
equal names-host-stopped '' "$(getent ahosts web.default.internal)"
rm -f /run/systemd/resolve/netif/*
mkdir -p /etc/systemd/resolved.conf.d
printf '[Resolve]\nDNSSEC=yes\nDNSOverTLS=yes\n' >/etc/systemd/resolved.conf.d/strict.conf
systemctl start systemd-resolved
check names-host-restarted wait_for 40 host_finds
equal lease-file 'guestnet guestnet' "$(stat -c '%U %G' /var/lib/guestnet/dnsmasq/default.leases)"

# A connection that stays open over all that follows.
mkfifo /run/say
(ip netns exec guest busybox nc 198.51.100.1 7777 </run/say >/run/heard 2>&1) &
exec 7<>/run/say
goes_on() { echo "$1" >&7; wait_for 10 grep -qx "$1" /run/heard; }
check long-flow goes_on before

# A user without privileges gets a tap on the network, by the network's own name.
exec 6> >(runuser -u alice -- launch-helper /usr/libexec/guestnet-bridge-helper --br=default >/run/tap 2>&1)
wait_for 20 test -s /run/tap
tap=$(jq -r .tap /run/tap)
if [[ $tap =~ ^gn[0-9]+_0$ ]]; then pass helper; else fail helper "$(cat /run/tap)"; fi
check helper-bridge port_of "$tap" $bridge

# Under no_new_privs the daemon makes it, in the sandbox of its unit, on the service manager's socket.
equal socket-unit active "$(systemctl is-active guestnetd-tap.socket)"
tap_words() { runuser -u alice -- launch-helper --no-hold "$@" /usr/libexec/guestnet-bridge-helper --br=default </dev/null 2>&1; }
out=$(tap_words --no-new-privs)
matches socket '"status":0,"byte":0,"fd":true,"tap":"gn[0-9]+_[0-9]+"' "$out"

# What others do is repaired.
handle() { nft -at list table inet guestnet 2>/dev/null | sed -n '1s/.* # handle //p'; }
back() { running && plan_is_empty; }
nft flush ruleset
check flush-repaired wait_for 20 back
check flush-flow goes_on flushed
echo 0 >/proc/sys/net/ipv4/ip_forward
forwards() { [ "$(cat /proc/sys/net/ipv4/ip_forward)" = 1 ]; }
check forwarding-repaired wait_for 20 forwards
snippet=/run/sysctl.d/zz-guestnet.conf
wait_for 60 test -e $snippet
equal sysctl-snippet 'net.ipv4.ip_forward = 1;net.ipv6.conf.all.forwarding = 1' "$(tr '\n' ';' <$snippet | sed 's/;$//')"
equal sysctl-snippet-owner 'root 644' "$(stat -c '%U %a' $snippet)"
ip link set "$tap" nomaster
has_port() { port_of "$tap" $bridge; }
check port-repaired wait_for 20 has_port
check settled wait_for 20 back

# The daemon is killed: systemd starts it again, and nobody notices.
table=$(handle)
old_pid=$(pid)
kill -9 "$old_pid"
another() { [ "$(pid)" != 0 ] && [ "$(pid)" != "$old_pid" ] && running; }
check killed-comes-back wait_for 30 another
check killed-plan-empty wait_for 20 plan_is_empty
equal killed-dnsmasq-stays "$dnsmasq_pid" "$(dnsmasq)"
equal killed-table-stays "$table" "$(handle)"
equal killed-socket-kept 1 "$(property NFileDescriptorStore)"
check killed-flow goes_on killed
check killed-new-flow flow
check killed-lease lease

# Reload: a new network is there, a wrong file is that network's problem.
printf '[Network]\nMode=isolated\n' >/etc/guestnet/networks/lab.network
check reload systemctl reload guestnetd
lab() { ip link show dev gn-lab; }
check reload-new wait_for 20 lab
rm /etc/guestnet/networks/lab.network
systemctl reload guestnetd
no_lab() { ! lab; }
check reload-gone wait_for 20 no_lab

# Stopped: the networks stay up and serve. Started again: everything is taken over.
check stop systemctl stop guestnetd
equal stop-inactive inactive "$(property ActiveState)"
check stop-dnsmasq-stays kill -0 "$dnsmasq_pid"
check stop-flow goes_on stopped
check stop-new-flow flow
check stop-lease lease
# Nobody repairs now: whoever starts systemd-sysctl again turns nothing off.
printf 'net.ipv4.ip_forward = 0\n' >/etc/sysctl.d/99-off.conf
/usr/lib/systemd/systemd-sysctl
check stop-forwards forwards
rm /etc/sysctl.d/99-off.conf
check start systemctl start guestnetd
check started wait_for 30 running
equal start-dnsmasq-stays "$dnsmasq_pid" "$(dnsmasq)"
equal start-table-stays "$table" "$(handle)"
check start-flow goes_on started
resident=$(sed -n 's/^VmRSS:\t *//p' "/proc/$(pid)/status")
limits=$(journalctl -b -u guestnetd --no-pager -q -o cat -g 'Operation not permitted|Permission denied')
equal nothing-forbidden '' "$limits"

# Taken down: by hand, as root; and a later start finds everything as it must be.
systemctl stop guestnetd
check teardown guestnetd --teardown
gone() { ! ip link show dev $bridge; }
check teardown-bridge gone
equal teardown-table '' "$(handle)"
no_snippet() { [ ! -e $snippet ]; }
check teardown-snippet wait_for 60 no_snippet
no_dnsmasq() { ! kill -0 "$dnsmasq_pid"; }
check teardown-dnsmasq wait_for 10 no_dnsmasq
equal teardown-owners '' "$(find /run/guestnet /var/lib/guestnet ! -user guestnet ! -name tap.sock)"

# A cold daemon: the one who asks for a tap starts it, and has it, with the network.
equal cold inactive "$(property ActiveState)"
out=$(tap_words --no-new-privs)
matches cold-tap '"status":0,"byte":0,"fd":true,"tap":"gn[0-9]+_[0-9]+"' "$out"
essential start-after-teardown wait_for 30 running

# Called over the system bus, a daemon that is down is started; so it is by the client.
systemctl stop guestnetd
called() { runuser -u alice -- busctl --json=short call org.guestnet1 /org/guestnet1 org.guestnet1.Manager GetNetwork s default; }
check bus-activates wait_for 60 called
equal bus-activated active "$(property ActiveState)"
systemctl stop guestnetd
check client-activates runuser -u alice -- guestnet status default
equal client-activated active "$(property ActiveState)"
essential start-by-bus wait_for 30 running
# A user's own network: no administrator and no password is asked, though the bus has to start the daemon first; in its
# sandbox it reads the policy as that user, and writes in a folder of its own.
systemctl stop guestnetd
cp -a /etc/guestnet/bridge.conf /run/bridge.conf
echo 'own user=alice ports=80,8080' >>/etc/guestnet/bridge.conf
own=$(id -u alice).lab
own_runs() { [ "$(state "$own")" = running ]; }
check own-created runuser -u alice -- guestnet create lab
check own-up wait_for 20 own_runs
equal own-file 'guestnet 644' "$(stat -c '%U %a' "/var/lib/guestnet/networks/$own.network")"
# It holds the ports that are forwarded, also one below 1024.
printf '%s\n' '[Host]' MACAddress=52:54:00:13:00:09 Name=web '[Forward]' Listen=tcp:80 To=web '[Forward]' Listen=udp:8080 To=web >/run/own.network
check own-forward runuser -u alice -- guestnet define /run/own.network "$own"
equal own-forward-held '' "$(guestnet status "$own" --json | jq -r '.[0].problem')"
matches own-forward-in-use 'Address already in use' "$(timeout 5 busybox nc -l -p 80 2>&1 </dev/null)"
out=$(runuser -u daemon -- guestnet create lab 2>&1 </dev/null); status=$?
equal own-denied 4 $status
matches own-denied-says 'may have no networks of its own: no rule' "$out"
check own-removed runuser -u alice -- guestnet undefine "$own"
equal own-left '' "$(find /run/guestnet /var/lib/guestnet -name "*$own*")"
cp -a /run/bridge.conf /etc/guestnet/bridge.conf
# polkit: who has no session needs an administrator. In its sandbox the daemon writes where networks are declared.
out=$(runuser -u alice -- guestnet stop default 2>&1 </dev/null); status=$?
equal bus-denied 4 $status
matches bus-denied-says 'action org.guestnet1.manage' "$out"
printf '[Network]\nMode=isolated\n' >/run/lab.network
check define guestnet define /run/lab.network
check define-up wait_for 20 lab
equal define-owner 'guestnet 644' "$(stat -c '%U %a' /etc/guestnet/networks/lab.network)"
check define-again guestnet define /run/lab.network
check autostart guestnet autostart default
check undefine guestnet undefine lab
check undefine-gone wait_for 20 no_lab
rm -rf /etc/guestnet/networks/lab.network~ /etc/guestnet/networks/default.network.d

# Removed again.
exec 6>&- 7>&-
BIN=build/bin prefix=/usr bash tools/install --uninstall >/guestnet/out 2>&1
equal uninstall-bridge '' "$(ip -j link show type bridge | jq -r '.[].ifname')"
equal uninstall-files '' "$(find /usr/bin /usr/sbin /usr/lib/systemd /usr/lib/sysusers.d /usr/lib/tmpfiles.d /usr/share /usr/libexec -name '*guestnet*' ! -name 'guestnet-test*')"
equal uninstall-configuration '' "$(find /etc/guestnet 2>/dev/null)"
echo "guestnetd's resident memory with one network: $resident"
finish
