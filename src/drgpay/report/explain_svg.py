"""The path of a case through the rules as a drawing: SVG that stands alone, on white."""

from __future__ import annotations

import unicodedata
from html import escape

from drgpay.ground.languages import choose, choosing, is_chinese
from drgpay.grouper import explain_text as words
from drgpay.grouper.explain import Explanation
from drgpay.grouper.trace import Tried
from drgpay.names.reasons import GROUPING_REASONS

WIDTH, LEFT, BOX, NOTES = 1080, 32, 430, 500
LINE, SMALL = 19, 17
FONT = (
    "'Noto Sans CJK SC','Source Han Sans SC','Microsoft YaHei','PingFang SC','SimHei',"
    "'WenQuanYi Micro Hei',sans-serif"
)
INK, GREY, TAKEN, EDGE, PAPER, SOFT = (
    "#1a1a1a",
    "#5f6368",
    "#0b6e4f",
    "#9aa0a6",
    "#ffffff",
    "#eef6f2",
)
MOST_NOTES = 9


def width_of(text: str) -> float:
    """Return the width of a text in units of half a Chinese character."""
    return sum(2.0 if unicodedata.east_asian_width(c) in "WF" else 1.12 for c in text)


def wrapped(text: str, units: float) -> list[str]:
    """Return a text as lines that are not wider than `units`.

    >>> wrapped("主要诊断不在列表中", 10)
    ['主要诊断不', '在列表中']
    """
    lines, line = [], ""
    for piece in _pieces(text):
        if line and width_of(line + piece) > units:
            lines.append(line.rstrip())
            line = piece.lstrip()
        else:
            line += piece
        while width_of(line) > units:  # one word longer than the line
            cut = next(i for i in range(len(line), 0, -1) if width_of(line[:i]) <= units)
            lines.append(line[:cut])
            line = line[cut:]
    return [*lines, line] if line or not lines else lines


def _pieces(text: str) -> list[str]:
    """Return where a text may be broken: at every Chinese character, else after blanks."""
    pieces, word = [], ""
    for c in text:
        if unicodedata.east_asian_width(c) in "WF":
            if word:
                pieces.append(word)
                word = ""
            if pieces and c in "，。；：、）":
                pieces[-1] += c
            else:
                pieces.append(c)
        else:
            word += c
            if c == " ":
                pieces.append(word)
                word = ""
    return [*pieces, word] if word else pieces


class _Drawing:
    """Collects shapes from top to bottom."""

    def __init__(self) -> None:
        self.shapes: list[str] = []
        self.y = 24.0
        self.bottom = 24.0  # of the last box: what stands beside it may reach further down

    def text(
        self, x: float, y: float, text: str, size: int = 14, color: str = INK, bold: bool = False
    ) -> None:
        weight = ' font-weight="600"' if bold else ""
        self.shapes.append(
            f'<text x="{x:g}" y="{y:g}" font-size="{size}" fill="{color}"{weight}>'
            f"{escape(text)}</text>"
        )

    def paragraph(
        self, x: float, y: float, text: str, width: float, size: int = 13, color: str = GREY
    ) -> float:
        """Draw a wrapped text and return the y below it."""
        for line in wrapped(text, width / (size * 0.52)):
            self.text(x, y, line, size, color)
            y += SMALL
        return y

    def box(self, height: float, color: str, fill: str) -> None:
        self.shapes.append(
            f'<rect x="{LEFT}" y="{self.y:g}" width="{BOX}" height="{height:g}" rx="8" '
            f'fill="{fill}" stroke="{color}" stroke-width="1.6"/>'
        )

    def arrow(self, taken: bool) -> None:
        x = LEFT + BOX / 2
        self.shapes.append(
            f'<path d="M{x:g} {self.bottom:g} V{self.y + 16:g} m-5 -6 l5 6 l5 -6" fill="none" stroke="{TAKEN if taken else EDGE}" '
            'stroke-width="1.8"/>'
        )
        self.y += 20

    def step(self, head: str, title: str, rule: str, notes: list[str], taken: bool) -> None:
        """Draw a box with what was passed through, and beside it what did not hold."""
        lines = wrapped(title, BOX / 7.8)
        rules = wrapped(rule, BOX / 6.6) if rule else []
        own = 30 + LINE * len(lines) + SMALL * len(rules)
        y = self.y + 14
        for note in notes:
            y = self.paragraph(NOTES, y, note, WIDTH - NOTES - 24) + 3
        color = TAKEN if taken else EDGE
        self.box(own, color, SOFT if taken else PAPER)
        x = LEFT + 14
        self.text(x, self.y + 20, head, 12, color)
        at = self.y + 20 + LINE
        for line in lines:
            self.text(x, at, line, 15, INK, bold=True)
            at += LINE
        for line in rules:
            self.text(x, at, line, 12, GREY)
            at += SMALL
        if notes:
            self.shapes.append(
                f'<path d="M{LEFT + BOX} {self.y + 10:g} H{NOTES - 8}" stroke="{EDGE}" '
                'stroke-dasharray="3 3" fill="none"/>'
            )
        self.bottom = self.y + own
        self.y = max(self.bottom, y - 8) + 4

    def done(self, title: str) -> str:
        """Return the whole drawing."""
        height = self.y + 16
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height:g}" '
            f'viewBox="0 0 {WIDTH} {height:g}" role="img" font-family="{FONT}">\n'
            f"<title>{escape(title)}</title>\n"
            f'<rect width="{WIDTH}" height="{height:g}" fill="{PAPER}"/>\n'
            + "\n".join(self.shapes)
            + "\n</svg>\n"
        )


