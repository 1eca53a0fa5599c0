#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Policy files end to end, as unprivileged uids: what is allowed, what a wrong or hostile file does, who may write it,
# includes, names, limits set by the caller, and agreement with qemu-bridge-helper on the language both know.
#   tests/netns/helper-policy.sh [PART...]
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/world.bash"
world_enter "$@"
world_setup || exit 1
ulimit -n 4096 || exit 1
qemu_policy=/etc/qemu/bridge.conf

if [ "$(readelf -d "$helper" | grep -c 'lib[a-z]*san\.so')" != 0 ]; then sanitised=yes; else sanitised=; fi

# wrong ID REGEX TEXT: alice is refused because of what stands in the file; the message names it.
wrong() {
	printf '%b' "$3" >$policy_file
	refused "$1" "^failed to parse default acl file \`$policy_file': $2" --uid $alice $helper --br=br0
}
right() {	# ID TEXT
	printf '%b' "$2" >$policy_file
	granted "$1" --uid $alice $helper --br=br0
}
denied() {	# ID TEXT [UID]
	printf '%b' "$2" >$policy_file
	refused "$1" "^access denied by acl file: uid ${3:-$alice} may not use bridge \`br0': " --uid "${3:-$alice}" $helper --br=br0
}

# The language: the compatible core beside QEMU's own helper. Each line: yes or no, the bridge, the text (printf %b).
core_table() {
	cat <<-'END'
		yes	br0	allow br0\n
		yes	br0	allow all\n
		yes	br0	allow br0
		yes	br0	  \tallow \t br0 \t\n
		yes	br0	allow br0\r\n
		yes	br0	# comment\n\n\t\n  # another\nallow br0\n
		yes	br0	#deny br0\nallow br0\n
		yes	br0	deny br1\nallow br0\n
		yes	br0	allow br1\nallow br0\n
		yes	br0	allow br1\nallow br0\ndeny br2
		yes	br0	include /etc/guestnet/more\n
		yes	br0	include /etc/guestnet/missing\nallow br0\n
		yes	br0	include /etc/guestnet/unreadable\nallow br0\n
		no	br0	include /etc/guestnet/unreadable\n
		no	br0
		no	br0	\n
		no	br0	# allow br0\n
		no	br0	allow br1\n
		no	br0	allow br\n
		no	br0	allow br00\n
		no	br0	deny br0\n
		no	br0	deny all\n
		no	br0	allow br0\ndeny br0\n
		no	br0	deny br0\nallow br0\n
		no	br0	deny all\nallow br0\n
		no	br0	allow all\ndeny br0\n
		no	br0	allow br0\ninclude /etc/guestnet/less\n
		no	br0	include /etc/guestnet/less\nallow br0\n
		no	br0	include /etc/guestnet/missing\n
		no	br0	allow\n
		no	br0	frob br0\n
		no	br0	allow br0\nfrob\n
		no	br0	allow br0\ninclude\n
		no	nope	allow all\n
		no	lo	allow all\n
	END
}
test_core() {
	local qemu=/usr/lib/qemu/qemu-bridge-helper want bridge text got theirs n=0 agree=0
	printf 'allow br0\n' >/etc/guestnet/more
	printf 'deny br0\n' >/etc/guestnet/less
	install -m 600 /etc/guestnet/less /etc/guestnet/unreadable
	[ -x $qemu ] || qemu=/usr/libexec/qemu-bridge-helper
	if [ -x $qemu ]; then
		install -m 755 $qemu $world/qemu-helper
		setcap cap_net_admin=ep $world/qemu-helper
		qemu=$world/qemu-helper
	else
		skip core_agrees "qemu-bridge-helper is not installed (package qemu-system-common)"
		qemu=
	fi
	while IFS=$'\t' read -r want bridge text; do
		n=$((n + 1))
		printf '%b' "$text" >$policy_file
		cp $policy_file $qemu_policy
		launch --uid $alice $helper --br="$bridge"
		case $reply_status,$reply_fd in 0,true) got=yes ;; 1,false) got=no ;; *) got=$reply ;; esac
		[ "$got" = "$want" ] || fail core_ours "line $n of the table ($bridge, '$text'): want $want, got $reply"
		[ -n "$qemu" ] || continue
		launch --uid $alice $qemu --br="$bridge"
		case $reply_status,$reply_fd in 0,true) theirs=yes ;; 1,false) theirs=no ;; *) theirs=$reply ;; esac
		if [ "$theirs" = "$got" ]; then agree=$((agree + 1)); else fail core_agrees "line $n ($bridge, '$text'): ours $got, theirs $theirs: $reply"; fi
	done < <(core_table)
	equal core_cases 35 $n
	[ -z "$qemu" ] || equal core_agreement "$n of $n" "$agree of $n"
	check core_left no_taps
	rm -f $qemu_policy /etc/guestnet/{more,less,unreadable}
}

