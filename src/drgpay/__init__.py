"""drgpay: DRG point-value payment with a global-budget wrapper, exact, open and fast.

>>> import drgpay
>>> sorted(drgpay.__all__)
['Grouper', 'group', 'group_file', 'year_end']
"""

from __future__ import annotations

from typing import Any

__version__ = "0.1.0"
__all__ = ["Grouper", "group", "group_file", "year_end"]

_HOME = {
    "Grouper": "drgpay.grouper",
    "group": "drgpay.grouper",
    "group_file": "drgpay.grouper",
    "year_end": "drgpay.settlement.year_end",
}


def __getattr__(name: str) -> Any:
    """Import the public names on first use, so that `import drgpay` costs nothing."""
    if name in _HOME:
        from importlib import import_module

        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module 'drgpay' has no attribute {name!r}")


def __dir__() -> list[str]:
    """Return the public names, so that editors and shells offer them before first use."""
    return sorted({*globals(), *__all__})
