"""What building a scheme from some source needs: faults with their places, the folder, its checks."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from drgpay.ground.csv_cells import neutral_text
from drgpay.ground.errors import Bilingual, SchemeError, both, located
from drgpay.ground.languages import choose
from drgpay.ground.outputs import whole_file, whole_folder
from drgpay.schemes.checks import Finding
from drgpay.schemes.folders import CODE_TABLE, TABLES
from drgpay.schemes.load import KNOWN, SEALED, STOPPERS, Checked, check_tables, seal
from drgpay.schemes.tables import Scheme, read_tables

FAULT_HEADER = ("文件", "行", "列", "值", "问题", "处理")
LEVELS = {"MCC": "MCC", "CC": "CC", "严重并发症或合并症": "MCC", "一般并发症或合并症": "CC"}


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault of a plain table: where, what value, what is wrong and what to do."""

    file: str
    row: int
    column: str
    value: str
    text: Bilingual
    remedy: Bilingual

    @property
    def placed(self) -> Bilingual:
        """The fault with its place, value and remedy."""
        where = f"{self.file}:{self.row}" if self.row else self.file
        zh = f"“{self.column}”" if self.column else ""
        zh += f"的值“{self.value}”：" if self.value else "：" if zh else ""
        en = f"{self.column} " if self.column else ""
        en += f"{self.value!r}: " if self.value else ""
        return located(
            where,
            both(
                f"{zh}{self.text.chinese}；{self.remedy.chinese}", f"{en}{self.text}; {self.remedy}"
            ),
        )


@dataclass(frozen=True, slots=True)
class SourceRow:
    """A row of a table of a source by our names, with its line in the file."""

    file: str
    line: int
    values: Mapping[str, str]

    def __getitem__(self, name: str) -> str:
        return self.values.get(name, "")


@dataclass
class Imported:
    """What an import made: the folder, the scheme's findings that stay, and the faults."""

    folder: Path
    scheme: Scheme | None
    faults: list[Fault]
    unused: list[Bilingual] = field(default_factory=list)


class SchemeBuilder:
    """Reads some source into the tables of a scheme: notes its faults, writes the folder.

    `tables` are rows of cells with the row of the source that each came from, None for none;
    `remedy` is what to do about what a check of the whole scheme found.
    """

    remedy: Bilingual

    def __init__(self) -> None:
        self.noted: list[Fault] = []
        self.unused: list[Bilingual] = []
        self.rows: dict[str, list[SourceRow]] = {}
        self.heads: dict[tuple[str, str], str] = {}  # by file and column
        self.tables: dict[str, list[tuple[list[str], SourceRow | None]]] = {}
        self.origin: dict[tuple[str, int], SourceRow] = {}

    def add(
        self, file: str, row: int, column: str, value: str, text: Bilingual, remedy: Bilingual
    ) -> None:
        """Note a fault."""
        self.noted.append(Fault(file, row, column, value, text, remedy))

    def at(self, row: SourceRow, name: str, text: Bilingual, remedy: Bilingual) -> None:
        """Note a fault of a cell."""
        self.add(
            row.file, row.line, self.heads.get((row.file, name), name), row[name], text, remedy
        )

    def write(self, target: Path) -> None:
        """Write the scheme folder and note which row of the source each of its rows came from."""
        target.mkdir(parents=True, exist_ok=True)
        for name in TABLES.keys() & self.tables.keys():
            write_csv(
                target / name, TABLES[name].columns, (cells for cells, _ in self.tables[name])
            )
            for line, (_, row) in enumerate(self.tables[name], 2):
                if row is not None:
                    self.origin[name, line] = row
        manifest = "\n".join(self.manifest(self.write_codes(target)))
        (target / "manifest.toml").write_text(f"{manifest}\n", encoding="utf-8")

    def write_codes(self, target: Path) -> str:
        """Write what codes the folder has of its own; return the code system's line."""
        raise NotImplementedError

    def manifest(self, code_system: str) -> list[str]:
        """Return the lines of the manifest."""
        raise NotImplementedError

    def fault_of(self, finding: Finding) -> Fault:
        """Return a finding of the whole scheme as a fault of the row that it came from."""
        row = self.origin.get((finding.file, finding.row))
        file, line = (row.file, row.line) if row else (finding.file, finding.row)
        remedy = both(
            f"检查项 {finding.check}：{self.remedy.chinese}",
            f"check {finding.check}: {self.remedy}",
        )
        return Fault(file, line, "", "", finding.text, remedy)


