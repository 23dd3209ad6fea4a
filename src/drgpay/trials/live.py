"""A region read once and settled again at each change: for who moves a slider and looks."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from pathlib import Path

from drgpay.ground.errors import InputError, both
from drgpay.policy import load_policy
from drgpay.region.region import read_region
from drgpay.settlement.year_end import settle_prepared
from drgpay.trials.outcome import Outcome, outcome_of
from drgpay.trials.simulate import NO_SETTINGS, Runner, Setting


class LiveTrial:
    """Holds a region's cases, read and grouped as today; settles them under other settings.

    Only what needs no other reading of the cases can be tried: budgets, and parameters of points and
    of the settlement. Raises InputError, PolicyError or SchemeError for a region that cannot be read.
    """

    def __init__(self, folder: str | Path, *, threads: int | None = None) -> None:
        region = read_region(Path(folder))
        loaded = load_policy(region.policy, region.path)
        self.region = region
        self._runner = Runner(region, loaded, threads, "zh", lambda _, __: lambda ___: None, None)
        self._prepared = self._runner.prepare(region, NO_SETTINGS, self._runner.policy(NO_SETTINGS))
        self._one = threading.Lock()
        self.today = self.outcome(())

    def outcome(self, settings: Iterable[Setting]) -> Outcome:
        """Return what the year comes to under some settings; raises InputError for others.

        Raises also what the settlement refuses, as the command does.
        """
        wanted = frozenset(settings)
        policy = self._runner.policy(wanted)
        region = self._runner.place(wanted)
        if region.scheme != self.region.scheme or not self._prepared.fits(policy):
            raise InputError(
                both("这一设置须重新读取病例", "this setting reads the cases otherwise"),
                where="、".join(sorted(s.cause for s in wanted)),
                remedy=both("用 drgpay simulate 试算", "try it with drgpay simulate"),
            )
        with self._one:  # the kernels' threads are as many as the machine's anyway
            run = settle_prepared(self._prepared, policy, region=region)
        return outcome_of(run, groups=False)
