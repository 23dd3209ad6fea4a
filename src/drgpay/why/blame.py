"""Who is at fault when a derivation and a run's tables differ: the files, or the program.

The files are only when they are not those that the run wrote, which their digests tell.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from drgpay import __version__
from drgpay.ground.digests import SUMS, changed_files
from drgpay.ground.errors import Bilingual, BooksError, DrgpayError, InputError, both, located
from drgpay.ground.inputs import read_json

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


def _derived_from(name: str) -> bool:
    """Whether a derivation rests on a file of a run folder."""
    return name.endswith(".parquet") or name in ("manifest.json", SUMS)


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
    if any(_derived_from(name) for name in changed) or not disagreements:
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


def not_readable(folder: Path, error: object) -> DrgpayError:
    """Return what to say of a folder that cannot be read as that of a run.

    The program is at fault when it wrote the folder itself, this very version, and nothing
    changed since.
    """
    try:
        manifest = read_json(folder / "manifest.json")
        found = changed_files(folder, manifest)
        own = manifest["drgpay_version"] == __version__ and found is not None
        changed = _told({k: v for k, v in (found or {}).items() if _derived_from(k)})
    except (DrgpayError, OSError, ValueError, KeyError, TypeError, AttributeError):
        own, changed = False, []
    if own and not changed:
        return BooksError(
            both(
                f"drgpay 读不懂自己写出的结果：文件仍是清算时写出的（{error}）",
                f"drgpay cannot read what it wrote: the files are those of the run ({error})",
            ),
            where=folder,
            remedy=REPORT,
        )
    return InputError(
        both(
            "不是清算结果的文件夹，或其中的文件缺失、改动过",
            f"not the folder of a settled run, or a file in it is missing or changed: {error}",
        ),
        where=folder,
        faults=changed,
        remedy=both(
            "给出 drgpay year-end 写出的文件夹", "name a folder that drgpay year-end wrote"
        ),
    )
