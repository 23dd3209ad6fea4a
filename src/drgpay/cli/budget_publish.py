"""`drgpay budget`: what the public is told, what institutions are given, objections, opinions, agreements."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from drgpay.cli.budget_common import (
    needed,
    number_argument,
    person_option,
    policy_option,
    shown,
    with_book,
)
from drgpay.cli.lang import LANG, t
from drgpay.cli.options import flag, new_folder_option, option, out_option, year_option
from drgpay.cli.told import say, tell
from drgpay.ground.errors import Bilingual, InputError, both

if TYPE_CHECKING:
    from drgpay.ledger.book import Book, Turn
    from drgpay.ledger.entries import Document


@click.command(
    "publish",
    help=t(
        "公开：目标、原则、执行、清算、考核的网页和表，由账目生成，不含个人信息，小数目隐去且不能推算，"
        "每个数注明出处；登记这次公开",
        "Pages and tables fit for the public: targets, principles, execution, clearing, assessment, "
        "made from the book, small counts left out so that they cannot be computed; put down",
    ),
)
@year_option("年度", "the year")
@policy_option
@new_folder_option
@person_option
@with_book
def publish(book: Book, year: int | None, policy: str, out: Path, who: str) -> None:
    """Publish a year."""
    from drgpay.report.public_pages import PAGE

    year = needed(year)
    number, notes = publish_year(book, year, policy, out, who)
    say(
        f"已公开 {year} 年，第 {number} 号；网页 {out / PAGE}",
        f"{year} is published, entry {number}; page {out / PAGE}",
    )
    for note in notes:
        tell(note)


def publish_year(
    book: Book, year: int, policy: str, out: Path, who: str
) -> tuple[int, Sequence[Bilingual]]:
    """Write what the public may know of a year into a new folder, and put it down.

    Returns the number of the entry and what its steps say. Raises InputError where it was published
    meanwhile.
    """
    from drgpay import __version__
    from drgpay.ground.digests import SUMS, file_digest
    from drgpay.ground.outputs import new_folder
    from drgpay.ground.times import today
    from drgpay.ledger.entries import Draft
    from drgpay.monitoring.publish import public
    from drgpay.monitoring.published import PUBLIC, told_of
    from drgpay.report.public_pages import BOOK, PAGE, public_tables, write_public
    from drgpay.runs.writer import write_result
    from drgpay.wrapper.own_steps import put_down_own_steps
    from drgpay.wrapper.planning import budget_policy, policy_facts

    new_folder(out)
    own = budget_policy(policy, year)
    with book.reading() as reading:
        found = public(reading, own)
    told = {
        "drgpay_version": __version__, "kind": "publish", "year": own.year,
        "region": {"id": book.facts["region_id"], "name": book.facts["region_name"]},
        "policy": policy_facts(own), "min_cell": own["publish.min_cell"],
        "book": {"number": found.head[0], "digest": found.head[1]},
    }  # fmt: skip
    write_result(
        out, public_tables(found), lambda: told, declared=False, manifest="publish.json",
        finish=lambda folder: write_public(folder, found, book.facts, own, LANG),
    )  # fmt: skip
    body = {
        "audience": PUBLIC, "book": told["book"], "sums": file_digest(out / SUMS),
        **told_of(found.tables["counts"], found.together, found.entries),
    }  # fmt: skip
    with book.writing(who) as turn:
        if turn.last(("published",), own.year) > found.head[0]:
            raise InputError(
                both("同时另有一次公开", "it was published by somebody else meanwhile"),
                remedy=both("删去这个文件夹，再公开一次", "delete this folder, and publish again"),
            )
        files = tuple(turn.keep(name, (out / name).read_bytes()) for name in (PAGE, BOOK))
        draft = Draft(
            "published", own.year, who, "maker", body, clause="S0 9", subject=f"{own.year}",
            documents=files,
        )  # fmt: skip
        entry = turn.append(draft)
        notes = put_down_own_steps(turn, entry, today(), policy)
    return entry.number, notes


@click.command(
    "give",
    help=t(
        "向每家机构反馈它自己的全部数据，写明核对期；登记在账",
        "Give each institution its own figures in full, with the time to check them; put down",
    ),
)
@year_option("年度", "the year")
@policy_option
@new_folder_option
@person_option
@with_book
def give(book: Book, year: int | None, policy: str, out: Path, who: str) -> None:
    """Give institutions their own."""
    from drgpay.ground.outputs import file_names, new_folder, whole_folder
    from drgpay.ground.times import today
    from drgpay.ledger.calendar import load_calendar
    from drgpay.ledger.procedures import Terms
    from drgpay.report.public_pages import OWN_KINDS, own_sheets, write_own
    from drgpay.wrapper.planning import budget_policy
    from drgpay.wrapper.registers import give as put_down
    from drgpay.wrapper.registers import hospitals_of, last_day_to_object

    new_folder(out)
    own = budget_policy(policy, needed(year))
    terms = Terms.of(own, load_calendar())
    last = last_day_to_object(terms, today())
    with book.reading() as reading:
        entries = reading.entries(OWN_KINDS, year=own.year)
    names = file_names(hospitals_of(entries), ".xlsx")
    with whole_folder(out) as folder:
        for hospital, name in names.items():
            sheets = own_sheets(entries, hospital, LANG)
            write_own(folder / name, sheets, hospital, book.facts, own.year, f"{last}", LANG)
        with book.writing(who) as turn:
            packages = {
                hospital: turn.keep(name, (folder / name).read_bytes())
                for hospital, name in names.items()
            }
            entry, _ = put_down(turn, own.year, packages, who, terms, today())
    say(
        f"已为 {len(names)} 家机构写出反馈数据，第 {entry.number} 号，异议截止 {last}",
        f"figures of {len(names)} institutions written, entry {entry.number}; objections until {last}",
    )


# --- objections and opinions


def _kept(turn: Turn, files: tuple[Path, ...]) -> list[Document]:
    return [turn.keep(path.name, path.read_bytes()) for path in files]


EXISTING = click.Path(path_type=Path, exists=True, dir_okay=False)
hospital_option = option("--hospital", "医疗机构编码", "the institution", required=True)
files_option = option("--evidence", "files", "依据文件，可多次给出", "a file of evidence",
                      multiple=True, type=EXISTING)  # fmt: skip
accepted_option = option(
    "--accepted/--refused", "accepted", "采纳或不采纳", "accepted or refused", required=True,
)  # fmt: skip
text_option = option("--text", "内容", "what is said", required=True)


def _listed(kind: str) -> Any:
    @click.command("list", help=t("列出及办理情况", "List them, with what became of each"))
    @year_option("年度", "the year")
    @option("--hospital", "只列这家医疗机构", "of this institution only", default="")
    @flag("--open", "only_open", "只列待答复的", "only those that wait for an answer")
    @out_option("写入 .xlsx 文件", "write an .xlsx file")
    @with_book
    def run(book: Book, year: int | None, hospital: str, only_open: bool, out: Path | None) -> None:
        from drgpay.report.register_sheets import filed_sheet
        from drgpay.wrapper.registers import filed

        with book.reading() as reading:
            found = filed(reading, kind, year=needed(year), hospital=hospital)
        rows = [own for own in found if not only_open or own.state == "open"]
        shown(filed_sheet(kind, rows, LANG), out, book)

    return run


def _answered(kind: str) -> Any:
    @click.command("answer", help=t("答复", "Answer one"))
    @number_argument
    @accepted_option
    @text_option
    @person_option
    @with_book
    def run(book: Book, number: int, accepted: bool, text: str, who: str) -> None:
        from drgpay.wrapper.registers import answer

        with book.writing(who) as turn:
            entry = answer(turn, kind, number, text, accepted, who)
        say(f"已答复，第 {entry.number} 号", f"answered, entry {entry.number}")

    return run


@click.group("objection", help=t("对反馈数据的异议", "Objections to what institutions were given"))
def objection() -> None:
    """Run a command on objections."""


@objection.command("add", help=t("登记机构的异议；核对期已过的不予受理", "Take an objection"))
@year_option("年度", "the year")
@hospital_option
@option("--about", "关于哪个数（账目记录号和项目）", "which figure: entry and item", required=True)
@text_option
@files_option
@person_option
@with_book
def objection_add(
    book: Book, year: int | None, hospital: str, about: str, text: str, files: tuple[Path, ...],
    who: str,
) -> None:  # fmt: skip
    """Take an objection."""
    from drgpay.wrapper.registers import object_to

    with book.writing(who) as turn:
        entry = object_to(
            turn, needed(year), hospital, about, text, who, documents=_kept(turn, files)
        )
    say(f"异议已登记，编号 {entry.number}", f"the objection is number {entry.number}")


@objection.command(
    "effect", help=t("登记采纳后的处理结果", "Put down what came of an accepted one")
)
@number_argument
@text_option
@option("--entry", "更正所在的账目记录号", "the entry that did it", type=click.IntRange(1))
@person_option
@with_book
def objection_effect(book: Book, number: int, text: str, entry: int | None, who: str) -> None:
    """Put an effect down."""
    from drgpay.wrapper.registers import bring_into_effect

    with book.writing(who) as turn:
        made = bring_into_effect(turn, number, text, entry, who)
    say(f"已登记，第 {made.number} 号", f"put down as entry {made.number}")


@click.group(
    "opinion", help=t("对分组、权重、系数的意见", "Opinions on groups, weights, coefficients")
)
def opinion() -> None:
    """Run a command on opinions."""


@opinion.command("add", help=t("登记机构的意见及依据", "Register an opinion with its evidence"))
@year_option("年度", "the year")
@hospital_option
@option("--on", "what", "对什么：group 分组、weight 权重、coefficient 系数", "on what",
        type=click.Choice(["group", "weight", "coefficient"]), required=True)  # fmt: skip
@option("--code", "病组或系数", "which group or coefficient", required=True)
@text_option
@files_option
@person_option
@with_book
def opinion_add(
    book: Book, year: int | None, hospital: str, what: str, code: str, text: str,
    files: tuple[Path, ...], who: str,
) -> None:  # fmt: skip
    """Register an opinion."""
    from drgpay.wrapper.registers import state_opinion

    with book.writing(who) as turn:
        entry = state_opinion(
            turn, needed(year), hospital, what, code, text, who, documents=_kept(turn, files)
        )
    say(f"意见已登记，编号 {entry.number}", f"the opinion is number {entry.number}")


@opinion.command("take-up", help=t("登记采纳意见的版本", "Put down the version that took one up"))
@number_argument
@option("--version", "纳入的版本", "the version", required=True)
@person_option
@with_book
def opinion_take_up(book: Book, number: int, version: str, who: str) -> None:
    """Put a version down."""
    from drgpay.wrapper.registers import take_up

    with book.writing(who) as turn:
        made = take_up(turn, number, version, who)
    say(f"已登记，第 {made.number} 号", f"put down as entry {made.number}")


for _group, _kind in ((objection, "objection"), (opinion, "opinion")):
    _group.add_command(_listed(_kind))
    _group.add_command(_answered(_kind))


# --- agreements


@click.group("agreement", help=t("服务协议的版本", "Versions of service agreements"))
def agreement() -> None:
    """Run a command on agreements."""


@agreement.command(
    "file",
    help=t(
        "登记一家机构的服务协议：文本、指标、考核和清算所依的政策，逐版编号",
        "File an institution's agreement: its paper, index, rules of assessment and settlement",
    ),
)
@click.argument("document", type=EXISTING)
@year_option("年度", "the year")
@hospital_option
@policy_option
@person_option
@with_book
def agreement_file(
    book: Book, document: Path, year: int | None, hospital: str, policy: str, who: str
) -> None:
    """File an agreement."""
    from drgpay.wrapper.index_year import held_indices
    from drgpay.wrapper.planning import budget_policy, policy_facts
    from drgpay.wrapper.registers import file_agreement

    own = budget_policy(policy, needed(year))
    with book.writing(who) as turn:
        indices = {
            pool: held["index_fen"]
            for (name, pool), held in held_indices(turn, own.year).items()
            if name == hospital
        }
        kept = turn.keep(document.name, document.read_bytes())
        entry = file_agreement(turn, own.year, hospital, indices, policy_facts(own), kept, who)
    version = entry.body["version"]
    say(
        f"{hospital} 的协议已登记为第 {version} 版，第 {entry.number} 号",
        f"the agreement of {hospital} is filed as version {version}, entry {entry.number}",
    )


@agreement.command("list", help=t("列出协议的各版本", "List agreements with their versions"))
@year_option("年度", "the year")
@option("--hospital", "只列这家医疗机构", "of this institution only", default="")
@out_option("写入 .xlsx 文件", "write an .xlsx file")
@with_book
def agreement_list(book: Book, year: int | None, hospital: str, out: Path | None) -> None:
    """List agreements."""
    from drgpay.report.register_sheets import agreements_sheet
    from drgpay.wrapper.registers import agreements

    with book.reading() as reading:
        found = agreements(reading, needed(year), hospital)
    shown(agreements_sheet(found, LANG), out, book)
