"""The sender where requests fail at random: nothing lost, order kept, doubled only what had no
answer, all of it listed; and never faster than the platform takes."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest

from bot.channels.telegram.channel import TelegramChannel
from bot.channels.telegram.client import BotClient
from bot.channels.telegram.identity import Me
from bot.channels.whatsapp.channel import WhatsAppChannel
from bot.channels.whatsapp.graph import Graph
from core.contacts import Contacts
from core.crypto import Vault
from core.db.engine import Database
from core.messages import Language, Origin, OutboundMessage, Template
from tests.support import graph_server
from tests.support.chaos import Chaos, Fates, FaultyChannel
from tests.support.clock import MovableClock
from tests.support.graph_server import GraphServer
from tests.support.telegram_server import Fault, TelegramServer, telegram_server
from tests.support.telegram_world import BOT, TOKEN

MakeChaos = Callable[[str], Chaos]

#: In memory: a third of all requests fail, in every way there is.
ODDS = {
    "busy": 0.08,
    "slow down": 0.05,
    "lost": 0.06,
    "lost before": 0.04,
    "broken": 0.04,
    "hang": 0.02,
    "hang before": 0.02,
}

#: Over HTTP, in the words of the two servers.
TELEGRAM_ODDS = {
    "429": 0.06,
    "500": 0.04,
    "502": 0.03,
    "401": 0.01,
    "drop before": 0.03,
    "drop after": 0.03,
    "half": 0.03,
    "hang before": 0.004,
    "hang after": 0.004,
}
GRAPH_ODDS = {
    "429": 0.06,
    "500": 0.04,
    "503": 0.04,
    "drop_before": 0.03,
    "drop_after": 0.03,
    "half": 0.03,
    "hang_before": 0.01,
    "hang_after": 0.01,
}


@pytest.fixture
async def make_chaos(
    sqlite_address: str, clock: MovableClock, vault: Vault
) -> AsyncIterator[MakeChaos]:
    made: list[Chaos] = []

    def make(name: str) -> Chaos:
        made.append(Chaos(sqlite_address, clock, vault, name))
        return made[-1]

    yield make
    for one in made:
        await one.close()


async def talks(chaos: Chaos, people: list[str], each: int) -> None:
    """So many messages to each of these people."""
    for who in people:
        await chaos.writes(who)
        await chaos.put(who, [f"{who}/{number}" for number in range(each)])


@pytest.mark.parametrize("seed", range(2))
async def test_every_kind_of_failure_at_once(make_chaos: MakeChaos, seed: int) -> None:
    chaos = make_chaos("test")
    channel = FaultyChannel(Fates(seed, ODDS))
    for _ in range(2):
        chaos.add(channel, Database(chaos.url), timeout=0.05)
    await talks(chaos, [f"p{number}" for number in range(20)], 5)
    await chaos.run()
    assert {row.state for row in await chaos.rows()} == {"sent"}
    assert await chaos.check(channel.arrived), "it was a rough ride"


NOTICE = OutboundMessage(
    "لديك رد جديد.", Origin("line", "reply_ready", "0" * 64), "ar", template=Template("t", (), "c")
)


class WindowedChannel(FaultyChannel):
    """As WhatsApp: a free text within a day of the person's last word."""

    @property
    def reply_window(self) -> timedelta | None:
        return timedelta(hours=24)


async def test_what_is_held_comes_whole_and_in_order(
    make_chaos: MakeChaos, clock: MovableClock
) -> None:
    chaos = make_chaos("test")
    channel = WindowedChannel(Fates(7, {**ODDS, "closed": 0.03}))

    def notice(_language: Language) -> OutboundMessage:
        return NOTICE

    for _ in range(2):
        chaos.add(channel, Database(chaos.url), notice=notice, timeout=0.05)
    late, early = [f"late{n}" for n in range(5)], [f"early{n}" for n in range(5)]
    for who in late:
        await chaos.writes(who)
    clock.forward(hours=25)
    for who in late:
        await chaos.put(who, [f"{who}/{number}" for number in range(4)])
    await talks(chaos, early, 4)
    await chaos.run()
    in_time = {text for who, text in channel.arrived if who in late}
    assert in_time == {NOTICE.text}, "nothing but the notice while the window is closed"
    for _ in range(10):  # as often as the platform itself says that its window is closed
        for who in (*late, *early):
            await chaos.writes(who)
        await chaos.run()
    rows = await chaos.rows()
    assert {row.state for row in rows} == {"sent"}
    notices = Counter(row.conversation_id for row in rows if row.payload["text"] == NOTICE.text)
    assert all(notices[chaos.conversations[who]] >= 1 for who in late)
    await chaos.check([one for one in channel.arrived if one[1] != NOTICE.text])


