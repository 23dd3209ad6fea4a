"""The invented people of a region: repeatable, and settled without a quarantined row."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from drgpay.capitation.run import capitate
from drgpay.ground.errors import InputError
from drgpay.synth import people as module
from drgpay.synth.people import people
from tests.capitation.regions import POLICY, engine_policy


def test_people__are_settled_whole(tmp_path: Path) -> None:
    made = people(tmp_path, 3_000, 7)
    result = capitate(tmp_path, engine_policy(POLICY), 2024)
    totals = result.totals
    assert (
        (totals["persons"], totals["visits"]) == (made.persons, made.visits) == (3_000, made.visits)
    )
    assert made.visits > 10_000
    assert not len(result.quarantined) and totals["visits_unknown_person"] == 0
    assert len(result.communities) == made.communities == 6
    assert 0 < totals["persons_unassigned"] < 100 and 0 < totals["persons_invalid"] < 30
    assert totals["special_fen"] > 0 and totals["used_outside_fen"] < totals["used_inside_fen"]


def test_people__of_one_seed_are_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BLOCK", 300)
    content = []
    for name, seed in (("one", 5), ("two", 5), ("three", 6)):
        (tmp_path / name).mkdir()
        target = people(tmp_path / name, 700, seed).path
        content.append({path.name: path.read_bytes() for path in sorted(target.iterdir())})
    assert content[0] == content[1]
    assert content[0]["persons.parquet"] != content[2]["persons.parquet"]
    ids = pq.read_table(tmp_path / "one" / "capitation" / "visits.parquet")["visit_id"].to_pylist()
    assert len(set(ids)) == len(ids)


def test_people__belong_to_the_communities_of_the_region(tmp_path: Path) -> None:
    (tmp_path / "hospitals.csv").write_text(
        "hospital_id,name,level,community_id\nH1,甲,3,\nH2,乙,2,M1\nH3,丙,1,M2\n", encoding="utf-8"
    )
    people(tmp_path, 200, 1)
    result = capitate(tmp_path, engine_policy(POLICY), 2024)
    assert result.communities["community_id"].to_pylist() == ["M1", "M2"]
    hospitals = {row["hospital_id"] for row in result.flows.to_pylist() if row["inside"]}
    assert hospitals == {"H2", "H3"}


def test_people__of_given_communities(tmp_path: Path) -> None:
    people(tmp_path, 100, 1, communities={"Z": ["A1", "A2"], "Y": ["B1"]}, visits_per_person=0)
    result = capitate(tmp_path, engine_policy(POLICY), 2024)
    assert result.communities["community_id"].to_pylist() == ["Y", "Z"]
    assert result.totals["visits"] == 0


def test_people__are_not_written_over_others(tmp_path: Path) -> None:
    people(tmp_path, 10, 1)
    with pytest.raises(InputError, match="at this place already"):
        people(tmp_path, 10, 1)
    for arguments in ((0, 1), (10, 1)):
        (tmp_path / str(arguments[0])).mkdir()
        with pytest.raises(InputError):
            people(tmp_path / str(arguments[0]), *arguments, communities=0, visits_per_person=1)
