"""The notes that come before all others: held cases, penalised hospitals."""

from __future__ import annotations

from .amounts import yuan
from .run import Run
from .texts import Words

WORDS: dict[str, tuple[str, str]] = {
    "held": (
        "待评审病例 {n} 例，记账统筹基金 {fen} 元：尚未清算，评审后须另行支付，应列为待付负债",
        "{n} cases held for review, recorded fund {fen} yuan: not settled yet, a liability until "
        "they are reviewed",
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
        "协议状态为已解除的机构：{names}（不参加考核，保证金全额返还）",
        "Hospitals whose agreement has ended: {names} (not assessed, the whole deposit returned)",
    ),
}


def first_notes(run: Run, w: Words) -> tuple[str, ...]:
    """Held cases as a liability, then hospitals not in ordinary standing."""
    found = []
    held = run.manifest["ends"].get("held", 0)
    if held:
        text = w.of(WORDS, "held")
        found.append(text.format(n=f"{held:,}", fen=yuan(run.total.held_fund)))
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
            found.append(w.of(WORDS, key).format(names=w("list_comma").join(names)))
    return tuple(found)
