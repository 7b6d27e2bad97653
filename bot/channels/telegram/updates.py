"""What an update says to us: a pure function from the Bot API's JSON to a `Reading`.

Telegram adds fields and kinds of updates several times a year, so only what we use is looked at,
and what we do not know is counted. https://core.telegram.org/bots/api#update
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from bot.channels.telegram.content import SERVICE, media_of
from bot.channels.telegram.fields import Fields, flag, items, obj, optional_obj, whole, word
from bot.channels.telegram.identity import TELEGRAM, Me, UnreadableError
from bot.commands import slash_of
from core.messages import InboundMessage, Language

#: Makes a keyed hash: a message's id in its chat would tell the chat.
Hide = Callable[[str], str]

#: A command, the bot's name that may stand behind it, and the first word after them.
_COMMAND = re.compile(r"/([A-Za-z0-9_]{1,64})(?:@([A-Za-z0-9_]{1,64}))?(?:\s+(\S+).*)?", re.DOTALL)

#: In a group the bot says once in so many seconds that it speaks in private.
GROUP_SECONDS = 3600

_OUTSIDE = ("left", "kicked")
_INSIDE = ("creator", "administrator", "member", "restricted")


@dataclass(frozen=True, slots=True)
class Reading:
    """One update, read. `result` is a fixed word for counting. `tap` is the id of a tapped
    button's query, to be answered; `moved` is the old and the new id of a group."""

    result: str
    message: InboundMessage | None = None
    tap: str | None = None
    moved: tuple[str, str] | None = None


def read_update(update: Fields, me: Me, hide: Hide) -> Reading:
    """What the update says.

    Raises:
        UnreadableError: a part that we look at is not of its type.
    """
    whole(update, "update_id")
    if "message" in update:
        return _message(obj(update, "message"), me, hide, edited=False)
    if "edited_message" in update:
        return _message(obj(update, "edited_message"), me, hide, edited=True)
    if "callback_query" in update:
        return _tap(obj(update, "callback_query"), hide)
    if "my_chat_member" in update:
        return _membership(obj(update, "my_chat_member"), hide)
    if "channel_post" in update or "edited_channel_post" in update:
        return Reading("channel post")
    return Reading("other kind")


def _message(message: Fields, me: Me, hide: Hide, *, edited: bool) -> Reading:
    chat = obj(message, "chat")
    chat_id, kind = whole(chat, "id"), word(chat, "type")
    sender = optional_obj(message, "from")
    if "migrate_to_chat_id" in message:
        return _moved(chat_id, whole(message, "migrate_to_chat_id"))
    if "migrate_from_chat_id" in message:
        return _moved(whole(message, "migrate_from_chat_id"), chat_id)
    if sender is not None and flag(sender, "is_bot"):
        return Reading("from a bot")
    if kind == "channel":
        return Reading("channel post")
    if any(name in message for name in SERVICE):
        return Reading("service message")
    if kind != "private":
        if edited or not _addressed(message, me):
            return Reading("group, not addressed")
        return _group(chat_id, sender, whole(message, "date"), hide)
    return Reading("message", _private(message, chat_id, sender, me, hide, edited=edited))


def _private(
    message: Fields, chat_id: int, sender: Fields | None, me: Me, hide: Hide, *, edited: bool
) -> InboundMessage:
    text = word(message, "text", "") or word(message, "caption", "")
    identity = hide(f"{chat_id}:{whole(message, 'message_id')}")
    choice = _choice(text, me) if "text" in message else None
    return InboundMessage(
        channel=TELEGRAM,
        external_id=f"{identity}.{hide(f'edit:{text}')}" if edited else identity,
        address=str(chat_id),
        text=text,
        choice=choice,
        language=_language(sender),
        sent_at=_moment(message, "edit_date" if edited else "date"),
        media=None if "text" in message else media_of(message),
        edit_of=identity if edited else None,
    )


def _choice(text: str, me: Me) -> str | None:
    """The choice that a command stands for; None for any other text."""
    found = _COMMAND.fullmatch(text.strip())
    if found is None or not _is_me(found[2], me):
        return None
    if found[1].lower() == "start" and found[3] == "resume":
        return "resume"
    return slash_of(f"/{found[1]}")


