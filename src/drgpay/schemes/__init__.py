"""Schemes (分组方案): load, check and compile rule tables to arrays."""

from drgpay.schemes.load import load_scheme
from drgpay.schemes.program import compile_scheme
from drgpay.schemes.tables import Scheme

__all__ = ["Scheme", "compile_scheme", "load_scheme"]
