"""Load a scheme, checked: the findings that its known_findings.csv does not accept are errors."""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from drgpay.ground.errors import InputError, SchemeError, both
from drgpay.ground.outputs import whole_file
from drgpay.ground.reference import resolve
from drgpay.names.readings import Readings, asked_readings
from drgpay.schemes.checks import (
    ALWAYS,
    CHECKS,
    Check,
    Finding,
    count_differs_from_manifest,
    counts,
    is_bundled,
    run_checks,
    tables_changed_since_seal,
)
from drgpay.schemes.folders import Folder, read_manifest, small_table
from drgpay.schemes.tables import Scheme, options_of, read_tables, scheme_of
from drgpay.schemes.versions import find_family

KNOWN = "known_findings.csv"
NO_LONGER_FOUND = "known_finding_gone"
STOPPERS = ("rule_unreadable", "parent_unknown", "group_without_members", "list_of_other_kind")
SEALED = (tables_changed_since_seal.__name__, count_differs_from_manifest.__name__)


@dataclass(frozen=True)
class Checked:
    """What the checks of a scheme found: new findings, and those that the scheme accepts.

    `complete` is false when the tables are as they were sealed, so that only the checks of
    `ALWAYS` were run. A known finding that no longer occurs is a new finding.
    """

    scheme: Scheme
    new: tuple[Finding, ...]
    known: tuple[Finding, ...]
    complete: bool

    @property
    def faults(self) -> tuple[Finding, ...]:
        """The new findings that sealing the manifest would not mend."""
        return tuple(finding for finding in self.new if finding.check not in SEALED)


def is_sealed(scheme: Scheme) -> bool:
    """Return whether the tables have the digest that the manifest states."""
    return scheme.manifest.get("digest") == scheme.digest


def _known_rows(path: Path) -> list[tuple[int, dict[str, str]]]:
    return small_table(path / KNOWN, KNOWN) if (path / KNOWN).exists() else []


def _known_below(folder: Folder | None) -> Iterable[tuple[str, str, str]]:
    """Yield the findings that the schemes below an overlay accept: theirs may be found here too."""
    while folder is not None:
        for _, row in _known_rows(folder.path):
            yield row["check"], row["file"], row["subject"]
        folder = folder.base


def check_tables(scheme: Scheme, *, complete: bool = True) -> Checked:
    """Return the findings of a scheme, all of them or those of the checks that always run."""
    # the findings are those of the scheme's own reading, whichever one is asked for
    own = options_of(scheme.manifest, scheme.path)
    under_test = scheme if scheme.options == own else scheme_of(scheme.folder, own)
    checks: tuple[Check, ...] = CHECKS if complete else ALWAYS
    findings = run_checks(under_test, checks)
    # where a rule cannot be read, the checks that evaluate rules had nothing to say
    readable = not any(finding.check in STOPPERS for finding in findings)
    names = {check.__name__ for check in checks} if readable else set()
    found = {finding.key for finding in findings}
    accepted: set[tuple[str, str, str]] = set()
    below = set(_known_below(scheme.folder.base))
    gone: list[Finding] = []
    every = {check.__name__ for check in CHECKS}
    for line, row in _known_rows(scheme.path):
        key = (row["check"], row["file"], row["subject"])
        if key in accepted:
            text = both(f"{' '.join(key)} 在此重复", f"{' '.join(key)} stands here again")
        elif row["check"] not in every:
            text = both(f"没有检查项“{row['check']}”", f"there is no check {row['check']!r}")
        elif row["check"] in SEALED:
            text = both(
                f"{row['check']} 不能列为已知问题，请封存清单",
                f"{row['check']} cannot be accepted; seal the manifest",
            )
        elif row["check"] in names and key not in found:
            text = both(
                f"{' '.join(key)} 已不再出现，请删去此行",
                f"{' '.join(key)} is no longer found; delete the row",
            )
        else:
            accepted.add(key)
            continue
        gone.append(Finding(NO_LONGER_FOUND, KNOWN, line, " ".join(key), text))
    accepted |= below
    new = tuple(finding for finding in findings if finding.key not in accepted)
    known = tuple(finding for finding in findings if finding.key in accepted)
    return Checked(scheme, (*new, *gone), known, complete)


def _folder_of(name: str | Path, base: Path | None = None) -> Path:
    """Return the folder of one scheme; raises InputError, for a family of versions with them."""
    family = find_family(name, base)
    if family is None:
        return resolve("schemes", name, base)
    names = [version.id for version in family.versions]
    raise InputError(
        both(
            f"“{family.name}”是一族版本，这里只能用其中一个",
            f"{family.name!r} is a family of versions; one of them is needed here",
        ),
        remedy=both(f"写明版本：{'、'.join(names)}", f"name a version: {', '.join(names)}"),
    )


