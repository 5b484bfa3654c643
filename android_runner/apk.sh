#!/system/bin/sh
# FLAGS...: benchmark_model's app in the place of the program: the same flags, its log on stdout.
# LiteRT tflite/tools/benchmark/android/README.md. The device's log is read and not cleared: it is
# the user's.
app=org.tensorflow.lite.benchmark

look() { logcat -d -v threadtime --pid="$pid" -s tflite:V tflite_BenchmarkModelActivity:V 2>/dev/null; }

# Every form of the tool's last line, and what it says when it gives up.
has_ended() {
	look | grep -q -e 'nference timings in us' -e 'Benchmarking failed' -e 'Average inference'
}

trap 'am force-stop $app; exit 143' TERM
# -S ends one that runs; the flags are one extra, and have no spaces of their own.
am start -S -n $app/.BenchmarkModelActivity --es args "$*" >&2 || exit 1
tries=0
pid=$(pidof $app)
while [ -z "$pid" ]; do
	[ $tries -ge 50 ] && { print -r -- "$app did not start" >&2; exit 1; }
	sleep 0.2
	tries=$((tries + 1))
	pid=$(pidof $app)
done
pid=${pid%% *}
while [ -d "/proc/$pid" ] && ! has_ended; do sleep 1; done
look
look | grep -q -e 'nference timings in us' -e 'Average inference'
status=$?
am force-stop $app
exit $status
