#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# guestnetd and wrong or changing configuration: whatever is wrong is one network's problem and is said with file and
# line; everything else comes up, stays up, and loses no packet.
# Namespaces: this one is the host; "guest" has a veth port on the bridge n01; "internet" is behind the host's uplink.

suite=netd-config
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/world.bash"
. "$(dirname "$0")/nets.bash"
world_enter "$@"
world_setup || exit 1
nets_setup python3

etc=$root/etc/networks
cp "$top"/netd/networks/*.network $root/vendor/networks/
# What it tells the journal, one datagram a line.
mkdir -p /run/systemd/journal
"$world/tools/observe-journal" /run/systemd/journal/socket >$root/journal &
journal_pid=$!
wait_for 5 test -S /run/systemd/journal/socket
in_journal() { grep -qE "$1" $root/journal; }
n_start=0
start_netd() {	# [OPTION...]: its messages are in $log
	log=$root/log.$((++n_start))
	rm -f $root/run/bus.sock
	"$BIN/guestnetd" "${roots[@]}" "$@" >$log 2>&1 &
	netd_pid=$!
	wait_for 20 test -S $root/run/bus.sock
}
stop_netd() { kill $netd_pid; reap $netd_pid; }
status() { client status "$1" --json 2>/dev/null | jq -r ".[0].$2 // \"\""; }
is() { [ "$(status "$1" state)" = "$2" ]; }
problem() { [[ "$(status "$1" problem)" == *"$2"* ]]; }
plan() { netd --plan 2>/dev/null | grep -v '^note: table-owned'; }
plan_is_empty() { [ -z "$(plan)" ]; }	# what is wrong with files is no step
all_running() {
	local name
	for name in "$@"; do is "$name" running || return 1; done
}
network() { printf '%s\n' "${@:2}" >$etc/$1.network; }
reload() { kill -HUP $netd_pid; }
no_link() { ! ip link show dev "$1"; }
# said ID NETWORK STATE TEXT: the network gets into that state and says so.
said() {
	if wait_for 10 is "$2" "$3" && wait_for 5 problem "$2" "$4"; then
		pass "$1"
	else
		fail "$1" "want $3 and '$4', got $(status "$2" state): $(status "$2" problem)"
	fi
}

ip netns add guest || exit 1

# Twenty good networks, and one of each kind of wrong.
good=()
for n in 01 02 03 04 05 06 07 08 09 10 11 12 13 14 15 16 17 18 19 20; do
	network n$n "[Address]" "Address=10.99.$((10#$n)).1/24" $([ $n -gt 6 ] && printf '[DHCP]\nEnable=no\n[DNS]\nEnable=no\n')
	good+=(n$n)
done
network w-section "[Network]" "Mode=nat" "[DHPC]" "Range=a"
network w-key "[Network]" "" "Brigde=x"
network w-value "[Network]" "MTU=12"
network w-many "[Network]" "Brigde=x" "MTU=12" "[DHCP]" "Enable=maybe"
network w-overlap "[Address]" "Address=10.99.1.200/16"
network w-bridge "[Network]" "Bridge=gn-n02"
network w-name "[Network]" "Bridge=default"
network thirteen-chars "[Network]"
network lo "[Network]"
mkdir $etc/w-dir.network
ln -s nowhere $etc/w-unreadable.network
: >$etc/isolated.network
network w-dropin "[Address]" "Address=10.98.1.1/24"
mkdir $etc/w-dropin.network.d
printf '[Network]\nMTU=1400\n' >$etc/w-dropin.network.d/10-good.conf
printf '[Network]\n\n\nMTU=hello\n' >$etc/w-dropin.network.d/20-bad.conf
network masked "[Network]"
mkdir -p $root/run/networks
network_masked() { ln -sf /dev/null $etc/masked.network; }
network_masked
printf '[Network]\n' >$root/vendor/networks/masked.network
start_netd
check all-up wait_for 20 all_running default "${good[@]}"
said unknown-section w-section failed 'w-section.network:3: unknown section [DHPC], did you mean [DHCP]?'
said unknown-key w-key failed 'w-key.network:3: unknown key Brigde= in section [Network], did you mean Bridge=?'
said bad-value w-value failed 'w-value.network:2: MTU=12: want a number from 1280 to 65535'
said several w-many failed 'w-many.network:2: unknown key Brigde= in section [Network], did you mean Bridge=?'
said several-counted w-many failed '; and 2 more mistakes'
all_of_many() { [[ $1 == *w-many.network:2:\ unknown\ key*w-many.network:3:\ MTU=12:*w-many.network:5:\ Enable=maybe:* ]]; }
check several-json all_of_many "$(client status w-many --json | jq -r '.[0].mistakes[]')"
check several-status all_of_many "$(client status w-many)"
check several-log wait_for 5 in_journal 'w-many.network:5: Enable=maybe: want'
check several-check all_of_many "$(netd --check 2>&1)"
out=$(client reload 2>&1); equal several-reload-status 5 $?
check several-reload all_of_many "$out"
said overlap w-overlap failed 'w-overlap.network:2: Address=10.99.1.200/16 overlaps with Address=10.99.1.1/24 of network n01'
said same-bridge w-bridge failed 'w-bridge.network:2: Bridge=gn-n02 is the bridge of network n02'
said bad-bridge-name w-name failed 'w-name.network:2: Bridge=default: want the name of an interface'
said name-lo lo failed "lo.network: a network's name"
said directory w-dir failed 'w-dir.network: Is a directory'
said unreadable w-unreadable failed 'w-unreadable.network: No such file'
said bad-dropin w-dropin failed '20-bad.conf:4: MTU=hello: want a number'
equal empty-is-none 3 "$(client status isolated --json >/dev/null 2>&1; echo $?)"
equal null-is-none 3 "$(client status masked --json >/dev/null 2>&1; echo $?)"
check long-name-said wait_for 5 in_journal 'thirteen-chars.network: the name of a network has'
equal long-name-doctor "$etc/thirteen-chars.network" \
	"$(client doctor --json | jq -r '.[] | select(.verdict == "problem" and .check == "networks").evidence | select(test("the name of a network")) | split(":")[0]')"
out=$(netd --check 2>&1); equal check-status 1 $?
n=0
for name in w-section w-key w-value w-overlap w-bridge w-name w-dir w-unreadable 20-bad thirteen-chars; do
	[[ $out == *$name* ]] || fail check-names "$name is not in: $out"
	n=$((n + 1))
done
equal check-names-all 10 $n
out=$(netd --service-user=nobodyhere --check 2>&1); equal unknown-user-status 2 $?
equal unknown-user 'guestnetd: --service-user=nobodyhere: there is no such user' "$out"
out=$(netd --check --teardown 2>&1); equal two-modes '2 guestnetd: --check, --plan and --teardown exclude each other: say one of them' "$? $out"
out=$("$BIN/guestnetd" --config-root=$root/nowhere --check 2>&1); equal no-root "2 guestnetd: --config-root=$root/nowhere: No such file or directory: want the folder in which networks/ is" "$? $out"
check settled wait_for 10 plan_is_empty
equal n-dnsmasq 7 "$(ls /proc/*/comm | xargs grep -l '^dnsmasq$' 2>/dev/null | wc -l)"

