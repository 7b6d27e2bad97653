"""Reads the Dockerfile, and lays out on this machine what the image holds: no engine is needed."""

from __future__ import annotations

import fnmatch
import json
import re
import shlex
import shutil
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.places import MODEL_DIR, ROOT

DOCKERFILE = ROOT / "Dockerfile"
DOCKERIGNORE = ROOT / ".dockerignore"

#: Where the image keeps the code, and its data.
HOME = "/natiq"
DATA = "/data"


@dataclass(frozen=True)
class Instruction:
    """One instruction: its word in capitals and the rest of it, on one line."""

    word: str
    rest: str

    @property
    def words(self) -> list[str]:
        """The words of an exec form.

        Raises:
            ValueError: it is a shell form.
        """
        found = json.loads(self.rest)
        if not isinstance(found, list):
            raise ValueError(f"{self.word} is not in the exec form")
        return [str(word) for word in found]


@dataclass
class Stage:
    """What one FROM begins."""

    name: str
    base: str
    instructions: list[Instruction] = field(default_factory=list)

    def all(self, word: str) -> list[Instruction]:
        return [one for one in self.instructions if one.word == word]

    def last(self, word: str) -> Instruction:
        return self.all(word)[-1]


def read_dockerfile(path: Path = DOCKERFILE) -> list[Stage]:
    """The stages, the one that is shipped last."""
    lines = [line for line in path.read_text("utf-8").splitlines() if not line.startswith("#")]
    joined = re.sub(r"\\\n\s*", " ", "\n".join(lines))
    stages: list[Stage] = []
    for line in filter(None, (line.strip() for line in joined.splitlines())):
        word, _, rest = line.partition(" ")
        if word == "FROM":
            base, _, name = rest.partition(" AS ")
            stages.append(Stage(name, base))
        else:
            stages[-1].instructions.append(Instruction(word, rest.strip()))
    return stages


def image_environment() -> dict[str, str]:
    """What ENV sets in the shipped stage and those it is made from."""
    stages = {stage.name: stage for stage in read_dockerfile()}
    chain = [read_dockerfile()[-1]]
    while chain[0].base in stages:
        chain.insert(0, stages[chain[0].base])
    found: dict[str, str] = {}
    for stage in chain:
        for one in stage.all("ENV"):
            found.update(pair.split("=", 1) for pair in shlex.split(one.rest))
    return found


def context_files() -> list[Path]:
    """The files that `COPY . .` takes, by .dockerignore, relative to the repository."""
    rules = [
        line
        for line in DOCKERIGNORE.read_text("utf-8").splitlines()
        if line and not line.startswith("#")
    ]
    assert rules[0] == "*", "what is not named must stay out"
    kept = {rule[1:] for rule in rules if rule.startswith("!")}
    out = [rule.removeprefix("**/") for rule in rules[1:] if not rule.startswith("!")]
    files = []
    for name in sorted(kept):
        path = ROOT / name
        found = path.rglob("*") if path.is_dir() else [path]
        files += [one.relative_to(ROOT) for one in found if one.is_file()]
    return [
        path
        for path in files
        if not any(fnmatch.fnmatch(part, rule) for part in path.parts for rule in out)
    ]


def lay_out(home: Path, *, learnt: Path, interpreter: Path) -> None:
    """Put into `home` what the image has in /natiq: the code, the model and the command.

    What was learnt goes to the folder `learnt`, to which `home/model/learnt` leads as to a volume.
    """
    for path in context_files():
        target = home / path
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / path, target)
    model = home / "model"
    model.mkdir()
    shutil.copytree(MODEL_DIR / "encoder", model / "encoder")
    shutil.copytree(MODEL_DIR / "learnt", learnt)
    (model / "learnt").symlink_to(learnt)
    command = home / ".venv" / "bin" / "natiq"
    command.parent.mkdir(parents=True)
    lines = [line.replace(f"{HOME}/.venv/bin/python", str(interpreter)) for line in _command()]
    command.write_text("\n".join(lines) + "\n", encoding="utf-8")
    for path in [home, *home.rglob("*")]:
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path == command else 0o644)


def _command() -> list[str]:
    """The lines that the build writes into the command."""
    [build] = [stage for stage in read_dockerfile() if stage.name == "build"]
    [writing] = [one.rest for one in build.all("RUN") if "> .venv/bin/natiq" in one.rest]
    words = shlex.split(writing)
    return words[2 : words.index(">")]
