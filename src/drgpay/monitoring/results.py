"""What a monitoring says, as tables, and what its manifest says of it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from drgpay import __version__
from drgpay.ground.digests import file_digest
from drgpay.ground.errors import Bilingual, both, joined
from drgpay.monitoring.abnormal import abnormal_text
from drgpay.monitoring.forecast import use_text
from drgpay.monitoring.growth import growth_text
from drgpay.monitoring.tables import CARE_KINDS
from drgpay.monitoring.watch import Together, Watch, together
from drgpay.names.run_tables import records_table
from drgpay.names.watch import ABNORMAL, GRADES, GROWTH, SCOPES
from drgpay.runs.manifest import check_fact
from drgpay.runs.writer import write_result
from drgpay.wrapper.planning import policy_facts

DIGITS = 9
GRADE_ORDER = tuple(GRADES)
NAME = "watch.json"
LAST = 10**9  # of those without a rank


def _number(value: float) -> float | None:
    return float(f"{value:.{DIGITS}g}") if math.isfinite(value) else None


def _who(found: Watch, place: int) -> dict[str, Any]:
    own, pool = found.at(place)
    return {"hospital_id": own.hospital_id, "hospital_name": own.name, "pool": pool}


def result_tables(found: Watch, lang: str = "zh") -> dict[str, pa.Table]:
    """Return the tables of a monitoring, each in the order of institutions' ids."""
    tables = {
        "watch_together": _together_rows(found, lang),
        "watch_growth": _growth_rows(found, lang),
        "watch_index": _index_rows(found, lang),
        "watch_months": _month_rows(found),
        "watch_persons": _person_rows(found),
        "watch_ranking": _ranking_rows(found),
        "watch_abnormal": _abnormal_rows(found, lang),
        "watch_evidence": _evidence_rows(found),
    }
    made = {name: records_table(name, rows) for name, rows in tables.items()}
    made["capitation_quarantine"] = found.visits.quarantined.table(lang)
    return made


def _together_rows(found: Watch, lang: str) -> list[dict[str, Any]]:
    rows = [
        {
            **_who(found, own.place), "level": found.at(own.place)[0].level, "grade": own.grade,
            "flags": len(own.raised), "raised": "|".join(own.raised),
            "text": _reasons(found, own).of(lang),
        }
        for own in together(found)
    ]  # fmt: skip
    rows.sort(
        key=lambda r: (GRADE_ORDER.index(r["grade"]), -r["flags"], r["hospital_id"], r["pool"])
    )
    return rows


def _reasons(found: Watch, own: Together) -> Bilingual:
    """Return what was found of an institution, flag by flag; of none raised, how cost grew."""
    growth = found.growth["to_date"]
    texts: list[Bilingual] = []
    now, last = (int(span.n[own.place]) for span in found.spans["to_date"])
    least = found.policy["watch.min_visits"]
    for name in own.raised or ("cost",):
        if name == "index_used":
            use = next(use for use in found.uses if use.place == own.place)
            texts.append(use_text(use, now, found.policy))
        elif name == "abnormal":
            hospital = own.place // len(found.visits.pools)
            texts.append(abnormal_text(found.abnormal, hospital, least))
        else:
            word = GROWTH[name]
            said = growth_text(growth[name], own.place, now, last, least)
            texts.append(both(f"{word.chinese}{said.chinese}", f"{word} {said}"))
    return joined(texts)


