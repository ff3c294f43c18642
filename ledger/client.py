"""A client for services: signs, sends, retries without ever doubling an event, keeps receipts.

    client = Client("https://ledger.example.nl", key, source="urn:nld:kvk:12345678:systeem:crm",
                    verifier=parse_vkey(pinned), receipts=Path("receipts"))
    client.append("ControllerRegistered", {"controller_id": "C1", "legal_name": "…"},
                  id="crm-4711", occurred_at=moment)

An event is named by its source and id, so sending it again after a lost answer gives the receipt of
the first time. A receipt is checked before it is trusted: signed by the pinned key of the log, and
about the very bytes that were sent. `tests/test_client.py` cuts the connection at every step.
"""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import httpx

from ledger import cloudevent, envelope, receipt, receipt_files, sealing
from ledger.envelope import Envelope
from ledger.errors import LedgerError
from ledger.keys import SigningKey
from ledger.log_keys import LogKeys
from ledger.note import Verifier
from ledger.receipt import Receipt
from ledger.refresh import Refreshed
from ledger.report import Pins
from ledger.sealing import SealingKey

BATCH = 500
"""Events in one request."""

AGAIN = frozenset({429, 500, 502, 503, 504})
"""Statuses after which the same request may succeed."""


class AppendRefused(LedgerError):
    """The ledger refused an event; sending it again is no use. `problem` is its problem document,
    `id` the id of the event."""

    code = "append-refused"

    def __init__(self, id: str, problem: Mapping[str, Any]) -> None:
        super().__init__(f"event {id}: {problem.get('title')}: {problem.get('detail')}")
        self.id = id
        self.problem = problem


class SealingRefused(LedgerError):
    """There is no key to seal with: `problem` is the problem document. 410: it was destroyed, and
    what is new belongs to another case."""

    code = "sealing-refused"

    def __init__(self, subject: str, problem: Mapping[str, Any]) -> None:
        super().__init__(f"{subject}: {problem.get('title')}: {problem.get('detail')}")
        self.problem = problem


class LedgerUnreachable(LedgerError):
    """The ledger did not answer in all attempts; the event may or may not be recorded, and sending
    it again later is safe."""

    code = "ledger-unreachable"


@dataclass(frozen=True, slots=True)
class Event:
    """An event to be appended: type by its name, id unique in this source."""

    type: str
    data: Mapping[str, Any]
    id: str
    occurred_at: datetime


