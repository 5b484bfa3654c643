"""The same work for many things, in this process or spread over several."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from concurrent.futures import Future

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
        free = 0
        for at in range(len(todo)):
            free = max(free, at)
            while not futures[at].done() and free < len(todo):
                if futures[free].cancel():  # nobody has begun it
                    futures[free] = _performed(work, todo[free])
                free += 1
            yield futures[at].result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _performed(work: Callable[[_T], _R], item: _T) -> Future[_R]:
    """Done here and now; what it raised is raised when its turn comes."""
    from concurrent.futures import Future

    future: Future[_R] = Future()
    try:
        future.set_result(work(item))
    except Exception as error:  # noqa: BLE001 - handed on
        future.set_exception(error)
    return future
