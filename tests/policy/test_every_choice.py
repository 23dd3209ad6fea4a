"""Every choice of every parameter, through engine, model and derivations; unknown ones refused.

Together with the drawn regions of tests/settlement, which draw every choice of the catalogue, a new
choice fails here until kernel, derivation and model have it: the fault names the parameter.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from drgpay.ground.errors import DrgpayError, PolicyError
from drgpay.policy.catalogue import CATALOGUE
from drgpay.policy.constraints import Choice
from drgpay.policy.year import YearPolicy
from drgpay.runs.folder import write_run
from drgpay.settlement.year_end import YearEnd, year_end
from drgpay.why import RunFolder, why
from reference.model import settle_region
from tests.settlement.regions import EX1, compare, keep_schemes, model_scheme

# settled elsewhere: tests/capitation, tests/budget; parameters with one choice tell nothing apart
CHOICES = {
    key: known.choices
    for key, known in CATALOGUE.items()
    if isinstance(known.takes, Choice)
    and len(known.choices) > 1
    and not key.startswith(("capitation.", "community."))
}


def told_apart(error: Exception) -> bool:
    """Whether a fault is that of a rule which the code at hand does not know."""
    return isinstance(error, PolicyError) and "has no rule" in str(error)


def settled(folder: Path, key: str, value: str) -> YearEnd | str:
    """A year end with one choice changed; the fault where it is refused for another reason."""
    try:
        return year_end(folder, overrides=[f"{key}={value}"])
    except DrgpayError as error:
        assert not told_apart(error), f"the engine lacks {key} = {value}: {error}"
        return str(error)


@cache
def as_it_is() -> YearPolicy:
    """The policy that the worked example has by itself."""
    return year_end(EX1).policy


@pytest.mark.parametrize("key", CHOICES)
def test_choice__is_settled_derived_and_modelled(
    key: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep_schemes(monkeypatch)
    first = next(iter(CHOICES))
    for value in CHOICES[key]:
        if value == as_it_is()[key] and key != first:
            continue  # the example as it is, once
        fast = settled(EX1, key, value)
        try:
            model = settle_region(EX1, scheme=model_scheme("ex1-tiny", ()), overrides={key: value})
        except ValueError as error:
            assert isinstance(fast, str), f"the model lacks {key} = {value}: {error}"
            continue
        assert not isinstance(fast, str), f"{key} = {value}: only the engine refuses: {fast}"
        compare(fast, model)
        run = RunFolder(write_run(fast, tmp_path / value))
        for subject, name in subjects(run):
            try:
                made = why(run, subject, name)
            except PolicyError as error:
                raise AssertionError(f"the derivation lacks {key} = {value}: {error}") from error
            assert not made.disagreements, f"the derivation of {name} lacks {key} = {value}"


def subjects(run: RunFolder) -> list[tuple[str, str]]:
    cases = [name for some in run._case_ids() for name in some]
    return [
        *(("case", name) for name in cases),
        *(("hospital", name) for name in dict.fromkeys(r["hospital_id"] for r in run.hospitals)),
        *(("pool", row["pool"]) for row in run.pools),
        *(("drg", name) for name in run.drgs),
    ]