class Client:
    """Appends the events of one service. Close it, or use it in a `with` block.

    `receipts` is a directory where each receipt is kept as `<id>.tlog-proof`, written before an
    append returns; None keeps none. `token` is one of the role service, for `refresh` and `seal`.
    `attempts` requests are made, with growing pauses.
    """

    def __init__(
        self,
        url: str,
        key: SigningKey,
        *,
        source: str,
        verifier: Verifier | LogKeys,
        receipts: Path | None = None,
        token: str | None = None,
        attempts: int = 8,
        timeout: float = 30.0,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._http = httpx.Client(base_url=url, timeout=timeout)
        self._key = key
        self._source = source
        self._verifier = verifier
        self._receipts = receipts
        self._token = token
        self._attempts = attempts
        self._clock = clock
        self._pause = pause

    def append(
        self,
        type: str,
        data: Mapping[str, Any],
        *,
        id: str,
        occurred_at: datetime,
    ) -> Receipt:
        """Append one event; its checked receipt. Raises AppendRefused, LedgerUnreachable and
        VerificationFailed."""
        (answer,) = self.append_all([Event(type, data, id, occurred_at)])
        if isinstance(answer, AppendRefused):
            raise answer
        return answer

    def append_all(self, events: Sequence[Event]) -> list[Receipt | AppendRefused]:
        """Append events in their order, in batches; an answer for each. Raises LedgerUnreachable
        and VerificationFailed."""
        answers: list[Receipt | AppendRefused] = []
        for start in range(0, len(events), BATCH):
            batch = events[start : start + BATCH]
            envelopes = [self._sign(event) for event in batch]
            answers += [
                self._accept(event.id, sent, answer, self._file_of(event.id))
                for event, sent, answer in zip(batch, envelopes, self._send(envelopes), strict=True)
            ]
        return answers

    def append_payload(self, payload: bytes, *, id: str, keep: Path) -> Receipt:
        """Append an event of this id whose payload was made before, byte for byte; its checked
        receipt, kept in a file. Raises as `append`."""
        sent = self._key.sign(payload)
        (said,) = self._send([sent])
        answer = self._accept(id, sent, said, keep)
        if isinstance(answer, AppendRefused):
            raise answer
        return answer

    def seal(self, subject: str, text: str) -> str:
        """The text, sealed with the key of a subject or case (`request:V-1`), for a field of an
        event; the ledger can forget it when it destroys that key.

        It takes a token of the role service. Each time gives another sealed text: keep it with the
        event until that has its receipt, or sending the event again is refused as another one of
        its id. Raises SealingRefused and LedgerUnreachable.
        """
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {self._token}"}
        body = json.dumps({"subject": subject}).encode()
        answer = self._post("/v1/sealing-keys", body, headers)
        if answer.status_code != 200:
            raise SealingRefused(subject, json.loads(answer.text or "{}"))
        jwk = answer.json()
        secret = base64.urlsafe_b64decode(jwk["k"] + "=")
        return sealing.seal(text, SealingKey(jwk["kid"], secret))

    def refresh(self, pins: Pins) -> dict[Path, Refreshed]:
        """Refresh the receipts that are kept, with what others have said since: by file, what each
        one is now.

        `pins` is what is trusted besides the log's key: a policy for witnesses, certificates of
        authorities. A receipt is replaced only by one that stands higher by them
        (`ledger/refresh.py`). Raises LogUnreadable and VerificationFailed at the first that fails;
        those before it stay refreshed.
        """
        ask = receipt_files.asking(self._http, self._token)
        files = () if self._receipts is None else sorted(self._receipts.glob("*.tlog-proof"))
        return {file: receipt_files.refresh_file(file, ask, self._verifier, pins) for file in files}

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _sign(self, event: Event) -> Envelope:
        # `time` is when it happened, not now: the same event must give the same bytes every time.
        return self._key.sign(
            cloudevent.format(
                id=event.id,
                source=self._source,
                type=event.type,
                time=event.occurred_at,
                occurred_at=event.occurred_at,
                data=event.data,
            )
        )

    def _send(self, envelopes: Sequence[Envelope]) -> list[dict[str, Any]]:
        answer = self._post(
            "/v1/events:batch",
            b"\n".join(envelope.format(e) for e in envelopes),
            {"Content-Type": "application/x-ndjson"},
            lambda answer: not any(a["status"] in AGAIN for a in answer.json()["answers"]),
        )
        if answer.status_code != 200:
            raise AppendRefused("of the batch", json.loads(answer.text or "{}"))
        answers: list[dict[str, Any]] = answer.json()["answers"]
        return answers

    def _post(
        self,
        path: str,
        body: bytes,
        headers: Mapping[str, str],
        is_whole: Callable[[httpx.Response], bool] = lambda _: True,
    ) -> httpx.Response:
        """The answer to a request that may be sent again: a whole one, or one that says no."""
        reason = ""
        for attempt in range(self._attempts):
            if attempt:
                self._pause(min(0.1 * 2**attempt, 10.0))
            try:
                answer = self._http.post(path, content=body, headers=headers)
            except httpx.TransportError as error:
                reason = type(error).__name__
                continue
            if answer.status_code not in AGAIN and (answer.status_code != 200 or is_whole(answer)):
                return answer
            reason = f"status {answer.status_code}{_told(answer)}"
        raise LedgerUnreachable(f"no answer after {self._attempts} attempts: {reason}")

    def _accept(
        self, id: str, sent: Envelope, answer: Mapping[str, Any], keep: Path | None
    ) -> Receipt | AppendRefused:
        if "receipt" not in answer:
            return AppendRefused(id, answer.get("problem", {}))
        text = answer["receipt"]["receipt"]
        checked = receipt.check(text, self._verifier)
        checked.matches(sent)
        if keep is not None:
            receipt_files.write(keep, text)
        return checked

    def _file_of(self, id: str) -> Path | None:
        if self._receipts is None:
            return None
        return self._receipts / f"{quote(id, safe='')}.tlog-proof"


def _told(answer: httpx.Response) -> str:
    """What a problem document says, after a colon; nothing when it is none: a proxy answered."""
    try:
        return f": {answer.json()['detail'][:500]}"
    except (ValueError, TypeError, KeyError):
        return ""
