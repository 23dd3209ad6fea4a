"""What earlier months of a year really paid: read from the folder of the month before.

A payment that was ordered is a fact. Where the cases of today give an earlier month another
payment, the difference is an adjustment (以前月份调整) of the present month (docs/formats.md,
rule 13).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from drgpay.ground.errors import Bilingual, BooksError, InputError, both, located
from drgpay.names.readings import differing_readings, other_text, told_readings
from drgpay.policy import YearPolicy
from drgpay.region.records import Region
from drgpay.runs.manifest import MONTH, inputs_of, values_of
from drgpay.runs.reader import RunFolder
from drgpay.schemes import Scheme
from drgpay.settlement.by_month import Adjustment

READ = ("months_hospitals.parquet", "suspended.parquet", "adjustments.parquet")
Place = tuple[str, str, int]  # hospital, pool, month


@dataclass(frozen=True, slots=True)
class Order:
    """What a month ordered for a hospital and pool, in fen; `cases` and `fund_fen` as its run had
    them. `setoff_before_fen` was still to be set off, `setoff_after_fen` is left of it.
    """

    cases: int = 0
    fund_fen: int = 0
    payment_fen: int = 0
    suspended_fen: int = 0
    kept_fen: int = 0
    paid_fen: int = 0
    adjustment_fen: int = 0
    setoff_before_fen: int = 0
    setoff_after_fen: int = 0

    @property
    def adds_up(self) -> bool:
        """Whether what was paid is what its parts come to."""
        own = self.payment_fen - self.suspended_fen + self.adjustment_fen
        return self.paid_fen == own - self.setoff_before_fen + self.setoff_after_fen


NEEDED = ("cases", "recorded_fund_fen", "payment_fen", "suspended_fen", "kept_fen", "paid_fen")
ADDED = ("adjustment_fen", "setoff_before_fen", "setoff_after_fen")
ADJUSTED = (
    "cases_before", "cases_now", "recorded_fund_before_fen", "recorded_fund_now_fen", "payment_before_fen", "payment_now_fen",
    "suspended_before_fen", "suspended_now_fen", "kept_before_fen", "kept_now_fen",
)  # fmt: skip


@dataclass(frozen=True)
class Orders:
    """The months up to `month` as they were ordered.

    `recomputed`: those of them whose payments no folder gave, so that they were computed from the
    cases of a later day. `checked`: whether the folder has digests of its tables.
    """

    folder: Path
    digest: str
    manifest: Mapping[str, Any]
    month: int
    recomputed: tuple[int, ...]
    rows: Mapping[Place, Order]
    adjustments: tuple[Adjustment, ...]
    suspended: tuple[Mapping[str, Any], ...]
    checked: bool
    booked: Mapping[Place, tuple[int, int, int]] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "booked", booked_sums(self.rows, self.adjustments))

    @property
    def keys(self) -> set[tuple[str, str]]:
        """Hospitals and pools that the months name."""
        return {(hospital, pool) for hospital, pool, _ in self.booked}

    def order(self, hospital: str, pool: str, month: int) -> Order:
        """Return what a month ordered; nothing where it has no row."""
        return self.rows.get((hospital, pool, month), Order())

    def changed_inputs(self, now: Mapping[str, str]) -> list[str]:
        """Return the files of the earlier run that are gone or not what they were (`now`: SHA-256)."""
        policy = f"{self.manifest['policy']['id']}.toml"
        told = inputs_of(self.manifest)
        return sorted(f for f, sha256 in told.items() if f != policy and now.get(f) != sha256)

    def changed_scheme(self, scheme: Scheme) -> Bilingual | None:
        """Return how the scheme or its readings differ from those of the earlier months, if so."""
        told = self.manifest["scheme"]
        chinese, english = [], []
        if told["id"] != scheme.id:
            chinese.append(f"{told['id']} → {scheme.id}")
            english.append(f"{told['id']} → {scheme.id}")
        elif told["digest"] != scheme.digest:
            chinese.append(f"{scheme.id} 的表已改动")
            english.append(f"the tables of {scheme.id} have changed")
        other = differing_readings(told_readings(told), scheme.options)
        if other:
            chinese.append(f"读法 {other_text(other, 'zh')}")
            english.append(f"readings {other_text(other, 'en')}")
        return both("；".join(chinese), "; ".join(english)) if chinese else None

    def changed_parameters(self, policy: YearPolicy) -> list[str]:
        """Return the keys whose value is another one now."""
        before = values_of(self.manifest)
        now = json.loads(
            json.dumps({p.key: p.as_dict()["value"] for p in policy.parameters.values()})
        )
        return [key for key, value in now.items() if before.get(key) != value]


def booked_sums(
    rows: Mapping[Place, Order], adjustments: Sequence[Adjustment]
) -> dict[Place, tuple[int, int, int]]:
    """Return what each month's cases came to, with later adjustments: payment, suspended, kept."""
    sums = {place: (o.payment_fen, o.suspended_fen, o.kept_fen) for place, o in rows.items()}
    for a in adjustments:
        place = (a.hospital_id, a.pool, a.of_month)
        payment, suspended, kept = sums.get(place, (0, 0, 0))
        sums[place] = (
            payment + a.payment_now_fen - a.payment_before_fen,
            suspended + a.suspended_now_fen - a.suspended_before_fen,
            kept + a.kept_now_fen - a.kept_before_fen,
        )
    return sums


