#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# make install, uninstall, divert and undivert: what they write, what they keep, and that the helper works by its old
# path. Everything happens in a private mount namespace, with overlays over /usr, /etc and /var.
. "$(dirname "$0")/../lib.sh"

[ "$(id -u)" = 0 ] || { skip all 'needs root for its private namespaces'; exit 0; }
[ -x "$BIN/guestnet" ] || { fail all "$BIN/guestnet is not built"; exit 1; }
if [ -z "${INSIDE-}" ]; then
	INSIDE=1 exec unshare --mount --propagation private --net --pid --fork --kill-child --mount-proc bash "$0"
fi
trap 'exit 143' TERM INT HUP
PATH=$PATH:/usr/sbin:/sbin

# The tree is copied: what the tests change stays here.
work=/run/house
mount -t tmpfs -o mode=755 tmpfs /run || { fail lab "no private tmpfs"; exit 1; }
mkdir $work
mkdir $work/tree $work/bin
cp -a "$top/Makefile" "$top"/*.md "$top/COPYING" "$top/tools" "$top/policy" "$top/man" "$top/doc" $work/tree/
mkdir $work/tree/netd $work/tree/ctl
cp -a "$top/ctl/completion" $work/tree/ctl/
cp -a "$top/systemd" "$top/firewalld" $work/tree/
cp -a "$top/netd/networks" $work/tree/netd/
cp -a "$BIN" $work/tree/bin
launch=$top/build/tests/launch-helper
cp "$launch" $work/launch
cd $work/tree || exit 1
export BIN=bin
unset MAKEFLAGS MFLAGS DESTDIR prefix exec_prefix bindir sbindir systemddir libexecdir datadir mandir docdir sysconfdir
tree() { (cd "$1" && find . ! -type d -printf '%m %p\n' | sed 's|\./||' | LC_ALL=C sort -k2); }

# --- DESTDIR: only below it, no privileges given.
stage=$work/stage
DESTDIR=$stage prefix=/usr tools/install >$work/out 2>&1 || fail destdir-runs "$(cat $work/out)"
manuals=$(cd man && ls -1)
equal destdir-list "$({
	echo 644 etc/guestnet/bridge.conf
	echo 755 usr/bin/guestnet
	echo 755 usr/libexec/guestnet-bridge-helper
	echo 755 usr/libexec/guestnet-divert
	echo 777 usr/libexec/guestnet-ifdown
	echo 755 usr/libexec/guestnet-ifup
	echo 711 usr/libexec/guestnet-lookup
	echo 755 usr/sbin/guestnetd
	echo 644 usr/lib/systemd/system/guestnetd.service
	echo 644 usr/lib/systemd/system/guestnetd-sysctl.path
	echo 644 usr/lib/systemd/system/guestnetd-tap.socket
	echo 644 usr/lib/systemd/system/guestnetd-sysctl.service
	echo 644 usr/lib/systemd/network/05-guestnet.network
	echo 644 usr/lib/systemd/network/05-guestnet.link
	echo 644 usr/lib/NetworkManager/conf.d/90-guestnet.conf
	echo 644 usr/lib/firewalld/zones/guestnet.xml
	echo 644 usr/lib/firewalld/policies/guestnet-in.xml
	echo 644 usr/share/polkit-1/rules.d/guestnet-firewalld.rules
	echo 644 usr/lib/sysusers.d/guestnet.conf
	echo 644 usr/lib/tmpfiles.d/guestnet.conf
	echo 644 usr/share/bash-completion/completions/guestnet
	echo 644 usr/share/zsh/site-functions/_guestnet
	echo 644 usr/share/fish/vendor_completions.d/guestnet.fish
	echo 644 usr/share/dbus-1/system-services/org.guestnet1.service
	echo 644 usr/share/dbus-1/system.d/org.guestnet1.conf
	echo 644 usr/share/polkit-1/actions/org.guestnet1.policy
	for network in netd/networks/*.network; do echo "644 usr/share/guestnet/networks/${network##*/}"; done
	echo 644 usr/share/guestnet/bridge.conf
	for page in $manuals; do echo "644 usr/share/man/man${page##*.}/$page"; done
	for page in README.md SECURITY.md COPYING doc/*.md; do echo "644 usr/share/doc/guestnet/${page##*/}"; done
} | LC_ALL=C sort -k2)" "$(tree $stage)"
equal destdir-no-privileges '' "$(getcap -r $stage; find $stage -perm /6000)"
equal destdir-link guestnet-ifup "$(readlink $stage/usr/libexec/guestnet-ifdown)"
equal destdir-unit 'ExecStart=/usr/sbin/guestnetd ExecReload=/usr/bin/guestnet reload' \
	"$(grep '^Exec' $stage/usr/lib/systemd/system/guestnetd.service | tr '\n' ' ' | sed 's/ $//')"
