"""Review of per-diem stays: length, daily cost and outcome of each institution beside its peers.

Source: S2 4 (the standard rests on mean stay, cost a day and efficacy), requirement D2. Sums are
exact integers; means, medians and differences are floats, for reading only. No amount hangs on it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from drgpay.ground.errors import BooksError, InputError, both
from drgpay.names.columns import both_names

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

# how a stay ended, by the code of discharge_way; anything else is `other`
OUTCOMES: Mapping[str, tuple[str, ...]] = {
    "ordered": ("1",),
    "transferred": ("2", "3"),
    "against_order": ("4",),
    "died": ("5",),
}
NEEDED = ("hospital_id", "bed_day_class", "days", "total_cost_fen", "discharge_way")


def review(stays: pa.Table) -> pa.Table:
    """Return a row for each institution and bed-day class, beside its peers of that class.

    `stays` has a row a stay: hospital_id, bed_day_class, days, total_cost_fen, discharge_way (code),
    and may have paid_fen (what the stay is paid in all) and level; `stays` where a row stands for so
    many stays of the same days, with their cost and what they are paid in sum. Rows without a class
    are no per-diem stays and are left out. Peers are the other institutions with stays of the class (and
    level, where given); their figures leave the institution itself out, and are null when there
    are none. Differences are shares: 0.1 is a tenth more than the peers.

    Raises InputError for a missing column or a stay without hospital, days or cost.
    """
    stays = _checked(stays)
    by_level = "level" in stays.column_names
    peers = [*(("level",) if by_level else ()), "bed_day_class"]
    keys = [name for name in ("hospital_id", *peers)]
    numbers = [_numbers(stays[name]) for name in keys]
    order = np.lexsort([number for number, _ in reversed(numbers)])
    sorted_keys = [number[order] for number, _ in numbers]
    starts = _starts(sorted_keys)
    days, cost = _ints(stays["days"])[order], _ints(stays["total_cost_fen"])[order]
    weight = _weights(stays)[order]
    counts = _sums(weight, starts)
    sums = {
        "stays": counts,
        "days": _sums(days * weight, starts),
        "total_cost_fen": _sums(cost, starts),
    }
    way = pc.utf8_trim_whitespace(stays["discharge_way"].cast(pa.string()))
    rest = weight.copy()
    for name, codes in OUTCOMES.items():
        found = np.asarray(pc.fill_null(pc.is_in(way, value_set=pa.array(codes)), False))
        one = found.astype(np.int64)[order] * weight
        sums[name] = _sums(one, starts)
        rest -= one
    sums["other"] = _sums(rest, starts)
    columns: dict[str, Any] = {
        name: pa.array(words, pa.string()).take(pa.array(number[starts]))
        for name, (_, words), number in zip(keys, numbers, sorted_keys, strict=True)
    }
    columns |= {name: pa.array(values) for name, values in sums.items()}
    columns["mean_stay_days"] = _floats(_ratio(sums["days"], counts))
    columns["median_stay_days"] = _floats(_medians(days, weight, sorted_keys, counts))
    columns["mean_daily_cost_fen"] = _floats(_ratio(sums["total_cost_fen"], sums["days"]))
    if "paid_fen" in stays.column_names:
        paid = _sums(_ints(stays["paid_fen"])[order], starts)
        columns["paid_fen"] = pa.array(paid)
        columns["paid_per_day_fen"] = _floats(_ratio(paid, sums["days"]))
        columns["cost_paid_ratio"] = _floats(_ratio(sums["total_cost_fen"], paid))
    for name in (*OUTCOMES, "other"):
        columns[f"{name}_share"] = _floats(_ratio(sums[name], counts))
    columns |= _peers([key[starts] for key in sorted_keys[1:]], sums)
    result = pa.table(columns).sort_by([(name, "ascending") for name in (*peers, "hospital_id")])
    _check(result, stays)
    return result


def _checked(stays: pa.Table) -> pa.Table:
    missing = [name for name in NEEDED if name not in stays.column_names]
    if missing:
        raise InputError(
            both(f"床日评议缺少列：{'、'.join(missing)}", f"missing columns: {', '.join(missing)}"),
            where="stays",
            remedy=both("补上这些列", "give these columns"),
        )
    of_class = stays["bed_day_class"].cast(pa.string())
    keep = pc.fill_null(pc.not_equal(pc.utf8_trim_whitespace(of_class), ""), False)
    stays = stays.filter(keep)
    for name in ("hospital_id", "days", "total_cost_fen"):
        column = stays[name]
        bad = column.null_count or (
            name != "hospital_id" and pc.any(pc.less(column, 0)).as_py() is True
        )
        if bad:
            raise InputError(
                both(
                    f"有床日病例的{both_names(name)}缺失或为负",
                    f"{name} of some stay is missing or negative",
                ),
                where="stays",
                remedy=both("先隔离这些病例", "quarantine those stays first"),
            )
    return stays


def _numbers(column: pa.ChunkedArray) -> tuple[Ints, list[str]]:
    """Return the rank of each text, and the texts in order; missing ones are empty."""
    texts = pc.fill_null(column.cast(pa.string()), "").combine_chunks()
    if isinstance(texts, pa.ChunkedArray):  # no chunk at all
        texts = pa.array([], pa.string())
    found = texts.dictionary_encode()
    words = found.dictionary.to_pylist()
    ordered = sorted(words)
    rank = {word: number for number, word in enumerate(ordered)}
    ranks = np.array([rank[word] for word in words], dtype=np.int64)
    return ranks[np.asarray(found.indices)] if words else np.zeros(0, np.int64), ordered


def _ints(column: pa.ChunkedArray) -> Ints:
    return np.asarray(pc.fill_null(column.cast(pa.int64()), 0)).astype(np.int64)


def _weights(stays: pa.Table) -> Ints:
    """Return how many stays each row stands for."""
    if "stays" in stays.column_names:
        return _ints(stays["stays"])
    return np.ones(len(stays), dtype=np.int64)


def _starts(keys: Sequence[Ints]) -> Ints:
    """Return where each group of equal sorted keys begins."""
    if not len(keys[0]):
        return np.zeros(0, dtype=np.int64)
    change = np.zeros(len(keys[0]), dtype=np.bool_)
    change[0] = True
    for key in keys:
        change[1:] |= key[1:] != key[:-1]
    return np.flatnonzero(change)


def _sums(values: Ints, starts: Ints) -> Ints:
    if not len(starts):
        return np.zeros(0, dtype=np.int64)
    found: Ints = np.add.reduceat(values, starts)
    return found


def _ratio(above: Ints, below: Ints) -> Floats:
    """Return quotients, not a number where there is nothing to divide by."""
    out = np.full(len(above), np.nan)
    np.divide(above, below, out=out, where=below != 0)
    return out


def _floats(values: Floats) -> pa.Array:
    """Return floats as a column, null where they are not a number."""
    return pa.array(values, pa.float64(), mask=np.isnan(values))


def _medians(days: Ints, weight: Ints, keys: Sequence[Ints], counts: Ints) -> Floats:
    """Return the median of each group; of an even number the mean of the middle two."""
    order = np.lexsort([days, *reversed(keys)])
    inside, behind = days[order], np.cumsum(weight[order])
    starts = np.cumsum(counts) - counts
    low, high = (
        np.searchsorted(behind, starts + middle, side="right")
        for middle in ((counts - 1) // 2, counts // 2)
    )
    return np.asarray((inside[low] + inside[high]) / 2)


def _peers(groups: Sequence[Ints], sums: Mapping[str, Ints]) -> dict[str, pa.Array]:
    """Return the figures of the other institutions of a group, and the differences to them."""
    place = np.zeros(len(sums["stays"]), dtype=np.int64)
    for group in groups:
        place = place * (int(group.max(initial=0)) + 1) + group
    _, number = np.unique(place, return_inverse=True)
    size = int(number.max(initial=-1)) + 1

    def others(values: Ints) -> Ints:
        total = np.zeros(size, dtype=np.int64)
        np.add.at(total, number, values)
        left: Ints = total[number] - values
        return left

    stays, days = others(sums["stays"]), others(sums["days"])
    mean_stay = _ratio(days, stays)
    daily = _ratio(others(sums["total_cost_fen"]), days)
    own_stay = _ratio(sums["days"], sums["stays"])
    own_daily = _ratio(sums["total_cost_fen"], sums["days"])
    columns = {
        "peers": pa.array(others(np.ones(len(number), dtype=np.int64))),
        "peer_stays": pa.array(stays),
        "peer_days": pa.array(days),
        "peer_mean_stay_days": _floats(mean_stay),
        "peer_mean_daily_cost_fen": _floats(daily),
        "stay_difference": _floats(_beside(own_stay, mean_stay)),
        "daily_cost_difference": _floats(_beside(own_daily, daily)),
    }
    for name in ("against_order", "died"):
        columns[f"peer_{name}_share"] = _floats(_ratio(others(sums[name]), stays))
    return columns


def _beside(own: Floats, peers: Floats) -> Floats:
    out = np.full(len(own), np.nan)
    np.divide(own - peers, peers, out=out, where=(peers > 0) & ~np.isnan(own))
    return out


def _check(result: pa.Table, stays: pa.Table) -> None:
    """Raise BooksError unless the rows add up to the stays, and the outcomes to each row."""
    wanted = {
        "stays": int(_weights(stays).sum()),
        "days": int((_ints(stays["days"]) * _weights(stays)).sum()),
        "total_cost_fen": int(_ints(stays["total_cost_fen"]).sum()),
    }
    found = {name: int(sum(result[name].to_pylist())) for name in wanted}
    ends = sum(int(sum(result[name].to_pylist())) for name in (*OUTCOMES, "other"))
    if found != wanted or ends != wanted["stays"]:
        raise BooksError(
            both("床日评议的合计与病例不符", "the review of per-diem stays does not add up"),
            remedy=both(
                "这是程序的差错，结果不可用，请报告",
                "this is a fault of the program: do not use the result, report it",
            ),
        )
