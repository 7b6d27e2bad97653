"""Looks at an installation and says, thing by thing, what is there and what is missing.

It changes nothing: no folder, key or table is made, and nothing is sent to anybody.
"""

from __future__ import annotations

import os
import tempfile
from datetime import datetime
from pathlib import Path

from sqlalchemy import func, select, text
from sqlalchemy.exc import SQLAlchemyError

from bot.checks import Check
from core.crypto import Vault
from core.db.engine import Database, newest_migration
from core.db.tables import Contact, StaffRow
from core.errors import ConfigError
from core.redis_connection import RedisConnection, RedisDown
from core.settings import PREFIX, Settings, resolve_secret_key
from faq.loader import load_faq
from nlu.encoder.errors import ModelError
from nlu.encoder.manifest import read_manifest

#: Who may answer tickets at the desk.
ANSWERING = ("agent", "lead", "admin")


async def examine(settings: Settings) -> list[Check]:
    """Every check, in the order in which a newcomer meets the things."""
    return [
        Check("settings", "ok", "read"),
        _data_folder(settings.data_dir),
        _secret_key(settings),
        *await _database(settings),
        await _redis(settings),
        _model(settings.model_dir),
        _faq(settings),
        _ministry(settings),
        _public_url(settings),
        *await _telegram(settings),
        *await _whatsapp(settings),
    ]


def _data_folder(folder: Path) -> Check:
    name = "data folder"
    mend = f"Give the user that runs Natiq the right to write there, or set {PREFIX}DATA_DIR."
    if not folder.exists():
        parent = next((one for one in folder.absolute().parents if one.exists()), Path("/"))
        if os.access(parent, os.W_OK | os.X_OK):
            return Check(name, "ok", f"{folder} will be made at the first start")
        return Check(name, "wrong", f"{folder} cannot be made", mend)
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        return Check(name, "wrong", f"{folder} cannot be written to ({type(error).__name__})", mend)
    return Check(name, "ok", f"{folder} can be written to")


def _secret_key(settings: Settings) -> Check:
    name, path = "secret key", settings.data_dir / "secret.key"
    if settings.secret_key is not None:
        return Check(name, "ok", "set; keep a copy of it apart from the data")
    if settings.database_url is None and not path.exists():
        if _sqlite(settings).exists():
            mend = f"Restore {path} from a backup, before Natiq starts and makes another."
            return Check(
                name, "wrong", "there is a database, but not the key it is sealed with", mend
            )
        return Check(name, "ok", "will be made at the first start")
    try:
        resolve_secret_key(settings)
    except ConfigError as error:
        what = "not usable" if settings.database_url is None else "not set"
        return Check(name, "wrong", what, str(error))
    if path.stat().st_mode & 0o077:
        return Check(name, "wrong", f"others may read {path}", f"Run: chmod 600 {path}")
    return Check(name, "ok", f"in {path}; keep a copy of it apart from the data")


def _sqlite(settings: Settings) -> Path:
    return settings.data_dir / "natiq.db"


async def _database(settings: Settings) -> list[Check]:
    name = "database"
    if settings.database_url is None and not _sqlite(settings).exists():
        return [
            Check(name, "missing", "there is none yet", "Start Natiq once: make run."),
            Check("staff", "missing", "nobody can answer tickets yet", _ADD_STAFF),
        ]
    db: Database | None = None
    try:
        db = Database(settings.resolved_database_url())
        async with db.read() as session:
            found = await session.scalar(text("SELECT version_num FROM alembic_version"))
        if found != newest_migration():
            mend = "Start Natiq once: it brings the tables up to date. Back them up before."
            return [Check(name, "missing", "reached; its tables are of another version", mend)]
        return [await _opens(db, settings), await _staff(db)]
    except (ConfigError, SQLAlchemyError, OSError) as error:
        mend = str(error) if isinstance(error, ConfigError) else f"Check {PREFIX}DATABASE_URL."
        return [Check(name, "wrong", f"not reached ({type(error).__name__})", mend)]
    finally:
        if db is not None:
            await db.close()


async def _opens(db: Database, settings: Settings) -> Check:
    async with db.read() as session:
        contact = await session.scalar(select(Contact).order_by(Contact.id.desc()).limit(1))
        version = None if db.is_sqlite else await session.scalar(text("SHOW server_version"))
    kind = "SQLite" if db.is_sqlite else f"PostgreSQL {version}"
    if contact is not None and _secret_key(settings).state == "ok":
        try:
            Vault(resolve_secret_key(settings)).open(contact.sealed_address, contact.channel)
        except ConfigError:
            return Check(
                "database",
                "wrong",
                "its addresses were sealed with another secret key",
                f"Restore the {PREFIX}SECRET_KEY that belongs to this database.",
            )
    return Check("database", "ok", f"{kind}, reached and up to date")


_ADD_STAFF = "Add somebody: natiq staff add NAME --role agent."


