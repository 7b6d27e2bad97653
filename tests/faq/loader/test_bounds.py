"""Hostile files cost little, and none of them raises."""

from __future__ import annotations

import subprocess
import sys
import time
from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from faq.loader import LoadResult
from faq.yaml_reader import MAX_BYTES, read_tree

SIZE = MAX_BYTES - 10
BOMB = 'a: &a ["lol", "lol", "lol"]\n' + "".join(
    f"{chr(98 + n)}: &{chr(98 + n)} [{', '.join(['*' + chr(97 + n)] * 9)}]\n" for n in range(20)
)
HOSTILE = {
    "bomb": BOMB,
    "long bomb": "a: &a [x]\n" + "- *a\n" * (SIZE // 5 - 10),
    "brackets": "[" * SIZE,
    "dashes": "- " * (SIZE // 2),
    "questions": "? " * (SIZE // 2),
    "tags": "!" * SIZE,
    "directives": "%a\n" * (SIZE // 3),
    "anchor": "&" + "a" * SIZE,
    "documents": "---\n" * (SIZE // 4),
    "values": "[" + "a," * (SIZE // 2 - 5) + "]",
    "keys": "k: 1\n" * (SIZE // 5),
    "controls": "\x01" * SIZE,
    "overrides": "\u202e" * (SIZE // 3),
    "tabs": "\t a\n" * (SIZE // 4),
    "number": "a: " + "1" * (SIZE - 5),
}


def test_bomb_is_refused_at_once(load: Any) -> None:
    started = time.process_time()
    result = load({"passports.yml": BOMB})
    assert time.process_time() - started < 4
    assert result.knowledge is None
    assert {one.code for one in result.findings} == {"F009"}
    assert [one.line for one in result.findings] == [1, 2]


def test_bomb_takes_little_memory() -> None:
    """In a process of its own with 400 MB of address space, which the bomb expanded would pass
    by far (9 to the power of 20 values)."""
    script = (
        "import resource, sys\n"
        "resource.setrlimit(resource.RLIMIT_AS, (400_000_000, 400_000_000))\n"
        "from faq.yaml_reader import read_tree\n"
        "tree, found = read_tree(sys.stdin.buffer.read(), 'x.yml')\n"
        "assert tree is None\n"
        "print(*sorted({one.code for one in found}))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], input=BOMB.encode(), capture_output=True, timeout=30
    )
    assert (done.returncode, done.stdout.split()) == (0, [b"F009"]), done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files_end(name: str) -> None:
    started = time.process_time()
    _, found = read_tree(HOSTILE[name].encode(), "x.yml")
    # Two seconds on a quiet machine, at most; the others grow with the square or never end.
    assert time.process_time() - started < 20
    assert found == [] or all(one.severity == "error" for one in found)


@pytest.mark.slow
@pytest.mark.parametrize(
    "text",
    [
        "".join(f"k{number}: 1\n" for number in range(45_000)),
        "k" * 1_000 + ": 1\n",
        "entries:\n" + "- {}\n" * 90_000,
        "entries:\n- id: abc\n  related:\n" + "  - passport-x\n" * 90_000,
        "entries:\n- phrasings:\n    ar:\n" + "    - a\n" * 90_000,
    ],
    ids=["unknown keys", "a long key", "empty entries", "unknown ids", "one phrasing"],
)
def test_mistakes_without_end(load: Any, text: str) -> None:
    started = time.process_time()
    result = load({"passports.yml": text})
    assert time.process_time() - started < 30
    assert result.knowledge is None
    assert 4 <= len(result.findings) <= 201
    assert all(len(str(one)) < 1_000 for one in result.findings)


def check(result: LoadResult) -> None:
    errors = [one for one in result.findings if one.severity == "error"]
    assert (result.knowledge is None) == bool(errors)
    for one in result.findings:
        assert one.line >= 1 and str(one) and one.text("ar")
        str(one).encode("utf-8")


@settings(max_examples=150, deadline=None)
@given(data=st.binary(max_size=300))
def test_random_bytes(data: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    check(_load(data, tmp_path_factory))


# fmt: off
_PIECES = st.sampled_from([
    "topic", "title", "entries", "id", "question", "ar", "en", "phrasings", "answer", "related",
    "review_by", "buttons", "short", "no", "12", "2027-13-45", "~", "جواز", "\u202e", "x" * 50,
    ": ", ":\n  ", "\n", "\n  ", "\n  - ", "\n    ", "- ", "[", "]", "{", "}", ", ", '"', "'",
    "&a ", "*a", "!!str ", "<<", "|-\n", ">", "#", "%", "\t", "\\u202e", "\\ud800", "?", "---\n",
])
# fmt: on


@settings(max_examples=300, deadline=None)
@given(pieces=st.lists(_PIECES, max_size=40))
def test_random_yaml(pieces: list[str], tmp_path_factory: pytest.TempPathFactory) -> None:
    check(_load("".join(pieces).encode(), tmp_path_factory))


_VALUES: Any = st.recursive(
    st.sampled_from(['""', '" "', '"abc"', "abc", "no", "12", "2027-01-01", "~", '"\\u0007"']),
    lambda inner: st.lists(inner, max_size=3).map(lambda items: f"[{', '.join(items)}]")
    | st.dictionaries(st.sampled_from(["ar", "en", "id", "label", "url", "12"]), inner, max_size=3)
    .map(lambda items: "{" + ", ".join(f"{key}: {value}" for key, value in items.items()) + "}"),
    max_leaves=6,
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_any_value_in_any_field(
    data: st.DataObject, good: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """A field that holds the wrong thing altogether leads to findings, whatever thing it is."""
    lines = good.splitlines()
    keys = [index for index, line in enumerate(lines) if ": " in line and "|" not in line]
    for index in data.draw(st.lists(st.sampled_from(keys), min_size=1, max_size=4)):
        lines[index] = lines[index].split(": ")[0] + ": " + data.draw(_VALUES)
    check(_load("\n".join(lines).encode(), tmp_path_factory))


def _load(content: bytes, factory: pytest.TempPathFactory) -> LoadResult:
    from faq.loader import load_faq

    folder = factory.getbasetemp() / "random"
    folder.mkdir(exist_ok=True)
    (folder / "passports.yml").write_bytes(content)
    return load_faq(folder, date(2026, 9, 1))
