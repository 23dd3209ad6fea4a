"""The report of a year-end run: one self-contained page made from the run folder alone."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

from markupsafe import Markup

from drgpay.ground.languages import is_chinese
from drgpay.ground.money import divide_rounded
from drgpay.policy.choice_words import setting_text
from drgpay.runs.reader import Record

from . import amounts, sections
from .amounts import points as points_text
from .amounts import yuan
from .notes import first_notes
from .pages import Banner, Tile, rendered
from .referrals import WORDS as REFERRALS
from .referrals import referral_table, referral_texts
from .reopened import WORDS as REOPENED
from .reopened import is_reopened, mark_text, note_text, recovery_table
from .run import Run
from .sensitivity import parameter_table, sensitivity_notes, sensitivity_table, tried
from .texts import Words
from .value import own_checks, settlements, value_table

TILE_PLACES = 6


def banners(run: Run, own: Sequence[tuple[str, bool]], w: Words) -> list[Banner]:
    m = run.manifest
    found = []
    if is_reopened(run):
        link = w.of(REOPENED, "title")
        banner = Banner("danger", mark_text(run, w), note_text(run, w), (), "reopened", link)
        found.append(banner)
    if m["trial"]:
        items = tuple(setting_text(str(text), w.lang) for text in m["trial"])
        found.append(Banner("danger", w("banner_trial"), w("banner_trial_text"), items))
    failed = [c.get(f"text_{w.lang}") or c["name"] for c in m["checks"] if not c["passed"]]
    failed += [text for text, passed in own if not passed]
    if failed:
        text = w("banner_checks_text", names=w("semicolon").join(failed))
        found.append(
            Banner("danger", w("banner_checks", n=len(failed)), text, (), "checks", w("s_checks"))
        )
    if m["synthetic"]:
        found.append(Banner("danger", w("banner_synthetic"), w("banner_synthetic_text")))
    if m["scheme"]["draft"]:
        text = w("banner_draft_text", title=m["scheme"]["title"])
        found.append(Banner("danger", w("banner_draft"), text))
    told = first_notes(run, w)
    told += tuple(str(warning.get(w.lang)) for warning in m.get("warnings", ()))
    if told:
        found.append(Banner("warning", w("banner_notes", n=len(told)), "", told))
    unverified = sum(1 for p in run.parameters if not p["verified"] and p.get("used", True))
    if unverified:
        found.append(
            Banner(
                "warning",
                w("banner_unverified", n=unverified),
                w("banner_unverified_text"),
                (),
                "parameters",
                w("s_parameters"),
            )
        )
    return found


def held_tile(run: Run, w: Words) -> list[Tile]:
    """The cases held for review, when there are some."""
    held = run.manifest["ends"].get("held", 0)
    if not held:
        return []
    fund = yuan(run.total.held_fund)
    return [Tile(w("tile_held"), f"{held:,}", w("tile_recorded_sub", fen=fund), "loss")]


def tiles(run: Run, w: Words) -> list[Tile]:
    ends, total = run.manifest["ends"], run.total
    whole = run.manifest["counts"]["in"]
    parts = settlements(run)
    mean = divide_rounded(total.points, total.cases) if total.cases else 0
    found = [
        Tile(w("tile_in"), f"{whole:,}"),
        Tile(
            w("tile_paid"),
            f"{ends['paid']:,}",
            w("of_all", share=amounts.percent(ends["paid"], whole, 2)),
        ),
        Tile(
            w("tile_quarantined"),
            f"{ends['quarantined']:,}",
            w("of_all", share=amounts.percent(ends["quarantined"], whole, 2)),
            "loss" if ends["quarantined"] else "",
        ),
        *held_tile(run, w),
        Tile(
            w("tile_points"),
            points_text(total.points),
            w("tile_points_sub", points=points_text(mean)),
        ),
        Tile(
            w("tile_settled"),
            yuan(sum(s.settled for s in parts)),
            w("tile_recorded_sub", fen=yuan(sum(s.recorded for s in parts))),
        ),
        Tile(
            w("tile_payable_reopened") if is_reopened(run) else w("tile_payable"),
            yuan(total.payable),
            w("tile_waits", fen=yuan(total.waits)) if total.waits else "",
        ),
        Tile(
            w("tile_recover"),
            yuan(total.recover),
            w("tile_recover_sub"),
            "loss" if total.recover else "",
        ),
    ]
    for s in parts:
        units = amounts.rounded(s.value, TILE_PLACES)
        exact = Fraction(units, 10**TILE_PLACES) == s.value
        text = amounts.fixed(units, TILE_PLACES)
        label = w("tile_value_combined") if run.combined else w("tile_value", pool=s.name)
        found.append(
            Tile(label, text if exact else w("approx") + " " + text, w("per_point"), "key")
        )
    return found


def _sources(run: Run, w: Words) -> list[tuple[str, str]]:
    """The documents that the sources of parameters name, by their short names."""
    named = run.manifest["policy"].get("sources") or {}
    found = {key: sections.source_title(str(title), w.lang) for key, title in named.items()}
    if is_chinese(w.lang) and "assumed" in found:
        found["假定"] = found.pop("assumed")
    return list(found.items())


def view(run: Run, w: Words) -> Record:
    """Everything the template shows."""
    own = own_checks(run, w)
    records = sections.drg_records(run)
    halved, lost = run.readmissions()
    owed = [a.amounts.final for a in run.demanded]
    negative = [
        a.amounts.final for a in run.accounts if a.amounts.final < 0 and a not in run.demanded
    ]
    diff_svg, diff_title, diff_note = sections.difference_chart(run, w)
    cv = sections.cv_chart(run, records, w)
    paid_svg, paid_note = sections.paid_chart(run, w)
    unverified = parameter_table(run, w, verified=False)
    verified = parameter_table(run, w, verified=True)
    passed = sum(1 for c in run.manifest["checks"] if c["passed"]) + sum(p for _, p in own)
    every = len(run.manifest["checks"]) + len(own)
    pools_used = sorted({a.pool for a in run.accounts})
    print_marks = [w("print_trial")] if run.manifest["trial"] else []
    print_marks += [w("print_synthetic")] if run.manifest["synthetic"] else []
    claw = w("h_no_clawback")
    if negative:
        key = "h_clawback_reopened" if is_reopened(run) else "h_clawback"
        claw = w(key, n=len(negative), fen=yuan(-sum(negative)))
    if owed:
        told = w("h_demanded", n=len(owed), fen=yuan(-sum(owed)))
        claw = f"{claw} {told}" if negative else told
    return {
        "w": w,
        "m": run.manifest,
        "run_digest": run.digest[:12],
        "print_mark": " · ".join(print_marks),
        "banners": banners(run, own, w),
        "tiles": tiles(run, w),
        "checks_chip": w("checks_chip", passed=passed, all=every),
        "all_passed": passed == every,
        "recovery_table": recovery_table(run, w),
        "recovery_title": w.of(REOPENED, "title"),
        "recovery_text": note_text(run, w) if is_reopened(run) else "",
        "value_lead": w("s_value_lead_combined" if run.combined else "s_value_lead"),
        "value_table": value_table(run, w),
        "pool_svg": Markup(sections.pool_chart(run, w)),
        "counts_table": sections.counts_table(run, w),
        "codes_line": ((run.manifest.get("codes") or {}).get("line") or {}).get(w.lang, ""),
        "class_table": sections.class_table(run, w),
        "class_svg": Markup(sections.class_chart(run, w)),
        "readmission_note": (
            w("readmission_note", n=f"{halved:,}", points=points_text(lost)) if halved else ""
        ),
        "clawback": claw,
        "has_clawback": bool(negative or owed),
        "summary_table": sections.summary_table(run, w) if len(pools_used) > 1 else None,
        "pool_tables": [t for pool in pools_used for t in sections.pool_tables(run, pool, w)],
        "funds_table": sections.funds_table(run, w),
        "ceiling_table": sections.ceiling_table(run, w),
        "ceiling_svg": Markup(sections.ceiling_chart(run, w)),
        "paid_svg": Markup(paid_svg),
        "paid_note": paid_note,
        "paid_class_svg": Markup(sections.paid_class_chart(run, w)),
        "paid_class_table": sections.paid_class_table(run, w),
        "quality_table": sections.quality_table(run, w),
        "coefficient_table": sections.coefficient_table(run, w),
        "extra_tables": sections.extra_tables(run, w),
        "referral_title": w.of(REFERRALS, "title"),
        "referral_texts": referral_texts(run, w),
        "referral_table": referral_table(run, w),
        "sources": _sources(run, w),
        "has_moved": bool(tried(run)),
        "sensitivity": sensitivity_table(run, w),
        "sensitivity_notes": sensitivity_notes(run, w),
        "diff_svg": Markup(diff_svg),
        "diff_title": diff_title,
        "diff_note": diff_note,
        "diff_tables": [
            sections.difference_table(run, w, True),
            sections.difference_table(run, w, False),
        ],
        "base_points_text": sections.base_points_text(run, w),
        "cv_svg": Markup(cv.svg) if cv else "",
        "cv_note": cv.note if cv else "",
        "shares": run.shares,
        "drg_table": sections.drg_table(run, records, w),
        "quarantine_table": sections.quarantine_table(run, w),
        "front_page_table": sections.front_page_table(run, w),
        "unverified": unverified,
        "unverified_used": sum(
            1 for p in run.parameters if not p["verified"] and p.get("used", True)
        ),
        "verified": verified,
        "checks_table": sections.checks_table(run, own, w),
        "inputs_table": sections.inputs_table(run, w),
    }


def write_report(run_dir: Path, lang: str = "zh", *, run: Run | None = None) -> Path:
    """Write the page of a run and return its path.

    Arguments: run_dir, the run folder of docs/formats.md section 6, of which only the Parquet
    tables and manifest.json are read; lang, "zh" or "en"; run, the same folder already read.
    Raises ValueError for another language, FileNotFoundError when a table is missing.
    The page needs no network and no script, and the same folder gives the same bytes.
    """
    page = rendered("report.html.j2", **view(run or Run(run_dir), Words(lang)))
    path = run_dir / "report.html"
    path.write_text(page, encoding="utf-8", newline="\n")
    return path
