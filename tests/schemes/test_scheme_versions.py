"""Families of versions: which one is in force, what grouping and a year's run make of them."""

from __future__ import annotations

import datetime as dt
import json
import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from drgpay.ground.errors import InputError, SchemeError, in_language
from drgpay.grouper import Grouper, group, group_file
from drgpay.grouper.check import check_cases
from drgpay.grouper.versions import VersionedGrouper, any_grouper
from drgpay.runs.folder import write_run
from drgpay.schemes import load_scheme
from drgpay.schemes.versions import bundled_families, find_family
from drgpay.settlement.year_end import year_end
from tests.grouper.generated import Tables, as_table

HERE = Path(__file__).parent
TINY = HERE / "testland-tiny"


def version(folder: Path, name: str, period: str, *edits: tuple[str, str, str]) -> Path:
    """A copy of testland-tiny with another period, its tables edited."""
    path = folder / name
    shutil.copytree(TINY, path)
    text = (path / "manifest.toml").read_text(encoding="utf-8")
    head = text[: text.index("[counts]")].replace("from = 2019-01-01", period)
    lines = [line for line in head.splitlines() if not line.startswith("digest")]
    (path / "manifest.toml").write_text("\n".join(lines) + "\n", encoding="utf-8")
    for file, old, new in edits:
        table = (path / file).read_text(encoding="utf-8")
        assert old in table
        (path / file).write_text(table.replace(old, new), encoding="utf-8")
    return path


RENAMED = (
    ("drg.csv", "ES1,4,ES13,", "ES1,4,ES14,"),
    ("drg.csv", "肺切除，不伴并发症或合并症", "肺切除，其他"),
)


@pytest.fixture
def family(tmp_path: Path) -> Path:
    """Two versions: until 2023 and from 2024, in which ES13 is called ES14."""
    folder = tmp_path / "family"
    version(folder, "old", "from = 2020-01-01\nto = 2023-12-31")
    version(folder, "new", "from = 2024-01-01\nverified = false", *RENAMED)
    return folder


def cases(*dates: str | None) -> pa.Table:
    """Cases of ES13 (of ES14 in the newer version), discharged on these days."""
    count = len(dates)
    return pa.table(
        {
            "case_id": [f"C{i}" for i in range(count)],
            "sex": ["M"] * count,
            "age_years": [60] * count,
            "discharge_date": list(dates),
            "diagnoses": [["J18.100", "I50.100"]] * count,
        }
    )


DATES = ("2023-12-31", "2024-01-01", "2019-12-31", None, "soon", "2022-02-02", "2030-01-01")


def test_group__takes_the_version_in_force_on_the_discharge_date(family: Path) -> None:
    result = group(cases(*DATES), family)
    assert result.table["drg"].to_pylist() == ["ES13", "ES14", None, None, None, "ES13", "ES14"]
    assert result.table["scheme"].to_pylist() == ["old", "new", None, None, None, "old", "new"]
    assert result.table["reason"].to_pylist()[2:5] == [
        "no_version_in_force",
        "date_invalid",
        "date_invalid",
    ]
    assert result.table["severity_diagnosis"].to_pylist()[:2] == ["I50.100", "I50.100"]
    assert result.scheme == "family"
    assert [(use.scheme, use.cases) for use in result.versions] == [("old", 2), ("new", 2)]
    assert result.counts.as_dict() == {
        "in": 7,
        "grouped": 4,
        "ambiguous": 0,
        "ungroupable": 0,
        "quarantined": 3,
    }
    notes = [in_language(note, "zh") for note in result.warnings]
    assert any("old 2 例、new 2 例" in note for note in notes)
    assert any("new 的施行日期 2024-01-01 未经核实" in note for note in notes)


def test_checks__of_a_day_that_is_none_say_so_once(family: Path) -> None:
    """What is no date has no version either; the clerk is told the one thing to mend."""
    done = check_cases(cases("soon", "2019-12-31"), family, purpose="grouping")
    found = [
        (f["case_id"], f["check"]) for f in done.findings.to_pylist() if f["severity"] == "fatal"
    ]
    assert found == [("C0", "date_invalid"), ("C1", "no_version_in_force")]


