"""The global budget through the year, in the plainest words (docs/rules.md, chapters 17 to 21).

Amounts are whole fen, ratios fractions, parameters a mapping by the keys of a budget policy.
"""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from itertools import pairwise
from typing import Any

from reference.model.exact import largest_remainder, round_fen
from reference.model.policy import says

Parameters = Mapping[str, Any]


# --- rule 17: budget and target


def expenditure(last_year: int, changes: Sequence[int], reserve: int) -> int:
    return last_year + sum(changes) + reserve


def grown(last_year: int, cap: Fraction) -> int:
    return round_fen(last_year * (1 + cap))


def split(budget: int, counties: Sequence[tuple[int, int, int]]) -> tuple[int, list[int]]:
    """Own money of the city and of each county, of (benefits, subsidy, payment upwards)."""
    own = [benefits + up - subsidy for benefits, subsidy, up in counties]
    return budget - sum(own), own


def target(budget: int, outside: Mapping[str, int], p: Parameters) -> tuple[int, list[int], int]:
    """The control target, its reserves, and what is left for indices."""
    made = budget
    for name in p["target.deductions"]:
        made -= outside[name]
    if says(p, "out_of_area", "deducted", "inside_budget"):
        made -= outside["out_of_area"]
    ratios = {
        "mid_year": p["target.mid_year_ratio"],
        "year_end": p["target.year_end_ratio"],
        "deposit": p["deposit.ratio"],
    }
    reserves = [round_fen(made * ratios[name]) for name in p["target.reserves"]]
    return made, reserves, made - sum(reserves)


def cash_left(target: int, set_aside: int, payable: Sequence[int], others: int) -> int:
    """What may still be bound: what one is owed back of its payable leaves nothing for others."""
    return target - set_aside - sum(max(0, fen) for fen in payable) - others


def covered(amounts: Mapping[tuple[str, str], int], p: Parameters) -> int:
    payers = {
        "pooled_fund": {"pooled_fund"},
        "fund_and_account": {"pooled_fund", "personal_account"},
        "all_cost": {"pooled_fund", "personal_account", "other_cost"},
    }[p["coverage.money"]]
    return sum(
        fen for (care, by), fen in amounts.items() if care in p["coverage.care"] and by in payers
    )


# --- rule 18: indices


def base(
    last: tuple[int, int] | None, years: Sequence[int], peers: Sequence[int], p: Parameters
) -> int:
    """A of (index, execution) of last year, of three years, or of peers' execution."""
    how = p["index.base_first"] if last is None else p["index.base"]
    if how == "last_index_and_execution" and last is not None:
        weight = p["index.execution_weight"]
        return round_fen(last[1] * weight + last[0] * (1 - weight))
    if how == "three_years":
        return round_fen(Fraction(sum(years), 3))
    if how == "peers":
        return round_fen(Fraction(sum(peers), len(peers)))
    raise ValueError(f"no base {how!r}")


def index(a: int, factors: Sequence[Fraction]) -> int:
    return round_fen(a * (1 + sum(factors)))


def fit(
    asked: Mapping[str, int], available: int, p: Parameters, levels: Mapping[str, str]
) -> dict[str, int]:
    if sum(asked.values()) <= available:
        return dict(asked)
    if says(p, "index.fit", "refuse", "proportional", "by_rule"):
        raise ValueError("the indices are more than there is")
    keep: dict[str, int] = {}
    if says(p, "index.fit", "by_rule", "proportional", "refuse"):
        keep = {n: a for n, a in asked.items() if levels.get(n) in p["index.fit_spared"]}
    rest = available - sum(keep.values())
    cut = {n: a for n, a in asked.items() if n not in keep}
    if rest < 0 or sum(cut.values()) == 0:
        raise ValueError("those that are cut have not enough")
    parts = {n: Fraction(a * rest, sum(cut.values())) for n, a in cut.items()}
    return {**keep, **largest_remainder(parts, rest)}


def deposits(indices: Mapping[str, int], set_aside: int | None, p: Parameters) -> dict[str, int]:
    """What each institution has of what the target set aside, else a part of its index."""
    if set_aside is None:
        return {name: round_fen(fen * p["deposit.ratio"]) for name, fen in indices.items()}
    whole = sum(indices.values())
    exact = {name: Fraction(set_aside * fen, whole) for name, fen in indices.items()}
    return largest_remainder(exact, set_aside)


