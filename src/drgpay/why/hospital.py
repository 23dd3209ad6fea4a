"""Why a hospital is paid what it is: its points, its due to the fen, and what was taken off."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction

from drgpay.ground.errors import Bilingual, both
from drgpay.ground.money import POINT
from drgpay.ground.numbers import (
    Figure,
    Number,
    fixed,
    less,
    smallest,
    total,
    whole_fen,
)
from drgpay.names.codes import spoken
from drgpay.region.standing import ENDED
from drgpay.runs.case_bounds import KEYS
from drgpay.settlement import account
from drgpay.why import bounds, forfeits
from drgpay.why.bounds import Account
from drgpay.why.folder import CaseSum, Row, RunFolder, figure_number
from drgpay.why.later import say_replaced
from drgpay.why.model import Derivation, shown_value
from drgpay.why.pool import left
from drgpay.why.remainder import allot
from drgpay.why.words import step_words

FEN = Fraction(1, 100)
# in a figure's row: parties of the largest remainder are hospitals, or one hospital's pools
BY_HOSPITAL, OF_HOSPITAL = ("parties", "hospitals"), ("parties", "pools")


def why_hospital(run: RunFolder, hospital: str) -> Derivation:
    """Return the derivation of a hospital in all its pools; raises InputError when unknown."""
    rows = [row for row in run.hospitals if row["hospital_id"] == hospital]
    if not rows and hospital not in run.institutions:
        names = {r["hospital_id"] for r in run.hospitals} | set(run.institutions)

        def ids() -> Iterator[list[str]]:
            yield sorted(names)

        raise run.unknown(both("医疗机构", "hospital"), hospital, ids, "--hospital")
    name = run.hospital_name(hospital)
    d = Derivation(
        "hospital", hospital,
        both(f"医疗机构 {hospital} {name}", f"Hospital {hospital} {name}"), run.policy,
    )  # fmt: skip
    _head(d, run, hospital)
    for row in rows:
        _in_pool(d, run, row)
    _quota(d, run, hospital)
    if len(rows) > 1:
        d.section(both("各险种合计", "All pools together"))
        for column in ("due_fen", "payable_fen", "recover_fen"):  # paid and owed are never netted
            parts = [row.number(column, both(row["pool"], row["pool"])) for row in rows]
            d.step(f"all.{column}", total(parts))
    if not rows:
        d.section(both("无病例", "No case"))
        d.say("no_case", run.institutions[hospital].figure("hospital_id"))
    return d


def _head(d: Derivation, run: RunFolder, hospital: str) -> None:
    row = run.institutions.get(hospital)
    if row is None:
        return
    for column, label in (
        ("level", both("等级", "level")),
        ("score", both("考核得分", "score")),
        ("coefficient", both("差异系数", "coefficient")),
        ("standing", both("协议状态", "standing")),
        ("community_id", both("医共体", "community")),
    ):
        if row.get(column) not in (None, ""):
            d.fact(label, spoken(column, row[column]), row.figure(column))


def _quota(d: Derivation, run: RunFolder, hospital: str) -> None:
    """Hold the special reviews granted against their quota, the region's or the hospital's."""
    own = [q for q in run.listed("quotas", ("hospital_id",)) if q["hospital_id"] in ("", hospital)]
    if not any(q["granted"] for q in own):
        return
    d.section(both("特病单议数量", "Quota of special reviews"))
    for quota in own:
        whose = (
            both("本机构", "of the hospital")
            if quota["hospital_id"]
            else both("全区", "of the region")
        )
        granted = quota.number("granted", both("准予的评审", "reviews granted"))
        allowed = quota.number("allowed", both("限额，向上取整", "allowed, rounded up"))
        d.test("quota", granted, "≤", allowed, whose=whose)


def _in_pool(d: Derivation, run: RunFolder, row: Row) -> None:
    pool = run.pool_of(row["pool"])
    if pool is None:
        d.disagree("no_pool", pool=row["pool"])
        return
    if left(d, pool):
        return
    everyone = bounds.accounts(run, pool)
    own = everyone[(row["hospital_id"], row["pool"])]
    title = both(f"险种 {row['pool']}", f"Pool {row['pool']}")
    d.section(both(f"{title.chinese}：点数与费用", f"{title}: points and cost"))
    points = _points(d, run, row)
    not_pool = _not_pool(d, run, row, own)
    d.section(both(f"{title.chinese}：应付", f"{title}: what is due"))
    due = _due(d, run, row, pool, own, everyone, points, not_pool)
    d.section(both(f"{title.chinese}：最终支付", f"{title}: what is paid at the end"))
    _final(d, run, row, due)


def _sum_figure(s: CaseSum, column: str) -> Figure:
    """Return a sum over the cases of a hospital, pool, class and way of paying."""
    key = (
        ("hospital_id", s.hospital), ("pool", s.pool), ("case_class", s.case_class),
        ("paid_by", s.paid_by),
    )  # fmt: skip
    value = s.points if column == "points" else s.money[column]
    return Figure("cases", key, column, value, "sum")


def _count_figure(s: CaseSum) -> Figure:
    figure = _sum_figure(s, "points")
    return Figure("cases", figure.row, "case_id", s.cases, "count")


def _of_class(s: CaseSum) -> Bilingual:
    """Return what a sum of a class is called, with its number of cases."""
    name = spoken("case_class", s.case_class)
    return both(f"{name.chinese}（{s.cases} 例）", f"{name} ({s.cases})")


def _sum_of(sums: list[CaseSum], column: str, label: Bilingual) -> Number:
    """Return the sum of some classes' figures."""
    if not sums:
        return fixed(0, label)
    return total([figure_number(_sum_figure(s, column), _of_class(s)) for s in sums])


