"""A run folder as all who read one see it: its manifest and its tables, each read when asked for."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from drgpay import __version__
from drgpay.ground.digests import SUMS, changed_files, changed_tables, refuse_changed
from drgpay.ground.errors import Bilingual, BooksError, DrgpayError, InputError, both, located
from drgpay.ground.inputs import parse_json, read_input
from drgpay.ground.outputs import RECORD, refuse_unfinished
from drgpay.policy import YearPolicy
from drgpay.policy.year import policy_of_manifest
from drgpay.region.together import by_pool, ids_in
from drgpay.runs.manifest import (
    MONTH,
    YEAR,
    check_manifest,
    kind_of,
    settled_values,
    values_of,
)
from drgpay.runs.sums import CaseSums

if TYPE_CHECKING:
    import pandas as pd

Record = dict[str, Any]
# what reading a file that is missing, damaged or changed by hand may raise
FAULTS = (OSError, ValueError, KeyError, TypeError, AttributeError, pa.ArrowException)
REPORT = both(
    "不要按这一结果付款；把以上说明、manifest.json 和所用的命令报告给开发者，病例明细不要外发",
    "do not pay by this result; report what is said above, manifest.json and the command, without "
    "any data of patients",
)
_TOLD = {
    YEAR: (
        both("不是清算结果的文件夹", "not the folder of a settled run"),
        both("给出 drgpay year-end 写出的文件夹", "name a folder that drgpay year-end wrote"),
    ),
    MONTH: (
        both("不是月度结算的结果文件夹", "not the folder of a month"),
        both("给出 drgpay month 写出的文件夹", "name a folder that drgpay month wrote"),
    ),
}


def is_read(name: str) -> bool:
    """Whether a file of a run folder is one that results are read from."""
    return name.endswith(".parquet") or name in (RECORD, SUMS)


class RunFolder:
    """The folder of a run; raises InputError when it is none, or when what is asked of it is missing.

    `kind`: of a settled year, of a month (or all twelve), or, empty, of either. `digest`: the
    SHA-256 of its manifest. `threads`: of what asks for sums of its cases. `unfinished`: for what
    its own run writes into it, the folder may not have its name yet.
    """

    def __init__(
        self,
        folder: str | Path,
        kind: str = YEAR,
        *,
        threads: int | None = None,
        unfinished: bool = False,
    ) -> None:
        self.folder, self.kind, self.threads = Path(folder), kind, threads
        if not unfinished:
            refuse_unfinished(self.folder)
        with self.reading():
            raw = read_input(self.folder / RECORD)
            self.manifest: Record = parse_json(raw, parse_float=Decimal)
            check_manifest(self.manifest, kind)
            self.kind = kind_of(self.manifest)
        self.digest = hashlib.sha256(raw).hexdigest()

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Say of any fault in what is read here that the folder is no whole run."""
        try:
            yield
        except FAULTS as error:
            raise self.broken(error) from None

    def broken(self, error: object) -> DrgpayError:
        """Return what to say of a folder that cannot be read as that of a run.

        The program is at fault when it wrote the folder itself, this very version, and nothing
        that is read changed since.
        """
        what, remedy = _TOLD[self.kind or YEAR]
        changed = self._changed_since()
        if changed == {}:
            return BooksError(
                both(
                    f"drgpay 读不懂自己写出的结果：文件仍是清算时写出的（{error}）",
                    f"drgpay cannot read what it wrote: the files are those of the run ({error})",
                ),
                where=self.folder,
                remedy=REPORT,
            )
        detail = next(iter(str(error).splitlines()), "")
        return InputError(
            both(
                f"{what.chinese}，或其中的文件缺失、改动过",
                f"{what}, or a file in it is missing or changed: {detail}",
            ),
            where=self.folder,
            faults=[located(name, text) for name, text in (changed or {}).items()],
            remedy=remedy,
        )

    def _changed_since(self) -> dict[str, Bilingual] | None:
        """Return what changed of a folder that this version wrote; None where that is not told."""
        try:
            own = self.manifest["drgpay_version"] == __version__
            found = self.changed_files() if own and kind_of(self.manifest) == self.kind else None
        except (DrgpayError, AttributeError, *FAULTS):
            return None
        return None if found is None else {n: t for n, t in found.items() if is_read(n)}

    # --- tables

    def path(self, name: str) -> Path:
        """Return where a table lies; of a run on Spark it may be a folder of files."""
        file = self.folder / f"{name}.parquet"
        return file if file.is_file() or not (self.folder / name).is_dir() else self.folder / name

    def has(self, name: str) -> bool:
        """Whether the run has a table."""
        return self.path(name).exists()

    def table(
        self, name: str, columns: Sequence[str] | None = None, filters: Any = None
    ) -> pa.Table:
        """Return a table (of `columns`, of the rows that `filters` leave) in its file's order."""
        with self.reading():
            return pq.read_table(
                self.path(name), columns=None if columns is None else list(columns), filters=filters
            )

    def to_pandas(self, name: str) -> pd.DataFrame:
        """Return a table as a pandas DataFrame: `cases`, `hospitals`, `pools` and so on."""
        return self.table(name).to_pandas()

    def __repr__(self) -> str:
        return f"<RunFolder {self.folder}>"

    def records(
        self, name: str, columns: Sequence[str] | None = None, filters: Any = None
    ) -> list[Record]:
        """Return the rows of a table; none where the run has no such table."""
        return self.table(name, columns, filters).to_pylist() if self.has(name) else []

    def changed(self, names: Collection[str] | None = None) -> dict[str, Bilingual] | None:
        """Return the files (of `names`) that are not those that the run wrote; None: untold."""
        return changed_tables(self.folder, self.manifest, names)

    def changed_files(self) -> dict[str, Bilingual] | None:
        """Return the files that are not as they were written, gone or new since; None: untold."""
        return changed_files(self.folder, self.manifest)

    def refuse_changed(self, names: Collection[str] | None = None) -> bool:
        """Fail if a file (of `names`) is not the one that the run wrote; whether that is told."""
        return refuse_changed(self.folder, self.manifest, names)

    @cached_property
    def case_sums(self) -> CaseSums:
        """What the cases add up to."""
        with self.reading():
            return CaseSums(self.folder, self.threads)

    # --- what the manifest says

    @property
    def parameters(self) -> list[Record]:
        """The parameters of the policy, as the manifest has them."""
        found: list[Record] = self.manifest["policy"]["parameters"]
        return found

    @cached_property
    def values(self) -> Record:
        """The parameters' values by key, as the policy file has them."""
        return values_of(self.manifest)

    @cached_property
    def policy(self) -> YearPolicy:
        """The policy that the run was settled with."""
        with self.reading():
            return policy_of_manifest(self.manifest)

    @property
    def trial(self) -> list[str]:
        """The settings of a trial; none of an official run."""
        return [str(text) for text in self.manifest["trial"]]

    @cached_property
    def point_values(self) -> dict[str, Fraction]:
        """Yuan a point, exact, by pool, and by the name of what has one value together."""
        joint = settled_values(self.manifest)
        return {**by_pool(joint), **dict(joint)}

    def settled_in(self, pool: str) -> str:
        """Return the row of the pools table that settles a pool: itself, or the combined "310+390"."""
        names = (str(p["pool"]) for p in self.manifest["pools"])
        return next((name for name in names if pool == name or pool in ids_in(name)), pool)
