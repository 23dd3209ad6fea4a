"""A region folder: who is paid, from what, for which cases (docs/formats.md sections 2 and 3).

The model assumes clean input: what the engine would quarantine, the model refuses (ValueError).
"""

import csv
import datetime as dt
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any, TypeVar

from reference.model.exact import decimal, fen
from reference.model.scheme import READINGS

Row = Mapping[str, Any]
Number = TypeVar("Number", int, Fraction)
DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


@dataclass(frozen=True)
class Case:
    """One stay. Money in fen; `None` is unknown."""

    case_id: str
    hospital_id: str
    patient_id: str
    pool: str
    sex: str | None
    age_years: int | None
    age_days: int | None
    birth_weight_g: int | None
    admission: dt.date
    discharge: dt.date
    settlement: dt.date | None
    los_days_given: int | None
    icu: bool | None
    diagnoses: tuple[str, ...]
    procedures: tuple[str, ...]
    total_cost_fen: int
    pool_fund_fen: int
    payment_mode: str
    bed_day_class: str
    icu_hours: int | None = None
    admission_weight_g: int | None = None
    special_charge: str = ""
    discharge_way: str = ""
    referral_group: str = ""
    planned_readmission: bool = False
    personal_paid_fen: int | None = None
    deductible_fen: int | None = None


@dataclass(frozen=True)
class PoolBudget:
    """The year's budget of one pool (统筹基金 of one insurance type)."""

    pool: str
    budget_fen: int
    out_of_area_fund_fen: int = 0
    last_year_fund_fen: int | None = None
    growth_approval: str = ""
    control_target_fen: int | None = None


@dataclass(frozen=True)
class Hospital:
    """A row of hospitals.csv."""

    hospital_id: str
    level: str = ""
    community_id: str = ""
    standing: str = "normal"  # normal, penalised, ended


@dataclass(frozen=True)
class GivenMean:
    """A row of base_points.csv."""

    group_mean_fen: int
    stable: bool


@dataclass(frozen=True)
class Review:
    """An expert review (特病单议) of a case."""

    granted: bool
    unreasonable_fen: int
    points: Fraction | None = None


@dataclass(frozen=True)
class Ceiling:
    """The total that a region may spend, what may cover an excess, what else is paid (fen).

    A pool is "" where the region's is meant.
    """

    control_target_fen: int
    reserves: tuple[tuple[str, int, bool, str], ...]  # name, amount, is it in the target, pool
    payments: tuple[tuple[str, int, str], ...]  # name, amount, pool


@dataclass(frozen=True)
class Region:
    """All that a run reads, apart from scheme and policy."""

    id: str
    name: str
    year: int
    policy: str
    scheme: str
    readings: dict[str, str]
    folder: Path
    pools: dict[str, PoolBudget]
    all_drg_mean_fen: int | None
    given_means: dict[str, GivenMean] | None
    hospitals: dict[str, Hospital]
    coefficients: dict[tuple[str, str], Fraction]  # by hospital and DRG, "" for all groups
    level_coefficients: dict[str, Fraction]
    components: dict[tuple[str, str], Fraction]  # by hospital and component
    treatment_shares: dict[str, Fraction]
    scores: dict[str, Fraction]
    # by class and level ("" for all others): the first day of a band and its rate, rising
    bed_day_rates: dict[tuple[str, str], tuple[tuple[int, int], ...]]
    reviews: dict[str, Review]
    violations_fen: dict[tuple[str, str], int]
    violation_points: dict[tuple[str, str], list[Fraction]]  # of each row
    carried_fen: dict[tuple[str, str], int]
    carried_by_hand_fen: tuple[int, ...]  # amounts that name no run
    prepaid_fen: dict[tuple[str, str], tuple[int, int | None]]
    prepaid_by_hand: bool  # not what the months wrote
    month_shares: tuple[Fraction, ...] | None
    last_year_months_fen: dict[tuple[str, str, int], int] | None
    ceiling: Ceiling | None
    cases: tuple[Case, ...]
    history: tuple[Case, ...] | None
    weights: dict[str, tuple[Fraction, bool]] | None = None
    # of each case the items of new technology and their cost; of each item its periods
    new_technology: dict[str, list[tuple[str, int]]] = field(default_factory=dict)
    new_items: dict[str, list[tuple[dt.date, dt.date]]] = field(default_factory=dict)
    # scheme ("" for any), DRG, first and last day
    primary_groups: tuple[tuple[str, str, dt.date, dt.date], ...] = ()


