"""A benchmark_model for a LocalPhone: the lines of the real tool, at no cost."""

from __future__ import annotations

from pathlib import Path

from fakes.local_phone import LocalPhone

_HEAD = "INFO: STARTING!\n"
_TAIL = """INFO: The input model file size (MB): 0.009292
INFO: Initialized session in 0.685ms.
INFO: Running benchmark for at least 1 iterations and at least 0.5 seconds but terminate if \
exceeding 150 seconds.
INFO: count=100 first=1052 curr=1035 min=1034 max=4068 avg=1036 std=49 p5=1035 median=1035 p95=1036

INFO: Running benchmark for at least 5 iterations and at least 0 seconds but terminate if \
exceeding 150 seconds.
INFO: count=200 first=1036 curr=1035 min=1034 max=1445 avg=1035 std=12 p5=1035 median=1035 p95=1036

INFO: Inference timings in us: Init: 685, First inference: 1052, Warmup (avg): 1036, Inference \
(avg): 1035
"""
_TAKEN = (
    "INFO: Explicitly applied {0} delegate, and the model graph will be completely executed by the "
    "delegate.\nINFO: Replacing 18 out of 18 node(s) with delegate (TfLite{1}Delegate) node, "
    "yielding 1 partitions for the whole graph.\n"
)
ACCELERATORS = "qti-default,qti-dsp,qti-gpu,nnapi-reference"


def local_tool(
    folder: Path, phone: LocalPhone, *, run_s: float = 0.1, accelerators: str = ACCELERATORS
) -> Path:
    """A script that prints, by its flags, a log of CPU, GPU, NNAPI, Hexagon or QNN.

    It appends its arguments to `calls` in the folder, and refuses a model that is not there.
    """
    logs = {
        "cpu": _HEAD + _TAIL,
        "gpu": _HEAD + _TAKEN.format("GPU", "GpuV2") + _TAIL,
        "nnapi": _HEAD
        + f"INFO: NNAPI accelerators available: [{accelerators}]\n"
        + _TAKEN.format("NNAPI", "Nnapi")
        + _TAIL,
        "hexagon": _HEAD + _TAKEN.format("Hexagon", "Hexagon") + _TAIL,
        "qnn": _HEAD
        + "INFO: TfLiteQnnDelegate delegate: 18 nodes delegated out of 18 nodes with 1 partitions."
        + "\n"
        + _TAIL,
    }
    for name, text in logs.items():
        (folder / f"log-{name}").write_text(text)
    path = folder / "benchmark_model"
    path.write_text(
        f"""#!{phone.bin / "sh"}
print -r -- "$LD_LIBRARY_PATH $*" >>{folder}/calls
which=cpu
for flag; do
	case $flag in
	--graph=*) [ -f "${{flag#--graph=}}" ] || {{ print "ERROR: no model" >&2; exit 1; }} ;;
	--use_gpu=true) which=gpu ;;
	--use_nnapi=true) which=nnapi ;;
	--use_hexagon=true) which=hexagon ;;
	--external_delegate_path=*) which=qnn ;;
	esac
done
cat {folder}/log-$which
print -r -- "INFO: Created TensorFlow Lite XNNPACK delegate for CPU." >&2
case " $*" in *" --num_runs=1 "*) ;; *) sleep {run_s} ;; esac
"""
    )
    path.chmod(0o755)
    return path
