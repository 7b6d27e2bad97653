"""The knowledge base in service, while its files and the days change."""

from __future__ import annotations

import asyncio
import os
from datetime import date
from pathlib import Path

import pytest

from core.arrays import ArrayStore
from core.errors import InputError
from faq import files as files_module
from faq import service as service_module
from faq.service import FaqService
from tests.support.encoders import HashEncoder
from tests.support.faq_files import WORDS, Item, write_faq
from tests.support.waiting import eventually

STRAYS = ["who won the match", "tell me a joke", "كم عدد سكان المريخ", "من فاز امس"]
ITEMS = [Item("passport-fees"), Item("licence-lost")]
TEXT = WORDS["passport-fees"][0]


class House:
    """A service over a folder, with a day that is moved by hand."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "content"
        self.day = date(2026, 11, 22)
        self.encoder = HashEncoder()
        self.service = FaqService(
            self.folder, STRAYS, self.encoder, ArrayStore(folder / "store"), lambda: self.day
        )
        self._tick = 0

    def write(self, items: list[Item], name: str = "topic.yml") -> Path:
        path = write_faq(self.folder, items, name)
        self._tick += 1
        os.utime(path, (1_800_000_000 + self._tick, 1_800_000_000 + self._tick))
        return path

    def answer(self) -> str:
        return self.service.index.search(TEXT, self.day).matches[0].entry.answer["ar"]

    def ids(self) -> list[str]:
        return [entry.id for entry in self.service.index.entries]


@pytest.fixture
def house(tmp_path: Path) -> House:
    made = House(tmp_path)
    made.write(ITEMS)
    made.service.load()
    return made


def test_nothing_changed(house: House) -> None:
    index = house.service.index
    assert house.service.refresh() is False
    assert house.service.index is index


def test_a_good_change_takes_its_place(house: House) -> None:
    house.write([Item("passport-fees", answer="الجواب الجديد."), ITEMS[1], Item("visa-extend")])
    assert house.service.refresh() is True
    assert house.answer() == "الجواب الجديد."
    assert house.ids() == ["passport-fees", "licence-lost", "visa-extend"]
    assert house.service.refresh() is False


def test_a_new_file_is_noticed(house: House) -> None:
    path = write_faq(house.folder, [Item("visa-extend")], "visas.yml")
    path.write_text(path.read_text().replace("topic: sample", "topic: visas"))
    assert house.service.refresh() is True
    assert "visa-extend" in house.ids()
    path.unlink()
    assert house.service.refresh() is True
    assert "visa-extend" not in house.ids()


@pytest.mark.parametrize(
    "bad",
    [
        "entries: [",
        "\ttopic: x",
        "",
        "topic: sample\ntitle: {ar: عينة, en: Sample}\nowner: o\nentries: []\n",
    ],
)
def test_a_bad_change_is_refused_and_the_former_serves(house: House, bad: str) -> None:
    index, knowledge = house.service.index, house.service.knowledge
    path = house.folder / "topic.yml"
    path.write_text(bad, encoding="utf-8")
    assert house.service.refresh() is False
    assert house.service.index is index and house.service.knowledge is knowledge
    assert any(found.severity == "error" for found in house.service.findings)
    # Mended, it serves again; the findings go.
    house.write([Item("passport-fees", answer="مُصلح."), ITEMS[1]])
    assert house.service.refresh() is True
    assert house.answer() == "مُصلح."
    assert not any(found.severity == "error" for found in house.service.findings)


def test_a_folder_that_vanishes_leaves_the_former_in_service(house: House) -> None:
    house.folder.rename(house.folder.with_name("elsewhere"))
    assert house.service.refresh() is False
    assert house.ids() == ["passport-fees", "licence-lost"]
    house.folder.with_name("elsewhere").rename(house.folder)
    house.service.refresh()
    assert house.ids() == ["passport-fees", "licence-lost"]


def test_a_touched_file_is_no_change(house: House) -> None:
    index = house.service.index
    house.write(ITEMS)
    assert house.service.refresh() is False
    assert house.service.index is index


def test_the_first_load_refuses_what_cannot_be_served(tmp_path: Path) -> None:
    house = House(tmp_path)
    path = house.write(ITEMS)
    path.write_text(path.read_text(encoding="utf-8").replace("source:", "sauce:"), encoding="utf-8")
    with pytest.raises(InputError, match=r"topic\.yml"):
        house.service.load()
    for missing in ("index", "knowledge"):
        with pytest.raises(RuntimeError):
            getattr(house.service, missing)


def test_the_day_alone_changes_what_is_served(house: House) -> None:
    house.write(
        [
            Item("passport-fees", valid_until="2026-12-01"),
            Item("licence-lost"),
            Item("visa-extend", valid_from="2026-12-01"),
        ]
    )
    house.service.refresh()
    assert house.ids() == ["passport-fees", "licence-lost"]
    house.day = date(2026, 11, 30)
    assert house.service.refresh() is False
    house.day = date(2026, 12, 1)
    assert house.service.refresh() is True
    assert house.ids() == ["licence-lost", "visa-extend"]
    assert house.service.refresh() is False
    assert house.service.knowledge.entry("passport-fees") is not None, "known, but silent"


def test_a_change_that_could_not_be_indexed_is_tried_again(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A passing failure (memory, a disk) must not leave the former answers in service for good."""
    house.write([Item("passport-fees", answer="الجواب الجديد."), ITEMS[1]])
    real = service_module.build_index

    def broken(*arguments, **more):
        raise MemoryError

    monkeypatch.setattr(service_module, "build_index", broken)
    with pytest.raises(MemoryError):
        house.service.refresh()
    assert house.answer() != "الجواب الجديد."
    monkeypatch.setattr(service_module, "build_index", real)
    assert house.service.refresh() is True
    assert house.answer() == "الجواب الجديد."