def effective(
    visits: int, repeated: int, heads: int, invalid: tuple[int, int], p: Parameters
) -> int:
    """`invalid`: persons and visits."""
    heads_out, visits_out = invalid if p["volume.invalid_heads"] else (0, 0)
    if says(p, "volume.measure", "less_repeated", "per_head"):
        return visits - repeated - visits_out
    return heads - heads_out


def outside_shares(amount: int, incomes: Mapping[str, int]) -> dict[str, int]:
    whole = sum(incomes.values())
    return largest_remainder({n: Fraction(amount * i, whole) for n, i in incomes.items()}, amount)


# --- rule 19: months


def parts_of_year(amount: int, shares: Sequence[Fraction]) -> list[int]:
    """Rounded as they add up."""
    ends = [round_fen(amount * sum(shares[:n], Fraction(0))) for n in range(len(shares) + 1)]
    return [after - before for before, after in pairwise(ends)]


def months(
    rows: Sequence[tuple[int, int, int, int | None]], p: Parameters
) -> list[tuple[int, int, int, int, int]]:
    """Of (index, claim, violation, last year's month): paid, carried on, deferred, owed, suspended.

    What is deferred and what is suspended are told to date.
    """
    made = []
    carry = deferred = owed = suspended = 0
    for month_index, claim, violation, last_year in rows:
        room = month_index + carry
        net = claim - violation - owed
        owed = -min(net, 0)
        net = max(net, 0)
        paid = min(net, room)
        deferred += net - paid
        carry = room - paid
        cut = abnormal(paid, claim, last_year, p)
        paid, suspended = paid - cut, suspended + cut
        if p["rollover_pays_deferred"]:
            late = min(carry, deferred)
            paid, carry, deferred = paid + late, carry - late, deferred - late
        made.append((paid, carry, deferred, owed, suspended))
    return made


def abnormal(payment: int, claim: int, last_year: int | None, p: Parameters) -> int:
    """What of a payment is suspended: its part of the claim above last year's and the limit."""
    limit = p["month.growth_limit"]
    if limit is None or last_year is None or claim <= last_year * (1 + limit):
        return 0
    return payment - round_fen(Fraction(payment) * last_year * (1 + limit) / claim)


def changes_funded(needed: int, reserve: int, free: int) -> tuple[int, int]:
    """What of the changes of a pool comes out of the reserve, and what out of what is free."""
    drawn = min(needed, reserve) if needed > 0 else 0
    if needed > 0 and needed - drawn > max(0, free):
        raise ValueError("above the control target")
    return drawn, needed - drawn


def limit(yearly: int, how_many: Fraction) -> int:
    exact = Fraction(yearly) * how_many / 12
    return exact.numerator // exact.denominator


def prepayment(control: int, actual: int, p: Parameters) -> int:
    weight = p["month_pay.mean_weight"]
    return round_fen(Fraction(control, 12) * weight + actual * (1 - weight))


# --- rule 20: clearing


def tiers(p: Parameters, name: str, single: str) -> Sequence[tuple[Fraction | None, Fraction]]:
    return p[name] if p[name] is not None else [(None, p[single])]


def by_tiers(amount: int, of: int, steps: Sequence[tuple[Fraction | None, Fraction]]) -> Fraction:
    """Σ ratio × what of an amount lies between one limit × `of` and the next."""
    if of <= 0:
        return amount * steps[-1][1]
    made, begin = Fraction(0), Fraction(0)
    for upper, ratio in steps:
        end = Fraction(amount) if upper is None else min(Fraction(amount), upper * of)
        made += ratio * max(Fraction(0), end - begin)
        begin = max(begin, end)
    return made


def released(score: Fraction, p: Parameters) -> Fraction:
    if says(p, "deposit_score", "linear", "bands"):
        return score
    for upper, ratio in p["deposit_bands"]:
        if upper is None or score < upper:
            return Fraction(ratio)
    raise ValueError("bands without an end")


def compensation(year: Any, excess: int, p: Parameters) -> int:
    least = p["patients.growth_min"]
    if least is None or not year.patients_last or year.patients is None:
        return 0
    growth = Fraction(year.patients, year.patients_last) - 1
    if growth < least:
        return 0
    paid = round_fen(min(excess, round_fen(year.index_fen * growth)) * p["patients.ratio"])
    return (
        paid
        if p["patients.cap"] is None
        else min(paid, round_fen(year.index_fen * p["patients.cap"]))
    )


