"""The page as text: what it says, what it leaves out, and how large it gets."""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from html.parser import HTMLParser

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes.reports import HOSTILE, a_comparison, a_content, judged, repeated
from qbench.records import DeviceState, Origin, Proof, Stability, Taint, Tier
from qbench.report import html
from qbench.report.html import markup, words
from qbench.report.html.content import MOST_LINES, lines
from qbench.report.html.sections.front import front

MOST_BYTES = 8_000_000


class _Reader(HTMLParser):
    """Elements, texts outside scripts, and ids; raises for an end without its beginning."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.ids: list[str] = []
        self.texts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.ids += [value for name, value in attrs if name == "id" and value]
        if tag not in ("meta", "input", "br", "hr", "link"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] not in ("script", "style"):
            self.texts.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())


def _read(page: str) -> _Reader:
    reader = _Reader()
    reader.feed(page)
    assert reader.open == []
    return reader


def test_every_element_ends_and_no_id_stands_twice() -> None:
    reader = _read(html.render(a_content(HOSTILE, runs=2)))
    assert len(reader.ids) == len(set(reader.ids))
    assert not reader.tags & {"img", "a0", "iframe", "object", "embed", "form", "svg"}
    assert not {name for name in reader.attributes if name.startswith("on")}


def test_nothing_is_loaded_from_anywhere() -> None:
    page = html.render(a_content())
    markup_alone = re.sub(r"<script>.*?</script>", "", page, flags=re.S)
    assert not re.search(r"""(?:src|href)\s*=\s*["']?(?:https?:)?//""", markup_alone)
    assert "@import" not in page.split("</style>")[0]
    assert page.count("Plotly, Inc.") == 1  # inlined once
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)
    assert policy is not None
    assert "default-src &#x27;none&#x27;" in policy[1]
    assert "unsafe-eval" not in policy[1]


def test_says_who_ran_it_where_it_comes_from_and_what_failed() -> None:
    text = _read(html.render(a_content())).text
    assert "measured on Snapdragon 865" in text
    assert "SIMULATED for Snapdragon 865, not measured" in text
    assert "The CPU did what a delegate was asked for: mobilenet_v1 int8 nnapi." in text
    assert "CPU, not nnapi" in text
    assert "RunnerCrashedError: benchmark_model: signal 11 <img src=x onerror=hacked=1>" in text
    assert "the driver does not know it" in text
    assert "qbench run --device sd865 'Snapdragon 865'" in text  # to reproduce


def test_sections_without_data_say_so_or_are_left_out() -> None:
    content = a_content()
    text = _read(html.render(content)).text
    assert "No accuracy is recorded" in text
    assert "The model files are not at hand" in text
    assert "Changes" not in text
    session = content.sessions[0]
    rows = tuple(r for r in session.rows if r.summary.case.origin is Origin.SIMULATED)
    only_simulated = msgspec.structs.replace(session, rows=rows)
    reader = _read(html.render(msgspec.structs.replace(content, sessions=(only_simulated,))))
    assert not {"distribution", "timeline"} & set(reader.ids)
    assert "Nothing here was both simulated and measured" in reader.text
    nothing = msgspec.structs.replace(session, rows=(), records=())
    empty = _read(html.render(msgspec.structs.replace(content, sessions=(nothing,)))).text
    assert "No case has a number." in empty


def test_a_front_is_drawn_where_accuracy_is_known() -> None:
    content = a_content()
    accuracies = tuple(
        html.Accuracy(model_sha256=sha, metric="top-1", ratio=0.7, samples=500, dataset="a <b> set")
        for sha in {row.summary.case.model_sha256 for row in content.sessions[0].rows}
    )
    page = html.render(msgspec.structs.replace(content, accuracies=accuracies))
    assert 'id="plot-front"' in page
    assert "Top-1 on a &lt;b&gt; set" in page


