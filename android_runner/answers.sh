#!/system/bin/sh
# INPUTS BYTES COUNT LAYER WORD...: what the model answers to each of COUNT inputs, which stand one
# after another in the file INPUTS, BYTES each. The tool is started once for each, since it knows no
# other way; LAYER is what its flags call the input. On stdout: the tool's log of the first (of the
# one that failed, too), then for each `answer N` and the output's bytes in hexadecimal.
inputs=$1 bytes=$2 count=$3 layer=$4
shift 4
n=0
while [ "$n" -lt "$count" ]; do
	rm -f output
	tail -c "+$((n * bytes + 1))" "$inputs" | head -c "$bytes" >input || exit 1
	"$@" "--input_layer_value_files=$layer:input" --output_filepath=output >log 2>&1
	status=$?
	if [ "$n" = 0 ] || [ $status != 0 ] || [ ! -s output ]; then
		print -r -- "log $n"
		cat log
	fi
	[ $status = 0 ] || exit $status
	[ -s output ] || exit 0 # the log tells why: a build that does not know the flag only warns
	print -r -- "answer $n"
	od -An -v -tx1 output
	n=$((n + 1))
done
