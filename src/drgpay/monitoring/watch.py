"""The monitoring of a month: from records of visits and the indices on the book to what is unusual.

Nothing is decided here: what is raised is a reason to look, with its evidence.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from drgpay.ground.errors import InputError, both
from drgpay.ledger.book import Reading
from drgpay.ledger.postings import INDEX
from drgpay.monitoring.abnormal import Abnormal, abnormal
from drgpay.monitoring.forecast import Use, uses
from drgpay.monitoring.growth import Growth, grown
from drgpay.monitoring.ranking import Ranked, TopPerson, rankings, top_persons
from drgpay.monitoring.sums import Span, asked
from drgpay.monitoring.tables import INSTITUTIONS
from drgpay.monitoring.visits import Visits, read_visits
from drgpay.policy import YearPolicy
from drgpay.tables.reader import Reader
from drgpay.wrapper.filled import MEND
from drgpay.wrapper.index_year import held_indices
from drgpay.wrapper.post_runs import posted_months

EVIDENCE = 10  # abnormal records shown of an institution
PARTS = ("persons", "visits_per_person", "mean_cost")  # whose product the cost is
WHOLES = ("cost", "fund")


@dataclass(frozen=True, slots=True)
class Institution:
    """What is known of an institution besides its records."""

    hospital_id: str
    name: str = ""
    level: str = ""
    remote: bool = False


@dataclass(frozen=True, slots=True)
class Watch:
    """What the monitoring of a month found; places are institution × pools + pool."""

    visits: Visits
    month: int
    policy: YearPolicy
    known: Mapping[str, Institution]
    spans: Mapping[str, tuple[Span, Span]]
    months: Mapping[str, Any]
    growth: Mapping[str, Mapping[str, Growth]]
    uses: Sequence[Use]
    booked: Mapping[tuple[str, str], int]
    persons: Sequence[TopPerson]
    ranked: Sequence[Ranked]
    abnormal: Abnormal
    evidence: Mapping[str, Any]
    head: tuple[int, str]
    facts: Mapping[str, str] = field(default_factory=dict)

    def at(self, place: int) -> tuple[Institution, str]:
        """Return the institution and the pool of a place."""
        hospital, pool = divmod(place, len(self.visits.pools))
        return self.of(hospital), self.visits.pools[pool]

    def of(self, hospital: int) -> Institution:
        """Return an institution by its number."""
        own = self.visits.hospitals[hospital]
        return self.known.get(own) or Institution(own)


def read_institutions(folder: Path | None) -> dict[str, Institution]:
    """Return the institutions of a folder's table, none without one; raises InputError."""
    if folder is None:
        return {}
    reader = Reader(Path(folder))
    rows = reader.read(INSTITUTIONS)
    reader.refuse(
        Path(folder),
        both("机构表有误", "the table of institutions has faults"),
        MEND,
    )
    return {row["hospital_id"]: row.record(Institution) for row in rows}


def watch(
    reading: Reading, paths: Sequence[Path], month: int, policy: YearPolicy,
    known: Mapping[str, Institution], *, facts: Mapping[str, str], threads: int | None = None,
) -> Watch:  # fmt: skip
    """Return the monitoring of a month of the policy's year.

    Raises InputError for visits that cannot be read, and where they do not say which pool paid
    though the book has indices of several.
    """
    year = policy.year
    visits = read_visits(paths, year)
    held = held_indices(reading, year)
    booked = _booked(reading, year, month)
    visits = _with_pools(visits, sorted({pool for _, pool in held}))
    visits = _with_institutions(visits, sorted({hospital for hospital, _ in held}))
    pools = visits.pools
    index_fen = {
        visits.hospitals.index(hospital) * len(pools) + pools.index(pool): own["index_fen"]
        for (hospital, pool), own in held.items()
        if pool in pools
    }
    with asked(visits, month, threads) as sums:
        spans, months = sums.spans(), sums.months()
        by_care = sums.by_care()
        growth = {scope: grown(*pair, policy) for scope, pair in spans.items()}
        records = spans["to_date"][0].n.reshape(-1, len(pools)).sum(axis=1).astype(np.int64)
        odd = abnormal(sums, records, policy)
        raised = [at for at, word in enumerate(odd.verdict) if word == "raised"]
        evidence = sums.evidence(raised, EVIDENCE)
        persons = top_persons(sums, policy["watch.top_persons"])
    levels = [(known.get(own) or Institution(own)).level for own in visits.hospitals]
    return Watch(
        visits=visits, month=month, policy=policy, known=known, spans=spans, months=months,
        growth=growth,
        uses=uses(index_fen, months, spans["to_date"][0], month, len(pools), policy),
        booked=booked, persons=persons, ranked=list(rankings(by_care, levels, policy)),
        abnormal=odd, evidence=evidence, head=reading.head(), facts=facts,
    )  # fmt: skip


