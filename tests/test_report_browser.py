"""The page in a real Chromium: what it draws, sorts, filters, links and lets nobody inject."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from fakes import browser
from fakes.reports import HOSTILE, a_content
from fakes.whole_report import a_whole_content
from qbench.report import html

PROGRAM = browser.program()
pytestmark = pytest.mark.skipif(
    PROGRAM is None, reason="NO CHROMIUM on the PATH: scripts/test installs it (apt: chromium)"
)


@pytest.fixture(scope="module")
def chromium() -> Iterator[browser.Browser]:
    assert PROGRAM is not None
    with browser.running(PROGRAM) as running:
        yield running


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("page") / "report.html"
    file.write_text(html.render(a_content()), encoding="utf-8")
    return file


@pytest.fixture(scope="module")
def hostile_page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("hostile") / "report.html"
    content = a_content(HOSTILE, device=HOSTILE[0], title=HOSTILE[1], name=HOSTILE[2], runs=2)
    file.write_text(html.render(content), encoding="utf-8")
    return file


@pytest.fixture(scope="module")
def whole_page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With every section that there is."""
    folder = tmp_path_factory.mktemp("whole")
    file = folder / "report.html"
    file.write_text(html.render(a_whole_content(folder / "results")), encoding="utf-8")
    return file


def _draw_all(chromium: browser.Browser) -> None:
    chromium.wait("document.querySelectorAll('figure.plot').length > 0")
    chromium.wait(
        "[...document.querySelectorAll('figure.plot')].every((f) => 'drawn' in f.dataset"
        " && f.querySelector('.main-svg'))"
    )


def _column(chromium: browser.Browser, number: int) -> list[str]:
    """Texts of a column of the table of cases, of the rows that can be seen."""
    told: list[str] = chromium.eval(
        "[...document.querySelectorAll('#cases tbody tr:not([hidden])')]"
        f".map((row) => row.cells[{number}].textContent.trim())"
    )
    return told


def test_draws_every_plot_without_an_error_and_without_asking_for_anything(
    chromium: browser.Browser, page: Path
) -> None:
    chromium.open(page, hash_="?all")
    _draw_all(chromium)
    assert chromium.problems == []
    drawn = chromium.eval("[...document.querySelectorAll('figure.plot')].map((f) => f.id)")
    expected = {"latency", "speedup", "strips", "ecdf", "timeline", "memory", "agreement"}
    assert {f"plot-{name}" for name in expected} == set(drawn)


def test_everything_that_can_be_told_is_there_and_drawn_without_an_error(
    chromium: browser.Browser, whole_page: Path
) -> None:
    chromium.open(whole_page, hash_="?all")
    _draw_all(chromium)
    assert chromium.problems == []
    sections = chromium.eval("[...document.querySelectorAll('main section')].map((s) => s.id)")
    assert sections == [
        *("summary", "changes", "budgets", "results", "latency", "speedup", "distribution"),
        *("timeline", "sustained", "placement", "operators", "memory", "front", "agreement"),
        *("remarks", "provenance"),
    ]
    drawn = chromium.eval("[...document.querySelectorAll('figure.plot')].map((f) => f.id)")
    more = ("changes", "operators", "placement", "sustained", "front")
    assert {f"plot-{name}" for name in more} <= set(drawn)
    names = chromium.eval("[...document.querySelectorAll('nav a')].map((a) => a.hash.slice(1))")
    assert names == sections
    rows = chromium.eval(
        "[...document.querySelectorAll('#plot-speedup .ytick text')].map((t) => t.textContent)"
    )
    named = "[...document.querySelectorAll('#plot-front .annotation-text')]"
    assert chromium.eval(f"{named}.map((t) => t.textContent)") == ["smallcnn_fp fp32 nnapi"]
    assert rows.count("nnapi, simulated") == 3  # a hollow mark alone says it to nobody


def test_draws_a_plot_only_once_it_comes_near(chromium: browser.Browser, page: Path) -> None:
    chromium.open(page, height=400)
    last = "document.getElementById('plot-agreement')"
    assert not chromium.eval(f"'drawn' in {last}.dataset")
    chromium.eval(f"{last}.scrollIntoView({{behavior: 'instant'}})")
    chromium.wait(f"'drawn' in {last}.dataset")


def test_a_click_on_a_head_sorts_by_value_and_leaves_what_is_absent_last(
    chromium: browser.Browser, page: Path
) -> None:
    chromium.open(page)
    head = "document.querySelectorAll('#cases thead button')[6]"
    assert chromium.eval(f"{head}.textContent") == "p50 ms"
    chromium.eval(f"{head}.click()")
    rising = _column(chromium, 6)
    numbers = [float(text) for text in rising if text != "-"]
    assert numbers == sorted(numbers)
    assert rising[-1] == "-"
    assert chromium.eval(f"{head}.closest('th').ariaSort") == "ascending"
    chromium.eval(f"{head}.click()")
    falling = _column(chromium, 6)
    assert [float(text) for text in falling if text != "-"] == sorted(numbers, reverse=True)
    assert falling[-1] == "-"
    assert chromium.eval("document.querySelectorAll('#cases th[aria-sort]').length") == 1


