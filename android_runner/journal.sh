# Settings: written to the journal before they are touched, put back from it afterwards.
#
# An entry N is three files: N.old, the exact bytes of before; N.new, what is set; and N, which
# makes it count: boot, kind and target. Each is there whole, N last. Kinds:
#   node       a file of the kernel, only those of clocks: thermal protection cannot be reached
#   settings   NAMESPACE KEY of Android's settings
#   power      fixed_performance, which Android lets us set and not read: its old value is off
journal=$base/journal

# SESSION: note and set all that its list asks for; tell what was taken in `prepared`. Fails when
# something was not that the list says must be.
prepare() {
	local report=$base/sessions/$1/prepared line first
	: >"$report.part"
	mkdir -p "$journal"
	is_prepared=yes
	entry=100 # above what an earlier session could not put back, which stays the older value
	while [ -f "$journal/$entry" ]; do entry=$((entry + 1)); done
	first=$entry
	set -f
	while IFS= read -r line; do
		case $line in
		"set "*) if note_setting $line; then entry=$((entry + 1)); else refuse "$REASON"; fi ;;
		"job "*) break ;;
		esac
	done <"$base/sessions/$1/list"
	set +f
	sync # the journal has to outlive a reboot, as the settings do
	entry=$first
	while [ -f "$journal/$entry" ]; do
		read_entry "$entry"
		if write_setting "$journal/$entry.new" && holds "$journal/$entry.new"; then
			: >"$journal/$entry.taken"
			say "taken $kind $target" >>"$report.part"
		else
			must=want
			[ -f "$journal/$entry.must" ] && must=must
			refuse "not accepted"
		fi
		entry=$((entry + 1))
	done
	mv -f "$report.part" "$report"
	[ $is_prepared = yes ]
}

refuse() {
	say "refused $kind $target: $1" >>"$report.part"
	[ "$must" = must ] && is_prepared=no
}

# set must|want KIND TARGET... VALUE: make the journal's entry; REASON why not.
note_setting() {
	must=$2 kind=$3
	case $kind in
	settings) target="$4 $5" value=$6 ;;
	*) target=$4 value=$5 ;;
	esac
	REASON="not something that may be set"
	allowed || return 1
	rm -f "$journal/$entry".*
	REASON="cannot be read"
	read_setting >"$journal/$entry.old" 2>/dev/null && [ -s "$journal/$entry.old" ] || return 1
	[ "$must" = must ] && : >"$journal/$entry.must"
	REASON="no room for the journal"
	boot_id
	say "$value" >"$journal/$entry.new" && put "$journal/$entry" "$REPLY $kind $target"
}

allowed() {
	case "$kind $target" in
	*..*) return 1 ;;
	"node /sys/devices/system/cpu/cpu"*/cpufreq/scaling_governor) ;;
	"node /sys/devices/system/cpu/cpu"*/cpufreq/scaling_m[ia][nx]_freq) ;;
	"node /sys/class/kgsl/kgsl-3d0/"*) case ${target##*/} in
		governor | min_freq | max_freq | force_clk_on | force_bus_on | force_rail_on | idle_timer | \
			min_pwrlevel | max_pwrlevel | bus_split) ;;
		*) return 1 ;;
		esac ;;
	"settings global stay_on_while_plugged_in") ;;
	"power fixed_performance") ;;
	*) return 1 ;;
	esac
	# A word only: it goes through no shell but that of `su`.
	case $target$value in *[!A-Za-z0-9_./\ -]*) return 1 ;; esac
}

# For `kind` and `target`: its value of now.
read_setting() {
	case $kind in
	node) cat "$root$target" ;;
	settings) settings get $target ;;
	power) say false ;;
	esac
}

# FILE -> set `target` to what the file holds.
write_setting() {
	local value
	case $kind in
	node)
		{ cat "$1" >"$root$target"; } 2>/dev/null && return 0
		if [ "$has_su" = aosp ]; then
			su 0 tee "$root$target" <"$1" >/dev/null 2>&1
		elif [ "$has_su" = magisk ]; then
			su -c "cat >$root$target" <"$1" >/dev/null 2>&1
		else
			return 1
		fi
		;;
	settings)
		IFS= read -r value <"$1"
		if [ "$value" = null ]; then
			settings delete $target >/dev/null 2>&1
		else
			settings put $target "$value" >/dev/null 2>&1
		fi
		;;
	power)
		first_line "$1"
		cmd power set-fixed-performance-mode-enabled "$REPLY" >/dev/null 2>&1
		;;
	esac
}

# FILE: is the setting what the file says, as far as it can be read?
holds() {
	local wanted now
	[ "$kind" = power ] && return 0
	first_line "$1"
	wanted=$REPLY
	now=$(read_setting 2>/dev/null)
	[ "${now%%
*}" = "$wanted" ]
}

# ENTRY -> boot, kind, target.
read_entry() {
	IFS=' ' read -r boot kind target <"$journal/$1"
}

# How root can be had although this shell is not root's: AOSP's su takes a command, Magisk's -c.
find_su() {
	has_su=none
	[ "$(su 0 id -u 2>/dev/null </dev/null)" = 0 ] && { has_su=aosp; return; }
	[ "$(su -c 'id -u' 2>/dev/null </dev/null)" = 0 ] && has_su=magisk
}

# Put back everything in the journal, the newest first; tell each. Twice, since the kernel
# refuses a least clock above the greatest. What cannot be put back stays in the journal.
restore() {
	local file reversed
	[ -d "$journal" ] || return 0
	has_su=none
	is_restored=yes
	for round in 1 2; do
		is_restored=yes
		reversed=
		for file in "$journal"/[0-9]*; do
			case ${file##*/} in *[!0-9]*) ;; *) reversed="${file##*/} $reversed" ;; esac
		done
		for entry in $reversed; do restore_entry; done
		[ $is_restored = yes ] && break
	done
	[ $is_restored = yes ] && rm -rf "$journal"
	[ $is_restored = yes ]
}

restore_entry() {
	read_entry "$entry"
	boot_id
	# After a reboot only what outlives one is ours to put back, and only if it is as we set it.
	if [ "$REPLY" != "$boot" ] && { [ "$kind" = power ] || ! holds "$journal/$entry.new"; }; then
		forget_entry
		return
	fi
	if is_as_before || { write_setting "$journal/$entry.old" && holds "$journal/$entry.old"; }; then
		tell "restored $kind $target"
		forget_entry
		return
	fi
	# A device without the mode refuses to set it and to put it back.
	if [ "$kind" = power ] && [ ! -f "$journal/$entry.taken" ]; then
		forget_entry
		return
	fi
	if [ "$kind" = node ] && [ "$has_su" = none ]; then find_su; fi
	is_restored=no
	[ "$round" = 2 ] && tell "not-restored $kind $target"
}

# Nothing is written to what was never changed: the shell may read clocks that it may not set.
is_as_before() {
	case $kind in
	node) cmp -s "$root$target" "$journal/$entry.old" ;;
	settings) holds "$journal/$entry.old" ;;
	*) return 1 ;;
	esac
}

forget_entry() {
	rm -f "$journal/$entry"
	rm -f "$journal/$entry".*
}
