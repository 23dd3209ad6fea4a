"""What users see is Chinese, and English when asked for: the real command on many faults."""

from __future__ import annotations

import ast
import os
import pickle
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import click
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from drgpay.cli import cli
from drgpay.ground.errors import Bilingual, InputError, both, in_language, located
from tests.command import drgpay

ROOT = Path(__file__).resolve().parents[2]
SRC = ROOT / "src" / "drgpay"
TESTS = ROOT / "tests"
CHINESE = re.compile("[\u3000-\u303f\u4e00-\u9fff\uff00-\uffef]")
# three words in a row are a sentence; a command to be typed is not
ENGLISH = re.compile(r"(?<![\w./-])[A-Za-z]{2,} [A-Za-z]{2,} [A-Za-z]{2,}(?![\w./-])")
Make = Callable[[Path], object]
COMMANDS = re.compile(r"drgpay [a-z-]+( [a-z-]+)?( --[a-z-]+)?")


# --- folders with faults ----------------------------------------------------------------------


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def region(folder: Path) -> Path:
    """EX1 as a region folder, without its Chinese names."""
    path = folder / "region"
    shutil.copytree(TESTS / "cases" / "ex1", path)
    edit(path / "region.toml", "../../schemes/ex1-tiny", str(TESTS / "schemes" / "ex1-tiny"))
    return path


def _not_parquet(folder: Path) -> None:
    (folder / "cases.parquet").write_bytes(b"no parquet at all")


def _missing_column(folder: Path) -> None:
    pq.write_table(pa.table({"case_id": ["C1"], "sex": ["M"]}), folder / "cases.parquet")


def _csv(text: str) -> Make:
    return lambda folder: (folder / "cases.csv").write_text(text, encoding="gb18030")


def _region(*edits: tuple[str, str, str]) -> Make:
    def make(folder: Path) -> None:
        path = region(folder)
        for name, old, new in edits:
            edit(path / name, old, new)

    return make


def _policy(*edits: tuple[str, str]) -> Make:
    """A region whose policy is a broken copy of testland's."""

    def make(folder: Path) -> None:
        path = region(folder)
        shutil.copy(ROOT / "reference" / "policies" / "testland.toml", path / "own.toml")
        edit(path / "region.toml", '"testland"', '"./own.toml"')
        for old, new in edits:
            edit(path / "own.toml", old, new)

    return make


def _scheme(*edits: tuple[str, str, str]) -> Make:
    def make(folder: Path) -> None:
        path = folder / "scheme"
        shutil.copytree(TESTS / "schemes" / "testland-tiny", path)
        for name, old, new in edits:
            edit(path / name, old, new)

    return make


