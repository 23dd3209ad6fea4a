"""Small cells of published counts: left out, with as many others as it takes not to compute them.

A table with its row and column totals is one of lines that sum to nothing, totals counted below 0.
A cell that is left out is safe when the published ones leave it open: it lies on a ring of cells
left out, along which some may be moved without a line noticing. The audit asks the linear programme
of all tables that fit, and what it finds wanting leaves out more; at last whole lines.

Of what is published again: what was left out once stays so, since the other cells of its line may be
what they were; a cell that changed by less than the least would tell by how much, and is left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import optimize

Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Before:
    """What an earlier publication showed of a table with totals, -1 where nothing, and left out."""

    shown: Ints
    left_out: Mask


def with_totals(counts: Ints) -> Ints:
    """Return a table [rows + 1, columns + 1] with its totals, none of them below 0."""
    rows = np.concatenate([counts, counts.sum(axis=0, keepdims=True)])
    whole: Ints = np.concatenate([rows, rows.sum(axis=1, keepdims=True)], axis=1)
    return whole


def signs(shape: tuple[int, int]) -> Ints:
    """Return the signs by which a table with totals sums to nothing in every line."""
    made = np.ones(shape, np.int64)
    made[-1, :] *= -1
    made[:, -1] *= -1
    return made


def small(whole: Ints, least: int) -> Mask:
    """Return the cells that are not published: counts above 0 and below the least."""
    found: Mask = (whole > 0) & (whole < least)
    return found


def bounds(whole: Ints, hidden: Mask, cell: tuple[int, int]) -> tuple[float, float]:
    """Return between what a hidden cell lies for whoever has all published ones and their totals."""
    places = _places(hidden)
    sign = signs(whole.shape)
    rows, columns = whole.shape
    lines, due = [], []
    for axis, count in ((0, rows), (1, columns)):
        for number in range(count):
            own = [at for at, place in enumerate(places) if place[axis] == number]
            if not own:
                continue
            line = np.zeros(len(places))
            line[own] = [sign[places[at]] for at in own]
            shown = np.take(sign * whole * ~hidden, number, axis=axis).sum()
            lines.append(line)
            due.append(-float(shown))
    goal = np.zeros(len(places))
    goal[places.index(cell)] = 1
    found = []
    for way in (1, -1):
        made = optimize.linprog(
            way * goal, A_eq=np.array(lines), b_eq=np.array(due), method="highs"
        )
        if made.status == 3:  # no end in that direction
            found.append(float("inf"))
        else:
            found.append(float(made.fun) * way)
    return found[0], found[1]


def goals(whole: Ints, least: int, before: Sequence[Before] = ()) -> tuple[Mask, Ints]:
    """Return which cells must be left out, and up to what count each must stay possible.

    A small one up to one that is not; one that changed by less than the least up to a change that is
    as much.
    """
    hidden = small(whole, least)
    reach = np.where(hidden, least, 0).astype(np.int64)
    for earlier in before:
        hidden |= earlier.left_out
        change = np.abs(whole - earlier.shown)
        near = (earlier.shown >= 0) & (change > 0) & (change < least)
        hidden |= near
        reach = np.maximum(reach, np.where(near, earlier.shown + least, 0))
    return hidden, reach


def open_enough(low: float, high: float, reach: int) -> bool:
    """Whether a hidden cell is open: another count fits, and one as far up as it must reach."""
    return high - low >= 1 - 1e-6 and high >= reach - 1e-6


def hidden_cells(counts: Ints, least: int, before: Sequence[Before] = ()) -> Mask:
    """Return which cells of a table with totals are left out; `counts` [rows, columns], none below 0.

    No cell that is left out can be computed from those that are shown, nor can it be told of a small
    one that it is small, or of one that changed little since it was published (`before`) that it did.
    """
    whole = with_totals(counts)
    hidden, reach = goals(whole, least, before)
    waiting = _places(hidden)
    while waiting:
        cell = waiting[-1]
        goal = int(reach[cell])
        # what is left out later only opens a cell further: one that was open is not asked again
        if _on_ring(whole, hidden, cell, goal) or open_enough(*bounds(whole, hidden, cell), goal):
            waiting.pop()
            continue
        before_it = hidden.copy()
        ring = _ring(whole, hidden, cell, max(goal, 1))
        if ring is not None:
            for place in ring:
                hidden[place] = True
        elif not hidden[cell[0]].all():
            hidden[cell[0]] = True  # the whole line
        elif not hidden.all():
            hidden[:] = True
        else:
            break  # nothing is shown
        waiting = _places(hidden & ~before_it) + waiting
    return hidden


def _places(cells: Mask) -> list[tuple[int, int]]:
    return [(int(i), int(j)) for i, j in np.argwhere(cells)]


def _moves(whole: Ints, cell: tuple[int, int]) -> tuple[Ints, Ints]:
    """Return by how much a signed cell may go up, and down, along the ring with each other cell.

    On a ring one count goes up as far as two of the others can come down: for cells of the same sign
    those beside it, for totals those of the other sign go up with it. Cells of the same row or column
    make no ring.
    """
    i, j = cell
    sign = signs(whole.shape)
    most = np.iinfo(np.int64).max // 4
    up, down = np.where(sign < 0, whole, most), np.where(sign > 0, whole, most)

    def along(one: Ints, other: Ints) -> Ints:
        beside = np.minimum(other[i, :][None, :], other[:, j][:, None])
        found: Ints = np.minimum(np.minimum(one[i, j], one), beside)
        return found

    return along(up, down), along(down, up)


def _on_ring(whole: Ints, hidden: Mask, cell: tuple[int, int], reach: int) -> bool:
    """Whether three other hidden cells open one: known without a linear programme, if so."""
    i, j = cell
    rise, fall = _moves(whole, cell)
    if signs(whole.shape)[cell] < 0:  # a total goes up as its signed count goes down
        rise, fall = fall, rise
    corners = hidden & hidden[i, :][None, :] & hidden[:, j][:, None]
    corners[i, :] = corners[:, j] = False
    found = corners & (whole[cell] + rise >= reach) & (rise + fall >= 1)
    return bool(found.any())


def _ring(
    whole: Ints, hidden: Mask, cell: tuple[int, int], least: int
) -> tuple[tuple[int, int], ...] | None:
    """Return the three cells that make the cheapest ring with one, None where no ring opens it."""
    i, j = cell
    rise, fall = _moves(whole, cell)
    cost = np.where(hidden, 0, whole)
    cost = cost + cost[i, :][None, :] + cost[:, j][:, None]
    opens = (whole[cell] + rise >= least) & (rise + fall >= 1)
    opens &= ~(hidden & hidden[i, :][None, :] & hidden[:, j][:, None])
    opens[i, :] = opens[:, j] = False
    if not opens.any():
        return None
    cheapest = int(np.where(opens, cost, np.iinfo(np.int64).max).argmin())
    k, n = (int(at) for at in np.unravel_index(cheapest, whole.shape))
    return (i, n), (k, j), (k, n)
