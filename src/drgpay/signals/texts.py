"""The signals: their kinds, names and what each statistic says."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

from drgpay.ground.errors import Bilingual, both

TABLE = Path(__file__).with_name("signals.toml")
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


def _declared() -> dict[str, Signal]:
    rows = tomllib.loads(TABLE.read_text(encoding="utf-8"))
    return {
        name: Signal(
            id=name,
            kind=row["kind"],
            family=row["family"],
            name=both(row["zh"], row["en"]),
            meaning=both(row["meaning_zh"], row["meaning_en"]),
            low=row.get("low", False),
        )
        for name, row in rows.items()
    }


SIGNALS = _declared()
