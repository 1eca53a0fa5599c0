/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Network files: what is accepted, what is refused and in which words, drop-ins, clashes between networks.
 */
#include "model.h"

#include "../../netd/model/forwards.h"
#include "../../netd/model/keys.h"

/* Every line of the text, in a network called lab, in lab.network. */
static const struct {
	const char *text;
	const char *error;
	int code;			/* 0: -EINVAL */
} bad[] = {
	{ "[Netwrok]\n", "lab.network:1: unknown section [Netwrok], did you mean [Network]? (known: [Network] [Address] [DHCP] [DNS]" },
	{ "[network]\n", "lab.network:1: unknown section [network], did you mean [Network]?" },
	{ "[Network\n", "lab.network:1: \"[Network\": a section is written [Name]" },
	{ "[]\n", "lab.network:1: unknown section []" },
	{ "Mode=nat\n", "lab.network:1: Mode= stands before the first section" },
	{ "[Network]\nMode\n", "lab.network:2: \"Mode\": want [Section] or Key=Value" },
	{ "[Network]\n=nat\n", "lab.network:2: \"=nat\": want [Section] or Key=Value" },
	{ "[Network]\n\n# x\nMoed=nat\n", "lab.network:4: unknown key Moed= in section [Network], did you mean Mode=? (known: Mode= Bridge= AlternativeName= MACAddress= " },
	{ "[Network]\nmode=nat\n", "lab.network:2: unknown key mode= in section [Network], did you mean Mode=?" },
	{ "[Network]\nAddress=auto\n", "lab.network:2: Address= belongs into section [Address], not [Network]" },
	{ "[Network]\nMode=nat # the usual\n",
	  "lab.network:2: Mode=nat # the usual: want nat, isolated, route, open or bridge; a comment has a line of its own" },
	{ "[Network]\nMode=natt\n", "lab.network:2: Mode=natt: want nat, isolated, route, open or bridge, did you mean nat?" },
	{ "[Network]\nMode=bridge\n", "lab.network:2: Mode=bridge needs Bridge=, the name of a bridge that is there already" },
	{ "[Network]\nMode=bridge\nUplink=eth0\nUplink=eth1\n", "lab.network:4: Uplink=eth1 is a second network card: where both lead to the same LAN", -ELOOP },
	{ "[Network]\nMode=bridge\nSTP=yes\nUplink=eth0\nUplink=eth0\n", "lab.network:5: Uplink=eth0 is there twice" },
	{ "[Network]\nMode=bridge\nSTP=yes\nUplink=eth0\nUplink=br0\nBridge=br0\n", "lab.network:5: Uplink= and Bridge= are one name: br0" },
	{ "[Network]\nMode=bridge\nUplink=br0\nBridge=br0\n", "lab.network:3: Uplink= and Bridge= are one name: br0" },
	{ "[Network]\nMode=bridge\nUplink=eth0\nAutostart=on-demand\n", "lab.network:4: Autostart=on-demand has no place beside Uplink=" },
	{ "[Network]\nMode=bridge\nBridge=br0\nSTP=yes\n", "lab.network:4: [Network] STP= has no meaning without Uplink=" },
	{ "[Network]\nMode=bridge\nUplink=eth0\nConfirmTimeout=0\n", "lab.network:4: ConfirmTimeout=0: want a time from 1s to 1h" },
	{ "[Network]\nSTP=yes\n", "lab.network:2: [Network] STP= has no meaning with Mode=nat" },
	{ "[Network]\nMode=bridge\nBridge=br0\n[Address]\nAddress=10.0.0.1/24\n", "lab.network:5: [Address] Address= has no meaning with Mode=bridge" },
	{ "[Network]\nMode=bridge\nBridge=br0\n[DHCP]\nEnable=no\n", "lab.network:5: [DHCP] Enable= has no meaning with Mode=bridge" },
	{ "[Network]\nMode=open\nHostAccess=all\n", "lab.network:3: [Network] HostAccess= has no meaning with Mode=open" },
	{ "[Network]\nMode=route\nNATAddress=192.0.2.1\n", "lab.network:3: [Network] NATAddress= has no meaning with Mode=route" },
	{ "[Network]\nMode=isolated\nUplink=eth0\n", "lab.network:3: [Network] Uplink= has no meaning with Mode=isolated" },
	{ "[Network]\nUplink=eth 0\n", "lab.network:2: Uplink=eth 0: want the name of an interface" },
	{ "[Network]\nNATAddress=192.0.2.300\n", "lab.network:2: NATAddress=192.0.2.300: want an address, or FIRST-LAST" },
	{ "[Network]\nNATAddress=192.0.2.9-192.0.2.8\n", "lab.network:2: NATAddress=192.0.2.9-192.0.2.8: want an address, or FIRST-LAST, such as 203.0.113.7 or 2001:db8::7; the first address is behind the last one" },
	{ "[Network]\nNATAddress=192.0.2.9-fd00::1\n", "lab.network:2: NATAddress=192.0.2.9-fd00::1: want" },
	{ "[Network]\nNATAddress=192.0.2.9\nNATAddress=192.0.2.10\n", "lab.network:3: NATAddress=192.0.2.10: want an address, or FIRST-LAST, such as 203.0.113.7 or 2001:db8::7; there is one of this family already" },
	{ "[Network]\nNATAddress=127.0.0.1\n", "lab.network:2: NATAddress=127.0.0.1: want" },
	{ "[Network]\nProxyARP=maybe\n", "lab.network:2: ProxyARP=maybe: want yes or no" },
	{ "[Network]\nUplink=wlan0\nProxyARP=yes\n", "lab.network:3: [Network] ProxyARP= has no meaning with Mode=nat" },
	{ "[Network]\nMode=route\nProxyARP=yes\n[Address]\nAddress=10.0.0.1/24\n", "lab.network:3: ProxyARP=yes needs one Uplink=" },
	{ "[Network]\nMode=route\nUplink=a\nUplink=b\nProxyARP=yes\n[Address]\nAddress=10.0.0.1/24\n", "lab.network:5: ProxyARP=yes needs one Uplink=" },
	{ "[Network]\nMode=route\nUplink=a\nProxyARP=yes\n", "lab.network:4: ProxyARP=yes needs an Address= that is a part of the LAN's prefix" },
	{ "[Network]\nMode=route\nUplink=a\nProxyARP=yes\n[Address]\nAddress=10.0.0.1/24\nAddress=auto\n", "lab.network:4: ProxyARP=yes needs an Address=" },
	{ "[Network]\nMode=route\nUplink=a\nProxyARP=yes\n[Address]\nAddress=10.0.0.1/23\n", "lab.network:6: Address=10.0.0.1/23: with ProxyARP=yes a prefix has 4 to 256 addresses, /24 to /30" },
	{ "[Network]\nMode=route\nUplink=a\nProxyARP=yes\n[Address]\nAddress=fd00::1/64\n", "lab.network:6: Address=fd00::1/64: with ProxyARP=yes a prefix has 4 to 256 addresses, /120 to /126" },
	{ "[Tunnel]\n", "lab.network:1: this [Tunnel] has no VNI=" },
	{ "[Tunnel]\nVNI=0\n", "lab.network:2: VNI=0: want a number from 1 to 16777215" },
	{ "[Tunnel]\nVNI=16777216\n", "lab.network:2: VNI=16777216: want a number from 1 to 16777215" },
	{ "[Tunnel]\nVNI=5\n", "lab.network:1: this [Tunnel] has no Remote= and no Group=; with MacLearning=no another program says" },
	{ "[Tunnel]\nVNI=5\nGroup=192.0.2.1\n", "lab.network:3: Group=192.0.2.1: want a multicast address" },
	{ "[Tunnel]\nVNI=5\nGroup=239.1.1.1\n", "lab.network:3: [Tunnel] Group= needs Interface=" },
	{ "[Tunnel]\nVNI=5\nGroup=ff05::1\nInterface=eth0\nRemote=2001:db8::1\n", "lab.network:3: [Tunnel] Group= and Remote= exclude each other" },
	{ "[Tunnel]\nVNI=5\nInterface=eth0\nRemote=2001:db8::1\n", "lab.network:3: [Tunnel] Interface= has no meaning without Group=" },
	{ "[Tunnel]\nVNI=5\nGroup=239.1.1.1\nInterface=eth0\nLocal=2001:db8::1\n", "lab.network" },
	{ "[Tunnel]\nVNI=5\nRemote=host\n", "lab.network:3: Remote=host: want the address of another host" },
	{ "[Tunnel]\nVNI=5\nRemote=239.1.1.1\n", "lab.network:3: Remote=239.1.1.1: want the address of another host" },
	{ "[Tunnel]\nVNI=5\nRemote=192.0.2.1\nRemote=192.0.2.1\n", "lab.network:4: Remote=192.0.2.1: want the address of another host, such as 192.0.2.2 or 2001:db8::2; it is there already" },
	{ "[Tunnel]\nVNI=5\nRemote=192.0.2.1\nRemote=2001:db8::1\n", "lab.network:4: [Tunnel] Remote=2001:db8::1 is of another family" },
	{ "[Tunnel]\nVNI=5\nRemote=192.0.2.1\nLocal=2001:db8::1\n", "lab.network:3: [Tunnel] Remote=192.0.2.1 is of another family" },
	{ "[Tunnel]\nVNI=5\nRemote=192.0.2.1\nLocal=192.0.2.1\n", "lab.network:3: [Tunnel] Remote=192.0.2.1 is Local=, too" },
	{ "[Address]\nAddress=10.0.0.1/24\n[Tunnel]\nVNI=5\nRemote=10.0.0.2\n", "lab.network:5: [Tunnel] Remote=10.0.0.2 lies inside of Address=10.0.0.1/24: the tunnel would lead through itself" },
	{ "[Tunnel]\nVNI=5\nRemote=192.0.2.1\nDestinationPort=0\n", "lab.network:4: DestinationPort=0: want a number from 1 to 65535" },
	{ "[Tunnel]\nVNI=5\nRemote=192.0.2.1\nTTL=256\n", "lab.network:4: TTL=256: want a number from 1 to 255" },
	{ "[Network]\nAutostart=on-demand\n[Tunnel]\nVNI=5\nRemote=192.0.2.1\n", "lab.network:3: [Tunnel] and Autostart=on-demand exclude each other" },
	{ "[Port]\nIsolated=yes\n[Tunnel]\nVNI=5\nRemote=192.0.2.1\n", "lab.network:2: [Port] Isolated=yes and [Tunnel] exclude each other" },
	{ "[Network]\nAlternativeName=gv-lab\n[Tunnel]\nVNI=5\nRemote=192.0.2.1\n", "lab.network:3: the name gv-lab of this [Tunnel] is a name of the network itself" },
	{ "[Tunnel]\nVNI=5\nRemote=192.0.2.1\n[Forward]\nListen=udp:4000-5000\nTo=web\n", "lab.network:4: this [Forward] takes UDP port 4789, where the [Tunnel] of the network hears" },
	{ "[Tunnel]\nVNI=5\nRemote=192.0.2.1\n[Tap]\nName=gv-lab\nUser=root\n", "lab.network:4: [Tap] Name=gv-lab is the name of the network's [Tunnel]" },
	{ "[Network]\nMode=bridge\nBridge=br0\n[Tunnel]\nVNI=5\nRemote=192.0.2.1\n", "lab.network:4: [Tunnel] and a Bridge= of others exclude each other with Mode=bridge: where both lead to the same LAN" },
	{ "[Network]\nMode=bridge\nUplink=eth0\nSTP=yes\n[Tunnel]\nVNI=5\nRemote=192.0.2.1\n", "lab.network:5: [Tunnel] and Uplink= exclude each other with Mode=bridge" },
	{ "[Network]\nMode=bridge\nBridge=br0\nMTU=1400\n", "lab.network:4: [Network] MTU= has no meaning with Mode=bridge without [Tunnel]" },
	{ "[Network]\nNATPorts=0-9\n", "lab.network:2: NATPorts=0-9: want a port, or FIRST-LAST" },
	{ "[Network]\nNATPorts=9-8\n", "lab.network:2: NATPorts=9-8: want" },
	{ "[Network]\nNATPorts=1024-65536\n", "lab.network:2: NATPorts=1024-65536: want" },
	{ "[Network]\nPeer=lab\n", "lab.network:2: Peer=lab: want the name of another network; this is the network itself" },
	{ "[Network]\nPeer=a/b\n", "lab.network:2: Peer=a/b: want the name of another network" },
	{ "[Network]\nDenyOut=10.0.0.1/8\n", "lab.network:2: DenyOut=10.0.0.1/8: want any, a prefix or an address, tcp, udp or icmp, ports with tcp: or udp:, or the first and one of the others, such as any, 192.168.0.0/16, tcp:25, 10.0.0.5 tcp:443 or any udp:8000-8099; that is an address of the prefix 10.0.0.0/8" },
	{ "[Network]\nDenyOut=icmp:8\n", "lab.network:2: DenyOut=icmp:8: want any" },
	{ "[Network]\nDenyIn=tcp:0\n", "lab.network:2: DenyIn=tcp:0: want any" },
	{ "[Network]\nDenyIn=tcp:9-8\n", "lab.network:2: DenyIn=tcp:9-8: want any" },
	{ "[Network]\nDenyIn=tcp80\n", "lab.network:2: DenyIn=tcp80: want any" },
	{ "[Network]\nDenyIn=10.0.0.5:80\n", "lab.network:2: DenyIn=10.0.0.5:80: want any" },
	{ "[Network]\nDenyIn=tcp:80 10.0.0.5\n", "lab.network:2: DenyIn=tcp:80 10.0.0.5: want any" },
	{ "[Network]\nDenyIn=10.0.0.5 tcp:80 udp:80\n", "lab.network:2: DenyIn=10.0.0.5 tcp:80 udp:80: want any" },
	{ "[Network]\nMode=isolated\nDenyIn=any\n", "lab.network:3: [Network] DenyIn= has no meaning with Mode=isolated" },
	{ "[Network]\nMode=isolated\n[Host]\nMACAddress=52:54:00:00:00:01\nDenyOut=any\n", "lab.network:5: [Host] DenyOut= has no meaning with Mode=isolated" },
	{ "[Network]\nAllowOut=10.0.0.5\n", "lab.network:2: AllowOut= allows what is not denied: it is an exception from a DenyOut=, and there is none" },
	{ "[Network]\nDenyOut=any\n[Host]\nMACAddress=52:54:00:00:00:01\nAllowIn=tcp:22\n", "lab.network:5: AllowIn= allows what is not denied: it is an exception from a DenyIn=, and there is none" },
	{ "[Network]\nAllowIn=tcp:22\n[Host]\nMACAddress=52:54:00:00:00:01\nDenyIn=any\n", "lab.network:2: AllowIn= allows what is not denied: it is an exception from a DenyIn=, and there is none" },
	{ "[DHCP]\nIdentity=client-id\n[Host]\nClientID=a\nDenyOut=any\n", "lab.network:5: DenyOut= of a [Host] needs its MACAddress=" },
	{ "[DHCP]\nIdentity=client-id\n[Host]\nClientID=a\nDenyIn=any\n", "lab.network:5: DenyIn= of a [Host] needs its MACAddress= or an Address=" },
	{ "[Network]\nMode=isolated\nPeer=b\n", "lab.network:3: [Network] Peer= has no meaning with Mode=isolated" },
	{ "[Address]\nAddress=delegated:\n", "lab.network:2: Address=delegated:: want auto, delegated, delegated:SUBNET, or an address of the host with its prefix length, such as 10.0.0.1/24 or fd00:1::1/64; behind \"delegated:\" comes the subnet's number, 0 to ffff, as in an address" },
	{ "[Address]\nAddress=delegated:10000\n", "lab.network:2: Address=delegated:10000: want auto" },
	{ "[Address]\nAddress=delegated:g\n", "lab.network:2: Address=delegated:g: want auto" },
	{ "[Address]\nAddress=delegated:-1\n", "lab.network:2: Address=delegated:-1: want auto" },
	{ "[Address]\nAddress=delegates\n", "lab.network:2: Address=delegates: want auto" },
	{ "[Address]\nAddress=delegated\nAddress=delegated:1\n", "lab.network:3: Address=delegated:1: want auto, delegated, delegated:SUBNET, or an address of the host with its prefix length, such as 10.0.0.1/24 or fd00:1::1/64; a network has one /64 of what is delegated" },
	{ "[Network]\nNAT66=yes\n[Address]\nAddress=delegated\n", "lab.network:2: NAT66=yes and Address=delegated exclude each other" },
	{ "[Network]\nMode=route\nUplink=eth0\nProxyARP=yes\n[Address]\nAddress=10.0.0.1/28\nAddress=delegated\n", "lab.network:4: ProxyARP=yes needs an Address= that is a part of the LAN's prefix" },
	{ "[Network]\nMode=bridge\nBridge=br0\n[Address]\nAddress=delegated\n", "lab.network:5: [Address] Address= has no meaning with Mode=bridge" },
	{ "[Address]\nAddress=10.0.0.1/24\n[DHCP]\nRange=::100-::1ff\n", "lab.network:4: Range= needs an IPv6 Address=" },
	{ "[Address]\nAddress=delegated\n[DHCP]\nRange=fd00::100-fd00::1ff\n", "lab.network:4: Range= needs an IPv6 Address=" },
	{ "[Address]\nAddress=delegated\n[DHCP]\nRange=::100-::1ff\nRange=::1ff-::2ff\n", "lab.network:5: this Range= overlaps with the one in line 4" },
	{ "[Network]\nNAT66=perhaps\n", "lab.network:2: NAT66=perhaps: want yes or no" },
	{ "[Network]\nBridge=a/b\n", "lab.network:2: Bridge=a/b: want the name of an interface" },
	{ "[Network]\nBridge=br-of-16-bytes--\n", "lab.network:2: Bridge=br-of-16-bytes--: want the name of an interface" },
	{ "[Network]\nBridge=default\n", "lab.network:2: Bridge=default: want the name of an interface" },
	{ "[Network]\nBridge=a b\n", "lab.network:2: Bridge=a b: want the name" },
	{ "[Network]\nBridge=\xc3\xa4\n", "lab.network:2: Bridge=\\xc3\\xa4: want the name" },
	{ "[Network]\nMACAddress=01:00:00:00:00:00\n", "lab.network:2: MACAddress=01:00:00:00:00:00: want the address of one interface" },
	{ "[Network]\nMTU=1279\n", "lab.network:2: MTU=1279: want a number from 1280 to 65535" },
	{ "[Network]\nMTU=65536\n", "lab.network:2: MTU=65536: want a number" },
	{ "[Bandwidth]\nToGuestsRate=7999\n", "lab.network:2: ToGuestsRate=7999: want bits per second" },
	{ "[Bandwidth]\nToGuestsRate=8k\n", "lab.network:2: ToGuestsRate=8k: want bits per second" },
	{ "[Bandwidth]\nToGuestsRate=K\n", "lab.network:2: ToGuestsRate=K: want bits per second" },
	{ "[Bandwidth]\nToGuestsRate=1.5M\n", "lab.network:2: ToGuestsRate=1.5M: want bits per second" },
	{ "[Bandwidth]\nToGuestsRate=101G\n", "lab.network:2: ToGuestsRate=101G: want bits per second" },
	{ "[Bandwidth]\nToGuestsRate=4294967297\n", "lab.network:2: ToGuestsRate=4294967297: want bits per second" },
	{ "[Bandwidth]\nFromGuestsRate=-1M\n", "lab.network:2: FromGuestsRate=-1M: want bits per second" },
	{ "[Bandwidth]\nFromGuestsBurstBytes=1M\n", "lab.network:2: [Bandwidth] FromGuestsBurstBytes= has no meaning without FromGuestsRate=" },
	{ "[Bandwidth]\nToGuestsRate=1M\nToGuestsBurstBytes=0\n", "lab.network:3: ToGuestsBurstBytes=0: want bytes: a number up to 1G" },
	{ "[Bandwidth]\nToGuestsRate=1M\nToGuestsBurstBytes=1025M\n", "lab.network:3: ToGuestsBurstBytes=1025M: want bytes" },
	{ "[Bandwidth]\nToGuestsBurstBytes=25M\nToGuestsRate=1M\n", "lab.network:2: [Bandwidth] ToGuestsBurstBytes=: at ToGuestsRate= it takes more than 200 seconds" },
	{ "[Bandwidth]\nToGuestsRate=8M\nToGuestsPeakRate=8M\n", "lab.network:3: [Bandwidth] ToGuestsPeakRate= is the rate while a burst lasts: want more than ToGuestsRate=" },
	{ "[Port]\nToGuestPeakRate=8M\n", "lab.network:2: [Port] ToGuestPeakRate= has no meaning without ToGuestRate=" },
	{ "[Port]\nToGuestRate=1M\nToGuestPeakRate=2\n", "lab.network:3: ToGuestPeakRate=2: want bits per second" },
	{ "[Bandwidth]\nToGuestRate=1M\n", "lab.network:2: ToGuestRate= belongs into section [Port], not [Bandwidth]" },
	{ "[Port]\nToGuestBurstBytes=1M\n", "lab.network:2: [Port] ToGuestBurstBytes= has no meaning without ToGuestRate=" },
	{ "[Network]\nMode=bridge\nBridge=br0\n[Bandwidth]\nToGuestsRate=1M\n", "lab.network:5: [Bandwidth] ToGuestsRate= has no meaning with Mode=bridge" },
	{ "[Network]\nMTU=1500x\n", "lab.network:2: MTU=1500x: want a number" },
	{ "[Network]\nAutostart=maybe\n", "lab.network:2: Autostart=maybe: want yes, no or on-demand" },
	{ "[Network]\nIdleTimeout=0\n", "lab.network:2: IdleTimeout=0: want infinity, or a time of at least 1s" },
	{ "[Network]\nHostAccess=gatway\n", "lab.network:2: HostAccess=gatway: want gateway, all or none, did you mean gateway?" },
	{ "[Address]\nRenumber=idel\n", "lab.network:2: Renumber=idel: want idle, always or never, did you mean idle?" },
	{ "[Address]\nAddress=10.0.0.1/24\nRenumber=idle\n", "lab.network:3: [Address] Renumber= has no meaning without Address=auto" },
	{ "[Address]\nAddress=10.0.0.1\n", "lab.network:2: Address=10.0.0.1: want auto, delegated, delegated:SUBNET, or an address of the host with its prefix length, such as 10.0.0.1/24 or fd00:1::1/64; the prefix length is missing, such as 10.0.0.1/24" },
	{ "[Address]\nAddress=10.0.0.0/24\n", "lab.network:2: Address=10.0.0.0/24: want auto, delegated, delegated:SUBNET, or an address of the host with its prefix length, such as 10.0.0.1/24 or fd00:1::1/64; this is the network, want the host's address on it, such as 10.0.0.1/24" },
	{ "[Address]\nAddress=10.0.0.255/24\n", "lab.network:2: Address=10.0.0.255/24: want auto, delegated" },
	{ "[Address]\nAddress=10.0.0.1/31\n", "lab.network:2: Address=10.0.0.1/31: want auto" },
	{ "[Address]\nAddress=10.0.0.1/7\n", "lab.network:2: Address=10.0.0.1/7: want auto" },
	{ "[Address]\nAddress=10.0.0.1/33\n", "lab.network:2: Address=10.0.0.1/33: want auto" },
	{ "[Address]\nAddress=127.0.0.2/24\n", "lab.network:2: Address=127.0.0.2/24: want auto" },
	{ "[Address]\nAddress=169.254.0.2/24\n", "lab.network:2: Address=169.254.0.2/24: want auto" },
	{ "[Address]\nAddress=224.0.0.1/24\n", "lab.network:2: Address=224.0.0.1/24: want auto" },
	{ "[Address]\nAddress=fe80::1/64\n", "lab.network:2: Address=fe80::1/64: want auto" },
	{ "[Address]\nAddress=ff02::1/64\n", "lab.network:2: Address=ff02::1/64: want auto" },
	{ "[Address]\nAddress=::1/64\n", "lab.network:2: Address=::1/64: want auto" },
	{ "[Address]\nAddress=fd00::1/127\n", "lab.network:2: Address=fd00::1/127: want auto" },
	{ "[Address]\nAddress=10.0.0.1/24\nAddress=10.0.0.2/25\n", "lab.network:3: Address=10.0.0.2/25 overlaps with Address=10.0.0.1/24" },
	{ "[DHCP]\nRange=10.0.0.5\n", "lab.network:2: Range=10.0.0.5: want FIRST-LAST" },
	{ "[DHCP]\nRange=10.0.0.9-10.0.0.5\n", "lab.network:2: Range=10.0.0.9-10.0.0.5: want FIRST-LAST, two addresses of one family, such as 10.0.0.100-10.0.0.199 or fd00:1::100-fd00:1::1ff; the first address is behind the last one" },
	{ "[DHCP]\nRange=fd00::1-fd00::2\n", "lab.network:2: Range= needs an IPv6 Address=" },
	{ "[DHCP]\nRange=10.0.0.5-10.0.0.9\n", "lab.network:2: Range= needs an IPv4 Address= whose prefix it lies in" },
	{ "[Address]\nAddress=10.0.0.1/24\n[DHCP]\nRange=10.0.0.5-10.0.1.9\n", "lab.network:4: Range= lies outside Address=10.0.0.1/24: want addresses from 10.0.0.1 to 10.0.0.254" },
	{ "[Address]\nAddress=10.0.0.1/24\n[DHCP]\nRange=10.0.0.0-10.0.0.9\n", "lab.network:4: Range= lies outside" },
	{ "[Address]\nAddress=10.0.0.1/24\n[DHCP]\nRange=10.0.0.9-10.0.0.255\n", "lab.network:4: Range= lies outside" },
	{ "[Address]\nAddress=10.0.0.1/24\n[DHCP]\nRange=10.0.0.1-10.0.0.1\n", "lab.network:4: Range= holds nothing but the gateway's own address" },
	{ "[Address]\nAddress=10.0.0.1/24\n[DHCP]\nRange=10.0.0.2-10.0.0.9\nRange=10.0.0.9-10.0.0.12\n", "lab.network:5: this Range= overlaps with the one in line 4" },
	{ "[Address]\nAddress=fd00::1/64\n[DHCP]\nRange=fd00::5-fd00:0:0:1::9\n", "lab.network:4: Range= lies outside Address=fd00::1/64" },
	{ "[DHCP]\nIdentity=clientid\n", "lab.network:2: Identity=clientid: want mac or client-id, did you mean client-id?" },
	{ "[DHCP]\nRouter=fd00::1\n", "lab.network:2: Router=fd00::1: want an IPv4 address, or no" },
	{ "[DHCP]\nNTP=pool\n", "lab.network:2: NTP=pool: want" },
	{ "[DHCP]\nSendOption=42\n", "lab.network:2: SendOption=42: want NUMBER:TYPE:VALUE" },
	{ "[DHCP]\nSendOption=53:uint8:1\n", "lab.network:2: SendOption=53:uint8:1: want NUMBER:TYPE:VALUE, such as 66:string:tftp.lab or 42:ipv4address:10.0.0.1, for DHCPv6 dhcpv6:NUMBER:TYPE:VALUE, such as dhcpv6:24:domain:lab.example; TYPE is uint8, uint16, uint32, ipv4address, ipv6address, domain or string; option 53 is the server's own" },
	{ "[DHCP]\nSendOption=42:ipv4address:fd00::1\n", "lab.network:2: SendOption=42:ipv4address:fd00::1: want" },
	{ "[DHCP]\nSendOption=66:string:a\"b\n", "lab.network:2: SendOption=66:string:a\"b: want" },
	{ "[DHCP]\nSendOption=66:uint8:256\n", "lab.network:2: SendOption=66:uint8:256: want" },
	{ "[DHCP]\nSendOption=dhcpv6:3:uint8:1\n", "lab.network:2: SendOption=dhcpv6:3:uint8:1: want" },
	{ "[DHCP]\nSendOption=dhcpv6:70000:uint8:1\n", "lab.network:2: SendOption=dhcpv6:70000:uint8:1: want" },
	{ "[DHCP]\nSendOption=dhcpv6:31:ipv4address:10.0.0.1\n", "lab.network:2: SendOption=dhcpv6:31:ipv4address:10.0.0.1: want" },
	{ "[DHCP]\nSendOption=dhcpv6:24:domain:a,,b\n", "lab.network:2: SendOption=dhcpv6:24:domain:a,,b: want" },
	{ "[DHCP]\nSendOption=119:domain:\n", "lab.network:2: SendOption=119:domain:: want" },
	{ "[DHCP]\nSendOption=66:text:x\n", "lab.network:2: SendOption=66:text:x: want" },
	{ "[DNS]\nForwarder=lab. 10.0.0.1\n", "lab.network:2: Forwarder=lab. 10.0.0.1: want" },
	{ "[DNS]\nForwarder=10.0.0.1:0\n", "lab.network:2: Forwarder=10.0.0.1:0: want" },
	{ "[DNS]\nHost=10.0.0.9\n", "lab.network:2: Host=10.0.0.9: want an address and its names" },
	{ "[DNS]\nTXT=lab\n", "lab.network:2: TXT=lab: want a name and a text" },
	{ "[DNS]\nSRV=_a._tcp.lab b.lab\n", "lab.network:2: SRV=_a._tcp.lab b.lab: want NAME TARGET PORT" },
	{ "[Host]\nName=web\n", "lab.network:1: this [Host] has no MACAddress= and no ClientID=" },
	{ "[Address]\nAddress=10.0.0.1/24\nAddress=fd00::1/64\n[Host]\nClientID=00:03:01\nAddress=10.0.0.5\nAddress=fd00::5\n", "lab.network:4: ClientID= needs [DHCP] Identity=client-id" },
	{ "[Host]\nClientID=ff:01\n", "lab.network:1: ClientID= needs [DHCP] Identity=client-id" },
	{ "[DHCP]\nIdentity=client-id\n[Host]\nClientID=*a\n", "lab.network:4: ClientID=*a: want bytes" },
	{ "[DHCP]\nIdentity=client-id\n[Host]\nClientID=urn:uuid:ff\n", "lab.network:4: ClientID=urn:uuid:ff: want bytes such as 01:52:54:00:12:34:56, or a text without blanks, quotes and commas; for IPv6 the DUID; with colons it is bytes in hexadecimal" },
	{ "[Host]\nMACAddress=52:54:00:00:00:01\nName=12h\n", "lab.network:3: Name=12h: want a name without a dot; this one would be read as a time" },
	{ "[Host]\nMACAddress=52:54:00:00:00:01\nAddress=10.0.0.5\n", "lab.network:1: [Host] Address=10.0.0.5 lies in the prefix of no Address= of this network" },
	{ "[Address]\nAddress=10.0.0.1/24\n[Host]\nMACAddress=52:54:00:00:00:01\nAddress=10.0.0.1\n", "lab.network:3: [Host] Address=10.0.0.1 is the gateway's own address" },
	{ "[Address]\nAddress=10.0.0.1/24\n[Host]\nMACAddress=52:54:00:00:00:01\nAddress=10.0.0.255\n", "lab.network:3: [Host] Address=10.0.0.255 is the first or the last one of the prefix: these are of the network itself" },
	{ "[Address]\nAddress=10.0.0.1/24\n[Host]\nMACAddress=52:54:00:00:00:01\nAddress=10.0.0.0\n", "lab.network:3: [Host] Address=10.0.0.0 is the first or the last one of the prefix: these are of the network itself" },
	{ "[Address]\nAddress=fd00::1/64\n[Host]\nMACAddress=52:54:00:00:00:01\nAddress=fd00::\n", "lab.network:3: [Host] Address=fd00:: is the first or the last one of the prefix: these are of the network itself" },
	{ "[Host]\nMACAddress=52:54:00:00:00:01\n[Host]\nMACAddress=52:54:00:00:00:01\n", "lab.network:3: this [Host] has the MACAddress= of the one in line 1" },
	{ "[Host]\nMACAddress=52:54:00:00:00:01\nName=_a\n", "lab.network:3: Name=_a: want a name without a dot; it begins with a letter or a digit" },
	{ "[Host]\nMACAddress=52:54:00:00:00:01\nName=a\n[Host]\nMACAddress=52:54:00:00:00:02\nName=A\n", "lab.network:4: this [Host] has the Name= of the one in line 1" },
	{ "[Network]\nMode=bridge\nBridge=br0\n[Host]\nMACAddress=52:54:00:00:00:01\n", "lab.network:5: [Host] MACAddress= has no meaning with Mode=bridge" },
	{ "[Address]\nAddress=10.0.0.1/24\nAddress=fd00::1/64\n[Forward]\nListen=tcp:80\n", "lab.network:4: this [Forward] has no To=" },
	{ "[Address]\nAddress=10.0.0.1/24\nAddress=fd00::1/64\n[Forward]\nTo=web\n", "lab.network:4: this [Forward] has no Listen=" },
	{ "[Address]\nAddress=10.0.0.1/24\nAddress=fd00::1/64\n[Forward]\nListen=sctp:80\n", "lab.network:5: Listen=sctp:80: want PROTOCOL:PORT" },
	{ "[Address]\nAddress=10.0.0.1/24\nAddress=fd00::1/64\n[Forward]\nListen=tcp:0\n", "lab.network:5: Listen=tcp:0: want" },
	{ "[Address]\nAddress=10.0.0.1/24\nAddress=fd00::1/64\n[Forward]\nListen=tcp:fd00::5:80\n", "lab.network:5: Listen=tcp:fd00::5:80: want" },
	{ "[Address]\nAddress=10.0.0.1/24\nAddress=fd00::1/64\n[Forward]\nListen=tcp:80\nTo=web:0\n", "lab.network:6: To=web:0: want a guest's name" },
	{ "[Address]\nAddress=10.0.0.1/24\nAddress=fd00::1/64\n[Forward]\nListen=tcp:80\nTo=a.b\n", "lab.network:6: To=a.b: want" },
	{ "[Address]\nAddress=10.0.0.1/24\nAddress=fd00::1/64\n[Forward]\nListen=tcp:80\nTo=10.0.1.5\n[Route]\nDestination=10.0.2.0/24\nGateway=10.0.0.5\n", "lab.network:4: To=10.0.1.5 lies in the prefix of no Address=" },
	{ "[Address]\nAddress=10.0.0.1/24\nAddress=fd00::1/64\n[Forward]\nListen=tcp:10.9.9.9:80\nTo=[fd00::5]\n", "lab.network:4: Listen= and To= are of different families" },
	{ "[Address]\nAddress=10.0.0.1/24\nAddress=fd00::1/64\n[Forward]\nListen=tcp:80-89\nTo=web:80-88\n", "lab.network:4: Listen= and To= have different numbers of ports" },
	{ "[Address]\nAddress=10.0.0.1/24\nAddress=fd00::1/64\n[Forward]\nListen=tcp:80-89\nTo=web:65530\n", "lab.network:4: the last port of To= would be behind 65535" },
	{ "[Address]\nAddress=10.0.0.1/24\nAddress=fd00::1/64\n[Forward]\nListen=udp:53\nTo=web\n", "lab.network:4: this Listen= would take DNS or DHCP of the gateways away from guests" },
	{ "[Address]\nAddress=10.0.0.1/24\nAddress=fd00::1/64\n[Forward]\nListen=tcp:1-4000\nTo=web\n", "lab.network:4: this Listen= would take DNS" },
	{ "[Address]\nAddress=10.0.0.1/24\nAddress=fd00::1/64\n[Forward]\nListen=tcp:80-89\nTo=web\n[Forward]\nListen=tcp:85\nTo=web\n", "lab.network:7: this [Forward] takes the port of the one in line 4" },
	{ "[Address]\nAddress=10.0.0.1/24\nAddress=fd00::1/64\n[Forward]\nListen=tcp:1000-3500\nTo=web\n", "lab.network:4: more than 2048 ports are forwarded" },
	{ "[Address]\nAddress=10.0.0.1/24\nAddress=fd00::1/64\n[Route]\nDestination=10.5.0.0/16\n", "lab.network:4: this [Route] has no Gateway=" },
	{ "[Address]\nAddress=10.0.0.1/24\nAddress=fd00::1/64\n[Route]\nGateway=10.0.0.5\n", "lab.network:4: this [Route] has no Destination=" },
	{ "[Address]\nAddress=10.0.0.1/24\nAddress=fd00::1/64\n[Route]\nDestination=10.5.0.1/16\n", "lab.network:5: Destination=10.5.0.1/16: want a prefix, such as 10.50.0.0/16 or fd00:50::/48; that is an address of the prefix 10.5.0.0/16" },
	{ "[Address]\nAddress=10.0.0.1/24\nAddress=fd00::1/64\n[Route]\nDestination=0.0.0.0/0\n", "lab.network:5: Destination=0.0.0.0/0: want a prefix, such as 10.50.0.0/16 or fd00:50::/48; guests cannot be the host's way to everywhere: any source would be believed" },
	{ "[Address]\nAddress=10.0.0.1/24\nAddress=fd00::1/64\n[Route]\nDestination=ff00::/8\n", "lab.network:5: Destination=" },
	{ "[Address]\nAddress=10.0.0.1/24\nAddress=fd00::1/64\n[Route]\nDestination=127.0.0.0/8\n", "lab.network:5: Destination=" },
	{ "[Address]\nAddress=10.0.0.1/24\nAddress=fd00::1/64\n[Route]\nDestination=10.5.0.0\n", "lab.network:5: Destination=10.5.0.0: want a prefix" },
	{ "[Address]\nAddress=10.0.0.1/24\nAddress=fd00::1/64\n[Route]\nDestination=10.5.0.0/16\nGateway=fd00::5\n", "lab.network:4: Destination= and Gateway= are of different families" },
	{ "[Address]\nAddress=10.0.0.1/24\nAddress=fd00::1/64\n[Route]\nDestination=10.5.0.0/16\nGateway=10.0.1.5\n", "lab.network:4: [Route] Gateway=10.0.1.5 lies in the prefix of no Address=" },
	{ "[Address]\nAddress=10.0.0.1/24\nAddress=fd00::1/64\n[Route]\nDestination=10.5.0.0/16\nGateway=10.0.0.1\n", "lab.network:4: [Route] Gateway=10.0.0.1 is the host's own address" },
	{ "[Address]\nAddress=10.0.0.1/24\nAddress=fd00::1/64\n[Route]\nDestination=10.0.0.128/25\nGateway=10.0.0.5\n", "lab.network:4: [Route] Destination=10.0.0.128/25 is a part of Address=10.0.0.1/24" },
	{ "[Address]\nAddress=10.0.0.1/24\nAddress=fd00::1/64\n[Route]\nDestination=10.5.0.0/16\nGateway=10.0.0.5\nMetric=0\n", "lab.network:7: Metric=0: want a number from 1 to 4294967295" },
	{ "[Address]\nAddress=10.0.0.1/24\nAddress=fd00::1/64\n[Route]\nDestination=10.5.0.0/16\nGateway=10.0.0.5\n[Route]\nDestination=10.5.0.0/16\nGateway=10.0.0.6\n", "lab.network:7: this [Route] is to the same prefix as the one in line 4: give it another Metric=" },
	{ "[Address]\nAddress=10.0.0.1/24\nAddress=fd00::1/64\n[Route]\nDestination=fd05::/48\nGateway=fd00::5\n[Route]\nDestination=fd05::/48\nGateway=fe80::5\nMetric=1024\n", "lab.network:7: this [Route] is to the same prefix as the one in line 4" },
	{ "[Address]\nAddress=10.0.0.1/24\nAddress=fd00::1/64\n[Route]\nDestination=fd05::/48\nGateway=fd00::5\nAdvertise=yes\n", "lab.network:4: Advertise=yes is for IPv4" },
	{ "[Address]\nAddress=10.0.0.1/24\nAddress=fd00::1/64\n[DHCP]\nSendOption=121:string:x\n[Route]\nDestination=10.5.0.0/16\nGateway=10.0.0.5\nAdvertise=yes\n", "lab.network:6: Advertise=yes and SendOption=121 exclude each other" },
	{ "[Address]\nAddress=10.0.0.1/24\nAddress=fd00::1/64\n[DHCP]\nEnable=no\n[Route]\nDestination=10.5.0.0/16\nGateway=10.0.0.5\nAdvertise=yes\n", "lab.network:6: Advertise=yes needs [DHCP] Enable=yes" },
	{ "[Network]\nMode=bridge\nBridge=br0\n[Route]\nDestination=10.5.0.0/16\n", "lab.network:5: [Route] Destination= has no meaning with Mode=bridge" },
	{ "[Network]\nMode=isolated\n[Forward]\nListen=tcp:80\nTo=web\n", "lab.network:4: [Forward] Listen= has no meaning with Mode=isolated" },
	{ "[Boot]\nTFTPRoot=srv\n", "lab.network:2: TFTPRoot=srv: want the path of a folder" },
	{ "[Boot]\nTFTPRoot=/srv/../etc\n", "lab.network:2: TFTPRoot=/srv/../etc: want" },
	{ "[Boot]\nFile=pxelinux.0\n", "lab.network:2: File=pxelinux.0 needs TFTPRoot= or Server=" },
	{ "[Boot]\nTFTPRoot=/srv\nServer=10.0.0.9\n", "lab.network:3: Server= of another host and TFTPRoot= of this one exclude each other" },
	{ "[Boot]\nServer=tftp.lab\n", "lab.network:2: Server=tftp.lab: want an address" },
	{ "[Boot]\nServer=fd00::1\nServer=fd00::2\n", "lab.network:3: Server=fd00::2: want an address, such as 10.0.0.9 or fd00:9::69; there is one of this family already" },
	{ "[Boot]\nTFTPRoot=/srv\nServer=fd00::1\n", "lab.network:3: Server= of another host and TFTPRoot= of this one exclude each other" },
	{ "[Boot]\nServer=10.0.0.9\nFile=bios:a\nFile=bios:b\n", "lab.network:4: File=bios:b: want" },
	{ "[Boot]\nServer=10.0.0.9\nFile=http-arm64:a\n", "lab.network:3: File=http-arm64:a: want" },
	{ "[Boot]\nServer=10.0.0.9\nFile=biso:pxelinux.0\n", "lab.network:3: File=biso:pxelinux.0: want" },
	{ "[Boot]\nServer=10.0.0.9\nFile=a b\n", "lab.network:3: File=a b: want" },
	{ "[Boot]\nServer=10.0.0.9\nFile=a\n[DHCP]\nEnable=no\n", "lab.network:3: section [Boot] needs [DHCP] Enable=yes" },
	{ "[Boot]\nTFTPRoot=/srv\n[Network]\nHostAccess=none\n", "lab.network:2: TFTPRoot= and HostAccess=none exclude each other" },
	{ "[DHCP]\nLeaseTime=119\n", "lab.network:2: LeaseTime=119: want infinity, or a time of at least 2min" },
	{ "[DHCP]\nLeaseTime=1 fortnight\n", "lab.network:2: LeaseTime=1 fortnight: want" },
	{ "[DHCP]\nLeaseTime=99999999w\n", "lab.network:2: LeaseTime=99999999w: want" },
	{ "[DNS]\nDomain=a..b\n", "lab.network:2: Domain=a..b: want a domain name" },
	{ "[DNS]\nDomain=-a\n", "lab.network:2: Domain=-a: want" },
	{ "[DNS]\nDomain=a.\n", "lab.network:2: Domain=a.: want" },
	{ "[DNS]\nDomain=a b\n", "lab.network:2: Domain=a b: want" },
	{ "[DNS]\nDomain=a/b\n", "lab.network:2: Domain=a/b: want" },
	{ "[DNS]\nForwarder=dns.example\n", "lab.network:2: Forwarder=dns.example: want the address of a DNS server" },
	{ "[Network]\nHostAccess=none\n[DNS]\nEnable=yes\n", "lab.network:4: [DNS] Enable=yes and HostAccess=none exclude each other" },
	{ "[Network]\nMTU=1500\\", "lab.network:2: the last line ends with a backslash: nothing continues it" },
};