# The wrong ones go: their problems go with them.
rm -rf $etc/w-* $etc/thirteen-chars.network $etc/lo.network $etc/isolated.network
reload
forgotten() { client status "$1" --json; [ $? = 3 ]; }
for name in w-section w-key w-dir w-dropin lo; do
	check forgotten-$name wait_for 5 forgotten $name
done

# Defined from a file: mistakes are those of that file, and nothing changes.
mkdir -p $root/given
printf '[Network]\nBrigde=x\nMTU=12\n' >$root/given/given.network
out=$(client define $root/given/given.network 2>&1); equal define-several-status 1 $?
matches define-several-first "^$root/given/given.network:2: unknown key Brigde=" "$out"
matches define-several-second "$root/given/given.network:3: MTU=12: want" "$out"
matches define-several-end "guestnet: network given: the text has more than one mistake; nothing is changed$" "$out"
equal define-several-place '' "$(grep -F "$etc" <<<"$out")"
printf '[Network]\nMTU=12\n' >$root/given/given.network
matches define-one "^guestnet: $root/given/given.network:2: MTU=12: want" "$(client define $root/given/given.network 2>&1)"
matches define-input "^guestnet: standard input:2: MTU=12: want" "$(client define - given 2>&1 <$root/given/given.network)"
printf '[Address]\nAddress=10.99.1.9/24\n' >$root/given/given.network
matches define-clash "^guestnet: $root/given/given.network:2: Address=.* of network n01 \($etc/n01.network:2\)" "$(client define $root/given/given.network 2>&1)"
: >$root/given/given.network
matches define-empty "^guestnet: $root/given/given.network: a file without text" "$(client define $root/given/given.network 2>&1)"
check define-nothing test ! -e $etc/given.network

