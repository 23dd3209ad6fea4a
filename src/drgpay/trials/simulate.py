"""Trial settlements beside today's: other parameters, another scheme, other budgets (模拟运行).

Cases are read and grouped once for all settings that read them alike; each setting then costs one
scoring and one settlement. The change of a hospital's due is split into its causes by Shapley
values: the mean of what a cause adds over all orders in which the causes could be switched on,
exact, so that the parts add up and their order does not matter.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import combinations, product
from pathlib import Path
from typing import TypeVar

from drgpay.ground.digests import InputFile
from drgpay.ground.errors import Bilingual, BooksError, DrgpayError, InputError, both, located
from drgpay.ground.money import fen_of_yuan, largest_remainder, yuan_text
from drgpay.ground.reference import bundled
from drgpay.grouper.versions import AnyGrouper, any_grouper
from drgpay.policy import Policy, YearPolicy, load_policy
from drgpay.policy.catalogue import CATALOGUE
from drgpay.policy.year import shown
from drgpay.region.records import Region
from drgpay.region.region import coefficients_of, read_region
from drgpay.region.tables import COEFFICIENTS as COEFFICIENTS_TABLE
from drgpay.settlement.checks import check_given_drgs
from drgpay.settlement.point_value import Key
from drgpay.settlement.prepare import Prepared, prepare
from drgpay.settlement.unchanged import unchanged
from drgpay.settlement.year_end import settle_prepared
from drgpay.tables.reader import Reader
from drgpay.trials.outcome import Outcome, outcome_of, refusal

MAX_CAUSES = 6
MAX_SWEEP_RUNS = 100
SCHEME, POLICY, COEFFICIENTS, BUDGET = "scheme", "policy", "coefficients", "budget"
NAMED = (SCHEME, POLICY, COEFFICIENTS)
Progress = Callable[[str, int | None], Callable[[int], None]]
C = TypeVar("C")


@dataclass(frozen=True, slots=True, order=True)
class Setting:
    """One thing that a trial changes.

    `cause`: a parameter, `scheme`, `policy`, `coefficients` or `budget.POOL`.
    """

    cause: str
    value: str

    @property
    def text(self) -> str:
        """The setting as it is typed."""
        return f"{self.cause}={self.value}"

    @property
    def pool(self) -> str:
        """The pool of a budget, else nothing."""
        head, _, pool = self.cause.partition(".")
        return pool if head == BUDGET else ""

    @property
    def is_parameter(self) -> bool:
        """Whether this changes one parameter of the policy."""
        return self.cause not in NAMED and not self.pool


Settings = frozenset[Setting]
NO_SETTINGS: Settings = frozenset()


@dataclass(frozen=True, slots=True)
class Trial:
    """A named set of settings."""

    name: str
    settings: tuple[Setting, ...]


@dataclass(frozen=True, slots=True)
class Sweep:
    """Values that a cause goes through."""

    cause: str
    values: tuple[str, ...]


@dataclass(frozen=True)
class TrialResult:
    """A trial with what it comes to, or why it is not possible.

    `parts`: change of due by hospital and pool, then by cause; `no_parts` says why there are none.
    """

    trial: Trial
    outcome: Outcome | None
    refused: DrgpayError | None = None
    parts: Mapping[Key, Mapping[str, int]] | None = None
    no_parts: Bilingual | None = None


@dataclass(frozen=True)
class SweepPoint:
    """One place of a sweep: a value for each of its causes."""

    values: tuple[str, ...]
    outcome: Outcome | None
    refused: DrgpayError | None = None


@dataclass(frozen=True)
class Simulation:
    """Today's settlement, the trials and the sweep beside it."""

    region: Region
    loaded: Policy
    base: Outcome
    trials: Sequence[TrialResult]
    sweeps: Sequence[Sweep]
    points: Sequence[SweepPoint]
    inputs: Sequence[InputFile]
    counts: Mapping[str, int]
    schemes: Mapping[str, tuple[str, str]]
    titles: Mapping[str, str]
    runs: int
    readings: int


