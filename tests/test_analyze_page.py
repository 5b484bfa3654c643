"""The page of `qbench analyze` in a real Chromium: everything is drawn in both themes, nothing is
fetched, and no name can act."""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import pytest
from PIL import Image

from fakes import browser, classifiers
from qbench import cli
from qbench.pipeline.data import load
from qbench.pipeline.quantization import Options, quantize
from qbench.pipeline.tflite_file import sign
from qbench.records import Precision

PROGRAM = browser.program()
pytestmark = pytest.mark.skipif(
    PROGRAM is None, reason="NO CHROMIUM on the PATH: scripts/test installs it (apt: chromium)"
)
CLASSES = ("<img src=x onerror=hacked=1>", "--ink <b>light<i>")
NETWORK = "../</script><script>hacked=1</script>%{x}"
SECTIONS = ("accuracy", "confidence", "noise", "weights", "maps", "front", "time")


@pytest.fixture(scope="module")
def chromium() -> Iterator[browser.Browser]:
    assert PROGRAM is not None
    with browser.running(PROGRAM) as running:
        yield running


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of a SYNTHETIC data set and models whose names would do harm; with every picture."""
    folder = tmp_path_factory.mktemp("hostile")
    root = classifiers.pictures(folder / "set", per_class=3)
    for split in ("val", "test"):
        for before, after in zip(("dark", "light"), CLASSES, strict=True):
            path = (root / split / before).rename(root / split / after)
            (path / "0.png").rename(path / "%{y}<svg onload=hacked=1><b>.png")
    card = {"schema_version": 1, "synthetic": True, "origin": f"SYNTHETIC {CLASSES[0]}"}
    (root / "dataset.json").write_text(json.dumps(card))
    source = classifiers.brightness(folder / "net-fp32.tflite")
    pictures = tuple(Path(s.path) for s in load(root, need=()).splits["val"])
    made = [source]
    for scheme in (Precision.DYNAMIC, Precision.INT8):
        made.append(folder / f"net-{scheme}.tflite")
        quantize(source, Options(scheme=scheme), pictures, made[-1])
    for path in made:
        path.write_bytes(sign(path.read_bytes(), "test", {"network": NETWORK}))
    out = folder / "report"
    arguments = ("--data", str(root), "--out", str(out), "--jobs", "1", "--png")
    with pytest.raises(SystemExit) as ended:
        cli.main(["analyze", *map(str, made), *arguments])
    assert not ended.value.code
    return out


def opened(
    chromium: browser.Browser, report: Path, scheme: str = "light", width: int = 1280
) -> None:
    chromium.prefer(scheme)
    chromium.open(report / "report.html", width=width)
    chromium.wait(
        "[...document.querySelectorAll('.plot')].every((p) => 'drawn' in p.dataset"
        " && p.querySelector('.main-svg'))"
    )


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_all_is_drawn_fits_and_loads_nothing(
    chromium: browser.Browser, report: Path, scheme: str, width: int
) -> None:
    opened(chromium, report, scheme, width)
    found = chromium.eval("[...document.querySelectorAll('h2')].map((h) => h.id)")
    assert tuple(found) == SECTIONS
    assert chromium.eval("document.querySelectorAll('.plot').length") == 6
    # The page itself is never wider than the window; wide tables scroll by themselves.
    assert chromium.eval("document.documentElement.scrollWidth") <= width
    assert chromium.eval("document.documentElement.scrollWidth > 300")
    assert chromium.problems == []


def test_the_theme_can_be_chosen_and_charts_follow(chromium: browser.Browser, report: Path) -> None:
    opened(chromium, report)
    ink = "getComputedStyle(document.querySelector('.plot .xtick text')).fill"
    before = chromium.eval(ink)
    chromium.eval("document.getElementById('theme').click()")
    chromium.wait(f"{ink} !== '{before}'")
    assert chromium.eval("document.documentElement.className") == "dark"


def test_a_menu_shows_another_layer(chromium: browser.Browser, report: Path) -> None:
    opened(chromium, report)
    shown = "document.getElementById(document.querySelector('select').dataset.chart).data[0].y"
    total = f"{shown}.reduce((a, b) => a + b)"
    assert chromium.eval(total) == 44  # the whole model
    chromium.eval(
        "(() => { const m = document.querySelector('select'); m.selectedIndex = 1;"
        " m.dispatchEvent(new Event('change')); })()"
    )
    chromium.wait(f"{total} === 36")


def test_no_name_can_act_and_all_can_be_read(chromium: browser.Browser, report: Path) -> None:
    opened(chromium, report)
    assert chromium.eval("typeof hacked") == "undefined"
    assert (
        chromium.eval("document.querySelectorAll('main script, main [onerror], svg a').length") == 0
    )
    shown = chromium.eval("document.body.textContent")
    for name in (*CLASSES, NETWORK):
        assert name in shown
    assert chromium.problems == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(chromium: browser.Browser, report: Path, scheme: str) -> None:
    axe = files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")
    opened(chromium, report, scheme)
    chromium.eval(axe)
    found = chromium.eval(
        "axe.run(document).then((told) => told.violations.map((v) =>"
        " [v.id, v.impact, v.nodes.length, v.nodes[0].html.slice(0, 200),"
        " v.nodes[0].failureSummary]))"
    )
    assert [v for v in found if v[1] in ("serious", "critical")] == []


def test_every_section_and_every_picture_says_synthetic(report: Path) -> None:
    page = (report / "report.html").read_text(encoding="utf-8")
    assert page.count("<span class=tag>SYNTHETIC</span>") == len(SECTIONS)
    assert "<title>SYNTHETIC data: " in page
    pictures = sorted(report.glob("*.png"))
    # Four of feature maps and filters, six of charts; all stay in the folder.
    assert len(pictures) == 10
    assert {path.name.split("-")[0] for path in pictures} == {
        "confidence", "feature", "filters", "front", "noise", "time", "weights",
    }  # fmt: skip
    assert not list(report.parent.parent.glob("*.png"))
    for path in pictures:
        with Image.open(path) as image:
            assert len(image.convert("RGB").getcolors(1 << 20) or ()) > 5, path
