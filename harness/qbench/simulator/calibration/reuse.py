"""What of a kernel's data is still in the caches: by how much else was touched since its last use.

The reuse distance of a tensor is the number of bytes touched between two uses of it (Mattson et al.
1970). Invokes follow one another, so what an invoke reads first was last used in the one before.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from qbench.records import TensorInfo


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
    sizes = [t.nbytes or 0 for t in tensors]
    clock = _Clock(max((_arena_bytes(s, sizes, bounds) for s in steps), default=0))
    for step in steps:
        clock.touch(step, sizes, bounds)
    found = []
    for step in steps:
        cold_read = cold_weights = far_weights = cold_written = 0.0
        for t in step.activations:
            cold_read += sizes[t] * _share(clock.since(t) + sizes[t], caches.l2_bytes)
        for t in step.weights:
            distance = clock.since(t) + sizes[t]
            cold_weights += sizes[t] * _share(distance, caches.l2_bytes)
            far_weights += sizes[t] * _share(distance, caches.last_bytes)
        for t in step.written:
            distance = clock.since(t) if t in bounds else 0.0
            cold_written += sizes[t] * _share(distance + sizes[t], caches.l2_bytes)
        found.append(Reuse(cold_read, cold_written, cold_weights, far_weights))
        clock.touch(step, sizes, bounds)
    return found


class _Clock:
    """Counts bytes that are touched: those with memory of their own, and those in the arena."""

    def __init__(self, arena_bytes: int) -> None:
        self._arena_bytes = arena_bytes
        self._own = 0.0
        self._inner = 0.0
        self._used: dict[int, tuple[float, float]] = {}

    def since(self, tensor: int) -> float:
        """Distinct bytes touched since the tensor's last use."""
        own, inner = self._used[tensor]
        return self._own - own + min(self._inner - inner, self._arena_bytes)

    def touch(self, step: Step, sizes: Sequence[int], bounds: frozenset[int]) -> None:
        self._own += step.meanwhile_bytes + sum([sizes[t] for t in step.weights])
        moved = (*step.activations, *step.written)
        self._own += sum([sizes[t] for t in moved if t in bounds])
        self._inner += sum([sizes[t] for t in moved if t not in bounds])
        now = (self._own, self._inner)
        for t in (*step.weights, *moved):
            self._used[t] = now


def _arena_bytes(step: Step, sizes: Sequence[int], bounds: frozenset[int]) -> int:
    return sum(sizes[t] for t in (*step.activations, *step.written) if t not in bounds)


def _share(distance: float, cache_bytes: int) -> float:
    """How much of a tensor is gone: nothing at half the cache, all at one and a half times it.

    Caches are shared with code and other data and do not forget the oldest first, so there is no
    sharp edge.
    """
    return min(1.0, max(0.0, distance / cache_bytes - 0.5))
