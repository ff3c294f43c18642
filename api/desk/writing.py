"""What every form has with which a person has something recorded: who that is, and why not.

A token records nothing in this way: it shows a program. `tests/test_declarations.py`,
`tests/test_requests.py`.
"""

from __future__ import annotations

from typing import Annotated, Any, cast
from urllib.parse import parse_qs

from fastapi import Depends, HTTPException, Request

from api import problems
from api.access import Credentials
from api.body import body_up_to
from api.desk.shown import Shown
from api.pages.page import language_of
from api.state import ledger_of
from ledger.errors import PersonalDataInClear, Refused
from ledger.granted_access import Access
from ledger.roles import Role
from projections.register import Label

FORM_LIMIT = 32 * 1024
"""Bytes of a form."""

MOST_FIELDS = 200

Body = Annotated[bytes, Depends(body_up_to(FORM_LIMIT))]

PERSONAL = Label(
    "Hierin staat wat op een BSN, e-mailadres of telefoonnummer lijkt. Laat dat weg: wat hier"
    " staat, kan nooit meer worden gewist.",
    "This holds what looks like a BSN, an e-mail address or a telephone number. Leave that out:"
    " what is written here can never be erased.",
)

NOTHING = Label(
    "Dit grootboek legt zelf niets vast: het is een demonstratie, of er wordt alleen gelezen.",
    "This ledger records nothing by itself: it is a demonstration, or it only reads.",
)


class Written(Shown):
    """What a form declares with which a person has something recorded: as `Shown`, and 403 for a
    token."""

    async def __call__(self, request: Request, credentials: Credentials) -> None:
        """Let a person pass."""
        await super().__call__(request, credentials)
        if getattr(request.state, "access", None) is None:
            raise HTTPException(403, "A person who signed in does this; a token shows a program.")


def writes(roles: frozenset[Role], name: str | None = None) -> Any:
    """The dependency of such a form, for some roles, under the name that they were granted."""
    return Depends(Written(roles, name=name))


def access_of(request: Request) -> Access:
    """Under what somebody signed in who sent a form."""
    return cast("Access", request.state.access)


class Wrong(Exception):
    """What is wrong with a form, for whoever filled it in."""

    def __init__(self, says: Label) -> None:
        super().__init__(says.en)
        self.says = says


def form_of(body: bytes) -> dict[str, str]:
    """The fields of a form, without white space around and with one spelling of a new line; of one
    that comes several times the first."""
    sent = fields_of(body)
    return {name: values[0].replace("\r\n", "\n").strip() for name, values in sent.items()}


def fields_of(body: bytes) -> dict[str, list[str]]:
    """The fields of a form as they came. 422 for more than any form here has."""
    try:
        return parse_qs(
            body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=MOST_FIELDS
        )
    except ValueError:
        raise HTTPException(422, f"A form has at most {MOST_FIELDS} fields.") from None


def why_not(request: Request) -> str | None:
    """Why nothing can be declared here, if so."""
    if ledger_of(request).own_key() is not None:
        return None
    return NOTHING.text(language_of(request))


def refusal(request: Request, refused: Refused) -> tuple[int, str]:
    """The status of a refusal, and what is said of it."""
    said = str(refused)
    if isinstance(refused, PersonalDataInClear):
        said = PERSONAL.text(language_of(request))
    return problems.kind_of(refused).status, said
