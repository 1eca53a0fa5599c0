# SPDX-License-Identifier: GPL-2.0-or-later
# Completion of guestnet(1) for bash: the program itself says what can follow.

_guestnet() {
	local word meaning half=${COMP_WORDS[COMP_CWORD]}
	COMPREPLY=()
	while IFS=$'\t' read -r word meaning; do
		case $word in
		:files)
			compopt -o filenames
			while read -r word; do COMPREPLY+=("$word"); done < <(compgen -f -- "$half") ;;
		:commands)
			while read -r word; do COMPREPLY+=("$word"); done < <(compgen -c -- "$half") ;;
		"$half"*) COMPREPLY+=("$word") ;;
		esac
	done < <("${COMP_WORDS[0]}" complete -- "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -F _guestnet guestnet