static void errors(void **state _unused_)
{
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct network network = NETWORK_NULL;
		struct failure failure = { "" };

		check_int(bad[i].text, test_parse_network("lab", bad[i].text, &network, &failure), bad[i].code ?: -EINVAL);
		check_prefix(bad[i].text, failure.text, bad[i].error);
		assert_null(network.paths);
	}
}

/* What a network of a user's own may say: nothing else than the table marks. */
static void own(void **state _unused_)
{
#define NOT_OWN ": a user's own network cannot say this (guestnet.network(5), NETWORKS OF USERS, lists what it can)"
	static const struct {
		const char *text;
		const char *error;		/* NULL: it is good */
	} rows[] = {
		{ "", NULL },
		{ "[Network]\nMode=nat\nMTU=1400\nAutostart=on-demand\nIdleTimeout=10s\nStartServices=on-demand\nHostAccess=none\n", NULL },
		{ "[Network]\nMode=isolated\nMode=\nHostAccess=gateway\n[Address]\nAddress=auto\nAddress=\n", NULL },
		{ "[DHCP]\nLeaseTime=12h\n[DNS]\nEnable=no\n[Host]\nMACAddress=52:54:00:00:00:01\nName=web\nLeaseTime=5min\n", NULL },
		{ "[Network]\nDenyOut=any\nAllowOut=tcp:443\nDenyIn=any\n[Host]\nMACAddress=52:54:00:00:00:01\nDenyOut=tcp:25\n", NULL },
		{ "[Port]\nIsolated=yes\nMACBinding=yes\nRAGuard=yes\nToGuestRate=1M\n[Bandwidth]\nFromGuestsRate=1M\n", NULL },
		{ "[Forward]\nListen=tcp:8080\nTo=web:80\n[Forward]\nListen=udp:5000-5014\nTo=52:54:00:00:00:01\n", NULL },
		{ "[Forward]\nListen=tcp:8080\nTo=web\n[Forward]\nListen=udp:5000-5015\nTo=web\n", "4201.lab.network:4: more than 16 ports are forwarded by a user's own network" },
		/* one address may be anybody's, and comes before all */
		{ "[Forward]\nListen=tcp:192.0.2.1:8080\nTo=web\n", "4201.lab.network:1: Listen=: a user's own network listens at every address of the host" },
		{ "[Forward]\nListen=tcp:127.0.0.1:8080\nTo=web\n", "4201.lab.network:1: Listen=: a user's own network listens at every" },
		{ "[Forward]\nListen=tcp:[::]:8080\nTo=web\n", "4201.lab.network:1: Listen=: a user's own network listens at every" },
		{ "[Forward]\nListen=tcp:8080\nTo=192.0.2.1\n", "4201.lab.network:1: To=192.0.2.1 lies in the prefix of no Address= of this network" },
		{ "[Forward]\nListen=udp:53\nTo=web\n", "4201.lab.network:1: this Listen= would take DNS or DHCP" },
		{ "[Network]\nMode=isolated\n[Forward]\nListen=tcp:8080\nTo=web\n", "4201.lab.network:4: [Forward] Listen= has no meaning with Mode=isolated" },
		{ "[Network]\nMode=route\n", "4201.lab.network:2: Mode=route: of a user's own network it is one of: nat isolated" },
		{ "[Network]\nMode=open\n", "4201.lab.network:2: Mode=open: of a user's own network it is one of: nat isolated" },
		{ "[Network]\nMode=bridge\nBridge=br0\n", "4201.lab.network:2: Mode=bridge: of a user's own network it is one of: nat isolated" },
		{ "[Network]\nMode=na\n", "4201.lab.network:2: Mode=na: of a user's own network" },
		{ "[Network]\nMode=nat isolated\n", "4201.lab.network:2: Mode=nat isolated: of a user's own network" },
		{ "[Network]\nHostAccess=all\n", "4201.lab.network:2: HostAccess=all: of a user's own network it is one of: gateway none" },
		{ "[Address]\nAddress=10.0.0.1/8\n", "4201.lab.network:2: Address=10.0.0.1/8: of a user's own network it is one of: auto" },
		{ "[Address]\nAddress=fd00::1/64\n", "4201.lab.network:2: Address=fd00::1/64: of a user's own network it is one of: auto" },
		/* what a terminal would take for its own; letters of other languages are none of it */
		{ "# \xc3\xa9\xe2\x82\xac\t\r\n[Network]\r\n", NULL },
		{ "[Network]\n# \033[2J\n", "4201.lab.network:2: a control character" },
		{ "[Network]\n#\302\2332J\n", "4201.lab.network:2: a control character" },
		{ "#\r#\n", "4201.lab.network:1: a control character" },
		{ "\177", "4201.lab.network:1: a control character" },
		/* taken back in the next line, too */
		{ "[Network]\nUplink=eth0\nUplink=\n", "4201.lab.network:2: Uplink=eth0" NOT_OWN },
		{ "[Network]\nUplink=\n", "4201.lab.network:2: Uplink=" NOT_OWN },
	};
	size_t n_own = 0;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_(network_deinit) struct network network = NETWORK_NULL;
		struct failure failure = { "" };

		check_int(rows[i].text, test_parse_network("4201.lab", rows[i].text, &network, &failure), rows[i].error ? -EINVAL : 0);
		check_prefix(rows[i].text, failure.text, rows[i].error ?: "");
	}
	/* Every key that is not marked, whatever it says. */
	for (size_t i = 0; i < KEY_MAX_; i++) {
		_cleanup_(network_deinit) struct network network = NETWORK_NULL;
		struct failure failure = { "" };
		char text[128], error[256];

		n_own += keys[i].own != NULL;
		if (keys[i].own)
			continue;
		snprintf(text, sizeof(text), "[%s]\n%s=x\n", keys[i].section, keys[i].name);
		snprintf(error, sizeof(error), "4201.lab.network:2: %s=x" NOT_OWN, keys[i].name);
		check_int(text, test_parse_network("4201.lab", text, &network, &failure), -EINVAL);
		check_string(text, failure.text, error);
	}
	/* A key that is added is not theirs before somebody has thought about it. */
	check_int("keys of users", n_own, 41);
}

