"""Each case by the version of its own day: explanations, conversion, checks; today is asked once."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from types import SimpleNamespace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from drgpay.cases.convert import convert
from drgpay.cli.cases_check import check as check_command
from drgpay.cli.cases_convert import convert as convert_command
from drgpay.cli.explain import explain as explain_command
from drgpay.ground.errors import InputError
from drgpay.grouper import explain_file as explaining
from drgpay.grouper import group
from drgpay.grouper import versions as own_clock
from drgpay.grouper.check import check_cases
from drgpay.grouper.engine import cached_grouper
from drgpay.grouper.explain import explain
from drgpay.grouper.explain_file import explain_file
from drgpay.grouper.versions import VersionedGrouper, any_grouper, schemes_of
from drgpay.schemes.versions import find_family
from tests.schemes.test_scheme_versions import RENAMED, cases, version

DAYS = ("2023-12-31", "2024-01-01", "2022-02-02", "2030-01-01")
NAMES = ["old", "new", "old", "new"]


@pytest.fixture
def family(tmp_path: Path) -> Path:
    """Two versions: until 2023 and from 2024, in which ES13 is called ES14."""
    folder = tmp_path / "family"
    version(folder, "old", "from = 2020-01-01\nto = 2023-12-31")
    version(folder, "new", "from = 2024-01-01", *RENAMED)
    return folder


class Clock(dt.date):
    """A clock that goes over midnight: each question is a day later than the one before."""

    asked = 0
    first = dt.date(2023, 12, 31)

    @classmethod
    def today(cls) -> dt.date:
        """Return the next day."""
        cls.asked += 1
        return cls.first + dt.timedelta(days=cls.asked - 1)


@pytest.fixture
def midnight(monkeypatch: pytest.MonkeyPatch) -> type[Clock]:
    """The first day asked is the last of the old version, the next the first of the new one."""
    clock = type("Midnight", (Clock,), {"asked": 0})
    monkeypatch.setattr(own_clock, "dt", SimpleNamespace(date=clock, datetime=dt.datetime))
    return clock


# --- explanations ---------------------------------------------------------------------------


@pytest.mark.parametrize("workers", [1, 2])
def test_explain_file__takes_the_version_of_each_cases_day(
    family: Path, tmp_path: Path, workers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(explaining, "FOR_A_POOL", 1)
    table = cases(*DAYS, "2019-12-31", None)
    done = explain_file(table, tmp_path / "e.parquet", family, workers=workers)
    rows = pq.read_table(done.path)
    grouped = group(table, family).table
    for name in ("scheme", "drg", "status", "reason"):
        assert rows[name].to_pylist() == grouped[name].to_pylist(), name
    assert rows["scheme"].to_pylist() == [*NAMES, None, None]
    for text, own in zip(rows["text"].to_pylist(), NAMES, strict=False):
        assert text.startswith(f"分组方案 {own}（")
    assert [(use.scheme, use.cases) for use in done.versions] == [("old", 2), ("new", 2)]
    assert any("old 2 例、new 2 例" in note.chinese for note in done.warnings)
    told = json.loads(pq.read_schema(done.path).metadata[b"drgpay"])
    assert [scheme["id"] for scheme in told["schemes"]] == ["old", "new"]
    assert told["schemes"][0]["readings"]["surgical_match"] == "main"
    assert done.counts.quarantined == 2


def test_explain_file__of_one_version_says_what_that_version_alone_says(
    family: Path, tmp_path: Path
) -> None:
    mixed = pq.read_table(explain_file(cases(*DAYS), tmp_path / "m.parquet", family).path)
    for name in ("old", "new"):
        alone = pq.read_table(
            explain_file(cases(*DAYS), tmp_path / f"{name}.parquet", family / name).path
        )
        for i, own in enumerate(NAMES):
            if own == name:
                assert mixed.slice(i, 1).to_pylist() == alone.slice(i, 1).to_pylist()


def lists(day: str) -> dict[str, object]:
    """A settlement list of the case of `cases`."""
    return {
        "setlinfo": {
            "setl_id": f"L{day}", "gend": "1", "age": "60", "dscg_time": f"{day} 08:00:00",
            "adm_time": "2022-01-01 08:00:00",
        },
        "diseinfo": [
            {"diag_type": "1", "diag_code": code, "maindiag_flag": flag, "vali_flag": "1"}
            for code, flag in (("J18.100", "1"), ("I50.100", "0"))
        ],
    }  # fmt: skip


def test_explain__of_lists_goes_by_the_day_of_each_list(family: Path, tmp_path: Path) -> None:
    file = tmp_path / "lists.jsonl"
    file.write_text("".join(json.dumps(lists(day)) + "\n" for day in DAYS[:2]), encoding="utf-8")
    done = explain_file(file, tmp_path / "e.parquet", family)
    rows = pq.read_table(done.path)
    assert rows["scheme"].to_pylist() == ["old", "new"]
    assert rows["drg"].to_pylist() == ["ES13", "ES14"]
    ids = rows["case_id"].to_pylist()
    for case_id, drg, own in zip(ids, ("ES13", "ES14"), ("old", "new"), strict=True):
        words = ["--from", str(file), "--case", case_id, "--scheme", str(family), "--json"]
        told = json.loads(CliRunner().invoke(explain_command, words).stdout)
        assert (told["grouping"]["drg"], told["scheme"]) == (drg, own)


def test_explain_command__counts_versions_and_explains_as_group_groups(
    family: Path, tmp_path: Path
) -> None:
    file, out = tmp_path / "cases.parquet", tmp_path / "e.parquet"
    pq.write_table(cases(*DAYS), file)
    words = ["--from", str(file), "-o", str(out), "--scheme", str(family)]
    done = CliRunner().invoke(explain_command, words, catch_exceptions=False)
    assert "按版本 old 解释 2 例" in done.output and "按版本 new 解释 2 例" in done.output
    assert pq.read_table(out)["scheme"].to_pylist() == NAMES
    with pytest.raises(InputError, match="is not changed by options"):
        CliRunner().invoke(
            explain_command,
            ["--from", str(file), "--discharged", "2023-01-01"],
            catch_exceptions=False,
        )


def test_explain__in_python_goes_by_the_day_given(family: Path) -> None:
    grouper = any_grouper(family)
    facts = {"sex": "M", "age_years": 60, "diagnoses": ["J18.100", "I50.100"]}
    old = explain(grouper, **facts, discharge_date=dt.date(2023, 12, 31))
    new = explain(grouper, **facts, discharge_date=dt.date(2024, 1, 1))
    assert (old.scheme, old.grouping.drg) == ("old", "ES13")
    assert (new.scheme, new.grouping.drg) == ("new", "ES14")
    with pytest.raises(InputError, match="no version of family was in force"):
        explain(grouper, **facts, discharge_date=dt.date(2019, 1, 1))


def test_explain__reads_codes_as_group_reads_them(tmp_path: Path) -> None:
    """A row that says its edition, and a file whose edition counting finds out."""
    clinical = {"case_id": "a", "sex": "M", "age_years": 61, "diagnoses": ["J44.100x001"]}
    for rows in ([clinical | {"code_system": "clinical-2022"}], [clinical] * 1):
        table = pa.Table.from_pylist(rows)
        grouped = group(table, "zj-drg-2024")
        done = explain_file(table, tmp_path / f"{len(rows[0])}.parquet", "zj-drg-2024")
        assert pq.read_table(done.path)["drg"].to_pylist() == grouped.table["drg"].to_pylist()
        assert grouped.table["status"].to_pylist() == ["grouped"]
        assert done.codes.tally.mapped == grouped.codes.tally.mapped


# --- conversion -----------------------------------------------------------------------------


def two_editions(*days: str | None) -> pa.Table:
    """Cases whose code is one of the clinical edition alone, discharged on these days."""
    count = len(days)
    return pa.table(
        {
            "case_id": [f"C{i}" for i in range(count)],
            "sex": ["M"] * count,
            "age_years": [61] * count,
            "discharge_date": list(days),
            "diagnoses": [["J44.100x001"]] * count,
            "code_system": ["clinical-2022"] * count,
        }
    )


ACROSS = ("2025-01-01", "2024-12-31", "2026-06-01", "2023-01-01")


def test_convert__maps_to_the_edition_of_each_cases_version(tmp_path: Path) -> None:
    grouper = any_grouper("zhejiang")
    done = convert(
        two_editions(*ACROSS),
        tmp_path / "out.parquet",
        schemes=schemes_of(grouper),
        editions=grouper.edition_choice(),
    )
    rows = pq.read_table(done.path)
    assert rows["case_id"].to_pylist() == ["C0", "C1", "C2", "C3"]
    editions = [g.edition for g in grouper.groupers]
    assert editions == ["clinical-2022", "insurance-2.0"]
    assert rows["code_system"].to_pylist() == [editions[1], editions[0]] * 2
    assert rows["diagnoses"].to_pylist() == [["J44.100"], ["J44.100x001"]] * 2
    assert done.schemes == {"zj-drg-2022": 2, "zj-drg-2024": 2}
    before, after = group(two_editions(*ACROSS)).table, group(done.path).table
    assert before["drg"].to_pylist() == after["drg"].to_pylist()


def test_convert__says_by_what_versions_and_what_has_no_day(tmp_path: Path) -> None:
    file = tmp_path / "cases.parquet"
    pq.write_table(two_editions(*ACROSS, None, "2019-01-01"), file)
    words = [str(file), "-o", str(tmp_path / "out.csv")]
    done = CliRunner().invoke(convert_command, words, catch_exceptions=False)
    assert "按版本 zj-drg-2022 的编码转换 3 例" in done.output
    assert "按版本 zj-drg-2024 的编码转换 3 例" in done.output
    assert "没有出院日期：1 例按今日施行的 zj-drg-2024 转换编码" in done.output
    assert "1 例的出院日期不在分组方案 zj-drg-2022 的施行期内" in done.output


def test_convert__quarantines_in_the_order_of_rows(tmp_path: Path) -> None:
    table = two_editions(*ACROSS)
    table = table.set_column(1, "sex", pa.array(["?", "?", "M", "?"]))
    grouper = any_grouper("zhejiang")
    done = convert(table, tmp_path / "out.csv", schemes=schemes_of(grouper))
    assert (done.rows, done.out, done.quarantined) == (4, 1, 3)
    rows = [line.split(",")[2] for line in done.quarantine.read_text("utf-8").splitlines()[1:]]
    assert rows == sorted(rows)


# --- checks ---------------------------------------------------------------------------------


def test_check__uses_the_lists_of_each_cases_version() -> None:
    """Grey codes are those of the newer scheme: the older one has no such list."""
    grey = next(
        code
        for code in sorted(cached_grouper("zj-drg-2024").scheme.grey_codes["diagnosis"])
        if code in cached_grouper("zj-drg-2022").scheme.diagnoses.index
    )
    days = ["2024-12-31", "2025-01-01", "2023-05-05", "2025-05-05"]
    table = pa.table(
        {
            "case_id": ["a", "b", "c", "d"],
            "sex": ["M"] * 4,
            "age_years": [61] * 4,
            "discharge_date": days,
            "diagnoses": [["I63.900", grey]] * 4,
        }
    )
    found = check_cases(table).findings.to_pylist()
    marked = [row["case_id"] for row in found if row["check"] == "diagnosis_grey"]
    assert marked == ["b", "d"]
    for i, name in enumerate(("zj-drg-2022", "zj-drg-2024") * 2):
        alone = check_cases(table.slice(i, 1), name).findings.to_pylist()
        own = [row for row in found if row["case_id"] == "abcd"[i]]
        assert [(r["check"], r["value"]) for r in own] == [(r["check"], r["value"]) for r in alone]


def test_check__names_the_nearest_codes_of_the_cases_version() -> None:
    table = pa.table(
        {
            "case_id": ["a", "b"],
            "sex": ["M"] * 2,
            "age_years": [61] * 2,
            "discharge_date": ["2024-12-31", "2025-01-01"],
            "diagnoses": [["I63.900", "I10.x0O"], ["I63.900", "I63.90O"]],
        }
    )
    done = check_cases(table, "zhejiang")
    old, new = cached_grouper("zj-drg-2022"), cached_grouper("zj-drg-2024")
    assert done.nearest[("diagnoses", "I10.x0O")] == old.nearest[0].of("I10.x0O")
    assert done.nearest[("diagnoses", "I63.90O")] == new.nearest[0].of("I63.90O")
    assert done.scheme == "zhejiang"


def test_check__of_a_scheme_outside_its_period_says_so(family: Path, tmp_path: Path) -> None:
    file = tmp_path / "cases.parquet"
    pq.write_table(cases(*DAYS), file)
    words = [str(file), "--scheme", str(family / "old")]
    done = CliRunner().invoke(check_command, words, catch_exceptions=False)
    assert "2 例的出院日期不在分组方案 old 的施行期内" in done.output
    told = CliRunner().invoke(
        explain_command,
        ["--sex", "M", "--age", "60", "--dx", "J18.100", "--discharged", "2030-01-01",
         "--scheme", str(family / "old")],
        catch_exceptions=False,
    )  # fmt: skip
    assert "2030-01-01 不在分组方案 old 的施行期内" in told.stderr


# --- the version of today -------------------------------------------------------------------


def test_today__is_asked_once_a_run(family: Path, midnight: type[Clock]) -> None:
    many = pa.concat_tables([cases(*DAYS)] * 3).drop_columns("discharge_date")
    pieces = pa.RecordBatchReader.from_batches(many.schema, many.to_batches())
    done = group(pieces, family)
    assert midnight.asked == 1
    assert [use.scheme for use in done.versions] == ["old"]
    assert set(done.table["drg"].to_pylist()) == {"ES13"}
    assert [use.scheme for use in group(many, family).versions] == ["new"]


def test_today__does_not_part_a_run_of_the_other_commands(
    family: Path, tmp_path: Path, midnight: type[Clock]
) -> None:
    table = cases(*DAYS).drop_columns("discharge_date")
    grouper = any_grouper(family)
    assert midnight.asked == 1
    done = explain_file(table, tmp_path / "e.parquet", grouper)
    assert set(pq.read_table(done.path)["scheme"].to_pylist()) == {"old"}
    assert done.codes.tally.undated == {"old": 4}
    parts = schemes_of(grouper)(table, done.codes.tally)
    assert [part.scheme for part in parts] == ["old"]
    assert grouper.group_case(sex="M", age_years=60, diagnoses=["J18.100", "I50.100"]).drg == "ES13"
    assert midnight.asked == 1


def test_today__of_a_grouper_kept_for_long_is_the_day_of_each_call(
    family: Path, midnight: type[Clock]
) -> None:
    found = find_family(family)
    assert found is not None
    kept = VersionedGrouper(found)
    facts = {"sex": "M", "age_years": 60, "diagnoses": ["J18.100", "I50.100"]}
    assert [kept.group_case(**facts).drg for _ in range(2)] == ["ES13", "ES14"]
    assert kept.for_run().for_run().day == dt.date(2024, 1, 2)
