"""Secret codes: drawing, hashing, finding them in what people write, blanking them."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actions import codes, numbers
from actions.codes import Named
from core.crypto import Vault

BOTH = Named(("482-731",), ("01734652",))


def test_a_code_is_eight_random_digits() -> None:
    drawn = [codes.draw() for _ in range(500)]
    assert all(re.fullmatch(r"[0-9]{4}-[0-9]{4}", code) for code in drawn)
    assert len(set(drawn)) > 490


def test_the_hash_belongs_to_the_ticket_the_code_and_the_key(vault: Vault) -> None:
    made = codes.hash_of(vault, "482-731", "0173-4652")
    assert re.fullmatch(r"[0-9a-f]{64}", made)
    assert made == codes.hash_of(vault, "482-731", "01734652")
    others = (
        codes.hash_of(vault, "482-732", "0173-4652"),
        codes.hash_of(vault, "482-731", "0173-4653"),
        codes.hash_of(Vault(b"another key that is as long as it must be"), "482-731", "0173-4652"),
    )
    assert made not in others


@pytest.mark.parametrize(
    "text",
    [
        "482-731 0173-4652",
        "482731 01734652",
        "48273101734652",
        "482 731 0173 4652",
        "482731\n0173 – 4652",
        "رقم الطلب \u200e482-731 والرمز \u200e0173-4652، أريد المتابعة",
        "٤٨٢-٧٣١ ٠١٧٣-٤٦٥٢",
        "۴۸۲۷۳۱ / ۰۱۷۳۴۶۵۲",
        "my code is 0173-4652 for 482-731.",
        "code:01734652,number:482731",
    ],
)
def test_number_and_code_are_found_however_they_are_written(text: str) -> None:
    assert codes.named_in(text) == BOTH


@pytest.mark.parametrize(
    "text",
    ["", "482", "4827", "0501234567", "482-73", "2026-11-22 14:30", "4827 31", "123 4567 89"],
)
def test_other_digits_are_neither(text: str) -> None:
    assert codes.named_in(text) == Named()


def test_a_phone_number_of_eight_digits_looks_like_a_code() -> None:
    """So it is the check against the ticket that decides, not the look."""
    assert codes.named_in("هاتفي 5512 3456").codes == ("55123456",)


@pytest.mark.parametrize(
    ("text", "blanked"),
    [
        ("482-731 0173-4652", "482-731 ••••-••••"),
        ("رمزي ٠١٧٣٤٦٥٢ ورقمي ٤٨٢٧٣١", "رمزي •••••••• ورقمي ٤٨٢٧٣١"),
        ("48273101734652", "482731••••••••"),
        ("لا شيء هنا 0501234567", "لا شيء هنا 0501234567"),
    ],
)
def test_blanking_takes_the_code_alone(text: str, blanked: str) -> None:
    assert codes.blank(text) == blanked
    assert codes.named_in(blanked).codes == ()


def test_eight_digits_without_a_ticket_are_left_to_staff() -> None:
    number = numbers.draw()
    assert codes.blank_beside_number("اتصلوا بي على 5512 3456") == "اتصلوا بي على 5512 3456"
    assert codes.blank_beside_number(f"{number} 5512 3456") == f"{number} •••• ••••"


@given(st.text(max_size=200))
def test_any_text_is_read_and_blanked(text: str) -> None:
    found = codes.named_in(text)
    assert all(len(code) == 8 and code.isascii() and code.isdigit() for code in found.codes)
    blanked = codes.blank(text)
    assert len(blanked) == len(text)
    assert [b for a, b in zip(text, blanked, strict=True) if a != b] == ["•"] * 8 * len(found.codes)


@given(st.integers(0, 99_999_999), st.integers(10_000, 99_999))
def test_what_is_said_is_found_again(code: int, _body: int) -> None:
    number, said = numbers.draw(), f"{code:08d}"
    text = f"{number} {said[:4]}-{said[4:]}"
    assert codes.named_in(text) == Named((number,), (said,))


def test_words_besides_digits_are_counted() -> None:
    assert codes.words_besides("أريد متابعة 482731 و 01734652 now") == 4