# Names that nobody reads are said, and are no error.
equal unread-none '' "$(netd --check 2>&1 >/dev/null)"
touch $etc/lab.netwrok $etc/n01.network~ $etc/.n01.network.swp $etc/n01.network.dpkg-old
mkdir $etc/lb.network.d $etc/n01.network.d
touch $etc/n01.network.d/mtu.cnof $etc/n01.network.d/mtu.conf~
ln -s somebody@host.4711 $etc/n01.network.d/.#mtu.conf
ln -s somebody@host.4711 $etc/.#n01.network
out=$(netd --check 2>&1); equal unread-status 0 $?
matches unread-file "warning: $etc/lab.netwrok: nobody reads this" "$out"
matches unread-folder "warning: $etc/lb.network.d: nobody reads this: there is no network lb" "$out"
matches unread-dropin "warning: $etc/n01.network.d/mtu.cnof: nobody reads this: the name of a drop-in ends in .conf" "$out"
equal unread-all 3 "$(grep -c '^warning: ' <<<"$out")"
out=$(client reload 2>&1); equal unread-reload 0 $?
equal unread-reload-said "$etc/lab.netwrok $etc/lb.network.d $etc/n01.network.d/mtu.cnof" \
	"$(sed -n 's/^warning: \(.*\): nobody reads this.*/\1/p' <<<"$out" | sort | paste -sd' ')"
check unread-log wait_for 5 in_journal "lab.netwrok: nobody reads this"
equal unread-doctor "$etc/lab.netwrok $etc/lb.network.d $etc/n01.network.d/mtu.cnof" \
	"$(client doctor --json | jq -r '[.[] | .. | strings | select(test("nobody reads this")) | split(":")[0]] | sort | join(" ")')"
rm -r $etc/lab.netwrok $etc/n01.network~ $etc/.n01.network.swp $etc/n01.network.dpkg-old $etc/lb.network.d $etc/n01.network.d $etc/.#n01.network

# A guest with a flow: a datagram each 2 ms from guest to internet and back, counted.
ip link add port0 type veth peer name eth0 netns guest
ip link set port0 master gn-n01 up
ip -n guest addr add 10.99.1.50/24 dev eth0
ip -n guest link set eth0 up
ip -n guest route add default via 10.99.1.1
cat >$root/echo.py <<'P'
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("198.51.100.1", 7))
while True:
    s.sendto(*s.recvfrom(64))
