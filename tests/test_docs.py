"""The documentation says what is so: its examples are run, its links lead somewhere."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from fakes.actions_runner import ACTION, ROOT, load

DOCS = ROOT / "docs"
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"(?<!!)\[[^\]\n]+\]\(([^)\s]+)\)")
_ENVIRONMENT = {"ANDROID_ADB_SERVER_PORT": "1"}  # where no server listens


def blocks(path: Path) -> list[tuple[str, str]]:
    """Language and text of each fenced block."""
    return _FENCE.findall(path.read_text(encoding="utf-8"))


def written() -> list[Path]:
    """Every text of the project."""
    listed = subprocess.run(
        ["git", "-c", f"safe.directory={ROOT}", "ls-files", "-co", "--exclude-standard", "*.md"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    return [ROOT / name for name in listed]


def perform(arguments: list[str], cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=cwd,
        env={**os.environ, **_ENVIRONMENT},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


def test_the_examples_of_the_python_api_run_and_print_what_they_say(tmp_path: Path) -> None:
    """All of them in one process, as a reader who types them; what is printed stands in order."""
    told = blocks(DOCS / "python.md")
    script = tmp_path / "examples.py"
    script.write_text("\n".join(text for language, text in told if language == "python"))
    done = perform(["-W", "error", str(script)], tmp_path)
    assert done.returncode == 0, done.stderr
    printed = [text for language, text in told if language == "text"]
    assert printed
    rest = done.stdout
    for text in printed:
        _, found, rest = rest.partition(text)
        assert found, f"not printed, or not in this order:\n{text}\n---\n{done.stdout}"


def test_the_examples_of_the_pytest_plugin_pass(tmp_path: Path) -> None:
    (example,) = [text for language, text in blocks(DOCS / "pytest.md") if language == "python"]
    (tmp_path / "test_example.py").write_text(example)
    done = perform(["-m", "pytest", "-q", "-p", "qbench.pytest_plugin"], tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "3 passed" in done.stdout


def test_the_example_of_a_workflow_uses_the_action_as_it_is() -> None:
    (example,) = [text for language, text in blocks(DOCS / "ci.md") if language == "yaml"]
    workflow, action = yaml.safe_load(example), load(ACTION)
    *_, step = workflow["jobs"]["measure"]["steps"]
    assert step["uses"].endswith("/.github/actions/qbench@COMMIT")
    assert set(step["with"]) <= set(action["inputs"])
    assert workflow["permissions"] == {}


@pytest.mark.parametrize("path", written(), ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_to_files_and_headings_that_are_there(path: Path) -> None:
    text = _FENCE.sub("", path.read_text(encoding="utf-8"))
    for link in _LINK.findall(text):
        if re.match(r"[a-z]+:", link):  # other sites: no network in tests
            continue
        name, _, anchor = link.partition("#")
        target = (path.parent / name).resolve() if name else path
        assert target.exists(), f"{path.name}: {link}"
        if anchor:
            assert anchor in anchors(target), f"{path.name}: {link}"


def anchors(path: Path) -> set[str]:
    """Of a text's headings, as GitHub makes them."""
    heads = re.findall(r"^#+ (.+)$", _FENCE.sub("", path.read_text(encoding="utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).strip().replace(" ", "-") for head in heads}


def test_every_text_in_docs_is_named_in_the_readme() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for path in DOCS.glob("*.md"):
        assert f"docs/{path.name}" in readme
