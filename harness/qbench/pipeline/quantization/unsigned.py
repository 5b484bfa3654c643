"""uint8 at both ends of an int8 model, as TFLiteConverter's inference_input_type does it: a
QUANTIZE in front that takes 128 off, one behind that puts it back."""

from __future__ import annotations

from typing import Any

from qbench.pipeline.tflite_file import pack, unpack

_SHIFT = 128


def with_unsigned_ends(content: bytes) -> bytes:
    """`content`, an int8 .tflite with one subgraph, with uint8 inputs and outputs."""
    from ai_edge_litert import schema_py_generated as schema

    model = unpack(content)
    graph = model.subgraphs[0]
    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.QUANTIZE
    code.version = 1
    model.operatorCodes.append(code)
    quantize = len(model.operatorCodes) - 1
    renamed: dict[int, int] = {}
    for position, index in enumerate(graph.inputs):
        new = _unsigned_twin(schema, graph, int(index))
        graph.operators.insert(position, _operator(schema, quantize, new, int(index)))
        renamed[int(index)] = new
    for index in graph.outputs:
        new = _unsigned_twin(schema, graph, int(index))
        graph.operators.append(_operator(schema, quantize, int(index), new))
        renamed[int(index)] = new
    graph.inputs = [renamed[int(i)] for i in graph.inputs]
    graph.outputs = [renamed[int(i)] for i in graph.outputs]
    for signature in model.signatureDefs or []:
        for end in (*signature.inputs, *signature.outputs):
            end.tensorIndex = renamed[end.tensorIndex]
    return pack(model, len(content))


def _unsigned_twin(schema: Any, graph: Any, index: int) -> int:
    """A tensor like `index`, uint8; its number."""
    old = graph.tensors[index]
    new = schema.TensorT()
    new.shape, new.shapeSignature, new.hasRank = old.shape, old.shapeSignature, old.hasRank
    new.type, new.buffer = schema.TensorType.UINT8, 0
    new.name = (old.name.decode() if isinstance(old.name, bytes) else old.name) + "_uint8"
    new.quantization = schema.QuantizationParametersT()
    new.quantization.scale = old.quantization.scale
    new.quantization.zeroPoint = [int(z) + _SHIFT for z in old.quantization.zeroPoint]
    graph.tensors.append(new)
    return len(graph.tensors) - 1


def _operator(schema: Any, code: int, taken: int, given: int) -> Any:
    operator = schema.OperatorT()
    operator.opcodeIndex = code
    operator.inputs, operator.outputs = [taken], [given]
    operator.builtinOptionsType = schema.BuiltinOptions.QuantizeOptions
    operator.builtinOptions = schema.QuantizeOptionsT()
    return operator
