"""`natiq ticket`, `staff`, `faq` and `chat`."""

from __future__ import annotations

import re
import shutil
import stat
from pathlib import Path

import pytest

from tests.support.places import FAQ_DIR

COMPLAINT = "عندي شكوى على الموظف في مركز الخدمة رفض يستلم أوراقي وتكلم معي بأسلوب سيئ"
PASSWORD = "a long password\n"


def complain(natiq) -> str:
    """Make a complaint in the terminal; returns its number."""
    skipped = "تخطي\n" * 4  # where, when, a reference, files
    ran = natiq("chat", stdin=f"{COMPLAINT}\nلا\n{skipped}نعم\n")
    assert ran.code == 0, ran.err
    found = re.search(r"[0-9]{3}-[0-9]{3}", ran.out)
    assert found, ran.out
    return found[0]


def test_a_ticket_from_the_terminal_and_back(natiq) -> None:
    complaint = complain(natiq)
    assert (
        natiq("staff", "add", "Huda", "--role", "agent", "--password-stdin", stdin=PASSWORD).code
        == 0
    )
    (ticket,) = natiq("ticket", "list", "--json").json["tickets"]
    assert {"number", "kind", "state", "urgent", "opened_at", "due_at"} <= set(ticket)
    assert (ticket["number"], ticket["kind"], ticket["state"]) == (complaint, "complaint", "open")
    shown = natiq("ticket", "show", complaint, "--json").json
    assert shown["number"] == complaint
    assert shown["conversation"][0]["text"] == COMPLAINT
    assert shown["events"][0]["text"] == COMPLAINT

    assert complaint in natiq("ticket", "list").out
    plain = natiq("ticket", "show", complaint).out
    assert COMPLAINT in plain and "opened by system" in plain

    ran = natiq("ticket", "close", complaint, "--json")
    assert (ran.code, ran.out) == (1, "")
    assert "reply first" in ran.err

    ran = natiq("ticket", "assign", complaint, "--to", "Huda", "--by", "Huda", "--json")
    assert ran.json == {"number": complaint, "assignee": "Huda"}
    ran = natiq(
        "ticket", "reply", complaint, "-", "--by", "Huda", "--json", stdin="نعتذر لك.\nحُلّت.\n"
    )
    assert ran.code == 0 and ran.json["number"] == complaint
    assert natiq("ticket", "list", "--json").json["tickets"][0]["assignee"] == "Huda"

    # The citizen reads it at the next start, verbatim, without a name; the bot stays mute.
    read = natiq("chat", stdin="شكرا\n")
    assert "نعتذر لك.\nحُلّت." in read.out
    assert "Huda" not in read.out
    assert read.out.count("ناطق:") == 1

    assert natiq("ticket", "close", complaint, "--json").json["state"] == "closed"
    assert natiq("ticket", "list", "--json").json == {"tickets": []}
    assert len(natiq("ticket", "list", "--all", "--json").json["tickets"]) == 1
    ran = natiq("ticket", "reply", complaint, "بعد الإغلاق")
    assert ran.code == 1 and "closed" in ran.err

    ran = natiq("ticket", "reopen", complaint, "--by", "Huda", "--json")
    assert ran.json == {"number": complaint, "state": "open"}
    assert natiq("ticket", "reopen", complaint).code == 1
    assert f"أعدنا فتح الطلب رقم {complaint}" in natiq("chat", stdin="شكرا\n").out
    for found in (("--search", "أوراقي الموظف"), ("--search", complaint), ("--kind", "complaint")):
        listed = natiq("ticket", "list", *found, "--json").json["tickets"]
        assert [one["number"] for one in listed] == [complaint], found
    for nothing in (("--search", "كلمة لم تُقل"), ("--kind", "urgent"), ("--overdue",)):
        assert natiq("ticket", "list", *nothing, "--json").json == {"tickets": []}, nothing