def load_scheme(
    name: str | Path,
    *,
    surgical_match: str | None = None,
    readings: Mapping[str, str] | Readings | None = None,
    base: Path | None = None,
    check: bool = True,
) -> Scheme:
    """Return a bundled scheme by its name, or the scheme of a folder (relative to `base`).

    `readings` (by name, as `{"sex_and_newborn": "passed_on"}`) are taken in place of the manifest's;
    `surgical_match` (main or any) is a word for the one of that name. While the tables have the digest that the manifest states, only the quick checks are repeated; otherwise all are
    run. Raises SchemeError with all new findings, and InputError when there is no such scheme.

    >>> load_scheme("zj-drg-2022").surgical_match
    'main'
    """
    asked = asked_readings(readings, surgical_match)
    path = _folder_of(name, base)
    return (_bundled if is_bundled(path) else _loaded)(path, asked, check)


def _loaded(path: Path, asked: Readings, check: bool) -> Scheme:
    scheme = read_tables(path, asked)
    return checked_scheme(scheme) if check else scheme


@lru_cache(maxsize=4)
def _bundled(path: Path, asked: Readings, check: bool) -> Scheme:
    """Return a scheme that comes with drgpay, whose tables stay as they are while a process runs."""
    return _loaded(path, asked, check)


def checked_scheme(scheme: Scheme) -> Scheme:
    """Return a scheme in which nothing new is found; raises SchemeError, as `load_scheme` says."""
    checked = check_tables(scheme, complete=not is_sealed(scheme))
    if checked.new:
        raise SchemeError(
            both(
                f"分组方案有{len(checked.new)}个新问题",
                f"{len(checked.new)} finding{'s' if len(checked.new) > 1 else ''}",
            ),
            where=scheme.path,
            faults=[finding.placed for finding in checked.new],
            remedy=both(
                f"更正各表，或在 {KNOWN} 中列为已知问题；drgpay scheme check 按检查项列出",
                f"correct the tables, or accept a finding as a row of {KNOWN}; "
                "drgpay scheme check lists them by check",
            ),
        )
    return scheme


def check_scheme(name: str | Path) -> Checked:
    """Return all findings of a scheme, sealed or not."""
    return check_tables(read_tables(_folder_of(name)))


def seal(checked: Checked) -> Path:
    """Write counts, known findings by check and digest into the manifest; return its path.

    Its other lines stay as they are. Raises SchemeError when there are findings that are not
    accepted and that sealing does not mend.
    """
    path = checked.scheme.path / "manifest.toml"
    if checked.faults or not checked.complete:
        raise SchemeError(
            both(
                f"未封存：有{len(checked.faults)}个新问题",
                f"not sealed: {len(checked.faults)} new findings",
            ),
            where=path,
            faults=[finding.placed for finding in checked.faults],
            remedy=both(
                f"更正各表，或在 {KNOWN} 中列为已知问题",
                f"correct the tables, or accept a finding as a row of {KNOWN}",
            ),
        )
    text = path.read_text(encoding="utf-8")
    by_check = Counter(finding.check for finding in checked.known)
    sections = [("counts", list(counts(checked.scheme).items()))]
    if by_check:
        sections.append(("known_findings", sorted(by_check.items())))
    for name in ("counts", "known_findings"):
        text = _without_section(text, name)
    text = _with_digest(text, checked.scheme.digest)
    for name, values in sections:
        body = "\n".join(f"{key} = {value}" for key, value in values)
        text = f"{text.rstrip()}\n\n[{name}]\n{body}\n"
    tomllib.loads(text)  # never leave a manifest behind that cannot be read
    with whole_file(path) as part:
        part.write_text(text, encoding="utf-8")
    return path


def _without_section(text: str, name: str) -> str:
    return re.sub(rf"(?m)^\[{name}\]\n(?:(?!\[).*\n?)*", "", text)


def _with_digest(text: str, digest: str) -> str:
    line = f'digest = "{digest}"'
    head, bracket, rest = text.partition("\n[")
    if re.search(r"(?m)^digest *=.*$", head):
        head = re.sub(r"(?m)^digest *=.*$", line, head)
    else:
        head = f"{head.rstrip()}\n{line}\n"
    return head + bracket + rest


def describe(name: str | Path) -> dict[str, object]:
    """Return a scheme's manifest without reading its tables."""
    path = _folder_of(name)
    return {"id": path.name, "bundled": is_bundled(path), **read_manifest(path)}
