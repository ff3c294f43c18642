"""The container file and docker-compose.yml: what their own readers say of them, commands that the
program takes, and nothing that a service does not need.

There is no container engine here. `tests/test_installed.py` runs the same commands confined alike.
"""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path
from typing import Any, cast

import pytest
import yaml
from compose_spec import PyCompose

from api import health
from api import witness as witnessing
from api.cli import COMMANDS, load

ROOT = Path(__file__).resolve().parent.parent
DOCKERFILE = (ROOT / "Dockerfile").read_text()
TEXT = (ROOT / "docker-compose.yml").read_text()
COMPOSE: dict[str, Any] = yaml.safe_load(TEXT)
OURS = ("ledger", "witness")


def linted(dockerfile: str) -> str:
    """What hadolint finds; nothing when all is well."""
    done = subprocess.run(
        [Path(sys.executable).with_name("hadolint"), "--no-color", "-"],
        input=dockerfile, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    return done.stdout + done.stderr


def instructions(name: str) -> list[str]:
    """What follows an instruction, wherever it stands, with continued lines as one."""
    return re.findall(rf"^{name} +(.+)$", DOCKERFILE.replace("\\\n", " "), re.MULTILINE)


def compose_errors(text: str) -> str | None:
    """What a strict reader of the compose specification says, once YAML's merges are made."""
    try:
        PyCompose.from_json(json.dumps(yaml.safe_load(text))).validate()
    except ValueError as error:
        return str(error)
    return None


def parsed(command: list[str]) -> Any:
    """A command line as the program reads it, with its options; it must take every one."""
    name, *options = command
    assert name in COMMANDS
    return load(name).make_context(name, list(options)).params


def test_hadolint_finds_nothing() -> None:
    """And it would: a base without a version is found."""
    assert linted(DOCKERFILE) == ""
    assert "DL3006" in linted("FROM python\nUSER 10001\n")


def test_the_base_has_an_exact_version() -> None:
    """Of Python and of the distribution, for both stages, and a digest can take its place."""
    (base,) = re.findall(r"^ARG BASE=(\S+)$", DOCKERFILE, re.MULTILINE)
    assert re.fullmatch(r"python:3\.\d+\.\d+-slim-[a-z]+", base)
    assert [each.split()[0] for each in instructions("FROM")] == ["${BASE}", "${BASE}"]


def test_everything_that_is_installed_is_known_by_its_digest() -> None:
    """What pip takes from an index must be in the lock; the rest is our own."""
    installs = [
        shlex.split(command)
        for run in instructions("RUN")
        for command in run.split("&&")
        if " install " in command and "pip" in command
    ]
    assert len(installs) == 2
    assert "--require-hashes" in installs[0]
    assert installs[1][-2:] == ["--no-deps", "."]


def test_the_image_runs_as_nobody_in_particular() -> None:
    """A number, so that `runAsNonRoot` can tell; and no pip to install more with."""
    (user,) = instructions("USER")
    assert user == "10001:10001"
    last = DOCKERFILE.rpartition("\nFROM ")[2]
    assert "pip uninstall --yes" in last
    assert "--from=build /opt/verantwoord" in last


def test_only_what_is_copied_is_sent_to_the_builder() -> None:
    """No key, no history and no document: everything is shut out, then let in by name."""
    first, *rules = [
        line for line in (ROOT / ".dockerignore").read_text().splitlines() if line[:1] != "#"
    ]
    assert first == "*"
    let_in = {rule[1:] for rule in rules if rule.startswith("!")}
    copied = {
        source
        for line in instructions("COPY")
        if not line.startswith("--from")
        for source in line.split()[:-1]
    }
    assert let_in == copied
    assert all((ROOT / name).exists() for name in copied)
    for kept in ("secrets/pgpass", "verantwoord-data/keys/log.key", ".git/config", "tests/x.py"):
        assert not any(fnmatch(kept, f"{name}*") for name in let_in), kept


def test_the_image_serves_by_itself() -> None:
    """Its own command is one that the program takes, on the port and directory that it declares."""
    (command,), (port,), (volume,) = map(instructions, ("CMD", "EXPOSE", "VOLUME"))
    options = parsed(yaml.safe_load(command))
    assert instructions("ENTRYPOINT") == ['["verantwoord"]']
    assert (options["port"], str(options["data"])) == (int(port), volume)


@pytest.mark.parametrize("name", OURS)
def test_the_commands_of_compose_are_ours(name: str, tmp_path: Path) -> None:
    """The program takes them; what they name is mounted, writable only where it must be."""
    service = COMPOSE["services"][name]
    options = parsed(service["command"])
    mounted = {each.split(":")[1]: each.split(":")[2:] for each in service["volumes"]}
    assert mounted[str(options["data"])] == []
    if name == "witness":
        assert mounted[str(options["policy"])] == ["ro"]
    (published,) = service["ports"]
    assert published == f"127.0.0.1:{options['port']}:{options['port']}"


@pytest.mark.parametrize("name", OURS)
def test_health_is_asked_where_it_is_answered(name: str) -> None:
    """At the port of the command, and a path that the service has."""
    service = COMPOSE["services"][name]
    (port, path), *others = re.findall(
        r"127\.0\.0\.1:(\d+)(/\w+)", service["healthcheck"]["test"][3]
    )
    assert not others
    assert int(port) == parsed(service["command"])["port"]
    witness_app = witnessing.create_app(cast(Any, None))
    routes = {"ledger": health.router.routes, "witness": witness_app.routes}[name]
    assert path in {getattr(route, "path", None) for route in routes}
    if name == "ledger":
        (of_image,) = re.findall(r"HEALTHCHECK [\s\S]*?CMD (\[.*\])", DOCKERFILE)
        assert yaml.safe_load(of_image) == service["healthcheck"]["test"][1:]


def test_compose_is_read_by_a_strict_reader() -> None:
    """Which finds a misspelt key, a duration that is none, and a network that nobody made."""
    assert compose_errors(TEXT) is None
    for right, wrong in (
        ("read_only: true", "read_onyl: true"),
        ("interval: 10s", "interval: soon"),
        ("networks: [witness]", "networks: [wittness]"),
        ("condition: service_healthy", "condition: service_wealthy"),
    ):
        assert right in TEXT
        assert compose_errors(TEXT.replace(right, wrong)), wrong


@pytest.mark.parametrize("name", COMPOSE["services"])
def test_no_service_can_do_more_than_it_must(name: str) -> None:
    """A file system that cannot be written, no capabilities, no new privileges, limits, and a
    question whether it is well; ours as nobody."""
    service = COMPOSE["services"][name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service.keys() >= {"mem_limit", "cpus", "pids_limit", "healthcheck", "restart"}
    assert not service.keys() & {"privileged", "network_mode", "pid", "ipc", "devices"}
    if name in OURS:
        assert service["user"] == "10001:10001"
        assert "cap_add" not in service


def test_database_and_witness_do_not_meet() -> None:
    """The database is reached by the ledger alone and reaches nothing; the witness has its own."""
    networks = {name: set(each["networks"]) for name, each in COMPOSE["services"].items()}
    assert networks["postgres"] == {"database"}
    assert COMPOSE["networks"]["database"] == {"internal": True}
    assert networks["witness"] & networks["ledger"] == {"witness"}
    assert "ports" not in COMPOSE["services"]["postgres"]
    data = [each.split(":")[0] for s in COMPOSE["services"].values() for each in s["volumes"]]
    assert len(data) == len(set(data))


def test_no_secret_stands_in_it() -> None:
    """They come from files that git and the builder do not see."""
    secrets = [Path(each["file"]) for each in COMPOSE["secrets"].values()]
    assert len(secrets) == 2
    assert not re.search(r"(?i)pass\w*[:=] *(?!/run/secrets/)[^ \n]", TEXT.replace("pgpass:", ""))
    if (ROOT / ".git").exists() and shutil.which("git"):
        ignored = [*secrets, "verantwoord-data/x", "witness-data/x", "witness-logs"]
        found = subprocess.run(
            ["git", "check-ignore", *map(str, ignored)],
            cwd=ROOT, capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert len(found.stdout.splitlines()) == len(ignored)
