"""Barriers on a page in Chromium, as axe-core finds them (WCAG 2 A and AA, best practices)."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import axe_playwright_python

#: What must not be there. axe also knows "minor" and "moderate".
GRAVE = frozenset({"serious", "critical"})

#: To be evaluated in the page after the script of `axe_script`.
RUN = "axe.run(document, {resultTypes: ['violations']}).then((found) => found.violations)"


@cache
def axe_script() -> str:
    """axe-core itself."""
    folder = Path(axe_playwright_python.__file__).parent
    return (folder / "axe.min.js").read_text(encoding="utf-8")


def grave(violations: list[dict[str, Any]]) -> list[str]:
    """The serious and critical ones, each with the first places where it was found."""
    return [
        f"{found['id']} ({found['impact']}): {found['help']}: "
        + " | ".join(node["html"][:160] for node in found["nodes"][:3])
        for found in violations
        if found["impact"] in GRAVE
    ]
