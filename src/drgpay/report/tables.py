"""Tables as the template wants them: finished texts, marked up by kind."""

from dataclasses import dataclass, field

from .texts import Words


@dataclass(frozen=True)
class Column:
    """A column: its heading and whether it holds numbers, text or codes."""

    label: str
    kind: str = "num"  # num | text | code


@dataclass(frozen=True)
class Cell:
    """A cell: text, a smaller line below it, a mark (loss, gain, muted …) and a tag."""

    text: str
    note: str = ""
    mark: str = ""
    tag: str = ""
    swatch: int = 0


@dataclass
class Row:
    cells: list[Cell]
    kind: str = ""  # total | subtotal | strong | rule


@dataclass
class Table:
    """A table; `tail` rows are folded away under `tail_label`."""

    caption: str
    columns: list[Column]
    rows: list[Row]
    tail: list[Row] = field(default_factory=list)
    tail_label: str = ""
    css: str = ""

    def add(self, *cells: str | Cell, kind: str = "") -> None:
        """Add a row."""
        self.rows.append(row(*cells, kind=kind))


def row(*cells: str | Cell, kind: str = "") -> Row:
    """A row of cells, plain texts included."""
    return Row([c if isinstance(c, Cell) else Cell(c) for c in cells], kind)


def columns_of(w: Words, keys: str) -> list[Column]:
    """Columns by the keys of their words; behind a colon the kind of those that hold no numbers."""
    parts = (item.partition(":") for item in keys.split())
    return [Column(w(key), kind or "num") for key, _, kind in parts]
