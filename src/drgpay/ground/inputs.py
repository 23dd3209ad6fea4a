"""The one door through which small files come in: plain files alone, of a bounded size, and TOML.

A pipe, a device, a socket or a folder under the name of a table would hang a run or fill the memory.
"""

from __future__ import annotations

import json
import os
import re
import stat
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from drgpay.ground.errors import TOML_FAULTS, Bilingual, DrgpayError, InputError, both, not_toml

TOML_BYTES: Final = 4 * 2**20
TABLE_BYTES: Final = 512 * 2**20  # of a small table, a scheme's table or a manifest
_KEY_PARTS = 200  # dots in a line of TOML outside of texts: a dotted key costs their square
_TEXTS = re.compile(rb'"[^"\n]*"|\'[^\'\n]*\'')
Refusal = Callable[..., DrgpayError]


def utf8_name(name: str | Path, refusal: Refusal = InputError) -> None:
    """Fail if a name or an argument is not UTF-8: libraries cannot open it, texts not show it."""
    try:
        str(name).encode()
    except UnicodeEncodeError:
        shown = ascii(str(name))[1:-1][:300]
        raise refusal(
            both(f"名称或参数“{shown}”不是UTF-8", f"the name or argument {shown} is not UTF-8"),
            remedy=both(
                "改用UTF-8的名称；或设环境变量 LC_ALL=C.UTF-8 再运行",
                "use a name in UTF-8, or run again with LC_ALL=C.UTF-8 in the environment",
            ),
        ) from None


def plain_file(path: Path, refusal: Refusal = InputError) -> None:
    """Fail unless a file, links followed, is a plain one.

    FileNotFoundError and other faults of the system are left to the caller.
    """
    utf8_name(path, refusal)
    if not stat.S_ISREG(path.stat().st_mode):
        raise refusal(
            both("不是普通文件", "not a plain file"),
            where=path,
            remedy=both(
                "此处应是一个文件，而不是文件夹、管道或设备",
                "a file belongs here, not a folder, a pipe or a device",
            ),
        )


def read_input(path: Path, refusal: Refusal = InputError, limit: int = TABLE_BYTES) -> bytes:
    """Return the bytes of a plain file of at most `limit` bytes; raises `refusal` for any other.

    FileNotFoundError and other faults of the system are left to the caller.
    """
    plain_file(path, refusal)
    # another thing may lie there by now: opening must not wait for the one who writes a pipe
    opened = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    with os.fdopen(opened, "rb") as stream:
        if not stat.S_ISREG(os.fstat(opened).st_mode):
            plain_file(path, refusal)
        content = stream.read(limit + 1)
    if len(content) > limit:
        raise refusal(
            _too_large(limit),
            where=path,
            remedy=both("核对文件：这样的文件不会有这么大", "check it: no such file is as large"),
        )
    return content


def parse_toml(
    content: bytes, where: Path, refusal: Refusal = InputError, remedy: Bilingual | None = None
) -> dict[str, Any]:
    """Return TOML as a dictionary, in time and memory that its size bounds; raises `refusal`."""
    if len(content) > TOML_BYTES:
        raise refusal(_too_large(TOML_BYTES), where=where, remedy=remedy)
    for number, line in enumerate(content.split(b"\n"), 1):
        if line.count(b".") > _KEY_PARTS and _TEXTS.sub(b"", line).count(b".") > _KEY_PARTS:
            raise refusal(
                both(
                    f"一行中的点超过{_KEY_PARTS}个，不是可用的TOML",
                    f"more than {_KEY_PARTS} dots in a line: no TOML that can be used",
                ),
                where=f"{where}:{number}",
                remedy=remedy or both("核对这一行的键名", "check the keys of this line"),
            )
    try:
        return tomllib.loads(content.decode("utf-8-sig"))
    except TOML_FAULTS as error:
        raise refusal(not_toml(error), where=where, remedy=remedy) from None


def read_toml(
    path: Path, refusal: Refusal = InputError, remedy: Bilingual | None = None
) -> dict[str, Any]:
    """Return a TOML file as a dictionary; raises `refusal` for all that is none.

    FileNotFoundError and other faults of the system are left to the caller.
    """
    return parse_toml(read_input(path, refusal, TOML_BYTES), path, refusal, remedy)


def parse_json(content: bytes, **options: Any) -> Any:
    """Return what JSON says; raises ValueError for all that is none, however deep it is nested."""
    try:
        return json.loads(content, **options)
    except RecursionError:
        raise ValueError("brackets are nested too deeply") from None


def _too_large(limit: int) -> Bilingual:
    return both(f"文件超过{limit >> 20} MB", f"the file is larger than {limit >> 20} MB")
