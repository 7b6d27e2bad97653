"""The channel's name, and the ids of its messages. Loads without the client library."""

from __future__ import annotations

from core.crypto import Vault

#: The channel's name in the database.
WHATSAPP = "whatsapp"


def hashed_id(vault: Vault, message_id: str) -> str:
    """The id by which a message of WhatsApp is known here: Meta's own decodes to a phone number.
    32 hexadecimal digits."""
    return vault.lookup(message_id, "whatsapp-message")[:32]
