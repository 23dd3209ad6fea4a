"""What makes a command start sooner."""

from __future__ import annotations

import sys
from collections.abc import Sequence


class _NoPandas:
    """A finder that says that there is no pandas."""

    def find_spec(self, name: str, path: Sequence[str] | None, target: object = None) -> None:
        if name == "pandas":
            raise ImportError("not needed by this command")


def spare_pandas() -> None:
    """Let pyarrow find no pandas in this process, where no data frame can come up.

    On its first conversion pyarrow imports pandas to know its types, which takes longer than
    grouping a case; it looks once.
    """
    if "pandas" in sys.modules:
        return
    import pyarrow as pa

    absent = _NoPandas()
    sys.meta_path.insert(0, absent)
    try:
        pa.array([None])
    finally:
        sys.meta_path.remove(absent)
