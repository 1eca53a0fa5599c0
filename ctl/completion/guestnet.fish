# SPDX-License-Identifier: GPL-2.0-or-later
# Completion of guestnet(1) for fish: the program itself says what can follow.

function __guestnet_complete
	set -l words (commandline -opc)
	$words[1] complete -- $words[2..-1] (commandline -ct) 2>/dev/null
end
complete -c guestnet -f -a '(__guestnet_complete | string match -v ":*")'
complete -c guestnet -F -n '__guestnet_complete | string match -q ":files*"'
