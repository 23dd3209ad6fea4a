"""Institutions in the order of their cost indicators, and the persons with the most."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from drgpay.monitoring.growth import SPREAD, figures
from drgpay.monitoring.sums import Span, Sums
from drgpay.names.watch import RANKED, TOP
from drgpay.policy import YearPolicy
from drgpay.signals.parameters import load_parameters
from drgpay.signals.peers import judge

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Ranked:
    """An institution's figure among those of its level; rank 0 where it has too few visits.

    In fen where it is a cost. Ranked by the shrunk figure, so that a few visits do not lead.
    """

    care: int
    level: str
    indicator: str
    rank: int
    hospital: int
    visits: int
    value: float
    low: float
    high: float
    shrunk: float
    level_middle: float


def rankings(
    by_care: Mapping[int, Span], levels: Sequence[str], policy: YearPolicy
) -> Iterator[Ranked]:
    """Yield institutions by kind of care, level and indicator, in the order of their rank."""
    least, sure = policy["watch.min_visits"], float(policy["watch.confidence"])
    words = sorted(set(levels))
    level = np.array([words.index(word) for word in levels], np.int64)
    for care, span in sorted(by_care.items()):
        seen = span.n > 0
        there = seen & (span.n >= least) & (span.persons >= 2)
        for indicator in RANKED:
            value, s2 = figures(indicator, span)
            good = there & (value > 0)
            y = np.log(np.where(good, value, 1))
            s2 = np.where(good, np.maximum(s2, 1e-12), 1.0)
            _, centre, wide = judge(y, s2, level, good, good, load_parameters(), SPREAD)
            shrunk = np.exp(centre + (y - centre) * wide**2 / (wide**2 + s2))
            half = stats.t.ppf((1 + sure) / 2, np.maximum(span.persons - 1, 1)) * np.sqrt(s2)
            for number, word in enumerate(words):
                own = np.flatnonzero(seen & (level == number)).tolist()
                own.sort(key=lambda at: (not good[at], -shrunk[at] if good[at] else 0, at))
                for place, at in enumerate(own, start=1):
                    yield Ranked(
                        care, word, indicator, place if good[at] else 0, at, int(span.n[at]),
                        float(value[at]), float(np.exp(y[at] - half[at])),
                        float(np.exp(y[at] + half[at])), float(shrunk[at]), float(np.exp(centre[at])),
                    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class TopPerson:
    """A person of the month's highest, with institutions, days, most visits on a day; in fen."""

    ranking: str
    rank: int
    person_id: str
    value: int
    visits: int
    hospitals: int
    days: int
    most_a_day: int
    cost_fen: int
    fund_fen: int
    middle: float


def top_persons(sums: Sums, most: int) -> list[TopPerson]:
    """Return the persons with the most outpatient visits, cost and inpatient cost of the month."""
    found = sums.persons()
    chosen: dict[str, list[tuple[int, str, int]]] = {}
    for ranking in TOP:
        values = found[ranking].astype(np.int64)
        there = np.flatnonzero(values > 0)
        if len(there) > most:
            edge = np.partition(values[there], len(there) - most)[len(there) - most]
            there = there[values[there] >= edge]
        persons = found["person"][there].tolist()
        ids = sums.visits.ids_of(persons, sums.now)
        rows = [
            (value, ids[person], at)
            for value, person, at in zip(
                values[there].tolist(), persons, there.tolist(), strict=True
            )
        ]
        chosen[ranking] = sorted(rows, key=lambda row: (-row[0], row[1]))[:most]
    persons = sorted({int(found["person"][at]) for own in chosen.values() for _, _, at in own})
    more = sums.of_persons(persons)
    made = []
    for ranking, own in chosen.items():
        values = found[ranking][found[ranking] > 0]
        middle = float(np.median(values)) if len(values) else 0.0
        for place, (value, word, at) in enumerate(own, start=1):
            hospitals, days, most_a_day = more[int(found["person"][at])]
            made.append(
                TopPerson(
                    ranking, place, word, value, int(found["n"][at]), hospitals, days, most_a_day,
                    int(found["cost"][at]), int(found["fund"][at]), middle,
                )
            )  # fmt: skip
    return made
