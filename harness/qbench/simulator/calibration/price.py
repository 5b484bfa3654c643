"""A model on calibrated cores: every kernel's time, and what the calibration knows nothing of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import exp, sqrt

import msgspec

from qbench.placement import GraphPlacement
from qbench.records import ComputeUnit, DeviceProfile, ModelInfo
from qbench.simulator import kernels
from qbench.simulator.calibration import fit, plausible
from qbench.simulator.calibration.document import GRAPH, Calibration, Group, Price
from qbench.simulator.calibration.work import Described, Form, Work, describe
from qbench.simulator.cost import KernelCost
from qbench.simulator.kernels import Dtype

_FAR = 8.0
"""A kernel this many times larger than any that was asked is out of the domain. Smaller ones are
not: what is left of them is what a call costs."""

_Z90 = 1.645
_COMPUTE = frozenset(
    {"macs", "spilled_macs", "vector_macs", "vector_odd_macs", "tiles", "tap_tiles"}
    | {"vector_tiles", "products"}
    | {"taps", "channel_tiles", "pixels", "elements", "read_elements", "broadcast_elements"}
    | {"clamped_elements"}
)
_MEMORY = frozenset(
    {"read_bytes", "written_bytes", "row_bytes", "row_spill_bytes", "weight_pass_bytes"}
    | {"cold_read_bytes", "cold_written_bytes", "cold_weight_bytes", "far_weight_bytes"}
    | {"vector_cold_bytes", "vector_far_bytes"}
)
_MEMORY_CLOCK = ("far_weight_bytes", "vector_far_bytes")  # these do not wait for the core's clock


class Priced(msgspec.Struct, frozen=True):
    """`lines`: what is known, in execution order; each piece's own cost before its kernels.

    `unknown`: kernels whose class was never calibrated, by their first operator; `far`: operators
    whose size is far outside of what was; both with the reason. `band_ratio` is of the sum of
    `lines`.
    """

    lines: tuple[KernelCost, ...]
    unknown: dict[int, str]
    far: dict[int, str]
    band_ratio: float
    basis: str
    networks: int


class _Class(msgspec.Struct, frozen=True):
    """One class of kernels. `rates`: us for each of an amount, at this clock, as networks have
    it."""

    group: Group
    price: Price
    rates: dict[str, float]


class _Known(msgspec.Struct, frozen=True, gc=False):
    """What kernels of one form cost, but for what depends on where their data are. `amounts`: all
    that was met of this class until now; `far`: why they are out of the domain."""

    rates: dict[str, float]
    amounts: dict[str, float]
    time_us: float
    compute_us: float
    memory_us: float
    far: str | None


class Pricer:
    """One model on the CPU of a calibrated device with some number of threads."""

    def __init__(self, calibration: Calibration, profile: DeviceProfile, threads: int) -> None:
        self._calibration = calibration
        self._profile = profile
        self.threads = threads
        tiles = fit.tiles_of(profile)
        self._groups: dict[Dtype, Group] = {}
        for dtype in Dtype:
            group = calibration.group(ComputeUnit.CPU, dtype, threads)
            if group is not None:
                self._groups[dtype] = group
                tiles[dtype] = group.tiles
        self._tiles = tiles
        # Prices were found at one clock; at another, all but the memory goes with it.
        self._clock_ratio = calibration.max_khz / plausible.fastest_khz(profile)
        self._classes = {
            dtype: {price.kind: self._class(group, price) for price in group.prices}
            for dtype, group in self._groups.items()
        }

    @property
    def is_useful(self) -> bool:
        return bool(self._groups)

    def price(self, model: ModelInfo, graph: kernels.Graph, placement: GraphPlacement) -> Priced:
        told = describe(
            graph,
            frozenset((*model.main.inputs, *model.main.outputs)),
            placement,
            self._calibration.caches,
            self._tiles,
        )
        lines: list[KernelCost] = []
        unknown: dict[int, str] = {}
        far: dict[int, str] = {}
        amounts: dict[tuple[Dtype, str], dict[str, float]] = {}
        known: dict[int, _Known | None] = {}  # by the identity of a form, which `told` keeps alive
        for work in told.works:
            key = id(work.form)
            if key not in known:
                known[key] = self._known(work.form, amounts)
            found = known[key]
            if found is None:
                name = graph.ops[work.ops[-1]].name
                unknown[work.ops[0]] = f"{name} {_where(work.form)} was never calibrated"
                continue
            lines.append(self._line(work, found))
            if found.far is not None:
                far[work.ops[0]] = f"{graph.ops[work.ops[-1]].name}: {found.far}"
            mine = found.amounts
            for amount, value in work.form.amounts.items():
                mine[amount] = mine.get(amount, 0.0) + value
            for amount, value in work.moved.items():
                mine[amount] = mine.get(amount, 0.0) + value
        used = {line.dtype for line in lines} & set(self._groups)
        main = self._main(told.works)
        if main is not None:
            lines[:0] = self._around(told, main)
        return Priced(
            lines=tuple(lines),
            unknown=unknown,
            far=far,
            band_ratio=self._band(lines, amounts, used),
            basis=self._basis(used),
            networks=min((len(self._groups[d].anchors) for d in used), default=0),
        )

    def _class(self, group: Group, price: Price) -> _Class:
        rates = {}
        for amount, us in price.prices.items():
            at = 1.0 if amount in _MEMORY_CLOCK else self._clock_ratio
            rates[amount] = us * group.scale_ratio * at
        return _Class(group, price, rates)

    def _of(self, form: Form) -> _Class | None:
        """The class of a kernel. What dynamic-range models do in floats is fp32's."""
        for dtype in (form.dtype, Dtype.FP32) if form.dtype is Dtype.DYNAMIC else (form.dtype,):
            found = self._classes.get(dtype, {}).get(form.kind)
            if found is not None or (form.dtype is Dtype.DYNAMIC and form.macs):
                return found
        return None

    def _known(
        self, form: Form, amounts: dict[tuple[Dtype, str], dict[str, float]]
    ) -> _Known | None:
        """None: kernels of this class were never calibrated."""
        found = self._of(form)
        if found is None:
            return None
        total = compute = memory = 0.0
        for amount, value in form.amounts.items():
            part = value * found.rates.get(amount, 0.0)
            total += part
            if amount in _COMPUTE:
                compute += part
            elif amount in _MEMORY:
                memory += part
        mine = amounts.setdefault((found.group.dtype, found.price.kind), {})
        return _Known(found.rates, mine, total, compute, memory, _is_far(form, found.price))

    def _main(self, works: Sequence[Work]) -> Group | None:
        """The group of most of the arithmetic."""
        by_dtype: dict[Dtype, int] = {}
        for work in works:
            dtype = work.form.dtype
            if dtype in self._groups:
                by_dtype[dtype] = by_dtype.get(dtype, 0) + work.form.macs + 1
        best = max(by_dtype, key=lambda d: by_dtype[d], default=None)
        return None if best is None else self._groups[best]

    def _around(self, told: Described, group: Group) -> list[KernelCost]:
        """What an invoke costs beside its kernels."""
        price = group.price(GRAPH)
        if price is None:
            return []
        counts = {"invoke": 1, "segments": told.segments, "bounds": told.bounds}
        time_us = sum(price.prices.get(name, 0.0) * count for name, count in counts.items())
        time_us *= group.scale_ratio * self._clock_ratio
        executor = told.works[0].form.executor
        return [KernelCost((), ComputeUnit.CPU, executor, group.dtype, time_us, "segment", True)]

    def _line(self, work: Work, known: _Known) -> KernelCost:
        """Its time is the sum of its parts'."""
        form, compute = work.form, known.compute_us
        moved = sum([value * known.rates.get(amount, 0.0) for amount, value in work.moved.items()])
        total, memory = known.time_us + moved, known.memory_us + moved
        overhead = total - compute - memory
        if overhead > max(compute, memory):
            bound_by = "overhead"
        else:
            bound_by = "compute" if compute >= memory else "memory"
        return KernelCost(
            work.ops, ComputeUnit.CPU, form.executor, form.dtype, total, bound_by, True
        )

    def _band(
        self,
        lines: Sequence[KernelCost],
        amounts: Mapping[tuple[Dtype, str], Mapping[str, float]],
        used: Iterable[Dtype],
    ) -> float:
        """The widest band of the groups, or what the prices' own covariance makes of it (delta
        method: var T = sum x' S x over classes) where that is wider."""
        total_us = sum(line.time_us for line in lines)
        if total_us <= 0:
            return 1.0
        variance = 0.0
        for (dtype, kind), mine in amounts.items():
            price = self._classes[dtype][kind].price
            values = [mine.get(amount, 0.0) for amount in price.prices]
            for i, row in enumerate(price.covariance):
                if values[i]:
                    variance += values[i] * sum(
                        [a * b for a, b in zip(row, values, strict=True) if b]
                    )
        scale = max((self._groups[d].scale_ratio for d in used), default=1.0)
        sigma = sqrt(max(0.0, variance)) * scale / total_us
        widest = max((self._groups[d].band_ratio for d in used), default=1.0)
        return max(widest, exp(_Z90 * min(sigma, 1.0)))

    def _basis(self, used: Iterable[Dtype]) -> str:
        names = ", ".join(sorted(d.value for d in used))
        day = self._calibration.created_at[:10]
        nets = min((len(self._groups[d].anchors) for d in used), default=0)
        scaled = f" and {nets} networks" if nets else ""
        return (
            f"CPU {names}: calibrated on {self._calibration.device} by "
            f"{self._calibration.runtime}, {self.threads} thread"
            f"{'s' if self.threads > 1 else ''}, {day}, single operators{scaled}"
        )


def _where(form: Form) -> str:
    executor = "TFLite's own kernels" if form.executor == "builtin" else form.executor
    return f"on {executor} in {form.dtype.value}"


def _is_far(form: Form, price: Price) -> str | None:
    for what, value, (least, most) in (
        ("multiply-accumulates", form.macs, price.macs),
        ("elements", form.elements, price.elements),
    ):
        if value and most and value > most * _FAR:
            return f"{value:,} {what}, calibrated from {least:,} to {most:,}"
    return None
