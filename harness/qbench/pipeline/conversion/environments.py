"""Python environments of their own for steps whose frameworks cannot live with the others.

They lie in the user's cache folder, are made once, and are used again. `litert-torch` wants a
typing-extensions that current pydantic refuses, onnx2tf wants an old NumPy, and each brings
gigabytes that only one step needs.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path

import msgspec

from qbench.errors import InputError, RunnerCrashedError
from qbench.models import cache_dir

_READY = "qbench-ready.json"
_TAIL = 2000


class Recipe(msgspec.Struct, frozen=True):
    """What is installed. `modules` are what a step imports: where they are, no environment is
    made. `why`: a line for people."""

    requirements: tuple[str, ...]
    modules: tuple[str, ...]
    why: str


_COMMON = ("msgspec>=0.19", "numpy>=1.26", "Pillow>=10", "scipy>=1.13")
RECIPES: Mapping[str, Recipe] = {
    "litert-torch": Recipe(
        ("torch==2.13.0", "litert-torch==0.10.0", *_COMMON),
        ("torch", "litert_torch"),
        "PyTorch -> TFLite directly; about 2.4 GB",
    ),
    "tensorflow": Recipe(
        (
            "tensorflow-cpu==2.21.0" if sys.platform == "linux" else "tensorflow==2.21.0",
            *_COMMON,
        ),
        ("tensorflow",),
        "Keras and SavedModel -> TFLite; about 1.5 GB",
    ),
    # The last onnx2tf for Python 3.11; from 2.0 on it needs 3.12, and quantizes wrongly.
    "onnx2tf": Recipe(
        ("torch==2.13.0", "onnx", "onnxscript", "onnx2tf==1.29.24", *_COMMON),
        ("torch", "onnx", "onnx2tf"),
        "PyTorch -> ONNX -> TensorFlow -> TFLite; about 3.4 GB",
    ),
}


class Environment(msgspec.Struct, frozen=True):
    """One that is on disk. `is_ready`: its installation was finished."""

    name: str
    path: str
    is_ready: bool
    requirements: tuple[str, ...]
    disk_bytes: int


def root(environ: Mapping[str, str] = os.environ) -> Path:
    return cache_dir(environ).parent / "envs"


def folder(name: str, recipe: Recipe, environ: Mapping[str, str] = os.environ) -> Path:
    """Where environment `name` lies: another recipe or Python is another folder."""
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    content = "\n".join((version, *recipe.requirements))
    return root(environ) / f"{name}-{hashlib.sha256(content.encode()).hexdigest()[:8]}"


def python(name: str, say: Callable[[str], None], recipes: Mapping[str, Recipe] = RECIPES) -> Path:
    """The interpreter that has recipe `name`'s modules: this one, or that of an environment,
    which is made if it is not there. `say` is told what takes minutes.

    Raises InputError when it cannot be made.
    """
    recipe = recipes[name]
    if all(_is_here(module) for module in recipe.modules):
        return Path(sys.executable)
    path = folder(name, recipe)
    program = path / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if (path / _READY).is_file() and program.is_file():
        return program
    say(f"making an environment of its own for {name}: {recipe.why} (qbench env shows it)")
    try:
        shutil.rmtree(path, ignore_errors=True)  # what an interrupted installation left
        venv.create(path, with_pip=True, symlinks=os.name != "nt")
    except (OSError, subprocess.CalledProcessError) as error:
        raise InputError(f"{path}: the environment cannot be made: {error}") from error
    done = subprocess.run(
        (str(program), "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
         *recipe.requirements),
        capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    if done.returncode:
        shutil.rmtree(path, ignore_errors=True)
        raise InputError(
            f"{name}: pip could not install {' '.join(recipe.requirements)}: "
            f"{_last_line(done.stderr)}",
            hint="a network, or a package index that pip knows, is needed once",
        )
    (path / _READY).write_bytes(msgspec.json.encode({"name": name, **msgspec.to_builtins(recipe)}))
    return program


def run(program: Path, module: str, request: bytes, say: Callable[[str], None]) -> None:
    """`program -m module` with `request` on its stdin, and this qbench on its path.

    Lines that it prints on stdout are handed to `say`. Raises InputError with the line it prints
    after `error: `, RunnerCrashedError when it dies otherwise.
    """
    here = str(Path(__file__).resolve().parents[3])
    environment = {**os.environ, "PYTHONPATH": here, "CUDA_VISIBLE_DEVICES": "-1"}
    environment["PATH"] = f"{program.parent}{os.pathsep}{environment.get('PATH', '')}"
    with subprocess.Popen(
        (str(program), "-m", module),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=environment,
    ) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdin.write(request)
        child.stdin.close()
        said: list[str] = []
        for raw in child.stdout:
            line = raw.decode("utf-8", "replace").rstrip()
            said.append(line)
            if line.startswith("step: "):
                say(line.removeprefix("step: "))
    if child.returncode:
        wrong = [line for line in said if line.startswith("error: ")]
        if wrong:
            raise InputError(wrong[-1].removeprefix("error: "))
        told = "\n".join(said)[-_TAIL:]
        raise RunnerCrashedError(
            f"{module}: ended with {child.returncode}: {_last_line(told)}", hint=told
        )


def found() -> tuple[Environment, ...]:
    """All environments on disk."""
    folders = sorted(p for p in root().iterdir() if p.is_dir()) if root().is_dir() else []
    return tuple(_look(path) for path in folders)


def remove(name: str) -> tuple[Environment, ...]:
    """Delete those of recipe `name`, or all for `all`; return them. Raises InputError for a name
    that none has."""
    chosen = tuple(e for e in found() if name in ("all", e.name))
    if not chosen and name != "all":
        raise InputError(f"{name}: there is no such environment", hint="qbench env list")
    for environment in chosen:
        shutil.rmtree(environment.path)
    return chosen


def _look(path: Path) -> Environment:
    name = path.name.rpartition("-")[0]
    try:
        body = msgspec.json.decode((path / _READY).read_bytes())
        requirements, is_ready = tuple(body["requirements"]), True
    except (OSError, msgspec.MsgspecError, KeyError):
        requirements, is_ready = (), False
    used = sum(p.lstat().st_size for p in path.rglob("*") if not p.is_symlink() and p.is_file())
    return Environment(name, str(path), is_ready, requirements, used)


def _is_here(module: str) -> bool:
    return find_spec(module) is not None


def _last_line(text: str) -> str:
    lines: Sequence[str] = [line for line in text.splitlines() if line.strip()]
    return lines[-1][:300] if lines else "it said nothing"
