"""The web role takes so much in hand and refuses the rest at once; what was refused comes again."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from sqlalchemy import func, select

from bot.root import Root, build_app
from bot.web import admission
from bot.web.app import create_web
from core.db.tables import InboxRow
from core.settings import Settings
from tests.support import graph_server as meta
from tests.support import graph_webhooks as webhooks
from tests.support.minds import entry, scripted_mind
from tests.support.places import FAQ_DIR
from tests.support.serving import serving
from tests.support.waiting import eventually

MANY = 150


@pytest.fixture
async def root(tmp_path: Path) -> AsyncIterator[Root]:
    settings = Settings(
        _env_file=None,
        data_dir=tmp_path,
        faq_dir=FAQ_DIR,
        whatsapp_phone_id=meta.PHONE_ID,
        whatsapp_token=meta.TOKEN,
        whatsapp_app_secret=meta.APP_SECRET,
        whatsapp_verify_token=meta.VERIFY_TOKEN,
        whatsapp_api_url="http://127.0.0.1:9",
    )
    made = build_app(settings, roles={"web"}, mind=scripted_mind([entry("a")], {}))
    await made.db.migrate()
    yield made
    await made.stop()


@asynccontextmanager
async def client_of(root: Root) -> AsyncIterator[httpx.AsyncClient]:
    limits = httpx.Limits(max_connections=2 * MANY)
    async with (
        serving(create_web(root)) as origin,
        httpx.AsyncClient(base_url=origin, limits=limits, timeout=300) as client,
    ):
        yield client


def webhook(number: int) -> tuple[bytes, dict[str, str]]:
    person = f"9665{number:08d}"
    message = webhooks.text("مرحبا", who=person, id=f"wamid.{number}")
    body = webhooks.spell(
        webhooks.document(messages=[message], contacts=[webhooks.contact(person)])
    )
    return body, {"X-Hub-Signature-256": webhooks.sign(body), "Content-Type": "application/json"}


async def stored(root: Root) -> int:
    async with root.db.read() as session:
        return await session.scalar(select(func.count()).select_from(InboxRow)) or 0


async def test_a_flood_of_webhooks_is_refused_at_once_and_taken_later(root: Root) -> None:
    answers: dict[int, httpx.Response] = {}

    async def post(number: int, client: httpx.AsyncClient) -> None:
        body, headers = webhook(number)
        answers[number] = await client.post(webhooks.PATH, content=body, headers=headers)

    async with client_of(root) as client:
        async with root.db.write():  # so that nothing can be stored
            posting = [asyncio.create_task(post(number, client)) for number in range(MANY)]
            await eventually(lambda: len(answers) == MANY - admission.WEBHOOKS, 300)
            assert {answer.status_code for answer in answers.values()} == {503}
            assert {answer.headers["retry-after"] for answer in answers.values()} == {"1"}
            refused = list(answers)
            assert (await client.get("/healthz")).status_code == 200, "what is no flood is served"
        await asyncio.gather(*posting)
        taken = [number for number, answer in answers.items() if answer.status_code == 200]
        assert len(taken) == admission.WEBHOOKS
        assert await stored(root) == admission.WEBHOOKS
        for number in refused:
            await post(number, client)
            assert answers[number].status_code == 200
        assert await stored(root) == MANY


async def test_a_flood_of_webhooks_does_not_close_the_chat(root: Root) -> None:
    async with client_of(root) as client:
        async with root.db.write():
            posting = []
            for number in range(admission.WEBHOOKS + 1):
                body, headers = webhook(number)
                post = client.post(webhooks.PATH, content=body, headers=headers)
                posting.append(asyncio.create_task(post))
            await eventually(lambda: any(one.done() for one in posting), 300)
            said = asyncio.create_task(say(client, await token(client)))
        assert (await said).status_code == 202
        await asyncio.gather(*posting)


async def test_the_chat_is_bounded_and_refuses_in_its_own_form(root: Root) -> None:
    async with client_of(root) as client:
        tokens = [await token(client) for _ in range(admission.CHAT + 5)]
        async with root.db.write():
            saying = [asyncio.create_task(say(client, one)) for one in tokens]
            await eventually(lambda: sum(one.done() for one in saying) == 5, 300)
            for one in saying:
                if one.done():
                    assert one.result().status_code == 503
                    assert one.result().json()["error"]["code"] == "unavailable"
                    assert one.result().headers["retry-after"] == "1"
        statuses = [answer.status_code for answer in await asyncio.gather(*saying)]
        assert statuses.count(202) == admission.CHAT
        assert (await say(client, tokens[0])).status_code == 202, "places are given back"


async def test_who_writes_slowly_holds_no_place(root: Root) -> None:
    async def slow() -> AsyncIterator[bytes]:
        yield b'{"object":'
        await over.wait()
        yield b'"x"}'

    over = asyncio.Event()
    body = b'{"object":"x"}'
    headers = {"X-Hub-Signature-256": webhooks.sign(body)}
    async with client_of(root) as client:
        writing = [
            asyncio.create_task(client.post(webhooks.PATH, content=slow(), headers=headers))
            for _ in range(admission.WEBHOOKS)
        ]
        content, signed = webhook(1)
        answer = await client.post(webhooks.PATH, content=content, headers=signed)
        assert answer.status_code == 200
        over.set()
        assert {answer.status_code for answer in await asyncio.gather(*writing)} <= {200, 503}


async def token(client: httpx.AsyncClient) -> str:
    return str((await client.post("/chat/api/session")).json()["token"])


async def say(client: httpx.AsyncClient, token: str) -> httpx.Response:
    message = {"id": str(uuid.uuid4()), "text": "مرحبا"}
    headers = {"Authorization": f"Bearer {token}"}
    return await client.post("/chat/api/messages", json=message, headers=headers)