matches destdir-says 'setcap cap_net_admin=p /usr/libexec/guestnet-bridge-helper' "$(cat $work/out)"
# The manual says where things are.
equal destdir-manual-places '' "$(grep -r /usr/local $stage/usr/share/man)"
check destdir-manual-networks grep -q '^.*/usr/share/guestnet/networks/NAME' $stage/usr/share/man/man5/guestnet.network.5
DESTDIR=$work/odd prefix=/opt/a-b tools/install >$work/out 2>&1 || fail odd-runs "$(cat $work/out)"
# systemd, udev and the rest look for nothing below /opt.
equal odd-units '/guestnetd-sysctl.path /guestnetd-sysctl.service /guestnetd-tap.socket /guestnetd.service' \
	"$(cd $work/odd/etc/systemd/system && find . -type f | sed 's/^.//' | LC_ALL=C sort | tr '\n' ' ' | sed 's/ $//')"
equal odd-system-files 'network system sysusers.d tmpfiles.d' \
	"$(cd $work/odd/etc && find systemd sysusers.d tmpfiles.d -name '*guestnet*' -printf '%h\n' | sed 's|.*/||' | LC_ALL=C sort -u | tr '\n' ' ' | sed 's/ $//')"
check odd-unit grep -qx ExecStart=/opt/a-b/sbin/guestnetd $work/odd/etc/systemd/system/guestnetd.service
check odd-manual grep -qF 'helper=/opt/a\-b/libexec/guestnet\-bridge\-helper' $work/odd/opt/a-b/share/man/man8/guestnet-bridge-helper.8
# Where the configuration is elsewhere, the folder of networks is made there, and the manual says so.
DESTDIR=$work/elsewhere sysconfdir=/opt/e-tc tools/install >$work/out 2>&1 || fail elsewhere-runs "$(cat $work/out)"
equal elsewhere-folder '/opt/e-tc/guestnet/networks' "$(sed -n 's/^d \([^ ]*networks\) .*/\1/p' $work/elsewhere/usr/local/lib/tmpfiles.d/guestnet.conf)"
equal elsewhere-left '' "$(grep -rE '/etc/guestnet|@[a-z]+@' $work/elsewhere/usr/local/share/man $work/elsewhere/usr/local/lib)"
check elsewhere-manual grep -qF '/opt/e\-tc/guestnet/networks' $work/elsewhere/usr/local/share/man/man5/guestnet.network.5
# What other programs read is where they read it.
equal elsewhere-others '/etc/NetworkManager /etc/dbus-1 /etc/firewalld /etc/polkit-1' \
	"$(cd $work/elsewhere && find ./etc -mindepth 1 -maxdepth 1 | sed 's/^.//' | LC_ALL=C sort | tr '\n' ' ' | sed 's/ $//')"