test_language() {
	right last_words 'allow br0 # all of it\n'
	right first_allow_decides 'allow br0 isolated\nallow br0 max=1\n'
	hold one --uid $alice $helper --br=br0
	equal first_allow_options true "$(link "$reply_tap" .linkinfo.info_slave_data.isolated)"
	launch --uid $alice $helper --br=br0
	equal first_allow_quota 0 "$reply_status"
	release one
	world_policy $'allow br0 user=4202 max=1\nallow br0 isolated'
	hold one --uid $alice $helper --br=br0
	equal first_matching_allow 'true' "$(link "$reply_tap" .linkinfo.info_slave_data.isolated)"
	release one

	right user_number 'allow br0 user=4201\n'
	denied user_number_other 'allow br0 user=4202\n'
	right user_list 'allow br0 user=1,4201,3\n'
	right user_not 'allow br0 user=!4202\n'
	denied user_not_me 'allow br0 user=!4201\n'
	denied user_deny 'allow br0\ndeny br0 user=4201\n'
	right user_deny_other 'allow br0\ndeny br0 user=4202\n'
	denied user_deny_not 'allow br0\ndeny br0 user=!4202\n'
	right group_primary 'allow br0 group=4201\n'
	denied group_other 'allow br0 group=4300\n'
	granted group_supplementary --uid $alice --groups 4299,4300,4301 $helper --br=br0
	granted group_supplementary_setuid --uid $alice --groups 4300 $helper_setuid --br=br0
	world_policy 'allow br0 group=4200'
	refused group_of_nobody 'no rule allows it' --uid $alice --groups 4299,4301 $helper --br=br0
	granted group_gid --uid $alice --gid 4200 $helper --br=br0
	world_policy $'allow br0\ndeny br0 group=4300'
	refused group_deny "$policy_file:2 denies it" --uid $alice --groups 4300 $helper --br=br0
	world_policy 'allow br0 group=!4300'
	refused group_not 'no rule allows it' --uid $alice --groups 4300 $helper --br=br0
	granted group_not_mine --uid $alice --groups 4299 $helper --br=br0
	world_policy 'allow br0 user=4201 group=4300'
	refused user_and_group 'no rule allows it' --uid $alice $helper --br=br0
	granted user_and_group_both --uid $alice --groups 4300 $helper --br=br0

	# Root has no rule of its own, and root's groups are not the caller's in a set-user-ID start.
	world_policy 'allow br0 group=0'
	refused group_of_root_setuid 'no rule allows it' --uid $alice $helper_setuid --br=br0
	world_policy 'allow br0 user=0'
	refused user_root_setuid 'no rule allows it' --uid $alice $helper_setuid --br=br0
	granted user_root $helper --br=br0
}

