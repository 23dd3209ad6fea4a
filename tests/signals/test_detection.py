"""On cities with planted cheats: at least 90 % found, at most 10 % of the findings false."""

from __future__ import annotations

from pathlib import Path

import pytest

from drgpay.synth.cheats import KINDS, Cheats
from tests.signals.cities import Score, city


def test_cheats__found_with_few_false_alarms(tmp_path: Path) -> None:
    score = Score()
    score.add(city(tmp_path / "city", 31, cases=30_000, hospitals=45, cheats=Cheats()))
    assert sum(score.planted.values()) == 7
    assert sum(score.found.values()) >= 6, score.missed
    assert len(score.false) <= 1, score.false


@pytest.mark.long
def test_cheats__found_over_many_cities(tmp_path: Path) -> None:
    score = Score()
    for seed in range(201, 213):
        size = 40_000 if seed % 2 else 55_000
        hospitals = (45, 50, 60)[seed % 3]
        folder = city(tmp_path / str(seed), seed, cases=size, hospitals=hospitals, cheats=Cheats())
        score.add(folder)
    assert set(score.planted) == set(KINDS)
    assert score.share_found >= 0.9, score.missed
    for kind in KINDS:
        assert score.found[kind] >= 0.75 * score.planted[kind], (kind, score.missed)
    assert score.share_false <= 0.1, score.false
    assert len({hospital for hospital, _ in score.false}) <= 0.02 * score.honest


@pytest.mark.long
def test_honest_cities__hardly_a_finding(tmp_path: Path) -> None:
    score = Score()
    for seed in range(221, 227):
        score.add(city(tmp_path / str(seed), seed, cheats=Cheats(share=0.0)))
    assert not score.planted and score.honest == 300
    assert score.flagged <= 0.02 * score.honest, score.false
