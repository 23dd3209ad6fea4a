"""Policies: the catalogue of parameters, policy files, and the values in force in a year."""

from drgpay.policy.files import Policy, load_policy
from drgpay.policy.year import YearPolicy

__all__ = ["Policy", "YearPolicy", "load_policy"]
