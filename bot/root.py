"""The composition root: settings in, a wired system out. Nothing else chooses implementations.

root = build_app(load_settings())
await root.start()      # tables, worker, sender, watcher
...
await root.stop()
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from actions.attachments import Attachments
from actions.base import Action
from actions.deadlines import WorkingHours
from actions.emergency import Emergency
from actions.intake import Intake
from actions.resume import Resume
from actions.silence import Silence
from actions.staff import Staff
from actions.status import Status
from actions.tickets import Tickets
from bot.answers import Answers
from bot.channels.telegram.channel import TEXT_LIMITS as TELEGRAM_LIMITS
from bot.channels.telegram.identity import TELEGRAM
from bot.channels.web.channel import WebChannel
from bot.channels.whatsapp.compose import TEXT_LIMITS as WHATSAPP_LIMITS
from bot.channels.whatsapp.identity import WHATSAPP
from bot.commands import Commands
from bot.dispatcher import Dispatcher
from bot.fetcher import Fetcher
from bot.greeting import Names, greeting
from bot.housekeeper import Housekeeper
from bot.media import MediaHandler
from bot.menu import Menu
from bot.mind import Mind, Progress, build_mind
from bot.sender import Sender
from bot.shared import Shared, share
from bot.worker import Worker
from core.catalogue import Catalogue
from core.clock import Clock, utc_now
from core.contacts import Contacts
from core.crypto import Vault
from core.db.engine import Database
from core.messages import Channel, Language, MediaSource
from core.queues.inbox import Inbox
from core.queues.outbox import Outbox
from core.settings import Settings, resolve_secret_key
from core.wakeup import Wakeup
from faq.service import FaqService

if TYPE_CHECKING:  # loads the client library, which only those need who have a token
    from bot.channels.telegram.wiring import Telegram
    from bot.channels.whatsapp.wiring import WhatsApp

__all__ = ["REPLIES", "Mind", "Root", "build_app", "build_mind", "names_of"]

REPLIES = Path(__file__).parent / "replies"

#: Messages of different conversations that are handled, and sent, at the same time.
WORKERS = 4
SENDERS = 4
#: Files that are fetched at the same time.
FETCHERS = 2


@dataclass(slots=True)
class Root:
    """The wired system."""

    settings: Settings
    secret_key: bytes = field(repr=False)
    vault: Vault
    db: Database
    wakeup: Wakeup
    contacts: Contacts
    inbox: Inbox
    outbox: Outbox
    catalogue: Catalogue
    names: Names
    tickets: Tickets
    staff: Staff
    mind: Mind | None
    worker: Worker | None
    sender: Sender
    attachments: Attachments
    fetcher: Fetcher
    housekeeper: Housekeeper
    telegram: Telegram | None = None
    whatsapp: WhatsApp | None = None
    shared: Shared | None = None
    tasks: list[asyncio.Task[None]] = field(default_factory=list)

    @property
    def faq(self) -> FaqService:
        """The knowledge base in service."""
        if self.mind is None:
            raise RuntimeError("this process was built without understanding")
        return self.mind.faq

    async def start(self, *, watch: bool = True) -> None:
        """Bring the tables up to date and start the loops."""
        await self.db.migrate()
        if self.worker is not None:
            for number in range(WORKERS):
                self._spawn(self.worker.run(), f"worker-{number}")
            self._spawn(self.housekeeper.run(), "housekeeper")
        for number in range(SENDERS):
            self._spawn(self.sender.run(), f"sender-{number}")
        for number in range(FETCHERS if self.fetcher.sources else 0):
            self._spawn(self.fetcher.run(), f"fetcher-{number}")
        if watch and self.mind is not None:
            self._spawn(self.mind.faq.watch(), "faq-watch")
        if self.telegram is not None:
            self._spawn(self.telegram.run(), "telegram")

    async def stop(self) -> None:
        """End the loops and close the database. What is unfinished stays in its queue."""
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        self.tasks.clear()
        if self.telegram is not None:
            await self.telegram.close()
        if self.whatsapp is not None:
            await self.whatsapp.close()
        if self.shared is not None:
            await self.shared.close()
        await self.db.close()

    def _spawn(self, work: Coroutine[Any, Any, None], name: str) -> None:
        self.tasks.append(asyncio.create_task(work, name=name))


def build_app(
    settings: Settings,
    *,
    channels: Mapping[str, Channel] | None = None,
    mind: Mind | None = None,
    understand: bool = True,
    progress: Progress = lambda _line: None,
    clock: Clock = utc_now,
) -> Root:
    """Wire the system.

    `channels` replaces the channels that this process sends to; `mind` shares one that is loaded
    already; `understand=False` leaves it out, for commands that only look at tickets.

    Raises:
        ConfigError, InputError: say what to set or mend.
    """
    secret_key = resolve_secret_key(settings)
    vault = Vault(secret_key)
    db = Database(settings.resolved_database_url())
    shared = share(settings, vault)
    wakeup = shared.wakeup
    contacts = Contacts(vault)
    outbox = Outbox(db, contacts, clock, {TELEGRAM: TELEGRAM_LIMITS, WHATSAPP: WHATSAPP_LIMITS})
    inbox = Inbox(db, contacts, wakeup, clock)
    catalogue = Catalogue.load(REPLIES, settings.zone)
    names = names_of(settings)
    hours = WorkingHours.parse(settings.work_days, settings.work_hours, settings.zone)
    tickets = Tickets(db, outbox, catalogue, wakeup, hours, vault, clock)
    staff = Staff(db, clock)
    attachments = Attachments(db, settings.data_dir / "attachments", clock)
    telegram, whatsapp = None, None
    if channels is None:
        made: dict[str, Channel] = {"web": WebChannel()}
        telegram = _telegram(settings, clock, db, inbox, contacts, vault, catalogue)
        if telegram is not None:
            made[TELEGRAM] = telegram.channel
        whatsapp = _whatsapp(settings, clock, db, inbox, contacts, vault, wakeup, catalogue, names)
        if whatsapp is not None:
            made[WHATSAPP] = whatsapp.channel
        channels = made
    windows = {name: one.reply_window for name, one in channels.items() if one.reply_window}
    sources = {name: one for name, one in channels.items() if isinstance(one, MediaSource)}
    worker = None
    if understand:
        mind = mind or build_mind(settings, progress, clock)
        worker = _worker(
            mind,
            settings,
            clock,
            db,
            inbox,
            outbox,
            tickets,
            catalogue,
            names,
            wakeup,
            vault,
            Intake(catalogue, tickets, hours, attachments, clock),
            attachments,
            lambda name: getattr(channels.get(name), "private_link", None),
        )
    return Root(
        settings=settings,
        secret_key=secret_key,
        vault=vault,
        db=db,
        wakeup=wakeup,
        contacts=contacts,
        inbox=inbox,
        outbox=outbox,
        catalogue=catalogue,
        names=names,
        tickets=tickets,
        staff=staff,
        mind=mind,
        worker=worker,
        sender=Sender(
            outbox,
            channels,
            wakeup,
            rates=shared.rates,
            notice=whatsapp.notice if whatsapp is not None else None,
            clock=clock,
        ),
        attachments=attachments,
        housekeeper=Housekeeper(
            Silence(
                db,
                outbox,
                catalogue,
                wakeup,
                timedelta(hours=settings.human_silence_hours),
                windows,
                clock,
            )
        ),
        fetcher=Fetcher(db, attachments, outbox, catalogue, sources, wakeup),
        telegram=telegram,
        whatsapp=whatsapp,
        shared=shared,
    )


def _telegram(
    settings: Settings,
    clock: Clock,
    db: Database,
    inbox: Inbox,
    contacts: Contacts,
    vault: Vault,
    catalogue: Catalogue,
) -> Telegram | None:
    if settings.telegram_token is None:
        return None
    from bot.channels.telegram.wiring import Webhook, build_telegram

    webhook = None
    if settings.telegram_mode == "webhook":
        secret = settings.telegram_webhook_secret
        assert secret is not None and settings.public_url is not None  # noqa: S101 - settings do
        webhook = Webhook(settings.public_url, secret.get_secret_value())
    return build_telegram(
        token=settings.telegram_token.get_secret_value(),
        api_url=settings.telegram_api_url,
        webhook=webhook,
        db=db,
        inbox=inbox,
        contacts=contacts,
        vault=vault,
        catalogue=catalogue,
        clock=clock,
    )


def _whatsapp(
    settings: Settings,
    clock: Clock,
    db: Database,
    inbox: Inbox,
    contacts: Contacts,
    vault: Vault,
    wakeup: Wakeup,
    catalogue: Catalogue,
    names: Names,
) -> WhatsApp | None:
    token, app_secret = settings.whatsapp_token, settings.whatsapp_app_secret
    phone_id, verify_token = settings.whatsapp_phone_id, settings.whatsapp_verify_token
    if not (token and app_secret and phone_id and verify_token):  # all or none: the settings do
        return None
    from bot.channels.whatsapp.wiring import build_whatsapp

    return build_whatsapp(
        phone_id=phone_id,
        token=token.get_secret_value(),
        app_secret=app_secret.get_secret_value(),
        verify_token=verify_token.get_secret_value(),
        api_url=settings.whatsapp_api_url,
        template=settings.whatsapp_template,
        ministry=names.ministry,
        db=db,
        inbox=inbox,
        contacts=contacts,
        vault=vault,
        wakeup=wakeup,
        catalogue=catalogue,
        clock=clock,
    )


def _worker(
    mind: Mind,
    settings: Settings,
    clock: Clock,
    db: Database,
    inbox: Inbox,
    outbox: Outbox,
    tickets: Tickets,
    catalogue: Catalogue,
    names: Names,
    wakeup: Wakeup,
    vault: Vault,
    intake: Intake,
    attachments: Attachments,
    private_chat: Callable[[str], str | None],
) -> Worker:
    def today() -> date:
        return clock().astimezone(settings.zone).date()

    answers = Answers(catalogue, lambda: mind.faq.index, today)
    status = Status(catalogue, tickets, clock)
    resume = Resume(catalogue, outbox, status, vault, clock)
    actions: dict[str, Action] = {
        "urgent": Emergency(catalogue, tickets),
        "status": status,
    }
    dispatcher = Dispatcher(
        catalogue,
        tickets,
        outbox,
        answers,
        intake,
        actions,
        Menu(catalogue, lambda: mind.faq.knowledge, today),
        MediaHandler(catalogue, attachments, tickets),
        Commands(catalogue, partial(greeting, catalogue, names), private_chat),
        resume,
    )
    return Worker(
        db,
        inbox,
        outbox,
        tickets,
        attachments,
        catalogue,
        mind.understanding,
        dispatcher,
        wakeup,
    )


def names_of(settings: Settings) -> Names:
    """How the ministry is called."""
    ministry: dict[Language, str] = {
        "ar": settings.ministry_name_ar,
        "en": settings.ministry_name_en,
    }
    return Names(ministry, settings.sample)
