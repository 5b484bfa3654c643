"""Times every kernel of a model, in a process of its own: one request on stdin, one JSON on stdout.

The runtime has a profiler, but neither its Python classes nor its documented interface give it out.
libLiteRt.so exports it to C all the same; what is called here was tried with one version, which
`qbench.host.profile` insists on. A wrong guess about a foreign interface ends this process and no
other, and nothing that qbench measures passes through here.

Each invoke is profiled alone, from an empty buffer, so that nothing is averaged by the runtime and
its event buffer cannot overflow. Times are whole microseconds, rounded down by the runtime.
"""

from __future__ import annotations

import ctypes as c
import importlib.util
import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NoReturn

from qbench.host.child import NotMeasured, die_with_parent, random_input, read_request

FORMAT_VERSION = 1
SYMBOLS = (
    *("LiteRtCreateEnvironment", "LiteRtCreateModelFromFile", "LiteRtCreateOptions"),
    *("LiteRtSetOptionsHardwareAccelerators", "LiteRtCreateOpaqueOptions"),
    *("LiteRtAddOpaqueOptions", "LiteRtCreateCompiledModel", "LiteRtCompiledModelGetProfiler"),
    *("LiteRtGetModelSubgraph", "LiteRtGetNumSubgraphInputs", "LiteRtGetNumSubgraphOutputs"),
    "LiteRtGetCompiledModelInputBufferRequirements",
    "LiteRtGetCompiledModelOutputBufferRequirements",
    *("LiteRtGetSubgraphInput", "LiteRtGetSubgraphOutput", "LiteRtGetRankedTensorType"),
    *("LiteRtCreateManagedTensorBufferFromRequirements", "LiteRtGetTensorBufferSize"),
    *("LiteRtLockTensorBuffer", "LiteRtUnlockTensorBuffer", "LiteRtRunCompiledModel"),
    *("LiteRtStartProfiler", "LiteRtStopProfiler", "LiteRtResetProfiler"),
    *("LiteRtGetNumProfilerEvents", "LiteRtGetProfilerEvents"),
)
# LiteRT c/litert_common.h, tflite/core/api/profiler.h (Profiler::EventType)
_CPU, _WRITE = 1, 1
_DEFAULT, _OPERATOR, _DELEGATE_KERNEL = 1, 2, 8
_Handle = c.c_void_p


class Event(c.Structure):
    """LiteRT c/litert_profiler_event.h: ProfiledEventData."""

    _fields_ = (
        ("tag", c.c_char_p),
        ("kind", c.c_int),
        ("start_us", c.c_uint64),
        ("elapsed_us", c.c_uint64),
        ("memory", c.c_size_t * 6),
        ("index", c.c_uint64),
        ("subgraph", c.c_uint64),
        ("source", c.c_int),
    )


class Library:
    """libLiteRt.so; every call is checked."""

    def __init__(self) -> None:
        found = importlib.util.find_spec("ai_edge_litert")
        folders = (found and found.submodule_search_locations) or ()
        paths = [p for folder in folders for p in Path(folder).glob("libLiteRt.*")]
        try:
            self._library = c.CDLL(str(paths[0]))
        except (IndexError, OSError) as error:
            raise NotMeasured("import", f"libLiteRt cannot be loaded: {error}") from error
        missing = [name for name in SYMBOLS if not hasattr(self._library, name)]
        if missing:
            raise NotMeasured("symbols", f"libLiteRt does not export {', '.join(missing)}")

    def call(self, name: str, *arguments: Any) -> None:
        """Raises NotMeasured when the status that comes back is not 0."""
        function = getattr(self._library, name)
        function.restype = c.c_int
        status = function(*arguments)
        if status != 0:
            raise NotMeasured("call", f"{name} answers with status {status}")

    def made(self, name: str, *arguments: Any) -> c.c_void_p:
        """What a function hands out through its last argument."""
        handle = _Handle()
        self.call(name, *arguments, c.byref(handle))
        return handle


