"""A region held and settled again says what `drgpay simulate` says."""

from __future__ import annotations

from pathlib import Path

import pytest

from drgpay.ground.errors import InputError
from drgpay.months.forecast import carried_on
from drgpay.trials.live import LiveTrial
from drgpay.trials.simulate import Setting, Trial, simulate

EX1 = Path(__file__).parents[1] / "cases" / "ex1"
TRIED = (Setting("budget.310", "131000.00"), Setting("keep_ratio", "0.5"))


@pytest.fixture(scope="module")
def live() -> LiveTrial:
    return LiveTrial(EX1)


def test_live__settles_as_simulate_does(live: LiveTrial) -> None:
    asked = simulate(EX1, [Trial("t", TRIED)], causes=False)
    wanted = asked.trials[0].outcome
    assert wanted is not None
    found = live.outcome(TRIED)
    assert found.values() == wanted.values()
    assert found.due_by_hospital() == wanted.due_by_hospital()
    assert found.due_by_hospital() != live.today.due_by_hospital()
    assert live.outcome(()).due_by_hospital() == asked.base.due_by_hospital()


@pytest.mark.parametrize(
    "setting", [Setting("scheme", "zj-drg-2024"), Setting("year_key", "discharge_date")]
)
def test_live__refuses_what_reads_the_cases_otherwise(live: LiveTrial, setting: Setting) -> None:
    with pytest.raises(InputError, match="reads the cases otherwise"):
        live.outcome([setting])


def test_carried_on__ends_at_twelve_times_the_mean() -> None:
    course = carried_on([100, 201, 299], [200, 200, 200])
    assert course.paid == (100, 301, 600, *[None] * 9)
    assert course.forecast[:4] == (None, None, 600, 800)
    assert (course.forecast_year, course.budget_year) == (2400, 2400)


def test_carried_on__of_a_whole_year_is_what_was_paid() -> None:
    course = carried_on([7] * 12, [10] * 12)
    assert course.paid[-1] == course.forecast_year == 84
    with pytest.raises(ValueError, match="twelve"):
        carried_on([1] * 13, [1] * 13)
