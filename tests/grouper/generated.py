"""Cases that put every rule of a scheme to the test, and the comparison with the plain model."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from drgpay.grouper import Grouper, group
from reference.model import group_case

Case = dict[str, Any]
NUMBERS = ("age_days", "birth_weight_g", "los_days")


def case(
    sex: str, age_years: int, diagnoses: list[str], procedures: list[str], **more: Any
) -> Case:
    return {
        "sex": sex,
        "age_years": age_years,
        "diagnoses": diagnoses,
        "procedures": procedures,
        "age_days": None,
        "birth_weight_g": None,
        "los_days": None,
        "icu": False,
        **more,
    }


class Tables:
    """A scheme's codes as lists, for drawing cases from them."""

    def __init__(self, grouper: Grouper, seed: int) -> None:
        s = grouper.scheme
        self.random = random.Random(seed)
        self.diagnoses: list[str] = s.diagnoses.codes.to_pylist()
        self.procedures: list[str] = s.procedures.codes.to_pylist()
        dx, px = self.diagnoses, self.procedures
        self.lists = {
            key: [(px if key[1].startswith("proc") else dx)[i - 1] for i in ids.tolist() if i]
            for key, ids in s.lists.items()
        }
        self.adrgs = s.adrgs
        self.mdcs = s.mdcs
        self.mdc_of = {adrg.key: adrg.mdc for adrg in s.adrgs}
        self.severity = list(
            zip(
                s.severity["code"].to_pylist(),
                s.severity["exclusion_list"].to_pylist(),
                strict=True,
            )
        )
        self.principals: dict[str, list[str]] = {}
        for code, number in zip(
            s.exclusions["principal"].to_pylist(),
            s.exclusions["exclusion_list"].to_pylist(),
            strict=True,
        ):
            self.principals.setdefault(number, []).append(code)
        self.owners_of: dict[str, list[str]] = {}
        for (owner, name), codes in self.lists.items():
            if name.startswith("proc"):
                for code in codes:
                    self.owners_of.setdefault(code, []).append(owner)

    def of(self, owner: str, kind: str) -> list[str]:
        return [
            c
            for (o, name), codes in self.lists.items()
            if o == owner and name.startswith(kind)
            for c in codes
        ]

    def each_principal(self) -> Iterator[Case]:
        """Each diagnosis as principal, of both sexes."""
        for i, code in enumerate(self.diagnoses):
            for sex in "MF":
                yield case(sex, (0, 1, 16, 17, 60)[i % 5], [code], [])

    def each_main_procedure(self) -> Iterator[Case]:
        """Each procedure as main, with a principal of an MDC that knows it and with any."""
        by_mdc = {mdc.mdc: self.of(mdc.mdc, "dx") + self.of(mdc.mdc, "site") for mdc in self.mdcs}
        r = self.random
        for code in self.procedures:
            owners = self.owners_of.get(code, [])
            fitting = by_mdc.get(self.mdc_of.get(r.choice(owners), ""), []) if owners else []
            for pool in (fitting or self.diagnoses, self.diagnoses):
                yield case(r.choice("MF"), r.choice((0, 30, 70)), [r.choice(pool)], [code])

    def each_severity(self) -> Iterator[Case]:
        """Each MCC and CC code beside a principal on its exclusion list and beside one off it."""
        r = self.random
        for code, number in self.severity:
            own = self.principals.get(number, [])
            if own:
                yield case(r.choice("MF"), r.choice((10, 40)), [r.choice(own), code], [])
            yield case(r.choice("MF"), r.choice((10, 40)), [r.choice(self.diagnoses), code], [])
        for number, principals in self.principals.items():
            codes = [code for code, other in self.severity if other == number]
            for principal in principals[:3]:
                for code in codes[:3]:
                    other = r.choice(self.severity)[0]
                    yield case("M", 50, [principal, code, other], [])

    def site_pairs(self) -> Iterator[Case]:
        """All pairs of trauma sites, both ways round, and each site twice."""
        r = self.random
        for mdc in self.mdcs:
            sites = [self.lists[(mdc.mdc, f"site_{i + 1}")] for i in range(len(mdc.sites))]
            for a in sites:
                for b in sites:
                    for _ in range(4):
                        px = r.sample(self.procedures, r.randint(0, 2))
                        middle = r.sample(self.diagnoses, r.randint(0, 2))
                        yield case("M", 33, [r.choice(a), *middle, r.choice(b)], px)

    def boundaries(self) -> Iterator[Case]:
        """Ages in days and years, weights and intensive care at and around every limit."""
        r = self.random
        newborn = [c for mdc in self.mdcs if mdc.letter == "P" for c in self.of(mdc.mdc, "dx")]
        newborn += [
            c for a in self.adrgs if self.mdc_of[a.key][-1] == "P" for c in self.of(a.key, "dx")
        ]
        surgical = [
            c for a in self.adrgs if self.mdc_of[a.key][-1] == "P" for c in self.of(a.key, "proc")
        ]
        for code in r.choices(newborn or self.diagnoses, k=40):
            for days in (None, 0, 27, 28, 29, 364):
                for grams in (None, 0, 1499, 1500, 1999, 2000, 2499, 2500, 2501, 9000):
                    px = [r.choice(surgical)] if surgical and r.random() < 0.3 else []
                    yield case("F", 0, [code], px, age_days=days, birth_weight_g=grams)
        for adrg in self.adrgs:
            codes = self.of(adrg.key, "dx") or self.of(adrg.mdc, "dx") or self.diagnoses
            for age in (0, 1, 16, 17, 18, 150):
                more = [r.choice(self.severity)[0]] if r.random() < 0.5 else []
                px = self.of(adrg.key, "proc")
                yield case(
                    r.choice("MF"),
                    age,
                    [r.choice(codes), *more],
                    [r.choice(px)] if px else [],
                    icu=r.random() < 0.5,
                    los_days=r.choice((None, 0, 1, 60, 61)),
                )

    def drawn(self, count: int) -> Iterator[Case]:
        """Random cases, most of them near some ADRG, with unknown codes and values among them."""
        r = self.random
        weighted = [a for a in self.adrgs]
        for _ in range(count):
            adrg = r.choice(weighted)
            dx = self.of_cached(adrg.key, "dx") or self.of_cached(adrg.mdc, "dx") or self.diagnoses
            if r.random() < 0.2:
                dx = self.diagnoses
            px = self.of_cached(adrg.key, "proc") or self.procedures
            diagnoses = [r.choice(dx)]
            for _ in range(r.choice((0, 0, 1, 1, 2, 3, 5, 12))):
                pool = r.random()
                diagnoses.append(
                    r.choice(self.severity)[0]
                    if pool < 0.5
                    else r.choice(self.diagnoses)
                    if pool < 0.95
                    else r.choice(("X99.999", "P07.9zz", "Z37.zzz", "?", diagnoses[0]))
                )
            if r.random() < 0.01:
                diagnoses[0] = r.choice(("A99.999", "P07.unknown", "Z37.9"))
            procedures = []
            for _ in range(r.choice((0, 0, 0, 1, 1, 2, 3, 6))):
                procedures.append(r.choice(px if r.random() < 0.6 else self.procedures))
            if procedures and r.random() < 0.02:
                procedures[r.randrange(len(procedures))] = "99.zzzz"
            age = r.choice((0, 0, 0, 1, 5, 16, 17, 30, 45, 60, 75, 90))
            yield case(
                r.choice("MF"),
                age,
                diagnoses,
                procedures,
                age_days=r.choice((None, r.randint(0, 40), 28, 29, 200)) if age == 0 else None,
                birth_weight_g=r.choice((None, r.randint(400, 4500))),
                los_days=r.choice((None, r.randint(0, 90))),
                icu=r.random() < 0.1,
            )

    def of_cached(self, owner: str, kind: str) -> list[str]:
        memo = self.__dict__.setdefault("_memo", {})
        if (owner, kind) not in memo:
            memo[(owner, kind)] = self.of(owner, kind)
        return memo[(owner, kind)]


