"""The grouper (分组器): one case, a table, or files of any size."""

from drgpay.grouper.engine import GroupedCases, Grouper
from drgpay.grouper.outcome import Counts, Grouping
from drgpay.grouper.stream import GroupedFile, GroupResult, group, group_file

__all__ = [
    "Counts",
    "GroupResult",
    "GroupedCases",
    "GroupedFile",
    "Grouper",
    "Grouping",
    "group",
    "group_file",
]
