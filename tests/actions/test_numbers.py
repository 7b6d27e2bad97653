"""Ticket numbers: what the check digit notices, and what people may type."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actions import numbers


def of(body: int) -> str:
    """The valid number whose first five digits these are."""
    (found,) = [n for d in range(10) if numbers.is_valid(n := f"{body:05d}{d}")]
    return found


BODIES = st.integers(0, 99_999)


def test_the_published_example() -> None:
    """Damm's own example: 572 has the check digit 4."""
    assert numbers.is_valid("005724")
    assert [d for d in range(10) if numbers.is_valid(f"00572{d}")] == [4]


@given(BODIES)
def test_every_single_wrong_digit_is_noticed(body: int) -> None:
    good = of(body)
    for place in range(6):
        for digit in "0123456789":
            if digit != good[place]:
                assert not numbers.is_valid(good[:place] + digit + good[place + 1 :])


@given(BODIES)
def test_every_exchange_of_neighbours_is_noticed(body: int) -> None:
    good = of(body)
    for place in range(5):
        if good[place] != good[place + 1]:
            swapped = good[:place] + good[place + 1] + good[place] + good[place + 2 :]
            assert not numbers.is_valid(swapped)


def test_drawn_numbers_are_valid_and_unlike_each_other() -> None:
    drawn = [numbers.draw() for _ in range(400)]
    assert all(re.fullmatch(r"[1-9][0-9]{2}-[0-9]{3}", number) for number in drawn)
    assert all(numbers.is_valid(number) for number in drawn)
    assert len(set(drawn)) > 380
    assert drawn != sorted(drawn)


@pytest.mark.parametrize(
    "typed",
    [
        "482-731",
        "482731",
        "482 731",
        "٤٨٢-٧٣١",
        "٤٨٢٧٣١",
        "۴۸۲ ۷۳۱",
        "رقم 482–731 من فضلك",
        "482.731",
    ],
)
def test_what_people_type_is_normalised(typed: str) -> None:
    assert numbers.normalise(typed) == "482-731"


@pytest.mark.parametrize("typed", ["", "abc", "12", "1234567", " 48 27 31 "])
def test_what_is_no_number_stays_as_it_is(typed: str) -> None:
    assert numbers.normalise(typed) == typed.strip()


@pytest.mark.parametrize("bad", ["", "12345", "1234567", "abcdef", "٤٨٢٧٣١", "48273x"])
def test_wrong_shapes_are_not_valid(bad: str) -> None:
    assert not numbers.is_valid(bad)
