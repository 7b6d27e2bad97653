"""An installation, and what the doctor says of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from actions.staff import Staff
from bot.checks import BAD, Check
from bot.doctor import examine
from core.db.engine import Database
from core.settings import Settings
from tests.support.places import FAQ_DIR, MODEL_DIR

KEY = "k" * 40
APP_SECRET = "0123456789abcdef0123456789abcdef"


def settings_of(folder: Path, **more: Any) -> Settings:
    values: dict[str, Any] = {
        "data_dir": folder,
        "model_dir": MODEL_DIR,
        "faq_dir": FAQ_DIR,
        "secret_key": KEY,
        "sample": False,
        **more,
    }
    return Settings(_env_file=None, **values)


async def look(folder: Path, **more: Any) -> dict[str, Check]:
    checks = await examine(settings_of(folder, **more))
    assert len({check.name for check in checks}) == len(checks)
    for check in checks:
        assert bool(check.mend) or check.state not in BAD, f"{check.name} has no mend"
        assert "\n" not in check.text + check.mend
    return {check.name: check for check in checks}


def names_in(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


async def installed(tmp_path: Path) -> Path:
    """The folder of an installation that has been started and has staff."""
    folder = tmp_path / "ready"
    folder.mkdir(mode=0o700)
    db = Database(f"sqlite+aiosqlite:///{folder / 'natiq.db'}")
    await db.migrate()
    await Staff(db).add("Huda", "agent", "a long password")
    await db.close()
    return folder