P
cat >$root/flow.py <<'P'
# Sends until its input ends, then prints how many of how many did not come back.
import select, socket, sys, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.connect(("198.51.100.1", 7))
sent, got, end = 0, set(), None
while end is None or (len(got) < sent and time.monotonic() < end):
    if end is None:
        s.send(b"%d" % sent)
        sent += 1
    ready = select.select([s] + ([sys.stdin] if end is None else []), [], [], 0.002)[0]
    if sys.stdin in ready:
        end = time.monotonic() + 3
    while s in select.select([s], [], [], 0)[0]:
        try:
            got.add(s.recv(64))
        except ConnectionRefusedError:
            pass
print(sent - len(got), sent)
P
ip netns exec internet python3 $root/echo.py &
echo_pid=$!
listens() { ip netns exec internet ss -uln | grep -q 198.51.100.1:7; }
wait_for 10 listens
ip netns exec guest busybox ping -c 1 -W 5 198.51.100.1 >/dev/null 2>&1
flow_begin() {
	rm -f $root/flow.in
	mkfifo $root/flow.in
	ip netns exec guest python3 $root/flow.py <$root/flow.in >$root/flow.out &
	flow_pid=$!
	exec 9<>$root/flow.in
}
flow_end() {
	echo >&9
	exec 9>&-
	reap $flow_pid
	read -r lost sent <$root/flow.out
	if [ "$lost" = 0 ] && [ "$sent" -gt 10 ]; then pass "$1"; else fail "$1" "lost $lost of $sent"; fi
}
flow_begin
pid_n01=$(cut -d' ' -f1 $root/run/dnsmasq/n01.pid)

# Added
network extra "[Address]" "Address=10.97.1.1/24" "[DNS]" "Domain=extra.example"
reload
check added wait_for 10 is extra running
# Changed: addresses, MTU, what of the host is reached, range, domain, the bridge's name
network extra "[Network]" "MTU=1400" "HostAccess=all" "[Address]" "Address=10.97.2.1/24" "[DHCP]" "Range=10.97.2.10-10.97.2.20" "[DNS]" "Domain=other.example"
reload
changed() {
	is extra running && plan_is_empty && [ "$(link gn-extra .mtu)" = 1400 ] &&
	[ "$(ip -4 -j addr show dev gn-extra | jq -r '[.[0].addr_info[].local] | join(" ")')" = 10.97.2.1 ] &&
	nft list set inet guestnet hostopen | grep -q gn-extra &&
	grep -q 'other.example' $root/run/dnsmasq/extra.conf && grep -q '10.97.2.10,10.97.2.20' $root/run/dnsmasq/extra.conf
}
check changed wait_for 10 changed
network extra "[Network]" "HostAccess=gateway" "[Address]" "Address=10.97.2.1/24"
reload
closed() { is extra running && plan_is_empty && ! nft list set inet guestnet hostopen | grep -q gn-extra && [ "$(link gn-extra .mtu)" = 1500 ]; }
check changed-back wait_for 10 closed
index=$(link gn-extra .ifindex)
network extra "[Network]" "Bridge=br-extra" "[Address]" "Address=10.97.2.1/24"
reload
renamed() { is extra running && plan_is_empty && no_link gn-extra && ip link show dev br-extra; }
check changed-bridge wait_for 10 renamed

# Its file becomes wrong: what was in force stays, and the problem is said. An older network beside it may not take its prefix.
network extra "[Network]" "Bridge=br-extra" "[Address]" "Address=10.97.2.1/24" "Adress=10.97.3.1/24"
network clash "[Address]" "Address=10.97.2.77/16"
reload
said wrong-stays extra degraded 'extra.network:5: unknown key Adress='
check wrong-keeps-address sh -c 'ip -4 addr show dev br-extra | grep -q 10.97.2.1/24'
said clash-with-kept clash failed 'clash.network:2: Address=10.97.2.77/16 overlaps with Address=10.97.2.1/24 of network extra'
check clash-no-bridge no_link gn-clash
rm $etc/clash.network
network extra "[Network]" "Bridge=br-extra" "[Address]" "Address=10.97.2.1/24"
reload
check mended wait_for 10 is extra running

