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
    writes is cold when it is the graph's own output, which nobody else uses meanwhile; an inner
    tensor gets memory that has just become free.
    """

    cold_read_bytes: float
    cold_written_bytes: float
    cold_weight_bytes: float
    far_weight_bytes: float


def reuse(
    steps: Sequence[Step],
    tensors: Sequence[TensorInfo],
    outputs: frozenset[int],
    caches: Caches,
) -> list[Reuse]:
    """One value per step, of an invoke that follows others of the same model."""
    sizes = [t.nbytes or 0 for t in tensors]
    # When a tensor was last used, on a clock that counts bytes.
    used: dict[int, float] = {}
    clock = 0.0
    for step in steps:
        clock += step.meanwhile_bytes
        clock += sum([sizes[t] for t in (*step.activations, *step.weights, *step.written)])
        for t in (*step.activations, *step.weights, *step.written):
            used[t] = clock
    found = []
    for step in steps:
        cold_read = cold_weights = far_weights = cold_written = 0.0
        for t in step.activations:
            cold_read += sizes[t] * _share(clock - used[t] + sizes[t], caches.l2_bytes)
        for t in step.weights:
            distance = clock - used[t] + sizes[t]
            cold_weights += sizes[t] * _share(distance, caches.l2_bytes)
            far_weights += sizes[t] * _share(distance, caches.last_bytes)
        for t in step.written:
            distance = clock - used[t] if t in outputs else 0
            cold_written += sizes[t] * _share(distance + sizes[t], caches.l2_bytes)
        found.append(Reuse(cold_read, cold_written, cold_weights, far_weights))
        touched = (*step.activations, *step.weights, *step.written)
        clock += sum([sizes[t] for t in touched]) + step.meanwhile_bytes
        for t in touched:
            used[t] = clock
    return found


def _share(distance: float, cache_bytes: int) -> float:
    """How much of a tensor is gone: nothing at half the cache, all at one and a half times it.

    Caches are shared with code and other data and do not forget the oldest first, so there is no
    sharp edge.
    """
    return min(1.0, max(0.0, distance / cache_bytes - 0.5))
