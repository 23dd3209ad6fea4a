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


TABLES: Mapping[str, PlainTable] = {
    table.key: table
    for table in (
        PlainTable(
            "scheme", ("方案.csv", "scheme.csv"), (("项目", "item", True), ("值", "value", False))
        ),
        PlainTable(
            "mdc",
            ("MDC.csv", "mdc.csv"),
            (
                ("MDC代码", "mdc", True),
                ("名称", "name", True),
                ("条件", "condition", False),
                ("歧义组", "ambiguous", False),
            ),
        ),
        PlainTable(
            "adrg",
            ("ADRG.csv", "adrg.csv"),
            (
                ("MDC代码", "mdc", True),
                ("ADRG代码", "adrg", True),
                ("类型", "kind", True),
                ("名称", "name", True),
                ("条件", "condition", False),
            ),
        ),
        PlainTable(
            "drg",
            ("DRG.csv", "drg.csv"),
            (
                ("DRG代码", "drg", True),
                ("ADRG代码", "adrg", False),
                ("名称", "name", True),
                ("细分条件", "condition", False),
            ),
        ),
        PlainTable(
            "dx",
            ("组诊断.csv", "group_diagnoses.csv"),
            (("组", "group", True), ("诊断编码", "code", True), ("列表", "list", False)),
        ),
        PlainTable(
            "px",
            ("组手术.csv", "group_procedures.csv"),
            (("组", "group", True), ("手术编码", "code", True), ("列表", "list", False)),
        ),
        PlainTable(
            "sites",
            ("创伤部位.csv", "trauma_sites.csv"),
            (("MDC代码", "mdc", True), ("部位", "site", True), ("诊断编码", "code", True)),
            required=False,
        ),
        PlainTable(
            "cc",
            ("并发症.csv", "cc.csv"),
            (("编码", "code", True), ("等级", "level", True), ("排除表", "exclusion_list", True)),
        ),
        PlainTable(
            "exclusions",
            ("排除表.csv", "exclusions.csv"),
            (("排除表", "exclusion_list", True), ("主要诊断编码", "principal", True)),
        ),
        PlainTable(
            "valid", ("有效手术.csv", "valid_procedures.csv"), (("手术编码", "code", True),)
        ),
        PlainTable(
            "diagnoses",
            ("诊断编码.csv", "diagnoses.csv"),
            (("编码", "code", True), ("名称", "name", True)),
            required=False,
        ),
        PlainTable(
            "procedures",
            ("手术编码.csv", "procedures.csv"),
            (("编码", "code", True), ("名称", "name", True)),
            required=False,
        ),
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
        for place, site in enumerate(m.sites, 1)
        for number in _each(scheme.list_ids(m.mdc, f"site_{place}"))
    ]
    if sites:
        yield "sites", sites
    yield "cc", [list(row) for row in zip(*_columns(scheme, "severity"), strict=True)]
    yield "exclusions", [list(row) for row in zip(*_columns(scheme, "exclusions"), strict=True)]
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


def _columns(scheme: Scheme, name: str) -> list[list[str]]:
    table = scheme.severity if name == "severity" else scheme.exclusions
    return [table[column].to_pylist() for column in table.column_names]


EXAMPLE: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "scheme": (
        ("名称", "某市DRG分组方案（示例）"),
        ("发布机构", "某市医疗保障局"),
        ("族", "示例"),
        ("施行日期", "2025-01-01"),
        ("日期已核实", "否"),
        ("手术匹配", "主要手术"),
        ("其他手术再试", "否"),
    ),
    "mdc": (
        ("MDCE", "呼吸系统疾病及功能障碍", "主要诊断在列表dx中", "无"),
        ("MDCF", "循环系统疾病及功能障碍", "", "任一手术"),
    ),
    "adrg": (
        ("MDCE", "ES1", "内科", "呼吸系统感染", ""),
        ("MDCE", "EX1", "内科", "慢性气道病", ""),
        ("MDCF", "FM1", "外科", "冠状动脉支架置入", "主要手术在列表proc中"),
        ("MDCF", "FR1", "内科", "心力衰竭", "主要诊断在列表dx中，且 主要手术不在有效手术操作中"),
    ),
    "drg": (
        ("ES10", "ES1", "呼吸系统感染，年龄小于17岁", "年龄<17岁"),
        ("ES11", "ES1", "呼吸系统感染，伴严重并发症或合并症", "伴MCC"),
        ("ES13", "ES1", "呼吸系统感染，伴一般并发症或合并症", "伴CC"),
        ("ES15", "ES1", "呼吸系统感染，不伴并发症或合并症", "不伴"),
        ("EX19", "", "慢性气道病", ""),
        ("FM19", "", "冠状动脉支架置入", ""),
        ("FR11", "", "心力衰竭，伴并发症或合并症", "伴MCC或CC"),
        ("FR15", "", "心力衰竭，不伴并发症或合并症", "其余"),
    ),
    "dx": (
        ("MDCE", "J18.900", "dx"),
        ("MDCE", "J44.900", "dx"),
        ("ES1", "J18.900", "dx"),
        ("EX1", "J44.900", "dx"),
        ("MDCF", "I21.900", "dx"),
        ("MDCF", "I50.900", "dx"),
        ("FR1", "I50.900", "dx"),
    ),
    "px": (("FM1", "36.0700", "proc"),),
    "cc": (("J96.000", "MCC", "1"), ("E11.900", "CC", "2")),
    "exclusions": (("1", "J96.000"), ("2", "E11.900")),
    "valid": (("36.0700",),),
    "diagnoses": (
        ("E11.900", "2型糖尿病"),
        ("I21.900", "急性心肌梗死"),
        ("I50.900", "心力衰竭"),
        ("J18.900", "肺炎"),
        ("J44.900", "慢性阻塞性肺病"),
        ("J96.000", "急性呼吸衰竭"),
    ),
    "procedures": (("36.0700", "药物洗脱冠状动脉支架置入"),),
}


def write_template(folder: Path) -> list[Path]:
    """Write the plain tables with some invented rows to be replaced; return the paths.

    They import as they are.
    """
    return _write(folder, EXAMPLE.items(), 0)