def explanation_svg(e: Explanation, lang: str = "zh") -> str:
    """Return the path of a case as SVG: MDCs, ADRGs, DRG, why others not, severity, neighbours."""
    zh, g, d = is_chinese(lang), e.grouping, _Drawing()
    title = f"{g.drg} {g.name}"
    d.text(LEFT, d.y + 12, title, 20, TAKEN if g.mdc else INK, bold=True)
    d.y += 34
    scheme = f"分组方案 {e.scheme}（手术匹配 {e.options['surgical_match']}）"
    d.text(
        LEFT,
        d.y,
        scheme if zh else f"scheme {e.scheme} (surgical_match {e.options['surgical_match']})",
        12,
        GREY,
    )
    d.y += 14
    if e.price is not None:
        d.text(LEFT, d.y + 10, words.own_price_text(e.price, lang), 14, INK)
        d.y += 22
    procedures = [words.named(*item) for item in e.procedures]
    d.step(
        "病例" if zh else "case",
        words.named(*e.principal),
        ("手术操作：" if zh else "procedures: ") + ("；" if zh else "; ").join(procedures)
        if procedures
        else "没有手术操作"
        if zh
        else "no procedures",
        [],
        True,
    )
    _path(d, e, lang)
    _severity(d, e, zh)
    _neighbours(d, e, lang)
    d.y = d.paragraph(LEFT, d.y + 10, words.WARNING[0 if zh else 1], WIDTH - 2 * LEFT, 13, INK)
    return d.done(title)


def _why_not(steps: tuple[Tried, ...], e: Explanation, lang: str, near_only: bool) -> list[str]:
    """Return the reasons of the rules that did not take the case, the rest counted."""
    t = choosing(lang)
    failed = [s for s in steps if s.failure is not None]
    shown = [s for s in failed if s.failure is not None and (s.failure.near or not near_only)]
    notes = [
        f"✗ {words.named(s.rule.key, s.rule.name)}{words.COLON[lang]}{words.failed_text(s, lang, e)}"
        for s in shown[:MOST_NOTES]
    ]
    rest = len(failed) - len(notes)
    if rest:
        notes.append(
            t(
                f"✗ {'另有' if notes else ''}{rest}个不成立",
                f"✗ {rest} {'more ' if notes else ''}did not hold",
            )
        )
    return notes


def _path(d: _Drawing, e: Explanation, lang: str) -> None:
    t = choosing(lang)
    last = e.trace.attempts[-1]
    waiting: list[str] = []
    plain = 0
    if last.procedure:
        code = e.procedures[last.procedure][0]
        waiting.append(
            t(f"主要手术未能入组，以手术 {code} 单独再试", f"tried again with {code} alone")
        )
    for mdc in last.mdcs:
        if mdc.failure is not None:
            if words.only_principal(mdc):
                plain += 1
            else:
                name = words.named(mdc.rule.code, mdc.rule.name)
                waiting.append(f"✗ {name}{words.COLON[lang]}{words.failed_text(mdc, lang, e)}")
            continue
        if plain:
            waiting.append(
                t(
                    f"✗ {plain}个MDC：主要诊断不在其列表中",
                    f"✗ {plain} MDCs: the principal diagnosis is not on their lists",
                )
            )
        d.arrow(mdc.took)
        held = "" if mdc.took else t("（成立，但未接收）", " (holds, takes nothing)")
        title = words.named(mdc.rule.code, mdc.rule.name)
        d.step("MDC" + held, title, words.rule_text(mdc.rule.text, lang), waiting, mdc.took)
        waiting, plain = [], 0
        _inside(d, mdc, e, lang)
    if not e.grouping.mdc:
        if plain:
            waiting.append(
                t(
                    f"✗ {plain}个MDC：主要诊断不在其列表中",
                    f"✗ {plain} MDCs: the principal diagnosis is not on their lists",
                )
            )
        d.arrow(False)
        reason = GROUPING_REASONS[e.grouping.reason].of(lang)
        d.step("DRG", f"{e.grouping.drg} {e.grouping.name}", reason, waiting, False)


