#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# guestnetd on a distribution's kernel: one without tables that have an owner, and with all ways to complete a checksum.
# Suites of tests/netns, in one machine, one after the other; arguments choose others.
# vm-programs: dnsmasq nft iptables-nft iptables-nft-restore ip6tables-nft ip6tables-nft-restore tc conntrack strace
# vm-files: /usr/lib/x86_64-linux-gnu/xtables /usr/lib64/xtables
# vm-modules: +crc32c_generic nf_tables +nft_counter nft_compat nft_chain_nat nft_masq nft_nat nft_reject_inet nft_ct nft_queue nft_fib_inet
# vm-modules: nf_conntrack nf_conntrack_netlink xt_CHECKSUM xt_NFQUEUE nfnetlink_queue act_csum cls_u32 sch_ingress
# vm-modules: sch_tbf nft_limit nft_meta_bridge nft_reject_bridge
# vm-modules: xt_mark xt_conntrack xt_comment xt_tcpudp xt_addrtype xt_MASQUERADE ipt_REJECT ip6t_REJECT xt_nat xt_LOG
[ -e /etc/guestnet-vm ] || exec "$(dirname "$0")/run" "$0" "$@"
suite=vm.netd
. "$(dirname "$0")/../lib.sh"
export STORM_SECONDS=5 DRIVER=/guestnet/build/driver/kernel-driver
[ $# -gt 0 ] || set -- netd netd-checksum netd-ports netd-rates
for name; do
	start=$SECONDS
	SUITE_PREFIX=${SUITE_PREFIX-}vm. bash "$top/tests/netns/$name.sh" </dev/null || fail "$name-exit" "status $?"
	echo "$name: $((SECONDS - start)) s"
done
