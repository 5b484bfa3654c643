#!/system/bin/sh
# The part of qbench that runs on the device. PROTOCOL.md says what the host may ask and what it
# gets. Written for mksh and toybox as Android has them: no dd, tr, expr, awk, bc; arithmetic is
# 32 bits wide; no here-documents, which need a writable TMPDIR; nothing is ever evaluated.
VERSION=1
newline='
'
here=${0%/*}
base=${here%/*}
TOLD=
root=${QBENCH_RUNNER_ROOT:-} # in front of /sys and of /proc, but for processes; for tests

. "$here/common.sh"
. "$here/journal.sh"
. "$here/snapshot.sh"
. "$here/jobs.sh"

# Start the runner of a session in the background, out of reach of what happens to this shell.
verb_start() {
	owner_alive || rm -f "$base/sessions/$1/state" # of an earlier time
	setsid sh "$here/runner.sh" $VERSION run "$1" </dev/null >"$base/sessions/$1/log" 2>&1 3<&- &
	local tries=0 pid=$!
	while [ $tries -lt 100 ]; do
		kill -0 $pid 2>/dev/null || tries=100 # this look is the last
		if owner_alive && [ "$owner_session" = "$1" ]; then
			say "started $owner_pid"
			return 0
		fi
		# Without work, or refused, it has ended before anybody looks.
		[ -f "$base/sessions/$1/state" ] && { state_of "$1"; say "$REPLY"; return 0; }
		[ $tries = 100 ] && break
		sleep 0.1
		tries=$((tries + 1))
	done
	say "not-started $(tail -n 3 "$base/sessions/$1/log")"
	return 1
}

# Until the result of a job is there, its runner is gone, or some seconds have passed.
verb_wait() {
	local wait_end is_alive mask
	# Waiting must not disturb what is measured: on the runner's own cores, where it has some.
	mask=$(grep -m 1 '^own_mask ' "$base/sessions/$1/list" 2>/dev/null)
	[ -n "$mask" ] && taskset -p "${mask#own_mask }" $$ >/dev/null 2>&1
	now_ds
	wait_end=$((NOW_DS + $3 * 10))
	while :; do
		is_alive=no
		owner_alive && [ "$owner_session" = "$1" ] && is_alive=yes
		if [ -f "$base/sessions/$1/results/$2" ]; then
			say result
			return 0
		fi
		if [ $is_alive = no ]; then
			say gone
			state_of "$1"
			say "$REPLY"
			tail -n 5 "$base/sessions/$1/log" 2>/dev/null | sed 's/^/log /'
			return 0
		fi
		now_ds
		if [ $NOW_DS -ge $wait_end ]; then
			say running
			state_of "$1"
			say "$REPLY"
			return 0
		fi
		sleep 0.25
	done
}

# After a host or a runner died: end what it left running and put the device back.
verb_contact() {
	local folder free
	await_contact
	owner_alive || clear_after_death
	owner_alive && tell "busy $owner_session $owner_pid"
	for folder in "$base"/sessions/*; do
		[ -d "$folder" ] || continue
		state_of "${folder##*/}"
		tell "$REPLY"
	done
	free=$(df -k "$base" | tail -n 1)
	set -f
	set -- $free
	set +f
	case $4 in '' | *[!0-9]*) ;; *) tell "free_kb $4" ;; esac
	return 0
}

verb_stop() {
	local tries
	if owner_alive; then
		kill -TERM "$owner_pid" 2>/dev/null
		tries=0
		while owner_alive && [ $tries -lt 150 ]; do
			sleep 0.1
			tries=$((tries + 1))
		done
		owner_alive && kill -KILL "$owner_pid" 2>/dev/null && sleep 0.2
	fi
	verb_contact
}

# End the list after the job that runs now: another session waits for the device.
verb_yield() {
	put "$base/sessions/$1/yield" now
}

verb_forget() {
	owner_alive && [ "$owner_session" = "$1" ] && { say "busy $owner_session $owner_pid"; return 1; }
	rm -rf "$base/sessions/$1"
}

# VERB SESSION JOB SECONDS
answer() {
	local name
	# A session or job name becomes part of a path, so it is checked although the host made it.
	for name in "$2" "$3"; do
		case $name in *[!a-z0-9-]*) say "bad name"; return 64 ;; esac
	done
	case $1 in
	start | wait | yield | forget) [ -d "$base/sessions/${2:-/none}" ] || { say "no session $2"; return 65; } ;;
	esac
	case $1 in
	start) verb_start "$2" ;;
	wait) verb_wait "$2" "$3" "$4" ;;
	yield) verb_yield "$2" ;;
	forget) verb_forget "$2" ;;
	state) snapshot ;;
	*) say "unknown verb $1"; return 64 ;;
	esac
}

[ "$1" = $VERSION ] || {
	say "runner version $VERSION, and the host speaks ${1:-none}"
	exit 64
}
shift
if [ "$1" = run ]; then
	run_session "$2"
	exit
fi
# adb notices no flipped bit, so the host has to; before Android 8 there is nothing to sum with.
case $1 in
contact) verb_contact ;;
stop) verb_stop ;;
*) TOLD=$(answer "$@") ;;
esac
code=$?
text=${TOLD%"$newline"}
sum=$(say "$text" | sha256sum 2>/dev/null)
say "$text"
say "sum ${sum:-none}"
exit $code
