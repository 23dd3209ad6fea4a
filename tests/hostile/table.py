"""The page docs/hostile-input.md: `python -m tests.hostile.table > docs/hostile-input.md`."""

from __future__ import annotations

from pathlib import Path

from drgpay.names.reasons import REASONS
from tests.hostile.kinds import AREAS, KINDS
from tests.hostile.model import Kind, Read, Refused

PAGE = Path(__file__).resolve().parents[2] / "docs" / "hostile-input.md"
HEAD = """# 有害输入 Hostile input

坏文件、坏单元格、坏文件夹各会怎样。本页由测试用的清单生成（`python -m tests.hostile.table > docs/hostile-input.md`），
每一种都在 `make test` 中用真正的命令跑过，结果与下表不符即为失败。
This page is made from the list that the tests run; every kind goes through the real commands.

三种结局 Three outcomes:

- **拒绝 refused**：整份输入不用，退出码不为0，消息写明文件、位置、原因和改法；不留下任何结果文件，旧的结果原样不动。
- **隔离 quarantined**：有问题的行写入隔离清单（文件、行、列、值、原因、改法），其余照常。
- **读取 read**：读得的值与写下的相同；读法与写法不同的编码逐项记入 `.changes.csv`。

每一种都查：没有程序出错的回溯（traceback）；收到 = 入组 + 歧义 + 未入组 + 隔离，与写入的行数相同；
`group`、`cases check`、`cases convert`、`explain`（统筹区类用 `year-end`，方案类用 `scheme check`）说法一致；
拒绝的消息有中文、有英文。炸弹类另在4 GiB内存限度内跑。★ 为清单要求必须有的种类。
"""


def _outcome(kind: Kind) -> str:
    due = kind.outcome
    if isinstance(due, Refused):
        return f"拒绝 refused（退出码 {due.code}）：“{due.zh}” / “{due.en}”"
    bad = "；".join(
        f"{count}行“{REASONS[reason].message.chinese}”（`{reason}`）"
        for reason, count in sorted(due.quarantined.items())
    )
    if bad:
        return f"隔离 quarantined：{bad}，共{due.rows:,}行"
    return f"读取 read：{due.rows:,}行" + _said(due)


def _said(due: Read) -> str:
    listed = "".join(f"，改动列出 `{a}` → `{b}`" for a, b in due.changes)
    ungrouped = sum(drg == "0000" for drg in due.drgs or ())
    if ungrouped:
        listed += f"，其中{ungrouped}行未入组"
    return listed + (f"，并说明“…{due.said}…”" if due.said else "")


def page() -> str:
    """Return the page."""
    lines = [HEAD, f"共 {len(KINDS)} 种 kinds in all."]
    number = 0
    for chinese, english, kinds in AREAS:
        lines += [
            "",
            f"## {chinese} {english}",
            "",
            "| | 种类 Kind | 结局 Outcome |",
            "|---|---|---|",
        ]
        for kind in kinds:
            number += 1
            star = "★" if kind.issue else ""
            text = f"{kind.zh}<br>{kind.en}".replace("|", "\\|")
            outcome = _outcome(kind).replace("|", "\\|")
            lines.append(f"| {number}{star} | {text} | {outcome} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(page(), end="")
