#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Guests behind a wireless card: netd-proxy with the kernel's 802.11, two radios made of software.
# vm-programs: dnsmasq dhclient nft tc conntrack iw wpa_supplicant
# vm-modules: +crc32c_generic nf_tables +nft_counter nft_compat nft_chain_nat nft_masq nft_nat nft_reject_inet nft_ct nft_queue nft_fib_inet
# vm-modules: nf_conntrack nf_conntrack_netlink xt_CHECKSUM nfnetlink_queue act_csum cls_u32 sch_ingress nft_limit mac80211_hwsim
suite=vm.wifi
. "$(dirname "$0")/../lib.sh"
if [ ! -e /etc/guestnet-vm ]; then
	"$top/tools/fetch-kernel" >/dev/null 2>&1 && ! find "$top/build/kernel/lib" -name 'mac80211_hwsim.ko*' | grep -q . &&
		{ skip all 'the kernel in build/kernel has no mac80211_hwsim'; exit 0; }
	exec "$(dirname "$0")/run" "$0" "$@"
fi
SUITE_PREFIX=${SUITE_PREFIX-}vm.wifi. RADIOS=1 bash "$top/tests/netns/netd-proxy.sh" </dev/null &
pid=$!
# The suite is unshare in its own namespace by then.
own() { [ "$(readlink /proc/$pid/ns/net)" != "$(readlink /proc/self/ns/net)" ]; }
wait_for 60 own
for phy in phy0 phy1; do iw phy $phy set netns $pid; done
reap_s=600 reap $pid