test_wrong() {
	local long
	wrong wrong_verb "$policy_file:2: unknown word \"alow\"" 'allow br0\nalow br1\n'
	wrong wrong_word "$policy_file:1: unknown word \"isolatd\", did you mean \"isolated\"\?" 'allow br0 isolatd\n'
	wrong wrong_no_name "$policy_file:1: allow wants the name" 'allow # br0\n'
	wrong wrong_name "$policy_file:1: \"a/b\" cannot be the name of a bridge" 'allow a/b\nallow br0\n'
	wrong wrong_long_name "$policy_file:1: \"br0456789012345x\" cannot be" 'allow br0456789012345x\nallow br0\n'
	wrong wrong_max "$policy_file:1: max=0: " 'allow br0 max=0\n'
	wrong wrong_max_big "$policy_file:1: max=1024: " 'allow br0 max=1024\n'
	wrong wrong_vlan "$policy_file:1: vlan=4095: " 'allow br0 vlan=4095\n'
	wrong wrong_mac "$policy_file:1: macs=01:00:5e:00:00:01: " 'allow br0 macs=01:00:5e:00:00:01\n'
	wrong wrong_twice "$policy_file:1: max is given twice" 'allow br0 max=1 max=2\n'
	wrong wrong_deny_option "$policy_file:2: isolated has no meaning in a deny rule" 'allow br0\ndeny br1 isolated\n'
	wrong wrong_user "$policy_file:1: empty name in user=" 'allow br0 user=\n'
	wrong wrong_user_minus "$policy_file:1: 4294967295 is not a user number" 'allow br0 user=4294967295\n'
	wrong wrong_escaped "$policy_file:1: unknown word \"\\\\x1b\[2J\"" '\033[2J\n'
	wrong wrong_nul "$policy_file:2: zero byte" 'allow br0\nallow br1\0 x\n'
	wrong wrong_nul_hidden "$policy_file:1: zero byte" '# \0\nallow br0\n'
	wrong wrong_other_bridge "$policy_file:2: " 'allow br0\nallow br77 frob\n'
	wrong wrong_cr "$policy_file:1: " 'allow br0\r frob\n'
	right crlf '# text\r\n\r\nallow br0\r\n'
	right no_newline 'deny br7\nallow br0'

	long=$(head -c 65000 /dev/zero | tr '\0' ' ')
	right long_line "allow$long br0\n"
	# One line, however long: what stands behind a cut would be a rule of its own.
	denied long_line_is_one "allow br1 #$long\\tallow br0\n"
	wrong long_line_limit "$policy_file:1: line longer than" "#$long$(printf 'x%.0s' {1..600})\nallow br0\n"
	long=$(tr ' ' x <<<"$long")
	wrong wrong_long_word "$policy_file:1: \"x{100,}" "allow $long\nallow br0\n"
	{ printf 'allow br0\n#'; head -c 5000000 /dev/zero | tr '\0' '\n'; } >$policy_file
	refused wrong_5_megabytes "^failed to parse default acl file .*$policy_file is larger than" --uid $alice $helper --br=br0
	head -c 3000000 /dev/urandom >$policy_file
	refused wrong_random '^failed to parse default acl file' --uid $alice $helper --br=br0
	awk 'BEGIN { for (i = 0; i < 10000; i++) printf "allow b%d user=%d max=3 isolated\n", i, i; print "allow br0" }' >$policy_file
	granted many_rules --uid $alice $helper --br=br0
	awk 'BEGIN { for (i = 0; i < 65536; i++) print "deny b" i; print "allow br0" }' >$policy_file
	refused too_many_rules "$policy_file:65536: more than 65535 rules" --uid $alice $helper --br=br0
}

