"""Where results may be written: never over an input, never over an earlier result's folder."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from drgpay.errors import InputError, both


def new_folder(target: Path) -> None:
    """Fail early if a new folder cannot be made at `target`; raises InputError."""
    if target.exists():
        raise InputError(
            both("此处已有文件或文件夹", "there is something at this place already"),
            where=target,
            remedy=both(
                "另取一个新文件夹名：已有的结果从不覆盖",
                "name a new folder: results are never overwritten",
            ),
        )
    _inside_a_folder(target)


def result_file(path: Path, suffixes: Sequence[str]) -> str:
    """Return the ending of a file to be written; raises InputError unless it is one of these."""
    suffix = path.suffix.lower()
    if suffix not in suffixes:
        raise InputError(
            both(
                f"不能写扩展名为 {suffix} 的文件" if suffix else "结果文件没有扩展名",
                f"cannot write {suffix or 'a file without ending'}",
            ),
            where=path,
            remedy=both(
                f"扩展名用 {' 或 '.join(suffixes)}", f"end the name with {' or '.join(suffixes)}"
            ),
        )
    _inside_a_folder(path)
    return suffix


def not_an_input(targets: Iterable[Path], inputs: Iterable[str | Path]) -> None:
    """Refuse to write over an input or a folder; raises InputError."""
    given = {os.path.realpath(name) for name in inputs}
    for target in targets:
        if os.path.realpath(target) in given:
            raise InputError(
                both("结果文件与一个输入文件相同", "the output is one of the inputs"),
                where=target,
                remedy=both("另取一个名称", "choose another name"),
            )
        if target.is_dir():
            raise InputError(
                both("此处是一个文件夹", "this is a folder"),
                where=target,
                remedy=both("另取一个名称", "choose another name"),
            )


def _inside_a_folder(target: Path) -> None:
    if not target.parent.is_dir():
        raise InputError(
            both("没有这个文件夹", "no such folder"),
            where=target.parent,
            remedy=both("先建立该文件夹", "make the folder first"),
        )