def test_group__of_mixed_rows_is_what_each_version_alone_makes_of_them(family: Path) -> None:
    drawn = Tables(Grouper(TINY), 5)
    table = as_table(list(drawn.drawn(2_000)))
    days = [dt.date(2023, 12, 1) + dt.timedelta(days=i % 60) for i in range(len(table))]
    table = table.append_column("discharge_date", pa.array(days))
    mixed = group(table, family, threads=1).table
    alone = {name: group(table, family / name).table for name in ("old", "new")}
    for i, day in enumerate(days):
        own = alone["old" if day.year < 2024 else "new"].slice(i, 1).to_pylist()[0]
        got = mixed.slice(i, 1).to_pylist()[0]
        scheme = got.pop("scheme")
        assert got == own, day
        assert scheme == (
            None if got["status"] == "quarantined" else "old" if day.year < 2024 else "new"
        )


def test_group_file__writes_the_version_of_each_case(family: Path, tmp_path: Path) -> None:
    pq.write_table(cases(*DATES), tmp_path / "cases.parquet")
    done = group_file(tmp_path / "cases.parquet", tmp_path / "out.parquet", str(family))
    table = pq.read_table(tmp_path / "out.parquet")
    assert table["scheme"].to_pylist()[:2] == ["old", "new"]
    assert sum(use.cases for use in done.versions) == 4
    notes = done.quarantine.read_text(encoding="utf-8")
    assert "没有施行中的分组方案版本" in notes


def test_group__of_a_family_without_a_date_takes_the_version_of_today_and_says_so(
    family: Path,
) -> None:
    table = cases("2021-01-01", "2024-01-01").drop_columns("discharge_date")
    done = group(table, family)
    assert [use.scheme for use in done.versions] == ["new"]
    assert done.codes.tally.undated == {"new": done.counts.total}
    assert any("没有出院日期：" in note.chinese for note in done.warnings)


def test_group__of_a_scheme_outside_its_period_says_how_many(family: Path) -> None:
    table = cases("2019-12-31", "2020-01-01", "2023-12-31", "2024-01-01")
    done = group(table, family / "old")
    assert done.codes.tally.outside == {"old": 2}
    assert any("2 例的出院日期不在分组方案 old 的施行期内" in n.chinese for n in done.warnings)
    assert group(cases("2020-01-01"), family / "old").codes.tally.outside == {}


def test_default__is_the_family_of_zhejiang_by_discharge_date() -> None:
    table = pa.table(
        {
            "case_id": ["a", "b"],
            "sex": ["M", "M"],
            "age_years": [61, 61],
            "discharge_date": ["2024-12-31", "2025-01-01"],
            "diagnoses": [["I63.900"], ["I63.900"]],
        }
    )
    done = group(table)
    assert done.table["scheme"].to_pylist() == ["zj-drg-2022", "zj-drg-2024"]
    assert done.scheme == "zhejiang"
    assert done.table["status"].to_pylist() == ["grouped", "grouped"]


def test_family__with_overlap_and_gap_names_both(tmp_path: Path) -> None:
    version(tmp_path / "f", "a", "from = 2019-01-01\nto = 2020-06-30")
    version(tmp_path / "f", "b", "from = 2020-06-01\nto = 2020-12-31")
    version(tmp_path / "f", "c", "from = 2022-01-01")
    with pytest.raises(SchemeError) as caught:
        find_family(tmp_path / "f")
    text = caught.value.text("zh")
    assert "a（2019-01-01 至 2020-06-30）与 b（2020-06-01 至 2020-12-31）重叠" in text
    assert "2021-01-01 至 2021-12-31 没有版本（b 与 c 之间）" in text
    assert "overlap" in caught.value.text("en")


def test_family__with_an_open_version_before_another_overlaps(tmp_path: Path) -> None:
    version(tmp_path / "f", "a", "from = 2019-01-01")
    version(tmp_path / "f", "b", "from = 2020-01-01")
    with pytest.raises(SchemeError, match="overlap"):
        find_family(tmp_path / "f")


