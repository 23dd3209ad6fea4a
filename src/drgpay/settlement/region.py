"""Read a region folder: region.toml and its small tables, all faults at once.

docs/formats.md, section 3, lists the files. Their faults stop the run: a hospital's coefficient
or a violation that is wrong would silently change what everybody gets.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

from drgpay.cases.options import ReadOptions
from drgpay.errors import TOML_FAULTS, Bilingual, InputError, both, located, not_toml, quoted
from drgpay.money import decimal_fraction, fen_of_yuan
from drgpay.points.kernels import COEF_ONE
from drgpay.settlement.small_tables import SUFFIXES, UnreadableTable, read_rows, shown

GRANTED, REFUSED = 1, 2
TOML = "region.toml"
HEAD = (
    "id",
    "name",
    "year",
    "policy",
    "scheme",
    "cases",
    "all_drg_mean_yuan",
    "surgical_match",
    "synthetic",
    "from_insurance_codes",
    "mapping",
    "sheet",
    "encoding",
)
BESIDE = (".quarantine.csv", ".changes.csv", ".findings.csv")  # what other commands leave
LIST_SUFFIXES = (".jsonl", ".json", ".zip")
CASE_SUFFIXES = (".parquet", ".csv", ".xlsx", ".xls", *LIST_SUFFIXES)


@dataclass(frozen=True, slots=True)
class Hospital:
    """A hospital of the region; coefficient in 1/1,000,000, score from 0 to 1."""

    id: str
    name: str
    level: str
    coefficient: int
    score: Fraction


@dataclass(frozen=True, slots=True)
class Pool:
    """A pool (险种基金) with its budget of the year, in fen."""

    id: str
    name: str
    budget_fen: int
    out_of_area_fund_fen: int


@dataclass(frozen=True, slots=True)
class Review:
    """A decision of special review (特病单议); `row` is its line's number in reviews.csv."""

    row: int
    decision: int
    unreasonable_fen: int


@dataclass(frozen=True)
class InputFile:
    """A file that a run read, with what identifies it."""

    name: str
    rows: int | None
    bytes: int
    sha256: str


@dataclass(frozen=True)
class Region:
    """A region folder, checked. Amounts in fen, keyed as named."""

    path: Path
    id: str
    name: str
    year: int
    synthetic: bool
    policy: str
    scheme: str
    surgical_match: str | None
    from_insurance_codes: bool
    reading: ReadOptions
    cases: tuple[Path, ...]
    history: tuple[Path, ...]
    pools: tuple[Pool, ...]
    hospitals: tuple[Hospital, ...]
    group_means: Mapping[str, tuple[int, bool]] | None
    all_drg_mean_fen: int | None
    bed_day_rates: Mapping[str, int]
    reviews: Mapping[str, Review]
    violations: Mapping[tuple[str, str], int]
    prepaid: Mapping[tuple[str, str], tuple[int, int | None]]
    files: tuple[Path, ...] = field(default=())


TABLES = (
    "hospitals.csv",
    "coefficients.csv",
    "scores.csv",
    "base_points.csv",
    "bed_day_rates.csv",
    "reviews.csv",
    "violations.csv",
    "prepaid.csv",
    "cases.csv",
)


