"""Our client, our webhook and the server that stands for Meta's, held to what Meta publishes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from bot.channels.whatsapp.graph import VERSION
from core import metrics
from core.messages import Choice, Envelope, Link, Origin, OutboundMessage, Template, text_hash
from tests.support import graph_server as meta
from tests.support.graph_webhooks import (
    PERSON,
    contact,
    document,
    file,
    message,
    pick,
    post,
    status,
    tap,
    template_tap,
    text,
)
from tests.support.meta_schema import meta_examples, meta_schema

#: What the bot sends. The other published requests are of kinds that it never sends.
RELEVANT = ("text", "interactive.list", "interactive.button", "template")


def kind_of(request: dict[str, Any]) -> str:
    kind = request.get("type") or next((k for k in ("text", "interactive") if k in request), "")
    return f"interactive.{request['interactive']['type']}" if kind == "interactive" else kind


async def ask(graph: Any, path: str, payload: Any = None) -> httpx.Response:
    headers = {"Authorization": f"Bearer {meta.TOKEN}"}
    async with httpx.AsyncClient(base_url=f"{graph.origin}/v{VERSION}", headers=headers) as client:
        return await (client.get(path) if payload is None else client.post(path, json=payload))


async def test_every_published_request_of_our_kinds_is_taken(graph) -> None:
    graph.enforce_window = graph.enforce_rates = False
    taken = []
    for name, request in meta_examples("send_requests").items():
        if request.get("status") != "read" and kind_of(request) not in RELEVANT:
            continue
        template = request.get("template", {})
        bodies = [part for part in template.get("components", []) if part["type"] == "body"]
        if template:
            count = sum(len(body["parameters"]) for body in bodies)
            graph.templates[template["name"], template["language"]["code"]] = count
        answer = await ask(graph, f"/{meta.PHONE_ID}/messages", request)
        assert answer.status_code == 200, (name, answer.text)
        taken.append(name)
    assert graph.violations == []
    assert {"Send Text Message", "Send List Message", "Send Reply Button"} <= set(taken)
    assert len(taken) >= 15


async def test_its_answers_are_like_the_published_ones(graph) -> None:
    graph.wrote("16505551234")
    graph.files["2621233374848975"] = meta.File(b"x")
    examples = meta_examples("send_responses")["200"]
    sent = meta_examples("send_requests")["Send Text Message"] | {"to": "16505551234"}
    answer = (await ask(graph, f"/{meta.PHONE_ID}/messages", sent)).json()
    assert paths_of(answer) == paths_of(examples["Send Text Message"])
    schema = meta_schema()
    assert schema.problems(answer, "MessageResponse") == []
    assert schema.problems(answer, "MessageResponsePayload") == []
    refused = (await ask(graph, f"/{meta.PHONE_ID}/messages", {})).json()
    refused["error"].pop("error_data")  # real, and not in the schema
    assert schema.problems(refused, "GraphAPIError") == []
    phone = (await ask(graph, f"/{meta.PHONE_ID}")).json()
    assert schema.problems(phone, "PhoneNumberInfo") == []
    about = (await ask(graph, "/2621233374848975")).json()
    assert set(about) == {"file_size", "id", "messaging_product", "mime_type", "sha256", "url"}


async def test_our_requests_hold_only_what_the_schema_knows(ministry, graph) -> None:
    graph.wrote(PERSON)
    long = Choice("faq:b", "سؤال طويل يزيد على عشرين حرفًا", "ما الوثائق المطلوبة؟ " * 9)
    links = (Link("الصفحة", "https://example.org"),)
    template = Template(meta.TEMPLATE, ("وزارة الخدمات العامة",), "read_reply")
    made: list[dict[str, Any]] = [
        {},
        {"links": links},
        {"choices": (Choice("yes", "نعم"), Choice("no", "لا"))},
        {"choices": (Choice("yes", "نعم"), long)},
        {"choices": tuple(Choice(f"menu:{n}", f"موضوع {n}") for n in range(10)), "links": links},
        {"template": template},
    ]
    for more in made:
        words = OutboundMessage("نص", Origin("line", "x", text_hash("نص")), "ar", **more)
        await ministry.channel.send(Envelope(1, 1, PERSON, words))
    assert graph.violations == []
    assert [kind_of(sent.payload) for sent in graph.sent] == [
        "text",
        "text",
        "interactive.button",
        "interactive.list",
        "interactive.list",
        "template",
    ]
    for sent in graph.sent:
        assert meta_schema().problems(sent.payload, "Message") == []


async def test_the_schema_check_sees_what_is_wrong() -> None:
    schema = meta_schema()
    right = {
        "messaging_product": "whatsapp",
        "recipient_type": "individual",
        "to": "1",
        "type": "interactive",
        "interactive": {
            "type": "button",
            "body": {"text": "x"},
            "action": {"buttons": [{"type": "reply", "reply": {"id": "a", "title": "b"}}]},
        },
    }
    assert schema.problems(right, "Message") == []
    for change in (
        {"colour": "red"},
        {"to": 7},
        {"interactive": {**right["interactive"], "body": {"text": "x" * 1025}}},  # type: ignore[dict-item]
        {"interactive": {"type": "button"}},
    ):
        assert schema.problems({**right, **change}, "Message") != []


async def test_every_published_document_is_acknowledged_and_counted(ministry) -> None:
    for name, example in meta_examples("webhook_examples").items():
        ours = json.loads(json.dumps(example))
        before = total()
        answer = await post(ministry.origin, ours)
        assert answer.status_code == 200, name
        assert total() > before, name
    texts = [row.text for row in await ministry.inbox()]
    assert "Does it come in another color?" in texts and "Is this still available?" in texts
    while await ministry.worker.step():
        pass
    assert all(row.state == "done" for row in await ministry.inbox())


def total() -> float:
    return sum(
        sample.value
        for sample in metrics.UPDATES.collect()[0].samples
        if sample.labels.get("channel") == "whatsapp" and sample.name.endswith("_total")
    )


def samples() -> dict[str, dict[str, Any]]:
    place = {"latitude": 1.5, "longitude": 2.5, "name": "x", "address": "y", "url": "z"}
    name = {"formatted_name": "x", "first_name": "x", "last_name": "y"}
    phone = {"phone": "1", "wa_id": "1", "type": "MOBILE"}
    card = [{"name": name, "phones": [phone], "org": {"company": "x"}}]
    return {
        "Text Message": text("x"),
        "Reaction Message": message("reaction", {"message_id": "wamid.x", "emoji": "👍"}),
        "Image Message": file("image", "1", "image/jpeg", caption="x"),
        "Location Message": message("location", place),
        "Contact Sharing Message": message("contacts", card),
        "Button Message": template_tap("x"),
        "Interactive List Reply Message": pick("x"),
        "Interactive Button Reply Message": tap("x"),
    }


@pytest.mark.parametrize("name", samples())
def test_the_documents_of_our_tests_are_made_like_the_published_ones(name: str) -> None:
    example = meta_examples("webhook_examples")[name]
    made = document(messages=[samples()[name]], contacts=[contact(PERSON)])
    missing_here = {path for path in paths_of(example) - paths_of(made) if ".context" not in path}
    assert paths_of(made) - paths_of(example) == set()
    assert all(path.endswith((".timestamp", ".description")) for path in missing_here)


def test_the_statuses_of_our_tests_are_as_the_schema_says() -> None:
    for made in (status("wamid.x", "read"), status("wamid.x", "failed", code=131026)):
        assert meta_schema().problems(made, "Statuses") == []


def paths_of(value: Any) -> set[str]:
    """Every path in a document with the type at its end."""
    return set(_paths(value, ""))


def _paths(value: Any, where: str) -> Iterator[str]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _paths(inner, f"{where}.{name}")
    elif isinstance(value, list):
        for inner in value:
            yield from _paths(inner, f"{where}[]")
    else:
        yield where