def _points(d: Derivation, run: RunFolder, row: Row) -> Number:
    """Points and cases by class, what was deducted, and what is left."""
    own = [s for s in run.sums if (s.hospital, s.pool) == (row["hospital_id"], row["pool"])]
    paid = [s for s in own if s.paid_by != "held"]
    counts = [figure_number(_count_figure(s), spoken("case_class", s.case_class)) for s in paid]
    d.step("cases", total(counts) if counts else fixed(0, both("没有病例", "no case")), row)
    held = [figure_number(_count_figure(s), _of_class(s)) for s in own if s.paid_by == "held"]
    if held:
        d.step("held_cases", total(held), row)
    by_points = [s for s in paid if s.paid_by == "points"]
    scored = _sum_of(by_points, "points", both("没有按点数付费的病例", "no case by points"))
    if not Fraction(row.get("points_deducted", 0)):
        return d.step("points/by_class", scored, row)
    made = d.step("points.scored", scored)
    return d.step("points/deducted", less(made, _deducted(d, run, row, made)), row)


def _named(run: RunFolder, name: str, row: Row) -> list[Row]:
    """Return the entries of a list of the manifest about a hospital and pool."""
    return [
        r
        for r in run.listed(name, ("hospital_id", "pool"))
        if (r["hospital_id"], r["pool"]) == (row["hospital_id"], row["pool"])
    ]


def _deducted(d: Derivation, run: RunFolder, row: Row, scored: Number) -> Number:
    entries = [r for r in _named(run, "violations", row) if Fraction(r["points"])]
    if not entries:
        return row.number("points_deducted")
    given = total([r.number("points", both("违规扣点", "points of violations")) for r in entries])
    return d.step("points.deducted", smallest(given, scored), row)


