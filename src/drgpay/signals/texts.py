"""The signals: their kinds, names and what each statistic says."""

from __future__ import annotations

from dataclasses import dataclass

from drgpay.ground.errors import Bilingual, both

KINDS: dict[str, Bilingual] = {
    "split": both("分解住院", "Split stays"),
    "upcoding": both("高套编码", "Upcoding"),
    "edge": both("界限处聚集", "Bunching at limits"),
    "low_service": both("服务不足", "Low service"),
    "patient_shift": both("费用转嫁患者", "Cost shifted to patients"),
    "outpatient_shift": both("费用转移门诊", "Cost shifted to outpatients"),
    "refusal": both("推诿重症", "Severe patients refused"),
}
CONFIDENCE: dict[str, Bilingual] = {
    "high": both("高", "high"),
    "middle": both("中", "middle"),
    "low": both("低", "low"),
    "none": both("无", "none"),
    "not_evaluable": both("不可判断", "not evaluable"),
}
FOUND = ("high", "middle")


@dataclass(frozen=True, slots=True)
class Signal:
    """A signal: `family` is count or mean; `low` that too little is what is suspect."""

    id: str
    kind: str
    family: str
    name: Bilingual
    meaning: Bilingual
    low: bool = False


_ROWS = (
    Signal(
        "split_return",
        "split",
        "count",
        both("短期内同一核心病组再入院", "Return for the same ADRG"),
        both(
            "数出院后规定天数内又回到同一机构、同一核心病组的住院，与同侪在同样的核心病组和年龄下的再入院率相比。"
            "放、化疗等除外病组、有再住院计划的和医共体内转诊的不计。",
            "Stays whose patient is back in the same hospital and ADRG within some days, beside the rate at "
            "peers for the same ADRGs and ages. Exempt groups (chemo-, radiotherapy), planned returns and "
            "referrals within a community are left out.",
        ),
    ),
    Signal(
        "split_next_day",
        "split",
        "count",
        both("出院当日或次日再入院", "Back the same or the next day"),
        both(
            "数出院当日或次日又入住同一机构、同一大类（MDC）的住院，与同侪相比。"
            "这样短的间隔少有医学理由，多见于把一次住院拆成两次。",
            "Stays followed on the same or the next day by another one in the same hospital and MDC, "
            "beside peers. Medicine seldom asks for such a gap; one stay cut in two has it.",
        ),
    ),
    Signal(
        "upcoding_mcc",
        "upcoding",
        "count",
        both("严重合并症（MCC）比例偏高", "Share of MCC"),
        both(
            "数有严重合并症或并发症（MCC）的病例，与同侪在同样的核心病组和年龄下的比例相比，并扣除本级别的一般水平。"
            "证据列出由哪些次要诊断决定、其在同侪中的频率，以及费用低于无合并症病例的病例。",
            "Cases with an MCC, beside the share at peers for the same ADRGs and ages, corrected for what is "
            "usual at the hospital's level. The evidence names the deciding secondary diagnoses, how frequent "
            "they are at peers, and the cases that cost no more than those without.",
        ),
    ),
    Signal(
        "upcoding_any",
        "upcoding",
        "count",
        both("合并症（MCC或CC）比例偏高", "Share of MCC or CC"),
        both(
            "同上，数有任一级合并症或并发症的病例。一般合并症（CC）被普遍添加时，此项先于上一项变化。",
            "The same for cases with any complication level. Where CC codes are added widely, this one moves first.",
        ),
    ),
    Signal(
        "upcoding_code",
        "upcoding",
        "count",
        both("个别定级诊断异常多见", "Single deciding codes"),
        both(
            "对每个决定合并症等级的次要诊断，数其在本机构出现的次数，与同侪同一大类（MDC）的频率相比，列出最异常的一个。"
            "p 值已按诊断个数校正；编码习惯本有差异，故允许的通常差异取得较宽。",
            "How often each secondary diagnosis decides severity at the hospital, beside its rate at peers in "
            "the same MDC; the oddest one is shown. Its p counts all codes looked at, and honest habits are "
            "allowed to differ widely.",
        ),
    ),
    Signal(
        "edge_low",
        "edge",
        "count",
        both("费用刚过低倍率界限", "Cost just above the low limit"),
        both(
            "在低倍率界限上下的病例中，数费用刚刚超过界限的，与同侪的比例相比。"
            "过线即按整组点数付费，界限上方的聚集提示费用被补足到线。",
            "Of the cases about the low-cost limit, those just above it, beside the share at peers. Above it the "
            "whole group is paid, so a heap there suggests that cost was filled up.",
        ),
    ),
    Signal(
        "edge_high",
        "edge",
        "count",
        both("费用刚过高倍率界限", "Cost just above the high limit"),
        both(
            "在高倍率界限上下的病例中，数费用刚刚超过界限的，与同侪的比例相比。"
            "过线方可申请特病单议，界限上方的聚集提示费用被推高到线。",
            "Of the cases about the high-cost limit, those just above it, beside the share at peers. Above it a "
            "special review may be asked for, so a heap suggests that cost was pushed up.",
        ),
    ),
    Signal(
        "edge_long_stay",
        "edge",
        "count",
        both("住院天数刚过长期住院界限", "Days just above the limit of long stays"),
        both(
            "在长期住院界限上下的病例中，数刚刚超过界限而改按床日付费的，与同侪相比。界限上方的聚集提示住院被拖过了线。",
            "Of the stays about the limit of long stays, those just above it, beside peers. A heap suggests that "
            "stays were drawn out to be paid by bed-day.",
        ),
    ),
    Signal(
        "edge_birth_weight",
        "edge",
        "count",
        both("出生体重刚低于分组界限", "Birth weight just below a limit"),
        both(
            "在新生儿分组体重界限上下的病例中，数刚好低于界限的，与同侪相比。低于界限入组更重，界限下方的聚集提示体重被改写。",
            "Of the newborns about a limit of weight, those just below it, beside peers. Lighter newborns fall "
            "into dearer groups; a heap suggests that weights were altered.",
        ),
    ),
    Signal(
        "edge_ventilator",
        "edge",
        "count",
        both("呼吸机时长刚过分组界限", "Ventilator hours just above a limit"),
        both(
            "在呼吸机时长界限上下的病例中，数刚刚达到界限的，与同侪相比。界限上方的聚集提示时长被凑足。",
            "Of the cases about the limit of ventilator hours, those that just reach it, beside peers. A heap "
            "suggests that hours were filled up.",
        ),
    ),
    Signal(
        "low_service",
        "low_service",
        "mean",
        both("费用与住院天数均偏低", "Both cost and days low"),
        both(
            "每例费用、天数与同侪同一病组、同一年龄的均值之比取对数后平均，两者都显著偏低才算，比值取费用的。"
            "仅费用低可能是高效或高套，仅天数低可能是周转快；拆分的住院、死亡和转院不计。",
            "Mean log ratio of each case's cost and of its days to the peers' of the same DRG and age; both have to "
            "be low, the ratio shown is that of cost. Low cost alone may be thrift or upcoding, short stays alone "
            "quick work; split stays, deaths and transfers are left out.",
        ),
        low=True,
    ),
    Signal(
        "early_discharge",
        "low_service",
        "count",
        both("提前出院后入住他院", "Early discharge, then another hospital"),
        both(
            "数住院天数明显短于同组同侪、出院后数日内又入住其他机构的病例，与同侪相比。医共体内转诊和记录为转院的不计。",
            "Cases much shorter than at peers whose patient lies in another hospital a few days later, beside "
            "peers. Referrals within a community and recorded transfers are left out.",
        ),
    ),
    Signal(
        "patient_share",
        "patient_shift",
        "mean",
        both("统筹外负担比例偏高", "Share outside the pool"),
        both(
            "每例统筹基金以外负担占总费用的比例，与同险种、同级别、相近费用的同侪病例相比。"
            "起付线随级别和费用而变，故按费用分档后再比。",
            "The share of cost that the pool does not bear, beside peers' cases of the same pool, level and band "
            "of cost, because deductibles go with level and cost.",
        ),
    ),
    Signal(
        "patient_own_paid",
        "patient_shift",
        "mean",
        both("目录外自费比例偏高", "Share paid outside the catalogue"),
        both(
            "每例目录外自费占总费用的比例，与同侪同一核心病组的病例相比。病例没有“个人自费”列时不可判断。",
            "The share paid for what stands outside the catalogue, beside peers' cases of the same ADRG. Not "
            "evaluable without the column own_paid.",
        ),
    ),
    Signal(
        "outpatient_window",
        "outpatient_shift",
        "mean",
        both("住院前后门诊费用偏高", "Outpatient cost about the stay"),
        both(
            "每例入院前、出院后规定天数内同一患者在同一机构的门诊费用占病组均费的比例，与同侪同一核心病组的病例相比。"
            "没有门诊文件时不可判断。",
            "Outpatient cost of the same patient at the same hospital some days before and after a stay, as a share "
            "of the group's mean cost, beside peers' cases of the same ADRG. Not evaluable without outpatient visits.",
        ),
    ),
    Signal(
        "severe_share",
        "refusal",
        "count",
        both("重症比例偏低", "Share of severe cases"),
        both(
            "数有严重合并症或进入重症监护的病例，与同侪在同样的核心病组和年龄下的比例相比，并扣除本级别的一般水平。"
            "明显偏少提示重症未被收治，也可能只是编码不全。",
            "Cases with an MCC or intensive care, beside the share at peers for the same ADRGs and ages, corrected "
            "for the level. Far too few suggest that the severe were not admitted; coding may also be incomplete.",
        ),
        low=True,
    ),
    Signal(
        "severe_away",
        "refusal",
        "count",
        both("重症患者随即转往他院", "Severe patients soon elsewhere"),
        both(
            "数重症患者转院离开、或离开后数日内在其他机构以重症住院的病例，与同级别同侪相比。医共体内转诊不计。",
            "Severe patients who leave by transfer, or lie in another hospital as severe a few days later, beside "
            "peers of the level. Referrals within a community are left out.",
        ),
    ),
)
SIGNALS: dict[str, Signal] = {row.id: row for row in _ROWS}
