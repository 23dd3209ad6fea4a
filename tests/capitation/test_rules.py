"""Each rule of capitation on a region small enough to work out by hand."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from drgpay.capitation.budget import in_fen
from drgpay.capitation.result import CHECKS, Capitation, check_books
from drgpay.capitation.run import capitate
from drgpay.ground.errors import BooksError, PolicyError
from drgpay.runs.writer import write_table
from tests.capitation.regions import POLICY, Row, engine_policy, person, visit, write_region


def run(folder: Path, persons: list[Row], visits: list[Row], **more: Any) -> Capitation:
    policy = engine_policy({**POLICY, **more.pop("policy", {})})
    return capitate(write_region(folder, persons, visits, **more), policy, 2024)


def community(result: Capitation, name: str) -> dict[str, Any]:
    return next(row for row in result.communities.to_pylist() if row["community_id"] == name)


def placed(result: Capitation) -> dict[str, int]:
    return {row["community_id"]: row["persons"] for row in result.communities.to_pylist()}


# --- H1: who belongs where --------------------------------------------------------------------

EVERYWHERE = {
    "registered_area": "a",
    "usual_area": "b",
    "school_area": "c",
    "employer_area": "d",
}


@pytest.mark.parametrize(
    ("kind", "rule", "where"),
    [
        ("resident", "registered", "A"),
        ("resident", "usual", "B"),
        ("resident", "usual_then_registered", "B"),
        ("flexible", "registered", "A"),
        ("flexible", "usual", "B"),
        ("student", "registered", "C"),
        ("student", "usual", "C"),
        ("employee", "usual", "D"),
        ("employee", "usual_then_registered", "D"),
    ],
)
def test_unsigned__belong_by_the_area_of_their_kind(
    kind: str, rule: str, where: str, tmp_path: Path
) -> None:
    result = run(
        tmp_path,
        [person("P1", kind, **EVERYWHERE)],
        [],
        communities=("A", "B", "C", "D"),
        policy={"capitation.area_of_resident": rule},
    )
    assert placed(result) == {**dict.fromkeys("ABCD", 0), where: 1}


@pytest.mark.parametrize("kind", ["resident", "flexible", "student", "employee"])
def test_signature__goes_before_every_area(kind: str, tmp_path: Path) -> None:
    signed = person("P1", kind, signed_community="D", **EVERYWHERE)
    result = run(tmp_path, [signed], [], communities=("A", "B", "C", "D"))
    assert placed(result) == {"A": 0, "B": 0, "C": 0, "D": 1}


@pytest.mark.parametrize(
    ("usual", "registered", "where"),
    [
        ("", "a", "A"),
        ("elsewhere", "a", "A"),  # the first of the two that leads to a community
        ("b", "a", "B"),
        ("b", "", "B"),
        ("", "", "no_area"),
        ("elsewhere", "", "area_without_community"),
        ("", "elsewhere", "area_without_community"),
        ("none", "", "area_without_community"),  # listed, but of no community
    ],
)
def test_usual_then_registered__takes_the_first_that_leads_somewhere(
    usual: str, registered: str, where: str, tmp_path: Path
) -> None:
    result = run(
        tmp_path,
        [person("P1", usual_area=usual, registered_area=registered)],
        [],
        areas={"a": "A", "b": "B", "none": ""},
        policy={"capitation.area_of_resident": "usual_then_registered"},
    )
    if where in "AB":
        assert placed(result)[where] == 1
    else:
        row = result.unassigned.to_pylist()[0]
        assert (row["reason"], row["persons"]) == (where, 1)


def test_unassigned__are_counted_with_months_cost_and_names(tmp_path: Path) -> None:
    result = run(
        tmp_path,
        [
            person("P1", "employee", 7),
            person("P2", "employee", 5, employer_area="far"),
            person("P3", registered_area="a"),
        ],
        [
            visit("V1", "P1", "HA", "10.50"),
            visit("V2", "P1", "HB", "1"),
            visit("V3", "P2", "HB", "2"),
        ],
    )
    assert result.unassigned.to_pylist() == [
        {
            "reason": "area_without_community",
            "kind": "employee",
            "persons": 1,
            "person_months": 5,
            "visits": 1,
            "total_cost_fen": 200,
            "pool_fund_fen": 200,
        },
        {
            "reason": "no_area",
            "kind": "employee",
            "persons": 1,
            "person_months": 7,
            "visits": 2,
            "total_cost_fen": 1150,
            "pool_fund_fen": 1150,
        },
    ]
    named = [(r["person_id"], r["area"], r["row"]) for r in result.unassigned_persons.to_pylist()]
    assert named == [("P1", "", 2), ("P2", "far", 3)]
    assert community(result, "A")["used_fen"] == 0
    assert result.totals["fund_unassigned_fen"] == 1350
    assert result.totals["persons_unassigned"] == 2


# --- the budget -------------------------------------------------------------------------------


def test_budget__is_rate_by_weight_by_months_of_the_year(tmp_path: Path) -> None:
    result = run(
        tmp_path,
        [
            person("P1", months=12, sex="F", age="70", registered_area="a"),
            person("P2", months=3, sex="F", age="70", registered_area="a"),
            person("P3", months=12, sex="M", age="70", registered_area="a"),
            person("P4", months=6, sex="M", age="69", registered_area="b"),
        ],
        [],
        cells=[
            {"cell": "old-f", "sex": "F", "age_from": "70", "age_to": "", "weight": "1.5"},
            {"cell": "old-m", "sex": "M", "age_from": "70", "age_to": "", "weight": "2"},
            {"cell": "young", "sex": "", "age_from": "", "age_to": "69", "weight": "0.75"},
        ],
    )
    # 600 x (1.5 x 12/12 + 1.5 x 3/12 + 2) = 2325; 600 x 0.75 x 6/12 = 225
    assert community(result, "A")["budget_fen"] == 232_500
    assert community(result, "A")["weighted_months"] == Decimal("46.5")
    assert community(result, "A")["person_months"] == 27
    assert community(result, "B")["budget_fen"] == 22_500
    cells = {(r["community_id"], r["cell"]): r for r in result.cells.to_pylist()}
    assert cells["A", "old-f"]["persons"] == 2
    assert cells["A", "old-f"]["weighted_months"] == Decimal("22.5")
    assert cells["B", "young"]["weight"] == Decimal("0.75")
    assert sum(r["weighted_months"] for r in cells.values()) == Decimal("51")


def test_budget__of_a_shared_total_goes_by_weighted_months(tmp_path: Path) -> None:
    result = run(
        tmp_path,
        [person("P1", months=8, registered_area="a"), person("P2", months=4, registered_area="b")],
        [],
        total_yuan="100.00",
        policy={"capitation.method": "share_of_budget", "capitation.rate_yuan": "none"},
    )
    # 66.666… and 33.333…: the larger fraction takes the fen that is left
    assert [r["budget_fen"] for r in result.communities.to_pylist()] == [6667, 3333]
    assert result.totals["budget_fen"] == 10_000


def test_budget__that_rounds_gives_what_is_left_to_the_largest_fraction(tmp_path: Path) -> None:
    # 0.10 yuan a year: 5 months 4.1666… fen, 7 months 5.8333…: 10 fen in all
    result = run(
        tmp_path,
        [person("P1", months=5, registered_area="a"), person("P2", months=7, registered_area="b")],
        [],
        policy={"capitation.rate_yuan": "0.10"},
    )
    assert [r["budget_fen"] for r in result.communities.to_pylist()] == [4, 6]


@pytest.mark.parametrize(
    ("exact", "whole"),
    [
        (["1/2", "1/2"], [1, 0]),  # a tie goes to the smaller key
        (["1/2"], [1]),  # half away from zero
        (["1/3"], [0]),
        (["1/3", "1/3", "1/3"], [1, 0, 0]),
        (["5/3", "3/2", "5/6"], [2, 1, 1]),
        ([], []),
    ],
)
def test_in_fen__adds_up_to_the_rounded_total(exact: list[str], whole: list[int]) -> None:
    found = in_fen({str(i): Fraction(text) for i, text in enumerate(exact)})
    assert list(found.values()) == whole


# --- H2: care elsewhere and special factors ----------------------------------------------------


def test_use__counts_care_inside_outside_and_at_no_community(tmp_path: Path) -> None:
    result = run(
        tmp_path,
        [person("P1", registered_area="a"), person("P2", registered_area="b")],
        [
            visit("V1", "P1", "HA", "100", total_cost="150"),
            visit("V2", "P1", "HB", "20"),
            visit("V3", "P1", "ABROAD", "3"),
            visit("V4", "P2", "HB", "7"),
        ],
    )
    a = community(result, "A")
    assert (a["used_inside_fen"], a["used_outside_fen"], a["used_fen"]) == (10_000, 2_300, 12_300)
    assert (a["visits"], a["total_cost_fen"]) == (3, 17_300)
    assert community(result, "B")["used_inside_fen"] == 700, "B treats P1, but A bears it"
    flows = [
        (r["community_id"], r["hospital_id"], r["inside"], r["pool_fund_fen"])
        for r in result.flows.to_pylist()
    ]
    assert flows == [
        ("A", "ABROAD", False, 300),
        ("A", "HA", True, 10_000),
        ("A", "HB", False, 2_000),
        ("B", "HB", True, 700),
    ]
    assert a["charged_back_fen"] == 2_300
    assert a["own_part_fen"] == a["paid_fen"] - 2_300


@pytest.mark.parametrize(
    ("hospital", "word", "document", "special", "refused"),
    [
        ("HB", "migration", "文号1", 500, 0),
        ("HB", "迁移", "文号1", 500, 0),
        ("HB", "disease", "x", 500, 0),
        ("HB", "migration", "", 0, 500),  # without a document
        ("HB", "holiday", "文号1", 0, 500),  # no accepted word
        ("HA", "migration", "文号1", 0, 500),  # care inside is not taken off
        ("HB", "", "文号1", 0, 0),
    ],
)
def test_special_factor__takes_off_care_outside_that_is_accepted_and_proved(
    hospital: str, word: str, document: str, special: int, refused: int, tmp_path: Path
) -> None:
    one = visit("V1", "P1", hospital, "5", special_factor=word, document=document)
    result = run(tmp_path, [person("P1", registered_area="a")], [one])
    a = community(result, "A")
    assert (a["special_fen"], a["special_refused_fen"]) == (special, refused)
    assert a["special_refused_visits"] == (refused > 0)
    assert a["used_fen"] == 500 - special
    assert a["used_inside_fen"] + a["used_outside_fen"] == 500
    assert result.totals["fund_paid_fen"] == a["paid_fen"] + special


def test_special_factor__of_a_policy_without_any_takes_off_nothing(tmp_path: Path) -> None:
    one = visit("V1", "P1", "HB", "5", special_factor="migration", document="x")
    result = run(
        tmp_path,
        [person("P1", registered_area="a")],
        [one],
        policy={"capitation.special_factors": []},
    )
    assert community(result, "A")["special_fen"] == 0


# --- H3: invalid heads ------------------------------------------------------------------------


@pytest.mark.parametrize(("rule", "used"), [("charged", 900), ("excluded", 500)])
def test_invalid_head__has_no_budget_and_its_cost_is_as_the_policy_says(
    rule: str, used: int, tmp_path: Path
) -> None:
    result = run(
        tmp_path,
        [
            person("P1", registered_area="a"),
            person("P2", registered_area="a", months=9, invalid="是", invalid_reason="重复参保"),
            person("P3", invalid="yes"),
        ],
        [visit("V1", "P1", "HA", "5"), visit("V2", "P2", "HA", "4"), visit("V3", "P3", "HA", "1")],
        policy={"capitation.invalid_cost": rule},
    )
    a = community(result, "A")
    assert (a["persons"], a["person_months"], a["budget_fen"], a["used_fen"]) == (
        1,
        12,
        60_000,
        used,
    )
    heads = [
        (
            r["community_id"],
            r["reason"],
            r["persons"],
            r["person_months"],
            r["pool_fund_fen"],
            r["charged"],
        )
        for r in result.invalid.to_pylist()
    ]
    charged = rule == "charged"
    assert heads == [("A", "重复参保", 1, 9, 400, charged), (None, "-", 1, 12, 100, False)]
    assert result.totals["persons_invalid"] == 2
    assert result.totals["fund_invalid_fen"] == (0 if charged else 500)
    assert result.totals["fund_unassigned_fen"] == (100 if charged else 0)


# --- balance ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fund", "keep", "deficit", "expected"),
    [
        # budget 600.00: (balance, kept, borne by fund, paid)
        ("500.00", "0.8", "0.25", (10_000, 8_000, 0, 58_000)),
        ("600.00", "0.8", "0.25", (0, 0, 0, 60_000)),
        ("700.00", "0.8", "0.25", (-10_000, 0, 2_500, 62_500)),
        ("700.00", "0.8", "0", (-10_000, 0, 0, 60_000)),
        ("700.00", "0.8", "1", (-10_000, 0, 10_000, 70_000)),
        ("500.00", "0", "1", (10_000, 0, 0, 50_000)),
        ("500.00", "1", "1", (10_000, 10_000, 0, 60_000)),
        ("599.99", "0.5", "0", (1, 1, 0, 60_000)),  # half a fen, away from zero
        ("600.01", "0", "0.5", (-1, 0, 1, 60_001)),
    ],
)
def test_balance__is_kept_or_borne_in_part(
    fund: str, keep: str, deficit: str, expected: tuple[int, ...], tmp_path: Path
) -> None:
    result = run(
        tmp_path,
        [person("P1", registered_area="a")],
        [visit("V1", "P1", "HA", fund)],
        policy={"capitation.keep_ratio": keep, "capitation.deficit_share": deficit},
    )
    a = community(result, "A")
    names = ("balance_fen", "kept_fen", "borne_by_fund_fen", "paid_fen")
    assert tuple(a[name] for name in names) == expected


# --- the books --------------------------------------------------------------------------------


def test_books__list_who_bears_every_visit(tmp_path: Path) -> None:
    result = run(
        tmp_path,
        [person("P1", registered_area="a"), person("P2"), person("P3", months=13)],
        [
            visit("V1", "P1", "HA", "1"),
            visit("V2", "P2", "HA", "2"),
            visit("V3", "nobody", "HA", "4"),
            visit("V4", "P3", "HA", "8"),
            visit("V5", "P1", "HA", "16", visit_date="2023-12-31"),
        ],
    )
    borne = {
        (r["bearer"], r["community_id"], r["reason"]): r["pool_fund_fen"]
        for r in result.books.to_pylist()
    }
    assert borne == {
        ("community", "A", None): 100,
        ("community", "B", None): 0,
        ("unassigned", None, "no_area"): 200,
        ("unassigned", None, "area_without_community"): 0,
        ("invalid", None, None): 0,
        ("unknown_person", None, "person_unknown"): 400,
        ("unknown_person", None, "person_quarantined"): 800,
        ("quarantined", None, None): 1600,
    }
    assert result.totals["fund_paid_fen"] == community(result, "A")["paid_fen"] + 200 + 400 + 800
    assert result.totals["persons"] == 3


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_books__that_do_not_tie_out_are_refused(check: Any, tmp_path: Path) -> None:
    result = run(
        tmp_path,
        [person("P1", registered_area="a"), person("P2")],
        [visit("V1", "P1", "HA", "1"), visit("V2", "P2", "HA", "2")],
    )
    check_books(result)
    spoiled = {
        "persons_add_up": "persons",
        "tables_hold_all_persons": "persons_unassigned",
        "visits_add_up": "visits",
        "fund_adds_up": "fund_unassigned_fen",
        "budget_adds_up": "budget_total_fen",
    }
    if check.__name__ in spoiled:
        result.totals[spoiled[check.__name__]] += 1  # type: ignore[index]
    else:
        place = result.communities.schema.get_field_index("paid_fen")
        wrong = result.communities.set_column(place, "paid_fen", result.communities["used_fen"])
        object.__setattr__(result, "communities", wrong)
    with pytest.raises(BooksError, match=check.__name__):
        check_books(result)


def test_tables__are_written_as_parquet_and_csv(tmp_path: Path) -> None:
    result = run(tmp_path / "region", [person("P1", registered_area="a"), person("P2")], [])
    out = tmp_path / "run"
    out.mkdir()
    for name, table in result.tables().items():
        write_table(out, name, table)
    assert {path.name for path in out.iterdir()} == {
        f"{name}{suffix}" for name in result.tables() for suffix in (".parquet", ".csv")
    }
    text = (out / "capitation_communities.csv").read_text(encoding="utf-8")
    assert text.splitlines()[1].startswith('"A","医共体A",1,12,12.000000,60000,')
    assert {p.name for p in result.inputs} == {
        "persons.csv", "visits.csv", "areas.csv", "communities.csv", "community_members.csv",
    }  # fmt: skip


# --- the policy -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"capitation.rate_yuan": None}, "rate_yuan"),
        ({"capitation.method": "by_head"}, "by_head"),
        ({"capitation.invalid_cost": "free"}, "free"),
    ],
)
def test_policy__that_is_unfit_is_refused_with_its_key(
    change: dict[str, Any], word: str, tmp_path: Path
) -> None:
    folder = write_region(tmp_path, [], [])
    with pytest.raises(PolicyError, match=word) as caught:
        capitate(folder, {**engine_policy(POLICY), **change}, 2024)
    assert word in caught.value.text("zh")
