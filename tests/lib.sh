# SPDX-License-Identifier: GPL-2.0-or-later
# What every shell suite uses: results, waiting for a condition, cleaning up what the suite started.
# Sourced by bash scripts: . "$(dirname "$0")/../lib.sh"

set -u
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
BIN=${BIN:-$top/build/bin}
RESULTS=${RESULTS:-$top/build/results.tsv}
suite=${suite:-$(basename "$0" .sh)}

_result() {	# ID pass|fail|skip [REASON]
	printf '%s%s.%s\t%s\t%s\n' "${SUITE_PREFIX-}" "$suite" "$1" "$2" "${3-}" | tr '\n' ' ' | sed 's/ *$/\n/' >>"$RESULTS"
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

# wait_for SECONDS COMMAND...: polls until the command succeeds; fails when the time is over.
# A bound for a hung test, never a measurement.
wait_for() {
	local end=$((SECONDS + $1))
	shift
	until "$@" >/dev/null 2>&1; do
		[ "$SECONDS" -lt "$end" ] || return 1
		read -rt 0.02 <> <(:) || :
	done
}

# ended PID: ends a process that this suite started, and waits for it. A function that runs in the background is a copy
# of this shell, with the program as its child: then both.
ended() {
	if [ "$(cat "/proc/$1/comm" 2>/dev/null)" = "$(cat /proc/$$/comm)" ]; then
		pkill -P "$1"
	fi
	kill "$1" 2>/dev/null
	wait "$1" 2>/dev/null
	:
}
