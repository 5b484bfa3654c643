"""Which cases are compared with which."""

from __future__ import annotations

from fakes.sessions import a_named_case
from qbench.records import Delegate
from qbench.stats import label, match

ONE = [a_named_case(model=m, threads=t) for m in ("a", "b") for t in (1, 2)]


def ids(pairs: object) -> list[tuple[str, str]]:
    return [(b.case_id, c.case_id) for b, c in pairs]  # type: ignore[attr-defined]


def test_the_same_cases_measured_again_are_paired_by_all_their_settings() -> None:
    found = match(ONE, list(reversed(ONE)))
    assert found.differing == ()
    assert ids(found.pairs) == [(c.case_id, c.case_id) for c in ONE]


def test_another_build_of_a_model_is_the_same_case() -> None:
    found = match(ONE[:1], [a_named_case(model="a", threads=1, model_sha256="1" * 64)])
    assert len(found.pairs) == 1
    assert found.differing == ()


def test_what_two_selections_differ_in_as_a_whole_is_the_question() -> None:
    found = match([ONE[0], ONE[2]], [ONE[1], ONE[3]])
    assert found.differing == ("threads",)
    assert ids(found.pairs) == [
        ("a-int8-cpu-t1@d", "a-int8-cpu-t2@d"),
        ("b-int8-cpu-t1@d", "b-int8-cpu-t2@d"),
    ]
    assert label(ONE[0], found.differing) == "a int8 cpu d"


def test_two_single_cases_are_a_pair_whatever_they_differ_in() -> None:
    found = match([a_named_case(model="x")], [a_named_case(model="y", delegate=Delegate.GPU)])
    assert found.differing == ("model", "delegate")
    assert len(found.pairs) == 1


def test_cases_without_a_partner_are_listed_on_their_side() -> None:
    found = match(ONE, [*ONE[1:], a_named_case(model="c", threads=1)])
    assert [c.case_id for c in found.only_baseline] == ["a-int8-cpu-t1@d"]
    assert [c.case_id for c in found.only_candidate] == ["c-int8-cpu-t1@d"]
    assert len(found.pairs) == 3


def test_nothing_in_common_gives_no_pair() -> None:
    found = match(ONE[:2], [a_named_case(model="c", threads=8), a_named_case(model="d", threads=9)])
    assert found.pairs == ()
    assert len(found.only_baseline) == len(found.only_candidate) == 2
