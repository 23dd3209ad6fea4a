"""Finished runs: their folder written and read, listed, compared, priced from (清算结果)."""
