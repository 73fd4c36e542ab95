"""What the real host does and nobody has published: one row each, with a default and its evidence.

A row says what is known, what this mock does, what else it can be told to do, and where that comes from. An
answer from a real host then changes a row here, not code elsewhere. `docs/fidelity.md` is made of this table.

Evidence has three levels, never mixed up: `documented` (a named source says it), `inferred` (it follows from
a named source about something else, usually the libraries that the host is likely to be built on) and
`assumed` (a choice of this project, made so that it can be changed).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final, NamedTuple

from mockhost.errors import UsageError, did_you_mean

GENERATIONS: Final = ("current", "preview-2020")
"""The named sets: hosts since about 2022, and the private preview of 2020 (version 1.6)."""

EVIDENCE: Final = ("documented", "inferred", "assumed")


class Behaviour(NamedTuple):
    """One row. `preview_2020` None means the same as `default`."""

    name: str
    default: object
    choices: tuple[object, ...] | str
    """The allowed values; or words separated by `|`, each a type (status, int, duration, text) or a value.
    Empty: nothing to choose, the row only states what is so."""
    preview_2020: object
    title: str
    real: str
    mock: str
    source: str
    evidence: str
    ids: tuple[str, ...] = ()
    """The numbers under which the open points were first collected: U1 to U30"""
    subject: str = ""


_LEARN = "Microsoft Learn, "
_TROUBLE = _LEARN + "Troubleshoot on-premises application provisioning, "
_ARCHITECTURE = _LEARN + "On-premises application provisioning architecture, "
_SQL = _LEARN + "Configuring Microsoft Entra ID to provision users into a SQL database, "
_LDAP = _LEARN + "Configuring Microsoft Entra ID to provision users into LDAP directories, "
_POWERSHELL = _LEARN + "Provisioning users into applications using PowerShell, "
_WEB = _LEARN + "Provisioning with the web services connector, "
_SCIM = _LEARN + "Tutorial: Develop and plan provisioning for a SCIM endpoint in Microsoft Entra ID, "
_KNOWN = _LEARN + "Known issues for provisioning in Microsoft Entra ID, "
_DISCOVERY = _LEARN + "Discover identities in target applications with Account Discovery, "
_SAP = _LEARN + "Author SAP ECC 7 Template for ECMA2Host, "
_PREVIEW = "Microsoft's guides to the preview of 2020 (GitHub ArvindHarinder1/PrivatePreviewDocs and others)"
_WEBAPI = "GitHub aspnet/AspNetWebStack (Web API 2), "
_KATANA = "GitHub aspnet/AspNetKatana, "
_REFERENCE = "GitHub AzureAD/SCIMReferenceCode, "
_CONFIGURATION = "GitHub microsoft/MIMPowerShellConnectors, ECMA2HostCSV, exported configuration"
_TOOLS = "PowerShell Gallery, ECMA2HostTools 1.0.0 to 1.3.0 (written by somebody who runs the real host)"
_PICTURES = "GitHub SuryenduB/suryendub.github.io, post of 2024-03-01 on the PowerShell connector: the portal"
_EXPORT_OF_2024 = "GitHub SuryenduB/MIMPowerShellConnectors, OKTACore, exported configuration"
_NONE = "None found."
_UNPUBLISHED = "Not published."

_BOOLEAN = (True, False)

_AUTHENTICATION = (
    Behaviour(
        "unauthorized_status",
        401,
        "status",
        preview_2020=None,
        title="Wrong or missing secret token: status",
        real="Every connector asks for a bearer token. The status is not published; the portal then speaks of invalid "
        "credentials.",
        mock="401.",
        source=f"{_WEBAPI}AuthorizeAttribute; {_SCIM}Authorization to provisioning connectors in the "
        f"application gallery; {_TOOLS}",
        evidence="inferred",
        ids=("U1",),
    ),
    Behaviour(
        "unauthorized_body",
        "webapi",
        ("webapi", "empty", "scim"),
        preview_2020=None,
        title="Wrong or missing secret token: body",
        real=_UNPUBLISHED,
        mock='Web API\'s own: `{"Message":"Authorization has been denied for this request."}`.',
        source=f"{_WEBAPI}SRResources.resx, RequestNotAuthorized",
        evidence="inferred",
        ids=("U1",),
    ),
    Behaviour(
        "unauthorized_challenge",
        "Bearer",
        "text",
        preview_2020=None,
        title="`WWW-Authenticate` of a 401",
        real=_UNPUBLISHED,
        mock="`Bearer`, without a realm. An empty text leaves the header out.",
        source=f"{_KATANA}OAuthBearerAuthenticationHandler",
        evidence="inferred",
        ids=("U1",),
    ),
    Behaviour(
        "token_compare",
        "exact",
        ("exact",),
        preview_2020=None,
        title="How the secret token is compared",
        real=_UNPUBLISHED,
        mock="Exactly, with case, in constant time; only blanks around the header's value are dropped. The scheme "
        "`Bearer` is taken in any case.",
        source=f"{_KATANA}OAuthBearerAuthenticationHandler",
        evidence="inferred",
        ids=("U25",),
    ),
    Behaviour(
        "debug_parse",
        "case_insensitive",
        (),
        preview_2020=None,
        title="How `appSettings/Debug` is read",
        real="`true` turns authentication off, `false` or no entry turns it on; a change needs a restart of the "
        "service. Which spellings count is not published.",
        mock="Any case of `true`, read when the service starts. In a scenario it is a boolean.",
        source=f"{_TROUBLE}Query the ECMA Host Cache",
        evidence="inferred",
        ids=("U24",),
    ),
    Behaviour(
        "secret_token_length",
        "any",
        (),
        preview_2020=None,
        title="Length of a secret token",
        real="At least 12 characters now, 10 to 20 letters and digits in 2020.",
        mock="Any length is accepted, so that short ones can be tried.",
        source=f"{_SQL}6.1 Configure the SQL connection",
        evidence="documented",
    ),
)

_ROUTING = (
    Behaviour(
        "unknown_connector_status",
        404,
        "status",
        preview_2020=None,
        title="Unknown connector, or its name in another case: status",
        real="The name is case sensitive and a wrong one fails, with nothing in the host's log; the status is not "
        "published.",
        mock="404, and nothing in the host's log.",
        source=f"{_SQL}8. Configure the application connection; {_PREVIEW}; {_KATANA}soft 404",
        evidence="inferred",
        ids=("U4",),
    ),
    Behaviour(
        "not_found_body",
        "empty",
        ("empty", "webapi", "httpapi"),
        preview_2020=None,
        title="Body of a 404 for a path that leads nowhere",
        real=_UNPUBLISHED,
        mock="Empty: a path without a route falls through Web API to the server's default application.",
        source=f"{_WEBAPI}HttpMessageHandlerAdapter (soft 404); {_KATANA}default application",
        evidence="inferred",
        ids=("U4",),
    ),
    Behaviour(
        "prefix_case",
        "insensitive",
        ("insensitive", "sensitive"),
        preview_2020=None,
        title="Case of `ecma2host_` and `scim` in the path",
        real="Lower case in every source; whether another case works is not published.",
        mock="Any case. The connector's name after it is always case sensitive, as documented.",
        source=f"{_WEBAPI}routing; {_SQL}8. Configure the application connection",
        evidence="assumed",
        ids=("U9",),
    ),
    Behaviour(
        "resource_case",
        "insensitive",
        (),
        preview_2020=None,
        title="Case of `Users`, `Schemas` and the other resource segments",
        real="Documentation asks a browser for `/users` and speaks of `/schemas`, the service sends `/Users`.",
        mock="Any case.",
        source=f"{_TROUBLE}Target attribute is missing; {_PREVIEW}; {_WEBAPI}routing",
        evidence="inferred",
        ids=("U9",),
    ),
    Behaviour(
        "trailing_slash",
        "accept",
        ("accept", 404),
        preview_2020=None,
        title="A slash at the end of the path",
        real=_UNPUBLISHED,
        mock="Accepted, as if it were not there.",
        source=f"{_WEBAPI}routing",
        evidence="inferred",
        ids=("U26",),
    ),
    Behaviour(
        "double_slash",
        404,
        (404, "accept"),
        preview_2020=None,
        title="An empty segment in the path (`//`)",
        real=_UNPUBLISHED,
        mock="404: no route has an empty segment. Never a redirect.",
        source=f"{_WEBAPI}routing",
        evidence="assumed",
        ids=("U26",),
    ),
    Behaviour(
        "root_status",
        404,
        "status",
        preview_2020=None,
        title="`GET` of the base address itself",
        real="Not published. The library has a root controller.",
        mock="404.",
        source=f"{_REFERENCE}RootController.cs",
        evidence="assumed",
    ),
    Behaviour(
        "method_not_allowed_before_auth",
        True,
        _BOOLEAN,
        preview_2020=None,
        title="405 before authentication",
        real="A browser without a token was told to expect a 405 as proof of life.",
        mock="Yes: the method is looked at first, so a 405 shows without a token.",
        source=f"{_PREVIEW}; {_WEBAPI}ApiController.ExecuteAsync (action selection precedes authorization)",
        evidence="inferred",
        ids=("U2",),
    ),
    Behaviour(
        "method_not_allowed_body",
        "webapi",
        ("webapi", "empty", "scim"),
        preview_2020=None,
        title="Body of a 405",
        real="Published only as a picture.",
        mock='`{"Message":"The requested resource does not support http method \'GET\'."}` with `Allow`.',
        source=f"{_WEBAPI}ApiControllerActionSelector",
        evidence="inferred",
        ids=("U2",),
    ),
    Behaviour(
        "head_status",
        405,
        "status",
        preview_2020=None,
        title="`HEAD`",
        real=_UNPUBLISHED,
        mock="405: Web API does not answer HEAD by itself.",
        source=f"{_WEBAPI}ApiControllerActionSelector",
        evidence="inferred",
    ),
    Behaviour(
        "options_status",
        405,
        "status",
        preview_2020=None,
        title="`OPTIONS`",
        real=_UNPUBLISHED,
        mock="405: Web API does not answer OPTIONS by itself.",
        source=f"{_WEBAPI}ApiControllerActionSelector",
        evidence="inferred",
    ),
)

_READING = (
    Behaviour(
        "filterless_list",
        "list",
        ("list", 405),
        preview_2020=405,
        title="`GET /Users` without a filter",
        real="405 in 2020. Today it lists, page by page, and `totalResults` is the number of all users: a tool counts "
        "a connector's cache by one request.",
        mock="A paged list with the true total (`current`) or 405 (`preview-2020`).",
        source=f"{_PREVIEW}; {_TOOLS}; {_DISCOVERY}Connectors with established discovery behavior",
        evidence="documented",
        ids=("U3",),
    ),
    Behaviour(
        "list_page_size",
        100,
        "int",
        preview_2020=None,
        title="Resources on a page when the client gives no `count`",
        real="Not published for the host; its connectors' page size was 100 in 2020 and is 5000 in an exported "
        "configuration.",
        mock="100.",
        source=_CONFIGURATION,
        evidence="assumed",
    ),
    Behaviour(
        "list_page_max",
        1000,
        "int",
        preview_2020=None,
        title="Most resources on a page, whatever `count` says",
        real=_UNPUBLISHED,
        mock="1000.",
        source=_NONE,
        evidence="assumed",
    ),
    Behaviour(
        "items_per_page",
        "returned",
        ("returned", "requested"),
        preview_2020=None,
        title="`itemsPerPage` of a list",
        real="Not published. The library gives the number returned; Microsoft's sample of an empty reply says 20.",
        mock="The number of resources in this reply.",
        source=f"RFC 7644 3.4.2.4; {_REFERENCE}QueryResponseBase.cs; {_SCIM}Request-3",
        evidence="inferred",
    ),
    Behaviour(
        "start_index_when_empty",
        "present",
        ("present", "absent"),
        preview_2020=None,
        title="`startIndex` of a list without results",
        real="Not published. Microsoft's sample has 1; the library leaves it out.",
        mock="Present.",
        source=f"{_SCIM}Request-3; {_REFERENCE}QueryResponseBase.cs",
        evidence="inferred",
    ),
    Behaviour(
        "unknown_filter_attribute",
        "no_results",
        (),
        preview_2020=None,
        title="A filter on an attribute that does not exist",
        real='Test connection asks for `PLACEHOLDER eq "<guid>"` and must get 200 without results.',
        mock="200 without results, for `PLACEHOLDER` and for any other unknown name. Attributes are found by full "
        "URN or bare name, in any case.",
        source=f"{_TROUBLE}Troubleshoot test connection issues; {_TROUBLE}Understand incoming SCIM requests",
        evidence="documented",
        ids=("U12",),
    ),
    Behaviour(
        "filter_grammar",
        "entra",
        ("entra", "rfc"),
        preview_2020=None,
        title="Which filters are understood",
        real="The host only supports exact matches by `eq`; the service joins several with `and`.",
        mock="`eq`, also joined by `and`; the rest gets `filter_unsupported_status`. `rfc`: all of RFC 7644.",
        source=f"{_TOOLS}; {_SCIM}Understand the Microsoft Entra SCIM implementation",
        evidence="documented",
        ids=("U12",),
    ),
    Behaviour(
        "filter_invalid_status",
        400,
        "status",
        preview_2020=406,
        title="A filter that cannot be parsed",
        real="Not published. RFC 7644 wants 400 `invalidFilter`; the library's parser raises 406 in its first version.",
        mock="400 `invalidFilter` with the column; `preview-2020`: 406.",
        source=f"RFC 7644 3.12; {_REFERENCE}ResourceQuery.cs (first commit)",
        evidence="assumed",
        ids=("U13",),
    ),
    Behaviour(
        "filter_unsupported_status",
        400,
        "status",
        preview_2020=501,
        title="A filter that is well formed but not supported",
        real="Not published. The library turned this into 501 at first, into 400 later.",
        mock="400 `invalidFilter`; `preview-2020`: 501. Not with `filter_grammar: rfc`.",
        source=f"RFC 7644 3.12; {_REFERENCE}ControllerTemplate.cs",
        evidence="inferred",
        ids=("U13",),
    ),
    Behaviour(
        "value_case",
        "insensitive",
        ("insensitive", "exact"),
        preview_2020=None,
        title="Case of values in a filter",
        real="Not published. The library compares userName and externalId without case.",
        mock="Ignored.",
        source=f"{_REFERENCE}Filter.cs; RFC 7643 7 (caseExact)",
        evidence="assumed",
        ids=("U12",),
    ),
    Behaviour(
        "id_case",
        "exact",
        ("exact", "insensitive"),
        preview_2020=None,
        title="Case of an id in the path",
        real=_UNPUBLISHED,
        mock="Exact.",
        source="RFC 7643 3.1 (id is case exact)",
        evidence="assumed",
        ids=("U10",),
    ),
)

_RESOURCES = (
    Behaviour(
        "id_derivation",
        "verbatim",
        ("verbatim", "base64url", "guid"),
        preview_2020=None,
        title="How a resource's `id` follows from its anchor",
        real="Derived from the anchor's value; how is not published. Ids changed between early builds.",
        mock="The anchor's value itself, percent-encoded in addresses.",
        source=f"{_ARCHITECTURE}User creation workflow",
        evidence="assumed",
        ids=("U10",),
    ),
    Behaviour(
        "core_schema_in_resources",
        True,
        _BOOLEAN,
        preview_2020=None,
        title="The core User schema in `schemas` of a resource",
        real="Not published. The service's own creates name the core and the enterprise User, and not the extension.",
        mock="Yes, before the ECMA2Host extension. The attributes are under the extension's URN.",
        source=f"RFC 7643 3.3; {_LDAP}Configure attribute mapping; {_TOOLS}",
        evidence="inferred",
        ids=("U11",),
    ),
    Behaviour(
        "meta_in_resources",
        True,
        _BOOLEAN,
        preview_2020=None,
        title="`meta` in a resource",
        real=_UNPUBLISHED,
        mock="Yes, with `resourceType` `User`.",
        source="RFC 7643 3.1",
        evidence="assumed",
        ids=("U11",),
    ),
    Behaviour(
        "password_returned",
        "never",
        (),
        preview_2020=None,
        title="`export_password` in a resource",
        real="Always in the schema, used for the initial password when an object is created.",
        mock="Never returned, cached, journalled or logged.",
        source=f"{_SAP}Creating Export Add workflow",
        evidence="inferred",
        ids=("U11",),
    ),
    Behaviour(
        "active_in_responses",
        "when_disable_sets",
        ("when_disable_sets", "always", "never"),
        preview_2020=None,
        title="`active` in a resource",
        real="Not published. The service sends `active` on create and on disable although nothing is mapped to it, so "
        "every connector meets it; the disable flow copies it to an attribute of the target.",
        mock="Understood in every request. Shown only where the disable flow sets an attribute, with its value.",
        source=f"{_SQL}6.4 Configure how attributes are surfaced; {_PREVIEW}; {_PICTURES}",
        evidence="assumed",
        ids=("U29",),
    ),
    Behaviour(
        "dn_returned",
        "when_supplied",
        ("when_supplied", "always", "never"),
        preview_2020=None,
        title="`-dn-` in a resource",
        real=_UNPUBLISHED,
        mock="Where the client supplies the DN; not where the host generates it.",
        source=f"{_LDAP}Configure attribute mapping",
        evidence="assumed",
        ids=("U11",),
    ),
    Behaviour(
        "schemas_dn",
        "when_supplied",
        ("when_supplied", "always", "never"),
        preview_2020=None,
        title="`-dn-` in `/Schemas`",
        real="A target attribute `-dn-` exists for LDAP, and for PowerShell with DN style None and Autogenerated off; "
        "it needs no mapping there.",
        mock="Where the client supplies the DN; not where the host generates it.",
        source=f"{_LDAP}Configure attribute mapping; {_PICTURES}; {_EXPORT_OF_2024}",
        evidence="documented",
        ids=("U8",),
    ),
    Behaviour(
        "schemas_access",
        "token",
        ("token", "open"),
        preview_2020=None,
        title="Who may read `/Schemas`",
        real="The service reads it with its secret token.",
        mock="Whoever has the secret token.",
        source=f"{_TROUBLE}Target attribute is missing",
        evidence="inferred",
        ids=("U8",),
    ),
    Behaviour(
        "schemas_body",
        "list_response",
        (),
        preview_2020=None,
        title="Body of `/Schemas`",
        real="Holds the selected attributes, of which the portal shows only the anchor as required; the shape is not "
        "published. Entra asks for a list response. ECMA's SchemaAttribute has no word for NOT NULL.",
        mock="A list response with one Schema, `urn:ietf:params:scim:schemas:extension:ECMA2Host:2.0:User`, in which "
        "only the anchor is required.",
        source=f"{_TROUBLE}Target attribute is missing; {_SCIM}Schema discovery; RFC 7643 7; {_PICTURES}; "
        f"{_LEARN}SchemaAttribute Class",
        evidence="inferred",
        ids=("U8",),
    ),
    Behaviour(
        "etag",
        "none",
        ("none",),
        preview_2020=None,
        title="Entity tags",
        real="Not published; the library declares them unsupported.",
        mock="None.",
        source=f"{_REFERENCE}ProviderBase.cs",
        evidence="inferred",
        ids=("U16",),
    ),
    Behaviour(
        "location_header",
        "absolute",
        ("absolute", "none"),
        preview_2020=None,
        title="`Location` of a 201",
        real="Not published; the library sends the absolute address of the new resource.",
        mock="Absolute, from the request's own `Host`.",
        source=f"{_REFERENCE}ControllerTemplate.cs, ConfigureResponse",
        evidence="inferred",
    ),
    Behaviour(
        "scim_content_type",
        "application/scim+json; charset=utf-8",
        "text",
        preview_2020=None,
        title="`Content-Type` of SCIM bodies",
        real="Not published; Entra asks for `application/scim+json`.",
        mock="`application/scim+json; charset=utf-8`.",
        source=f"{_SCIM}Understand the Microsoft Entra SCIM implementation; {_REFERENCE}ProtocolConstants.cs",
        evidence="inferred",
    ),
)

_WRITING = (
    Behaviour(
        "patch_reply",
        "user",
        ("user", "empty", "no_content"),
        preview_2020="empty",
        title="Reply to a successful PATCH",
        real="Not published. The library sent 200 without a body at first; later 200 with the user, or 204.",
        mock="200 with the user; `preview-2020`: 200 without a body.",
        source=f"RFC 7644 3.5.2; {_REFERENCE}ControllerTemplate.cs",
        evidence="inferred",
        ids=("U17",),
    ),
    Behaviour(
        "put",
        "accept",
        ("accept", 405),
        preview_2020=None,
        title="`PUT` of a user",
        real="Never sent by the service. A tool for the host offers it; whether the host takes it is not published.",
        mock="Accepted, as RFC 7644 has it.",
        source=f"RFC 7644 3.5.1; {_REFERENCE}ControllerTemplate.cs; {_TOOLS}",
        evidence="assumed",
    ),
    Behaviour(
        "delete_unknown_status",
        404,
        "status",
        preview_2020=None,
        title="`DELETE` of an id that does not exist",
        real="Not published. The library's sample answers 204.",
        mock="404.",
        source=f"RFC 7644 3.6; {_REFERENCE}InMemoryUserProvider.cs",
        evidence="assumed",
        ids=("U21",),
    ),
    Behaviour(
        "create_existing_status",
        409,
        "status",
        preview_2020=None,
        title="`POST` of an object that the connector space already holds",
        real=_UNPUBLISHED,
        mock="409 `uniqueness`.",
        source="RFC 7644 3.3",
        evidence="inferred",
        ids=("U20",),
    ),
    Behaviour(
        "post_without_anchor",
        "refuse",
        ("refuse", "generate"),
        preview_2020=None,
        title="`POST` without a value for the anchor",
        real="A connector may return a generated anchor, or the code `ExportErrorMissingAnchorComponent`; what the "
        "host itself does is not published.",
        mock="Refused with that code, unless the connected system generates the anchor. `generate`: a GUID.",
        source=f"{_SAP}Creating Export Add workflow",
        evidence="inferred",
        ids=("U19",),
    ),
    Behaviour(
        "unknown_attributes",
        "ignore",
        ("ignore", "refuse"),
        preview_2020=None,
        title="Attributes in POST and PATCH that the connector does not have",
        real=_UNPUBLISHED,
        mock="Ignored. `refuse`: 400 `invalidPath`.",
        source=_NONE,
        evidence="assumed",
        ids=("U28",),
    ),
    Behaviour(
        "stale_update_missing",
        "error",
        ("error",),
        preview_2020=None,
        title="Update of an object that is gone from the connected system",
        real="Not published; the cache does not know until the next import.",
        mock="The connector's error for a missing object. The connector space keeps it until the next import.",
        source=f"{_TROUBLE}Query the ECMA Host Cache",
        evidence="assumed",
    ),
    Behaviour(
        "flow_none",
        "success",
        (),
        preview_2020=None,
        title="Disable or delete flow set to None",
        real="None means that users are not changed or removed in the target; the reply is not published.",
        mock="The usual reply of success; nothing is exported.",
        source=f"{_WEB}Configure the generic web services connector",
        evidence="inferred",
    ),
    Behaviour(
        "password_pass",
        "by_kind",
        (),
        preview_2020=None,
        title="When an initial password reaches the target",
        real="SQL and LDAP: not in the first call, a second one sets it. Web services: in the first.",
        mock="As documented, by the connector's kind. The journal shows that a password was set, never which.",
        source=f"{_KNOWN}Attributes and objects; {_WEB}Configure the generic web services connector",
        evidence="documented",
    ),
    Behaviour(
        "object_replace",
        "by_kind",
        (),
        preview_2020=None,
        title="What an update exports",
        real="With the export type ObjectReplace the whole object, otherwise the changed attributes.",
        mock="As documented, by the connector's kind or its own setting.",
        source=f"{_SAP}Creating Export Replace workflow; {_POWERSHELL}Capabilities",
        evidence="documented",
    ),
)

_EXPORTS = (
    Behaviour(
        "export_detail",
        "code_and_text",
        (),
        preview_2020=None,
        title="How a failed export reads in `detail`",
        real="One sample shows the code and the directory's text joined by a full stop and a blank.",
        mock="`<code>. <text of the connected system>` for every failure.",
        source=f"{_TROUBLE}Common errors",
        evidence="inferred",
        ids=("U18",),
    ),
    Behaviour(
        "export_status_exists",
        409,
        "status",
        preview_2020=None,
        title="Export failed: the object or its anchor exists already",
        real=_UNPUBLISHED,
        mock="409 `uniqueness`.",
        source=f"RFC 7644 3.12; {_LEARN}MAExportError Enumeration (ExportErrorDuplicateAnchor)",
        evidence="assumed",
        ids=("U18",),
    ),
    Behaviour(
        "export_status_missing_object",
        404,
        "status",
        preview_2020=None,
        title="Export failed: no such object in the connected system",
        real=_UNPUBLISHED,
        mock="404.",
        source=f"RFC 7644 3.12; {_LEARN}MAExportError Enumeration",
        evidence="assumed",
        ids=("U18",),
    ),
    Behaviour(
        "export_status_permission",
        403,
        "status",
        preview_2020=None,
        title="Export failed: the connector's account has no right to do it",
        real=_UNPUBLISHED,
        mock="403.",
        source=f"RFC 7644 3.12; {_LEARN}MAExportError Enumeration",
        evidence="assumed",
        ids=("U18",),
    ),
    Behaviour(
        "export_status_bad_value",
        400,
        "status",
        preview_2020=None,
        title="Export failed: a value is refused",
        real=_UNPUBLISHED,
        mock="400 `invalidValue`.",
        source=f"RFC 7644 3.12; {_SAP}Creating Export Add workflow "
        "(ExportErrorInvalidProvisioningAttributeValue)",
        evidence="assumed",
        ids=("U18",),
    ),
    Behaviour(
        "export_status_missing_attribute",
        400,
        "status",
        preview_2020=None,
        title="Export failed: a required attribute has no value",
        real="Not published. The portal may show the driver's own words, `Cannot insert the value NULL into column …`.",
        mock="400 `invalidValue`.",
        source=f"{_SQL}Troubleshooting provisioning errors; RFC 7644 3.12",
        evidence="assumed",
        ids=("U18",),
    ),
    Behaviour(
        "export_status_missing_anchor",
        400,
        "status",
        preview_2020=None,
        title="Export failed: the anchor has no value",
        real="Not published; the code is `ExportErrorMissingAnchorComponent`.",
        mock="400 `invalidValue`.",
        source=f"{_SAP}Creating Export Add workflow; RFC 7644 3.12",
        evidence="assumed",
        ids=("U18", "U19"),
    ),
    Behaviour(
        "export_status_dn",
        400,
        "status",
        preview_2020=None,
        title="Export failed: the DN is not LDAP style",
        real="The text is published (`Invalid LDAP style of object's DN. DN: …`), the status is not.",
        mock="400 `invalidValue`.",
        source=f"{_TROUBLE}Common errors; RFC 7644 3.12",
        evidence="assumed",
        ids=("U18",),
    ),
    Behaviour(
        "export_status_parent",
        500,
        "status",
        preview_2020=None,
        title="Export failed: the container above the object does not exist",
        real="The LDAP connector does not create intermediate containers; the status is not published.",
        mock="500.",
        source=f"{_LDAP}Determine how the Microsoft Entra LDAP Connector will interact with the "
        "directory server",
        evidence="assumed",
        ids=("U18",),
    ),
    Behaviour(
        "export_status_other",
        500,
        "status",
        preview_2020=None,
        title="Export failed in any other way, `ExportErrorCustomContinueRun` included",
        real="Not published. An unknown object class is of this sort.",
        mock="500.",
        source=f"{_TROUBLE}Common errors",
        evidence="assumed",
        ids=("U18",),
    ),
)

_IMPORTS = (
    Behaviour(
        "importing_status",
        503,
        "status",
        preview_2020=None,
        title="Requests while the first full import runs: status",
        real="The portal shows `The ECMA host is currently importing data from the target application`; the status "
        "is not published.",
        mock="503 with that text.",
        source=f"{_TROUBLE}Troubleshoot test connection issues",
        evidence="assumed",
        ids=("U14",),
    ),
    Behaviour(
        "importing_body",
        "scim",
        ("scim", "webapi", "empty"),
        preview_2020=None,
        title="Requests while the first full import runs: body",
        real="The text is published, its envelope is not.",
        mock="A SCIM error with the text in `detail`.",
        source=f"{_TROUBLE}Troubleshoot test connection issues",
        evidence="assumed",
        ids=("U14",),
    ),
    Behaviour(
        "importing_retry_after",
        "60s",
        "duration|none",
        preview_2020=None,
        title="`Retry-After` while importing",
        real=_UNPUBLISHED,
        mock="60 seconds; `none` leaves it out.",
        source="RFC 9110 10.2.3",
        evidence="assumed",
        ids=("U14",),
    ),
    Behaviour(
        "importing_scope",
        "first",
        ("first", "every"),
        preview_2020=None,
        title="Which imports keep clients waiting",
        real="The message is documented for the initial import; autosync refreshes a cache that is already there.",
        mock="Only the first after the service started. `every`: each full import.",
        source=f"{_TROUBLE}Troubleshoot test connection issues; {_ARCHITECTURE}ECMA Connector Host "
        "architecture",
        evidence="inferred",
        ids=("U14",),
    ),
    Behaviour(
        "without_import",
        "empty_cache",
        (),
        preview_2020=None,
        title="A connector without an import profile",
        real="The host always issues creations, for users that exist as well.",
        mock="Its connector space knows only what was exported through it; every find of another user is empty.",
        source=f"{_SAP}Creating Full Import workflow; {_SQL}Determine how the connector will interact",
        evidence="documented",
    ),
    Behaviour(
        "autosync_minimum",
        "any",
        (),
        preview_2020=None,
        title="Shortest autosync timer",
        real="120 minutes, which is also the default.",
        mock="Any interval is accepted, so that time can be saved.",
        source=f"{_SQL}6.1 Configure the SQL connection (minimum: the edition of 2021)",
        evidence="documented",
    ),
    Behaviour(
        "duplicate_anchor_import",
        "first_wins",
        ("first_wins", "last_wins"),
        preview_2020=None,
        title="Two objects with one anchor in an import",
        real="Not published; anchors are to be unique.",
        mock="The first is kept, the other is left out.",
        source=f"{_ARCHITECTURE}About anchor attributes and distinguished names",
        evidence="assumed",
    ),
    Behaviour(
        "failed_import_keeps_cache",
        True,
        _BOOLEAN,
        preview_2020=None,
        title="The cache after an import that failed",
        real=_UNPUBLISHED,
        mock="Stays as it was.",
        source=_NONE,
        evidence="assumed",
    ),
    Behaviour(
        "delta_sees_deletes",
        "by_kind",
        ("by_kind", "always", "never"),
        preview_2020=None,
        title="Deletions in a delta import",
        real="Depends on the target: eDirectory reports none, a change log does.",
        mock="By the connector's kind: LDAP yes (a change log), the others no.",
        source=f"{_LEARN}Generic LDAP Connector and Generic SQL Connector technical references "
        "(Microsoft Identity Manager)",
        evidence="inferred",
    ),
    Behaviour(
        "dll_denied_status",
        500,
        "status",
        preview_2020=None,
        title="Requests while the connector's DLL cannot be loaded",
        real="The host logs `Could not load file or assembly … Access is denied.`; the answer is not published.",
        mock="500 with Web API's general message; the text goes to the host's log.",
        source=f"{_TROUBLE}Common errors; {_WEBAPI}SRResources.resx, ErrorOccurred",
        evidence="assumed",
    ),
)

_CACHE = (
    Behaviour(
        "cache_access",
        "token",
        ("token", "debug"),
        preview_2020="debug",
        title="Who may read `/cache`",
        real="Sources disagree: one page sets Debug first, newer ones read it by script with the secret token alone.",
        mock="Whoever has the secret token, or anyone under Debug. `debug`: only under Debug.",
        source=f"{_TROUBLE}Query the ECMA Host Cache; {_LDAP}Ensure ECMA2Host service is running and can "
        "read from the directory server",
        evidence="inferred",
        ids=("U6",),
    ),
    Behaviour(
        "cache_closed_status",
        401,
        "status",
        preview_2020=None,
        title="`/cache` when it is closed",
        real=_UNPUBLISHED,
        mock="401, with or without a secret token.",
        source=_NONE,
        evidence="assumed",
        ids=("U6",),
    ),
    Behaviour(
        "cache_body",
        "array",
        ("array", "list_response"),
        preview_2020=None,
        title="Body of `/cache`",
        real="Not published. A script's output of more than 9 characters or lines means that there are users.",
        mock="A JSON array of user resources; `[]` when empty.",
        source=f"{_LDAP}Ensure ECMA2Host service is running and can read from the directory server",
        evidence="assumed",
        ids=("U5",),
    ),
    Behaviour(
        "cache_verbs_status",
        405,
        "status",
        preview_2020=None,
        title="`/cache` by another verb than GET",
        real=_UNPUBLISHED,
        mock="405.",
        source=f"{_WEBAPI}ApiControllerActionSelector",
        evidence="inferred",
        ids=("U7",),
    ),
)

_REST = (
    Behaviour(
        "groups_answer",
        "status",
        ("status", "empty_list"),
        preview_2020=None,
        title="`/Groups`: status or an empty list",
        real="Groups are not supported by provisioning through ECMA; what the endpoint answers is not published.",
        mock="The status of `groups_status`.",
        source=f"{_KNOWN}Attributes and objects",
        evidence="assumed",
        ids=("U15",),
    ),
    Behaviour(
        "groups_status",
        501,
        "status",
        preview_2020=None,
        title="`/Groups`: which status",
        real="Not published. The library turns what a provider does not support into 501.",
        mock="501.",
        source=f"{_KNOWN}Attributes and objects; {_REFERENCE}ControllerTemplate.cs",
        evidence="inferred",
        ids=("U15",),
    ),
    Behaviour(
        "service_provider_config",
        "serve",
        "serve|status",
        preview_2020=None,
        title="`/ServiceProviderConfig`",
        real="Never mentioned for the host. The library serves it.",
        mock="Served: PATCH and filter supported; bulk, sort, ETag and change of password not.",
        source=f"{_REFERENCE}ProviderBase.cs, ServiceProviderConfigurationController.cs",
        evidence="inferred",
        ids=("U16",),
    ),
    Behaviour(
        "resource_types",
        "serve",
        "serve|status",
        preview_2020=None,
        title="`/ResourceTypes`",
        real="Never mentioned for the host. The library serves it.",
        mock="Served, with User alone.",
        source=f"{_REFERENCE}ResourceTypesController.cs",
        evidence="inferred",
        ids=("U16",),
    ),
    Behaviour(
        "bulk_status",
        501,
        "status",
        preview_2020=None,
        title="`/Bulk`",
        real="Never mentioned for the host. The library has the route and declares bulk unsupported.",
        mock="501.",
        source=f"{_REFERENCE}BulkRequestController.cs, ProviderBase.cs",
        evidence="inferred",
        ids=("U16",),
    ),
    Behaviour(
        "me_status",
        404,
        "status",
        preview_2020=None,
        title="`/Me`",
        real="Never mentioned for the host. The library has no such route.",
        mock="404.",
        source=f"{_REFERENCE}ServiceConstants.cs",
        evidence="inferred",
    ),
    Behaviour(
        "search",
        404,
        "status|serve",
        preview_2020=None,
        title="`POST …/.search`",
        real="Never mentioned for the host. The library has no such route.",
        mock="404. `serve`: as RFC 7644 3.4.3 has it.",
        source=f"{_REFERENCE}ServiceConstants.cs",
        evidence="inferred",
    ),
)

_WIRE = (
    Behaviour(
        "wire",
        "httpapi",
        ("httpapi", "plain"),
        preview_2020=None,
        title="The server below the application",
        real="Not published. The preview's upgrade steps release an http.sys reservation for `https://*:8585/`, so "
        "the listener is http.sys.",
        mock="`Server: Microsoft-HTTPAPI/2.0` and http.sys' own pages for requests it refuses. `plain`: bare statuses.",
        source=f"{_PREVIEW}; {_LEARN}Error logging in the HTTP Server API",
        evidence="inferred",
    ),
    Behaviour(
        "h2_alpn",
        "not_offered",
        ("not_offered",),
        preview_2020=None,
        title="HTTP/2 by ALPN",
        real="Not published. http.sys of Windows Server 2016 and later offers `h2` over TLS.",
        mock="Not offered; HTTP/1.1 only.",
        source=f"{_LEARN}HTTP/2 on IIS",
        evidence="assumed",
    ),
    Behaviour(
        "error_status_type",
        "string",
        ("string", "number"),
        preview_2020=None,
        title="`status` in a SCIM error",
        real="Not published. RFC 7644 and Microsoft's samples have a string, the library a number.",
        mock="A string.",
        source=f"RFC 7644 3.12; {_REFERENCE}Core2Error.cs",
        evidence="assumed",
    ),
    Behaviour(
        "error_detail",
        "local",
        ("local", "always", "never"),
        preview_2020=None,
        title="Details of an exception in Web API's answers",
        real="Not published. Web API tells them to local callers only unless configured otherwise; the agent is local.",
        mock="To callers on the same machine: exception type and message. There is never a stack trace of ours.",
        source=f"{_WEBAPI}IncludeErrorDetailPolicy",
        evidence="inferred",
    ),
    Behaviour(
        "remote_callers",
        "by_option",
        (),
        preview_2020=None,
        title="Callers from other machines",
        real="The reservation covers all addresses, so the port is open to the network unless a firewall closes it.",
        mock="Loopback only, unless `--host` says otherwise. A mock is not to be open by accident.",
        source=_PREVIEW,
        evidence="inferred",
        ids=("U27",),
    ),
)

_ARTEFACTS = (
    Behaviour(
        "event_ids",
        "later",
        (),
        preview_2020=None,
        title="Numbers and texts of the host's event log",
        real="None is published, only the names of log and source.",
        mock="Not part of this version. They will be the mock's own, and say so.",
        source=f"{_TROUBLE}Review events in Event Viewer",
        evidence="assumed",
        ids=("U22",),
    ),
    Behaviour(
        "script_output",
        "later",
        (),
        preview_2020=None,
        title="What `TestECMA2HostConnection.ps1` prints",
        real="The script's body is not published; `True` or `False` comes from the one-liner around it.",
        mock="Not part of this version. `mockhost test-connection` asks the same question in its own words.",
        source=f"{_LDAP}Ensure ECMA2Host service is running and can read from the directory server",
        evidence="assumed",
        ids=("U23",),
    ),
    Behaviour(
        "config_format",
        "later",
        (),
        preview_2020=None,
        title="The file in which the host keeps its connectors",
        real=r"`C:\Program Files\Microsoft ECMA2Host\Service\Configuration\Configuration.xml`, the same document as "
        "the wizard's export. Secrets in it are encrypted for one machine (DPAPI).",
        mock="Scenario files. Reading and writing the XML is not part of this version.",
        source=f"{_TOOLS}; {_CONFIGURATION}",
        evidence="documented",
        ids=("U30",),
    ),
)

_SUBJECTS: Final = (
    ("Authentication", _AUTHENTICATION),
    ("Addresses and methods", _ROUTING),
    ("Finding and listing", _READING),
    ("Resources and schemas", _RESOURCES),
    ("Writing", _WRITING),
    ("Exports that fail", _EXPORTS),
    ("Imports and the connector", _IMPORTS),
    ("The cache", _CACHE),
    ("Other endpoints", _REST),
    ("The wire and errors", _WIRE),
    ("Around the host", _ARTEFACTS),
)

TABLE: Final[tuple[Behaviour, ...]] = tuple(
    row._replace(subject=subject) for subject, rows in _SUBJECTS for row in rows
)
"""All rows, in the order of the page."""

BY_NAME: Final[Mapping[str, Behaviour]] = {row.name: row for row in TABLE}

HOST_WIDE: Final = frozenset({"wire", "h2_alpn", "prefix_case", "unknown_connector_status"})
"""Behaviours that show before a connector is known: they can be set for the host only."""

NOT_IMITATED: Final = (
    (
        "The cloud and the agent",
        "Only what they send to the host is understood; the portal, its provisioning "
        "engine, registration and the agent's own service are elsewhere.",
    ),
    (
        "The configuration wizard",
        "Its settings are keys of a scenario file; its pages and messages are not shown.",
    ),
    (
        "Real databases and directories",
        "The connected system is held in memory and knows required, unique and typed "
        "columns, object classes and rights. No SQL is run and no LDAP is spoken; texts of drivers are imitated.",
    ),
    ("Connector DLLs", "No .NET code is loaded; what a kind of connector does is described, not executed."),
    ("Groups, references and hierarchies", "Unsupported by the real host too (known issues)."),
    (
        "Windows",
        "Service control manager, event log, registry, HTTPERR log and file permissions do not exist here.",
    ),
    ("TLS of schannel", "Cipher suites, record sizes and alert wording are OpenSSL's."),
    ("HTTP/2, NTLM, Kerberos", "The port speaks HTTP/1.1 with bearer tokens."),
    ("Capacity", "Memory and throughput of the real host are not published and not imitated."),
)
"""(what, why or how far): what a reader must not expect."""


# -- setting behaviours ------------------------------------------------------------------------------------------

_UNITS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_DURATION: Final = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,6})?)(ms|s|m|h|d)")
_TYPES: Final = ("status", "int", "duration", "text")


def _words(row: Behaviour) -> tuple[object, ...]:
    return tuple(row.choices.split("|")) if isinstance(row.choices, str) else row.choices


def _types(row: Behaviour) -> list[str]:
    return [word for word in _TYPES if isinstance(row.choices, str) and word in row.choices.split("|")]


def _literals(row: Behaviour) -> list[object]:
    types = _types(row)
    return [word for word in _words(row) if word not in types]


def _seconds(value: object) -> float | None:
    found = _DURATION.fullmatch(value) if isinstance(value, str) else None
    return float(found[1]) * _UNITS[found[2]] if found else None


def _is_of(kind: str, value: object) -> bool:
    if kind == "duration":
        return _seconds(value) is not None
    if kind == "text":
        return isinstance(value, str) and len(value) <= 1000 and value.isprintable() and value.isascii()
    if not isinstance(value, int) or isinstance(value, bool):
        return False
    return 200 <= value <= 599 if kind == "status" else 0 <= value <= 1_000_000


def _is_literal(choice: object, value: object) -> bool:
    return type(choice) is type(value) and choice == value


def choices_in_words(row: Behaviour) -> str:
    """What may be chosen, for people: `list, 405`, `a status`, `a duration or none`; empty if there is nothing."""
    words = {
        "status": "a status (200 to 599)",
        "int": "a whole number",
        "duration": "a duration such as 30s",
        "text": "a text",
    }
    types, literals = _types(row), _literals(row)
    if not types:
        return ", ".join(_plain(item) for item in literals)
    return " or ".join([words[kind] for kind in types] + [_plain(item) for item in literals])


def _plain(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def validate(name: str, value: object, *, of_connector: bool = False) -> str | None:
    """None if the behaviour may be set so (for one connector: `of_connector`), else what is wrong and what to try."""
    row = BY_NAME.get(name)
    if row is None:
        hint = did_you_mean(name, BY_NAME)
        return f"there is no behaviour {name!r}" + (
            f"; {hint}" if hint else "; see docs/fidelity.md for all of them"
        )
    if not row.choices:
        return f"the behaviour {name!r} cannot be set, it only states what is so"
    if of_connector and name in HOST_WIDE:
        return f"the behaviour {name!r} cannot differ by connector; set it under host"
    if any(_is_literal(choice, value) for choice in _literals(row)):
        return None
    if any(_is_of(kind, value) for kind in _types(row)):
        return None
    return f"the behaviour {name!r} cannot be {_plain(value)!r}; allowed: {choices_in_words(row)}"


def _normal(row: Behaviour, value: object) -> object:
    """The form in which code meets a value: durations in seconds, `none` for a duration as None."""
    if "duration" in _types(row):
        return None if value == "none" else _seconds(value)
    return value


_DEFAULTS: Final[Mapping[str, Mapping[str, Any]]] = {
    "current": {row.name: _normal(row, row.default) for row in TABLE},
    "preview-2020": {
        row.name: _normal(row, row.default if row.preview_2020 is None else row.preview_2020) for row in TABLE
    },
}


def resolve(generation: str = "current", *overrides: Mapping[str, object]) -> dict[str, Any]:
    """Every behaviour's value: the generation's own, then each of `overrides` in turn (the host's, a connector's).

    A plain dict by name, made afresh. Durations are seconds; `importing_retry_after: none` is None.
    Raises UsageError for a generation, name or value that does not exist.
    """
    if generation not in _DEFAULTS:
        raise UsageError(f"there is no generation {generation!r}", hint=did_you_mean(generation, GENERATIONS))
    values = dict(_DEFAULTS[generation])
    for override in overrides:
        for name, value in override.items():
            problem = validate(name, value)
            if problem is not None:
                raise UsageError(problem)
            values[name] = _normal(BY_NAME[name], value)
    read = _READ.get()
    return values if read is None else Recording(values, read)


def possible(name: str) -> Iterator[object]:
    """Values that a behaviour can have, in the form of `resolve`: each choice, and examples of a type."""
    row = BY_NAME[name]
    forms: Mapping[str, tuple[object, ...]] = {
        "status": (418, 204),
        "int": (1, 2),
        "duration": (1.0, 2.0),
        "text": ("other", "another"),
    }
    for kind in _types(row):
        yield from forms[kind]
    yield from (_normal(row, each) for each in _literals(row))


class Recording(dict[str, Any]):
    """Behaviours that note which of them are read."""

    def __init__(self, values: Mapping[str, Any], read: set[str]) -> None:
        super().__init__(values)
        self._read = read

    def __getitem__(self, name: str) -> Any:
        self._read.add(name)
        return super().__getitem__(name)


_READ: ContextVar[set[str] | None] = ContextVar("read", default=None)


@contextmanager
def recording() -> Iterator[set[str]]:
    """Hosts that are configured in this context note here which behaviours they read; others pay nothing for it."""
    read: set[str] = set()
    token = _READ.set(read)
    try:
        yield read
    finally:
        _READ.reset(token)


def evidence_of(name: str) -> str:
    """documented | inferred | assumed. Raises KeyError for a name that does not exist."""
    return BY_NAME[name].evidence


def json_schema(*, of_connector: bool = False) -> dict[str, object]:
    """A JSON Schema (2020-12) for a map of behaviours, with a description on each."""
    names = [row for row in TABLE if row.choices and not (of_connector and row.name in HOST_WIDE)]
    return {
        "type": "object",
        "description": "Single behaviours that differ from the generation's. docs/fidelity.md explains each.",
        "properties": {row.name: _schema_of(row) for row in names},
        "additionalProperties": False,
    }


def _schema_of(row: Behaviour) -> dict[str, object]:
    schema: dict[str, object] = {"description": f"{row.title}. {row.mock} ({row.evidence})"}
    options = list(_schema_options(row))
    if len(options) == 1:
        schema.update(options[0])
    else:
        schema["anyOf"] = options
    schema["default"] = row.default
    return schema


def _schema_options(row: Behaviour) -> Iterator[dict[str, object]]:
    forms: dict[str, dict[str, object]] = {
        "status": {"type": "integer", "minimum": 200, "maximum": 599},
        "int": {"type": "integer", "minimum": 0, "maximum": 1_000_000},
        "duration": {"type": "string", "pattern": r"^[0-9]{1,9}(\.[0-9]{1,6})?(ms|s|m|h|d)$"},
        "text": {"type": "string", "maxLength": 1000, "not": {"pattern": "[^ -~]"}},
    }
    for kind in _types(row):
        yield forms[kind]
    literals = _literals(row)
    if literals:
        yield {"enum": literals}
