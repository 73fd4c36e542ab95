"""Values come back otherwise than they were written.

Microsoft Learn, "Tutorial: Develop and plan provisioning for a SCIM endpoint in Microsoft Entra ID": values
must come back as they were sent; a server that reformats a phone number is updated in each cycle, for ever.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from typing import Final

from mockhost.faults.body.documents import SHOWN, altered, change_values, names_in, resources
from mockhost.faults.contract import Context, Draft, Fault, Parameter, Parameters, Seen

_KEPT: Final = frozenset({"schemas", "id", "meta"})
_PHONE = re.compile(r"\+?[0-9][0-9 ()./-]{5,30}")


def _phone(text: str) -> str:
    """`+1 425 555 0100` -> `(425) 555-0100`: grouped as in North America, and the country is lost."""
    if not _PHONE.fullmatch(text):
        return text
    digits = re.sub(r"\D", "", text)
    return f"({digits[-10:-7]}) {digits[-7:-4]}-{digits[-4:]}"


_WAYS: Final[dict[str, Callable[[str], str]]] = {
    "trailing_blanks": lambda text: f"{text}  ",
    "phone": _phone,
    "upper": str.upper,
    "lower": str.lower,
    "decomposed": lambda text: unicodedata.normalize("NFD", text),
    "html": lambda text: text.replace("&", "&amp;").replace("'", "&#39;"),
}


def _answer(draft: Draft, parameters: Parameters, _: Context) -> Draft:
    way, names = _WAYS[str(parameters["how"])], names_in(parameters)

    def reformatted(value: object) -> object:
        return way(value) if isinstance(value, str) else value

    def each(document: object) -> object:
        for resource in resources(document):
            resource.update(change_values(resource, names, reformatted, _KEPT))
        return document

    return altered(draft, each) if 200 <= draft.status < 300 else draft


FAULT = Fault(
    name="reformatted_values",
    group="body",
    title="Values come back otherwise than they were written",
    seen=Seen(
        wire="Texts of the resources have another form",
        requests="200; response.json() gives other texts",
        curl=SHOWN,
        dotnet="HttpClient reports 200; the service finds a difference in each cycle and sends a PATCH for "
        "ever (Microsoft Learn, Tutorial: Develop and plan provisioning for a SCIM endpoint)",
        gets="{status: 200, body: "
        '{"/Resources/0/urn:ietf:params:scim:schemas:extension:ECMA2Host:2.0:User/FirstName": "Lisa  "}}',
    ),
    parameters={
        "how": Parameter(
            "choice",
            "trailing_blanks: two at the end, as from a column of fixed width; phone: what looks like a "
            "telephone number is grouped anew; upper, lower: the case; decomposed: accents as letters of "
            "their own (Unicode NFD); html: & and ' as HTML escapes them",
            "trailing_blanks",
            choices=tuple(_WAYS),
        ),
        "attributes": Parameter(
            "texts", "Which attributes, by name; default: all texts but schemas, id and meta"
        ),
    },
    main="how",
    answer=_answer,
)
