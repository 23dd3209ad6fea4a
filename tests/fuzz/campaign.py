"""A campaign: seeds changed again and again until the time is over, with counts that are printed.

One try has a number, and everything that it does follows from it: a failure is repeated with
`DRGPAY_FUZZ_FROM=<number> DRGPAY_FUZZ_TRIES=1`.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable

SECONDS = os.environ.get("DRGPAY_FUZZ_SECONDS")
FIRST = int(os.environ.get("DRGPAY_FUZZ_FROM", 0))
TRIES = int(os.environ.get("DRGPAY_FUZZ_TRIES", 0))


def campaign(
    name: str, one: Callable[[int, Counter[str]], None], tries: int = 0, seconds: float = 60
) -> Counter[str]:
    """Run tries until the seconds are over (`DRGPAY_FUZZ_SECONDS` goes before), or so many tries.

    Prints and returns what they counted. `one` is given the number of the try and the counts; it
    raises for a fault.
    """
    counts: Counter[str] = Counter()
    number, until = FIRST, time.monotonic() + float(SECONDS or seconds)
    limit = tries or TRIES
    while (number - FIRST < limit) if limit else time.monotonic() < until:
        try:
            one(number, counts)
        except Exception as fault:
            raise AssertionError(f"{name}, DRGPAY_FUZZ_FROM={number}: {fault!r}") from fault
        counts["tries"] += 1
        number += 1
    print(f"\n{name}:", ", ".join(f"{key} {count:,}" for key, count in sorted(counts.items())))
    return counts
