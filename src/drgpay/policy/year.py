"""The parameters in force in one year, each with its source."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

from drgpay.ground.errors import unknown_choice
from drgpay.policy.catalogue import CATALOGUE, Known
from drgpay.policy.catalogues import CATALOGUES, PAYMENT_FILES


@dataclass(frozen=True, slots=True)
class InForce:
    """The value of a parameter in a year, with its source; `trial` when `--set` overrode it."""

    key: str
    name: str
    unit: str
    raw: Any
    value: Any
    source: str
    verified: bool
    start: str
    end: str
    trial: bool = False
    used: bool = True
    source_zh: str = ""
    alternative: Any = None

    def as_dict(self) -> dict[str, Any]:
        """Return the parameter as the manifest of a run shows it."""
        return {
            "key": self.key,
            "name": self.name,
            "value": self.raw,
            "unit": self.unit,
            "source": self.source,
            "source_zh": self.source_zh,
            "verified": self.verified,
            "from": self.start,
            "to": self.end,
            "trial": self.trial,
            "used": self.used,
            "alternative": self.alternative,
        }


def shown(raw: Any) -> str:
    """Return a value as a person writes it, on one line.

    >>> shown([["100", "3"], ["none", "2"]]), shown(False)
    ('100: 3; none: 2', 'false')
    """
    if isinstance(raw, bool):
        return "true" if raw else "false"
    if isinstance(raw, list):
        return "; ".join(": ".join(map(str, i)) if isinstance(i, list) else str(i) for i in raw)
    return str(raw)


class Values(Protocol):
    """Values of parameters by key."""

    def __getitem__(self, key: str, /) -> Any:
        """Return the value of a parameter."""


def says(values: Values, key: str, word: str, *others: str) -> bool:
    """Whether a parameter's choice is `word` and not one of `others`.

    These are all that the place at hand tells apart: any other choice is refused there, never taken
    for one of them. Raises PolicyError.

    >>> says({"residual": "to_fund"}, "residual", "largest_remainder", "to_fund")
    False
    """
    value = values[key]
    if value != word and value not in others:
        raise unknown_choice(key, value)
    return bool(value == word)


@dataclass(frozen=True)
class YearPolicy:
    """The parameters in force in one year."""

    id: str
    title: str
    digest: str
    year: int
    parameters: Mapping[str, InForce]
    catalogue: str = PAYMENT_FILES

    @property
    def known(self) -> Mapping[str, Known]:
        """The parameters of its catalogue."""
        return CATALOGUES[self.catalogue]

    def __getitem__(self, key: str) -> Any:
        return self.parameters[key].value

    def says(self, key: str, word: str, *others: str) -> bool:
        """Whether a parameter's choice is `word` and not one of `others`; any other is refused."""
        return says(self, key, word, *others)

    def number(self, key: str) -> int:
        """Return the place of a parameter's choice in the catalogue, as kernels know it."""
        return self.known[key].choices.index(self.parameters[key].value)

    @property
    def trial(self) -> list[str]:
        """The overrides of a trial run, as `key=value`."""
        return [f"{p.key}={shown(p.raw)}" for p in self.parameters.values() if p.trial]

    def with_value(self, key: str, raw: Any) -> YearPolicy:
        """Return a trial of the same policy with one value changed; `raw` as a policy file has it.

        Raises ValueError that says what fits.
        """
        day = f"{self.year}-{{}}"
        return self._changed(
            key, raw=raw, value=self.known[key].read(raw), source="--set", source_zh="",
            verified=False, start=day.format("01-01"), end=day.format("12-31"), trial=True,
        )  # fmt: skip

    def using(self, key: str) -> YearPolicy:
        """Return the same policy with a parameter marked as one that amounts hang on."""
        return self._changed(key, used=True)

    def _changed(self, key: str, **facts: Any) -> YearPolicy:
        new = replace(self.parameters[key], **facts)
        return replace(self, parameters={**self.parameters, key: new})


def policy_of_manifest(manifest: Mapping[str, Any]) -> YearPolicy:
    """Return the policy that a run was settled with; parameters of other versions are left out.

    Raises ValueError for a value that is not offered, KeyError for what is no manifest.
    """
    head = manifest["policy"]
    chosen = {
        p["key"]: InForce(
            p["key"], p["name"], p["unit"], p["value"], CATALOGUE[p["key"]].read(p["value"]),
            p["source"], p["verified"], p["from"], p["to"], p["trial"], p["used"],
            p.get("source_zh", ""),
        )
        for p in head["parameters"]
        if p["key"] in CATALOGUE
    }  # fmt: skip
    return YearPolicy(head["id"], head["title"], head["digest"], manifest["region"]["year"], chosen)