# So are the state and what is known while the system runs: in units, in the manual, and the service may write there.
DESTDIR=$work/state localstatedir=/opt/v-ar runstatedir=/opt/r-un tools/install >$work/out 2>&1 || fail state-runs "$(cat $work/out)"
equal state-left '' "$(grep -rE '/var/lib/guestnet|/run/guestnet|^(State|Runtime)Directory=' $work/state/usr/local/share/man $work/state/usr/local/lib)"
equal state-folders '/opt/r-un/guestnet /opt/v-ar/lib/guestnet' "$(sed -n 's/^d \(\/opt[^ ]*\) .*/\1/p' $work/state/usr/local/lib/tmpfiles.d/guestnet.conf | tr '\n' ' ' | sed 's/ $//')"
equal state-writable '-/opt/r-un/guestnet -/opt/v-ar/lib/guestnet' \
	"$(sed -n 's/^ReadWritePaths=\(-\/opt.*\)/\1/p' $work/state/usr/local/lib/systemd/system/guestnetd.service | tr '\n' ' ' | sed 's/ $//')"
check state-socket grep -qx ListenSequentialPacket=/opt/r-un/guestnet/tap.sock $work/state/usr/local/lib/systemd/system/guestnetd-tap.socket

# A policy that nobody touched follows the new version; a changed one stays, and the new one is put beside it.
conf=$stage/etc/guestnet/bridge.conf
again() { DESTDIR=$stage prefix=/usr tools/install >$work/out 2>&1; }
echo 'allow old' | tee $conf >$stage/usr/share/guestnet/bridge.conf
again
check config-unchanged-follows cmp $conf policy/bridge.conf
echo 'allow mine' >>$conf
cp $conf $work/mine
again
check config-changed-stays cmp $conf $work/mine
check config-new-beside cmp $conf.new policy/bridge.conf
matches config-says 'bridge.conf was changed and stays' "$(cat $work/out)"
cp policy/bridge.conf $conf
again
check config-no-new-when-equal test ! -e $conf.new
echo 'allow mine' >>$conf
DESTDIR=$stage prefix=/usr tools/install --uninstall >$work/out 2>&1
equal uninstall-keeps-changed '644 etc/guestnet/bridge.conf' "$(tree $stage)"
# A link is somebody's, even where it leads to what was installed; nothing is written through it.
rm $conf
again
echo 'allow old' | tee $work/linked >$stage/usr/share/guestnet/bridge.conf
ln -sf $work/linked $conf
again
equal config-link-stays "$work/linked allow old" "$(readlink $conf) $(cat $work/linked)"
check config-link-new-beside cmp $conf.new policy/bridge.conf
DESTDIR=$stage prefix=/usr tools/install --uninstall >$work/out 2>&1
equal uninstall-keeps-link '777 etc/guestnet/bridge.conf' "$(tree $stage)"
rm $conf
cp policy/bridge.conf $conf
again
# Killed between a helper with its privilege and its name: the next one, or uninstall, leaves nothing of it; a signal that can
# be caught, nothing at all.
mkdir $work/killing
for signal in TERM KILL; do
	printf '#!/bin/sh\ncase $2 in *-bridge-helper*) kill -%s $PPID; exit 1 ;; esac\nexec /bin/mv "$@"\n' $signal >$work/killing/mv
	chmod 755 $work/killing/mv
	DESTDIR=$stage prefix=/usr PATH=$work/killing:$PATH tools/install >$work/out 2>&1
	equal killed-$signal-left $([ $signal = TERM ] && echo 0 || echo 1) "$(find $stage -name '*helper*tmp*' | wc -l)"
done
again
equal killed-again '' "$(find $stage -name '*tmp*' ! -name tmpfiles.d)"
DESTDIR=$stage prefix=/usr PATH=$work/killing:$PATH tools/install >$work/out 2>&1
DESTDIR=$stage prefix=/usr tools/install --uninstall >$work/out 2>&1
equal uninstall-removes-all '' "$(tree $stage)"
equal uninstall-removes-own-folders '' "$(find $stage -name '*guestnet*')"

# --- The real places, privately.
for part in usr etc var; do
	mkdir -p $work/upper/$part $work/lower/$part
	mount -t overlay overlay -o lowerdir=/$part,upperdir=$work/upper/$part,workdir=$work/lower/$part /$part ||
		{ fail lab "no overlay over /$part"; exit 1; }