def clear(year: Any, p: Parameters) -> dict[str, int]:
    """What the fund owes for the year, what the treasury rewards, what the institution bears."""
    three = says(p, "clearing.method", "three_outcomes", "national")
    less = min(year.actual_fen, year.index_fen)
    surplus, excess = year.index_fen - less, year.actual_fen - less
    added = treasury = waiting = 0
    borne = excess
    if year.ended:
        pass
    elif excess == 0:
        added, treasury = _under(year, surplus, p, three)
    else:
        more, fund = (0, excess - _borne(year, p)) if three else _over(year, excess, p)
        borne = excess - more - fund
        if says(p, "clearing.report", "required", "not_required") and not year.report:
            waiting = fund
        added = more + fund - waiting
    share = Fraction(1) if year.ended else released(year.score, p)
    forfeited = round_fen(year.deposit_fen * (1 - share))
    due = less + year.costly_fen + added
    final = due - year.paid_fen - year.advances_fen - forfeited - year.violation_fen
    return {
        "due_fen": due,
        "treasury_fen": treasury,
        "borne_fen": borne,
        "waiting_fen": waiting,
        "forfeited_fen": forfeited,
        "final_fen": final,
        "payable_fen": max(0, final),
        "recover_fen": max(0, -final),
    }


def clear_member(year: Any, amount: int, p: Parameters) -> dict[str, int]:
    """What a community's member is due: its cost with what it retains, or less what is refused."""
    share = Fraction(1) if year.ended else released(year.score, p)
    forfeited = round_fen(year.deposit_fen * (1 - share))
    due = year.actual_fen + year.costly_fen + amount
    final = due - year.paid_fen - year.advances_fen - forfeited - year.violation_fen
    return {
        "due_fen": due,
        "forfeited_fen": forfeited,
        "final_fen": final,
        "payable_fen": max(0, final),
        "recover_fen": max(0, -final),
    }


def _under(year: Any, surplus: int, p: Parameters, three: bool) -> tuple[int, int]:
    """What the fund adds to the cost, and what the treasury pays besides."""
    if year.penalised and p["violator_no_increase"]:
        return 0, 0
    if three:
        reward = round_fen(surplus * p["clearing.reward_ratio"])
        return (
            (0, reward)
            if says(p, "clearing.reward_payer", "treasury", "insurance_fund")
            else (reward, 0)
        )
    if year.score < p["clearing.gate_score"] or not year.gates_passed:
        return 0, 0
    steps = tiers(p, "clearing.keep_tiers", "clearing.keep_ratio")
    return round_fen(by_tiers(surplus, year.index_fen, steps)), 0


def _over(year: Any, excess: int, p: Parameters) -> tuple[int, int]:
    more = compensation(year, excess, p)
    steps = tiers(p, "clearing.overspend_tiers", "clearing.fund_share")
    return more, round_fen(by_tiers(excess - more, year.index_fen, steps))


def _borne(year: Any, p: Parameters) -> int:
    outside = year.outside_actual_fen - year.outside_index_fen
    inside = year.actual_fen - year.index_fen - outside
    if outside < 0:
        inside, outside = inside + outside, 0
    if inside < 0:
        inside, outside = 0, inside + outside
    if year.met == "all":
        return 0
    if year.met == "some":
        return round_fen(inside * p["clearing.inside_share"]) + round_fen(
            outside * p["clearing.outside_share"]
        )
    if year.met == "no_indicator":
        return inside + outside
    raise ValueError(f"no outcome {year.met!r}")


# --- rule 21: communities


def community(
    members: Mapping[str, tuple[int, int]], allocation: Mapping[str, int], p: Parameters
) -> dict[str, int]:
    """Of (budget after the transfer, cost): what each retains (+) or is refused (−)."""
    budget = sum(b for b, _ in members.values())
    cost = sum(c for _, c in members.values())
    whole = budget - cost
    if whole >= 0:
        steps = tiers(p, "clearing.keep_tiers", "clearing.keep_ratio")
        amount = round_fen(by_tiers(whole, budget, steps))
    else:
        steps = tiers(p, "clearing.overspend_tiers", "clearing.fund_share")
        amount = round_fen(by_tiers(-whole, budget, steps)) + whole
    own = {name: b - c for name, (b, c) in members.items()}
    other = {name for name, fen in own.items() if fen * whole < 0}
    if other != set(allocation):
        raise ValueError("members of the other side need an allocation")
    rest = amount - sum(allocation.values())
    same = {name: fen for name, fen in own.items() if fen * whole > 0}
    exact = {name: Fraction(rest * fen, sum(same.values())) for name, fen in same.items()}
    return {**dict.fromkeys(own, 0), **largest_remainder(exact, rest), **allocation}
