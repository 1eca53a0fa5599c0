#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What can be said without running anything: dependencies, linking, samples, manual pages, the README's claims. Each
# checker is also shown something wrong, and must notice.
. "$(dirname "$0")/../lib.sh"
cd "$top" || exit 1
unset MAKEFLAGS MFLAGS
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# notices ID COMMAND...: fails, with an explanation.
notices() {
	local id=$1 out
	shift
	if out=$("$@" 2>&1); then fail "$id" 'it went unnoticed'
	elif [ -z "$out" ]; then fail "$id" 'no explanation'
	else pass "$id"; fi
}

# --- Directions of dependencies.
check includes tools/check-includes
cp -r lib policy helper "$work/"
[ ! -d ctl ] || cp -r ctl "$work/"
mkdir -p "$work/lib/nl" "$work/netd/model" "$work/netd/kernel"
check includes-copy tools/check-includes "$work"
wrong() {	# ID FILE LINE
	echo "$3" >"$work/$2"
	notices "includes-$1" tools/check-includes "$work"
	rm "$work/$2"
}
wrong lib-policy lib/zz.c '#include "../policy/policy.h"'
wrong lib-nl lib/zz.c '#include "nl/nl.h"'
wrong lib-libmnl lib/zz.c '#include <libmnl/libmnl.h>'
wrong policy-helper policy/zz.h '#include "../helper/bridge.h"'
wrong policy-paths policy/zz.h '#include "paths.h"'
wrong helper-nl helper/zz.c '# include "../lib/nl/nl.h"'
wrong helper-systemd helper/zz.c '#include <systemd/sd-journal.h>'
wrong model-socket netd/model/zz.c '#include <sys/socket.h>'
wrong model-kernel netd/model/zz.c '#include "../kernel/apply.h"'
wrong kernel-model netd/kernel/zz.c '#include "../model/config.h"'
echo '#include "../model/plan.h"' >"$work/netd/kernel/zz.c"
check includes-kernel-plan tools/check-includes "$work"
rm "$work/netd/kernel/zz.c"

# --- The map: a row for each file, and no row without one.
check architecture tools/check-architecture
mkdir "$work/doc" && cp doc/ARCHITECTURE.md "$work/doc/"
cp -r lib policy helper netd ctl "$work/"
check architecture-copy tools/check-architecture "$work"
for folder in lib policy helper netd/model netd/kernel netd/daemon ctl; do
	touch "$work/$folder/zz.c"
	notices "architecture-$folder" tools/check-architecture "$work"
	rm "$work/$folder/zz.c"
done
rm "$work/policy/match.c" "$work/policy/match.h" 2>/dev/null
notices architecture-no-such-file tools/check-architecture "$work"
cp -r policy "$work/"

# --- Patches that break the code on purpose.
check mutants-apply tools/mutants --check
printf '# test: unit\n--- a/lib/fd.c\n+++ b/lib/fd.c\n@@ -1,1 +1,1 @@\n-no such line\n+nothing\n' >"$work/zz.patch"
notices mutants-stale tools/mutants --check "$work/zz.patch"
printf '# test: netns zz\n' >"$work/zz.patch"
notices mutants-testless tools/mutants --check "$work/zz.patch"

# --- What the helper is linked with.
if command -v readelf >/dev/null; then
	check linking tools/check-linking build/bin/guestnet-bridge-helper
	if command -v gcc >/dev/null; then
		echo 'int main(void) { return 0; }' >"$work/p.c"
		build() { gcc -o "$work/p" "$work/p.c" -fPIE "$@" 2>/dev/null; }
		full='-Wl,-z,relro,-z,now,-z,noexecstack'
		build -pie $full && check linking-dynamic tools/check-linking "$work/p"
		build -pie $full -Wl,--no-as-needed -lm && notices linking-library tools/check-linking "$work/p"
		build -no-pie $full && notices linking-no-pie tools/check-linking "$work/p"
		build -pie -Wl,-z,norelro,-z,now && notices linking-no-relro tools/check-linking "$work/p"
		build -pie -Wl,-z,relro,-z,lazy && notices linking-lazy tools/check-linking "$work/p"
		build -pie $full -Wl,-z,execstack && notices linking-stack tools/check-linking "$work/p"
		build -pie $full -Wl,-rpath,/tmp && notices linking-rpath tools/check-linking "$work/p"
	fi
	# The other way to link must keep the promise too; it is built aside.
	if make -s OBJ="$work/obj" BIN="$work/bin" HELPER_LINK=dynamic "$work/bin/guestnet-bridge-helper" >"$work/out" 2>&1; then
		check linking-helper-dynamic tools/check-linking "$work/bin/guestnet-bridge-helper"
	else
		fail linking-helper-dynamic "$(cat "$work/out")"
	fi