def _growth_rows(found: Watch, lang: str) -> list[dict[str, Any]]:
    rows = []
    least = found.policy["watch.min_visits"]
    for scope in SCOPES:
        now, last = found.spans[scope]
        for name, own in found.growth[scope].items():
            for place in range(len(own.now)):
                if not now.n[place] and not last.n[place]:
                    continue
                visits, before = int(now.n[place]), int(last.n[place])
                rows.append(
                    {
                        **_who(found, place), "scope": scope, "indicator": name,
                        "visits": visits, "visits_last": before,
                        "now": _number(own.now[place]), "last": _number(own.last[place]),
                        "growth": _number(own.ratio[place] - 1),
                        "growth_low": _number(own.low[place] - 1),
                        "growth_high": _number(own.high[place] - 1),
                        "growth_usual": _number(own.usual[place] - 1),
                        "growth_shrunk": _number(own.shrunk[place] - 1),
                        "limit": float(own.limit), "p": _number(own.p[place]),
                        "q": _number(own.q[place]), "verdict": own.verdict[place],
                        "text": growth_text(own, place, visits, before, least).of(lang),
                    }
                )  # fmt: skip
    rows.sort(key=lambda r: (r["hospital_id"], r["pool"]))  # stable: scopes, then indicators
    return rows


def _index_rows(found: Watch, lang: str) -> list[dict[str, Any]]:
    now = found.spans["to_date"][0]
    rows = []
    for use in found.uses:
        who = _who(found, use.place)
        booked = found.booked.get((who["hospital_id"], who["pool"]))
        rows.append(
            {
                **who, "index_fen": use.index_fen, "used_fen": use.used_fen, "booked_fen": booked,
                "used_share": _number(use.used_share),
                "expected_share": _number(use.expected_share),
                "forecast_fen": use.forecast_fen, "forecast_low_fen": use.low_fen,
                "forecast_high_fen": use.high_fen, "exceeds": _number(use.exceeds),
                "pattern": "last_year" if use.by_last_year else "equal", "verdict": use.verdict,
                "text": use_text(use, int(now.n[use.place]), found.policy).of(lang),
            }
        )  # fmt: skip
    return sorted(rows, key=lambda r: (r["hospital_id"], r["pool"]))


def _month_rows(found: Watch) -> list[dict[str, Any]]:
    rows = []
    visits, cost, fund = (found.months[name] for name in ("visits", "cost", "fund"))
    for place in range(len(visits)):
        for month in range(found.month):
            if visits[place, 12 + month] or visits[place, month]:
                rows.append(
                    {
                        **_who(found, place), "month": f"{found.visits.year}-{month + 1:02d}",
                        "visits": int(visits[place, 12 + month]),
                        "visits_last": int(visits[place, month]),
                        "total_cost_fen": int(cost[place, 12 + month]),
                        "last_cost_fen": int(cost[place, month]),
                        "pool_fund_fen": int(fund[place, 12 + month]),
                        "last_fund_fen": int(fund[place, month]),
                    }
                )  # fmt: skip
    return sorted(rows, key=lambda r: (r["hospital_id"], r["pool"], r["month"]))


def _person_rows(found: Watch) -> list[dict[str, Any]]:
    return [
        {
            "ranking": own.ranking, "rank": own.rank, "person_id": own.person_id,
            "value": float(own.value), "middle": _number(own.middle), "visits": own.visits,
            "hospitals": own.hospitals, "visit_days": own.days, "most_a_day": own.most_a_day,
            "total_cost_fen": own.cost_fen, "pool_fund_fen": own.fund_fen,
        }
        for own in found.persons
    ]  # fmt: skip


def _ranking_rows(found: Watch) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for own in found.ranked:
        who = found.of(own.hospital)
        ranked = own.rank > 0
        rows.append(
            {
                "care": CARE_KINDS[own.care], "level": own.level, "indicator": own.indicator,
                "rank": own.rank or None, "hospital_id": who.hospital_id,
                "hospital_name": who.name, "visits": own.visits,
                **{
                    name: _number(value) if ranked else None
                    for name, value in (
                        ("value", own.value), ("value_low", own.low), ("value_high", own.high),
                        ("value_shrunk", own.shrunk), ("value_usual", own.level_middle),
                    )
                },
            }
        )  # fmt: skip
    order = {word: place for place, word in enumerate(CARE_KINDS)}
    rows.sort(
        key=lambda r: (
            order[r["care"]], r["level"], r["indicator"], r["rank"] or LAST, r["hospital_id"],
        )
    )  # fmt: skip
    return rows