done
rm -rf /etc/guestnet /etc/qemu /usr/local/libexec
mkdir -p $work/dev
mknod -m 666 $work/dev/tun c 10 200
mount --bind $work/dev/tun /dev/net/tun 2>/dev/null || { skip works 'this machine has no /dev/net/tun'; no_tun=1; }
ip link add br0 type bridge
ip link set br0 up

(umask 077; tools/install) >$work/out 2>&1 || fail install-runs "$(cat $work/out)"
helper=/usr/local/libexec/guestnet-bridge-helper
equal install-capability "$helper cap_net_admin=p" "$(getcap $helper)"
equal install-helper-mode '755 0 0' "$(stat -c '%a %u %g' $helper)"
equal install-lookup-mode '711 0 0' "$(stat -c '%a %u %g' /usr/local/libexec/guestnet-lookup)"
equal install-policy-folder '755 0 0' "$(stat -c '%a %u %g' /etc/guestnet)"
equal install-policy-mode '644 0 0' "$(stat -c '%a %u %g' /etc/guestnet/bridge.conf)"
matches install-next-check '/usr/local/bin/guestnet policy check' "$(cat $work/out)"
check install-check-works /usr/local/bin/guestnet policy check
matches install-next-qemu "helper=$helper" "$(cat $work/out)"

# works ID PROGRAM: a user without privileges gets a tap by this path.
works() {
	[ -z "${no_tun-}" ] || return
	matches "$1" '"status":0,"byte":0,"fd":true,"tap":"gn4201_' "$($work/launch --uid 4201 --no-hold "$2" --br=br0 </dev/null 2>&1)"
}
echo 'allow br0 user=4201' >>/etc/guestnet/bridge.conf
works install-works $helper

# A program in use is replaced; the policy, changed by now, is not.
tools/install >$work/out 2>&1
works install-again-works $helper
check install-again-keeps-policy grep -qx 'allow br0 user=4201' /etc/guestnet/bridge.conf

# On a system that runs, those who manage network cards are told at once what is not theirs; who is not there is not asked.
mkdir -p $work/stub /run/systemd/system
for program in systemctl networkctl systemd-sysusers systemd-tmpfiles; do
	printf '#!/bin/sh\necho "${0##*/} $*" >>%s\ncase "$*" in *is-active*) [ -e "%s/${3}" ] ;; esac\n' $work/asked $work >$work/stub/$program
	chmod 755 $work/stub/$program
done
told() { : >$work/asked; PATH=$work/stub:$PATH tools/install >$work/out 2>&1; grep -E 'networkctl|NetworkManager$' $work/asked | grep -v is-active | tr '\n' ' '; }
equal managers-none '' "$(told)"
touch $work/systemd-networkd $work/NetworkManager
equal managers-told 'networkctl reload systemctl reload NetworkManager ' "$(told)"
printf '#!/bin/sh\nexit 1\n' >$work/stub/networkctl
told >/dev/null
matches managers-said 'systemd-networkd has not read 05-guestnet.network: networkctl reload.*Next:' "$(tr '\n' ' ' <$work/out)"
rm -r /run/systemd/system

# Where setcap fails, set-user-ID does it.
printf '#!/bin/sh\nexit 1\n' >$work/bin/setcap
chmod 755 $work/bin/setcap
PATH=$work/bin:$PATH tools/install >$work/out 2>&1
equal setuid-mode '4755 0 0' "$(stat -c '%a %u %g' $helper)"
equal setuid-no-capability '' "$(getcap $helper)"
works setuid-works $helper
tools/install >$work/out 2>&1
equal capability-again "$helper cap_net_admin=p, 755" "$(getcap $helper), $(stat -c %a $helper)"

mkdir -m 777 /usr/local/open
libexecdir=/usr/local/open/libexec tools/install >$work/out 2>&1
matches install-warns-open-folder '/usr/local/open can be changed by others than root' "$(cat $work/out)"
libexecdir=/usr/local/open/libexec tools/install --uninstall >$work/out 2>&1
tools/install >$work/out 2>&1

