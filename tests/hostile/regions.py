"""Region folders, policy files and scheme folders."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.hostile.model import Kind, Read, Refused, csv_text, text
from tests.hostile.region_folders import edit, edited, region, scheme, with_file, with_policy

GIVEN = ("region",)
REGION = Refused("统筹区文件夹不能使用", "the region folder cannot be used")


def _year(
    name: str,
    zh: str,
    en: str,
    make: Callable[[Path], object],
    outcome: Refused | Read,
    **more: object,
) -> Kind:
    return Kind(name, zh, en, make, outcome, GIVEN, area="year", **more)  # type: ignore[arg-type]


def _toml(name: str, zh: str, en: str, old: str, new: str, said: str, english: str) -> Kind:
    return _year(
        f"region-{name}", zh, en, edited(("region.toml", old, new)), Refused(said, english)
    )


def _hospitals(content: bytes) -> Callable[[Path], None]:
    return with_file("hospitals.csv", content)


def _scheme(*edits: tuple[str, str, str]) -> Callable[[Path], None]:
    def make(folder: Path) -> None:
        path = scheme(folder)
        text(csv_text())(folder)
        for name, old, new in edits:
            edit(path / name, old, new)

    return make


def _scheme_file(name: str, content: bytes) -> Callable[[Path], None]:
    def make(folder: Path) -> None:
        path = scheme(folder)
        text(csv_text())(folder)
        (path / name).write_bytes(content)

    return make


def _rule(rule: str) -> Callable[[Path], None]:
    return _scheme(
        (
            "adrg.csv",
            "MDCF,2,FR1,medical,principal in dx and main_procedure not in valid_procedures",
            f'MDCF,2,FR1,medical,"{rule}"',
        )
    )


HOSPITALS = (
    "hospital_id,name,level\nH1,第一医院（虚构）,3\nH2,第二医院（虚构）,2\nH3,第三医院（虚构）,2\n"
)
BUDGET = 'budget_yuan = "130000.00"'
PLENTY = " or ".join(["principal in dx"] * 10_000)
DEEP = "(" * 5_000 + "True" + ")" * 5_000

KINDS = [
    _year("region-not-utf8", "region.toml不是UTF-8", "region.toml is not UTF-8", with_file("region.toml", "[region]\nname = '试验区'\n".encode("gbk")),
          Refused("不是UTF-8编码", "not TOML")),
    _year("region-bom", "region.toml开头有BOM（记事本）", "region.toml with a mark, as Notepad writes it",
          lambda folder: (p := region(folder) / "region.toml").write_bytes(b"\xef\xbb\xbf" + p.read_bytes()), Read(12, None)),
    _year("region-toml-deep", "region.toml中嵌套20,000层的数组", "arrays nested 20,000 deep in region.toml",
          with_file("region.toml", b"x = " + b"[" * 20_000 + b"]" * 20_000), Refused("不是TOML格式", "not TOML")),
    _year("region-toml-empty", "空的region.toml", "an empty region.toml", with_file("region.toml", b""), REGION),
    _toml("year-huge", "年度是巨大的数", "a huge year", "year = 2024", "year = " + "9" * 400, "不是年份", "is not a year"),
    _toml("year-text", "年度写成文字", "a year as text", "year = 2024", 'year = "二〇二四"', "不是年份", "is not a year"),
    _toml("budget-huge", "预算超出int64", "a budget beyond int64", BUDGET, 'budget_yuan = "' + "9" * 30 + '"', "budget_yuan", "budget_yuan"),
    _toml("budget-power", "预算写成1e400", "a budget of 1e400", BUDGET, 'budget_yuan = "1e400"', "budget_yuan", "budget_yuan"),
    _toml("budget-float", "预算写成浮点数nan", "a budget of nan", BUDGET, "budget_yuan = nan", "budget_yuan", "budget_yuan"),
    _toml("budget-list", "预算写成列表", "a budget as a list", BUDGET, "budget_yuan = [1]", "budget_yuan", "budget_yuan"),
    _toml("pools-text", "险种写成文字", "pools as a text", '[[pools]]\npool = "310"', 'x = 1\n[[odd]]\npool = "310"', "没有“x”这一项", "unknown entry"),
    _toml("pool-twice", "同一险种写两次", "a pool twice", 'pool = "390"', 'pool = "310"', "310", "310"),
    _toml("cases-numbers", "cases写成数的列表", "cases as a list of numbers", 'cases = ["cases.csv"]', "cases = [1, 2]", "没有文件", "no file"),
    _toml("cases-outside", "病例文件在文件夹之外且不存在", "a file of cases outside of the folder", 'cases = ["cases.csv"]', 'cases = ["../../../etc/none.csv"]', "没有文件", "no file"),
    _toml("policy-path", "政策名像路径注入", "a policy named like a path", 'policy = "testland"', 'policy = "../testland\\u0000"', "政策", "policy"),
    _year("hospitals-gbk", "hospitals.csv为GBK：照常读取", "hospitals.csv in GBK: is read", _hospitals(HOSPITALS.encode("gbk")), Read(12, None)),
    _year("hospitals-utf16", "hospitals.csv为UTF-16：照常读取", "hospitals.csv in UTF-16: is read", _hospitals(HOSPITALS.encode("utf-16")), Read(12, None)),
    _year("hospitals-empty", "空的hospitals.csv", "an empty hospitals.csv", _hospitals(b""), REGION),
    _year("hospitals-headers-only", "hospitals.csv只有表头", "hospitals.csv with headers only", _hospitals(b"hospital_id,name,level\n"), REGION),
    _year("hospitals-nul", "hospitals.csv中有NUL字节", "NUL bytes in hospitals.csv", _hospitals(HOSPITALS.replace("第二", "\x00").encode()), REGION),
    _year("hospitals-name-1-mb", "医疗机构名称1 MB", "a hospital's name of 1 MB", _hospitals(HOSPITALS.replace("第二", "长" * 350_000).encode()), REGION),
    _year("coefficient-nan", "差异系数为NaN、1e5、负数、全角", "coefficients of NaN, 1e5, minus, full width",
          edited(("coefficients.csv", "1.0600", "NaN"), ("coefficients.csv", "0.9800", "1e5"), ("coefficients.csv", "0.9100", "-1")), REGION),
    _year("table-quotes-swallow", "小表中两个散落的引号：几行并成了一行", "two stray quotation marks in a small table: several rows made one",
          with_file("violations.csv", 'hospital_id,pool,amount_yuan,reason\nH1,310,500.00,"甲\nH2,310,700.00,乙\nH3,390,900.00,丙"\n'.encode()),
          Refused("第2行：一个引号内的字段含有换行", "row 2: a field in quotation marks")),
    _year("score-full-width", "考核得分用全角数字", "a score in full-width digits", edited(("scores.csv", "0.90", "０.９")), Read(12, None)),
    _year("table-unknown", "文件夹中有不认识的表", "an unknown table in the folder", with_file("coefficient.csv", b"hospital_id,coefficient\nH1,2\n"),
          Refused("不认识的文件", "unknown file")),
    _year("table-twice", "同一张表有两个文件", "a table in two files", with_file("scores.xlsx", b"PK"), REGION),
    _year("hospital-name-script", "医疗机构名称中有HTML脚本", "a script in a hospital's name",
          edited(("hospitals.csv", "第二医院（虚构）", "<script>alert(1)</script>")), Read(12, None)),
    _year("policy-deep", "政策文件中嵌套20,000层的数组", "arrays nested 20,000 deep in a policy file",
          with_policy(("[policy]", "x = " + "[" * 20_000 + "]" * 20_000 + "\n[policy]")), Refused("不是TOML格式", "not TOML", code=4)),
    _year("policy-huge-number", "政策参数是巨大的数", "a huge number in a policy file", with_policy(("value = 100", "value = " + "9" * 4_000)), Refused("point_scale", "point_scale", code=4)),
    _year("policy-nan", "政策参数为nan", "nan in a policy file", with_policy(("value = 100", "value = nan")), Refused("point_scale", "point_scale", code=4)),
    _year("policy-list", "政策参数是列表", "a list in a policy file", with_policy(("value = 100", "value = [[1], {a = 2}]")), Refused("point_scale", "point_scale", code=4)),
    _year("policy-no-source", "政策参数没有出处", "a value without a source", with_policy(('value = 100\nsource = "', 'value = 100\nsauce = "')), Refused("source", "source", code=4)),
    _year("policy-not-utf8", "政策文件不是UTF-8", "a policy file that is not UTF-8",
          lambda folder: (with_policy()(folder), (folder / "region" / "own.toml").write_bytes("标题".encode("gbk"))), Refused("不是UTF-8编码", "not TOML", code=4)),
    Kind("scheme-rule-deep", "分组规则中5,000层括号", "5,000 brackets in a rule", _rule(DEEP), Refused("至多2000个", "2000", code=3), area="scheme"),
    Kind("scheme-rule-long", "分组规则中10,000个“或”", "10,000 alternatives in a rule", _rule(PLENTY), Refused("不是CSV格式", "not CSV", code=3), area="scheme"),
    Kind("scheme-rule-not-bomb", "分组规则中10,000个not", "10,000 nots in a rule", _rule("not " * 10_000 + "True"), Refused("至多2000个", "2000", code=3), area="scheme"),
    Kind("scheme-not-utf8", "drg.csv为GBK", "drg.csv in GBK", _scheme_file("drg.csv", "adrg,order,drg,rule,name\nAH1,1,AH11,True,气管切开\n".encode("gbk")),
         Refused("UTF-8", "UTF-8", code=3), area="scheme"),
    Kind("scheme-nul", "lists.csv中有NUL字节", "NUL bytes in lists.csv", _scheme(("lists.csv", "31.1x00", "31.1\x0000")), Refused("lists.csv", "lists.csv", code=3), area="scheme"),
    Kind("scheme-empty-table", "空的mdc.csv", "an empty mdc.csv", _scheme_file("mdc.csv", b""), Refused("mdc.csv", "mdc.csv", code=3), area="scheme"),
    Kind("scheme-manifest-deep", "manifest.toml中嵌套20,000层的数组", "arrays nested 20,000 deep in manifest.toml",
         _scheme_file("manifest.toml", b"x = " + b"[" * 20_000 + b"]" * 20_000), Refused("不是TOML格式", "not TOML", code=3), area="scheme"),
    Kind("scheme-edited", "改过一行而没有封存", "a line edited and not sealed", _scheme(("severity.csv", "E11.900,CC", "E11.900,MCC")), Refused("封存", "seal", code=3), area="scheme"),
]  # fmt: skip
