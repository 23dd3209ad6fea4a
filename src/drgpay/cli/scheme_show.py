"""`drgpay scheme list`, `check` and `show`: what schemes hold, and whether they are sound."""

from __future__ import annotations

import sys
from collections import Counter
from typing import Any

import click

from drgpay.cli.lang import LANG, t
from drgpay.cli.options import command, flag
from drgpay.cli.told import say
from drgpay.ground.errors import InputError, SchemeError, both, in_language
from drgpay.ground.reference import bundled
from drgpay.names.readings import OPEN_READINGS
from drgpay.schemes.checks import CHECKS, Finding, counts
from drgpay.schemes.load import Checked, check_scheme, describe, is_sealed, load_scheme, seal
from drgpay.schemes.remarks import remark
from drgpay.schemes.rules import RuleSyntaxError, members, parse_rule
from drgpay.schemes.tables import AdrgRow, DrgRow, MdcRow, Scheme, Vocabulary
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
            f"{v.id} {in_language(v.period, LANG)}{'' if v.verified else t('（未核实）', ' (not verified)')}"
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
    if group is None:
        _show_scheme(loaded)
        return
    code = group.strip().upper()
    mdcs = [mdc for mdc in loaded.mdcs if mdc.mdc == code]
    adrgs = [adrg for adrg in loaded.adrgs if code in (adrg.adrg, adrg.key)]
    drgs = [drg for drg in loaded.drgs if drg.drg == code]
    if mdcs:
        _show_mdc(loaded, mdcs[0])
    elif adrgs:
        for adrg in adrgs:
            _show_adrg(loaded, adrg)
    elif drgs:
        for drg in drgs:
            _show_drg(loaded, drg)
    else:
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


def _show_scheme(loaded: Scheme) -> None:
    manifest = loaded.manifest
    draft = t("  [征求意见稿]", "  [draft]") if loaded.draft else ""
    click.echo(f"{loaded.id}{draft}")
    click.echo(_title(manifest))
    click.echo(f"{t('发布', 'publisher')}: {manifest.get('publisher', '')}")
    click.echo(_effective(manifest))
    if note := manifest.get("effective", {}).get("note"):
        click.echo(f"  {in_language(remark(note), LANG)}")
    click.echo(_counts(counts(loaded)))
    system = manifest.get("code_system", {})
    click.echo(f"{t('编码', 'code system')}: {system.get('name', system.get('path', ''))}")
    if loaded.base:
        click.echo(f"{t('基础方案', 'base')}: {loaded.base}（{_origins(loaded)}）")
    click.echo(f"retry = {str(loaded.retry).lower()}")
    say("方案未定的读法：", "readings that are open:")
    for name, reading in OPEN_READINGS.items():
        chosen = loaded.options[name]
        others = ", ".join(choice for choice in reading.choices if choice != chosen)
        said = in_language(reading.choices[chosen], LANG)
        say(
            f"  {name} = {chosen}（{said}；另有 {others}）",
            f"  {name} = {chosen} ({said}; or {others})",
        )
    for condition in loaded.named_conditions.values():
        click.echo(f"    {condition.group}: {in_language(condition.told(), LANG)}")
    for name, why in manifest.get("readings", {}).items():
        click.echo(f"  - {name}: {in_language(remark(why), LANG)}")
    sealed = t("与封存一致", "as sealed") if is_sealed(loaded) else t("未封存", "not sealed")
    click.echo(f"{t('摘要', 'digest')} {loaded.digest[:12]} ({sealed})")
    if manifest.get("known_differences") or loaded.doubts:
        heads = (
            "与公布文本或来源的差别（-）和存疑（?）",
            "differences to text or source (-), doubts (?)",
        )
        click.echo(f"{t(*heads)}:")
    for notes in manifest.get("known_differences", {}).values():
        for note in notes:
            click.echo(f"  - {in_language(remark(note), LANG)}")
    for doubt in loaded.doubts:
        said = in_language(remark(doubt["remark"]), LANG)
        click.echo(f"  ? {doubt['drg']} {doubt['name']}: {said}")
    for mdc in loaded.mdcs:
        number = sum(adrg.mdc == mdc.mdc for adrg in loaded.adrgs)
        click.echo(f"{mdc.order:>4} {mdc.mdc} {mdc.name}  {number} ADRG")


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


