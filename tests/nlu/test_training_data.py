"""Reading training examples, and what the project's own must be like."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.errors import InputError
from core.text.clean import fold
from nlu.interpreter import INTENTS
from nlu.training_data import load_examples

GOOD = """\
version: "3.1"
nlu:
  - intent: greeting
    examples: |
      - السلام عليكم
      - [hello](word) there

      - كلمة [طويلة]{"entity": "x"} هنا
  - intent: thanks
    examples: |
      - شكرا
"""


def write(folder: Path, text: str | bytes, name: str = "a.yml") -> Path:
    (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode("utf-8"))
    return folder


def test_rasas_format_is_read(tmp_path: Path) -> None:
    assert load_examples(write(tmp_path, GOOD)) == {
        "greeting": ["السلام عليكم", "hello there", "كلمة طويلة هنا"],
        "thanks": ["شكرا"],
    }


def test_files_add_up_in_the_order_of_their_names(tmp_path: Path) -> None:
    write(tmp_path, GOOD, "b.yml")
    write(tmp_path, GOOD.replace("السلام عليكم", "مرحبا"), "a.yml")
    assert load_examples(tmp_path)["greeting"][::3] == ["مرحبا", "السلام عليكم"]


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("nlu: [", "a.yml"),
        ("[]", "a.yml"),
        ("nlu: 5", "a.yml"),
        ('version: "3.1"\nnlu:\n  - examples: |\n      - a\n', "item 1"),
        ('version: "3.1"\nnlu:\n  - intent: x\n', "item 1"),
        (GOOD.replace("- شكرا", "شكرا"), "item 2"),
        (b"\xff\xfe", "a.yml"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, text: str | bytes, word: str) -> None:
    with pytest.raises(InputError, match=word):
        load_examples(write(tmp_path, text))


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no training data"):
        load_examples(tmp_path)


def test_the_projects_own_examples() -> None:
    examples = load_examples()
    assert set(examples) == set(INTENTS)
    assert min(len(texts) for texts in examples.values()) >= 30
    # One text with two intents teaches nothing. (Smileys alone have no words and no owner.)
    owner: dict[str, str] = {}
    for intent, texts in examples.items():
        for text in filter(fold, texts):
            assert owner.setdefault(fold(text), intent) == intent, text
