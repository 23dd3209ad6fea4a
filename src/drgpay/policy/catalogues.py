"""The catalogues of parameters: a policy file belongs to exactly one."""

from __future__ import annotations

from collections.abc import Mapping

from drgpay.ground.errors import Bilingual, both
from drgpay.policy.budget import BUDGET
from drgpay.policy.catalogue import CATALOGUE, Known

PAYMENT_FILES, BUDGET_FILES = "payment", "budget"
CATALOGUES: Mapping[str, Mapping[str, Known]] = {PAYMENT_FILES: CATALOGUE, BUDGET_FILES: BUDGET}
TITLES: Mapping[str, Bilingual] = {
    PAYMENT_FILES: both("支付政策", "payment policy"),
    BUDGET_FILES: both("总额控制政策", "budget policy"),
}
EVERY: Mapping[str, Known] = {**CATALOGUE, **BUDGET}  # a key means the same in all of them
