# A session: the list of jobs that the host pushed, from the first to the last, without the host.

# SESSION: everything, and then the device as it was, also after a failure or SIGTERM.
run_session() {
	session=$1 session_folder=$base/sessions/$1
	work=$session_folder/work
	if ! become_owner "$session"; then
		await_contact
		owner_alive || clear_after_death
		become_owner "$session" || { say "session $owner_session owns the device"; exit 75; }
	fi
	trap '' HUP
	trap 'finish stopped' TERM INT
	trap 'finish failed the runner ended early' EXIT
	[ "$(tail -n 1 "$session_folder/list")" = end-of-list ] || finish failed the list is not whole
	rm -rf "$work" "$session_folder/yield" "$session_folder/state" "$session_folder/last"
	mkdir -p "$work" "$session_folder/results" || finish failed no folder can be made
	has_su=none
	sample_s=0.5 slow_every=8 watched_zones= watched_cores= cools= own_mask=
	cool_min_ds=0 cool_max_ds=0 cool_poll_s=1 when_hot=run min_battery=0 limit_blocks=65536
	last_end= tool= watcher=
	exec 3<"$session_folder/list"
	IFS= read -r line <&3
	[ "$line" = "qbench-jobs $VERSION" ] || finish failed the list is of another version
	while IFS= read -r line <&3; do
		value=${line#* }
		case $line in
		"sample_s "*) sample_s=$value ;;
		"slow_every "*) slow_every=$value ;;
		"zone "*) watched_zones="$watched_zones $value" ;;
		"core "*) watched_cores="$watched_cores $value" ;;
		"own_mask "*) own_mask=$value ;;
		"cool_min_ds "*) cool_min_ds=$value ;;
		"cool_max_ds "*) cool_max_ds=$value ;;
		"cool_poll_s "*) cool_poll_s=$value ;;
		"cool "*) cools="$cools $value" ;;
		"when_hot "*) when_hot=$value ;;
		"min_battery "*) min_battery=$value ;;
		"limit_blocks "*) limit_blocks=$value ;;
		"root su") find_su ;;
		"set "*) ;;
		prepare)
			# Away from the cores that are measured, where the kernel lets us.
			[ -n "$own_mask" ] && taskset -p "$own_mask" $$ >/dev/null 2>&1
			put "$session_folder/state" preparing
			prepare "$session" || finish refused a setting that must be was not accepted
			;;
		"job "*) read_job "${line#job }" ;;
		end-of-list) finish "done" ;;
		*) finish failed "the list has a line that means nothing: $line" ;;
		esac
	done
	finish failed the list ended early
}

# JOB: read its lines and run it, unless its result is there from before.
read_job() {
	job=$1 timeout_s=60 mask=
	set --
	while IFS= read -r line <&3; do
		value=${line#* }
		case $line in
		"timeout_s "*) timeout_s=$value ;;
		"mask "*) mask=$value ;;
		"word "*) set -- "$@" "$value" ;;
		run)
			[ -f "$session_folder/results/$job" ] && return
			[ -f "$session_folder/yield" ] && finish yielded
			run_job "$@"
			return
			;;
		*) finish failed "job $job has a line that means nothing: $line" ;;
		esac
	done
	finish failed "job $job is not whole"
}

# WORD...: one job. Its words are the program, its arguments, and before them NAME=VALUE of its
# environment, as env(1) takes them.
run_job() {
	put "$session_folder/state" "cooling $job"
	rm -rf "$work"
	mkdir -p "$work" || finish failed no folder can be made
	not_run=
	cool_down
	[ $is_cool = no ] && [ $when_hot = skip ] && not_run=hot
	if [ "$min_battery" -gt 0 ] && battery_facts && [ "${BATTERY_LEVEL:-100}" -lt "$min_battery" ]; then
		not_run="battery $BATTERY_LEVEL"
	fi
	# The last look will do if it was just now.
	if [ -f "$session_folder/last" ] && [ $cooled_ds -lt 10 ]; then
		mv "$session_folder/last" "$work/before"
	else
		snapshot >"$work/before"
	fi
	: >"$work/stdout"
	: >"$work/stderr"
	: >"$work/telemetry"
	put "$session_folder/state" "running $job"
	pause_until 0
	cooled_ds=$((NOW_DS - cool_begin))
	started=$UPTIME
	deadline_ds=$((NOW_DS + timeout_s * 10))
	status=none
	[ -z "$not_run" ] && perform "$@"
	now_ds
	ended=$UPTIME
	last_end=$UPTIME
	snapshot >"$work/after"
	cp "$work/after" "$session_folder/last"
	pack || finish failed "the result of job $job cannot be written"
}

