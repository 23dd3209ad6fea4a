"""The thresholds of the signals: one table of data, each value with its reason."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from drgpay.ground.errors import Bilingual, InputError, both

TABLE = Path(__file__).with_name("parameters.toml")
Value = float | int | list[int]


@dataclass(frozen=True, slots=True)
class Parameter:
    """One threshold: its value, its two names, why it is so, and whether the caller set it."""

    key: str
    value: Value
    name: Bilingual
    why: str
    changed: bool = False


class Parameters(Mapping[str, Any]):
    """The thresholds by key."""

    def __init__(self, rows: Mapping[str, Parameter]) -> None:
        self.rows = dict(rows)

    def __getitem__(self, key: str) -> Any:
        return self.rows[key].value

    def __iter__(self) -> Any:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)


def load_parameters(overrides: Sequence[str] = ()) -> Parameters:
    """Return the thresholds, some of them set by `KEY=VALUE` texts.

    Raises InputError for an unknown key or a value of another kind.

    >>> load_parameters(["split.days=10"])["split.days"]
    10
    """
    data = tomllib.loads(TABLE.read_text(encoding="utf-8"))
    rows = {
        key: Parameter(key, entry["value"], both(entry["zh"], entry["en"]), entry["why"])
        for key, entry in data.items()
    }
    faults = []
    for text in overrides:
        key, sign, word = (part.strip() for part in text.partition("="))
        if not sign or key not in rows:
            faults.append(
                both(f"“{text}”：没有参数“{key}”", f"{text!r}: there is no parameter {key!r}")
            )
            continue
        value = _read(word, rows[key].value)
        if value is None:
            faults.append(
                both(
                    f"“{text}”：值应如 {rows[key].value}，不小于0",
                    f"{text!r}: the value must be like {rows[key].value}, 0 or above",
                )
            )
            continue
        old = rows[key]
        rows[key] = Parameter(key, value, old.name, old.why, changed=value != old.value)
    if faults:
        known = ", ".join(rows)
        raise InputError(
            both("信号参数不能使用", "parameters of signals cannot be used"),
            where="--set",
            faults=faults,
            remedy=both(f"可用的参数：{known}", f"parameters: {known}"),
        )
    return Parameters(rows)


def _read(word: str, like: Value) -> Value | None:
    try:
        if isinstance(like, list):
            found: Value = [int(part) for part in word.split(",")]
        elif isinstance(like, int):
            found = int(word)
        else:
            found = float(word)
    except ValueError:
        return None
    every = found if isinstance(found, list) else [found]
    return found if all(0 <= number < 1e9 for number in every) else None
