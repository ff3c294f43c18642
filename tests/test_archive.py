"""Archives: the same bytes for the same files, and nothing hostile is read."""

from __future__ import annotations

import hashlib
import io
import struct
import time
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger import archive
from ledger.archive import Archive, Writer, open_archive
from ledger.errors import ArchiveMalformed


def made(files: Mapping[str, bytes]) -> bytes:
    """An archive of some files."""
    out = io.BytesIO()
    with Writer(out) as writer:
        for name, content in files.items():
            writer.add(name, content)
    return out.getvalue()


def opened(raw: bytes) -> Archive:
    """The archive in some bytes."""
    try:
        return Archive(zipfile.ZipFile(io.BytesIO(raw)))
    except zipfile.BadZipFile:
        raise ArchiveMalformed("no ZIP") from None


def test_what_is_written_is_read_again() -> None:
    """In its order, whole and in lines, with what was filed about it."""
    out = io.BytesIO()
    with Writer(out) as writer:
        writer.add("b/x.txt", b"one\ntwo\n")
        filed = writer.add("a.bin", (bytes([n]) * 1000 for n in range(200)))
    content = b"".join(bytes([n]) * 1000 for n in range(200))
    assert (filed.bytes, filed.sha256) == (200_000, hashlib.sha256(content).hexdigest())
    found = opened(out.getvalue())
    assert found.names == ["b/x.txt", "a.bin"]
    assert found.read("a.bin", 200_000) == content
    assert [*found.lines("b/x.txt", 10)] == [b"one\n", b"two\n"]
    assert found.length("b/x.txt") == 8
    with pytest.raises(FileNotFoundError):
        found.read("c", 1)
    with pytest.raises(ArchiveMalformed, match="more than 9"):
        found.read("a.bin", 9)
    with pytest.raises(ArchiveMalformed, match="a line of"):
        list(found.lines("b/x.txt", 3))


def test_the_same_files_are_the_same_bytes_whenever(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of the moment or the machine is in them, however the content comes."""
    first = made({"a": b"1" * 100_000})
    monkeypatch.setattr(time, "time", lambda: 2_000_000_000.0)
    assert made({"a": b"1" * 100_000}) == first
    out = io.BytesIO()
    with Writer(out) as writer:
        writer.add("a", (b"1" * 1000 for _ in range(100)))
    assert out.getvalue() == first


@pytest.mark.parametrize(
    "name",
    ["", "/a", "../a", "a/../b", "a//b", ".a", "a/.b", "a\\b", "C:a", "a b", "é", "a/", "a" * 300],
)
def test_a_name_that_leads_elsewhere_is_neither_written_nor_read(name: str) -> None:
    """No other program would unpack it somewhere else either."""
    with pytest.raises(ValueError, match="not a name"), Writer(io.BytesIO()) as writer:
        writer.add(name, b"")
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as zip_:
        zip_.writestr(zipfile.ZipInfo(name or "/"), b"x")
    with pytest.raises(ArchiveMalformed):
        opened(out.getvalue())


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("second", ["a", "A"])
def test_a_name_comes_once(second: str) -> None:
    """Whatever the letters' case: some systems take them for one."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as zip_:
        zip_.writestr("a", b"1")
        zip_.writestr(second, b"2")
    with pytest.raises(ArchiveMalformed, match="twice"):
        opened(out.getvalue())


def test_other_ways_of_packing_are_refused() -> None:
    """Those that take more memory than the content, and what is encrypted."""
    for method in (zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", method) as zip_:
            zip_.writestr("a", b"1")
        with pytest.raises(ArchiveMalformed, match="another way"):
            opened(out.getvalue())
    raw = bytearray(made({"a": b"1"}))
    at = raw.index(b"PK\x01\x02")
    raw[at + 8] |= 1
    with pytest.raises(ArchiveMalformed, match="encrypted"):
        opened(bytes(raw))


@pytest.mark.parametrize("claimed", [10, 5_000_000])
def test_no_more_is_unpacked_than_was_announced(claimed: int) -> None:
    """A file that says it is shorter, or longer, than it is."""
    raw = bytearray(made({"a": bytes(1_000_000)}))
    at = raw.index(b"PK\x01\x02")
    raw[at + 24 : at + 28] = struct.pack("<I", claimed)
    found = opened(bytes(raw))
    assert found.length("a") == claimed
    with pytest.raises(ArchiveMalformed):
        found.read("a", 10_000_000)


def cuts(raw: bytes) -> Iterator[bytes]:
    """An archive, cut or damaged in many places."""
    for at in range(0, len(raw), 7):
        yield raw[:at]
        yield raw[:at] + bytes([raw[at] ^ 0xFF]) + raw[at + 1 :]


def test_a_damaged_file_is_said_to_be_damaged(tmp_path: Path) -> None:
    """Never another error, and never another content under a name."""
    content = bytes(range(256)) * 4
    for number, raw in enumerate(cuts(made({"a": content, "b": b"x"}))):
        file = tmp_path / f"{number}.zip"
        file.write_bytes(raw)
        try:
            with open_archive(file) as found:
                for name in found.names:
                    assert found.read(name, 10_000) in (content, b"x")
        except ArchiveMalformed:
            pass
        file.unlink()


@given(st.binary(max_size=300))
def test_noise_is_no_archive(noise: bytes) -> None:
    """And nothing else is raised."""
    with pytest.raises(ArchiveMalformed):
        opened(archive.BEGINNING + noise)
