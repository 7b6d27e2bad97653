"""Files that people send: fetched from Meta by their id, within a bound."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.errors import ChannelError
from tests.support import graph_server as meta
from tests.support.graph_server import File, GraphServer

JPEG = b"\xff\xd8\xff\xe0" + bytes(range(256)) * 800


@pytest.fixture
def picture(graph: GraphServer) -> File:
    graph.files["1003383421387256"] = File(JPEG)
    return graph.files["1003383421387256"]


async def test_a_file_is_fetched_whole(ministry, picture: File, tmp_path: Path) -> None:
    await ministry.channel.fetch("1003383421387256", tmp_path / "a", 1_000_000)
    assert (tmp_path / "a").read_bytes() == JPEG


async def test_its_address_is_asked_for_anew_each_time(
    ministry, graph, picture: File, tmp_path: Path
) -> None:
    ticks = [0.0]
    graph.ticks = lambda: ticks[0]
    for name in "ab":
        await ministry.channel.fetch("1003383421387256", tmp_path / name, 1_000_000)
        ticks[0] += 3600
    assert picture.asked == 2


async def test_one_that_says_it_is_too_large_is_not_fetched(
    ministry, graph, picture: File, tmp_path: Path
) -> None:
    with pytest.raises(ChannelError, match="too_large") as caught:
        await ministry.channel.fetch("1003383421387256", tmp_path / "a", len(JPEG) - 1)
    assert caught.value.permanent
    assert not any(request.path.startswith("/download") for request in graph.requests)


async def test_one_that_lies_about_its_size_is_cut_off(
    ministry, graph, picture: File, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = graph._media

    def lies(media_id: str):
        answer = small(media_id)
        picture.content = b"x" * 3_000_000
        return answer

    monkeypatch.setattr(graph, "_media", lies)
    with pytest.raises(ChannelError, match="too_large") as caught:
        await ministry.channel.fetch("1003383421387256", tmp_path / "a", 1_000_000)
    assert caught.value.permanent
    assert (tmp_path / "a").stat().st_size <= 1_000_000


async def test_one_that_is_gone_is_gone_for_good(ministry, tmp_path: Path) -> None:
    with pytest.raises(ChannelError, match="gone") as caught:
        await ministry.channel.fetch("404404", tmp_path / "a", 1_000)
    assert caught.value.permanent


async def test_an_expired_address_is_gone_and_not_an_empty_file(
    ministry, graph, picture: File, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(meta, "MEDIA_SECONDS", -1.0)
    with pytest.raises(ChannelError, match="gone"):
        await ministry.channel.fetch("1003383421387256", tmp_path / "a", 1_000_000)


async def test_a_cut_connection_is_tried_again(
    ministry, graph, picture: File, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dataclasses import replace

    whole = graph._download
    monkeypatch.setattr(graph, "_download", lambda request: replace(whole(request), cut=1000))
    with pytest.raises(ChannelError) as caught:
        await ministry.channel.fetch("1003383421387256", tmp_path / "a", 1_000_000)
    assert not caught.value.permanent


async def test_with_a_wrong_token_it_is_tried_again(
    ministry, graph, picture: File, tmp_path: Path
) -> None:
    graph.token = "another"
    with pytest.raises(ChannelError) as caught:
        await ministry.channel.fetch("1003383421387256", tmp_path / "a", 1_000_000)
    assert not caught.value.permanent
