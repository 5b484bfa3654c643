"""What of a kernel's data is still in the caches: by how much else was touched since its last use.

The reuse distance of a tensor is the number of bytes touched between two uses of it (Mattson et al.
1970). Invokes follow one another, so what an invoke reads first was last used in the one before.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

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
    touched = [_touched(step, sizes, bounds) for step in steps]
    arena_bytes = max((t.inner_bytes for t in touched), default=0)
    own = inner = 0.0  # bytes touched until now with memory of their own, and in the arena
    used: dict[int, tuple[float, float]] = {}

    def cold_share(tensor: int, cache_bytes: int) -> float:
        """By the distinct bytes touched since the tensor's last use, and its own."""
        then = used[tensor]
        since = own - then[0] + min(inner - then[1], arena_bytes)
        return _share(since + sizes[tensor], cache_bytes)

    found = []
    for is_first in (True, False):  # invokes follow one another: the first only leaves its trace
        for step, t in zip(steps, touched, strict=True):
            if not is_first:
                found.append(_found(step, sizes, bounds, caches, cold_share))
            own = own + t.own_bytes + t.bound_bytes
            inner += t.inner_bytes
            for tensor in t.tensors:
                used[tensor] = (own, inner)
    return found


class _Touched(msgspec.Struct, frozen=True, gc=False):
    """All that one step touches: `own_bytes` of weights and of others meanwhile, `bound_bytes` of
    the graph's inputs and outputs, `inner_bytes` in the arena."""

    tensors: tuple[int, ...]
    own_bytes: float
    bound_bytes: int
    inner_bytes: int


def _touched(step: Step, sizes: Sequence[int], bounds: frozenset[int]) -> _Touched:
    own_bytes = step.meanwhile_bytes + sum([sizes[t] for t in step.weights])
    bound_bytes = inner_bytes = 0
    for moved in (step.activations, step.written):
        for t in moved:
            if t in bounds:
                bound_bytes += sizes[t]
            else:
                inner_bytes += sizes[t]
    tensors = (*step.weights, *step.activations, *step.written)
    return _Touched(tensors, own_bytes, bound_bytes, inner_bytes)


def _found(
    step: Step,
    sizes: Sequence[int],
    bounds: frozenset[int],
    caches: Caches,
    cold_share: Callable[[int, int], float],
) -> Reuse:
    cold_read = cold_weights = far_weights = cold_written = 0.0
    for t in step.activations:
        cold_read += sizes[t] * cold_share(t, caches.l2_bytes)
    for t in step.weights:
        cold = cold_share(t, caches.l2_bytes)
        cold_weights += sizes[t] * cold
        if cold:  # what is in the second cache is in the last one too
            far_weights += sizes[t] * cold_share(t, caches.last_bytes)
    for t in step.written:
        is_own = t in bounds
        cold = cold_share(t, caches.l2_bytes) if is_own else _share(sizes[t], caches.l2_bytes)
        cold_written += sizes[t] * cold
    return Reuse(cold_read, cold_written, cold_weights, far_weights)


def _share(distance: float, cache_bytes: int) -> float:
    """How much of a tensor is gone: nothing at half the cache, all at one and a half times it.

    Caches are shared with code and other data and do not forget the oldest first, so there is no
    sharp edge.
    """
    gone = distance / cache_bytes - 0.5
    return 0.0 if gone <= 0 else min(gone, 1.0)
