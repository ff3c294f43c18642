"""Archives: the same bytes for the same files, and nothing hostile is read."""

from __future__ import annotations

import hashlib
import io
import os
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
    return Archive(io.BytesIO(raw))


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
    raw[35:43] = struct.pack("<Q", claimed)
    found = opened(bytes(raw))
    assert found.length("a") == claimed
    with pytest.raises(ArchiveMalformed):
        found.read("a", 10_000_000)


def test_no_byte_is_another() -> None:
    """Of the archive, whatever it is for: a name, a date, rights, where something lies. The bits in
    which deflate may say the same in another way are the only ones, and the content is the same."""
    content = {"a/b.txt": b"x" * 50 + bytes(range(256)), "c": b""}
    raw = made(content)
    for at in range(len(raw)):
        for bit in range(8):
            changed = bytearray(raw)
            changed[at] ^= 1 << bit
            try:
                found = opened(bytes(changed))
                assert {name: found.read(name, 1000) for name in found.names} == content
            except ArchiveMalformed:
                continue
            assert b"PK" not in raw[at : at + 2], (at, bit)


def test_there_is_nothing_beside_the_files() -> None:
    """Before, between or behind them, where another program might find one; nothing is said of a
    file that another program might heed; nor is the directory in another order."""
    raw = made({"a": b"1", "b": b"2"})
    hidden = made({"secret": b"3"})
    hidden = hidden[: hidden.index(b"PK\x01\x02")]
    second, directory = raw.index(archive.BEGINNING, 1), raw.index(b"PK\x01\x02")
    for at in (0, second, directory):
        found = io.BytesIO(raw[:at] + hidden + raw[at:])
        with pytest.raises(ArchiveMalformed):
            Archive(found)
    grown = bytearray(raw[:directory] + hidden + raw[directory:])  # and its place told rightly
    end = grown.index(b"PK\x05\x06")
    grown[end + 16 : end + 20] = struct.pack("<I", directory + len(hidden))
    with pytest.raises(ArchiveMalformed, match="beside its files"):
        opened(bytes(grown))
    with pytest.raises(ArchiveMalformed):
        opened(raw + b"more")
    said = bytearray(raw[: directory + 47] + b"up\x01\x00x" + raw[directory + 47 :])
    said[directory + 30 : directory + 32] = struct.pack("<H", 5)
    said[-10:-6] = struct.pack("<I", len(raw) - 22 - directory + 5)
    with pytest.raises(ArchiveMalformed, match="described in another way"):
        opened(bytes(said))
    one = (len(raw) - 22 - directory) // 2
    assert raw[directory + one :].startswith(b"PK\x01\x02")
    turned = raw[directory + one : -22] + raw[directory : directory + one] + raw[-22:]
    with pytest.raises(ArchiveMalformed, match="described in another way"):
        opened(raw[:directory] + turned)


def test_what_another_program_packed_is_refused() -> None:
    """Though its files be the same: dates, rights and links would be its own."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as zip_:
        zip_.writestr("a", b"1")
    with pytest.raises(ArchiveMalformed, match="packed again"):
        opened(out.getvalue())


@pytest.mark.long
def test_a_file_of_more_than_4_gib_is_read(tmp_path: Path) -> None:
    """And what lies behind it: its place is told in another field."""
    file = tmp_path / "large.zip"
    with file.open("wb") as out, Writer(out) as writer:
        writer.add("noise", (os.urandom(1 << 20) for _ in range(2100)))
        writer.add("large", (bytes(1 << 20) for _ in range(4097)))
        writer.add("small", b"1")
    with open_archive(file) as found:
        assert found.length("large") == 4097 << 20
        assert sum(map(len, found.pieces("large"))) == 4097 << 20
        assert found.read("small", 1) == b"1"


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
