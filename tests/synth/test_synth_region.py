"""An invented region: complete, consistent, the same for the same seed, and really usable."""

from __future__ import annotations

import errno
import hashlib
import os
import tomllib
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from drgpay.ground.errors import InputError
from drgpay.grouper import group
from drgpay.grouper.engine import cached_grouper
from drgpay.names.columns import CASE_COLUMNS
from drgpay.schemes import load_scheme
from drgpay.synth import Summary, synthesize
from drgpay.synth.profiles import build_profiles, drg_weights
from drgpay.synth.words import written

TABLES = (
    "README.txt",
    "bed_day_rates.csv",
    "cases.parquet",
    "coefficients.csv",
    "history/2023.parquet",
    "history/2024.parquet",
    "hospitals.csv",
    "region.toml",
    "reviews.csv",
    "scores.csv",
    "violations.csv",
)
CASES = 20_000


def files(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def rows(path: Path) -> list[list[str]]:
    return [line.split(",") for line in path.read_text(encoding="utf-8").splitlines()[1:]]


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Summary:
    return synthesize(tmp_path_factory.mktemp("synth") / "city", CASES, 7)


@pytest.fixture(scope="module")
def table(city: Summary) -> pa.Table:
    return pq.read_table(city.path / "cases.parquet")


def test_files__all_there_and_no_more(city: Summary) -> None:
    assert tuple(files(city.path)) == tuple(sorted(TABLES))


def test_same_seed__same_bytes_whatever_threads_and_blocks_in_flight(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("drgpay.synth", "drgpay.synth.cases", "drgpay.synth.writer"):
        monkeypatch.setattr(f"{module}.BLOCK", 700)
    synthesize(tmp_path / "a", 3_000, 9, threads=1)
    synthesize(tmp_path / "b", 3_000, 9, threads=4)
    assert files(tmp_path / "a") == files(tmp_path / "b")
    groups = pq.ParquetFile(tmp_path / "a" / "cases.parquet").metadata
    assert [groups.row_group(i).num_rows for i in range(groups.num_row_groups)] == [700] * 4 + [200]


def test_other_seed__other_cases(tmp_path: Path) -> None:
    synthesize(tmp_path / "a", 300, 1)
    synthesize(tmp_path / "b", 300, 2)
    a, b = files(tmp_path / "a"), files(tmp_path / "b")
    same = {name for name in a if a[name] == b[name]}
    assert same == {"bed_day_rates.csv", "hospitals.csv"}


def test_columns__the_canonical_ones_in_their_types(table: pa.Table) -> None:
    core = [column for column in CASE_COLUMNS if not column.extra]
    assert table.column_names == [column.name for column in core]
    kinds = {
        "text": pa.string(),
        "sex": pa.string(),
        "count": pa.int32(),
        "money": pa.decimal128(12, 2),
        "date": pa.date32(),
        "flag": pa.bool_(),
    }
    for column in core:
        kind = table.schema.field(column.name).type
        if column.kind == "codes":
            assert pa.types.is_list(kind) and kind.value_type == pa.string()
        else:
            assert kind == kinds[column.kind], column.name


def test_counts__as_asked_and_in_the_summary(city: Summary, table: pa.Table) -> None:
    assert len(table) == CASES == city.cases[2025]
    for year in (2023, 2024):
        path = city.path / "history" / f"{year}.parquet"
        assert pq.ParquetFile(path).metadata.num_rows == city.cases[year]
    assert city.total == sum(city.cases.values())
    assert len(rows(city.path / "hospitals.csv")) == city.hospitals == 17


def test_amounts__payers_add_up_to_the_total_in_every_row(table: pa.Table) -> None:
    parts = pc.add(pc.add(table["pool_fund"], table["personal_paid"]), table["other_paid"])
    assert pc.all(pc.equal(parts, table["total_cost"].cast(parts.type))).as_py()
    for name in ("total_cost", "pool_fund", "personal_paid", "other_paid"):
        assert pc.min(table[name]).as_py() >= Decimal(0), name
    assert pc.min(table["total_cost"]).as_py() >= Decimal(300)


def test_dates__in_order_and_in_the_year_but_for_the_reversed_rows(table: pa.Table) -> None:
    admitted, left = table["admission_date"], table["discharge_date"]
    wrong = pc.greater(admitted, left)
    assert 0 < pc.sum(wrong).as_py() < 20
    good = table.filter(pc.invert(wrong))
    stay = pc.subtract(
        good["discharge_date"].cast(pa.int32()), good["admission_date"].cast(pa.int32())
    )
    assert pc.all(pc.equal(stay, good["los_days"])).as_py()
    assert pc.all(pc.less_equal(left, table["settlement_date"])).as_py()
    for name in ("discharge_date", "settlement_date"):
        assert pc.unique(pc.year(table[name])).to_pylist() == [2025]
    assert 0.003 < pc.mean(pc.greater(table["los_days"], 60).cast(pa.int32())).as_py() < 0.03


def test_newborns__have_days_and_birth_weight(table: pa.Table) -> None:
    small = table.filter(pc.is_valid(table["birth_weight_g"]))
    assert len(small) > 100
    assert pc.max(small["age_years"]).as_py() == 0
    assert pc.max(small["age_days"]).as_py() <= 28
    assert pc.min(small["birth_weight_g"]).as_py() >= 500
    older = table.filter(pc.greater(table["age_years"], 0))
    assert older["age_days"].null_count == len(older)


def test_payment__modes_and_classes_fit(table: pa.Table) -> None:
    modes = {m["values"]: m["counts"] for m in pc.value_counts(table["payment_mode"]).to_pylist()}
    assert set(modes) == {"drg", "day_surgery", "bed_day"}
    by_day = pc.equal(table["payment_mode"], "bed_day")
    assert pc.all(pc.equal(by_day, pc.is_valid(table["bed_day_class"]))).as_py()
    assert {"PSY", "REH", "HOS"} >= set(table["bed_day_class"].drop_null().to_pylist())


def test_referrals__in_pairs_inside_one_community(city: Summary, table: pa.Table) -> None:
    community = {row[0]: row[3] for row in rows(city.path / "hospitals.csv")}
    part = table.filter(pc.is_valid(table["referral_group"])).to_pylist()
    pairs: dict[str, list[dict[str, object]]] = {}
    for row in part:
        pairs.setdefault(row["referral_group"], []).append(row)
    assert pairs
    for a, b in pairs.values():
        assert a["patient_id"] == b["patient_id"]
        assert a["hospital_id"] != b["hospital_id"]
        assert community[str(a["hospital_id"])] == community[str(b["hospital_id"])] != ""


def test_patients__come_back_in_the_year_and_over_years(city: Summary, table: pa.Table) -> None:
    before = pq.read_table(city.path / "history" / "2024.parquet", columns=["patient_id"])
    now = pc.unique(table["patient_id"])
    assert len(now) < 0.95 * CASES
    seen = pc.mean(pc.is_in(now, value_set=pc.unique(before["patient_id"])).cast(pa.int32()))
    assert seen.as_py() > 0.05


def test_grouping__nearly_all_cases_in_all_mdcs_heavier_in_higher_levels(
    city: Summary, table: pa.Table
) -> None:
    result = group(table)
    lost = result.counts.ungroupable + result.counts.quarantined
    assert result.counts.quarantined > 0 and result.counts.ungroupable > 0
    assert lost / CASES < 0.03
    assert len(pc.unique(result.table["mdc"].cast(pa.string())).drop_null()) == 26
    assert len(pc.unique(result.table["drg"].cast(pa.string()))) > 500
    level = {row[0]: int(row[2]) for row in rows(city.path / "hospitals.csv")}
    cost: dict[int, list[Decimal]] = {1: [], 2: [], 3: []}
    for hospital, total in zip(
        table["hospital_id"].to_pylist(), table["total_cost"].to_pylist(), strict=True
    ):
        cost[level[hospital]].append(total)
    means = [sum(cost[i]) / len(cost[i]) for i in (1, 2, 3)]
    assert means == sorted(means)


def test_mix__surgery_severity_and_costs_are_believable(city: Summary, table: pa.Table) -> None:
    result = group(table)
    taken = result.table.filter(pc.equal(result.table["status"].cast(pa.string()), "grouped"))
    scheme = load_scheme(city.version)
    surgical = [row.adrg for row in scheme.adrgs if row.kind == "surgical"]

    def share(column: str, words: list[str]) -> float:
        mine = pc.is_in(taken[column].cast(pa.string()), value_set=pa.array(words))
        return float(pc.mean(mine.cast(pa.float64())).as_py())

    assert 0.28 < share("adrg", surgical) < 0.38
    assert 0.07 < share("severity", ["MCC"]) < 0.13
    assert 0.19 < share("severity", ["CC"]) < 0.29
    assert 0.06 < share("mdc", ["MDCO"]) < 0.11
    assert 0.0005 < share("mdc", ["MDCA"]) < 0.004  # mechanical ventilation
    assert 0 < result.counts.ambiguous < 0.006 * CASES
    # mean cost of a group against the national weights
    costs = dict(
        zip(table["case_id"].to_pylist(), map(float, table["total_cost"].to_pylist()), strict=True)
    )
    sums: dict[str, list[float]] = {}
    for case, drg in zip(taken["case_id"].to_pylist(), taken["drg"].to_pylist(), strict=True):
        sums.setdefault(drg, []).append(costs[case])
    national = load_scheme("chs-drg-2.0").weights
    pairs = [
        (national[drg], sum(found) / len(found))
        for drg, found in sums.items()
        if drg in national and len(found) >= 10
    ]
    assert len(pairs) > 100
    assert np.corrcoef(np.array(pairs).T)[0, 1] > 0.95


def test_profiles__meet_the_groups_that_ask_for_codes_of_their_own() -> None:
    grouper = cached_grouper("zj-drg-2024")
    scheme = grouper.scheme
    diagnoses, procedures = written(grouper, grouper.edition)
    profiles, freq = build_profiles(
        grouper, drg_weights(grouper), diagnoses.usable, procedures.usable
    )
    assert profiles.share.min() >= 0 and profiles.share.sum() == pytest.approx(1)

    def words(codes: list[str], numbers: np.ndarray[Any, Any]) -> list[list[str]]:
        return [[codes[i] for i in row if i] for row in numbers.tolist()]

    rows = np.flatnonzero(profiles.birth_class == 0)
    table = pa.table(
        {
            "case_id": [str(i) for i in rows.tolist()],
            "sex": ["MFF"[i - 1] for i in profiles.sex[rows].tolist()],
            "age_years": [40] * len(rows),
            "los_days": [8] * len(rows),
            "diagnoses": words(
                freq.diagnosis_codes,
                np.stack([profiles.principal[rows], profiles.secondary[rows]], axis=1),
            ),
            "procedures": words(freq.procedure_codes, profiles.procedures[rows]),
        }
    )
    found = set(group(table, "zj-drg-2024").table["drg"].to_pylist())
    asking = {row.drg for row in scheme.drgs if any(key[0] == row.key for key in scheme.lists)}
    assert len(asking) > 60
    assert len(asking - found) <= 6, asking - found
    assert {"OR18", "GB28", "AH21"} <= found


def test_errors__at_the_stated_rate_each_kind(city: Summary, table: pa.Table) -> None:
    assert set(city.slips) == {
        "principal_unknown",
        "principal_missing",
        "sex_conflict",
        "procedure_unfit",
        "wrong_order",
        "secondary_unknown",
    }
    assert 0.007 < sum(city.slips.values()) / CASES < 0.013
    result = group(table)
    reasons = set(result.quarantine["reason"].to_pylist())
    assert reasons == {"sex_invalid", "principal_missing"}
    ids = table["case_id"]
    doubles = len(ids) - len(pc.unique(ids))
    reversed_dates = pc.sum(pc.greater(table["admission_date"], table["discharge_date"])).as_py()
    assert doubles and reversed_dates
    assert city.bad_rows == doubles + reversed_dates + len(result.quarantine)


def test_errors__none_when_the_rate_is_zero(tmp_path: Path) -> None:
    done = synthesize(tmp_path / "r", 2_000, 4, error_rate=0.0)
    assert done.bad_rows == 0 and not any(done.slips.values())
    counts = group(tmp_path / "r" / "cases.parquet").counts
    assert counts.quarantined == 0 and counts.ungroupable <= 2


def test_region__is_settled_with_a_surplus_and_an_overspend(city: Summary) -> None:
    from drgpay.region.region import read_region
    from drgpay.settlement.year_end import year_end

    assert read_region(city.path).synthetic
    run = year_end(city.path)
    assert run.counts.total == CASES
    first, second = run.pools
    assert (first.pool, second.pool) == ("310", "390")
    assert first.budget.available_fen > first.recorded_fund_fen
    assert second.budget.available_fen < second.recorded_fund_fen
    assert {p.pool: p.recorded_fund_fen for p in run.pools} == city.recorded_fund_fen
    paid = sum(count for count, _, _ in run.totals.classes().values())
    share = {name: count / paid for name, (count, _, _) in run.totals.classes().items()}
    assert 0.01 < share["low"] < 0.04
    assert 0.01 < share["high"] + share["reviewed"] < 0.04
    assert share["bed_day"] > 0 and share["reviewed"] > 0


def test_region_file__says_that_it_is_invented(city: Summary) -> None:
    region = tomllib.loads((city.path / "region.toml").read_text(encoding="utf-8"))
    assert region["region"]["synthetic"] is True
    assert region["region"]["id"] == "synth-7"
    text = (city.path / "README.txt").read_text(encoding="utf-8")
    assert "虚构" in text and "made up by a computer" in text


def test_region_file__names_the_family_and_the_edition_in_force(city: Summary) -> None:
    head = tomllib.loads((city.path / "region.toml").read_text(encoding="utf-8"))["region"]
    assert (head["year"], head["scheme"], head["codes"]) == (2025, "zhejiang", "insurance-2.0")
    assert (city.version, city.codes) == ("zj-drg-2024", "insurance-2.0")
    text = (city.path / "README.txt").read_text(encoding="utf-8")
    assert "zhejiang (zj-drg-2024)" in text and "insurance-2.0" in text


def test_earlier_year__has_the_version_and_the_codes_of_its_time(tmp_path: Path) -> None:
    done = synthesize(tmp_path / "r", 1_500, 3, year=2024, history_years=1, error_rate=0.0)
    assert (done.scheme, done.version, done.codes) == ("zhejiang", "zj-drg-2022", "clinical-2022")
    found = group(tmp_path / "r" / "cases.parquet")
    assert found.counts.grouped > 1_480
    assert found.codes.tally.of_all == 0
    assert [use.scheme for use in found.versions] == ["zj-drg-2022"]


@pytest.mark.parametrize(
    ("year", "edition"), [(2024, "insurance-2.0"), (2025, "clinical-2022")], ids=["2024", "2025"]
)
def test_other_edition__is_read_back_as_the_schemes_codes(
    tmp_path: Path, year: int, edition: str
) -> None:
    done = synthesize(
        tmp_path / "r", 4_000, 3, year=year, codes=edition, history_years=1, error_rate=0.0
    )
    assert done.codes == edition
    region = tomllib.loads((done.path / "region.toml").read_text(encoding="utf-8"))
    assert region["region"]["codes"] == edition
    found = group(done.path / "cases.parquet", codes=edition)
    assert found.counts.grouped > 0.98 * 4_000
    assert found.codes.tally.of_all == 0
    if year == 2024:
        # codes that the other edition writes otherwise occur, and in the history, too
        past = group(done.path / "history" / "2023.parquet", codes=edition)
        assert found.codes.changed > 100 and past.codes.changed > 100
        assert group(done.path / "cases.parquet", codes="clinical-2022").codes.tally.of_all > 20


def test_words__only_those_that_come_back_as_the_same_code() -> None:
    grouper = cached_grouper("zj-drg-2022")
    for recoder, found, table in zip(
        grouper.recoders,
        written(grouper, "insurance-2.0"),
        (grouper.scheme.diagnoses, grouper.scheme.procedures),
        strict=True,
    ):
        usable = found.usable[1:]
        assert len(found.words) == len(table) and 0.9 < usable.mean() < 1
        assert (np.asarray(pc.is_valid(found.words)) == usable).all()
        codes = pa.array(table.codes.to_pylist()).filter(pa.array(usable))
        read, _ = recoder.dictionary(found.words.drop_null(), "insurance-2.0")
        assert read.equals(codes)


def test_year_without_a_version__is_refused_and_nothing_is_left(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="2031-12-31"):
        synthesize(tmp_path / "r", 10, 1, year=2031)
    with pytest.raises(InputError, match="klingon"):
        synthesize(tmp_path / "r", 10, 1, codes="klingon")
    assert not list(tmp_path.iterdir())


def test_full_disk__leaves_no_half_region(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("drgpay.synth.write_rows", full)
    with pytest.raises(InputError):
        synthesize(tmp_path / "r", 50, 1, history_years=1)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("cases", [1, 2, 200])
def test_tiny_city__works(tmp_path: Path, cases: int) -> None:
    done = synthesize(tmp_path / "r", cases, 3, history_years=1)
    assert pq.read_table(tmp_path / "r" / "cases.parquet").num_rows == cases
    assert done.hospitals == 6


def test_other_scheme__has_ambiguous_cases(tmp_path: Path) -> None:
    synthesize(tmp_path / "r", 6_000, 3, scheme="chongqing-drg-2022", history_years=1)
    counts = group(tmp_path / "r" / "cases.parquet", "chongqing-drg-2022").counts
    assert counts.ambiguous > 0
    assert (counts.ungroupable + counts.quarantined) / counts.total < 0.03


def test_scheme_folder__of_a_few_codes(tmp_path: Path) -> None:
    scheme = Path("tests/schemes/testland-tiny")
    done = synthesize(tmp_path / "r", 500, 3, scheme=scheme, history_years=1)
    assert done.scheme == scheme.resolve().as_posix()
    counts = group(tmp_path / "r" / "cases.parquet", scheme).counts
    assert counts.grouped > 400


@pytest.mark.parametrize(
    "change",
    [
        {"cases": 0},
        {"seed": -1},
        {"year": 1900},
        {"history_years": 0},
        {"error_rate": 0.9},
    ],
)
def test_arguments__that_make_no_city_are_refused(tmp_path: Path, change: dict[str, float]) -> None:
    arguments: dict[str, object] = {"cases": 10, "seed": 1, **change}
    call: Callable[..., Summary] = synthesize
    with pytest.raises(InputError, match="no city"):
        call(tmp_path / "r", **arguments)
    assert not (tmp_path / "r").exists()


def test_folder_that_is_not_empty__is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("x", encoding="utf-8")
    with pytest.raises(InputError, match="not empty"):
        synthesize(tmp_path, 10, 1)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_progress__counts_every_case(tmp_path: Path) -> None:
    seen: list[int] = []

    def progress(total: int) -> Callable[[int], None]:
        seen.append(-total)
        return seen.append

    done = synthesize(tmp_path / "r", 100, 1, progress=progress)
    assert sum(seen) == 0 and -seen[0] == done.total


def test_command__writes_a_region_and_says_so(tmp_path: Path) -> None:
    from drgpay.cli.synth import synth

    out = tmp_path / "r"
    result = CliRunner().invoke(
        synth, ["--cases", "250", "--seed", "8", "-o", str(out), "--history-years", "1"]
    )
    assert result.exit_code == 0, result.output
    assert "490" in result.output and str(out) in result.output
    assert (out / "region.toml").exists()


def test_command__refuses_a_full_folder(tmp_path: Path) -> None:
    from drgpay.cli.synth import synth

    (tmp_path / "x").touch()
    result = CliRunner().invoke(synth, ["--cases", "5", "-o", str(tmp_path)])
    assert isinstance(result.exception, InputError)