def _not_pool(d: Derivation, run: RunFolder, row: Row, own: Account) -> Number:
    """Recorded fund and N of its cases; return N of those paid by points."""
    mine = [s for s in run.sums if (s.hospital, s.pool) == (row["hospital_id"], row["pool"])]
    paid = [s for s in mine if s.paid_by != "held"]
    nothing = both("没有病例", "no case")
    d.step("recorded", _sum_of(paid, "pool_fund_fen", nothing), row)
    n = d.step("not_pool/hospital", _sum_of(paid, "not_pool_fen", nothing), row)
    if not own.money_cases:
        return n
    by_points = [s for s in paid if s.paid_by == "points"]
    none = both("没有按点数付费的病例", "no case by points")
    return d.step("not_pool.points", _sum_of(by_points, "not_pool_fen", none), row)


def _money(d: Derivation, run: RunFolder, row: Row, own: Account) -> Number | None:
    """Price less n of the cases that are paid in money."""
    if not own.money_cases and not own.apart:
        return None
    mine, others = (
        [
            s for s in run.sums
            if (s.hospital, s.pool, s.paid_by) == (row["hospital_id"], row["pool"], paid_by)
        ]
        for paid_by in ("money", "points")
    )  # fmt: skip
    none = both("没有按金额付费的病例", "no case paid in money")
    made = _sum_of(mine, "price_fen", none) - _sum_of(mine, "not_pool_fen", none)
    if own.apart:
        d.parameter("new_technology.rule")
        made = made + _sum_of(others, "price_fen", none)
    return d.step("money", made, row)


def _due(
    d: Derivation,
    run: RunFolder,
    row: Row,
    pool: Row,
    own: Account,
    everyone: dict[bounds.Key, Account],
    points: Number,
    not_pool: Number,
) -> Number:
    money = _money(d, run, row, own)
    value = run.value_of(pool)
    others = [] if money is None else [money]
    if own.ends.both.cases:
        points, not_pool, held = _bounded_cases(row, own)
        others = [*held, *others]
    formula = account.exact_due(account.worth(points, value), not_pool, *others)
    exact = _bounded(d, run, row, d.step("due.exact", formula, pool=row["pool"]))
    key = (row["hospital_id"], row["pool"])
    if everyone[key].exact != exact.value * 100:
        by_cases = shown_value(everyone[key].exact / 100, 2)
        d.disagree("exact_due", due=shown_value(exact.value, 2), cases=by_cases)
    bounded = bounds.bounded(run, pool)
    if run.policy.says("residual", "to_fund", "largest_remainder") and not bounded:
        return d.step("due", whole_fen(exact), row, note="to_fund")
    shares: dict[tuple[str, str], Fraction] = {k: a.exact / 100 for k, a in everyone.items()}
    whole = pool.number("settled_fen")
    if pool["residual_fen"]:
        whole = whole - pool.number("residual_fen")
    together = sum(shares.values(), Fraction(0))
    if together != whole.value:
        shown = shown_value(together, 2)
        d.disagree("dues_together", pool=pool["pool"], sum=shown, whole=whole.text)
    marks: tuple[tuple[str, str], ...] = ()
    if "+" in pool["pool"] and run.policy.says("combined_residual", "hospital_first", "by_account"):
        whole = _of_hospital(d, row, pool, key, shares, whole)
        shares = {k: v for k, v in shares.items() if k[0] == key[0]}
        marks = (("hospital_id", key[0]), OF_HOSPITAL)
    of = ("hospitals", "due_fen", (("pool", pool["pool"]), *marks), (*row.key, *marks[1:]))
    note = "bounded" if bounded else "remainder"
    return allot(d, "due", exact, key, shares, whole, row, of=of, note=note)


def _of_hospital(
    d: Derivation,
    row: Row,
    pool: Row,
    key: tuple[str, str],
    shares: Mapping[tuple[str, str], Fraction],
    whole: Number,
) -> Number:
    """What the hospital is due of all pools of one value: fen left over go to hospitals first."""
    hospitals: dict[str, Fraction] = {}
    for (hospital, _), share in shares.items():
        hospitals[hospital] = hospitals.get(hospital, Fraction(0)) + share
    where = (*row.key, BY_HOSPITAL)
    exact = figure_number(
        Figure("hospitals", where, "due_fen", hospitals[key[0]] * 100, "exact"),
        both("该机构各险种精确应付之和", "its exact dues of all pools"),
    )
    of = ("hospitals", "due_fen", (("pool", pool["pool"]), BY_HOSPITAL), where)
    return allot(d, "due.hospital", exact, key[0], hospitals, whole, of=of)


