"""What handles messages, put together: the dispatcher with its actions, in a worker."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from functools import partial

from actions.attachments import Attachments
from actions.base import Action
from actions.deadlines import WorkingHours
from actions.emergency import Emergency
from actions.intake import Intake
from actions.resume import Resume
from actions.status import Status
from actions.tickets import Tickets
from bot.answers import Answers
from bot.commands import Commands
from bot.dispatcher import Dispatcher
from bot.greeting import Names, greeting
from bot.media import MediaHandler
from bot.menu import Menu
from bot.mind import Mind
from bot.thinking import Thinking
from bot.worker import Worker
from core.cache import Cache
from core.catalogue import Catalogue
from core.clock import Clock
from core.crypto import Vault
from core.db.engine import Database
from core.queues.inbox import Inbox
from core.queues.outbox import Outbox
from core.settings import Settings
from core.wakeup import Wakeup


def build_worker(
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
    cache: Cache,
    hours: WorkingHours,
    attachments: Attachments,
    private_chat: Callable[[str], str | None],
) -> Worker:
    """`private_chat`: the address of a private chat with the ministry, by channel."""

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
        Intake(catalogue, tickets, hours, attachments, clock),
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
        Thinking(mind.understanding, cache, vault),
        dispatcher,
        wakeup,
    )
