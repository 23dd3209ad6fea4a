"""Every choice of a policy parameter has a Chinese word, shown with its code."""

from __future__ import annotations

from drgpay.policy.catalogues import EVERY
from drgpay.policy.choice_words import OF_KEY, WORDS, choice_text, choice_word, choices_text
from drgpay.report.sections import parameter_value
from drgpay.report.texts import Words


def test_choices__of_the_catalogue_all_have_a_word() -> None:
    offered = [(key, code) for key, known in EVERY.items() for code in known.choices]
    assert offered
    assert [pair for pair in offered if not choice_word(*pair)] == []
    assert set(WORDS) - {code for _, code in offered} == set()
    for key, words in OF_KEY.items():
        assert set(words) <= set(EVERY[key].choices), key


def test_choices__of_one_parameter_have_words_of_their_own() -> None:
    for key, known in EVERY.items():
        words = [choice_word(key, code) for code in known.choices]
        assert len(set(words)) == len(words), key


def test_choice__is_shown_in_chinese_with_its_code_and_in_english_as_it_is() -> None:
    assert choice_text("trim.method", "none") == "不裁剪（none）"
    assert choice_text("trim.method", "none", "en") == "none"
    assert choice_text("keep_ratio", "pooled") == "pooled"
    assert choices_text("coef_applies_to", "normal; low") == "正常病例（normal）; 低倍率病例（low）"
    assert choices_text("history.weighting", "") == ""


def test_parameter_value__shows_choices_of_its_key_only() -> None:
    w = Words("zh")
    assert parameter_value("pooled", "choice", w, "history.weighting") == "各年合并（pooled）"
    assert parameter_value("none", "decimal_places", w, "value_dp") == w("none")
    found = parameter_value(["normal", "low"], "choice", w, "coef_applies_to")
    assert found == "正常病例（normal）、低倍率病例（low）"
    assert parameter_value("pooled", "choice", Words("en"), "history.weighting") == "pooled"


def test_choices__switches_and_none_are_chinese_words() -> None:
    assert choices_text("violator_no_increase", "true") == "是"
    assert choices_text("combine_pools", "false") == "否"
    assert choices_text("capitation.rate_yuan", "none") == "无"
    assert choices_text("case_points_dp", "none") == "四位小数（none）"
    assert choices_text("case_points_dp", "none", "en") == "none"
    assert parameter_value("none", "decimal_places", Words("zh"), "case_points_dp") == (
        "四位小数（none）"
    )
    assert choices_text("high.bands", "100: 3; none: 2") == "100: 3; 其余: 2"
    assert choices_text("combine_pools", "false", "en") == "false"
