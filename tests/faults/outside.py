"""Witnesses and time-stamping authorities that hang, trickle, send without end, or lie.

Appends go on as if there were none; how each one stands is told; nothing they say falsely is kept.
"""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ledger import add_checkpoint, checkpoint, note
from ledger.checkpoint import Checkpoint
from ledger.cosignature import CosignatureSigner
from tests import authority
from tests.authority import Authority
from tests.faults.fault import Fault, Outcome, Says
from tests.faults.scene import Scene, until
from tests.witnessing import raw, served, serving_witness

KIND = "outside parties"

Lie = Callable[[CosignatureSigner, add_checkpoint.Request], Response]


def another_root(signer: CosignatureSigner, asked: add_checkpoint.Request) -> Response:
    """Its own signature over a tree of this size with other entries."""
    real = checkpoint.parse(note.split(asked.checkpoint)[0])
    text = checkpoint.format(Checkpoint(real.origin, real.size, bytes(32)))
    return Response(signer.cosign(text, int(time.time())))


def older(signer: CosignatureSigner, asked: add_checkpoint.Request) -> Response:
    """Its own signature over an older tree."""
    real = checkpoint.parse(note.split(asked.checkpoint)[0])
    text = checkpoint.format(Checkpoint(real.origin, real.size - 1, real.root))
    return Response(signer.cosign(text, int(time.time())))


def another_key(signer: CosignatureSigner, asked: add_checkpoint.Request) -> Response:
    """The signature of another key under its name."""
    forged = CosignatureSigner(signer.name, Ed25519PrivateKey.generate())
    return Response(forged.cosign(note.split(asked.checkpoint)[0], int(time.time())))


def tomorrow(signer: CosignatureSigner, asked: add_checkpoint.Request) -> Response:
    """Its own signature over this tree, of tomorrow."""
    return Response(signer.cosign(note.split(asked.checkpoint)[0], int(time.time()) + 86_400))


def larger(signer: CosignatureSigner, asked: add_checkpoint.Request) -> Response:
    """It says that it holds more than there is."""
    return Response("1000000000\n", 409, media_type=add_checkpoint.SIZE_TYPE)


def trickling(connection: socket.socket) -> None:
    """A byte now and then, for longer than anybody waits."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
    for _ in range(200):
        connection.sendall(b"x")
        time.sleep(0.2)


def endless(connection: socket.socket) -> None:
    """An answer without end."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
    for _ in range(1000):
        connection.sendall(bytes(65_536))


LIES: dict[str, tuple[Lie, str]] = {
    "another-root": (another_root, "no cosignature of this checkpoint"),
    "older": (older, "no cosignature of this checkpoint"),
    "another-key": (another_key, "no cosignature of this checkpoint"),
    "garbage": (lambda *_: Response(b"\xff\x00<html>"), "not UTF-8"),
    "tomorrow": (tomorrow, "is dated .* seconds from our clock"),
    "larger": (larger, "it says that it holds 1000000000 entries"),
    "refuses": (lambda *_: Response("no", 403), "it answered 403: no"),
}
"""What a witness answers that lies, and what is told of it."""

SILENT: dict[str, tuple[Callable[[socket.socket], None], str]] = {
    "hangs": (lambda _: time.sleep(30), "Timeout|no answer within"),
    "trickles": (trickling, "takes more than|no answer within"),
    "endless": (endless, "its answer has more than"),
    "no-http": (lambda connection: connection.sendall(b"SMTP ready\r\n\r\n"), "Protocol"),
}


@contextmanager
def lying(signer: CosignatureSigner, lie: Lie) -> Iterator[str]:
    """A witness that always answers like this."""

    async def add(request: Request) -> Response:
        return lie(signer, add_checkpoint.parse(await request.body()))

    with served(Starlette(routes=[Route("/add-checkpoint", add, methods=["POST"])])) as url:
        yield url


@contextmanager
def witnesses(
    scene: Scene, bad: dict[str, Callable[[CosignatureSigner], object]], quorum: str
) -> Iterator[None]:
    """The service asks an honest witness and bad ones, under a policy with this quorum."""
    with ExitStack() as stack:
        keys = [scene.made.verifier]
        honest, url = stack.enter_context(serving_witness(scene.data / "witness", keys))
        lines = [f"witness honest {honest.signers[0].verifier.vkey} {url}"]
        for name, put_up in bad.items():
            signer = CosignatureSigner(f"{name}.example", Ed25519PrivateKey.generate())
            address = stack.enter_context(put_up(signer))  # type: ignore[arg-type]
            lines.append(f"witness {name} {signer.verifier.vkey} {address}")
        lines += [f"group everybody all honest {' '.join(bad)}", f"quorum {quorum}"]
        (scene.data / "policy").write_text("\n".join(lines) + "\n")
        scene.service.options = ("--publish-interval", "0.2")
        yield
        scene.end()


@contextmanager
def liars(scene: Scene) -> Iterator[None]:
    """All that lie, and without them there is no quorum."""
    bad = {name: lambda signer, lie=lie: lying(signer, lie) for name, (lie, _) in LIES.items()}
    with witnesses(scene, bad, "everybody"):
        yield


