"""Read a region folder: region.toml and its small tables, all faults at once.

docs/formats.md, section 3, lists the files. Their faults stop the run: a hospital's coefficient
or a violation that is wrong would silently change what everybody gets.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from drgpay.cases.editions import CLINICAL, INSURANCE, edition_named
from drgpay.cases.files import not_passed_over, of_folder
from drgpay.cases.mapping import mapping_path
from drgpay.cases.options import ReadOptions
from drgpay.cases.sources import IN_FOLDERS
from drgpay.ground.errors import (
    Bilingual,
    DrgpayError,
    InputError,
    PolicyError,
    SchemeError,
    both,
    located,
    quoted,
)
from drgpay.ground.inputs import read_toml
from drgpay.ground.money import POINT, decimal_fraction, fen_of_yuan, yuan_text
from drgpay.ground.reference import DEFAULT_SCHEME
from drgpay.names.readings import READINGS, Readings, asked_readings
from drgpay.points.kernels import COEF_ONE
from drgpay.policy import load_policy
from drgpay.policy.catalogue import COMPONENTS
from drgpay.region.later import Sources, source_key
from drgpay.region.levels import differently_written, written_twice
from drgpay.region.provenance import (
    CARRIED_ORIGIN,
    HAND,
    MONTHS,
    PREPAID_ORIGIN,
    SIMULATED,
    rows_digest,
)
from drgpay.region.records import (
    GRANTED,
    REFUSED,
    Ceiling,
    Hospital,
    Named,
    NewItem,
    Pool,
    Primary,
    Rate,
    Region,
    Review,
    Violation,
)
from drgpay.region.standing import NORMAL, STANDINGS
from drgpay.tables.small import SUFFIXES, UnreadableTable, read_rows, shown

TOML = "region.toml"
HEAD = (
    "id",
    "name",
    "year",
    "policy",
    "scheme",
    "cases",
    "all_drg_mean_yuan",
    "weight_rate_yuan",
    *READINGS,
    "synthetic",
    "codes",
    "history_codes",
    "from_insurance_codes",
    "mapping",
    "sheet",
    "encoding",
)
BESIDE = (".quarantine.csv", ".changes.csv", ".findings.csv")  # what other commands leave
LIST_SUFFIXES = (".jsonl", ".json", ".zip")
CASE_SUFFIXES = (".parquet", ".csv", ".xlsx", ".xls", *LIST_SUFFIXES)


TABLES = (
    "hospitals.csv",
    "coefficients.csv",
    "level_coefficients.csv",
    "components.csv",
    "tcm.csv",
    "carried.csv",
    "month_shares.csv",
    "last_year_months.csv",
    "scores.csv",
    "base_points.csv",
    "weights.csv",
    "primary_groups.csv",
    "new_technology_items.csv",
    "new_technology.csv",
    "bed_day_rates.csv",
    "reviews.csv",
    "violations.csv",
    "prepaid.csv",
    "cases.csv",
)


class TableReader:
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
                where = _either(name) if path.name == name else path.name
                self.add(where, f"缺少这个文件，表头为 {chinese}", f"missing; columns {names}")
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
            chinese = "、".join(map(shown, doubled))
            self.add(name, f"有两列都是{chinese}，只留其一", f"two columns are called {names}")
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
        places = tuple(f"{place}: " for place in (name, own, _either(name)))
        return not any(fault.startswith(places) for fault in self.faults)

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
        if text in ids or not ids or (of in TABLES and not self.sound(of)):
            return True  # what cannot be read says so itself
        of = self.path(of).name if of in TABLES else of
        chinese = f"{shown(column)}“{text}”不在 {of} 中"
        self.add(where, chinese, f"{column} {text!r} is not in {of}")
        return False


def _either(name: str) -> Bilingual:
    """Return how a table that is not there may be called."""
    stem = name.removesuffix(".csv")
    return both(f"{stem}.xlsx 或 {stem}.csv", f"{stem}.xlsx or {stem}.csv")


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


def _readings(r: TableReader, head: Mapping[str, Any]) -> Readings:
    """Return the readings of the scheme that [region] asks for."""
    found: list[tuple[str, str]] = []
    for name in READINGS:
        if name not in head:
            continue
        try:
            found += asked_readings({name: str(head[name])})
        except SchemeError as error:
            r.faults.append(located(TOML, located(error.what, error.remedy)))
    return tuple(sorted(found))


def _yes_no(text: str) -> bool:
    if text not in ("yes", "no", "是", "否", ""):
        raise ValueError(both(f"“{text}”不是 是 或 否", f"{text!r} is not yes or no"))
    return text not in ("no", "否")


def read_region(
    folder: Path, overrides: Sequence[str] = (), *, elsewhere: Sequence[str] = ()
) -> Region:
    """Return the region of a folder; `overrides` are those of a trial run.

    `elsewhere` names what does not lie in the folder, and is not looked for: cases, history.

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
    data = read_toml(path)
    r = TableReader(folder)
    head = data.get("region", {})
    if not isinstance(head, dict):
        r.add(TOML, "region 须是表：[region]", "region must be a table: [region]")
        head = {}
    strange = sorted(set(head) - set(HEAD))
    for word in strange:
        r.add(TOML, f"[region] 没有“{word}”这一项", f"[region] has an unknown entry {word!r}")
    for word in ("id", "name", "year", "policy"):
        if word not in head:
            r.add(TOML, f"[region] 缺少{shown(word)}", f"[region] has no {word}")
    pools = _pools(r, data.get("pools", []))
    hospitals = _hospitals(r)
    ids, pool_ids = {h.id for h in hospitals}, {p.id for p in pools}
    means = _group_means(r)
    history = () if "history" in elsewhere else _files(r, folder / "history")
    past = bool(history) or "history" in elsewhere
    weights = _weights(r)
    all_mean = _all_mean(r, head, means is not None, weights is not None, past)
    cases = () if "cases" in elsewhere else _case_files(r, folder, head.get("cases"))
    stems = [name.removesuffix(".csv") for name in TABLES]
    known = {folder / f"{stem}{suffix}" for stem in stems for suffix in SUFFIXES} | set(cases)
    loose = {p for suffix in SUFFIXES for p in folder.glob(f"[!~.]*{suffix}")} - known
    loose |= {p for p in folder.glob("cases.*") if p.suffix.lower() in IN_FOLDERS} - known
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
    violations = _violations(r, ids, pool_ids)
    carried, by_hand = _carried(r, ids, pool_ids, str(head.get("id", "")))
    prepaid, months = _prepaid(r, ids, pool_ids, head)
    by_drg, by_hospital = read_coefficients(r, ids, _given_coefficients(head, folder, overrides))
    hospitals = tuple(replace(h, coefficient=by_hospital.get(h.id)) for h in hospitals)
    region = Region(
        path=folder,
        id=str(head.get("id", "")),
        name=str(head.get("name", "")),
        year=int(head.get("year", 0)) if isinstance(head.get("year", 0), int) else 0,
        synthetic=bool(head.get("synthetic", False)),
        policy=str(head.get("policy", "")),
        scheme=str(head.get("scheme", DEFAULT_SCHEME)),
        readings=_readings(r, head),
        codes=_codes(r, head, "codes"),
        history_codes=_codes(r, head, "history_codes"),
        reading=_reading(r, head),
        cases=cases,
        history=history,
        pools=pools,
        hospitals=hospitals,
        group_means=means,
        all_drg_mean_fen=all_mean,
        bed_day_rates=_rates(r),
        reviews=_reviews(r),
        violations=violations,
        prepaid=prepaid,
        prepaid_by=MONTHS if months else HAND,
        prepaid_months=months,
        drg_coefficients=by_drg,
        level_coefficients=_keyed(
            r, "level_coefficients.csv", "level", "coefficient", _coefficient
        ),
        components=_components(r, ids),
        tcm_shares=_keyed(
            r, "tcm.csv", "hospital_id", "treatment_share", _share, (ids, "hospitals.csv")
        ),
        carried={key: fen for key, (fen, _) in carried.items()},
        carried_from={key: text for key, (_, text) in carried.items()},
        carried_by_hand=by_hand,
        ceiling=_ceiling(r, data.get("ceiling"), pools),
        month_shares=_month_shares(r),
        last_year_months=_last_year_months(r, ids, pool_ids),
        weights=weights,
        primary_groups=_primary_groups(r),
        new_technology=_new_technology(r),
        by_rate="weight_rate_yuan" in head,
    )
    _check_levels(r, region)
    region = replace(region, files=(path, *r.read))
    year = head.get("year")
    if isinstance(year, str) and year.strip().isdecimal():
        r.add(
            TOML,
            f"{shown('year')}的值“{year}”是文字，去掉引号：year = {year.strip()}",
            f"year {year!r} is a text: leave out the quotation marks, year = {year.strip()}",
        )
    elif not 1990 <= region.year <= 2199 and "year" in head:
        r.add(
            TOML,
            f"{shown('year')}的值{quoted(head['year'])}不是年份",
            f"year {head['year']!r} is not a year",
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


def _check_levels(r: TableReader, region: Region) -> None:
    """Fail if a table writes a level of the hospitals in another way than they do."""
    own = {h.level for h in region.hospitals}
    for name, levels in (
        ("level_coefficients.csv", set(region.level_coefficients)),
        ("bed_day_rates.csv", {rate.level for rate in region.bed_day_rates}),
    ):
        hospitals, table = r.path("hospitals.csv").name, r.path(name).name
        r.faults += [
            located(table, differently_written(hospitals, mine, table, other))
            for mine, other in written_twice(own, levels)
        ]


def _reading(r: TableReader, head: Mapping[str, Any]) -> ReadOptions:
    """Return how the files of cases and of history are to be read."""
    mapping = None
    if "mapping" in head:
        try:
            mapping = mapping_path(str(head["mapping"]), r.folder)
        except InputError:  # no bundled one of this name
            mapping = r.folder / str(head["mapping"])
    if mapping is not None and not mapping.is_file():
        r.add(
            TOML,
            f"{shown('mapping')}：没有文件{quoted(head['mapping'])}",
            f"mapping: no file {mapping}",
        )
    sheet, encoding = head.get("sheet"), head.get("encoding")
    return ReadOptions(
        mapping=mapping,
        sheet=None if sheet is None else str(sheet),
        encoding=None if encoding is None else str(encoding),
    )


def _codes(r: TableReader, head: Mapping[str, Any], key: str) -> str | None:
    """Return the edition of codes that the region declares, for the history too where it is one's.

    `from_insurance_codes = true` is another word for `codes = "insurance-2.0"`.
    """
    older = INSURANCE if head.get("from_insurance_codes") else None
    said = {name: head.get(name) for name in dict.fromkeys((key, "codes"))}
    for name, value in said.items():
        if value is not None and not (isinstance(value, str) and value.strip()):
            r.add(
                TOML,
                f'{shown(name)}是{quoted(value)}，应为 "{INSURANCE}" 或 "{CLINICAL}"',
                f'{name} is {value!r}; write "{INSURANCE}" or "{CLINICAL}"',
            )
            return None
    given = next((edition_named(v) for v in said.values() if v is not None), None)
    if older is not None and key == "codes" and given not in (None, older):
        r.add(
            TOML,
            f"{shown('codes')}与{shown('from_insurance_codes')}不一致，只留前者",
            "codes and from_insurance_codes disagree: keep codes",
        )
    return given or older


def _files(r: TableReader, folder: Path) -> tuple[Path, ...]:
    if not folder.is_dir():
        return ()
    read, others = of_folder(folder, CASE_SUFFIXES)
    if others:
        r.faults.append(located(f"{folder.name}/", not_passed_over(others)))
    return tuple(read)


def _case_files(r: TableReader, folder: Path, named: Any) -> tuple[Path, ...]:
    if named is not None and not (named and isinstance(named, list)):
        r.add(
            TOML,
            f'{shown("cases")}是{quoted(named)}，应为列表，如 ["cases.csv"]',
            f'cases is {named!r}; must be a list like ["cases.csv"]',
        )
        return ()
    if named is not None:
        paths = tuple(folder / str(name) for name in named)
        for name, p in zip(named, paths, strict=True):
            if not p.is_file():
                r.add(TOML, f"{shown('cases')}：没有文件{quoted(name)}", f"cases: no file {name!r}")
        return paths
    alone = [p for suffix in CASE_SUFFIXES if (p := folder / f"cases{suffix}").exists()]
    if len(alone) > 1:
        names = [p.name for p in alone]
        r.faults.append(
            both(
                f"病例有几个文件：{'、'.join(names)}，只留其一，或写入 region.toml 的{shown('cases')}",
                f"several files of cases: {', '.join(names)}; keep one or name them in region.toml",
            )
        )
    several = _files(r, folder / "cases")
    if alone:
        if several:
            r.faults.append(
                both(
                    f"病例既有{alone[0].name}又有文件夹cases，只留其一，或写入 region.toml 的{shown('cases')}",
                    f"cases stand in {alone[0].name} and in the folder cases: keep one or name the "
                    "files in region.toml",
                )
            )
        return (alone[0],)
    if not several:
        r.faults.append(
            both(
                "没有病例：请放入 cases.parquet、cases.csv、cases.xlsx 或 cases/",
                "no cases: give cases.parquet, cases.csv, cases.xlsx or cases/",
            )
        )
    return several


POOL_ENTRIES = {
    "pool", "name", "budget_yuan", "out_of_area_fund_yuan", "last_year_fund_yuan", "growth_approval",
    "control_target_yuan",
}  # fmt: skip


def _ceiling(r: TableReader, entry: Any, pools: Sequence[Pool]) -> Ceiling | None:
    own = [pool.control_target_fen for pool in pools]
    every = None if None in own or not own else sum(fen or 0 for fen in own)
    if entry is None:
        return None if every is None else Ceiling(every)
    where = both(f"{TOML}：[ceiling]", f"{TOML}: [ceiling]")
    if not isinstance(entry, dict):
        r.add(where, "须是表", "must be a table")
        return None
    for word in sorted(set(entry) - {"control_target_yuan", "reserves", "payments"}):
        r.add(where, f"没有“{word}”这一项", f"unknown entry {word!r}")
    target = every
    if every is None or "control_target_yuan" in entry:
        text = str(entry.get("control_target_yuan", ""))
        target = r.value(where, "control_target_yuan", text, _amount)
    lists: list[tuple[Named, ...]] = []
    for part in ("reserves", "payments"):
        rows = entry.get(part, [])
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            r.add(where, f"{shown(part)}须写作 [[ceiling.{part}]]", f"write [[ceiling.{part}]]")
            rows = []
        lists.append(tuple(_named_amount(r, where, part, row, pools) for row in rows))
    made = Ceiling(target or 0, lists[0], lists[1])
    if target is not None:
        _check_targets(r, where, made, pools)
    return made


def _named_amount(
    r: TableReader, where: Bilingual, part: str, row: Mapping[str, Any], pools: Sequence[Pool]
) -> Named:
    """Return a reserve or another payment of `[ceiling]`."""
    known = {"name", "amount_yuan", "pool", *(["inside_target"] if part == "reserves" else [])}
    for word in sorted(set(row) - known):
        r.add(where, f"没有“{word}”这一项", f"unknown entry {word!r}")
    if not row.get("name"):
        r.add(where, f"{shown(part)}缺少{shown('name')}", f"{part}: no name")
    fen = r.value(where, "amount_yuan", str(row.get("amount_yuan", "")), _amount)
    inside, pool = row.get("inside_target", True), str(row.get("pool", ""))
    if not isinstance(inside, bool):
        r.add(where, f"{shown('inside_target')}须为 true 或 false", "inside_target: true or false")
    if pool and pool not in {p.id for p in pools}:
        r.add(
            where, f"{shown('pool')}“{pool}”不在 [[pools]] 中", f"pool {pool!r} is not in [[pools]]"
        )
    return Named(str(row.get("name", "")), fen or 0, bool(inside), pool)


def _check_targets(r: TableReader, where: Bilingual, given: Ceiling, pools: Sequence[Pool]) -> None:
    """Fail if a target cannot contain the reserves that lie inside it, or the pools' own targets."""
    own = sum(pool.control_target_fen or 0 for pool in pools)
    if own > given.target_fen:
        r.add(
            where,
            f"各险种控制目标合计 {yuan_text(own)} 元，大于全区控制目标 {yuan_text(given.target_fen)} 元",
            f"the targets of the pools, {yuan_text(own)} yuan, are more than the region's "
            f"{yuan_text(given.target_fen)}",
        )
    inside = [x for x in given.reserves if x.inside_target]
    targets = [(both("全区", "the region"), given.target_fen, inside)]
    targets += [
        (
            both(f"险种 {pool.id}", f"pool {pool.id}"),
            pool.control_target_fen,
            [x for x in inside if x.pool == pool.id],
        )
        for pool in pools
        if pool.control_target_fen is not None
    ]
    for whose, target, parts in targets:
        aside = sum(x.amount_fen for x in parts)
        if aside > target:
            r.add(
                where,
                f"{whose.chinese}的控制目标 {yuan_text(target)} 元，容不下其内的预留 {yuan_text(aside)} 元："
                "改正金额，或把在目标之外的预留写作 inside_target = false",
                f"the target of {whose}, {yuan_text(target)} yuan, cannot contain reserves of "
                f"{yuan_text(aside)} inside it: mend the amounts, or write inside_target = false "
                "for a reserve on top of it",
            )


def _keyed(
    r: TableReader,
    name: str,
    key: str,
    column: str,
    parse: Callable[[str], Any],
    known: tuple[set[str], str] | None = None,
) -> dict[str, Any]:
    """Return the values of an optional table by its key column."""
    values: dict[str, Any] = {}
    for line, row in r.table(name, (key, column)):
        where = r.at(name, line)
        word = row[key]
        if known is not None and not r.known(where, key, word, *known):
            continue
        if not word or word in values:
            r.add(
                where, f"{shown(key)}“{word}”为空或重复", f"{key} {word!r} is empty or stands twice"
            )
        values[word] = r.value(where, column, row[column], parse)
    return values


def _given_coefficients(head: Mapping[str, Any], folder: Path, overrides: Sequence[str]) -> bool:
    """Whether the policy takes coefficients from coefficients.csv.

    A faulty policy asks for nothing here: whoever loads it next says what is wrong with it.
    """
    try:
        policy = load_policy(str(head.get("policy", "")), folder)
        return bool(policy.for_year(int(head["year"]), overrides)["coef.source"] == "given")
    except PolicyError:
        return False
    except (DrgpayError, OSError, ValueError, TypeError, KeyError, OverflowError):
        return True


def read_coefficients(
    r: TableReader, ids: set[str], must: bool
) -> tuple[dict[tuple[str, str], int], dict[str, int]]:
    """Return given coefficients by hospital and DRG, and by hospital."""
    by_drg: dict[tuple[str, str], int] = {}
    by_hospital: dict[str, int] = {}
    for line, row in r.table(
        "coefficients.csv", ("hospital_id", "coefficient"), ("drg",), must=must
    ):
        where = r.at("coefficients.csv", line)
        h, drg = row["hospital_id"], row.get("drg", "")
        if not r.known(where, "hospital_id", h, ids, "hospitals.csv"):
            continue
        if (h, drg) in by_drg:
            r.add(
                where,
                f"{shown('hospital_id')}“{h}”、{shown('drg')}“{drg}”重复",
                f"hospital {h!r} and drg {drg!r} stand twice",
            )
        elif not drg and h in by_hospital:
            r.add(where, f"{shown('hospital_id')}“{h}”重复", f"hospital {h!r} stands twice")
        value = r.value(where, "coefficient", row["coefficient"], _coefficient) or COEF_ONE
        if drg:
            by_drg[h, drg] = value
        else:
            by_hospital[h] = value
    if must:
        # whether rows by DRG alone will do is the policy's (`coef.without_row`)
        _each_hospital(r, "coefficients.csv", ids, {*by_hospital, *(h for h, _ in by_drg)})
    return by_drg, by_hospital


def _each_hospital(r: TableReader, name: str, ids: set[str], found: set[str]) -> None:
    """Fail if a table of which each hospital needs a row lacks one."""
    if r.sound(name):
        for h in sorted(ids - found):
            r.add(
                r.path(name).name,
                f"没有机构“{h}”的行，每个机构须有一行",
                f"no row for hospital {h!r}; each hospital needs one",
            )


def _components(r: TableReader, ids: set[str]) -> dict[tuple[str, str], Fraction]:
    values: dict[tuple[str, str], Fraction] = {}
    for line, row in r.table("components.csv", ("hospital_id", "component", "value")):
        where = r.at("components.csv", line)
        if not r.known(where, "hospital_id", row["hospital_id"], ids, "hospitals.csv"):
            continue
        if not r.known(where, "component", row["component"], set(COMPONENTS), "docs/formats.md"):
            continue
        key = (row["hospital_id"], row["component"])
        if key in values:
            r.add(where, "同一机构、同一组成部分重复", "hospital and component stand twice")
        number = r.value(where, "value", row["value"], decimal_fraction)
        if number is not None and number < 0:
            r.add(
                where,
                f"{shown('value')}“{row['value']}”是负数",
                f"value {row['value']!r} is negative",
            )
        values[key] = number or Fraction(0)
    return values


def _carried(
    r: TableReader, hospitals: set[str], pools: set[str], region: str
) -> tuple[dict[tuple[str, str], tuple[int, str]], dict[tuple[str, str], tuple[int, ...]]]:
    """Return amounts to recover from this payment with the runs that they come from, and those
    that no run wrote.
    """
    sums: dict[tuple[str, str], tuple[int, str]] = {}
    by_hand: dict[tuple[str, str], tuple[int, ...]] = {}
    sources = Sources()
    seen: dict[tuple[str, str, str], int] = {}
    rows = r.table("carried.csv", ("hospital_id", "pool", "amount_yuan"), ("from", *CARRIED_ORIGIN))
    _check_runs(r, rows, region)
    for line, row in rows:
        where = r.at("carried.csv", line)
        if row["hospital_id"] not in hospitals and hospitals and r.sound("hospitals.csv"):
            _left(r, where, row["hospital_id"])
        elif r.known(where, "pool", row["pool"], pools, "region.toml"):
            key = (row["hospital_id"], row["pool"])
            fen = r.value(where, "amount_yuan", row["amount_yuan"], fen_of_yuan)
            old, said = sums.get(key, (0, ""))
            source = "; ".join(text for text in (said, row.get("from", "")) if text)
            sums[key] = (old + (fen or 0), source)
            if not any(row.get(name) for name in CARRIED_ORIGIN):
                by_hand[key] = (*by_hand.get(key, ()), fen or 0)
            first = seen.setdefault((*key, source_key(row.get("from", ""))), line)
            if first != line:
                r.add(
                    where,
                    f"同一机构、险种、来源出现两次：第 {first} 行和第 {line} 行；重复的删去一行，"
                    f"确是两笔的在{shown('from')}中分别写明",
                    f"the same hospital, pool and from stand twice, in rows {first} and {line}: "
                    "remove one; if they are two amounts, tell them apart in from",
                )
        twice = sources.add(row.get("from", ""))
        if twice is not None:
            run, whole, other = twice
            r.add(
                where,
                f"{run} 第 {whole} 版的 carried.csv 是全部，已含第 {other} 版的：两者同在会重复结转，只留一个"
                "（docs/reopening.md）",
                f"carried.csv of version {whole} of {run} is the whole and includes version {other}: "
                "both would carry it twice, leave one of them (docs/reopening.md)",
            )
            return sums, by_hand
    for run, whole, missing, later in sources.gaps():
        r.add(
            r.path("carried.csv").name,
            f"{run}：有第 {whole} 版的全部和第 {later} 版的差额，缺少第 {missing} 版的差额；"
            "补上它，或只用最新一版的 carried.csv（docs/reopening.md）",
            f"{run}: the whole of version {whole} and the difference of version {later} are there, "
            f"the difference of version {missing} is missing: add it, or use carried.csv of the "
            "newest version alone (docs/reopening.md)",
        )
    return sums, by_hand


def _check_runs(r: TableReader, rows: Sequence[tuple[int, dict[str, str]]], region: str) -> None:
    """Fail if rows that name a run are not those that it wrote for this region.

    Each run's rows stand in this table whole: what it wrote for the next payment is one amount.
    """
    runs: dict[tuple[str, str, str], list[tuple[int, dict[str, str]]]] = {}
    for line, row in rows:
        origin = tuple(row.get(name, "") for name in CARRIED_ORIGIN)
        if any(origin):
            runs.setdefault(origin, []).append((line, row))  # type: ignore[arg-type]
    for (of, run, told), own in runs.items():
        where = r.at("carried.csv", own[0][0])
        if of != region:
            r.add(
                where,
                f"{shown('region')}为“{of}”，本文件夹是“{region}”：别的统筹区的结转不能用在这里",
                f"region is {of!r}, the folder's is {region!r}: what another region carries does not "
                "belong here",
            )
            continue
        try:
            amounts = [
                (row["hospital_id"], row["pool"], fen_of_yuan(row["amount_yuan"]), row["from"])
                for _, row in own
            ]
        except (ValueError, KeyError):
            continue  # said where the row is read
        if rows_digest((of, run), amounts) != told:
            total = yuan_text(sum(fen for _, _, fen, _ in amounts))
            r.add(
                where,
                f"清算 {run[:12]} 的 {len(own)} 行（合计 {total} 元）与它写出的不符："
                "金额、来源被改动，或缺行；请放回该次清算写出的 carried.csv，"
                "另行确定的金额写作没有摘要码的行",
                f"the {len(own)} rows of run {run[:12]} ({total} yuan together) are not those that "
                "it wrote: an amount or from was changed, or rows are missing; put back its "
                "carried.csv, and write amounts decided otherwise as rows without digests",
            )


def _left(r: TableReader, where: str, hospital: str) -> None:
    """Refuse an amount of a hospital that is not named, and say how one that left is named."""
    table = r.path("hospitals.csv").name
    r.add(
        where,
        f"{shown('hospital_id')}“{hospital}”不在 {table} 中；已退出或关闭的机构要扣回或补付，仍须列在 "
        f"{table} 中，{shown('standing')}写 ended（已解除），并在 scores 等逐家填写的表中留一行",
        f"hospital_id {hospital!r} is not in {table}; one that left or closed stays in {table} with "
        "the standing ended, and in scores and the other tables that have a row for each hospital",
    )


def _month(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 12:
        raise ValueError(both(f"“{text}”不是1至12的月份", f"{text!r} is not a month from 1 to 12"))
    return int(text)


def _month_shares(r: TableReader) -> tuple[Fraction, ...]:
    shares: dict[int, Fraction] = {}
    rows = r.table("month_shares.csv", ("month", "share"))
    for line, row in rows:
        where = r.at("month_shares.csv", line)
        month = r.value(where, "month", row["month"], _month)
        share = r.value(where, "share", row["share"], _share)
        if month in shares:
            r.add(where, f"{month}月重复", f"month {month} stands twice")
        if month is not None and share is not None:
            shares[month] = share
    if rows and (len(shares) != 12 or sum(shares.values()) != 1):
        r.add(
            r.path("month_shares.csv").name,
            f"须有十二个月，比重合计为1，现为 {len(shares)} 个月，合计 {sum(shares.values())}",
            f"needs twelve months with shares that add up to 1, not {sum(shares.values())}",
        )
    return tuple(shares[m] for m in sorted(shares)) if len(shares) == 12 else ()


def _last_year_months(
    r: TableReader, hospitals: set[str], pools: set[str]
) -> dict[tuple[str, str, int], int]:
    values: dict[tuple[str, str, int], int] = {}
    for line, row in r.table("last_year_months.csv", ("hospital_id", "pool", "month", "fund_yuan")):
        where = r.at("last_year_months.csv", line)
        month = r.value(where, "month", row["month"], _month)
        fen = r.value(where, "fund_yuan", row["fund_yuan"], _amount)
        if r.known(
            where, "hospital_id", row["hospital_id"], hospitals, "hospitals.csv"
        ) and r.known(where, "pool", row["pool"], pools, "region.toml"):
            key = (row["hospital_id"], row["pool"], month or 0)
            if key in values:
                r.add(where, "同一机构、险种、月份重复", "hospital, pool and month stand twice")
            values[key] = fen or 0
    return values


def _pools(r: TableReader, entries: Any) -> tuple[Pool, ...]:
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
        strange = set(entry) - POOL_ENTRIES
        for word in sorted(strange):
            r.add(where, f"没有“{word}”这一项", f"unknown entry {word!r}")
        budget = r.value(where, "budget_yuan", str(entry.get("budget_yuan", "")), _amount)
        outside = r.value(
            where, "out_of_area_fund_yuan", str(entry.get("out_of_area_fund_yuan", "0")), _amount
        )
        last = None
        if "last_year_fund_yuan" in entry:
            last = r.value(where, "last_year_fund_yuan", str(entry["last_year_fund_yuan"]), _amount)
        target = None
        if "control_target_yuan" in entry:
            text = str(entry["control_target_yuan"])
            target = r.value(where, "control_target_yuan", text, _amount)
        name = str(entry.get("pool", ""))
        if not name or name in {p.id for p in pools}:
            r.add(
                where,
                f"{shown('pool')}“{name}”为空或重复",
                f"pool {name!r} is empty or stands twice",
            )
        approval = str(entry.get("growth_approval", ""))
        title = str(entry.get("name", name))
        pools.append(Pool(name, title, budget or 0, outside or 0, last, approval, target))
    return tuple(pools)


def _by_hospital(
    r: TableReader, name: str, column: str, ids: set[str], parse: Callable[[str], Any]
) -> dict[str, Any]:
    values: dict[str, Any] = {}
    rows = r.table(name, ("hospital_id", column), must=True)
    for line, row in rows:
        where = r.at(name, line)
        if not r.known(where, "hospital_id", row["hospital_id"], ids, "hospitals.csv"):
            continue
        if row["hospital_id"] in values:
            h = row["hospital_id"]
            r.add(where, f"{shown('hospital_id')}“{h}”重复", f"hospital {h!r} stands twice")
        values[row["hospital_id"]] = r.value(where, column, row[column], parse)
    _each_hospital(r, name, ids, set(values))
    return values


def _hospitals(r: TableReader) -> tuple[Hospital, ...]:
    rows = r.table(
        "hospitals.csv",
        ("hospital_id", "name", "level"),
        ("community_id", "kind", "standing"),
        must=True,
    )
    seen: dict[str, dict[str, str]] = {}
    for line, row in rows:
        if not row["hospital_id"] or row["hospital_id"] in seen:
            h = row["hospital_id"]
            r.add(
                r.at("hospitals.csv", line),
                f"{shown('hospital_id')}“{h}”为空或重复",
                f"hospital_id {h!r} is empty or stands twice",
            )
        seen[row["hospital_id"]] = row
        if row.get("standing", "") not in STANDINGS:
            r.add(
                r.at("hospitals.csv", line),
                f"{shown('standing')}“{row['standing']}”不是正常（normal）、违规处理（penalised）或已解除（ended）",
                f"standing {row['standing']!r} is not normal, penalised or ended",
            )
    ids = set(seen)
    if not rows and r.sound("hospitals.csv"):
        r.add("hospitals.csv", "没有医疗机构", "no hospital")
    scores = _by_hospital(r, "scores.csv", "score", ids, _share)
    return tuple(
        Hospital(
            h,
            row["name"],
            row["level"],
            None,
            scores.get(h) or Fraction(0),
            row.get("community_id", ""),
            row.get("kind", ""),
            STANDINGS.get(row.get("standing", ""), NORMAL),
        )
        for h, row in sorted(seen.items())
    )


def _group_means(r: TableReader) -> dict[str, tuple[int, bool]] | None:
    if not r.path("base_points.csv").exists():
        return None
    means: dict[str, tuple[int, bool]] = {}
    for line, row in r.table("base_points.csv", ("drg", "group_mean_yuan"), ("stable", "name")):
        where = r.at("base_points.csv", line)
        if row["drg"] in means:
            r.add(where, f"{shown('drg')}“{row['drg']}”重复", f"drg {row['drg']!r} stands twice")
        mean = r.value(where, "group_mean_yuan", row["group_mean_yuan"], _amount)
        if mean == 0:
            r.add(
                where,
                f"{shown('group_mean_yuan')}为0，请删去此行",
                "group_mean_yuan is 0; leave the row out",
            )
        stable = r.value(where, "stable", row.get("stable", ""), _yes_no)
        means[row["drg"]] = (mean or 0, bool(stable))
    return means


def _date(text: str) -> dt.date:
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise ValueError(
            both(f"“{text}”不是日期，如 2025-01-01", f"{text!r} is not a date like 2025-01-01")
        ) from None


def _primary_groups(r: TableReader) -> tuple[Primary, ...]:
    """Return the region's list of primary groups (基层病组), by scheme and period."""
    found: list[Primary] = []
    columns = ("scheme", "from_date", "to_date", "name")
    for line, row in r.table("primary_groups.csv", ("drg",), columns):
        where = r.at("primary_groups.csv", line)
        scheme, drg = row.get("scheme", ""), row["drg"]
        period = _period(r, where, row)
        if period is None:
            continue
        first, last = period
        overlap = [
            p
            for p in found
            if (p.scheme, p.drg) == (scheme, drg) and p.first <= last and first <= p.last
        ]
        if not drg or overlap:
            r.add(
                where,
                f"{shown('drg')}“{drg}”为空，或同一方案、同一期间重复",
                f"drg {drg!r} is empty, or stands twice for a scheme and period",
            )
        found.append(Primary(where, scheme, drg, first, last))
    return tuple(found)


def _period(r: TableReader, where: str, row: Mapping[str, str]) -> tuple[dt.date, dt.date] | None:
    """Return the days of a row of a dated list; None, with its faults noted, when they are none."""
    first = r.value(where, "from_date", row.get("from_date") or "0001-01-01", _date)
    last = r.value(where, "to_date", row.get("to_date") or "9999-12-31", _date)
    if first is None or last is None:
        return None
    if first > last:
        r.add(
            where,
            f"{shown('to_date')}“{last}”早于{shown('from_date')}“{first}”",
            f"to_date {last} is before from_date {first}",
        )
    return first, last


def _new_technology(r: TableReader) -> dict[str, tuple[NewItem, ...]]:
    """Return what items of new technology cost, by case, with the days on which they are listed."""
    listed: dict[str, list[tuple[dt.date, dt.date]]] = {}
    columns = ("name", "from_date", "to_date")
    for line, row in r.table("new_technology_items.csv", ("item",), columns):
        where = r.at("new_technology_items.csv", line)
        period, item = _period(r, where, row), row["item"]
        own = listed.setdefault(item, [])
        if period is None:
            continue
        if not item or any(a <= period[1] and period[0] <= b for a, b in own):
            r.add(
                where,
                f"{shown('item')}“{item}”为空，或同一期间重复",
                f"item {item!r} is empty, or stands twice in a period",
            )
        own.append(period)
    found: dict[str, dict[str, NewItem]] = {}
    for line, row in r.table("new_technology.csv", ("case_id", "item", "amount_yuan")):
        where = r.at("new_technology.csv", line)
        case, item = row["case_id"], row["item"]
        fen = r.value(where, "amount_yuan", row["amount_yuan"], _amount)
        if item not in listed and r.sound("new_technology_items.csv"):
            table = r.path("new_technology_items.csv").name
            r.add(
                where,
                f"{shown('item')}“{item}”不在 {table} 中",
                f"item {item!r} is not in {table}",
            )
        own_items = found.setdefault(case, {})
        if not case or item in own_items:
            r.add(
                where,
                f"{shown('case_id')}“{case}”为空，或同一病例同一{shown('item')}重复",
                f"case_id {case!r} is empty, or its item {item!r} stands twice",
            )
        own_items[item] = NewItem(where, item, fen or 0, tuple(listed.get(item, ())))
    return {case: tuple(items.values()) for case, items in found.items()}


def _weight(text: str) -> Fraction:
    weight = decimal_fraction(text)
    if (weight * COEF_ONE).denominator != 1:
        raise ValueError(both(f"“{text}”超过六位小数", f"{text!r} has more than six decimals"))
    if weight <= 0:
        raise ValueError(
            both(f"“{text}”须大于0，没有权重的病组请删去此行", f"{text!r} is not above 0")
        )
    return weight


def _weights(r: TableReader) -> dict[str, tuple[Fraction, bool]] | None:
    """Return the published weights (权重) of DRGs, and whether they are stable groups."""
    if not r.path("weights.csv").exists():
        return None
    weights: dict[str, tuple[Fraction, bool]] = {}
    for line, row in r.table("weights.csv", ("drg", "weight"), ("stable", "name")):
        where = r.at("weights.csv", line)
        drg = row["drg"]
        if not drg or drg in weights:
            r.add(
                where, f"{shown('drg')}“{drg}”为空或重复", f"drg {drg!r} is empty or stands twice"
            )
        weight = r.value(where, "weight", row["weight"], _weight)
        stable = r.value(where, "stable", row.get("stable", ""), _yes_no)
        weights[drg] = (weight or Fraction(1), bool(stable))
    return weights


def _all_mean(
    r: TableReader, head: Mapping[str, Any], means: bool, weights: bool, past: bool
) -> int | None:
    """Return the mean of all cases, or the rate of a weight; base points stand on one source."""
    found = [
        name
        for name, there in (
            ("base_points.csv", means),
            ("weights.csv", weights),
            ("history/", past),
        )
        if there
    ]
    if len(found) > 1:
        r.faults.append(
            both(
                f"{' 与 '.join(found)} 同时存在，只留其一",
                f"{' and '.join(found)} are {'both' if len(found) == 2 else 'all'} there: keep one "
                "of them",
            )
        )
    if not found:
        r.faults.append(
            both(
                "base_points.csv、weights.csv 与 history/ 都没有，无从得出基准点数，须有其一",
                "neither base_points.csv, weights.csv nor history/ is there: base points need one",
            )
        )
    values = {}
    for word in ("all_drg_mean_yuan", "weight_rate_yuan"):
        if word in head:
            values[word] = r.value(TOML, word, str(head[word]), _amount)
            if values[word] == 0:
                r.add(TOML, f"{shown(word)}为0", f"{word} is 0")
    words = "或".join(map(shown, ("all_drg_mean_yuan", "weight_rate_yuan")))
    if means and "all_drg_mean_yuan" not in head:
        r.add(
            TOML,
            f"有 base_points.csv 时，[region] 须写{shown('all_drg_mean_yuan')}",
            "[region] needs all_drg_mean_yuan with base_points.csv",
        )
    if weights and len(values) != 1:
        r.add(
            TOML,
            f"有 weights.csv 时，[region] 须写{words}，且只写其一",
            "[region] needs all_drg_mean_yuan or weight_rate_yuan, one of them, with weights.csv",
        )
    if not weights and "weight_rate_yuan" in head:
        r.add(
            TOML,
            f"没有 weights.csv，{shown('weight_rate_yuan')}没有用处，请删去此项",
            "weight_rate_yuan goes with weights.csv, which is not there",
        )
    if past and "all_drg_mean_yuan" in head:
        r.add(
            TOML,
            f"已有 history/，{shown('all_drg_mean_yuan')}由其算出，请删去此项",
            "all_drg_mean_yuan stands beside history/, which gives it",
        )
    return next((fen for fen in values.values() if fen is not None), None)


def _day(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 36_500:
        raise ValueError(
            both(f"“{text}”不是1以上的天数", f"{text!r} is not a number of days from 1")
        )
    return int(text)


def _rates(r: TableReader) -> tuple[Rate, ...]:
    rates: dict[tuple[str, str, int], Rate] = {}
    for line, row in r.table(
        "bed_day_rates.csv", ("bed_day_class", "rate_yuan"), ("name", "level", "from_day")
    ):
        where = r.at("bed_day_rates.csv", line)
        day = r.value(where, "from_day", row.get("from_day", "") or "1", _day) or 1
        name, level = row["bed_day_class"], row.get("level", "")
        if not name or (name, level, day) in rates:
            r.add(
                where,
                f"{shown('bed_day_class')}“{name}”为空或重复",
                f"class {name!r} is empty or stands twice",
            )
        fen = r.value(where, "rate_yuan", row["rate_yuan"], _amount) or 0
        rates[name, level, day] = Rate(name, level, day, fen, row.get("name", ""))
    for name, level in sorted({key[:2] for key in rates}):
        if (name, level, 1) not in rates:
            r.add(
                r.path("bed_day_rates.csv").name,
                f"床日类别“{name}”{f'（等级{level}）' if level else ''}没有从第1天起的标准",
                f"class {name!r} {level!r} has no rate from day 1",
            )
    return tuple(rate for _, rate in sorted(rates.items()))


def _points(text: str) -> int:
    scaled = decimal_fraction(text) * POINT
    if scaled.denominator != 1 or not 0 <= scaled <= 10**12:
        raise ValueError(
            both(f"“{text}”不是四位小数以内的非负点数", f"{text!r} is not points of four decimals")
        )
    return int(scaled)


def _reviews(r: TableReader) -> dict[str, Review]:
    reviews: dict[str, Review] = {}
    decisions = {"granted": GRANTED, "refused": REFUSED, "准予": GRANTED, "不予": REFUSED}
    for line, row in r.table(
        "reviews.csv", ("case_id", "decision", "unreasonable_yuan"), ("points", "note")
    ):
        where = r.at("reviews.csv", line)
        if row["decision"] not in decisions:
            r.add(
                where,
                f"{shown('decision')}“{row['decision']}”不是准予（granted）或不予（refused）",
                f"decision {row['decision']!r} is not granted or refused",
            )
        if not row["case_id"] or row["case_id"] in reviews:
            case = row["case_id"]
            r.add(
                where,
                f"{shown('case_id')}“{case}”为空或重复",
                f"case_id {case!r} is empty or stands twice",
            )
        fen = r.value(where, "unreasonable_yuan", row["unreasonable_yuan"] or "0", _amount)
        points = -1
        if row.get("points"):
            points = r.value(where, "points", row["points"], _points)
        reviews[row["case_id"]] = Review(
            line, decisions.get(row["decision"], 0), fen or 0, -1 if points is None else points
        )
    return reviews


def _violations(r: TableReader, hospitals: set[str], pools: set[str]) -> tuple[Violation, ...]:
    found: list[Violation] = []
    for line, row in r.table(
        "violations.csv", ("hospital_id", "pool", "amount_yuan"), ("points", "reason")
    ):
        where = r.at("violations.csv", line)
        if r.known(
            where, "hospital_id", row["hospital_id"], hospitals, "hospitals.csv"
        ) and r.known(where, "pool", row["pool"], pools, "region.toml"):
            fen = r.value(where, "amount_yuan", row["amount_yuan"], _amount)
            points = r.value(where, "points", row.get("points", "") or "0", _points)
            found.append(
                Violation(
                    row["hospital_id"], row["pool"], fen or 0, points or 0, row.get("reason", "")
                )
            )
    return tuple(found)


def _prepaid(
    r: TableReader, hospitals: set[str], pools: set[str], head: Mapping[str, Any]
) -> tuple[dict[tuple[str, str], tuple[int, int | None]], str]:
    """Return what was prepaid and kept as deposit, and the digest of the months that wrote it."""
    paid: dict[tuple[str, str], tuple[int, int | None]] = {}
    rows = r.table(
        "prepaid.csv",
        ("hospital_id", "pool", "prepaid_yuan"),
        ("deposit_yuan", *PREPAID_ORIGIN, SIMULATED),
    )
    if any(row.get(SIMULATED) for _, row in rows):
        r.add(
            r.path("prepaid.csv").name,
            "是 --all 一次模拟的十二个月，不是各月实付：放入逐月办理（--earlier）到十二月写出的 prepaid.csv；"
            "没有逐月办理的，按实际付款手工制表",
            "is a simulation of twelve months at once (--all), not what the months paid: take the one "
            "that December's run with --earlier wrote, or make the table by hand from what was paid",
        )
        return {}, ""
    for line, row in rows:
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
    return paid, _months_of(r, rows, head)


def _months_of(
    r: TableReader, rows: Sequence[tuple[int, dict[str, str]]], head: Mapping[str, Any]
) -> str:
    """Return the digest of the months that prepaid.csv names, empty for a table made by hand.

    Fails if the table is of another region or year, or not what the months wrote.
    """
    origins = {tuple(row.get(name, "") for name in PREPAID_ORIGIN) for _, row in rows}
    if not any(any(origin) for origin in origins):
        return ""
    name = r.path("prepaid.csv").name
    if len(origins) > 1:
        r.add(
            name,
            "各行的来历（统筹区、年度、摘要码）不一致：只放一次月度结算写出的 prepaid.csv",
            "rows name different regions, years or months: take the prepaid.csv of one run of months",
        )
        return ""
    ((region, year, months, told),) = origins
    if (region, year) != (str(head.get("id", "")), str(head.get("year", ""))):
        r.add(
            name,
            f"属于 {region} {year} 年，本文件夹是 {head.get('id', '')} {head.get('year', '')} 年",
            f"is of {region} {year}, the folder of {head.get('id', '')} {head.get('year', '')}",
        )
        return months
    try:
        amounts = [
            (
                row["hospital_id"],
                row["pool"],
                fen_of_yuan(row["prepaid_yuan"]),
                fen_of_yuan(row.get("deposit_yuan", "")),
            )
            for _, row in rows
        ]
    except ValueError:
        amounts = []
    if rows_digest((region, year, months), amounts) != told:
        prepaid = yuan_text(sum(paid for _, _, paid, _ in amounts))
        deposit = yuan_text(sum(kept for _, _, _, kept in amounts))
        r.add(
            name,
            f"与月度结算（{months[:12]}）写出的不符：现合计预付 {prepaid} 元、保证金 {deposit} 元；"
            "请放回十二月份结果文件夹中的 prepaid.csv；手工编制的，删去"
            f"{'、'.join(map(shown, PREPAID_ORIGIN))}各列",
            f"is not what the months ({months[:12]}) wrote: it now prepays {prepaid} yuan and keeps "
            f"{deposit}; put back prepaid.csv of December's folder; in a table made by hand leave "
            f"out the columns {', '.join(PREPAID_ORIGIN)}",
        )
    return months
