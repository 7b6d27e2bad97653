"""Where the repository's parts are, whatever the working directory."""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path(__file__).parents[2]
MODEL_DIR = Path(os.environ.get("NATIQ_MODEL_DIR", ROOT / "var" / "model"))
FAQ_DIR = ROOT / "faq" / "content"
REPLIES = ROOT / "bot" / "replies"
EVALS = ROOT / "tests" / "evals" / "cases.jsonl"
