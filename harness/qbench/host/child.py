"""The runner on this machine: one request on stdin, one JSON object on stdout, one model measured.

Started by file name as `python -I child.py` and imported by nobody but its tests: it needs only
the standard library, numpy and the LiteRT interpreter, so that a fresh process costs little. Exit
code 0: measured; 1: the JSON object says in `failure` why not. `qbench.formats.host_run` is the
reader and describes the object. Times are raw clock readings in nanoseconds.

Choices that decide the number:

- The clock stands directly around `Interpreter.invoke()`; input is written once, before the first
  invoke. Garbage collection is off and the sample buffer exists beforehand.
- Random input as TFLite's benchmark_model makes it, widened to where quantized tensors live:
  floats in [-1, 1); 8 and 16 bit integers over their whole range; wider integers 0 .. 99, because
  they are indices or token ids that must exist; bools. Strings and other types are refused.
- A dimension that is not known before run time becomes what the file's static shape says, else 1.
- Native code that prints to stdout is sent to stderr: stdout belongs to the JSON object.
"""

from __future__ import annotations

import fcntl
import gc
import json
import os
import resource
import select
import signal
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FORMAT_VERSION = 1
# A million 8-byte samples; pages that are not written cost no memory. A case that wants more
# invokes than this gets a buffer of that size.
SAMPLES_CAPACITY = 1_000_000
DELEGATE = "DELEGATE"
_TASKS = Path("/proc/self/task")

Op = Mapping[str, Any]  # one entry of Interpreter._get_ops_details()


class NotMeasured(Exception):
    """Why there is no number. `kind` is one of formats.host_run.FailureKind."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message


def die_with_parent(fd: int) -> None:
    """End this process when the parent's end of pipe `fd` closes, however the parent died.

    SIGIO on the pipe needs no thread and ends even a process that is stuck in native code; its
    default action is to end the process on Linux (signal(7)) and nothing on BSD and macOS.
    """
    if sys.platform != "linux":
        signal.signal(signal.SIGIO, lambda _signal, _frame: os._exit(1))
    fcntl.fcntl(fd, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(fd, fcntl.F_SETFL, fcntl.fcntl(fd, fcntl.F_GETFL) | os.O_ASYNC)
    poll = select.poll()
    poll.register(fd, 0)
    if any(event & select.POLLHUP for _, event in poll.poll(0)):
        os._exit(1)


def read_request(fd: int) -> dict[str, Any]:
    """One line of JSON; the pipe stays open behind it. End of file first: the parent is gone."""
    line = b""
    while not line.endswith(b"\n"):
        block = os.read(fd, 65536)
        if not block:
            os._exit(1)
        line += block
    request: dict[str, Any] = json.loads(line)
    return request


def random_input(rng: np.random.Generator, dtype: np.dtype[Any], shape: tuple[int, ...]) -> Any:
    """An array of that type and shape; the module's docstring says over which range."""
    import numpy as np

    if dtype.kind == "f":
        return (rng.random(shape, dtype=np.float32) * 2 - 1).astype(dtype)
    if dtype.kind == "b":
        return rng.integers(0, 2, shape).astype(dtype)
    if dtype.kind in "iu" and dtype.itemsize <= 2:
        limits = np.iinfo(dtype)
        return rng.integers(limits.min, limits.max, shape, dtype=dtype.type, endpoint=True)
    if dtype.kind in "iu":
        return rng.integers(0, 100, shape).astype(dtype)
    raise NotMeasured("input", f"no random input for tensors of type {dtype.name}")


def concrete_shape(shape: tuple[int, ...], signature: tuple[int, ...]) -> tuple[int, ...]:
    """`shape` with 1 where neither it nor the signature knows the size."""
    known = signature if len(signature) == len(shape) else shape
    return tuple(
        size if want < 0 and size > 0 else max(want, 1) if want < 0 else size
        for size, want in zip(shape, known, strict=True)
    )


def delegated_nodes(ops: Sequence[Op], graph_outputs: Iterable[int]) -> tuple[set[int], set[int]]:
    """The indices of the nodes that delegates replaced, and of those where that does not show.

    `ops` are those of `Interpreter._get_ops_details()`: the model's own nodes first, then one
    DELEGATE node per partition. A partition is what lies between its outputs and its inputs; a
    node whose results nobody reads (ASSIGN_VARIABLE) lies beside that path.
    """
    partitions = [op for op in ops if op["op_name"] == DELEGATE]
    own = [op for op in ops if op["op_name"] != DELEGATE]
    producer = {int(t): i for i, op in enumerate(own) for t in op["outputs"] if t >= 0}
    replaced: set[int] = set()
    for partition in partitions:
        seen = {int(t) for t in partition["inputs"]}
        pending = [int(t) for t in partition["outputs"]]
        while pending:
            tensor = pending.pop()
            if tensor in seen or tensor not in producer:
                continue
            seen.add(tensor)
            node = producer[tensor]
            replaced.add(node)
            pending += [int(t) for t in own[node]["inputs"] if t >= 0]
    read = {int(t) for op in own for t in op["inputs"]} | {int(t) for t in graph_outputs}
    sinks = {i for i, op in enumerate(own) if read.isdisjoint(int(t) for t in op["outputs"])}
    return replaced, sinks - replaced if partitions else set()


