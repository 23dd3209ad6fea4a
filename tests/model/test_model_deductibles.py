"""Deductibles of a referral: one is due, each excess worked out by hand."""

from fractions import Fraction as F
from typing import Any

import pytest

from reference.model.deductibles import check_standards, referral_rows
from reference.model.points import Setting
from tests.model.test_model_cases import community, stay

STANDARDS = '[["3", "800.00"], ["2", "300"]]'


def listed(own: Setting, p: dict[str, Any], *deductibles: str) -> list[tuple[Any, ...]]:
    """Deductible, excess, and the chain's paid and due of stays at H2, H and H2 again."""
    hospitals = ("H2", "H", "H2")
    chain = [
        stay(case, hospital, "GB15", (f"0{day}", f"0{day + 1}"), "10.00", deductible=text)
        for day, (case, hospital, text) in enumerate(
            zip("ABC", hospitals, deductibles, strict=False), start=1
        )
    ]
    names = [case.case_id for case, _ in chain]
    leads, points = dict.fromkeys(names, "A"), dict.fromkeys(names, F(1))
    rows = referral_rows([chain], leads, points, own.region, p)
    assert [row.chain_stays for row in rows] == [None] * (len(chain) - 1) + [len(chain)]
    assert [row.lead for row in rows] == [name == "A" for name in names]
    assert (rows[-1].chain_paid_fen is None) is (rows[-1].chain_due_fen is None)
    own_rows = [(row.deductible_fen, row.excess_fen) for row in rows]
    return [*own_rows, (rows[-1].chain_paid_fen, rows[-1].chain_due_fen)]


@pytest.mark.parametrize(
    ("paid", "due"),
    [
        (("300", "800"), [(30_000, 30_000), (80_000, 0), (110_000, 80_000)]),
        (("300", "500"), [(30_000, 30_000), (50_000, 0), (80_000, 50_000)]),
        (("300", "300"), [(30_000, 30_000), (30_000, 0), (60_000, 30_000)]),  # the later is kept
        (("300", "0"), [(30_000, 0), (0, 0), (30_000, 30_000)]),
        (("", "0.01"), [(None, None), (1, 0), (1, 1)]),
        (("", ""), [(None, None), (None, None), (None, None)]),
        (
            ("300", "800", "300"),
            [(30_000, 30_000), (80_000, 0), (30_000, 30_000), (140_000, 80_000)],
        ),
    ],
)
def test_deductibles__highest_paid(parameters, paid: tuple[str, ...], due: Any) -> None:
    p = parameters(referral__rule="one_stay")
    assert listed(community(p), p, *paid) == due


@pytest.mark.parametrize(
    ("paid", "due"),
    [
        (("300", "800"), [(30_000, 30_000), (80_000, 0), (110_000, 80_000)]),
        (("300", "500"), [(30_000, 0), (50_000, 0), (80_000, 80_000)]),  # the difference only
        (("300", "600"), [(30_000, 10_000), (60_000, 0), (90_000, 80_000)]),
        (("900", "300"), [(90_000, 40_000), (30_000, 0), (120_000, 80_000)]),
        (("0", "900"), [(0, 0), (90_000, 10_000), (90_000, 80_000)]),
        (("", "300"), [(None, None), (30_000, 0), (30_000, 80_000)]),
        (("", ""), [(None, None), (None, None), (None, None)]),
    ],
)
def test_deductibles__standards_of_the_levels(parameters, paid: tuple[str, ...], due: Any) -> None:
    p = parameters(
        referral__rule="one_stay",
        referral__deductible="standards",
        referral__deductible_standards=STANDARDS,
    )
    assert listed(community(p), p, *paid) == due


def test_deductibles__a_level_without_a_standard(parameters) -> None:
    more = {"referral__deductible": "standards", "referral__deductible_standards": '[["3", "1"]]'}
    p = parameters(referral__rule="one_stay", **more)
    with pytest.raises(ValueError, match="level '2'"):
        check_standards(community(p).region, p)
    separate = parameters(**more)
    check_standards(community(separate).region, separate)
