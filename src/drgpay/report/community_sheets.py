"""Communities as sheets: who is filed, and what their members have of a year."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace

from drgpay.ground.errors import Bilingual, both
from drgpay.names.run_columns import column_of
from drgpay.wrapper.communities import MemberYear
from drgpay.wrapper.filings import STATES, Filed

from .amounts import yuan
from .sheets import Field, Sheet

WORDS: Mapping[str, Bilingual] = {
    "communities": both("医共体备案", "Communities"),
    "members": both("医共体成员", "Members of a community"),
    "id": both("医共体编码", "Community"),
    "name": both("名称", "Name"),
    "lead": both("牵头单位", "Lead"),
    "members_of": both("成员", "Members"),
    "filed_on": both("备案日期", "Filed on"),
    "state": both("状态", "State"),
    "entry": both("记录号", "Entry"),
    "hospital_id": column_of("", "hospital_id").name,
    "before_fen": both("预算总额（元）", "Budget, yuan"),
    "moved_out_fen": both("调剂出让额（元）", "Moved out, yuan"),
    "after_fen": both("调剂后预算总额（元）", "Budget after, yuan"),
    "actual_fen": both("实际费用（元）", "Cost, yuan"),
    "difference_fen": both("自身差额（元）", "Own difference, yuan"),
    "amount_fen": both("留用（+）或不予支付（-）（元）", "Retained (+) or refused (-), yuan"),
    "rebalanced_fen": both("再平衡后（元）", "After rebalancing, yuan"),
    "total": both("合计", "Total"),
    "yes": both("是", "yes"),
}
AMOUNTS = (
    "before_fen", "moved_out_fen", "after_fen", "actual_fen", "difference_fen", "amount_fen",
    "rebalanced_fen",
)  # fmt: skip


def communities_sheet(found: Iterable[Filed], lang: str) -> Sheet:
    """Return the communities on file, one a row."""
    keys = ("id", "name", "state", "filed_on", "lead", "members_of", "entry")
    rows = [
        {
            "id": own.filing.community_id, "name": own.name, "state": STATES[own.state].of(lang),
            "filed_on": own.filing.filed_on.isoformat(), "lead": own.filing.lead,
            "members_of": "、".join(own.filing.members), "entry": str(own.number),
        }
        for own in found
    ]  # fmt: skip
    fields = [Field(key, WORDS[key].of(lang), "wide" if key == "members_of" else "text")
              for key in keys]  # fmt: skip
    return Sheet(WORDS["communities"].of(lang), fields, rows)


def own_sheets(own: Filed, years: Sequence[MemberYear], hospital: str, lang: str) -> list[Sheet]:
    """Return what a member sees of its community: its own figures and the community's sum by pool.

    The lead sees every member's.
    """
    sheets = members_sheets(own, years, lang)
    if hospital == own.filing.lead:
        return sheets
    return [
        replace(
            sheet, rows=[row for row in sheet.rows if row["hospital_id"] == hospital], total=""
        )
        for sheet in sheets
    ]  # fmt: skip


def members_sheets(own: Filed, years: Sequence[MemberYear], lang: str) -> list[Sheet]:
    """Return what members have of a year, a sheet for each pool, with the community's sums."""
    fields = [
        Field("hospital_id", WORDS["hospital_id"].of(lang), "code"),
        Field("name", WORDS["name"].of(lang)),
        Field("lead", WORDS["lead"].of(lang)),
        *(Field(key, WORDS[key].of(lang), "yuan", total=True) for key in AMOUNTS),
    ]
    sheets = []
    for pool in dict.fromkeys(one.pool for one in years):
        rows = [
            {**asdict(one), "lead": WORDS["yes"].of(lang) if one.lead else ""}
            for one in years
            if one.pool == pool
        ]
        title = both(f"{own.name} 险种 {pool}", f"{own.name} pool {pool}").of(lang)
        whole = yuan(sum(one.after_fen for one in years if one.pool == pool))
        lead = both(f"{title}：预算总额 {whole} 元", f"{title}: budget of {whole} yuan").of(lang)
        sheets.append(Sheet(title, fields, rows, lead=(lead,), total=WORDS["total"].of(lang)))
    return sheets
