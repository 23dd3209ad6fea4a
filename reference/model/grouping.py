"""Group one case (docs/formats.md section 1, "Rule language")."""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from reference.model.rules import Facts
from reference.model.scheme import Mdc, Scheme

UNGROUPABLE = "0000"
UNGROUPED = "ungroupable"


class Grouping(NamedTuple):
    """Where a case belongs. `status` is grouped, ambiguous or ungroupable."""

    mdc: str
    adrg: str
    drg: str
    status: str
    severity: str  # MCC, CC or none
    severity_diagnosis: str  # the diagnosis that decides it, or ""


def group_case(
    scheme: Scheme,
    sex: str | None,
    age_years: int | None,
    diagnoses: Sequence[str],
    procedures: Sequence[str],
    age_days: int | None = None,
    birth_weight_g: int | None = None,
    los_days: int | None = None,
    icu: bool | None = None,
    icu_hours: int | None = None,
    admission_weight_g: int | None = None,
    discharge_way: str | None = None,
    special_charge: str | None = None,
) -> Grouping:
    """Group one case: codes are the scheme's own; None is unknown.

    The first diagnosis is the principal one and must be there; other empty entries are skipped.
    A weight of 0 is none, and 0 days are none of who is a year or more.
    """
    if not diagnoses or not diagnoses[0]:
        raise ValueError("the principal diagnosis (the first one) is missing")
    principal, *others = diagnoses
    secondary = tuple(code for code in others if code)
    all_procedures = tuple(code for code in procedures if code)
    levels = counted_levels(scheme, principal, secondary)
    facts = Facts(
        principal=principal,
        secondary=secondary,
        any_diagnosis=(principal, *secondary),
        main_procedure=all_procedures[0] if all_procedures else None,
        any_procedure=all_procedures,
        sex=sex or None,
        age_years=age_years,
        age_days=None if age_days == 0 and (age_years or 0) >= 1 else age_days,
        birth_weight_g=birth_weight_g or None,
        los_days=los_days,
        icu_hours=icu_hours,
        admission_weight_g=admission_weight_g or None,
        discharge_way=discharge_way or None,
        special_charge=special_charge or None,
        repeated=is_repeated(scheme, all_procedures),
        icu=icu,
        mcc="MCC" in levels,
        cc="CC" in levels,
    )
    mdc, adrg, drg = place(scheme, facts)
    if drg == UNGROUPABLE and scheme.retry_further_procedures and scheme.surgical_match == "main":
        # each further procedure alone, in order; the first that takes the case counts
        for procedure in all_procedures[1:]:
            alone = replace(
                facts, main_procedure=procedure, any_procedure=(procedure,), repeated=False
            )
            mdc, adrg, drg = place(scheme, alone)
            if drg != UNGROUPABLE:
                break
    status = "grouped" if adrg else "ambiguous" if is_ambiguous_group(scheme, drg) else UNGROUPED
    severity = "MCC" if "MCC" in levels else "CC" if "CC" in levels else "none"
    return Grouping(mdc, adrg, drg, status, severity, levels.get(severity, ""))


def regrouped_to(grouping: Grouping, drg: str, scheme: Scheme) -> Grouping:
    """The grouping of a case that a later violation puts into another group of the scheme."""
    for mdc in scheme.mdcs:
        for adrg in mdc.adrgs:
            if any(own.code == drg for own in adrg.drgs):
                return grouping._replace(mdc=mdc.code, adrg=adrg.code, drg=drg, status="grouped")
    raise ValueError(f"the scheme has no group {drg}")


def is_ambiguous_group(scheme: Scheme, drg: str) -> bool:
    """A group's code is that of an ambiguous group; the rest group of an MDC is not grouped."""
    return drg in scheme.ambiguous_groups


def is_repeated(scheme: Scheme, procedures: Sequence[str]) -> bool:
    """The second procedure is the main one again, a code that the scheme knows."""
    if len(procedures) < 2 or procedures[0] != procedures[1]:
        return False
    return procedures[0] in scheme.known_procedures


def counted_levels(scheme: Scheme, principal: str, secondary: Sequence[str]) -> dict[str, str]:
    """The severity levels that count, each with the first secondary diagnosis that gives it.

    A secondary diagnosis does not count when the principal diagnosis stands on its exclusion
    list (排除列表).
    """
    excluded = scheme.exclusions.get(principal, frozenset())
    levels: dict[str, str] = {}
    for code in secondary:
        if code in scheme.severity:
            level, exclusion_list = scheme.severity[code]
            if exclusion_list not in excluded:
                levels.setdefault(level, code)
    return levels


def place(scheme: Scheme, facts: Facts) -> tuple[str, str, str]:
    """MDC, ADRG and DRG: MDCs in order; an MDC that takes nothing passes the case on."""
    if facts.principal in scheme.refused_principals:
        return "", "", UNGROUPABLE
    for mdc in scheme.mdcs:
        if mdc.rule(facts):
            taken = place_in_mdc(scheme, mdc, facts)
            if taken is not None:
                return (mdc.code, *taken)
    return "", "", UNGROUPABLE


def place_in_mdc(scheme: Scheme, mdc: Mdc, facts: Facts) -> tuple[str, str] | None:
    """ADRG and DRG inside an MDC whose rule holds, or None.

    The surgical ADRGs of an MDC with an ambiguous group come first; before the first medical
    one is tried, a case with a procedure that counts goes to the ambiguous group.
    """
    surgical_tried = False
    for adrg in mdc.adrgs:
        if adrg.kind in ("medical", "fallback") and not surgical_tried:
            surgical_tried = True
            if is_ambiguous(scheme, mdc, facts):
                return "", mdc.ambiguous_code
        if adrg.rule(facts):
            for drg in adrg.drgs:
                if drg.rule(facts):
                    own_group = adrg.kind in ("ambiguous", "fallback")
                    return "" if own_group else adrg.code, drg.code
    if not surgical_tried and is_ambiguous(scheme, mdc, facts):
        return "", mdc.ambiguous_code
    return None


def is_ambiguous(scheme: Scheme, mdc: Mdc, facts: Facts) -> bool:
    """No surgical ADRG took the case although a procedure of it counts (歧义组)."""
    if mdc.ambiguous == "no":
        return False
    if mdc.ambiguous == "main" and scheme.surgical_match == "main":
        return facts.main_procedure in scheme.valid_procedures
    return not scheme.valid_procedures.isdisjoint(facts.any_procedure)