/* A drop-in is an administrator's; whose the network is stays in the name of its bridge. */
static void own_dropins(void **state _unused_)
{
	static const struct {
		const char *name, *text, *dropin, *error;
	} rows[] = {
		{ "4201.lab", "", "[Network]\nDenyOut=any\n[Address]\nAddress=10.9.0.1/24\n", "" },
		{ "4201.lab", "", "[Forward]\nListen=tcp:192.0.2.1:8000-8100\nTo=web\n", "" },
		{ "4201.lab", "[Forward]\nListen=tcp:8080\nTo=web\n", "[Forward]\nListen=tcp:8000-8079\nTo=web\n", "" },
		{ "4201.lab", "[Forward]\nListen=tcp:8080\nTo=web\n", "[Forward]\nListen=tcp:8000-8080\nTo=web\n", "4201.lab.network.d/x.conf:1: this [Forward] takes the port of the one in line 1" },
		{ "4201.lab", "[Network]\nUplink=a\n", "[Network]\nUplink=\nUplink=b\n", "4201.lab.network:2: Uplink=a" NOT_OWN },
		{ "4201.lab", "", "[Network]\nBridge=br0\n", "4201.lab.network.d/x.conf:2: Bridge=br0: gn-UID.NAME is the bridge of a user's own network" },
		{ "lab", "[Network]\nBridge=gn-4201.lab\n", "", "lab.network:2: Bridge=gn-4201.lab: gn-UID.NAME is the bridge of a user's own" },
		{ "lab", "[Network]\nBridge=gn-x.lab\n", "", "" },
		{ "lab", "[Network]\nBridge=4201.lab\n", "", "lab.network:2: Bridge=4201.lab: gn-UID.NAME is" },
		{ "lab", "[Network]\nAlternativeName=4201.lab\n", "", "lab.network:2: AlternativeName=4201.lab: UID.NAME and gn-UID.NAME are names of users' own" },
		{ "lab", "[Network]\nAlternativeName=gn-4201.lab\n", "", "lab.network:2: AlternativeName=gn-4201.lab: UID.NAME" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_(network_deinit) struct network network = NETWORK_NULL;
		struct failure failure = { "" };
		char path[64], dropin[64];
		const struct config_file files[] = {
			{ path, rows[i].text, strlen(rows[i].text) }, { dropin, rows[i].dropin, strlen(rows[i].dropin) },
		};

		snprintf(path, sizeof(path), "%s.network", rows[i].name);
		snprintf(dropin, sizeof(dropin), "%s.network.d/x.conf", rows[i].name);
		check_int(rows[i].dropin, config_parse(rows[i].name, files, 2, &network, &failure), rows[i].error[0] ? -EINVAL : 0);
		check_prefix(rows[i].dropin, failure.text, rows[i].error);
	}
}

/* Whoever mends a file wants to hear everything at once, and nothing that is only a consequence. */
static void all_mistakes(void **state _unused_)
{
	static const struct {
		const char *text, *want[4];
	} cases[] = {
		{ "[Network]\nBrigde=x\nMTU=12\n[DHCP]\nEnable=maybe\n",
		  { "lab.network:2: unknown key Brigde= in section [Network], did you mean Bridge=?", "lab.network:3: MTU=12: want a number",
		    "lab.network:5: Enable=maybe: want " } },
		/* What stands in a section that nobody knows, or in none, is not judged; the next one is. */
		{ "[DHPC]\nRange=a\nEnable=b\n[Network]\nMTU=1\n", { "lab.network:1: unknown section [DHPC]", "lab.network:5: MTU=1: want" } },
		{ "[Network\nMode=x\n[DNS]\nEnable=x\n", { "lab.network:1: \"[Network\": a section is written", "lab.network:4: Enable=x: want" } },
		{ "MTU=1\nMode=x\n[DNS]\nEnable=x\n", { "lab.network:1: MTU= stands before the first section", "lab.network:4: Enable=x: want" } },
		/* A [Host] lacks its address only because that could not be read. */
		{ "[Host]\nMACAddress=x\n[Host]\n", { "lab.network:2: MACAddress=x: want" } },
		/* Lines that do not fit together: all of them, too. */
		{ "[Network]\nMode=bridge\nBridge=br0\n[Address]\nAddress=10.0.0.1/24\n[DHCP]\nRange=10.0.0.5-10.0.0.6\nEnable=yes\n",
		  { "lab.network:5: [Address] Address= has no meaning with Mode=bridge", "lab.network:8: [DHCP] Enable= has no meaning",
		    "lab.network:7: [DHCP] Range= has no meaning" } },
		{ "[Address]\nAddress=10.0.0.1/24\nAddress=10.0.0.2/16\n[DHCP]\nRange=10.7.0.5-10.7.0.6\n[Host]\nName=a\n[Host]\nName=b\n",
		  { "lab.network:3: Address=10.0.0.2/16 overlaps with", "lab.network:5: Range= lies outside", "lab.network:6: this [Host] has no",
		    "lab.network:8: this [Host] has no" } },
		{ "[Forward]\nListen=tcp:80\n[Forward]\nTo=a:1\n[Tap]\n[Route]\nDestination=10.1.0.0/16\n",
		  { "lab.network:6: this [Route] has no Gateway=", "lab.network:5: this [Tap] has no Name=", "lab.network:1: this [Forward] has no To=",
		    "lab.network:3: this [Forward] has no Listen=" } },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct config_file file = { "lab.network", cases[i].text, strlen(cases[i].text) };
		struct network network;
		struct mistakes mistakes;
		const char *line = mistakes.buffer;
		size_t n = 0;

		check_int(cases[i].text, config_parse_all("lab", &file, 1, &network, &mistakes), -EINVAL);
		for (; n < ARRAY_SIZE(cases[i].want) && cases[i].want[n]; n++, line += strcspn(line, "\n"), line += *line == '\n')
			check_prefix(cases[i].text, line, cases[i].want[n]);
		check_string(cases[i].text, line, "");
		check_int(cases[i].text, (int)mistakes.n, (int)n);
	}
}

static void more_mistakes_than_lines(void **state _unused_)
{
	char text[1024] = "[Network]\n";
	struct config_file file = { "lab.network", text, 0 };
	struct network network;
	struct mistakes mistakes;
	struct failure failure = { "" };

	for (int i = 0; i < MISTAKES_MAX; i++)
		strcat(text, "MTU=1\n");
	file.length = strlen(text);
	assert_int_equal(config_parse_all("lab", &file, 1, &network, &mistakes), -EINVAL);
	assert_null(strstr(mistakes.buffer, " more"));
	strcat(text, "MTU=2\nMTU=3\n");
	file.length = strlen(text);
	assert_int_equal(config_parse_all("lab", &file, 1, &network, &mistakes), -EINVAL);
	assert_int_equal(mistakes.n, MISTAKES_MAX + 2);
	check_string("last", strrchr(mistakes.buffer, '\n'), "\nlab.network: and 2 more");
	assert_int_equal(config_parse("lab", &file, 1, &network, &failure), -EINVAL);
	check_prefix("first", failure.text, "lab.network:2: MTU=1: want");
	assert_null(strchr(failure.text, '\n'));
}

static void names(void **state _unused_)
{
	static const char *const good[] = { "a", "default", "1000.all", "a-b_c.d", "123456789012", "0" };
	static const char *const wrong[] = { "", "1234567890123", "-a", ".a", "_a", "a b", "a/b", "lo", "all", "\xc3\xa4", "a%d", "a:b" };

	for (size_t i = 0; i < ARRAY_SIZE(good); i++)
		check_int(good[i], network_name_is_valid(good[i]), true);
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		struct network network;
		struct failure failure = { "" };

		check_int(wrong[i], network_name_is_valid(wrong[i]), false);
		check_int(wrong[i], test_parse_network(wrong[i], "", &network, &failure), -EINVAL);
		check_contains(wrong[i], failure.text, "a network's name has 1 to 12");
	}
}

