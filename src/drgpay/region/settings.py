"""Reads region.toml, and finds the files of cases and history that lie in the folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from drgpay.cases.editions import CLINICAL, INSURANCE, edition_named
from drgpay.cases.files import not_passed_over, of_folder
from drgpay.cases.mapping import mapping_path
from drgpay.cases.options import ReadOptions
from drgpay.ground.errors import Bilingual, InputError, SchemeError, both, located, quoted
from drgpay.ground.inputs import read_toml
from drgpay.ground.money import yuan_text
from drgpay.ground.reference import DEFAULT_SCHEME
from drgpay.names.readings import READINGS, Readings, asked_readings
from drgpay.names.table_headers import shown
from drgpay.region.records import Ceiling, Named, Pool, Settings
from drgpay.region.tables import BASE_POINTS, WEIGHTS
from drgpay.tables import kinds
from drgpay.tables.declared import Column, Table, optional
from drgpay.tables.reader import Reader

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
CASES = "cases"
BESIDE = (".quarantine.csv", ".changes.csv", ".findings.csv")  # what other commands leave
LIST_SUFFIXES = (".jsonl", ".json", ".zip")
CASE_SUFFIXES = (".parquet", ".csv", ".xlsx", ".xls", *LIST_SUFFIXES)


def _readings(r: Reader, head: Mapping[str, Any]) -> Readings:
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


def _reading(r: Reader, head: Mapping[str, Any]) -> ReadOptions:
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


def _codes(r: Reader, head: Mapping[str, Any], key: str) -> str | None:
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


def _files(r: Reader, folder: Path) -> tuple[Path, ...]:
    if not folder.is_dir():
        return ()
    read, others = of_folder(folder, CASE_SUFFIXES)
    if others:
        r.faults.append(located(f"{folder.name}/", not_passed_over(others)))
    return tuple(read)


def _case_files(r: Reader, folder: Path, named: Any) -> tuple[Path, ...]:
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


def _year(r: Reader, head: Mapping[str, Any]) -> int:
    year = head.get("year", 0)
    if isinstance(year, str) and year.strip().isdecimal():
        r.add(
            TOML,
            f"{shown('year')}的值“{year}”是文字，去掉引号：year = {year.strip()}",
            f"year {year!r} is a text: leave out the quotation marks, year = {year.strip()}",
        )
    elif "year" in head and not (isinstance(year, int) and 1990 <= year <= 2199):
        r.add(TOML, f"{shown('year')}的值{quoted(year)}不是年份", f"year {year!r} is not a year")
    return year if isinstance(year, int) else 0


POOLS = Table(
    "pools",
    (
        Column("pool", kinds.code),
        optional("name"),
        Column("budget_yuan", kinds.amount),
        optional("out_of_area_fund_yuan", kinds.amount, 0),
        optional("last_year_fund_yuan", kinds.amount, None),
        optional("growth_approval"),
        optional("control_target_yuan", kinds.amount, None),
    ),
    unique=("pool",),
    linked="pool",
)
PAYMENTS = Table(
    "payments",
    (
        Column("name"),
        Column("amount_yuan", kinds.amount),
        optional("pool", link="pools"),
    ),
)
INSIDE = kinds.choice({"true": (True,), "false": (False,)})
RESERVES = Table("reserves", (*PAYMENTS.columns, optional("inside_target", INSIDE, True)))


def _pools(r: Reader, entries: Any) -> tuple[Pool, ...]:
    if not (entries and isinstance(entries, list) and all(isinstance(e, dict) for e in entries)):
        r.add(
            TOML,
            "没有险种；每个险种写在一行 [[pools]] 之下",
            "no pool; each stands under a line [[pools]]",
        )
        r.unsound.add("pools")
        entries = []
    where = [
        both(f"{TOML}：第{number}个险种", f"{TOML}: pool {number}")
        for number in range(1, len(entries) + 1)
    ]
    return tuple(
        row.record(
            Pool,
            id=row["pool"] or "",
            name=row["name"] or row["pool"] or "",
            budget_fen=row["budget_yuan"] or 0,
            out_of_area_fund_fen=row["out_of_area_fund_yuan"] or 0,
        )
        for row in r.entries(POOLS, entries, where, TOML)
    )


def _ceiling(r: Reader, entry: Any, pools: Sequence[Pool]) -> Ceiling | None:
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
        given = entry.get("control_target_yuan")
        column = Column("control_target_yuan", kinds.amount)
        target = r.cell(column, where, None if given is None else str(given).strip())
    lists: list[tuple[Named, ...]] = []
    for table in (RESERVES, PAYMENTS):
        rows = entry.get(table.name, [])
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            part = table.name
            r.add(where, f"{shown(part)}须写作 [[ceiling.{part}]]", f"write [[ceiling.{part}]]")
            rows = []
        lists.append(
            tuple(
                Named(
                    name=row["name"] or "",
                    amount_fen=row["amount_yuan"] or 0,
                    inside_target=row.cells.get("inside_target") is not False,
                    pool=row["pool"] or "",
                )
                for row in r.entries(table, rows, [where] * len(rows), TOML)
            )
        )
    made = Ceiling(target or 0, lists[0], lists[1])
    if target is not None:
        _check_targets(r, where, made, pools)
    return made


def _check_targets(r: Reader, where: Bilingual, given: Ceiling, pools: Sequence[Pool]) -> None:
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


MEANS = (
    Column("all_drg_mean_yuan", kinds.amount_above_zero),
    Column("weight_rate_yuan", kinds.amount_above_zero),
)


def _all_mean(r: Reader, head: Mapping[str, Any], past: bool) -> int | None:
    """Return the mean of all cases, or the rate of a weight; base points stand on one source."""
    means, weights = r.there(BASE_POINTS), r.there(WEIGHTS)
    sources = {"base_points.csv": means, "weights.csv": weights, "history/": past}
    found = [name for name, there in sources.items() if there]
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
    values = [
        r.cell(column, TOML, str(head[column.name]).strip())
        for column in MEANS
        if column.name in head
    ]
    mean, rate = (column.shown for column in MEANS)
    if means and "all_drg_mean_yuan" not in head:
        r.add(
            TOML,
            f"有 base_points.csv 时，[region] 须写{mean}",
            "[region] needs all_drg_mean_yuan with base_points.csv",
        )
    if weights and len(values) != 1:
        r.add(
            TOML,
            f"有 weights.csv 时，[region] 须写{mean}或{rate}，且只写其一",
            "[region] needs all_drg_mean_yuan or weight_rate_yuan, one of them, with weights.csv",
        )
    if not weights and "weight_rate_yuan" in head:
        r.add(
            TOML,
            f"没有 weights.csv，{rate}没有用处，请删去此项",
            "weight_rate_yuan goes with weights.csv, which is not there",
        )
    if past and "all_drg_mean_yuan" in head:
        r.add(
            TOML,
            f"已有 history/，{mean}由其算出，请删去此项",
            "all_drg_mean_yuan stands beside history/, which gives it",
        )
    return next((fen for fen in values if fen is not None), None)


def read_settings(r: Reader, elsewhere: Sequence[str]) -> Settings:
    """Return what region.toml of a reader's folder says, and where the cases lie.

    `elsewhere` names what does not lie in the folder, and is not looked for: cases, history.
    """
    data = read_toml(r.folder / TOML)
    head = data.get("region", {})
    if not isinstance(head, dict):
        r.add(TOML, "region 须是表：[region]", "region must be a table: [region]")
        head = {}
    for word in sorted(set(head) - set(HEAD)):
        r.add(TOML, f"[region] 没有“{word}”这一项", f"[region] has an unknown entry {word!r}")
    for word in ("id", "name", "year", "policy"):
        if word not in head:
            r.add(TOML, f"[region] 缺少{shown(word)}", f"[region] has no {word}")
    pools = _pools(r, data.get("pools", []))
    history = () if "history" in elsewhere else _files(r, r.folder / "history")
    return Settings(
        path=r.folder,
        id=str(head.get("id", "")),
        name=str(head.get("name", "")),
        year=_year(r, head),
        synthetic=bool(head.get("synthetic", False)),
        policy=str(head.get("policy", "")),
        scheme=str(head.get("scheme", DEFAULT_SCHEME)),
        readings=_readings(r, head),
        codes=_codes(r, head, "codes"),
        history_codes=_codes(r, head, "history_codes"),
        reading=_reading(r, head),
        cases=() if "cases" in elsewhere else _case_files(r, r.folder, head.get("cases")),
        history=history,
        pools=pools,
        ceiling=_ceiling(r, data.get("ceiling"), pools),
        all_drg_mean_fen=_all_mean(r, head, bool(history) or "history" in elsewhere),
        by_rate="weight_rate_yuan" in head,
    )
