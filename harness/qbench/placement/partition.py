"""TFLite's partition algorithm: which nodes become one call of the delegate, and in which order.

Sources: LiteRT graph_info.cc (PartitionGraphIntoIndependentNodeSubsets) and delegates/utils.cc
(GraphPartitionHelper).
"""

from __future__ import annotations

import heapq
from collections.abc import Collection, Sequence

import msgspec

from qbench.errors import ModelFileError
from qbench.placement.graph import OPTIONAL


class PlanNode(msgspec.Struct, frozen=True, gc=False):
    """One step of an execution plan: an operator, or a delegate's piece of the graph.

    `has_side_effect` is the runtime's might_have_side_effect: steps that have it keep their
    order among themselves although no tensor connects them.
    """

    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    has_side_effect: bool = False


class Subset(msgspec.Struct, frozen=True, gc=False):
    """Positions in the plan that are executed together; `wanted` says by the delegate."""

    wanted: bool
    members: tuple[int, ...]


def subsets(plan: Sequence[PlanNode], wanted: Collection[int]) -> list[Subset]:
    """Cut `plan` into subsets of delegated and other nodes, in execution order.

    `wanted` are the positions the delegate takes. The first node that is ready when a subset
    begins decides the subset's kind; then every node of that kind whose inputs are all there is
    taken, over and over in plan order, until no more are found.

    Raises ModelFileError when nodes wait for one another in a circle.
    """
    takes = [position in wanted for position in range(len(plan))]
    if len(set(takes)) == 1 and _is_in_order(plan):
        return [Subset(takes[0], tuple(range(len(plan))))]
    readiness = _Readiness(plan)
    # Per kind, the ready positions in plan order: this is what the runtime's repeated walk over
    # the whole plan finds, without the walk.
    ready: dict[bool, list[int]] = {False: [], True: []}
    for position in readiness.initial():
        ready[takes[position]].append(position)
    found: list[Subset] = []
    left = len(plan)
    while left:
        firsts = [queue[0] for queue in ready.values() if queue]
        if not firsts:
            raise ModelFileError(
                f"model graph: {left} of {len(plan)} operators wait for one another in a circle",
                hint="the file is damaged: no operator's output may lead back to its own input",
            )
        kind = takes[min(firsts)]
        members: list[int] = []
        walk = ready[kind]
        while walk:
            next_walk: list[int] = []
            while walk:
                position = heapq.heappop(walk)
                members.append(position)
                for freed in readiness.done(position):
                    if takes[freed] != kind:
                        heapq.heappush(ready[not kind], freed)
                    elif freed > position:
                        heapq.heappush(walk, freed)
                    else:  # the walk has passed it: its turn comes in the next one
                        heapq.heappush(next_walk, freed)
            walk = next_walk
        ready[kind] = []
        left -= len(members)
        found.append(Subset(kind, tuple(members)))
    return found


def _is_in_order(plan: Sequence[PlanNode]) -> bool:
    """Does every node stand behind all that it waits for? Then the walk of a plan of one kind is
    the plan, and most models are such a plan for one delegate or another."""
    waited_for = {t for node in plan for t in node.outputs}
    waited_for.discard(OPTIONAL)
    for node in plan:
        if not waited_for.isdisjoint(node.inputs):
            return False
        waited_for.difference_update(node.outputs)
    return True


def largest(
    pieces: Sequence[Subset], max_partitions: int | None, min_nodes: int
) -> tuple[list[Subset], list[Subset], list[Subset]]:
    """Split the delegate's subsets into (kept, beyond the limit, too small).

    The runtime sorts by size, keeps the first `max_partitions` (None: no limit) and stops at the
    first that is smaller than `min_nodes`. Of equally large ones the earlier stays earlier, as
    std::sort leaves short ranges.
    """
    ranked = sorted((p for p in pieces if p.wanted), key=lambda p: -len(p.members))
    limit = len(ranked) if max_partitions is None else max_partitions
    kept = [p for p in ranked[:limit] if len(p.members) >= min_nodes]
    small = [p for p in ranked if len(p.members) < min_nodes]
    beyond = [p for p in ranked[limit:] if len(p.members) >= min_nodes]
    return kept, beyond, small


class _Readiness:
    """Counts what each node still waits for.

    A tensor that several nodes write is there as soon as the first of them is done, as in the
    runtime.
    """

    def __init__(self, plan: Sequence[PlanNode]) -> None:
        self._plan = plan
        self._pending = {t for node in plan for t in node.outputs if t != OPTIONAL}
        self._waiting: dict[int, list[int]] = {}
        self._missing = [0] * len(plan)
        self._after: dict[int, int] = {}
        last_effect: int | None = None
        for position, node in enumerate(plan):
            for tensor in set(node.inputs) & self._pending:
                self._waiting.setdefault(tensor, []).append(position)
                self._missing[position] += 1
            if node.has_side_effect:
                if last_effect is not None:
                    self._after[last_effect] = position
                    self._missing[position] += 1
                last_effect = position

    def initial(self) -> list[int]:
        return [position for position, missing in enumerate(self._missing) if not missing]

    def done(self, position: int) -> list[int]:
        """Note that a node has been placed; the positions that became ready by it."""
        woken: list[int] = []
        for tensor in self._plan[position].outputs:
            if tensor in self._pending:
                self._pending.discard(tensor)
                woken += self._waiting.pop(tensor, ())
        if position in self._after:
            woken.append(self._after[position])
        freed = []
        for other in woken:
            self._missing[other] -= 1
            if not self._missing[other]:
                freed.append(other)
        return freed