def read_region(
    folder: str | Path, cases: Iterable[Row] | None = None, history: Iterable[Row] | None = None
) -> Region:
    """Read a region folder. `cases` and `history` (rows as dicts) replace the files' when given.

    With `history` given, base_points.csv and all_drg_mean_yuan of the folder are left aside.
    """
    folder = Path(folder)
    if not (folder / "region.toml").is_file():
        raise ValueError(f"{folder}: region.toml is missing")
    document = tomllib.loads((folder / "region.toml").read_text(encoding="utf-8"))
    head = document.get("region", {})
    lacking = [key for key in ("id", "year", "policy") if key not in head]
    lacking += [
        key
        for row in document.get("pools", [])
        for key in ("pool", "budget_yuan")
        if key not in row
    ]
    if lacking or not document.get("pools"):
        raise ValueError(f"{folder}: region.toml lacks {lacking or 'a pool'}")
    pools = {}
    for row in document.get("pools", []):
        last_year = row.get("last_year_fund_yuan")
        budget = PoolBudget(
            row["pool"],
            _amount(row["budget_yuan"], "budget_yuan"),
            _amount(row.get("out_of_area_fund_yuan", 0), "out_of_area"),
            None if last_year is None else _amount(last_year, "last_year_fund_yuan"),
            str(row.get("growth_approval", "")),
            _amount(row["control_target_yuan"], "control_target_yuan")
            if "control_target_yuan" in row
            else None,
        )
        if budget.pool in pools:
            raise ValueError(f"region.toml: the pool {budget.pool} is there twice")
        pools[budget.pool] = budget

    hospitals = {}
    for (hospital,), row in _by_key(folder, "hospitals.csv", ("hospital_id",)).items():
        standing = row.get("standing") or "normal"
        if standing not in ("normal", "penalised", "ended"):
            raise ValueError(f"hospitals.csv: standing {standing!r} of {hospital}")
        community = row.get("community_id") or ""
        hospitals[hospital] = Hospital(hospital, row.get("level") or "", community, standing)
    scores = _numbers(folder, "scores.csv", "hospital_id", "score", Fraction(1), optional=False)
    for hospital in hospitals:
        if hospital not in scores:
            raise ValueError(f"{folder}: {hospital} has no score")

    violations, points = _violations(folder)
    prepaid = {}
    rows = _by_key(folder, "prepaid.csv", ("hospital_id", "pool"), "prepaid_yuan", optional=True)
    for (hospital, pool), row in rows.items():
        deposit = row.get("deposit_yuan")
        prepaid[hospital, pool] = (
            _amount(row["prepaid_yuan"], "prepaid.csv"),
            _amount(deposit, "prepaid.csv") if deposit else None,
        )
    by_hand = not any(row.get("months_sha256") for row in rows.values())
    carried: dict[tuple[str, str], int] = {}
    unmatched = []
    for row in _optional(folder, "carried.csv", ("hospital_id", "pool", "amount_yuan")):
        where = (row["hospital_id"], row["pool"])
        amount = fen(row["amount_yuan"], "carried.csv")
        carried[where] = carried.get(where, 0) + amount
        unmatched += [] if row.get("run_sha256") else [amount]
    for hospital, pool in (*violations, *prepaid, *carried):
        if hospital not in hospitals or pool not in pools:
            raise ValueError(
                f"violations.csv, prepaid.csv or carried.csv: no hospital {hospital}, pool {pool}"
            )

    items, amounts = _new_technology(folder)
    given_means, all_drg_mean, weights = None, None, None
    if history is None and (folder / "weights.csv").exists():
        weights, all_drg_mean = _weights(folder, head)
    elif history is None:
        given_means, all_drg_mean = _given_means(folder, head)
    past = None
    if history is not None:
        past = read_cases(history, "history")
    elif given_means is None and weights is None:
        past = read_cases(_history_rows(folder), "history")
    return Region(
        id=head["id"],
        name=head.get("name", ""),
        year=head["year"],
        policy=head["policy"],
        scheme=head.get("scheme", "zhejiang"),
        readings={name: head[name] for name in READINGS if name in head},
        folder=folder,
        pools=pools,
        all_drg_mean_fen=all_drg_mean,
        given_means=given_means,
        hospitals=hospitals,
        coefficients=_coefficients(folder),
        level_coefficients=_numbers(folder, "level_coefficients.csv", "level", "coefficient"),
        components={
            (hospital, name): _not_negative(decimal(row["value"], hospital), hospital)
            for (hospital, name), row in _by_key(
                folder, "components.csv", ("hospital_id", "component"), "value", optional=True
            ).items()
        },
        treatment_shares=_numbers(folder, "tcm.csv", "hospital_id", "treatment_share", Fraction(1)),
        scores=scores,
        bed_day_rates=_bed_day_rates(folder),
        reviews=_reviews(folder),
        violations_fen=violations,
        violation_points=points,
        carried_fen=carried,
        carried_by_hand_fen=tuple(unmatched),
        prepaid_fen=prepaid,
        prepaid_by_hand=by_hand,
        month_shares=_month_shares(folder),
        last_year_months_fen=_last_year_months(folder),
        ceiling=_ceiling(document.get("ceiling"), pools),
        cases=read_cases(_case_rows(folder, head) if cases is None else cases, "cases"),
        history=past,
        weights=weights,
        primary_groups=_primary_groups(folder),
        new_technology=amounts,
        new_items=items,
    )


