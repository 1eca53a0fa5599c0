#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# As netd.sh, in a machine beside it: rules for guests, whose sets of ranges each kernel has its own way with, and prefixes that move.
# vm-programs: dnsmasq nft tc conntrack
# vm-modules: +crc32c_generic nf_tables +nft_counter nft_compat nft_chain_nat nft_masq nft_nat nft_reject_inet nft_ct nft_queue nft_fib_inet
# vm-modules: nf_conntrack nf_conntrack_netlink xt_CHECKSUM nfnetlink_queue nft_limit
[ -e /etc/guestnet-vm ] || exec "$(dirname "$0")/run" "$0" "$@"
exec bash "$(dirname "$0")/netd.sh" netd-reach netd-renumber