# --- what is asked for


def setting_of(text: str) -> Setting:
    """Return the setting of `KEY=VALUE`; raises InputError for a key that names nothing."""
    cause, equals, value = (part.strip() for part in text.partition("="))
    known = cause in CATALOGUE or cause in NAMED or re.fullmatch(r"budget\..+", cause)
    if not equals or not known or (not value and CATALOGUE.get(cause) is None):
        raise InputError(
            both(f"试算设置“{text}”读不懂", f"the trial's setting {text!r} means nothing"),
            remedy=both(
                "写作 参数=值、scheme=方案、policy=政策文件、coefficients=系数表 或 budget.险种=金额（元），"
                "如 keep_ratio=0.7、budget.310=1200000.00",
                "write KEY=VALUE of a parameter, scheme=…, policy=…, coefficients=FILE or "
                "budget.POOL=YUAN, as keep_ratio=0.7, budget.310=1200000.00",
            ),
        )
    return Setting(cause, value)


def trial_of(name: str, texts: Iterable[str]) -> Trial:
    """Return a trial of settings; raises InputError for a cause that is set twice."""
    settings = tuple(setting_of(text) for text in texts)
    causes = [setting.cause for setting in settings]
    doubled = sorted({cause for cause in causes if causes.count(cause) > 1})
    if doubled or not settings:
        what = (
            both(f"试算“{name}”没有任何设置", f"the trial {name!r} sets nothing")
            if not settings
            else both(
                f"试算“{name}”中 {'、'.join(doubled)} 设了两次",
                f"the trial {name!r} sets {', '.join(doubled)} twice",
            )
        )
        raise InputError(what, remedy=both("每项只设一次", "set each thing once"))
    return Trial(name, settings)


def named_trial(text: str) -> Trial:
    """Return the trial of `NAME:KEY=VALUE,KEY=VALUE`; commas inside a value are kept.

    The colon may be the Chinese one.

    >>> [s.text for s in named_trial("松:keep_ratio=1,coef_applies_to=normal,low").settings]
    ['keep_ratio=1', 'coef_applies_to=normal,low']
    """
    name, *more = re.split("[:：]", text, maxsplit=1)
    rest = "".join(more)
    if not more or not name.strip() or "=" in name:
        raise InputError(
            both(f"试算“{text}”没有名称", f"the trial {text!r} has no name"),
            remedy=both("写作 名称:参数=值,参数=值", "write NAME:KEY=VALUE,KEY=VALUE"),
        )
    return trial_of(name.strip(), re.split(r",(?=\s*[a-z_]+[\w.]*\s*=)", rest))


def sweep_of(text: str) -> Sweep:
    """Return the sweep of `KEY=a,b,c`, or `KEY=a;b;c` where values have commas of their own."""
    cause, _, values = text.partition("=")
    parts = [part.strip() for part in values.split(";" if ";" in values else ",")]
    settings = [setting_of(f"{cause.strip()}={part}") for part in parts]
    if len(set(parts)) < 2 or len(set(parts)) < len(parts):
        raise InputError(
            both(f"扫描“{text}”须有两个以上不同的值", f"the sweep {text!r} needs different values"),
            remedy=both("写作 参数=值,值,值", "write KEY=VALUE,VALUE,VALUE"),
        )
    return Sweep(settings[0].cause, tuple(parts))


