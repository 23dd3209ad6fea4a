"""The plain form of a scheme: CSV tables that a region can make without knowing our formats.

Each table has a Chinese and an English name and headers. `write_plain` writes those of a scheme,
`write_template` some invented rows to begin with; drgpay.schemes.importer reads them.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from drgpay.ground.languages import choose, choosing
from drgpay.ground.outputs import whole_folder
from drgpay.schemes.rules import parse_rule
from drgpay.schemes.tables import Ids, Scheme
from drgpay.schemes.words import rule_in_words


@dataclass(frozen=True, slots=True)
class PlainTable:
    """A table of the plain form: its names, and its columns (Chinese, English, required)."""

    key: str
    names: tuple[str, str]
    columns: tuple[tuple[str, str, bool], ...]
    required: bool = True


def _table(key: str, names: str, columns: str, required: bool = True) -> PlainTable:
    """Return a table; its names and columns in Chinese and English, `!` behind what is required."""
    chinese, english = names.split()
    pairs = (column.split() for column in columns.split(","))
    return PlainTable(
        key,
        (chinese, english),
        tuple((zh, en.removesuffix("!"), en.endswith("!")) for zh, en in pairs),
        required,
    )


TABLES: Mapping[str, PlainTable] = {
    table.key: table
    for table in (
        _table("scheme", "方案.csv scheme.csv", "项目 item!, 值 value"),
        _table(
            "mdc",
            "MDC.csv mdc.csv",
            "MDC代码 mdc!, 名称 name!, 条件 condition, 歧义组 ambiguous",
        ),
        _table(
            "adrg",
            "ADRG.csv adrg.csv",
            "MDC代码 mdc!, ADRG代码 adrg!, 类型 kind!, 名称 name!, 条件 condition",
        ),
        _table(
            "drg",
            "DRG.csv drg.csv",
            "DRG代码 drg!, ADRG代码 adrg, 名称 name!, 细分条件 condition",
        ),
        _table("dx", "组诊断.csv group_diagnoses.csv", "组 group!, 诊断编码 code!, 列表 list"),
        _table("px", "组手术.csv group_procedures.csv", "组 group!, 手术编码 code!, 列表 list"),
        _table(
            "sites",
            "创伤部位.csv trauma_sites.csv",
            "MDC代码 mdc!, 部位 site!, 诊断编码 code!",
            False,
        ),
        _table("cc", "并发症.csv cc.csv", "编码 code!, 等级 level!, 排除表 exclusion_list!"),
        _table(
            "exclusions",
            "排除表.csv exclusions.csv",
            "排除表 exclusion_list!, 主要诊断编码 principal!",
        ),
        _table("valid", "有效手术.csv valid_procedures.csv", "手术编码 code!"),
        _table("diagnoses", "诊断编码.csv diagnoses.csv", "编码 code!, 名称 name!", False),
        _table("procedures", "手术编码.csv procedures.csv", "编码 code!, 名称 name!", False),
    )
}
ITEMS = {
    "名称": "title",
    "英文名称": "title_en",
    "发布机构": "publisher",
    "族": "family",
    "草案": "draft",
    "施行日期": "from",
    "截止日期": "to",
    "日期已核实": "verified",
    "编码版本": "code_system",
    "手术匹配": "surgical_match",
    "其他手术再试": "retry",
}


def write_plain(scheme: Scheme, folder: Path, lang: str = "zh") -> list[Path]:
    """Write the plain tables of a scheme into a new or empty folder; return the paths.

    Read back with `import_scheme` they give a scheme that groups every case alike.
    """
    return _write(folder, _plain_rows(scheme, lang), choose(lang, 0, 1))


def _write(
    folder: Path, tables: Iterable[tuple[str, Iterable[Iterable[str]]]], i: int
) -> list[Path]:
    """Write plain tables, their names and headers in the language `i`."""
    written = []
    folder.parent.mkdir(parents=True, exist_ok=True)
    with whole_folder(folder, empty=True) as grown:
        for key, rows in tables:
            table = TABLES[key]
            with (grown / table.names[i]).open("w", encoding="utf-8-sig", newline="") as stream:
                writer = csv.writer(stream)
                writer.writerow([column[i] for column in table.columns])
                writer.writerows(rows)
            written.append(folder / table.names[i])
    return written


def _plain_rows(scheme: Scheme, lang: str) -> Iterator[tuple[str, list[list[str]]]]:
    t = choosing(lang)

    def words(rule: str) -> str:
        return rule_in_words(parse_rule(rule))

    yes, no = choose(lang, ("是", "否"), ("yes", "no"))
    manifest = scheme.manifest
    effective = manifest.get("effective", {})
    system = manifest.get("code_system", {}).get("name")
    vocabularies = (scheme.diagnoses, scheme.procedures)
    own_codes = (
        system is None
        or "codes_extra.csv" in scheme.folder.small
        or any(len(words) > words.named for words in vocabularies)
    )
    match = manifest.get("options", {}).get("surgical_match", "main")
    retry = bool(manifest.get("options", {}).get("retry_further_procedures", False))
    values = {
        "title": scheme.title,
        "title_en": str(manifest.get("title_en", "")),
        "publisher": str(manifest.get("publisher", "")),
        "family": str(manifest.get("family", "")),
        "draft": yes if scheme.draft else no,
        "from": str(effective.get("from", "")),
        "to": str(effective.get("to", "")),
        "verified": yes if effective.get("verified", True) else no,
        "code_system": "" if own_codes else str(system),
        "surgical_match": t({"main": "主要手术", "any": "任一手术"}[match], match),
        "retry": yes if retry else no,
    }
    yield (
        "scheme",
        [[t(word, key), values[key]] for word, key in ITEMS.items() if values[key]],
    )
    ambiguous = {"no": "无", "yes": "任一手术", "main": "主要手术"}
    kinds = {"surgical": "外科", "medical": "内科"}
    yield (
        "mdc",
        [
            [m.mdc, m.name, words(m.rule), t(ambiguous[m.ambiguous], m.ambiguous)]
            for m in scheme.mdcs
        ],
    )
    mdc_place = {m.mdc: i for i, m in enumerate(scheme.mdcs)}
    adrgs = sorted(scheme.adrgs, key=lambda a: (mdc_place.get(a.mdc, 0), a.order))
    yield (
        "adrg",
        [[a.mdc, a.key, t(kinds[a.kind], a.kind), a.name, words(a.rule)] for a in adrgs],
    )
    adrg_place = {a.key: i for i, a in enumerate(adrgs)}
    drgs = sorted(scheme.drgs, key=lambda d: (adrg_place.get(d.adrg_key, 0), d.order))
    yield "drg", [[d.key, d.adrg_key, d.name, words(d.rule)] for d in drgs]
    codes = {
        "dx": scheme.diagnoses.codes.to_pylist(),
        "px": scheme.procedures.codes.to_pylist(),
    }
    for key in ("dx", "px"):
        yield (
            key,
            [
                [owner, codes[key][number - 1], name]
                for (owner, name), ids in sorted(scheme.lists.items())
                if name.startswith("proc") == (key == "px") and not name.startswith("site_")
                for number in _each(ids)
            ],
        )
    sites = [
        [m.mdc, site, codes["dx"][number - 1]]
        for m in scheme.mdcs
        for site, ids in zip(m.sites, scheme.site_ids(m), strict=True)
        for number in _each(ids)
    ]
    if sites:
        yield "sites", sites
    for key, table in (("cc", scheme.severity), ("exclusions", scheme.exclusions)):
        columns = (column.to_pylist() for column in table.columns)
        yield key, [list(row) for row in zip(*columns, strict=True)]
    yield "valid", [[codes["px"][number - 1]] for number in _each(scheme.valid_procedures)]
    if own_codes:
        for kind, vocabulary in (
            ("diagnoses", scheme.diagnoses),
            ("procedures", scheme.procedures),
        ):
            names = [str(name or "") for name in vocabulary.names.to_pylist()]
            listed = vocabulary.codes.to_pylist()
            yield kind, [[c, n or c] for c, n in zip(listed, names, strict=True)]


def _each(ids: Ids) -> list[int]:
    """Return code numbers, each once: published lists name some twice."""
    return list(dict.fromkeys(ids.tolist()))


def write_template(folder: Path) -> list[Path]:
    """Write the plain tables with some invented rows to be replaced; return the paths.

    They import as they are.
    """
    return _write(folder, _example_rows(), 0)


def _example_rows() -> Iterator[tuple[str, list[list[str]]]]:
    """Yield the tables of the invented example, which lies beside this file."""
    for key in TABLES:
        path = Path(__file__).with_name("example") / f"{key}.csv"
        if path.exists():
            with path.open(encoding="utf-8", newline="") as stream:
                yield key, list(csv.reader(stream))[1:]
