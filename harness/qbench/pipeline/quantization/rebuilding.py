"""An fp32 .tflite graph as a TensorFlow function, since TFLiteConverter takes no .tflite file.

Operator by operator, for those of image classifiers. Runs where TensorFlow is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from qbench.errors import ModelFileError
from qbench.records import ModelInfo, OpInfo, OpOptions

_Call = Callable[[Any, OpOptions, list[Any]], Any]


def function(tf: Any, info: ModelInfo, constant: Callable[[int], Any]) -> Callable[[Any], Any]:
    """`info`'s main graph: image -> its output. `constant` gives the values of a tensor.

    Raises ModelFileError for an operator that is not known here, and for a graph with several
    inputs or outputs.
    """
    graph = info.main
    for op in graph.ops:
        if op.name not in _OPERATORS:
            raise ModelFileError(
                f"{info.path}: {op.label} (operator {op.index}) cannot be handed to TensorFlow",
                hint="--with litert-quantizer reads the file itself",
            )
    if (len(graph.inputs), len(graph.outputs)) != (1, 1):
        raise ModelFileError(f"{info.path}: has not one input and one output")
    known = {t.index: constant(t.index) for t in graph.tensors if t.is_constant}

    def run(image: Any) -> Any:
        values = {**known, graph.inputs[0]: image}
        for op in graph.ops:
            values[op.outputs[0]] = _perform(tf, info, op, values)
        return values[graph.outputs[0]]

    return run


def _perform(tf: Any, info: ModelInfo, op: OpInfo, values: Mapping[int, Any]) -> Any:
    given = [values[index] for index in op.inputs if index >= 0]
    made = _OPERATORS[op.name](tf, op.options, given)
    activation = op.options.activation or "NONE"
    if activation not in _ACTIVATIONS:
        raise ModelFileError(f"{info.path}: {activation} of operator {op.index} is not known here")
    return _ACTIVATIONS[activation](tf, made)


_ACTIVATIONS: dict[str, Callable[[Any, Any], Any]] = {
    "NONE": lambda tf, x: x,
    "RELU": lambda tf, x: tf.nn.relu(x),
    "RELU6": lambda tf, x: tf.nn.relu6(x),
}


def _strides(o: OpOptions) -> list[int]:
    return [1, o.stride_h or 1, o.stride_w or 1, 1]


def _convolution(tf: Any, o: OpOptions, given: list[Any]) -> Any:
    kernel = given[1].transpose(1, 2, 3, 0)  # the file has outputs first
    made = tf.nn.conv2d(
        given[0], kernel, _strides(o), o.padding, dilations=[o.dilation_h, o.dilation_w]
    )
    return _biased(tf, made, given)


def _depthwise(tf: Any, o: OpOptions, given: list[Any]) -> Any:
    # [1, h, w, inputs * multiplier] in the file
    inputs = given[0].shape[3]
    kernel = given[1][0].reshape(*given[1].shape[1:3], inputs, -1)
    if inputs == 1:  # the same convolution, and one that every quantizer takes as one
        made = tf.nn.conv2d(
            given[0], kernel, _strides(o), o.padding, dilations=[o.dilation_h, o.dilation_w]
        )
    else:
        made = tf.nn.depthwise_conv2d(
            given[0], kernel, _strides(o), o.padding, dilations=[o.dilation_h, o.dilation_w]
        )
    return _biased(tf, made, given)


def _connected(tf: Any, o: OpOptions, given: list[Any]) -> Any:
    rows = tf.reshape(given[0], [-1, given[1].shape[1]])
    return _biased(tf, tf.linalg.matmul(rows, given[1].T), given)


def _biased(tf: Any, made: Any, given: list[Any]) -> Any:
    return tf.nn.bias_add(made, given[2]) if len(given) > 2 else made


def _window(o: OpOptions) -> list[int]:
    return [1, o.filter_h or 1, o.filter_w or 1, 1]


_OPERATORS: dict[str, _Call] = {
    "ADD": lambda tf, o, x: tf.math.add(x[0], x[1]),
    "AVERAGE_POOL_2D": lambda tf, o, x: tf.nn.avg_pool2d(x[0], _window(o), _strides(o), o.padding),
    "CONCATENATION": lambda tf, o, x: tf.concat(x, o.axis),
    "CONV_2D": _convolution,
    "DEPTHWISE_CONV_2D": _depthwise,
    "FULLY_CONNECTED": _connected,
    "LOGISTIC": lambda tf, o, x: tf.math.sigmoid(x[0]),
    "MAX_POOL_2D": lambda tf, o, x: tf.nn.max_pool2d(x[0], _window(o), _strides(o), o.padding),
    "MEAN": lambda tf, o, x: tf.reduce_mean(x[0], [int(a) for a in x[1]], o.keep_dims),
    "MUL": lambda tf, o, x: tf.math.multiply(x[0], x[1]),
    "PAD": lambda tf, o, x: tf.pad(x[0], x[1]),
    "RELU": lambda tf, o, x: tf.nn.relu(x[0]),
    "RELU6": lambda tf, o, x: tf.nn.relu6(x[0]),
    "RESHAPE": lambda tf, o, x: tf.reshape(x[0], x[1]),
    "SOFTMAX": lambda tf, o, x: tf.nn.softmax(x[0] * (o.beta if o.beta is not None else 1.0)),
    "SUB": lambda tf, o, x: tf.math.subtract(x[0], x[1]),
    "TRANSPOSE": lambda tf, o, x: tf.transpose(x[0], x[1]),
}
