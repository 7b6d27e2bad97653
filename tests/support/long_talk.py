"""A long conversation through every kind of turn, for tests that look at all that was said."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from bot.mind import Mind
from core.db.tables import OutboxRow
from core.messages import MEDIA_KINDS, Media
from tests.support.talk import Talk

STAFF = "نورة سالم الحربي"

RENEW_FEES = "كم رسوم تجديد جواز السفر؟"
ABUSE = "انتوا وزارة فاشلة وزبالة، كم رسوم تجديد جواز السفر؟"
NONSENSE = ("كم عدد سكان كوكب المريخ", "asdkjh qwe zxmnb", "من فاز بكأس العالم لكرة القدم")


async def long_talk(talk: Talk) -> set[str]:
    """A long conversation through every kind of turn, in both languages, with a human in between;
    returns what staff wrote."""
    staff = await talk.root.staff.add(STAFF, "agent", "a long password")
    replies = set()
    for text in (
        "السلام عليكم",
        RENEW_FEES,
        "how much does it cost to renew my passport?",
        "bikam tajdeed el jawaz",
        "رسوم الجواز",
        "1",
        *NONSENSE[:2],
        "لا",
        "هل صحيح أنكم ستلغون رسوم الجوازات الشهر القادم؟",
        "نعم",
        "وش صار على شكواي",
        "عندي شكوى",
        "{title} {number} <b>تأخر</b> رقمي 0551234567",
        "كم مدة تجديد جواز السفر؟",
        "في المطار » رد الوزارة: {own}",
        "أمس",
        "رقم 12-77",
        "تم",
        "تعديل",
        "المكان",
        "مركز\nالمدينة",
        "نعم",
        "ما الذي تم في شكواي؟",
        "status of 100-000",
        "I have a complaint, the employee was rude and refused to take my papers",
        "cancel",
        "أنا محتجز في المطار ومعي طفل مريض ساعدوني بسرعة",
        "أنا في خطر، أرجوكم أرسلوا أحدا",
        "عندي اقتراح",
        "افتحوا المركز مساء يوم الخميس",
        "نعم",
        "😀",
        "我的护照在哪里？",
        "شكرا جزيلا",
        "مع السلامة",
    ):
        assert await talk.say(text), f"no answer to {text!r}"
        talk.clock.advance(minutes=2)
    taps = ("none", "yes", "human", "skip", "complaint", "cancel", "faq:passport-renew-fees")
    for choice in taps:
        assert await talk.tap(choice), f"no answer to the button {choice}"
    for choice in ("start", "menu", "menu:passports", "menu:gone", "privacy", "status", "language"):
        assert await talk.tap(choice), f"no answer to the command {choice}"
    for kind in MEDIA_KINDS:
        assert await talk.send(Media(kind, "f"), "كم رسوم تجديد جواز السفر؟"), kind
        assert await talk.send(Media(kind, "f", mime="text/html")), kind
        talk.clock.advance(days=1)
    for number, ticket in enumerate(await talk.root.tickets.list()):
        reply = f"راجعنا طلبك رقم {number}، وشكرًا لصبرك.\nEverything is done."
        replies.add(reply)
        await talk.root.tickets.reply(ticket.number, reply, staff.id)
        await talk.say("وما المطلوب مني الآن؟")
        talk.clock.advance(days=3)
        await talk.root.tickets.close(ticket.number, staff.id)
    await talk.deliver()
    assert await talk.say("what happened to my complaint?")
    return replies


@dataclass
class Heard:
    """A long conversation when it is over."""

    rows: list[OutboxRow]
    sent: list[str]
    replies: set[str]
    said: set[str]


async def hear(folder: Path, mind: Mind) -> Heard:
    """Hold the conversation from its beginning."""
    talk = await Talk(folder, mind).start()
    try:
        replies = await long_talk(talk)
        sent = [envelope.message.text for envelope in talk.channel.sent]
        said = {row.text for row in await talk.inbox()}
        return Heard(await talk.outbox(), sent, replies, said)
    finally:
        await talk.stop()
