"""Reads docker-compose.yml as the Compose specification says, as far as this project uses it:
merge keys, `${NAME:-default}`, values handed on, short forms of lists."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from tests.support.places import ROOT

COMPOSE_FILE = ROOT / "docker-compose.yml"

#: Where a container finds its secrets.
SECRETS = "/run/secrets/"

_VARIABLE = re.compile(r"\$\{(\w+)(?::-([^}]*))?\}")
_SECONDS = {"s": 1, "m": 60, "h": 3600}


@dataclass(frozen=True)
class Service:
    """One service. `raw` is its mapping, merged and interpolated."""

    name: str
    raw: Mapping[str, Any]

    @property
    def ours(self) -> bool:
        """Whether it is started from our image."""
        return "build" in self.raw

    @property
    def command(self) -> list[str]:
        """Its words; an empty list leaves it to the image."""
        words = self.raw.get("command", [])
        assert isinstance(words, list), f"{self.name}: the command is not in the exec form"
        return [str(word) for word in words]

    @property
    def profiles(self) -> set[str]:
        return set(self.raw.get("profiles", []))

    @property
    def secrets(self) -> list[str]:
        return list(self.raw.get("secrets", []))

    @property
    def health(self) -> list[str]:
        """The words of the health check, without CMD."""
        kind, *words = self.raw["healthcheck"]["test"]
        return list(words) if kind == "CMD" else ["sh", "-c", *words]

    def environment(self, given: Mapping[str, str]) -> dict[str, str]:
        """What its processes find; a name without a value is handed on from `given`."""
        found = {}
        for name, value in self.raw.get("environment", {}).items():
            value = given.get(name) if value is None else value
            if value is not None:
                found[name] = str(value)
        return found

    def mounts(self) -> dict[str, str]:
        """Place in the container -> name of the volume or path on the host (without `:ro`)."""
        parts = [str(mount).split(":") for mount in self.raw.get("volumes", [])]
        return {part[1]: part[0] for part in parts}

    def read_only_mounts(self) -> set[str]:
        parts = [str(mount).split(":") for mount in self.raw.get("volumes", [])]
        return {part[1] for part in parts if part[2:] == ["ro"]}

    def temporary(self) -> set[str]:
        """Places that live in memory."""
        return {str(mount).split(":")[0] for mount in self.raw.get("tmpfs", [])}


@dataclass(frozen=True)
class Compose:
    """The whole file."""

    services: dict[str, Service]
    secrets: dict[str, str]
    volumes: set[str]
    networks: dict[str, Any]


def load_compose(environ: Mapping[str, str] | None = None, path: Path = COMPOSE_FILE) -> Compose:
    """Read the file; `environ` is what `.env` holds."""
    document = YAML(typ="safe", pure=True).load(path)
    whole = _interpolate(document, environ or {})
    return Compose(
        services={name: Service(name, raw) for name, raw in whole["services"].items()},
        secrets={name: raw["file"] for name, raw in whole["secrets"].items()},
        volumes=set(whole["volumes"]),
        networks=whole["networks"],
    )


def seconds(text: str) -> float:
    """A duration such as 45s or 1m30s."""
    parts = re.findall(r"(\d+)([smh])", text)
    assert "".join(number + unit for number, unit in parts) == text, text
    return float(sum(int(number) * _SECONDS[unit] for number, unit in parts))


def _interpolate(value: Any, environ: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: _interpolate(inner, environ) for key, inner in value.items()}
    if isinstance(value, list):
        return [_interpolate(inner, environ) for inner in value]
    if isinstance(value, str):
        return _VARIABLE.sub(lambda m: environ.get(m[1]) or m[2] or "", value)
    return value