def as_table(cases: list[Case]) -> pa.Table:
    columns: dict[str, Any] = {
        "case_id": [f"c{i}" for i in range(len(cases))],
        "sex": [c["sex"] for c in cases],
        "age_years": pa.array([c["age_years"] for c in cases], pa.int32()),
        "diagnoses": pa.array([c["diagnoses"] for c in cases], pa.list_(pa.string())),
        "procedures": pa.array([c["procedures"] for c in cases], pa.list_(pa.string())),
        "icu": pa.array([c["icu"] for c in cases], pa.bool_()),
    }
    for name in NUMBERS:
        columns[name] = pa.array([c[name] for c in cases], pa.int32())
    return pa.table(columns)


def differences(grouper: Grouper, model: Any, cases: list[Case]) -> list[str]:
    """Return a line for each case that the engine and the model group differently."""
    table = group(as_table(cases), grouper).table
    wrong = []
    for c, fast in zip(cases, table.to_pylist(), strict=True):
        slow = group_case(model, **c)
        mine = (
            (fast["mdc"] or "") if fast["status"] != "ungroupable" else "",
            fast["adrg"] or "",
            fast["drg"],
            fast["status"],
            fast["severity"],
            fast["severity_diagnosis"] or "",
        )
        plain = (slow.mdc, slow.adrg, slow.drg, slow.status, slow.severity, slow.severity_diagnosis)
        if mine != plain:
            wrong.append(f"{c}: engine {mine}, model {plain}")
    return wrong