def manifest_lines(
    named: Mapping[str, str],
    effective: Sequence[str],
    code_system: str,
    *,
    draft: bool = False,
    surgical_match: str = "main",
    retry: bool = False,
) -> list[str]:
    """Return the lines of a manifest; `named` are texts, those that are empty left out."""
    return [
        *(f"{key} = {quoted_toml(text)}" for key, text in named.items() if text),
        f"draft = {str(draft).lower()}",
        *("", "[effective]", *effective),
        *("", "[code_system]", code_system),
        *("", "[options]", f'surgical_match = "{surgical_match}"'),
        f"retry_further_procedures = {str(retry).lower()}",
    ]


def write_code_system(folder: Path, codes: Mapping[str, Iterable[tuple[str, str]]]) -> str:
    """Write the codes of a scheme's own by kind; return the code system's line of the manifest."""
    (folder / "code_system").mkdir()
    for kind, plural in (("diagnosis", "diagnoses"), ("procedure", "procedures")):
        write_csv(folder / "code_system" / f"{plural}.csv", CODE_TABLE, sorted(codes[kind]))
        write_csv(folder / "code_system" / f"{kind}_map.csv", ("insurance_code", "code"), [])
    return 'path = "code_system"'


def publish(
    target: Path, builder: SchemeBuilder, *, keep: bool = False, accept: bool = False
) -> Imported:
    """Write what a builder read as the scheme folder `target`, checked and sealed.

    What the checks of the whole scheme find are faults; with `keep` the folder is left unsealed
    all the same, with `accept` they become rows of known_findings.csv, as far as a scheme can be
    used with them, and are returned in `unused`.
    """
    if builder.noted:
        return Imported(target, None, builder.noted, builder.unused)
    try:
        with whole_folder(target) as temporary:
            builder.write(temporary)
            try:
                checked = check_tables(read_tables(temporary))
                if accept:
                    checked = _accepted(checked, temporary, builder)
            except SchemeError as error:
                remedy = error.remedy or both("更正", "correct it")
                raise _Unfit([Fault("", 0, "", "", error.what, remedy)]) from None
            new = [finding for finding in checked.new if finding.check not in SEALED]
            faults = [builder.fault_of(finding) for finding in new]
            if not faults:
                seal(checked)
            elif not keep:
                raise _Unfit(faults)
    except _Unfit as unfit:
        return Imported(target, None, unfit.faults, builder.unused)
    return Imported(target, read_tables(target), faults, builder.unused)


class _Unfit(Exception):
    """Ends the writing of a scheme that is not to be written."""

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__(faults)
        self.faults = faults


def _accepted(checked: Checked, folder: Path, builder: SchemeBuilder) -> Checked:
    """Accept what a published scheme may have, and check again."""
    found = [f for f in checked.faults if f.check not in STOPPERS]
    if not found or len(found) < len(checked.faults):
        return checked
    rows = sorted({(*f.key, "found in the published tables on import") for f in found})
    write_csv(folder / KNOWN, ("check", "file", "subject", "note"), rows)
    by_check = Counter(f.check for f in found)
    builder.unused += [
        both(
            f"检查项 {check}：{number}处，已列入 {KNOWN}，例如：{example.chinese}",
            f"check {check}: {number} found and accepted in {KNOWN}, such as: {example}",
        )
        for check, number in sorted(by_check.items())
        for example in [builder.fault_of(next(f for f in found if f.check == check)).placed]
    ]
    return check_tables(read_tables(folder))


def quoted_toml(text: str) -> str:
    """Return a text as a TOML string."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{"".join(c for c in escaped if c.isprintable())}"'


def write_csv(path: Path, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Write a table of a scheme."""
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)


def write_faults(faults: Sequence[Fault], path: Path, lang: str = "zh") -> Path:
    """Write faults as CSV that Excel opens as it is; return its path."""
    header = choose(lang, FAULT_HEADER, ("file", "row", "column", "value", "problem", "remedy"))
    with (
        whole_file(path) as part,
        part.open("w", encoding="utf-8-sig", newline="") as stream,
    ):
        writer = csv.writer(stream)
        writer.writerow(header)
        for f in faults:
            text, remedy = choose(
                lang, (f.text.chinese, f.remedy.chinese), (str(f.text), str(f.remedy))
            )
            cells = [f.file, f.row or "", f.column, f.value, text, remedy]
            writer.writerow([neutral_text(str(cell)) for cell in cells])
    return path
