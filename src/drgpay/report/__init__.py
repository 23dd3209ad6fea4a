"""Reports of a run: what a run folder says, for people to read."""

from .html import write_report

__all__ = ["write_report"]