def _bounded_cases(row: Row, own: Account) -> tuple[Number, Number, list[Number]]:
    """Return points and n of the cases inside their bounds, and the bounds of the others."""
    key = (("hospital_id", str(row["hospital_id"])), ("pool", str(row["pool"])))

    def part(end: str, column: str, amount: Fraction | int, name: Bilingual, cases: int) -> Number:
        figure = Figure("cases", (*key, ("case_bound", end)), column, amount, "sum")
        return figure_number(figure, both(f"{name.chinese}（{cases} 例）", f"{name} ({cases})"))

    inside, name = own.inside, both("界内", "inside")
    points = part("inside", "points", Fraction(inside.points, POINT), name, inside.cases)
    not_pool = part("inside", "not_pool_fen", inside.not_pool, name, inside.cases)
    ends = (
        ("low", own.ends.low, both("保底", "at the low bound")),
        ("high", own.ends.high, both("封顶", "at the high bound")),
    )
    held = [part(end, "bound_fen", h.due, name, h.cases) for end, h, name in ends if h.cases]
    return points, not_pool, held


def _bounded(d: Derivation, run: RunFolder, row: Row, exact: Number) -> Number:
    """Add the bounds of the whole due, and hold what binds against the table."""
    low, high = bounds.of_hospital(d, run, row)
    if low is None and high is None:
        return exact
    made, binds = account.within(exact, low, high), ""
    if high is not None:
        top = high.value if low is None else max(low.value, high.value)
        binds = "high" if exact.value > top else ""
    if low is not None:
        binds = "low" if exact.value < low.value else binds
    stated = str(row.get("bound", ""))
    if stated and made.value in [bound.value for bound in (low, high) if bound is not None]:
        binds = stated  # exactly at its bound, or both bounds are one
    if stated != binds:
        d.disagree("bound", binds=binds, says=stated)
    uses = [*KEYS, "violator_no_increase"]
    return d.step("due.bounded", made, note=binds or "none", uses=uses)


def _final(d: Derivation, run: RunFolder, row: Row, due: Number) -> None:
    """Prepaid, deposit, score, forfeits shared, violations and what is carried, to the final payment."""
    prepaid = _prepaid(d, run, row)
    deposit = _deposit(d, run, row, prepaid)
    forfeited = _forfeited(d, run, row, deposit)
    shared = forfeits.shared(d, run, row)
    violations = _amount(d, run, row, "violations", "violation_fen")
    say_replaced(d, run, row)
    carried = None
    if row.get("carried_fen"):
        carried = _amount(d, run, row, "carried", "carried_fen")
    made = account.final(due, prepaid, forfeited, violations, shared=shared, carried=carried)
    ended = _standing(run, row) == ENDED
    note, uses = "plain" if shared is None else "shared", []
    if row["final_fen"] < 0:
        note = "ended" if ended else "negative"
        uses = ["negative_final.ended" if ended else "negative_final"]
    d.step("final", made, row, note=note, uses=uses)
    if row.get("deferred_fen"):
        _waits(d, run, row)
        d.step("payable", less(row.number("final_fen"), row.number("deferred_fen")), row)


def _waits(d: Derivation, run: RunFolder, row: Row) -> None:
    """A hospital's part of what of its fund waits, by what each is to be paid."""
    found = [r for r in run.listed("funds", ("pool",)) if r["pool"] == row["pool"]]
    if not found or not found[0].get("deferred_fen"):
        return
    (fund,) = found
    whole = fund.number("payable_fen") + fund.number("deferred_fen")
    part = fund.number("deferred_fen") * row.number("final_fen") / whole
    d.step("waits", part, pool=row["pool"])