else
	skip linking 'no readelf (package binutils)'
fi

# --- Samples.
check samples tools/check-samples
mkdir -p "$work/tree/policy" "$work/tree/doc"
cp -r man ./*.md "$work/tree/"
cp doc/*.md "$work/tree/doc/"
cp policy/bridge.conf "$work/tree/policy/"
check samples-copy tools/check-samples "$work/tree"
echo 'allow br0 nonsense' >>"$work/tree/policy/bridge.conf"
notices samples-shipped tools/check-samples "$work/tree"
cp policy/bridge.conf "$work/tree/policy/"
sed -i '0,/^\.\\" sample: policy/s//&\n.EX\nallow br0 max=0\n.EE\n&/' "$work/tree/man/guestnet-bridge.conf.5"
notices samples-manual tools/check-samples "$work/tree"
cp man/guestnet-bridge.conf.5 "$work/tree/man/"
printf '```bridge.conf\ndeny br0 max=3\n```\n' >>"$work/tree/README.md"
notices samples-readme tools/check-samples "$work/tree"

# --- Examples: one for each key.
check examples tools/check-examples
cp -r doc/examples "$work/doc/"
check examples-copy tools/check-examples "$work"
sed -i '/^STP=/d' "$work/doc/examples/lan-two.network"
notices examples-key tools/check-examples "$work"
cp doc/examples/lan-two.network "$work/doc/examples/"
sed -i 's/^\[DHCP\]/[DNS]/' "$work/doc/examples/client-id.network"
notices examples-section tools/check-examples "$work"
cp doc/examples/client-id.network "$work/doc/examples/"
sed -i 2d "$work/doc/examples/peer-a.network" "$work/doc/examples/peer-b.network"
notices examples-why tools/check-examples "$work"
cp doc/examples/peer-?.network "$work/doc/examples/"
sed -i 's/^\t\t"Boot", "File",/\t\t"Boot", "Files",/' "$work/netd/model/keys.c"
notices examples-new-key tools/check-examples "$work"
cp netd/model/keys.c "$work/netd/model/"

# --- Manual pages: no warning of the formatter, no line wider than a terminal, one page for each program and file.
if command -v groff >/dev/null; then
	for page in man/*.[1-8]; do
		equal "manual-${page##*/}" '' "$(groff -man -ww -Tutf8 -rLL=80n -rCHECKSTYLE=3 -z "$page" 2>&1)"
	done
	for name in guestnet.1 guestnet-bridge-helper.8 guestnet-bridge.conf.5 guestnet-ifup.8 guestnetd.8 guestnet.network.5; do
		check "manual-$name-there" test -s "man/$name"
	done
	printf '.TH x 8\n.SH NAME\nx \\(zz y\n.nosuch\n' >"$work/x.8"
	notices manual-wrong sh -c "! groff -man -ww -Tutf8 -z $work/x.8 2>&1 | grep ."
else
	skip manual 'no groff (package groff-base)'
fi

# --- Every word of the policy language stands in its manual page, and every option of the helper in its own.
for word in $(sed -n 's/^\t{ "\([a-z]*\)",.*parse_[a-z]* },$/\1/p' policy/parse.c); do
	check "manual-word-$word" grep -qE "^\.BI? $word(=|\$)" man/guestnet-bridge.conf.5
