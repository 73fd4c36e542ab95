"""Numbers written as strings, `"totalResults": "1"`, and booleans too if wanted.

Newtonsoft.Json converts them where a number is due; System.Text.Json refuses them unless told otherwise
(Microsoft Learn, "ASP.NET Core apps allow deserializing quoted numbers").
"""

from __future__ import annotations

from mockhost.faults.body.documents import SHOWN, altered, change_values, names_in
from mockhost.faults.contract import Context, Draft, Fault, Parameter, Parameters, Seen


def _answer(draft: Draft, parameters: Parameters, _: Context) -> Draft:
    booleans = parameters["booleans"]

    def quoted(value: object) -> object:
        if isinstance(value, bool):
            return str(value) if booleans else value
        return str(value) if isinstance(value, (int, float)) else value

    names = names_in(parameters)
    return altered(draft, lambda document: change_values(document, names, quoted, frozenset()))


FAULT = Fault(
    name="numbers_as_strings",
    group="body",
    title="Numbers are written as strings",
    seen=Seen(
        wire='Quotes around numbers: "totalResults":"1"',
        requests="200; response.json() gives a str where an int is due",
        curl=SHOWN,
        dotnet='HttpClient reports 200; System.Text.Json raises JsonException "The JSON value could not be '
        'converted to System.Int32", but not with the options for the Web; Newtonsoft.Json converts '
        "(Microsoft Learn, ASP.NET Core apps allow deserializing quoted numbers)",
        gets='{status: 200, body: {/totalResults: "1"}}',
    ),
    parameters={
        "attributes": Parameter("texts", "Which attributes, by name; default: every number in the answer"),
        "booleans": Parameter("boolean", 'Whether booleans become "True" and "False" too', False),
    },
    main="attributes",
    answer=_answer,
)
