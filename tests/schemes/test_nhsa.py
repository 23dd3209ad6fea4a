"""The national workbook of grouping rules becomes a scheme that groups as its rules say."""

import csv

import pytest
from click.testing import CliRunner

from drgpay import Grouper
from drgpay.cli import scheme as command
from drgpay.ground.errors import InputError, SchemeError
from drgpay.schemes.load import check_scheme
from drgpay.schemes.nhsa import clean, import_nhsa
from reference.model import group_case as model_group
from reference.model import load_scheme as model_scheme
from tests.schemes.nhsa_workbook import SHEETS, edition_of_september, write_workbook


@pytest.fixture(scope="module", params=["first", "september"])
def imported(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    sheets = SHEETS if request.param == "first" else edition_of_september(SHEETS)
    return import_nhsa(write_workbook(folder / "规则.xlsx", sheets), folder / "scheme")


@pytest.fixture(scope="module")
def groupers(imported):
    return Grouper(imported.folder), model_scheme(imported.folder)


def test_import__both_editions_pass_the_checks(imported):
    assert [fault.placed.chinese for fault in imported.faults] == []
    assert check_scheme(imported.folder).new == ()


def test_import__a_column_found_elsewhere_and_repeated_rows_are_said(imported):
    said = "\n".join(note.chinese for note in imported.unused)
    assert "1行与同一集合的前面各行重复" in said
    september = "september" in str(imported.folder)
    assert ("ADRG编码（第2列→第1列）" in said) == september


@pytest.mark.parametrize(
    ("case", "drg"),
    [
        # a valid main procedure of another MDC: the ambiguous group, before the medical ADRG
        ({"diagnoses": ["I61.000"], "procedures": ["47.0100"]}, "BQY"),
        ({"diagnoses": ["N40.x00"], "procedures": ["47.0100"]}, "MQY"),
        # sex is part of the rule of MDCM: a female passes on, and nothing takes her
        ({"sex": "F", "diagnoses": ["N40.x00"], "procedures": ["47.0100"]}, "0000"),
        # newborns: 28 and 29 days
        ({"age_years": 0, "age_days": 28, "diagnoses": ["P78.900"], "procedures": ["47.0100"]}, "PQY"),
        ({"age_years": 0, "age_days": 29, "diagnoses": ["P78.900"], "procedures": ["47.0100"]}, "0000"),
        ({"age_years": 0, "age_days": 29, "diagnoses": ["P78.900"]}, "PV19"),
        ({"age_years": 0, "age_days": 28, "diagnoses": ["P78.900"]}, "P000"),
        # weight at admission: 999, 1000, 1499, 1500 g
        *(
            ({"age_years": 0, "age_days": 3, "admission_weight_g": grams, "diagnoses": ["P07.100"]}, drg)
            for grams, drg in ((999, "P000"), (1000, "PS29"), (1499, "PS29"), (1500, "P000"))
        ),
        # 69 and 70 years; a robot code as the second procedure; levels
        ({"age_years": 69, "diagnoses": ["G91.900"], "procedures": ["02.3400"]}, "BB25"),
        ({"age_years": 70, "diagnoses": ["G91.900"], "procedures": ["02.3400"]}, "BB2H"),
        ({"age_years": 70, "diagnoses": ["G91.900", "J96.000"], "procedures": ["02.3400"]}, "BB2F"),
        ({"diagnoses": ["G91.900", "J96.000"], "procedures": ["02.3400", "17.4200"]}, "BB20"),
        ({"diagnoses": ["G91.900", "J96.000"], "procedures": ["02.3400"]}, "BB21"),
        # excluded by the principal diagnosis: measured by the table of the secondary one
        ({"diagnoses": ["I63.900", "G91.900"], "procedures": ["02.3400"]}, "BB23"),
        ({"diagnoses": ["I61.000", "G91.900"], "procedures": ["02.3400"]}, "BB25"),
        # the principal stands on the table by which E11.900 is measured
        ({"diagnoses": ["G91.900", "E11.900"], "procedures": ["02.3400"]}, "BB25"),
        # OT1 stands behind the fall-back by number, and is tried before it
        ({"sex": "F", "diagnoses": ["O00.100"]}, "OT19"),
        ({"sex": "F", "diagnoses": ["O99.800"]}, "O000"),
        # both orders of two procedures; either alone
        ({"diagnoses": ["I63.900"], "procedures": ["81.0400", "81.0500"]}, "BB15"),
        ({"diagnoses": ["I63.900"], "procedures": ["81.0500", "81.0400"]}, "BB15"),
        ({"diagnoses": ["I63.900"], "procedures": ["81.0500"]}, "BQY"),
        # different codes are counted, not entries
        ({"diagnoses": ["I63.900"], "procedures": ["03.9200", "03.3100"]}, "BC29"),
        ({"diagnoses": ["I63.900"], "procedures": ["03.9200", "03.9200"]}, "BR19"),
        # MDCA is tried on every case; a case that its groups do not take goes on
        ({"diagnoses": ["I63.900"], "procedures": ["37.5100"]}, "AA19"),
        ({"diagnoses": ["G91.900"]}, "B000"),
        # sites: principal on one, a secondary on another
        ({"diagnoses": ["S06.200", "S27.300"]}, "ZZ19"),
        ({"diagnoses": ["S06.200", "S36.100"], "procedures": ["01.2400"]}, "ZB19"),
        ({"diagnoses": ["S06.200"]}, "0000"),
    ],
)  # fmt: skip
def test_group__cases_that_must_part(groupers, case, drg):
    facts = {"sex": "M", "age_years": 50, "procedures": [], **case}
    grouper, model = groupers
    made = grouper.group_case(**facts)
    assert made.drg == drg
    plain = model_group(model, **facts)
    assert (plain.drg, plain.status) == (made.drg, made.status)


def test_group__a_fallback_group_counts_as_not_grouped(groupers):
    made = groupers[0].group_case(sex="M", age_years=50, diagnoses=["G91.900"], procedures=[])
    assert (made.drg, made.status) == ("B000", "ungroupable")


def _replace(sheet, row, column, value):
    def change(sheets):
        sheets[sheet][row][column] = value

    return change


FAULTS = {
    "header word missing": (_replace("ADRG", 0, 3, "规则"), "[ADRG]", "缺少这一列"),
    "sheet missing": (lambda s: s.pop("CC"), "[CC]", "缺少这张工作表"),
    "sheet empty": (lambda s: s["CC"].__delitem__(slice(1, None)), "[CC]", "表头下面没有内容"),
    "unknown set": (_replace("MDC", 5, 2, "ZYZD in DI_XX"), "[MDC] 第6行", "“集合”表中的集合编号"),
    "unknown field": (_replace("ADRG", 7, 3, "FOO in OP_ZB1"), "[ADRG] 第8行", "FOO"),
    "unclosed bracket": (_replace("ADRG", 7, 3, "(ZYSS in OP_ZB1"), "[ADRG] 第8行", "规则却已结束"),
    "DRG of an unknown ADRG": (_replace("DRG", 6, 3, "ZB9"), "[DRG] 第7行", "ADRG 表中没有这个编码"),
    "ADRG without DRG": (lambda s: s["DRG"].pop(6), "[ADRG] 第8行", "没有所属的DRG"),
    "code twice": (_replace("DRG", 8, 0, "ZZ19"), "[DRG] 第9行", "编码与第8行重复"),
    "order empty": (_replace("ADRG", 7, 5, None), "[ADRG] 第8行", "未填写"),
    "order no number": (_replace("ADRG", 7, 5, "甲"), "[ADRG] 第8行", "不是整数"),
    "two rest groups": (_replace("DRG", 15, 2, None), "[DRG] 第17行", "两个无规则"),
    "level unknown": (_replace("CC", 1, 3, "重"), "[CC] 第2行", "不是MCC或CC"),
    "table unknown": (_replace("CC", 1, 2, "EX_999"), "[CC] 第2行", "“排除表”中没有这张表"),
    "set of no kind": (_replace("集合", 1, 0, "XX_B00"), "[集合] 第2行", "不以DI或OP开头"),
    "no valid procedures": (
        lambda s: [row.__setitem__(0, "OP_BB2") for row in s["集合"] if row[0] == "OP_ALL"],
        "[集合]",
        "没有这个集合",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", FAULTS)
def test_import__each_fault_names_its_place(tmp_path, name):
    change, place, text = FAULTS[name]
    book = write_workbook(tmp_path / "a.xlsx", change=change)
    done = import_nhsa(book, tmp_path / "s")
    assert done.scheme is None
    assert not (tmp_path / "s").exists()
    said = [fault.placed.chinese for fault in done.faults]
    assert any(f"a.xlsx{place}" in one and (text is None or text in one) for one in said), said


def test_import__all_faults_at_once(tmp_path):
    def change(sheets):
        FAULTS["unknown set"][0](sheets)
        FAULTS["order no number"][0](sheets)
        FAULTS["level unknown"][0](sheets)

    done = import_nhsa(write_workbook(tmp_path / "a.xlsx", change=change), tmp_path / "s")
    assert len(done.faults) >= 3


def test_import__what_the_text_has_and_the_workbook_lacks_is_added(tmp_path):
    def change(sheets):
        sheets["排除表"].append(["EX_104", "P39.900", "感染"])
        sheets["CC"].append(["P36.900", "败血症", "EX_104", "MCC"])

    book = write_workbook(tmp_path / "a.xlsx", change=change)
    for amend in (True, False):
        done = import_nhsa(book, tmp_path / str(amend), amend=amend)
        assert done.faults == []
        with (done.folder / "exclusions.csv").open(encoding="utf-8") as stream:
            rows = [
                row["principal"]
                for row in csv.DictReader(stream)
                if row["exclusion_list"] == "EX_104"
            ]
        assert rows == (["P39.800", "P39.900"] if amend else ["P39.900"])
        assert any("EX_104 P39.800" in note.chinese for note in done.unused) == amend


def test_import__what_whole_checks_find_is_accepted_and_said(tmp_path):
    def change(sheets):  # an ADRG that an earlier one hides
        sheets["ADRG"].append([None, "BB3", "分流二", "ZYSS in OP_BB2", "MDCB", 3])
        sheets["DRG"].append(["BB39", "分流二", "", "BB3", "MDCB", 1])

    book = write_workbook(tmp_path / "a.xlsx", change=change)
    done = import_nhsa(book, tmp_path / "s")
    assert done.faults == []
    assert any("adrg_unreachable" in note.chinese for note in done.unused)
    assert check_scheme(done.folder).new == ()
    strict = import_nhsa(book, tmp_path / "t", strict=True)
    assert any("adrg_unreachable" in str(fault.remedy) for fault in strict.faults)


def test_impact__from_a_bundled_scheme_to_the_imported_one(imported, tmp_path):
    cases = tmp_path / "cases.csv"
    cases.write_text(
        "case_id,hospital_id,sex,age_years,discharge_date,diagnoses,procedures,total_cost\n"
        "C1,H1,M,50,2026-05-01,I63.900,,9000.00\n"
        "C2,H1,M,71,2026-05-02,G91.900,02.3400,30000.00\n",
        encoding="utf-8",
    )
    words = ["impact", "chs-drg-2.0", imported.folder, cases, "-o", tmp_path / "impact"]
    done = CliRunner().invoke(command.scheme, [str(word) for word in words])
    assert done.exit_code == 0, done.exception
    with (tmp_path / "impact" / "moves.csv").open(encoding="utf-8-sig") as stream:
        moves = list(csv.DictReader(stream))
    assert sum(int(row["cases"]) for row in moves) == 2
    assert {"BR19", "BB2H"} <= {value for row in moves for value in row.values()}


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("a_x000D_\nb", "a b"),
        ("_x000a_ _x0009_a　b\u00a0\u200bc ", "a b c"),
        ("", ""),
    ],
)
def test_clean__blanks_of_every_kind_are_one(text, cleaned):
    assert clean(text) == cleaned


def test_command__builds_the_scheme_and_says_what_it_made(tmp_path):
    def run(*words):
        return CliRunner().invoke(command.scheme, ["import-nhsa", *map(str, words)])

    made = run(write_workbook(tmp_path / "官方.xlsx"), "-o", tmp_path / "s")
    assert made.exit_code == 0
    assert "已写出" in made.output
    wrong = write_workbook(tmp_path / "b.xlsx", change=FAULTS["level unknown"][0])
    refused = run(wrong, "-o", tmp_path / "t")
    assert isinstance(refused.exception, SchemeError)
    assert "不是MCC或CC" in refused.exception.text("zh")
    assert (tmp_path / "t.faults.csv").exists()
    named = run(tmp_path / "规则.pdf", "-o", tmp_path / "u")
    assert isinstance(named.exception, InputError)


def test_import__a_file_that_is_no_workbook_is_refused(tmp_path):
    (tmp_path / "a.xlsx").write_text("MDC,规则")
    with pytest.raises(InputError):
        import_nhsa(tmp_path / "a.xlsx", tmp_path / "s")
