"""A year end on Spark (`drgpay[spark]`): the same rules, fen for fen, over many machines."""

from __future__ import annotations

from drgpay.spark.settle import SparkYearEnd, settle_on_spark

__all__ = ["SparkYearEnd", "settle_on_spark"]
