"""What a Telegram message holds besides words."""

from __future__ import annotations

from typing import Any

from bot.channels.telegram.fields import Fields, decimal, items, obj, optional_whole, whole, word
from core.messages import Media, MediaKind

#: Fields of messages that nobody wrote: Telegram reports something that happened.
SERVICE = frozenset(
    {
        "new_chat_members",
        "left_chat_member",
        "chat_owner_left",
        "chat_owner_changed",
        "new_chat_title",
        "new_chat_photo",
        "delete_chat_photo",
        "group_chat_created",
        "supergroup_chat_created",
        "channel_chat_created",
        "message_auto_delete_timer_changed",
        "pinned_message",
        "successful_payment",
        "refunded_payment",
        "users_shared",
        "chat_shared",
        "gift",
        "unique_gift",
        "gift_upgrade_sent",
        "connected_website",
        "write_access_allowed",
        "passport_data",
        "proximity_alert_triggered",
        "boost_added",
        "chat_background_set",
        "checklist_tasks_done",
        "checklist_tasks_added",
        "direct_message_price_changed",
        "forum_topic_created",
        "forum_topic_edited",
        "forum_topic_closed",
        "forum_topic_reopened",
        "general_forum_topic_hidden",
        "general_forum_topic_unhidden",
        "giveaway_created",
        "giveaway_completed",
        "managed_bot_created",
        "paid_message_price_changed",
        "poll_option_added",
        "poll_option_deleted",
        "suggested_post_approved",
        "suggested_post_approval_failed",
        "suggested_post_declined",
        "suggested_post_paid",
        "suggested_post_refunded",
        "video_chat_scheduled",
        "video_chat_started",
        "video_chat_ended",
        "video_chat_participants_invited",
        "web_app_data",
    }
)

#: Fields that name one file. An animation stands in `document` too, so it comes first.
_FILES: tuple[tuple[str, MediaKind], ...] = (
    ("voice", "voice"),
    ("audio", "audio"),
    ("animation", "video"),
    ("document", "document"),
    ("video", "video"),
    ("video_note", "video"),
    ("sticker", "sticker"),
)


def media_of(message: Fields) -> Media:
    """What a message without `text` holds. What we have no name for (a poll, a dice, a story, and
    whatever Telegram invents next) is `other`: somebody sent it, so it gets an answer."""
    for name, kind in _FILES:
        if name in message:
            return _file(obj(message, name), kind)
    if "photo" in message:
        sizes = items(message, "photo")
        if sizes:
            return _file(max(sizes, key=lambda size: whole(size, "width")), "image")
    if "venue" in message:
        venue = obj(message, "venue")
        return _location(
            obj(venue, "location"), name=word(venue, "title"), address=word(venue, "address")
        )
    if "location" in message:
        return _location(obj(message, "location"))
    if "contact" in message:
        contact = obj(message, "contact")
        names = (word(contact, "first_name"), word(contact, "last_name", ""))
        details = {
            "name": " ".join(name for name in names if name),
            "phones": [word(contact, "phone_number")],
        }
        return Media("contact", details=details)
    return Media("other")


def _file(file: Fields, kind: MediaKind) -> Media:
    return Media(
        kind,
        ref=word(file, "file_id"),
        name=word(file, "file_name", ""),
        mime=word(file, "mime_type", ""),
        size=optional_whole(file, "file_size"),
    )


def _location(location: Fields, **more: str) -> Media:
    details: dict[str, Any] = {
        "latitude": decimal(location, "latitude"),
        "longitude": decimal(location, "longitude"),
        **more,
    }
    return Media("location", details=details)
