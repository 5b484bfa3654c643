"""`qbench report` as a user meets it: real processes over a session on disk."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from fakes import browser
from fakes.reports import a_session, stored
from qbench import modelfile, models
from qbench.pipeline.evaluation.records import Grade, Share, Subject
from qbench.records import Precision


def _report(*args: str | Path, **env: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "qbench", "report", *map(str, args)]
    return subprocess.run(
        command,
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A session of the built-in model, which is where its plan says, and of one that is not."""
    path = models.resolve("smallcnn", [Precision.INT8])[0]
    sha256 = modelfile.sha256(path)
    made = a_session(
        ("smallcnn", "gone"), runs=2, invokes=20, device="sd865", title="a phone", name="x"
    )

    here = {"model_path": str(path), "model_sha256": sha256}
    cases = tuple(
        msgspec.structs.replace(case, **here) if case.model == "smallcnn" else case
        for case in made.plan.cases
    )
    plan = msgspec.structs.replace(made.plan, cases=cases)
    folder = tmp_path_factory.mktemp("results")
    return stored(msgspec.structs.replace(made, plan=plan), folder).folder


def test_a_page_is_written_with_operators_placement_and_sustained_load(
    session: Path, tmp_path: Path
) -> None:
    out = tmp_path / "page.html"
    done = _report(session, "-o", out)
    assert (done.returncode, done.stdout.strip()) == (0, str(out)), done.stderr
    page = out.read_text(encoding="utf-8")
    for plot in ("plot-operators", "plot-placement", "plot-sustained", "plot-latency"):
        assert f'id="{plot}"' in page
    assert "/nowhere/gone is not there any more" in page


@pytest.mark.parametrize(
    ("form", "start"),
    [
        ("markdown", "### "),
        ("csv", "session,case_id,"),
        ("json", "{"),
        ("junit", "<?xml"),
        ("perfetto", '{"traceEvents":'),
        ("benchmark-action", "["),
        ("bencher", "{"),
    ],
)
def test_every_form_of_text_goes_to_stdout(session: Path, form: str, start: str) -> None:
    done = _report(session, "--format", form)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(start)


def test_parquet_and_overlays_are_files(session: Path, tmp_path: Path) -> None:
    file = tmp_path / "runs.parquet"
    assert _report(session, "--format", "parquet", "--per", "run", "-o", file).returncode == 0
    assert file.read_bytes()[:4] == b"PAR1"
    done = _report(session, "--format", "model-explorer", "-o", tmp_path / "overlays")
    made = [Path(line) for line in done.stdout.splitlines()]
    assert {path.name for path in made} == {
        f"smallcnn-int8-{delegate}-t4@sd865-sim.json" for delegate in ("cpu", "gpu", "nnapi")
    }
    assert all("results" in next(iter(json.loads(p.read_text()).values())) for p in made)


def test_a_baseline_adds_what_changed(session: Path, tmp_path: Path) -> None:
    out = tmp_path / "page.html"
    other = stored(
        a_session(("gone",), runs=6, invokes=20, device="sd865", title="a phone", name="y"),
        tmp_path / "results",
    ).folder
    done = _report(other, "--baseline", session, "-o", out, "--sustained", "no")
    assert done.returncode == 0, done.stderr
    assert 'id="changes"' in out.read_text(encoding="utf-8")


def test_accuracies_that_evaluate_printed_make_a_front(session: Path, tmp_path: Path) -> None:
    sha256 = modelfile.sha256(models.resolve("smallcnn", [Precision.INT8])[0])
    subject = Subject("smallcnn", Precision.INT8, "x.tflite", sha256, 1)
    share = Share(9, 10, 0.9, None)
    grade = Grade(
        subject=subject,
        accuracy=share,
        confusion=(),
        positive=None,
        sensitivity=None,
        specificity=None,
        auc=None,
        auc_interval=None,
        latency_us=None,
    )
    data = {"root": "/x/speckle", "split": "test", "is_synthetic": True}
    file = tmp_path / "accuracy.json"
    body = {"schema_version": 1, "data": data, "grades": [grade]}
    file.write_bytes(msgspec.json.encode(body))
    out = tmp_path / "page.html"
    done = _report(session, "--accuracy", file, "-o", out, "--sustained", "no")
    assert done.returncode == 0, done.stderr
    page = out.read_text(encoding="utf-8")
    assert 'id="plot-front"' in page
    assert "Accuracy on speckle, test, synthetic (10 inputs)" in page


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("nowhere",), "no session here"),
        (("SESSION", "SESSION"), "given twice"),
        (("SESSION", "--format", "parquet"), "name the file"),
        (("SESSION", "--format", "model-explorer"), "name a folder"),
        (("SESSION", "--format", "csv", "--png", "x.png"), "--png is a picture of the page"),
        (("SESSION", "--sustained", "soon"), "duration: 'soon' is not understood"),
        (("SESSION", "-o", "/nowhere/x.html", "--sustained", "no"), "choose another file"),
        (("SESSION", "--accuracy", "/nowhere.json"), "No such file"),
        (("SESSION", "--accuracy", "SESSION/plan.json"), "not what qbench evaluate --json prints"),
        ((), "Give the folder of a session"),
    ],
)
def test_wrong_input_is_told_with_exit_code_2(
    session: Path, args: tuple[str, ...], said: str
) -> None:
    done = _report(*(arg.replace("SESSION", str(session)) for arg in args))
    assert done.returncode == 2, done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_without_chromium_there_is_a_page_and_a_hint(session: Path, tmp_path: Path) -> None:
    out = tmp_path / "page.html"
    picture = tmp_path / "page.png"
    done = _report(session, "-o", out, "--png", picture, "--sustained", "no", PATH=str(tmp_path))
    assert done.returncode == 2
    assert "hint: install Chromium" in done.stderr
    assert out.is_file()
    assert not picture.exists()


@pytest.mark.skipif(browser.program() is None, reason="NO CHROMIUM on the PATH (apt: chromium)")
def test_a_picture_shows_the_whole_page(session: Path, tmp_path: Path) -> None:
    picture = tmp_path / "page.png"
    done = _report(session, "-o", tmp_path / "p.html", "--png", picture, "--sustained", "no")
    assert done.returncode == 0, done.stderr
    data = picture.read_bytes()
    assert data.startswith(b"\x89PNG")
    width, height = int.from_bytes(data[16:20]), int.from_bytes(data[20:24])
    assert width == 1280
    assert height > 3000


def test_help_does_not_import_plotly_or_duckdb() -> None:
    probe = (
        "import sys; from qbench.cli import main\n"
        "try: main(['report', '--help'])\n"
        "except SystemExit: pass\n"
        "print(sorted({'plotly', 'duckdb', 'pandas', 'numpy'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", probe], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.endswith("[]\n")
