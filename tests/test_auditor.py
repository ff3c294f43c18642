"""The auditor's program: what it is told to trust, it trusts; what it is not told, it says."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, x25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from api.cli import load
from ledger import auditor
from ledger.errors import ConfigurationError
from tests.attesting import policy_text, write_files
from tests.authority import Authority, needs_openssl
from tests.log_builder import LogBuilder, busy_log, private_key, public_bytes

pytestmark = needs_openssl

LOG = busy_log(20)
Files = Mapping[str, Path]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    """What a holder has: an attested receipt and export, and what the holder trusts."""
    directory = tmp_path_factory.mktemp("holder")
    authority = Authority(tmp_path_factory.mktemp("authority"))
    made = write_files(directory, LOG, ["X1", "X3"], authority)
    return {**made, **{name: key_file(directory, name) for name in ("k-help", "k-crm")}}


def key_file(directory: Path, name: str) -> Path:
    """The public key of a name, as the event that enrols it has it."""
    file = directory / f"{name}.pub"
    file.write_bytes(base64.b64encode(public_bytes(name)) + b"\n")
    return file


def run(capsys: pytest.CaptureFixture[str], *arguments: object, status: int = 0) -> tuple[str, str]:
    """Run the program in this process; what it wrote on stdout and stderr."""
    with pytest.raises(SystemExit) as ended:
        auditor.main([str(argument) for argument in arguments])
    told = capsys.readouterr()
    assert (ended.value.code or 0) == status, told
    return told.out, told.err


def document(capsys: pytest.CaptureFixture[str], *arguments: object, status: int = 0) -> Any:
    """The answer for machines."""
    return json.loads(run(capsys, *arguments, "--format", "json", status=status)[0])


def test_the_program_runs_by_itself(files: Files) -> None:
    """As a process, with a text that says the verdict first."""
    program = "from ledger.auditor import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", program, files["receipt"], "--vkey", files["vkey"]],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.startswith("included, signed not decided: entry 7 of")
    assert done.stderr == ""


@pytest.mark.parametrize("way", ["| head -c 1", "> /dev/full", "with latin-1"])
def test_a_reader_of_the_answer_may_be_in_a_hurry(files: Files, way: str) -> None:
    """A pipe that ends early, a disk that is full, a terminal of another alphabet: no trace of
    Python."""
    program = f"{sys.executable} -c 'from ledger.auditor import main; main()'"
    shown = "" if way == "with latin-1" else way
    done = subprocess.run(
        ["sh", "-c", f"{program} {files['receipt']} --vkey {files['vkey']} {shown}"],
        capture_output=True,
        check=False,
        cwd=Path(__file__).parents[1],
        env={"PYTHONIOENCODING": "latin-1"} if way == "with latin-1" else {},
    )
    assert b"Traceback" not in done.stderr
    assert (b"error" in done.stderr) == ("full" in way)


@pytest.mark.parametrize("what", ["receipt", "log"])
def test_everything_given_leads_to_the_top(
    capsys: pytest.CaptureFixture[str], files: Files, what: str
) -> None:
    """For a receipt and for a log."""
    more = ["--producer-key", files["k-help"]] if what == "receipt" else []
    found = document(
        capsys, files[what], "--policy", files["policy-with-log"], "--tsa", files["tsa"], *more
    )
    assert found["verdict"] == "timestamped"
    assert [rung["state"] for rung in found["rungs"]] == ["reached"] * 4
    assert any("pinned" in sentence for sentence in found["rests_on"])


def test_a_rung_can_be_required(capsys: pytest.CaptureFixture[str], files: Files) -> None:
    """Each by itself; what is missing is named, and the report is given all the same."""
    given = (files["receipt"], "--vkey", files["vkey"], "--tsa", files["tsa"])
    run(capsys, *given, "--require", "included", "--require", "timestamped")
    out, err = run(capsys, *given, "--require", "witnessed", "--require", "signed", status=1)
    assert out.startswith("included")
    assert err == "not reached: witnessed, signed\n"
    found = document(capsys, *given, "--require", "signed", status=1)
    assert found["missing"] == ["signed"]
    run(capsys, *given, "--require", "true", status=2)


def test_a_policy_that_names_the_log_pins_its_key(
    capsys: pytest.CaptureFixture[str], files: Files, tmp_path: Path
) -> None:
    """No other key is needed then, and a log that it does not name is refused."""
    found = document(capsys, files["receipt"], "--policy", files["policy-with-log"])
    assert any("pinned by you" in sentence for sentence in found["rests_on"])
    other = tmp_path / "policy"
    other.write_text(policy_text(["X1"], 1, LogBuilder("other.example").signer.verifier))
    _, err = run(capsys, files["receipt"], "--policy", other, status=1)
    assert "accepts no log of the name log.example/verantwoord" in err
    _, err = run(capsys, files["receipt"], "--policy", other, "--vkey", files["vkey"], status=1)
    assert "accepts" in err
    _, err = run(capsys, files["receipt"], "--policy", files["policy"], status=2)
    assert "--vkey" in err, "a policy without logs pins nothing"


def test_a_wrong_producer_fails(capsys: pytest.CaptureFixture[str], files: Files) -> None:
    """The event was signed by another; in both forms of the answer."""
    given = (files["receipt"], "--vkey", files["vkey"], "--producer-key", files["k-crm"])
    out, err = run(capsys, *given, status=1)
    assert (out, err) == ("", "failed: none of the given keys signed the event\n")
    assert document(capsys, *given, status=1)["verdict"] == "failed"


def test_the_administrator_can_be_pinned(
    capsys: pytest.CaptureFixture[str], files: Files, tmp_path: Path
) -> None:
    """For a log: the key that enrols all others is the given one, or it fails."""
    right = key_file(tmp_path, "administrator")
    found = document(capsys, files["log"], "--administrator-key", right)
    assert sum("pinned by the caller" in sentence for sentence in found["rests_on"]) == 1
    found = document(capsys, files["log"], "--administrator-key", files["k-crm"], status=1)
    assert (found["check"], found["index"]) == (6, 0)


def test_a_kept_receipt_must_be_of_the_same_log(
    capsys: pytest.CaptureFixture[str], files: Files, tmp_path: Path
) -> None:
    """Receipts and checkpoints alike; of a forked log, the check that found it is named."""
    kept = tmp_path / "kept.tlog-proof"
    kept.write_text(LOG.receipt(3, 9))
    found = document(capsys, files["log"], "--kept", kept, "--kept", files["receipt"])
    assert any("sizes 9, 20" in sentence for sentence in found["rests_on"])
    forked = busy_log(10)
    forked.leaves[5] = forked.leaves[5].replace(b'\\"number\\": 5', b'\\"number\\": 6')
    kept.write_text(forked.receipt(3, 9))
    found = document(capsys, files["log"], "--kept", kept, status=1)
    assert found["check"] == 8


@pytest.mark.parametrize("encoding", ["base64", "pem"])
def test_public_keys_are_read_in_both_forms(tmp_path: Path, encoding: str) -> None:
    """As the enrolment has them, and as openssl writes them."""
    key = private_key("k-crm").public_key()
    file = tmp_path / "key"
    if encoding == "pem":
        file.write_bytes(key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    else:
        file.write_bytes(base64.b64encode(key.public_bytes_raw()))
    assert auditor.public_key(file) == key.public_bytes_raw()


def test_other_files_are_no_public_keys(tmp_path: Path) -> None:
    """Another algorithm, another length, no key at all."""
    pem, spki = Encoding.PEM, PublicFormat.SubjectPublicKeyInfo
    curve = ec.generate_private_key(ec.SECP256R1()).public_key().public_bytes(pem, spki)
    x = x25519.X25519PrivateKey.generate().public_key().public_bytes(pem, spki)
    for content in (b"", b"AAAA", b"%%%", b"-----BEGIN PUBLIC KEY-----\n", curve, x):
        file = tmp_path / "key"
        file.write_bytes(content)
        with pytest.raises(ConfigurationError, match="no Ed25519 public key"):
            auditor.public_key(file)


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["missing"], 2, "missing: No such file"),
        (["{receipt}"], 2, "--vkey FILE"),
        (["{receipt}", "--vkey", "{tsa}"], 1, "failed"),
        (["{receipt}", "--vkey", "{vkey}", "--policy", "{vkey}"], 2, "line 1"),
        (["{receipt}", "--vkey", "{vkey}", "--tsa", "{vkey}"], 2, "no certificates"),
        (["{receipt}", "--vkey", "{vkey}", "--producer-key", "{tsa}"], 2, "no Ed25519"),
        (["{vkey}", "--vkey", "{vkey}"], 1, "a proof begins with"),
        (["{tsa}", "--vkey", "{vkey}"], 1, "a proof begins with"),
        (["{log}", "--kept", "{vkey}"], 1, "check 8"),
        (["{log}", "--vke", "{vkey}"], 2, "unrecognized"),
        (["http://"], 2, "error"),
        ([], 2, "required"),
    ],
)
def test_mistakes_end_with_a_sentence(
    capsys: pytest.CaptureFixture[str],
    files: Files,
    arguments: list[str],
    status: int,
    words: str,
) -> None:
    """That names the file and the rule, with the status that fits, and no trace of Python."""
    given = [argument.format(**files) for argument in arguments]
    out, err = run(capsys, *given, status=status)
    assert out == ""
    assert words in err
    assert "Traceback" not in err


def test_both_programs_take_the_same_options() -> None:
    """`verantwoord verify` and `verantwoord-verify`, with the same words of help."""
    verify = load("verify")
    full = {p.name: getattr(p, "help", None) for p in verify.params if p.name != "help"}
    alone = {a.dest: a.help for a in auditor._parser()._actions if a.dest != "help"}
    assert full == alone == dict(auditor.HELP)