def test_family__never_chooses_a_draft(tmp_path: Path) -> None:
    path = version(tmp_path / "f", "a", "from = 2019-01-01")
    draft = version(tmp_path / "f", "b", "from = 2020-01-01") / "manifest.toml"
    draft.write_text("draft = true\n" + draft.read_text(encoding="utf-8"), encoding="utf-8")
    family = find_family(tmp_path / "f")
    assert family is not None and [v.id for v in family.versions] == ["a"]
    shutil.rmtree(path)
    with pytest.raises(SchemeError, match="no version is in force"):
        find_family(tmp_path / "f")


def test_family__with_bad_dates_names_the_manifest(tmp_path: Path) -> None:
    version(tmp_path / "f", "a", "from = 2019-01-01\nto = 2018-01-01")
    version(tmp_path / "f", "b", 'from = "2020"')
    with pytest.raises(SchemeError) as caught:
        find_family(tmp_path / "f")
    assert "a/manifest.toml：to 2018-01-01 早于 from 2019-01-01" in caught.value.text("zh")
    assert "b/manifest.toml：effective.from 不是日期" in caught.value.text("zh")


def test_family__of_mixed_names_is_refused(tmp_path: Path) -> None:
    for name, period in (("a", "from = 2019-01-01\nto = 2019-12-31"), ("b", "from = 2020-01-01")):
        file = version(tmp_path / "f", name, period) / "manifest.toml"
        file.write_text(f'family = "{name}"\n' + file.read_text(encoding="utf-8"), encoding="utf-8")
    with pytest.raises(SchemeError, match="different families"):
        find_family(tmp_path / "f")


def test_bundled_families__have_no_gap_and_no_draft() -> None:
    families = bundled_families()
    assert {"chongqing", "chs", "zhejiang", "beijing"} < set(families)
    assert [v.id for v in families["chs"].versions] == ["chs-drg-1.1", "chs-drg-2.0"]
    last, first = (families["zhejiang"].at(dt.date(*day)) for day in ((2024, 12, 31), (2025, 1, 1)))
    assert last is not None and last.id == "zj-drg-2022"
    assert first is not None and first.id == "zj-drg-2024" and not first.verified
    assert families["zhejiang"].at(dt.date(2021, 12, 31)) is None


def test_scheme_name__of_a_bundled_family_means_its_versions() -> None:
    assert isinstance(any_grouper("zhejiang"), VersionedGrouper)
    assert find_family("zj-drg-2022") is None and find_family(TINY) is None
    assert find_family("mars") is None
    with pytest.raises(InputError, match="one of them is needed"):
        load_scheme("zhejiang")


def test_group_case__of_a_family_goes_by_its_date(family: Path) -> None:
    grouper = any_grouper(family)
    assert isinstance(grouper, VersionedGrouper)
    case = {"sex": "M", "age_years": 60, "diagnoses": ["J18.100", "I50.100"]}
    assert grouper.group_case(discharge_date=dt.date(2023, 1, 1), **case).drg == "ES13"
    assert grouper.group_case(discharge_date=dt.date(2024, 1, 1), **case).drg == "ES14"
    with pytest.raises(InputError, match="in force on 2000-01-01"):
        grouper.group_case(discharge_date=dt.date(2000, 1, 1), **case)


# --- a year's run ------------------------------------------------------------------------------


@pytest.fixture
def region(tmp_path: Path) -> Path:
    """EX1 with a family in place of its scheme: the second version is in force from July."""
    folder = tmp_path / "region"
    shutil.copytree(HERE.parent / "cases" / "ex1", folder)
    tiny = HERE / "ex1-tiny"
    for name in ("a", "b"):
        shutil.copytree(tiny, tmp_path / "family" / name)
    _period(tmp_path / "family" / "a", "from = 2019-01-01\nto = 2024-06-30")
    _period(tmp_path / "family" / "b", "from = 2024-07-01")
    toml = folder / "region.toml"
    text = toml.read_text(encoding="utf-8")
    toml.write_text(text.replace("../../schemes/ex1-tiny", "../family"), encoding="utf-8")
    return folder


