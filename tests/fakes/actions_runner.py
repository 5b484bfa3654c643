"""GitHub's runner, as far as the `run:` steps of this project's actions need it.

What it does is what GitHub documents: expressions in `if`, `env` and outputs; one fresh bash per
step (`bash --noprofile --norc -eo pipefail FILE`); GITHUB_OUTPUT, GITHUB_STEP_SUMMARY. Steps that
`use` other actions are told, not performed.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import yaml

ROOT = Path(__file__).resolve().parents[2]
ACTION = ROOT / ".github/actions/qbench/action.yml"
WORKFLOW = ROOT / ".github/workflows/qbench.yml"
_EXPRESSION = re.compile(r"\$\{\{(.*?)\}\}", re.DOTALL)
_TOKEN = re.compile(r"'[^']*'|[A-Za-z_][\w.-]*(?:\(\))?|&&|\|\||==|!=|!|\(|\)")


class Ran(NamedTuple):
    """`failed` names the step that failed; later ones ran only if their `if` said so."""

    steps: tuple[str, ...]
    failed: str | None
    outputs: dict[str, dict[str, str]]
    summary: str
    log: str


def load(path: Path) -> dict[str, Any]:
    """YAML as GitHub reads it: `on` is a word, not a truth value."""
    found: dict[Any, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return {("on" if key is True else key): value for key, value in found.items()}


def evaluate(text: str, context: Mapping[str, str], *, failed: bool = False) -> str:
    """The value of an expression without its `${{ }}`; what is not there is empty."""

    def spell(match: re.Match[str]) -> str:
        word = match[0]
        functions = {"always()": True, "cancelled()": False, "success()": not failed}
        signs = {"&&": "and", "||": "or", "!": "not"}
        if word in signs:
            return f" {signs[word]} "
        if word in functions:
            return str(functions[word])
        return word if word[0] in "'()=!" else repr(context.get(word, ""))

    left = _TOKEN.sub("", text).strip()
    assert not left, f"this runner does not know {left!r} in {text!r}"
    value = eval(_TOKEN.sub(spell, text).strip(), {"__builtins__": {}})
    return str(value).lower() if isinstance(value, bool) else str(value)


def fill(text: object, context: Mapping[str, str]) -> str:
    return _EXPRESSION.sub(lambda match: evaluate(match[1], context), str(text))


def condition(step: Mapping[str, Any], context: Mapping[str, str], *, failed: bool) -> bool:
    """May the step run? Without a function of its own, only when nothing has failed."""
    text = str(step.get("if", "success()"))
    text = text.strip().removeprefix("${{").removesuffix("}}")
    if not re.search(r"\b(always|cancelled|success|failure)\(\)", text):
        text = f"success() && ({text})"
    return evaluate(text, context, failed=failed) not in ("", "false")


def run_steps(
    steps: Sequence[Mapping[str, Any]],
    context: Mapping[str, str],
    *,
    cwd: Path,
    temp: Path,
    environment: Mapping[str, str],
    without: Sequence[str] = (),
) -> Ran:
    """`without`: names of steps that need a network."""
    ran: list[str] = []
    outputs: dict[str, dict[str, str]] = {}
    failed: str | None = None
    log = ""
    summary = temp / "summary.md"
    summary.touch()
    known = dict(context) | {"runner.temp": str(temp)}
    for number, step in enumerate(steps):
        name = str(step.get("name", step.get("id", number)))
        may = condition(step, known, failed=failed is not None)
        if "run" not in step or name in without or not may:
            continue
        told = temp / f"output-{number}"
        told.touch()
        script = temp / f"step-{number}.sh"
        script.write_text(step["run"], encoding="utf-8")
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", str(script)],
            cwd=cwd,
            env={
                **environment,
                **{key: fill(value, known) for key, value in step.get("env", {}).items()},
                "GITHUB_OUTPUT": str(told),
                "GITHUB_STEP_SUMMARY": str(summary),
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=300,
        )
        ran.append(name)
        log += f"== {name}: {done.returncode}\n{done.stdout}"
        pairs = [line.partition("=") for line in told.read_text(encoding="utf-8").splitlines()]
        if "id" in step:
            outputs[step["id"]] = {key: value for key, _, value in pairs}
            known |= {f"steps.{step['id']}.outputs.{key}": value for key, _, value in pairs}
        if done.returncode and failed is None:
            failed = name
    return Ran(tuple(ran), failed, outputs, summary.read_text(encoding="utf-8"), log)


def inputs_of(action: Mapping[str, Any], **given: str) -> dict[str, str]:
    """The context `inputs`, with the action's defaults."""
    named = {name.replace("_", "-"): value for name, value in given.items()}
    unknown = set(named) - set(action["inputs"])
    assert not unknown, f"no inputs: {unknown}"
    defaults = {name: str(each.get("default", "")) for name, each in action["inputs"].items()}
    return {f"inputs.{name}": value for name, value in (defaults | named).items()}


def with_programs(folder: Path, environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The same environment, with the programs of `folder` before all others."""
    return {**environment, "PATH": f"{folder}{os.pathsep}{environment['PATH']}"}
