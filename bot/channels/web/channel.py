"""The web chat as a channel of the sender.

A message is delivered by being visible: the event stream and the history read rows that are
marked `sent`, and the sender marks the row and wakes the conversation's topic when `send`
returns. So nothing is left to do here, nothing can fail, and nothing can be sent twice: the page
knows a message by its outbox id.
"""

from __future__ import annotations

from core.messages import Delivery, Envelope, Unlimited

#: The channel's name in the database.
WEB = "web"


class WebChannel(Unlimited):
    """Sending over the web chat (see `core.messages.Channel`)."""

    @property
    def name(self) -> str:
        """`web`."""
        return WEB

    async def send(self, envelope: Envelope) -> Delivery:
        """Take the message; its platform id is the outbox id, by which the page knows it."""
        return Delivery(external_id=str(envelope.outbox_id))