def _booked(reading: Reading, year: int, month: int) -> dict[tuple[str, str], int]:
    """Return the recognised cost of the posted months up to one, by institution and pool."""
    found: dict[tuple[str, str], int] = {}
    for entry in posted_months(reading, year, INDEX)[:month]:
        for own in entry.body["figures"]:
            place = own["hospital_id"], own["pool"]
            claim = own["month"]["claim_fen"] - own["month"]["violation_fen"]
            found[place] = found.get(place, 0) + claim
    return found


def _with_pools(visits: Visits, held: Sequence[str]) -> Visits:
    """Return the visits with the pools of the book: files without a pool are of its only one."""
    if "pool" in visits.columns:
        more = [pool for pool in held if pool not in visits.pools]
        if not more:
            return visits
        # places are by the number of pools: a pool without a visit is one more column of nothing
        return replace(visits, pools=[*visits.pools, *more])
    if len(held) > 1:
        raise InputError(
            both(
                f"就诊记录没有险种列，账上有 {'、'.join(held)} 的指标",
                f"the visits have no column pool, the book has indices of {', '.join(held)}",
            ),
            where=visits.files[0],
            remedy=both("加上险种列", "add the column pool"),
        )
    return replace(visits, pools=list(held) or [""])


def _with_institutions(visits: Visits, held: Sequence[str]) -> Visits:
    more = [own for own in held if own not in set(visits.hospitals)]
    return replace(visits, hospitals=[*visits.hospitals, *more]) if more else visits


# --- judged together


@dataclass(frozen=True, slots=True)
class Together:
    """The flags of an institution in a pool, and what they come to together."""

    place: int
    raised: tuple[str, ...]
    grade: str


def together(found: Watch) -> list[Together]:
    """Return how many independent flags each institution and pool has (S0 art. 27).

    Cost is persons × visits per person × mean cost: a growth of cost counts once where none of its
    parts is raised by itself.
    """
    used = {use.place: use for use in found.uses}
    growth = found.growth["to_date"]
    now, last = found.spans["to_date"]
    made = []
    for place in range(len(now.n)):
        if not now.n[place] and not last.n[place] and place not in used:
            continue
        raised = [name for name in PARTS if growth[name].verdict[place] == "raised"]
        if not raised and any(growth[name].verdict[place] == "raised" for name in WHOLES):
            raised.append("cost")
        if place in used and used[place].verdict == "raised":
            raised.append("index_used")
        hospital = place // len(found.visits.pools)
        if found.abnormal.verdict[hospital] == "raised":
            raised.append("abnormal")
        judged = [growth[name].verdict[place] for name in PARTS]
        judged += [used[place].verdict] if place in used else []
        judged.append(found.abnormal.verdict[hospital])
        grade = "none"
        if len(raised) >= found.policy["watch.together"]:
            grade = "warn"
        elif raised:
            grade = "attend"
        elif all(word in ("too_few", "no_last_year") for word in judged):
            grade = "not_evaluable"
        made.append(Together(place, tuple(raised), grade))
    return made
