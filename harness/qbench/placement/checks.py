"""The vocabulary of the rule files: every word of it is implemented once, here and in its sisters
`checks_xnnpack`, `checks_gpu`, `checks_nnapi`.

A *check* takes an argument (as in `inputs: [2, 3]`), a *predicate* takes none and stands in a
list (`require: [groups_fit]`). Both answer for one node: None when the rule is kept, else the
reason in words. `who` in the reasons is the delegate as people call it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from qbench.placement.graph import OPTIONAL, SEATS, Node
from qbench.records import TensorInfo

Check = Callable[[Node], str | None]
Factory = Callable[[Any, str], Check]
Predicate = Callable[[Node, str], str | None]

CHECKS: dict[str, Factory] = {}
PREDICATES: dict[str, Predicate] = {}


def check(factory: Factory) -> Factory:
    CHECKS[factory.__name__] = factory
    return factory


def predicate(function: Predicate) -> Predicate:
    PREDICATES[function.__name__] = function
    return function


# -- words shared by the checks


def either(words: Iterable[object]) -> str:
    """`float32/float16`."""
    return "/".join(str(word) for word in words)


def span(low: int, high: int) -> str:
    return str(low) if low == high else f"{low} to {high}"


def bounds(arg: int | list[int]) -> tuple[int, int]:
    """`4` -> (4, 4); `[1, 6]` -> (1, 6)."""
    return (arg, arg) if isinstance(arg, int) else (arg[0], arg[1])


Pick = Callable[[Node], Iterable[tuple[str, TensorInfo | None]]]


def picker(where: str) -> Pick:
    """`in0`, `out1`: that tensor; `in*`, `out*`: all that are given. Each with its name in words.

    A tensor that the node does not have is None. Rules are looked at for every node of every model:
    what `where` says is worked out once, when the rules are loaded.
    """
    is_input = where.startswith("in")
    role, index = ("input" if is_input else "output"), where.lstrip("inout")
    if index == "*":

        def every(node: Node) -> Iterable[tuple[str, TensorInfo | None]]:
            tensors = node.inputs if is_input else node.outputs
            return [(f"{role} {i}", t) for i, t in enumerate(tensors) if t is not None]

        return every
    position, name = int(index), f"{role} {index}"
    if position < SEATS:
        if is_input:
            return lambda node: ((name, node.inputs[position]),)
        return lambda node: ((name, node.outputs[position]),)

    def one(node: Node) -> Iterable[tuple[str, TensorInfo | None]]:
        tensors = node.inputs if is_input else node.outputs
        return ((name, tensors[position] if position < len(tensors) else None),)

    return one


def runtime_inputs(node: Node) -> int:
    """Inputs that are neither constants nor absent."""
    count = 0
    for tensor in node.inputs:
        if tensor is not None and not tensor.is_constant:
            count += 1
    return count


# -- checks of counts, versions, options


@check
def max_version(limit: int, who: str) -> Check:
    def answer(node: Node) -> str | None:
        if node.op.version <= limit:
            return None
        return f"{who} knows {node.label} up to version {limit}; this node has {node.op.version}"

    return answer


@check
def only_version(version: int, who: str) -> Check:
    def answer(node: Node) -> str | None:
        if node.op.version == version:
            return None
        has = node.op.version
        return f"{who} knows {node.label} of version {version} only; this node has {has}"

    return answer


@check
def not_version(version: int, who: str) -> Check:
    def answer(node: Node) -> str | None:
        if node.op.version != version:
            return None
        return f"{who} does not take version {version} of {node.label}"

    return answer


def _counts(what: str, count: Callable[[Node], int]) -> Factory:
    def factory(arg: Any, who: str) -> Check:
        low, high = bounds(arg)

        def answer(node: Node) -> str | None:
            found = count(node)
            if low <= found <= high:
                return None
            return f"{who} takes {node.label} with {span(low, high)} {what}; this node has {found}"

        return answer

    return factory


CHECKS["inputs"] = _counts("inputs", lambda node: len(node.input_ids))
CHECKS["outputs"] = _counts("outputs", lambda node: len(node.output_ids))
CHECKS["runtime_inputs"] = _counts("inputs that are not constants", runtime_inputs)
CHECKS["constant_inputs"] = _counts(
    "constant inputs", lambda node: sum(t is not None and t.is_constant for t in node.inputs)
)


@check
def inputs_among(allowed: list[int], who: str) -> Check:
    def answer(node: Node) -> str | None:
        if len(node.input_ids) in allowed:
            return None
        return f"{who} takes {node.label} with {either(allowed)} inputs only"

    return answer


@check
def activation(allowed: list[str], who: str) -> Check:
    def answer(node: Node) -> str | None:
        fused = node.options.activation or "NONE"
        if fused in allowed:
            return None
        return f"{who} cannot fuse the activation {fused} into {node.label}"

    return answer


@check
def options(wanted: dict[str, Any], who: str) -> Check:
    """`{beta: 1, block_size: {min: 2}, mode: [REFLECT]}`; an option left out by the file is 0."""

    def answer(node: Node) -> str | None:
        for name, rule in wanted.items():
            value = getattr(node.options, name)
            number = 0 if value is None else value
            if isinstance(rule, dict):
                fits = rule.get("min", number) <= number <= rule.get("max", number)
                words = " and ".join(f"{k} {v}" for k, v in rule.items())
            elif isinstance(rule, list):
                fits, words = value in rule, either(word for word in rule if word is not None)
            else:
                fits, words = number == rule, str(rule)
            if not fits:
                return f"{who} takes {node.label} with {name} {words} only; this node has {number}"
        return None

    return answer


# -- checks of tensors


@check
def types(wanted: dict[str, Any], who: str) -> Check:
    """`{in0: F, "in*": [int8]}`: the tensor's dtype; a class of types is resolved by the loader.

    A class may ask that 8-bit tensors are quantized per tensor (`per_tensor: true`).
    """

    seats = [(picker(where), kind) for where, kind in wanted.items()]

    def answer(node: Node) -> str | None:
        for pick, kind in seats:
            for name, tensor in pick(node):
                reason = wrong_type(node, name, tensor, kind, who)
                if reason:
                    return reason
        return None

    return answer


def wrong_type(
    node: Node, name: str, tensor: TensorInfo | None, kind: dict[str, Any], who: str
) -> str | None:
    if tensor is None:
        return None if kind.get("optional") else f"{who} takes {node.label} only with {name}"
    if tensor.dtype not in kind["dtypes"]:
        dtypes = either(kind["dtypes"])
        return f"{who} takes {dtypes} as {name} of {node.label}; this node's is {tensor.dtype}"
    if kind.get("per_tensor") and tensor.dtype in ("int8", "uint8"):
        q = tensor.quantization
        if q is None:
            return f"{name} of this {node.label} is {tensor.dtype} without scale and zero point"
        if q.channels != 1 or q.axis != 0:
            return f"{who} takes {name} of {node.label} with one scale for the whole tensor only"
    return None


@check
def refused_types(wanted: dict[str, list[str]], who: str) -> Check:
    """The opposite of `types`: data types that are not taken."""

    seats = [(picker(where), dtypes) for where, dtypes in wanted.items()]

    def answer(node: Node) -> str | None:
        for pick, dtypes in seats:
            for name, tensor in pick(node):
                if tensor is not None and tensor.dtype in dtypes:
                    return f"{who} does not take {tensor.dtype} as {name} of {node.label}"
        return None

    return answer


@check
def rank(wanted: dict[str, Any], who: str) -> Check:
    """`{in0: 4, "in*": [0, 4]}`: number of dimensions."""

    seats = [(picker(where), *bounds(arg)) for where, arg in wanted.items()]

    def answer(node: Node) -> str | None:
        for pick, low, high in seats:
            for name, tensor in pick(node):
                if tensor is not None and not low <= len(tensor.shape) <= high:
                    return (
                        f"{who} takes {span(low, high)} dimensions as {name} of {node.label}; "
                        f"this node's has {tensor.rank}"
                    )
        return None

    return answer


@check
def max_rank(limit: int, who: str) -> Check:
    """Of every tensor of the node, constants as well."""
    return rank({"in*": [0, limit], "out*": [0, limit]}, who)


@check
def rank_among(wanted: dict[str, list[int]], who: str) -> Check:
    seats = [(picker(where), allowed) for where, allowed in wanted.items()]

    def answer(node: Node) -> str | None:
        for pick, allowed in seats:
            for name, tensor in pick(node):
                if tensor is not None and tensor.rank not in allowed:
                    return f"{who} takes {either(allowed)} dimensions as {name} of {node.label}"
        return None

    return answer


@check
def shape(wanted: dict[str, Any], who: str) -> Check:
    """As `rank`, and no dimension may be empty."""
    ranks = rank(wanted, who)
    seats = [(picker(where), *bounds(arg)) for where, arg in wanted.items()]

    def answer(node: Node) -> str | None:
        for pick, low, high in seats:
            for _, tensor in pick(node):
                if tensor is not None:
                    sizes = tensor.shape
                    if not low <= len(sizes) <= high or (sizes and min(sizes) <= 0):
                        return explain(node)
        return None

    def explain(node: Node) -> str | None:
        for pick, _, _ in seats:
            for name, tensor in pick(node):
                if tensor is not None and min(tensor.shape, default=1) <= 0:
                    return f"{who} takes no empty tensor: {name} of this {node.label} is one"
        return ranks(node)

    return answer


@check
def same_types(where: list[str], who: str) -> Check:
    seats = [picker(w) for w in where]

    def answer(node: Node) -> str | None:
        found = [tensor.dtype for pick in seats for _, tensor in pick(node) if tensor is not None]
        if len(set(found)) <= 1:
            return None
        return f"{who} takes {node.label} of one data type only; this node mixes {either(found)}"

    return answer


@check
def constant(positions: list[int], who: str) -> Check:
    """Inputs that must be constants of the file (kTfLiteMmapRo); absent ones are no matter."""

    def answer(node: Node) -> str | None:
        for position in positions:
            tensor = node.inputs[position]
            if tensor is not None and not tensor.is_constant:
                return f"{who} takes {node.label} only if input {position} is a constant"
        return None

    return answer


@check
def missing_input(position: int, who: str) -> Check:
    """An input that must be given, as in `missing_input: 2` for a bias."""

    def answer(node: Node) -> str | None:
        if position < len(node.input_ids) and node.input_ids[position] != OPTIONAL:
            return None
        return f"{who} does not take {node.label} without input {position} (the bias)"

    return answer
