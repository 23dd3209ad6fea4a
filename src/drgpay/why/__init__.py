"""Why: the derivation of any result of a run folder down to figures, parameters and clauses."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from drgpay.ground.errors import DrgpayError
from drgpay.why.case import why_case
from drgpay.why.drg import why_drg
from drgpay.why.folder import RunFolder
from drgpay.why.hospital import why_hospital
from drgpay.why.model import Derivation
from drgpay.why.pool import why_pool
from drgpay.why.text import lines

SUBJECTS: dict[str, Callable[[RunFolder, str], Derivation]] = {
    "case": why_case,
    "hospital": why_hospital,
    "pool": why_pool,
    "drg": why_drg,
}


def why(run: RunFolder | str | Path, subject: str, name: str) -> Derivation:
    """Return the derivation of a `case`, `hospital`, `pool` or `drg` of a run folder.

    What does not fit together is in `disagreements` of the result. Raises InputError for a folder
    that is no run or was changed, and for a name that the run does not have; BooksError for one
    that this very program wrote and cannot read.
    """
    folder = run if isinstance(run, RunFolder) else RunFolder(run)
    try:
        made = SUBJECTS[subject](folder, name.strip())
    except (DrgpayError, OSError):
        raise
    except (KeyError, ValueError, TypeError, ZeroDivisionError) as error:
        raise folder.broken(f"{type(error).__name__}: {error}") from error
    region = folder.manifest["region"]
    made.head = {
        "run": folder.folder.name,
        "region": f"{region['name']} {region['year']}",
        "trial": list(folder.manifest.get("trial", [])),
    }
    return made


def text(derivation: Derivation, lang: str = "zh") -> str:
    """Return a derivation in words, Chinese or English."""
    return "\n".join(lines(derivation, lang))


__all__ = ["Derivation", "RunFolder", "text", "why"]