async def _staff(db: Database) -> Check:
    query = select(func.count()).select_from(StaffRow)
    query = query.where(StaffRow.role.in_(ANSWERING), ~StaffRow.disabled)
    async with db.read() as session:
        count = await session.scalar(query) or 0
    if not count:
        return Check("staff", "missing", "nobody can answer tickets", _ADD_STAFF)
    return Check("staff", "ok", f"{count} can answer tickets")


async def _redis(settings: Settings) -> Check:
    name = "redis"
    if settings.redis_url is None:
        if settings.resolved_database_url().startswith("sqlite"):
            return Check(name, "off", "not set; a process alone needs none")
        return Check(
            name,
            "note",
            "not set: of several processes each finds its work by looking, up to a second later, "
            "and keeps the platforms' pace for itself alone",
            f"Set {PREFIX}REDIS_URL where several processes run.",
        )
    try:
        connection = RedisConnection(settings.redis_url.get_secret_value())
    except ConfigError as error:
        return Check(name, "wrong", "its address is malformed", str(error))
    try:
        memory = await connection.command("INFO", "memory")
    except RedisDown as error:
        mend = f"Start it, or mend {PREFIX}REDIS_URL. Meanwhile all goes on, only slower."
        return Check(name, "wrong", f"not reached ({error})", mend)
    finally:
        await connection.close()
    policy = memory.get("maxmemory_policy", "") if isinstance(memory, dict) else ""
    if policy.startswith("allkeys"):
        return Check(
            name,
            "note",
            f"reached; when its memory is full it drops wake-ups too ({policy})",
            "Set its maxmemory-policy to volatile-lru.",
        )
    return Check(name, "ok", "reached")


def _model(folder: Path) -> Check:
    try:
        manifest = read_manifest(folder / "encoder")
    except ModelError:
        return Check("model", "missing", f"no complete model in {folder}", "Run: make setup.")
    return Check("model", "ok", f"{manifest.name}, in {folder}")


def _faq(settings: Settings) -> Check:
    result = load_faq(settings.faq_dir, datetime.now(settings.zone).date())
    errors = sum(found.severity == "error" for found in result.findings)
    if errors or result.knowledge is None:
        text_ = f"{settings.faq_dir}: {errors} errors, so it cannot be served"
        return Check("faq", "wrong", text_, "Run: natiq faq check. It names each and the mend.")
    entries, others = len(result.knowledge.entries), len(result.findings)
    return Check("faq", "ok", f"{entries} entries can be served; {others} findings")


def _ministry(settings: Settings) -> Check:
    if settings.sample:
        return Check(
            "ministry",
            "note",
            "this is the fictional sample, and its answers are no official information",
            f"For a real ministry set {PREFIX}SAMPLE=false, {PREFIX}FAQ_DIR and the two "
            f"{PREFIX}MINISTRY_NAME settings.",
        )
    return Check("ministry", "ok", settings.ministry_name_en)


def _needs_webhook(settings: Settings) -> bool:
    telegram = settings.telegram_token is not None and settings.telegram_mode == "webhook"
    return telegram or settings.whatsapp_phone_id is not None


def _public_url(settings: Settings) -> Check:
    name, url = "public address", settings.public_url
    mend = f"Set {PREFIX}PUBLIC_URL to the https:// address of your TLS proxy."
    if not _needs_webhook(settings):
        return Check(name, "ok" if url else "off", url or "not set; no webhook needs it")
    if url is None:
        return Check(name, "missing", "not set, and platforms cannot deliver to us", mend)
    if not url.startswith("https://"):
        return Check(name, "wrong", f"{url} is not https, which the platforms ask for", mend)
    return Check(name, "ok", url)


async def _telegram(settings: Settings) -> list[Check]:
    if settings.telegram_token is None:
        return [Check("telegram", "off", f"{PREFIX}TELEGRAM_TOKEN is not set")]
    from bot.channels.telegram.probe import TOKEN, probe
    from bot.channels.telegram.wiring import TOKEN_FORM

    token = settings.telegram_token.get_secret_value()
    if not TOKEN_FORM.fullmatch(token):
        mend = "Copy it from @BotFather; it looks like 123456:ABC-DEF."
        return [Check(TOKEN, "wrong", "not of a token's form", mend)]
    origin = settings.public_url if settings.telegram_mode == "webhook" else None
    return await probe(token, settings.telegram_api_url, origin)


async def _whatsapp(settings: Settings) -> list[Check]:
    phone_id, token = settings.whatsapp_phone_id, settings.whatsapp_token
    app_secret, verify_token = settings.whatsapp_app_secret, settings.whatsapp_verify_token
    if phone_id is None or token is None or app_secret is None or verify_token is None:
        return [Check("whatsapp", "off", f"{PREFIX}WHATSAPP_PHONE_ID is not set")]
    from bot.channels.whatsapp import probe

    checks = await probe.probe_meta(
        phone_id,
        token.get_secret_value(),
        settings.whatsapp_api_url,
        settings.whatsapp_business_id,
        settings.whatsapp_template,
    )
    checks.append(probe.check_app_secret(app_secret.get_secret_value()))
    if settings.public_url is not None:
        secret = verify_token.get_secret_value()
        checks.append(await probe.probe_webhook(settings.public_url, secret))
    return checks