# --- The diversion. state FILE: all that must be the same afterwards.
state() { stat -c '%a %u %g %Y' "$1"; sha256sum <"$1"; getcap "$1"; }

plain() {	# ID PATH-VARIABLE: divert and undo, for a file that belongs to no package
	local qemu=/usr/lib/house/qemu-bridge-helper before
	mkdir -p ${qemu%/*}
	printf '#!/bin/sh\n' >$qemu
	chmod 4750 $qemu
	before=$(state $qemu)
	PATH=$2 QEMU_HELPER=$qemu tools/divert >$work/out 2>&1 || fail "$1-runs" "$(cat $work/out)"
	equal "$1-link" $helper "$(readlink $qemu)"
	equal "$1-original" "$before" "$(state $qemu.distrib)"
	works "$1-works" $qemu
	check "$1-twice" env PATH="$2" QEMU_HELPER=$qemu tools/divert
	equal "$1-twice-original" "$before" "$(state $qemu.distrib)"
	PATH=$2 QEMU_HELPER=$qemu tools/divert --undo >$work/out 2>&1
	equal "$1-undo" "$before" "$(state $qemu)"
	check "$1-undo-clean" test ! -e $qemu.distrib
	check "$1-undo-twice" env PATH="$2" QEMU_HELPER=$qemu tools/divert --undo
	equal "$1-undo-twice-state" "$before" "$(state $qemu)"
	rm -rf ${qemu%/*}
}

# --- The scripts that QEMU calls: somebody's own are kept, and come back.
printf '#!/bin/sh\necho mine\n' >/etc/qemu-ifup
chmod 750 /etc/qemu-ifup
rm -f /etc/qemu-ifdown
before=$(state /etc/qemu-ifup)
tools/ifup >$work/out 2>&1 || fail ifup-runs "$(cat $work/out)"
equal ifup-kept "$before" "$(state /etc/qemu-ifup.distrib)"
matches ifup-calls 'guestnet-ifup: there is no tap nothing' "$(/etc/qemu-ifup nothing 2>&1)"
check ifdown-calls /etc/qemu-ifdown nothing
check ifup-twice tools/ifup
equal ifup-twice-kept "$before" "$(state /etc/qemu-ifup.distrib)"
tools/ifup --undo >$work/out 2>&1
equal ifup-undo "$before" "$(state /etc/qemu-ifup)"
check ifup-undo-clean test ! -e /etc/qemu-ifup.distrib -a ! -e /etc/qemu-ifdown
check ifup-undo-twice tools/ifup --undo
equal ifup-undo-twice-state "$before" "$(state /etc/qemu-ifup)"
echo other >/etc/qemu-ifup.distrib
check ifup-two-refused sh -c '! tools/ifup'
equal ifup-two-untouched "$before" "$(state /etc/qemu-ifup)"
rm -f /etc/qemu-ifup.distrib
tools/ifup >$work/out 2>&1

# Without dpkg, as on Fedora: every program but that one.
mkdir $work/nodpkg
ln -s /usr/bin/* $work/nodpkg/ 2>/dev/null
rm -f $work/nodpkg/dpkg*
plain rename $work/nodpkg

# With dpkg, and a package that owns the file: an upgrade goes to the renamed file, the link stays.
if command -v dpkg-divert >/dev/null && command -v dpkg-deb >/dev/null; then
	plain dpkg "$PATH"
	qemu=/usr/lib/house/qemu-bridge-helper
	package() {	# VERSION
		mkdir -p $work/deb/DEBIAN $work/deb/usr/lib/house
		printf 'Package: house-helper\nVersion: %s\nArchitecture: all\nMaintainer: nobody <nobody@localhost>\nDescription: test\n' "$1" >$work/deb/DEBIAN/control
		echo "version $1" >$work/deb$qemu
		dpkg-deb --root-owner-group --build $work/deb $work/house.deb >/dev/null
		dpkg --install $work/house.deb
	}
	package 1 >$work/out 2>&1 || fail upgrade-package "$(cat $work/out)"
	QEMU_HELPER=$qemu tools/divert >$work/out 2>&1
	package 2 >$work/out 2>&1 || fail upgrade-package "$(cat $work/out)"
	equal upgrade-link-stays $helper "$(readlink $qemu)"
	equal upgrade-goes-beside 'version 2' "$(cat $qemu.distrib)"
	works upgrade-works $qemu
	QEMU_HELPER=$qemu tools/divert --undo >$work/out 2>&1
	equal upgrade-undo 'version 2' "$(cat $qemu)"
	equal upgrade-undo-registered '' "$(dpkg-divert --list "$qemu")"
	QEMU_HELPER=$qemu tools/divert >$work/out 2>&1
	dpkg --purge house-helper >$work/out 2>&1
	equal removed-link-stays $helper "$(readlink $qemu)"
	QEMU_HELPER=$qemu tools/divert --undo >$work/out 2>&1
	check removed-undo test ! -e $qemu -a ! -L $qemu
	equal removed-undo-registered '' "$(dpkg-divert --list "$qemu")"
	# Before QEMU is installed at all.
	QEMU_HELPER=$qemu tools/divert >$work/out 2>&1
	package 3 >$work/out 2>&1 || fail early-package "$(cat $work/out)"
	equal early-link $helper "$(readlink $qemu)"
	equal early-original 'version 3' "$(cat $qemu.distrib)"
	QEMU_HELPER=$qemu tools/divert --undo >$work/out 2>&1
	equal early-undo 'version 3' "$(cat $qemu)"
	(umask 077; QEMU_HELPER=/usr/lib/house-new/q tools/divert) >$work/out 2>&1
	equal early-folder 755 "$(stat -c %a /usr/lib/house-new)"
	QEMU_HELPER=/usr/lib/house-new/q tools/divert --undo >$work/out 2>&1
else
	skip upgrade 'this system has no dpkg'
fi

# QEMU's own file, where it is installed; then uninstall must give it back by itself.
for qemu in /usr/lib/qemu/qemu-bridge-helper /usr/libexec/qemu-bridge-helper; do [ -f $qemu ] && break; done
if [ -f $qemu ]; then
	before=$(state $qemu)
	# As a part of the installation, when asked for.
	make --no-print-directory -C "$top" -o all install DIVERT=yes BIN=$work/tree/bin >$work/out 2>&1 || fail qemu-runs "$(cat $work/out)"
	works qemu-works $qemu
	tools/install --uninstall >$work/out 2>&1
	equal ifup-uninstall-undoes "#!/bin/sh echo mine" "$(tr '\n' ' ' </etc/qemu-ifup | sed 's/ $//')"
	equal qemu-uninstall-undoes "$before" "$(state $qemu)"
	check qemu-uninstall-clean test ! -e $qemu.distrib
else
	skip qemu 'QEMU is not installed'
	tools/install --uninstall >$work/out 2>&1
fi
equal uninstall-real '/etc/guestnet /etc/guestnet/bridge.conf' "$(find /usr/local /etc/guestnet -name '*guestnet*' -o -path '/etc/guestnet/*' | sort | tr '\n' ' ' | sed 's/ $//')"
check divert-needs-helper test -n "$(QEMU_HELPER=$qemu tools/divert 2>&1 | grep 'make install first')"

# Somebody else's file is not touched, with dpkg or without.
mkdir -p /usr/lib/house
echo theirs >/usr/lib/house/q
echo theirs too >/usr/lib/house/q.distrib
tools/install >$work/out 2>&1
for way in dpkg rename; do
	[ $way = dpkg ] || export PATH=$work/nodpkg
	for undo in '' --undo; do
		QEMU_HELPER=/usr/lib/house/q tools/divert $undo >$work/out 2>&1
		equal "foreign-$way$undo-refused" 1 $?
		equal "foreign-$way$undo-stays" 'theirs theirs too' "$(cat /usr/lib/house/q /usr/lib/house/q.distrib | tr '\n' ' ' | sed 's/ $//')"
	done
done