def ordered_rows(
    run: RunFolder,
) -> tuple[dict[Place, Order], tuple[Adjustment, ...], bool]:
    """Return what the months of a folder ordered, their adjustments, whether tables have digests.

    Raises BooksError when the tables are not those that the run wrote, or do not add up.
    """
    changed = run.changed(READ)
    if changed:
        _altered(run.folder, [located(name, text) for name, text in changed.items()])
    with run.reading():
        rows, adjustments = _orders(run), _adjustments(run)
    _refuse_sums(run.folder, rows, adjustments)
    return rows, adjustments, changed is not None


def read_orders(folder: str | Path, region: Region, policy: YearPolicy, month: int) -> Orders:
    """Return the earlier months of a year from the folder of the month before `month`.

    Raises InputError when the folder is not the one of that month, region, year and policy, and
    BooksError when its tables are not those that the run wrote.
    """
    run = RunFolder(folder, MONTH)
    _refuse_other(run.folder, run.manifest, region, policy, month)
    rows, adjustments, checked = ordered_rows(run)
    _refuse_unknown(rows, region)
    told = run.manifest.get("recomputed_months")
    return Orders(
        folder=run.folder,
        digest=run.digest,
        manifest=run.manifest,
        month=month - 1,
        recomputed=tuple(range(1, month - 1))
        if told is None
        else tuple(int(text[5:]) for text in told),
        rows=rows,
        adjustments=adjustments,
        suspended=tuple(run.table("suspended").to_pylist()),
        checked=checked,
    )


def _refuse_other(
    folder: Path, manifest: Mapping[str, Any], region: Region, policy: YearPolicy, month: int
) -> None:
    faults = list(_other(manifest, region, policy, month))
    if faults:
        raise InputError(
            both("这个文件夹不能作为上月的结果", "the folder cannot be the month before"),
            where=folder,
            faults=faults,
            remedy=both(
                "用 --earlier 给出同一统筹区、同一年度、同一政策的上月结果文件夹",
                "give --earlier the folder of the month before, of the same region, year and policy",
            ),
        )


