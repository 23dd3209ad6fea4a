"""Work on several threads, its results in order."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import chain, islice
from typing import TypeVar

T = TypeVar("T")


def default_threads() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def in_order(
    tasks: Iterable[Callable[[], T]], threads: int, ahead: int | None = None
) -> Iterator[T]:
    """Run tasks on threads and yield their results in order, with a few of them under way.

    A task that is the only one runs here: to start a thread takes longer than many a task.
    """
    every = iter(tasks)
    first = list(islice(every, 1 if threads <= 1 else 2))
    if len(first) < 2:
        for task in chain(first, every):
            yield task()
        return
    waiting: deque[Future[T]] = deque()
    limit = ahead or threads + 1
    with ThreadPoolExecutor(threads) as pool:
        try:
            for task in chain(first, every):
                waiting.append(pool.submit(task))
                if len(waiting) >= limit:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for job in waiting:
                job.cancel()