def _check_asked(region: Region, trials: Sequence[Trial], sweeps: Sequence[Sweep]) -> None:
    """Fail if there is nothing to try, a name stands twice, or a pool or an amount is wrong."""
    if not trials and not sweeps:
        raise InputError(
            both("没有要试算的设置", "there is nothing to try"),
            remedy=both(
                "用 --set、--scheme、--budget、--policy、--trial 或 --sweep 给出",
                "give --set, --scheme, --budget, --policy, --trial or --sweep",
            ),
        )
    faults: list[Bilingual] = []
    names = [trial.name for trial in trials]
    for name in sorted({name for name in names if names.count(name) > 1}):
        faults.append(located(name, both("试算重名", "two trials of this name")))
    pools = {pool.id for pool in region.pools}
    asked = [s for trial in trials for s in trial.settings]
    asked += [Setting(sweep.cause, value) for sweep in sweeps for value in sweep.values]
    for setting in asked:
        if not setting.pool:
            continue
        if setting.pool not in pools:
            have = sorted(pools)
            what = both(f"没有这个险种；有 {'、'.join(have)}", f"no such pool; {', '.join(have)}")
            faults.append(located(setting.text, what))
        try:
            fen_of_yuan(setting.value)
        except ValueError as error:
            faults.append(located(setting.text, error))
    if len(sweeps) > 2 or len({sweep.cause for sweep in sweeps}) < len(sweeps):
        faults.append(
            both("最多扫描两个不同的参数", "at most two different parameters can be swept")
        )
    runs = math.prod(len(sweep.values) for sweep in sweeps)
    if runs > MAX_SWEEP_RUNS:
        faults.append(
            both(
                f"扫描须清算 {runs} 次，超过 {MAX_SWEEP_RUNS} 次",
                f"the sweep needs {runs} runs, more than {MAX_SWEEP_RUNS}",
            )
        )
    if faults:
        raise InputError(
            both("试算的设置有误", "the trials' settings do not fit"),
            faults=faults,
            remedy=both("改正后重新运行", "correct them and run again"),
        )


def coefficients_of_file(
    file: Path, hospitals: Sequence[str]
) -> tuple[dict[Key, int], dict[str, int]]:
    """Return coefficients by hospital and DRG and by hospital, from a table like coefficients.csv.

    Raises InputError for its faults, and when a hospital has no row.
    """
    reader = Reader(file.parent)
    reader.give("hospitals", set(hospitals), "hospitals.csv")
    rows = reader.read(COEFFICIENTS_TABLE, path=file, required=True)
    reader.refuse(
        file,
        both("系数表有误", "the table of coefficients has faults"),
        both(
            f"表头为{'、'.join(map(COEFFICIENTS_TABLE.shown, COEFFICIENTS_TABLE.needed))}，"
            f"另可有{COEFFICIENTS_TABLE.shown('drg')}；每个机构一行",
            "columns hospital_id,coefficient[,drg], a row for every hospital",
        ),
    )
    return coefficients_of(rows)


# --- Shapley


def shapley(values: Mapping[frozenset[C], int], causes: Sequence[C]) -> dict[C, Fraction]:
    """Return what each cause adds, exact; `values` has every subset of the causes.

    >>> from fractions import Fraction
    >>> v = {frozenset(): 0, frozenset("a"): 1, frozenset("b"): 2, frozenset("ab"): 6}
    >>> shapley(v, "ab") == {"a": Fraction(5, 2), "b": Fraction(7, 2)}
    True
    """
    n = len(causes)
    parts = dict.fromkeys(causes, Fraction(0))
    for cause in causes:
        others = [c for c in causes if c != cause]
        for size in range(n):
            weight = Fraction(
                math.factorial(size) * math.factorial(n - size - 1), math.factorial(n)
            )
            for chosen in combinations(others, size):
                before = frozenset(chosen)
                parts[cause] += weight * (values[before | {cause}] - values[before])
    return parts


def split(
    outcomes: Mapping[Settings, Outcome], settings: Sequence[Setting]
) -> dict[Key, dict[str, int]]:
    """Return the change of due of each hospital and pool by cause, in whole fen that add up."""
    full, none = outcomes[frozenset(settings)], outcomes[NO_SETTINGS]
    subsets = _subsets(settings)
    found: dict[Key, dict[str, int]] = {}
    for key in sorted(set(full.hospitals) | set(none.hospitals)):
        values = {subset: _due(outcomes[subset], key) for subset in subsets}
        exact = {s.cause: part for s, part in shapley(values, settings).items()}
        change = values[subsets[-1]] - values[NO_SETTINGS]
        found[key] = largest_remainder(exact, change)
    return found


