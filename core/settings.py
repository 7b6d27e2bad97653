"""Typed settings from the environment (`NATIQ_...`) and `.env`, read once by the composition root.

Fails closed: a value that is wrong, half a channel, or a shared database without a secret key is
refused with a message that says what to set. Any secret may come from a file
named by `..._FILE`. Nothing but the composition root and the command line reads settings.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import stat
import tempfile
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from dotenv import dotenv_values
from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from core.errors import ConfigError

PREFIX = "NATIQ_"
ENV_FILE = ".env"

#: Settings whose value may come from the file named by the same setting with `_FILE` behind it.
SECRET_SETTINGS = (
    "SECRET_KEY",
    "DATABASE_URL",
    "REDIS_URL",
    "TELEGRAM_TOKEN",
    "TELEGRAM_WEBHOOK_SECRET",
    "WHATSAPP_TOKEN",
    "WHATSAPP_APP_SECRET",
    "WHATSAPP_VERIFY_TOKEN",
)


class Settings(BaseSettings):
    """All settings of the public contract; `.env.example` explains each to an operator."""

    # An empty value is none, so that a line of `.env.example` may be uncommented as it stands.
    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_file=ENV_FILE, extra="ignore", env_ignore_empty=True
    )

    data_dir: Path = Path("var/data")
    model_dir: Path = Path("var/model")
    faq_dir: Path = Path("faq/content")
    database_url: SecretStr | None = None
    redis_url: SecretStr | None = None
    host: str = "127.0.0.1"
    port: int = Field(default=8080, ge=0, le=65535)
    public_url: str | None = None
    trusted_proxies: str = ""
    secret_key: SecretStr | None = None
    timezone: str = "Asia/Riyadh"
    default_region: str = "SA"
    work_days: str = "sun,mon,tue,wed,thu"
    work_hours: str = "08:00-15:00"
    frame_ancestors: str = ""
    human_silence_hours: float = Field(default=12, ge=0.5, le=22)
    log_format: Literal["console", "json"] = "console"
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    sample: bool = True
    ministry_name_ar: str = "وزارة الخدمات العامة"
    ministry_name_en: str = "Ministry of Public Services"

    telegram_token: SecretStr | None = None
    telegram_mode: Literal["polling", "webhook"] = "polling"
    telegram_api_url: str | None = None
    telegram_webhook_secret: SecretStr | None = None
    whatsapp_phone_id: str | None = None
    whatsapp_token: SecretStr | None = None
    whatsapp_app_secret: SecretStr | None = None
    whatsapp_verify_token: SecretStr | None = None
    whatsapp_api_url: str | None = None
    whatsapp_business_id: str | None = None
    whatsapp_template: str = Field(default="natiq_reply_ready", pattern=r"^[a-z0-9_]{1,512}$")

    nlu: Literal["local", "rasa"] = "local"
    rasa_url: str | None = None

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:  # "Asia" is a folder
            raise ValueError("no such time zone; use a name such as Asia/Riyadh") from error
        return value

    @field_validator("public_url", "telegram_api_url", "whatsapp_api_url", "rasa_url")
    @classmethod
    def _bare_origin(cls, value: str | None) -> str | None:
        if value is None or value == "":
            return None
        try:
            parts = urlsplit(value)
            whole = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        except ValueError:
            whole = False
        if not whole or re.search(r"[\s\\]", value):
            raise ValueError("give a web address such as https://natiq.example")
        if parts.path.strip("/") or parts.query or parts.fragment or "@" in parts.netloc:
            raise ValueError("give scheme, host and port alone, such as https://natiq.example")
        return f"{parts.scheme}://{parts.netloc}"

    @field_validator("default_region")
    @classmethod
    def _region(cls, value: str) -> str:
        if len(value) != 2 or not value.isalpha():
            raise ValueError("give a country code of two letters, such as SA")
        return value.upper()

    @model_validator(mode="after")
    def _whole_channels(self) -> Settings:
        _refuse_half(
            "WhatsApp",
            {
                "WHATSAPP_PHONE_ID": self.whatsapp_phone_id,
                "WHATSAPP_TOKEN": self.whatsapp_token,
                "WHATSAPP_APP_SECRET": self.whatsapp_app_secret,
                "WHATSAPP_VERIFY_TOKEN": self.whatsapp_verify_token,
            },
        )
        if self.telegram_mode == "webhook":
            _refuse_half(
                "Telegram in webhook mode",
                {
                    "TELEGRAM_TOKEN": self.telegram_token,
                    "TELEGRAM_WEBHOOK_SECRET": self.telegram_webhook_secret,
                    "PUBLIC_URL": self.public_url,
                },
                any_of=("TELEGRAM_TOKEN", "TELEGRAM_WEBHOOK_SECRET"),
            )
        elif self.telegram_webhook_secret and not self.telegram_token:
            raise ValueError(
                f"Telegram is half set: set {PREFIX}TELEGRAM_TOKEN, "
                f"or remove {PREFIX}TELEGRAM_WEBHOOK_SECRET"
            )
        if self.nlu == "rasa" and not self.rasa_url:
            raise ValueError(f"{PREFIX}NLU=rasa needs {PREFIX}RASA_URL, such as http://rasa:5005")
        if self.secret_key is not None and len(self.secret_key.get_secret_value()) < 32:
            raise ValueError(
                f"{PREFIX}SECRET_KEY is shorter than 32 characters; "
                'make one with: python3 -c "import secrets; print(secrets.token_urlsafe(48))"'
            )
        return self

    @property
    def zone(self) -> ZoneInfo:
        """The time zone in which deadlines are counted and said."""
        return ZoneInfo(self.timezone)

    def resolved_database_url(self) -> str:
        """`DATABASE_URL`, or the embedded SQLite file in `DATA_DIR`."""
        if self.database_url is not None:
            return self.database_url.get_secret_value()
        return f"sqlite+aiosqlite:///{(self.data_dir / 'natiq.db').resolve()}"


def _refuse_half(what: str, parts: dict[str, Any], any_of: tuple[str, ...] | None = None) -> None:
    given = [name for name in (any_of or tuple(parts)) if parts[name]]
    missing = [name for name, value in parts.items() if not value]
    if given and missing:
        names = ", ".join(PREFIX + name for name in missing)
        raise ValueError(
            f"{what} is half set: set {names} too, "
            f"or remove {', '.join(PREFIX + name for name in given)} to leave it off"
        )


def load_settings(**overrides: Any) -> Settings:
    """Read the settings; keyword arguments (field names) win over the environment.

    Raises:
        ConfigError: names each wrong setting and the mend; never shows a secret's value.
    """
    try:
        values = {**_secrets_from_files(), **overrides}
        return Settings(**values)
    except UnicodeDecodeError:
        raise ConfigError(f"{ENV_FILE} is not UTF-8 text; save it again as UTF-8.") from None
    except OSError as error:
        raise ConfigError(f"{ENV_FILE} cannot be read ({type(error).__name__}).") from None
    except ValidationError as error:
        lines = []
        for item in error.errors(include_input=False, include_url=False):
            where = PREFIX + "_".join(str(part) for part in item["loc"]).upper()
            message = item["msg"].removeprefix("Value error, ")
            lines.append(f"  {where}: {message}" if item["loc"] else f"  {message}")
        raise ConfigError(
            "The settings are not usable:\n" + "\n".join(lines) + "\nSee .env.example."
        ) from None


def _secrets_from_files() -> dict[str, Any]:
    found: dict[str, Any] = {}
    given = {key.upper(): value for key, value in dotenv_values(ENV_FILE).items()}
    given.update((key.upper(), value) for key, value in os.environ.items())
    for name in SECRET_SETTINGS:
        path = given.get(f"{PREFIX}{name}_FILE")
        if not path or _leads_nowhere(path):
            continue
        if given.get(PREFIX + name):
            raise ConfigError(f"Set either {PREFIX}{name} or {PREFIX}{name}_FILE, not both.")
        try:
            value = Path(path).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(
                f"{PREFIX}{name}_FILE names a file that cannot be read: {path} "
                f"({type(error).__name__}). Mend the path or the file's permissions."
            ) from None
        if not value:
            raise ConfigError(f"{PREFIX}{name}_FILE names an empty file: {path}.")
        found[name.lower()] = SecretStr(value)
    return found


def _leads_nowhere(path: str) -> bool:
    """Whether it is /dev/null under whatever name: how a container is told that a secret which it
    may have is not set. A file that is merely empty is a mistake."""
    with contextlib.suppress(OSError):
        found = Path(path).stat()
        return stat.S_ISCHR(found.st_mode) and found.st_rdev == Path(os.devnull).stat().st_rdev
    return False


def resolve_secret_key(settings: Settings) -> bytes:
    """The key that all stored secrets derive from.

    With the embedded database a key is made once and kept in `DATA_DIR/secret.key` (mode 0600).
    With an outside database it must be set, because every process needs the same one.

    Raises:
        ConfigError: no key is set where one is needed, or the key file cannot be read.
    """
    if settings.secret_key is not None:
        return settings.secret_key.get_secret_value().encode("utf-8")
    if settings.database_url is not None:
        raise ConfigError(
            f"Set {PREFIX}SECRET_KEY (or {PREFIX}SECRET_KEY_FILE): with {PREFIX}DATABASE_URL every "
            "process needs the same key. Make one with: "
            'python3 -c "import secrets; print(secrets.token_urlsafe(48))"'
        )
    path = settings.data_dir / "secret.key"
    try:
        settings.data_dir.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            _make_key(path)
        key = path.read_text(encoding="ascii").strip()
    except UnicodeDecodeError:
        key = ""
    except OSError as error:
        raise ConfigError(
            f"{path} can be neither read nor made ({type(error).__name__}). Mend the permissions "
            f"of the folder, or set {PREFIX}SECRET_KEY."
        ) from None
    if len(key) < 32:
        raise ConfigError(
            f"{path} holds no usable key. Restore it from a backup: without it stored addresses "
            "cannot be read. Only on a new installation may it be deleted, to be made anew."
        )
    return key.encode("ascii")


def _make_key(path: Path) -> None:
    """Write a new key in full under another name, then give it its name unless another process
    was first: nobody ever reads half a key, and nobody's key is overwritten."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix="secret.", suffix=".part")  # mode 0600
    try:
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(secrets.token_urlsafe(48))
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(name, path)
    finally:
        Path(name).unlink(missing_ok=True)
