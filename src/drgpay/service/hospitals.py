"""Whose keys and users may be: the hospitals of what is published."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path

from drgpay.ground.errors import DrgpayError, InputError, both, located
from drgpay.runs.manifest import YEAR
from drgpay.runs.reader import RunFolder
from drgpay.service.published import Published, list_published
from drgpay.service.store import Store
from drgpay.why.folder import NAMED, nearest


class UnknownHospitalError(InputError):
    """A hospital is in no published result; whoever asks may say that it is right all the same."""


@lru_cache(maxsize=64)
def _listed(folder: Path, kind: str, digest: str) -> Mapping[str, str]:
    run = RunFolder(folder, kind)
    rows = (
        run.manifest["hospitals"]
        if kind == YEAR
        else run.records("months_hospitals", ("hospital_id", "name"))
    )
    return {str(row["hospital_id"]): str(row.get("name") or "") for row in rows}


def known_hospitals(runs: Sequence[Published]) -> tuple[dict[str, str], list[DrgpayError]]:
    """Return the hospitals of published results with their names, by id; and what cannot be read."""
    found: dict[str, str] = {}
    faults: list[DrgpayError] = []
    for run in runs:
        try:
            found |= _listed(run.folder, run.kind, run.digest)
        except DrgpayError as error:
            faults.append(error)
    return dict(sorted(found.items())), faults


def refuse_unknown(store: Store, hospital: str) -> None:
    """Fail if results are published and a hospital is in none of them; raises UnknownHospitalError.

    Where nothing is published it cannot be known.
    """
    runs = list_published(store)
    if not runs:
        return
    known, faults = known_hospitals(runs)
    if hospital in known:
        return
    named = [own for own, name in known.items() if name == hospital]
    near = named or nearest(hospital, iter([list(known)])) or list(known)
    shown = [f"{own} {known[own]}".strip() for own in near[:NAMED]]
    raise UnknownHospitalError(
        both(
            f"已发布的结果中没有机构 {hospital}"
            + (f"；其中 {len(known):,} 家，如 {'、'.join(shown)}" if shown else "")
            + (f"；另有 {len(faults)} 个结果读不出来" if faults else ""),
            f"no published result has the hospital {hospital!r}"
            + (f"; of its {len(known):,} there are {', '.join(shown)}" if shown else "")
            + (f"; {len(faults)} results cannot be read" if faults else ""),
        ),
        where="--hospital",
        faults=[located(fault.where, fault.what) for fault in faults],
        remedy=both(
            "核对机构编码（全部见 drgpay keys hospitals）；新机构尚无结果的，加 --anyway，"
            "在网页上勾选“仍用此编码”",
            "check its id (all of them: drgpay keys hospitals); for a new one without results "
            "give --anyway, or tick “all the same” on the page",
        ),
    )
