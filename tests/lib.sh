# SPDX-License-Identifier: GPL-2.0-or-later
# What every shell suite uses: results, waiting for a condition, cleaning up what the suite started.
# Sourced by bash scripts: . "$(dirname "$0")/../lib.sh"

set -u
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
BIN=${BIN:-$top/build/bin}
RESULTS=${RESULTS:-$top/build/results.tsv}
suite=${suite:-$(basename "$0" .sh)}

# The shell's own means here and in what waits: to start a process is dear on some machines, and there are ten thousand results.
_result() {	# ID pass|fail|skip [REASON]
	local reason=${3-}
	reason=${reason//$'\n'/ }
	printf '%s%s.%s\t%s\t%s\n' "${SUITE_PREFIX-}" "$suite" "$1" "$2" "${reason%"${reason##*[! ]}"}" >>"$RESULTS"
	printf '%-4s %s%s.%s%s\n' "$2" "${SUITE_PREFIX-}" "$suite" "$1" "${3:+: $3}"
}
pass() { _result "$1" pass; }
fail() { _result "$1" fail "${2-}"; }
skip() { _result "$1" skip "${2-}"; }

# check ID COMMAND...: passes when the command succeeds; its output is the reason otherwise.
check() {
	local id=$1 out
	shift
	if out=$("$@" 2>&1); then pass "$id"; else fail "$id" "${out:-$* failed}"; fi
}

# equal ID WANT GOT: compares two texts.
equal() {
	if [ "$2" = "$3" ]; then pass "$1"; else fail "$1" "want '$2', got '$3'"; fi
}

# matches ID REGEX TEXT: an extended regular expression against a text.
matches() {
	if [[ $3 =~ $2 ]]; then pass "$1"; else fail "$1" "want /$2/, got '$3'"; fi
}

# rest MICROSECONDS: a command of this shell's (tests/tools/rest.so.c says why). Where it cannot be loaded, a copy of the shell waits
# at a pipe of which both ends are open, and nobody writes.
if ! enable -f "$top/build/tests/rest.so" rest 2>/dev/null; then
	_rest=$top/build/rest
	[ -p "$_rest" ] || { mkdir -p "$top/build"; mkfifo -m 666 "$_rest"; } 2>/dev/null
	rest() {
		local seconds
		printf -v seconds '%d.%06d' $(($1 / 1000000)) $(($1 % 1000000))
		(read -rt "$seconds" <>"$_rest")
		:
	}
fi

# wait_for SECONDS COMMAND...: polls until the command succeeds; fails when the time is over.
# A bound for a hung test, never a measurement. It rests as long as a look took, from 20 ms to a quarter of a second: what it waits
# for needs the processor, too.
wait_for() {
	local end=$((SECONDS + $1)) _begin _took
	shift
	while :; do
		_begin=${EPOCHREALTIME/[.,]/}
		"$@" >/dev/null 2>&1 && return
		[ "$SECONDS" -lt "$end" ] || return 1
		_took=$((${EPOCHREALTIME/[.,]/} - _begin))
		rest $((_took < 20000 ? 20000 : _took > 250000 ? 250000 : _took))
	done
}

# reap PID...: waits until these have ended, each for 120 s at the most ($reap_s), and returns the status of the last. What has not
# ended by then hangs: that is said, and it is killed. The shell's own wait has no bound, so no suite uses it. Likewise a pipe with a
# name is opened for both directions (<>): for one, that waits for whoever opens it for the other one.
reap() {
	local pid end pause status=0
	for pid; do
		end=$((SECONDS + ${reap_s:-120})) pause=1000
		while kill -0 "$pid"; do
			if [ "$SECONDS" -ge "$end" ]; then
				fail "hung-$(cat "/proc/$pid/comm")" "process $pid had not ended after ${reap_s:-120} s: $(tr '\0' ' ' <"/proc/$pid/cmdline")"
				kill -KILL "$pid"
				break
			fi
			rest $pause
			pause=10000
		done
		wait "$pid"
		status=$?
	done 2>/dev/null
	return $status
}

# ended PID: ends a process that this suite started, and waits for it. A function that runs in the background is a copy
# of this shell, with the program as its child: then both.
ended() {
	if [ "$(cat "/proc/$1/comm" 2>/dev/null)" = "$(cat /proc/$$/comm)" ]; then
		pkill -P "$1"
	fi
	kill "$1" 2>/dev/null
	reap "$1"
	:
}

# What the kernel of a guest or a machine of ours is told. QEMU without KVM translates a program's code once for each address that
# it is found at: where these are random, at each start of each program, which takes as long as all that they do (norandmaps). On a
# busy host timer interrupts come late: the kernel would take that for a broken timer, and stop (no_timer_check).
# shellcheck disable=SC2034 # those that start QEMU look at it
kernel_words='console=ttyS0 quiet panic=-1 mitigations=off norandmaps nokaslr init_on_alloc=0 audit=0 tsc=reliable no_timer_check'
