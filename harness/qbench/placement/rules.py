"""The delegates' operator rules: read from the YAML files beside this module, once per process.

A rule file tells, per operator, what the delegate asks of a node. NNAPI's rules differ by Android
version; blocks `since`, `from_<level>` and `before_<level>` are resolved here, for one level.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from qbench.placement import (  # noqa: F401  (the checks enter their words when imported)
    checks_gpu,
    checks_nnapi,
    checks_xnnpack,
    checks_xnnpack_shapes,
)
from qbench.placement.checks import CHECKS, PREDICATES, Check
from qbench.placement.graph import Node

# NNAPI's versions in the order in which they came: API levels of Android, and the feature levels
# of the updatable runtime after 31 (nnapi_delegate_kernel.h: 1000006 ...).
FEATURE_LEVELS = {"FL6": 1_000_006, "FL7": 1_000_007, "FL8": 1_000_008}


class Options(msgspec.Struct, frozen=True):
    """A delegate's default limits. `max_partitions` None: no limit."""

    max_partitions: int | None
    min_nodes: int


class Assumption(msgspec.Struct, frozen=True):
    """What if `executor` (xnnpack, gpu, nnapi, hexagon) took every `op`, or none of them?

    `op` is a label: an operator's name, or `CUSTOM:name`.
    """

    executor: str
    op: str
    supported: bool


class RuleSet(msgspec.Struct, frozen=True):
    """One delegate's rules for one device. `ops` is keyed by label (`CUSTOM:name`).

    `assumed` overrules the rules: label -> taken or not.
    """

    who: str
    options: Options
    everywhere: tuple[Check, ...]
    ops: dict[str, tuple[Check, ...]]
    assumed: dict[str, bool] = {}

    def refusal(self, node: Node) -> str | None:
        """Why the delegate does not take the node, in words; None: it takes it."""
        if node.label in self.assumed:
            return None if self.assumed[node.label] else f"{self.who} is assumed to refuse it"
        checks = self.ops.get(node.label)
        if checks is None:
            return f"{self.who} does not know {node.label}"
        for check in checks:
            if (reason := check(node)) is not None:
                return reason
        for check in self.everywhere:
            if (reason := check(node)) is not None:
                return reason
        return None


def assuming(rules: RuleSet, executor: str, assumptions: Iterable[Assumption]) -> RuleSet:
    """The rules as they would be; the same object when nothing is assumed of this executor."""
    mine = {a.op: a.supported for a in assumptions if a.executor == executor}
    return msgspec.structs.replace(rules, assumed=mine) if mine else rules


@cache
def load(name: str, level: int = 0, *, without: tuple[str, ...] = ()) -> RuleSet:
    """The rules of `name`.yaml at NNAPI level `level`.

    `without` names words to leave out of every operator (what a delegate does not ask on this
    device). A word that no module knows is an error of the rule file, hence a bug: KeyError.
    """
    raw = document(name)
    who: str = raw["who"]
    classes = raw.get("types", {})

    def compiled(rules: dict[str, Any]) -> tuple[Check, ...]:
        checks: list[Check] = []
        for word, arg in _resolved(rules, level, who):
            if word in without:
                continue
            if word == "require":
                checks += [_bound(predicate, who) for predicate in arg]
            else:
                checks.append(CHECKS[word](_with_classes(word, arg, classes), who))
        return tuple(checks)

    return RuleSet(
        who=who,
        options=msgspec.convert(raw["options"], Options),
        everywhere=compiled(raw.get("everywhere", {})),
        ops={label: compiled(rules) for label, rules in raw["ops"].items()},
    )


@cache
def document(name: str) -> dict[str, Any]:
    """A rule file as plain values."""
    import yaml

    text = (Path(__file__).parent / f"{name}.yaml").read_text(encoding="utf-8")
    # libyaml where the wheel has it: ten times the speed of the Python parser
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    parsed: dict[str, Any] = yaml.load(text, Loader=loader)
    return parsed


def _bound(name: str, who: str) -> Check:
    function = PREDICATES[name]
    return lambda node: function(node, who)


def _with_classes(word: str, arg: Any, classes: dict[str, Any]) -> Any:
    """In `types` a name or a list of dtypes stands for a class; spell it out."""
    if word != "types":
        return arg
    spelled = {}
    for where, kind in arg.items():
        if isinstance(kind, str):
            kind = classes[kind]
        spelled[where] = {"dtypes": kind} if isinstance(kind, list) else kind
    return spelled


def _resolved(rules: dict[str, Any], level: int, who: str) -> list[tuple[str, Any]]:
    """The words that hold at `level`. A later word does not replace an earlier one: both hold."""
    found: list[tuple[str, Any]] = []
    for word, arg in rules.items():
        if word.startswith("from_"):
            if level >= _level(word.removeprefix("from_")):
                found += _resolved(arg, level, who)
        elif word.startswith("before_"):
            if level < _level(word.removeprefix("before_")):
                found += _resolved(arg, level, who)
        elif word == "since":
            if level < _level(str(arg)):
                found.append(("too_old", (str(arg), level)))
        else:
            found.append((word, arg))
    return found


def _level(name: str) -> int:
    return FEATURE_LEVELS[name] if name in FEATURE_LEVELS else int(name)
