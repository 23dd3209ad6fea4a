"""What commands print, in the language of this call."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from drgpay.cli.lang import LANG, t
from drgpay.ground.errors import in_language
from drgpay.ground.times import day

if TYPE_CHECKING:
    from drgpay.cases.quarantine import Why
    from drgpay.grouper.outcome import Counts
    from drgpay.report.sheets import Sheet


def say(chinese: str, english: str, err: bool = False) -> None:
    """Print a text in the language of this call of the command."""
    click.echo(t(chinese, english), err=err)


def tell(text: object) -> None:
    """Print a text that knows both languages."""
    click.echo(in_language(text, LANG))


def note(text: object, err: bool = False) -> None:
    """Print what the reader must note."""
    click.echo(t("注意：", "note: ") + in_language(text, LANG), err=err)


def notes(texts: Iterable[object], said: Collection[object] = ()) -> None:
    """Print what the reader must note, but for what was `said` before."""
    for text in texts:
        if text not in said:
            note(text)


def paper_of(out: Path | None, suffixes: Sequence[str], inputs: Iterable[str | Path] = ()) -> str:
    """Return the ending of a paper that is asked for, empty without one.

    Refuses a file that is not to be written.
    """
    from drgpay.ground.outputs import not_an_input, result_file

    if out is None:
        return ""
    suffix = result_file(out, suffixes)
    not_an_input([out], inputs)
    return suffix


def tell_sheets(
    sheets: Sequence[Sheet], out: Path | None, digest: Callable[[], str],
    inputs: Iterable[str | Path] = (), title: str = "", mark: str = "",
) -> None:  # fmt: skip
    """Print sheets, or write them as a workbook; its title is by default that of the first."""
    from drgpay.report.sheets import text_lines
    from drgpay.report.workbook import write_book

    if out is None:
        for sheet in sheets:
            for line in (*sheet.lead, *text_lines(sheet)):
                click.echo(line)
        return
    paper_of(out, (".xlsx",), inputs)
    write_book(out, sheets, LANG, title=title or sheets[0].title, digest=digest(), mark=mark)
    say(f"已写入 {out}", f"written to {out}")


def settings_text(texts: Iterable[str]) -> str:
    """Return settings of a policy on one line, with the words of their choices."""
    from drgpay.policy.choice_words import setting_text

    return "; ".join(setting_text(text, LANG) for text in texts)


def tell_first(codes: Iterable[object], trial: Iterable[str]) -> None:
    """Print what comes before all figures of a settlement: how codes were read, and of a trial."""
    notes(codes)
    if trial:
        click.echo(t("【试算】", "[TRIAL] ") + settings_text(trial))


def day_of(at: int | None) -> str:
    """Return the day of a time of the service's store, a dash for none."""
    return day(at) or "—"


def say_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print rows under their heads, as wide as a terminal shows them."""
    from drgpay.report.amounts import display_width, padded

    shown = [head, *rows]
    widths = [max(display_width(row[n]) for row in shown) for n in range(len(head))]
    for row in shown:
        cells = [padded(cell, width) for cell, width in zip(row, widths, strict=True)]
        click.echo("  ".join(cells).rstrip())


def wrong_use(chinese: str, english: str) -> click.UsageError:
    """Return the refusal of options that do not go together."""
    return click.UsageError(t(chinese, english))


def counts_text(c: Counts) -> str:
    """Return in = grouped + ambiguous + ungroupable + quarantined."""
    return t(
        f"收到 {c.total:,} = 入组 {c.grouped:,} + 歧义 {c.ambiguous:,} + 未入组 "
        f"{c.ungroupable:,} + 隔离 {c.quarantined:,}",
        f"in {c.total:,} = grouped {c.grouped:,} + ambiguous {c.ambiguous:,} + ungroupable "
        f"{c.ungroupable:,} + quarantined {c.quarantined:,}",
    )


def tell_quarantined(file: Path, why: Why) -> None:
    """Say where the quarantined rows lie, and for which reasons; nothing where there are none."""
    lines = why.lines(LANG)
    if lines:
        say(f"隔离的行 {file}", f"quarantined rows {file}")
    for line in lines:
        click.echo(f"  {line}")