def _subsets(settings: Sequence[Setting]) -> list[Settings]:
    """Return every set of some of the settings, from none to all."""
    sizes = range(len(settings) + 1)
    return [frozenset(some) for size in sizes for some in combinations(settings, size)]


def _due(outcome: Outcome, key: Key) -> int:
    return outcome.hospitals[key].due_fen if key in outcome.hospitals else 0


# --- running


@dataclass
class Runner:
    """Settles under sets of settings; keeps one reading of the cases at a time."""

    region: Region
    loaded: Policy
    threads: int | None
    lang: str
    progress: Progress
    spool: Path | None
    groupers: dict[str, AnyGrouper] = field(default_factory=dict)
    policies: dict[str, Policy] = field(default_factory=dict)
    coefficients: dict[str, tuple[dict[Key, int], dict[str, int]]] = field(default_factory=dict)
    outcomes: dict[Settings, Outcome] = field(default_factory=dict)
    refused: dict[Settings, DrgpayError] = field(default_factory=dict)
    readings: int = 0
    inputs: Sequence[InputFile] = ()
    counts: Mapping[str, int] = field(default_factory=dict)

    def policy(self, settings: Settings) -> YearPolicy:
        """Return the parameters under some settings."""
        loaded = self.policy_file(settings)
        texts = sorted(s.text for s in settings if s.is_parameter)
        return loaded.for_year(self.region.year, texts)

    def policy_file(self, settings: Settings) -> Policy:
        """Return the policy under some settings, before single parameters are changed."""
        name = _value(settings, POLICY)
        if name is None:
            return self.loaded
        if name not in self.policies:
            base = None if Path(name).is_file() else self.region.path
            self.policies[name] = load_policy(name, base)
        return self.policies[name]

    def place(self, settings: Settings) -> Region:
        """Return the region under some settings: scheme, budgets and coefficients."""
        budgets = {s.pool: fen_of_yuan(s.value) for s in settings if s.pool}
        pools = tuple(
            replace(pool, budget_fen=budgets.get(pool.id, pool.budget_fen))
            for pool in self.region.pools
        )
        scheme, table = _value(settings, SCHEME), _value(settings, COEFFICIENTS)
        scheme = self.region.scheme if scheme is None else _absolute_scheme(scheme)
        place = replace(self.region, pools=pools, scheme=scheme)
        if table is None:
            return place
        if table not in self.coefficients:
            known = [h.id for h in self.region.hospitals]
            self.coefficients[table] = coefficients_of_file(Path(table), known)
        by_drg, by_hospital = self.coefficients[table]
        hospitals = tuple(replace(h, coefficient=by_hospital.get(h.id)) for h in place.hospitals)
        return replace(place, hospitals=hospitals, drg_coefficients=by_drg)

    def grouper(self, region: Region) -> AnyGrouper:
        """Return the grouper of a region's scheme."""
        if region.scheme not in self.groupers:
            self.groupers[region.scheme] = any_grouper(
                region.scheme, region.readings, region.codes, region.path
            )
        return self.groupers[region.scheme]

    def run(self, wanted: Iterable[Settings], detailed: set[Settings]) -> None:
        """Settle under every set of settings, reading cases as seldom as possible."""
        pending: dict[Settings, YearPolicy] = {}
        for settings in dict.fromkeys(wanted):
            try:
                self.place(settings)
                pending[settings] = self.policy(settings)
            except DrgpayError as error:
                self._refuse(settings, error)
        step = self.progress("runs", len(pending))
        while pending:
            settings = min(pending, key=lambda s: _reading_first(s, pending[s]))
            region = self.place(settings)
            try:
                prepared = self.prepare(region, settings, pending[settings])
            except DrgpayError as error:
                self._refuse(settings, error)
                del pending[settings]
                continue
            for other, policy in list(pending.items()):
                place = self.place(other)
                if place.scheme != region.scheme or not prepared.fits(policy):
                    continue
                self._settle(prepared, place, other, policy, other in detailed)
                del pending[other]
                step(1)
            prepared.close()
            del prepared  # before the next one is read

    def prepare(self, region: Region, settings: Settings, policy: YearPolicy) -> Prepared:
        self.readings += 1
        grouper = self.grouper(region)
        check_given_drgs(region, grouper)
        with unchanged(region.path):
            prepared = prepare(
                region,
                self.policy_file(settings),
                policy,
                grouper=grouper,
                threads=self.threads,
                lang=self.lang,
                progress=self.progress,
                spool=self.spool,
            )
        if settings == NO_SETTINGS:
            self.inputs, self.counts = prepared.inputs, prepared.counts.as_dict()
        return prepared

    def _settle(
        self,
        prepared: Prepared,
        region: Region,
        settings: Settings,
        policy: YearPolicy,
        detailed: bool,
    ) -> None:
        try:
            run = settle_prepared(prepared, policy, region=region)
            self.outcomes[settings] = outcome_of(run, groups=detailed)
        except BooksError:
            raise
        except DrgpayError as error:
            self._refuse(settings, error)

    def _refuse(self, settings: Settings, error: DrgpayError) -> None:
        if settings == NO_SETTINGS:
            raise error
        self.refused[settings] = error


