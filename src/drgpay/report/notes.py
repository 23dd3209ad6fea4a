"""The notes that come before all others: held cases, penalised hospitals."""

from __future__ import annotations

from .amounts import yuan
from .run import Run
from .texts import Words

WORDS: dict[str, tuple[str, str]] = {
    "held": (
        "暂不支付病例 {n} 例，统筹基金记账 {fen} 元：尚未清算，有结论后须另行支付，应列为待付负债{aside}",
        "{n} cases held, recorded fund {fen} yuan: not settled yet, a liability until they are "
        "decided on{aside}",
    ),
    "aside": ("；已从预算中预提（provision）", "; set aside from the budget (provision)"),
    "not_aside": (
        "；本政策未预提（provision = none），以后支付时另需资金",
        "; the policy sets nothing aside (provision = none): they will take money of their own",
    ),
    "penalised": (
        "协议状态为违规处理的机构：{names}（不得因清算获得增加，S2 二(二)1(7)，violator_no_increase）",
        "Penalised hospitals: {names} (no increase, S2 二(二)1(7), violator_no_increase)",
    ),
    "penalised_off": (
        "协议状态为违规处理的机构：{names}（本政策未限制其增加：violator_no_increase 为否）",
        "Penalised hospitals: {names} (the policy does not limit them: violator_no_increase is off)",
    ),
    "ended": (
        "协议状态为已解除的机构：{names}（不参加考核，保证金全额返还）{demanded}",
        "Hospitals whose agreement has ended: {names} (not assessed, the whole deposit returned)"
        "{demanded}",
    ),
    "demanded": (
        "；其中 {n} 笔应退回基金，共 {fen} 元（demanded.csv，negative_final.ended）",
        "; {n} accounts owe {fen} yuan back to the fund (demanded.csv, negative_final.ended)",
    ),
}


def first_notes(run: Run, w: Words) -> tuple[str, ...]:
    """Held cases as a liability, then hospitals not in ordinary standing."""
    found = []
    held = run.manifest["ends"].get("held", 0)
    if held:
        text = w.of(WORDS, "held")
        aside = "aside" if run.says("provision", "recorded_fund", "none") else "not_aside"
        aside = w.of(WORDS, aside)
        found.append(text.format(n=f"{held:,}", fen=yuan(run.total.held_fund), aside=aside))
    for standing in ("penalised", "ended"):
        names = [
            f"{run.hospital_name(h)} {h}"
            for h, facts in run.hospitals.items()
            if facts.get("standing") == standing
        ]
        if names:
            key = standing
            if standing == "penalised" and run.values.get("violator_no_increase") is not True:
                key = "penalised_off"
            owed, told = run.demanded if standing == "ended" else [], ""
            if owed:
                fen = yuan(sum(a.amounts.recover for a in owed))
                told = w.of(WORDS, "demanded").format(n=len(owed), fen=fen)
            text = w.of(WORDS, key)
            found.append(text.format(names=w("list_comma").join(names), demanded=told))
    return tuple(found)
