"""Reads the formulas of a derivation as a person would: an evaluator of its own, and the tables.

Nothing here comes from the code under test: formulas are parsed from their text, figures are looked
up in the CSV files of the run folder.
"""

from __future__ import annotations

import csv
import json
import re
from collections import Counter
from collections.abc import Iterator
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import Any

TOKEN = re.compile(r"\s*(\d+(?:\.\d+)?|[a-z]+|[()×÷+−/,=≈≥≤<>≠-])")
RELATIONS = "=≈≥≤<>≠"
RESULTS = "=≈"


def away(value: Fraction, places: int) -> Fraction:
    scaled = abs(value) * 10**places
    whole = (2 * scaled.numerator + scaled.denominator) // (2 * scaled.denominator)
    return Fraction(whole if value >= 0 else -whole, 10**places)


class Formula:
    """A chain of expressions joined by relations, each with the numbers that it holds."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens: list[str] = []
        at = 0
        while at < len(text):
            found = TOKEN.match(text, at)
            if not found:
                raise AssertionError(f"cannot read {text[at:]!r} of {text!r}")
            self.tokens.append(found[1])
            at = found.end()
        self.at = 0
        self.numbers: list[list[str]] = [[]]
        self.values = [self._sum()]
        self.relations: list[str] = []
        while self.at < len(self.tokens):
            self.relations.append(self._take(*RELATIONS))
            self.numbers.append([])
            self.values.append(self._sum())

    def _peek(self) -> str:
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def _take(self, *wanted: str) -> str:
        token = self._peek()
        assert token in wanted, f"{token!r} instead of {wanted} in {self.text!r}"
        self.at += 1
        return token

    def _sum(self) -> Fraction:
        value = self._product()
        while self._peek() in ("+", "−"):
            value = (
                value + self._product() if self._take("+", "−") == "+" else value - self._product()
            )
        return value

    def _product(self) -> Fraction:
        value = self._atom()
        while self._peek() in ("×", "÷", "/"):
            value = (
                value * self._atom() if self._take("×", "÷", "/") == "×" else value / self._atom()
            )
        return value

    def _atom(self) -> Fraction:
        token = self._peek()
        if token == "-":
            self._take("-")
            self.numbers[-1].append("-")
            return -self._atom()
        if token == "(":
            self._take("(")
            value = self._sum()
            self._take(")")
            return value
        self.at += 1
        if token[0].isdigit():
            self.numbers[-1].append(token)
            return Fraction(token)
        self._take("(")
        parts = [self._sum()]
        while self._peek() == ",":
            self._take(",")
            parts.append(self._sum())
        self._take(")")
        if token in ("min", "max"):
            return min(parts) if token == "min" else max(parts)
        value, places = parts
        if token == "round":
            return away(value, int(places))
        assert token == "floor", token
        scaled = value * 10 ** int(places)
        return Fraction(scaled.numerator // scaled.denominator, 10 ** int(places))

    def check(self) -> None:
        """Fail if a relation of the chain does not hold."""
        for i, relation in enumerate(self.relations):
            left, right = self.values[i], self.values[i + 1]
            holds = {
                "=": left == right,
                "≥": left >= right,
                "≤": left <= right,
                ">": left > right,
                "<": left < right,
                "≠": left != right,
            }
            if relation == "≈":
                decimals = len(self.numbers[i + 1][-1].partition(".")[2])
                assert away(left, decimals) == right, self.text
            else:
                assert holds[relation], self.text

    @property
    def inputs(self) -> list[str]:
        """The numbers of the expressions that are not results."""
        used = []
        for i, numbers in enumerate(self.numbers):
            if i == 0 or self.relations[i - 1] not in RESULTS:
                used += numbers
        return used


class Tables:
    """The run folder, by its CSV files and its manifest."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        self.parameters = {p["key"]: p for p in self.manifest["policy"]["parameters"]}
        self._read: dict[str, list[dict[str, str]]] = {}
        self._index: dict[tuple[str, tuple[str, ...]], dict[tuple[str, ...], list[Any]]] = {}

    def rows(self, name: str) -> list[dict[str, str]]:
        if name not in self._read:
            with (self.folder / f"{name}.csv").open(encoding="utf-8", newline="") as file:
                self._read[name] = [
                    # what a spreadsheet would take for a formula stands behind an apostrophe
                    {key: value.removeprefix("'") for key, value in row.items()}
                    for row in csv.DictReader(file)
                ]
        return self._read[name]

    def where(self, name: str, key: dict[str, str]) -> list[dict[str, str]]:
        columns = tuple(key)
        if (name, columns) not in self._index:
            index: dict[tuple[str, ...], list[Any]] = {}
            for row in self.rows(name):
                if name == "cases" and not row["case_class"] and columns != ("case_id",):
                    continue
                index.setdefault(tuple(row[c] for c in columns), []).append(row)
            self._index[name, columns] = index
        return self._index[name, columns].get(tuple(str(v) for v in key.values()), [])

    def listed(self, name: str, key: dict[str, str]) -> Any:
        """An entry of the manifest, by a path of keys and by the columns of a list."""
        found: Any = self.manifest
        for part in re.findall(r"[^.\[\]]+|\[[^\]]*\]", name)[1:]:
            if part.startswith("["):
                found = next(e for e in found if e["pool"] == part[1:-1])
            else:
                found = found[part]
        if isinstance(found, list):
            rows = [e for e in found if all(str(e.get(k) or "") == v for k, v in key.items())]
            return rows
        return [found]

    def value(self, figure: dict[str, Any]) -> Any:
        """What stands where a figure says that it does."""
        name, column = figure["table"], figure["column"]
        key, how = dict(figure.get("row", {})), figure.get("how", "")
        if name.startswith("manifest"):
            rows = self.listed(name, key)
            assert rows, figure
            return (
                figure["value"] if figure["value"] in [r[column] for r in rows] else rows[0][column]
            )
        if how in ("floors", "rank", "exact"):
            return self.remainder(name, key, how)
        if how and "sharing" in key:
            rows = self.sharing(key["pool"])
        elif how and name == "hospitals":
            pools = key["pool"].split("+")
            rows = [r for r in self.rows("hospitals") if r["pool"] in pools]
        elif how and "case_bound" in key:
            rows = list(self.bounded(key))
        elif how and set(key) == {"pool", "paid_by"}:
            pools = key["pool"].split("+")
            rows = [r for pool in pools for r in self.where(name, {**key, "pool": pool})]
        else:
            rows = self.where(name, key)
        if how == "count":
            return len(rows)
        if how == "sum":
            return sum((Fraction(r[column] or 0) for r in rows), Fraction(0))
        assert rows, figure
        return (
            rows[0][column]
            if len(rows) == 1
            else next(
                (r[column] for r in rows if r[column] == str(figure["value"])), rows[0][column]
            )
        )

    # --- rule 10, once more

    def pool_row(self, pool: str) -> dict[str, str]:
        return next(p for p in self.rows("pools") if pool in (p["pool"], *p["pool"].split("+")))

    def parameter(self, key: str) -> Any:
        return self.parameters[key]["value"]

    def case_limits(self, row: dict[str, str]) -> tuple[Fraction | None, Fraction | None]:
        low = Fraction(0) if self.parameter("bound.never_below_zero") else None
        highs = []
        share = self.parameter("bound.cost_share")
        if share != "none":
            exact = Fraction(str(share)) * int(row["pool_fund_fen"])
            highs.append(Fraction(exact.numerator // exact.denominator))
        if self.parameter("bound.case_within_cost"):
            highs.append(Fraction(int(row["total_cost_fen"]) - int(row["not_pool_fen"])))
        return low, min(highs, default=None)

    def bounded(self, key: dict[str, str]) -> Iterator[dict[str, str]]:
        """Cases paid by points that a bound holds as the key says, with the bound's amount."""
        own = {k: v for k, v in key.items() if k != "case_bound"}
        value = Fraction(self.pool_row(own["pool"])["point_value_fraction"]) * 100
        for row in self.where("cases", own):
            if row.get("paid_by", "points") != "points":
                continue
            exact = Fraction(row["points"]) * value - int(row["not_pool_fen"])
            low, high = self.case_limits(row)
            end, bound = "inside", Fraction(0)
            if low is not None and exact < low:
                end, bound = "low", low
            elif high is not None and exact > high:
                end, bound = "high", high
                if low is not None and high < low:
                    end, bound = "low", low
            if end == key["case_bound"]:
                yield {**row, "bound_fen": str(bound)}

    @cached_property
    def exact_dues(self) -> dict[str, dict[tuple[str, str], Fraction]]:
        """Exact dues in fen by row of pools, hospital and pool."""
        made: dict[str, dict[tuple[str, str], Fraction]] = {}
        hospitals = {h["hospital_id"]: h for h in self.manifest["hospitals"]}
        for row in self.rows("hospitals"):
            pool = self.pool_row(row["pool"])
            value = Fraction(pool["point_value_fraction"]) * 100
            key = {"hospital_id": row["hospital_id"], "pool": row["pool"]}
            own = self.where("cases", key)
            by_points = [r for r in own if r.get("paid_by", "points") == "points"]
            money = [r for r in own if r.get("paid_by") == "money"]
            due = Fraction(sum(int(r["price_fen"]) - int(r["not_pool_fen"]) for r in money))
            due += sum(int(r.get("price_fen") or 0) for r in by_points)
            level = self.parameter("bound.level")
            if level == "case":
                for end in ("inside", "low", "high"):
                    for r in self.bounded({**key, "case_bound": end}):
                        exact = Fraction(r["points"]) * value - int(r["not_pool_fen"])
                        due += exact if end == "inside" else Fraction(r["bound_fen"])
            else:
                due += Fraction(row["points"]) * value
                due -= sum(int(r["not_pool_fen"]) for r in by_points)
            fund = int(row["recorded_fund_fen"])
            share = self.parameter("bound.cost_share")
            if level == "hospital" and share != "none":
                exact = Fraction(str(share)) * fund
                due = min(due, Fraction(exact.numerator // exact.denominator))
            standing = hospitals.get(row["hospital_id"], {}).get("standing")
            if standing == "penalised" and self.parameter("violator_no_increase"):
                due = min(due, Fraction(fund))
            if level == "hospital" and self.parameter("bound.never_below_zero"):
                due = max(due, Fraction(0))
            made.setdefault(pool["pool"], {})[row["hospital_id"], row["pool"]] = due
        return made

    def sharing(self, pool: str) -> list[dict[str, str]]:
        """Rule 11: the hospitals that share what others of a pool forfeited."""
        standing = {h["hospital_id"]: h["standing"] for h in self.manifest["hospitals"]}
        return [
            r
            for r in self.rows("hospitals")
            if r["pool"] == pool
            and standing[r["hospital_id"]] == "normal"
            and r["forfeited_fen"] == "0"
            and Fraction(r["points"]) > 0
        ]

    def reward(self, row: dict[str, str]) -> Fraction:
        """The points that a case has for its new technology."""
        if self.parameter("new_technology.rule") != "by_points":
            return Fraction(0)
        new = int(row["new_technology_fen"] or 0) * Fraction(
            str(self.parameter("new_technology.share"))
        )
        mean = int(self.manifest["base_points"]["all_drg_mean_fen"])
        exact = new / mean * Fraction(str(self.parameter("point_scale")))
        places = self.parameter("case_points_dp")
        step = Fraction(1, 10 ** (4 if places == "none" else int(places)))
        return (2 * exact + step) // (2 * step) * step

    def remainder(self, name: str, key: dict[str, str], how: str) -> int | Fraction:
        """The sum of floors, or the rank of a party, of a largest remainder."""
        if "sharing" in key:
            members = self.sharing(key["pool"])
            whole = sum(
                int(r["forfeited_fen"]) for r in self.where("hospitals", {"pool": key["pool"]})
            )
            points = sum(Fraction(r["points"]) for r in members)
            shares: dict[Any, Fraction] = {
                r["hospital_id"]: whole * Fraction(r["points"]) / points for r in members
            }
            own: Any = key.get("hospital_id")
            step = Fraction(1)
        elif name == "hospitals":
            shares = dict(self.exact_dues[self.pool_row(key["pool"])["pool"]])
            own = (key.get("hospital_id"), key["pool"])
            step = Fraction(1)
            if key.get("parties") == "hospitals":
                own, of_pools = key.get("hospital_id"), shares
                shares = dict.fromkeys(sorted({k[0] for k in of_pools}), Fraction(0))
                for (hospital, _), share in of_pools.items():
                    shares[hospital] += share
            elif key.get("parties") == "pools":
                shares = {k: v for k, v in shares.items() if k[0] == key["hospital_id"]}
        else:
            chain = key.get("chain") or self.where("cases", {"case_id": key["case_id"]})[0]["chain"]
            rows = self.where("cases", {"chain": chain})
            points = sum(Fraction(r["points_before_readmission"]) - self.reward(r) for r in rows)
            costs = {
                r["case_id"]: int(r["total_cost_fen"]) - int(r["new_technology_fen"] or 0)
                for r in rows
            }
            shares = {case: points * own / sum(costs.values()) for case, own in costs.items()}
            own = key.get("case_id")
            places = self.parameter("case_points_dp")
            step = Fraction(1, 10 ** (4 if places == "none" else int(places)))
            if points % step:  # points that experts set
                step = Fraction(1, 10_000)
        if how == "exact":
            return shares[own]
        floors = {k: v / step // 1 for k, v in shares.items()}
        if how == "floors":
            return sum(floors.values()) * step
        order = sorted(shares, key=lambda k: (floors[k] - shares[k] / step, k))
        return order.index(own) + 1


def same(shown: Any, found: Any) -> bool:
    """Whether a figure's value as it was told is what stands in the table."""
    if shown is None or found is None:
        return found in (None, "") and shown in (None, "")
    if isinstance(shown, bool) or isinstance(found, bool):
        return str(shown).lower() == str(found).lower()
    try:
        return Fraction(str(shown)) == Fraction(str(found))
    except ValueError:
        return str(shown) == str(found)


def numbers_in(value: Any) -> set[Fraction]:
    """All numbers of a parameter."""
    if isinstance(value, list):
        return {n for item in value for n in numbers_in(item)}
    try:
        return {Fraction(str(value))}
    except ValueError:
        return set()


FIXED = {Fraction(n) for n in (0, 1, 2, 4, 6)} | {Fraction(1, 10**n) for n in range(1, 5)}


def check_derivation(told: dict[str, Any], tables: Tables) -> Counter[str]:
    """Fail if any number of a derivation is not what its formula, table or parameter makes it."""
    met: Counter[str] = Counter()
    assert told["agrees"], told["disagreements"]
    values: dict[str, Fraction] = {}
    for fact in told["facts"]:
        assert fact["figures"], fact
        for figure in fact["figures"]:
            assert same(figure["value"], tables.value(figure)), figure
            met["figure"] += 1
    for section in told["sections"]:
        for step in section["steps"]:
            met["step"] += 1
            met[f"rule {step['rule']}"] += 1
            checked = 0
            for figure in step["figures"] + step["stated"]:
                assert same(figure["value"], tables.value(figure)), figure
                met["figure"] += 1
                checked += 1
            for key in step["parameters"]:
                assert key in tables.parameters, key
                assert key in {p["key"] for p in told["parameters"]}, key
            if step["formula"]:
                met["formula"] += 1
                checked += check_formula(step, tables, values, met)
            else:
                checked += len(step["parameters"])
            assert checked, f"nothing of {step} was checked"
            if step["value"] is not None:
                values[step["key"]] = Fraction(str(step["value"]))
                for figure in step["stated"]:
                    money = figure["column"].endswith("_fen")
                    stated = Fraction(str(tables.value(figure))) / (100 if money else 1)
                    assert stated == values[step["key"]], (step["formula"], figure)
                    met["stated"] += 1
    return met


def check_formula(
    step: dict[str, Any], tables: Tables, values: dict[str, Fraction], met: Counter[str]
) -> int:
    formula = Formula(step["formula"])
    formula.check()
    if step["value"] is not None:
        assert formula.values[0] == Fraction(str(step["value"])), step["formula"]
    else:
        assert "holds" in step, step
    known: Counter[str] = Counter()
    for leaf in step["inputs"]:
        value = Fraction(str(leaf["value"]))
        shown = Formula(leaf["text"])
        assert shown.values == [value], leaf
        known.update(shown.numbers[0])
        if "figure" in leaf:
            figure = leaf["figure"]
            money = figure["column"].endswith("_fen") and figure.get("how") not in ("count", "rank")
            found = Fraction(str(tables.value(figure))) / (100 if money else 1)
            assert found == value, (leaf, found)
            met["leaf of a table"] += 1
        elif "parameter" in leaf:
            given = numbers_in(tables.parameters[leaf["parameter"]]["value"])
            assert value in given, leaf
            met["leaf of a parameter"] += 1
        elif "step" in leaf:
            assert values[leaf["step"]] == value, leaf
            met["leaf of a step"] += 1
        else:
            assert value in FIXED, leaf
            met["leaf of the rule"] += 1
    assert Counter(formula.inputs) == known, (step["formula"], known)
    return 1 + len(step["inputs"])
