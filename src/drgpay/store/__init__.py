"""Runs in DuckDB: what a run folder holds, as one database."""
