"""The composition root: what it refuses, and a system whose loops really run."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.mind import Mind, build_mind
from bot.root import build_app
from core.errors import ConfigError, InputError
from core.messages import InboundMessage
from core.settings import Settings
from tests.support.minds import action, scripted_mind
from tests.support.places import FAQ_DIR, MODEL_DIR
from tests.support.talk import RecordingChannel
from tests.support.waiting import eventually


def settings(folder: Path, **more: object) -> Settings:
    values = {"data_dir": folder, "model_dir": MODEL_DIR, "faq_dir": FAQ_DIR, **more}
    return Settings(_env_file=None, **values)  # type: ignore[arg-type]


async def test_the_loops_carry_a_message_through(tmp_path: Path) -> None:
    channel = RecordingChannel()
    mind = scripted_mind([], {"شكرا": action("thanks")})
    root = build_app(settings(tmp_path), channels={"test": channel}, mind=mind)
    await root.start(watch=False)
    try:
        for number in range(3):
            await root.inbox.accept(InboundMessage("test", str(number), f"p{number}", "شكرا"))
        await eventually(lambda: len(channel.sent) == 3)
    finally:
        await root.stop()
    assert sorted(e.address for e in channel.sent) == ["p0", "p1", "p2"]
    assert root.tasks == []


async def test_without_understanding_there_is_no_worker(tmp_path: Path) -> None:
    root = build_app(settings(tmp_path, model_dir=tmp_path / "none"), roles=())
    try:
        assert root.worker is None
        with pytest.raises(RuntimeError):
            _ = root.faq
        await root.db.migrate()
        assert await root.tickets.list() == []
    finally:
        await root.stop()


def test_a_missing_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"make setup|natiq model build"):
        build_mind(settings(tmp_path, model_dir=tmp_path / "none"))


def test_an_faq_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="FAQ"):
        build_mind(settings(tmp_path, faq_dir=tmp_path / "none"))


def test_an_interpreter_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="NATIQ_NLU"):
        build_mind(settings(tmp_path, nlu="rasa", rasa_url="http://rasa:5005"))


def test_the_key_is_made_once_and_kept(tmp_path: Path) -> None:
    mind = scripted_mind([], {})
    first = build_app(settings(tmp_path), mind=mind).secret_key
    assert build_app(settings(tmp_path), mind=mind).secret_key == first
    assert len(first) >= 32
    other = build_app(settings(tmp_path / "other"), mind=mind).secret_key
    assert other != first
    assert str(first) not in repr(build_app(settings(tmp_path), mind=mind))


def test_a_second_mind_learns_nothing_anew(mind: Mind, tmp_path: Path) -> None:
    """What was learnt is kept: a start reads it and trains nothing."""
    lines: list[str] = []
    again = build_mind(settings(tmp_path), lines.append)
    assert lines == []
    assert again.faq.index.version == mind.faq.index.version
