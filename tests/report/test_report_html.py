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

from drgpay.report import write_report
from drgpay.report.amounts import divide_rounded, percent, points, units_of, yuan
from drgpay.report.charts import cv_counts, cv_edges, short_label
from drgpay.report.texts import CLASSES, REASONS, TEXTS, UNITS

POINTS = pa.decimal128(20, 4)
TEXT, INT = pa.string(), pa.int64()
HOSPITAL_COLUMNS = [
    "hospital_id",
    "pool",
    "cases",
    "points",
    "not_pool_fen",
    "recorded_fund_fen",
    "due_fen",
    "prepaid_fen",
    "deposit_fen",
    "forfeited_fen",
    "violation_fen",
    "final_fen",
]
# EX1, section 12.4: every amount worked out without the engine
HOSPITALS = [
    ("H1", "310", 2, "808.6", 2900000, 9100000, 10226365, 8645000, 455000, 0, 0, 1581365),
    ("H2", "310", 3, "145.6", 705000, 1645000, 1658590, 1562750, 82250, 8225, 50000, 37615),
    ("H3", "310", 1, "72.8", 300000, 700000, 881795, 665000, 35000, 7000, 0, 209795),
    ("H1", "390", 2, "466.4", 3580020, 4120030, 4311618, 3914029, 206001, 0, 0, 397589),
    ("H2", "390", 1, "60.9778", 324938, 487407, 706826, 463037, 24370, 2437, 0, 241352),
    ("H3", "390", 3, "559.5", 3829999, 6645000, 5636922, 6312750, 332250, 66450, 0, -742278),
]
POOLS = [
    ("310", "职工医保", 13000000, 11445000, 3905000, 12766750, "1027.0000", "333435/2054", 6),
    ("390", "居民医保", 10550000, 11252437, 7734957, 10655366, "1086.8778", "919516150/5434389", 6),
]
CLASS_SUMS = {
    "normal": {"cases": 7, "points": "828.6778", "total_cost_fen": 14112394},
    "high": {"cases": 1, "points": "381.6000", "total_cost_fen": 6750000},
    "reviewed": {"cases": 1, "points": "543.6000", "total_cost_fen": 9000000},
    "low": {"cases": 1, "points": "28.0000", "total_cost_fen": 350000},
    "ungrouped": {"cases": 1, "points": "140.0000", "total_cost_fen": 1875000},
    "bed_day": {"cases": 1, "points": "192.0000", "total_cost_fen": 2400000},
}
PARAMETERS = [
    ("keep_ratio", "结余留用比例", "0.85", "ratio", "assumed: 各地不等", False),
    ("fund_share_of_overspend", "基金分担超支比例", "0.15", "ratio", "assumed: 各地不等", False),
    (
        "high.bands",
        "高倍率界限",
        [["100", "3"], ["300", "2"], ["none", "1.5"]],
        "bands",
        "assumed: <原文未取得> & 待核",
        False,
    ),
    ("combine_pools", "险种合并", False, "switch", "C14", True),
    ("out_of_area", "异地就医", "inside_budget", "choice", "S2 二(二)1(2)", True),
    ("reserve_ratio", "调剂金比例", "0", "ratio", "P3", True),
    ("stable.cv_max", "CV 上限", "1", "ratio", "P11", True),
    ("value_dp", "点值小数位", "none", "decimal_places", "D", True),
]


def parameter(key: str, name: str, value: Any, unit: str, source: str, verified: bool) -> Any:
    return {
        "key": key,
        "name": name,
        "value": value,
        "unit": unit,
        "source": source,
        "verified": verified,
        "from": "2019-01-01",
        "to": None,
        "trial": False,
    }


