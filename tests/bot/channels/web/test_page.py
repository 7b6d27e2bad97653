"""The page and its files: headers, directions, and what scripts must not do."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from typing import Any

import httpx
import pytest

from bot.channels.web.channel import WebChannel
from bot.channels.web.page import TEMPLATES, content_security_policy
from bot.channels.web.strings import STATIC, all_strings
from core.errors import ConfigError
from core.messages import Envelope, Origin, OutboundMessage

SCRIPTS = sorted(STATIC.glob("*.js"))
STYLES = sorted(STATIC.glob("*.css"))


class Elements(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def first(self, tag: str) -> dict[str, str | None]:
        return next(attrs for name, attrs in self.found if name == tag)


async def test_the_page_is_arabic_and_right_to_left(client: httpx.AsyncClient) -> None:
    answer = await client.get("/chat")
    assert answer.status_code == 200
    page = Elements(answer.text)
    assert page.first("html")["lang"] == "ar" and page.first("html")["dir"] == "rtl"
    assert "وزارة الخدمات العامة" in answer.text
    config = json.loads(page.first("body")["data-config"] or "")
    assert config["names"]["en"] == "Ministry of Public Services"
    assert config["strings"] == all_strings()["page"]
    english = Elements((await client.get("/chat?language=en")).text).first("html")
    assert (english["lang"], english["dir"]) == ("en", "ltr")


async def test_nothing_stands_inline_and_nothing_comes_from_elsewhere(
    client: httpx.AsyncClient,
) -> None:
    html = (await client.get("/chat")).text
    for tag, attrs in Elements(html).found:
        assert "style" not in attrs and not any(name.startswith("on") for name in attrs)
        if tag == "script":
            assert attrs.get("src")
        assert tag != "style"
        for name in ("src", "href"):
            if name in attrs:
                assert re.fullmatch(r"chat/static/[a-z]+\.(js|css|svg)", attrs[name] or "")
                assert (await client.get("/" + (attrs[name] or ""))).status_code == 200


async def test_headers_of_the_page(client: httpx.AsyncClient) -> None:
    headers = (await client.get("/chat")).headers
    policy = dict(part.split(" ", 1) for part in headers["content-security-policy"].split("; "))
    assert policy == {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": "'self'",
        "connect-src": "'self'",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'self'",
    }
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert "set-cookie" not in headers


async def test_frame_ancestors_come_from_the_settings(make_house: Any) -> None:
    app = make_house(frame_ancestors=" https://a.example  https://*.b.example ").app
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://chat.example") as client:
        policy = (await client.get("/chat")).headers["content-security-policy"]
    assert policy.endswith("; frame-ancestors https://a.example https://*.b.example")


@pytest.mark.parametrize("wrong", ["https://a.example; script-src *", "a,b", "a\x00b", "https://م"])
def test_frame_ancestors_cannot_end_the_directive(wrong: str) -> None:
    with pytest.raises(ConfigError, match="NATIQ_FRAME_ANCESTORS"):
        content_security_policy(wrong)


async def test_the_sample_says_so_and_others_do_not(make_house: Any) -> None:
    for sample in (True, False):
        transport = httpx.ASGITransport(app=make_house(sample=sample).app)
        async with httpx.AsyncClient(transport=transport, base_url="http://c.example") as client:
            html = (await client.get("/chat")).text
        assert ('class="strip sample"' in html) is sample


async def test_names_cannot_break_out_of_the_page(make_house: Any) -> None:
    name = '"><script>alert(1)</script>'
    transport = httpx.ASGITransport(app=make_house(names={"ar": name, "en": name}).app)
    async with httpx.AsyncClient(transport=transport, base_url="http://c.example") as client:
        page = Elements((await client.get("/chat")).text)
    assert [attrs.get("src") for tag, attrs in page.found if tag == "script"] == [
        "chat/static/main.js"
    ]
    assert json.loads(page.first("body")["data-config"] or "")["names"]["ar"] == name


async def test_embedding(client: httpx.AsyncClient) -> None:
    assert "data-embedded" in Elements((await client.get("/chat?embed=1")).text).first("html")
    assert "data-embedded" not in Elements((await client.get("/chat")).text).first("html")
    answer = await client.get("/chat/embed.js")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/javascript")
    assert answer.headers["cross-origin-resource-policy"] == "cross-origin"
    assert "__LABELS__" not in answer.text and answer.text.isascii()
    assert json.dumps(all_strings()["embed"]) in answer.text


async def test_files_are_asked_for_again_and_not_sent_again(client: httpx.AsyncClient) -> None:
    first = await client.get("/chat/static/main.js")
    assert first.headers["cache-control"] == "no-cache"
    tag = first.headers["etag"]
    again = await client.get("/chat/static/main.js", headers={"If-None-Match": f'"x", W/{tag}'})
    assert (again.status_code, again.content) == (304, b"")
    for name in ("missing.js", "strings.json", "..%2fapi.py", "%2e%2e/page.py", "embed.js"):
        assert (await client.get(f"/chat/static/{name}")).status_code == 404


async def test_every_module_that_is_imported_is_served(client: httpx.AsyncClient) -> None:
    seen, wanted = set(), {"main.js"}
    while wanted - seen:
        name = (wanted - seen).pop()
        seen.add(name)
        answer = await client.get(f"/chat/static/{name}")
        assert answer.status_code == 200, name
        wanted |= set(re.findall(r"from '\./([a-z]+\.js)'", answer.text))
    assert seen == {path.name for path in SCRIPTS} - {"embed.js"}


@pytest.mark.parametrize("path", STYLES + SCRIPTS, ids=lambda path: path.name)
def test_styles_know_no_left_and_right(path: Any) -> None:
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".js" and path.name != "embed.js":
        text = "\n".join(re.findall(r"\.style\b.*", text))
    words = re.findall(r"(?<![\w-])[\w-]*\b(?:left|right)\b[\w-]*", text)
    assert words == []
    sizes = re.findall(r"(?m)[{;\s](?:margin|padding)-(?:top|bottom)|[{;\s](?:width|height):", text)
    assert sizes == []


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_scripts_make_nodes_and_never_markup(path: Any) -> None:
    text = path.read_text(encoding="utf-8")
    forbidden = (
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function|DOMParser"
    )
    assert re.findall(forbidden, text) == []
    if path.name != "words.js":
        assert not re.search("[\u0621-\u064a]{2,}", text), "words belong into strings.json"


def test_every_word_that_is_used_exists_and_is_used() -> None:
    html = (TEMPLATES / "page.html").read_text(encoding="utf-8")
    scripts = "\n".join(path.read_text(encoding="utf-8") for path in SCRIPTS)
    used = set(re.findall(r"data-t(?:-label|-placeholder)?=\"(\w+)\"", html))
    used |= set(re.findall(r"\b(?:t|both)\.(\w+)", html))
    used |= set(re.findall(r"word\('(\w+)'\)", scripts))
    used |= set(re.findall(r"\[(?:CLOCK|ALERT|TICK), '(\w+)'\]", scripts))
    assert used == set(all_strings()["page"])


async def test_the_channel_takes_every_message() -> None:
    message = OutboundMessage("نص", Origin("faq", "entry", "0" * 64), "ar")
    channel = WebChannel()
    assert channel.name == "web"
    assert (await channel.send(Envelope(7, 1, "0" * 64, message))).external_id == "7"


async def test_a_slash_behind_the_address_leads_to_the_page(client: httpx.AsyncClient) -> None:
    answer = await client.get("/chat/")  # there, the page's relative addresses would be wrong
    assert answer.status_code == 307
    assert answer.headers["location"] == "http://chat.example/chat"


def test_every_error_is_documented() -> None:
    guide = (STATIC.parents[3] / "docs" / "chat-api.md").read_text(encoding="utf-8")
    assert [code for code in all_strings()["errors"] if f"`{code}`" not in guide] == []
