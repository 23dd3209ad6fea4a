"""The report of a year-end run: one self-contained page made from the run folder alone."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

from drgpay.ground.languages import is_chinese
from drgpay.ground.money import divide_rounded
from drgpay.policy.choice_words import setting_text

from . import amounts, referrals, reopened, sections, sensitivity, value
from .notes import first_notes
from .pages import rendered
from .run import Run
from .texts import Words

TILE_PLACES = 6


def failed_checks(run: Run, own: Sequence[tuple[str, bool]], w: Words) -> list[str]:
    """What the checks are called that failed, of the run and of the report itself."""
    checks = run.manifest["checks"]
    failed = [c.get(f"text_{w.lang}") or c["name"] for c in checks if not c["passed"]]
    return failed + [text for text, passed in own if not passed]


def sources(run: Run, w: Words) -> list[tuple[str, str]]:
    """The documents that the sources of parameters name, by their short names."""
    named = run.manifest["policy"].get("sources") or {}
    found = {key: sections.source_title(str(title), w.lang) for key, title in named.items()}
    if is_chinese(w.lang) and "assumed" in found:
        found["假定"] = found.pop("assumed")
    return list(found.items())


def view(run: Run, w: Words) -> dict[str, Any]:
    """What the template shows beside the tables and charts that it asks for."""
    m, total, own = run.manifest, run.total, value.own_checks(run, w)
    warnings = (str(warning.get(w.lang)) for warning in m.get("warnings", ()))
    marks = [w("print_trial")] * bool(m["trial"]) + [w("print_synthetic")] * bool(m["synthetic"])
    unverified = [p for p in run.parameters if not p["verified"] and p.get("used", True)]

    def shown_value(s: value.Settlement) -> str:
        units = amounts.rounded(s.value, TILE_PLACES)
        text = amounts.fixed(units, TILE_PLACES)
        return text if Fraction(units, 10**TILE_PLACES) == s.value else f"{w('approx')} {text}"

    return {
        "run": run,
        "m": m,
        "run_digest": run.digest[:12],
        "print_mark": " · ".join(marks),
        "settings": [setting_text(str(text), w.lang) for text in m["trial"] or ()],
        "failed": failed_checks(run, own, w),
        "own": own,
        "told": [*first_notes(run, w), *warnings],
        "unverified_used": len(unverified),
        "mean_points": divide_rounded(total.points, total.cases) if total.cases else 0,
        "shown_value": shown_value,
        "codes_line": ((m.get("codes") or {}).get("line") or {}).get(w.lang, ""),
        "sources": sources(run, w),
        "sections": sections,
        "value": value,
        "reopened": reopened,
        "referrals": referrals,
        "sensitivity": sensitivity,
    }


def write_report(run_dir: Path, lang: str = "zh", *, run: Run | None = None) -> Path:
    """Write the page of a run and return its path.

    Arguments: run_dir, the run folder of docs/formats.md section 6, of which only the Parquet
    tables and manifest.json are read; lang, "zh" or "en"; run, the same folder already read.
    Raises ValueError for another language, FileNotFoundError when a table is missing.
    The page needs no network and no script, and the same folder gives the same bytes.
    """
    page = rendered("report.html.j2", lang, **view(run or Run(run_dir), Words(lang)))
    path = run_dir / "report.html"
    path.write_text(page, encoding="utf-8", newline="\n")
    return path
