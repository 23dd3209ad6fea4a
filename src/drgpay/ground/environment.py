"""What the environment says to drgpay, itself or by files, as containers hand in their secrets."""

from __future__ import annotations

import os
from pathlib import Path

from drgpay.ground.errors import InputError, both

FILE = "_FILE"


def environment() -> dict[str, str]:
    """Return the variables DRGPAY_…; NAME_FILE gives NAME the text of the file that it names.

    A variable that stands there itself goes before its file. Raises InputError for a file that
    cannot be read.
    """
    said = {k: v for k, v in os.environ.items() if k.startswith("DRGPAY_") and v}
    for name in [name for name in said if name.endswith(FILE)]:
        path = said.pop(name)
        try:
            text = Path(path).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as fault:
            raise InputError(
                both(
                    f"读不出环境变量 {name} 所指的文件", f"the file that {name} names is unreadable"
                ),
                where=path,
                remedy=both("核对路径和读取权限", "check the path, and that this user may read it"),
            ) from fault
        said.setdefault(name.removesuffix(FILE), text)
    return said