def delegated_sinks(model_path: str, sinks: Set[int]) -> set[int]:
    """Which of these nodes the delegate takes: asked of an interpreter that does not fuse nodes."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path, experimental_disable_delegate_node_fusion=True)
    resize_dynamic_inputs(interpreter)
    interpreter.allocate_tensors()
    ops = interpreter._get_ops_details()
    singles = [sorted(map(int, op["inputs"])) for op in ops if op["op_name"] == DELEGATE]
    taken = set()
    for sink in sorted(sinks):
        inputs = sorted({int(t) for t in ops[sink]["inputs"] if t >= 0})
        if inputs in singles:
            singles.remove(inputs)
            taken.add(sink)
    return taken


def run_queue_waits(tasks: Path = _TASKS) -> dict[str, int] | None:
    """Nanoseconds each thread of this process was runnable and waited for a processor.

    The second number of schedstat (Linux Documentation/scheduler/sched-stats.rst). None where
    the system does not tell: no such file, or zeros throughout (a kernel that keeps no statistics).
    """
    waits, ran = {}, 0
    try:
        for task in tasks.iterdir():
            on_cpu, waiting, *_ = (task / "schedstat").read_text().split()
            waits[task.name] = int(waiting)
            ran += int(on_cpu)
    except (OSError, ValueError):
        return None
    return waits if ran > 0 else None


def thread_count(tasks: Path = _TASKS) -> int | None:
    try:
        return sum(1 for _ in tasks.iterdir())
    except OSError:
        return None


def peak_rss_bytes(status: Path = Path("/proc/self/status")) -> int:
    """The most memory that was resident at once.

    Linux: VmHWM, because ru_maxrss starts from what the parent process held when it forked.
    """
    try:
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def measure(
    invoke: Callable[[], object], buffer: NDArray[np.int64], request: Mapping[str, Any]
) -> tuple[int, int, str | None]:
    """Time `invoke` into `buffer`. How many there are, the wall time (ns) over all, what cut it."""
    clock = time.perf_counter_ns
    capacity, min_invokes = len(buffer), request["min_invokes"]
    min_ns, max_ns = round(request["min_s"] * 1e9), round(request["max_s"] * 1e9)
    count = 0
    begin = clock()
    while True:
        start = clock()
        invoke()
        end = clock()
        buffer[count] = end - start
        count += 1
        elapsed = end - begin
        if count >= min_invokes and elapsed >= min_ns:
            return count, elapsed, None
        if elapsed >= max_ns:
            return count, elapsed, f"max_s = {request['max_s']} s had passed"
        if count == capacity:
            return count, elapsed, "the sample buffer was full"


def warm_up(invoke: Callable[[], object], request: Mapping[str, Any]) -> int:
    clock = time.perf_counter_ns
    end = clock() + round(request["warmup_s"] * 1e9)
    count = 0
    while count < request["warmup_invokes"] or clock() < end:
        invoke()
        count += 1
    return count


def set_inputs(interpreter: Any, seed: int) -> None:
    import numpy as np

    rng = np.random.default_rng(seed)
    for tensor in interpreter.get_input_details():
        dtype = np.dtype(tensor["dtype"])
        if dtype.kind in "OSU":
            message = f"input {tensor['name']!r} holds strings; there is no random input for them"
            raise NotMeasured("input", message)
        shape = tuple(int(size) for size in tensor["shape"])
        interpreter.set_tensor(tensor["index"], random_input(rng, dtype, shape))


def resize_dynamic_inputs(interpreter: Any) -> list[str]:
    """Give every input a known shape; says in words what was chosen."""
    said = []
    for tensor in interpreter.get_input_details():
        shape = tuple(int(size) for size in tensor["shape"])
        signature = tuple(int(size) for size in tensor["shape_signature"])
        if all(size >= 0 for size in signature) and all(size > 0 for size in shape):
            continue
        chosen = concrete_shape(shape, signature)
        if chosen != shape:
            interpreter.resize_tensor_input(tensor["index"], chosen)
        said.append(
            f"input {tensor['name']!r}: dynamic shape {list(signature or shape)}"
            f" was measured as {list(chosen)}"
        )
    return said


def cores_of(mask: str) -> set[int]:
    """taskset's mask in hexadecimal: `5` -> {0, 2}."""
    bits = int(mask, 16)
    return {core for core in range(bits.bit_length()) if bits >> core & 1}


