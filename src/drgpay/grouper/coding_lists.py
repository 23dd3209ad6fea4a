"""Grey codes and codes that take no part in grouping, as flags of a scheme's codes.

A scheme that has such lists (CHS-DRG 2.0 and what stands on it) is marked by them. For any other,
the national list of codes that take no part in grouping holds; no code is called grey there.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

import numpy as np

from drgpay.cases.checks.codes_facts import GREY, NO_GROUPING, Flags
from drgpay.cases.editions import KINDS
from drgpay.ground.reference import reference_dir
from drgpay.schemes import Scheme
from drgpay.schemes.folders import TABLES, large_table
from drgpay.schemes.tables import by_kind

NATIONAL = "chs-drg-2.0"
FILE = "not_grouping.csv"


@cache
def _national(file: str) -> Mapping[str, frozenset[str]]:
    """Return the national list of a kind of codes, empty where it is not bundled."""
    path = reference_dir() / "schemes" / NATIONAL / file
    return by_kind(large_table(path, TABLES[file].columns) if path.exists() else None)


def marked(scheme: Scheme, kind: str, flags: Flags) -> Flags:
    """Return flags of a scheme's codes, numbered from 1, with GREY and NO_GROUPING where they are."""
    known = scheme.diagnoses if kind == KINDS[0] else scheme.procedures
    own = {GREY: scheme.grey_codes, NO_GROUPING: scheme.not_grouping}
    given = any(codes for lists in own.values() for codes in lists.values())
    out = flags.copy()
    lists = own if given else {NO_GROUPING: _national(FILE)}
    for flag, codes in lists.items():
        of_kind = codes.get(kind, frozenset())
        numbers = [known.index[code] for code in of_kind if code in known.index]
        out[np.array(numbers, dtype=np.int64)] |= flag
    return out
