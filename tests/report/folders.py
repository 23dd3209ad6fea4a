"""Run folders written by hand as docs/formats.md section 6 says, for all that reads them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

TEXT, INT, FLAG = pa.string(), pa.int64(), pa.bool_()
POINTS = pa.decimal128(20, 4)

CASE_FIELDS = {
    "case_id": TEXT, "hospital_id": TEXT, "pool": TEXT, "drg": TEXT, "status": TEXT,
    "reason": TEXT, "case_class": TEXT, "days": INT, "total_cost_fen": INT, "pool_fund_fen": INT,
    "not_pool_fen": INT, "unreasonable_fen": INT, "points_before_readmission": POINTS,
    "points": POINTS, "readmission": FLAG, "month": TEXT, "paid_by": TEXT, "price_fen": INT,
}  # fmt: skip
HOSPITAL_FIELDS = {
    "hospital_id": TEXT, "pool": TEXT, "cases": INT, "points": POINTS, "not_pool_fen": INT,
    "recorded_fund_fen": INT, "due_fen": INT, "prepaid_fen": INT, "deposit_fen": INT,
    "forfeited_fen": INT, "violation_fen": INT, "carried_fen": INT, "final_fen": INT,
    "points_deducted": POINTS, "money_fen": INT, "held_cases": INT, "held_fund_fen": INT,
    "bound": TEXT,
}  # fmt: skip
DRG_FIELDS = {
    "drg": TEXT, "name": TEXT, "cases": INT, "points": POINTS, "total_cost_fen": INT,
    "group_mean_fen": INT, "base_points": POINTS, "stable": FLAG, "n_before": INT, "n_after": INT,
    "cv_before": pa.float64(), "cv_after": pa.float64(),
}  # fmt: skip
QUARANTINE_FIELDS = {
    name: INT if name == "row" else TEXT
    for name in ("file", "row", "case_id", "column", "value", "reason", "message", "remedy")
}
REVIEW_FIELDS = {"case_id": TEXT, "decision": TEXT, "unreasonable_fen": INT, "points": POINTS}


def write_table(
    folder: Path, name: str, rows: Sequence[Mapping[str, Any]], fields: Mapping[str, Any]
) -> None:
    schema = pa.schema(list(fields.items()))
    pq.write_table(pa.Table.from_pylist(list(rows), schema=schema), folder / f"{name}.parquet")


def case(
    case_id: str, hospital: str, pool: str, drg: str, case_class: str, cost: int, fund: int,
    before: str, points: str | None = None, **more: Any,
) -> dict[str, Any]:  # fmt: skip
    """A row of the cases table; `points` only where readmission lowered them."""
    after = before if points is None else points
    return {
        "case_id": case_id, "hospital_id": hospital, "pool": pool, "drg": drg, "status": "grouped",
        "reason": "", "case_class": case_class, "days": 5, "total_cost_fen": cost,
        "pool_fund_fen": fund, "not_pool_fen": cost - fund, "unreasonable_fen": 0,
        "points_before_readmission": Decimal(before), "points": Decimal(after),
        "readmission": before != after, "month": "2024-05", "paid_by": "points", "price_fen": None,
    } | more  # fmt: skip


# EX1 of the worked examples: every amount worked out without the engine
CASES = [
    case("C01", "H1", "310", "FM13", "normal", 3000000, 2100000, "265"),
    case("C02", "H1", "310", "AH19", "reviewed", 9000000, 7000000, "543.6"),
    case("C03", "H1", "390", "GB15", "normal", 950050, 570030, "84.8"),
    case("C04", "H2", "310", "GB15", "low", 350000, 245000, "28"),
    case("C05", "H2", "310", "GB15", "normal", 1100000, 770000, "78.4", "39.2"),
    case("C06", "H2", "310", "GB15", "normal", 900000, 630000, "78.4"),
    case("C07", "H2", "390", "RW15", "normal", 812345, 487407, "60.9778"),
    case("C08", "H3", "390", "TR19", "bed_day", 2400000, 1800000, "192", days=60),
    case("C09", "H3", "390", "0000", "ungrouped", 1875000, 1125000, "140"),
    case("C10", "H3", "390", "FM13", "normal", 6199999, 3720000, "227.5"),
    case("C11", "H3", "310", "GB15", "normal", 1000000, 700000, "72.8"),
    case("C12", "H1", "390", "AH19", "high", 6750000, 3550000, "381.6"),
]
# cases, points, n, recorded, due, prepaid, deposit, forfeited, violations, final
HOSPITALS = [
    ("H1", "310", 2, "808.6", 2900000, 9100000, 10226365, 8645000, 455000, 0, 0, 1581365),
    ("H2", "310", 3, "145.6", 705000, 1645000, 1658590, 1562750, 82250, 8225, 50000, 37615),
    ("H3", "310", 1, "72.8", 300000, 700000, 881795, 665000, 35000, 7000, 0, 209795),
    ("H1", "390", 2, "466.4", 3580020, 4120030, 4311618, 3914029, 206001, 0, 0, 397589),
    ("H2", "390", 1, "60.9778", 324938, 487407, 706826, 463037, 24370, 2437, 0, 241352),
    ("H3", "390", 3, "559.5", 3829999, 6645000, 5636922, 6312750, 332250, 66450, 0, -742278),
]
_HOSPITAL_KEYS = (
    "hospital_id", "pool", "cases", "points", "not_pool_fen", "recorded_fund_fen", "due_fen",
    "prepaid_fen", "deposit_fen", "forfeited_fen", "violation_fen", "final_fen",
)  # fmt: skip
POOLS = [
    ("310", "职工医保", 13000000, 11445000, 3905000, 12766750, "1027.0000", "333435/2054", 6),
    ("390", "居民医保", 10550000, 11252437, 7734957, 10655366, "1086.8778", "919516150/5434389", 6),
]
CLASS_SUMS = {
    "normal": {"cases": 7, "points": "828.6778", "total_cost_fen": 13962394},
    "high": {"cases": 1, "points": "381.6000", "total_cost_fen": 6750000},
    "reviewed": {"cases": 1, "points": "543.6000", "total_cost_fen": 9000000},
    "low": {"cases": 1, "points": "28.0000", "total_cost_fen": 350000},
    "ungrouped": {"cases": 1, "points": "140.0000", "total_cost_fen": 1875000},
    "bed_day": {"cases": 1, "points": "192.0000", "total_cost_fen": 2400000},
}
PARAMETERS = [
    ("keep_ratio", "结余留用比例", "0.85", "ratio", "assumed: 各地不等", False),
    ("fund_share_of_overspend", "基金分担超支比例", "0.15", "ratio", "assumed: 各地不等", False),
    (
        "high.bands",
        "高倍率界限",
        [["100", "3"], ["300", "2"], ["none", "1.5"]],
        "bands",
        "assumed: <原文未取得> & 待核",
        False,
    ),
    ("combine_pools", "险种合并", False, "switch", "C14", True),
    ("out_of_area", "异地就医", "inside_budget", "choice", "S2 二(二)1(2)", True),
    ("reserve_ratio", "调剂金比例", "0", "ratio", "P3", True),
    ("stable.cv_max", "CV 上限", "1", "ratio", "P11", True),
    ("keep_tiers", "结余分档", "none", "tiers", "D", True),
    ("overspend_tiers", "超支分档", "none", "tiers", "D", True),
    ("overspend_cap", "超支封顶", "none", "choice", "D", True),
    ("deposit_score", "保证金核算", "linear", "choice", "D", True),
    ("value_dp", "点值小数位", "none", "decimal_places", "D", True),
]
NAMES = {"H1": ("第一人民医院", "1"), "H2": ("中医院", "0.9"), "H3": ("<城东> & 社区", "0.8")}


def parameter(key: str, name: str, value: Any, unit: str, source: str, verified: bool) -> Any:
    return {
        "key": key, "name": name, "value": value, "unit": unit, "source": source,
        "verified": verified, "from": "2019-01-01", "to": None, "trial": False,
        "used": True,
    }  # fmt: skip


def rounded(value: Fraction) -> int:
    """Half away from zero."""
    double = (2 * abs(value.numerator) + value.denominator) // (2 * value.denominator)
    return double if value >= 0 else -double


def pool_facts(pool: tuple[Any, ...]) -> dict[str, Any]:
    code, name, budget, fund, not_pool, settled, point_sum, fraction, cases = pool
    value = Fraction(fraction)
    return {
        "pool": code, "name": name, "budget_fen": budget, "out_of_area_fund_fen": 0,
        "reserve_fen": 0, "available_budget_fen": budget, "recorded_fund_fen": fund,
        "not_pool_fen": not_pool, "settled_fen": settled, "points": point_sum,
        "point_value_fraction": fraction,
        "point_value": str(Decimal(rounded(value * 10**12)).scaleb(-12)),
        "residual_fen": 0, "cases": cases,
    }  # fmt: skip


def ex1_manifest() -> dict[str, Any]:
    return {
        "drgpay_version": "0.1.0",
        "region": {"id": "ex1", "name": "示例统筹区", "year": 2024},
        "trial": [],
        "policy": {
            "id": "testland",
            "title": "测试政策",
            "digest": "a" * 64,
            "parameters": [parameter(*p) for p in PARAMETERS],
        },
        "scheme": {
            "id": "zj-drg-2022",
            "title": "浙江省 DRG 分组方案",
            "digest": "b" * 64,
            "readings": {"surgical_match": "main"},
            "effective": "2022-01-01",
            "draft": False,
        },
        "inputs": [{"file": "cases.csv", "rows": 12, "bytes": 1234, "sha256": "c" * 64}],
        "counts": {"in": 12, "grouped": 11, "ambiguous": 0, "ungroupable": 1, "quarantined": 0},
        "ends": {"paid": 12, "quarantined": 0},
        "classes": CLASS_SUMS,
        "base_points": {
            "source": "given",
            "all_drg_mean_fen": 1250000,
            "history_cases": 0,
            "drgs": 4,
            "stable_drgs": 4,
            "history_years": [],
        },
        "pools": [pool_facts(p) for p in POOLS],
        "hospitals": [
            {"hospital_id": h, "name": name, "level": level, "score": score}
            for (h, (name, score)), level in zip(NAMES.items(), ("三级甲等", "二级甲等", "一级"), strict=True)
        ],
        "checks": [
            {
                "name": "one_end",
                "text_zh": "每行恰有一个去向",
                "text_en": "every row has one end",
                "passed": True,
                "detail": "12 = 12 + 0",
            }
        ],
        "synthetic": False,
    }  # fmt: skip


def write_run(
    folder: Path,
    manifest: dict[str, Any],
    hospitals: list[tuple[Any, ...]] | None = None,
    quarantine: list[dict[str, Any]] | None = None,
    cv: tuple[float | None, float | None] = (None, None),
) -> Path:
    """Write EX1 as a run folder, without the columns that it has no use for."""
    folder.mkdir(exist_ok=True)
    write_manifest(folder, manifest)
    rows = [dict(zip(_HOSPITAL_KEYS, h, strict=True)) for h in hospitals or HOSPITALS]
    for r in rows:
        r["points"] = Decimal(r["points"])
    fields = {k: HOSPITAL_FIELDS[k] for k in _HOSPITAL_KEYS}
    write_table(folder, "hospitals", rows, fields)
    drgs = [
        {"drg": "AH19", "name": "气管切开", "cases": 2, "points": Decimal("925.2")},
        {"drg": "GB15", "name": "食管大手术", "cases": 9, "points": Decimal("996.6778")},
        {"drg": "FM13", "name": "支架植入", "cases": 0, "points": Decimal(0)},
    ]
    for drg in drgs:
        drg |= {"total_cost_fen": 15750000, "group_mean_fen": 4500000, "stable": True}
        drg |= {"base_points": Decimal("360"), "n_before": None, "n_after": None}
        drg |= {"cv_before": cv[0], "cv_after": cv[1]}
    write_table(folder, "drgs", drgs, DRG_FIELDS)
    old = {k: v for k, v in CASE_FIELDS.items() if k not in ("month", "paid_by", "price_fen")}
    cases = [{k: c[k] for k in old} for c in CASES]
    write_table(folder, "cases", cases, old)
    write_table(folder, "quarantine", quarantine or [], QUARANTINE_FIELDS)
    write_table(folder, "reviews", [], REVIEW_FIELDS)
    return folder


def write_manifest(folder: Path, manifest: Mapping[str, Any]) -> None:
    text = json.dumps(manifest, ensure_ascii=False)
    (folder / "manifest.json").write_text(text, encoding="utf-8")


def full_run(
    folder: Path, *, hospitals: int = 4, trial: Sequence[str] = (), names: Sequence[str] = ()
) -> Path:
    """Write a run folder with every table and column of the contract, settled by hand here.

    Two pools; classes paid by points and in money, held and quarantined cases, points deducted,
    violations, carried amounts, a ceiling, coefficients, quality, sensitivity.
    """
    folder.mkdir(parents=True, exist_ok=True)
    cases, given = [], []
    for h in range(hospitals):
        hospital = f"H{h + 1:04d}"
        for pool in ("310", "390"):
            k = 7 * h + (3 if pool == "390" else 0)
            own = (hospital, pool)
            cost, fund = 1_000_000 + 12_345 * k, 700_000 + 8_111 * k
            tag = f"{h}-{pool}"
            cases += [
                case(f"N{tag}", *own, "FM13", "normal", cost, fund, f"{250 + k}.1234"),
                case(f"R{tag}", *own, "FM13", "normal", cost // 2, fund // 2, "80", "40"),
                case(f"L{tag}", *own, "GB15", "low", 90_001, 60_000, "7.7001"),
                case(f"B{tag}", *own, "TR19", "bed_day", 300_000, 200_000, "24", days=30),
                case(
                    f"I{tag}", *own, "AH19", "long_stay", 2_000_000, 1_500_003, "0",
                    paid_by="money", price_fen=1_900_000 + k,
                ),
                case(f"U{tag}", *own, "FM13", "unstable", 400_000, 300_000, "0", paid_by="held"),
            ]  # fmt: skip
        cases.append(
            case(f"Q{h}", hospital, "310", "", "", 10_000, 5_000, "0", paid_by=None,
                 status="quarantined", reason="sex_invalid")
        )  # fmt: skip
        given.append(hospital)
    pools, accounts = [], []
    for pool, name in (("310", "职工医保"), ("390", "居民医保")):
        facts, rows = _settle(pool, name, [c for c in cases if c["pool"] == pool], given)
        pools.append(facts)
        accounts += rows
    write_table(folder, "cases", cases, CASE_FIELDS)
    write_table(folder, "hospitals", accounts, HOSPITAL_FIELDS)
    keys = {k: INT for k in pools[0] if k.endswith("_fen") or k in ("cases", "held_cases")}
    kinds = {k: TEXT for k in ("pool", "point_value_fraction", "solution")}
    kinds |= {"points": POINTS, "points_deducted": POINTS, "point_value": pa.decimal128(30, 12)}
    rows = [
        p | {k: Decimal(p[k]) for k in ("points", "points_deducted", "point_value")} for p in pools
    ]
    write_table(folder, "pools", rows, kinds | keys | {"value_high": pa.decimal128(30, 12)})
    _other_tables(folder, cases, given)
    paid = [c for c in cases if c["paid_by"] in ("points", "money")]
    held = sum(c["paid_by"] == "held" for c in cases)
    classes: dict[str, dict[str, Any]] = {}
    for name in ("normal", "low", "bed_day", "long_stay"):
        own_cases = [c for c in paid if c["case_class"] == name]
        classes[name] = {
            "cases": len(own_cases),
            "points": str(sum(c["points"] for c in own_cases)),
            "total_cost_fen": sum(c["total_cost_fen"] for c in own_cases),
        }
    manifest = ex1_manifest()
    manifest |= {
        "trial": list(trial),
        "synthetic": True,
        "pools": pools,
        "classes": classes,
        "hospitals": [
            {
                "hospital_id": h,
                "name": names[i] if i < len(names) else f"第{i + 1}医院",
                "level": "2",
                "score": "0.9000",
                "coefficient": "1.010000",
            }
            for i, h in enumerate(given)
        ],
        "counts": {
            "in": len(cases),
            "grouped": len(paid) + held,
            "ambiguous": 0,
            "ungroupable": 0,
            "quarantined": hospitals,
        },
        "ends": {"paid": len(paid), "held": held, "quarantined": hospitals},
        "ceiling": {
            "control_target_fen": 10**9 * hospitals,
            "reserves": [{"name": "调剂金", "amount_fen": 100, "drawn_fen": 0}],
        },
    }
    write_manifest(folder, manifest)
    return folder


def _settle(
    pool: str, name: str, cases: list[dict[str, Any]], hospitals: list[str]
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Settle a pool as docs/rules.md says, in the plainest way."""
    paid = [c for c in cases if c["paid_by"] in ("points", "money")]
    fund = sum(c["pool_fund_fen"] for c in paid)
    budget = fund + 1_000_001
    settled = fund + rounded(Fraction("0.85") * (budget - fund))
    money = sum(c["price_fen"] - c["not_pool_fen"] for c in paid if c["paid_by"] == "money")
    not_pool = sum(c["not_pool_fen"] for c in paid if c["paid_by"] == "points")
    deducted = {h: Decimal("1.5") if i == 0 else Decimal(0) for i, h in enumerate(hospitals)}
    every_of: dict[str, list[dict[str, Any]]] = {h: [] for h in hospitals}
    for c in cases:
        every_of[c["hospital_id"]].append(c)
    paid_of = {
        h: [c for c in own if c["paid_by"] in ("points", "money")] for h, own in every_of.items()
    }
    gross = {h: sum((c["points"] for c in paid_of[h]), Decimal(0)) for h in hospitals}
    points = {h: gross[h] - deducted[h] for h in hospitals}
    value = Fraction(settled - money + not_pool) / Fraction(sum(points.values()))
    exact, facts = {}, {}
    for h in hospitals:
        own = paid_of[h]
        by_points = sum(c["not_pool_fen"] for c in own if c["paid_by"] == "points")
        own_money = sum(c["price_fen"] - c["not_pool_fen"] for c in own if c["paid_by"] == "money")
        exact[h] = Fraction(points[h]) * value - by_points + own_money
        facts[h] = (own, own_money, every_of[h])
    due = {h: exact[h].numerator // exact[h].denominator for h in hospitals}
    order = sorted(hospitals, key=lambda h: (due[h] - exact[h], h))
    for h in order[: settled - sum(due.values())]:
        due[h] += 1
    rows = []
    for i, h in enumerate(hospitals):
        own, own_money, every = facts[h]
        recorded = sum(c["pool_fund_fen"] for c in own)
        prepaid = rounded(Fraction("0.95") * recorded)
        forfeited = rounded(Fraction("0.1") * (recorded - prepaid))
        violation, carried = (12_345 if i == 0 else 0), (-777 if i == 1 else 0)
        waiting = [c for c in every if c["paid_by"] == "held"]
        rows.append(
            {
                "hospital_id": h, "pool": pool, "cases": len(own), "points": points[h],
                "not_pool_fen": sum(c["not_pool_fen"] for c in own), "recorded_fund_fen": recorded,
                "due_fen": due[h], "prepaid_fen": prepaid, "deposit_fen": recorded - prepaid,
                "forfeited_fen": forfeited, "violation_fen": violation, "carried_fen": carried,
                "final_fen": due[h] - prepaid - forfeited - violation - carried,
                "points_deducted": deducted[h], "money_fen": own_money, "held_cases": len(waiting),
                "held_fund_fen": sum(c["pool_fund_fen"] for c in waiting), "bound": "",
            }
        )  # fmt: skip
    yuan = value / 100
    facts_of_pool = {
        "pool": pool, "name": name, "budget_fen": budget, "out_of_area_fund_fen": 0,
        "reserve_fen": 0, "available_budget_fen": budget, "recorded_fund_fen": fund,
        "not_pool_fen": sum(c["not_pool_fen"] for c in paid), "settled_fen": settled,
        "points": str(sum(points.values())),
        "point_value_fraction": f"{yuan.numerator}/{yuan.denominator}",
        "point_value": str(Decimal(rounded(yuan * 10**12)).scaleb(-12)), "residual_fen": 0,
        "cases": len(paid), "money_fen": money,
        "held_cases": sum(c["paid_by"] == "held" for c in cases),
        "points_deducted": str(sum(deducted.values())), "solution": "unique",
    }  # fmt: skip
    return facts_of_pool, rows


def _other_tables(folder: Path, cases: list[dict[str, Any]], hospitals: list[str]) -> None:
    drgs = []
    for drg in ("AH19", "FM13", "GB15", "TR19"):
        own = [c for c in cases if c["drg"] == drg and c["paid_by"] in ("points", "money")]
        drgs.append(
            {
                "drg": drg, "name": f"病组{drg}", "cases": len(own),
                "points": sum((c["points"] for c in own), Decimal(0)),
                "total_cost_fen": sum(c["total_cost_fen"] for c in own), "group_mean_fen": 1_000_000,
                "base_points": Decimal("80"), "stable": drg != "TR19", "n_before": 10,
                "n_after": 9, "cv_before": 0.9, "cv_after": 0.5,
                "median_after_fen": Decimal("123456.5"), "origin": "history",
            }
        )  # fmt: skip
    more = {"median_after_fen": pa.decimal128(20, 1), "origin": TEXT}
    write_table(folder, "drgs", drgs, DRG_FIELDS | more)
    bad = [
        {
            "file": "cases.csv", "row": i, "case_id": c["case_id"], "column": "sex", "value": "=1+1",
            "reason": c["reason"], "message": "性别缺失", "remedy": "填男或女",
        }
        for i, c in enumerate(cases) if c["status"] == "quarantined"
    ]  # fmt: skip
    write_table(folder, "quarantine", bad, QUARANTINE_FIELDS)
    reviews = [
        {"case_id": "U0-310", "decision": "refused", "unreasonable_fen": 5, "points": None},
        {"case_id": "N0-310", "decision": "granted", "unreasonable_fen": 10_001,
         "points": Decimal("300.5")},
    ]  # fmt: skip
    write_table(folder, "reviews", reviews, REVIEW_FIELDS)
    write_table(
        folder, "ceiling",
        [{"mode": "drg", "amount_fen": 700}, {"mode": "by_item", "amount_fen": 300}],
        {"mode": TEXT, "amount_fen": INT},
    )  # fmt: skip
    coefficients = [
        {
            "hospital_id": h,
            "drg": "",
            "coefficient": Decimal("1.010000"),
            "history": Decimal("1.02"),
        }
        for h in hospitals
    ]
    coefficients.append({"hospital_id": hospitals[0], "drg": "FM13", "coefficient": Decimal("1.1")})
    six = pa.decimal128(12, 6)
    fields = {"hospital_id": TEXT, "drg": TEXT, "coefficient": six, "history": six}
    write_table(folder, "coefficients", coefficients, fields)
    quality = [
        {"mdc": mdc, "cases": 10, "groups": 2, "stable_groups": 1, "unstable_share": 0.1,
         "cv_mean": 0.5, "riv": 0.7}
        for mdc in ("MDCA", "MDCF", "")
    ]  # fmt: skip
    kinds = {"mdc": TEXT, "cases": INT, "groups": INT, "stable_groups": INT}
    kinds |= {name: pa.float64() for name in ("unstable_share", "cv_mean", "riv")}
    write_table(folder, "quality", quality, kinds)
    text = {name: "" for name in ("largest_hospital", "source", "source_zh", "note")}
    none = dict.fromkeys(("final_change_fen", "final_moved_fen", "largest_change_fen"), 0)
    moved = [
        {"key": "keep_ratio", "name": "结余留用比例", "value": "0.85", "alternative": "0.7",
         "state": "moved", "due_change_fen": -500, "moved_fen": 123_456, "hospitals": 2,
         "point_value_before": "310: 1.000000", "point_value_after": "310: 0.900000",
         **none, **text}
    ]  # fmt: skip
    kinds = {name: INT if type(value) is int else TEXT for name, value in moved[0].items()}
    write_table(folder, "sensitivity", moved, kinds)
    communities = [{"community_id": "M1", "name": "东区医共体", "persons": 3, "budget_fen": 12_345}]
    names = {"community_id": TEXT, "name": TEXT, "persons": INT, "budget_fen": INT}
    write_table(folder, "capitation_communities", communities, names)
