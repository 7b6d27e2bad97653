"""The local cache's bound, and what is in the key of a decision."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from core.cache import LocalCache, decision_key
from core.crypto import Vault


async def test_it_holds_no_more_bytes_than_it_may_and_drops_what_lay_longest() -> None:
    cache = LocalCache(most=3 * 1300)
    for name in "abc":
        await cache.put(name, b"x" * 1000, 60)
    assert await cache.get("a")
    await cache.put("d", b"x" * 1000, 60)
    assert await cache.get("b") is None
    assert all([await cache.get(name) for name in "acd"])
    for number in range(1000):
        await cache.put(str(number), b"", 60)
    assert 0 < cache.size <= 3 * 1300


async def test_what_is_put_again_is_counted_once() -> None:
    cache = LocalCache()
    await cache.put("key", b"x" * 1000, 60)
    size = cache.size
    for _ in range(10):
        await cache.put("key", b"y" * 1000, 60)
    assert cache.size == size
    await cache.put("key", b"", 0)
    assert cache.size == 0


async def test_a_value_ends_at_its_time() -> None:
    now = 0.0
    cache = LocalCache(clock=lambda: now)
    await cache.put("key", b"value", 10)
    now = 9.9
    assert await cache.get("key") == b"value"
    now = 10.0
    assert await cache.get("key") is None
    assert cache.size == 0


@pytest.mark.parametrize(
    "change",
    [
        {"kb_version": "2"},
        {"model_version": "2"},
        {"day": date(2026, 11, 22)},
        {"language": "en"},
        {"text": "كم رسوم الجواز"},
        {"kb_version": "11", "model_version": ""},
        {"vault": Vault(b"another key for tests, and nothing else")},
    ],
)
def test_whatever_decides_is_in_the_key(vault: Vault, change: dict[str, Any]) -> None:
    given: dict[str, Any] = {
        "vault": vault,
        "kb_version": "1",
        "model_version": "1",
        "day": date(2026, 11, 21),
        "language": "ar",
        "text": "كم رسوم الجواز؟",
    }

    def key(**values: Any) -> str:
        return decision_key(values.pop("vault"), **values)

    assert key(**given) == key(**given)
    assert key(**given) != key(**{**given, **change})
    assert "رسوم" not in key(**given)