def _numbers(
    folder: Path,
    file: str,
    key: str,
    column: str,
    highest: Fraction | None = None,
    optional: bool = True,
) -> dict[str, Fraction]:
    """A table of one number, not negative, for each key."""
    numbers = {}
    for (name,), row in _by_key(folder, file, (key,), column, optional=optional).items():
        number = _not_negative(decimal(row[column], f"{file}, {name}"), f"{file}, {name}")
        if highest is not None and number > highest:
            raise ValueError(f"{file}: the {column} of {name} is not between 0 and {highest}")
        numbers[name] = number
    return numbers


def _coefficients(folder: Path) -> dict[tuple[str, str], Fraction]:
    numbers: dict[tuple[str, str], Fraction] = {}
    for row in _optional(folder, "coefficients.csv", ("hospital_id", "coefficient")):
        where = (row["hospital_id"], row.get("drg") or "")
        if where in numbers or not where[0]:
            raise ValueError(f"coefficients.csv: {where} is there twice or is empty")
        numbers[where] = _not_negative(decimal(row["coefficient"], where[0]), where[0])
    return numbers


def _bed_day_rates(folder: Path) -> dict[tuple[str, str], tuple[tuple[int, int], ...]]:
    bands: dict[tuple[str, str], dict[int, int]] = {}
    for row in _optional(folder, "bed_day_rates.csv", ("bed_day_class", "rate_yuan")):
        where = (row["bed_day_class"], row.get("level") or "")
        first = _integer(row, "from_day")
        own = bands.setdefault(where, {})
        first = 1 if first is None else first
        if first in own or not where[0]:
            raise ValueError(f"bed_day_rates.csv: {where} from day {first} is there twice")
        own[first] = _amount(row["rate_yuan"], "bed_day_rates.csv")
    for where, own in bands.items():
        if min(own) != 1:
            raise ValueError(f"bed_day_rates.csv: the first band of {where} is not from day 1")
    return {where: tuple(sorted(own.items())) for where, own in bands.items()}