# A file gets another name, and keeps its bridge. That is not called as the network was any more: there may be one again.
network first "[Network]" "Bridge=br-first" "[Address]" "Address=10.97.6.1/24"
reload
check first wait_for 10 is first running
index=$(link br-first .ifindex)
mv $etc/first.network $etc/second.network
reload
check file-moved wait_for 10 is second running
network first "[Address]" "Address=10.97.7.1/24"
reload
called() {
	is second running && is first running && plan_is_empty && [ "$(link br-first '.altnames | join(" ")') $(link gn-first '.altnames | join(" ")')" = 'second first' ]
}
check file-renamed wait_for 10 called
equal file-renamed-same-bridge $index $(link br-first .ifindex)
rm $etc/first.network $etc/second.network

# A bridge may have dots in its name, as those that are made beside a card's VLAN do.
network dots "[Network]" "Bridge=br..dots" "[Address]" "Address=10.97.9.1/24" "[DHCP]" "Enable=no"
reload
check dots wait_for 10 is dots running
rm $etc/dots.network
reload
check dots-gone wait_for 10 no_link br..dots

# A stranger's link has the name of a network for an alternative one: it is said which link.
ip link add strange type bridge
ip link property add dev strange altname held
network held "[Address]" "Address=10.97.9.1/24" "[DHCP]" "Enable=no"
reload
said held-by held failed 'the link strange has the alternative name held: ip link property del dev strange altname held'
ip link property del dev strange altname held
reload
check held-free wait_for 10 is held running
# Names that others have given the bridge are theirs, however many; ours comes behind them.
ip link property add dev gn-held altname o1 altname o2 altname o3 altname o4 altname o5
ip link property del dev gn-held altname held
mended() { plan_is_empty && [ "$(link gn-held '.altnames | index("held") != null')" = true ]; }
check foreign-names wait_for 10 mended
ip link property add dev gn-held altname o6 altname o7 altname o8
ip link property del dev gn-held altname held
check many-foreign-names wait_for 10 plan_is_empty
ip link del strange
rm $etc/held.network
reload
check held-gone wait_for 10 no_link gn-held

