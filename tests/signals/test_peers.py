"""The statistics by hand, and on draws whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from drgpay.ground.errors import InputError
from drgpay.signals.findings import confidence
from drgpay.signals.parameters import load_parameters
from drgpay.signals.peers import (
    averaged,
    clustered,
    count_tail,
    counted,
    dense,
    expected,
    judge,
    q_values,
)
from drgpay.signals.texts import SIGNALS

SETTINGS = load_parameters()


def test_q_values__as_by_hand() -> None:
    q = q_values(np.array([0.04, np.nan, 0.005, 0.03, 0.9]))
    # sorted 0.005, 0.03, 0.04, 0.9 of four: x4, x2, x4/3, x1; 0.03 takes the smaller 0.0533
    assert np.allclose(q[[0, 2, 3, 4]], [0.16 / 3, 0.02, 0.16 / 3, 0.9])
    assert np.isnan(q[1])


def test_expected__leaves_the_hospital_itself_out() -> None:
    settings = load_parameters(
        ["peers.prior_cases=0", "peers.min_cases=3", "peers.min_hospitals=2"]
    )
    hospital = np.array([0, 0, 0, 0, 1, 1, 2, 2])
    y = np.array([1.0, 1, 1, 1, 1, 0, 0, 0])
    base, known = expected(y, hospital, 3, [np.zeros(8, np.int64)], settings)
    assert np.allclose(base[:4], 1 / 4)  # of the others: 1 of 4
    assert np.allclose(base[4:6], 4 / 6)
    assert known.all()


def test_expected__group_without_peers_is_not_comparable() -> None:
    hospital = np.repeat([0, 1, 2, 3], 30)
    group = np.where(hospital == 0, 1, 0)
    _, known = expected(
        np.zeros(120), hospital, 4, [group], load_parameters(["peers.min_hospitals=2"])
    )
    assert not known[:30].any() and known[30:].all()


def test_dense__one_number_a_combination() -> None:
    one, two = np.array([5, 5, -1, 5]), np.array([0, 1, 0, 0])
    numbers = dense(one, two)
    assert numbers[0] == numbers[3] and len(set(numbers.tolist())) == 3


def test_clustered__stays_of_one_patient_are_added_before_squaring() -> None:
    residual = np.array([1.0, 2, 3, 4])
    sums = clustered(residual, np.array([0, 0, 0, 1]), np.array([7, 7, -1, 7]), 2)
    assert sums.tolist() == [(1 + 2) ** 2 + 3**2, 16]


def test_count_tail__rare_events_are_negative_binomial() -> None:
    mu, tau = np.array([4.0]), 0.5
    p = count_tail(np.array([11.0]), mu, np.array([1.0]), tau, False)
    size = 1 / tau**2
    assert p[0] == pytest.approx(stats.nbinom.sf(10, size, size / (size + 4.0)))


def test_count_tail__frequent_events_are_not_bolder_than_the_beta_binomial() -> None:
    n, chance, tau = 400, 0.35, 0.05
    total = (1 - chance) / (chance * tau**2) - 1
    seen = np.array([150.0, 165.0, 175.0])
    exact = stats.betabinom.sf(seen - 1, n, chance * total, (1 - chance) * total)
    mine = count_tail(seen, np.full(3, n * chance), np.full(3, 1 - chance), tau, False)
    assert (mine > 0.8 * exact).all() and (mine < 2.5 * exact + 0.02).all()


def _levels(count: int) -> np.ndarray:
    return np.zeros(count, dtype=np.int64)


def test_judge__finds_the_honest_spread_though_some_cheat() -> None:
    rng = np.random.default_rng(4)
    found = []
    for _ in range(40):
        s2 = np.full(50, 0.05**2)
        y = rng.normal(0, np.hypot(0.2, 0.05), 50)
        y[:4] += 1.5
        everyone = np.ones(50, np.bool_)
        tau, _, wide = judge(y, s2, _levels(50), everyone, everyone, SETTINGS, 0.2)
        found.append(tau)
        assert wide > tau
    assert 0.17 < float(np.mean(found)) < 0.26


def test_counted__honest_overdispersed_hospitals_are_not_called() -> None:
    rng = np.random.default_rng(8)
    ps = []
    for _ in range(20):
        hospital = np.repeat(np.arange(50), 400)
        rate = 0.08 * np.exp(rng.normal(0, 0.15, 50))
        y = rng.random(len(hospital)) < rate[hospital]
        base, known = expected(
            y.astype(float), hospital, 50, [np.zeros(len(y), np.int64)], SETTINGS
        )
        alone = np.full(len(y), -1)
        r = counted(y, base, known, hospital, _levels(50), SETTINGS, patient=alone)
        ps.append(r.p)
    p = np.concatenate(ps)
    assert np.mean(p < 0.05) < 0.09 and np.mean(p < 0.001) < 0.004


def _one_odd(cases: int, rate: float) -> tuple[np.ndarray, object]:
    rng = np.random.default_rng(3)
    hospital = np.concatenate([np.repeat(np.arange(30), 300), np.full(cases, 30)])
    chance = np.where(hospital == 30, rate, 0.05)
    y = rng.random(len(hospital)) < chance
    base, known = expected(y.astype(float), hospital, 31, [np.zeros(len(y), np.int64)], SETTINGS)
    settings = load_parameters(["min_comparable=1"])
    alone = np.full(len(y), -1)
    r = counted(y, base, known, hospital, _levels(31), settings, patient=alone)
    from dataclasses import replace

    r = replace(r, q=q_values(r.p))
    return confidence(SIGNALS["upcoding_mcc"], r, SETTINGS), r


def test_confidence__large_and_odd_is_high() -> None:
    sure, _ = _one_odd(600, 0.25)
    assert sure[30] == 3 and (sure[:30] < 2).all()


def test_confidence__five_cases_are_never_a_finding_however_odd() -> None:
    sure, r = _one_odd(5, 1.0)
    assert r.observed[30] == 5 and r.q[30] < 0.05
    assert sure[30] < 2


def test_confidence__fewer_than_the_least_cases_are_not_evaluable() -> None:
    hospital = np.concatenate([np.repeat(np.arange(10), 200), np.full(5, 10)])
    y = hospital == 10
    base, known = expected(y.astype(float), hospital, 11, [np.zeros(len(y), np.int64)], SETTINGS)
    r = counted(y, base, known, hospital, _levels(11), SETTINGS, patient=np.full(len(y), -1))
    assert not r.evaluable[10] and np.isnan(r.p[10])
    assert confidence(SIGNALS["upcoding_mcc"], r, SETTINGS)[10] == -1


def test_shrunken_ratio__nearer_to_one_the_fewer_the_cases() -> None:
    _, small = _one_odd(60, 0.25)
    _, large = _one_odd(3_000, 0.25)
    assert 1 < small.shrunk[30] < small.ratio[30]
    assert large.ratio[30] / large.shrunk[30] < small.ratio[30] / small.shrunk[30]


def test_averaged__low_side_is_the_low_tail() -> None:
    rng = np.random.default_rng(6)
    hospital = np.repeat(np.arange(30), 100)
    values = rng.normal(0, 0.3, 3_000) - 0.5 * (hospital == 3)
    alone = np.full(3_000, -1)
    known = np.ones(3_000, np.bool_)
    low = averaged(values, known, hospital, _levels(30), SETTINGS, patient=alone, low=True)
    assert low.p[3] < 1e-4 and low.ratio[3] == pytest.approx(np.exp(-0.5), abs=0.06)
    high = averaged(values, known, hospital, _levels(30), SETTINGS, patient=alone)
    assert high.p[3] == pytest.approx(1 - low.p[3])


def test_parameters__each_has_names_and_a_reason() -> None:
    for row in SETTINGS.rows.values():
        assert row.name and row.name.chinese and row.why


def test_parameters__unknown_key_and_wrong_value_are_named() -> None:
    with pytest.raises(InputError) as caught:
        load_parameters(["split.day=3", "split.days=soon", "split.days=-1"])
    assert len(caught.value.faults) == 3