def test_an_empty_queue(natiq) -> None:
    assert natiq("ticket", "list", "--json").json == {"tickets": []}
    assert natiq("ticket", "list").out.strip() == "No tickets."


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("list", "--state", "lost"), 2),
        (("list", "--kind", "lost"), 2),
        (("reopen", "123-456"), 1),
        (("show", "123-456"), 1),
        (("reply", "123-456", "نص"), 1),
        (("reply", "123-456", " "), 2),
        (("close", "123-456"), 1),
        (("assign", "123-456", "--to", "nobody"), 1),
        (("assign", "123-456", "--to", "Unknown"), 1),
        (("assign", "123-456"), 2),
        (("reply", "123-456"), 2),
    ],
)
def test_refusals(natiq, arguments: tuple[str, ...], code: int) -> None:
    ran = natiq("ticket", *arguments)
    assert (ran.code, ran.out) == (code, "")
    assert ran.err.strip() and "Traceback" not in ran.err


def test_adding_staff(natiq) -> None:
    add = ("staff", "add", "Huda")
    ran = natiq(*add, "--role", "agent", "--password-stdin", stdin=PASSWORD)
    assert ran.code == 0
    assert PASSWORD.strip() not in ran.out + ran.err
    for role, stdin, code in (
        ("agent", PASSWORD, 1),  # the name is taken
        ("boss", PASSWORD, 2),
        ("agent", "short\n", 2),
        ("agent", "", 2),
    ):
        ran = natiq(*add, "--role", role, "--password-stdin", stdin=stdin)
        assert (ran.code, ran.out) == (code, ""), (role, stdin)
        assert ran.err.strip() and "Traceback" not in ran.err
    ran = natiq("staff", "add", "Other", "--role", "agent")
    assert ran.code == 2 and "--password-stdin" in ran.err


def test_checking_the_faq(natiq, tmp_path: Path) -> None:
    ran = natiq("faq", "check", "--json")
    assert ran.code == 0
    assert ran.json["errors"] == 0 and ran.json["entries"] >= 64
    assert natiq("faq", "check").code == 0
    broken = tmp_path / "broken"
    shutil.copytree(FAQ_DIR, broken)
    path = broken / "passports.yml"
    path.write_text(
        path.read_text(encoding="utf-8").replace("source:", "sauce:", 1), encoding="utf-8"
    )
    ran = natiq("faq", "check", "--json", NATIQ_FAQ_DIR=str(broken))
    assert ran.code == 1
    assert ran.json["errors"] >= 1
    assert any("sauce" in str(found) for found in ran.json["findings"])
    ran = natiq("faq", "check", NATIQ_FAQ_DIR=str(broken))
    assert ran.code == 1 and "passports.yml" in ran.out
    # What is refused is not served either.
    ran = natiq("ask", "سؤال", NATIQ_FAQ_DIR=str(broken))
    assert (ran.code, ran.out) == (2, "")
    assert "passports.yml" in ran.err


def test_chat_is_a_channel_like_any_other(natiq, tmp_path: Path) -> None:
    ran = natiq("chat", stdin="رسوم الجواز\n1\n\nكم رسوم تجديد جواز السفر؟\n😀\n")
    assert ran.code == 0, ran.err
    assert ran.out.count("ناطق:") == 4
    assert "[1]" in ran.out
    kept = tmp_path / "data" / "terminal.id"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert len(natiq("chat", "--new", stdin="").out) == 0


def test_chat_survives_bytes_that_are_no_text(natiq) -> None:
    ran = natiq("chat", stdin=b"\xff\xfe\x00 abc\nhello\n")
    assert ran.code == 0, ran.err
    assert ran.out.count("ناطق:") == 2


def test_help_names_the_commands_without_loading_anything(natiq, tmp_path: Path) -> None:
    ran = natiq("--help", NATIQ_MODEL_DIR=str(tmp_path / "none"))
    assert ran.code == 0
    for name in ("run", "chat", "ask", "eval", "bench", "faq", "ticket", "model", "staff"):
        assert name in ran.out
    assert not (tmp_path / "data").exists()
