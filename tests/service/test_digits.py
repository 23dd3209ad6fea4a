"""Long numbers on pages: in groups, and what is no quantity as it is."""

from __future__ import annotations

import re

import pytest

from drgpay.service.pages.digits import in_groups


@pytest.mark.parametrize(
    ("text", "whole", "groups"),
    [
        ("总费用 14800.00 元", False, "总费用 14|800.00 元"),
        ("1234567.8900点", False, "1|234|567.8900点"),
        ("-999.50 1000.00", False, "-999.50 1|000.00"),
        ("2024年 330100 H33010000002 K22.301 00.4500 2024-06-15", False, None),
        ("C01 的 12345 例", False, None),
        ("min(12345, 1234567/7) × 0.1234567", True, "min(12|345, 1|234|567/7) × 0.1234567"),
        ("(-14800.5) ÷ 1e4000 = 2024", True, "(-14|800.5) ÷ 1e4000 = 2|024"),
    ],
)
def test_groups__are_of_quantities(text: str, whole: bool, groups: str | None) -> None:
    made = str(in_groups(text, whole))
    assert re.sub(r'<span class="k">(\d{3})</span>', r"|\1", made) == (groups or text)
    assert re.sub(r"<[^>]*>", "", made) == text  # what is copied


def test_groups__write_what_was_given_as_text() -> None:
    assert str(in_groups("<b>1234.5 & 'x'")) == (
        '&lt;b&gt;1<span class="k">234</span>.5 &amp; &#39;x&#39;'
    )