static void an_empty_file_is_a_nat_network(void **state _unused_)
{
	_cleanup_(network_deinit) struct network network = NETWORK_NULL;
	struct failure failure = { "" };

	assert_int_equal(test_parse_network("lab", "", &network, &failure), 0);
	assert_string_equal(network.name, "lab");
	assert_int_equal(network.mode, NETWORK_NAT);
	assert_string_equal(network.bridge, "gn-lab");
	assert_false(network.mac_given);
	assert_int_equal(network.mtu, 1500);
	assert_true(network.autostart);
	assert_int_equal(network.host_access, HOST_ACCESS_GATEWAY);
	assert_true(network.address_auto);
	assert_int_equal(network.n_addresses, 0);
	assert_true(network.dhcp);
	assert_int_equal(network.lease_time_s, 3600);
	assert_true(network.dns);
	assert_string_equal(network.domain, "lab.internal");
	assert_int_equal(network.n_forwarders, 0);
}

static void delegated(void **state _unused_)
{
	static const struct {
		const char *text;
		bool asked, chosen, nat66;
		uint32_t subnet;
	} cases[] = {
		{ "[Address]\nAddress=delegated\n", true, true, false, NETWORK_ANY_SUBNET },
		{ "[Address]\nAddress=10.0.0.1/24\nAddress=delegated:0\n", true, false, false, 0 },
		{ "[Address]\nAddress=auto\nAddress=delegated:1F\nAddress=delegated:1f\n", true, true, false, 0x1f },
		{ "[Network]\nMode=open\n[Address]\nAddress=delegated:ffff\n[DHCP]\nRange=::100-::1ff\n", true, true, false, 0xffff },
		{ "[Address]\nAddress=delegated\nAddress=\nAddress=auto\n", false, true, true, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_(network_deinit) struct network network = NETWORK_NULL;
		struct failure failure = { "" };

		if (test_parse_network("lab", cases[i].text, &network, &failure) < 0)
			fail_msg("%s", failure.text);
		check_int(cases[i].text, network.address_delegated, cases[i].asked);
		check_int(cases[i].text, network.address_auto, cases[i].chosen);
		check_int(cases[i].text, network.nat66, cases[i].nat66);
		if (cases[i].asked)
			check_int(cases[i].text, network.delegated_subnet, cases[i].subnet);
	}
}

/* The name of a bridge is a key of the ruleset with all its bytes: a short one has nothing of a longer one behind it. */
static void names_end_in_zeros(void **state _unused_)
{
	static const char text[] = "[Network]\nBridge=longer-than-it\nBridge=br0\n";
	static const char zeros[IFNAME_SIZE];
	const struct config_file file = { "moved.network", text, sizeof(text) - 1 };
	struct network network = NETWORK_NULL;
	struct failure failure = { 0 };

	assert_int_equal(config_parse("moved", &file, 1, &network, &failure), 0);
	assert_string_equal(network.bridge, "br0");
	assert_memory_equal(network.bridge + 3, zeros, sizeof(network.bridge) - 3);
	network_deinit(&network);
}

static void every_key(void **state _unused_)
{
	static const char text[] =
		"\xef\xbb\xbf; all of them\r\n"
		"[Network]\r\n"
		"Mode = isolated\n"
		"\tBridge=br-lab\n"
		"MACAddress=52:54:00:12:34:56\n"
		"MTU=9000\n"
		"Autostart=OFF\n"
		"HostAccess=all\n"
		"[Address]\n"
		"Address=10.0.0.1/24\n"
		"Address=fd00::1/64\n"
		"[DHCP]\n"
		"Enable=on\n"
		"Range=10.0.0.100 - 10.0.0.199\n"
		"LeaseTime=1d \\\n"
		"# in between\n"
		"  12h\n"
		"[DNS]\n"
		"Enable=no\n"
		"Domain=lab.example.org\n"
		"Forwarder=9.9.9.9\n"
		"Forwarder=2620:fe::fe";
	_cleanup_(network_deinit) struct network network = NETWORK_NULL;
	struct failure failure = { "" };

	if (test_parse_network("lab", text, &network, &failure) < 0)
		fail_msg("%s", failure.text);
	assert_int_equal(network.mode, NETWORK_ISOLATED);
	assert_string_equal(network.bridge, "br-lab");
	assert_true(network.mac_given);
	assert_int_equal(network.mac.bytes[5], 0x56);
	assert_int_equal(network.mtu, 9000);
	assert_false(network.autostart);
	assert_int_equal(network.host_access, HOST_ACCESS_ALL);
	assert_false(network.address_auto);
	assert_int_equal(network.n_addresses, 2);
	check_string("address", IP_TEXT(&network.addresses[0].ip), "10.0.0.1");
	check_string("address", IP_TEXT(&network.addresses[1].ip), "fd00::1");
	assert_int_equal(network.addresses[1].prefix_length, 64);
	assert_int_equal(network.addresses[1].place.line, 11);
	assert_true(network.dhcp);
	assert_int_equal(network.n_ranges, 1);
	check_string("first", IP_TEXT(&network.ranges[0].first), "10.0.0.100");
	check_string("last", IP_TEXT(&network.ranges[0].last), "10.0.0.199");
	assert_int_equal(network.lease_time_s, 36 * 3600);
	assert_false(network.dns);
	assert_string_equal(network.domain, "lab.example.org");
	assert_int_equal(network.n_forwarders, 2);
	check_string("forwarder", IP_TEXT(&network.forwarders[1]), "2620:fe::fe");
}

static void rates(void **state _unused_)
{
	static const struct {
		const char *value;
		uint64_t rate;
	} cases[] = {
		{ "8K", 1000 }, { "8000", 1000 }, { "1M", 125000 }, { "100M", 12500000 }, { "2500M", 312500000 }, { "100G", UINT64_C(12500000000) },
	};
	_cleanup_(network_deinit) struct network bursts = NETWORK_NULL;
	struct failure failure = { "" };

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_(network_deinit) struct network network = NETWORK_NULL;
		char text[128];

		snprintf(text, sizeof(text), "[Bandwidth]\nToGuestsRate=%s\n[Port]\nFromGuestRate=%s\n", cases[i].value, cases[i].value);
		assert_int_equal(test_parse_network("lab", text, &network, &failure), 0);
		assert_true(network_find_rate(&network, NETWORK_RATE_TO_GUESTS)->rate == cases[i].rate);
		assert_true(network_find_rate(&network, NETWORK_RATE_FROM_GUEST)->rate == cases[i].rate);
		assert_true(network_find_rate(&network, NETWORK_RATE_FROM_GUESTS)->rate == 0);
		assert_true(network_find_rate(&network, NETWORK_RATE_TO_GUEST)->rate == 0);
	}
	assert_int_equal(test_parse_network("lab", "[Port]\nToGuestRate=80M\nToGuestBurstBytes=2M\nToGuestBurstBytes=\n"
					    "FromGuestRate=1M\nFromGuestBurstBytes=2K\n", &bursts, &failure), 0);
	assert_int_equal(network_find_rate(&bursts, NETWORK_RATE_TO_GUEST)->burst, 0);
	assert_int_equal(network_find_rate(&bursts, NETWORK_RATE_FROM_GUEST)->burst, 2048);
}

