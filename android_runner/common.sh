# Small things that every part needs, and who owns the device.

say() { print -r -- "$*"; }

# Add a line to TOLD. What changes the device answers this way and not in a subshell: one that
# outlived its shell would go on beside the next.
tell() {
	TOLD="$TOLD$*
"
}

# FILE TEXT: the whole text or the old file, whatever happens meanwhile.
put() {
	say "$2" >"$1.part" && mv -f "$1.part" "$1"
}

# FILE -> REPLY, its first line; fails when there is none. A node may lack the line's end.
first_line() {
	REPLY=
	{ IFS= read -r REPLY; } 2>/dev/null <"$1"
	[ -n "$REPLY" ]
}

# -> UPTIME as the kernel prints it, NOW_DS in tenths of a second: neither jumps with the clock.
now_ds() {
	read -r UPTIME _ <"$root/proc/uptime"
	NOW_DS=${UPTIME#*.}
	NOW_DS=$((${UPTIME%.*} * 10 + ${NOW_DS%?}))
}

# An UPTIME of before -> REPLY, hundredths of a second since then; the 1 keeps 08 from being octal.
since_cs() {
	now_ds
	REPLY=$(((${UPTIME%.*} - ${1%.*}) * 100 + 1${UPTIME#*.} - 1${1#*.}))
}

# HUNDREDTHS of a second, one second at most, so that a signal need not wait long.
sleep_cs() {
	local part
	if [ $1 -ge 100 ]; then sleep 1; return; fi
	part=$1
	if [ $part -lt 10 ]; then part=0$part; fi
	sleep 0.$part
}

boot_id() { first_line "$root/proc/sys/kernel/random/boot_id"; }

# PID -> REPLY, when it started, in ticks since boot; fails when there is no such process. A pid
# may be taken again by another process, a pid with its start cannot.
started_at() {
	first_line "/proc/$1/stat" || return 1
	start_of_stat "$REPLY"
}

# A line of /proc/PID/stat -> REPLY. The name in brackets may hold anything, so the last bracket counts.
start_of_stat() {
	set -f
	set -- ${1##*\)}
	set +f
	case $1 in Z | X) return 1 ;; esac
	[ $# -ge 20 ] || return 1
	shift 19
	REPLY=$1
}

# The runner that owns the device is the one in active/owner: pid, start, boot, session.
owner_alive() {
	first_line "$base/active/owner" || return 1
	read_owner "$REPLY"
	boot_id || return 1
	[ "$REPLY" = "$owner_boot" ] && started_at "$owner_pid" && [ "$REPLY" = "$owner_start" ]
}

read_owner() {
	set -f
	set -- $1
	set +f
	owner_pid=$1 owner_start=$2 owner_boot=$3 owner_session=$4
}

# SESSION: become the owner. A rename onto a folder that is not empty fails, and one into it shows.
become_owner() {
	local start mine
	mine=$base/active.$$
	rm -rf "$mine"
	mkdir "$mine" && started_at $$ || return 1
	start=$REPLY
	boot_id && put "$mine/owner" "$$ $start $REPLY $1" || return 1
	mv "$mine" "$base/active" 2>/dev/null
	rm -rf "$mine" "$base/active/active.$$"
	first_line "$base/active/owner" && [ "$REPLY" = "$$ $start ${REPLY#"$$ $start "}" ]
}

# Until nobody is putting the device back, for six seconds: a contact whose link was lost goes on
# by itself and is soon over.
await_contact() {
	local tries=0
	while owner_alive && [ "$owner_session" = contact ] && [ $tries -lt 60 ]; do
		sleep 0.1
		tries=$((tries + 1))
	done
}

# What a runner leaves that was killed: its tool, the device's settings, its mark. Done as owner,
# and so never beside another; whoever is killed here leaves the same for the next.
clear_after_death() {
	local folder dead
	first_line "$base/active/owner"
	dead=$REPLY
	if mv "$base/active" "$base/active.dead.$$" 2>/dev/null; then
		first_line "$base/active.dead.$$/owner"
		if [ "$REPLY" != "$dead" ]; then # somebody was faster
			mv "$base/active.dead.$$" "$base/active"
			return 1
		fi
	fi
	# On a full disk nothing can be marked, and the device is put back all the same.
	become_owner contact || { owner_alive && return 1; }
	end_children "$dead"
	for folder in "$base"/sessions/*; do
		[ -f "$folder/work/pid" ] && end_tool "$folder/work"
	done
	restore
	rm -rf "$base/active" "$base"/active.*
}

# OWNER LINE of a dead runner: kill what it had just started, or a `settings put` that is still on
# its way would undo what is put back. A runner leads a session of its own, so they are in it.
end_children() {
	local file session
	read_owner "$1"
	boot_id && [ "$REPLY" = "$owner_boot" ] || return 0
	case $owner_pid in '' | *[!0-9]*) return 0 ;; esac
	# While the session has members no other process can have that number.
	started_at "$owner_pid" && return 0
	for file in /proc/[0-9]*/stat; do
		first_line "$file" || continue
		session=${REPLY##*\) }
		session=${session#* * * } # behind state, parent and group
		[ "${session%% *}" = "$owner_pid" ] && kill -KILL "${REPLY%% *}" 2>/dev/null
	done
	return 0
}

# WORK FOLDER: kill the tool and all of its session, if it is the process that was started.
end_tool() {
	local stat pid start
	first_line "$1/pid" || return 0
	stat=$REPLY
	pid=${stat%% *}
	start_of_stat "$stat" || return 0
	start=$REPLY
	if started_at "$pid" && [ "$REPLY" = "$start" ]; then
		kill -KILL -- "-$pid" 2>/dev/null
		kill -KILL "$pid" 2>/dev/null
	fi
	rm -f "$1/pid"
}

# SESSION -> REPLY, its state as a line of an answer.
state_of() {
	first_line "$base/sessions/$1/state" || REPLY=unknown
	REPLY="session $1 $REPLY"
}
