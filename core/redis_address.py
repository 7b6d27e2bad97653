"""The address of Redis, from the setting `NATIQ_REDIS_URL`: one server, Sentinel or Cluster.

```
redis://[user:password@]host[:6379][/db]           rediss:// with TLS
unix://[user:password@]/path/to/socket[?db=0]
redis+sentinel://[user:password@]host[:26379],host/service[?db=0]     rediss+sentinel://
redis+cluster://[user:password@]host[:6379],host                      rediss+cluster://
```

User and password are those of the data servers, with special characters percent-encoded. Further
options stand behind `?`: `ssl_ca_certs` (file of the authorities that TLS trusts, else the
system's), `sentinel_username` and `sentinel_password` (where the sentinels ask for them).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal
from urllib.parse import parse_qsl, unquote, urlsplit

from core.errors import ConfigError

SETTING = "NATIQ_REDIS_URL"
PORT = 6379
SENTINEL_PORT = 26379

Kind = Literal["server", "socket", "sentinel", "cluster"]

_KINDS: dict[str, Kind] = {
    "redis": "server",
    "unix": "socket",
    "redis+sentinel": "sentinel",
    "redis+cluster": "cluster",
}
_OPTIONS: dict[Kind, frozenset[str]] = {
    "server": frozenset({"db", "ssl_ca_certs"}),
    "socket": frozenset({"db"}),
    "sentinel": frozenset({"db", "ssl_ca_certs", "sentinel_username", "sentinel_password"}),
    "cluster": frozenset({"ssl_ca_certs"}),
}


@dataclass(frozen=True, slots=True)
class RedisAddress:
    """Where Redis is. `hosts` are pairs of host and port: the server's, the sentinels', or of some
    nodes of the cluster; `path` is a socket's, `service` the name that the sentinels watch."""

    kind: Kind
    hosts: tuple[tuple[str, int], ...] = ()
    path: str = ""
    service: str = ""
    db: int = 0
    tls: bool = False
    ca_file: str | None = None
    username: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)
    sentinel_username: str | None = field(default=None, repr=False)
    sentinel_password: str | None = field(default=None, repr=False)


def parse_redis_url(url: str) -> RedisAddress:
    """Read an address.

    Raises:
        ConfigError: names the setting and what is wrong with it, and never quotes it, because it
            may hold a password.
    """
    try:
        return _parse(url)
    except ValueError as error:
        raise ConfigError(
            f"{SETTING} is not usable: {error}. Give an address such as redis://redis:6379/0, "
            "redis+sentinel://one:26379,two:26379/natiq or redis+cluster://one:6379,two:6379; "
            "special characters in a password are percent-encoded."
        ) from None


def _parse(url: str) -> RedisAddress:
    if url != url.strip() or not url.isprintable():
        raise ValueError("it holds spaces or unprintable characters")
    scheme, separator, _ = url.partition("://")
    scheme = scheme.lower()
    tls = scheme.startswith("rediss")
    kind = _KINDS.get(scheme.replace("rediss", "redis", 1))
    if kind is None or not separator:
        raise ValueError(
            "it begins with none of redis, rediss, unix, redis+sentinel, redis+cluster"
        )
    try:
        parts = urlsplit(url)
    except ValueError:
        raise ValueError("host and port cannot be read") from None
    if parts.fragment:
        raise ValueError("it holds a #")
    options = _options(parts.query, _OPTIONS[kind])
    username, password, hosts = _split_user(parts.netloc)
    path = unquote(parts.path)
    base = RedisAddress(
        kind,
        db=_db(options.get("db", "")),
        tls=tls,
        ca_file=options.get("ssl_ca_certs"),
        username=username,
        password=password,
        sentinel_username=options.get("sentinel_username"),
        sentinel_password=options.get("sentinel_password"),
    )
    if base.ca_file and not tls:
        raise ValueError("ssl_ca_certs needs an address that begins with rediss")
    if kind == "socket":
        if hosts or len(path) < 2:
            raise ValueError("a socket needs a path, such as unix:///run/redis/redis.sock")
        return replace(base, path=path)
    port = SENTINEL_PORT if kind == "sentinel" else PORT
    base = replace(base, hosts=tuple(_host(host, port) for host in hosts.split(",")))
    name = path.strip("/")
    if kind == "sentinel":
        if not name or "/" in name:
            raise ValueError("the service that the sentinels watch is missing, such as /natiq")
        return replace(base, service=name)
    if kind == "cluster":
        if name not in ("", "0"):
            raise ValueError("a cluster has no database but 0")
        return base
    if len(base.hosts) > 1:
        raise ValueError("several hosts need redis+sentinel or redis+cluster")
    if name and "db" in options:
        raise ValueError("the database is given twice")
    return replace(base, db=_db(name)) if name else base


def _options(query: str, known: frozenset[str]) -> dict[str, str]:
    pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=False)
    options = dict(pairs)
    if len(options) != len(pairs) or not set(options) <= known or not all(options.values()):
        raise ValueError(f"the options behind the ? may be {', '.join(sorted(known))}, each once")
    return options


def _split_user(netloc: str) -> tuple[str | None, str | None, str]:
    user, at, hosts = netloc.rpartition("@")
    if not at:
        return None, None, netloc
    if "@" in user:
        raise ValueError("it holds two @")
    name, _, password = user.partition(":")
    return unquote(name) or None, unquote(password) or None, hosts


def _host(text: str, default: int) -> tuple[str, int]:
    if text.startswith("["):
        host, _, rest = text[1:].partition("]")
        if rest and not rest.startswith(":"):
            raise ValueError("a host cannot be read")
        port = rest[1:] if rest else ""
    else:
        host, _, port = text.partition(":")
    if not host or any(sign in host for sign in "[]/ "):
        raise ValueError("a host is missing or cannot be read")
    if not port and not text.endswith(":"):
        return host, default
    if not (port.isascii() and port.isdigit() and 0 < int(port) < 65536):
        raise ValueError("a port is no number from 1 to 65535")
    return host, int(port)


def _db(text: str) -> int:
    if text == "":
        return 0
    if not (text.isascii() and text.isdigit() and len(text) < 6):
        raise ValueError("the database is no number")
    return int(text)