class _Reader:
    """Reads the small tables and collects faults as file:row texts."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.faults: list[Bilingual] = []
        self.read: list[Path] = []

    def add(self, where: object, chinese: str, english: str) -> None:
        self.faults.append(located(where, both(chinese, english)))

    def table(
        self,
        name: str,
        columns: tuple[str, ...],
        optional: tuple[str, ...] = (),
        must: bool = False,
    ) -> list[tuple[int, dict[str, str]]]:
        path = self.path(name)
        if not path.exists():
            if must:
                names = ", ".join(columns)
                chinese = "、".join(shown(column) for column in columns)
                self.add(name, f"缺少这个文件，表头为 {chinese}", f"missing; columns {names}")
            return []
        name = path.name
        self.read.append(path)
        try:
            header, lines = read_rows(path)
        except UnreadableTable as error:
            self.faults.append(located(name, error.text))
            return []
        doubled = sorted({word for word in header if header.count(word) > 1})
        if doubled:
            names = ", ".join(doubled)
            self.add(name, f"两列同名：{names}", f"two columns are called {names}")
            return []
        lacking = [c for c in columns if c not in header]
        strange = [c for c in header if c not in (*columns, *optional)]
        if lacking or strange:
            have, need, may = (", ".join(w) for w in (header, columns, optional))
            found, needed, allowed = ("、".join(map(shown, w)) for w in (header, columns, optional))
            self.add(
                name,
                f"表头是 {found or '空的'}，应为 {needed}"
                + (f"，另可有 {allowed}" if allowed else "")
                + (f"；请补上 {'、'.join(map(shown, lacking))}" if lacking else "")
                + (f"；请删去 {'、'.join(map(shown, strange))}" if strange else ""),
                f"columns are {have}; must be {need}" + (f", and may be {may}" if may else ""),
            )
            return []
        rows = []
        for line, fields in lines:
            beyond = fields[len(header) :]
            if len(fields) < len(header) or any(beyond):
                self.add(f"{name}:{line}", "字段数与表头不符", "wrong number of fields")
                continue
            rows.append((line, dict(zip(header, fields, strict=False))))
        return rows

    def path(self, name: str) -> Path:
        """Return the file of a table: its CSV, or an Excel file of the same name."""
        stem = name.removesuffix(".csv")
        found = [p for suffix in SUFFIXES if (p := self.folder / f"{stem}{suffix}").exists()]
        if len(found) > 1:
            names = "、".join(p.name for p in found)
            english = ", ".join(p.name for p in found)
            fault = located(
                name, both(f"同一张表有几个文件：{names}，只留其一", f"keep one of {english}")
            )
            if fault not in self.faults:
                self.faults.append(fault)
        return found[0] if found else self.folder / name

    def sound(self, name: str) -> bool:
        """Whether a table could be read as a table, so that a row it lacks is a fault of its own."""
        own = self.path(name).name
        return not any(fault.startswith((f"{name}: ", f"{own}: ")) for fault in self.faults)

    def at(self, name: str, line: int) -> str:
        """Return the place of a row of a table, file:line."""
        return f"{self.path(name).name}:{line}"

    def value(self, where: object, column: str, text: str, parse: Callable[[str], Any]) -> Any:
        try:
            return parse(text)
        except ValueError as error:
            place = both(shown(column), column)
            self.faults.append(located(where, located(place, error)))
            return None

    def known(self, where: str, column: str, text: str, ids: set[str], of: str) -> bool:
        if text in ids:
            return True
        of = self.path(of).name if of in TABLES else of
        chinese = f"{shown(column)}“{text}”不在 {of} 中"
        self.add(where, chinese, f"{column} {text!r} is not in {of}")
        return False


def _amount(text: str) -> int:
    fen = fen_of_yuan(text)
    if fen < 0:
        raise ValueError(both(f"“{text}”是负数", f"{text!r} is negative"))
    return fen


def _share(text: str) -> Fraction:
    value = decimal_fraction(text)
    if not 0 <= value <= 1:
        raise ValueError(
            both(
                f"“{text}”不在0与1之间（百分制的95分写作0.95）",
                f"{text!r} is not between 0 and 1",
            )
        )
    return value


def _coefficient(text: str) -> int:
    scaled = decimal_fraction(text) * COEF_ONE
    if scaled.denominator != 1:
        raise ValueError(both(f"“{text}”超过六位小数", f"{text!r} has more than six decimals"))
    if not 0 < scaled <= 100 * COEF_ONE:
        raise ValueError(
            both(f"“{text}”须大于0且不大于100", f"{text!r} is not above 0 and at most 100")
        )
    return int(scaled)


def _yes_no(text: str) -> bool:
    if text not in ("yes", "no", "是", "否", ""):
        raise ValueError(both(f"“{text}”不是 是 或 否", f"{text!r} is not yes or no"))
    return text not in ("no", "否")


def read_region(folder: Path) -> Region:
    """Return the region of a folder.

    Raises InputError that lists every fault of region.toml and of the tables, each with file,
    row, column, value and what would be right.
    """
    path = folder / "region.toml"
    if not path.exists():
        raise InputError(
            both("没有 region.toml，不是统筹区文件夹", "no region.toml"),
            where=folder,
            remedy=both(
                "统筹区文件夹的样式见 docs/region.zh-CN.md",
                "docs/formats.md, section 3, shows a region folder",
            ),
        )
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except TOML_FAULTS as error:
        raise InputError(not_toml(error), where=path) from None
    r = _Reader(folder)
    head = data.get("region", {})
    if not isinstance(head, dict):
        r.add(TOML, "region 须是表：[region]", "region must be a table: [region]")
        head = {}
    strange = sorted(set(head) - set(HEAD))
    for word in strange:
        r.add(TOML, f"[region] 没有“{word}”这一项", f"[region] has an unknown entry {word!r}")
    for word in ("id", "name", "year", "policy", "scheme"):
        if word not in head:
            r.add(TOML, f"[region] 缺少 {word}", f"[region] has no {word}")
    pools = _pools(r, data.get("pools", []))
    hospitals = _hospitals(r)
    ids, pool_ids = {h.id for h in hospitals}, {p.id for p in pools}
    means = _group_means(r)
    history = _files(folder / "history")
    all_mean = None
    if "all_drg_mean_yuan" in head:
        text = str(head["all_drg_mean_yuan"])
        all_mean = r.value("region.toml", "all_drg_mean_yuan", text, _amount)
    if means is not None and history:
        r.faults.append(
            both(
                "base_points.csv 与 history/ 同时存在，只留其一",
                "base_points.csv and history/ are both there: keep one of them",
            )
        )
    if means is None and not history:
        r.faults.append(
            both(
                "base_points.csv 与 history/ 都没有，无从得出基准点数，须有其一",
                "neither base_points.csv nor history/ is there: base points need one",
            )
        )
    if means is not None and "all_drg_mean_yuan" not in head:
        r.add(
            TOML,
            "有 base_points.csv 时，[region] 须写 all_drg_mean_yuan（全部病例次均费用）",
            "[region] needs all_drg_mean_yuan with base_points.csv",
        )
    if all_mean == 0:
        r.add(TOML, "all_drg_mean_yuan 为0", "all_drg_mean_yuan is 0")
    if history and "all_drg_mean_yuan" in head:
        r.add(
            TOML,
            "已有 history/，all_drg_mean_yuan 由其算出，请删去此项",
            "all_drg_mean_yuan stands beside history/, which gives it",
        )
    cases = _case_files(r, folder, head.get("cases"))
    known = {r.path(n) for n in TABLES} | set(cases)
    loose = {p for suffix in SUFFIXES for p in folder.glob(f"[!~.]*{suffix}")} - known
    loose = {p for p in loose if not p.name.endswith(BESIDE)}
    r.faults += [
        located(
            p.name,
            both(
                "不认识的文件，请移出；可有的表："
                + "、".join(name.removesuffix(".csv") for name in TABLES),
                f"unknown file; known: {', '.join(TABLES)}",
            ),
        )
        for p in sorted(loose)
    ]
    region = Region(
        path=folder,
        id=str(head.get("id", "")),
        name=str(head.get("name", "")),
        year=int(head.get("year", 0)) if isinstance(head.get("year", 0), int) else 0,
        synthetic=bool(head.get("synthetic", False)),
        policy=str(head.get("policy", "")),
        scheme=str(head.get("scheme", "")),
        surgical_match=head.get("surgical_match"),
        from_insurance_codes=bool(head.get("from_insurance_codes", False)),
        reading=_reading(r, head),
        cases=cases,
        history=history,
        pools=pools,
        hospitals=hospitals,
        group_means=means,
        all_drg_mean_fen=all_mean,
        bed_day_rates=_rates(r),
        reviews=_reviews(r),
        violations=_violations(r, ids, pool_ids),
        prepaid=_prepaid(r, ids, pool_ids),
        files=(path, *r.read),
    )
    if not 1990 <= region.year <= 2199 and "year" in head:
        r.add(
            TOML, f"year 的值{quoted(head['year'])}不是年份", f"year {head['year']!r} is not a year"
        )
    if r.faults:
        raise InputError(
            both("统筹区文件夹不能使用", "the region folder cannot be used"),
            where=folder,
            faults=r.faults,
            remedy=both(
                "逐项更正；各文件的样式见 docs/region.zh-CN.md",
                "mend these; docs/formats.md, section 3, shows each file",
            ),
        )
    return region


def _reading(r: _Reader, head: Mapping[str, Any]) -> ReadOptions:
    """Return how the files of cases and of history are to be read."""
    mapping = r.folder / str(head["mapping"]) if "mapping" in head else None
    if mapping is not None and not mapping.is_file():
        r.add(TOML, f"mapping：没有文件 {quoted(head['mapping'])}", f"mapping: no file {mapping}")
    sheet, encoding = head.get("sheet"), head.get("encoding")
    return ReadOptions(
        mapping=mapping,
        sheet=None if sheet is None else str(sheet),
        encoding=None if encoding is None else str(encoding),
    )


def _files(folder: Path) -> tuple[Path, ...]:
    if not folder.is_dir():
        return ()
    return tuple(
        sorted(
            p
            for p in folder.iterdir()
            if p.suffix.lower() in CASE_SUFFIXES and p.name[0] not in "~."
        )
    )


def _case_files(r: _Reader, folder: Path, named: Any) -> tuple[Path, ...]:
    if named is not None and not (named and isinstance(named, list)):
        r.add(
            TOML,
            f'cases 是{quoted(named)}，应为列表，如 ["cases.csv"]',
            f'cases is {named!r}; must be a list like ["cases.csv"]',
        )
        return ()
    if named is not None:
        paths = tuple(folder / str(name) for name in named)
        for name, p in zip(named, paths, strict=True):
            if not p.is_file():
                r.add(TOML, f"cases：没有文件 {quoted(name)}", f"cases: no file {name!r}")
        return paths
    alone = [p for suffix in CASE_SUFFIXES if (p := folder / f"cases{suffix}").exists()]
    if len(alone) > 1:
        names = [p.name for p in alone]
        r.faults.append(
            both(
                f"病例有几个文件：{'、'.join(names)}，只留其一，或写入 region.toml 的 cases",
                f"several files of cases: {', '.join(names)}; keep one or name them in region.toml",
            )
        )
    if alone:
        return (alone[0],)
    several = _files(folder / "cases")
    if not several:
        r.faults.append(
            both(
                "没有病例：请放入 cases.parquet、cases.csv、cases.xlsx 或 cases/",
                "no cases: give cases.parquet, cases.csv, cases.xlsx or cases/",
            )
        )
    return several


def _pools(r: _Reader, entries: Any) -> tuple[Pool, ...]:
    pools: list[Pool] = []
    if not (entries and isinstance(entries, list) and all(isinstance(e, dict) for e in entries)):
        r.add(
            TOML,
            "没有险种；每个险种写在一行 [[pools]] 之下",
            "no pool; each stands under a line [[pools]]",
        )
        return ()
    for number, entry in enumerate(entries, start=1):
        where = both(f"{TOML}：第{number}个险种", f"{TOML}: pool {number}")
        strange = set(entry) - {"pool", "name", "budget_yuan", "out_of_area_fund_yuan"}
        for word in sorted(strange):
            r.add(where, f"没有“{word}”这一项", f"unknown entry {word!r}")
        budget = r.value(where, "budget_yuan", str(entry.get("budget_yuan", "")), _amount)
        outside = r.value(
            where, "out_of_area_fund_yuan", str(entry.get("out_of_area_fund_yuan", "0")), _amount
        )
        name = str(entry.get("pool", ""))
        if not name or name in {p.id for p in pools}:
            r.add(where, f"pool“{name}”为空或重复", f"pool {name!r} is empty or stands twice")
        pools.append(Pool(name, str(entry.get("name", name)), budget or 0, outside or 0))
    return tuple(pools)


def _by_hospital(
    r: _Reader, name: str, column: str, ids: set[str], parse: Callable[[str], Any]
) -> dict[str, Any]:
    values: dict[str, Any] = {}
    rows = r.table(name, ("hospital_id", column), must=True)
    for line, row in rows:
        where = r.at(name, line)
        if not r.known(where, "hospital_id", row["hospital_id"], ids, "hospitals.csv"):
            continue
        if row["hospital_id"] in values:
            h = row["hospital_id"]
            r.add(where, f"医疗机构编码“{h}”重复", f"hospital {h!r} stands twice")
        values[row["hospital_id"]] = r.value(where, column, row[column], parse)
    if r.sound(name):
        for h in sorted(ids - set(values)):
            r.add(
                r.path(name).name,
                f"没有机构“{h}”的行，每个机构须有一行",
                f"no row for hospital {h!r}; each hospital needs one",
            )
    return values


def _hospitals(r: _Reader) -> tuple[Hospital, ...]:
    rows = r.table(
        "hospitals.csv", ("hospital_id", "name", "level"), ("community_id", "kind"), must=True
    )
    seen: dict[str, dict[str, str]] = {}
    for line, row in rows:
        if not row["hospital_id"] or row["hospital_id"] in seen:
            h = row["hospital_id"]
            r.add(
                r.at("hospitals.csv", line),
                f"医疗机构编码“{h}”为空或重复",
                f"hospital_id {h!r} is empty or stands twice",
            )
        seen[row["hospital_id"]] = row
    ids = set(seen)
    if not rows and r.sound("hospitals.csv"):
        r.add("hospitals.csv", "没有医疗机构", "no hospital")
    coefficients = _by_hospital(r, "coefficients.csv", "coefficient", ids, _coefficient)
    scores = _by_hospital(r, "scores.csv", "score", ids, _share)
    return tuple(
        Hospital(
            h, row["name"], row["level"], coefficients.get(h) or 0, scores.get(h) or Fraction(0)
        )
        for h, row in sorted(seen.items())
    )


def _group_means(r: _Reader) -> dict[str, tuple[int, bool]] | None:
    if not r.path("base_points.csv").exists():
        return None
    means: dict[str, tuple[int, bool]] = {}
    for line, row in r.table("base_points.csv", ("drg", "group_mean_yuan"), ("stable", "name")):
        where = r.at("base_points.csv", line)
        if row["drg"] in means:
            r.add(where, f"drg“{row['drg']}”重复", f"drg {row['drg']!r} stands twice")
        mean = r.value(where, "group_mean_yuan", row["group_mean_yuan"], _amount)
        if mean == 0:
            r.add(
                where,
                "group_mean_yuan（病组次均费用）为0，请删去此行",
                "group_mean_yuan is 0; leave the row out",
            )
        stable = r.value(where, "stable", row.get("stable", ""), _yes_no)
        means[row["drg"]] = (mean or 0, bool(stable))
    return means


def _rates(r: _Reader) -> dict[str, int]:
    rates: dict[str, int] = {}
    for line, row in r.table("bed_day_rates.csv", ("bed_day_class", "rate_yuan"), ("name",)):
        where = r.at("bed_day_rates.csv", line)
        if not row["bed_day_class"] or row["bed_day_class"] in rates:
            name = row["bed_day_class"]
            r.add(
                where,
                f"bed_day_class“{name}”为空或重复",
                f"class {name!r} is empty or stands twice",
            )
        rates[row["bed_day_class"]] = r.value(where, "rate_yuan", row["rate_yuan"], _amount) or 0
    return rates


def _reviews(r: _Reader) -> dict[str, Review]:
    reviews: dict[str, Review] = {}
    decisions = {"granted": GRANTED, "refused": REFUSED, "准予": GRANTED, "不予": REFUSED}
    for line, row in r.table(
        "reviews.csv", ("case_id", "decision", "unreasonable_yuan"), ("note",)
    ):
        where = r.at("reviews.csv", line)
        if row["decision"] not in decisions:
            r.add(
                where,
                f"decision“{row['decision']}”不是 granted（准予）或 refused（不予）",
                f"decision {row['decision']!r} is not granted or refused",
            )
        if not row["case_id"] or row["case_id"] in reviews:
            case = row["case_id"]
            r.add(where, f"case_id“{case}”为空或重复", f"case_id {case!r} is empty or stands twice")
        fen = r.value(where, "unreasonable_yuan", row["unreasonable_yuan"] or "0", _amount)
        reviews[row["case_id"]] = Review(line - 1, decisions.get(row["decision"], 0), fen or 0)
    return reviews


def _violations(r: _Reader, hospitals: set[str], pools: set[str]) -> dict[tuple[str, str], int]:
    sums: dict[tuple[str, str], int] = {}
    for line, row in r.table("violations.csv", ("hospital_id", "pool", "amount_yuan"), ("reason",)):
        where = r.at("violations.csv", line)
        if r.known(
            where, "hospital_id", row["hospital_id"], hospitals, "hospitals.csv"
        ) and r.known(where, "pool", row["pool"], pools, "region.toml"):
            key = (row["hospital_id"], row["pool"])
            fen = r.value(where, "amount_yuan", row["amount_yuan"], _amount)
            sums[key] = sums.get(key, 0) + (fen or 0)
    return sums


def _prepaid(
    r: _Reader, hospitals: set[str], pools: set[str]
) -> dict[tuple[str, str], tuple[int, int | None]]:
    paid: dict[tuple[str, str], tuple[int, int | None]] = {}
    for line, row in r.table(
        "prepaid.csv", ("hospital_id", "pool", "prepaid_yuan"), ("deposit_yuan",)
    ):
        where = r.at("prepaid.csv", line)
        if r.known(
            where, "hospital_id", row["hospital_id"], hospitals, "hospitals.csv"
        ) and r.known(where, "pool", row["pool"], pools, "region.toml"):
            key = (row["hospital_id"], row["pool"])
            if key in paid:
                r.add(where, "同一机构、同一险种重复", "hospital and pool stand twice")
            fen = r.value(where, "prepaid_yuan", row["prepaid_yuan"], _amount)
            deposit = (
                r.value(where, "deposit_yuan", row["deposit_yuan"], _amount)
                if row.get("deposit_yuan")
                else None
            )
            paid[key] = (fen or 0, deposit)
    return paid


def describe_file(path: Path, name: str, rows: int | None) -> InputFile:
    """Return size and SHA-256 of a file that a run read."""
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    return InputFile(name, rows, path.stat().st_size, digest)
