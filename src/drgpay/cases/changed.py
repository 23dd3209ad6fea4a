"""What was read otherwise than written, in words: one list of reasons for every command."""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa

from drgpay.cases.codes import (
    BACK,
    MAPPED,
    NO_TARGET,
    X_CASE,
    Changes,
    changes_table,
)
from drgpay.cases.tidy import WHY as TIDY_WHY
from drgpay.cases.written import WHY as CODE_WHY
from drgpay.ground.errors import Bilingual, both, in_language
from drgpay.ground.languages import choose
from drgpay.names.columns import both_names

WHY: Mapping[str, Bilingual] = {
    X_CASE: both("内部的X改为小写", "inner X in lower case"),
    MAPPED: both("医保版编码对照为方案所用编码", "code of the insurance edition mapped"),
    BACK: both("国临版编码对照为方案所用编码", "code of the clinical edition mapped"),
    NO_TARGET: both("没有对应的编码，照原样", "no code corresponds: left as it is"),
    **TIDY_WHY,
    **CODE_WHY,
}
CODE_COLUMNS = {"diagnosis": "diagnoses", "procedure": "procedures"}  # by kind of change


def told_changes(changes: Changes, lang: str = "zh") -> pa.Table:
    """Return what was changed as a table, each change in words as well.

    >>> from collections import Counter
    >>> told_changes(Counter({("procedure", "x_case", "1.X1", "1.x1"): 2}))["message"].to_pylist()
    ['手术操作编码（procedures）：内部的X改为小写']
    """
    table = changes_table(changes)
    messages = []
    for kind, why in zip(table["kind"].to_pylist(), table["why"].to_pylist(), strict=True):
        column = CODE_COLUMNS.get(kind, kind)
        name = choose(lang, f"{both_names(column)}：", f"{column}: ")
        messages.append(name + in_language(WHY[why], lang))
    return table.append_column("message", pa.array(messages, pa.string()))