static void lease_times(void **state _unused_)
{
	static const struct {
		const char *text;
		uint32_t seconds;
	} cases[] = {
		{ "120", 120 }, { "120s", 120 }, { "2min", 120 }, { "2 m", 120 }, { "1h", 3600 }, { "1h30min", 5400 },
		{ "1d 2h 3min 4s", 93784 }, { "1 week", 604800 }, { "infinity", NETWORK_LEASE_FOREVER },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_(network_deinit) struct network network = NETWORK_NULL;
		struct failure failure = { "" };
		char text[64];

		snprintf(text, sizeof(text), "[DHCP]\nLeaseTime=%s\n", cases[i].text);
		check_int(cases[i].text, test_parse_network("lab", text, &network, &failure), 0);
		check_int(cases[i].text, network.lease_time_s, cases[i].seconds);
	}
}

/* What one option of DHCP holds: dnsmasq leaves out a longer one, with no more than a word in its log. */
static void options_that_fit(void **state _unused_)
{
	static const struct {
		const char *key;
		int length, result;
	} cases[] = {
		{ "SendOption=66:string:", 255, 0 }, { "SendOption=66:string:", 256, -EINVAL }, { "SendOption=dhcpv6:41:string:", 256, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_(network_deinit) struct network network = NETWORK_NULL;
		struct failure failure = { "" };
		char text[512];

		snprintf(text, sizeof(text), "[DHCP]\n%s%0*d\n", cases[i].key, cases[i].length, 0);
		check_int(cases[i].key, test_parse_network("lab", text, &network, &failure), cases[i].result);
		if (cases[i].result < 0)
			check_contains(cases[i].key, failure.text, "; an option of IPv4 holds 255 bytes");
	}
}

/* Routes that guests are told are one option, and one line of a file of dnsmasq's. */
static void routes_that_fit(void **state _unused_)
{
	static const struct {
		const char *before, *after;
		int most;
	} cases[] = {
		{ "10.9.", ".1/32", 27 },		/* 9 bytes each, and 5 of the default route's */
		{ "10.9.", ".0/24", 31 },
		{ "", ".0.0.0/8", 35 },		/* 29 characters each, and 56 others */
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		for (int more = 0; more < 2; more++) {
			_cleanup_(network_deinit) struct network network = NETWORK_NULL;
			struct failure failure = { "" };
			char buffer[8192];
			struct text text;

			text_init(&text, buffer, sizeof(buffer));
			text_add(&text, "[Address]\nAddress=192.168.100.100/24\n");
			for (int j = 0; j < cases[i].most + more; j++)
				text_add(&text, "[Route]\nDestination=%s%d%s\nGateway=192.168.100.200\nAdvertise=yes\n", cases[i].before,
					 20 + j, cases[i].after);
			check_int(cases[i].after, test_parse_network("lab", buffer, &network, &failure), more ? -EINVAL : 0);
			if (more)
				check_contains(cases[i].after, failure.text, ": guests cannot be told of so many [Route]s");
		}
}

static void on_demand(void **state _unused_)
{
	static const struct {
		const char *text;
		bool autostart, on_demand;
		uint32_t idle_timeout_s;
	} cases[] = {
		{ "", true, false, 300 },
		{ "Autostart=on-demand\n", false, true, 300 },
		{ "Autostart=on-demand\nIdleTimeout=1min 30s\n", false, true, 90 },
		{ "Autostart=on-demand\nIdleTimeout=infinity\n", false, true, NETWORK_NEVER },
		{ "Autostart=on-demand\nAutostart=yes\n", true, false, 300 },
		{ "Autostart=on-demand\nAutostart=no\n", false, false, 300 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_(network_deinit) struct network network = NETWORK_NULL;
		struct failure failure = { "" };
		char text[128];

		snprintf(text, sizeof(text), "[Network]\n%s", cases[i].text);
		check_int(cases[i].text, test_parse_network("lab", text, &network, &failure), 0);
		check_int(cases[i].text, network.autostart, cases[i].autostart);
		check_int(cases[i].text, network.on_demand, cases[i].on_demand);
		check_int(cases[i].text, network.idle_timeout_s, cases[i].idle_timeout_s);
	}
}

static int parse_files(const struct config_file *files, size_t n, struct network *ret_network, struct failure *failure)
{
	struct config_file copies[8];

	for (size_t i = 0; i < n; i++) {
		copies[i] = files[i];
		copies[i].length = strlen(files[i].text);
	}
	return config_parse("lab", copies, n, ret_network, failure);
}

static void dropins_apply_in_order(void **state _unused_)
{
	static const struct config_file files[] = {
		{ "v/lab.network", "[Network]\nMTU=1400\nBridge=br-a\n[Address]\nAddress=10.0.0.1/24\n[DNS]\nForwarder=9.9.9.9\n", 0 },
		{ "d/10.conf", "[Network]\nMTU=1401\n[Address]\nAddress=10.1.0.1/24\n[DNS]\nForwarder=\nForwarder=1.1.1.1\n", 0 },
		{ "d/20.conf", "[Network]\nBridge=\n[Network]\nMTU=1402\nMTU=1403\n", 0 },
	};
	_cleanup_(network_deinit) struct network network = NETWORK_NULL;
	struct failure failure = { "" };

	if (parse_files(files, 3, &network, &failure) < 0)
		fail_msg("%s", failure.text);
	assert_int_equal(network.mtu, 1403);
	assert_string_equal(network.bridge, "gn-lab");
	assert_int_equal(network.n_addresses, 2);
	assert_int_equal(network.n_forwarders, 1);
	check_string("forwarder", IP_TEXT(&network.forwarders[0]), "1.1.1.1");
	assert_int_equal(network_find_place(&network, KEY_MTU).file, 2);
	assert_int_equal(network_find_place(&network, KEY_MTU).line, 5);
}

static void a_dropin_begins_without_a_section(void **state _unused_)
{
	static const struct config_file files[] = {
		{ "lab.network", "[Network]\n", 0 }, { "d/10.conf", "# x\nMTU=1401\n", 0 },
	};
	struct network network;
	struct failure failure = { "" };

	assert_int_equal(parse_files(files, 2, &network, &failure), -EINVAL);
	check_string("error", failure.text, "d/10.conf:2: MTU= stands before the first section");
}

static void odd_bytes(void **state _unused_)
{
	static const char zero[] = "[Network]\nMTU=15\0" "00\n";
	static const char continued[] = "[Network]\nMTU=15\0" "00\\\nMTU=2\nMTU=3\n";
	struct config_file file = { "lab.network", zero, sizeof(zero) - 1 };
	struct config_file continued_file = { "lab.network", continued, sizeof(continued) - 1 };
	struct mistakes mistakes;
	char line[5000];
	struct network network;
	struct failure failure = { "" };

	assert_int_equal(config_parse("lab", &file, 1, &network, &failure), -EINVAL);
	check_string("zero", failure.text, "lab.network:2: zero byte in the line");
	/* What continues a wrong line is not judged. */
	assert_int_equal(config_parse_all("lab", &continued_file, 1, &network, &mistakes), -EINVAL);
	check_prefix("continued", mistakes.buffer, "lab.network:2: zero byte in the line\nlab.network:4: MTU=3: want");
	assert_int_equal(mistakes.n, 2);

	memset(line, 'x', sizeof(line) - 1);
	line[LIMIT_NETWORK_LINE - 1] = '\0';
	failure.text[0] = '\0';
	assert_int_equal(test_parse_network("lab", line, &network, &failure), -EINVAL);
	check_prefix("just short enough", failure.text, "lab.network:1: \"xxx");
	line[LIMIT_NETWORK_LINE - 1] = 'x';
	line[LIMIT_NETWORK_LINE] = '\0';
	failure.text[0] = '\0';
	assert_int_equal(test_parse_network("lab", line, &network, &failure), -EINVAL);
	check_string("long", failure.text, "lab.network:1: line longer than 4095 bytes");
}

/* Any bytes: an answer, and with a sanitiser no read outside. */
static void random_bytes(void **state _unused_)
{
	static const char *const words[] = {
		"[Network]", "[Address]", "[DHCP]", "[DNS]", "\n", "\n", "=", "Mode", "nat", "Address", "10.0.0.1/24", "auto",
		"Range", "-", "LeaseTime", "1h", "\\\n", "#", ";", " ", "\t", "\r\n", "Domain", "a.b", "Forwarder", "::1", "]", "[",
		"MTU", "1500", "Enable", "yes", "\xef\xbb\xbf",
	};
	uint32_t random = 1;

	for (unsigned int i = 0; i < 20000; i++) {
		size_t n = unit_random(&random) % 40, length = 0;
		char text[1024], *copy;
		struct network network = NETWORK_NULL;
		struct failure failure = { "" };
		struct config_file file = { .path = "lab.network" };

		while (n-- > 0) {
			const char *word = words[unit_random(&random) % ARRAY_SIZE(words)];

			memcpy(text + length, word, strlen(word));
			length += strlen(word);
		}
		copy = malloc(length + !length);
		assert_non_null(copy);
		memcpy(copy, text, length);
		file.text = copy;
		file.length = length;
		if (config_parse("lab", &file, 1, &network, &failure) == 0)
			network_deinit(&network);
		else
			check_prefix("error", failure.text, "lab.network:");
		free(copy);
	}
}

static void clashes(void **state _unused_)
{
	static const struct {
		const char *a, *b, *problem;
	} cases[] = {
		{ "", "", NULL },
		{ "[Network]\nBridge=br0\n", "\n[Network]\nBridge=br0\n", "b.network:3: Bridge=br0 is the bridge of network a (a.network:2)" },
		{ "", "[Network]\nBridge=gn-a\n", "b.network:2: Bridge=gn-a is the bridge of network a (a.network)" },
		{ "", "[Network]\nBridge=a\n", "b.network:2: Bridge=a is the name of network a (a.network)" },
		{ "[Network]\nBridge=b\n", "", "b.network: the network's name b is the bridge of network a (a.network:2)" },
		{ "[Network]\nAlternativeName=virbr0\n", "\n[Network]\nAlternativeName=virbr0\n",
		  "b.network:3: AlternativeName=virbr0 is a name of network a (a.network:2)" },
		{ "", "[Network]\nAlternativeName=gn-a\n", "b.network:2: AlternativeName=gn-a is a name of network a (a.network)" },
		{ "[Network]\nAlternativeName=b\n", "", "b.network: b is an AlternativeName= of network a (a.network:2)" },
		{ "[Network]\nAlternativeName=virbr0\nAlternativeName=virbr1\n", "[Network]\nAlternativeName=virbr2\nAlternativeName=virbr3\n", NULL },
		{ "[Address]\nAddress=10.0.0.1/24\n", "[Address]\nAddress=10.0.1.1/24\n", NULL },
		{ "[Tunnel]\nVNI=5\nRemote=192.0.2.1\n", "[Tunnel]\nVNI=6\nRemote=192.0.2.1\n", NULL },
		{ "[Tunnel]\nVNI=5\nRemote=192.0.2.1\n", "[Tunnel]\nVNI=5\nRemote=192.0.2.1\nDestinationPort=8472\n", NULL },
		{ "[Tunnel]\nVNI=5\nRemote=192.0.2.1\n", "\n[Tunnel]\nVNI=5\nRemote=192.0.2.2\n", "b.network:2: [Tunnel] VNI=5 is that of network a (a.network:1)" },
		{ "[Tunnel]\nVNI=5\nRemote=2001:db8::1\n", "[Tunnel]\nVNI=5\nLocal=2001:db8::9\nMacLearning=no\n",
		  "b.network:1: [Tunnel] VNI=5 is that of network a (a.network:1)" },
		{ "[Tunnel]\nVNI=5\nRemote=192.0.2.1\n", "[Tunnel]\nVNI=5\nRemote=2001:db8::1\n", NULL },
		{ "[Tunnel]\nVNI=5\nRemote=192.0.2.1\n", "[Network]\nBridge=gv-a\n", "b.network:2: the name gv-a of a [Tunnel] is a name of network a (a.network:1)" },
		{ "[Network]\nBridge=gv-b\n", "[Tunnel]\nVNI=5\nRemote=192.0.2.1\n", "b.network:1: the name gv-b of a [Tunnel] is a name of network a (a.network:2)" },
		{ "[Network]\nAlternativeName=gv-b\n", "[Tunnel]\nVNI=5\nRemote=192.0.2.1\n", "b.network:1: the name gv-b of a [Tunnel] is a name of network a (a.network)" },
		{ "[Tunnel]\nVNI=5\nRemote=192.0.2.1\n", "[Forward]\nListen=udp:4789\nTo=web\n",
		  "b.network:1: UDP port 4789 of this [Forward] is that of the [Tunnel] of network a (a.network:1)" },
		{ "[Forward]\nListen=udp:192.0.2.9:4789\nTo=web\n", "[Tunnel]\nVNI=5\nRemote=192.0.2.1\nLocal=192.0.2.9\n",
		  "b.network:1: UDP port 4789 of this [Tunnel] is forwarded by the [Forward] of network a (a.network:1)" },
		{ "[Forward]\nListen=udp:192.0.2.9:4789\nTo=web\n[Forward]\nListen=tcp:4789\nTo=web\n", "[Tunnel]\nVNI=5\nRemote=192.0.2.1\n", NULL },
		{ "[Address]\nAddress=10.0.0.1/24\n[Forward]\nListen=udp:4789\nTo=10.0.0.5\n", "[Tunnel]\nVNI=5\nRemote=2001:db8::1\n", NULL },
		{ "[Address]\nAddress=10.0.0.1/16\n", "[Address]\nAddress=10.9.1.1/24\nAddress=10.0.1.1/24\n",
		  "b.network:3: Address=10.0.1.1/24 overlaps with Address=10.0.0.1/16 of network a (a.network:2)" },
		{ "[Address]\nAddress=fd00::1/64\n", "[Address]\nAddress=fd00::9:1/112\n",
		  "b.network:2: Address=fd00::9:1/112 overlaps with Address=fd00::1/64 of network a (a.network:2)" },
		{ "[Network]\nMACAddress=52:54:00:00:00:01\n", "[Network]\nMACAddress=52:54:00:00:00:01\n",
		  "b.network:2: MACAddress=52:54:00:00:00:01 is the address of the bridge of network a (a.network:2)" },
		{ "[Address]\nAddress=10.0.0.1/24\n", "[Address]\nAddress=10.1.0.1/24\n[Route]\nDestination=10.0.0.0/16\nGateway=10.1.0.5\n",
		  "b.network:3: [Route] Destination=10.0.0.0/16 overlaps with Address=10.0.0.1/24 of network a (a.network:2)" },
		{ "[Address]\nAddress=10.1.0.1/24\n[Route]\nDestination=10.0.0.0/16\nGateway=10.1.0.5\n", "[Address]\nAddress=10.0.0.1/24\n",
		  "b.network:2: Address=10.0.0.1/24 overlaps with [Route] Destination=10.0.0.0/16 of network a (a.network:3)" },
		{ "[Address]\nAddress=10.1.0.1/24\n[Route]\nDestination=10.5.0.0/16\nGateway=10.1.0.5\n",
		  "[Address]\nAddress=10.2.0.1/24\n[Route]\nDestination=10.5.7.0/24\nGateway=10.2.0.5\n",
		  "b.network:3: [Route] Destination=10.5.7.0/24 overlaps with [Route] Destination=10.5.0.0/16 of network a (a.network:3)" },
		{ "[Address]\nAddress=10.1.0.1/24\n[Route]\nDestination=10.5.0.0/16\nGateway=10.1.0.5\n",
		  "[Address]\nAddress=10.2.0.1/24\n[Route]\nDestination=10.6.0.0/16\nGateway=10.2.0.5\n", NULL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct world world = { .n = 0 };

		world_add(&world, "a", cases[i].a);
		world_add(&world, "b", cases[i].b);
		world_add(&world, "c", "");
		assert_int_equal(config_verify(world.networks, world.n), 0);
		assert_null(world.networks[0].problem);
		check_string(cases[i].b, world.networks[1].problem ? world.networks[1].problem : "none",
			     cases[i].problem ? cases[i].problem : "none");
		assert_null(world.networks[2].problem);
		world_deinit(&world);
	}
}

/* What a user forwards makes nobody's file wrong, whatever comes first by its name: the daemon decides whose the port is. */
static void users_forwards_make_way(void **state _unused_)
{
	static const struct {
		const char *name, *text;
	} others[] = {
		{ "a", "[Forward]\nListen=tcp:8080\nTo=web\n" }, { "a", "[Forward]\nListen=tcp:192.0.2.1:8080\nTo=web\n" },
		{ "a", "[Tunnel]\nVNI=5\nRemote=192.0.2.1\n" }, { "4202.lab", "[Forward]\nListen=tcp:8080\nTo=web\n" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
		struct world world = { .n = 0 };

		world_add(&world, "4201.lab", "[Forward]\nListen=tcp:8080\nTo=web\n[Forward]\nListen=udp:4789\nTo=web\n");
		world_add(&world, others[i].name, others[i].text);
		assert_int_equal(config_verify(world.networks, world.n), 0);
		assert_null(world.networks[0].problem);
		assert_null(world.networks[1].problem);
		assert_true(forward_is_users(&world.networks[0], &world.networks[0].forwards[0]));
		world_deinit(&world);
	}
}

/* One that is bad takes nothing from others. */
static void the_bad_hinder_nobody(void **state _unused_)
{
	struct world world = { .n = 0 };

	world_add(&world, "a", "[Address]\nAddress=10.0.0.1/24\n");
	world_add(&world, "b", "[Address]\nAddress=10.0.0.2/24\nAddress=10.0.7.1/24\n");
	world_add(&world, "c", "[Address]\nAddress=10.0.7.2/24\n");
	assert_int_equal(config_verify(world.networks, world.n), 0);
	assert_non_null(world.networks[1].problem);
	assert_null(world.networks[2].problem);
	world_deinit(&world);
}

static void load_vendor(const char *name, struct network *network)
{
	char path[64], text[4096];
	struct failure failure = { "" };
	size_t n;
	FILE *file;

	snprintf(path, sizeof(path), "netd/networks/%s.network", name);
	file = fopen(path, "r");
	if (!file)
		fail_msg("%s: cannot be read (the tests run from the top of the tree)", path);
	n = fread(text, 1, sizeof(text) - 1, file);
	text[n] = '\0';
	fclose(file);
	if (test_parse_network(name, text, network, &failure) < 0)
		fail_msg("%s", failure.text);
}

static void shipped_files(void **state _unused_)
{
	_cleanup_(network_deinit) struct network standard = NETWORK_NULL, isolated = NETWORK_NULL;

	load_vendor("default", &standard);
	assert_int_equal(standard.mode, NETWORK_NAT);
	assert_true(standard.autostart && standard.address_auto);
	assert_string_equal(standard.bridge, "gn-default");
	load_vendor("isolated", &isolated);
	assert_int_equal(isolated.mode, NETWORK_ISOLATED);
	assert_true(!isolated.autostart && isolated.address_auto);
}

/* Every file of doc/examples is a network that can be. */
static void examples(void **state _unused_)
{
	struct dirent **entries;
	int n = scandir("doc/examples", &entries, NULL, alphasort), n_examples = 0;

	if (n < 0)
		fail_msg("doc/examples: cannot be read (the tests run from the top of the tree)");
	for (int i = 0; i < n; i++) {
		_cleanup_(network_deinit) struct network network = NETWORK_NULL;
		char path[512], name[64], text[8192];
		size_t length = strlen(entries[i]->d_name);
		struct config_file file = { .path = path, .text = text };
		struct failure failure = { "" };
		FILE *stream;

		if (length > 8 && length < 64 && strcmp(entries[i]->d_name + length - 8, ".network") == 0) {
			snprintf(path, sizeof(path), "doc/examples/%s", entries[i]->d_name);
			snprintf(name, sizeof(name), "%.*s", (int)length - 8, entries[i]->d_name);
			stream = fopen(path, "r");
			assert_non_null(stream);
			file.length = fread(text, 1, sizeof(text), stream);
			fclose(stream);
			if (config_parse(name, &file, 1, &network, &failure) < 0)
				fail_msg("%s", failure.text);
			n_examples++;
		}
		free(entries[i]);
	}
	free(entries);
	assert_true(n_examples >= 4);
}

/* The table is what the manual is printed from: every row is whole, and its default is what reset() sets. */
static void key_table(void **state _unused_)
{
	for (size_t i = 0; i < KEY_MAX_; i++) {
		assert_non_null(keys[i].section);
		assert_non_null(keys[i].parse);
		assert_non_null(keys[i].reset);
		assert_true(*keys[i].fallback && *keys[i].want && *keys[i].doc && keys[i].unit);
		assert_ptr_equal(keys_find(keys[i].section, keys[i].name), &keys[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(errors),
		cmocka_unit_test(own),
		cmocka_unit_test(own_dropins),
		cmocka_unit_test(all_mistakes),
		cmocka_unit_test(more_mistakes_than_lines),
		cmocka_unit_test(names),
		cmocka_unit_test(an_empty_file_is_a_nat_network),
		cmocka_unit_test(delegated),
		cmocka_unit_test(names_end_in_zeros),
		cmocka_unit_test(every_key),
		cmocka_unit_test(rates),
		cmocka_unit_test(lease_times),
		cmocka_unit_test(options_that_fit),
		cmocka_unit_test(routes_that_fit),
		cmocka_unit_test(on_demand),
		cmocka_unit_test(dropins_apply_in_order),
		cmocka_unit_test(a_dropin_begins_without_a_section),
		cmocka_unit_test(odd_bytes),
		cmocka_unit_test(random_bytes),
		cmocka_unit_test(clashes),
		cmocka_unit_test(users_forwards_make_way),
		cmocka_unit_test(the_bad_hinder_nobody),
		cmocka_unit_test(shipped_files),
		cmocka_unit_test(examples),
		cmocka_unit_test(key_table),
	};

	return cmocka_run_group_tests_name("config", tests, NULL, NULL);
}
