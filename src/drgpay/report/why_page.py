"""A derivation as a page to read or print: its steps as tables, and the parameters behind them."""

from __future__ import annotations

from pathlib import Path

from markupsafe import Markup, escape

from drgpay.ground.errors import in_language
from drgpay.why import Derivation
from drgpay.why.model import UNITS, Step
from drgpay.why.text import HEADS, parameter_line, sources

from .pages import Banner, PageSection, write_page

TITLES = {
    "zh": {
        "kicker": "清算结果的由来",
        "step": "步骤",
        "formula": "算式",
        "rule": "规则",
        "parameters": "所用参数",
        "name": "参数",
        "trial": "试算",
        "trial_text": "按改变了的参数计算，不作为清算依据。",
    },
    "en": {
        "kicker": "How a result came about",
        "step": "Step",
        "formula": "Formula",
        "rule": "Rule",
        "parameters": "Parameters used",
        "name": "Parameter",
        "trial": "Trial",
        "trial_text": "Computed with changed parameters; no basis for payment.",
    },
}


def write_why_page(path: Path, made: Derivation, lang: str) -> Path:
    """Write a derivation as a page that needs no network and no script; return its path."""
    words, heads = TITLES[lang], HEADS[lang]
    numbers = {step.key: i + 1 for i, step in enumerate(made.steps)}
    sections = []
    for i, section in enumerate(made.sections):
        rows = Markup().join(_row(made, step, numbers, lang) for step in section.steps)
        title = in_language(section.title, lang) or words["step"]
        sections.append(PageSection(f"s{i + 1}", title, (), _table(rows, lang)))
    listed = [f"{in_language(note, lang)}" for note in made.notes]
    shown = Markup("<ul>{}</ul>").format(
        Markup().join(
            Markup("<li>{}</li>").format(parameter_line(made, key, lang)) for key in made.cited
        )
    )
    sections.append(PageSection("parameters", words["parameters"], listed, shown))
    banners = []
    if made.policy.trial:
        trial = f"{words['trial_text']} {'; '.join(made.policy.trial)}"
        banners.append(Banner("danger", words["trial"], trial))
    if made.disagreements:
        text = "；".join(in_language(one, lang) for one in made.disagreements)
        banners.append(Banner("danger", heads["differ"], text))
    else:
        banners.append(Banner("info", "✓", heads["sums"]))
    facts = [
        (in_language(fact.label, lang), in_language(fact.text, lang), "") for fact in made.facts
    ]
    return write_page(
        path,
        lang=lang,
        title=in_language(made.title, lang),
        kicker=f"{words['kicker']} · {made.head.get('region', '')}",
        facts=facts,
        sections=sections,
        banners=banners,
    )


def _table(rows: Markup, lang: str) -> Markup:
    words = TITLES[lang]
    return Markup(
        '<div class="scroll" tabindex="0"><table><thead><tr><th scope="col" class="code"></th>'
        '<th scope="col" class="text">{}</th><th scope="col" class="wide">{}</th>'
        '<th scope="col" class="num">{}</th></tr></thead><tbody>{}</tbody></table></div>'
    ).format(words["step"], words["formula"], words["rule"], rows)


def _row(made: Derivation, step: Step, numbers: dict[str, int], lang: str) -> Markup:
    heads = HEADS[lang]
    unit = in_language(UNITS[step.unit], lang)
    holds = "" if step.holds is None else heads["yes"] if step.holds else heads["no"]
    note = in_language(step.note, lang)
    formula = f"{step.formula} {unit}".strip() if step.formula else note
    below = [note] if step.formula and note else []
    below += sources(made, step, numbers, lang)
    small = Markup().join(
        Markup('<br><small class="muted">{}</small>').format(line) for line in below
    )
    mark = Markup(" <strong>{}</strong>").format(holds) if holds and step.formula else ""
    return Markup(
        '<tr><td class="code">({})</td><td class="text">{}</td>'
        '<td class="wide" style="white-space: normal">{}{}{}</td><td class="code">{}</td></tr>'
    ).format(
        numbers[step.key],
        in_language(step.title, lang),
        Markup("<code>{}</code>").format(formula) if step.formula else escape(formula),
        mark,
        small,
        step.rule,
    )