def _is_me(username: str | None, me: Me) -> bool:
    """Whether the name is the bot's; while its name is not known yet, every name may be."""
    return username is None or me.username is None or username.lower() == me.username.lower()


def _addressed(message: Fields, me: Me) -> bool:
    """Whether a group's message is to the bot: a command of ours, a mention, a reply to it."""
    answered = optional_obj(message, "reply_to_message")
    if answered is not None:
        author = optional_obj(answered, "from")
        if author is not None and whole(author, "id") == me.id:
            return True
    text = word(message, "text", "") or word(message, "caption", "")
    if _choice(text, me) is not None:
        return True
    for entity in [*items(message, "entities"), *items(message, "caption_entities")]:
        if word(entity, "type") == "text_mention" and whole(obj(entity, "user"), "id") == me.id:
            return True
        if word(entity, "type") in ("mention", "bot_command"):
            _, at, name = _part(text, entity).partition("@")
            # The name of every bot ends like this.
            if at and name.lower().endswith("bot") and _is_me(name, me):
                return True
    return False


def _part(text: str, entity: Fields) -> str:
    """The piece of the text that an entity names; its place is in UTF-16 units."""
    start, length = whole(entity, "offset"), whole(entity, "length")
    if start < 0 or length < 0:
        raise UnreadableError("offset")
    raw = text.encode("utf-16-le", "surrogatepass")
    return raw[2 * start : 2 * (start + length)].decode("utf-16-le", "replace")


def _group(chat_id: int, sender: Fields | None, date: int, hide: Hide) -> Reading:
    """Somebody calls the bot in a group. What they said there is left there."""
    called = InboundMessage(
        channel=TELEGRAM,
        external_id=hide(f"{chat_id}:group:{date // GROUP_SECONDS}"),
        address=str(chat_id),
        text="",
        choice="group",
        language=_language(sender),
        sent_at=_at(date),
    )
    return Reading("group", called)


def _tap(query: Fields, hide: Hide) -> Reading:
    identity = word(query, "id")
    message = optional_obj(query, "message")
    if message is None or "data" not in query:
        return Reading("tap elsewhere", tap=identity)
    chat = obj(message, "chat")
    if word(chat, "type") != "private":
        return Reading("tap elsewhere", tap=identity)
    data = word(query, "data")
    tapped = InboundMessage(
        channel=TELEGRAM,
        external_id=hide(f"tap:{identity}"),
        address=str(whole(chat, "id")),
        text=_words_on(message, data),
        choice=data,
        language=_language(optional_obj(query, "from")),
    )
    return Reading("tap", tapped, tap=identity)


def _words_on(message: Fields, data: str) -> str:
    """What stands on the tapped button."""
    markup = optional_obj(message, "reply_markup")
    rows = markup.get("inline_keyboard") if markup is not None else None
    for row in rows if isinstance(rows, list) else ():
        for button in row if isinstance(row, list) else ():
            if isinstance(button, Mapping) and button.get("callback_data") == data:
                return word(button, "text", "")
    return ""


def _membership(change: Fields, hide: Hide) -> Reading:
    chat = obj(change, "chat")
    chat_id, kind = whole(chat, "id"), word(chat, "type")
    before = word(obj(change, "old_chat_member"), "status")
    now = word(obj(change, "new_chat_member"), "status")
    if kind == "private":
        return Reading("blocked by the person" if now == "kicked" else "unblocked")
    if kind in ("group", "supergroup") and before in _OUTSIDE and now in _INSIDE:
        return _group(chat_id, optional_obj(change, "from"), whole(change, "date"), hide)
    return Reading("membership")


def _moved(old: int, new: int) -> Reading:
    return Reading("group moved", moved=(str(old), str(new)))


def _language(sender: Fields | None) -> Language | None:
    """The language of the person's app, a hint, where it is one of ours."""
    code = word(sender, "language_code", "") if sender is not None else ""
    primary = code.lower().partition("-")[0]
    return "ar" if primary == "ar" else "en" if primary == "en" else None


def _moment(message: Fields, name: str) -> datetime | None:
    return _at(whole(message, name)) if message.get(name) else None


def _at(seconds: int) -> datetime:
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, OSError, ValueError):
        raise UnreadableError("date") from None
