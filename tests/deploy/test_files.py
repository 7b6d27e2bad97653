"""The Dockerfile and docker-compose.yml say what docs/deployment.md promises."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bot.cli.serving import FINISH as WEB_FINISH
from bot.sender import SEND_TIMEOUT
from core.settings import PREFIX, SECRET_SETTINGS, Settings
from tests.support import image
from tests.support.compose import COMPOSE_FILE, SECRETS, Compose, Service, load_compose, seconds
from tests.support.image import DATA, HOME, read_dockerfile
from tests.support.places import ROOT
from tests.test_documents import all_commands

#: Settings that say where things are: the image and the volumes decide them, not the operator.
PLACES = {"data_dir", "model_dir", "faq_dir", "host", "port", "log_format"}


@pytest.fixture(scope="module")
def compose() -> Compose:
    return load_compose()


@pytest.fixture(scope="module")
def ours(compose: Compose) -> list[Service]:
    found = [service for service in compose.services.values() if service.ours]
    assert {one.name for one in found} == {"app", "web", "worker", "sender", "telegram"}
    return found


# -- the image -----------------------------------------------------------------------------------


def test_the_image_runs_as_a_user_without_rights() -> None:
    shipped = read_dockerfile()[-1]
    user = shipped.last("USER").rest
    assert re.fullmatch(r"[1-9]\d{3,}:[1-9]\d{3,}", user), "a number, so that anybody can check it"
    assert shipped.instructions.index(shipped.last("USER")) > max(
        shipped.instructions.index(one) for one in shipped.all("RUN")
    )
    for one in shipped.all("COPY"):
        owner = re.search(r"--chown=(\S+)", one.rest)
        assert owner is None or one.rest.endswith(f"{HOME}/model/learnt"), "the code is only read"


def test_the_image_stops_by_a_signal_to_the_process_itself() -> None:
    shipped = read_dockerfile()[-1]
    assert shipped.last("STOPSIGNAL").rest == "SIGTERM"
    assert shipped.last("ENTRYPOINT").words == ["natiq"]
    command = shipped.last("CMD").words
    assert " ".join(command) in all_commands()


def test_the_image_asks_after_its_own_health() -> None:
    health = read_dockerfile()[-1].last("HEALTHCHECK").rest
    assert health.endswith('CMD ["natiq", "health"]')
    assert "health" in all_commands()


def test_the_image_is_built_of_pinned_things() -> None:
    stages = read_dockerfile()
    outside = {stage.base for stage in stages} - {stage.name for stage in stages}
    assert outside == {"python:3.11-slim-bookworm"}
    runs = [one.rest for stage in stages for one in stage.all("RUN")]
    for words in (part for run in runs for part in run.split("&&")):
        if re.search(r"pip (install|download)", words):
            assert "--require-hashes" in words, words
    assert not any(re.search(r"\b(curl|wget|ADD|apt-get)\b", run) for run in runs)
    assert not [one for stage in stages for one in stage.all("ADD")]
    # A secret of the build would stay readable in the image's history as ARG or ENV.
    assert not [one for stage in stages for one in stage.all("ARG")]


def test_the_image_sets_only_settings_that_exist_and_no_secret() -> None:
    names = {name for name in image.image_environment() if name.startswith(PREFIX)}
    known = {PREFIX + name.upper() for name in Settings.model_fields}
    assert names and names <= known
    assert not {name.removeprefix(PREFIX) for name in names} & set(SECRET_SETTINGS)
    assert image.image_environment()["PYTHONDONTWRITEBYTECODE"] == "1"


def test_what_goes_into_the_image() -> None:
    files = {path.as_posix() for path in image.context_files()}
    for needed in (
        "requirements/serve.txt",
        "requirements/model.txt",
        "bot/cli/main.py",
        "bot/replies/ar.yml",
        "core/db/migrations/env.py",
        "desk/app.py",
        "faq/content/passports.yml",
        "nlu/data/question.yml",
    ):
        assert needed in files
    tops = {path.parts[0] for path in image.context_files()}
    assert not tops & {".env", ".git", "var", "secrets", "tests", ".venv", "docs"}
    assert not [name for name in files if name.endswith(".pyc")]


# -- docker-compose.yml --------------------------------------------------------------------------


def test_one_profile_is_the_app_and_the_other_the_parts(compose: Compose) -> None:
    by_profile = {
        profile: {name for name, one in compose.services.items() if profile in one.profiles}
        for profile in ("embedded", "scaled")
    }
    assert by_profile["embedded"] == {"app"}
    assert by_profile["scaled"] == {"postgres", "redis", "web", "worker", "sender", "telegram"}
    assert set(compose.services) == by_profile["embedded"] | by_profile["scaled"]
    lines = (ROOT / ".env.example").read_text("utf-8").splitlines()
    assert "COMPOSE_PROFILES=embedded" in lines, "what `docker compose up` starts"


def test_every_service_is_shut_in(compose: Compose) -> None:
    for name, service in compose.services.items():
        raw = service.raw
        assert raw["read_only"] is True, name
        assert raw["cap_drop"] == ["ALL"], name
        assert raw["security_opt"] == ["no-new-privileges:true"], name
        assert raw["init"] is True, name
        assert raw["restart"] == "unless-stopped", name
        assert raw["mem_limit"], name
        assert "/tmp" in service.temporary(), name  # noqa: S108 - a place in the container
        assert raw["healthcheck"]["test"], name
        assert not {"privileged", "cap_add", "network_mode", "pid", "ipc", "devices"} & set(raw)
        assert raw.get("user", "10001:10001").split(":")[0] != "0", name
        if not service.ours:
            assert re.fullmatch(r"[a-z]+:\d+(\.\d+)?-\w+", raw["image"]), "a pinned version"
            assert service.raw["user"], "these images start as root unless told otherwise"


def test_only_the_web_is_reached_from_outside(compose: Compose) -> None:
    assert {name for name, one in compose.services.items() if "ports" in one.raw} == {"app", "web"}
    for name in ("app", "web"):
        assert compose.services[name].raw["ports"] == ["127.0.0.1:8080:8080"]
        port = image.image_environment()["NATIQ_PORT"]
        assert compose.services[name].raw["ports"][0].endswith(f":{port}")
    assert compose.networks["inside"] == {"internal": True}
    for name in ("postgres", "redis"):
        assert compose.services[name].raw["networks"] == ["inside"]


def test_no_secret_stands_in_the_file(compose: Compose) -> None:
    known = {PREFIX + name.upper() for name in Settings.model_fields}
    for service in compose.services.values():
        for name, value in service.raw.get("environment", {}).items():
            if not name.startswith(PREFIX):
                assert "PASSWORD" not in name or name.endswith("_FILE"), name
                continue
            setting = name.removesuffix("_FILE").removeprefix(PREFIX)
            assert PREFIX + setting in known, f"{service.name}: {name} is no setting"
            if setting in SECRET_SETTINGS:
                assert name.endswith("_FILE"), f"{service.name}: {name}"
                assert value.startswith(SECRETS), f"{service.name}: {name}"
    assert not re.search(r"://[^/\s]*:[^/\s]*@", COMPOSE_FILE.read_text("utf-8"))


def test_every_service_is_given_the_secrets_it_names_and_no_others(compose: Compose) -> None:
    for service in compose.services.values():
        words = [str(value) for value in service.raw.get("environment", {}).values()]
        words += service.command
        named = {word.removeprefix(SECRETS) for word in words if word.startswith(SECRETS)}
        assert set(service.secrets) == named, service.name
        assert len(service.secrets) == len(named), service.name
    assert {name for one in compose.services.values() for name in one.secrets} == set(
        compose.secrets
    )


def test_secrets_of_a_channel_that_is_not_set_lead_nowhere(compose: Compose) -> None:
    optional = {name for name, path in compose.secrets.items() if path == "/dev/null"}
    assert {
        name for name in compose.secrets if name.startswith(("telegram", "whatsapp"))
    } < optional
    set_ = load_compose({"NATIQ_TELEGRAM_TOKEN_FILE": "telegram-token.txt"})
    assert set_.secrets["telegram_token"] == "telegram-token.txt"


def test_every_setting_is_handed_on(ours: list[Service]) -> None:
    """What an operator writes into .env must not be lost on its way to a role that heeds it."""
    for service in ours:
        given = {name.removesuffix("_FILE") for name in service.raw["environment"]}
        wanted = set(Settings.model_fields) - PLACES
        if service.name == "app":
            wanted -= {"database_url", "redis_url"}
        if service.name == "telegram":
            wanted = {name for name in wanted if not name.startswith("whatsapp")}
        assert {PREFIX + name.upper() for name in wanted} == given, service.name


def test_our_services_say_known_commands(ours: list[Service]) -> None:
    for service in ours:
        role = service.name
        assert service.command == (["run"] if role == "app" else ["serve", role])
        assert service.command[0] in all_commands()
        assert service.health == ["natiq", "health"]


def test_a_stop_waits_longer_than_what_is_in_hand(ours: list[Service]) -> None:
    for service in ours:
        assert seconds(service.raw["stop_grace_period"]) >= SEND_TIMEOUT + WEB_FINISH + 5


def test_what_is_to_last_lies_in_volumes(compose: Compose) -> None:
    services = compose.services
    assert services["web"].mounts()[DATA] == services["worker"].mounts()[DATA] == "data"
    assert services["app"].mounts()[DATA] == "embedded"
    for name in ("app", "worker"):
        assert services[name].mounts()[f"{HOME}/model/learnt"] == "learnt"
    for name in ("app", "web", "worker"):
        assert f"{HOME}/faq/content" in services[name].read_only_mounts()
    named = {
        source for one in services.values() for source in one.mounts().values() if "/" not in source
    }
    assert named == compose.volumes


def test_roles_wait_for_the_database_but_not_for_redis(ours: list[Service]) -> None:
    for service in ours:
        waits = service.raw.get("depends_on", {})
        conditions = {name: one["condition"] for name, one in waits.items()}
        if service.name == "app":
            assert not conditions
        else:
            assert conditions == {"postgres": "service_healthy", "redis": "service_started"}


def test_redis_drops_no_stream_for_the_sake_of_a_cache(compose: Compose) -> None:
    words = compose.services["redis"].command
    options = dict(zip(words[2::2], words[3::2], strict=True))
    assert options["--maxmemory-policy"] == "volatile-lru"
    assert options["--save"] == "" and options["--appendonly"] == "no"
    limit = int(compose.services["redis"].raw["mem_limit"].removesuffix("m"))
    assert int(options["--maxmemory"].removesuffix("mb")) < limit


# -- what others say of the files ----------------------------------------------------------------


def missing(what: str) -> None:
    """Skip, or fail where nothing may be skipped."""
    if os.environ.get("NATIQ_TEST_SCALED") == "required":
        pytest.fail(what)
    pytest.skip(f"needs {what}")


def compose_client() -> list[str]:
    """A program that knows the Compose specification; it asks no engine."""
    if shutil.which("docker"):
        words = ["docker", "compose"]
        if subprocess.run([*words, "version"], capture_output=True, check=False).returncode == 0:
            return words
    if shutil.which("docker-compose"):
        return ["docker-compose"]
    missing("a client of Compose (apt-get install docker-compose)")
    raise AssertionError


@pytest.mark.scaled
@pytest.mark.parametrize("profile", ["embedded", "scaled"])
def test_a_client_of_compose_takes_the_file(profile: str) -> None:
    said = subprocess.run(
        [*compose_client(), "--file", str(COMPOSE_FILE), "--profile", profile, "config"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/")},
    )
    assert said.returncode == 0, said.stderr
    assert "natiq" in said.stdout
    assert "WARNING" not in said.stderr


@pytest.mark.scaled
def test_hadolint_has_nothing_to_say_of_the_dockerfile() -> None:
    beside = Path(sys.executable).parent / "hadolint"
    program = str(beside) if beside.exists() else shutil.which("hadolint")
    if program is None:
        missing("hadolint (make test-scaled installs it)")
    assert program is not None
    said = subprocess.run(
        [program, str(image.DOCKERFILE)], capture_output=True, text=True, check=False
    )
    assert said.returncode == 0, said.stdout + said.stderr


# -- the secrets ---------------------------------------------------------------------------------


def test_make_secrets_makes_what_the_scaled_mode_needs_once(
    compose: Compose, tmp_path: Path
) -> None:
    folder = tmp_path / "secrets"
    make = ["make", "--no-print-directory", "secrets", f"SECRETS={folder}"]
    subprocess.run(make, cwd=ROOT, check=True, capture_output=True)
    made = {path.name: path.read_text("utf-8") for path in folder.iterdir()}
    wanted = {Path(path).name for path in compose.secrets.values() if path != "/dev/null"}
    assert set(made) == wanted
    assert folder.stat().st_mode & 0o077 == 0, "others do not get in"
    # Whom a container runs as must read the files, whoever that is on this machine.
    assert all(path.stat().st_mode & 0o004 for path in folder.iterdir())
    assert made["postgres-password"].strip() in made["database-url"]
    assert made["redis.conf"].split()[1] in made["redis-url"]
    assert len(made["secret-key"].strip()) >= 32
    subprocess.run(make, cwd=ROOT, check=True, capture_output=True)
    assert {path.name: path.read_text("utf-8") for path in folder.iterdir()} == made
