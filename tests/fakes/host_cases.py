"""Cases for the host backend, and programs that stand where its Python should be."""

from __future__ import annotations

import sys
from pathlib import Path

from qbench.records import Case, Delegate, Origin, Precision


def case_for(
    model: Path,
    *,
    threads: int = 1,
    xnnpack: bool = True,
    delegate: Delegate = Delegate.CPU,
    warmup_invokes: int = 2,
    warmup_s: float = 0.0,
    min_invokes: int = 5,
    min_s: float = 0.0,
    max_s: float = 5.0,
    timeout_s: float = 30.0,
    seed: int = 1,
) -> Case:
    return Case(
        case_id=f"{model.stem}-fp32-{delegate.value}-t{threads}@host",
        model=model.stem,
        model_path=str(model),
        model_sha256="0" * 64,
        precision=Precision.FP32,
        device="host",
        origin=Origin.HOST,
        delegate=delegate,
        threads=threads,
        warmup_invokes=warmup_invokes,
        warmup_s=warmup_s,
        min_invokes=min_invokes,
        min_s=min_s,
        max_s=max_s,
        timeout_s=timeout_s,
        seed=seed,
        xnnpack=xnnpack,
    )


def program(folder: Path, body: str) -> str:
    """A shell script that is started in place of Python, with the same arguments and stdin."""
    path = folder / f"program{len(list(folder.glob('program*')))}"
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return str(path)


def limited_python(folder: Path, limit: str) -> str:
    """The real Python under a resource limit: `-v KIB` of address space, `-t S` of CPU time."""
    return program(folder, f'ulimit -c 0\nulimit {limit}\nexec "{sys.executable}" "$@"')