def _standing(run: RunFolder, row: Row) -> str:
    """Return the standing of a hospital's agreement."""
    own = [h for h in run.manifest["hospitals"] if h["hospital_id"] == row["hospital_id"]]
    return str(own[0].get("standing") or "normal") if own else "normal"


def _prepaid(d: Derivation, run: RunFolder, row: Row) -> Number:
    given = _named(run, "prepaid_given", row)
    computed = account.prepaid(row.number("recorded_fund_fen"), d.given("prepay_ratio"))
    by_fund = run.policy.says("prepay_basis", "recorded_fund", "month_value")
    if given:
        return _given(d, run, row, "prepaid", given[0].number("prepaid_fen"))
    if by_fund and run.policy["month.growth_limit"] is None:
        return d.step("prepaid", computed, row, uses=["prepay_basis"])
    uses = ["prepay_basis", *["month.growth_limit"] * by_fund]
    return _of_months(d, row, "prepaid", "months", uses)


def _of_months(d: Derivation, row: Row, name: str, note: str, uses: Sequence[str]) -> Number:
    """Add a step for what comes from the months, which have their own folder."""
    return d.step(name, row.number(f"{name}_fen"), note=note, uses=uses)


def _given(d: Derivation, run: RunFolder, row: Row, name: str, amount: Number) -> Number:
    """Add a step for what prepaid.csv gives; a reopened year keeps what it reopens had."""
    version = int(run.manifest["version"]) - 1 if run.manifest.get("reopens") else 0
    return d.step(name, amount, row, note="before" if version else "given", version=version)


def _deposit(d: Derivation, run: RunFolder, row: Row, prepaid: Number) -> Number:
    given = _named(run, "prepaid_given", row)
    if given and given[0].has("deposit_fen"):
        return _given(d, run, row, "deposit", given[0].number("deposit_fen"))
    if not run.policy.says("prepay_basis", "recorded_fund", "month_value"):
        return _of_months(d, row, "deposit", "months", ["prepay_basis"])
    if run.policy["month.growth_limit"] is not None:
        uses = ["prepay_basis", "month.growth_limit"]
        return _of_months(d, row, "deposit", "suspended", uses)
    kept = account.deposit(row.number("recorded_fund_fen"), prepaid)
    return d.step("deposit", kept, row, note="computed")


def _forfeited(d: Derivation, run: RunFolder, row: Row, deposit: Number) -> Number:
    hospital = run.institutions.get(row["hospital_id"])
    if hospital is None:
        return row.number("forfeited_fen")
    share, note = hospital.number("score"), "score"
    if hospital.get("standing") == ENDED:
        share, note = fixed(1, both("协议已解除，不考核", "its agreement has ended")), "ended"
    elif run.policy.says("deposit_score", "bands", "linear"):
        share, note = _band(d, run, share), "bands"
    return d.step("forfeited", account.forfeited(deposit, share), row, note=note)


def _band(d: Derivation, run: RunFolder, score: Number) -> Number:
    """Return the ratio of the first band of the deposit whose limit the score is below."""
    found = fixed(1)
    for limit, ratio in run.policy["deposit_bands"]:
        found = d.given("deposit_bands", ratio)
        if limit is None:
            break
        if d.test("forfeited.band", score, "<", d.given("deposit_bands", limit)):
            break
    return found


def _amount(d: Derivation, run: RunFolder, row: Row, name: str, column: str) -> Number:
    """Return a sum of amounts that the region gave, one by one where the manifest lists them."""
    entries, label = _named(run, name, row), step_words(column).titled({})
    if not entries:
        return row.number(column)
    parts = []
    for entry in entries:
        why = entry.get("reason") or entry.get("from") or ""
        parts.append(entry.number("amount_fen", both(f"{label.chinese} {why}", f"{label} {why}")))
    return d.step(column, total(parts), row)