def _value(settings: Settings, cause: str) -> str | None:
    """Return what some settings say of a cause, None where they leave it as it is."""
    return next((s.value for s in settings if s.cause == cause), None)


def _reading_first(settings: Settings, policy: YearPolicy) -> tuple[bool, bool, list[Setting]]:
    """Today's settings first; then those that need columns which others do without."""
    needs = policy.says("referral.rule", "one_stay", "separate") or (
        policy.says("readmission.same", "hospital_category", "hospital_drg", "hospital_adrg")
    )
    return bool(settings), not needs, sorted(settings)


def _absolute_scheme(name: str) -> str:
    """Return a scheme as region.toml may name it: bundled, or by its whole path."""
    if "/" not in name and name in bundled("schemes"):
        return name
    return str(Path(name).resolve()) if Path(name).exists() else name


def simulate(
    folder: str | Path,
    trials: Sequence[Trial],
    sweeps: Sequence[Sweep] = (),
    *,
    causes: bool = True,
    threads: int | None = None,
    lang: str = "zh",
    progress: Progress | None = None,
    spool: Path | None = None,
) -> Simulation:
    """Settle a region's year as today and under each trial; return both side by side.

    `causes`: split the changes of trials with up to `MAX_CAUSES` settings into their causes, which
    takes a run for every subset. A sweep goes through its values with all else as today.

    Raises InputError, PolicyError or SchemeError for inputs that cannot be used, also when no
    trial is possible; a trial that is not possible beside others is kept with its refusal.
    """
    region = read_region(Path(folder))
    loaded = load_policy(region.policy, region.path)
    _check_asked(region, trials, sweeps)
    quiet: Progress = lambda name, total: lambda done: None  # noqa: E731
    runner = Runner(region, loaded, threads, lang, progress or quiet, spool)
    wanted: list[Settings] = [NO_SETTINGS]
    detailed: set[Settings] = {NO_SETTINGS}
    for trial in trials:
        wanted.append(frozenset(trial.settings))
        detailed.add(frozenset(trial.settings))
        if causes and 1 < len(trial.settings) <= MAX_CAUSES:
            wanted += _subsets(trial.settings)[1:-1]
    places = list(product(*(sweep.values for sweep in sweeps))) if sweeps else []
    spots = [
        frozenset(Setting(s.cause, v) for s, v in zip(sweeps, values, strict=True))
        for values in places
    ]
    runner.run([*wanted, *spots], detailed)
    if trials and all(frozenset(trial.settings) in runner.refused for trial in trials):
        raise runner.refused[frozenset(trials[0].settings)]
    points = [
        SweepPoint(values, runner.outcomes.get(spot), runner.refused.get(spot))
        for values, spot in zip(places, spots, strict=True)
    ]
    if points and not any(point.outcome for point in points):
        refusals = [point.refused for point in points if point.refused]
        raise refusals[0]
    return Simulation(
        region,
        loaded,
        runner.outcomes[NO_SETTINGS],
        [_result(runner, trial, causes) for trial in trials],
        sweeps,
        points,
        runner.inputs,
        runner.counts,
        {name: (g.scheme.id, g.scheme.title) for name, g in runner.groupers.items()},
        {policy.id: policy.title for policy in (loaded, *runner.policies.values())},
        len(runner.outcomes),
        runner.readings,
    )


