"""The same work for many things, in this process or spread over several."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Self, TypeVar

if TYPE_CHECKING:
    from concurrent.futures import Future, ProcessPoolExecutor

_T = TypeVar("_T")
_R = TypeVar("_R")

# Set before the children start: numpy's BLAS would give each of them a thread per core.
_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def processors() -> int:
    """How many this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Pool:
    """`jobs` processes, of which this is one; the others start at once, and call `ready` while this
    one still finds out what there is to do."""

    def __init__(self, jobs: int, ready: Callable[[], object] = int) -> None:
        self._others = max(jobs, 1) - 1
        self._ready = ready
        self._pool: ProcessPoolExecutor | None = None

    def __enter__(self) -> Self:
        if not self._others:
            return self
        from concurrent.futures import ProcessPoolExecutor
        from multiprocessing import get_context

        # Fresh processes, not forks: a fork copies the locks of threads that it does not copy.
        self._pool = ProcessPoolExecutor(self._others, mp_context=get_context("spawn"))
        before = {name: os.environ.get(name) for name in _ONE_THREAD}
        os.environ.update(dict.fromkeys(_ONE_THREAD, "1"))
        try:
            for _ in range(self._others):
                self._pool.submit(self._ready)
        finally:
            for name, value in before.items():
                if value is None:
                    os.environ.pop(name, None)
                else:
                    os.environ[name] = value
        return self

    def __exit__(self, *_: object) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)

    def results(self, work: Callable[[_T], _R], todo: Sequence[_T]) -> Iterator[_R]:
        """`work(item)` for each of `todo`, in order, each as soon as it and all before it are done.

        This process works on whatever nobody has begun while the next result is not there. With
        others, `work` and the items must be picklable. What `work` raises is raised here, in its
        turn, and what has not begun by then is not done.
        """
        if self._pool is None or len(todo) < 2:
            yield from map(work, todo)
            return
        futures = [self._pool.submit(work, item) for item in todo]
        free = 0
        for at in range(len(todo)):
            free = max(free, at)
            while not futures[at].done() and free < len(todo):
                if futures[free].cancel():  # nobody has begun it
                    futures[free] = _performed(work, todo[free])
                free += 1
            yield futures[at].result()


def results(work: Callable[[_T], _R], todo: Sequence[_T], jobs: int) -> Iterator[_R]:
    """`Pool.results` of a pool of its own."""
    with Pool(min(jobs, len(todo))) as pool:
        yield from pool.results(work, todo)


def _performed(work: Callable[[_T], _R], item: _T) -> Future[_R]:
    """Done here and now; what it raised is raised when its turn comes."""
    from concurrent.futures import Future

    future: Future[_R] = Future()
    try:
        future.set_result(work(item))
    except Exception as error:  # noqa: BLE001 - handed on
        future.set_exception(error)
    return future
