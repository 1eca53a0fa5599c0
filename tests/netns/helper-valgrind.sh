#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The bridge helper under valgrind: no invalid access, no use of uninitialised memory, no leak that grows, on the ways
# through the program that there are. Valgrind cannot run a set-user-ID program, so it runs as root, on a build with the
# dynamic libc (its allocator is the one valgrind knows).
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/world.bash"
need all valgrind make gcc || exit 0
if [ -z "${WORLD_INSIDE-}" ]; then
	build=$(make -C "$top" --no-print-directory FLAVOUR=debug HELPER_LINK=dynamic OBJ=build/valgrind \
		build/valgrind/bin/guestnet-bridge-helper 2>&1) || { fail build "$(tail -n 3 <<<"$build")"; exit 0; }
fi
world_enter "$@"
world_setup || exit 1
program=$world/plain/debug
install -m 755 "$top/build/valgrind/bin/guestnet-bridge-helper" $program || exit 1

# Valgrind's capget(2) knows the first version of its structure, which is half as long as the present one: the rest of
# what the kernel has written looks uninitialised to it.
cat >$tmp/suppressions <<'END'
{
   capget
   Memcheck:Cond
   ...
   fun:capabilities_keep
}
END

# clean ID STATUS ARG...: the run ends with STATUS and valgrind has nothing to say.
clean() {
	local id=$1 want=$2
	shift 2
	rm -f $tmp/valgrind.*
	launch --raw /usr/bin/env valgrind --quiet --error-exitcode=99 --leak-check=full --show-leak-kinds=definite \
		--errors-for-leak-kinds=definite --suppressions=$tmp/suppressions --log-file=$tmp/valgrind.%p $program "$@"
	if [ "$reply_status" != "$want" ]; then
		fail "$id" "want status $want: $reply $(cat $tmp/valgrind.*)"
	elif [ -n "$(cat $tmp/valgrind.*)" ]; then
		fail "$id" "$(head -c 2000 <(cat $tmp/valgrind.*))"
	elif ! no_taps; then
		fail "$id" "left behind: $(taps)"
	else
		pass "$id"
	fi
}

world_bridge br0 || exit 1
ip link property add dev br0 altname default
printf 'deny br7 user=nobody-knows\n' >/etc/guestnet/more
world_policy $'allow br0 user=root,4201 group=0,!nobody-knows isolated max=2 macs=52:54:00:12:34:56\ninclude more\ninclude missing\nallow br0'
clean granted 0 --use-vnet --br=br0 --fd=@
clean granted_by_other_name 0 --br=default --fd=@
world_policy $'allow nope\nallow lo\ndeny br0'
clean denied 1 --br=br0 --fd=@
clean no_bridge 1 --br=nope --fd=@
clean not_a_bridge 1 --br=lo --fd=@
clean bad_arguments 1 --br=br0 --frob
clean help 0 --help
world_policy $'allow br0 user=alice,bob group=guests max=1 isolated macs=52:54:00:12:34:56 frob'
clean wrong_policy 1 --br=br0 --fd=@
world_policy 'allow br0 user=0,nobody-knows group=!nobody-knows-either'
clean names_looked_up 1 --br=br0 --fd=@
awk 'BEGIN { for (i = 0; i < 2000; i++) print "allow b" i " user=" i ",!" i + 1 " max=3" }' >$policy_file
clean many_rules 1 --br=br0 --fd=@
