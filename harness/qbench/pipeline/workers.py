"""The same work for many things, in this process or spread over several."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

_T = TypeVar("_T")
_R = TypeVar("_R")

# Set before the children start: numpy's BLAS would give each of them a thread per core.
_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def processors() -> int:
    """How many this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def results(work: Callable[[_T], _R], todo: Sequence[_T], jobs: int) -> Iterator[_R]:
    """`work(item)` for each of `todo`, in order, each as soon as it and all before it are done.

    With `jobs` > 1 in that many processes, of which this is one: it works while the others start,
    and on whatever nobody has begun while the next result is not there. `work` and the items must
    be picklable. What `work` raises is raised here, and what has not begun by then is not done.
    """
    if jobs <= 1 or len(todo) < 2:
        yield from map(work, todo)
        return
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import get_context

    before = {name: os.environ.get(name) for name in _ONE_THREAD}
    os.environ.update(dict.fromkeys(_ONE_THREAD, "1"))
    # Fresh processes, not forks: a fork copies the locks of threads that it does not copy.
    pool = ProcessPoolExecutor(min(jobs, len(todo)) - 1, mp_context=get_context("spawn"))
    try:
        futures = [pool.submit(work, item) for item in todo]
        mine: dict[int, _R] = {}
        free = at = 0
        while at < len(todo):
            if at not in mine and not futures[at].done():
                free = max(free, at)
                while free < len(todo) and not futures[free].cancel():
                    free += 1
                if free < len(todo):  # nobody has begun it
                    mine[free] = work(todo[free])
                    free += 1
                    continue
            yield mine.pop(at) if at in mine else futures[at].result()
            at += 1
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
