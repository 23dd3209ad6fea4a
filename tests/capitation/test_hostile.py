"""Files as they arrive: Chinese headers, Excel, other encodings, faulty rows and faulty folders."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from drgpay.capitation import files
from drgpay.capitation.result import Capitation
from drgpay.capitation.run import capitate
from drgpay.capitation.tables import PERSONS, VISITS
from drgpay.ground.errors import DrgpayError, InputError
from drgpay.names.reasons import CAPITATION
from tests.capitation.regions import (
    POLICY,
    draw_region,
    engine_policy,
    person,
    visit,
    write,
    write_region,
)

PERSON = person("P1", registered_area="a", sex="F", age="70")
VISIT = visit("V1", "P1", "HA", "5.00", total_cost="8.00")


def run(folder: Path, **policy: Any) -> Capitation:
    return capitate(folder, engine_policy({**POLICY, **policy}), 2024)


def faults(result: Capitation) -> list[tuple[str, int, str, str, str, str]]:
    rows = result.quarantined.table("en").to_pylist()
    return [(r["file"], r["row"], r["id"], r["column"], r["value"], r["reason"]) for r in rows]


# --- rows -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "column", "reason"),
    [
        ({"person_id": ""}, "person_id", "id_missing"),
        ({"person_id": "   "}, "person_id", "id_missing"),
        ({"kind": ""}, "kind", "kind_unknown"),
        ({"kind": "pensioner"}, "kind", "kind_unknown"),
        ({"months": ""}, "months", "months_invalid"),
        ({"months": "0"}, "months", "months_invalid"),
        ({"months": "13"}, "months", "months_invalid"),
        ({"months": "6.5"}, "months", "months_invalid"),
        ({"months": "-3"}, "months", "months_invalid"),
        ({"months": "１２"}, "months", "months_invalid"),
        ({"sex": "X"}, "sex", "sex_invalid"),
        ({"age": "151"}, "age", "age_invalid"),
        ({"age": "old"}, "age", "age_invalid"),
        ({"invalid": "maybe"}, "invalid", "flag_invalid"),
        ({"inpatient_last_year": "2"}, "inpatient_last_year", "flag_invalid"),
        ({"signed_community": "Z"}, "signed_community", "community_unknown"),
    ],
)
def test_person__that_is_faulty_is_quarantined_with_its_cell(
    change: dict[str, str], column: str, reason: str, tmp_path: Path
) -> None:
    faulty = {**person("P2", registered_area="a"), **change}
    write_region(tmp_path, [PERSON, faulty], [VISIT, visit("V2", "P2", "HA", "1")])
    result = run(tmp_path)
    key = faulty["person_id"].strip()
    value = next(iter(change.values()))
    assert faults(result) == [("persons.csv", 3, key, column, value, reason)]
    assert result.totals["persons_quarantined"] == result.totals["persons_assigned"] == 1
    # its visits are not lost
    assert result.totals["fund_unknown_person_fen"] == 100
    why = "person_quarantined" if key else "person_unknown"
    assert {r["reason"]: r["visits"] for r in result.books.to_pylist()}[why] == 1


@pytest.mark.parametrize(
    ("change", "column", "reason", "fund"),
    [
        ({"visit_id": ""}, "visit_id", "id_missing", 700),
        ({"person_id": ""}, "person_id", "id_missing", 700),
        ({"hospital_id": " "}, "hospital_id", "id_missing", 700),
        ({"visit_date": ""}, "visit_date", "date_invalid", 700),
        ({"visit_date": "2024-02-30"}, "visit_date", "date_invalid", 700),
        ({"visit_date": "2025-01-01"}, "visit_date", "outside_year", 700),
        ({"visit_date": "2023-12-31"}, "visit_date", "outside_year", 700),
        ({"total_cost": "many"}, "total_cost", "money_invalid", 700),
        ({"pool_fund": "7.001"}, "pool_fund", "money_invalid", 0),
        ({"pool_fund": ""}, "pool_fund", "money_invalid", 0),
        ({"pool_fund": "-7"}, "pool_fund", "money_negative", -700),
        ({"pool_fund": "7.01", "total_cost": "7"}, "pool_fund", "fund_above_cost", 701),
    ],
)
def test_visit__that_is_faulty_is_quarantined_with_its_cell(
    change: dict[str, str], column: str, reason: str, fund: int, tmp_path: Path
) -> None:
    faulty = {**visit("V2", "P1", "HA", "7.00"), **change}
    write_region(tmp_path, [PERSON], [VISIT, faulty])
    result = run(tmp_path)
    key, value = faulty["visit_id"], change[column]
    assert faults(result) == [("visits.csv", 3, key, column, value, reason)]
    assert result.totals["visits_quarantined"] == result.totals["visits_community"] == 1
    assert result.totals["fund_quarantined_fen"] == fund
    assert result.communities["used_fen"].to_pylist() == [500, 0]


def test_person__who_stands_twice_is_quarantined_in_both_rows(tmp_path: Path) -> None:
    write_region(
        tmp_path,
        [person("P1", months=4, registered_area="a"), person("P2"), person("P1", months=99)],
        [VISIT],
    )
    result = run(tmp_path)
    assert [(f[1], f[5]) for f in faults(result)] == [(2, "person_double"), (4, "months_invalid")]
    assert result.totals["persons_unassigned"] == 1
    assert result.totals["fund_unknown_person_fen"] == 500


@pytest.mark.parametrize("batch", [1, 2, 3, 1000])
def test_visit__that_stands_several_times_is_quarantined_in_all_rows(
    batch: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    visits = [
        visit("V1", "P1", "HA", "1"),
        visit("V2", "P1", "HB", "2"),
        visit("V1", "P1", "HB", "4"),
        visit("V3", "P9", "HA", "8"),
        visit("V1", "P1", "HA", "-16"),
        visit("V3", "P1", "HA", "32"),
        visit("", "P1", "HA", "64"),
        visit("", "P1", "HA", "128"),
    ]
    write_region(tmp_path, [PERSON], visits)
    path = tmp_path / "capitation" / "visits.csv"
    rows = {name: [v[name] or None for v in visits] for name in visits[0]}
    pq.write_table(pa.table(rows), path.with_suffix(".parquet"))
    path.unlink()
    monkeypatch.setattr(files, "BATCH_ROWS", batch)
    result = run(tmp_path)
    assert [(f[1], f[5]) for f in faults(result)] == [
        (1, "visit_double"),
        (3, "visit_double"),
        (4, "visit_double"),
        (5, "money_negative"),
        (6, "visit_double"),
        (7, "id_missing"),
        (8, "id_missing"),
    ]
    assert result.totals["visits_community"] == 1
    assert result.communities["used_fen"].to_pylist() == [200, 0]
    assert result.totals["fund_quarantined_fen"] == 100 * (1 + 4 + 8 - 16 + 32 + 64 + 128)


CELLS = [
    {"cell": "f", "sex": "F", "age_from": "", "age_to": "", "weight": "1"},
    {"cell": "old", "sex": "", "age_from": "60", "age_to": "", "weight": "2"},
]


@pytest.mark.parametrize(
    ("sex", "age", "reason"),
    [
        ("F", "60", "risk_cell_several"),
        ("M", "59", "risk_cell_none"),
        ("", "", "risk_cell_none"),
        ("F", "59", None),
        ("F", "", None),
        ("M", "60", None),
        ("", "90", None),
    ],
)
def test_person__must_fit_one_risk_cell(
    sex: str, age: str, reason: str | None, tmp_path: Path
) -> None:
    one = person("P1", registered_area="a", sex=sex, age=age)
    result = run(write_region(tmp_path, [one], [], cells=CELLS))
    assert [f[5] for f in faults(result)] == ([reason] if reason else [])
    assert result.totals["persons_assigned"] == (reason is None)


def test_rows__of_another_width_are_quarantined(tmp_path: Path) -> None:
    write_region(tmp_path, [PERSON], [VISIT])
    path = tmp_path / "capitation" / "visits.csv"
    path.write_text(
        path.read_text(encoding="utf-8") + "V2,P1\nV3,P1,HA,2024-01-01,1,1\n", encoding="utf-8"
    )
    result = run(tmp_path)
    assert [(f[0], f[1], f[4], f[5]) for f in faults(result)] == [
        ("visits.csv", 3, "V2,P1", "row_broken")
    ]
    assert result.totals["visits"] == 3 and result.totals["visits_quarantined"] == 1
    assert result.communities["used_fen"].to_pylist() == [600, 0]


def test_reasons__are_all_explained_in_both_languages(tmp_path: Path) -> None:
    write_region(tmp_path, [PERSON, {**PERSON, "kind": "?"}], [VISIT])
    result = run(tmp_path)
    chinese, english = (result.quarantined.table(lang).to_pylist() for lang in ("zh", "en"))
    assert len(chinese) == 2
    for row, other in zip(chinese, english, strict=True):
        reason = CAPITATION[row["reason"]]
        assert (row["message"], row["remedy"]) == (reason.message.chinese, reason.remedy.chinese)
        assert (other["message"], other["remedy"]) == (str(reason.message), str(reason.remedy))
    assert sum(result.quarantined.counts().values()) == 2


def test_faulty_rows__change_nothing_else(tmp_path: Path) -> None:
    for seed in range(40, 50):
        region, policy = draw_region(tmp_path / str(seed), seed)
        clean = capitate(region, engine_policy(policy), 2024)
        folder = region / "capitation"
        rng = random.Random(seed)
        bad = 0
        for table, name, months in (
            (PERSONS, "persons", "months"),
            (VISITS, "visits", "pool_fund"),
        ):
            path = folder / f"{name}.csv"
            header, *lines = path.read_text(encoding="utf-8").splitlines()
            for _ in range(5):
                cells = ["" for _ in header.split(",")]
                cells[header.split(",").index(table.columns[0].name)] = f"BAD{bad}"
                cells[header.split(",").index(months)] = rng.choice(["x", "", "NaN", "1e400", "∞"])
                lines.insert(rng.randint(0, len(lines)), ",".join(cells))
                bad += 1
            path.write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")
        spoiled = capitate(region, engine_policy(policy), 2024)
        assert len(spoiled.quarantined) == bad
        for name in ("communities", "cells", "flows", "unassigned", "invalid"):
            assert getattr(spoiled, name).equals(getattr(clean, name)), (seed, name)


# --- kinds of files ---------------------------------------------------------------------------


def chinese(folder: Path, name: str, table: Any) -> Path:
    path = folder / "capitation" / f"{name}.csv"
    header, *rest = path.read_text(encoding="utf-8").splitlines()
    words = [table.column(column).headers[0] for column in header.split(",")]
    words = [f"{w}（元）" if w in ("总费用", "统筹基金支付") else w for w in words]
    path.write_bytes(
        "\n".join([";".join(words), *(r.replace(",", ";") for r in rest)]).encode("gb18030")
    )
    return path


def region(folder: Path) -> Capitation:
    write_region(
        folder,
        [PERSON, person("0002", "大学生", 6, school_area="b", sex="男", invalid="否")],
        [VISIT, visit("V2", "0002", "HB", "1234.50", special_factor="疾病", document="x")],
        cells=[
            {"cell": "1", "sex": "女", "weight": "1.5", "chronic": "无"},
            {"cell": "2", "sex": "M", "weight": "2", "chronic": ""},
        ],
    )
    return run(folder)


def same(one: Capitation, other: Capitation) -> None:
    for name in ("communities", "cells", "flows", "unassigned", "books"):
        assert getattr(one, name).equals(getattr(other, name)), name


def test_files__with_chinese_headers_semicolons_and_gb18030_read_alike(tmp_path: Path) -> None:
    plain = region(tmp_path)
    assert plain.communities["budget_fen"].to_pylist() == [90_000, 60_000]
    chinese(tmp_path, "persons", PERSONS)
    chinese(tmp_path, "visits", VISITS)
    same(run(tmp_path), plain)


@pytest.mark.parametrize(
    ("encoding", "mark"), [("utf-16", "\t"), ("utf-8-sig", "|"), ("gb18030", ";"), ("utf-16", ",")]
)
def test_files__of_other_encodings_and_delimiters_read_alike(
    encoding: str, mark: str, tmp_path: Path
) -> None:
    plain = region(tmp_path)
    for path in (tmp_path / "capitation").glob("*.csv"):
        text = path.read_text(encoding="utf-8").replace(",", mark).replace("\n", "\r\n")
        path.write_bytes(text.encode(encoding))
    same(run(tmp_path), plain)


def as_excel(path: Path, of: Callable[[str, str], Any]) -> None:
    header, *lines = path.read_text(encoding="utf-8").splitlines()
    book = openpyxl.Workbook()
    names = header.split(",")
    book.active.append(names)
    for line in lines:
        book.active.append([of(n, v) for n, v in zip(names, line.split(","), strict=True)])
    book.save(path.with_suffix(".xlsx"))
    path.unlink()


def excel_value(name: str, text: str) -> Any:
    if name in ("months", "age"):
        return int(text) if text else None
    if name in ("total_cost", "pool_fund", "weight"):
        return float(text)
    if name == "visit_date":
        return dt.datetime.fromisoformat(text)
    return text or None


def test_files__in_excel_read_alike(tmp_path: Path) -> None:
    plain = region(tmp_path)
    for path in sorted((tmp_path / "capitation").glob("*.csv")):
        as_excel(path, excel_value)
    same(run(tmp_path), plain)


def test_excel__that_lost_the_digits_of_an_id_is_quarantined(tmp_path: Path) -> None:
    region(tmp_path)
    path = tmp_path / "capitation" / "persons.csv"
    as_excel(path, lambda n, v: 330106199001011234 if v == "0002" else excel_value(n, v))
    result = run(tmp_path)
    assert [(f[0], f[1], f[3], f[5]) for f in faults(result)] == [
        ("persons.xlsx", 3, "person_id", "stored_as_number")
    ]


@pytest.mark.parametrize("seed", range(20))
def test_excel__that_is_damaged_is_refused(seed: int, tmp_path: Path) -> None:
    region(tmp_path)
    path = tmp_path / "capitation" / "persons.csv"
    as_excel(path, excel_value)
    path = path.with_suffix(".xlsx")
    data = bytearray(path.read_bytes())
    place = data.index(b"xl/worksheets/sheet1.xml") + 24 + seed * 9
    data[place : place + 8] = bytes((b + 1) % 256 for b in data[place : place + 8])
    path.write_bytes(bytes(data))
    with pytest.raises(InputError, match=r"persons\.xlsx"):
        run(tmp_path)


def test_files__of_parquet_types_read_alike(tmp_path: Path) -> None:
    plain = region(tmp_path)
    folder = tmp_path / "capitation"
    pq.write_table(
        pa.table(
            {
                "visit_id": pa.array(["V1", "V2"]).dictionary_encode(),
                "person_id": pa.array(["P1", "0002"], pa.large_string()),
                "hospital_id": pa.array(["HA", "HB"], pa.string_view()),
                "visit_date": pa.array([dt.datetime(2024, 5, 6, 23, 59)] * 2, pa.timestamp("us")),
                "total_cost": pa.array([Decimal("8.00"), Decimal("1234.50")], pa.decimal128(10, 3)),
                "pool_fund": pa.array([5.0, 1234.5], pa.float64()),
                "special_factor": pa.array([None, "disease"]),
                "document": pa.array([None, 17.0]),
                "beside": pa.array([[1], [2]], pa.list_(pa.int8())),
            }
        ),
        folder / "visits.parquet",
    )
    (folder / "visits.csv").unlink()
    result = run(tmp_path)
    same(result, plain)
    assert [str(note) for note in result.notes] == ["visits.parquet: columns not used: beside"]


def test_visits__may_lie_in_a_folder_of_files(tmp_path: Path) -> None:
    plain = region(tmp_path)
    folder = tmp_path / "capitation"
    header, *lines = (folder / "visits.csv").read_text(encoding="utf-8").splitlines()
    (folder / "visits.csv").unlink()
    (folder / "visits").mkdir()
    for number, line in enumerate(lines):
        (folder / "visits" / f"{number}.csv").write_text(f"{header}\n{line}\n", encoding="utf-8")
    result = run(tmp_path)
    same(result, plain)
    assert len(result.inputs) == 7


# --- folders ----------------------------------------------------------------------------------


def edit(name: str, text: str) -> Callable[[Path], None]:
    return lambda folder: (folder / f"{name}.csv").write_text(text, encoding="utf-8") and None


def _second_file(folder: Path) -> None:
    pq.write_table(pa.table({"a": [1]}), folder / "persons.parquet")


def _parquet(column: pa.Array) -> Callable[[Path], None]:
    def make(folder: Path) -> None:
        (folder / "visits.csv").unlink()
        names = VISITS.needed
        pq.write_table(pa.table({n: column for n in names}), folder / "visits.parquet")

    return make


def _no_parquet(folder: Path) -> None:
    (folder / "visits.csv").rename(folder / "visits.parquet")


def _open_field(folder: Path) -> None:
    """A mark inside a field, and one that opens the last field of the same row."""
    path = folder / "visits.csv"
    header, row, *_ = path.read_text(encoding="utf-8").splitlines()
    first, *others = row.split(",")
    odd = ",".join([f'{first}"x', *others[:-1], f'"{others[-1]}'])
    path.write_text("\n".join([header, row, odd, row, row]) + "\n", encoding="utf-8")


FOLDERS: list[tuple[Callable[[Path], Any], str]] = [
    (lambda f: (f / "persons.csv").unlink(), "persons.csv: missing"),
    (lambda f: (f / "areas.csv").unlink(), "areas.csv: missing"),
    (_second_file, "keep one of persons.parquet, persons.csv"),
    (lambda f: (f / "people.csv").touch(), "people.csv: no table of capitation"),
    (lambda f: (f / "more").mkdir(), "more: no table of capitation"),
    (edit("persons", ""), "empty|no header"),
    (edit("persons", "\n\n"), "empty|no header"),
    (edit("persons", "person_id,kind\nP1,resident\n"), "missing columns: months"),
    (edit("persons", "person_id,kind,months,参保月数\n"), "two columns mean months"),
    (
        edit("communities", "community_id,name\nA,a\nA,b\nB,b\n"),
        "communities.csv:3: community_id 'A' stands twice: row 2",
    ),
    (edit("communities", "community_id,name\n,a\n"), "communities.csv:2: community_id is empty"),
    (edit("communities", "community_id,name\n"), "communities.csv: no row"),
    (edit("areas", "area,community_id\na,A\na,B\n"), "areas.csv:3: area 'a' stands twice: row 2"),
    (
        edit("areas", "area,community_id\na,Z\n"),
        "areas.csv:2: community_id 'Z' is not in communities",
    ),
    (
        edit("areas", "area,community_id,note\na,A,x\n"),
        "columns are area, community_id, note; must be area, community_id",
    ),
    (edit("areas", "area,community_id\na\n"), "areas.csv:2: wrong number of fields"),
    (edit("community_members", "community_id,hospital_id\nA,H\nB,H\n"), "in one community only"),
    (edit("community_members", "community_id,hospital_id\nZ,H\n"), "community_id 'Z' is not in"),
    (edit("risk_cells", "cell,weight\n1,heavy\n"), "weight: 'heavy' is not a decimal"),
    (edit("risk_cells", "cell,weight\n1,-1\n"), "not between 0 and 1000"),
    (edit("risk_cells", "cell,weight\n1,1.1234567\n"), "more than six decimals"),
    (edit("risk_cells", "cell,weight\n1,1\n1,2\n"), "cell '1' stands twice"),
    (edit("risk_cells", "cell,weight,age_from,age_to\n1,1,9,8\n"), "age_from is above age_to"),
    (edit("risk_cells", "cell,weight,age_from\n1,1,-5\n"), "not a whole number from 0 to 150"),
    (edit("risk_cells", "cell,weight,sex\n1,1,X\n"), "sex: 'X' is unknown"),
    (edit("risk_cells", "cell,weight\n"), "risk_cells.csv: no row"),
    (edit("budget", "pool_total_yuan\n5\n"), "take this file away"),
    (_no_parquet, "cannot be read"),
    (_open_field, "not closed"),
    (_parquet(pa.array([["x"]])), "is of type list"),
    (_parquet(pa.array([b"x"])), "is of type binary"),
    (edit("visits", 'visit_id,person_id\n"V1,P1\n'), "not closed|missing columns"),
    (lambda f: (f / "visits.csv").write_bytes(b"visit_id\n\xff\xff\n"), "neither UTF-8"),
    (lambda f: (f / "visits.csv").write_bytes(b"visit_id\n\0\n"), "NUL"),
]


@pytest.mark.parametrize(("make", "message"), FOLDERS, ids=[m for _, m in FOLDERS])
def test_folder__that_is_faulty_is_refused_in_both_languages(
    make: Callable[[Path], Any], message: str, tmp_path: Path
) -> None:
    write_region(tmp_path, [PERSON], [VISIT])
    make(tmp_path / "capitation")
    with pytest.raises(InputError, match=message) as caught:
        run(tmp_path)
    assert any("\u4e00" <= letter <= "\u9fff" for letter in caught.value.text("zh"))


def test_folder__with_many_faults_tells_them_all(tmp_path: Path) -> None:
    write_region(tmp_path, [PERSON], [VISIT])
    write(
        tmp_path, "areas", [{"area": "", "community_id": "A"}, {"area": "x", "community_id": "Y"}]
    )
    write(tmp_path, "risk_cells", [{"cell": "", "weight": "1"}, {"cell": "c", "weight": "?"}])
    (tmp_path / "capitation" / "visits.csv").unlink()
    with pytest.raises(InputError) as caught:
        run(tmp_path)
    assert len(caught.value.faults) == 5


@pytest.mark.parametrize(
    "rows", ["", "pool_total_yuan\n", "pool_total_yuan\n1\n2\n", "pool_total_yuan\n-1\n"]
)
def test_share_of_budget__needs_one_total(rows: str, tmp_path: Path) -> None:
    write_region(tmp_path, [PERSON], [VISIT])
    if rows:
        (tmp_path / "capitation" / "budget.csv").write_text(rows, encoding="utf-8")
    with pytest.raises(InputError, match="budget"):
        run(tmp_path, **{"capitation.method": "share_of_budget"})


def test_share_of_budget__among_nobody_is_refused(tmp_path: Path) -> None:
    write_region(tmp_path, [person("P1")], [], total_yuan="5")
    with pytest.raises(InputError, match="cannot be shared"):
        run(tmp_path, **{"capitation.method": "share_of_budget"})


def test_region__without_the_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no folder of capitation"):
        run(tmp_path)


@pytest.mark.parametrize("seed", range(60))
def test_bytes__that_are_spoiled_at_random_give_a_result_or_a_clear_fault(
    seed: int, tmp_path: Path
) -> None:
    rng = random.Random(seed)
    folder, policy = draw_region(tmp_path, seed)
    path = rng.choice(sorted((folder / "capitation").glob("*.csv")))
    data = bytearray(path.read_bytes())
    for _ in range(rng.randint(1, 6)):
        place = rng.randrange(len(data) + 1)
        pieces = [b",", b"\n", b"9" * 30, "一".encode(), b"-", b"x", b"P"]
        if seed % 2:
            pieces += [b'"', b"\r", b"\0", b"\xff"]
        piece = rng.choice(pieces)
        data[place : place + rng.randint(0, 3)] = piece
    path.write_bytes(bytes(data))
    try:
        result = capitate(folder, engine_policy(policy), 2024)
    except DrgpayError as error:
        assert isinstance(error, InputError)
        assert error.text("zh") and error.text("en")
    else:
        assert result.totals["visits"] == sum(
            result.totals[f"visits_{name}"]
            for name in ("community", "unassigned", "invalid", "unknown_person", "quarantined")
        )
