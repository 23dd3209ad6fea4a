"""The report page, made from run folders written by hand (EX1 of the worked examples)."""

import hashlib
import json
import re
import warnings
from collections.abc import Callable, Iterator
from decimal import Decimal
from fractions import Fraction
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from drgpay.ground.money import divide_rounded
from drgpay.names.codes import CASE_CLASSES
from drgpay.report.amounts import percent, points, units_of, yuan
from drgpay.report.charts import cv_counts, cv_edges
from drgpay.report.html import write_report
from drgpay.report.svg import short_label
from drgpay.report.texts import TEXTS, UNITS
from tests.report.folders import ex1_manifest, full_run, parameter, write_run


@pytest.fixture
def page(tmp_path: Path) -> Callable[..., str]:
    def make(
        change: Callable[[dict[str, Any]], None] = lambda m: None, lang: str = "zh", **tables: Any
    ) -> str:
        manifest = ex1_manifest()
        change(manifest)
        path = write_report(write_run(tmp_path / "run", manifest, **tables), lang)
        return path.read_text(encoding="utf-8")

    return make


class Reader(HTMLParser):
    """Rows of all tables, all ids, and every tag closed in its turn."""

    VOID = frozenset({"meta", "br", "path", "use", "rect"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.ids: list[str] = []
        self.open: list[str] = []
        self.classes: list[str] = []
        self.cell = False
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        facts = dict(attrs)
        if facts.get("id"):
            self.ids.append(str(facts["id"]))
        self.classes.append(facts.get("class") or "")
        if tag not in self.VOID:
            self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.cell = True
            self.rows[-1].append("")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if dict(attrs).get("id"):
            self.ids.append(str(dict(attrs)["id"]))

    def handle_endtag(self, tag: str) -> None:
        if tag in self.VOID:
            return
        assert self.open.pop() == tag
        if tag in ("td", "th"):
            self.cell = False

    def handle_data(self, data: str) -> None:
        if self.cell:
            self.rows[-1][-1] += data.strip() + " "

    def rows_of(self, start: str) -> list[list[str]]:
        found = [[c.strip() for c in r] for r in self.rows]
        return [r for r in found if r and r[0].startswith(start)]


@pytest.fixture(autouse=True)
def warnings_are_errors() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def test_yuan__formats_fen_exactly() -> None:
    fen = [0, 1, -1, 100, -742278, 123456789012345678]
    shown = ["0.00", "0.01", "-0.01", "1.00", "-7,422.78", "1,234,567,890,123,456.78"]
    assert [yuan(f) for f in fen] == shown
    assert yuan(5, signed=True) == "+0.05"
    assert yuan(0, signed=True) == "0.00"


def test_points__show_four_decimals() -> None:
    assert points(10868778) == "1,086.8778"
    assert points(units_of(Decimal("-0.5"), 4)) == "-0.5000"
    assert units_of("1027.0000", 4) == 10270000


def test_units_of__refuses_floats_and_lost_digits() -> None:
    with pytest.raises(ValueError, match="not an exact number"):
        units_of(0.1, 4)
    with pytest.raises(ValueError, match="more than 4 decimals"):
        units_of("0.00001", 4)


def test_percent__rounds_half_away_from_zero() -> None:
    assert percent(1, 8, 2) == "12.50%"
    assert percent(-1, 2000, 1) == "-0.1%"
    assert percent(1, 0) == "—"


def test_cv_classes__put_the_limit_into_the_lower_class() -> None:
    edges = cv_edges(1.2)
    assert edges == [0.0, 0.25, 0.5, 0.75, 1.0, 1.2, 1.5, 2.0]
    assert cv_counts([0.0, 0.25, 1.2, 1.2000001, 9.0], edges) == [2, 0, 0, 0, 1, 1, 0, 1]


def test_short_label__counts_chinese_characters_twice() -> None:
    assert short_label("第一人民医院", 12) == "第一人民医院"
    assert short_label("第一人民医院", 11) == "第一人民医…"


def test_texts__have_both_languages_with_the_same_blanks() -> None:
    for table in (TEXTS, {key: texts for key, texts in UNITS.items() if key}):
        for key, both in table.items():
            assert all(both), key
            blanks = [sorted(re.findall(r"{(\w+)}", text)) for text in both]
            assert blanks[0] == blanks[1], key


def test_point_value__can_be_recomputed_line_by_line(page: Callable[..., str]) -> None:
    html = page()
    rows = {r[0]: r[2:] for r in Reader(html).rows if r and len(r) == 4 and r[0].strip().isdigit()}
    rows = {k.strip(): [c.strip() for c in v] for k, v in rows.items()}
    assert rows["4"] == ["130,000.00", "105,500.00"]
    assert rows["6"] == ["+15,550.00", "-7,024.37"]
    assert rows["8"] == ["127,667.50 F + 0.85 × (B − F)", "106,553.66 B + 0.15 × (F − B)"]
    assert rows["10"] == ["166,717.50", "183,903.23"]
    assert rows["11"] == ["1,027.0000", "1,086.8778"]
    assert rows["12"] == ["333435/2054", "919516150/5434389"]
    assert rows["13"] == ["162.334469328140", "169.203225974438"]
    assert rows["14"] == ["127,667.50", "106,553.66"]
    assert rows["16"] == ["0.00", "0.00"]
    assert "不符" not in html


def test_point_value__that_parameters_do_not_give_is_marked(page: Callable[..., str]) -> None:
    def change(m: dict[str, Any]) -> None:
        m["policy"]["parameters"][0]["value"] = "0.5"

    assert "按参数复算为 122,225.00" in page(change)


def test_point_value__rounded_by_policy_says_so(page: Callable[..., str]) -> None:
    def change(m: dict[str, Any]) -> None:
        m["policy"]["parameters"][-1]["value"] = 2
        m["pools"][0] |= {"point_value_fraction": "16233/100", "point_value": "162.33"}

    html = page(change)
    assert "四舍五入至 2 位小数" in html
    assert "未加约束、未取整的商" in html
    assert "不符" not in html


def test_point_value__of_combined_pools_is_one(page: Callable[..., str]) -> None:
    def change(m: dict[str, Any]) -> None:
        a, b = m["pools"]
        settled, not_pool = 23422116, 11639957
        value = Fraction((settled + not_pool) * 100, 21138778)
        both = {k: a[k] + b[k] for k in a if k.endswith("_fen") or k == "cases"}
        both |= {"pool": "310+390", "name": "合并", "settled_fen": settled, "points": "2113.8778"}
        both["point_value_fraction"] = f"{value.numerator}/{value.denominator}"
        both["point_value"] = "165.866055568392"
        m["pools"] = [a | both]

    reader = Reader(page(change))
    assert reader.rows_of("14")[0][2:] == ["234,221.16"]
    rows = reader.rows_of("第一人民医院 H1")
    assert [len(r) for r in rows] == [10, 7, 9, 7, 9]  # all pools; 310 and 390, dues and payments


def test_hospitals__have_exact_amounts_and_tie_out(page: Callable[..., str]) -> None:
    reader = Reader(page())
    _, _, _, due, payment = reader.rows_of("<城东> & 社区 H3 · 等级 一级")
    assert due[1:] == [
        *("3", "559.5000", "38,299.99", "66,450.00", "56,369.22", "-10,080.78"),
    ]
    assert payment[1:] == [
        *("56,369.22", "63,127.50", "3,322.50", "664.50", "0.00", "0.00", "0.00"),
        "下期抵回 7,422.78",
    ]
    totals = [r[1:] for r in reader.rows_of("合计")]
    assert ["6", "1,027.0000", "39,050.00", "114,450.00", "127,667.50", "+13,217.50"] in totals
    paid = ["127,667.50", "108,727.50", "5,722.50", "152.25", "500.00", "0.00", "18,287.75", "0.00"]
    assert paid in totals
    assert [r[-2:] for r in totals if r[0] == "106,553.66"] == [["6,389.41", "7,422.78"]]
    both = next(r for r in totals if len(r) == 9 and r[0] == "12" and "2,113.8778" in r[1])
    assert both[3:5] == ["226,974.37", "234,221.16"]
    assert both[-2:] == ["24,677.16", "7,422.78"]  # 17,254.38 would net them


def test_clawbacks__are_counted_and_marked(page: Callable[..., str]) -> None:
    html = page()
    assert "有 1 笔最终支付为负，合计 7,422.78 元" in html
    assert html.count('<span class="tag">下期抵回</span>') == 1


def test_notes__stand_in_a_closing_section_that_the_top_links_to(
    page: Callable[..., str],
) -> None:
    told = [{"zh": f"第{n}件", "en": f"no. {n}"} for n in (1, 2)]
    html = page(lambda m: m.update(warnings=told))
    top, _, rest = html.partition('<div class="tiles">')
    assert "有 2 项须知" in top and '<a href="#notes">' in top and "第1件" not in top
    notes = rest.partition('<section id="notes">')[2].partition("</section>")[0]
    assert notes.index("第1件") < notes.index("第2件")
    assert rest.index('<section id="hospitals">') < rest.index('<section id="notes">')
    assert '<section id="notes">' not in page()


def test_hospitals__beyond_forty_are_folded_under_a_subtotal(page: Callable[..., str]) -> None:
    many = [
        (f"X{n:03d}", "310", 1, f"{n}", 100, 100 * n, 100 * n + (-n if n % 2 else n), *[0] * 5)
        for n in range(1, 46)
    ]
    html = page(hospitals=many)
    reader = Reader(html)
    assert html.count("<details>") == 2  # the tails of two tables
    assert html.count('<details class="onscreen">') == 1  # the verified parameters, not printed
    subtotal = next(r for r in reader.rows_of("其余 15 家小计") if len(r) == 7)
    assert subtotal[1:5] == ["15", "120.0000", "0.00", "120.00"]
    assert "差额最大的 30 家（共 45 家" in html
    assert "图中未列的 15 家差额合计" in html


def test_counts__add_up(page: Callable[..., str]) -> None:
    reader = Reader(page())
    assert reader.rows_of("输入病例")[0][1:] == ["12", "100.0%"]
    assert reader.rows_of("参与清算")[0][1:] == ["12", "100.0%"]
    assert not reader.rows_of("未列明")
    total = next(r for r in reader.rows_of("合计") if len(r) == 8)
    assert total[1] == "12"
    assert total[3] == "2,113.8778"
    assert total[5] == "343,373.94"


def test_counts__that_do_not_add_up_fail_visibly(page: Callable[..., str]) -> None:
    def change(m: dict[str, Any]) -> None:
        m["counts"]["in"] = 13

    html = page(change)
    assert Reader(html).rows_of("未列明")[0][1] == "1"
    assert "有 1 项校验未通过" in html
    assert "✗ 未通过" in html


def test_failed_check__raises_a_banner(page: Callable[..., str]) -> None:
    def change(m: dict[str, Any]) -> None:
        m["checks"][0]["passed"] = False

    assert "未通过：每行恰有一个去向" in page(change)


def test_drgs__are_most_points_first_and_tie_out(page: Callable[..., str]) -> None:
    reader = Reader(page())
    first = next(n for n, r in enumerate(reader.rows) if r[0].strip() == "病组")
    codes = [r[0].strip() for r in reader.rows[first:] if len(r) == 10]
    assert codes[1:] == ["GB15", "AH19", "", ""]
    outside = next(r for r in reader.rows if len(r) == 10 and "不在病组表中" in r[1])
    assert [c.strip() for c in outside[2:4]] == ["1", "192.0000"]
    assert "费用变异系数" not in page()


def test_stability_chart__appears_with_history(page: Callable[..., str]) -> None:
    html = page(cv=(1.3, 0.9))
    assert "剔除极端值前后" in html
    assert "稳定上限 1" in html


def test_trial__is_announced_with_its_overrides(page: Callable[..., str]) -> None:
    def change(m: dict[str, Any]) -> None:
        m["trial"] = ["readmission.days=none", "keep_ratio=0.85"]
        m["policy"]["parameters"][0]["trial"] = True

    html = page(change)
    banner = html[html.index('<aside class="banner danger"') :]
    assert "试算结果，不得用于付款" in banner
    assert "<code>readmission.days=none</code>" in banner
    assert '<span class="tag">试算改写</span> 0.85' in html
    assert '@top-center { content: "试算结果，不得用于付款"' in html
    assert "banner danger" not in page()


def test_synthetic_and_draft__are_announced(page: Callable[..., str]) -> None:
    def change(m: dict[str, Any]) -> None:
        m["synthetic"] = True
        m["scheme"]["draft"] = True

    html = page(change)
    assert html.count('class="banner danger"') == 2
    assert "虚构数据" in html
    assert "分组方案为草案" in html


def test_unverified_parameters__are_listed_with_value_and_reason(page: Callable[..., str]) -> None:
    html = page()
    assert "有 3 项参数未经核实" in html
    reader = Reader(html[: html.index("已核实参数（9 项）")])
    assert reader.rows_of("结余留用比例 keep_ratio")[0][1:4] == [
        "0.85",
        "比例",
        "assumed: 各地不等",
    ]
    bands = reader.rows_of("高倍率界限 high.bands")[0]
    assert bands[1] == "≤ 100：3；≤ 300：2；其余：1.5"
    assert bands[3] == "assumed: <原文未取得> & 待核"
    assert not reader.rows_of("险种合并")
    assert Reader(html).rows_of("险种合并")[0][1] == "否"


def test_quarantine__is_counted_by_reason_without_listing_cases(page: Callable[..., str]) -> None:
    def change(m: dict[str, Any]) -> None:
        m["counts"] |= {"in": 14, "quarantined": 2}
        m["ends"]["quarantined"] = 2

    def bad(row: int, reason: str, column: str) -> dict[str, Any]:
        return {
            "file": "cases.csv",
            "row": row,
            "case_id": f"SECRET{row}",
            "column": column,
            "value": "secret-value",
            "reason": reason,
            "message": "消息",
            "remedy": "改正",
        }

    rows = [
        bad(3, "outside_year", "settlement_date"),
        bad(9, "outside_year", "settlement_date"),
        bad(9, "sex_invalid", "sex"),
    ]
    html = page(change, quarantine=rows)
    reader = Reader(html)
    found = reader.rows_of("不属于本清算年度")[0]
    assert found[1:] == ["cases.csv", "结算日期（settlement_date）", "2", "2", "改正"]
    assert reader.rows_of("性别缺失，或不是男、女")[0][3:5] == ["1", "1"]
    assert reader.rows_of("合计（每行只计一次）")[0][3:5] == ["2", "3"]
    assert "SECRET" not in html
    assert "secret-value" not in html


def test_readmissions__are_summed(page: Callable[..., str]) -> None:
    assert "再住院规则使 1 例的点数减少，共减 39.2000 点" in page()


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_page__is_valid_and_needs_nothing_from_outside(page: Callable[..., str], lang: str) -> None:
    html = page(lang=lang, cv=(1.3, 0.9))
    for outside in ("http:", "https:", "src=", "@import", "<script", "<link", "<iframe", "//"):
        assert outside not in html.replace("</", ""), outside
    assert "url(" not in html.replace("url(#", "")
    reader = Reader(html)
    assert reader.open == []
    assert len(reader.ids) == len(set(reader.ids))
    anchors = set(re.findall(r'href="#([^"]+)"', html)) | set(re.findall(r"url\(#([^)]+)\)", html))
    assert anchors <= set(reader.ids)
    assert f'<html lang="{"zh-CN" if lang == "zh" else "en"}">' in html
    assert "<城东>" not in html
    assert html.count("<svg") == 6
    svg = "".join(re.findall(r"<svg.*?</svg>", html, flags=re.S))
    assert not re.findall(r"#[0-9a-fA-F]{6}", svg)
    assert "font-family" not in svg
    assert not re.search(r"X\d{4}X", html)


def test_page__in_english_has_no_chinese_of_its_own(page: Callable[..., str]) -> None:
    html = page(lang="en")
    given = json.dumps(ex1_manifest(), ensure_ascii=False)
    for chinese, english in TEXTS.values():
        if re.search("[\u4e00-\u9fff]{3}", chinese) and chinese not in english + given:
            assert chinese not in html, chinese


def test_page__is_the_same_bytes_twice_in_both_languages(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run", ex1_manifest(), cv=(1.3, 0.9))
    for lang in ("zh", "en"):
        first = write_report(folder, lang).read_bytes()
        assert write_report(folder, lang).read_bytes() == first
    digest = hashlib.sha256((folder / "manifest.json").read_bytes()).hexdigest()
    assert digest[:12].encode() in first


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return full_run(tmp_path_factory.mktemp("runs") / "run")


def text_of(folder: Path, lang: str = "zh") -> str:
    return write_report(folder, lang).read_text(encoding="utf-8")


def test_point_value__has_lines_for_money_and_deducted_points(whole: Path) -> None:
    html = text_of(whole)
    rows = {r[1].split("  ")[0].strip(): r[2].strip() for r in Reader(html).rows if len(r) == 4}
    named = {name.split(" ")[0]: amount for name, amount in rows.items()}
    facts = json.loads((whole / "manifest.json").read_text(encoding="utf-8"))["pools"][0]
    assert named["减：点数外应付"] == yuan(facts["money_fen"])
    assert named["减：违规扣减点数"] == "1.5000"
    assert named["总点数"] == points(units_of(facts["points"], 4))
    assert named["暂不支付病例（不在以上各项中）"] == "4"
    assert "校验未通过" not in html
    assert "不符" not in html


def test_checks__notice_a_payment_that_leaves_out_the_carried_amount(tmp_path: Path) -> None:
    folder = full_run(tmp_path / "run")
    path = folder / "hospitals.parquet"
    table = pq.read_table(path)
    place = table.schema.get_field_index("carried_fen")
    zeros = pa.array([0] * len(table), pa.int64())
    pq.write_table(table.set_column(place, "carried_fen", zeros), path)
    assert "有 1 项校验未通过" in text_of(folder)


def test_held_cases__are_told_apart(whole: Path) -> None:
    html = text_of(whole)
    reader = Reader(html)
    assert reader.rows_of("减：暂不支付（待特病单议或核实）")[0][1] == "8"
    tile = html[html.index('tile-label">暂不支付病例') :][:300]
    assert ">8<" in tile
    assert f"统筹基金记账 {yuan(8 * 300_000)}" in tile
    assert not reader.rows_of("未列明")
    assert reader.rows_of("第1医院 H0001")[1][-1] == "1"


def test_classes__in_money_have_a_row_and_a_colour(whole: Path) -> None:
    html = text_of(whole)
    number = list(CASE_CLASSES).index("long_stay") + 1
    assert f"var(--series-{number})" in html
    assert re.search(rf"--series-{number}: #", html)
    assert Reader(html).rows_of("长期住院病例")[0][1] == "8"


def test_paid_against_cost__adds_up_to_dues_and_recorded_fund(whole: Path) -> None:
    reader = Reader(text_of(whole))
    rows = [r for r in reader.rows if len(r) == 6 and r[-1].strip().endswith("%")]
    total = [c.strip() for c in rows[-1]]
    hospitals = pq.read_table(whole / "hospitals.parquet")
    dues, funds = (sum(hospitals[k].to_pylist()) for k in ("due_fen", "recorded_fund_fen"))
    assert total[0] == "合计"
    assert total[4] == yuan(dues - funds, signed=True)
    parts = [r[4].strip().replace(",", "") for r in rows[:-1]]
    rest = [*reader.rows_of("违规扣减点数 × 点值"), *reader.rows_of("取整")]
    assert len(rest) == 2
    parts += [r[4].replace(",", "") for r in rest]
    assert sum(Decimal(p) for p in parts) * 100 == dues - funds


def test_ceiling__is_drawn_or_said_to_be_missing(whole: Path, page: Callable[..., str]) -> None:
    html = text_of(whole)
    rows = Reader(html).rows_of("合计")
    assert ["合计", "10.00", "0.00%"] in rows
    assert "控制目标 40,000,000.00 元，已用 0.00%" in html
    assert ["可支付额 − 合计", "+39,999,990.00", "+100.00%"] in Reader(html).rows_of(
        "可支付额 − 合计"
    )
    assert "没有给出总额控制目标" in page()


def test_ceiling__that_is_exceeded_shows_the_excess(tmp_path: Path) -> None:
    folder = full_run(tmp_path / "run")
    path = folder / "manifest.json"
    manifest = json.loads(path.read_text(encoding="utf-8"))
    manifest["ceiling"]["control_target_fen"] = 900
    path.write_text(json.dumps(manifest), encoding="utf-8")
    html = text_of(folder)
    assert Reader(html).rows_of("可支付额 − 合计")[0][1:] == ["-1.00", "-11.11%"]
    assert "已用 111.11%" in html


def test_quality_coefficients_and_capitation__are_shown(whole: Path) -> None:
    html = text_of(whole)
    reader = Reader(html)
    mdcf = ["MDCF", "10", "2", "1", "10.00%", "0.500", "0.700"]
    assert mdcf in [[c.strip() for c in r] for r in reader.rows]
    first = next(r for r in reader.rows_of("第1医院 H0001") if len(r) == 4)
    assert first[1:] == ["1.010000", "1", "1.020000"]
    assert reader.rows_of("M1")[0][1:] == ["东区医共体", "3", "123.45"]


def test_unverified_parameters__name_the_money_that_hangs_on_them(whole: Path) -> None:
    rows = Reader(text_of(whole)).rows_of("结余留用比例 keep_ratio")
    assert rows[0][-1] == "1,234.56"


def test_page__of_many_hospitals_stays_small(tmp_path: Path) -> None:
    html = text_of(full_run(tmp_path / "run", hospitals=700))
    assert len(html) < 2_500_000
    assert "展开其余 670 家中的 400 家" in html
    assert "校验未通过" not in html


def test_page__shows_tiers_and_their_formula(tmp_path: Path) -> None:
    folder = full_run(tmp_path / "run")
    path = folder / "manifest.json"
    manifest = json.loads(path.read_text(encoding="utf-8"))
    tiers = [["0.01", "1"], ["none", "0.5"]]
    manifest["policy"]["parameters"].append(
        parameter("keep_tiers", "分档", tiers, "tiers", "P3", True)
    )
    pool = manifest["pools"][0]
    b, f = pool["available_budget_fen"], pool["recorded_fund_fen"]
    slice_one = Fraction(b, 100)
    kept = slice_one + (b - f - slice_one) / 2 if b - f > slice_one else Fraction(b - f)
    path.write_text(json.dumps(manifest), encoding="utf-8")
    html = text_of(folder)
    assert f"按参数复算为 {yuan(divide_rounded(*(f + kept).as_integer_ratio()))}" in html


def test_page__without_any_paid_case_is_still_written(tmp_path: Path) -> None:
    manifest = ex1_manifest()
    manifest["classes"] = {}
    folder = write_run(tmp_path / "run", manifest)
    for name in ("hospitals", "drgs", "cases"):
        path = folder / f"{name}.parquet"
        pq.write_table(pq.read_table(path).slice(0, 0), path)
    html = write_report(folder).read_text(encoding="utf-8")
    assert "校验未通过" in html  # the pools still claim points that no hospital has


def test_page__in_another_language_is_refused(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run", ex1_manifest())
    with pytest.raises(ValueError, match="no report in language 'fr'"):
        write_report(folder, "fr")
