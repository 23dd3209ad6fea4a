"""Who is at fault when a derivation and a run's tables differ: the files, or the program.

The files are only when they are not those that the run wrote, which their digests tell.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from drgpay.ground.digests import changed_files
from drgpay.ground.errors import Bilingual, BooksError, both, located
from drgpay.runs.reader import is_read

REPORT = both(
    "不要按这一结果付款；把以上说明（--json）、manifest.json 和所用的命令报告给开发者，"
    "病例明细不要外发",
    "do not pay by this result; report the derivation above (--json), manifest.json and the "
    "command, without any data of patients",
)
AGAIN = both(
    "恢复原文件，或用 drgpay year-end 重新清算",
    "restore the files, or settle again with drgpay year-end",
)


def _told(changed: Mapping[str, Bilingual]) -> list[Bilingual]:
    return [located(name, text) for name, text in changed.items()]


def fault_of(
    folder: Path, manifest: Mapping[str, Any], disagreements: list[Bilingual]
) -> BooksError | None:
    """Return what to say of a derivation that differs from its run, or of changed files.

    None when the derivation agrees and every file is the one that the run wrote.
    """
    found = changed_files(folder, manifest)
    changed = found or {}
    faults = [*disagreements, *_told(changed)]
    if not faults:
        return None
    if any(is_read(name) for name in changed) or not disagreements:
        what = both(
            "清算结果的文件被改动，以上说明不足为据",
            "files of the run were changed after it: the derivation above proves nothing",
        )
        return BooksError(what, where=folder, faults=faults, remedy=AGAIN)
    if found is None:
        what = both(
            "推算与表中数据不一致；这一结果由较早的 drgpay 写出，没有摘要码，不能判断是文件被改动，"
            "还是程序自相矛盾",
            "derivation and tables do not agree; an earlier drgpay wrote this run, without digests: "
            "whether files were changed or the program contradicts itself cannot be told",
        )
        remedy = both(
            "用 drgpay year-end 重新清算；仍不一致请报告给开发者",
            "settle again with drgpay year-end; if they still differ, please report it",
        )
        return BooksError(what, where=folder, faults=faults, remedy=remedy)
    what = both(
        "drgpay 自相矛盾：文件仍是清算时写出的，推算却与表中数据不一致",
        "drgpay contradicts itself: the files are those that the run wrote, yet derivation and "
        "tables do not agree",
    )
    return BooksError(what, where=folder, faults=faults, remedy=REPORT)
