"""Invented cities with many hospitals and few cases, cheats planted and honest variation put in."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from unittest import mock

import numpy as np

from drgpay.signals.detect import Signals, signals
from drgpay.signals.findings import LEVELS
from drgpay.synth import synthesize
from drgpay.synth.cheats import Cheats


def found_pairs(result: Signals) -> set[tuple[str, str]]:
    """Return the hospitals and kinds with a finding of middle or high confidence."""
    ids = [h.id for h in result.cases.region.hospitals]
    return {
        (ids[number], f.signal.kind)
        for f in result.findings
        for number in np.flatnonzero(f.confidence >= LEVELS.index("middle")).tolist()
    }


def city(
    folder: Path, seed: int, *, cases: int = 40_000, hospitals: int = 50, cheats: Cheats
) -> Path:
    """Write a city with more hospitals than its size would have."""
    with mock.patch("drgpay.synth.city.hospital_count", lambda count: hospitals):
        synthesize(folder, cases, seed, history_years=1, cheats=cheats)
    return folder


def planted(folder: Path) -> set[tuple[str, str]]:
    """Return the hospitals and kinds of the truth."""
    lines = (folder / "truth" / "cheats.csv").read_text(encoding="utf-8").splitlines()[1:]
    pairs = [line.split(",")[:2] for line in lines]
    return {(hospital, kind) for hospital, kind in pairs}


@dataclass
class Score:
    """What the signals found of what was planted, over some cities."""

    planted: Counter[str] = field(default_factory=Counter)
    found: Counter[str] = field(default_factory=Counter)
    flagged: int = 0
    false: list[tuple[str, str]] = field(default_factory=list)
    missed: list[tuple[str, str]] = field(default_factory=list)
    honest: int = 0

    def add(self, folder: Path, result: Signals | None = None) -> None:
        result = result or signals(folder)
        truth, told = planted(folder), found_pairs(result)
        for pair in sorted(truth):
            self.planted[pair[1]] += 1
            self.found[pair[1]] += pair in told
        self.flagged += len(told)
        self.false += sorted(told - truth)
        self.missed += sorted(truth - told)
        self.honest += len(result.cases.region.hospitals) - len({h for h, _ in truth})

    @property
    def share_found(self) -> float:
        return sum(self.found.values()) / sum(self.planted.values())

    @property
    def share_false(self) -> float:
        return len(self.false) / max(self.flagged, 1)
