"""试分组 in a browser: found, ordered, answered, compared; by keyboard, on a phone, in the dark."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from drgpay.service.roles import Role
from tests.browser.conftest import DESK, PHONE, Site, wide

FIND, CHIPS = "#find-dx-a-ts-control", "#dx-a .chip"


def find(page: Any, field: str, text: str, code: str) -> None:
    """Type a text and take a code from what is found."""
    page.fill(field, text)
    page.locator(".ts-dropdown .option", has_text=code).first.click()


def stay(page: Any, cost: str = "9500.50") -> None:
    """Fill in the facts of a stay, and its insurance."""
    page.locator(".choices label", has_text="男").or_(page.locator(".choices label", has_text="Male")).first.click()  # fmt: skip
    page.fill("#f-age_years", "58")
    page.fill("#f-los_days", "6")
    page.fill("#f-total_cost", cost)
    page.select_option("#f-pool", "390")
    page.fill("#f-discharge_date", "2024-03-10")


def group(page: Any, code: str) -> Any:
    """Wait until a group is shown."""
    shown = page.locator(".group-code", has_text=code)
    shown.first.wait_for()
    return shown


def test_preview__of_a_stay_is_answered_beside_the_form(site: Site) -> None:
    page = site.open()
    find(page, FIND, "心力", "I50.900")
    stay(page)
    group(page, "FR15")
    find(page, FIND, "2xtnb", "E11.900")  # by pinyin initials
    group(page, "FR13")
    assert page.locator(CHIPS).nth(1).locator(".tag").inner_text() == "CC"
    figures = page.locator(".figures dd").all_inner_texts()
    assert figures[2].startswith("9,500.50")
    page.locator(".path summary").last.click()
    assert "CC" in page.locator(".path details[open] .path-rule").inner_text()
    assert page.url == f"{site.url}/"  # nothing of a case stands in the address


def test_preview__orders_chips_by_keyboard_and_by_pointer(site: Site) -> None:
    page = site.open()
    page.click("#example")
    stay(page)
    codes = page.locator(f"{CHIPS} .code")
    page.locator(CHIPS).nth(2).focus()
    page.keyboard.press("Alt+ArrowUp")
    page.keyboard.press("Alt+ArrowUp")
    assert codes.all_inner_texts() == ["E11.900", "I63.900", "J18.900"]
    assert page.evaluate("document.activeElement.querySelector('.code').textContent") == "E11.900"
    page.keyboard.press("Delete")
    assert codes.all_inner_texts() == ["I63.900", "J18.900"]
    grip, over = page.locator(f"{CHIPS} .grip").nth(1), page.locator(CHIPS).nth(0)
    box, to = grip.bounding_box(), over.bounding_box()
    page.mouse.move(box["x"] + 4, box["y"] + 8)
    page.mouse.down()
    page.mouse.move(to["x"] + 20, to["y"] + 4, steps=8)
    page.mouse.move(to["x"] + 20, to["y"] + 2, steps=3)
    page.mouse.up()
    assert codes.all_inner_texts() == ["J18.900", "I63.900"]


def test_preview__is_made_with_the_keyboard_alone(site: Site) -> None:
    page = site.open()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    for _ in range(12):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.id") == FIND[1:]:
            break
    page.keyboard.type("I50.900")
    page.locator(".ts-dropdown .option").first.wait_for()
    page.keyboard.press("Enter")
    for _ in range(20):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.name") == "sex":
            break
    page.keyboard.press("Space")
    page.keyboard.press("Tab")
    page.keyboard.type("58")
    group(page, "FR15")


def test_preview__compares_two_codings(site: Site) -> None:
    page = site.open(Role.AGENCY)
    page.select_option("#f-hospital_id", "H1")
    find(page, FIND, "I50.9", "I50.900")
    find(page, FIND, "E11.9", "E11.900")
    stay(page)
    page.check("#two")
    assert page.locator("#dx-b .chip").count() == 2
    page.locator("#dx-b .chip").nth(1).locator("[data-drop]").click()
    # the same codings are answered first, beside each other too
    page.locator(".apart", has_text="不同的病组").wait_for()
    assert page.locator(".group-code").all_inner_texts() == ["FR13", "FR15"]


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ("#f-total_cost", "12,00.555", "总费用"),
        pytest.param("#f-age_years", "x", "年龄", marks=pytest.mark.long),
        pytest.param("#f-los_days", "-3", "住院天数", marks=pytest.mark.long),
    ],
)  # fmt: skip
def test_preview__names_the_field_that_is_wrong(
    site: Site, field: str, value: str, told: str
) -> None:
    page = site.open()
    find(page, FIND, "I50.9", "I50.900")
    stay(page)
    page.fill(field, value)
    assert told in page.locator("#answer .fault").inner_text()
    assert page.locator(field).get_attribute("aria-invalid") == "true"


@pytest.mark.parametrize(
    ("size", "dark", "lang"),
    [
        pytest.param(DESK, False, "zh", marks=pytest.mark.long),
        (PHONE, False, "en"),
        pytest.param(PHONE, True, "zh", marks=pytest.mark.long),
    ],
)
def test_preview__is_clear_to_everybody(
    site: Site, serious: Callable[[Any], list[str]], size: tuple[int, int], dark: bool, lang: str
) -> None:
    page = site.open(size=size, dark=dark, lang=lang)
    assert not wide(page)
    find(page, FIND, "I50.9", "I50.900")
    find(page, FIND, "E11.9", "E11.900")
    stay(page)
    group(page, "FR13")
    assert not wide(page)
    around = page.locator(".scroll:has(.nearest)")
    assert around.evaluate("own => own.scrollWidth <= own.clientWidth")  # no column is cut off
    assert serious(page) == []
    page.fill(FIND, "I")
    page.locator(".ts-dropdown .option").first.wait_for()
    assert serious(page) == []
    text = page.locator("main").inner_text()
    assert ("预计支付" in text, "Expected payment" in text) == (lang == "zh", lang == "en")


def test_preview__is_kept_and_opened_by_its_link(site: Site) -> None:
    page = site.open()
    find(page, FIND, "I50.9", "I50.900")
    find(page, FIND, "E11.9", "E11.900")
    stay(page)
    group(page, "FR13")
    page.fill("#f-title", "主诊待定")
    page.locator("#keep button").click()
    page.locator(".kept a", has_text="主诊待定").first.click()
    group(page, "FR13")
    assert page.locator(f"{CHIPS} .code").all_inner_texts() == ["I50.900", "E11.900"]
    assert page.locator(f"{CHIPS} .chip-name").first.inner_text()
    assert page.input_value("#f-total_cost") == "9500.50"
    assert not wide(page)
    page.on("dialog", lambda asked: asked.accept())
    page.locator(".kept li", has_text="主诊待定").locator("button").first.click()
    page.locator("#kept .muted", has_text="还没有留存").wait_for()


@pytest.mark.long
def test_preview__goes_on_when_the_service_was_away(site: Site) -> None:
    page = site.open()
    find(page, FIND, "I50.9", "I50.900")
    stay(page)
    group(page, "FR15")
    page.context.set_offline(True)
    page.fill("#f-age_years", "59")
    page.locator("#answer .fault").wait_for()
    page.context.set_offline(False)
    page.fill("#f-age_years", "60")
    group(page, "FR15")
    away = ("ERR_INTERNET_DISCONNECTED", "Failed to fetch")
    site.problems = [p for p in site.problems if not any(word in p for word in away)]