# WORD...: run the tool in a session of its own, watched, both streams to files.
perform() {
	if [ -n "$mask" ]; then set -- taskset "$mask" env "$@"; else set -- env "$@"; fi
	(
		cd "$work" || exit 126
		ulimit -c 0
		ulimit -f "$limit_blocks"
		# Its pid and start are on file before it becomes the tool: a runner that is killed here
		# leaves nothing behind that nobody knows.
		exec setsid sh -c 'IFS= read -r stat </proc/$$/stat && print -r -- "$stat" >pid.part &&
			mv pid.part pid && exec "$@"' sh "$@"
	) </dev/null >"$work/stdout" 2>"$work/stderr" 3<&- &
	tool=$!
	watch </dev/null >"$work/telemetry" 2>/dev/null 3<&- &
	watcher=$!
	wait $tool
	status=$?
	tool=
	kill -KILL $watcher 2>/dev/null
	wait $watcher 2>/dev/null
	watcher=
	rm -f "$work/pid"
}

# Beside the tool: telemetry and the deadline. Ends with the runner, and then ends the tool too.
watch() {
	local count=0
	while started_at $$; do
		if [ $count = 0 ]; then slow_sample; else sample; fi
		say "$line"
		if [ $NOW_DS -ge $deadline_ds ]; then
			: >"$work/timed_out"
			kill -TERM -- "-$tool" 2>/dev/null
			sleep 1
			break
		fi
		count=$(((count + 1) % slow_every))
		sleep "$sample_s"
	done
	# Not that of a later runner, which uses the same folder.
	first_line "$work/pid" && [ "${REPLY%% *}" = "$tool" ] && end_tool "$work"
}

# Wait until the device is cool enough for the next job: `cool_min_ds` after the last one at least,
# `cool_max_ds` at most. The last bit of the least pause is left for the look at the device.
cool_down() {
	now_ds
	cool_begin=$NOW_DS
	pause_until 25
	while :; do
		is_cool=no
		if cool_enough; then is_cool=yes; fi
		now_ds
		[ $is_cool = yes ] && break
		[ $((NOW_DS - cool_begin)) -ge "$cool_max_ds" ] && break
		sleep "$cool_poll_s"
	done
	cooled_ds=$((NOW_DS - cool_begin))
}

# HUNDREDTHS: until no more than that is left of the least pause after the last job.
pause_until() {
	local left
	now_ds
	[ -n "$last_end" ] || return 0
	while since_cs "$last_end"; do
		left=$((cool_min_ds * 10 - REPLY - $1))
		[ $left -gt 0 ] || break
		sleep_cs $left
	done
}

# zone:NUMBER:MOST as the node prints it, battery:MOST in tenths of a degree, status:MOST. What
# cannot be read does not hold anybody up.
cool_enough() {
	local limit
	for limit in $cools; do
		case $limit in
		zone:*)
			value=${limit#zone:}
			first_line "$root/sys/class/thermal/thermal_zone${value%%:*}/temp" || continue
			[ "$REPLY" -le "${limit##*:}" ] || return 1
			;;
		battery:*)
			battery_facts && [ -n "$BATTERY_DECI_C" ] || continue
			[ "$BATTERY_DECI_C" -le "${limit##*:}" ] || return 1
			;;
		status:*)
			thermal_status || continue
			[ "$STATUS" -le "${limit##*:}" ] || return 1
			;;
		esac
	done
}

# One file with all of a job, by a rename: it is there whole or not at all.
pack() {
	local result=$session_folder/results/$job sizes
	cd "$work" || return 1
	# A disk that was full for a moment leaves half a look at the device.
	[ "$(tail -n 1 before)" = end ] && [ "$(tail -n 1 after)" = end ] || return 1
	sizes=$(stat -c %s before after telemetry stdout stderr) || return 1
	{
		say "qbench-result $VERSION" && say "job $job" && say "status $status" &&
			say "not_run ${not_run:-no}" &&
			say "timed_out $([ -f timed_out ] && print yes || print no)" &&
			say "is_cool $is_cool" && say "cooled_ds $cooled_ds" &&
			say "started $started" && say "ended $ended" &&
			say "sizes" $sizes && cat before after telemetry stdout stderr && say end
	} >"$result.part" && mv -f "$result.part" "$result"
	status=$?
	cd / && return $status
}

# WHY...: the end of the session, whatever the reason; the device is put back.
finish() {
	trap '' TERM INT HUP
	trap - EXIT
	[ -n "$watcher" ] && kill -KILL $watcher 2>/dev/null
	[ -n "$tool" ] && kill -KILL $tool 2>/dev/null
	end_tool "$work"
	is_restored=yes
	TOLD=
	restore
	put "$session_folder/restored" "$TOLD"
	put "$session_folder/state" "ended restored=$is_restored $*"
	rm -rf "$work" "$base/active"
	exit 0
}
