"""Reading settings: fails closed, says what to set, and never shows a secret."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import SecretStr

from core.errors import ConfigError
from core.settings import SECRET_SETTINGS, Settings, load_settings

SetEnv = Callable[..., None]
KEY = "k" * 32
SECRET = "VERY-SECRET-VALUE-0123456789-abcdefghij"

WHATSAPP = {
    "WHATSAPP_PHONE_ID": "1055500001",
    "WHATSAPP_TOKEN": "EAAB-token",
    "WHATSAPP_APP_SECRET": "app-secret",
    "WHATSAPP_VERIFY_TOKEN": "verify",
}
WEBHOOK = {
    "TELEGRAM_TOKEN": "1:abc",
    "TELEGRAM_WEBHOOK_SECRET": "hook",
    "PUBLIC_URL": "https://natiq.example",
}


def refusal(**overrides: object) -> str:
    with pytest.raises(ConfigError) as caught:
        load_settings(**overrides)
    return str(caught.value)


def test_without_any_setting_it_is_embedded_and_local() -> None:
    settings = load_settings()
    assert settings.resolved_database_url().startswith("sqlite+aiosqlite:////")
    assert settings.resolved_database_url().endswith("/var/data/natiq.db")
    assert settings.zone.key == "Asia/Riyadh"
    assert settings.sample
    assert (settings.telegram_token, settings.whatsapp_token) == (None, None)


def test_the_environment_wins_over_the_file_and_overrides_over_both(setenv: SetEnv) -> None:
    Path(".env").write_text("NATIQ_PORT=1111\nNATIQ_HOST=0.0.0.0\nOTHER=x\n", encoding="utf-8")
    assert load_settings().port == 1111
    setenv(PORT="2222")
    assert load_settings().port == 2222
    assert load_settings(port=3333).port == 3333


def test_an_empty_value_is_no_value(setenv: SetEnv) -> None:
    """A line of .env.example with its comment sign removed must not break the start."""
    names = [name.upper() for name in Settings.model_fields]
    Path(".env").write_text("".join(f"NATIQ_{name}=\n" for name in names), encoding="utf-8")
    assert load_settings() == Settings(_env_file=None)
    setenv(**dict.fromkeys(names, ""))
    assert load_settings() == Settings(_env_file=None)
    assert load_settings().resolved_database_url().startswith("sqlite")


@pytest.mark.parametrize("content", [b"NATIQ_HOST=\xff\xfe\n", "NATIQ_HOST=x".encode("utf-16")])
def test_a_file_that_is_not_utf8_is_named(content: bytes) -> None:
    Path(".env").write_bytes(content)
    assert ".env is not UTF-8" in refusal()


@pytest.mark.parametrize("name", SECRET_SETTINGS)
def test_a_secret_from_a_file(name: str, setenv: SetEnv) -> None:
    value = f"https://x/{SECRET}"
    Path("secret").write_text(f"{value}\n", encoding="utf-8")
    setenv(**{f"{name}_FILE": "secret"}, **{**WHATSAPP, **WEBHOOK, name: ""})
    read = getattr(load_settings(), name.lower())
    assert isinstance(read, SecretStr)
    assert read.get_secret_value() == value


@pytest.mark.parametrize("where", ["environment", "file"])
def test_a_secret_given_twice_is_refused(where: str, setenv: SetEnv) -> None:
    Path("secret").write_text(SECRET, encoding="utf-8")
    if where == "environment":
        setenv(SECRET_KEY=KEY)
    else:
        Path(".env").write_text(f"NATIQ_SECRET_KEY={KEY}\n", encoding="utf-8")
    setenv(SECRET_KEY_FILE="secret")
    text = refusal()
    assert "NATIQ_SECRET_KEY or NATIQ_SECRET_KEY_FILE" in text
    assert SECRET not in text and KEY not in text


def test_a_secret_file_may_be_named_in_the_env_file() -> None:
    Path("secret").write_text(SECRET, encoding="utf-8")
    Path(".env").write_text("NATIQ_SECRET_KEY_FILE=secret\n", encoding="utf-8")
    key = load_settings().secret_key
    assert key is not None
    assert key.get_secret_value() == SECRET


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "cannot be read: secret (FileNotFoundError)"),
        (b" \n", "empty file"),
        (b"\xff", "read"),
    ],
)
def test_a_secret_file_that_is_of_no_use_is_named(
    content: bytes | None, says: str, setenv: SetEnv
) -> None:
    if content is not None:
        Path("secret").write_bytes(content)
    setenv(SECRET_KEY_FILE="secret")
    text = refusal()
    assert "NATIQ_SECRET_KEY_FILE" in text
    assert says in text


def test_a_secret_that_leads_to_dev_null_is_not_set(setenv: SetEnv) -> None:
    Path("secret").symlink_to("/dev/null")
    setenv(TELEGRAM_TOKEN_FILE="secret")
    assert load_settings().telegram_token is None


@pytest.mark.parametrize(
    ("channel", "parts"), [("WhatsApp", WHATSAPP), ("Telegram in webhook mode", WEBHOOK)]
)
def test_half_a_channel_is_refused_naming_what_is_missing(
    channel: str, parts: dict[str, str], monkeypatch: pytest.MonkeyPatch, setenv: SetEnv
) -> None:
    setenv(TELEGRAM_MODE="webhook")
    for size in range(1, len(parts)):
        for given in itertools.combinations(parts, size):
            if given == ("PUBLIC_URL",):  # has other uses: alone it is no half of Telegram
                continue
            for name in parts:
                monkeypatch.delenv(f"NATIQ_{name}", raising=False)
            setenv(**{name: parts[name] for name in given})
            text = refusal()
            assert f"{channel} is half set" in text
            wanted = text.partition("set NATIQ_")[2].partition(" too")[0]
            assert {*wanted.replace("NATIQ_", "").split(", ")} == set(parts) - set(given)
            assert not any(value in text for value in parts.values() if "secret" in value)


def test_whole_channels_are_taken(setenv: SetEnv) -> None:
    setenv(**WHATSAPP, **WEBHOOK, TELEGRAM_MODE="webhook")
    assert load_settings().whatsapp_phone_id == "1055500001"


def test_polling_needs_the_token_alone(setenv: SetEnv) -> None:
    setenv(TELEGRAM_TOKEN="1:abc")
    assert load_settings().telegram_token is not None


def test_a_webhook_secret_without_a_token_is_refused(setenv: SetEnv) -> None:
    setenv(TELEGRAM_WEBHOOK_SECRET="hook")
    assert "NATIQ_TELEGRAM_TOKEN" in refusal()


def test_rasa_needs_its_address(setenv: SetEnv) -> None:
    setenv(NLU="rasa")
    assert "NATIQ_RASA_URL" in refusal()
    setenv(RASA_URL="http://rasa:5005/")
    assert load_settings().rasa_url == "http://rasa:5005"


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("SECRET_KEY", "k" * 31, "shorter than 32"),
        ("TIMEZONE", "Asia", "Asia/Riyadh"),
        ("TIMEZONE", "Mars/Olympus", "Asia/Riyadh"),
        ("TIMEZONE", "../../etc/passwd", "Asia/Riyadh"),
        ("DEFAULT_REGION", "Saudi", "two letters"),
        ("PORT", "eighty", "NATIQ_PORT"),
        ("PORT", "65536", "NATIQ_PORT"),
        ("LOG_LEVEL", "loud", "'debug'"),
        ("TELEGRAM_MODE", "push", "'polling'"),
        ("NLU", "magic", "'local'"),
        ("SAMPLE", "perhaps", "NATIQ_SAMPLE"),
    ],
)
def test_a_wrong_value_is_named_with_its_mend(
    name: str, value: str, says: str, setenv: SetEnv
) -> None:
    setenv(**{name: value})
    text = refusal()
    assert f"NATIQ_{name}" in text
    assert says in text


@pytest.mark.parametrize("name", ["PUBLIC_URL", "TELEGRAM_API_URL", "WHATSAPP_API_URL", "RASA_URL"])
@pytest.mark.parametrize(
    "value",
    [
        "natiq.example",
        "ftp://natiq.example",
        "https://",
        "https:///path",
        "https://natiq.example:99999",
        "https://natiq.example:port",
        "https://natiq example",
        "https://user:word@natiq.example",
        "https://natiq.example/path",
        "https://natiq.example?x=1",
        "https://natiq.example#x",
        "javascript:alert(1)",
        "//natiq.example",
    ],
)
def test_an_address_that_is_no_bare_origin_is_refused(
    name: str, value: str, setenv: SetEnv
) -> None:
    setenv(**{name: value})
    text = refusal()
    assert f"NATIQ_{name}" in text
    assert "https://natiq.example" in text
    assert "word" not in text


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        ("https://natiq.example/", "https://natiq.example"),
        ("http://127.0.0.1:8081", "http://127.0.0.1:8081"),
        ("http://[::1]:8081/", "http://[::1]:8081"),
        ("HTTPS://natiq.example", "https://natiq.example"),
    ],
)
def test_an_origin_loses_its_last_slash(value: str, kept: str, setenv: SetEnv) -> None:
    setenv(PUBLIC_URL=value)
    assert load_settings().public_url == kept


def test_no_secret_is_shown_in_an_error_or_a_representation(setenv: SetEnv) -> None:
    given = {name: f"https://user:{SECRET}@host/{name}" for name in SECRET_SETTINGS}
    setenv(**given, TIMEZONE="nowhere", PORT="x")
    text = refusal()
    assert "NATIQ_TIMEZONE" in text and "NATIQ_PORT" in text
    assert SECRET not in text
    setenv(TIMEZONE="Asia/Riyadh", PORT="1", WHATSAPP_PHONE_ID="1")
    settings = load_settings()
    assert SECRET not in repr(settings) + str(settings) + str(settings.model_dump())