def pool_facts(pool: tuple[Any, ...]) -> dict[str, Any]:
    code, name, budget, fund, not_pool, settled, point_sum, fraction, cases = pool
    value = Fraction(fraction)
    units = divide_rounded(value.numerator * 10**12, value.denominator)
    return {
        "pool": code,
        "name": name,
        "budget_fen": budget,
        "out_of_area_fund_fen": 0,
        "reserve_fen": 0,
        "available_budget_fen": budget,
        "recorded_fund_fen": fund,
        "not_pool_fen": not_pool,
        "settled_fen": settled,
        "points": point_sum,
        "point_value_fraction": fraction,
        "point_value": str(Decimal(units).scaleb(-12)),
        "residual_fen": 0,
        "cases": cases,
    }


def ex1_manifest() -> dict[str, Any]:
    return {
        "drgpay_version": "0.1.0",
        "region": {"id": "ex1", "name": "示例统筹区", "year": 2024},
        "trial": [],
        "policy": {
            "id": "testland",
            "title": "测试政策",
            "digest": "a" * 64,
            "parameters": [parameter(*p) for p in PARAMETERS],
        },
        "scheme": {
            "id": "zj-drg-2022",
            "title": "浙江省 DRG 分组方案",
            "digest": "b" * 64,
            "surgical_match": "main",
            "effective": "2022-01-01",
            "draft": False,
        },
        "inputs": [{"file": "cases.csv", "rows": 12, "bytes": 1234, "sha256": "c" * 64}],
        "counts": {"in": 12, "grouped": 11, "ambiguous": 0, "ungroupable": 1, "quarantined": 0},
        "ends": {"paid": 12, "quarantined": 0},
        "classes": CLASS_SUMS,
        "base_points": {
            "source": "given",
            "all_drg_mean_fen": 1250000,
            "history_cases": 0,
            "drgs": 4,
            "stable_drgs": 4,
            "history_years": [],
        },
        "pools": [pool_facts(p) for p in POOLS],
        "hospitals": [
            {"hospital_id": "H1", "name": "第一人民医院", "level": "三级甲等"},
            {"hospital_id": "H2", "name": "中医院", "level": "二级甲等"},
            {"hospital_id": "H3", "name": "<城东> & 社区", "level": "一级"},
        ],
        "checks": [
            {
                "name": "one_end",
                "text_zh": "每行恰有一个去向",
                "text_en": "every row has one end",
                "passed": True,
                "detail": "12 = 12 + 0",
            }
        ],
        "synthetic": False,
    }


def write_table(folder: Path, name: str, rows: list[dict[str, Any]], fields: Any) -> None:
    table = pa.Table.from_pylist(rows, schema=pa.schema(fields))
    pq.write_table(table, folder / f"{name}.parquet")


def write_run(
    folder: Path,
    manifest: dict[str, Any],
    hospitals: list[tuple[Any, ...]] | None = None,
    quarantine: list[dict[str, Any]] | None = None,
    cv: tuple[float | None, float | None] = (None, None),
) -> Path:
    folder.mkdir(exist_ok=True)
    text = json.dumps(manifest, ensure_ascii=False)
    (folder / "manifest.json").write_text(text, encoding="utf-8")
    rows = [dict(zip(HOSPITAL_COLUMNS, h, strict=True)) for h in hospitals or HOSPITALS]
    for r in rows:
        r["points"] = Decimal(r["points"])
    kinds = [TEXT, TEXT, INT, POINTS, *[INT] * 8]
    write_table(folder, "hospitals", rows, list(zip(HOSPITAL_COLUMNS, kinds, strict=True)))
    drgs = [
        {"drg": "AH19", "name": "气管切开", "cases": 2, "points": Decimal("925.2")},
        {"drg": "GB15", "name": "食管大手术", "cases": 9, "points": Decimal("996.6778")},
        {"drg": "FM13", "name": "支架植入", "cases": 0, "points": Decimal(0)},
    ]
    for drg in drgs:
        drg |= {"total_cost_fen": 15750000, "group_mean_fen": 4500000, "stable": True}
        drg |= {"base_points": Decimal("360"), "n_before": None, "n_after": None}
        drg |= {"cv_before": cv[0], "cv_after": cv[1]}
    fields = [("drg", TEXT), ("name", TEXT), ("cases", INT), ("points", POINTS)]
    fields += [("total_cost_fen", INT), ("group_mean_fen", INT), ("base_points", POINTS)]
    fields += [("stable", pa.bool_()), ("n_before", INT), ("n_after", INT)]
    fields += [("cv_before", pa.float64()), ("cv_after", pa.float64())]
    write_table(folder, "drgs", drgs, fields)
    halves = [("C05", "78.4", "39.2"), ("C06", "78.4", "78.4")]
    cases = [
        {"case_id": c, "points_before_readmission": Decimal(b), "points": Decimal(a)}
        for c, b, a in halves
    ]
    fields = [("case_id", TEXT), ("points_before_readmission", POINTS), ("points", POINTS)]
    write_table(folder, "cases", cases, fields)
    names = ("file", "row", "case_id", "column", "value", "reason", "message", "remedy")
    fields = [(n, INT if n == "row" else TEXT) for n in names]
    write_table(folder, "quarantine", quarantine or [], fields)
    return folder


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
        pass

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
    for table in (TEXTS, CLASSES, REASONS, UNITS):
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
    assert "取至 2 位小数" in html
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
    assert len(reader.rows_of("第一人民医院 H1")) == 3  # all pools, 310 and 390


