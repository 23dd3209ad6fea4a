"""The tables of a scheme, held for kernels: a compiled scheme stays a record that can be sent."""

from __future__ import annotations

import pickle

from drgpay.grouper import Grouper
from drgpay.grouper.engine import encode_case, outcomes_of

CASE = {
    "sex": "M", "age_years": 61, "age_days": None, "birth_weight_g": None, "los_days": 9,
    "icu": False, "diagnoses": ["I63.900", "E11.900"], "procedures": ["00.4500"],
}  # fmt: skip


def test_compiled__that_has_grouped_can_be_pickled_and_groups_alike() -> None:
    compiled = Grouper("zj-drg-2022").compiled
    case = encode_case(compiled, {**CASE, **dict.fromkeys(compiled.more)})
    first = outcomes_of(compiled, case)
    other = pickle.loads(pickle.dumps(compiled))
    assert "held" in vars(compiled) and "held" not in vars(other)
    assert first.item() != compiled.program.none
    assert outcomes_of(other, case).item() == first.item()