def test_a_day_that_could_not_be_indexed_is_tried_again(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.write([Item("passport-fees", valid_until="2026-12-01"), Item("licence-lost")])
    house.service.refresh()
    house.day = date(2026, 12, 1)
    real = service_module.build_index
    monkeypatch.setattr(service_module, "build_index", lambda *a, **k: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        house.service.refresh()
    monkeypatch.setattr(service_module, "build_index", real)
    assert house.service.refresh() is True
    assert house.ids() == ["licence-lost"]


async def test_watching_takes_up_changes_and_outlives_errors(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files_module, "LOOK", 0.02)
    real, failures = house.service.refresh, []

    def refresh() -> bool:
        if not failures:
            failures.append(1)
            raise OSError("disk")
        return real()

    monkeypatch.setattr(house.service, "refresh", refresh)
    watching = asyncio.create_task(house.service.watch())
    house.write([*ITEMS, Item("visa-extend")])
    await eventually(lambda: "visa-extend" in house.ids())
    watching.cancel()
    with pytest.raises(asyncio.CancelledError):
        await watching
    assert "visa-extend" in house.ids() and failures


def test_what_is_not_learnt_yet_is_learnt_elsewhere(tmp_path: Path) -> None:
    """Another process learns into the shared store; this one only reads what it learnt."""
    folder, store = tmp_path / "content", ArrayStore(tmp_path / "store")
    write_faq(folder, ITEMS, "topic.yml")
    day = date(2026, 11, 22)
    asked: list[int] = []

    def elsewhere() -> None:
        asked.append(1)
        FaqService(folder, STRAYS, HashEncoder(), store, lambda: day).load()

    encoder = HashEncoder()
    here = FaqService(folder, STRAYS, encoder, store, lambda: day, elsewhere)
    here.load()
    assert (len(asked), encoder.encoded) == (1, [])
    again = FaqService(folder, STRAYS, encoder, store, lambda: day, elsewhere)
    again.load()
    assert len(asked) == 1, "what is stored is not learnt again"


def test_learning_elsewhere_may_fail(tmp_path: Path) -> None:
    folder = tmp_path / "content"
    write_faq(folder, ITEMS, "topic.yml")
    day = date(2026, 11, 22)
    store = ArrayStore(tmp_path / "store")
    service = FaqService(folder, STRAYS, HashEncoder(), store, lambda: day, lambda: None)
    service.load()
    assert len(service.index.entries) == len(ITEMS)
