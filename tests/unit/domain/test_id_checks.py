"""What kind of identifier a text is and whether it is valid (domain.md E.1, its worked examples)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.id_checks import IdKind, check_id
from domain.ids import CROCKFORD, USCC_ALPHABET, mint_trace_code, trace_code_check_character, uscc_check_character, uuid7

GOOD_TRACE = "0123456789ABCDEFGHJ" + trace_code_check_character("0123456789ABCDEFGHJ")

TABLE = [
    ("92330211MA2ABC125M", "uscc", True, "right", "sum 1684, 1684 mod 31 = 10, 31 - 10 = 21, M"),
    ("92330225MA2XHK067M", "uscc", True, "right", "sum 2397, mod 10, M"),
    ("91371102MA3RHF0196", "uscc", True, "right", "sum 2195, mod 25, 6"),
    ("91350100M000100Y43", "uscc", True, "right", "sum 1640, mod 28, 3"),
    ("92330211ma2abc125m", "uscc", True, "right", "lower case is upper-cased"),
    (" 92330211MA2ABC125M ", "uscc", True, "right", "blanks around it"),
    ("92330211MA2ABC125Y", "uscc", False, "'M'", "what a widely copied implementation maps elsewhere"),
    ("92330211MA2ABC125", "uscc", False, "17 characters", "one too short"),
    ("92330211MA2ABC125MM", "uscc", False, "19 characters", "one too long"),
    ("9233021IMA2ABC125M", "uscc", False, "character outside", "I is not in the alphabet"),
    ("JY23302110001230", "jy_no", True, "0 is right", "2330211000123 gives 0"),
    ("JY23302250004566", "jy_no", True, "6 is right", "2330225000456 gives 6"),
    ("jy23302250004566", "jy_no", True, "6 is right", "lower case"),
    ("JY23302250004565", "jy_no", False, "should be 6", "wrong check digit"),
    ("JY2330225000456", "jy_no", False, "13 characters", "a digit is missing"),
    ("JY93302250004566", "jy_no", False, "no form", "9 is neither retail, catering nor canteen"),
    ("SC10437110200127", "sc_no", True, "7 is right", "1043711020012 gives 7"),
    ("SC10437110200128", "sc_no", False, "should be 7", "wrong check digit"),
    ("06920000000012", "gtin14", True, "2 is right", "mod 10, weights 3 and 1 from the right"),
    ("96920000000015", "gtin14", True, "variable weight", "indicator 9"),
    ("96920000000016", "gtin14", False, "should be 5", "wrong check digit"),
    ("L20261120A", "lot", True, "1 to 20", "a lot"),
    ("2026-11-20", "lot", True, "1 to 20", "hyphens are allowed"),
    ("L_1", "unknown", False, "no identifier", "an underscore is in none"),
    ("卤味", "unknown", False, "no identifier", "nor is Chinese"),
    ("", "unknown", False, "no identifier", "nothing"),
    (GOOD_TRACE, "trace_code", True, "right", "19 characters and the Luhn character"),
    (GOOD_TRACE[:19] + ("0" if GOOD_TRACE[19] != "0" else "1"), "trace_code", False, "check character", "another last one"),
    ("U" * 20, "trace_code", False, "alphabet", "U is not in Crockford's alphabet"),
    ("cam-0a1b2c3d", "device_id", True, "kind of device", "a camera"),
    ("cam-0a1b2c3", "device_id", False, "8 hexadecimal", "seven digits"),
    ("gw-0a1b2c3g", "device_id", False, "8 hexadecimal", "g is no hexadecimal digit"),
    ("CAM-0A1B2C3D", "device_id", False, "8 hexadecimal", "devices are registered in lower case"),
    ("0190163d-8694-739b-aea5-966c26f8ad91", "event_id", True, "version 7", "UUIDv7"),
    ("f47ac10b-58cc-4372-a567-0e02b2c3d479", "event_id", False, "version 4", "random UUIDs do not sort by time"),
    ("0190163d-8694-739b-cea5-966c26f8ad91", "event_id", False, "variant", "a variant of old"),
]


@pytest.mark.parametrize(("text", "kind", "valid", "says", "why"), TABLE)
def test_each_text_is_named_and_judged(text, kind, valid, says, why):
    found = check_id(text)
    assert (found.text, found.kind, found.valid) == (text, kind, valid), why
    assert says in found.why


def test_a_wrong_inner_organisation_code_is_only_a_warning():
    body = "92330211MA2ABC126"  # MA2ABC12 has the check digit 5
    found = check_id(body + uscc_check_character(body))
    assert found.valid
    assert "warning" in found.why


def test_the_kind_may_be_said_where_the_form_leaves_it_open():
    assert check_id("06920000000012", IdKind.LOT).valid
    assert not check_id("06920000000012", IdKind.TRACE_CODE).valid
    assert not check_id("L20261120A", IdKind.GTIN14).valid
    assert not check_id("JY23302250004566", IdKind.EVENT_ID).valid


@given(st.text(USCC_ALPHABET, min_size=17, max_size=17), st.integers(0, 16), st.sampled_from(USCC_ALPHABET))
def test_one_wrong_character_of_a_credit_code_is_always_found(body, place, other):
    code = body + uscc_check_character(body)
    assert check_id(code, IdKind.USCC).valid
    changed = code[:place] + other + code[place + 1 :]
    assert check_id(changed, IdKind.USCC).valid is (changed == code)


@given(st.text(CROCKFORD, min_size=19, max_size=19), st.integers(0, 18), st.sampled_from(CROCKFORD))
def test_one_wrong_character_of_a_trace_code_is_always_found(body, place, other):
    code = body + trace_code_check_character(body)
    changed = code[:place] + other + code[place + 1 :]
    assert check_id(changed).valid is (changed == code)


@given(st.text(max_size=40))
def test_any_text_gets_an_answer(text):
    found = check_id(text)
    assert found.why
    assert found.valid <= (found.kind is not IdKind.UNKNOWN)


def test_what_the_product_mints_is_valid():
    assert check_id(mint_trace_code()).kind is IdKind.TRACE_CODE
    assert check_id(uuid7(1_790_000_000_000)).valid
