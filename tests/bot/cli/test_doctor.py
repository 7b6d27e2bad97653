"""`natiq doctor` as a command: one JSON document, exit codes, and nothing given away."""

from __future__ import annotations

from pathlib import Path

from tests.bot.cli.conftest import Natiq


def test_before_the_first_start_it_says_what_is_missing(natiq: Natiq, tmp_path: Path) -> None:
    ran = natiq("doctor")
    assert ran.code == 1
    assert "missing  database" in ran.out
    assert "-> Start Natiq once" in ran.out
    assert ran.err == ""
    assert not (tmp_path / "data").exists()


def test_json_is_one_document(natiq: Natiq) -> None:
    ran = natiq("doctor", "--json")
    assert ran.code == 1
    assert ran.json["ok"] is False
    states = {check["name"]: check["state"] for check in ran.json["checks"]}
    assert (states["settings"], states["database"], states["telegram"]) == ("ok", "missing", "off")
    assert all(set(check) == {"name", "state", "text", "mend"} for check in ran.json["checks"])


def test_all_well_after_somebody_was_added(natiq: Natiq) -> None:
    added = natiq("staff", "add", "Huda", "--role", "agent", "--password-stdin", stdin="p" * 14)
    assert added.code == 0, added.err
    ran = natiq("doctor")
    assert (ran.code, ran.out.splitlines()[-1]) == (0, "Nothing is missing.")


def test_settings_that_cannot_be_used(natiq: Natiq) -> None:
    for changes in ({"NATIQ_PORT": "many"}, {"NATIQ_WHATSAPP_TOKEN": "a-secret-token"}):
        ran = natiq("doctor", **changes)
        assert ran.code == 2
        assert ran.out.startswith("wrong    settings")
        assert "a-secret-token" not in ran.out + ran.err
        ran = natiq("doctor", "--json", **changes)
        assert (ran.code, ran.json["ok"]) == (2, False)
