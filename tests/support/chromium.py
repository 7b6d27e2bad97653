"""Where Chromium is, and what happens to a test when there is none."""

from __future__ import annotations

import os
import shutil

import pytest

_NAMES = ("chromium", "chromium-browser", "google-chrome")

#: Headless in a container, and without calls to its maker's servers.
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)


def chromium_path() -> str:
    """Its path. Without one the test is skipped and named at the end of the run, or fails where
    `NATIQ_TEST_BROWSER=required`."""
    path = next((found for name in _NAMES if (found := shutil.which(name))), None)
    if path is not None:
        return path
    reason = "needs Chromium; install it with: apt-get install chromium"
    if os.environ.get("NATIQ_TEST_BROWSER") == "required":
        pytest.fail(reason)
    pytest.skip(reason)
