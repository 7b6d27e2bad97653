"""The composition root: settings in, a wired system out. Nothing else chooses implementations.

root = build_app(load_settings())                   # or some of its roles: roles={"sender"}
await root.start()      # tables, worker, sender, watcher
...
await root.stop()
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Coroutine, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from actions.attachments import Attachments
from actions.deadlines import WorkingHours
from actions.silence import Silence
from actions.staff import Staff
from actions.tickets import Tickets
from bot.channels.telegram.channel import TEXT_LIMITS as TELEGRAM_LIMITS
from bot.channels.telegram.identity import TELEGRAM
from bot.channels.web.channel import WebChannel
from bot.channels.whatsapp.compose import TEXT_LIMITS as WHATSAPP_LIMITS
from bot.channels.whatsapp.identity import WHATSAPP
from bot.fetcher import Fetcher
from bot.greeting import Names
from bot.housekeeper import Housekeeper
from bot.sender import Sender
from bot.shared import Shared, share
from core.catalogue import Catalogue
from core.clock import Clock, utc_now
from core.contacts import Contacts
from core.crypto import Vault
from core.db.alone import Alone
from core.db.engine import Database
from core.logs import get_logger
from core.messages import Channel, Language, MediaSource
from core.queues.inbox import Inbox
from core.queues.outbox import Outbox
from core.settings import Settings, resolve_secret_key
from core.wakeup import Wakeup
from faq.entries import KnowledgeBase
from faq.files import KnowledgeService

if TYPE_CHECKING:  # imported where they are made: each is large, and not every role needs it
    from bot.channels.telegram.wiring import Telegram
    from bot.channels.whatsapp.wiring import WhatsApp
    from bot.mind import Mind
    from bot.worker import Worker
    from faq.service import FaqService

log = get_logger(__name__)

#: What a process may do: `web` serves chat, desk and webhooks; `worker` handles messages, fetches
#: files and keeps house; `sender` sends; `telegram` polls, or keeps the webhook set.
Role = Literal["web", "worker", "sender", "telegram"]
ROLES: frozenset[Role] = frozenset(get_args(Role))

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
    roles: frozenset[Role]
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
    files: KnowledgeService | None = None
    tasks: list[asyncio.Task[None]] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    stopping: bool = False

    @property
    def faq(self) -> FaqService:
        """The knowledge base and the index in service."""
        if self.mind is None:
            raise RuntimeError("this process was built without understanding")
        return self.mind.faq

    @property
    def knowledge(self) -> KnowledgeBase | None:
        """The knowledge base in service; None where no role needs it."""
        service = self.mind.faq if self.mind is not None else self.files
        return service.knowledge if service is not None else None

    async def start(self, *, watch: bool = True) -> None:
        """Bring the tables up to date and start the loops of this process' roles."""
        await self.db.migrate()
        if "worker" in self.roles:
            assert self.worker is not None  # noqa: S101 - built with its role
            for number in range(WORKERS):
                self._spawn(self.worker.run(), f"worker-{number}")
            self._spawn(self.housekeeper.run(), "housekeeper")
            for number in range(FETCHERS if self.fetcher.sources else 0):
                self._spawn(self.fetcher.run(), f"fetcher-{number}")
        if "sender" in self.roles:
            for number in range(SENDERS):
                self._spawn(self.sender.run(), f"sender-{number}")
        service = self.mind.faq if self.mind is not None else self.files
        if watch and service is not None:
            self._spawn(service.watch(), "faq-watch")
        if "telegram" in self.roles and self.telegram is not None:
            if self.telegram.webhook is None:  # of those who poll, Telegram serves one
                self._spawn(Alone(self.db, TELEGRAM).run(self.telegram.run), "telegram")
            else:
                self._spawn(self.telegram.run(), "telegram")

    async def stop(self) -> None:
        """End the loops and close the database. What is unfinished stays in its queue."""
        self.stopping = True
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        self.tasks.clear()
        if self.worker is not None:
            self.worker.close()
        if self.telegram is not None:
            await self.telegram.close()
        if self.whatsapp is not None:
            await self.whatsapp.close()
        if self.shared is not None:
            await self.shared.close()
        await self.db.close()

    def _spawn(self, work: Coroutine[Any, Any, None], name: str) -> None:
        task = asyncio.create_task(work, name=name)
        task.add_done_callback(self._ended)
        self.tasks.append(task)

    def _ended(self, task: asyncio.Task[None]) -> None:
        """A loop that ends by itself with an error will not come back: let it be seen, so that
        whoever looks after the process begins it anew."""
        if task.cancelled() or (error := task.exception()) is None:
            return
        self.broken.append(task.get_name())
        log.error("a loop ended", part=task.get_name(), reason=type(error).__name__)


def build_app(
    settings: Settings,
    *,
    channels: Mapping[str, Channel] | None = None,
    mind: Mind | None = None,
    roles: Collection[Role] = ROLES,
    progress: Callable[[str], None] = lambda _line: None,
    clock: Clock = utc_now,
) -> Root:
    """Wire the system.

    `channels` replaces the channels that this process sends to; `mind` shares one that is loaded
    already; `roles` is what the process is for: nothing for commands that only look at tickets.

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
    worker, files = None, None
    if "worker" in roles:
        from bot.handling import build_worker
        from bot.mind import build_mind

        mind = mind or build_mind(settings, progress, clock)
        worker = build_worker(
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
            shared.cache,
            hours,
            attachments,
            lambda name: getattr(channels.get(name), "private_link", None),
        )
    elif "web" in roles:
        files = KnowledgeService(settings.faq_dir, lambda: clock().astimezone(settings.zone).date())
        files.load(progress)
    return Root(
        settings=settings,
        roles=frozenset(roles),
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
        mind=mind if worker is not None else None,
        files=files,
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


def names_of(settings: Settings) -> Names:
    """How the ministry is called."""
    ministry: dict[Language, str] = {
        "ar": settings.ministry_name_ar,
        "en": settings.ministry_name_en,
    }
    return Names(ministry, settings.sample)
