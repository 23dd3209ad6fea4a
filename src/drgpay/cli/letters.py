"""`drgpay letters`: a letter to each hospital, of a run folder."""

from __future__ import annotations

from pathlib import Path

from drgpay.cli.lang import LANG
from drgpay.cli.options import command, out_option, run_argument
from drgpay.cli.told import say


@command(
    "由清算结果文件夹RUN_DIR写出每家机构的清算通知书（HTML，A4打印）和目录页。",
    "Write a letter of settlement to each hospital of a run folder (HTML for A4), and an index.",
    short=("清算通知书：每家机构一份，A4打印", "A letter to each hospital, to be printed"),
)
@run_argument
@out_option("新文件夹，放通知书", "new folder for the letters", required=True)
def letters(run_dir: Path, out: Path) -> None:
    """Write letters."""
    from drgpay.report.letters import write_letters
    from drgpay.report.run import Run

    run = Run(run_dir)
    if not run.refuse_changed():
        say(
            "注意：这一结果由较早的 drgpay 写出，没有各表的摘要码，未核对是否被改动",
            "note: an earlier drgpay wrote this run without digests of its tables: whether they "
            "were changed is not checked",
        )
    folder = write_letters(run_dir, out, LANG, run=run)
    number = len(list(folder.glob("*.html"))) - 1
    say(
        f"{number} 家机构的通知书：{folder}，目录 {folder / 'index.html'}",
        f"{number} letters in {folder}, index {folder / 'index.html'}",
    )
