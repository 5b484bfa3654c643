"""What of a kernel's data is still in the caches: by how much else was touched since its last use.

The reuse distance of a tensor is the number of bytes touched between two uses of it (Mattson et al.
1970). Invokes follow one another, so what an invoke reads first was last used in the one before.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from qbench.records import TensorInfo

_WARM_RATIO = 0.5  # of a cache: see `_share`


class Caches(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Sizes that one core sees; `l3_bytes` None: behind the second level comes the memory."""

    l1d_bytes: int
    l2_bytes: int
    l3_bytes: int | None = None

    @property
    def last_bytes(self) -> int:
        return self.l3_bytes or self.l2_bytes


class Step(msgspec.Struct, frozen=True, gc=False):
    """What one kernel touches, as tensor indices."""

    activations: tuple[int, ...]
    weights: tuple[int, ...]
    written: tuple[int, ...]
    meanwhile_bytes: float = 0.0  # what others touch while the kernel runs


class Reuse(msgspec.Struct, frozen=True, gc=False):
    """Bytes of one kernel by where they are found.

    `cold_*`: not in the second cache any more; `far_weight_bytes`: in no cache. What a kernel
    writes is cold when it is the graph's own output, which nobody else uses meanwhile, or large; an
    inner tensor gets memory that has just become free.
    """

    cold_read_bytes: float
    cold_written_bytes: float
    cold_weight_bytes: float
    far_weight_bytes: float


WARM = Reuse(0.0, 0.0, 0.0, 0.0)


def reuse(
    steps: Sequence[Step],
    tensors: Sequence[TensorInfo],
    bounds: frozenset[int],
    caches: Caches,
) -> list[Reuse]:
    """One value per step, of an invoke that follows others of the same model.

    `bounds`: inputs and outputs of the graph. These and weights have memory of their own; all
    inner tensors share an arena that is hardly larger than what the largest kernel needs, however
    many bytes pass through it.
    """
    trace = _Trace([t.nbytes or 0 for t in tensors], bounds, caches)
    touched = [trace.touched(step) for step in steps]
    trace.arena_bytes = max((inner for _, inner in touched), default=0)
    for step, now in zip(steps, touched, strict=True):
        trace.leave(step, *now)  # invokes follow one another: the first only leaves its trace
    found = []
    for step, now in zip(steps, touched, strict=True):
        found.append(trace.reuse(step))
        trace.leave(step, *now)
    return found


class _Trace:
    """How many distinct bytes were touched since a tensor was. Asked for every tensor of every
    kernel, hence without calls where nothing is cold.

    `own`, `inner`: bytes touched until now with memory of their own, and in the arena; `own_at`,
    `inner_at`: the same by tensor, when it was used last.
    """

    def __init__(self, sizes: Sequence[int], bounds: frozenset[int], caches: Caches) -> None:
        self.sizes, self.bounds, self.caches = sizes, bounds, caches
        self.arena_bytes = 0
        self.own = self.inner = 0.0
        self.own_at = [0.0] * len(sizes)
        self.inner_at = [0.0] * len(sizes)

    def touched(self, step: Step) -> tuple[float, int]:
        """Bytes that one step touches with memory of their own (of weights, of the graph's inputs
        and outputs, and of others meanwhile), and in the arena."""
        sizes, bounds = self.sizes, self.bounds
        own_bytes = step.meanwhile_bytes + sum([sizes[t] for t in step.weights])
        inner_bytes = 0
        for moved in (step.activations, step.written):
            for t in moved:
                if t in bounds:
                    own_bytes += sizes[t]
                else:
                    inner_bytes += sizes[t]
        return own_bytes, inner_bytes

    def leave(self, step: Step, own_bytes: float, inner_bytes: int) -> None:
        """The step has run."""
        self.own = own = self.own + own_bytes
        self.inner = inner = self.inner + inner_bytes
        own_at, inner_at = self.own_at, self.inner_at
        for moved in (step.weights, step.activations, step.written):
            for t in moved:
                own_at[t] = own
                inner_at[t] = inner

    def reuse(self, step: Step) -> Reuse:
        """Of a step that runs now."""
        sizes, own, inner = self.sizes, self.own, self.inner
        own_at, inner_at, arena_bytes = self.own_at, self.inner_at, self.arena_bytes
        l2_bytes, last_bytes = self.caches.l2_bytes, self.caches.last_bytes
        warm_bytes = l2_bytes * _WARM_RATIO
        cold_read = cold_written = cold_weights = far_weights = 0.0
        for t in step.activations:
            distance = own - own_at[t] + min(inner - inner_at[t], arena_bytes) + sizes[t]
            if distance > warm_bytes:
                cold_read += sizes[t] * _share(distance, l2_bytes)
        for t in step.weights:
            distance = own - own_at[t] + min(inner - inner_at[t], arena_bytes) + sizes[t]
            if distance > warm_bytes:  # what is in the second cache is in the last one too
                cold_weights += sizes[t] * _share(distance, l2_bytes)
                far_weights += sizes[t] * _share(distance, last_bytes)
        for t in step.written:
            distance = sizes[t]
            if t in self.bounds:
                distance += own - own_at[t] + min(inner - inner_at[t], arena_bytes)
            if distance > warm_bytes:
                cold_written += sizes[t] * _share(distance, l2_bytes)
        if not (cold_read or cold_written or cold_weights):
            return WARM
        return Reuse(cold_read, cold_written, cold_weights, far_weights)


def _share(distance: float, cache_bytes: int) -> float:
    """How much of a tensor is gone: nothing at half the cache, all at one and a half times it.

    Caches are shared with code and other data and do not forget the oldest first, so there is no
    sharp edge.
    """
    gone = distance / cache_bytes - _WARM_RATIO
    return 0.0 if gone <= 0 else min(gone, 1.0)