def _other(
    manifest: Mapping[str, Any], region: Region, policy: YearPolicy, month: int
) -> Iterator[Bilingual]:
    """Yield what makes a folder another one than that of the month before."""
    told, now = manifest["region"], f"{region.year}-{month:02d}"
    previous = f"{region.year}-{month - 1:02d}"
    if (told["id"], told["year"]) != (region.id, region.year):
        yield both(
            f"它属于 {told['id']} {told['year']} 年，统筹区文件夹是 {region.id} {region.year} 年",
            f"it is of {told['id']} {told['year']}, the region folder of {region.id} {region.year}",
        )
    if manifest["policy"]["id"] != policy.id:
        yield both(
            f"它用的政策是 {manifest['policy']['id']}，现在是 {policy.id}",
            f"its policy is {manifest['policy']['id']}, now it is {policy.id}",
        )
    if month == 1:
        yield both("一月没有以前的月份", "January has no month before it")
    elif manifest["all_months"]:
        yield both(
            "它是 --all 的模拟，不是逐月支付的结果",
            "it is a simulation by --all, not what months paid",
        )
    elif manifest["month"] != previous:
        yield both(
            f"它是 {manifest['month']} 的，{now} 须用 {previous} 的（其中有以前各月）",
            f"it is of {manifest['month']}; {now} takes the one of {previous}, which has the "
            "months before",
        )
    if manifest["trial"] and not policy.trial:
        yield both("它是试算，不是正式支付", "it is a trial, nothing was paid by it")


def _orders(run: RunFolder) -> dict[Place, Order]:
    return {
        (r["hospital_id"], r["pool"], int(r["month"][5:])): Order(
            *(int(r[name]) for name in NEEDED), *(int(r.get(name, 0)) for name in ADDED)
        )
        for r in run.table("months_hospitals").to_pylist()
    }


def _adjustments(run: RunFolder) -> tuple[Adjustment, ...]:
    return tuple(  # none in folders written before months had adjustments
        Adjustment(
            int(r["month"][5:]), int(r["of_month"][5:]), r["hospital_id"], r["pool"],
            *(int(r[name]) for name in ADJUSTED),
        )
        for r in run.records("adjustments")
    )  # fmt: skip


def _refuse_sums(
    folder: Path, rows: Mapping[Place, Order], adjustments: Sequence[Adjustment]
) -> None:
    """Fail if a payment is not what its parts and its adjustments come to."""
    listed: dict[Place, int] = {}
    for a in adjustments:
        place = (a.hospital_id, a.pool, a.month)
        listed[place] = listed.get(place, 0) + a.adjustment_fen
    wrong = [
        place
        for place in sorted({*rows, *listed})
        if not rows.get(place, Order()).adds_up
        or rows.get(place, Order()).adjustment_fen != listed.get(place, 0)
    ]
    if wrong:
        _altered(
            folder,
            [
                located(
                    "months_hospitals.parquet",
                    both(
                        f"{hospital}、{pool}、{month} 月：实付不是各项之和",
                        f"{hospital}, {pool}, month {month}: what was paid is not its parts' sum",
                    ),
                )
                for hospital, pool, month in wrong
            ],
        )


def _refuse_unknown(rows: Mapping[Place, Order], region: Region) -> None:
    hospitals, pools = {h.id for h in region.hospitals}, {p.id for p in region.pools}
    gone = sorted({(h, p) for h, p, _ in rows if h not in hospitals or p not in pools})
    if gone:
        raise InputError(
            both(
                "以前月份支付过的机构或险种，现在的统筹区文件夹中没有",
                "hospitals or pools that earlier months paid are not in the region folder",
            ),
            where=region.path,
            faults=[both(f"机构 {h}、险种 {p}", f"hospital {h}, pool {p}") for h, p in gone],
            remedy=both(
                "把它们留在机构表（hospitals）和 region.toml 中，没有病例也可以",
                "leave them in the table hospitals and region.toml, even without cases",
            ),
        )


def _altered(folder: Path, faults: Sequence[Bilingual]) -> NoReturn:
    raise BooksError(
        both(
            "上月结果的表已被改动，不能作为实付的依据",
            "tables of the month before were changed: they do not tell what was paid",
        ),
        where=folder,
        faults=faults,
        remedy=both("恢复原文件", "restore the files"),
    )
