#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# guestnetd on a distribution's kernel: one without tables that have an owner, with all ways to complete a checksum, and
# with br_netfilter as a module. Suites of tests/netns, in one machine, one after the other.
# vm-programs: dnsmasq nft iptables-nft tc conntrack strace
# vm-files: /usr/lib/x86_64-linux-gnu/xtables /usr/lib64/xtables
# vm-modules: crc32c_generic nf_tables nft_compat nft_chain_nat nft_masq nft_reject_inet nft_ct nft_queue nf_conntrack nf_conntrack_netlink
# vm-modules: xt_CHECKSUM xt_NFQUEUE nfnetlink_queue act_csum cls_u32 sch_ingress xt_mark xt_conntrack xt_comment xt_tcpudp
[ -e /etc/guestnet-vm ] || exec "$(dirname "$0")/run" "$0" "$@"
suite=vm.netd
. "$(dirname "$0")/../lib.sh"
for name in ${SUITES-netd-checksum}; do
	start=$SECONDS
	SUITE_PREFIX=${SUITE_PREFIX-}vm. bash "$top/tests/netns/$name.sh" </dev/null || fail "$name-exit" "status $?"
	echo "$name: $((SECONDS - start)) s"
done
