"""The decorator of kernels: machine code, or plain Python on numpy scalars where there is no numba.

With NUMBA_DISABLE_JIT=1 they are plain Python as well. The results are the same.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from drgpay.ground.errors import both

__all__ = ["JIT_DISABLED", "SlowWarning", "held", "kernel", "popcount", "trailing_zeros"]
F = TypeVar("F", bound=Callable[..., Any])


class SlowWarning(RuntimeWarning):
    """Says that kernels run as plain Python; its text is in both languages."""

    def __str__(self) -> str:
        text = self.args[0]
        return f"{text.chinese} {text}"


def _compiled() -> bool:
    """Whether kernels are compiled; says why they are not where nobody asked for it."""
    if os.environ.get("NUMBA_DISABLE_JIT", "0") not in ("", "0"):
        return False
    try:
        import drgpay.ground.compiled  # noqa: F401
    except ImportError as error:
        why = str(error).splitlines()[0]
        chinese = f"没有可用的numba（{why}），以普通Python计算：结果相同，但慢得多"
        english = (
            f"numba cannot be used ({why}): plain Python computes instead, with the same results "
            "but much slower"
        )
        warnings.warn(SlowWarning(both(chinese, english)), stacklevel=2)
        return False
    return True


JIT_DISABLED = not _compiled()

if TYPE_CHECKING or JIT_DISABLED:

    def kernel(function: F) -> F:
        """Mark a kernel: no Python objects inside, so that numba can compile it."""
        return function

    class Held(NamedTuple):
        """A tuple of arrays as kernels take it."""

        values: Any

    def held(values: Any) -> Any:
        """Return a tuple of arrays as kernels take it: `values` of what they are given.

        Machine code unpacks a tuple at each call, array by array; what is held is unpacked once.
        """
        return Held(values)

    def trailing_zeros(word: Any) -> int:
        """Return the index of the lowest set bit of a word that is not 0."""
        number = int(word)
        return (number & -number).bit_length() - 1

    def popcount(word: Any) -> int:
        """Return how many bits of a word are set."""
        return int(word).bit_count()

else:
    from drgpay.ground.compiled import held, kernel, popcount, trailing_zeros
