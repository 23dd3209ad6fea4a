"""Kernels as machine code: one for the arrays that are ours and for those that are only lent."""

from __future__ import annotations

import numpy as np
import pytest

from drgpay.ground.jit import JIT_DISABLED, kernel


@pytest.mark.skipif(JIT_DISABLED, reason="kernels run as plain Python here")
def test_kernel__is_compiled_once_for_arrays_of_ours_and_lent_ones() -> None:
    @kernel
    def product(a: np.ndarray, b: np.ndarray) -> int:
        found = 0
        for i in range(len(a)):
            found += a[i] * b[i]
        return found

    own, lent = np.arange(5), np.arange(5)
    lent.flags.writeable = False
    assert [product(*both) for both in ((own, own), (own, lent), (lent, own), (lent, lent))] == (
        [30] * 4
    )
    assert len(product.overloads) == 1  # type: ignore[attr-defined]