def _origin(loaded: Scheme, file: str, row: int) -> str:
    """Return where a row stands, of a scheme on a base; else nothing."""
    return f"  [{loaded.place(file, row)}]" if loaded.base else ""


def _rule(rule: str) -> str:
    """Return a rule in words in Chinese, as the tables write it in English."""
    try:
        return t(rule_in_words(parse_rule(rule)), rule)
    except RuleSyntaxError:
        return rule


def _show_mdc(loaded: Scheme, mdc: MdcRow) -> None:
    click.echo(f"{mdc.mdc} {mdc.name}{_origin(loaded, 'mdc.csv', mdc.row)}")
    where = [m.mdc for m in loaded.mdcs].index(mdc.mdc) + 1
    say(f"顺序 第{where}个，共{len(loaded.mdcs)}个MDC", f"{where} of {len(loaded.mdcs)} MDCs")
    click.echo(f"{t('规则', 'rule')}: {_rule(mdc.rule)}")
    _show_condition(loaded, mdc.mdc)
    click.echo(f"{t('歧义组', 'ambiguous group')}: {_ambiguous(mdc)}")
    _show_lists(loaded, [(mdc.mdc, mdc.rule)])
    for i, site in enumerate(mdc.sites, 1):
        _show_list(loaded, mdc.mdc, f"site_{i}", site)
    for adrg in loaded.adrgs:
        if adrg.mdc == mdc.mdc:
            click.echo(f"{adrg.order:>4} {adrg.key} {_kind(adrg)} {adrg.name}")


def _show_adrg(loaded: Scheme, adrg: AdrgRow) -> None:
    click.echo(f"{adrg.key} {adrg.name} ({_kind(adrg)}){_origin(loaded, 'adrg.csv', adrg.row)}")
    _show_place(loaded, adrg)
    click.echo(f"{t('规则', 'rule')}: {_rule(adrg.rule)}")
    _show_condition(loaded, adrg.key)
    drgs = [drg for drg in loaded.drgs if drg.adrg_key == adrg.key]
    asked = [(adrg.key, adrg.rule), *((loaded.lists_of(drg), drg.rule) for drg in drgs)]
    _show_lists(loaded, asked)
    for drg in drgs:
        where = _origin(loaded, "drg.csv", drg.row)
        click.echo(f"{drg.order:>4} {drg.key} {drg.name}  ← {_rule(drg.rule)}{where}")


def _show_drg(loaded: Scheme, drg: DrgRow) -> None:
    click.echo(f"{drg.key} {drg.name}{_origin(loaded, 'drg.csv', drg.row)}")
    adrg = next((adrg for adrg in loaded.adrgs if adrg.key == drg.adrg_key), None)
    if adrg is None:
        return
    click.echo(f"ADRG {adrg.key} {adrg.name} ({_kind(adrg)})")
    _show_place(loaded, adrg)
    click.echo(f"{t('ADRG规则', 'ADRG rule')}: {_rule(adrg.rule)}")
    _show_condition(loaded, adrg.key)
    click.echo(f"{t('DRG规则', 'DRG rule')}: {_rule(drg.rule)}")
    _show_lists(loaded, [(adrg.key, adrg.rule), (loaded.lists_of(drg), drg.rule)])
    split = [other for other in loaded.drgs if other.adrg_key == drg.adrg_key]
    say("细分（按判断顺序）:", "split, in order of evaluation:")
    for other in split:
        mark = "→" if other is drg else " "
        click.echo(f"  {mark} {other.order} {other.key} {other.name}  ← {_rule(other.rule)}")
    weight = loaded.weights.get(drg.drg)
    if weight is not None:
        note = t("仅供样例数据，不用于支付", "for sample data, not for payment")
        click.echo(f"{t('权重', 'weight')} {weight} ({note})")


