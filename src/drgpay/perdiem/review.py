"""Review of per-diem stays: length, daily cost and outcome of each institution beside its peers.

Source: S2 4 (the standard rests on mean stay, cost a day and efficacy), requirement D2. Sums are
exact integers; means, medians and differences are floats, for reading only. No amount hangs on it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from operator import itemgetter
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from drgpay.ground.errors import BooksError, InputError, both
from drgpay.names.columns import both_names
from drgpay.names.run_tables import TABLES, kind_of

# how a stay ended, by the code of discharge_way; anything else is `other`
OUTCOMES: Mapping[str, tuple[str, ...]] = {
    "ordered": ("1",),
    "transferred": ("2", "3"),
    "against_order": ("4",),
    "died": ("5",),
}
NEEDED = ("hospital_id", "bed_day_class", "days", "total_cost_fen", "discharge_way")
ADDED = ("stays", "days", "total_cost_fen", "against_order", "died")  # of all peers
# columns of the review that hang on one that may be left out
PAID = ("paid_fen", "paid_per_day_fen", "cost_paid_ratio")
ONLY_WITH = {"level": "level", **dict.fromkeys(PAID, "paid_fen")}


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
    keys = [
        name for name in ("level", "bed_day_class", "hospital_id") if name in stays.column_names
    ]
    rows = _sums(stays, keys)
    of_peers: dict[tuple[str, ...], Counter[str]] = {}
    for row in rows:
        total = of_peers.setdefault(tuple(row[key] for key in keys[:-1]), Counter())
        total.update({name: row[name] for name in ADDED})
        total["peers"] += 1
    for row in rows:
        _tell(row, of_peers[tuple(row[key] for key in keys[:-1])])
    _check(rows, stays)
    there = stays.column_names
    names = [name for name in TABLES["perdiem"] if ONLY_WITH.get(name, "stays") in there]
    return pa.table({n: kind_of("perdiem", n).array([row[n] for row in rows]) for n in names})


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
    if "stays" not in stays.column_names:
        stays = stays.append_column("stays", pa.array([1] * len(stays), pa.int64()))
    return stays


def _sums(stays: pa.Table, keys: Sequence[str]) -> list[dict[str, Any]]:
    """Return what the stays of each institution and class come to, sorted by `keys`."""
    columns = {key: pc.fill_null(stays[key].cast(pa.string()), "") for key in keys}
    way = pc.utf8_trim_whitespace(stays["discharge_way"].cast(pa.string()))
    ended = {
        name: pc.fill_null(pc.is_in(way, value_set=pa.array(codes)), False).cast(pa.int64())
        for name, codes in OUTCOMES.items()
    }
    columns |= {name: pc.multiply(stays["stays"], one) for name, one in ended.items()}
    columns |= {name: stays[name] for name in ("stays", "total_cost_fen")}
    columns |= {"each": stays["days"], "days": pc.multiply(stays["days"], stays["stays"])}
    if "paid_fen" in stays.column_names:
        columns["paid_fen"] = pc.fill_null(stays["paid_fen"], 0)
    added = [name for name in columns if name not in (*keys, "each")]
    wanted = [*((name, "sum") for name in added), ("each", "list"), ("stays", "list")]
    groups = pa.table(columns).group_by(list(keys), use_threads=False).aggregate(wanted)
    rows = [
        {
            **{key: group[key] for key in keys},
            **{name: group[f"{name}_sum"] for name in added},
            "other": group["stays_sum"] - sum(group[f"{name}_sum"] for name in OUTCOMES),
            "median_stay_days": float(
                np.median(np.repeat(group["each_list"], group["stays_list"]))
            ),
        }
        for group in groups.to_pylist()
    ]
    return sorted(rows, key=itemgetter(*keys))


def _tell(row: dict[str, Any], total: Mapping[str, int]) -> None:
    """Add to a row its means and shares, and those of the others of its peers."""
    stays, days, cost = (row[name] for name in ("stays", "days", "total_cost_fen"))
    others = {name: total[name] - row[name] for name in ADDED}
    row["mean_stay_days"], row["mean_daily_cost_fen"] = _ratio(days, stays), _ratio(cost, days)
    if "paid_fen" in row:
        row["paid_per_day_fen"] = _ratio(row["paid_fen"], days)
        row["cost_paid_ratio"] = _ratio(cost, row["paid_fen"])
    row |= {f"{name}_share": _ratio(row[name], stays) for name in (*OUTCOMES, "other")}
    row |= {"peers": total["peers"] - 1, "peer_stays": others["stays"], "peer_days": others["days"]}
    row["peer_mean_stay_days"] = _ratio(others["days"], others["stays"])
    row["peer_mean_daily_cost_fen"] = _ratio(others["total_cost_fen"], others["days"])
    row["stay_difference"] = _beside(row["mean_stay_days"], row["peer_mean_stay_days"])
    row["daily_cost_difference"] = _beside(
        row["mean_daily_cost_fen"], row["peer_mean_daily_cost_fen"]
    )
    for name in ("against_order", "died"):
        row[f"peer_{name}_share"] = _ratio(others[name], others["stays"])


def _ratio(above: int, below: int) -> float | None:
    """Return a quotient, None where there is nothing to divide by."""
    return above / below if below else None


def _beside(own: float | None, peers: float | None) -> float | None:
    return (own - peers) / peers if own is not None and peers else None


def _check(rows: Sequence[Mapping[str, Any]], stays: pa.Table) -> None:
    """Raise BooksError unless the rows add up to the stays, and the outcomes to each row."""
    days = pc.multiply(stays["days"], stays["stays"])
    wanted = [
        pc.sum(column).as_py() or 0 for column in (stays["stays"], days, stays["total_cost_fen"])
    ]
    found = [sum(row[name] for row in rows) for name in ("stays", "days", "total_cost_fen")]
    ends = sum(row[name] for row in rows for name in (*OUTCOMES, "other"))
    if found != wanted or ends != wanted[0]:
        raise BooksError(
            both("床日评议的合计与病例不符", "the review of per-diem stays does not add up"),
            remedy=both(
                "这是程序的差错，结果不可用，请报告",
                "this is a fault of the program: do not use the result, report it",
            ),
        )
