"""TFLite's partition algorithm, against a plain walk over the whole plan."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qbench.errors import ModelFileError
from qbench.placement.partition import PlanNode, Subset, largest, subsets

Plan = list[PlanNode]


def walk(plan: Plan, wanted: set[int]) -> list[Subset]:
    """The runtime's algorithm as it is written in graph_info.cc: again and again over the plan."""
    written = {t for node in plan for t in node.outputs if t != -1}
    ready: set[int] = set()
    done: set[int] = set()
    effects = [p for p, node in enumerate(plan) if node.has_side_effect]
    before = dict(zip(effects[1:], effects, strict=False))
    found: list[Subset] = []
    while len(done) < len(plan):
        kind: bool | None = None
        members: list[int] = []
        moved = True
        while moved:
            moved = False
            for position, node in enumerate(plan):
                waits = any(t in written and t not in ready for t in node.inputs)
                held = position in before and before[position] not in done
                if position in done or waits or held:
                    continue
                if kind is None:
                    kind = position in wanted
                if kind == (position in wanted):
                    done.add(position)
                    members.append(position)
                    ready.update(node.outputs)
                    moved = True
        if kind is None:
            raise ModelFileError("a circle")
        found.append(Subset(kind, tuple(members)))
    return found


@st.composite
def plans(draw: st.DrawFn, *, sorted_plan: bool = True) -> Plan:
    """Any directed graph without circles; in any order of execution if not `sorted_plan`."""
    count = draw(st.integers(0, 14))
    plan: Plan = []
    tensors = [0, 1]
    for position in range(count):
        inputs = draw(st.lists(st.sampled_from([-1, *tensors]), max_size=3))
        outputs = [10 + 2 * position + k for k in range(draw(st.integers(0, 2)))]
        effect = draw(st.integers(0, 5)) == 0 if sorted_plan else False
        plan.append(PlanNode(tuple(inputs), tuple(outputs), effect))
        tensors += outputs
    return plan if sorted_plan else draw(st.permutations(plan))


def some(draw_from: Plan) -> st.SearchStrategy[set[int]]:
    positions = st.integers(0, max(0, len(draw_from) - 1))
    return st.sets(positions) if draw_from else st.just(set())


@settings(max_examples=60, deadline=None)
@given(data=st.data(), plan=plans())
def test_it_agrees_with_the_plain_walk(data: st.DataObject, plan: Plan) -> None:
    wanted = data.draw(some(plan))
    assert subsets(plan, wanted) == walk(plan, wanted)


@settings(max_examples=60, deadline=None)
@given(data=st.data(), plan=plans(sorted_plan=False))
def test_it_agrees_when_operators_stand_before_what_they_read(
    data: st.DataObject, plan: Plan
) -> None:
    wanted = data.draw(some(plan))
    assert subsets(plan, wanted) == walk(plan, wanted)


@settings(max_examples=60, deadline=None)
@given(data=st.data(), plan=plans())
def test_every_node_is_in_one_subset_after_all_that_it_reads(
    data: st.DataObject, plan: Plan
) -> None:
    found = subsets(plan, data.draw(some(plan)))
    order = [position for subset in found for position in subset.members]
    assert sorted(order) == list(range(len(plan)))
    written = {t for node in plan for t in node.outputs}
    seen: set[int] = set()
    for position in order:
        assert all(t in seen for t in plan[position].inputs if t in written)
        seen.update(plan[position].outputs)


@settings(max_examples=60, deadline=None)
@given(data=st.data(), plan=plans())
def test_kinds_alternate_and_side_effects_keep_their_order(data: st.DataObject, plan: Plan) -> None:
    found = subsets(plan, data.draw(some(plan)))
    assert all(a.wanted != b.wanted for a, b in pairwise(found))
    order = [position for subset in found for position in subset.members]
    effects = [position for position in order if plan[position].has_side_effect]
    assert effects == sorted(effects)


@settings(max_examples=60, deadline=None)
@given(plan=plans())
def test_a_graph_that_is_wanted_as_a_whole_is_one_partition(plan: Plan) -> None:
    found = subsets(plan, set(range(len(plan))))
    assert [subset.wanted for subset in found] == [True] * (1 if plan else 0)


@settings(max_examples=60, deadline=None)
@given(data=st.data(), plan=plans(), minimum=st.integers(0, 4))
def test_a_higher_limit_never_delegates_fewer_nodes(
    data: st.DataObject, plan: Plan, minimum: int
) -> None:
    found = subsets(plan, data.draw(some(plan)))

    def nodes(limit: int | None) -> int:
        return sum(len(piece.members) for piece in largest(found, limit, minimum)[0])

    counts = [nodes(limit) for limit in range(1, 8)]
    assert counts == sorted(counts)
    assert nodes(None) >= counts[-1]


def test_two_runs_that_do_not_need_what_is_between_them_become_one_partition() -> None:
    plan = [PlanNode((0,), (1,)), PlanNode((0,), (2,)), PlanNode((1,), (3,))]
    assert subsets(plan, {0, 2}) == [Subset(True, (0, 2)), Subset(False, (1,))]


def test_a_run_that_needs_what_is_between_becomes_a_second_partition() -> None:
    plan = [PlanNode((0,), (1,)), PlanNode((1,), (2,)), PlanNode((2,), (3,))]
    found = subsets(plan, {0, 2})
    assert found == [Subset(True, (0,)), Subset(False, (1,)), Subset(True, (2,))]


def test_the_first_ready_node_decides_which_kind_begins() -> None:
    plan = [PlanNode((0,), (1,)), PlanNode((0,), (2,))]
    assert [subset.wanted for subset in subsets(plan, {1})] == [False, True]


def test_side_effects_are_a_dependency_of_their_own() -> None:
    plan = [PlanNode((), (1,), True), PlanNode((), (2,), True), PlanNode((), (3,), True)]
    assert len(subsets(plan, {0, 2})) == 3


def test_operators_in_a_circle_are_refused() -> None:
    plan = [PlanNode((2,), (1,)), PlanNode((1,), (2,))]
    with pytest.raises(ModelFileError, match="2 of 2 operators wait for one another"):
        subsets(plan, {0})


def test_the_largest_partitions_are_kept_and_of_equal_ones_the_earlier() -> None:
    pieces = [Subset(True, (0,)), Subset(True, (2, 3)), Subset(False, (1,)), Subset(True, (5, 6))]
    kept, beyond, small = largest(pieces, 1, 2)
    assert (kept, beyond, small) == ([pieces[1]], [pieces[3]], [pieces[0]])


def test_a_long_chain_of_alternating_kinds_is_cut_in_linear_time() -> None:
    plan = [PlanNode((n,), (n + 1,)) for n in range(20_000)]
    assert len(subsets(plan, set(range(0, 20_000, 2)))) == 20_000
