"""What the desk is given by whoever mounts it. The desk reads no settings of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

from actions.attachments import Attachments
from actions.redelivery import Redelivery
from actions.staff import Staff
from actions.tickets import Tickets
from core.clock import Clock, utc_now
from core.db.engine import Database
from core.messages import Language
from core.wakeup import Wakeup

#: Where the desk is mounted. Its links, its forms and the path of its cookies say so.
BASE = "/desk"


@dataclass(frozen=True, slots=True)
class DeskDeps:
    """Everything the desk needs.

    `secret_key` keys the hashes of names and addresses in the table of failed logins.
    `secure_cookies` must be True wherever the desk is reached by https. `sample` shows the banner
    of the fictional ministry. `ministry` is the institution's name in each language; empty for
    none. `origins` are further origins (such as `https://natiq.example`) from which forms may be
    sent, for a proxy that changes the `Host` header. `attachments` are the citizens' files; None:
    there are none. `departments` gives the titles of departments by their owner id, as the
    knowledge base has them at the moment.
    """

    db: Database
    tickets: Tickets
    redelivery: Redelivery
    staff: Staff
    wakeup: Wakeup
    secret_key: bytes = field(repr=False)
    zone: ZoneInfo
    secure_cookies: bool
    sample: bool
    ministry: Mapping[Language, str] = field(default_factory=dict)
    origins: tuple[str, ...] = ()
    clock: Clock = utc_now
    attachments: Attachments | None = None
    departments: Callable[[], Mapping[str, Mapping[Language, str]]] = dict
