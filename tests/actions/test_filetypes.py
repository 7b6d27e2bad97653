"""What a file is shown to be by its content."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actions.filetypes import HEAD, MOST, MOST_IMAGE, TAKEN, may_be_taken, most_of, type_of
from tests.support import files


@pytest.mark.parametrize(("content", "sound", "mime"), [f[1:] for f in files.TAKEN])
def test_what_is_taken_is_known_by_its_content(content: bytes, sound: bool, mime: str) -> None:
    assert type_of(content[:HEAD], sound=sound) == mime
    assert mime in TAKEN


@pytest.mark.parametrize(
    "content", [f[1] for f in files.REFUSED], ids=[f[0] for f in files.REFUSED]
)
@pytest.mark.parametrize("sound", [True, False])
def test_nothing_else_is_taken(content: bytes, sound: bool) -> None:
    assert type_of(content[:HEAD], sound=sound) is None


@given(st.binary(max_size=HEAD), st.booleans())
def test_any_bytes_get_an_answer(content: bytes, sound: bool) -> None:
    assert type_of(content, sound=sound) in {None, *TAKEN}


@pytest.mark.parametrize("start", [f[1][:12] for f in files.TAKEN])
def test_a_beginning_alone_breaks_nothing(start: bytes) -> None:
    for length in range(len(start) + 1):
        assert type_of(start[:length]) in {None, *TAKEN}


@pytest.mark.parametrize(
    ("declared", "maybe"),
    [
        ("", True),
        ("application/octet-stream", True),
        ("image/jpeg", True),
        ("audio/ogg; codecs=opus", True),
        ("AUDIO/OGG; codecs=opus", True),
        ("audio/x-m4a", True),
        ("video/quicktime", True),  # the content decides
        ("application/pdf", True),
        ("image/svg+xml", False),
        ("text/html", False),
        ("text/plain", False),
        ("application/zip", False),
        ("application/vnd.openxmlformats-officedocument.wordprocessingml.document", False),
        ("application/x-tgsticker", False),
        ("application/x-msdownload", False),
    ],
)
def test_what_is_plainly_another_kind_is_not_fetched(declared: str, maybe: bool) -> None:
    assert may_be_taken(declared) is maybe


def test_pictures_have_a_bound_of_their_own() -> None:
    assert most_of("image/jpeg") == MOST_IMAGE == 10 * 1024 * 1024
    assert most_of("Image/PNG; x=y") == MOST_IMAGE
    assert most_of("video/mp4") == most_of("") == MOST == 20 * 1024 * 1024
