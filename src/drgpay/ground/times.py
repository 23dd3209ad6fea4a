"""Moments as people in China read them, wherever the machine believes itself to be."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone

CHINA = timezone(timedelta(hours=8))


def day(seconds: int | None) -> str:
    """Return the day in China of seconds since 1970, empty for None.

    >>> day(1_767_195_000)
    '2025-12-31'
    >>> day(1_767_225_600)
    '2026-01-01'
    """
    return "" if seconds is None else datetime.fromtimestamp(seconds, CHINA).strftime("%Y-%m-%d")


def moment(seconds: int) -> str:
    """Return day and minute in China of seconds since 1970.

    >>> moment(1_767_225_600)
    '2026-01-01 08:00'
    """
    return datetime.fromtimestamp(seconds, CHINA).strftime("%Y-%m-%d %H:%M")


def today() -> date:
    """Return the day in China just now."""
    return datetime.now(CHINA).date()
