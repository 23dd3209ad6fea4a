"""Referral chains and readmissions (docs/rules.md, rules 7 and 8)."""

from collections.abc import Iterable, Sequence
from fractions import Fraction
from itertools import pairwise

from reference.model.exact import largest_remainder
from reference.model.grouping import Grouping
from reference.model.points import BY_POINTS, NAME_UNREASONABLE, Price, Setting, price_of
from reference.model.policy import says
from reference.model.region import Case, Region
from reference.model.stay import Parameters, is_bed_day, is_long_stay, point_places

Stay = tuple[Case, Grouping]


def in_order(stay: Stay) -> tuple[object, ...]:
    return (stay[0].admission, stay[0].discharge, stay[0].case_id)


# --- referral


def chains(stays: Iterable[Stay], region: Region, p: Parameters) -> list[list[Stay]]:
    """The referral chains of two stays or more, each in order."""
    if not says(p, "referral.rule", "one_stay", "separate"):
        return []
    together: dict[tuple[str, str, str], list[Stay]] = {}
    for case, grouping in stays:
        community = region.hospitals[case.hospital_id].community_id
        named = case.patient_id and case.referral_group and community
        if named and grouping.status == "grouped" and not is_bed_day(case, p):
            key = (case.patient_id, case.referral_group, community)
            together.setdefault(key, []).append((case, grouping))
    found = []
    for members in together.values():
        members.sort(key=in_order)
        chain = members[:1]
        for before, after in pairwise(members):
            if not 0 <= (after[0].admission - before[0].discharge).days <= p["referral.days"]:
                found.append(chain)
                chain = []
            chain.append(after)
        found.append(chain)
    return [chain for chain in found if len(chain) > 1]


def lead_of(chain: Sequence[Stay], setting: Setting) -> Stay:
    """The stay with the most base points, the last one of several."""
    best = chain[0]
    for stay in chain[1:]:
        if _base_points(stay, setting) >= _base_points(best, setting):
            best = stay
    return best


def _base_points(stay: Stay, setting: Setting) -> Fraction:
    base = setting.base(stay[1])
    return Fraction(0) if base is None else base.base_points


def price_chain(chain: Sequence[Stay], setting: Setting) -> dict[str, Price]:
    """The price of each stay: the lead's points for the chain's costs, divided by cost."""
    reviews = setting.region.reviews
    off = {
        case.case_id: reviews[case.case_id].unreasonable_fen if case.case_id in reviews else 0
        for case, _ in chain
    }
    cost = sum(setting.counted(case) for case, _ in chain)
    lead_case, lead_grouping = lead_of(chain, setting)
    made = price_of(lead_case, lead_grouping, setting, cost, sum(off.values()))
    shares = {case.case_id: Fraction(0) for case, _ in chain}
    if made.paid_by == BY_POINTS:
        shares = divided(made, chain, lead_case.case_id, setting)
    prices = {}
    for case, grouping in chain:
        own_off = off[case.case_id] if made.formula in NAME_UNREASONABLE else 0
        own_off = 0 if made.paid_by == "held" else own_off
        base = setting.base(grouping)
        prices[case.case_id] = Price(
            case_class=made.case_class,
            formula=made.formula,
            paid_by=made.paid_by,
            points=shares[case.case_id],
            price_fen=setting.counted(case) - own_off if made.paid_by == "money" else 0,
            coefficient=made.coefficient,
            base_points=None if base is None else base.base_points,
            unreasonable_fen=own_off,
        )
    return prices


def divided(made: Price, chain: Sequence[Stay], lead: str, setting: Setting) -> dict[str, Fraction]:
    """The points of a chain by cost, in steps of `case_points_dp`.

    Points that experts set may be no multiple of it: then in steps of 0.0001.
    """
    cost = sum(setting.counted(case) for case, _ in chain)
    if cost == 0:
        return {case.case_id: made.points * (case.case_id == lead) for case, _ in chain}
    steps = 10 ** point_places(setting.p)
    if (made.points * steps).denominator != 1:
        steps = 10_000
    exact = {case.case_id: made.points * steps * setting.counted(case) / cost for case, _ in chain}
    whole = largest_remainder(exact, int(made.points * steps))
    return {case_id: Fraction(own, steps) for case_id, own in whole.items()}


# --- readmission


def kind_of(case: Case, grouping: Grouping, p: Parameters) -> str:
    if says(p, "readmission.same", "hospital_drg", "hospital_adrg", "hospital_category"):
        return grouping.drg
    if says(p, "readmission.same", "hospital_adrg", "hospital_drg", "hospital_category"):
        return grouping.adrg
    return case.diagnoses[0][:3]


def readmitted(
    stays: Iterable[Stay], p: Parameters, found: Sequence[Sequence[Stay]] = ()
) -> dict[str, str]:
    """Rule 8: the case_ids of stays that were followed too soon, and of the stay that followed.

    The earlier stay is the one that loses points; a referral chain (`found`) loses them together.
    Days run from its discharge to the next admission; an overlap is no readmission.
    """
    days = p["readmission.days"]
    if days is None:
        return {}
    chain_of = {case.case_id: chain for chain in found for case, _ in chain}
    rows: dict[tuple[str, str, str], list[Stay]] = {}
    for case, grouping in stays:
        exempt = {grouping.drg, grouping.adrg} & set(p["readmission.exempt"])
        counts = grouping.status == "grouped" and not is_bed_day(case, p)
        if case.patient_id and counts and not is_long_stay(case, p) and not exempt:
            key = (case.patient_id, case.hospital_id, kind_of(case, grouping, p))
            rows.setdefault(key, []).append((case, grouping))
    followed: dict[str, str] = {}
    for row in rows.values():
        row.sort(key=in_order)
        for (before, _), (after, _) in pairwise(row):
            soon = 0 <= (after.admission - before.discharge).days <= days
            planned = p["readmission.exempt_planned"] and before.planned_readmission
            own = [case.case_id for case, _ in chain_of.get(before.case_id, ())]
            others = [case.case_id for case, _ in chain_of.get(after.case_id, ())]
            is_last = not own or own[-1] == before.case_id
            is_first = not others or others[0] == after.case_id
            if soon and not planned and is_last and is_first:
                followed |= dict.fromkeys(own or [before.case_id], after.case_id)
    return followed


def review_counts(price: Price) -> bool:
    """Rule 7: whether a review is of account: of a high or reviewed case, or one whose formula
    takes unreasonable cost off."""
    return price.case_class in ("high", "reviewed") or price.formula in NAME_UNREASONABLE
