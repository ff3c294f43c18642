"""The file that names the identity provider: what is wrong with it is said, with file and field."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from api.sign_in.settings import load
from ledger.errors import ConfigurationError

ISSUER = 'issuer = "https://login.example/realms/zorg"\nclient_id = "verantwoord"\n'


def written(directory: Path, text: str) -> Path:
    """The file, and beside it a key of each kind and a secret."""
    for name, more in (
        ("ec", "EC -pkeyopt ec_paramgen_curve:P-256"),
        ("rsa", "RSA -pkeyopt rsa_keygen_bits:2048"),
        ("other", "EC -pkeyopt ec_paramgen_curve:P-384"),
    ):
        command = f"openssl genpkey -algorithm {more} -out {directory / name}.key"
        subprocess.run(command.split(), check=True, capture_output=True)
    (directory / "secret").write_text("hush\n")
    (directory / "empty").write_text("\n")
    for file in directory.iterdir():
        file.chmod(0o600)
    (directory / "public").write_text("seen by all")
    (directory / "public").chmod(0o644)
    file = directory / "provider"
    file.write_text(text)
    return file


def test_a_provider_is_read(tmp_path: Path) -> None:
    """With a key of either kind, or a secret; and the levels of assurance that are asked for."""
    acr = 'acr = ["http://eidas.europa.eu/LoA/high"]\n'
    found = load(written(tmp_path, ISSUER + acr + 'key = "ec.key"'))
    assert (found.issuer, found.client_id) == ("https://login.example/realms/zorg", "verantwoord")
    assert (found.algorithm, found.acr) == ("ES256", ("http://eidas.europa.eu/LoA/high",))
    assert found.key is not None
    assert found.key.kid
    assert load(written(tmp_path, ISSUER + 'key = "rsa.key"')).algorithm == "PS256"
    assert load(written(tmp_path, ISSUER + 'secret = "secret"')).secret == "hush"  # noqa: S105


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("issuer = ", "not TOML"),
        (ISSUER, "one of key and secret"),
        (ISSUER + 'key = "ec.key"\nsecret = "secret"', "one of key and secret"),
        (ISSUER + 'key = "other.key"', "P-256"),
        (ISSUER + 'key = "secret"', "no private RSA"),
        (ISSUER + 'key = "none.key"', "cannot read"),
        (ISSUER + 'secret = "public"', "chmod 600"),
        (ISSUER + 'secret = "empty"', "empty"),
        (ISSUER + 'key = "ec.key"\nscope = "openid"', "scope is none of"),
        (ISSUER + 'key = "ec.key"\nacr = "high"', "acr is a list"),
        ('issuer = "https://login.example"\nkey = "ec.key"', "client_id is needed"),
        ('issuer = 7\nclient_id = "x"\nkey = "ec.key"', "issuer is needed"),
        ('issuer = "http://login.example"\nclient_id = "x"\nkey = "ec.key"', "issuer is an https"),
        ('issuer = "https://"\nclient_id = "x"\nkey = "ec.key"', "issuer is an https"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, text: str, told: str) -> None:
    """And no secret is."""
    file = written(tmp_path, text)
    with pytest.raises(ConfigurationError, match=told) as caught:
        load(file)
    assert str(file) in str(caught.value)
    assert "hush" not in str(caught.value)
