"""Logging in: who gets in, who must wait, and when a session is over."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from core.db.tables import DeskSessionRow, LoginAttemptRow, StaffRow
from desk.auth import PER_PAIR

PASSWORD = "correct horse battery"


async def test_right_password_opens_the_queue(house: Any, sara: Any) -> None:
    browser = house.browser()
    answer = await browser.login(sara.name)
    assert (answer.status_code, answer.headers["location"]) == (303, "/desk/")
    cookie = next(c for c in answer.headers.get_list("set-cookie") if c.startswith("natiq_desk="))
    assert "HttpOnly" in cookie and "SameSite=strict" in cookie and "Path=/desk" in cookie
    page = await browser.get("/")
    assert page.status_code == 200
    assert sara.name in page.text


async def test_only_the_hash_of_the_token_is_stored(house: Any, at_desk: Any) -> None:
    token = at_desk.http.cookies["natiq_desk"]
    async with house.db.read() as session:
        row = await session.scalar(select(DeskSessionRow))
    assert token not in (row.token_hash, row.csrf)
    assert len(row.token_hash) == 64


async def test_wrong_password_is_refused_without_saying_what_was_wrong(
    house: Any, sara: Any
) -> None:
    wrong = await house.browser().login(sara.name, "wrong horse battery")
    unknown = await house.browser().login("Nobody Here", "wrong horse battery")
    assert (wrong.status_code, unknown.status_code) == (401, 401)
    said = [re.search(r'role="alert"[^>]*>([^<]+)<', page.text) for page in (wrong, unknown)]
    assert said[0] and said[1] and said[0][1] == said[1][1]
    assert "natiq_desk" not in wrong.cookies


async def test_five_failures_make_even_the_right_password_wait(house: Any, sara: Any) -> None:
    other = await house.staff.add("Omar Haddad", "agent", PASSWORD)
    browser = house.browser()
    for _ in range(PER_PAIR):
        assert (await browser.login(sara.name, "wrong horse battery")).status_code == 401
    answer = await browser.login(sara.name.upper())
    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) == 15 * 60
    assert "15 دقيقة" in answer.text
    assert (await house.browser().login(other.name)).status_code == 303
    # From elsewhere the name's owner is not locked out.
    assert (await house.browser("198.51.100.7").login(sara.name)).status_code == 303
    house.clock.forward(minutes=15, seconds=1)
    assert (await browser.login(sara.name)).status_code == 303


async def test_a_success_forgets_the_failures(house: Any, sara: Any) -> None:
    browser = house.browser()
    for _ in range(2):
        for _ in range(PER_PAIR - 1):
            assert (await browser.login(sara.name, "wrong horse battery")).status_code == 401
        browser = house.browser()
        assert (await browser.login(sara.name)).status_code == 303
        browser = house.browser()


async def test_failures_are_kept_under_keyed_hashes(house: Any, sara: Any) -> None:
    await house.browser().login(sara.name, "wrong horse battery")
    async with house.db.read() as session:
        keys = list(await session.scalars(select(LoginAttemptRow.key)))
    assert len(set(keys)) == 3
    assert all(re.fullmatch("[0-9a-f]{64}", key) for key in keys)


async def test_a_disabled_member_is_out_at_once(house: Any, at_desk: Any, sara: Any) -> None:
    async with house.db.write() as session:
        await session.execute(update(StaffRow).values(disabled=True))
    assert (await at_desk.get("/")).status_code == 303
    assert (await house.browser().login(sara.name)).status_code == 401


async def test_a_session_ends_after_twelve_hours(house: Any, at_desk: Any) -> None:
    house.clock.forward(hours=11, minutes=59)
    assert (await at_desk.get("/")).status_code == 200
    house.clock.forward(minutes=1)
    assert (await at_desk.get("/")).status_code == 303


async def test_logout_ends_the_session_on_the_server(house: Any, at_desk: Any) -> None:
    token = at_desk.http.cookies["natiq_desk"]
    assert (await at_desk.post("/logout")).headers["location"] == "/desk/login"
    again = house.browser()
    again.http.cookies.set("natiq_desk", token, path="/desk")
    assert (await again.get("/")).status_code == 303


async def test_without_a_session_pages_lead_to_the_login_and_parts_say_401(house: Any) -> None:
    browser = house.browser()
    page = await browser.get("/tickets/482-731?x=1")
    assert page.status_code == 303
    assert page.headers["location"] == "/desk/login?next=%2Fdesk%2Ftickets%2F482-731%3Fx%3D1"
    for path in ("/part", "/events", "/tickets/482-731/part", "/tickets/482-731/events"):
        assert (await browser.get(path)).status_code == 401, path
    assert (await browser.post("/tickets/482-731/reply", text="x")).status_code == 303


@pytest.mark.parametrize(
    ("wanted", "goes_to"),
    [
        ("/desk/tickets/482-731", "/desk/tickets/482-731"),
        ("https://evil.example/", "/desk/"),
        ("//evil.example/desk/", "/desk/"),
        ("/desk//evil.example", "/desk/"),
        ("/desk/../chat", "/desk/"),
        ("/desk/\\evil", "/desk/"),
    ],
)
async def test_the_login_leads_only_to_pages_of_the_desk(
    house: Any, sara: Any, wanted: str, goes_to: str
) -> None:
    browser = house.browser()
    await browser.get("/login")
    answer = await browser.post("/login", name=sara.name, password=PASSWORD, next=wanted)
    assert answer.headers["location"] == goes_to


async def test_the_login_form_of_another_site_is_refused(house: Any, sara: Any) -> None:
    browser = house.browser()
    await browser.get("/login")
    assert (await browser.post("/login", csrf="0" * 64, name=sara.name)).status_code == 403
    stranger = house.browser()
    stranger.csrf = browser.csrf  # the token without its cookie
    assert (await stranger.post("/login", name=sara.name, password=PASSWORD)).status_code == 403


async def test_a_one_time_password_must_be_changed_first(house: Any) -> None:
    await house.staff.add("New Lead", "lead", "one-time-password", must_change=True)
    number = await house.ticket()
    browser = house.browser()
    answer = await browser.login("New Lead", "one-time-password")
    assert answer.headers["location"] == "/desk/password"
    for path in ("/", f"/tickets/{number}", "/find?number=1"):
        assert (await browser.get(path)).headers["location"] == "/desk/password"
    assert (await browser.get("/part")).status_code == 401
    await browser.get("/password")
    refused = await browser.post(f"/tickets/{number}/reply", text="رد")
    assert refused.headers["location"] == "/desk/password"
    assert await house.sent(number) == []

    async def change(new: str, again: str) -> int:
        status: int = (await browser.post("/password", new=new, again=again)).status_code
        return status

    assert await change("short", "short") == 422
    assert await change("one-time-password", "one-time-password") == 422
    assert await change("x" * 1_001, "x" * 1_001) == 422
    assert await change("a new long password", "another long password") == 422
    before = browser.http.cookies["natiq_desk"]
    assert await change("a new long password", "a new long password") == 303
    assert browser.http.cookies["natiq_desk"] != before
    assert (await browser.get("/")).status_code == 200
    assert (await house.browser().login("New Lead", "one-time-password")).status_code == 401
    assert (await house.browser().login("New Lead", "a new long password")).status_code == 303


async def test_changing_the_password_ends_the_other_sessions(
    house: Any, at_desk: Any, sara: Any
) -> None:
    elsewhere = house.browser("198.51.100.7")
    await elsewhere.login(sara.name)
    new = {"new": "quite another password", "again": "quite another password"}
    assert (await at_desk.post("/password", current="wrong password", **new)).status_code == 422
    assert (await elsewhere.get("/")).status_code == 200
    assert (await at_desk.post("/password", current=PASSWORD, **new)).status_code == 303
    assert (await elsewhere.get("/")).status_code == 303
    assert (await at_desk.get("/")).status_code == 200


async def test_an_editor_is_told_in_words_that_tickets_are_not_theirs(house: Any) -> None:
    await house.staff.add("Editor", "editor", PASSWORD)
    number = await house.ticket("سرّ المواطن")
    browser = house.browser()
    await browser.login("Editor")
    for path in ("/", f"/tickets/{number}", f"/tickets/{number}/part"):
        page = await browser.get(path)
        assert page.status_code == 403
        assert "دورك لا يشمل العمل على التذاكر" in page.text
        assert "سرّ المواطن" not in page.text
    assert (await browser.post(f"/tickets/{number}/reply", text="x")).status_code == 403
    assert await house.sent(number) == []


async def test_old_attempts_and_sessions_are_swept_away(house: Any, sara: Any) -> None:
    await house.browser().login(sara.name, "wrong horse battery")
    await house.browser().login(sara.name)
    house.clock.forward(hours=13)
    await house.browser().login(sara.name)
    async with house.db.read() as session:
        sessions = list(await session.scalars(select(DeskSessionRow)))
        attempts = list(await session.scalars(select(LoginAttemptRow)))
    assert len(sessions) == 1 and attempts == []
    assert sessions[0].expires_at - sessions[0].created_at == timedelta(hours=12)