class Session:
    """One compiled model with its profiler and buffers. Nothing is freed: the process ends."""

    def __init__(self, library: Library, request: Mapping[str, Any]) -> None:
        self._library = library
        self._environment = library.made("LiteRtCreateEnvironment", c.c_int(0), None)
        path = os.fsencode(request["model_path"])
        try:
            model = library.made("LiteRtCreateModelFromFile", self._environment, path)
            self._compiled = self._compile(model, request["threads"])
        except NotMeasured as error:
            raise NotMeasured("model", error.message) from error
        self.profiler = library.made("LiteRtCompiledModelGetProfiler", self._compiled)
        if self.profiler.value is None:
            raise NotMeasured("call", "the compiled model has no profiler")
        graph = library.made("LiteRtGetModelSubgraph", model, c.c_size_t(0))
        self._inputs = self._buffers(graph, "Input")
        self._outputs = self._buffers(graph, "Output")
        self._fill(request)

    def _compile(self, model: c.c_void_p, threads: int) -> c.c_void_p:
        library = self._library
        options = library.made("LiteRtCreateOptions")
        library.call("LiteRtSetOptionsHardwareAccelerators", options, c.c_int(_CPU))
        for name, text in (
            (b"runtime_options_string", "enable_profiling = true\n"),
            (b"xnnpack", f"num_threads = {threads}\n"),
        ):
            # the library keeps the text, and frees it with the function that it is given
            libc = c.CDLL(None)
            libc.strdup.restype = _Handle
            copied = _Handle(libc.strdup(text.encode()))
            free = c.cast(libc.free, _Handle)
            opaque = library.made("LiteRtCreateOpaqueOptions", name, copied, free)
            library.call("LiteRtAddOpaqueOptions", options, opaque)
        return library.made("LiteRtCreateCompiledModel", self._environment, model, options)

    def _buffers(self, graph: c.c_void_p, side: str) -> Any:
        library, count = self._library, c.c_size_t()
        library.call(f"LiteRtGetNumSubgraph{side}s", graph, c.byref(count))
        made = []
        for i in range(count.value):
            needs = library.made(
                f"LiteRtGetCompiledModel{side}BufferRequirements",
                *(self._compiled, c.c_size_t(0), c.c_size_t(i)),
            )
            tensor = library.made(f"LiteRtGetSubgraph{side}", graph, c.c_size_t(i))
            kind = (c.c_byte * 512)()  # LiteRtRankedTensorType is far smaller
            library.call("LiteRtGetRankedTensorType", tensor, c.byref(kind))
            name = "LiteRtCreateManagedTensorBufferFromRequirements"
            made.append(library.made(name, self._environment, c.byref(kind), needs))
        return (_Handle * len(made))(*made)

    def _fill(self, request: Mapping[str, Any]) -> None:
        """Random input, as a measuring run gets it."""
        import numpy as np

        rng = np.random.default_rng(request["seed"])
        if len(request["inputs"]) != len(self._inputs):
            raise NotMeasured("input", f"the runtime sees {len(self._inputs)} inputs")
        for buffer, (dtype, elements) in zip(self._inputs, request["inputs"], strict=True):
            values = random_input(rng, np.dtype(dtype), (elements,)).tobytes()
            size = c.c_size_t()
            self._library.call("LiteRtGetTensorBufferSize", _Handle(buffer), c.byref(size))
            if size.value < len(values):
                raise NotMeasured("input", f"a buffer of {size.value} bytes for {len(values)}")
            memory = _Handle()
            self._library.call(
                "LiteRtLockTensorBuffer", _Handle(buffer), c.byref(memory), c.c_int(_WRITE)
            )
            assert memory.value is not None
            c.memmove(memory.value, values, len(values))
            self._library.call("LiteRtUnlockTensorBuffer", _Handle(buffer))

    def invoke(self) -> None:
        numbers = c.c_size_t(len(self._inputs)), c.c_size_t(len(self._outputs))
        call, zero = self._library.call, c.c_size_t(0)
        name = "LiteRtRunCompiledModel"
        call(name, self._compiled, zero, numbers[0], self._inputs, numbers[1], self._outputs)

    def profiled(self) -> list[Event]:
        """The events of one invoke, in the order in which they began."""
        call = self._library.call
        call("LiteRtResetProfiler", self.profiler)
        call("LiteRtStartProfiler", self.profiler)
        self.invoke()
        call("LiteRtStopProfiler", self.profiler)
        count = c.c_int()
        call("LiteRtGetNumProfilerEvents", self.profiler, c.byref(count))
        if count.value <= 0:
            raise NotMeasured("call", "an invoke left no event")
        events = (Event * count.value)()
        call("LiteRtGetProfilerEvents", self.profiler, count, c.byref(events))
        return list(events)


def told(events: list[Event]) -> tuple[list[tuple[int | None, str]], list[int], int]:
    """(node or None for a delegate's kernel, label) and the times of one invoke; its whole time."""
    kernels = [e for e in events if e.kind in (_OPERATOR, _DELEGATE_KERNEL)]
    whole = [e for e in events if e.kind == _DEFAULT and e.tag == b"Invoke"]
    if len(whole) != 1 or not kernels:
        raise NotMeasured("call", f"an invoke left {len(kernels)} kernels, {len(whole)} sums")
    names = [
        (int(e.index) if e.kind == _OPERATOR else None, e.tag.decode("utf-8", "replace"))
        for e in kernels
    ]
    return names, [int(e.elapsed_us) for e in kernels], int(whole[0].elapsed_us)


def run(request: Mapping[str, Any]) -> dict[str, Any]:
    session = Session(Library(), request)
    for _ in range(request["warmup_invokes"] + 1):
        session.invoke()
    names, _, _ = told(session.profiled())
    clock: Callable[[], float] = time.perf_counter
    begin = clock()
    invokes: list[int] = []
    kernels: list[list[int]] = []
    while len(invokes) < request["max_invokes"] and clock() - begin < request["max_s"]:
        again, times, whole = told(session.profiled())
        if again != names:
            raise NotMeasured("call", "two invokes ran different kernels")
        invokes.append(whole)
        kernels.append(times)
        if len(invokes) >= request["min_invokes"] and clock() - begin >= request["min_s"]:
            break
    return {"names": names, "invokes_us": invokes, "kernels_us": kernels}


def main() -> NoReturn:
    out = os.dup(1)
    os.dup2(2, 1)
    request = read_request(0)
    die_with_parent(0)
    body: dict[str, Any] = {"host_profile": FORMAT_VERSION}
    try:
        body["profile"] = run(request)
    except NotMeasured as error:
        body["failure"] = {"reason": error.kind, "message": error.message}
    except MemoryError as error:
        body["failure"] = {"reason": "memory", "message": str(error) or "not enough memory"}
    sys.stderr.flush()
    with os.fdopen(out, "w", encoding="utf-8") as stream:
        json.dump(body, stream, separators=(",", ":"))
    os._exit(0 if "profile" in body else 1)
