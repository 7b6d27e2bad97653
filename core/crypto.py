"""Encryption at rest and keyed look-up, all from one secret key.

Addresses are sealed with AES-256-GCM under a fresh nonce, and found again by an HMAC-SHA-256 of
the address under another key, so that neither a copy of the database nor a guess finds a person.
"""

from __future__ import annotations

import hashlib
import hmac
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from core.errors import ConfigError

_NONCE = 12


class Vault:
    """Seals and opens small texts, and makes look-up hashes."""

    def __init__(self, secret_key: bytes) -> None:
        self._aead = AESGCM(_derive(secret_key, b"natiq/contacts/seal"))
        self._lookup_key = _derive(secret_key, b"natiq/contacts/lookup")

    def seal(self, text: str, context: str) -> bytes:
        """Encrypt; `context` (such as the channel) must be given again to open it."""
        nonce = os.urandom(_NONCE)
        return nonce + self._aead.encrypt(nonce, _bytes(text), context.encode("utf-8"))

    def open(self, sealed: bytes, context: str) -> str:
        """Decrypt.

        Raises:
            ConfigError: the secret key is not the one it was sealed with, or it was altered.
        """
        try:
            plain = self._aead.decrypt(sealed[:_NONCE], sealed[_NONCE:], context.encode("utf-8"))
        except (InvalidTag, ValueError):  # ValueError: too short to hold a nonce
            raise ConfigError(
                "A stored address cannot be opened: NATIQ_SECRET_KEY (or DATA_DIR/secret.key) is "
                "not the key it was stored with. Restore the former key."
            ) from None
        return plain.decode("utf-8", "surrogatepass")

    def lookup(self, text: str, context: str) -> str:
        """Keyed hash by which a sealed text is found again: 64 hexadecimal digits."""
        message = context.encode("utf-8") + b"\x00" + _bytes(text)
        return hmac.new(self._lookup_key, message, hashlib.sha256).hexdigest()


def _bytes(text: str) -> bytes:
    # A hostile address may hold a lone surrogate; it must neither crash nor be taken for another.
    return text.encode("utf-8", "surrogatepass")


def _derive(secret_key: bytes, purpose: bytes) -> bytes:
    return HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=purpose).derive(secret_key)
