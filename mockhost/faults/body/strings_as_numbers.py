"""Strings of digits written as numbers, which loses leading zeros and what is too long for a number.

Databases whose column is a number are where this comes from: an id of 1001 leaves the server without quotes,
though RFC 7643 3.1 has `id` as a string.
"""

from __future__ import annotations

import re

from mockhost.faults.body.documents import SHOWN, altered, change_values, names_in
from mockhost.faults.contract import Context, Draft, Fault, Parameter, Parameters, Seen

_NUMBER = re.compile(r"-?[0-9]{1,300}(?:\.[0-9]{1,300})?")
_KEPT = frozenset({"schemas", "meta"})


def _number(value: object) -> object:
    if not isinstance(value, str) or not _NUMBER.fullmatch(value):
        return value
    if "." not in value and -(1 << 63) <= (whole := int(value)) < 1 << 63:
        return whole
    return float(value)


def _answer(draft: Draft, parameters: Parameters, _: Context) -> Draft:
    names = names_in(parameters)
    return altered(draft, lambda document: change_values(document, names, _number, _KEPT))


FAULT = Fault(
    name="strings_as_numbers",
    group="body",
    title="Strings of digits are written as numbers",
    seen=Seen(
        wire='No quotes around strings of digits: "textID":1001',
        requests="200; response.json() gives an int where a str is due",
        curl=SHOWN,
        dotnet='Assumed: HttpClient reports 200; System.Text.Json raises JsonException "The JSON value '
        'could not be converted to System.String", Newtonsoft.Json converts',
        gets="{status: 200, body: "
        '{"/Resources/0/urn:ietf:params:scim:schemas:extension:ECMA2Host:2.0:User/textID": 1001}}',
    ),
    parameters={
        "attributes": Parameter(
            "texts", "Which attributes, by name; default: every string of digits but for schemas and meta"
        )
    },
    main="attributes",
    answer=_answer,
)
