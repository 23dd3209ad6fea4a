"""The table of past cases: duplicates, exact sums, order statistics, bounded memory."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from drgpay.ground.errors import InputError
from drgpay.points import history as module
from drgpay.points.base import history_base_points
from drgpay.points.history import Heads, History, Limits
from drgpay.points.trimming import FARTHEST, Moments
from drgpay.policy import load_policy

Row = tuple[int, int, int, int, int, str, str]  # group cost year hospital not_pool patient case


def array(*values: int) -> Any:
    return np.array(values, dtype=np.int64)


def ids(*texts: str | None) -> pa.Array:
    return pa.array(texts, pa.string())


def filled(rows: list[Row], cut: int = 3, **options: Any) -> History:
    made = History(**options)
    for start in range(0, len(rows), max(1, -(-len(rows) // cut))):
        part = rows[start : start + max(1, -(-len(rows) // cut))]
        columns = list(zip(*part, strict=True))
        numbers = [np.array(column, dtype=np.int64) for column in columns[:5]]
        made.add(*numbers, pa.array(columns[5]), pa.array(columns[6]))
    return made


def drawn(seed: int, n: int = 400, groups: int = 6) -> list[Row]:
    r = random.Random(seed)
    return [
        (
            r.randint(-1, groups - 1),
            r.choice([r.randint(1, 50), round(r.lognormvariate(12, 1)), 10**11 - r.randint(0, 2)]),
            r.choice([2022, 2023]),
            r.randint(-1, 3),
            r.randint(0, 10**6),
            r.choice(["", f"P{r.randint(0, 60)}"]),
            "" if r.random() < 0.1 else f"C{r.randint(0, n * 3)}",
        )
        for _ in range(n)
    ]


def counting(rows: list[Row]) -> list[Row]:
    copies = Counter(row[6] for row in rows if row[6])
    return [row for row in rows if row[0] >= 0 and copies[row[6]] < 2]


# --- duplicates


def test_duplicates__every_copy_of_all_parts_beside_faulty_ones() -> None:
    with History() as h:
        h.add(array(0, 0, -1), array(5, 6, 0), case_id=ids("a", "b", "c"))
        h.add(array(1, 1, 1, 1), array(7, 8, 9, 10), case_id=ids("c", "d", "a", "a"))
        h.add(array(), array(), case_id=ids())
        h.add(array(1), array(11), case_id=ids("B"))
        found = h.duplicates()
        assert [(part.rows.tolist(), part.case_ids) for part in found] == [
            ([0, 2], ("a", "c")),
            ([0, 2, 3], ("c", "a", "a")),
            ([], ()),
            ([], ()),
        ]
        assert (h.rows, h.used) == (8, 3)
        assert h.moments() == {0: Moments(1, 6, 36), 1: Moments(2, 19, 8 * 8 + 11 * 11)}


def test_duplicates__empty_ids_are_nobodys_copies() -> None:
    with History() as h:
        h.add(array(0, 0, 0, 0), array(1, 2, 3, 4), case_id=ids("", "", None, None))
        assert [part.rows.tolist() for part in h.duplicates()] == [[]]
        assert h.used == 4


def test_duplicates__ids_of_any_kind_of_text() -> None:
    with History() as h:
        h.add(array(0, 0), array(1, 2), case_id=pa.array(["a", "b"], pa.large_string()))
        h.add(array(0), array(3), case_id=pa.chunked_array([["b"]]).dictionary_encode())
        assert [part.rows.tolist() for part in h.duplicates()] == [[1], [0]]


def test_history__without_ids_nothing_is_a_copy() -> None:
    with History() as h:
        assert h.add(array(3, 3), array(4, 5)) == 0
        assert h.add(array(3), array(4)) == 1
        assert [len(part.rows) for part in h.duplicates()] == [0, 0]
        assert h.moments() == {3: Moments(3, 13, 57)}
        assert not h.has_patients


def test_history__empty_has_no_groups() -> None:
    with History() as h:
        assert h.duplicates() == []
        assert (h.rows, h.used, h.moments()) == (0, 0, {})


# --- sums


@pytest.mark.parametrize("seed", range(8))
def test_statistics__against_plain_lists(seed: int) -> None:
    rows = drawn(seed)
    own = counting(rows)
    with filled(rows) as h:
        groups = sorted({row[0] for row in own})
        costs = {g: sorted(row[1] for row in own if row[0] == g) for g in groups}
        assert h.moments() == {
            g: Moments(len(c), sum(c), sum(x * x for x in c)) for g, c in costs.items()
        }
        places = [(g, k) for g in groups for k in range(len(costs[g]))]
        assert h.costs_at(places) == {(g, k): costs[g][k] for g, k in places}
        lower = [costs[g][len(costs[g]) // 4] for g in groups]
        upper = [costs[g][3 * len(costs[g]) // 4] for g in groups]
        for clip in (False, True):
            limits = Limits(np.array(groups, np.int32), array(*lower), array(*upper), clip)
            bounds = dict(zip(groups, zip(lower, upper, strict=True), strict=True))
            left = [
                (*row[:1], min(max(row[1], bounds[row[0]][0]), bounds[row[0]][1]), *row[2:])
                for row in own
                if clip or bounds[row[0]][0] <= row[1] <= bounds[row[0]][1]
            ]
            check_kept(h, limits, own, left, bounds)


def check_kept(
    h: History,
    limits: Limits,
    own: list[Row],
    left: list[Any],
    bounds: dict[int, tuple[int, int]],
) -> None:
    for cell in h.kept(limits):
        low, high = bounds[cell.group]
        mine = [row[1] for row in own if (row[0], row[2]) == (cell.group, cell.year)]
        assert cell.below == sum(cost < low for cost in mine)
        assert cell.above == sum(cost > high for cost in mine)
        after = [row[1] for row in left if (row[0], row[2]) == (cell.group, cell.year)]
        assert cell.kept == Moments(len(after), sum(after), sum(c * c for c in after))
    assert sum(cell.kept.n for cell in h.kept(limits)) == len(left)
    cells = {(c.hospital, c.group): (c.n, c.total, c.not_pool) for c in h.hospitals(limits)}
    keys = {(row[3], row[0]) for row in left}
    assert cells == {
        key: (
            sum((row[3], row[0]) == key for row in left),
            sum(row[1] for row in left if (row[3], row[0]) == key),
            sum(row[4] for row in left if (row[3], row[0]) == key),
        )
        for key in keys
    }
    named = [row for row in left if row[5]]
    assert h.heads(limits) == Heads(
        {
            k: (
                sum(row[3] == k for row in named),
                len({row[5] for row in named if row[3] == k}),
            )
            for k in {row[3] for row in named}
        },
        len(named),
        len({row[5] for row in named}),
    )


def test_moments__are_exact_beyond_64_bits() -> None:
    with History() as h:
        h.add(np.zeros(200_000, np.int64), np.full(200_000, 10**11 - 1))
        assert h.moments() == {
            0: Moments(200_000, 200_000 * (10**11 - 1), 200_000 * (10**11 - 1) ** 2)
        }


def test_statistics__the_order_of_rows_and_parts_changes_nothing() -> None:
    rows = drawn(99)
    shuffled = random.Random(1).sample(rows, len(rows))
    p = load_policy("testland").for_year(2024, ["trim.when=always", "stable.cv_max=2"])
    drgs = [f"AA{g}1" for g in range(6)]
    with filled(rows, 1) as a, filled(shuffled, 7) as b:
        first, second = (history_base_points(h, drgs, {}, p, (2022, 2023)) for h in (a, b))
        assert first == second
        assert first.limits is not None
        assert second.limits is not None
        assert a.hospitals(first.limits) == b.hospitals(second.limits)
        assert a.heads(first.limits) == b.heads(second.limits)


# --- beyond memory


def test_history__with_bounded_memory_as_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(3)
    parts = []
    for k in range(12):
        n = 25_000
        cases = [f"a case number that is somewhat long {k * n + i}" for i in range(n)]
        cases[5] = "a case number that is somewhat long 77"
        parts.append(
            (
                rng.integers(-1, 40, n),
                rng.integers(1, 10**7, n),
                rng.integers(2022, 2024, n),
                rng.integers(-1, 20, n),
                rng.integers(0, 10**5, n),
                pa.array([f"patient {i}" for i in rng.integers(0, 90_000, n)]),
                pa.array(cases),
            )
        )
    p = load_policy("testland").for_year(2024, ["trim.when=always"])
    drgs = [f"AA{g}1" for g in range(40)]
    results = []
    spilled = 0
    for rows_in_hand, options in (
        (10**9, {}),
        (30_000, {"folder": tmp_path, "memory_limit": "24MB", "threads": 2}),
    ):
        monkeypatch.setattr(module, "ROWS_IN_HAND", rows_in_hand)
        with History(**options) as h:
            for part in parts:
                h.add(*part)
            copies = [(found.rows.tolist(), found.case_ids) for found in h.duplicates()]
            base = history_base_points(h, drgs, {}, p, (2022, 2023))
            assert base.limits is not None
            results.append((copies, base, h.hospitals(base.limits), h.heads(base.limits)))
            spilled = sum(f.stat().st_size for f in tmp_path.rglob("*") if f.is_file())
        assert list(tmp_path.iterdir()) == []
    assert results[0] == results[1]
    assert results[0][0][0] == ([5, 77], ("a case number that is somewhat long 77",) * 2)
    assert spilled > 1_000_000


def test_history__two_at_once_do_not_meet() -> None:
    with History() as a, History() as b:
        a.add(array(0), array(5))
        b.add(array(0, 1), array(6, 7))
        assert a.moments() == {0: Moments(1, 5, 25)}
        assert b.moments() == {0: Moments(1, 6, 36), 1: Moments(1, 7, 49)}
        assert a.kept(Limits(np.array([0], np.int32), array(0), array(FARTHEST)))[0].kept.total == 5


def test_history__a_trial_of_other_parameters_asks_nothing_again() -> None:
    loaded = load_policy("testland")
    drgs = [f"AA{g}1" for g in range(6)]

    class Asked(History):
        asked = 0

        def kept(self, limits: Limits) -> Any:
            Asked.asked += 1
            return super().kept(limits)

    with Asked() as h:
        for row in drawn(5):
            h.add(*(array(value) for value in row[:5]))
        first = history_base_points(h, drgs, {}, loaded.for_year(2024), (2022, 2023))
        for change in ("keep_ratio=0.5", "low.multiple=0.3", "coef.dp=2"):
            again = loaded.for_year(2024, [change])
            assert history_base_points(h, drgs, {}, again, (2022, 2023)) is first
        assert Asked.asked == 1
        for change in ("trim.when=always", "point_scale=10", "stable.min_cases=9"):
            other = loaded.for_year(2024, [change])
            assert history_base_points(h, drgs, {}, other, (2022, 2023)) is not first
        assert Asked.asked == 4


def test_history__without_room_is_a_refusal_that_says_so(tmp_path: Path) -> None:
    with History(folder=tmp_path, memory_limit="3MB") as h:
        with pytest.raises(InputError, match="fit neither in memory") as caught:
            for _ in range(6):
                n = module.ROWS_IN_HAND
                h.add(np.arange(n), np.arange(n) + 1, case_id=pa.array(np.arange(n).astype(str)))
            h.duplicates()
        assert "历史病例共" in caught.value.text("zh")
        assert str(tmp_path) in caught.value.text("zh")
    assert list(tmp_path.iterdir()) == []