def _violations(
    folder: Path,
) -> tuple[dict[tuple[str, str], int], dict[tuple[str, str], list[Fraction]]]:
    """Money, added up, and the points of each violation, by hospital and pool."""
    money: dict[tuple[str, str], int] = {}
    points: dict[tuple[str, str], list[Fraction]] = {}
    for row in _optional(folder, "violations.csv", ("hospital_id", "pool", "amount_yuan")):
        where = (row["hospital_id"], row["pool"])
        money[where] = money.get(where, 0) + _amount(row["amount_yuan"] or 0, "violations.csv")
        own = _points(row.get("points") or "0", "violations.csv")
        points.setdefault(where, []).append(own)
    return money, points


def _month_shares(folder: Path) -> tuple[Fraction, ...] | None:
    if not (folder / "month_shares.csv").exists():
        return None
    shares = _numbers(folder, "month_shares.csv", "month", "share")
    if {int(month) for month in shares} != set(range(1, 13)) or sum(shares.values()) != 1:
        raise ValueError("month_shares.csv: not twelve months whose shares add up to 1")
    return tuple(share for _, share in sorted((int(month), own) for month, own in shares.items()))


def _last_year_months(folder: Path) -> dict[tuple[str, str, int], int] | None:
    if not (folder / "last_year_months.csv").exists():
        return None
    rows = _by_key(folder, "last_year_months.csv", ("hospital_id", "pool", "month"), "fund_yuan")
    return {
        (hospital, pool, int(month)): _amount(row["fund_yuan"], "last_year_months.csv")
        for (hospital, pool, month), row in rows.items()
    }


def _ceiling(table: Row | None, pools: Mapping[str, PoolBudget]) -> Ceiling | None:
    targets = [budget.control_target_fen for budget in pools.values()]
    together = sum(target or 0 for target in targets)
    if table is None and None in targets:
        return None
    table = table or {}
    reserves = tuple(
        (
            row["name"],
            _amount(row["amount_yuan"], "ceiling"),
            row.get("inside_target", True),
            row.get("pool", ""),
        )
        for row in table.get("reserves", [])
    )
    payments = tuple(
        (row["name"], _amount(row["amount_yuan"], "ceiling"), row.get("pool", ""))
        for row in table.get("payments", [])
    )
    target = together
    if None in targets or "control_target_yuan" in table:
        target = _amount(table["control_target_yuan"], "control_target_yuan")
    if together > target:
        raise ValueError("the targets of the pools are more than the region's")
    named = {"": target} | {
        pool: budget.control_target_fen
        for pool, budget in pools.items()
        if budget.control_target_fen is not None
    }
    for pool, most in named.items():
        aside = sum(own for _, own, inside, of in reserves if inside and pool in ("", of))
        if aside > most:
            raise ValueError(f"a target of {most} fen cannot contain reserves of {aside}")
    if not {of for *_, of in (*reserves, *payments)} <= {"", *pools}:
        raise ValueError("a reserve or a payment names a pool that is not there")
    return Ceiling(target, reserves, payments)


def _new_technology(
    folder: Path,
) -> tuple[dict[str, list[tuple[dt.date, dt.date]]], dict[str, list[tuple[str, int]]]]:
    items: dict[str, list[tuple[dt.date, dt.date]]] = {}
    for row in _optional(folder, "new_technology_items.csv", ("item",)):
        first = dt.date.fromisoformat(row.get("from_date") or "0001-01-01")
        last = dt.date.fromisoformat(row.get("to_date") or "9999-12-31")
        items.setdefault(row["item"], []).append((first, last))
    amounts: dict[str, list[tuple[str, int]]] = {}
    for row in _optional(folder, "new_technology.csv", ("case_id", "item", "amount_yuan")):
        if row["item"] not in items:
            raise ValueError(f"new_technology.csv: {row['item']} is not on the list")
        own = (row["item"], _amount(row["amount_yuan"], "new_technology.csv"))
        amounts.setdefault(row["case_id"], []).append(own)
    return items, amounts