def _period(path: Path, period: str) -> None:
    file = path / "manifest.toml"
    lines = file.read_text(encoding="utf-8").splitlines()
    lines = [period if line.startswith("from =") else line for line in lines]
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")


def test_year_end__of_two_equal_versions_pays_what_one_pays(region: Path, tmp_path: Path) -> None:
    run = year_end(region)
    plain = year_end(HERE.parent / "cases" / "ex1")
    assert [h.final_fen for h in run.hospitals] == [h.final_fen for h in plain.hospitals]
    assert run.grouper.scheme.id == "b"
    assert plain.prepared.versions == ()
    assert (
        sum(use.cases for use in run.prepared.versions) == run.counts.total - run.counts.quarantined
    )
    write_run(run, tmp_path / "run")
    manifest = json.loads((tmp_path / "run" / "manifest.json").read_text(encoding="utf-8"))
    assert [v["id"] for v in manifest["scheme"]["versions"]] == [
        u.scheme for u in run.prepared.versions
    ]
    assert manifest["scheme"]["versions"][0]["digest"] == run.prepared.versions[0].digest


def test_year_end__takes_base_points_from_the_groups_of_the_years_last_version(
    region: Path, tmp_path: Path
) -> None:
    """History of 2023 under the newer version alone; a group that only the older one has is paid
    by cost, and the run says so."""
    import csv

    newer = tmp_path / "family" / "b"
    taken = _most_common_drg(region)
    table = (newer / "drg.csv").read_text(encoding="utf-8")
    assert f",{taken}," in table
    (newer / "drg.csv").write_text(table.replace(f",{taken},", f",{taken[:3]}8,"), encoding="utf-8")
    manifest = newer / "manifest.toml"
    text = manifest.read_text(encoding="utf-8")
    lines = [x for x in text[: text.index("[counts]")].splitlines() if not x.startswith("digest")]
    manifest.write_text("\n".join(lines) + "\n", encoding="utf-8")
    (region / "base_points.csv").unlink()
    toml = region / "region.toml"
    lines = toml.read_text(encoding="utf-8").splitlines()
    lines = [line for line in lines if not line.startswith("all_drg_mean_yuan")]
    toml.write_text("\n".join(lines) + "\n", encoding="utf-8")
    with (region / "cases.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    (region / "history").mkdir()
    with (region / "history" / "2023.csv").open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        for copy in range(8):
            for row in rows:
                dates = {
                    k: v.replace("2024-", "2023-") for k, v in row.items() if k.endswith("date")
                }
                writer.writerow({**row, **dates, "case_id": f"H{copy}-{row['case_id']}"})
    run = year_end(region)
    assert f"{taken[:3]}8" in run.base.groups and taken not in run.base.groups
    number = run.numbers.drgs.index(taken)
    old = [
        int(c)
        for piece in run.pieces
        for c, d, s in zip(piece.case_class, piece.drg, piece.status, strict=True)
        if d == number and s == 0
    ]
    assert old and set(old) == {4}, "unstable: paid by cost"
    notes = [in_language(warning, "zh") for warning in run.warnings]
    assert f"{len(old)} 例属于 b 没有的病组，没有基准点数，按费用计点" in notes


def _most_common_drg(region: Path) -> str:
    run = year_end(region)
    early = dt.date(2024, 6, 30)
    found: dict[str, int] = {}
    for piece in run.pieces:
        for drg, status, day, kind in zip(
            piece.drg, piece.status, piece.facts.discharge, piece.case_class, strict=True
        ):
            if (
                status == 0
                and kind == 0
                and dt.date(1970, 1, 1) + dt.timedelta(days=int(day)) <= early
            ):
                name = run.numbers.drgs[drg]
                found[name] = found.get(name, 0) + 1
    return max(sorted(found), key=lambda name: found[name])
