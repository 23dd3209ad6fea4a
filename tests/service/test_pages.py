"""Pages without a browser: the shell, its files, faults told as pages."""

from __future__ import annotations

import dataclasses
import json
import re
import threading
from fractions import Fraction
from html import escape
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from drgpay.cases.checks.catalogue import CHECKS
from drgpay.ground.errors import InputError
from drgpay.runs.one_case import OnePricer
from drgpay.service.keys import add_key
from drgpay.service.pages import trial_page
from drgpay.service.pages.statics import FOLDER, files
from drgpay.service.roles import Role
from drgpay.trials.live import LiveTrial
from tests.service.conftest import EX1, Served

HTML = {"Accept": "text/html,*/*;q=0.8"}


def test_static__is_kept_for_ever_under_a_name_of_its_content(served: Served) -> None:
    style = files()["app.css"]
    plain = (FOLDER / "app.css").read_bytes()
    answer = served.client.get(style.url)
    assert answer.content == plain
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers["content-encoding"] == "gzip"
    again = served.client.get(style.url, headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_static__another_name_or_a_way_out_is_not_there(served: Served) -> None:
    for name in ("app.css", "app.0000000000000000.css", "../shell.py", "%2e%2e/shell.py"):
        assert served.client.get(f"/static/{name}").status_code == 404


def test_home__asks_a_stranger_to_log_in(served: Served) -> None:
    answer = served.client.get("/", headers=HTML, follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, "/login")


def test_page__is_chinese_until_another_language_is_asked_for(served: Served) -> None:
    mine = served.headers(Role.HOSPITAL)
    assert '<html lang="zh-CN">' in served.client.get("/", headers=mine).text
    english = served.client.get("/?lang=en", headers=mine)
    assert '<html lang="en">' in english.text
    assert english.cookies["drgpay_lang"] == "en"
    served.client.cookies.clear()


def test_page__carries_nothing_inline(served: Served) -> None:
    text = served.client.get("/", headers=served.headers(Role.AGENCY)).text
    assert not re.search(r"\sstyle=|\son[a-z]+=|<style|javascript:", text)
    assert all("src=" in tag for tag in re.findall(r"<script[^>]*>", text))
    assert not re.search(r"(src|href|action)=\"(https?:)?//", text)


def test_fault__is_a_page_for_a_browser_and_json_for_a_program(served: Served) -> None:
    browser = served.client.get("/nowhere", headers=HTML)
    assert (browser.status_code, browser.headers["content-type"]) == (
        404,
        "text/html; charset=utf-8",
    )
    assert "没有这一项" in browser.text
    program = served.client.get("/nowhere")
    assert program.headers["content-type"] == "application/problem+json"


def test_preview_page__answers_a_form_and_keeps_nothing(served: Served) -> None:
    asked = {"dx_a": ["I50.900", "E11.900"], "sex": "M", "age_years": "58", "los_days": "6",
             "total_cost": "9,500.50", "pool": "390"}  # fmt: skip
    mine = served.headers(Role.HOSPITAL)
    text = served.client.post("/preview", data=asked, headers=mine).text
    assert "FR13" in text and "9,500.50" in text and "不是支付承诺" in text
    assert 'data-mark="CC"' in text
    less = {**asked, "dx_a": [], "sex": ""}
    text = served.client.post("/preview", data=less, headers=mine).text
    assert "主要诊断" in text and "性别" in text and "FR13" not in text


def test_preview_page__writes_what_was_sent_as_text(served: Served) -> None:
    asked = {"dx_a": "<script>1</script>", "sex": "M", "age_years": "58"}
    text = served.client.post("/preview", data=asked, headers=served.headers(Role.HOSPITAL)).text
    assert "<script>" not in text and "&lt;script&gt;" in text


def test_preview_page__of_a_held_case_says_why_and_no_amount(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    pricer = served.service.desk.board.pricer
    assert pricer is not None
    asked = {"dx_a": ["I50.900", "E11.900"], "sex": "M", "age_years": "58", "los_days": "6",
             "total_cost": "9500.50", "pool": "390"}  # fmt: skip
    mine = served.headers(Role.HOSPITAL)
    free = served.client.post("/preview", data=asked, headers=mine).text
    assert "支付减费用" in free and "+" in free
    every = dataclasses.replace(pricer.rules, hold=255)
    monkeypatch.setattr(pricer, "rules", every)
    monkeypatch.setattr(OnePricer, "_doubts", lambda *_: ("stay_against_dates",))
    held = served.client.post("/preview", data=asked, headers=mine).text
    assert "政策规定核实前暂不支付" in held and "FR13" in held
    assert "支付减费用" not in held and "0.0000" not in held and "+0.00" not in held


def test_form__of_another_kind_is_refused(served: Served) -> None:
    mine = served.headers(Role.HOSPITAL)
    answer = served.client.post("/preview", content=b"{}", headers=mine)
    assert answer.status_code == 422
    many = "&".join(f"a{n}=1" for n in range(2_000))
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = served.client.post("/preview", content=many, headers={**mine, **kind})
    assert answer.status_code == 422


def test_objection__is_answered_once_and_never_empty(served: Served) -> None:
    mine, agency = served.headers(Role.HOSPITAL), served.headers(Role.AGENCY)
    empty = served.client.post("/objections", data={"about": "", "text": "x"}, headers=mine)
    assert [one["field"] for one in empty.json()["errors"]] == ["about"]
    made = served.client.post(
        "/objections", data={"about": "点数", "text": "少计"}, headers=mine, follow_redirects=False
    )
    number = made.headers["location"].partition("sent=")[2].partition("#")[0]
    told = {"answer": "已核", "accepted": "yes"}
    for status in (303, 404):
        answer = served.client.post(
            f"/objections/{number}", data=told, headers=agency, follow_redirects=False
        )
        assert answer.status_code == status


def page_of(served: Served, path: str, who: Role | str = Role.AGENCY, status: int = 200) -> str:
    """Return the text of a page."""
    served.client.cookies.clear()
    answer = served.client.get(path, headers={**HTML, **served.headers(who)})
    assert answer.status_code == status, (path, answer.text)
    served.client.cookies.clear()
    return answer.text


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_hospital_page__tells_findings_in_words(served: Served, lang: str) -> None:
    text = page_of(served, f"/hospital/H3?lang={lang}")
    found = CHECKS["principal_in_no_mdc"]
    assert escape(found.message(lang)) in text and escape(found.advice(lang)) in text
    assert "principal_in_no_mdc" not in text


def test_hospital_page__of_a_hospital_that_was_not_settled_says_which_and_what_to_do(
    served: Served,
) -> None:
    new = add_key(
        served.service.store, served.service.secret, Role.HOSPITAL, "a new one",
        hospital="H404", anyway=True,
    )  # fmt: skip
    served.service.keys.refresh()
    answer = served.client.get("/hospital", headers={**HTML, "Authorization": f"Bearer {new}"})
    assert answer.status_code == 404
    assert "2024 年度清算结果中没有本机构（编码 H404）" in answer.text
    assert "新机构要到下次清算才有结果" in answer.text
    assert "没有这一项" in page_of(served, "/hospital/H404", Role.AGENCY, 404)


def test_hospital_and_region_page__name_versions_values_and_what_is_not_verified(
    served: Served, ex1_run: Path
) -> None:
    manifest = json.loads((ex1_run / "manifest.json").read_text(encoding="utf-8"))
    unverified = [
        p["name"] for p in manifest["policy"]["parameters"] if not p["verified"] and p["used"]
    ]
    assert unverified
    for path in ("/hospital/H1", "/region"):
        text = page_of(served, path)
        for part in (served.run.digest[:12], manifest["policy"]["id"], "元/点", *unverified):
            assert part in text, (path, part)


def test_hospital_page__lists_the_largest_losses_of_all_groups(
    served: Served, ex1_run: Path
) -> None:
    cases = [
        row
        for row in pq.read_table(ex1_run / "cases.parquet").to_pylist()
        if row["hospital_id"] == "H3" and row["paid_by"] == "points"
    ]
    values = {
        row["pool"]: Fraction(row["point_value_fraction"])
        for row in pq.read_table(ex1_run / "pools.parquet").to_pylist()
    }
    over: dict[str, int] = {}
    for row in cases:
        fen = round(Fraction(row["points"]) * values[row["pool"]] * 100) - row["total_cost_fen"]
        over[row["drg"]] = over.get(row["drg"], 0) + fen
    lost = sorted((fen, drg) for drg, fen in over.items() if fen < 0)
    assert lost
    table = page_of(served, "/hospital/H3").partition("亏损最大的")[2].partition("</table>")[0]
    told = re.findall(r">(-[\d,]+\.\d\d)<", table)
    assert told == [f"{fen / 100:,.2f}" for fen, _ in lost]
    assert re.findall(r'/groups/(\w+)"', table) == [drg for _, drg in lost]


def test_case_page__derives_a_case_for_who_may_see_it(served: Served) -> None:
    for who in (Role.HOSPITAL, Role.AGENCY, Role.AUDITOR):
        text = page_of(served, "/hospital/H1/case?case_id=C01", who)
        assert "病例 C01" in text and "265" in text and "所用参数与条款" in text
    assert "case_id" in page_of(served, "/hospital/H1", Role.HOSPITAL)
    missing = [
        page_of(served, f"/hospital/H1/case?case_id={case}", Role.HOSPITAL, 404)
        for case in ("C04", "C999")
    ]
    plain = [re.sub(r"<code.*?</code>|[0-9a-f]{10}-\w+", "", text) for text in missing]
    assert plain[0] == plain[1]  # another's case is like one that there is not
    assert "核对病例号" in plain[0]
    page_of(served, "/hospital/H2/case?case_id=C04", Role.HOSPITAL, 404)
    page_of(served, "/hospital/H2/case?case_id=C01", Role.AGENCY, 404)


def test_derivation_page__names_no_other_institution_to_a_hospital(
    served: Served, ex1_run: Path
) -> None:
    manifest = json.loads((ex1_run / "manifest.json").read_text(encoding="utf-8"))
    others = [h["name"] for h in manifest["hospitals"] if h["hospital_id"] != "H1"]
    paths = ["/hospital/H1/why", *(f"/hospital/H1/case?case_id={c}" for c in ("C02", "C12"))]
    for path in paths:
        text = page_of(served, path, Role.HOSPITAL)
        assert not any(name in text for name in others), path
        assert not re.search(r"\bH[23]\b", text), path


def test_group__of_few_institutions_shows_no_spread_to_a_hospital(served: Served) -> None:
    told = "history_cases", "cv_after", "median_after_fen", "cases", "total_cost_fen"
    for who in (Role.HOSPITAL, Role.AGENCY):
        answer = served.client.get("/v1/schemes/ex1-tiny/drgs/FM13", headers=served.headers(who))
        base = answer.json()["base"]
        assert base["base_points"] and base["group_mean_fen"] is not None
        own = {name: base[name] for name in told}
        if who is Role.HOSPITAL:
            assert set(own.values()) == {None}
        else:
            assert own["cases"] == 2


@pytest.mark.parametrize("number", ["0", "-1", str(2**63), "9" * 40])
def test_objection__of_a_number_that_cannot_be_is_not_there(number: str, served: Served) -> None:
    told = {"answer": "已核", "accepted": "yes"}
    agency = served.headers(Role.AGENCY)
    answer = served.client.post(f"/objections/{number}", data=told, headers=agency)
    assert answer.status_code == 404


def trying(served: Served, folder: Path, monkeypatch: pytest.MonkeyPatch) -> trial_page.Trials:
    """Let the agency try on a region that nobody has read."""
    own = dataclasses.replace(served.service.settings, region=str(folder))
    monkeypatch.setattr(served.service, "settings", own)
    monkeypatch.setattr(trial_page, "TRIALS", trial_page.Trials())
    return trial_page.TRIALS


def test_trial_page__says_at_once_that_the_year_is_settled_and_then_shows_sliders(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    trials, may = trying(served, EX1, monkeypatch), threading.Event()

    def slow(folder: Path) -> LiveTrial:
        assert may.wait(60)
        return LiveTrial(folder)

    monkeypatch.setattr(trial_page, "LiveTrial", slow)
    waiting = 'hx-get="/region/trial/sliders"'
    for path in ("/region/trial", "/region/trial/sliders"):
        text = page_of(served, path)
        assert waiting in text and "正在读取并清算" in text and "budget." not in text
    may.set()
    trials.begin(str(EX1)).result(60)
    for path in ("/region/trial/sliders", "/region/trial"):
        text = page_of(served, path)
        assert waiting not in text and 'name="budget.310"' in text and 'id="trial-answer"' in text
    assert text.count("<h1>") == 1 and trials.begin(str(EX1)).result() is not None


def test_trial_page__of_a_region_that_cannot_be_read_says_so_and_tries_again(
    served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trials, may = trying(served, tmp_path, monkeypatch), threading.Event()

    def slow(folder: Path) -> LiveTrial:
        assert may.wait(60)
        return LiveTrial(folder)

    monkeypatch.setattr(trial_page, "LiveTrial", slow)
    page_of(served, "/region/trial")
    first = trials.begin(str(tmp_path), again=False)
    may.set()
    assert isinstance(first.exception(60), InputError)
    assert 'role="alert"' in page_of(served, "/region/trial/sliders")
    assert trials.begin(str(tmp_path), again=False) is first
    may.clear()
    assert "正在读取并清算" in page_of(served, "/region/trial")
    assert trials.begin(str(tmp_path), again=False) is not first
    may.set()
