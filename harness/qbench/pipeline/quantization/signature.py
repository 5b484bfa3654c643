"""Names for a model's inputs and outputs: the quantizer calibrates through a signature only."""

from __future__ import annotations

from typing import Any

from qbench.pipeline.tflite_file import pack, unpack


def with_signature(content: bytes) -> bytes:
    """The .tflite file `content` with `serving_default`; as it is when it has a signature."""
    from ai_edge_litert import schema_py_generated as schema

    if schema.Model.GetRootAs(content, 0).SignatureDefsLength():
        return content
    model = unpack(content)
    graph = model.subgraphs[0]
    signature = schema.SignatureDefT()
    signature.signatureKey = "serving_default"
    signature.subgraphIndex = 0
    signature.inputs = [_named(schema, f"input_{n}", i) for n, i in enumerate(graph.inputs)]
    signature.outputs = [_named(schema, f"output_{n}", i) for n, i in enumerate(graph.outputs)]
    model.signatureDefs = [signature]
    return pack(model, len(content))


def _named(schema: Any, name: str, index: int) -> Any:
    end = schema.TensorMapT()
    end.name, end.tensorIndex = name, int(index)
    return end