# whoever ID REGEX: alice is refused, with this reason.
bad_file() {
	refused "$1" "^failed to parse default acl file \`$policy_file': $2" --uid $alice $helper --br=br0
}
test_files() {
	local mode path
	world_policy 'allow br0'

	rm $policy_file
	bad_file file_missing "$policy_file: No such file or directory"
	mkdir $policy_file
	bad_file file_directory "$policy_file is not a regular file"
	rmdir $policy_file
	mkfifo -m 644 $policy_file
	bad_file file_fifo "$policy_file is not a regular file"
	rm $policy_file
	mknod -m 644 $policy_file c 1 5
	bad_file file_device "$policy_file is not a regular file"
	rm $policy_file
	"$world/tools/observe-journal" $policy_file &
	observer=$!
	wait_for 10 test -S $policy_file
	bad_file file_socket "$policy_file is not a regular file"
	ended $observer
	rm $policy_file
	ln -s bridge.conf $policy_file
	bad_file file_link_to_itself "$policy_file: (Too many levels of symbolic links|Symbolic link loop)"
	ln -sf /nowhere $policy_file
	bad_file file_link_dangling "$policy_file: No such file or directory"
	printf 'allow br0\n' >/etc/guestnet/real
	ln -sf real $policy_file
	granted file_link_relative --uid $alice $helper --br=br0
	ln -sf /etc/guestnet/../guestnet/./real $policy_file
	granted file_link_absolute --uid $alice $helper --br=br0
	# Links are followed through folders, too, and what they pass must be root's.
	install -d -o $alice -m 755 $tmp/mine
	printf 'allow br0\n' >$tmp/mine/policy
	ln -sf $tmp/mine/policy $policy_file
	bad_file file_link_into_foreign_folder "$tmp can be written by others than root"
	install -d -o $alice -m 755 /etc/guestnet/mine
	ln -sf ../real /etc/guestnet/mine/policy
	ln -sf mine/policy $policy_file
	bad_file file_link_passes_foreign_folder '/etc/guestnet/mine belongs to uid 4201: it must be root'
	rm -r $policy_file /etc/guestnet/mine /etc/guestnet/real

	world_policy 'allow br0'
	chmod 600 $policy_file
	bad_file file_unreadable "$policy_file: Permission denied \(you must be able to read it"
	refused file_unreadable_setuid "^failed to parse default acl file .*Permission denied" --uid $alice $helper_setuid --br=br0
	granted file_unreadable_but_for_root $helper_setuid --br=br0
	chmod 640 $policy_file
	chgrp 4300 $policy_file
	granted file_readable_by_group --uid $alice --groups 4300 $helper --br=br0
	chgrp 0 $policy_file
	refused file_roots_group_is_not_ours "Permission denied" --uid $alice $helper_setuid --br=br0
	for mode in 664 646 666 622; do
		chmod $mode $policy_file
		[ $mode = 622 ] || bad_file file_mode_$mode "$policy_file can be written by others than root \(chmod go-w $policy_file\)"
		[ $mode != 622 ] || bad_file file_mode_$mode "$policy_file can be written by others than root"
	done
	chmod 644 $policy_file
	chown $alice $policy_file
	bad_file file_owner "$policy_file belongs to uid 4201: it must be root's \(chown root $policy_file\)"
	chown $bob $policy_file
	bad_file file_owner_other "$policy_file belongs to uid 4202"
	chown 65534 $policy_file
	bad_file file_owner_overflow "$policy_file belongs to uid 65534"
	chown 0 $policy_file
	granted file_right_again --uid $alice $helper --br=br0

	# Each folder above it; "/" is the machine's own and is left as it is.
	for path in /etc/guestnet /etc; do
		for mode in 775 757 1777; do
			chmod $mode $path
			bad_file "folder_${path//\//_}_$mode" "$path can be written by others than root"
		done
		chmod 755 $path
		chown $alice $path
		bad_file "folder_${path//\//_}_owner" "$path belongs to uid 4201"
		chown 0 $path
		chmod 700 $path
		bad_file "folder_${path//\//_}_closed" "$policy_file: Permission denied \(you must be able to read it, and to enter the folders above it"
		chmod 711 $path
		granted "folder_${path//\//_}_passable" --uid $alice $helper --br=br0
		chmod 755 $path
	done

	if setfacl -m u:$alice:rw $policy_file 2>/dev/null; then
		bad_file file_acl "$policy_file can be written by others than root"
		setfacl -b $policy_file
	else
		skip file_acl "setfacl is not installed (package acl), or this filesystem has no ACLs"
	fi
}