def run(request: Mapping[str, Any]) -> dict[str, Any]:
    """Load the model, warm up, measure. Raises NotMeasured or MemoryError."""
    try:
        import numpy as np
        from ai_edge_litert.interpreter import Interpreter, OpResolverType
    except (ImportError, OSError) as error:
        raise NotMeasured("import", f"{type(error).__name__}: {error}") from error

    if request.get("mask") is not None:  # before the runtime starts its threads
        os.sched_setaffinity(0, cores_of(request["mask"]))
    clock = time.perf_counter_ns
    resolver = "BUILTIN" if request["xnnpack"] else "BUILTIN_WITHOUT_DEFAULT_DELEGATES"
    try:
        begin = clock()
        interpreter = Interpreter(
            model_path=request["model_path"],
            num_threads=request["threads"],
            experimental_op_resolver_type=OpResolverType[resolver],
        )
        init_ns = clock() - begin
        warnings = resize_dynamic_inputs(interpreter)
        begin = clock()
        interpreter.allocate_tensors()
        init_ns += clock() - begin
    except (ValueError, RuntimeError, OSError) as error:
        raise NotMeasured("model", str(error)) from error
    ops = interpreter._get_ops_details()
    outputs = [int(tensor["index"]) for tensor in interpreter.get_output_details()]

    samples = np.empty(max(SAMPLES_CAPACITY, request["min_invokes"]), dtype=np.int64)
    gc.collect()
    gc.disable()
    try:
        set_inputs(interpreter, request["seed"])
        invoke = interpreter.invoke
        begin = clock()
        invoke()
        first_invoke_ns = clock() - begin
        warmup_invokes = warm_up(invoke, request)
        waits_before = run_queue_waits()
        switches_before = resource.getrusage(resource.RUSAGE_SELF).ru_nivcsw
        cpu_before = time.process_time_ns()
        count, wall_ns, cut = measure(invoke, samples, request)
        cpu_ns = time.process_time_ns() - cpu_before
        switches = resource.getrusage(resource.RUSAGE_SELF).ru_nivcsw - switches_before
        waits = run_queue_waits()
    except (ValueError, RuntimeError) as error:
        raise NotMeasured("invoke", str(error)) from error

    if cut is not None:
        warnings.append(
            f"measured {count} invokes in {wall_ns / 1e9:.2f} s, less than asked for"
            f" ({request['min_invokes']} and {request['min_s']} s): {cut}"
        )
    wait_ns = None
    if waits is None or waits_before is None:
        warnings.append("this system does not tell run-queue waits: contention is not known")
    else:
        wait_ns = sum(wait - waits_before.get(task, 0) for task, wait in waits.items())
    peak = peak_rss_bytes()
    threads = thread_count()
    replaced, sinks = delegated_nodes(ops, outputs)
    if sinks:
        del invoke, interpreter
        try:
            replaced |= delegated_sinks(request["model_path"], sinks)
        except (ValueError, RuntimeError, MemoryError) as error:
            warnings.append(f"nodes {sorted(sinks)} count as kept, which is not certain: {error}")
    names = [op["op_name"] for op in ops if op["op_name"] != DELEGATE]
    return {
        "init_ns": init_ns,
        "first_invoke_ns": first_invoke_ns,
        "warmup_invokes": warmup_invokes,
        "invokes_ns": samples[:count].tolist(),
        "wall_ns": wall_ns,
        "cpu_ns": cpu_ns,
        "run_queue_wait_ns": wait_ns,
        "involuntary_switches": switches,
        "peak_rss_bytes": peak,
        "threads": threads,
        "xnnpack": request["xnnpack"],
        "nodes": len(names),
        "partitions": len(ops) - len(names),
        "kept": [[i, name] for i, name in enumerate(names) if i not in replaced],
        "warnings": warnings,
    }


def answer(request: Mapping[str, Any]) -> dict[str, Any]:
    """What goes to stdout: `run`'s measurement, or the failure in the same frame."""
    try:
        return {"host_run": FORMAT_VERSION, "measurement": run(request)}
    except NotMeasured as error:
        failure = {"reason": error.kind, "message": error.message}
    except MemoryError as error:
        failure = {"reason": "memory", "message": str(error) or "not enough memory"}
    return {"host_run": FORMAT_VERSION, "failure": failure}


def main() -> NoReturn:
    out = os.dup(1)
    os.dup2(2, 1)
    request = read_request(0)
    die_with_parent(0)
    sys.path[:] = request["python_path"]
    body = answer(request)
    sys.stderr.flush()
    with os.fdopen(out, "w", encoding="utf-8") as stream:
        json.dump(body, stream, separators=(",", ":"))
    # Not sys.exit: what a native destructor does at exit is no part of the measurement.
    os._exit(0 if "measurement" in body else 1)


if __name__ == "__main__":
    main()
