"""What scripted understanding makes of the messages of the tests of turns."""

from __future__ import annotations

from tests.support.minds import URGENT, action, answer, clarify, intake

TABLE = {
    "سؤال أ": answer("faq-a"),
    "what is b": answer("faq-b"),
    "سؤال مبهم": clarify("faq-a", "faq-b", "faq-c"),
    "شكوى": intake("complaint"),
    "عندي شكوى عن تأخر معاملتي شهرين": intake("complaint", "faq-a"),
    "شكوى لا يعرف قسمها ولا موضوعها": intake("complaint", "faq-a", among=0.2),
    "أريد موظفا": intake("human"),
    "اقتراح": intake("suggestion"),
    "هل صحيح أن الرسوم ستلغى": action("rumour"),
    "وش صار على شكواي": action("status"),
    "السلام عليكم": action("greeting"),
    "hello": action("greeting"),
    "شكرا": action("thanks"),
    "خطر": URGENT,
    "خطر آخر": URGENT,
    "سؤال ينتهي بعرض": answer("faq-a", offers=("ticket",)),
}
LONG = "عندي شكوى عن تأخر معاملتي شهرين"
