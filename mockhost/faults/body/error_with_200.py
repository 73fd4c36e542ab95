"""An error body under a status of success.

A client that looks at the status alone takes the error for a resource: it finds neither `id` nor `Resources`.
"""

from __future__ import annotations

import orjson

from mockhost.faults.body.documents import SHOWN, settled
from mockhost.faults.contract import Context, Draft, Fault, Parameter, Parameters, Seen


def _answer(draft: Draft, parameters: Parameters, context: Context) -> Draft:
    status = parameters["status"]
    assert isinstance(status, int)
    if draft.status >= 400 and settled(draft).body:
        return settled(draft)._replace(status=status)
    said, scim_type = parameters["error"], parameters["scim_type"]
    assert isinstance(said, int)
    wrong = settled(context.error(said, str(parameters["detail"]), str(scim_type) if scim_type else None))
    if not wrong.body:
        body = orjson.dumps({"Message": parameters["detail"]})
        wrong = wrong._replace(body=body).with_header("Content-Type", "application/json; charset=utf-8")
    return wrong._replace(status=status, plan=draft.plan)


FAULT = Fault(
    name="error_with_200",
    group="body",
    title="An error comes with a status of success",
    seen=Seen(
        wire="200 with the body of an error",
        requests="200; response.json() gives an error",
        curl=SHOWN,
        dotnet="Assumed: HttpClient reports 200, so EnsureSuccessStatusCode passes; the service finds no "
        "list and no id, and the portal says that it can't deserialize the resource",
        gets='{status: 200, detail: {contains: went wrong}, body: {/status: "500"}}',
    ),
    parameters={
        "error": Parameter("integer", "The status that the body speaks of", 500, minimum=400, maximum=599),
        "detail": Parameter("text", "The error's words", "Something went wrong."),
        "scim_type": Parameter("text", "The error's scimType"),
        "status": Parameter("integer", "The status of the answer", 200, minimum=200, maximum=299),
    },
    main="error",
    answer=_answer,
)