@contextmanager
def silent(scene: Scene) -> Iterator[None]:
    """All that do not come to an answer; the honest one is enough."""
    bad = {name: lambda _, send=send: raw(send) for name, (send, _) in SILENT.items()}
    with witnesses(scene, bad, "honest"):
        yield


def _troubles(scene: Scene) -> dict[str, str]:
    answer = scene.get("/v1/witnesses").json()
    return {w["name"]: w["trouble"]["detail"] for w in answer["witnesses"] if w["trouble"]}


def told(scene: Scene, count: int) -> None:
    """Wait until it is told of so many witnesses that they fail, while appends are answered."""
    until(lambda: len(_troubles(scene)) >= count, f"{count} witnesses fail: {_troubles(scene)}")
    scene.answered()
    scene.told["/v1/witnesses"] = "\n".join(
        f"{name}: {detail}" for name, detail in _troubles(scene).items()
    )
    with scene.connect() as conn:
        kept = [vkey for (vkey,) in conn.execute("SELECT vkey FROM witness_keys")]
    assert len(kept) == 1, f"cosignatures are kept of {kept}"


def lied_to(scene: Scene, number: int) -> None:
    """What liars say is not kept, and nothing is published under it."""
    told(scene, len(LIES))
    assert scene.get("/v1/witnesses").json()["published"] is None


def kept_waiting(scene: Scene, number: int) -> None:
    """Those that are silent hold up neither appends nor what is published."""

    def published() -> int:
        return scene.get("/v1/witnesses").json()["published"] or 0

    told(scene, len(SILENT))
    before = published()
    until(lambda: published() > before > 0, "the next checkpoint is published")


STAMPS: dict[str, tuple[Callable[[Authority], authority.Behaviour], str]] = {
    "hangs": (lambda of: lambda query: [time.sleep(30), b""][1], "took longer than"),
    "trickles": (lambda of: authority.dripping, "took longer than"),
    "endless": (lambda of: authority.endless, "is larger than"),
    "garbage": (lambda of: lambda query: b"<html>busy</html>", "not an answer"),
    "another": (lambda of: lambda query: of.stamp(b"another message"), "nonce"),
    "2020": (authority.forged, "one is wrong"),
}
"""What an authority answers, and what is told of it."""


@contextmanager
def authorities(scene: Scene) -> Iterator[None]:
    """The service asks an honest authority and bad ones."""
    with ExitStack() as stack:
        lines = []
        for name, behaviour in {**{n: b for n, (b, _) in STAMPS.items()}, "honest": None}.items():
            made = Authority(scene.data / f"tsa-{name}")
            answer = behaviour(made) if behaviour else made.answer
            url = stack.enter_context(authority.serving(answer))
            lines.append(f"authority {name} {url} tsa-{name}/roots.pem")
        (scene.data / "authorities").write_text("\n".join(lines) + "\n")
        yield
        scene.end()


def stamped(scene: Scene, number: int) -> None:
    """Wait until every bad one failed and the honest one stamped, while appends are answered."""

    def standing() -> dict[str, str]:
        answer = scene.get("/v1/timestamps").json()
        return {a["name"]: a["failing"]["reason"] for a in answer["authorities"] if a["failing"]}

    def honest() -> bool:
        (found,) = (
            a for a in scene.get("/v1/timestamps").json()["authorities"] if a["name"] == "honest"
        )
        return found["last"] is not None

    until(lambda: len(standing()) == len(STAMPS) and honest(), "all were asked", 120)
    scene.answered()
    scene.told["/v1/timestamps"] = "\n".join(f"{name}: {why}" for name, why in standing().items())
    with scene.connect() as conn:
        kept = {name for (name,) in conn.execute("SELECT DISTINCT authority FROM timestamps")}
    assert kept == {"honest"}, json.dumps(sorted(kept))


FAULTS: Sequence[Fault] = (
    Fault(
        "witnesses-lie",
        KIND,
        "Witnesses cosign another root, an older size, with another key, a day late; say that they"
        " hold more than there is; send garbage; refuse",
        Outcome.GOES_ON,
        lied_to,
        [Says("/v1/witnesses", f"{name}: .*{words}") for name, (_, words) in LIES.items()],
        around=liars,
    ),
    Fault(
        "witnesses-silent",
        KIND,
        "Witnesses accept and never answer, send a byte now and then, send without end, speak no"
        " HTTP",
        Outcome.GOES_ON,
        kept_waiting,
        [Says("/v1/witnesses", f"{name}: .*({words})") for name, (_, words) in SILENT.items()],
        around=silent,
    ),
    Fault(
        "authorities-bad",
        KIND,
        "Time-stamping authorities hang, trickle, send without end or garbage, stamp another"
        " message or another year",
        Outcome.GOES_ON,
        stamped,
        [Says("/v1/timestamps", f"{name}: .*{words}") for name, (_, words) in STAMPS.items()],
        needs=("openssl",),
        around=authorities,
    ),
)
