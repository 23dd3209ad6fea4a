"""Whether the files that a run reads stay as they are while it reads them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from drgpay.ground.errors import InputError, both, located

Stamp = tuple[int, int, int]


@contextmanager
def unchanged(folder: Path) -> Iterator[Callable[[Iterable[Path]], None]]:
    """Refuse what was read of a folder when its files changed meanwhile, whatever came of it.

    Gives a function that is told which files really are inputs, those elsewhere included; until
    then all files of the folder count. Raises InputError.
    """
    before = {
        Path(place) / name: _stamp(Path(place) / name)
        for place, _, names in os.walk(folder)
        for name in names
    }
    inputs = list(before)

    def name_inputs(paths: Iterable[Path]) -> None:
        inputs[:] = paths
        for path in inputs:
            before.setdefault(path, _stamp(path))

    try:
        yield name_inputs
    except Exception:
        _refuse_changed(folder, inputs, before)
        raise
    _refuse_changed(folder, inputs, before)


def _stamp(path: Path) -> Stamp | None:
    """Return what tells a file from a later one of the same name; None when there is none."""
    try:
        facts = path.stat()
    except OSError:
        return None
    return facts.st_ino, facts.st_size, facts.st_mtime_ns


def _refuse_changed(
    folder: Path, inputs: Sequence[Path], before: Mapping[Path, Stamp | None]
) -> None:
    faults = []
    for path in inputs:
        was, now = before[path], _stamp(path)
        if was is None or was == now:
            continue
        name = path.relative_to(folder) if path.is_relative_to(folder) else path
        gone = both("已不在", "is gone")
        changed = both("读取开始后内容被改动", "was changed after reading began")
        faults.append(located(name, gone if now is None else changed))
    if faults:
        raise InputError(
            both("输入文件在读取期间被改动", "input files changed while they were read"),
            where=folder,
            faults=faults,
            remedy=both(
                "等文件写完、无人改动时重新运行",
                "run again when the files are complete and nobody changes them",
            ),
        )