def test_runs_that_were_collected_late_stand_where_the_device_performed_them() -> None:
    (session,) = a_content().sessions
    records = [
        msgspec.structs.replace(
            record,
            started_at="2026-01-01T05:00:00+00:00",
            before=DeviceState(uptime_s=100.0 + 60 * n, boot_id="b1" if n < 3 else "b2"),
        )
        for n, record in enumerate(session.records[:5])
    ]
    found = html.moments(records)
    minutes = [found[r.sequence].minute for r in records]
    assert minutes == [0, 1, 2, 0, 1]  # after a reboot only the host's note is left
    assert len(set(html.moments(session.records).values())) == len(session.records)


def test_a_front_has_only_what_nothing_beats_in_both_respects() -> None:
    points = [(1.0, 60.0), (2.0, 55.0), (2.0, 70.0), (3.0, 70.0), (4.0, 71.0)]
    assert front(points) == [(1.0, 60.0), (2.0, 70.0), (4.0, 71.0)]


@pytest.mark.parametrize(("runs", "times"), [(25, 49), (1, 715)])
def test_a_page_of_ten_thousand_runs_stays_below_eight_megabytes(runs: int, times: int) -> None:
    content = repeated(a_content(runs=runs), times)
    assert len(content.sessions[0].records) >= 10_000
    assert len(html.render(content).encode()) <= MOST_BYTES


def test_budgets_are_told_and_broken_ones_in_the_summary() -> None:
    content = a_content()
    page = html.render(msgspec.structs.replace(content, sessions=(judged(content),)))
    text = _read(page).text
    assert re.search(r"Summary .* \d+ budgets broken", text)
    assert "p50 <= 5 ms broken" in text
    assert "mobilenet_v1-int8-nnapi-t4@sd865 delegated broken" in text


def test_changes_against_a_baseline_are_drawn_and_told() -> None:
    content = msgspec.structs.replace(a_content(), comparison=a_comparison())
    page = html.render(content)
    assert 'id="plot-changes"' in page
    text = _read(page).text
    assert "1 slower, 1 refused, 1 faster" in text
    assert "origins differ <here>" in text


def test_when_not_all_cases_fit_those_that_need_attention_do_and_the_page_says_so() -> None:
    content = repeated(a_content(runs=1), 150)
    shown = lines(content)
    assert len(shown) == MOST_LINES
    everything = [row.summary for row in content.sessions[0].rows]
    troubled = sum(bool(s.failed_runs or s.cpu_fallback) for s in everything)
    assert sum(bool(x.summary.failed_runs or x.summary.cpu_fallback) for x in shown) == troubled
    left_out = len(everything) - MOST_LINES
    assert f"{left_out} of {len(everything)} cases are not on this page" in html.render(content)


def test_two_sessions_with_the_same_cases_have_anchors_of_their_own() -> None:
    first, second = a_content(name="a"), a_content(name="b")
    both = msgspec.structs.replace(first, sessions=(*first.sessions, *second.sessions))
    anchors = [line.anchor for line in lines(both)]
    assert len(set(anchors)) == len(anchors)


@pytest.mark.parametrize(
    "explained",
    [
        (Taint, words.TAINTS),
        (Stability, words.VERDICTS),
        (Tier, words.TIERS),
        (Proof, words.PROOFS),
    ],
)
def test_every_word_is_explained(explained: tuple[type[StrEnum], Mapping[StrEnum, object]]) -> None:
    kind, words_of_it = explained
    assert set(words_of_it) == set(kind)


@given(st.text())
def test_no_text_becomes_markup(text: str) -> None:
    made = markup.tag("p", text, title=text)
    reader = _Reader()
    reader.feed(made)
    assert reader.tags == {"p"}
    assert reader.attributes == {"title"}


@given(st.text())
def test_no_text_ends_a_script(text: str) -> None:
    made = markup.script_data("x", {"text": text, "list": [text]})
    body = made[made.index(">") + 1 : -len("</script>")]
    assert "<" not in body
    assert "\u2028" not in body
    assert msgspec.json.decode(body.encode("ascii", "strict")) is not None
