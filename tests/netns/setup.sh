#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# guestnet setup, as root on a system of its own: it says what it will do, does it, does nothing twice, and takes back what
# it has done when a step fails. systemctl is one that only notes what it is asked.
suite=setup
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/world.bash"
world_enter "$@"
world_setup || exit 1

guestnet=$BIN/guestnet
libexec=$(dirname "$lookup")
cp "$top/tools/divert" "$libexec/guestnet-divert"
installed=$(world_path PATH_HELPER)
install -m 755 "$BIN/guestnet-bridge-helper" "$installed"
# Programs without dpkg's, whose list of diversions is the machine's.
mkdir -p $world/bin $world/qemu $world/etc-qemu /etc/guestnet/networks /run/systemd/system
for program in bash sh env mv ln rm mkdir readlink dirname id cat touch; do ln -s "$(command -v $program)" $world/bin/; done
cat >$world/bin/systemctl <<END
#!/bin/bash
echo "\$*" >>$tmp/asked
case "\$*" in
*is-enabled* | *is-active*) [ -e $tmp/enabled ] ;;
*enable\ --now*) [ ! -e $tmp/broken ] && touch $tmp/enabled ;;
*disable*) rm -f $tmp/enabled ;;
esac
END
chmod 755 $world/bin/systemctl
sed -i 's|^PATH=.*|PATH='$world/bin'|' "$libexec/guestnet-divert"
printf '%s\n' '#!/bin/sh' >$world/qemu/qemu-bridge-helper
setup() { PATH=$world/bin QEMU_HELPER=$world/qemu/qemu-bridge-helper GUESTNET_BUS=unix:path=/nonexistent SUDO_USER= "$guestnet" setup "$@" </dev/null 2>&1; }
everything() { (cd / && find etc/guestnet etc/qemu run/world/qemu "$tmp" -name asked -prune -o -printf '%p %m %l\n' | LC_ALL=C sort; cat $policy_file /etc/qemu/*); }

world_policy 'allow lab user=1'
printf '%s' '# mine
allow br7' >/etc/qemu/bridge.conf
before=$(everything)
out=$(setup --user 4201); status=$?
equal asks-status 2 $status
matches asks-shows 'to do   start the network.*to do   let the user.*to do   put our helper.*to do   give' "$(tr '\n' ' ' <<<"$out")"
equal asks-changes-nothing "$before" "$(everything)"
# Who says no to everything is not told that it is done.
no() { printf 'n\n%.0s' 1 2 3 4 5 | PATH=$world/bin:$PATH QEMU_HELPER=$world/qemu/qemu-bridge-helper GUESTNET_BUS=unix:path=/nonexistent SUDO_USER= \
	script -qec "'$guestnet' setup --user 4201" /dev/null 2>&1; }
if command -v script >/dev/null && mkdir -p /dev/pts && mount -t devpts -o newinstance,ptmxmode=666 devpts /dev/pts &&
	{ [ -e /dev/ptmx ] || ln -s pts/ptmx /dev/ptmx; }; then
	out=$(no); equal no-status 0 $?
	matches no-words 'Nothing was done' "$out"
	equal no-done '' "$(grep 'Done' <<<"$out")"
	equal no-changes-nothing "$before" "$(everything)"
else
	skip no 'no script(1), or no terminals'
fi
out=$(setpriv --reuid=4201 --regid=4201 --clear-groups env PATH="$PATH" "$guestnet" setup --yes 2>&1); equal not-root 4 $?

# The daemon cannot be asked to read the new file: the last step fails, and all that went before is taken back.
out=$(setup --yes --user 4201); status=$?
equal undo-status 1 $status
matches undo-words 'undone  put our helper.*undone  let the user.*undone  start the network' "$(tr '\n' ' ' <<<"$out")"
equal undo-all "$before" "$(everything)"
touch $tmp/broken
before=$(everything)
out=$(setup --yes --user 4201); equal first-fails 1 $?
matches first-words 'systemctl enable --now guestnetd failed' "$out"
equal first-nothing "$before" "$(everything)"
rm $tmp/broken

# Without systemd the file is read when the daemon starts. What is made is readable, whatever root's umask is.
rmdir /run/systemd/system
mv /etc/qemu/bridge.conf $tmp/bridge.conf
rmdir /etc/qemu
out=$(umask 077; setup --yes --user 4201); status=$?
equal umask-made '755 755 644 644' "$(stat -c %a /etc/qemu /etc/guestnet/networks/default.network.d /etc/qemu/bridge.conf \
	/etc/guestnet/networks/default.network.d/virbr0.conf | tr '\n' ' ' | sed 's/ $//')"
mv $tmp/bridge.conf /etc/qemu/bridge.conf
out+=$(setup --yes --user 4201)
equal done-status 0 $status
equal done-policy 'allow default user=4201' "$(sed -n 's/[[:blank:]]*#.*//; 2p' $policy_file)"
equal done-policy-mode 'root 644' "$(stat -c '%U %a' $policy_file)"
equal done-divert "$installed" "$(readlink $world/qemu/qemu-bridge-helper)"
check done-virbr0 "$BIN/guestnetd" --check --config-root=/etc/guestnet --vendor-root="$top/netd" --state-root=$tmp --run-root=$tmp
matches done-name 'AlternativeName=virbr0' "$(cat /etc/guestnet/networks/default.network.d/virbr0.conf)"
equal done-qemu $'# mine\nallow br7\nallow virbr0' "$(cat /etc/qemu/bridge.conf)"
before=$(everything)
equal again 'Nothing to do.' "$(setup --yes --user 4201 | tail -n 1)"
equal again-nothing "$before" "$(everything)"
# Where the policy is a link, the file that it leads to is changed, and the link stays.
mkdir /etc/elsewhere
world_policy 'allow lab user=1'
mv $policy_file /etc/elsewhere/policy
ln -s ../elsewhere/policy $policy_file
out=$(setup --yes --user 4201); equal link-status 0 $?
equal link-stays ../elsewhere/policy "$(readlink $policy_file)"
matches link-policy $'^allow lab user=1\nallow default user=4201' "$(cat /etc/elsewhere/policy)"
rm $policy_file
# A daemon that runs without systemd is told, too.
if need tells dnsmasq jq nft; then
	rm -r /etc/guestnet/networks/default.network.d
	mkdir -p $tmp/{state,run}
	"$BIN/guestnetd" --vendor-root="$top/netd" --state-root=$tmp/state --run-root=$tmp/run --service-user=65534 >$tmp/log 2>&1 &
	netd_pid=$!
	wait_for 30 test -S $tmp/run/bus.sock
	told_setup() { PATH=$world/bin QEMU_HELPER=$world/qemu/qemu-bridge-helper GUESTNET_BUS=unix:path=$tmp/run/bus.sock "$guestnet" setup --yes; }
	check tells told_setup
	has_name() { ip link show dev gn-default | grep -q 'altname virbr0'; }
	check tells-name wait_for 30 has_name
	ended $netd_pid
	ip link del gn-default
fi
# A rule that denies would make the new line worth nothing.
world_policy 'deny default user=4202'
before=$(everything)
out=$(setup --yes --user 4202); equal denied-status 1 $?
matches denied-words 'denies it all the same: guestnet policy why default --user 4202' "$out"
equal denied-nothing "$before" "$(everything)"
# libvirt's own network has that name.
rm -r /etc/guestnet/networks/default.network.d
rm /etc/qemu/bridge.conf
ip link add virbr0 type bridge
equal libvirt 'Nothing to do.' "$(setup --yes | tail -n 1)"
check libvirt-qemu test ! -e /etc/qemu/bridge.conf
exit 0