done
for option in $(grep -oE '"--[a-z-]+' helper/request.c | tr -d '"' | sort -u); do
	check "manual-option$option" grep -q -- "$(sed 's/-/\\\\-/g' <<<"$option")" man/guestnet-bridge-helper.8
done

# --- QEMU's helper is where guestnet setup looks, and where the program looks that it runs.
equal qemu-helper-places "$(sed -n "s/^usual='\(.*\)'$/\1/p" tools/divert)" "$(grep -o '"/[^"]*/qemu-bridge-helper"' ctl/setup.c | tr -d '"' | tr '\n' ' ' | sed 's/ $//')"

# --- No test hangs: the shell's own wait has no bound (reap has), nor has a pipe that is opened for one direction.
suites=(tests/lib.sh tests/{netns,guest,vm,ctl,house}/*.{sh,bash})
equal no-bare-wait '' "$(grep -snE '(^|[;&|{(]|do|then|else)[[:space:]]*wait([[:space:]);]|$)' "${suites[@]}" |
	grep -vE '^tests/(lib.sh:.*wait "\$pid"$|vm/system.bash:.*wait \$qemu)')"
equal no-one-way-pipes '' "$(grep -snE 'exec ([0-9]|\{[a-z_]+\})>"?\$?[^&]*(\.in|phases|say|talk|hold|watch)' "${suites[@]}")"

matches reap-names-what-hangs 'fail static.hung-sleep: process [0-9]+ had not ended after 1 s: sleep 1000' \
	"$(RESULTS=/dev/null SUITE_PREFIX='' reap_s=1; sleep 1000 & pid=$!; reap $pid)"

# Nor does what a suite waits with change which signals it and its children get; see tests/tools/rest.so.c.
blocked_after() { (for n in 1 2 3; do : "$(echo | cat)"; "$@"; done; grep ^SigBlk: /proc/self/status); }
equal rest-keeps-signals "$(blocked_after true)" "$(blocked_after rest 1)"
equal no-short-reads '' "$(grep -snE '\bread -[a-z]*t *("?\$|0?\.)' "${suites[@]}" | grep -v '^tests/lib.sh:.*(read -rt "\$seconds" <>"\$_rest")')"

# --- One place speaks for the daemon: the journal alone is deaf where there is none.
equal log-alone netd/daemon/log.c "$(grep -l 'sd_journal_\(send\|print\)' netd/*/*.c)"

# --- The README: first line, the two commands, files that exist.
matches readme-first-line 'for virtual machines' "$(grep -m 1 . README.md)"
for target in $(grep -ohE '(^ *(sudo )?|`(sudo )?|&& (sudo )?)make [a-z-]+' README.md SECURITY.md doc/*.md | sed 's/.*make //' | sort -u); do
	check "make-target-$target" grep -qE "^$target:" Makefile tools/build.mk
done
for file in $(grep -ohE '\]\([a-zA-Z0-9_./-]+\)' ./*.md doc/*.md | tr -d '])(' | grep -v '^http' | sort -u); do
	check "link-$file" test -e "$file" -o -e "doc/$file"
done
check architecture-short test "$(wc -l <doc/ARCHITECTURE.md)" -le 200
missing=$(find lib policy helper ctl tools tests man Makefile .ci -type f \( -name "*.[ch1-8]" -o -name "*.sh" -o -name "*.mk" -o -path "tools/*" -o -name Makefile -o -path ".ci/*" \) -exec grep -L "SPDX-License-Identifier: GPL-2.0-or-later" {} + 2>/dev/null)
equal licence '' "$missing"

# --- Shell scripts parse; shellcheck's errors count where it is installed.
for script in tools/* .ci/run tests/run tests/lib.sh tests/*/*.sh; do
	head -n 1 "$script" | grep -q bash || [ "$script" = tests/lib.sh ] || continue
	bash -n "$script" 2>"$work/out" || fail "syntax-$script" "$(cat "$work/out")"
done
pass syntax
