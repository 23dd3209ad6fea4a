"""Long numbers in groups of three digits, as they are shown.

The commas are of the style sheet: the text stays the number, so that a formula that is copied can
be computed, and is read aloud as one number.
"""

from __future__ import annotations

import re

from markupsafe import Markup, escape

_QUANTITY = re.compile(r"(?<![\w.])\d{4,}(?=\.\d)", re.ASCII)
_NUMBER = re.compile(r"(?<![\w.])\d{4,}(?![\w])", re.ASCII)


def in_groups(text: object, whole: bool = False) -> Markup:
    """Return a text with its long numbers in groups: those with decimals, which are no code, no
    year and no id; with `whole`, as in a formula, also whole ones.

    >>> in_groups("C01 14800.50 of 2024")
    Markup('C01 14<span class="k">800</span>.50 of 2024')
    """
    made, at = Markup(), 0
    told = str(text)
    for found in (_NUMBER if whole else _QUANTITY).finditer(told):
        digits = found[0]
        first = len(digits) % 3 or 3
        made += escape(told[at : found.start()]) + digits[:first]
        for place in range(first, len(digits), 3):
            made += Markup('<span class="k">{}</span>').format(digits[place : place + 3])
        at = found.end()
    return made + escape(told[at:])