def test_hospitals__have_exact_amounts_and_tie_out(page: Callable[..., str]) -> None:
    reader = Reader(page())
    h3 = [r for r in reader.rows_of("<城东> & 社区 H3 · 一级") if len(r) == 12]
    assert h3[1][1:] == [
        *("3", "559.5000", "38,299.99", "66,450.00", "56,369.22", "-10,080.78"),
        *("63,127.50", "3,322.50", "664.50", "0.00", "退回 -7,422.78"),
    ]
    totals = [r[1:] for r in reader.rows_of("合计") if len(r) == 12]
    assert totals[0] == [
        *("6", "1,027.0000", "39,050.00", "114,450.00", "127,667.50", "+13,217.50"),
        *("108,727.50", "5,722.50", "152.25", "500.00", "18,287.75"),
    ]
    assert totals[1][-1] == "-1,033.37"
    both = next(r for r in reader.rows_of("合计") if len(r) == 9 and r[1] == "12")
    assert both[4:6] == ["226,974.37", "234,221.16"]
    assert both[-1] == "17,254.38"


def test_clawbacks__are_counted_and_marked(page: Callable[..., str]) -> None:
    html = page()
    assert "有 1 笔最终支付为负，合计 7,422.78 元" in html
    assert html.count('<span class="tag">退回</span>') == 1


def test_hospitals__beyond_forty_are_folded_under_a_subtotal(page: Callable[..., str]) -> None:
    many = [
        (f"X{n:03d}", "310", 1, f"{n}", 100, 100 * n, 100 * n + (-n if n % 2 else n), *[0] * 5)
        for n in range(1, 46)
    ]
    html = page(hospitals=many)
    reader = Reader(html)
    assert html.count("<details>") == 2  # the hospitals' tail and the verified parameters
    subtotal = next(r for r in reader.rows_of("其余 15 家小计") if len(r) == 12)
    assert subtotal[2:5] == ["120.0000", "15.00", "120.00"]
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
    assert total[5] == "344,873.94"


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
    codes = [r[0].strip() for r in reader.rows if len(r) == 10]
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
    reader = Reader(html[: html.index("已核实参数（5 项）")])
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
        bad(9, "new_reason", "sex"),
    ]
    html = page(change, quarantine=rows)
    reader = Reader(html)
    found = reader.rows_of("不属于本清算年度 outside_year")[0]
    assert found[1:] == ["cases.csv", "settlement_date", "2", "2", "改正"]
    assert reader.rows_of("消息 new_reason")[0][3:5] == ["1", "1"]
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
    assert html.count("<svg") == 4
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
