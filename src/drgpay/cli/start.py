"""What makes a command start sooner."""

from __future__ import annotations

import sys
from collections.abc import Sequence


class _NotNeeded:
    """A finder that says that a package is not there while a module that asks is being loaded."""

    def __init__(self, package: str, asked_by: str) -> None:
        self.package = package
        self.asked_by = asked_by

    def find_spec(self, name: str, path: Sequence[str] | None, target: object = None) -> None:
        asking = getattr(sys.modules.get(self.asked_by), "__spec__", None)
        if name == self.package and getattr(asking, "_initializing", False):
            raise ImportError("not needed by this command")


class _NoPandas:
    """A finder that says that there is no pandas."""

    def find_spec(self, name: str, path: Sequence[str] | None, target: object = None) -> None:
        if name == "pandas":
            raise ImportError("not needed by this command")


def spare_imports() -> None:
    """Let libraries not import others that they only ask about and this command never needs.

    On its first conversion pyarrow imports pandas to know its types, which takes longer than
    grouping a case; numba imports SciPy's linear algebra to know whether it is there. Each asks
    once.
    """
    if "scipy.linalg" not in sys.modules:
        sys.meta_path.insert(0, _NotNeeded("scipy.linalg", "numba.np.arraymath"))
    if "pandas" in sys.modules:
        return
    import pyarrow as pa

    absent = _NoPandas()
    sys.meta_path.insert(0, absent)
    try:
        pa.array([None])
    finally:
        sys.meta_path.remove(absent)
