"""The executable specification of drgpay: one case at a time, exact fractions, plain Python.

Clauses are those of docs/rules.md ("rule 7") and of the policies they come from.
"""

from reference.model.grouping import Grouping, group_case
from reference.model.policy import Policy, load_policy
from reference.model.scheme import Scheme, load_scheme
from reference.model.settlement import Groupings, Settlement, group_region, settle, settle_region

__all__ = [
    "Grouping",
    "Groupings",
    "Policy",
    "Scheme",
    "Settlement",
    "group_case",
    "group_region",
    "load_policy",
    "load_scheme",
    "settle",
    "settle_region",
]