def _abnormal_rows(found: Watch, lang: str) -> list[dict[str, Any]]:
    own, least = found.abnormal, found.policy["watch.min_visits"]
    rows = []
    for at in range(len(own.verdict)):
        if not own.records[at]:
            continue
        who = found.of(at)
        rows.append(
            {
                "hospital_id": who.hospital_id, "hospital_name": who.name, "remote": who.remote,
                "records": int(own.records[at]), "flagged": int(own.flagged[at]),
                **{kind: int(own.kinds[kind][at]) for kind in ABNORMAL},
                "expected": _number(own.expected[at]), "ratio": _number(own.ratio[at]),
                "shrunk_ratio": _number(own.shrunk[at]), "p": _number(own.p[at]),
                "q": _number(own.q[at]), "verdict": own.verdict[at],
                "listed": own.verdict[at] == "raised" and who.remote,
                "text": abnormal_text(own, at, least).of(lang),
            }
        )  # fmt: skip
    rows.sort(key=lambda r: (not r["listed"], r["verdict"] != "raised", r["hospital_id"]))
    return rows


def _evidence_rows(found: Watch) -> list[dict[str, Any]]:
    own = found.evidence
    ids = found.visits.ids_of(int(person) for person in own["person"])
    rows: list[dict[str, Any]] = []
    count: dict[int, int] = {}
    for at in range(len(own["hospital"])):
        hospital = int(own["hospital"][at])
        count[hospital] = count.get(hospital, 0) + 1
        kinds = [kind for kind in ABNORMAL if bool(own[kind][at])]
        rows.append(
            {
                "hospital_id": found.of(hospital).hospital_id, "rank": count[hospital],
                "person_id": ids[int(own["person"][at])],
                "visit_date": (np.datetime64(0, "D") + int(own["day"][at])).astype(object),
                "care": CARE_KINDS[int(own["care"][at])], "total_cost_fen": int(own["cost"][at]),
                "why_abnormal": "|".join(kinds),
            }
        )  # fmt: skip
    return sorted(rows, key=lambda r: (r["hospital_id"], r["rank"]))


def manifest(found: Watch) -> dict[str, Any]:
    """Return what watch.json says: what was read, by which parameters, what was counted."""
    visits = found.visits
    counts = visits.quarantined.counts()
    grades = [own.grade for own in together(found)]
    return {
        "drgpay_version": __version__,
        "kind": "watch",
        "region": {
            "id": found.facts["region_id"], "name": found.facts["region_name"], "year": visits.year,
        },
        "month": f"{visits.year}-{found.month:02d}",
        "policy": policy_facts(found.policy),
        "parameters": [
            p.as_dict() for key, p in found.policy.parameters.items() if key.startswith("watch.")
        ],
        "book": {"number": found.head[0], "digest": found.head[1]},
        "inputs": [
            {"file": path.name, "bytes": path.stat().st_size, "sha256": file_digest(path)}
            for path in visits.files
        ],
        "rows": visits.rows,
        "counted": len(visits),
        "quarantined": counts,
        "hospitals": len(visits.hospitals),
        "grades": {grade: grades.count(grade) for grade in GRADE_ORDER},
        "checks": [
            check_fact(
                "rows",
                both("就诊记录 = 计入 + 隔离", "rows of visits = counted + quarantined"),
                f"{visits.rows} = {len(visits)} + {sum(counts.values())}",
                passed=visits.rows == len(visits) + sum(counts.values()),
            )
        ],
    }  # fmt: skip


def write_watch(
    found: Watch,
    told: Mapping[str, Any],
    out: Path,
    lang: str,
    finish: Callable[[Path, Mapping[str, pa.Table]], object],
) -> Path:
    """Write the result folder, which must not exist yet; `finish` adds the papers."""
    tables = result_tables(found, lang)
    return write_result(
        out,
        tables,
        lambda: told,
        finish=lambda folder: finish(folder, tables),
        manifest=NAME,
    )