def _primary_groups(folder: Path) -> tuple[tuple[str, str, dt.date, dt.date], ...]:
    return tuple(
        (
            row.get("scheme") or "",
            row["drg"],
            dt.date.fromisoformat(row.get("from_date") or "0001-01-01"),
            dt.date.fromisoformat(row.get("to_date") or "9999-12-31"),
        )
        for row in _optional(folder, "primary_groups.csv", ("drg",))
    )


def _weights(folder: Path, head: Row) -> tuple[dict[str, tuple[Fraction, bool]], int]:
    """weights.csv with the city's mean or with a rate, one of the two."""
    words = [word for word in ("all_drg_mean_yuan", "weight_rate_yuan") if word in head]
    others = (folder / "base_points.csv").exists() or (folder / "history").is_dir()
    if len(words) != 1 or others:
        raise ValueError(f"{folder}: weights.csv goes with one mean or rate, and with nothing else")
    weights = {}
    for (drg,), row in _by_key(folder, "weights.csv", ("drg",), "weight").items():
        weight, stable = decimal(row["weight"], f"weights.csv, {drg}"), row.get("stable") or "yes"
        if weight <= 0 or stable not in ("yes", "no"):
            raise ValueError(f"weights.csv, {drg}: not above 0, or stable not yes or no")
        weights[drg] = (weight, stable == "yes")
    mean = fen(head[words[0]], words[0])
    if mean <= 0:
        raise ValueError(f"region.toml: {words[0]} is not above 0")
    return weights, mean


def _given_means(folder: Path, head: Row) -> tuple[dict[str, GivenMean] | None, int | None]:
    """base_points.csv with all_drg_mean_yuan, or a history: one of the two, never both."""
    given = (folder / "base_points.csv").exists()
    history = (folder / "history").is_dir()
    if given == history:
        raise ValueError(f"{folder}: exactly one of base_points.csv and history/ must be there")
    if given != ("all_drg_mean_yuan" in head):
        raise ValueError(f"{folder}: all_drg_mean_yuan goes with base_points.csv, and only with it")
    if history:
        return None, None
    means = {}
    for (drg,), row in _by_key(folder, "base_points.csv", ("drg",), "group_mean_yuan").items():
        mean = fen(row["group_mean_yuan"], f"base_points.csv, {drg}")
        stable = row.get("stable") or "yes"
        if mean <= 0 or stable not in ("yes", "no"):
            raise ValueError(f"base_points.csv, {drg}: a mean not above 0, or stable not yes or no")
        means[drg] = GivenMean(mean, stable == "yes")
    all_mean = fen(head["all_drg_mean_yuan"], "all_drg_mean_yuan")
    if all_mean <= 0:
        raise ValueError("region.toml: all_drg_mean_yuan is not above 0")
    return means, all_mean


def _reviews(folder: Path) -> dict[str, Review]:
    reviews = {}
    rows = _by_key(folder, "reviews.csv", ("case_id",), "decision", optional=True)
    for (case_id,), row in rows.items():
        where = f"reviews.csv, {case_id}"
        if row["decision"] not in ("granted", "refused"):
            raise ValueError(f"{where}: decision {row['decision']!r} is not granted or refused")
        amount = _amount(row.get("unreasonable_yuan") or 0, where)
        points = _points(row["points"], where) if row.get("points") else None
        reviews[case_id] = Review(row["decision"] == "granted", amount, points)
    return reviews


