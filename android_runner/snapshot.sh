# What the device says of itself: at one moment (snapshot), and twice a second (sample).

# One fact a line; what cannot be read is left out. What dumpsys says goes to the host as it is.
snapshot() {
	local key value folder core name
	now_ds
	say "uptime $UPTIME"
	boot_id && say "boot_id $REPLY"
	first_line "$root/proc/loadavg" && say "loadavg $REPLY"
	{
		while read -r key value _; do
			case $key in MemTotal: | MemAvailable:) say "memory ${key%:} $value" ;; esac
		done
	} 2>/dev/null <"$root/proc/meminfo"
	for folder in "$root"/sys/devices/system/cpu/cpu[0-9]*; do
		core=${folder##*/cpu}
		case $core in *[!0-9]*) continue ;; esac
		snapshot_core
	done
	for folder in "$root"/sys/class/thermal/thermal_zone[0-9]*; do
		first_line "$folder/temp" || continue
		value=$REPLY
		first_line "$folder/type" || REPLY=unknown
		say "zone ${folder##*thermal_zone} $value $REPLY"
	done
	for name in current_now voltage_now; do
		first_line "$root/sys/class/power_supply/battery/$name" && say "battery $name $REPLY"
	done
	for name in gpu_model gpu_busy_percentage gpuclk max_gpuclk; do
		first_line "$root/sys/class/kgsl/kgsl-3d0/$name" && say "gpu $name $REPLY"
	done
	raw battery dumpsys battery
	raw thermal dumpsys thermalservice
	dumpsys power 2>/dev/null | grep -E 'mWakefulness=|mBatterySaver|mSettingBatterySaver|mLowPowerModeEnabled' |
		raw power cat
	say end
}

# Of `core` in `folder`.
snapshot_core() {
	local line name times khz ticks
	line="core $core"
	if first_line "$folder/online"; then line="$line online=$REPLY"; fi
	for name in cpuinfo_max_freq scaling_cur_freq scaling_min_freq scaling_max_freq scaling_governor; do
		first_line "$folder/cpufreq/$name" && line="$line $name=$REPLY"
	done
	if first_line "$folder/cpufreq/related_cpus"; then
		set -f
		set -- $REPLY
		set +f
		line="$line first=$1"
		# How long each clock was in use, in hundredths of a second: one reading for each cluster.
		if [ "$1" = "$core" ]; then
			times=
			while read -r khz ticks; do times="$times,$khz:$ticks"; done \
				2>/dev/null <"$folder/cpufreq/stats/time_in_state"
			[ -n "$times" ] && line="$line times=${times#,}"
		fi
	fi
	say "$line"
}

# NAME COMMAND...: its output, each line marked, so that nothing in it is taken for ours.
raw() {
	local name=$1
	shift
	"$@" 2>/dev/null | sed "s/^/raw $name |/"
}

# -> line, one of telemetry: `at` the uptime, then what could be read.
# z: thermal zone (as the kernel prints it), f: clock of a core (kHz), g: GPU busy (%), m: memory
# available (KiB), bc bv bt bl: battery current, voltage, temperature, level as in its nodes, q: of
# a thread of the tool, how long it ran and how long it waited for a processor (ns).
sample() {
	local number battery key value file
	now_ds
	line="at $UPTIME"
	for number in $watched_zones; do
		first_line "$root/sys/class/thermal/thermal_zone$number/temp" && line="$line z$number=$REPLY"
	done
	for number in $watched_cores; do
		first_line "$root/sys/devices/system/cpu/cpu$number/cpufreq/scaling_cur_freq" &&
			line="$line f$number=$REPLY"
	done
	first_line "$root/sys/class/kgsl/kgsl-3d0/gpu_busy_percentage" && line="$line g=${REPLY%% *}"
	battery=$root/sys/class/power_supply/battery
	first_line "$battery/current_now" && line="$line bc=$REPLY"
	first_line "$battery/voltage_now" && line="$line bv=$REPLY"
	first_line "$battery/temp" && line="$line bt=$REPLY"
	first_line "$battery/capacity" && line="$line bl=$REPLY"
	{
		while read -r key value _; do
			[ "$key" = MemAvailable: ] && { line="$line m=$value"; break; }
		done
	} 2>/dev/null <"$root/proc/meminfo"
	for file in /proc/$tool/task/*/schedstat; do
		first_line "$file" || continue
		key=${file%/schedstat} value=${REPLY% *}
		line="$line q${key##*/}=${value% *}:${value#* }"
	done
}

# The same with what costs a process of the system: s: thermal status, and the battery where its
# nodes are closed to the shell.
slow_sample() {
	sample
	thermal_status && line="$line s=$STATUS"
	case $line in
	*" bt="*) ;;
	*)
		battery_facts
		[ -n "$BATTERY_DECI_C" ] && line="$line bt=$BATTERY_DECI_C"
		[ -n "$BATTERY_LEVEL" ] && line="$line bl=$BATTERY_LEVEL"
		;;
	esac
}

# -> STATUS, Android's thermal status: 0 none, 1 light ... 6 shutdown. Not before Android 10.
thermal_status() {
	STATUS=$(dumpsys thermalservice 2>/dev/null | grep -m 1 'Thermal Status:')
	STATUS=${STATUS##*: }
	case $STATUS in [0-6]) ;; *) return 1 ;; esac
}

# -> BATTERY_LEVEL in percent, BATTERY_DECI_C in tenths of a degree.
battery_facts() {
	local facts word key=
	BATTERY_LEVEL= BATTERY_DECI_C=
	facts=$(dumpsys battery 2>/dev/null | grep -E '^ *(level|temperature): -?[0-9]+$')
	for word in $facts; do
		case $key in
		level:) BATTERY_LEVEL=$word ;;
		temperature:) BATTERY_DECI_C=$word ;;
		esac
		key=$word
	done
	[ -n "$BATTERY_DECI_C$BATTERY_LEVEL" ]
}