def _broken_scheme(folder: Path) -> None:
    """Findings of many checks at once, of rules and of tables."""
    _scheme()(folder)
    path = folder / "scheme"
    for name in ("mdc.csv", "adrg.csv", "drg.csv"):
        lines = (path / name).read_text(encoding="utf-8").splitlines()
        lines += [lines[-1], lines[1]]
        (path / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
    with (path / "adrg.csv").open("a", encoding="utf-8") as stream:
        stream.write("MDCQ,99,Q1,other,principal startswith,\n")
        stream.write("MDCQ,98,QQ1,medical,age_years > many,\n")
        stream.write('MDCQ,97,QQ2,medical,"main_procedure in {""x""} and principal in proc",\n')
    with (path / "severity.csv").open("a", encoding="utf-8") as stream:
        stream.write("Z99.9,MAJOR,999\n")
    with (path / "lists.csv").open("a", encoding="utf-8") as stream:
        stream.write("NONE,dx,Z00\nNONE,dx,Z00\n")


def _scheme_without_table(folder: Path) -> None:
    _scheme()(folder)
    (folder / "scheme" / "drg.csv").unlink()


def _cases_and_broken_scheme(folder: Path) -> None:
    _broken_scheme(folder)
    _csv("a\n")(folder)


@dataclass(frozen=True)
class Fault:
    """A call that must be refused: `{}` in its words is the folder that `make` prepares."""

    name: str
    words: str
    code: int
    chinese: str
    english: str
    make: Make = field(default=lambda folder: None)


def _out(folder: Path) -> None:
    region(folder)
    (folder / "run").mkdir()


def _given_drg(folder: Path) -> None:
    _region(("base_points.csv", "AH19,", "XX99,"))(folder)


FAULTS = [
    Fault("no file", "group nothere.parquet -o out.csv", 5, "没有这个文件", "no such file"),
    Fault("empty folder", "group empty -o out.csv", 5, "没有病例文件", "no case files",
          lambda f: (f / "empty").mkdir()),
    Fault("not parquet", "group cases.parquet -o out.csv", 5, "读不出来", "cannot be read", _not_parquet),
    Fault("kind of file", "group scheme.docx -o out.csv", 5, ".docx", "unknown kind",
          lambda f: (f / "scheme.docx").touch()),
    Fault("no column", "group cases.parquet -o out.csv", 5, "缺少列：", "missing column", _missing_column),
    Fault("no encoding", "group cases.csv -o out.csv", 5, "既不是UTF-8", "neither UTF-8",
          lambda f: (f / "cases.csv").write_bytes(b"case_id,sex\n1,\xff\xff\n")),
    Fault("empty file", "group cases.csv -o out.csv", 5, "空的", "is empty", _csv("\n")),
    Fault("output kind", "group cases.csv -o out.txt", 5, "扩展名", "end the name", _csv("a\n")),
    Fault("output folder", "group cases.csv -o no/out.csv", 5, "先建立", "make the folder", _csv("a\n")),
    Fault("no scheme", "group cases.csv -o out.csv --scheme mars", 5, "没有名为“mars”的分组方案",
          "no scheme named 'mars'", _csv("a\n")),
    Fault("no region", "year-end . -o run", 5, "region.toml", "no region.toml"),
    Fault("region not TOML", "year-end region -o run", 5, "第7行", "not TOML",
          _region(("region.toml", "year = 2024", "year = = 2024"))),
    Fault("region faults", "year-end region -o run", 5, "coefficients.csv 第2行：医疗机构编码（hospital_id）“H9”不在 hospitals.csv 中",
        "'H9' is not in",
          _region(
              ("region.toml", "year = 2024", 'year = "next"\nodd = 1'),
              ("region.toml", '"130000.00"', '"13万"'),
              ("coefficients.csv", "H1,1.0600", "H9,1.06"),
              ("coefficients.csv", "H2,0.9800", "H2,0.98000001"),
              ("scores.csv", "H1,1.00", "H1,1.50"),
              ("scores.csv", "H2,0.90", "H3,0.90"),
              ("reviews.csv", "granted", "maybe"),
              ("base_points.csv", "45000.00,yes", "-45000.00,perhaps"),
              ("bed_day_rates.csv", "bed_day_class", "class"),
              ("violations.csv", "500.00,", "500.00,x,"),
              ("hospitals.csv", "H3,", "H2,"),
          )),
    Fault("DRG of no scheme", "year-end region -o run", 5, "病组（drg）“XX99”", "drg 'XX99'", _given_drg),
    Fault("no policy", "year-end region -o run", 5, "没有名为“atlantis”的政策", "no policy named",
          _region(("region.toml", '"testland"', '"atlantis"'))),
    Fault("policy faults", "year-end region -o run", 4, "之间没有值", "no value between",
          _policy(
              ("parameters.point_scale", "parameters.point_scales"),
              ('value = 4\nalternative = 2\nsource = "assumed: invented for tests"', "value = 4.5"),
              ('[[parameters.group_mean_dp.values]]\nfrom = 2019-01-01\nvalue = 2\n',
               '[[parameters.group_mean_dp.values]]\nfrom = 2019-01-01\nto = 2019-12-31\nvalue = 2\n'
               'source = "a"\nverified = true\n[[parameters.group_mean_dp.values]]\n'
               'from = 2021-01-01\nvalue = 2\n'),
              ('unit = "quartile_type"', 'unit = "days"\nodd = 1'),
              ('value = "largest_remainder"', 'value = "biggest"'),
          )),
    Fault("policy not TOML", "year-end region -o run", 4, "不是TOML", "not TOML",
          _policy(("[policy]", "[policy"))),
    Fault("policy of other years", "year-end region -o run", 4, "在2017年都没有值", "has a value in 2017",
          _region(("region.toml", "year = 2024", "year = 2017"))),
    Fault("--set key", "year-end region -o run --set keep=1", 4, "没有政策参数“keep”",
          "no parameter 'keep'", region),
    Fault("--set values", "year-end region -o run --set keep_ratio=2 --set residual=x "
          "--set history_years=two --set stable.inclusive=ja --set high.bands=100:3 "
          "--set fund_type_map=x --set keep_ratio", 4,
          "不在 0 至 1 之间", "not between 0 and 1", region),
    Fault("run exists", "year-end region -o run", 5, "从不覆盖", "never overwritten", _out),
    Fault("no budgeted points", "year-end region -o run --set pool_without_points=refuse", 5, "求不出点值", "a point has no value",
          _region(("region.toml", '[[pools]]\npool = "310"',
                   '[[pools]]\npool = "500"\nbudget_yuan = "5"\n\n[[pools]]\npool = "310"'))),
    Fault("no option", "year-end region", 2, "缺少选项", "Missing option"),
    Fault("no argument", "group -o out.csv", 2, "缺少参数", "Missing argument"),
    Fault("no command", "settle", 2, "没有命令“settle”", "No such command"),
    Fault("no such option", "group cases.csv -o out.csv --thread 2", 2, "没有选项“--thread”", "No such option"),
    Fault("bad choice", "explain --sex X", 2, "不在可选值中", "is not one of"),
    Fault("bad number", "explain --age old", 2, "“old”不是整数", "not a valid integer"),
    Fault("out of range", "group cases.csv -o out.csv --threads 999", 2, "超出范围", "not in the range"),
    Fault("option without value", "group cases.csv -o", 2, "要跟一个值", "requires an argument"),
    Fault("word too much", "year-end region more -o run", 2, "多出了参数", "unexpected extra argument"),
    Fault("nothing to explain", "explain", 5, "缺少 --sex", "is missing"),
    Fault("no case of that id", "explain --from region/cases.csv --case C99", 5, "没有病例 C99",
          "no case 'C99'", region),
    Fault("not a case", "explain --sex M --age 999 --dx I10", 5, "不是一个病例", "not a case"),
    Fault("scheme without table", "scheme show scheme", 3, "缺少这张表", "table is missing",
          _scheme_without_table),
    Fault("scheme columns", "scheme check ./scheme", 3, "表头应为", "the columns must be",
          _scheme(("drg.csv", "adrg,order", "adrg,place"))),
    Fault("scheme option", "scheme check ./scheme", 3, "main 或 any", "main or any",
          _scheme(("manifest.toml", 'surgical_match = "main"', 'surgical_match = "some"'))),
    Fault("no group of that code", "scheme show chs-drg-1.1 QQ9", 5, "没有 QQ9 这个组", "no group 'QQ9'"),
    Fault("broken scheme", "group cases.csv -o out.csv --scheme ./scheme", 3, "新问题", "findings",
          _cases_and_broken_scheme),
    Fault("folder not empty", "synth --cases 10 -o .", 5, "文件夹不是空的", "not empty", _csv("a\n")),
]  # fmt: skip


def english_in(text: str, folder: Path) -> list[str]:
    return ENGLISH.findall(COMMANDS.sub("", text.replace(str(folder), "")))


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_faults__are_told_in_chinese_and_in_english_when_asked(
    fault: Fault, tmp_path: Path
) -> None:
    fault.make(tmp_path)
    told = drgpay(*fault.words.split(), cwd=tmp_path)
    assert told.returncode == fault.code, told.stderr
    assert "Traceback" not in told.stderr
    assert fault.chinese in told.stderr
    assert not english_in(told.stderr, tmp_path), told.stderr
    # every line is Chinese, not only the first
    for line in told.stderr.splitlines():
        assert CHINESE.search(line) or not line.strip(), line

    told = drgpay(*fault.words.split(), lang="en", cwd=tmp_path)
    assert told.returncode == fault.code, told.stderr
    assert "Traceback" not in told.stderr
    assert fault.english in told.stderr
    data = told.stderr.replace("13万", "")
    assert not CHINESE.search(data), told.stderr


def test_scheme_check__prints_findings_in_chinese(tmp_path: Path) -> None:
    _broken_scheme(tmp_path)
    told = drgpay("scheme", "check", "./scheme", cwd=tmp_path)
    assert told.returncode == 3, told.stderr
    findings = [line for line in told.stdout.splitlines() if line.startswith("    ")]
    assert len(findings) > 15
    for line in findings:
        assert CHINESE.search(line), line
    assert not english_in(told.stdout, tmp_path), told.stdout
    in_english = drgpay("scheme", "check", "./scheme", lang="en", cwd=tmp_path)
    lines = [line for line in in_english.stdout.splitlines() if line.startswith("    ")]
    assert len(lines) == len(findings)


def commands(group: click.Group, words: str = "") -> Iterator[str]:
    """Every command there is, as it is typed."""
    yield words
    context = click.Context(group)
    for name in group.list_commands(context):
        inner = group.get_command(context, name)
        path = f"{words} {name}".strip()
        if isinstance(inner, click.Group):
            yield from commands(inner, path)
        else:
            yield path


@pytest.mark.parametrize("command", list(commands(cli)))
def test_help__is_chinese_and_english_when_asked(command: str, tmp_path: Path) -> None:
    told = drgpay(*command.split(), "--help", cwd=tmp_path)
    assert told.returncode == 0
    assert told.stdout.startswith("用法：")
    assert not english_in(told.stdout, tmp_path), told.stdout
    for word in ("Options", "Commands", "required", "default", "INTEGER", "PATH", "TEXT"):
        assert word not in told.stdout
    told = drgpay(*command.split(), "--help", lang="en", cwd=tmp_path)
    assert told.stdout.startswith("Usage:")
    assert not CHINESE.search(told.stdout), told.stdout


def test_lang__may_stand_behind_the_command_and_in_the_environment(tmp_path: Path) -> None:
    assert "no such file" in drgpay(*"group a.csv -o b.csv --lang en".split(), cwd=tmp_path).stderr
    assert "no such file" in drgpay(*"group a.csv --lang=en -o b.csv".split(), cwd=tmp_path).stderr
    told = subprocess.run(
        [sys.executable, "-m", "drgpay", "group", "a.csv", "-o", "b.csv"],
        capture_output=True,
        encoding="utf-8",
        cwd=tmp_path,
        env={**os.environ, "DRGPAY_LANG": "en"},
        check=False,
    )
    assert "no such file" in told.stderr


def test_os_faults__are_told_without_a_traceback(tmp_path: Path) -> None:
    path = region(tmp_path)
    (path / "own.toml").mkdir()
    edit(path / "region.toml", '"testland"', '"./own.toml"')
    told = drgpay("year-end", "region", "-o", "run", cwd=tmp_path)
    assert told.returncode == 4  # a fault of the policy, as any other content of that file
    assert "不是普通文件" in told.stderr
    assert "own.toml" in told.stderr
    assert "Traceback" not in told.stderr


# --- no new message without its Chinese -------------------------------------------------------

FAMILY = {"DrgpayError", "SchemeError", "PolicyError", "InputError", "BooksError"}


@cache
def makers() -> set[str]:
    """Return the functions that say of themselves that they return texts of both languages."""
    found = set()
    for path in SRC.rglob("*.py"):
        for part in re.split(r"\bdef (?=\w+\()", path.read_text(encoding="utf-8"))[1:]:
            head = part.partition(":\n")[0]
            if "Bilingual" in head.rpartition("->")[2]:
                found.add(part.partition("(")[0])
    return found


# the modules whose ValueErrors end up inside faults
PARSERS = {
    "money.py", "constraints.py", "files.py", "year.py", "kinds.py", "settings.py", "tables.py",
    "table_rules.py", "rules.py", "program.py",
}  # fmt: skip
# a fault of the program, not of its input
NOT_FOR_USERS = {"the exact values do not sum to the total", "no open band"}


def name_of(node: ast.expr) -> str:
    if isinstance(node, ast.Name):
        return node.id
    return node.attr if isinstance(node, ast.Attribute) else ""


def is_plain(node: ast.expr | None) -> bool:
    """Whether an expression is a text of one language."""
    if isinstance(node, ast.Constant):
        return isinstance(node.value, str) and node.value not in NOT_FOR_USERS
    if isinstance(node, ast.JoinedStr | ast.BinOp):
        return True
    if isinstance(node, ast.IfExp):
        return is_plain(node.body) or is_plain(node.orelse)
    if isinstance(node, ast.List | ast.Tuple):
        return any(is_plain(item) for item in node.elts)
    if isinstance(node, ast.ListComp | ast.GeneratorExp):
        return is_plain(node.elt)
    return isinstance(node, ast.Call) and name_of(node.func) not in makers()


def plain_texts(tree: ast.AST, module: str) -> Iterator[ast.expr]:
    """Yield the texts of faults that know one language only."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            called = name_of(node.func)
            texts: list[ast.expr] = []
            if called in FAMILY:
                texts = [*node.args[:1], *(k.value for k in node.keywords if k.arg != "where")]
            elif called in ("ValueError", "RuleSyntaxError") and module in PARSERS:
                texts = node.args[:1]
            elif called in ("append", "extend") and _of_faults(node.func):
                texts = node.args
            yield from (text for text in texts if is_plain(text))
        elif isinstance(node, ast.AugAssign) and name_of(node.target) == "faults":
            yield from (text for text in [node.value] if is_plain(text))


def _of_faults(node: ast.expr) -> bool:
    return isinstance(node, ast.Attribute) and name_of(node.value) == "faults"


@pytest.mark.parametrize("path", sorted(SRC.rglob("*.py")), ids=lambda p: str(p.relative_to(SRC)))
def test_messages__are_written_in_both_languages(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    plain = [f"line {text.lineno}: {ast.unparse(text)}" for text in plain_texts(tree, path.name)]
    assert not plain


def test_messages__of_one_language_are_found() -> None:
    bad = """
raise InputError("no")
raise SchemeError(f"no {x}", where=path)
raise BooksError(both("否", "no"), remedy="mend it")
raise PolicyError(t("否", "no"))
raise ValueError("no")
faults.append(f"{key}: no")
self.faults += [f"{key}: no" for key in keys]
faults.extend(str(error) for error in errors)
"""
    assert len(list(plain_texts(ast.parse(bad), "constraints.py"))) == 8
    good = """
raise InputError(both("否", "no"), where=f"{path}:3", remedy=both("改", "mend it"))
raise SchemeError(MISSING, where=path)
faults.append(located(key, error))
raise PolicyError(both("否", "no"), faults=faults)
"""
    assert not list(plain_texts(ast.parse(good), "constraints.py"))


# --- texts of two languages -------------------------------------------------------------------


def test_text__of_an_error_is_composed_in_both_languages() -> None:
    fault = located(both("第3行", "line 3"), located("keep_ratio", ValueError(both("否", "no"))))
    assert isinstance(fault, Bilingual)
    error = InputError(
        both("不能用", "unusable"), where="a.csv", faults=[fault], remedy=both("改", "mend it")
    )
    assert error.text("zh") == "a.csv：不能用\n  - 第3行：keep_ratio：否\n  → 改"
    assert str(error) == "a.csv: unusable\n  - line 3: keep_ratio: no\n  → mend it"
    assert in_language(ValueError("5"), "zh") == "5"
    assert pickle.loads(pickle.dumps(fault)).chinese == fault.chinese


@pytest.mark.parametrize("words", [("--help",), ("cases", "--help")])
def test_help__is_shown_before_anything_large_is_loaded(words: tuple[str, ...]) -> None:
    script = (
        f"import sys; sys.argv = ['drgpay', *{words!r}]\n"
        "from drgpay.cli import main\n"
        "try:\n    main()\nfinally:\n    print({'numpy', 'pyarrow', 'numba'} & {*sys.modules})"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert done.stdout.splitlines()[-1] == "set()", done.stdout + done.stderr


@pytest.mark.parametrize(
    ("words", "spared"),
    [
        (("group", "one.csv", "-o", "out.csv"), ("pandas", "jinja2", "scipy.linalg")),
        (
            ("cases", "check", "one.csv", "-o", "out.json"),
            ("pandas", "jinja2", "scipy.linalg"),
        ),
        (("explain", "--from", "one.csv"), ("pandas", "jinja2", "scipy.linalg")),
    ],
)
def test_command_on_cases__starts_without_what_it_does_not_need(
    words: tuple[str, ...], spared: tuple[str, ...], tmp_path: Path
) -> None:
    (tmp_path / "one.csv").write_text("case_id,sex,age_years,diagnoses\n1,M,61,I63.900\n")
    script = (
        f"import sys; sys.argv = ['drgpay', *{words!r}];"
        "from drgpay.cli import main\n"
        f"try:\n    main()\nfinally:\n    print([n for n in {spared!r} if n in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.stdout.splitlines()[-1] == "[]", done.stdout + done.stderr
    told = done.stdout + "".join(path.read_text() for path in tmp_path.glob("out.csv"))
    assert "BR25" in told or words[0] == "cases"
