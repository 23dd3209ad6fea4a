"""Deductibles (起付线) of referral chains: due once (docs/rules.md, rule 7).

A list for the agency; it changes no amount of the settlement.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from reference.model.chains import Stay, in_order
from reference.model.policy import says
from reference.model.region import Region
from reference.model.stay import Parameters


@dataclass(frozen=True)
class ReferralRow:
    """A stay of a chain. What is of the chain stands in the row of its last stay, else None."""

    chain_number: int
    chain: str  # case_id of the lead
    stay_number: int
    case_id: str
    hospital_id: str
    level: str
    community_id: str
    drg: str
    lead: bool
    total_cost_fen: int
    points: Fraction
    deductible_fen: int | None
    excess_fen: int | None
    chain_stays: int | None
    chain_paid_fen: int | None
    chain_due_fen: int | None


def referral_rows(
    found: Iterable[Sequence[Stay]],
    leads: Mapping[str, str],
    points: Mapping[str, Fraction],
    region: Region,
    p: Parameters,
) -> tuple[ReferralRow, ...]:
    """The stays of all chains, those that began first before the others."""
    rows = []
    for number, chain in enumerate(sorted(found, key=lambda own: in_order(own[0])), start=1):
        due = due_once(chain, region, p)
        back = to_return(chain, due, region, p)
        given = [case.deductible_fen for case, _ in chain if case.deductible_fen is not None]
        for place, (case, grouping) in enumerate(chain, start=1):
            hospital = region.hospitals[case.hospital_id]
            is_last = place == len(chain)
            rows.append(
                ReferralRow(
                    chain_number=number,
                    chain=leads[case.case_id],
                    stay_number=place,
                    case_id=case.case_id,
                    hospital_id=case.hospital_id,
                    level=hospital.level,
                    community_id=hospital.community_id,
                    drg=grouping.drg,
                    lead=leads[case.case_id] == case.case_id,
                    total_cost_fen=case.total_cost_fen,
                    points=points[case.case_id],
                    deductible_fen=case.deductible_fen,
                    excess_fen=back.get(case.case_id),
                    chain_stays=len(chain) if is_last else None,
                    chain_paid_fen=sum(given) if is_last and given else None,
                    chain_due_fen=due if is_last else None,
                )
            )
    return tuple(rows)


def check_standards(region: Region, p: Parameters) -> None:
    """Levels of hospitals in a community need a standard when these are asked for."""
    if not says(p, "referral.rule", "one_stay", "separate") or not says(
        p, "referral.deductible", "standards", "highest_paid"
    ):
        return
    for hospital in region.hospitals.values():
        if hospital.community_id and hospital.level not in p["referral.deductible_standards"]:
            raise ValueError(f"no deductible is given for level {hospital.level!r}")


def due_once(chain: Sequence[Stay], region: Region, p: Parameters) -> int | None:
    """The highest one paid, or the highest standard of the levels; None when none was given."""
    given = [case.deductible_fen for case, _ in chain if case.deductible_fen is not None]
    if not given:
        return None
    if says(p, "referral.deductible", "highest_paid", "standards"):
        return max(given)
    return max(standard(stay, region, p) for stay in chain)


def standard(stay: Stay, region: Region, p: Parameters) -> int:
    level = region.hospitals[stay[0].hospital_id].level
    return int(p["referral.deductible_standards"][level])


def to_return(
    chain: Sequence[Stay], due: int | None, region: Region, p: Parameters
) -> dict[str, int]:
    """What is too much, of each stay that gives its deductible: of the lowest stays first.

    Low is who paid little, or whose level has a low standard; of equal ones the earlier stay.
    """
    if due is None:
        return {}
    paid = {case.case_id: case.deductible_fen or 0 for case, _ in chain}
    rest = max(0, sum(paid.values()) - due)

    def height(stay: Stay) -> int:
        if says(p, "referral.deductible", "highest_paid", "standards"):
            return paid[stay[0].case_id]
        return standard(stay, region, p)

    back = {}
    for case, _ in sorted(chain, key=height):
        part = min(rest, paid[case.case_id])
        rest -= part
        if case.deductible_fen is not None:
            back[case.case_id] = part
    return back