# Somebody has cleared away what the daemon made when it started: a network that comes has its dnsmasq, and its leases are seen.
mv $root/run/dnsmasq $root/run/cleared; mv $root/state/dnsmasq $root/state/cleared
network later "[Address]" "Address=10.97.9.1/24"
reload
check cleared wait_for 20 is later running
given() { [ "$(client leases later --json | jq 'length')" = 1 ]; }
echo "0 52:54:00:00:00:07 10.97.9.7 seven *" >>$root/state/dnsmasq/later.leases
check cleared-leases wait_for 20 given
rm $etc/later.network
reload
check cleared-gone wait_for 10 no_link gn-later
mv $root/run/dnsmasq/* $root/run/cleared/; rmdir $root/run/dnsmasq; mv $root/run/cleared $root/run/dnsmasq
mv $root/state/dnsmasq/* $root/state/cleared/; rmdir $root/state/dnsmasq; mv $root/state/cleared $root/state/dnsmasq
# A lease file that is another file's second name is not given to dnsmasq's user.
echo secret >$root/state/secret
ln $root/state/secret $root/state/dnsmasq/linked.leases
network linked "[Address]" "Address=10.97.9.1/24"
reload
not_plain() { client status linked --json | jq -r '.[0].problem' | grep -q 'linked.leases: it is no plain file with one name'; }
check linked-refused wait_for 20 not_plain
equal linked-owner 0 "$(stat -c %u $root/state/secret)"
rm $root/state/dnsmasq/linked.leases
check linked-mended wait_for 20 is linked running
rm $etc/linked.network
reload
check linked-gone wait_for 10 no_link gn-linked
out=$(unshare -Ur sh -c 'echo 0 >/proc/sys/user/max_inotify_instances; exec "$@"' sh "$BIN/guestnetd" "${roots[@]}" --plan 2>&1)
matches no-inotify 'sysctl fs.inotify.max_user_instances=1024 allows more' "$out"

# A binding that nothing can meet.
network bound "[Address]" "Address=10.97.9.1/24" "[DHCP]" "Enable=no" "[Port]" "AddressBinding=lease"
matches bound-to-nothing "warning: $etc/bound.network:6: AddressBinding=lease lets no guest use an address: .DHCP. Enable=no gives no leases" "$(netd --check 2>&1)"
printf '[Host]\nMACAddress=52:54:00:00:00:09\nAddress=10.97.9.9\n' >>$etc/bound.network
equal bound-to-host '' "$(netd --check 2>&1 | grep AddressBinding)"
rm $etc/bound.network

# Two networks exchange their prefixes.
network n19 "[Address]" "Address=10.99.20.1/24" "[DHCP]" "Enable=no"
network n20 "[Address]" "Address=10.99.19.1/24" "[DHCP]" "Enable=no"
reload
exchanged() { all_running n19 n20 && plan_is_empty && ip -4 addr show dev gn-n19 | grep -q 10.99.20.1 && ip -4 addr show dev gn-n20 | grep -q 10.99.19.1; }
check exchanged wait_for 10 exchanged

# Removed while it runs: rules, address and bridge go, the filter last. Then it comes again.
extra_pid=$(cut -d' ' -f1 $root/run/dnsmasq/extra.pid)
ip -o monitor link address 9>&- >$root/monitor &
monitor_pid=$!
monitored() { ip addr add 192.0.2.77/32 dev lo; ip addr del 192.0.2.77/32 dev lo; grep -q 'Deleted.*192.0.2.77' $root/monitor; }
wait_for 10 monitored
rm $etc/extra.network
reload
gone() { no_link br-extra && forgotten extra && ! nft list table inet guestnet | grep br-extra && plan_is_empty; }
check removed wait_for 10 gone
check removed-service sh -c "! kill -0 $extra_pid"
ended $monitor_pid
if grep -nE 'br-extra' $root/monitor | awk '/Deleted/ && /inet / { address = NR } /Deleted/ && !/inet/ { deleted = NR } END { exit !(deleted && (!address || address < deleted)) }'; then
	pass removed-order
else
	fail removed-order "$(grep br-extra $root/monitor)"
fi
network extra "[Address]" "Address=10.97.2.1/24"
reload
check again wait_for 10 is extra running
rm $etc/extra.network
network n18 "[Address]" "Address=10.99.18.1/24"
reload
network extra "[Address]" "Address=10.97.2.1/24"
reload
check gone-and-back wait_for 10 is extra running
check settled-again wait_for 10 plan_is_empty
flow_end flow-through-reloads
equal dnsmasq-untouched "$pid_n01" "$(cut -d' ' -f1 $root/run/dnsmasq/n01.pid)"

# A foreign address on our bridge is named and left alone.
ip addr add 172.31.9.1/24 dev gn-n02
said foreign-address n02 running 'has an address that is not ours: 172.31.9.1/24'
matches foreign-address-fix '^ip address delete 172\.31\.9\.1/24 dev ' "$(client status n02 --json | jq -r '.[0].fix')"
check foreign-address-stays sh -c 'ip addr show dev gn-n02 | grep -q 172.31.9.1/24'
ip addr del 172.31.9.1/24 dev gn-n02
no_problem() { [ -z "$(status "$1" problem)" ]; }
check foreign-address-over wait_for 5 no_problem n02

# A second daemon says who is there, and changes nothing.
before=$(nft list ruleset; ip addr)
mkdir -p $root/second
for run in $root/run $root/second; do
	out=$(timeout 10 "$BIN/guestnetd" "${roots[@]}" --run-root=$run 2>&1)
	equal second-refuses-${run##*/} 1 $?
	matches second-says-${run##*/} "guestnetd.*$netd_pid" "$out"
done
equal second-changes-nothing "$before" "$(nft list ruleset; ip addr)"
out=$(netd --teardown 2>&1); equal teardown-refuses 1 $?
check first-goes-on wait_for 5 all_running default n01
stop_netd

# What cannot be taken down is said.
nft delete table inet guestnet
coproc owner { exec nft -i; }
echo 'add table inet guestnet { flags owner; }' >&${owner[1]}
owned() { nft list tables | grep -q 'inet guestnet'; }
wait_for 10 owned
out=$(netd --teardown 2>&1); equal teardown-fails 1 $?
matches teardown-says 'table inet guestnet belongs to another process.*gn-default is still there' "$(tr '\n' ' ' <<<"$out")"
kill $owner_PID; reap $owner_PID

# A foreign interface in our place: left alone, named; over when it is gone.
check teardown-first netd --teardown
equal teardown-all '' "$(ip -o link | grep -o 'gn-[^:@]*')"
rm -f $etc/n0[2-9].network $etc/n1*.network $etc/n20.network $etc/extra.network
ip link add gn-default type dummy 2>/dev/null || ip link add gn-default type bridge
start_netd
said foreign-bridge default failed 'there is an interface gn-default already that is not ours'
check foreign-bridge-others wait_for 10 is n01 running
# Who has the files read again hears what fails then for another reason.
ip link add br-late type dummy 2>/dev/null || ip link add br-late type bridge
network late "[Network]" "Bridge=br-late" "[Address]" "Address=10.96.1.1/24"
out=$(client reload 2>&1); equal reload-fails-status 5 $?
matches reload-fails-old 'network default: there is an interface gn-default already' "$out"
matches reload-fails-new 'network late: there is an interface br-late already' "$out"
ip link del br-late
rm $etc/late.network
equal foreign-bridge-stays '' "$(link gn-default '.ifalias // ""')"
ip link del gn-default
check foreign-bridge-over wait_for 10 is default running
stop_netd

# No machine id, a wrong one: networks come up, and it is said.
printf 'hello\n' >/etc/machine-id
netd --teardown
rm -f $root/state/subnets
mkdir $root/state/subnets.new		# it cannot be written
start_netd
check machine-id-up wait_for 10 all_running default n01
check subnets-unwritten in_journal "cannot write $root/state/subnets: Is a directory"
rmdir $root/state/subnets.new
reload
check subnets-written wait_for 10 grep -q '^default ' $root/state/subnets
check machine-id-said wait_for 5 in_journal 'no machine id in /etc/machine-id'

# What it says is on standard error, too, unless that is the journal's; where there is no journal, there is nothing else.
speaks() { grep -aq 'guestnetd: no machine id in /etc/machine-id' "$1"; }
check stderr-beside speaks $log
equal stderr-plan '' "$(netd --plan 2>&1 | grep 'machine id')"
stop_netd
touch $root/log.$((n_start + 1))
before=$(grep -c 'no machine id' $root/journal)
JOURNAL_STREAM=$(stat -c %d:%i $root/log.$((n_start + 1))) start_netd
said_again() { [ "$(grep -c 'no machine id' $root/journal)" -gt "$before" ]; }
check stderr-journal wait_for 10 said_again
equal stderr-journal-once '' "$(grep 'machine id' $log)"
stop_netd
ended $journal_pid
rm /run/systemd/journal/socket
start_netd
check stderr-file speaks $log
stop_netd
mkfifo $root/pipe $root/full
cat $root/pipe >$root/piped &
start_any() { "$BIN/guestnetd" "${roots[@]}" & netd_pid=$!; wait_for 20 all_running default n01; }
start_any 2>$root/pipe
check stderr-pipe-up all_running default n01
check stderr-pipe wait_for 10 speaks $root/piped
stop_netd
if need stderr-terminal script && mkdir /dev/pts && mount -t devpts -o newinstance,ptmxmode=0666 devpts /dev/pts && ln -s pts/ptmx /dev/ptmx; then
	script -qfec "exec $BIN/guestnetd ${roots[*]}" $root/typed >/dev/null 2>&1 </dev/null &
	netd_pid=$!
	check stderr-terminal wait_for 20 speaks $root/typed
	stop_netd
	no_netd() { ! ss -Hxl | grep -q '@guestnetd'; }
	wait_for 10 no_netd
fi
# Nobody reads, and there is no room for a word.
exec 8<>$root/full
dd if=/dev/zero of=$root/full bs=4096 oflag=nonblock >/dev/null 2>&1
start_any 2>&8
check stderr-full-up all_running default n01
ip link set gn-n01 down
is_up() { [ "$(link gn-n01 '.flags | index("UP") != null')" = true ]; }
check stderr-full-repairs wait_for 10 is_up
stop_netd
exec 8>&-
netd --teardown

# A state directory that cannot be written.
mount --bind $root/state $root/state && mount -o remount,bind,ro $root/state
start_netd_any() { log=$root/log.$((++n_start)); "$BIN/guestnetd" "${roots[@]}" "$@" >$log 2>&1 & netd_pid=$!; }
start_netd_any
ro_said() { grep -qE "$root/state.*Read-only" $log || { client status n01 --json | grep -q "Read-only"; }; }
check read-only-said wait_for 10 ro_said
kill $netd_pid 2>/dev/null; reap $netd_pid
umount $root/state

# No dnsmasq; one that ends at once; one that comes later. The rest of the network is up.
rest_is_up() { ip -4 addr show dev gn-n01 | grep -q 10.99.1.1 && [ "$(link gn-n01 '.flags | index("UP") != null')" = true ] && nft list set inet guestnet nat | grep -q gn-n01; }
ln -sf /nonexistent $root/dnsmasq
start_netd --dnsmasq=$root/dnsmasq
said no-dnsmasq n01 degraded 'install dnsmasq'
check no-dnsmasq-rest rest_is_up
ip link set gn-n01 down
check no-dnsmasq-repairs wait_for 5 rest_is_up
printf '#!/bin/sh\nexit 3\n' >$root/stub
chmod 755 $root/stub
ln -sf stub $root/dnsmasq
said dnsmasq-ends n01 degraded 'exited with status 3'
# Slower and slower: between the third and the sixth end there are more than 0.25 + 0.5 + 1 s.
times() { [ "$(status n01 problem | grep -oE '[0-9]+ times' | cut -d' ' -f1)" -ge "$1" ]; }
check dnsmasq-counted wait_for 10 times 3
check dnsmasq-ends-rest rest_is_up
ln -sf "$(command -v dnsmasq)" $root/dnsmasq
check dnsmasq-comes wait_for 40 is n01 running
stop_netd

# Port 53 of the gateway is held by another program.
netd --teardown
sysctl -qw net.ipv4.ip_nonlocal_bind=1 2>/dev/null || echo 1 >/proc/sys/net/ipv4/ip_nonlocal_bind
python3 -c '
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(("10.99.1.1", 53))
t = socket.socket(socket.AF_INET, socket.SOCK_STREAM); t.bind(("10.99.1.1", 53)); t.listen()
sys.stdout.write("x\n"); sys.stdout.flush(); sys.stdin.read()' <> <(:) >$root/holder &
holder=$!
wait_for 10 test -s $root/holder
start_netd
check port-53-others wait_for 10 is default running
said port-53 n01 degraded 'UDP port 53 of 10.99.1.1 is held by python3'
check port-53-rest rest_is_up
ended $holder
reload
check port-53-over wait_for 10 is n01 running
stop_netd
check teardown netd --teardown
equal teardown-links '' "$(ip -o link | grep -o 'gn-[^:@]*')"
ended $echo_pid
grep -hE 'ERROR: |runtime error' $root/log.* && fail log "$(grep -hE 'ERROR: |runtime error' $root/log.* | head -3)"
exit 0