# --- cases


def read_cases(rows: Iterable[Row], table: str) -> tuple[Case, ...]:
    """Cases of a table; every case_id once."""
    cases: dict[str, Case] = {}
    for number, row in enumerate(rows, start=1):
        try:
            case = _case(row)
        except (KeyError, ValueError) as error:
            case_id = row.get("case_id", "")
            raise ValueError(f"{table}, row {number}, case {case_id}: {error}") from None
        if case.case_id in cases:
            raise ValueError(f"{table}, row {number}: case_id {case.case_id} is there twice")
        cases[case.case_id] = case
    return tuple(cases.values())


def _case(row: Row) -> Case:
    admission, discharge = _date(row, "admission_date"), _date(row, "discharge_date")
    if admission is None or discharge is None or discharge < admission:
        raise ValueError("admission or discharge is missing, or discharge is before admission")
    total = fen(row["total_cost"], "total_cost")
    pool_fund = fen(row["pool_fund"], "pool_fund")
    if not 0 <= pool_fund <= total:
        raise ValueError("pool_fund is negative or above total_cost")
    personal, deductible = _text(row, "personal_paid"), _text(row, "deductible")
    diagnoses = _codes(row, "diagnoses", "diagnosis_")
    if not diagnoses or not diagnoses[0]:
        raise ValueError("the principal diagnosis is missing")
    case = Case(
        case_id=_text(row, "case_id"),
        hospital_id=_text(row, "hospital_id"),
        patient_id=_text(row, "patient_id"),
        pool=_text(row, "pool"),
        sex=_text(row, "sex") or None,
        age_years=_integer(row, "age_years"),
        age_days=_integer(row, "age_days"),
        birth_weight_g=_integer(row, "birth_weight_g"),
        admission=admission,
        discharge=discharge,
        settlement=_date(row, "settlement_date"),
        los_days_given=_integer(row, "los_days"),
        icu=_flag(row, "icu"),
        icu_hours=_integer(row, "icu_hours"),
        admission_weight_g=_integer(row, "admission_weight_g"),
        special_charge=_text(row, "special_charge"),
        diagnoses=tuple(code for code in diagnoses if code),
        procedures=tuple(code for code in _codes(row, "procedures", "procedure_") if code),
        total_cost_fen=total,
        pool_fund_fen=pool_fund,
        payment_mode=_text(row, "payment_mode") or "drg",
        bed_day_class=_text(row, "bed_day_class"),
        discharge_way=_text(row, "discharge_way"),
        referral_group=_text(row, "referral_group"),
        planned_readmission=bool(_flag(row, "planned_readmission")),
        personal_paid_fen=_amount(personal, "personal_paid") if personal else None,
        deductible_fen=_amount(deductible, "deductible") if deductible else None,
    )
    if case.personal_paid_fen is not None and case.personal_paid_fen > total:
        raise ValueError("personal_paid is above total_cost")
    if not case.case_id or not case.hospital_id:
        raise ValueError("case_id or hospital_id is missing")
    if case.sex not in ("M", "F", None):
        raise ValueError(f"sex {case.sex!r} is not M or F")
    if case.payment_mode not in ("drg", "day_surgery", "bed_day"):
        raise ValueError(f"payment_mode {case.payment_mode!r}")
    return case


def _text(row: Row, column: str) -> str:
    value = row.get(column)
    return "" if value is None else str(value).strip()


def _integer(row: Row, column: str) -> int | None:
    text = _text(row, column)
    if not text:
        return None
    if not text.isdecimal():
        raise ValueError(f"{column} {text!r} is not a whole number from 0")
    return int(text)


def _flag(row: Row, column: str) -> bool | None:
    text = _text(row, column).lower()
    if text not in ("", "0", "1", "false", "true", "no", "yes", "否", "是"):
        raise ValueError(f"{column} {text!r} is not 0 or 1")
    return text in ("1", "true", "yes", "是") if text else None


