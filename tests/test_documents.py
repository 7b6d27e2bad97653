"""The documents say what is so: settings, commands, files, figures; and no file says what it should
not. Whether they are well written is left to readers."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
import typer.main
from typer.core import TyperGroup

from bot.cli.main import build
from core.settings import PREFIX, Settings
from tests.support.places import ROOT

ROOMS = ("core", "nlu", "faq", "actions", "bot", "desk")
READMES = ("README.md", "README.ar.md")
ARCHITECTURE = ROOT / "docs" / "architecture.md"

_FENCE = re.compile(r"^```[^\n]*\n(.*?)^```", re.M | re.S)
_CODE = re.compile(r"`([^`\n]+)`")
_SETTING = re.compile(rf"\b{PREFIX}[A-Z_]+\b")

#: What no file of the project may hold, with a text that each pattern must find. They are written
#: so that this file does not hold it either.
FORBIDDEN = {
    "a path of somebody's machine": (
        r"(?<![\w.:/~*-])/(?:home|root|Users|work|tmp|mnt|media)/\w",
        "see " + "/ho" + "me/someone/natiq",
    ),
    "a drive of somebody's machine": (r"(?<!\w)[A-Z]:\\(?:Users|work)\b", "C:" + r"\Users"),
    "the host of a package registry": (
        r"(?:pypi\.org|pythonhosted\.org|anaconda\.org|docker\.io|ghcr\.io|[-_]extra-index-url)",
        "files." + "pythonhosted" + ".org",
    ),
    "an unfinished place": (r"\b(?:TO[D]O|FIX[M]E|X[X]X)\b", "TO" + "DO: later"),
    "talk of who typed the code": (
        r"(?i)\b(?:sub-?agents?|AI[ ]assistant|as an[ ]AI|large language[ ]model|co[-]?pilot)\b",
        "written by a sub" + "agent",
    ),
}


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def tracked() -> list[Path]:
    """The files of the project: those that git tracks, or in a bare copy those of its folders."""
    if (ROOT / ".git").exists():
        listed = subprocess.run(
            ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True
        )
        names = listed.stdout.decode("utf-8").split("\0")
        return [ROOT / name for name in names if name and (ROOT / name).is_file()]
    folders = [ROOT / name for name in (*ROOMS, "docs", "tests", "requirements", ".ci")]
    inside = [path for folder in folders for path in folder.rglob("*")]
    return [
        path
        for path in [*ROOT.iterdir(), *inside]
        if path.is_file() and "__pycache__" not in path.parts
    ]


def documents() -> list[Path]:
    found = [path for path in tracked() if path.suffix == ".md"]
    assert ROOT / "README.md" in found
    return found


def code_of(text: str) -> str:
    """Everything that is written as code: fenced blocks and words between backticks."""
    inline = _CODE.findall(_FENCE.sub("", text))
    return "\n".join([*_FENCE.findall(text), *inline])


def make_targets(text: str) -> set[str]:
    return set(re.findall(r"^(?:\$ )?make ([a-z][a-z-]*)", code_of(text), re.M))


def commands(text: str) -> set[str]:
    """Commands of `natiq` that a document names, such as `ask` and `ticket list`."""
    groups = {name.split()[0] for name in all_commands() if " " in name}
    found = set()
    for first, second in re.findall(
        r"(?:^|[ /])natiq ([a-z]+)(?: ([a-z]+)\b)?", code_of(text), re.M
    ):
        found.add(f"{first} {second}" if first in groups and second else first)
    return found


def all_commands(*, hidden: bool = True) -> set[str]:
    root = typer.main.get_command(build())
    assert isinstance(root, TyperGroup)
    names = set()
    for name, command in root.commands.items():
        if isinstance(command, TyperGroup):
            names |= {
                f"{name} {inner}"
                for inner, below in command.commands.items()
                if hidden or not below.hidden
            }
        else:
            names.add(name)
    return names


# -- settings ------------------------------------------------------------------------------------


def env_lines() -> dict[str, str]:
    lines = re.findall(rf"^#?({PREFIX}\w+)=(.*)$", read(".env.example"), re.M)
    names = [name for name, _ in lines]
    assert len(names) == len(set(names)), "a setting stands twice in .env.example"
    return dict(lines)


def test_env_example_lists_every_setting_and_no_other() -> None:
    expected = {PREFIX + name.upper() for name in Settings.model_fields}
    assert set(env_lines()) == expected


def test_env_example_shows_the_defaults() -> None:
    shown = env_lines()
    for name, field in Settings.model_fields.items():
        default = "" if field.default is None else str(field.default)
        if isinstance(field.default, bool):
            default = default.lower()
        assert shown[PREFIX + name.upper()] == default, name


def test_documents_name_only_settings_that_exist() -> None:
    known = set(env_lines())
    for path in documents():
        unknown = set(_SETTING.findall(path.read_text(encoding="utf-8"))) - known
        unknown = {name for name in unknown if name.removesuffix("_FILE") not in known}
        assert not {name for name in unknown if not name.startswith(f"{PREFIX}TEST_")}, path


# -- the two READMEs -----------------------------------------------------------------------------


def test_both_readmes_show_the_same_code() -> None:
    english, arabic = (_FENCE.findall(read(name)) for name in READMES)
    assert english and english == arabic


def test_both_readmes_name_the_same_targets_and_commands() -> None:
    english, arabic = (read(name) for name in READMES)
    assert make_targets(english) == make_targets(arabic)
    assert commands(english) == commands(arabic)


def test_both_readmes_give_the_same_figures() -> None:
    english, arabic = (re.findall(r"\d+(?:\.\d+)?%", read(name)) for name in READMES)
    assert english and english == arabic


@pytest.mark.parametrize("name", [*READMES, "CONTRIBUTING.md", "docs/architecture.md"])
def test_targets_and_commands_exist(name: str) -> None:
    targets = set(re.findall(r"^([a-z][a-z-]*):", read("Makefile"), re.M))
    named = make_targets(read(name))
    assert named <= targets
    groups = {command.split()[0] for command in all_commands()}
    assert commands(read(name)) <= all_commands() | groups
    if name in READMES:
        assert {"run", "test", "chat", "help"} <= named
        assert all_commands(hidden=False) <= commands(read(name))


def test_the_arabic_readme_reads_from_right_to_left() -> None:
    text = read("README.ar.md").strip()
    assert text.startswith('<div dir="rtl"') and text.endswith("</div>")
    assert text.count("<div") == text.count("</div>")
    direction = ["rtl"]
    for line in text.splitlines()[1:]:
        if opened := re.fullmatch(r'<div dir="(rtl|ltr)">', line):
            direction.append(opened[1])
        elif line == "</div>":
            direction.pop()
        elif line.startswith("```"):
            assert direction[-1] == "ltr", "a code block is not set from left to right"


# -- the map of the code -------------------------------------------------------------------------


def test_the_architecture_names_only_files_that_exist() -> None:
    words = _CODE.findall(_FENCE.sub("", ARCHITECTURE.read_text(encoding="utf-8")))
    blocks = "\n".join(_FENCE.findall(ARCHITECTURE.read_text(encoding="utf-8")))
    names = {word for word in words if re.fullmatch(rf"(?:{'|'.join(ROOMS)}|tests)/[\w./-]+", word)}
    names |= set(re.findall(rf"\b(?:{'|'.join(ROOMS)})/[\w/]+\.py", blocks))
    assert len(names) > 50
    assert not [name for name in sorted(names) if not (ROOT / name).exists()]


def test_the_architecture_lists_every_module() -> None:
    listed = set(re.findall(r"^\| `([\w/]+\.py)` \| \S", ARCHITECTURE.read_text("utf-8"), re.M))
    modules = {
        path.relative_to(ROOT).as_posix()
        for path in tracked()
        if path.suffix == ".py"
        and path.relative_to(ROOT).parts[0] in ROOMS
        and path.name != "__init__.py"
        and "versions" not in path.parts
    }
    assert len(modules) > 50
    assert listed == modules


def test_links_between_documents_lead_somewhere() -> None:
    for path in documents():
        for target in re.findall(r"\]\(([^)\s]+)\)", path.read_text(encoding="utf-8")):
            if "://" in target:
                continue
            name, _, anchor = target.partition("#")
            file = (path.parent / name) if name else path
            assert file.exists(), f"{path.name}: {target}"
            if anchor and file.suffix == ".md":
                headings = re.findall(r"^#+ (.+)$", file.read_text(encoding="utf-8"), re.M)
                slugs = {re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in headings}
                assert anchor in slugs, f"{path.name}: {target}"


# -- what no file holds --------------------------------------------------------------------------


@pytest.mark.parametrize("what", FORBIDDEN)
def test_no_file_holds(what: str) -> None:
    pattern = re.compile(FORBIDDEN[what][0])
    assert pattern.search(FORBIDDEN[what][1]), "the pattern finds nothing at all"
    found = []
    for path in tracked():
        try:
            lines = path.read_text(encoding="utf-8").split("\n")
        except UnicodeDecodeError:
            continue
        found += [
            f"{path.relative_to(ROOT)}:{number}: {line.strip()[:80]}"
            for number, line in enumerate(lines, start=1)
            if pattern.search(line)
        ]
    assert not found, "\n".join(found)


def test_requirements_name_no_address() -> None:
    files = [path for path in tracked() if path.parent == ROOT / "requirements"]
    assert len(files) >= 3
    for path in files:
        text = path.read_text(encoding="utf-8")
        assert "://" not in text and "--hash=sha256:" in text, path.name


def test_the_licence_is_whole() -> None:
    text = read("LICENSE")
    for part in ("Version 2.0, January 2004", "9. Accepting Warranty", "END OF TERMS"):
        assert part in text
    assert 'license = "Apache-2.0"' in read("pyproject.toml")


def test_every_direct_dependency_is_listed_with_its_licence() -> None:
    block = read("pyproject.toml").split("[project.scripts]")[0]
    wanted = set(re.findall(r'^\s+"([a-z0-9.-]+)', block.split("dependencies = [", 1)[1], re.M))
    rows = re.findall(r"^\| ([\w.-]+)[^|]*\| [^|]+\| \S", read("THIRD_PARTY.md"), re.M)
    listed = {name.lower().replace("_", "-") for name in rows}
    assert "fastapi" in wanted
    assert {name for name in wanted if name not in listed} == set()
