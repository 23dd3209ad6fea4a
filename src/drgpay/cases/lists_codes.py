"""What the codes of a national settlement list (医疗保障基金结算清单, 4101, 4103) mean to us, as data.

None of these tables comes from an official list at hand: they are read from the interface's field
names, public code and general knowledge. `VERIFIED` says so, docs/lists.md names each one's
standing, and `ReadOptions.fund_types` overrides the one that moves money.
"""

from __future__ import annotations

from drgpay.cases.values import FLAG_WORDS, by_word

VERIFIED = False
SOURCE = "national interface 4101/4101A as seen in public code; no official code list at hand"

ACCOUNT, OTHER, REST = "account", "other", "*"
# fund_pay_type → pool, `account` or `other`; reference/policies carry the same as fund_type_map
FUND_TYPES: tuple[tuple[str, str], ...] = (
    ("310100", "310"),
    ("310101", "310"),
    ("390100", "390"),
    ("390101", "390"),
    ("310200", ACCOUNT),
    (REST, OTHER),
)
# hi_type: some deployments store the insurance code itself
POOL_OF_INSURANCE = {"1": "310", "2": "390", "310": "310", "390": "390"}
SEX_OF = {"1": "M", "2": "F", "男": "M", "女": "F"}  # 0 unknown, 9 not stated
PAYMENT_MODE_OF_STAY = {"2": "day_surgery"}  # ipt_med_type
PAYMENT_MODE_OF_METHOD = {"5": "bed_day"}  # hi_paymtd
PLANNED_READMISSION = {"0": "否", "1": "否", "2": "是", "无": "否", "有": "是"}  # 1 none, 2 planned
# refd_setl_flag, maindiag_flag, main_oprn_flag: as flags are read everywhere, and 2 for no
FLAGS: dict[str, bool] = {**{w: f == "1" for w, f in by_word(FLAG_WORDS).items()}, "2": False}
WESTERN, TRADITIONAL = ("1", ""), ("2", "3")  # diag_type; of traditional medicine: left out
MAIN = "1"  # oprn_oprt_type
INSURANCES = ("hi_type", "insutype")  # 4103 may carry both
DEPARTMENT_SIGN = "→"


def flag_of(text: str | None) -> bool | None:
    """Return what a word of a flag says, None when it is empty or no such word."""
    return FLAGS.get(text or "")
