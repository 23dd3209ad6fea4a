"""How a plan divides a pool's year: between city and counties, by care and payer, by blocks.

Each from a table that a region may give beside those of its budget. The entry of the plan holds the
figures with the parameters that they hang on; nothing is posted by them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from drgpay.budget.blocks import CITY, CityHospital, plan_blocks, referral_rate
from drgpay.budget.pool import Rules
from drgpay.budget.targets import ControlTarget, CountyPlan, FundBudget, covered, split_budget
from drgpay.ground.errors import Bilingual, InputError, both
from drgpay.ground.money import yuan_text
from drgpay.names.plan import BLOCKS, CARE, HOSPITAL_PARTS, PAYERS
from drgpay.tables import kinds
from drgpay.tables.declared import Column, Row, Table, optional
from drgpay.tables.reader import Reader

POOL = Column("pool", kinds.code, link="budget_factors")
AMOUNT = Column("amount_yuan", kinds.amount)
COUNTIES = Table(
    "county_budgets",
    (
        POOL,
        Column("area"),
        Column("benefits_yuan", kinds.amount),
        optional("subsidy_yuan", kinds.amount, 0),
        optional("paid_up_yuan", kinds.amount, 0),
    ),
    unique=("pool", "area"),
)
COVERAGE = Table(
    "target_coverage",
    (
        POOL,
        Column("care", kinds.coded(CARE)),
        Column("payer", kinds.coded(PAYERS)),
        AMOUNT,
    ),
    unique=("pool", "care", "payer"),
)
BLOCK_AMOUNTS = Table(
    "budget_blocks",
    (
        POOL,
        Column("block", kinds.coded({c: word for c, word in BLOCKS.items() if c != CITY})),
        AMOUNT,
    ),
    unique=("pool", "block"),
)
CITY_HOSPITALS = Table(
    "city_hospitals",
    (
        Column("hospital_id"),
        POOL,
        *(Column(f"{part}_yuan", kinds.amount) for part in HOSPITAL_PARTS),
        Column("income_yuan", kinds.amount),
        optional("referred_out", kinds.count, None),
        optional("admissions", kinds.count, None),
    ),
    unique=("hospital_id", "pool"),
)
TABLES = (COUNTIES, COVERAGE, BLOCK_AMOUNTS, CITY_HOSPITALS)
Given = Mapping[str, Sequence[Row]]


def read_parts(reader: Reader) -> Given:
    """Return the rows of the tables that are there, by table; what is faulty stays in the reader.

    The reader was given the pools that have a budget: others are faults.
    """
    return {table.name: reader.read(table) for table in TABLES}


def parts_of(
    given: Given, made: Sequence[tuple[FundBudget, ControlTarget]], policy: Rules
) -> dict[str, list[dict[str, Any]]]:
    """Return the figures of every division that is given, by section of the entry; amounts in fen.

    Source: S0 12 and 14, S3 一2. Raises InputError for parts that exceed what they divide.
    """
    found: dict[str, list[dict[str, Any]]] = {}
    for budget, target in made:
        pool = budget.pool
        of_pool = {name: [r for r in rows if r["pool"] == pool] for name, rows in given.items()}
        parts = (
            ("split", _split(budget, of_pool[COUNTIES.name])),
            ("coverage", _coverage(target, of_pool[COVERAGE.name], policy)),
            *_blocks(budget, of_pool[BLOCK_AMOUNTS.name], of_pool[CITY_HOSPITALS.name], policy),
        )
        for section, rows in parts:
            if rows:
                found.setdefault(section, []).extend({"pool": pool, **row} for row in rows)
    return found


CITY_ITSELF = both("市本级", "the city itself")


def _split(budget: FundBudget, rows: Sequence[Row]) -> list[dict[str, Any]]:
    if not rows:
        return []
    split = split_budget(budget.pool, budget.budget_fen, [r.record(CountyPlan) for r in rows])
    city = {
        "area": CITY_ITSELF.chinese, "benefits_fen": split.city_benefits_fen,
        "subsidy_fen": -split.subsidies_down_fen, "paid_up_fen": -split.payments_up_fen,
        "own_fen": split.city_own_fen,
    }  # fmt: skip
    return [city, *({**asdict(own), "own_fen": own.own_fen} for own in split.counties)]


def _coverage(target: ControlTarget, rows: Sequence[Row], policy: Rules) -> list[dict[str, Any]]:
    if not rows:
        return []
    found = covered({r.of("care", "payer"): r["amount_yuan"] for r in rows}, policy)
    inside = {(care, payer) for care, payer, _ in found.parts}
    told: list[dict[str, Any]] = [
        {
            "care": row["care"], "payer": row["payer"], "amount_fen": row["amount_yuan"],
            "covered": row.of("care", "payer") in inside,
        }
        for row in rows
    ]  # fmt: skip
    return [
        *told,
        {
            "covered_fen": found.covered_fen, "left_out_fen": found.left_out_fen,
            "target_fen": target.target_fen, "left_fen": target.target_fen - found.covered_fen,
        },
    ]  # fmt: skip


def _blocks(
    budget: FundBudget, blocks: Sequence[Row], hospitals: Sequence[Row], policy: Rules
) -> list[tuple[str, list[dict[str, Any]]]]:
    if not blocks and not hospitals:
        return []
    plan = plan_blocks(
        budget.pool,
        {row["block"]: row["amount_yuan"] for row in blocks},
        [
            CityHospital(
                row["hospital_id"],
                {part: row[f"{part}_yuan"] for part in HOSPITAL_PARTS},
                row["income_yuan"],
            )
            for row in hospitals
        ],
        budget.last_year_fen,
        policy,
    )
    if plan.total_fen > budget.budget_fen:
        raise InputError(
            both(
                f"险种 {budget.pool} 各块合计 {yuan_text(plan.total_fen)} 元，超过支出预算 "
                f"{yuan_text(budget.budget_fen)} 元",
                f"the blocks of pool {budget.pool} add up to {yuan_text(plan.total_fen)} yuan, more "
                f"than its budget of {yuan_text(budget.budget_fen)}",
            ),
            remedy=both("压减各块额度", "lower the blocks"),
        )
    counts = {row["hospital_id"]: row.of("referred_out", "admissions") for row in hospitals}
    return [
        ("blocks", [{"block": code, "amount_fen": fen} for code, fen in plan.blocks]),
        (
            "city_hospitals",
            [
                {
                    "hospital_id": own.hospital_id,
                    **{f"{part}_fen": fen for part, fen in own.parts},
                    "income_fen": own.income_fen, "outside_fen": own.outside_fen,
                    "control_fen": own.control_fen,
                    **_referrals(own.hospital_id, counts[own.hospital_id], policy),
                }
                for own in plan.hospitals
            ],
        ),
    ]  # fmt: skip


def _referrals(
    hospital: str, counts: tuple[int | None, int | None], policy: Rules
) -> dict[str, Any]:
    """Return a hospital's rate of referrals out of the prefecture, where both counts are given."""
    referred, admissions = counts
    if referred is None or admissions is None:
        return {}
    rate = referral_rate(hospital, referred, admissions, policy)
    return {
        "referred_out": referred, "admissions": admissions, "referral_rate": rate.text,
        "within_rate": rate.within,
    }  # fmt: skip


