"""The wheel, installed where no checkout is, does the main job."""

from __future__ import annotations

import json
import subprocess
import sys
import venv
from pathlib import Path

CHECKOUT = Path(__file__).parent.parent


def _run(*command: str | Path, cwd: Path) -> str:
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
        env={"PATH": "/usr/bin:/bin", "HOME": str(cwd), "ANDROID_ADB_SERVER_PORT": "1"},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_wheel_in_a_clean_environment_finds_its_files_and_runs(tmp_path: Path) -> None:
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet")
    source = tmp_path / "source"
    # A copy, so that building leaves nothing in the checkout.
    subprocess.run(
        ["git", "-c", f"safe.directory={CHECKOUT}", "clone", "-q", CHECKOUT, source], check=True
    )
    _run(*pip, "wheel", "--no-deps", "--wheel-dir", tmp_path, source, cwd=tmp_path)
    (wheel,) = tmp_path.glob("tflite_qbench-*.whl")

    place = tmp_path / "venv"
    venv.create(place, with_pip=True)
    python = place / "bin" / "python"
    _run(python, "-m", "pip", "--disable-pip-version-check", "-q", "install", wheel, cwd=tmp_path)

    where = _run(python, "-c", "import qbench; print(qbench.__file__)", cwd=tmp_path)
    assert str(place) in where
    for name in ("device_profiles", "android_runner"):
        ask = f"from qbench import assets; print(assets.folder({name!r}))"
        assert str(place) in _run(python, "-c", ask, cwd=tmp_path)

    plugins = "from importlib.metadata import entry_points as e; print(*e(group='pytest11'))"
    assert "qbench.pytest_plugin" in _run(python, "-c", plugins, cwd=tmp_path)
    table = "qbench.simulate('smallcnn', device='sd865').frame()"
    ask = f"import qbench; print({table}['p50_us'].gt(0).sum())"
    assert _run(python, "-c", ask, cwd=tmp_path).strip() == "12"

    command = ("run", "--device", "sd865", "--delegate", "nnapi", "--repetitions", "1", "--json")
    body = json.loads(_run(place / "bin" / "qbench", *command, cwd=tmp_path))
    assert len(body["results"]) == 12
    assert all(result["p50_us"] > 0 for result in body["results"])
    tiers = {r["precision"]: r["tier"] for r in body["results"] if r["delegate"] == "nnapi"}
    assert (tiers["fp32"], tiers["int8"]) == ("S1", "S1"), "the anchors must travel along"