def _inside(d: _Drawing, mdc: Tried, e: Explanation, lang: str) -> None:
    t = choosing(lang)
    notes = _why_not(mdc.inner, e, lang, near_only=True)
    held = [s for s in mdc.inner if s.failure is None]
    if not held:
        d.arrow(False)
        d.step(
            "ADRG",
            t("没有ADRG接收", "no ADRG takes the case"),
            t(f"试了{len(mdc.inner)}个", f"{len(mdc.inner)} tried"),
            notes,
            False,
        )
    for step in held:
        d.arrow(step.took)
        kind = choose(lang, *words.KINDS[step.rule.kind])
        title = words.named(step.rule.key, step.rule.name)
        d.step(f"ADRG · {kind}", title, words.rule_text(step.rule.text, lang), notes, step.took)
        notes = []
        for drg in step.inner:
            if drg.took:
                d.arrow(True)
                title = words.named(drg.rule.code, drg.rule.name)
                why = _why_not(step.inner, e, lang, near_only=False)
                d.step("DRG", title, words.rule_text(drg.rule.text, lang), why, True)
        if not step.took and step.inner:
            d.arrow(False)
            why = _why_not(step.inner, e, lang, near_only=False)
            d.step("DRG", t("没有DRG成立", "no DRG holds"), "", why, False)


def _severity(d: _Drawing, e: Explanation, zh: bool) -> None:
    """Draw the ladder MCC, CC, none, with each secondary diagnosis on its rung."""
    d.y += 26
    d.text(LEFT, d.y, "严重程度" if zh else "severity", 16, INK, bold=True)
    d.y += 12
    rungs: dict[str, list[str]] = {"MCC": [], "CC": [], "none": []}
    for s in e.secondary:
        rung = s.level if s.verdict == "counts" else "none"
        text = words.severity_line(s, e.principal[0], zh).strip()
        rungs[rung].append(text)
    for level, texts in rungs.items():
        here = level == e.grouping.severity
        color = TAKEN if here else EDGE
        top = d.y
        y = top + 20
        empty = "—"
        for text in texts or [empty]:
            y = d.paragraph(LEFT + 110, y, text, WIDTH - LEFT - 150, 13, INK if here else GREY)
        d.y = max(y - 8, top + 30)
        d.shapes.append(
            f'<rect x="{LEFT}" y="{top + 3:g}" width="92" height="{d.y - top - 5:g}" rx="6" '
            f'fill="{SOFT if here else PAPER}" stroke="{color}" stroke-width="1.4"/>'
        )
        name = "无" if zh and level == "none" else level
        d.text(LEFT + 14, top + 22, name, 14, color if here else GREY, bold=here)
        d.y += 3


def _neighbours(d: _Drawing, e: Explanation, lang: str) -> None:
    t = choosing(lang)
    d.y += 26
    if not e.nearest:
        return
    title = t("怎样的事实会入别的组", "what would have made another group")
    d.text(LEFT, d.y, title, 16, INK, bold=True)
    d.y += 22
    for i, n in enumerate(e.nearest):
        d.text(LEFT, d.y, n.drg, 14, INK, bold=True)
        text = f"{n.name}{words.COLON[lang]}{words.changes_text(n.changes, e, lang)}"
        d.y = d.paragraph(LEFT + 62, d.y, text, WIDTH - LEFT - 100, 13, INK)
        if e.prices and e.price is not None:
            price = words.price_text(e.prices[i], e.price, lang)
            d.y = d.paragraph(LEFT + 62, d.y, price, WIDTH - LEFT - 100, 13, GREY)
        d.y += 4
    if e.price is not None and e.price.note:
        note = choose(lang, *words.PRICE_NOTES[e.price.note])
        d.y = d.paragraph(LEFT, d.y + 4, note, WIDTH - 2 * LEFT, 13, GREY)
    if e.price is None:
        d.y = d.paragraph(LEFT, d.y + 4, choose(lang, *words.NO_PRICES), WIDTH - 2 * LEFT, 13, GREY)
