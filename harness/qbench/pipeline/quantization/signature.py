"""Names for a model's inputs and outputs: the quantizer calibrates through a signature only."""

from __future__ import annotations

from typing import Any


def with_signature(content: bytes) -> bytes:
    """The .tflite file `content` with `serving_default`; as it is when it has a signature."""
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    if schema.Model.GetRootAs(content, 0).SignatureDefsLength():
        return content
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(content, 0))
    graph = model.subgraphs[0]
    signature = schema.SignatureDefT()
    signature.signatureKey = "serving_default"
    signature.subgraphIndex = 0
    signature.inputs = [_named(schema, f"input_{n}", i) for n, i in enumerate(graph.inputs)]
    signature.outputs = [_named(schema, f"output_{n}", i) for n, i in enumerate(graph.outputs)]
    model.signatureDefs = [signature]
    builder = flatbuffers.Builder(len(content) + 4096)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def _named(schema: Any, name: str, index: int) -> Any:
    end = schema.TensorMapT()
    end.name, end.tensorIndex = name, int(index)
    return end
