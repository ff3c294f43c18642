"""The documentation tells the truth about the code: generated pages, links, commands, codes."""

from __future__ import annotations

import base64
import importlib.util
import re
import shutil
import subprocess
import sys
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from api import cli, problems
from ledger import cloudevent, envelope, form_rules, keyring

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
PAGES = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *DOCS.rglob("*.md")])

_LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
_FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)


def _module(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _anchors(page: Path) -> set[str]:
    """The anchors that a Markdown page gets from its headings, as code hosts make them."""
    text = _FENCE.sub("", page.read_text(encoding="utf-8"))
    return {
        "".join(c for c in heading.strip().lower().replace(" ", "-") if _in_anchor(c))
        for heading in re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    }


def _in_anchor(character: str) -> bool:
    return character in "-_" or unicodedata.category(character)[0] in "LN"


def _links(page: Path) -> Iterator[tuple[Path, str]]:
    for link in _LINK.findall(_FENCE.sub("", page.read_text(encoding="utf-8"))):
        if not re.match(r"[a-z]+:", link):
            path, _, anchor = link.partition("#")
            yield (page.parent / path).resolve() if path else page, anchor


def test_generated_reference_is_that_of_the_code() -> None:
    """The reference of event types, their schemas and rules is what the code would write now."""
    made = _module(DOCS / "generate.py").files()
    stored = {
        path.relative_to(DOCS / "reference"): path.read_text(encoding="utf-8")
        for path in [
            DOCS / "reference" / "events.md",
            DOCS / "reference" / "rules.md",
            *(DOCS / "reference" / "schemas").glob("*.json"),
        ]
    }
    assert stored.keys() == made.keys(), "run `python docs/generate.py`"
    wrong = [str(path) for path, text in made.items() if stored[path] != text]
    assert wrong == [], "run `python docs/generate.py`"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_internal_links_resolve(page: Path) -> None:
    """Every link to a file or heading of this repository leads somewhere."""
    broken = [
        f"{target.name}#{anchor}"
        for target, anchor in _links(page)
        if not target.exists() or (anchor and anchor not in _anchors(target))
    ]
    assert broken == []


@pytest.mark.parametrize("page", sorted(DOCS.rglob("*.md")), ids=lambda page: page.name)
def test_every_page_is_reached_from_the_readme(page: Path) -> None:
    """No page of the documentation can only be found by its address."""
    reached, waiting = set[Path](), [ROOT / "README.md"]
    while waiting:
        found = waiting.pop()
        if found not in reached and found.suffix == ".md" and found.is_file():
            reached.add(found)
            waiting.extend(target for target, _ in _links(found))
    assert page in reached


@pytest.mark.parametrize(("name", "part"), [("run", "verantwoord demo"), ("test", "pytest")])
def test_readme_commands_can_be_extracted(name: str, part: str) -> None:
    """The commands of the README come out as one line that a shell can read."""
    told = subprocess.run(
        [sys.executable, DOCS / "commands.py", name], capture_output=True, text=True, check=True
    )
    (command,) = told.stdout.splitlines()
    assert part in command
    subprocess.run(["sh", "-n", "-c", command], check=True)


def test_an_unknown_readme_command_is_refused() -> None:
    """Asking for a command that the README has not is an error, not an empty line to run."""
    told = subprocess.run(
        [sys.executable, DOCS / "commands.py", "deploy"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode == 2
    assert told.stdout == ""


def test_every_problem_code_is_explained() -> None:
    """Each problem type has a row in the reference with its code and status, and no row is of
    another."""
    text = (DOCS / "reference" / "errors.md").read_text(encoding="utf-8")
    codes = text.partition("\n## Form rules\n")[0]
    rows = dict(re.findall(r"^\| `([a-z-]+)` \| ([0-9, ]+) \|", codes, re.MULTILINE))
    known = problems.explanations()
    assert rows.keys() == known.keys()
    wrong = [code for code, row in rows.items() if str(known[code]["status"]) not in row]
    assert wrong == []


def test_every_threat_names_a_test_that_is_there() -> None:
    """Or says that nothing stands against it yet; and every boundary and letter is looked at."""
    text = (DOCS / "explanation" / "threat-model.md").read_text(encoding="utf-8")
    rows = [line.split(" | ") for line in text.splitlines() if re.match(r"\| [STRIDE] \|", line)]
    assert {row[0].strip("| ") for row in rows} == set("STRIDE")
    for row in rows:
        named = re.findall(r"`(tests/\w+\.py)::(test_\w+)`", row[3])
        assert bool(named) != row[2].startswith("**open**"), row
        for file, name in named:
            assert f"def {name}(" in (DOCS.parent / file).read_text(encoding="utf-8"), name


def test_every_command_is_documented() -> None:
    """Each command of `verantwoord` has a heading of its own in the reference."""
    headings = _anchors(DOCS / "reference" / "cli.md")
    missing = [name for name in cli.COMMANDS if name not in headings]
    assert missing == []


HOW_TO = DOCS / "how-to" / "append-from-another-language.md"

_SCRIPT = re.compile(r"^<!-- script: (\S+) -->\n```\w+\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def _run(*command: str | Path) -> bytes:
    return subprocess.run(command, capture_output=True, check=True).stdout


@pytest.mark.skipif(
    b"OpenSSL 3" not in _run("openssl", "version") if shutil.which("openssl") else True,
    reason="the scripts need OpenSSL 3",
)
@pytest.mark.parametrize("summary", ["A letter went to the wrong practice", "Zoë zag 3 € – ✓"])
def test_the_scripts_for_other_languages_sign_what_the_ledger_takes(
    tmp_path: Path, summary: str
) -> None:
    """The scripts of the how-to make a key and an envelope that the ledger's own code accepts, also
    when a character takes more bytes than one."""
    scripts = dict(_SCRIPT.findall(HOW_TO.read_text(encoding="utf-8")))
    for name, text in scripts.items():
        changed = text.replace("A letter went to the wrong practice", summary)
        (tmp_path / name).write_text(changed, encoding="utf-8")
    key, event = tmp_path / "helpdesk.key", tmp_path / "event.json"
    public = base64.b64decode(_run("bash", tmp_path / "new-key.sh", key))
    raw = _run("bash", tmp_path / "sign.sh", key, "k-helpdesk-1", event)
    signed = envelope.parse(raw.removesuffix(b"\n"))
    (signature,) = signed.signatures
    assert signature.keyid == "k-helpdesk-1"
    assert signed.payload == event.read_bytes()
    envelope.check_signature(signed.payload, signature, Ed25519PublicKey.from_public_bytes(public))
    assert cloudevent.parse(signed.payload).system == "helpdesk"
    assert cloudevent.parse(signed.payload).raw["data"]["summary"] == summary


def test_the_scripts_for_other_languages_are_bash() -> None:
    """Each script of the how-to is read by bash without an error."""
    scripts = dict(_SCRIPT.findall(HOW_TO.read_text(encoding="utf-8")))
    assert scripts.keys() == {"new-key.sh", "event.json", "sign.sh", "send.sh"}
    for name in ("new-key.sh", "sign.sh", "send.sh"):
        subprocess.run(["bash", "-n", "-c", scripts[name]], check=True)


def test_every_form_rule_is_explained() -> None:
    """Each form rule that can be answered has a row in the reference, and no row is of another."""
    text = (DOCS / "reference" / "errors.md").read_text(encoding="utf-8")
    rows = dict(
        re.findall(r"^\| `([a-z-]+)` \| ([0-9]+) \|", text.partition("\n## Form rules\n")[2], re.M)
    )
    source = Path(form_rules.__file__).read_text(encoding="utf-8")
    raised = re.findall(r'(_conflict|_nothing)\([^()]*?"([a-z-]+)",', source)
    status = {"_conflict": "409", "_nothing": "422"}
    answered = {rule: status[how] for how, rule in raised}
    of_keys = Path(keyring.__file__).read_text(encoding="utf-8")
    for rule, conflict in re.findall(r'_misplaced\("([a-z-]+)",[^()]*conflict=(\w+)\)', of_keys):
        answered[rule] = "409" if conflict == "True" else "422"
    assert rows == answered