def _result(runner: Runner, trial: Trial, causes: bool) -> TrialResult:
    settings = frozenset(trial.settings)
    if settings in runner.refused:
        return TrialResult(trial, None, runner.refused[settings])
    outcome = runner.outcomes[settings]
    if not causes:
        what = both("没有要求分解原因", "the causes were not asked for")
        return TrialResult(trial, outcome, no_parts=what)
    if len(trial.settings) > MAX_CAUSES:
        n = len(trial.settings)
        return TrialResult(
            trial,
            outcome,
            no_parts=both(
                f"有 {n} 项设置，分解原因须清算 {2**n} 次；最多分解 {MAX_CAUSES} 项，"
                "可把几项写进一个政策文件，用 policy=文件 当作一项",
                f"{n} settings would need {2**n} runs; up to {MAX_CAUSES} are split: several can be "
                "put into a policy file and count as one by policy=FILE",
            ),
        )
    for subset in _subsets(trial.settings):
        if subset in runner.refused:
            alone = "; ".join(sorted(s.text for s in subset))
            error = runner.refused[subset]
            return TrialResult(
                trial,
                outcome,
                no_parts=located(
                    both(f"单用 {alone} 不能清算", f"{alone} alone cannot be settled"),
                    refusal(error),
                ),
            )
    return TrialResult(trial, outcome, parts=split(runner.outcomes, trial.settings))


# --- what changed


@dataclass(frozen=True, slots=True)
class SettingRow:
    """A setting with what it replaces."""

    setting: Setting
    name: Bilingual
    before: str
    after: str


def setting_rows(simulation: Simulation, settings: Iterable[Setting]) -> list[SettingRow]:
    """Return the settings of a trial with their names and today's values."""
    region, policy = simulation.region, simulation.base.policy
    budgets = {pool.id: pool for pool in region.pools}
    rows = []
    for s in settings:
        if s.pool:
            pool = budgets[s.pool]
            name = both(f"{pool.name}年度预算", f"budget of {s.pool}")
            rows.append(
                SettingRow(s, name, yuan_text(pool.budget_fen), yuan_text(fen_of_yuan(s.value)))
            )
        elif s.cause == SCHEME:
            rows.append(SettingRow(s, both("分组方案", "scheme"), simulation.base.scheme, s.value))
        elif s.cause == COEFFICIENTS:
            rows.append(SettingRow(s, both("差异系数表", "coefficients"), "coefficients", s.value))
        elif s.cause == POLICY:
            rows.append(SettingRow(s, both("支付政策", "policy"), policy.id, s.value))
        else:
            parameter = policy.parameters[s.cause]
            name = both(parameter.name, s.cause)
            rows.append(SettingRow(s, name, shown(parameter.raw) or "—", s.value or "—"))
    return rows
