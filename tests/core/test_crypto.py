"""The vault: nobody reads an address without the key, and nobody finds one either."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from core.crypto import Vault
from core.errors import ConfigError

KEY = b"one key of the tests, long enough to be one"
OTHER = b"another key of the tests, as long as the one"
PHONE = "966500000001"

# Any text, lone surrogates included: an address comes from outside.
ANY_TEXT = st.text(st.characters(codec=None, exclude_categories=()))


@example("\ud800 \x00", "web")
@given(ANY_TEXT, st.sampled_from(["web", "telegram", "whatsapp"]))
def test_what_was_sealed_opens_again(address: str, channel: str) -> None:
    vault = Vault(KEY)
    assert vault.open(vault.seal(address, channel), channel) == address


def test_sealing_the_same_twice_gives_two_different_seals() -> None:
    seals = {Vault(KEY).seal(PHONE, "whatsapp") for _ in range(50)}
    assert len(seals) == 50
    assert not any(PHONE.encode() in sealed for sealed in seals)


def test_it_opens_only_with_its_key_and_its_context() -> None:
    sealed = Vault(KEY).seal(PHONE, "whatsapp")
    for vault, context in ((Vault(OTHER), "whatsapp"), (Vault(KEY), "web"), (Vault(KEY), "")):
        with pytest.raises(ConfigError, match="NATIQ_SECRET_KEY") as caught:
            vault.open(sealed, context)
        assert PHONE not in str(caught.value)


def test_an_altered_seal_does_not_open() -> None:
    vault = Vault(KEY)
    sealed = vault.seal(PHONE, "whatsapp")
    for place in range(len(sealed)):
        altered = bytearray(sealed)
        altered[place] ^= 1
        with pytest.raises(ConfigError):
            vault.open(bytes(altered), "whatsapp")


@pytest.mark.parametrize("sealed", [b"", b"x", b"x" * 12, b"x" * 27])
def test_a_seal_that_is_too_short_does_not_open(sealed: bytes) -> None:
    with pytest.raises(ConfigError):
        Vault(KEY).open(sealed, "whatsapp")


def test_the_look_up_is_the_same_in_every_process_with_the_key() -> None:
    # Written down: were it to change, every citizen would be a stranger after an upgrade.
    known = "23bc013fe57a97009bfede059120f6f85547b8edc9a412d056364889ee4f25ac"
    assert Vault(KEY).lookup(PHONE, "whatsapp") == known
    assert Vault(bytes(KEY)).lookup(PHONE, "whatsapp") == known


def test_the_look_up_depends_on_key_channel_and_address() -> None:
    lookups = {
        vault.lookup(address, channel)
        for vault in (Vault(KEY), Vault(OTHER))
        for channel in ("web", "whatsapp")
        for address in (PHONE, PHONE[:-1], PHONE + "0")
    }
    assert len(lookups) == 12
    assert all(len(lookup) == 64 and PHONE not in lookup for lookup in lookups)


@example("\ud800", "\udfff")
@example("?", "\ud800")
@given(ANY_TEXT, ANY_TEXT)
def test_two_addresses_have_two_look_ups(one: str, two: str) -> None:
    vault = Vault(KEY)
    assert (vault.lookup(one, "web") == vault.lookup(two, "web")) == (one == two)
