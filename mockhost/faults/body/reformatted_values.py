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
from mockhost.scim.attributes import fold

_KEPT: Final = frozenset({"schemas", "id", "meta"})
_PHONE = re.compile(r"(tel:)?(\+?)([0-9(][0-9 ()./-]{5,30})")
_PHONE_NAME = re.compile("phone|mobile|fax|pager")


def _phone(text: str) -> str:
    """`+1 425 555 0100` -> `(425) 555-0100`, `+44 20 7946 0958` -> `+442079460958` and the other way round.

    Numbers of North America are grouped as there and lose their country; others keep every digit.
    """
    found = _PHONE.fullmatch(text)
    if found is None:
        return text
    plus, digits = found[2], re.sub(r"\D", "", found[3])
    if not 6 <= len(digits) <= 15:  # E.164 has 15 at most
        return text
    local = digits[1:] if len(digits) == 11 and digits[0] == "1" else digits
    if len(local) == 10 and not (plus and local is digits):
        grouped = f"({local[:3]}) {local[3:6]}-{local[6:]}"
        return grouped if grouped != text else local
    bare = plus + digits
    return bare if bare != text else plus + " ".join(digits[at : at + 3] for at in range(0, len(digits), 3))


def _phones(value: object, way: Callable[[object], object], named: bool = False) -> object:
    """The value with `way` done to the texts of attributes that are named like telephone numbers."""
    if isinstance(value, dict):
        return {
            key: part
            if fold(key) in _KEPT
            else _phones(part, way, named or bool(_PHONE_NAME.search(fold(key))))
            for key, part in value.items()
        }
    if isinstance(value, list):
        return [_phones(part, way, named) for part in value]
    return way(value) if named else value


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
            if way is _phone and not names:
                resource.update(_phones(resource, reformatted))  # type: ignore[call-overload]  # a map of a map
            else:
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
            "trailing_blanks: two at the end, as from a column of fixed width; phone: telephone "
            "numbers are grouped in another way; upper, lower: the case; decomposed: accents as letters of "
            "their own (Unicode NFD); html: & and ' as HTML escapes them",
            "trailing_blanks",
            choices=tuple(_WAYS),
        ),
        "attributes": Parameter(
            "texts",
            "Which attributes, by name; default: all texts but schemas, id and meta, for phone those whose name "
            "has phone, mobile, fax or pager in it",
        ),
    },
    main="how",
    answer=_answer,
)
