"""One device, asked about many models: what would run where, how long, and why."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from pathlib import Path

import msgspec

from qbench import placement
from qbench.errors import RunnerError
from qbench.placement import Assumption, GraphPlacement
from qbench.records import Delegate, DeviceProfile, ModelInfo, Prediction
from qbench.simulator import anchors, whatif
from qbench.simulator.cost import KernelCost
from qbench.simulator.predict import breakdown, prediction

# The custom operators that every build of the runtime has (LiteRT tflite/core/kernels/register.cc,
# BuiltinOpResolver). A model with another one does not start, unless a delegate takes it.
_CUSTOM_OF_THE_RUNTIME = frozenset(
    ("AudioSpectrogram", "Mfcc", "NumericVerify", "TFLite_Detection_PostProcess")
)


class Foreseen(msgspec.Struct, frozen=True):
    """`lines` are the kernels in execution order, each piece's own cost before its kernels."""

    prediction: Prediction
    placement: GraphPlacement
    lines: tuple[KernelCost, ...]

    @property
    def bound_by_us(self) -> dict[str, float]:
        """Time by what bounds it: compute, memory, overhead, segment."""
        found = dict.fromkeys(("compute", "memory", "overhead", "segment"), 0.0)
        for line in self.lines:
            found[line.bound_by] += line.time_us
        return found


class Oracle:
    """Predicts for one profile. Deterministic; reads the profile's anchors once.

    `assumptions` change what delegates take; `supposed` are all suppositions in the user's words
    (see `whatif.supposed`). Raises ProfileError when the anchors cannot be read.
    """

    def __init__(
        self,
        profile: DeviceProfile,
        assumptions: Sequence[Assumption] = (),
        supposed: Sequence[str] = (),
    ) -> None:
        self.profile = profile
        self._anchors = anchors.load(profile.name)
        self._assumptions = tuple(assumptions)
        self._supposed = tuple(supposed)
        self._model: ModelInfo | None = None  # the last one asked about
        self._placed: dict[tuple[Delegate, bool], GraphPlacement] = {}

    def on(self, profile: DeviceProfile) -> Oracle:
        """The same anchors and suppositions, for a changed profile of this device."""
        other = copy(self)
        other.profile = profile
        other._model = None
        return other

    def foresee(
        self, model: ModelInfo, delegate: Delegate, threads: int, *, xnnpack: bool = True
    ) -> Foreseen:
        """Raises PlanError (no such route), ModelFileError (the graph runs in a circle),
        ProfileError (a rate is not known), RunnerError (the runtime could not start the model)."""
        where = self._place(model, delegate, xnnpack)
        lines = breakdown(model, where, self.profile, threads=threads, anchors=self._anchors)
        told = prediction(model, where, self.profile, lines, anchors=self._anchors)
        return Foreseen(whatif.supposed(told, self._supposed), where, lines)

    def _place(self, model: ModelInfo, delegate: Delegate, xnnpack: bool) -> GraphPlacement:
        """The number of threads changes nothing here, so a model is placed once for all."""
        if self._model is not model:
            self._model, self._placed = model, {}
        where = self._placed.get((delegate, xnnpack))
        if where is None:
            where = placement.place(
                model, delegate, self.profile, xnnpack=xnnpack, assumptions=self._assumptions
            )
            _refuse_unresolved(model, where)
            self._placed[delegate, xnnpack] = where
        return where


def _refuse_unresolved(model: ModelInfo, where: GraphPlacement) -> None:
    """Raises RunnerError when an operator is left to the CPU that the runtime does not have: a
    number for a model that cannot start would be invented."""
    for segment in where.segments:
        for index in segment.ops if segment.executor == "builtin" else ():
            name = model.main.ops[index].custom_name
            if name is not None and name not in _CUSTOM_OF_THE_RUNTIME:
                raise RunnerError(
                    f"{Path(model.path).name}: the runtime would not take the model: unresolved "
                    f"custom op {name} (node {index})",
                    hint="the model needs an operator that the plain runtime does not have",
                )
