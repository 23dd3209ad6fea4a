"""`drgpay scheme list`, `check` and `show`: what schemes hold, and whether they are sound."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import click

from drgpay.cli.lang import LANG, t
from drgpay.cli.options import command, flag
from drgpay.cli.told import say
from drgpay.ground.errors import InputError, SchemeError, both, in_language
from drgpay.ground.reference import bundled
from drgpay.names.codes import UNVERIFIED
from drgpay.names.readings import OPEN_READINGS
from drgpay.schemes.checks import CHECKS, Finding, counts
from drgpay.schemes.load import Checked, check_scheme, describe, is_sealed, load_scheme, seal
from drgpay.schemes.remarks import remark
from drgpay.schemes.rules import RuleSyntaxError, members, parse_rule
from drgpay.schemes.tables import Scheme
from drgpay.schemes.versions import bundled_families
from drgpay.schemes.words import ADRG_KINDS, rule_in_words

FIRST_CODES = 5
CHINESE = {
    "tables_changed_since_seal": "表与封存时不同",
    "count_differs_from_manifest": "数目与清单不符",
    "manifest_value_unusable": "清单中的值不可用",
    "order_twice": "顺序重复",
    "group_twice": "组重复",
    "group_code_impossible": "组代码格式不对",
    "name_missing": "缺名称",
    "parent_unknown": "上级组不存在",
    "group_without_members": "组下无组",
    "ambiguous_not_a_choice": "歧义组选项不对",
    "kind_not_a_choice": "ADRG类别不对",
    "medical_before_surgical": "内科ADRG排在外科之前",
    "site_without_list": "创伤部位无列表",
    "rule_unreadable": "规则读不懂",
    "list_unknown": "规则引用的列表不存在",
    "list_of_other_kind": "诊断与手术列表混用",
    "rule_too_wide": "规则分支过多",
    "code_in_rule_unknown": "规则中的编码不存在",
    "code_impossible": "编码格式不对",
    "row_twice": "行重复",
    "extra_kind_not_a_choice": "增列编码类别不对",
    "named_condition_of_no_group": "名称所述条件无所属组",
    "code_without_name": "编码无名称",
    "map_to_unknown_code": "映射到不存在的编码",
    "list_unused": "列表未被引用",
    "principal_outside_mdc": "主要诊断不在其MDC内",
    "level_not_a_choice": "严重程度不对",
    "exclusion_list_unused": "排除表未被引用",
    "exclusion_list_without_principal": "排除表无主要诊断",
    "weight_unusable": "权重不可用",
    "adrg_unreachable": "ADRG永远无法入组",
    "drg_unreachable": "DRG永远无法入组",
    "ambiguous_unreachable": "歧义组永远无法入组",
    "adrg_takes_everything": "ADRG收下全部病例",
    "known_finding_gone": "已知问题不再出现",
}
COUNTS = {
    "mdc": ("MDC", "MDC"),
    "adrg": ("ADRG", "ADRG"),
    "drg": ("DRG", "DRG"),
    "rules": ("规则", "rules"),
    "list_rows": ("列表行", "list rows"),
    "severity": ("并发症或合并症", "severity codes"),
    "exclusions": ("排除", "exclusions"),
    "valid_procedures": ("有效手术操作", "valid procedures"),
    "ambiguous_groups": ("歧义组", "ambiguous groups"),
}


@command("列出内置的分组方案", "List the bundled schemes", name="list")
def list_schemes() -> None:
    """Print id, title, effective period, counts and digest of each bundled scheme."""
    for name in bundled("schemes"):
        manifest = describe(name)
        draft = t("  [征求意见稿]", "  [draft]") if manifest.get("draft") else ""
        click.echo(f"{name}{draft}")
        click.echo(f"    {_title(manifest)}")
        if manifest.get("base"):
            click.echo(f"    {t('基础方案', 'on')} {manifest['base']}")
        click.echo(f"    {_effective(manifest)}")
        stated: Any = manifest.get("counts") or {}
        click.echo("    " + _counts(stated))
        digest = str(manifest.get("digest") or t("未封存", "not sealed"))
        click.echo(f"    {t('摘要', 'digest')} {digest[:12]}")
    say("按出院日期选用版本的族：", "families, version by discharge date:")
    for family in bundled_families().values():
        versions = t("；", "; ").join(
            f"{v.id} {in_language(v.period, LANG)}{'' if v.verified else in_language(UNVERIFIED, LANG)}"
            for v in family.versions
        )
        click.echo(f"    {family.name}{t('：', ': ')}{versions}")


@command("检查一个分组方案的全部表", "Check all tables of a scheme")
@click.argument("name")
@flag("--seal", "sealing", "封存清单", "seal the manifest")
def check(name: str, sealing: bool) -> None:
    """Print each finding, known and new, and the counts; exit code 3 when there are new ones."""
    checked = check_scheme(name)
    if sealing and not checked.faults:
        path = seal(checked)
        checked = check_scheme(name)
        say(f"已封存 {path}", f"sealed {path}")
    _print_findings(t("已知问题", "known findings"), checked.known)
    _print_findings(t("新问题", "new findings"), checked.new)
    _print_summary(checked)
    if checked.new:
        if sealing:
            say("有新问题，未封存", "not sealed: there are new findings")
        sys.exit(SchemeError.exit_code)


def _print_findings(title: str, findings: tuple[Finding, ...]) -> None:
    if not findings:
        return
    click.echo(f"{title} ({len(findings)})")
    meaning = {check.__name__: (check.__doc__ or "").split("\n")[0] for check in CHECKS}
    for name, number in Counter(finding.check for finding in findings).items():
        heading = t(CHINESE.get(name, name), meaning.get(name, name))
        click.echo(f"  {name}  {heading}  {number}")
        for finding in findings:
            if finding.check == name:
                click.echo(f"    {in_language(finding.placed, LANG)}")


def _print_summary(checked: Checked) -> None:
    loaded = checked.scheme
    click.echo(f"{loaded.id}: {_counts(counts(loaded))}")
    if loaded.base:
        click.echo(t(f"基础方案 {loaded.base}：", f"on {loaded.base}: ") + _origins(loaded))
    new, known = len(checked.new), len(checked.known)
    say(f"新问题 {new}，已知问题 {known}", f"{new} new, {known} known")


@command("查看方案或其中一组", "Show a scheme or one of its groups")
@click.argument("name")
@click.argument("group", required=False)
def show(name: str, group: str | None) -> None:
    """Print a scheme's summary, or an MDC, ADRG or DRG with rules, lists and order."""
    loaded = load_scheme(name, check=False)
    code = (group or "").strip().upper()
    asked = next(
        (
            rows
            for rows in (
                [mdc for mdc in loaded.mdcs if mdc.mdc == code],
                [adrg for adrg in loaded.adrgs if code in (adrg.adrg, adrg.key)],
                [drg for drg in loaded.drgs if drg.drg == code],
            )
            if rows
        ),
        None,
    )
    if group is not None and asked is None:
        raise InputError(
            both(f"没有 {group} 这个组", f"no group {group!r}"),
            where=loaded.id,
            remedy=both(
                "写MDC（如 MDCF）、ADRG（如 FR1）或DRG（如 FR11）的代码；"
                "查诊断和手术编码，请用“docs”生成定义手册后检索",
                "write the code of an MDC (MDCF), an ADRG (FR1) or a DRG (FR11); "
                "the manual of drgpay scheme docs finds codes",
            ),
        )
    from drgpay.report.pages import rendered

    order = [mdc.mdc for mdc in loaded.mdcs]
    text = rendered(
        "scheme.txt.j2",
        LANG,
        scheme=loaded,
        asked=asked,
        said=lambda text: in_language(text, LANG),
        remark=lambda text: in_language(remark(text), LANG),
        title=_title,
        effective=_effective,
        counts=_counts,
        counted=counts(loaded) if asked is None else {},
        sealed=asked is None and is_sealed(loaded),
        origins=_origins,
        origin=lambda file, row: f"  [{loaded.place(file, row)}]" if loaded.base else "",
        readings=OPEN_READINGS,
        rule=_rule,
        kind=lambda adrg: t(*ADRG_KINDS[adrg.kind]) if adrg.kind in ADRG_KINDS else adrg.kind,
        mdcs={mdc.mdc: mdc for mdc in loaded.mdcs},
        order=lambda mdc: order.index(mdc.mdc) + 1,
        keys_of=lambda mdc: [adrg.key for adrg in loaded.adrgs if adrg.mdc == mdc],
        rules_of=lambda drgs: [(loaded.lists_of(drg), drg.rule) for drg in drgs],
        lists_of=lambda rules, sites: _lists(loaded, rules, sites),
    )
    click.echo(text, nl=False)


