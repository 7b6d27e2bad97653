"""Counters for Prometheus. Labels are fixed words: no id, no text, no address."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

MESSAGES = Counter(
    "natiq_messages_handled_total", "Messages of citizens, by what became of them", ["outcome"]
)
HANDLING = Histogram(
    "natiq_handling_seconds",
    "Time from claiming a message to committing what it causes",
    buckets=(0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5),
)
#: `accept`: reading and storing what WhatsApp's webhook brought. `inbox_wait`: from then until a
#: worker has the message. `understand`, `handle`: the two parts of handling, the
#: second a transaction. `outbox_wait`: from the answer's row until it is given to its channel, the
#: platform's pace and held messages included. `send`: the platform's call. `settle`: noting that it
#: was sent. Waits are told of a message's first attempt.
STAGES = Histogram(
    "natiq_stage_seconds",
    "Time of each stage of a message",
    ["stage"],
    buckets=(0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30),
)
SENDS = Counter(
    "natiq_sends_total", "Attempts to send, by channel and what came of them", ["channel", "result"]
)
TICKETS = Counter("natiq_tickets_opened_total", "Tickets opened, by kind", ["kind"])
WAITING = Gauge("natiq_waiting", "Messages that wait, by queue, when last asked", ["queue"])
UPDATES = Counter(
    "natiq_updates_total",
    "What platforms sent us, by channel and what became of it",
    ["channel", "result"],
)
ATTACHMENTS = Counter(
    "natiq_attachments_total", "Files that citizens sent, by what became of them", ["result"]
)
DECISIONS = Counter(
    "natiq_decisions_total",
    "Decisions about messages, by whether they were found in the cache (hit), made (miss), or made "
    "because the cache did not work (error)",
    ["cache"],
)
ENCODER_BATCH = Histogram(
    "natiq_encoder_batch_texts",
    "Texts that were encoded together",
    buckets=(1, 2, 4, 8, 16, 32, 64),
)
RESUMES = Counter(
    "natiq_resumes_total", "Attempts to follow a ticket by number and code, by result", ["result"]
)
REDIS_UP = Gauge("natiq_redis_up", "1 while Redis answers this process, 0 while it does not")
REDIS_OUTAGES = Counter("natiq_redis_outages_total", "Times that Redis ceased to answer")
REDIS_MISSES = Counter("natiq_redis_misses_total", "What was done without Redis, by part", ["part"])