def test_filters_by_words_and_by_choice_and_says_how_many_are_left(
    chromium: browser.Browser, page: Path
) -> None:
    chromium.open(page)
    chromium.eval(
        "(() => { const find = document.querySelector('#cases .find');"
        "find.value = 'MOBILENET gpu'; find.dispatchEvent(new Event('input')); })()"
    )
    assert set(_column(chromium, 0)) == {"mobilenet_v1"}
    output = "document.querySelector('#cases output').textContent"
    assert chromium.eval(output) == "2 of 14"
    chromium.eval(
        "(() => { const only = [...document.querySelectorAll('#cases select')]"
        ".find((s) => s.closest('label').textContent.startsWith('Origin'));"
        "only.value = 'SIMULATED'; only.dispatchEvent(new Event('change')); })()"
    )
    assert _column(chromium, 5) == ["SIMULATED"]
    assert chromium.eval(output) == "1 of 14"


def test_a_link_leads_to_a_case_even_if_it_is_filtered_away(
    chromium: browser.Browser, page: Path
) -> None:
    anchor = _anchor(page, "resnet34-int8-nnapi")
    chromium.open(page, hash_=f"#{anchor}")
    assert chromium.eval("document.querySelector(':target').tagName") == "TR"
    in_sight = (
        "(() => { const box = document.querySelector(':target').getBoundingClientRect();"
        " return box.top >= 0 && box.bottom <= innerHeight; })()"
    )
    chromium.wait(in_sight)
    chromium.eval(
        "(() => { const find = document.querySelector('#cases .find');"
        "find.value = 'mobilenet'; find.dispatchEvent(new Event('input'));"
        f"location.hash = ''; location.hash = '{anchor}'; }})()"
    )
    chromium.wait("!document.querySelector(':target').hidden")


def _anchor(page: Path, start: str) -> str:
    text = page.read_text(encoding="utf-8")
    place = text.index(f'<tr id="case-{start}')
    return text[place + len('<tr id="') :].partition('"')[0]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_follows_the_system_from_light_to_dark_with_its_plots(
    chromium: browser.Browser, page: Path, scheme: str
) -> None:
    chromium.prefer(scheme)
    chromium.open(page, hash_="?all")
    _draw_all(chromium)
    body = _brightness(chromium, "document.body", "backgroundColor")
    text = _brightness(chromium, "document.body", "color")
    paper = _brightness(chromium, "document.querySelector('#plot-latency .main-svg')", "background")
    if scheme == "dark":
        assert body < 60 < 180 < text
        assert paper < 60
    else:
        assert text < 60 < 200 < body
        assert paper > 200
    chromium.prefer("light")


def test_the_button_changes_the_theme_whatever_the_system_says(
    chromium: browser.Browser, page: Path
) -> None:
    chromium.prefer("light")
    chromium.open(page, hash_="?all")
    _draw_all(chromium)
    chromium.eval("document.getElementById('theme').click()")
    assert _brightness(chromium, "document.body", "backgroundColor") < 60
    chromium.wait(
        "getComputedStyle(document.querySelector('#plot-latency .main-svg'))"
        ".backgroundColor !== 'rgb(255, 255, 255)'"
    )
    assert chromium.eval("document.getElementById('theme').ariaLabel") == "Light theme"


def _brightness(chromium: browser.Browser, element: str, what: str) -> float:
    colour = chromium.eval(f"getComputedStyle({element}).{what}.match(/[\\d.]+/g).slice(0, 3)")
    return sum(map(float, colour)) / 3


@pytest.mark.parametrize("which", ["page", "hostile_page", "whole_page"])
def test_no_width_scrolls_sideways(
    chromium: browser.Browser, request: pytest.FixtureRequest, which: str
) -> None:
    chromium.open(request.getfixturevalue(which), hash_="?all")
    _draw_all(chromium)
    for width in (1920, 1280, 768, 390):
        chromium.resize(width, 900)
        chromium.wait(f"innerWidth === {width}")
        chromium.wait(f"document.documentElement.scrollWidth <= {width}")
    plots = "[...document.querySelectorAll('.canvas')].map((c) => c.getBoundingClientRect().right)"
    assert max(chromium.eval(plots)) <= 390