def _origins(loaded: Scheme) -> str:
    """Return how many rows of each table stand in which scheme's folder."""
    found = []
    rows = {
        "mdc.csv": [mdc.row for mdc in loaded.mdcs],
        "adrg.csv": [adrg.row for adrg in loaded.adrgs],
        "drg.csv": [drg.row for drg in loaded.drgs],
        **{file: range(2, len(table) + 2) for file, table in loaded.folder.large.items()},
    }
    for file, numbers in rows.items():
        own = sum(loaded.folder.comes_from(file, row) == loaded.id for row in numbers)
        if own:
            found.append(t(f"{file} 自有{own}行", f"{own} rows of {file} its own"))
    return t("，", ", ").join(found) or t("全部沿用", "all taken over")


def _rule(rule: str) -> str:
    """Return a rule in words in Chinese, as the tables write it in English."""
    try:
        return t(rule_in_words(parse_rule(rule)), rule)
    except RuleSyntaxError:
        return rule


def _lists(
    loaded: Scheme, rules: Sequence[tuple[str, str]], sites: Sequence[str]
) -> Iterator[dict[str, Any]]:
    """Yield the lists that rules name, each rule with its owner; those of others say whose."""
    asked: dict[tuple[str, str], None] = {}
    for owner, rule in rules:
        try:
            asked |= {(owner, m.list_name): None for m in members(parse_rule(rule)) if m.list_name}
        except RuleSyntaxError as error:
            yield {"rule": rule, "fault": error}
    first = rules[0][0]
    for owner, name in asked:
        own = owner == first or name == "valid_procedures"
        yield _list(loaded, owner, name, "" if own else owner)
    for i, site in enumerate(sites, 1):
        yield _list(loaded, first, f"site_{i}", site)


