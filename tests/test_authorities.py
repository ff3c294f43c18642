"""The file of authorities: what it may say, and that mistakes are named with file and line."""

from __future__ import annotations

from pathlib import Path

import pytest

from ledger import authorities
from ledger.errors import ConfigurationError
from tests.authority import Authority, needs_openssl


@needs_openssl
def test_a_file_names_authorities(tmp_path: Path) -> None:
    """Their names, addresses and certificates; empty lines and comments between them."""
    made = Authority(tmp_path)
    file = tmp_path / "authorities"
    file.write_text(
        "# whom we ask\n\n"
        "authority tsa1 https://tsa1.example/tsr roots.pem\n"
        f"authority\ttsa2.example/b  http://[::1]:8318 {made.roots}  \n"
    )
    first, second = authorities.load(file)
    assert (first.name, first.url) == ("tsa1", "https://tsa1.example/tsr")
    assert (second.name, second.url) == ("tsa2.example/b", "http://[::1]:8318")
    assert first.certificates == second.certificates == (made.root,)


@needs_openssl
@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "names 0 authorities"),
        ("tsa1 https://a.example roots.pem\n", "line 1: the line is"),
        ("authority tsa1 https://a.example\n", "line 1: the line is"),
        ("authority tsa1 https://a.example roots.pem more\n", "line 1: the line is"),
        ("\nauthority a+b https://a.example roots.pem\n", "line 2: a name has"),
        ("authority a ftp://a.example roots.pem\n", "http or https"),
        ("authority a https:///tsr roots.pem\n", "http or https"),
        ("authority a https://a.example:99999 roots.pem\n", "http or https"),
        ("authority a https://[::1 roots.pem\n", "http or https"),
        ("authority a https://a.example missing.pem\n", "missing.pem: No such file"),
        ("authority a https://a.example authorities\n", "holds no certificates"),
        ("authority a https://a.example signer.pem\n", "self-signed"),
        ("authority a http://a.example roots.pem\n" * 2, "line 2: a is there already"),
        (
            "".join(f"authority a{n} http://a.example roots.pem\n" for n in range(9)),
            "names 9 authorities",
        ),
    ],
)
def test_mistakes_are_named(tmp_path: Path, text: str, words: str) -> None:
    """With the file, the line and the rule."""
    Authority(tmp_path)
    file = tmp_path / "authorities"
    file.write_text(text)
    with pytest.raises(ConfigurationError) as caught:
        authorities.load(file)
    assert words in str(caught.value)
    assert str(file) in str(caught.value)


def test_a_file_in_another_encoding_is_refused(tmp_path: Path) -> None:
    """Not with a trace."""
    file = tmp_path / "authorities"
    file.write_bytes(b"authority \xff")
    with pytest.raises(ConfigurationError, match="UTF-8"):
        authorities.load(file)
