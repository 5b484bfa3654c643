"""The action and the workflow: their shell is run, on this machine and on a virtual device."""

from __future__ import annotations

import json
import re
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fakes import tiny_models
from fakes.actions_runner import (
    ACTION,
    ROOT,
    WORKFLOW,
    Ran,
    condition,
    evaluate,
    inputs_of,
    load,
    run_steps,
    with_programs,
)
from fakes.desk import Desk
from fakes.virtual_phones import adb_of
from qbench.virtual import instances

OFFLINE = ("Install qbench", "Install what a virtual device needs")  # left out: they need a network
PINNED = re.compile(r"[\w.-]+/[\w./-]+@[0-9a-f]{40}")
FEW = "--repetitions 5 --threads 1"


def scripts() -> dict[str, str]:
    """Every `run:` there is."""
    action, workflow = load(ACTION), load(WORKFLOW)
    steps = [*action["runs"]["steps"]]
    for job in workflow["jobs"].values():
        steps += job["steps"]
    return {step.get("name", "?"): step["run"] for step in steps if "run" in step}


def git(folder: Path, *words: str) -> str:
    identity = ("-c", "user.name=t", "-c", "user.email=t@example.org")
    done = subprocess.run(
        ["git", *identity, *words], cwd=folder, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Two commits: `nets/net.tflite` is much slower in the second, `nets/new.tflite` is new."""
    folder = tmp_path / "repository"
    (folder / "nets").mkdir(parents=True)
    git(folder, "init", "--quiet", "--initial-branch=main")
    for name, layers in (("net", 2), ("net", 12), ("new", 2)):
        tiny_models.conv_model(folder / f"nets/{name}.tflite", layers=layers)
        git(folder, "add", ".")
        git(folder, "commit", "--quiet", "--message", f"{name} of {layers}")
    return folder


def perform(folder: Path, *, base: str = "", environment: dict[str, str], **inputs: str) -> Ran:
    action = load(ACTION)
    temp = folder.parent / "temp"
    temp.mkdir(exist_ok=True)
    return run_steps(
        action["runs"]["steps"],
        inputs_of(action, baseline=base, **inputs),
        cwd=folder,
        temp=temp,
        environment=environment,
        without=OFFLINE,
    )


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """That of this process, with this Python's programs first, and nothing attached."""
    monkeypatch.setenv("ANDROID_ADB_SERVER_PORT", "1")
    return with_programs(Path(sys.executable).parent)


def test_base_and_head_are_measured_compared_and_told(
    repository: Path, environment: dict[str, str]
) -> None:
    ran = perform(
        repository,
        base="HEAD~2",
        models="nets/*.tflite",
        arguments=FEW,
        environment=environment,
    )
    assert ran.steps == ("Measure", "Tell", "Judge"), ran.log
    assert ran.summary.startswith("<!-- qbench host -->\n### `qbench (host), beside HEAD~2`")
    assert "(`candidate` beside `baseline`, p50)" in ran.summary
    assert "| `new fp32` |" in ran.summary
    folder = Path(ran.outputs["measure"]["folder"])
    assert (folder / "comment.md").read_text() == ran.summary
    assert (folder / "report.html").read_text().startswith("<!doctype html>")
    counts = json.loads((folder / "comparison.json").read_text())["counts"]
    if counts == {"refused": 1}:  # somebody disturbed this machine during one of the two
        assert "other taints" in ran.summary
        assert (ran.failed, "::warning::1 comparisons were refused" in ran.log) == (None, True)
    else:
        assert counts == {"slower": 1}
        assert ran.failed == "Judge"


@pytest.mark.parametrize(
    ("found", "fail_on", "failed", "told"),
    [
        ({"has_regression": True, "counts": {"slower": 1}}, "regression", "Judge", "::error::"),
        ({"has_regression": True, "counts": {"slower": 1}}, "budget", None, ""),
        ({"has_regression": False, "counts": {"same": 2}}, "regression", None, ""),
        ({"has_regression": False, "counts": {"refused": 2}}, "regression", None, "::warning::2"),
    ],
)
def test_a_regression_fails_the_job_and_a_refusal_is_a_warning(
    tmp_path: Path,
    environment: dict[str, str],
    found: dict[str, object],
    fail_on: str,
    failed: str | None,
    told: str,
) -> None:
    (tmp_path / "comparison.json").write_text(json.dumps(found))
    action = load(ACTION)
    known = {"candidate": "0", "folder": str(tmp_path)}
    context = inputs_of(action, fail_on=fail_on)
    context |= {f"steps.measure.outputs.{name}": value for name, value in known.items()}
    (judge,) = [step for step in action["runs"]["steps"] if step["name"] == "Judge"]
    ran = run_steps([judge], context, cwd=tmp_path, temp=tmp_path, environment=environment)
    assert ran.failed == failed, ran.log
    assert told in ran.log


def test_without_a_baseline_there_is_a_summary_and_no_comparison(
    repository: Path, environment: dict[str, str]
) -> None:
    ran = perform(
        repository,
        models="smallcnn nets/new.tflite",
        arguments="--repetitions 1 --threads 1 --precision int8",
        environment=environment,
    )
    assert (ran.failed, ran.outputs["measure"]["candidate"]) == (None, "0"), ran.log
    assert "smallcnn" in ran.summary
    assert "`baseline`" not in ran.summary
    assert not (Path(ran.outputs["measure"]["folder"]) / "comparison.json").exists()


@pytest.mark.parametrize(
    ("base", "told"),
    [
        ("f" * 40, "::warning::" + "f" * 40 + " is not fetched"),
        ("HEAD~1", "::notice::HEAD~1 has none of these models"),
    ],
)
def test_a_baseline_that_cannot_be_measured_is_told_and_fails_nothing(
    repository: Path, environment: dict[str, str], base: str, told: str
) -> None:
    ran = perform(
        repository,
        base=base,
        models="nets/new.tflite",
        arguments="--repetitions 1",
        environment=environment,
    )
    assert told in ran.log
    assert ran.failed is None
    assert ran.summary


def test_a_broken_budget_fails_the_job_after_it_was_told(
    repository: Path, environment: dict[str, str]
) -> None:
    asked = {"models": "nets/new.tflite", "arguments": "--repetitions 1 --budget p50<=1us"}
    ran = perform(repository, fail_on="budget", environment=environment, **asked)
    assert (ran.failed, ran.outputs["measure"]["candidate"]) == ("Judge", "1"), ran.log
    assert "p50&lt;=1us" in ran.summary or "p50<=1us" in ran.summary
    action = load(ACTION)
    (judge,) = [step for step in action["runs"]["steps"] if step["name"] == "Judge"]
    assert not condition(judge, inputs_of(action, fail_on="never"), failed=False)


def test_a_model_that_is_not_there_fails_the_job_with_qbenchs_words(
    repository: Path, environment: dict[str, str]
) -> None:
    ran = perform(repository, models="nets/gone.tflite", environment=environment)
    assert (ran.failed, ran.summary) == ("Measure", "")
    assert "error: nets/gone.tflite: cannot be read" in ran.log


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with adb_of("36", tmp_path / "desk") as adb:
        yield Desk(adb, tmp_path / "desk")
        for instance in instances.running():
            instances.stop(instance.serial)


def test_on_a_virtual_device_the_numbers_say_emulated_and_it_is_stopped(
    repository: Path, desk: Desk
) -> None:
    ran = perform(
        repository,
        place="virtual",
        models="nets/new.tflite",
        arguments="--repetitions 1 --rest 0 --delegate gpu --threads 1",
        environment=with_programs(Path(sys.executable).parent, desk.environment),
    )
    assert ran.steps == (
        "Start a virtual device",
        "Measure",
        "Tell",
        "Stop the virtual device",
        "Judge",
    ), ran.log
    assert ran.failed is None, ran.log
    assert "EMULATED" in ran.summary
    assert ran.summary.startswith("<!-- qbench virtual -->")
    assert not instances.running()


# -- commenting

GH = """#!/usr/bin/env python3
import json, os, sys
body = [open(w.removeprefix("body=@")).read() for w in sys.argv if w.startswith("body=@")]
with open(os.environ["CALLS"], "a") as calls:
    print(json.dumps([sys.argv[1:], body, os.environ.get("MARK")]), file=calls)
if "--jq" in sys.argv and os.environ["MARK"] == os.environ["OLD"]:
    print("4711")
"""


def commented(tmp_path: Path, old: str = "") -> list[list[Any]]:
    """What the comment step asks of `gh` (a stand-in that writes it down)."""
    (tmp_path / "bin").mkdir()
    gh = tmp_path / "bin" / "gh"
    gh.write_text(GH)
    gh.chmod(gh.stat().st_mode | stat.S_IXUSR)
    for place in ("host", "virtual"):
        told = tmp_path / "work" / "told" / f"qbench-{place}"
        told.mkdir(parents=True)
        (told / "comment.md").write_text(f'<!-- qbench {place} -->\n### it\'s `$(id)` "here"\n')
    calls = tmp_path / "calls"
    environment = {**with_programs(tmp_path / "bin"), "CALLS": str(calls), "OLD": old}
    context = {
        "github.token": "not-to-be-printed",
        "github.repository": "somebody/nets",
        "github.event.pull_request.number": "7",
    }
    steps = load(WORKFLOW)["jobs"]["comment"]["steps"]
    ran = run_steps(steps, context, cwd=tmp_path / "work", temp=tmp_path, environment=environment)
    assert (ran.steps, ran.failed) == (("Comment",), None), ran.log
    assert "not-to-be-printed" not in ran.log
    return [json.loads(line) for line in calls.read_text().splitlines()]


def test_a_first_comment_is_posted_for_each_place(tmp_path: Path) -> None:
    posted = [call for call in commented(tmp_path) if "POST" in call[0]]
    assert [call[0][4] for call in posted] == ["repos/somebody/nets/issues/7/comments"] * 2
    assert [call[1][0].splitlines()[0] for call in posted] == [
        "<!-- qbench host -->",
        "<!-- qbench virtual -->",
    ]


def test_a_later_comment_replaces_the_earlier_one_of_its_place(tmp_path: Path) -> None:
    calls = commented(tmp_path, old="<!-- qbench host -->")
    patched = [call for call in calls if "PATCH" in call[0]]
    assert [call[0][4] for call in patched] == ["repos/somebody/nets/issues/comments/4711"]
    assert len([call for call in calls if "POST" in call[0]]) == 1


def test_the_job_that_may_write_runs_no_code_of_the_pull_request_and_not_for_forks() -> None:
    workflow = load(WORKFLOW)
    assert workflow["permissions"] == {}
    measure, comment = workflow["jobs"]["measure"], workflow["jobs"]["comment"]
    assert measure["permissions"] == {"contents": "read"}
    assert comment["permissions"] == {"pull-requests": "write"}
    used = [step["uses"].partition("@")[0] for step in comment["steps"] if "uses" in step]
    assert used == ["actions/download-artifact"], "no checkout, hence nothing of the branch runs"
    assert set(workflow["on"]) == {"pull_request", "workflow_dispatch"}, "never pull_request_target"

    def runs(event: str, head: str) -> bool:
        context = {
            "github.event_name": event,
            "github.event.pull_request.head.repo.full_name": head,
            "github.repository": "somebody/nets",
        }
        return condition(comment, context, failed=True)

    assert runs("pull_request", "somebody/nets")
    assert not runs("pull_request", "stranger/nets")
    assert not runs("workflow_dispatch", "")


# -- what can be seen without running


def test_every_action_is_pinned_to_a_commit_with_its_version_beside_it() -> None:
    for path in (ACTION, WORKFLOW):
        for line in path.read_text(encoding="utf-8").splitlines():
            _, found, used = line.partition("uses: ")
            if found and not used.startswith("./"):
                assert PINNED.fullmatch(used.split(" # v")[0]), used
                assert re.search(r" # v\d+\.\d+\.\d+$", used), used


def test_no_expression_stands_in_shell_so_that_no_name_can_become_code() -> None:
    for name, script in scripts().items():
        assert "${{" not in script, name


def test_no_secret_is_asked_for_and_nothing_echoes_the_token() -> None:
    for path in (ACTION, WORKFLOW):
        assert "secrets." not in path.read_text(encoding="utf-8")
    assert all("GH_TOKEN" not in script for script in scripts().values())


@pytest.mark.parametrize("name", sorted(scripts()))
def test_the_shell_of_every_step_is_sound(name: str, tmp_path: Path) -> None:
    script = tmp_path / "step.sh"
    script.write_text(f"#!/usr/bin/env bash\nset -eo pipefail\n{scripts()[name]}")
    subprocess.run(["bash", "-n", script], check=True)
    if shutil.which("shellcheck"):
        subprocess.run(["shellcheck", script], check=True)


def test_the_steps_that_are_not_run_here_are_only_those_that_need_a_network() -> None:
    assert set(OFFLINE) <= set(scripts())
    for name in OFFLINE:
        assert re.search(r"pip install|apt-get", scripts()[name])


def test_the_workflow_gives_the_action_only_what_it_takes_and_uses_what_it_gives() -> None:
    action, workflow = load(ACTION), load(WORKFLOW)
    (step,) = [s for s in workflow["jobs"]["measure"]["steps"] if s.get("id") == "qbench"]
    assert set(step["with"]) <= set(action["inputs"])
    named = re.findall(r"steps\.qbench\.outputs\.(\w+)", WORKFLOW.read_text(encoding="utf-8"))
    assert set(named) <= set(action["outputs"])
    assert list(ROOT.glob(step["with"]["models"])), "the models are there"
    assert {"host", "virtual"} == set(workflow["jobs"]["measure"]["strategy"]["matrix"]["place"])


def test_the_packages_are_those_that_the_tests_install_for_virtual_devices() -> None:
    words = (ROOT / "scripts/test").read_text(encoding="utf-8")
    installed = scripts()["Install what a virtual device needs"].split("recommends ")[1].split()
    packages = [word for word in installed if word.isalpha()]
    assert packages == ["adb", "mksh", "proot", "toybox"]
    assert all(f"{name}:{name}" in words for name in packages)


def test_expressions_of_the_runner_that_stands_in_are_githubs() -> None:
    context = {"inputs.place": "virtual", "inputs.profile": "sd865"}
    chosen = "inputs.place == 'virtual' && inputs.profile || 'host'"
    assert evaluate(chosen, context) == "sd865"
    assert evaluate(chosen, {}) == "host"
    assert evaluate("always() && !cancelled()", {}) == "true"
    with pytest.raises(AssertionError, match="does not know"):
        evaluate("a + 1", {})
