"""The fast grouper and the readable model agree on every case that we can think of."""

from pathlib import Path

import pytest

from drgpay.grouper import Grouper
from reference.model import load_scheme as load_model
from tests.grouper.generated import Tables, differences

ROOT = Path(__file__).parents[2]
BUNDLED = ("zj-drg-2022", "chs-drg-1.1", "chongqing-drg-2022", "chs-drg-1.2-draft")
TINY = ("ex1-tiny", "testland-tiny")
ALL = [(name, match) for name in (*BUNDLED, *TINY) for match in ("main", "any")]
SYSTEMATIC = ("each_principal", "each_main_procedure", "each_severity", "site_pairs", "boundaries")


def _path(name: str) -> Path:
    bundled = ROOT / "reference" / "schemes" / name
    return bundled if bundled.exists() else ROOT / "tests" / "schemes" / name


@pytest.fixture(scope="module", params=ALL, ids=lambda p: "-".join(p))
def both(request: pytest.FixtureRequest):
    name, match = request.param
    return Grouper(_path(name), surgical_match=match), load_model(_path(name), surgical_match=match)


@pytest.mark.parametrize("kind", SYSTEMATIC)
def test_grouping__of_systematic_cases_is_the_models(both, kind: str) -> None:
    grouper, model = both
    cases = list(getattr(Tables(grouper, 7), kind)())
    wrong = differences(grouper, model, cases)
    assert not wrong, f"{len(wrong)} of {len(cases)} cases differ, first: {wrong[0]}"


def test_grouping__of_drawn_cases_is_the_models(both) -> None:
    grouper, model = both
    count = 15_000 if grouper.scheme.id in BUNDLED else 4_000
    wrong = differences(grouper, model, list(Tables(grouper, 11).drawn(count)))
    assert not wrong, f"{len(wrong)} cases differ, first: {wrong[0]}"


@pytest.mark.long
@pytest.mark.parametrize("seed", range(10))
def test_grouping__of_a_million_drawn_cases_is_the_models(both, seed: int) -> None:
    grouper, model = both
    count = 25_000 if grouper.scheme.id in BUNDLED else 5_000
    wrong = differences(grouper, model, list(Tables(grouper, 1000 + seed).drawn(count)))
    assert not wrong, f"{len(wrong)} cases differ, first: {wrong[0]}"
