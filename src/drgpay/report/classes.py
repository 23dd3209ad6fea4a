"""A hospital's due in a pool by class, to the fen: classes, points deducted, bounds, rounding."""

from __future__ import annotations

from dataclasses import dataclass

from .run import Account, Part, Run

Lines = list[tuple[str, int]]


@dataclass(frozen=True)
class ClassLine:
    """The cases of a class that are paid in one way: what they are worth, n included, in fen."""

    part: Part
    worth: int

    @property
    def due(self) -> int:
        return self.worth - self.part.sums.not_pool


@dataclass(frozen=True)
class Split:
    """The lines of a due, in fen; with the three last they add up to it."""

    lines: list[ClassLine]
    deducted: int
    limits: int
    rounding: int

    @property
    def rest(self) -> Lines:
        """The lines below the classes that are not 0, by the key of their name."""
        return _lines(self.deducted, self.limits, self.rounding)

    @property
    def due(self) -> int:
        return sum(line.due for line in self.lines) + sum(fen for _, fen in self.rest)


def _lines(deducted: int, limits: int, rounding: int) -> Lines:
    found = [
        ("split_deducted", deducted),
        ("split_limits", limits),
        ("split_rounding", rounding),
    ]
    return [(key, fen) for key, fen in found if fen]


def rest_of_all(run: Run, left: int) -> Lines:
    """Return what `left`, all dues less those of the classes over all hospitals, is made of."""
    splits = [split(run, account) for account in run.accounts]
    deducted, limits = sum(s.deducted for s in splits), sum(s.limits for s in splits)
    return _lines(deducted, limits, left - deducted - limits)


def split(run: Run, account: Account) -> Split:
    """Return the due of a hospital in a pool by class; held cases have no line.

    What a bound of the whole due makes of it is `limits`; bounds of single cases are in the lines.
    """
    a = account.amounts
    parts = [p for p in run.parts_of[account.hospital, account.pool] if p.paid_by != "held"]
    lines = [ClassLine(part, run.worth_of(part)) for part in parts]
    deducted = -run.worth(a.deducted, account.pool) if a.deducted else 0
    left = a.due - sum(line.due for line in lines) - deducted
    return Split(lines, deducted, left, 0) if account.bound else Split(lines, deducted, 0, left)
