"""WhatsApp's 24 hours: a late reply is held, the approved template goes out, and the tap brings the
exact text."""

from __future__ import annotations

from core.messages import Origin, OutboundMessage, text_hash
from tests.support.graph_server import TEMPLATE
from tests.support.graph_webhooks import PERSON, status, template_tap, text
from tests.support.minds import answer, intake

REPLY = "بخصوص شكواك:\n\nأُصلحت الحفرة أمام المدرسة، *وشكرًا* لتنبيهك.\tرقم الأمر ٧٧/٢٠٢٦."
NOTICE = "وزارة الخدمات العامة"


def staff(words: str) -> OutboundMessage:
    return OutboundMessage(words, Origin("staff", "1", text_hash(words)), "ar")


async def test_a_late_reply_waits_for_the_tap_and_comes_word_for_word(
    ministry, graph, clock
) -> None:
    await ministry.turn(text("سلام"))
    clock.advance(hours=30)
    await ministry.put(staff(REPLY))
    [notice] = await ministry.work()
    assert notice.kind == "template" and notice.text == NOTICE
    assert notice.payload["template"]["name"] == TEMPLATE
    assert notice.payload["template"]["language"]["code"] == "ar"
    assert notice.choices == ["read_reply"]
    assert [row.state for row in await ministry.outbox()][1:] == ["held", "sent"]
    clock.advance(hours=40)
    assert await ministry.work() == [], "nothing moves until the person does"
    [reply] = await ministry.turn(template_tap("read_reply"))
    assert (reply.kind, reply.text) == ("text", REPLY)
    assert graph.violations == []


async def test_several_late_replies_cause_one_notice_and_keep_their_order(
    ministry, graph, clock
) -> None:
    await ministry.turn(text("سلام"))
    clock.advance(hours=25)
    for n in range(3):
        await ministry.put(staff(f"رد {n}"))
    assert [sent.kind for sent in await ministry.work()] == ["template"]
    sent = await ministry.turn(template_tap("read_reply"))
    assert [one.text for one in sent] == ["رد 0", "رد 1", "رد 2"]
    assert graph.violations == []


async def test_any_message_of_the_person_opens_the_window_as_well(open_ministry, clock) -> None:
    ministry = await open_ministry({"سؤال": answer("faq-a")})
    await ministry.turn(text("سلام"))
    clock.advance(hours=25)
    await ministry.put(staff(REPLY))
    await ministry.work()
    sent = await ministry.turn(text("سؤال"))
    assert sent[0].text == REPLY
    assert len(sent) == 2


async def test_the_window_ends_a_little_before_meta_closes_it(ministry, graph, clock) -> None:
    await ministry.turn(text("سلام"))
    clock.advance(hours=23, minutes=54)
    await ministry.put(staff("قبل النهاية"))
    assert [sent.kind for sent in await ministry.work()] == ["text"]
    clock.advance(minutes=2)
    await ministry.put(staff("بعد الهامش"))
    assert [sent.kind for sent in await ministry.work()] == ["template"]
    assert graph.violations == []


async def test_a_document_that_comes_late_opens_no_window_that_is_over(
    ministry, graph, clock
) -> None:
    said_at = clock()
    clock.advance(hours=30)
    graph.last_inbound[PERSON] = said_at
    from tests.support.graph_webhooks import document, post

    await post(ministry.origin, document(messages=[text("سلام", at=said_at)]))
    assert [sent.kind for sent in await ministry.work()] == ["template"]
    assert graph.violations == []


async def test_when_meta_finds_the_window_closed_the_text_is_held(ministry, graph, clock) -> None:
    await ministry.turn(text("سلام"))
    del graph.last_inbound[PERSON]  # its clock and ours differ
    await ministry.put(staff(REPLY))
    assert [sent.kind for sent in await ministry.work()] == ["template"]
    assert graph.violations[0].startswith("131047")
    [reply] = await ministry.turn(template_tap("read_reply"))
    assert reply.text == REPLY


async def test_when_meta_says_so_afterwards_the_text_is_held_too(ministry, graph, clock) -> None:
    await ministry.turn(text("سلام"))
    clock.advance(hours=2)
    await ministry.put(staff(REPLY))
    [shown] = await ministry.work()
    late = status(shown.id, "failed", code=131047)
    assert (await ministry.tell(late)).status_code == 200
    assert [sent.kind for sent in await ministry.work()] == ["template"]
    assert (await ministry.tell(late)).status_code == 200
    assert await ministry.work() == [], "said twice, done once"
    [reply] = await ministry.turn(template_tap("read_reply"))
    assert reply.text == REPLY


async def test_the_notice_is_in_the_language_of_the_reply(ministry, clock) -> None:
    await ministry.turn(text("hello"))
    clock.advance(hours=25)
    words = "Your road was repaired."
    await ministry.put(OutboundMessage(words, Origin("staff", "1", text_hash(words)), "en"))
    [notice] = await ministry.work()
    assert notice.payload["template"]["language"]["code"] == "en"
    assert notice.text == "Ministry of Public Services"


async def test_complaint_late_reply_of_staff_and_tap(open_ministry, graph, clock) -> None:
    """The whole way: complaint, ticket, a reply from the desk after a day and a half."""
    story = "في شارعنا حفرة كبيرة أمام المدرسة منذ شهر"
    ministry = await open_ministry({story: intake("complaint")})
    await ministry.turn(text(story))
    for _ in range(8):
        if await ministry.tickets():
            break
        await ministry.turn(text("نعم" if _ > 4 else "تخطي"))
    [ticket] = await ministry.tickets()
    clock.advance(hours=36)
    member = await ministry.root.staff.add("maryam", "agent", "correct horse battery staple")
    await ministry.root.tickets.reply(ticket.number, REPLY, member.id)
    [notice] = await ministry.work()
    assert notice.kind == "template"
    sent = await ministry.turn(template_tap("read_reply"))
    assert [one.text for one in sent] == [REPLY]
    assert graph.violations == []
