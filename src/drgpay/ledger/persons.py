"""Which steps different persons must do (`persons.distinct`): three, maker and approver, or nobody asks."""

from __future__ import annotations

from drgpay.ground.errors import unknown_choice

PARAMETER = "persons.distinct"
THREE, TWO, NOT_ASKED = "three_persons", "maker_and_approver", "not_asked"


def others(rule: str, group: tuple[str, ...], step: str) -> tuple[str, ...]:
    """Return the steps of a group, in its order, whose persons must not be that of a step.

    Raises PolicyError for a rule that is none.
    """
    if rule == TWO:
        group = (group[0], group[-1])
    elif rule == NOT_ASKED:
        group = ()
    elif rule != THREE:
        raise unknown_choice(PARAMETER, rule)
    return tuple(other for other in group if other != step) if step in group else ()