def test_names_that_would_do_harm_are_text_and_nothing_else(
    chromium: browser.Browser, hostile_page: Path
) -> None:
    chromium.open(hostile_page, hash_="?all")
    _draw_all(chromium)
    plotted = chromium.eval("document.querySelector('#plot-latency .canvas').textContent")
    for name in HOSTILE[:4]:
        assert f"{name} int8" in plotted
    for figure in chromium.eval("[...document.querySelectorAll('figure.plot')].map((f) => f.id)"):
        chromium.eval(
            f"document.querySelector('#{figure} details').open = true;"
            f"document.querySelectorAll('#{figure} select option').forEach((option) => {{"
            "  option.parentElement.value = option.value;"
            "  option.parentElement.dispatchEvent(new Event('change')); })"
        )
    chromium.wait("document.querySelector('#plot-latency .made td')")
    hover = (
        "(() => { const canvas = document.querySelector('#plot-latency .canvas');"
        " canvas.scrollIntoView({behavior: 'instant'});"
        " const places = canvas.data.flatMap((t, c) => t.mode ? t.x.map((_, p) => [c, p]) : []);"
        " for (const [curveNumber, pointNumber] of places)"
        "   Plotly.Fx.hover(canvas, [{curveNumber, pointNumber}]); return places.length; })()"
    )
    assert chromium.eval(hover) > 10
    assert chromium.eval("typeof hacked") == "undefined"
    assert chromium.problems == []  # a script that the policy stopped would be one
    harm = (
        "document.querySelectorAll('main img, main a[href^=javascript], [onerror], [onload],"
        " header *:not(h1, p, button)').length"
    )
    assert chromium.eval(harm) == 0
    shown = chromium.eval("document.getElementById('cases').textContent")
    for name in HOSTILE[:6]:
        assert name.split("\u2028")[0].strip() in shown
    assert "\u202e" not in chromium.eval("document.body.textContent")


def test_a_model_named_like_a_colour_keeps_its_name(
    chromium: browser.Browser, hostile_page: Path
) -> None:
    chromium.open(hostile_page, hash_="?all")
    _draw_all(chromium)
    assert "--npu int8" in chromium.eval("document.getElementById('plot-latency').textContent")


def test_every_plot_can_be_read_as_a_table(chromium: browser.Browser, page: Path) -> None:
    chromium.open(page, hash_="?all")
    _draw_all(chromium)
    chromium.eval("document.querySelectorAll('details.as-table').forEach((d) => (d.open = true))")
    chromium.wait(
        "[...document.querySelectorAll('details.as-table')].every((d) => d.querySelector('td'))"
    )
    told = chromium.eval(
        "[...document.querySelectorAll('#plot-strips .made tbody tr')][0].textContent"
    )
    assert "resnet34 int8" in told


def test_plots_can_be_saved_as_png_and_svg(chromium: browser.Browser, page: Path) -> None:
    chromium.open(page, hash_="?all")
    _draw_all(chromium)
    for kind, start in (("png", "data:image/png;base64,"), ("svg", "data:image/svg+xml")):
        url: Any = chromium.eval(
            "Plotly.toImage(document.querySelector('#plot-latency .canvas'),"
            f" {{format: '{kind}', width: 600, height: 400}})"
        )
        assert url.startswith(start)
    labels = chromium.eval(
        "[...document.querySelectorAll('#latency .save button')].map((b) => b.ariaLabel)"
    )
    assert labels == ["Save Latency by delegate as PNG", "Save Latency by delegate as SVG"]
    assert chromium.problems == []


def test_the_keyboard_reaches_the_content_first_and_its_place_can_be_seen(
    chromium: browser.Browser, page: Path
) -> None:
    chromium.open(page)
    chromium.press("Tab")
    assert chromium.eval("document.activeElement.textContent") == "Skip to the results"
    assert chromium.eval("document.activeElement.getBoundingClientRect().left") >= 0
    chromium.press("Enter")
    chromium.wait("location.hash === '#main'")
    chromium.press("Tab")
    outline = "getComputedStyle(document.activeElement).outlineStyle"
    assert chromium.eval("document.activeElement.closest('main') !== null")
    assert chromium.eval(outline) == "solid"


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(
    chromium: browser.Browser, whole_page: Path, scheme: str, width: int
) -> None:
    axe = files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")
    chromium.prefer(scheme)
    chromium.open(whole_page, width=width, hash_="?all")
    _draw_all(chromium)
    chromium.eval(axe)
    found = chromium.eval(
        "axe.run(document).then((told) => told.violations.map((v) =>"
        " [v.id, v.impact, v.nodes.length, v.nodes[0].html.slice(0, 200),"
        " v.nodes[0].failureSummary]))"
    )
    chromium.prefer("light")
    assert [v for v in found if v[1] in ("serious", "critical")] == []


def test_prints_with_every_plot_and_without_what_only_a_screen_needs(
    chromium: browser.Browser, page: Path
) -> None:
    chromium.prefer("dark")
    chromium.open(page, height=400)
    chromium.eval(
        "addEventListener('beforeprint', () => {"
        " window.printed = [document.documentElement.dataset.theme,"
        " document.querySelectorAll('figure.plot:not([data-drawn])').length]; })"
    )
    assert chromium.pdf().startswith(b"%PDF")
    assert chromium.eval("printed") == ["light", 0]
    assert chromium.eval("document.documentElement.dataset.theme ?? 'system'") == "system"
    chromium.prefer("dark", media="print")
    hidden = (
        "['nav', '.tools', '#theme'].map((each) =>"
        " getComputedStyle(document.querySelector(each)).display)"
    )
    assert chromium.eval(hidden) == ["none"] * 3
    chromium.prefer("light")