test_includes() {
	local i d=/etc/guestnet
	mkdir -p $d/users
	printf 'allow br0\n' >$d/more
	world_policy "include $d/more"
	granted include_absolute --uid $alice $helper --br=br0
	world_policy 'include more'
	granted include_relative --uid $alice $helper --br=br0
	world_policy 'include ./users/../more  # here'
	granted include_relative_dots --uid $alice $helper --br=br0
	cp $d/more "$d/a name with blanks"
	world_policy 'include a name with blanks'
	granted include_blanks --uid $alice $helper --br=br0
	# Relative to the file it stands in, wherever the caller is.
	printf 'include second\n' >$d/users/first
	printf 'allow br0\n' >$d/users/second
	printf 'deny br0\n' >$d/second
	world_policy 'include users/first'
	granted include_relative_to_its_file --uid $alice $helper --br=br0
	rm $d/second

	# Per-user policy by file mode.
	printf 'allow br0\n' >$d/users/alice
	chown root:$alice $d/users/alice && chmod 640 $d/users/alice
	world_policy 'include users/alice'
	granted include_of_user --uid $alice $helper --br=br0
	granted include_of_user_setuid --uid $alice $helper_setuid --br=br0
	refused include_of_another 'no rule allows it' --uid $bob $helper --br=br0
	refused include_of_another_setuid 'no rule allows it' --uid $bob $helper_setuid --br=br0
	granted include_of_another_group --uid $bob --groups $alice $helper --br=br0
	printf 'deny br0\n' >$d/users/alice
	world_policy $'allow br0\ninclude users/alice'
	refused include_deny_of_user "$d/users/alice:1 denies it" --uid $alice $helper --br=br0
	granted include_deny_of_another --uid $bob $helper --br=br0
	launch --uid $bob $helper --br=br1
	equal include_reveals_nothing 0 "$(grep -c users/alice <<<"$reply_stderr")"
	mkdir -m 700 $d/closed && cp $d/more $d/closed/more
	world_policy 'include closed/more'
	refused include_in_closed_folder 'no rule allows it' --uid $alice $helper --br=br0
	granted include_in_closed_folder_root $helper --br=br0

	world_policy $'include missing\ninclude more/below\ninclude /nowhere/at/all\nallow br0'
	granted include_missing --uid $alice $helper --br=br0
	printf 'frob\n' >$d/wrong
	world_policy $'allow br0\ninclude wrong'
	bad_file include_wrong "$d/wrong:1: unknown word \"frob\""
	world_policy $'allow br0\ninclude more'
	chmod 666 $d/more
	bad_file include_writable "$d/more can be written by others than root"
	chmod 644 $d/more && chown $alice $d/more
	bad_file include_foreign "$d/more belongs to uid 4201"
	chown root $d/more
	mkfifo -m 644 $d/fifo
	world_policy $'allow br0\ninclude fifo'
	bad_file include_fifo "$d/fifo is not a regular file"
	world_policy $'allow br0\ninclude users'
	bad_file include_directory "$d/users is not a regular file"
	world_policy $'allow br0\ninclude /dev/zero'
	bad_file include_device "/dev/zero is not a regular file"
	world_policy $'allow br0\ninclude /proc/self/environ'
	bad_file include_proc '/proc/'
	world_policy $'allow br0\ninclude bridge.conf'
	bad_file include_itself "$policy_file:2: include bridge.conf: this file has been read already"
	world_policy $'include more\ninclude ../guestnet/more'
	bad_file include_twice "$policy_file:2: include ../guestnet/more: this file has been read already"
	ln $d/more $d/more-linked
	world_policy $'include more\ninclude more-linked'
	bad_file include_twice_by_link "$policy_file:2: include more-linked: this file has been read already"
	world_policy $'allow br0\ninclude'
	bad_file include_nothing "$policy_file:2: include wants a path"
	world_policy "include $(printf 'x%.0s' {1..5000})"
	refused include_long_path '^failed to parse default acl file' --uid $alice $helper --br=br0

	for ((i = 1; i < 9; i++)); do printf 'include deep%d\n' $((i + 1)) >$d/deep$i; done
	printf 'allow br0\n' >$d/deep8
	world_policy 'include deep1'
	granted include_8_deep --uid $alice $helper --br=br0
	printf 'include deep9\nallow br0\n' >$d/deep8
	printf 'allow br0\n' >$d/deep9
	bad_file include_9_deep "$d/deep8:1: include deep9: more than 8 includes inside each other"
	printf 'include deep1\n' >$d/deep8
	bad_file include_circle "$d/deep8:1: include deep1: (this file has been read already|more than 8 includes)"
	for ((i = 0; i < 70; i++)); do printf '# %d\n' $i >$d/wide$i; printf 'include wide%d\n' $i; done >$policy_file
	bad_file include_70_wide "$d/wide63: more than 64 policy files"

	# The file as it is shipped, with QEMU's own behind it.
	install -m 644 "$top/policy/bridge.conf" $policy_file
	mkdir -p /etc/qemu
	printf 'allow br0\n' >$qemu_policy
	granted shipped_includes_qemu --uid $alice $helper --br=br0
	printf 'deny br0\nallow br0\n' >$qemu_policy
	refused shipped_qemu_denies "$qemu_policy:1 denies it" --uid $alice $helper --br=br0
	rm $qemu_policy
	refused shipped_alone 'no rule allows it' --uid $alice $helper --br=br0
	ip link property add dev br0 altname default
	printf 'kvm:x:4310:\n' >/etc/group
	granted shipped_group_kvm --uid $alice --groups 4310 $helper --br=default
	refused shipped_not_in_kvm 'no rule allows it' --uid $alice --groups 4311 $helper --br=default
	ip link property del dev br0 altname default
	printf 'allow br0\n' >$qemu_policy
	chmod 666 $qemu_policy
	bad_file shipped_qemu_writable "$qemu_policy can be written by others than root"
	rm -rf $qemu_policy $d/*
}

test_names() {
	cat >/etc/passwd <<-END
		root:x:0:0:root:/root:/bin/bash
		alicia:x:9:9::/:/bin/sh
		alice:x:$alice:$alice:Alice:/home/alice:/bin/sh
		broken:x
		negative:x:-1:1::/:
		bob:x:$bob:$bob::/:
	END
	printf 'root:x:0:\nguests:x:4300:\nempty:x::\n' >/etc/group
	right name_user 'allow br0 user=alice\n'
	denied name_user_other 'allow br0 user=bob\n'
	denied name_user_prefix 'allow br0 user=ali\n'
	denied name_user_longer 'allow br0 user=alicex\n'
	denied name_not 'allow br0 user=!alice\n'
	right name_not_other 'allow br0 user=!bob\n'
	denied name_deny 'allow br0\ndeny br0 user=alice\n'
	right name_deny_other 'allow br0\ndeny br0 user=bob\n'
	world_policy 'allow br0 group=guests'
	granted name_group --uid $alice --groups 4300 $helper --br=br0
	granted name_group_primary --uid $alice --gid 4300 $helper --br=br0
	refused name_group_other 'no rule allows it' --uid $alice --groups 4301 $helper --br=br0
	# The member list of /etc/group is not who the caller is: the process is.
	printf 'root:x:0:\nguests:x:4300:alice\n' >/etc/group
	refused name_group_member_only 'no rule allows it' --uid $alice $helper --br=br0

	# Names that nobody knows: they never allow, and always deny.
	denied unknown_user 'allow br0 user=nobody-knows\n'
	denied unknown_user_not 'allow br0 user=!nobody-knows\n'
	right unknown_user_beside 'allow br0 user=nobody-knows,alice\n'
	denied unknown_user_not_beside 'allow br0 user=alice,!nobody-knows\n'
	denied unknown_group 'allow br0 group=nobody-knows\n'
	denied unknown_user_denies 'allow br0\ndeny br0 user=nobody-knows\n'
	denied unknown_group_denies 'allow br0\ndeny br0 group=nobody-knows\n'
	denied unknown_user_not_denies 'allow br0\ndeny br0 user=!nobody-knows,!alice\n'
	right unknown_on_another_bridge 'allow br0\ndeny br1 user=nobody-knows\n'
	denied broken_account 'allow br0 user=broken,negative group=empty\n'
	denied name_with_separator 'allow br0 user=alice:x\n'

	mv /etc/passwd /etc/passwd.away
	denied no_account_file 'allow br0 user=alice\n'
	right no_account_file_number 'allow br0 user=4201\n'
	mkfifo -m 644 /etc/passwd
	denied account_file_is_fifo 'allow br0 user=alice\n'
	rm /etc/passwd
	mv /etc/passwd.away /etc/passwd
}

# Names that only the name service switch knows, by way of guestnet-lookup.
test_lookup() {
	local script=$tmp/lookup.out
	cat >/etc/passwd <<<'root:x:0:0:root:/root:/bin/bash'
	cat >/etc/group <<<'root:x:0:'
	if [ ! -x "$lookup" ]; then
		skip lookup "guestnet-lookup is not built"
		return
	fi
	if compgen -G '/usr/lib/*/libnss_systemd.so.2' >/dev/null || compgen -G '/usr/lib*/libnss_systemd.so.2' >/dev/null; then
		printf 'passwd: files systemd\ngroup: files systemd\n' >/etc/nsswitch.conf
		mkdir -p /etc/userdb
		printf '{"groupName":"remote","gid":4300}\n' >/etc/userdb/remote.group
		ln -s remote.group /etc/userdb/4300.group
		printf '{"userName":"faraway","uid":%d,"gid":%d}\n' $alice $alice >/etc/userdb/faraway.user
		ln -s faraway.user /etc/userdb/$alice.user
		world_policy 'allow br0 group=remote'
		granted lookup_group --uid $alice --groups 4300 $helper --br=br0
		granted lookup_group_setuid --uid $alice --groups 4300 $helper_setuid --br=br0
		granted lookup_group_root --groups 4300 --uid 0 --gid 4300 $helper_plain --br=br0
		refused lookup_group_other 'no rule allows it' --uid $alice --groups 4301 $helper --br=br0
		granted lookup_signals_ignored --signals ignore --uid $alice --groups 4300 $helper --br=br0
		granted lookup_signals_blocked --signals block --uid $alice --groups 4300 $helper --br=br0
		granted lookup_fds_closed --close 0,1,2 --uid $alice --groups 4300 $helper --br=br0
		right lookup_user 'allow br0 user=faraway\n'
		denied lookup_user_not 'allow br0 user=!faraway\n'
		right lookup_many 'allow br0 user=a1,a2,a3,a4,faraway,a5 group=4201,g1\n'
		right lookup_deny_other 'allow br0\ndeny br0 group=remote\n'

		# Where the answer could be forged, or there is none, the name is nobody's.
		world_policy 'allow br0 group=remote'
		chmod 755 "$lookup"
		refused lookup_readable 'no rule allows it' --uid $alice --groups 4300 $helper --br=br0
		chmod 711 "$lookup"
		chown $alice "$lookup"
		refused lookup_foreign 'no rule allows it' --uid $alice --groups 4300 $helper --br=br0
		chown 0 "$lookup"
		chmod 733 "$lookup"
		refused lookup_writable 'no rule allows it' --uid $alice --groups 4300 $helper --br=br0
		chmod 711 "$lookup"
		chmod 777 "${lookup%/*}"
		refused lookup_folder_writable 'no rule allows it' --uid $alice --groups 4300 $helper --br=br0
		chmod 755 "${lookup%/*}"
		granted lookup_again --uid $alice --groups 4300 $helper --br=br0
		mv "$lookup" "$lookup.away"
		refused lookup_missing 'no rule allows it' --uid $alice --groups 4300 $helper --br=br0
		denied lookup_missing_denies 'allow br0\ndeny br0 group=remote\n'
		mv "$lookup.away" "$lookup"
	else
		skip lookup_group "no NSS module to ask (package libnss-systemd)"
	fi

	# What a wrong answer does, with a program in its place (as root: a script must be readable to run).
	mv "$lookup" "$lookup.away"
	world_policy 'allow br0 user=0 group=one,two'
	answer() { printf '#!/bin/sh\n%s\n' "$1" >"$lookup"; chmod 755 "$lookup"; }
	answer 'echo -; echo 4300'
	granted answer_right --uid 0 --gid 4300 $helper_plain --br=br0
	for text in 'echo 4300' 'printf 4300' 'echo -4300; echo 04300x' 'exit 0' 'printf "4300\n4300"' 'echo "4300 "; echo 4300' 'exec yes 4301' 'kill -9 $$' 'printf "\n4300\n"'; do
		answer "$text"
		launch --uid 0 --gid 4300 $helper_plain --br=br0
		printf '%s %s\n' "$reply_status" "$text"
	done >$script
	equal answer_short 0 "$(sed -n 1p $script | cut -d' ' -f1)"
	equal answer_wrong '1 1 1 1 1' "$(sed -n '2,5p;7p' $script | cut -d' ' -f1 | tr '\n' ' ' | sed 's/ $//')"
	answer 'exec sleep 60'
	refused answer_never 'no rule allows it' --uid 0 --gid 4300 $helper_plain --br=br0
	answer "env >$tmp/lookup.env; ls -l /proc/self/fd >$tmp/lookup.fd; cat /proc/self/status >$tmp/lookup.status; echo -; echo 4300"
	granted answer_runs --uid 0 --gid 4300 --env GUESTNET_SECRET=1 --env LD_LIBRARY_PATH=/nowhere --extra-fds 50 $helper_plain --br=br0
	equal lookup_environment 0 "$(grep -c 'GUESTNET_SECRET\|LD_LIBRARY_PATH' $tmp/lookup.env)"
	equal lookup_capabilities '0000000000000000 0000000000000000' "$(awk '/^CapPrm|^CapEff/ { print $2 }' $tmp/lookup.status | tr '\n' ' ' | sed 's/ $//')"
	# 0 to 2, the redirection of ls, and the folder it reads.
	equal lookup_fds 4 "$(grep -c -- '->' $tmp/lookup.fd)"
	rm "$lookup"
	mv "$lookup.away" "$lookup"
}

