"""Which groups are primary ones (基层病组, 同病同价) in a year, by the lists of policy and region.

A list goes with a scheme: the same code may be another group in the next one. An entry of the
parameter `primary_groups` is a code, or `scheme:code`; a row of primary_groups.csv names scheme
and period. Source: cities' tables, 3.0 (second-hand): lists are dated and belong to a scheme.
"""

from __future__ import annotations

import datetime as dt

from drgpay.ground.errors import Bilingual, InputError, both, located
from drgpay.ground.reference import bundled
from drgpay.grouper.engine import Grouper
from drgpay.grouper.versions import AnyGrouper
from drgpay.policy import YearPolicy
from drgpay.region.records import Region


def primary_groups(
    policy: YearPolicy, region: Region, main: Grouper, grouper: AnyGrouper
) -> tuple[str, ...]:
    """Return the primary groups of the scheme that a year's base points stand on, sorted.

    Raises InputError that names every group that the scheme lacks, every scheme that there is not,
    and every row that is in force in a part of the year: a year end needs one list.
    """
    first, last = dt.date(region.year, 1, 1), dt.date(region.year, 12, 31)
    faults: list[Bilingual] = []
    found: set[str] = set()
    known = {*grouper.numbers.drgs}
    schemes = {*bundled("schemes"), main.scheme.id, grouper.scheme.id}
    entries = [
        (f"primary_groups: {text}", *_split(text), first, last) for text in policy["primary_groups"]
    ]
    entries += [(p.where, p.scheme, p.drg, p.first, p.last) for p in region.primary_groups]
    for where, scheme, drg, start, end in entries:
        if scheme and scheme not in schemes:
            faults.append(
                located(where, both(f"没有分组方案“{scheme}”", f"there is no scheme {scheme!r}"))
            )
        if (scheme and scheme != main.scheme.id) or start > last or end < first:
            continue
        if drg not in known:
            what = both(
                f"分组方案 {main.scheme.id} 没有病组“{drg}”",
                f"the scheme {main.scheme.id} has no group {drg!r}",
            )
            faults.append(located(where, what))
        elif start > first or end < last:
            what = both(
                f"病组“{drg}”的期间在{region.year}年内起止，年度清算只能用一份名单",
                f"the period of {drg!r} begins or ends within {region.year}; a year end needs one "
                "list",
            )
            faults.append(located(where, what))
        found.add(drg)
    if faults:
        raise InputError(
            both("基层病组名单不能使用", "the list of primary groups cannot be used"),
            where=region.path,
            faults=faults,
            remedy=both(
                "更正病组编码、分组方案或期间；别的方案的病组写明其方案",
                "correct codes, schemes or periods; name the scheme of groups of another one",
            ),
        )
    return tuple(sorted(found))


def _split(text: str) -> tuple[str, str]:
    scheme, colon, drg = text.rpartition(":")
    return (scheme.strip(), drg.strip()) if colon else ("", text.strip())
