"""The other pages in a browser: what each role sees, clear to everybody, in both languages."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from drgpay.service.roles import Role
from tests.browser.conftest import DESK, PHONE, Site, wide
from tests.service.conftest import EX1

HOSPITAL, AGENCY, AUDITOR = Role.HOSPITAL, Role.AGENCY, Role.AUDITOR
# each page, who opens it, and what stands on it in Chinese and in English
PAGES: dict[str, tuple[Role, str, str]] = {
    "/keys": (Role.KEYS, "发放密钥", "Make a key"),
    "/batch": (HOSPITAL, "批量试算", "Batch"),
    "/groups": (HOSPITAL, "比较版本", "Compare versions"),
    "/groups/GB11": (HOSPITAL, "怎样入这一组", "How cases get here"),
    "/groups?q=GB": (AUDITOR, "胃大手术", "Base points"),
    "/groups/compared?from=zj-drg-2022&to=zj-drg-2022": (HOSPITAL, "没有差别", "are the same"),
    "/hospital": (HOSPITAL, "应收回", "Settlement"),
    "/hospital/H1/why": (HOSPITAL, "所用参数与条款", "Parameters and clauses"),
    "/region": (AGENCY, "已发布的结果", "Published results"),
    "/region/trial": (AGENCY, "回到现行", "As today"),
    "/objections": (AUDITOR, "异议", "Objections"),
    "/budget": (AGENCY, "最近的账目", "The last entries"),
    "/budget/entries/1": (AUDITOR, "没有分录", "It posts nothing"),
    "/budget/own": (HOSPITAL, "涉及本院的账目", "Entries that concern it"),
    "/budget/watch": (AUDITOR, "综合判断", "Together"),
    "/budget/watch/persons": (AGENCY, "仅供经办机构内部使用", "for the agency's own use"),
    "/budget/registers": (AUDITOR, "异议登记", "Objections"),
    "/budget/published": (HOSPITAL, "还没有公开", "Nothing is published yet"),
    "/nowhere": (AGENCY, "没有这一项", "no such thing"),
}
SLOW = (
    "/budget/watch/persons",
    "/budget/published",
    "/budget/entries/1",
    "/budget/own",
    "/groups/compared?from=zj-drg-2022&to=zj-drg-2022",
    "/groups?q=GB",
    "/nowhere",
)


def cases() -> list[Any]:
    """Return each page as it is tried: on a phone at once, otherwise in long runs."""
    made = []
    for path in PAGES:
        for size, dark, lang in (
            (PHONE, False, "zh"),
            (DESK, True, "en"),
            (PHONE, True, "en"),
            (DESK, False, "zh"),
        ):
            usual = size == PHONE and not dark and path not in SLOW
            marks = () if usual else (pytest.mark.long,)
            made.append(pytest.param(path, size, dark, lang, marks=marks))
    return made


@pytest.mark.parametrize(("path", "size", "dark", "lang"), cases())
def test_page__is_clear_to_everybody(
    site: Site,
    serious: Callable[[Any], list[str]],
    path: str,
    size: tuple[int, int],
    dark: bool,
    lang: str,
) -> None:
    role, *texts = PAGES[path]
    more = f"{'&' if '?' in path else '?'}lang={lang}"
    page = site.open(role, f"{path}{more}", size=size, dark=dark)
    if path == "/region/trial":  # which says at first that the year is being settled
        page.locator("#trial-answer table").first.wait_for()
    assert texts[lang == "en"] in page.locator("main").inner_text()
    assert not wide(page)
    for chart in page.locator("[data-chart]").all():
        assert chart.locator("svg").count() == 1 and chart.get_attribute("aria-label")
    assert serious(page) == []
    if path == "/nowhere":
        site.problems = [p for p in site.problems if "404" not in p]


@pytest.mark.parametrize("role", list(Role))
def test_navigation__shows_each_role_its_pages_and_no_other(site: Site, role: Role) -> None:
    page = site.open(role)
    links = {link.get_attribute("href") for link in page.locator(".tabs a").all()}
    common = {"/", "/batch", "/groups"}
    assert links == {
        Role.HOSPITAL: common | {"/hospital", "/budget/own"},
        Role.AGENCY: common | {"/region", "/budget", "/objections"},
        Role.AUDITOR: common | {"/region", "/budget", "/objections"},
        Role.KEYS: {"/keys"},
    }[role]  # fmt: skip


def upload(page: Any, path: Path) -> None:
    """Send a file and wait for what comes of it."""
    page.set_input_files("#file", path)


def test_batch__tells_faults_by_row_and_sums_the_others(site: Site, tmp_path: Path) -> None:
    lines = (EX1 / "cases.csv").read_text(encoding="utf-8-sig").splitlines()
    lines[2] = lines[2].replace(",M,71,", ",M,很老,")
    assert "很老" in lines[2]
    file = tmp_path / "病例.csv"
    file.write_text("\n".join(lines) + "\n", encoding="utf-8-sig")
    page = site.open(HOSPITAL, "/batch")
    upload(page, file)
    page.locator("#faults").wait_for(timeout=60_000)
    row = page.locator("#faults tbody tr", has_text="很老")
    assert "age_years" in row.inner_text() and "C02" in row.inner_text()
    assert row.locator("td").last.inner_text().strip()  # advice
    assert "病例.csv" in page.locator("h1").inner_text()
    assert page.locator("main").get_by_text("心内科").count()
    with page.expect_download() as taken:
        page.get_by_text("下载Excel").click()
    assert Path(taken.value.path()).read_bytes()[:2] == b"PK"


def test_batch__says_what_is_wrong_with_a_file(site: Site, tmp_path: Path) -> None:
    file = tmp_path / "empty.csv"
    file.write_bytes(b"")
    page = site.open(HOSPITAL, "/batch")
    upload(page, file)
    page.locator("#upload-fault .fault").wait_for()
    assert page.locator(".drop").is_visible()  # another may be sent
    site.problems = [p for p in site.problems if "status of 4" not in p]


def test_objection__gets_a_number_and_an_answer(site: Site) -> None:
    page = site.open(HOSPITAL, "/hospital")
    page.fill("#about", "胃大手术的点数")
    page.fill("#text", "请核对 <b>系数</b>")
    page.locator(".object button").click()
    page.locator("#objections .note").wait_for()
    number = page.url.partition("sent=")[2].partition("#")[0]
    assert f"№ {number}" in page.locator(".objection").first.inner_text()
    agency = site.open(AGENCY, "/objections")
    form = agency.locator(f"form[action='/objections/{number}']")
    form.locator("textarea").fill("系数无误")
    form.locator("input[value=no]").check()
    form.locator("button").click()
    agency.locator("blockquote", has_text="系数无误").wait_for()
    page.goto(f"{site.url}/hospital")
    told = page.locator(".objection", has_text=f"№ {number}")
    assert "不采纳" in told.inner_text() and "系数无误" in told.inner_text()
    assert "<b>系数</b>" in told.inner_text()  # as it was written, not as a tag


def test_page__of_another_hospital_is_not_there(site: Site) -> None:
    page = site.open(HOSPITAL, "/hospital/H2")
    assert "没有这一项" in page.locator("h1").inner_text()
    site.problems = [p for p in site.problems if "404" not in p]


def test_log_in__is_what_a_stranger_sees(site: Site, serious: Callable[[Any], list[str]]) -> None:
    page = site.open(None, "/")
    assert page.url == f"{site.url}/login"
    assert serious(page) == []
    page.fill("input[name=key]", site.keys[AGENCY])
    page.keyboard.press("Enter")
    page.locator("nav.tabs").wait_for()
    page.get_by_role("button", name="退出").click()
    page.locator("input[name=key]").wait_for()
    assert page.url == f"{site.url}/login"


def test_trial__moves_the_point_value_with_the_budget(site: Site) -> None:
    page = site.open(AGENCY, "/region/trial")
    answer = page.locator("#trial-answer")
    answer.get_by_text("与现行相同").wait_for()
    slider = page.locator("input[name='budget.310']")
    for _ in range(4):
        slider.press("ArrowRight")
    answer.locator("[data-chart] svg").wait_for()
    rows = answer.locator("table").first.locator("tbody tr")
    assert rows.filter(has_text="310").locator("td").last.inner_text().startswith("+")
    assert rows.filter(has_text="390").locator("td").last.inner_text() == "0.0000"


def test_print__shows_the_paper_without_what_is_pressed(site: Site) -> None:
    page = site.open(HOSPITAL, "/hospital")
    page.emulate_media(media="print")
    for gone in (".tabs", ".button", ".inpage"):
        assert not page.locator(gone).first.is_visible()
    assert page.locator("#settlement").is_visible()
