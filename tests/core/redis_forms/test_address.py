"""Addresses of Redis: what each form means, and that a wrong one is refused without quoting it."""

from __future__ import annotations

import pytest

from core.errors import ConfigError
from core.redis_address import RedisAddress, parse_redis_url


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("redis://redis", RedisAddress("server", (("redis", 6379),))),
        ("redis://redis:7000/3", RedisAddress("server", (("redis", 7000),), db=3)),
        ("redis://redis?db=3", RedisAddress("server", (("redis", 6379),), db=3)),
        ("REDIS://redis/", RedisAddress("server", (("redis", 6379),))),
        (
            "redis://natiq:p%40ss%2Fw%23@[::1]:7000",
            RedisAddress("server", (("::1", 7000),), username="natiq", password="p@ss/w#"),
        ),
        ("redis://:secret@redis", RedisAddress("server", (("redis", 6379),), password="secret")),
        (
            "rediss://redis?ssl_ca_certs=/etc/ca.pem",
            RedisAddress("server", (("redis", 6379),), tls=True, ca_file="/etc/ca.pem"),
        ),
        ("unix:///run/redis.sock?db=1", RedisAddress("socket", path="/run/redis.sock", db=1)),
        (
            "unix://:secret@/run/r.sock",
            RedisAddress("socket", path="/run/r.sock", password="secret"),
        ),
        (
            "redis+sentinel://:secret@one,two:7000,[::1]/natiq?db=2",
            RedisAddress(
                "sentinel",
                (("one", 26379), ("two", 7000), ("::1", 26379)),
                service="natiq",
                db=2,
                password="secret",
            ),
        ),
        (
            "rediss+sentinel://one/natiq?sentinel_username=u&sentinel_password=p%26w",
            RedisAddress(
                "sentinel",
                (("one", 26379),),
                service="natiq",
                tls=True,
                sentinel_username="u",
                sentinel_password="p&w",
            ),
        ),
        (
            "redis+cluster://u:secret@one:7000,two",
            RedisAddress(
                "cluster", (("one", 7000), ("two", 6379)), username="u", password="secret"
            ),
        ),
        ("rediss+cluster://one/0", RedisAddress("cluster", (("one", 6379),), tls=True)),
    ],
)
def test_every_form_is_read(url: str, expected: RedisAddress) -> None:
    assert parse_redis_url(url) == expected


@pytest.mark.parametrize(
    "url",
    [
        "",
        "redis",
        "redis:hunter2",
        "http://:hunter2@redis",
        "postgresql://:hunter2@redis",
        "redis+tcp://:hunter2@redis",
        "redissentinel://:hunter2@redis",
        "rediss+rediss://:hunter2@redis",
        "redis://",
        "redis://:hunter2@",
        "redis://:hunter2@redis:",
        "redis://:hunter2@redis:0",
        "redis://:hunter2@redis:70000",
        "redis://:hunter2@redis:٦٣٧٩",
        "redis://:hunter2@redis:x",
        "redis://:hunter2@redis/one",
        "redis://:hunter2@redis/0/1",
        "redis://:hunter2@redis/1?db=1",
        "redis://:hunter2@redis?db=1&db=2",
        "redis://:hunter2@redis?db=-1",
        "redis://:hunter2@redis?timeout=3",
        "redis://:hunter2@redis?ssl_ca_certs=/etc/ca.pem",
        "redis://:hunter2@redis#0",
        "redis://:hunter2#@redis",
        "redis://:hunter2/3@redis",
        "redis://:hunter2?3@redis",
        "redis://:hunter2@3@redis",
        "redis://:hunter2@redis\n",
        "redis://:hunter2@red is",
        "redis://:hunter2@[::1",
        "redis://:hunter2@one,two",
        "redis://:hunter2@one,",
        "unix://:hunter2@redis/run/redis.sock",
        "unix://",
        "redis+sentinel://:hunter2@one",
        "redis+sentinel://:hunter2@one/",
        "redis+sentinel://:hunter2@one/natiq/2",
        "redis+sentinel://:hunter2@one,/natiq",
        "redis+cluster://:hunter2@one/2",
        "redis+cluster://:hunter2@one?db=0",
        "redis+cluster://:hunter2@,one",
    ],
)
def test_a_wrong_address_is_refused_by_the_setting_and_not_quoted(url: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_redis_url(url)
    assert "NATIQ_REDIS_URL" in str(caught.value)
    assert "hunter2" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_an_address_does_not_show_its_passwords() -> None:
    url = "redis+sentinel://u:hunter2@one/natiq?sentinel_password=hunter3"
    shown = repr(parse_redis_url(url))
    assert "one" in shown and "hunter" not in shown