def _show_condition(loaded: Scheme, group: str) -> None:
    """Say that a rule has a condition which the published tables lack."""
    condition = loaded.named_conditions.get(group)
    if condition is not None:
        click.echo(f"  {in_language(condition.told(), LANG)}")
        click.echo(f"  {t('按公布的列表', 'as published')}: {_rule(condition.tabled)}")


def _show_place(loaded: Scheme, adrg: AdrgRow) -> None:
    mdc = next((mdc for mdc in loaded.mdcs if mdc.mdc == adrg.mdc), None)
    if mdc is None:
        return
    click.echo(f"MDC  {mdc.mdc} {mdc.name}  ← {_rule(mdc.rule)}")
    _show_condition(loaded, mdc.mdc)
    mdc_place = [m.mdc for m in loaded.mdcs].index(mdc.mdc) + 1
    inside = [a.key for a in loaded.adrgs if a.mdc == adrg.mdc]
    place = inside.index(adrg.key) + 1
    say(
        f"顺序 MDC第{mdc_place}个（共{len(loaded.mdcs)}个），ADRG第{place}个（共{len(inside)}个）",
        f"order: MDC {mdc_place} of {len(loaded.mdcs)}, ADRG {place} of {len(inside)}",
    )


def _show_lists(loaded: Scheme, rules: list[tuple[str, str]]) -> None:
    """Show the lists that rules name, each rule with its owner; those of others say whose."""
    asked: dict[tuple[str, str], None] = {}
    for owner, rule in rules:
        try:
            for member in members(parse_rule(rule)):
                if member.list_name:
                    asked[(owner, member.list_name)] = None
        except RuleSyntaxError as error:
            click.echo(f"  {rule}: {in_language(error, LANG)}")
    first = rules[0][0]
    for owner, name in asked:
        own = owner == first or name == "valid_procedures"
        _show_list(loaded, owner, name, "" if own else owner)


def _show_list(loaded: Scheme, owner: str, name: str, title: str) -> None:
    valid = name == "valid_procedures"
    ids = loaded.valid_procedures if valid else loaded.list_ids(owner, name)
    procedures = valid or name.startswith("proc")
    words = loaded.procedures if procedures else loaded.diagnoses
    kind = t("手术操作", "procedures") if procedures else t("诊断", "diagnoses")
    label = " ".join(part for part in (name, title) if part)
    if not len(ids):
        click.echo(f"  {label}: {t('空：表中没有这个列表', 'empty: the tables lack this list')}")
        return
    click.echo(f"  {label}: {len(ids)} {kind}")
    for number in ids[:FIRST_CODES]:
        click.echo(f"      {_code(words, int(number))}")
    if len(ids) > FIRST_CODES:
        click.echo("      …")


def _code(words: Vocabulary, number: int) -> str:
    code = str(words.codes[number - 1].as_py())
    return f"{code} {words.names[number - 1].as_py() or t('（无名称）', '(no name)')}"


def _title(manifest: dict[str, Any]) -> str:
    title = str(manifest["title"])
    return t(title, str(manifest.get("title_en", title)))


def _effective(manifest: dict[str, Any]) -> str:
    effective = manifest.get("effective", {})
    first, last = effective.get("from", "?"), effective.get("to", "")
    verified = "" if effective.get("verified", True) else t("（未核实）", " (not verified)")
    return f"{t('施行', 'effective')} {first} – {last}".rstrip() + verified


def _counts(values: dict[str, Any]) -> str:
    parts = [f"{t(*COUNTS[name])} {number}" for name, number in values.items() if name in COUNTS]
    return t("，", ", ").join(parts) or t("数目未写", "counts not stated")


def _kind(adrg: AdrgRow) -> str:
    return t(*ADRG_KINDS[adrg.kind]) if adrg.kind in ADRG_KINDS else adrg.kind


def _ambiguous(mdc: MdcRow) -> str:
    code = f"{mdc.letter}QY"
    return {
        "yes": t(f"{code}（任一手术操作）", f"{code} (any procedure)"),
        "main": t(f"{code}（主要手术操作）", f"{code} (main procedure)"),
    }.get(mdc.ambiguous, t("无", "none"))