# died_in_exec ARG...: did the kernel kill it before it had begun (execve(2): an error past the point of no return)?
died_in_exec() {
	strace -f -qq -e trace=execve -o $tmp/exec "$launch" --no-hold "$@" </dev/null >/dev/null 2>&1
	grep 'execve("[^"]*/guestnet-bridge-helper"' $tmp/exec | grep -qv ' = 0$'
}

# outcome ID ARG...: limits can make it fail in the ways named, never allow more and never crash: granted (which the
# policy does), or refused with one line, or killed by the kernel for the CPU time (SIGXCPU 24, SIGKILL 9).
outcome() {
	local id=$1
	shift
	launch "$@"
	case $reply_status,$reply_fd,$reply_stdout in
	0,true,) [ -z "$reply_stderr" ] && pass "$id" || fail "$id" "$reply" ;;
	1,false,)
		if [[ $reply_stderr =~ ^[^[:cntrl:]]*\\u000a$ ]] && [[ ${reply_stderr%\\u000a} != *\\u00* ]] && no_taps; then
			pass "$id"
		else
			fail "$id" "$reply taps: $(taps)"
		fi ;;
	# A dynamic program that could not be loaded: it is the loader that speaks.
	127,false,) if [[ $reply_stderr == *': error while loading shared libraries: '* ]] && no_taps; then pass "$id"; else fail "$id" "$reply"; fi ;;
	139,false,) if died_in_exec "$@" && no_taps; then pass "$id"; else fail "$id" "$reply"; fi ;;
	137,false, | 152,false,) if no_taps; then pass "$id"; else fail "$id" "left behind: $(taps)"; fi ;;
	*) fail "$id" "$reply" ;;
	esac
}
# never ID ARG...: as outcome, where the policy does not allow it.
never() {
	outcome "$@"
	[ "$reply_fd" = false ] || fail "$1" "allowed under a limit: $reply"
}
test_limits() {
	local n name
	# A deny at the far end of an include: nothing that fails to be read may leave only the allow.
	printf 'deny br0 user=%s\n' $bob >/etc/guestnet/denies
	awk 'BEGIN { for (i = 0; i < 3000; i++) print "allow b" i " user=" i }' >>/etc/guestnet/denies
	chmod 644 /etc/guestnet/denies
	world_policy $'allow br0\ninclude denies'
	granted limits_none --uid $alice $helper --br=br0
	refused limits_none_denied 'denies:1 denies it' --uid $bob $helper --br=br0
	for n in 3 4 5 6 7 8 9 10; do
		outcome limit_files_$n --rlimit nofile=$n --uid $alice $helper --br=br0
		never limit_files_denied_$n --rlimit nofile=$n --uid $bob $helper --br=br0
		never limit_files_denied_setuid_$n --rlimit nofile=$n --uid $bob $helper_setuid --br=br0
	done
	if ! need limit_memory strace; then
		:
	elif [ -n "$sanitised" ]; then
		skip limit_memory "a sanitised program maps terabytes at its start"
	else
		for n in 100 500 1000 1500 2000 2500 3000 4000 6000; do
			outcome limit_memory_$n --rlimit as=$((n * 1024)) --uid $alice $helper --br=br0
			never limit_memory_denied_$n --rlimit as=$((n * 1024)) --uid $bob $helper --br=br0
		done
		for n in 0 64 256; do
			outcome limit_data_$n --rlimit data=$((n * 1024)) --uid $alice $helper --br=br0
			never limit_data_denied_$n --rlimit data=$((n * 1024)) --uid $bob $helper --br=br0
		done
		for n in 64 128 256 511; do
			refused limit_stack_$n 'the stack is limited to less than 512 KiB \(ulimit -s\)' --rlimit stack=$((n * 1024)) --uid $alice $helper --br=br0
		done
	fi
	for n in 512 1024; do
		granted limit_stack_$n --rlimit stack=$((n * 1024)) --uid $alice $helper --br=br0
		never limit_stack_denied_$n --rlimit stack=$((n * 1024)) --uid $bob $helper --br=br0
	done
	granted limit_file_size --rlimit fsize=0 --uid $alice $helper --br=br0
	never limit_file_size_denied --rlimit fsize=0 --uid $bob $helper --br=br0
	outcome limit_cpu --rlimit cpu=1 --uid $alice $helper --br=br0
	never limit_cpu_0_denied --rlimit cpu=0 --uid $bob $helper --br=br0
	never limit_cpu_denied --rlimit cpu=1 --uid $bob $helper --br=br0
	granted limit_processes --rlimit nproc=1 --uid $alice $helper --br=br0
	granted limit_processes_setuid --rlimit nproc=1 --uid $alice $helper_setuid --br=br0
	never limit_processes_denied --rlimit nproc=1 --uid $bob $helper --br=br0

	# A name that cannot be looked up for want of a process or a pipe: it denies, and never allows.
	cat >/etc/passwd <<<'root:x:0:0:root:/root:/bin/bash'
	world_policy $'allow br0\ndeny br0 user=unheard-of'
	for name in nproc=0 nproc=1 nofile=4 nofile=5 nofile=6 nofile=7; do
		never "limit_lookup_deny_${name/=/_}" --rlimit $name --uid $alice $helper --br=br0
	done
	world_policy 'allow br0 user=unheard-of'
	for name in nproc=0 nofile=5 nofile=6 nofile=7; do
		never "limit_lookup_allow_${name/=/_}" --rlimit $name --uid $alice $helper --br=br0
	done
	check limits_left no_taps
}

world_bridge br0 || exit 1
parts=(core language wrong files includes names lookup limits)
[ $# -eq 0 ] || parts=("$@")
for part in "${parts[@]}"; do test_"$part"; done
