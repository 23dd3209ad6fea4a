"""A region folder: who is paid, from what, for which cases (docs/formats.md sections 2 and 3).

The model assumes clean input: what the engine would quarantine, the model refuses (ValueError).
"""

import csv
import datetime as dt
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, TypeVar

from reference.model.exact import decimal, fen

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

    @property
    def not_pool_fen(self) -> int:
        """Everything the pool did not pay: personal share, personal account, other payers."""
        return self.total_cost_fen - self.pool_fund_fen


@dataclass(frozen=True)
class PoolBudget:
    """The year's budget of one pool (统筹基金 of one insurance type)."""

    pool: str
    budget_fen: int
    out_of_area_fund_fen: int


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


@dataclass(frozen=True)
class Region:
    """All that a run reads, apart from scheme and policy."""

    id: str
    name: str
    year: int
    policy: str
    scheme: str
    surgical_match: str | None
    folder: Path
    pools: dict[str, PoolBudget]
    all_drg_mean_fen: int | None
    given_means: dict[str, GivenMean] | None
    hospitals: tuple[str, ...]
    coefficients: dict[str, Fraction]
    scores: dict[str, Fraction]
    bed_day_rates_fen: dict[str, int]
    reviews: dict[str, Review]
    violations_fen: dict[tuple[str, str], int]
    prepaid_fen: dict[tuple[str, str], tuple[int, int | None]]
    cases: tuple[Case, ...]
    history: tuple[Case, ...] | None


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
    lacking = [key for key in ("id", "year", "policy", "scheme") if key not in head]
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
        budget = PoolBudget(
            row["pool"],
            _not_negative(fen(row["budget_yuan"], "budget_yuan"), "budget_yuan"),
            _not_negative(fen(row.get("out_of_area_fund_yuan", 0), "out_of_area"), "out_of_area"),
        )
        if budget.pool in pools:
            raise ValueError(f"region.toml: the pool {budget.pool} is there twice")
        pools[budget.pool] = budget

    hospitals = tuple(_by_key(folder, "hospitals.csv", ("hospital_id",)))
    coefficients = {
        hospital: _not_negative(decimal(row["coefficient"], hospital), hospital)
        for (hospital,), row in _by_key(folder, "coefficients.csv", ("hospital_id",)).items()
    }
    scores = {
        hospital: decimal(row["score"], hospital)
        for (hospital,), row in _by_key(folder, "scores.csv", ("hospital_id",)).items()
    }
    for (hospital,) in hospitals:
        if hospital not in coefficients or hospital not in scores:
            raise ValueError(f"{folder}: {hospital} has no coefficient or no score")
        if not 0 <= scores[hospital] <= 1:
            raise ValueError(f"scores.csv: the score of {hospital} is not between 0 and 1")

    violations: dict[tuple[str, str], int] = {}
    for row in _optional(folder, "violations.csv", ("hospital_id", "pool", "amount_yuan")):
        where = (row["hospital_id"], row["pool"])
        amount = _not_negative(fen(row["amount_yuan"], "violations.csv"), "amount_yuan")
        violations[where] = violations.get(where, 0) + amount
    prepaid = {}
    rows = _by_key(folder, "prepaid.csv", ("hospital_id", "pool"), "prepaid_yuan", optional=True)
    for (hospital, pool), row in rows.items():
        deposit = row.get("deposit_yuan")
        prepaid[hospital, pool] = (
            _not_negative(fen(row["prepaid_yuan"], "prepaid.csv"), "prepaid_yuan"),
            _not_negative(fen(deposit, "prepaid.csv"), "deposit_yuan") if deposit else None,
        )
    known = {hospital for (hospital,) in hospitals}
    for hospital, pool in (*violations, *prepaid):
        if hospital not in known or pool not in pools:
            raise ValueError(f"violations.csv or prepaid.csv: no hospital {hospital}, pool {pool}")

    given_means, all_drg_mean = _given_means(folder, head) if history is None else (None, None)
    past = None
    if history is not None:
        past = read_cases(history, "history")
    elif given_means is None:
        past = read_cases(_history_rows(folder), "history")
    return Region(
        id=head["id"],
        name=head.get("name", ""),
        year=head["year"],
        policy=head["policy"],
        scheme=head["scheme"],
        surgical_match=head.get("surgical_match"),
        folder=folder,
        pools=pools,
        all_drg_mean_fen=all_drg_mean,
        given_means=given_means,
        hospitals=tuple(hospital for (hospital,) in hospitals),
        coefficients=coefficients,
        scores=scores,
        bed_day_rates_fen={
            class_: _not_negative(fen(row["rate_yuan"], "bed_day_rates.csv"), "rate_yuan")
            for (class_,), row in _by_key(
                folder, "bed_day_rates.csv", ("bed_day_class",), "rate_yuan", optional=True
            ).items()
        },
        reviews=_reviews(folder),
        violations_fen=violations,
        prepaid_fen=prepaid,
        cases=read_cases(_case_rows(folder, head) if cases is None else cases, "cases"),
        history=past,
    )


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
        amount = fen(row.get("unreasonable_yuan") or 0, where)
        reviews[case_id] = Review(row["decision"] == "granted", _not_negative(amount, where))
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
        diagnoses=tuple(code for code in diagnoses if code),
        procedures=tuple(code for code in _codes(row, "procedures", "procedure_") if code),
        total_cost_fen=total,
        pool_fund_fen=pool_fund,
        payment_mode=_text(row, "payment_mode") or "drg",
        bed_day_class=_text(row, "bed_day_class"),
    )
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
    if text not in ("", "0", "1", "false", "true", "no", "yes"):
        raise ValueError(f"{column} {text!r} is not 0 or 1")
    return text in ("1", "true", "yes") if text else None


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


def _not_negative(amount: Number, where: str) -> Number:
    if amount < 0:
        raise ValueError(f"{where}: {amount} is negative")
    return amount