def told(parts: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[Bilingual]:
    """Return the lines that tell of the divisions of a plan, those that exceed a limit named."""
    lines = []
    for row in parts.get("split", ()):
        lines.append(
            both(
                f"险种 {row['pool']} {row['area']}：待遇支出 {yuan_text(row['benefits_fen'])} 元，自有资金 "
                f"{yuan_text(row['own_fen'])} 元",
                f"pool {row['pool']}, {row['area']}: benefits {yuan_text(row['benefits_fen'])} yuan, own "
                f"money {yuan_text(row['own_fen'])}",
            )
        )
    for row in parts.get("coverage", ()):
        if "covered_fen" in row:
            lines.append(
                both(
                    f"险种 {row['pool']} 控制目标覆盖的费用 {yuan_text(row['covered_fen'])} 元，不覆盖 "
                    f"{yuan_text(row['left_out_fen'])} 元；控制目标减覆盖的费用 "
                    f"{yuan_text(row['left_fen'])} 元",
                    f"pool {row['pool']}: the target covers {yuan_text(row['covered_fen'])} yuan and "
                    f"leaves out {yuan_text(row['left_out_fen'])}; target less what it covers "
                    f"{yuan_text(row['left_fen'])}",
                )
            )
    for row in parts.get("blocks", ()):
        word = BLOCKS[row["block"]]
        lines.append(
            both(
                f"险种 {row['pool']} {word.chinese}：{yuan_text(row['amount_fen'])} 元",
                f"pool {row['pool']}, {word}: {yuan_text(row['amount_fen'])} yuan",
            )
        )
    for row in parts.get("city_hospitals", ()):
        over = row.get("within_rate") is False
        lines.append(
            both(
                f"险种 {row['pool']} 机构 {row['hospital_id']}：控制额 {yuan_text(row['control_fen'])} 元，"
                f"其中地市外就医 {yuan_text(row['outside_fen'])} 元"
                + (f"；转诊率 {row['referral_rate']} 超过上限" if over else ""),
                f"pool {row['pool']}, {row['hospital_id']}: control {yuan_text(row['control_fen'])} "
                f"yuan, of it outside the prefecture {yuan_text(row['outside_fen'])}"
                + (f"; referral rate {row['referral_rate']} above its limit" if over else ""),
            )
        )
    return lines
