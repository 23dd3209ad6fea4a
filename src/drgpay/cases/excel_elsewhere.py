"""Read a workbook in a process of its own first, where its reader may ask for any amount of memory.

The reader of values makes a table of every cell between the first and the last one, and ends the
whole process when the memory for it is not there. A child with limits on memory and time meets
that in our place.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

from drgpay.cases.excel_safety import MAX_CELLS, too_large
from drgpay.ground.errors import InputError, both

MEMORY: Final = 4 << 30
SECONDS: Final = 120  # of computing; a workbook of 60 million cells takes half of it
_WAIT = 20  # times as long on a busy machine
# what it needs comes by standard input: the same bytes that are read here afterwards
_CHILD = """
import sys
memory, seconds = int(sys.argv[1]), int(sys.argv[2])
raw = sys.stdin.buffer.read()
import io
from python_calamine import CalamineWorkbook, SheetTypeEnum
try:
    import resource
    for what, limit in (
        (resource.RLIMIT_CORE, 0), (resource.RLIMIT_CPU, seconds), (resource.RLIMIT_AS, memory),
    ):
        hard = resource.getrlimit(what)[1]
        if hard != resource.RLIM_INFINITY:
            limit = min(limit, hard)
        resource.setrlimit(what, (limit, limit))
except (ImportError, ValueError, OSError):
    pass
cells = 0
try:
    workbook = CalamineWorkbook.from_filelike(io.BytesIO(raw))
    names = [m.name for m in workbook.sheets_metadata if m.typ == SheetTypeEnum.WorkSheet]
except BaseException:
    names = []
for name in names:
    try:
        sheet = workbook.get_sheet_by_name(name)
        cells += (sheet.total_height or 0) * max(sheet.total_width or 0, 1)
        del sheet
    except MemoryError:
        raise
    except BaseException:  # told where it is read in earnest
        pass
print(cells)
"""


def try_elsewhere(path: Path, raw: bytes) -> None:
    """Raise InputError when reading a workbook takes too much memory or time, or has no end.

    Faults that the reader itself tells are left to the caller, who reads it next.
    """
    try:
        done = subprocess.run(
            [sys.executable, "-c", _CHILD, str(MEMORY), str(SECONDS)],
            input=raw,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=SECONDS * _WAIT,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise _not_to_be_read(path) from None
    if done.returncode != 0 or not done.stdout.strip().isdigit():
        raise _not_to_be_read(path)
    if int(done.stdout) > MAX_CELLS:
        raise too_large(path)


def _not_to_be_read(path: Path) -> InputError:
    return InputError(
        both(
            "工作簿读不出来：所需的内存或时间超过上限，文件可能已损坏",
            "cannot be read: the workbook takes more memory or time than it may, and is probably "
            "damaged",
        ),
        where=path,
        remedy=both(
            "用Excel打开，把病例复制到新的工作簿，另存为 .xlsx 或CSV",
            "open it in Excel, copy the cases to a new workbook and save it as .xlsx or CSV",
        ),
    )