def _date(row: Row, column: str) -> dt.date | None:
    value = row.get(column)
    if isinstance(value, dt.datetime):
        return value.date()
    if isinstance(value, dt.date):
        return value
    text = _text(row, column)
    if not text:
        return None
    if not DATE.fullmatch(text):
        raise ValueError(f"{column} {text!r} is not a date like 2024-01-31")
    return dt.date.fromisoformat(text)


def _codes(row: Row, column: str, numbered: str) -> list[str]:
    """A list, one text `A|B|C`, or the columns diagnosis_1, diagnosis_2 ..."""
    value = row.get(column)
    if isinstance(value, str):
        parts: Sequence[Any] = value.split("|")
    elif value is not None:
        parts = list(value)
    else:
        columns = [name for name in row if re.fullmatch(numbered + r"\d+", name)]
        columns.sort(key=lambda name: int(name.removeprefix(numbered)))
        parts = [row[name] for name in columns]
    return ["" if part is None else str(part).strip() for part in parts]


# --- files


def _case_rows(folder: Path, head: Row) -> list[dict[str, str]]:
    files = [folder / name for name in head.get("cases", [])]
    if not files:
        if (folder / "cases.parquet").exists() or (folder / "cases").is_dir():
            raise ValueError(f"{folder}: the model reads CSV only; hand it the cases as rows")
        files = [folder / "cases.csv"]
    return [row for file in files for row in _rows(file, ("case_id",))]


def _history_rows(folder: Path) -> list[dict[str, str]]:
    files = sorted((folder / "history").iterdir())
    return [row for file in files for row in _rows(file, ("case_id",))]


def _rows(file: Path, columns: Iterable[str]) -> list[dict[str, str]]:
    if file.suffix != ".csv":
        raise ValueError(f"{file}: the model reads CSV only; hand it the rows")
    if not file.is_file():
        raise ValueError(f"{file} is missing")
    with open(file, encoding="utf-8-sig", newline="") as stream:
        reader = csv.DictReader(stream, strict=True)
        missing = set(columns) - set(reader.fieldnames or ())
        if missing:
            raise ValueError(f"{file} lacks the columns {sorted(missing)}")
        rows = list(reader)
    for number, row in enumerate(rows, start=1):
        if None in row or None in row.values():
            raise ValueError(f"{file}, row {number}: too many or too few fields")
    return rows


def _optional(folder: Path, file: str, columns: Iterable[str]) -> list[dict[str, str]]:
    return _rows(folder / file, columns) if (folder / file).exists() else []


def _required(folder: Path, file: str, columns: Iterable[str]) -> list[dict[str, str]]:
    return _rows(folder / file, columns)


def _by_key(
    folder: Path, file: str, key: tuple[str, ...], *columns: str, optional: bool = False
) -> dict[tuple[str, ...], dict[str, str]]:
    """The rows of a table by their key; a key that is empty or there twice is refused."""
    rows: dict[tuple[str, ...], dict[str, str]] = {}
    read = _optional if optional else _required
    for row in read(folder, file, (*key, *columns)):
        values = tuple(row[column] for column in key)
        if values in rows or not all(values):
            raise ValueError(f"{file}: {values} is there twice or is empty")
        rows[values] = row
    return rows


def _amount(value: Any, where: str) -> int:
    """Yuan that are not negative, as fen."""
    return _not_negative(fen(value, where), where)


def _points(value: Any, where: str) -> Fraction:
    """Points that are not negative, with at most four decimals."""
    points = _not_negative(decimal(value, where), where)
    if (points * 10_000).denominator != 1:
        raise ValueError(f"{where}: {value} has more than four decimals of a point")
    return points


def _not_negative(amount: Number, where: str) -> Number:
    if amount < 0:
        raise ValueError(f"{where}: {amount} is negative")
    return amount
