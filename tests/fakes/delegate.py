"""A real TFLite delegate in Python: takes the nodes it is told to, of static sizes only.

It stands where the GPU, NNAPI or Hexagon delegate would, so that the runtime itself shows how the
rest of a graph is cut and given to XNNPACK. Its kernels compute nothing.

The C structures are those of ai-edge-litert 2.3.0 (tflite/core/c/common.h).
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Mapping, Sequence

P = ctypes.c_void_p
INIT = ctypes.CFUNCTYPE(P, P, ctypes.c_char_p, ctypes.c_size_t)
FREE = ctypes.CFUNCTYPE(None, P, P)
PREPARE = ctypes.CFUNCTYPE(ctypes.c_int, P, P)


class Registration(ctypes.Structure):
    """TfLiteRegistration."""

    _fields_ = (
        ("init", INIT),
        ("free", FREE),
        ("prepare", PREPARE),
        ("invoke", PREPARE),
        ("profiling_string", P),
        ("builtin_code", ctypes.c_int32),
        ("custom_name", ctypes.c_char_p),
        ("version", ctypes.c_int),
        ("registration_external", P),
        ("async_kernel", P),
        ("inplace_operator", ctypes.c_uint64),
    )


REPLACE = ctypes.CFUNCTYPE(ctypes.c_int, P, Registration, P, P)


GET_NODE = ctypes.CFUNCTYPE(ctypes.c_int, P, ctypes.c_int, P, P)


class Context(ctypes.Structure):
    """The beginning of TfLiteContext."""

    _fields_ = (
        ("tensors_size", ctypes.c_size_t),
        ("get_execution_plan", P),
        ("tensors", P),
        ("impl", P),
        ("resize_tensor", P),
        ("report_error", P),
        ("add_tensors", P),
        ("get_node_and_registration", GET_NODE),
        ("replace_node_subsets", REPLACE),
    )


class Struct(ctypes.Structure):
    """TfLiteDelegate."""

    _fields_ = (
        ("data", P),
        ("prepare", PREPARE),
        ("copy_from_buffer_handle", P),
        ("copy_to_buffer_handle", P),
        ("free_buffer_handle", P),
        ("flags", ctypes.c_int64),
        ("opaque_delegate_builder", P),
    )


class ChosenNodes:
    """Give an instance to `Interpreter(experimental_delegates=[...])` and keep it alive.

    `sources`: tensors that the chosen nodes read in place of others, as the GPU delegate makes
    them read the fp16 constants behind DEQUANTIZE.
    """

    def __init__(self, nodes: Sequence[int], sources: Mapping[int, int] | None = None) -> None:
        self._chosen = tuple(nodes)
        self._sources = dict(sources or {})
        self._nodes = (ctypes.c_int * (len(nodes) + 1))(len(nodes), *nodes)  # TfLiteIntArray
        self._registration = Registration(
            init=INIT(lambda context, buffer, length: 1),
            free=FREE(lambda context, data: None),
            prepare=PREPARE(lambda context, node: 0),
            invoke=PREPARE(lambda context, node: 0),
            custom_name=b"ChosenNodes",
            version=1,
        )
        self._struct = Struct(prepare=PREPARE(self._prepare))

    def _prepare(self, context: int, delegate: int) -> int:
        functions = Context.from_address(context)
        for node in self._chosen:
            self._read_sources(context, functions.get_node_and_registration, node)
        replace = functions.replace_node_subsets
        nodes = ctypes.cast(self._nodes, P)
        status: int = replace(context, self._registration, nodes, delegate)
        return status

    def _read_sources(self, context: int, get_node: Callable[..., int], index: int) -> None:
        node, registration = P(), P()
        get_node(context, index, ctypes.addressof(node), ctypes.addressof(registration))
        # TfLiteNode begins with its inputs: a TfLiteIntArray, i.e. a length and the values.
        inputs = P.from_address(node.value or 0).value or 0
        length = ctypes.c_int.from_address(inputs).value
        values = (ctypes.c_int * length).from_address(inputs + ctypes.sizeof(ctypes.c_int))
        for place, tensor in enumerate(values):
            values[place] = self._sources.get(tensor, tensor)

    def _get_native_delegate_pointer(self) -> int:
        return ctypes.addressof(self._struct)
