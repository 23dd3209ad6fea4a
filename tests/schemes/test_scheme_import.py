"""Importing a scheme from plain tables: the round trip, and each fault at its row."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from drgpay.cli import scheme as command
from drgpay.ground.errors import InputError
from drgpay.grouper import Grouper, group
from drgpay.schemes.diff import diff_schemes
from drgpay.schemes.importer import import_scheme
from drgpay.schemes.load import check_scheme, is_sealed, load_scheme
from drgpay.schemes.plain import write_plain, write_template
from tests.grouper.generated import Tables, as_table

HERE = Path(__file__).parent
TINY = HERE / "testland-tiny"


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    """The template, as plain as a region would begin with it."""
    write_template(tmp_path / "plain")
    return tmp_path / "plain"


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8-sig")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def faults(folder: Path) -> str:
    done = import_scheme(folder, folder.with_name("made"))
    assert done.scheme is None and not folder.with_name("made").exists()
    return "\n".join(fault.placed.chinese for fault in done.faults)


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_import__of_a_schemes_plain_form_groups_drawn_cases_identically(
    tmp_path: Path, lang: str
) -> None:
    write_plain(load_scheme(TINY), tmp_path / "plain", lang)
    done = import_scheme(tmp_path / "plain", tmp_path / "made")
    assert done.faults == [] and done.scheme is not None
    cases = as_table(list(Tables(Grouper(TINY), 3).drawn(4_000)))
    before, after = group(cases, TINY).table, group(cases, tmp_path / "made").table
    assert before.to_pylist() == after.to_pylist()
    assert len(set(before["drg"].to_pylist())) > 30
    assert is_sealed(done.scheme) and not check_scheme(tmp_path / "made").new
    assert {s.key for s in diff_schemes(load_scheme(TINY), done.scheme).sections if s.rows} <= {
        "options", "diagnoses", "procedures", "mdc", "adrg", "split",
    }  # fmt: skip


@pytest.mark.long
def test_import__of_a_bundled_scheme_keeps_its_groups_and_lists(tmp_path: Path) -> None:
    name = "chongqing-drg-2022"
    write_plain(load_scheme(name), tmp_path / "plain")
    done = import_scheme(tmp_path / "plain", tmp_path / "made", keep=True)
    assert done.scheme is not None
    # what is left are the findings of the published tables themselves
    checks = {finding.check for finding in check_scheme(name).known}
    assert {str(fault.remedy).split()[1].rstrip(":") for fault in done.faults} <= checks
    changed = {s.key for s in diff_schemes(load_scheme(name), done.scheme).sections if s.rows}
    assert changed <= {"options", "mdc", "adrg", "split", "diagnoses", "procedures"}


def test_template__imports_as_it_is_and_groups(plain: Path) -> None:
    done = import_scheme(plain, plain.with_name("made"))
    assert done.faults == [] and done.unused == []
    grouper = Grouper(plain.with_name("made"))
    case = {"sex": "M", "age_years": 60}
    assert grouper.group_case(**case, diagnoses=["J18.900", "E11.900"]).drg == "ES13"
    assert grouper.group_case(**case, diagnoses=["I21.900"], procedures=["36.0700"]).drg == "FM19"
    assert grouper.group_case(**case, diagnoses=["I50.900", "J96.000"]).drg == "FR11"
    assert grouper.scheme.manifest["family"] == "示例"


def test_import__reads_gb18030_and_other_separators_of_dates(plain: Path) -> None:
    edit(plain / "方案.csv", "2025-01-01", "2025年3月1日")
    for path in plain.iterdir():
        path.write_bytes(path.read_text(encoding="utf-8-sig").encode("gb18030"))
    done = import_scheme(plain, plain.with_name("made"))
    assert done.faults == [] and done.scheme is not None
    assert done.scheme.mdcs[0].name == "呼吸系统疾病及功能障碍"
    assert str(done.scheme.manifest["effective"]["from"]) == "2025-03-01"


FAULTS: list[tuple[str, str, str, str]] = [
    ("方案.csv", "2025-01-01", "2025-13-01", "方案.csv 第5行：“值”的值“2025-13-01”：不是日期"),
    ("方案.csv", "主要手术", "随便", "“随便”：不是主要手术或任一手术"),
    ("方案.csv", "发布机构", "出版社", "方案.csv 第3行：“项目”的值“出版社”：没有这个项目"),
    ("方案.csv", "施行日期,2025-01-01\n", "", "“施行日期”：缺少这个项目"),
    ("MDC.csv", "MDCF", "MDC9", "MDC.csv 第3行：“MDC代码”的值“MDC9”：不是MDC加一个字母"),
    ("MDC.csv", "任一手术", "有时", "“歧义组”的值“有时”：不认识"),
    ("MDC.csv", "呼吸系统疾病及功能障碍", "", "MDC.csv 第2行：“名称”：未填写；补填"),
    ("MDC.csv", "名称", "题目", "MDC.csv 第1行：“名称”：缺少这一列"),
    ("ADRG.csv", "MDCE,ES1", "MDCX,ES1", "ADRG.csv 第2行：“MDC代码”的值“MDCX”：MDC表中没有"),
    ("ADRG.csv", "外科", "外形", "“类型”的值“外形”：不认识的类型；写外科或内科"),
    ("ADRG.csv", "主要手术不在有效手术操作中", "主要手术不太好", "ADRG.csv 第5行：“条件”"),
    ("ADRG.csv", "列表proc中", "列表proc7中", "FM1 没有列表 proc7"),
    ("ADRG.csv", "主要诊断在列表dx中", "创伤部位数≥2", "MDC没有创伤部位"),
    ("DRG.csv", "ES10,ES1", "ES10,XX1", "DRG.csv 第2行：“ADRG代码”的值“XX1”：ADRG表中没有"),
    ("DRG.csv", "FM19,,", "FX19,,", "“DRG代码”的值“FX19”：ADRG表中没有"),
    ("DRG.csv", "伴MCC\n", "其余\n", "收下其余全部病例，却排在 ES13 之前；移到本ADRG各DRG的最后"),
    ("DRG.csv", "年龄<17岁", "年龄很小", "DRG.csv 第2行：“细分条件”的值“年龄很小”：第1个字起“年龄很小”不在可用的词中"),
    ("组诊断.csv", "ES1,J18.900", "ES1,J18.999", "“诊断编码”的值“J18.999”：不在诊断编码库中"),
    ("组诊断.csv", "FR1,I50.900", "FQ1,I50.900", "“组”的值“FQ1”：MDC表和ADRG表中都没有这个组"),
    ("组诊断.csv", "ES1,J18.900,dx", "ES1,J18.900,proc", "“列表”的值“proc”：列表名不可用"),
    ("组手术.csv", "FM1,36.0700,proc\n", "FM1,36.0700,proc\nFM1,36.0700,proc\n", "组手术.csv 第3行：“手术编码”的值“36.0700”：与第2行重复"),
    ("并发症.csv", "J96.000,MCC", "J96.000,重", "“等级”的值“重”：不是MCC或CC"),
    ("并发症.csv", "CC,2", "CC,9", "“排除表”的值“9”：排除表中没有"),
    ("排除表.csv", "2,E11.900", "2,E11.900,多出", "这一行有3个字段，表头有2个"),
    ("有效手术.csv", "36.0700", "36.0799", "“手术编码”的值“36.0799”：不在手术编码库中"),
]  # fmt: skip


@pytest.mark.parametrize(("file", "old", "new", "told"), FAULTS, ids=lambda v: str(v)[:24])
def test_import__names_file_row_column_value_and_remedy(
    plain: Path, file: str, old: str, new: str, told: str
) -> None:
    edit(plain / file, old, new)
    text = faults(plain)
    assert told in text, text


def test_import__names_all_faults_at_once(plain: Path) -> None:
    for file, old, new, _ in FAULTS:
        if file in ("MDC.csv", "DRG.csv", "并发症.csv") and old != "名称":
            path = plain / file
            if old in path.read_text(encoding="utf-8-sig"):
                edit(path, old, new)
    (plain / "有效手术.csv").unlink()
    (plain / "备注.xlsx").touch()
    text = faults(plain)
    for told in ("MDC9", "有时", "年龄很小", "FX19", "“重”", "“9”", "缺少这个文件", "不认识的文件"):
        assert told in text, told


def test_import__tells_findings_of_the_whole_scheme_by_the_plain_row(plain: Path) -> None:
    edit(plain / "DRG.csv", "伴CC\n", "伴MCC 且 年龄<17岁\n")
    edit(plain / "DRG.csv", "年龄<17岁\nES11", "伴MCC\nES11")
    done = import_scheme(plain, plain.with_name("made"))
    assert [(f.file, f.row) for f in done.faults] == [("DRG.csv", 3), ("DRG.csv", 4)]
    assert "drg_unreachable" in done.faults[0].placed
    kept = import_scheme(plain, plain.with_name("made"), keep=True)
    assert kept.scheme is not None and not is_sealed(kept.scheme)


def test_import__names_columns_that_it_does_not_use(plain: Path) -> None:
    edit(plain / "有效手术.csv", "手术编码", "手术编码,备注")
    done = import_scheme(plain, plain.with_name("made"))
    assert done.faults == []
    assert [note.chinese for note in done.unused] == ["有效手术.csv：未使用的列“备注”"]


def test_import__never_overwrites(plain: Path) -> None:
    plain.with_name("made").mkdir()
    with pytest.raises(InputError, match="already"):
        import_scheme(plain, plain.with_name("made"))
    with pytest.raises(InputError, match="no such folder"):
        import_scheme(plain / "no", plain.with_name("other"))
    with pytest.raises(InputError, match="not empty"):
        write_template(plain)


def test_import__of_no_utf8_and_no_gb18030_says_so(plain: Path) -> None:
    (plain / "有效手术.csv").write_bytes(b"\xff\xff\xff\x80")
    assert "编码不是UTF-8，也不是GB18030" in faults(plain)


def run(*words: str | Path) -> object:
    return CliRunner().invoke(command.scheme, [str(word) for word in words])


def test_command__writes_a_template_imports_it_and_lists_faults(tmp_path: Path) -> None:
    invoke: Callable[..., object] = CliRunner().invoke
    result = invoke(command.scheme, ["import", "--template", str(tmp_path / "t")])
    assert result.exit_code == 0 and "DRG.csv" in result.output  # type: ignore[attr-defined]
    shutil.copytree(tmp_path / "t", tmp_path / "bad")
    done = invoke(command.scheme, ["import", str(tmp_path / "t"), "-o", str(tmp_path / "made")])
    assert done.exit_code == 0 and "MDC 2，ADRG 4，DRG 8" in done.output  # type: ignore[attr-defined]
    edit(tmp_path / "bad" / "并发症.csv", "MCC", "重")
    told = invoke(command.scheme, ["import", str(tmp_path / "bad"), "-o", str(tmp_path / "two")])
    assert told.exit_code != 0  # type: ignore[attr-defined]
    with (tmp_path / "two.faults.csv").open(encoding="utf-8-sig", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert rows[0]["文件"] == "并发症.csv" and rows[0]["行"] == "2" and rows[0]["值"] == "重"
    like = invoke(
        command.scheme, ["import", "--template", str(tmp_path / "like"), "--like", str(TINY)]
    )
    assert like.exit_code == 0  # type: ignore[attr-defined]
    assert len(import_scheme(tmp_path / "like", tmp_path / "again").faults) == 0


def test_import__of_a_condition_that_cannot_be_read_names_no_further_fault(plain: Path) -> None:
    edit(plain / "DRG.csv", "年龄<17岁", "年龄很小")
    assert len(faults(plain).splitlines()) == 1