# Over HTTP, by the real client libraries.


class Telegram:
    """Processes that send to the Telegram server for tests."""

    def __init__(self, chaos: Chaos, server: TelegramServer, contacts: Contacts) -> None:
        self.chaos, self.server, self._contacts = chaos, server, contacts
        self._clients: list[BotClient] = []

    def add(self, kind: type[TelegramChannel] = TelegramChannel) -> None:
        client, db = BotClient(TOKEN, self.server.origin), Database(self.chaos.url)
        self._clients.append(client)
        self.chaos.add(kind(client, Me(int(str(BOT["id"]))), db, self._contacts), db)

    async def talk(self, chats: range, each: int) -> None:
        for chat in chats:
            self.server.meet(chat)
        await talks(self.chaos, [str(chat) for chat in chats], each)

    @property
    def arrived(self) -> list[tuple[str, str]]:
        return [(str(sent.chat_id), sent.text) for sent in self.server.sent]

    async def close(self) -> None:
        for client in self._clients:
            await client.close()


@pytest.fixture
async def telegram(
    make_chaos: MakeChaos, clock: MovableClock, contacts: Contacts
) -> AsyncIterator[Telegram]:
    async with telegram_server(lambda: clock.now.timestamp()) as server:
        made = Telegram(make_chaos("telegram"), server, contacts)
        yield made
        await made.close()


@pytest.mark.slow
async def test_a_thousand_messages_over_a_bad_line_to_telegram(telegram: Telegram) -> None:
    fates = Fates(1, TELEGRAM_ODDS)

    def fault(_method: str, parameters: dict[str, Any]) -> Fault | None:
        fate: Any = fates.next(parameters["text"])
        return None if fate == "ok" else Fault(fate)

    telegram.server.fault = fault
    for _ in range(2):
        telegram.add()
    await telegram.talk(range(1000, 1200), 5)
    await telegram.chaos.run()
    rows = await telegram.chaos.rows()
    assert [row.state for row in rows] == ["sent"] * 1000
    doubled = await telegram.chaos.check(telegram.arrived)
    assert 10 < len(doubled) < 200
    assert telegram.server.violations == []


async def test_two_hundred_messages_over_a_bad_line_to_whatsapp(
    make_chaos: MakeChaos, clock: MovableClock, vault: Vault
) -> None:
    fates = Fates(2, GRAPH_ODDS)

    def fault(request: Any) -> graph_server.Fault | None:
        fate: Any = fates.next(request.form()["text"]["body"])
        return None if fate == "ok" else fate

    server = GraphServer(now=clock, ticks=lambda: clock.now.timestamp(), choose_fault=fault)
    await server.start()
    graphs = [Graph(graph_server.PHONE_ID, graph_server.TOKEN, server.origin) for _ in range(2)]
    chaos = make_chaos("whatsapp")
    for graph in graphs:
        chaos.add(WhatsAppChannel(graph, vault, lambda _language: "…"), Database(chaos.url))
    people = [f"9665000000{number:02}" for number in range(20)]
    for who in people:
        server.wrote(who)
    await talks(chaos, people, 10)
    await chaos.run()
    try:
        assert {row.state for row in await chaos.rows()} == {"sent"}
        assert await chaos.check([(sent.to, sent.text) for sent in server.sent])
        assert server.violations == []
    finally:
        for graph in graphs:
            await graph.close()
        await server.stop()


# Pace.


class Heedless(TelegramChannel):
    """What the server would say to a channel that keeps to no pace."""

    def pace(self) -> None:
        return None

    def paces(self, _envelope: Any) -> tuple[()]:
        return ()


@pytest.mark.parametrize(
    ("chats", "each", "heeded"),
    [(100, 1, True), (100, 1, False), (1, 5, True), (1, 5, False)],
    ids=["many", "many, heedless", "one", "one, heedless"],
)
async def test_the_platform_never_has_to_slow_us_down(
    telegram: Telegram, chats: int, each: int, heeded: bool
) -> None:
    for _ in range(2):
        telegram.add(TelegramChannel if heeded else Heedless)
    await telegram.talk(range(1, chats + 1), each)
    await telegram.chaos.run()
    assert len({text for _, text in telegram.arrived}) == chats * each
    assert (telegram.server.violations == []) is heeded


async def test_a_full_pace_is_shared_in_the_order_of_age(telegram: Telegram) -> None:
    """Nobody who came later overtakes because two senders met at the last free place."""
    for _ in range(2):
        telegram.add()
    await telegram.talk(range(1, 81), 1)
    await telegram.chaos.run()
    places = [int(chat) for chat, _ in telegram.arrived]
    rounds = [places[at : at + 26] for at in range(0, len(places), 26)]
    assert all(max(one) < min(two) for one, two in pairwise(rounds))