def _list(loaded: Scheme, owner: str, name: str, title: str) -> dict[str, Any]:
    valid = name == "valid_procedures"
    ids = loaded.valid_procedures if valid else loaded.list_ids(owner, name)
    procedures = valid or name.startswith("proc")
    words = loaded.procedures if procedures else loaded.diagnoses
    return {
        "label": " ".join(part for part in (name, title) if part),
        "count": len(ids),
        "procedures": procedures,
        "first": [
            (words.codes[i - 1].as_py(), words.names[i - 1].as_py())
            for i in ids[:FIRST_CODES].tolist()
        ],
    }


def _title(manifest: dict[str, Any]) -> str:
    title = str(manifest["title"])
    return t(title, str(manifest.get("title_en", title)))


def _effective(manifest: dict[str, Any]) -> str:
    effective = manifest.get("effective", {})
    first, last = effective.get("from", "?"), effective.get("to", "")
    verified = "" if effective.get("verified", True) else in_language(UNVERIFIED, LANG)
    return f"{t('施行', 'effective')} {first} – {last}".rstrip() + verified


def _counts(values: dict[str, Any]) -> str:
    parts = [f"{t(*COUNTS[name])} {number}" for name, number in values.items() if name in COUNTS]
    return t("，", ", ").join(parts) or t("数目未写", "counts not stated")
