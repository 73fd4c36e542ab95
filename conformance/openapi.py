"""An OpenAPI 3.1 document of SCIM endpoints, made from what their discovery endpoints say.

    python -m conformance.openapi URL TOKEN [CA_FILE] > openapi.json

RFC 7643 section 7 has every characteristic that is needed; what JSON Schema can't say (a userName is compared without
case, at most one value is primary, a filter's grammar) is left out or narrowed to a part that it can say, so that
whatever the document allows must be accepted.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote

from conformance.target import Target, ask

MEDIA = "application/scim+json"
LIST = "urn:ietf:params:scim:api:messages:2.0:ListResponse"
ERROR = "urn:ietf:params:scim:api:messages:2.0:Error"
PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
SEARCH = "urn:ietf:params:scim:api:messages:2.0:SearchRequest"
TYPES: Mapping[str, dict[str, Any]] = {
    "string": {"type": "string"},
    "boolean": {"type": "boolean"},
    "decimal": {"type": "number"},
    "integer": {"type": "integer"},
    "dateTime": {"type": "string", "format": "date-time"},
    "binary": {"type": "string", "format": "byte"},
    "reference": {"type": "string", "format": "uri-reference"},
}
TEXT = {"type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9 ._-]{0,40}$"}
"""What is asked of a text in a request: printable, so that a failure can be read; other texts are other suites'."""


def document(target: Target) -> dict[str, Any]:
    """The whole document; raises LookupError where discovery gives nothing to describe."""
    types, schemas, config = (
        ask(target, "GET", path).json() for path in ("/ResourceTypes", "/Schemas", "/ServiceProviderConfig")
    )
    if not types or not schemas or not config:
        raise LookupError("the discovery endpoints did not answer with JSON")
    known = {schema["id"]: schema for schema in schemas["Resources"]}
    paths: dict[str, Any] = {}
    components: dict[str, Any] = {"Error": _error()}
    for kind in types["Resources"]:
        _resource(kind, known, paths, components)
    _discovery(types["Resources"], known, paths)
    return {
        "openapi": "3.1.0",
        "info": {"title": "SCIM endpoints of a mockhost connector", "version": "2.0"},
        "servers": [{"url": target.url}],
        "security": [{"bearer": []}],
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
        },
    }


# -- attributes ------------------------------------------------------------------------------------------------------


def _of(attribute: Mapping[str, Any], *, request: bool) -> dict[str, Any]:
    """The JSON Schema of an attribute as it is sent or as it is answered."""
    if attribute["type"] == "complex":
        schema = _object(attribute.get("subAttributes", ()), request=request)
    elif not request and attribute["type"] == "reference" and _sent(attribute, request=True):
        # What a client wrote is answered as it was written; whether that had to be a URI is told by strictness.
        schema = {"type": "string"}
    elif request and attribute["type"] == "string":
        values = attribute.get("canonicalValues")
        schema = {"enum": values} if values else dict(TEXT)
    else:
        schema = dict(TYPES.get(attribute["type"], {}))
    if attribute.get("multiValued"):
        schema = {"type": "array", "items": schema} | ({"maxItems": 1} if request else {})
    return schema


def _sent(attribute: Mapping[str, Any], *, request: bool) -> bool:
    if request:
        # A reference to another resource has to be one that exists, which no schema can say.
        types = attribute.get("referenceTypes") or ["external"]
        return attribute["mutability"] != "readOnly" and "external" in types
    return bool(attribute["returned"] != "never")


def _object(attributes: Iterable[Mapping[str, Any]], *, request: bool) -> dict[str, Any]:
    kept = [attribute for attribute in attributes if _sent(attribute, request=request)]
    required = [attribute["name"] for attribute in kept if attribute.get("required")]
    schema: dict[str, Any] = {
        "type": "object",
        "properties": {attribute["name"]: _of(attribute, request=request) for attribute in kept},
    }
    if request:
        # What else may stand there is told by strictness, which discovery does not tell.
        schema["additionalProperties"] = False
    return schema | ({"required": required} if required else {})


def _asked(kind: Mapping[str, Any], known: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """A resource as it is sent: by itself, or with every extension and then named so (RFC 7643 3.3)."""
    # Members have to be ids of resources that exist, and so has a manager.
    own = [each for each in known[kind["schema"]]["attributes"] if each["name"] != "members"]
    extensions = [each["schema"] for each in kind.get("schemaExtensions", ())]
    forms = []
    for urns in [[], extensions] if extensions else [[]]:
        form = _object(own, request=True)
        form["properties"] |= {
            "schemas": {"enum": [[kind["schema"], *urns]]},
            "externalId": dict(TEXT),
        }
        for urn in urns:
            plain = [each for each in known[urn]["attributes"] if each["type"] != "complex"]
            form["properties"][urn] = _object(plain, request=True) | {"minProperties": 1}
        form["required"] = sorted({"schemas", *urns, *form.get("required", ())})
        forms.append(form)
    return {"anyOf": forms} if len(forms) > 1 else forms[0]


def _answered(kind: Mapping[str, Any], known: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """A resource as it is answered, with what is common to all of them (RFC 7643 3.1)."""
    schema = _object(known[kind["schema"]]["attributes"], request=False)
    for each in kind.get("schemaExtensions", ()):
        schema["properties"][each["schema"]] = _object(known[each["schema"]]["attributes"], request=False)
    moments = {name: {"type": "string", "format": "date-time"} for name in ("created", "lastModified")}
    meta = {
        "resourceType": {"const": kind["name"]},
        "location": {"type": "string", "format": "uri"},
        **moments,
    }
    schema["properties"] |= {
        "schemas": {"type": "array", "items": {"type": "string"}, "contains": {"const": kind["schema"]}},
        "id": {"type": "string", "minLength": 1},
        "externalId": {"type": "string"},
        "meta": {"type": "object", "properties": meta, "required": ["resourceType"]},
    }
    return schema | {"required": sorted({"schemas", "id", "meta", *schema.get("required", ())})}


# -- messages --------------------------------------------------------------------------------------------------------


def _only(urn: str) -> dict[str, Any]:
    """The schemas of a message: this one."""
    return {"type": "array", "items": {"const": urn}, "minItems": 1, "maxItems": 1}


def _error() -> dict[str, Any]:
    properties = {
        "schemas": _only(ERROR),
        "status": {"type": "string", "pattern": "^[45][0-9][0-9]$"},
        "detail": {"type": "string"},
        "scimType": {"type": "string"},
    }
    return {"type": "object", "properties": properties, "required": ["schemas", "status"]}


def _listed(item: Mapping[str, Any]) -> dict[str, Any]:
    whole = {"type": "integer", "minimum": 0}
    properties = {
        "schemas": _only(LIST),
        "totalResults": whole,
        "startIndex": {"type": "integer", "minimum": 1},
        "itemsPerPage": whole,
        "Resources": {"type": "array", "items": item},
    }
    return {"type": "object", "properties": properties, "required": ["schemas", "totalResults"]}


def _named(name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}"}


def _answer(description: str, schema: Mapping[str, Any] | None = None) -> dict[str, Any]:
    return {"description": description} | ({"content": {MEDIA: {"schema": schema}}} if schema else {})


def _answers(*errors: int, **good: dict[str, Any]) -> dict[str, Any]:
    """Answers by status (`s200=…`), and the errors, which all have the same body.

    A URL that HTTP.SYS would not take is answered by the listener, with its own page: 400 and text/html.
    """
    every = {key.removeprefix("s"): value for key, value in good.items()}
    every |= {str(status): _answer("Refused", _named("Error")) for status in (400, 401, *errors)}
    every["400"]["content"]["text/html"] = {"schema": {"type": "string"}}
    return every


def _body(schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"required": True, "content": {MEDIA: {"schema": schema}}}


def _query(name: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": False, "schema": schema}


def _texts(schema: Mapping[str, Any], *, removable: bool) -> list[str]:
    """Names of the single texts that a filter, sortBy or PATCH can name."""
    return sorted(
        attribute["name"]
        for attribute in schema["attributes"]
        if attribute["type"] == "string"
        and (attribute["mutability"], attribute["returned"]) == ("readWrite", "default")
        and not attribute.get("multiValued")
        and not (removable and attribute.get("required"))
    )


def _patch(schema: Mapping[str, Any]) -> dict[str, Any]:
    """A part of PATCH: adding, replacing and removing single texts by their names."""
    names, removable = (_texts(schema, removable=each) for each in (False, True))
    change = {
        "type": "object",
        "properties": {"op": {"enum": ["add", "replace"]}, "path": {"enum": names}, "value": dict(TEXT)},
        "required": ["op", "path", "value"],
        "additionalProperties": False,
    }
    remove = {
        "type": "object",
        "properties": {"op": {"const": "remove"}, "path": {"enum": removable}},
        "required": ["op", "path"],
        "additionalProperties": False,
    }
    operation = {"oneOf": [change, remove]} if removable else change
    properties = {
        "schemas": _only(PATCH),
        "Operations": {"type": "array", "minItems": 1, "maxItems": 5, "items": operation},
    }
    return {
        "type": "object",
        "properties": properties,
        "required": ["schemas", "Operations"],
        "additionalProperties": False,
    }


# -- paths -----------------------------------------------------------------------------------------------------------


def _resource(
    kind: Mapping[str, Any],
    known: Mapping[str, Mapping[str, Any]],
    paths: dict[str, Any],
    components: dict[str, Any],
) -> None:
    name, endpoint = kind["name"], kind["endpoint"]
    components[name] = _answered(kind, known)
    components[f"New{name}"] = _asked(kind, known)
    names = _texts(known[kind["schema"]], removable=False)
    texts = "|".join(names) or "id"
    clause = rf'({texts}) (eq|ne|co|sw|ew|gt|ge|lt|le) "[A-Za-z0-9]{{1,8}}"'
    whole = {"type": "integer"}
    options = [
        _query("filter", {"type": "string", "pattern": f"^{clause}( (and|or) {clause})?$"}),
        _query("startIndex", whole),
        _query("count", whole),
        _query("sortBy", {"enum": names or ["id"]}),
        _query("sortOrder", {"enum": ["ascending", "descending"]}),
    ]
    attributes = [
        _query("attributes", {"enum": names or ["id"]}),
        _query("excludedAttributes", {"enum": names or ["id"]}),
    ]
    # A projection leaves out what a whole resource requires.
    partial = {key: value for key, value in components[name].items() if key != "required"}
    found = _answer("The resources that match", _listed(partial))
    one, some = _answer(f"The {name}", _named(name)), _answer(f"The {name}", partial)
    made = one | {
        "headers": {"Location": {"required": True, "schema": {"type": "string"}}},
        "links": {
            f"{verb}{name}": {"operationId": f"{verb}{name}", "parameters": {"id": "$response.body#/id"}}
            for verb in ("get", "replace", "patch", "delete")
        },
    }
    where = {
        "name": "id",
        "in": "path",
        "required": True,
        "schema": {"type": "string", "pattern": "^[A-Za-z0-9-]{1,40}$"},
    }
    new, patched = _body(_named(f"New{name}")), _body(_patch(known[kind["schema"]]))
    changed = _answers(404, 409, 412, 413, 415, s200=some, s204=_answer("Done, as asked"))
    paths[endpoint] = {
        "get": {
            "operationId": f"list{name}",
            "parameters": [*options, attributes[0]],
            "responses": _answers(s200=found),
        },
        "post": {
            "operationId": f"create{name}",
            "requestBody": new,
            "responses": _answers(409, 413, 415, s201=made),
        },
    }
    paths[f"{endpoint}/{{id}}"] = {
        "parameters": [where],
        "get": {
            "operationId": f"get{name}",
            "parameters": attributes[:1],
            "responses": _answers(404, s200=some),
        },
        "put": {
            "operationId": f"replace{name}",
            "requestBody": new,
            "responses": _answers(404, 409, 412, 413, 415, s200=one),
        },
        "patch": {"operationId": f"patch{name}", "requestBody": patched, "responses": changed},
        "delete": {
            "operationId": f"delete{name}",
            "responses": _answers(404, 412, s204=_answer("Deleted")),
        },
    }
    properties = {option["name"]: option["schema"] for option in options}
    properties["schemas"] = _only(SEARCH)
    search = {
        "type": "object",
        "properties": properties,
        "required": ["schemas"],
        "additionalProperties": False,
    }
    paths[f"{endpoint}/.search"] = {
        "post": {
            "operationId": f"search{name}",
            "requestBody": _body(search),
            "responses": _answers(413, 415, s200=found),
        }
    }


def _discovery(
    kinds: Iterable[Mapping[str, Any]], known: Mapping[str, Mapping[str, Any]], paths: dict[str, Any]
) -> None:
    def described(name: str, required: list[str]) -> dict[str, Any]:
        return _answer(name, {"type": "object", "required": required})

    config = ["schemas", "patch", "bulk", "filter", "changePassword", "sort", "etag", "authenticationSchemes"]
    paths["/ServiceProviderConfig"] = {
        "get": {
            "operationId": "config",
            "responses": _answers(s200=described("What the provider can do", config)),
        }
    }
    for path, names, required in (
        ("/ResourceTypes", [kind["name"] for kind in kinds], ["schemas", "name", "endpoint", "schema"]),
        ("/Schemas", list(known), ["id", "attributes"]),
    ):
        item = {"type": "object", "required": required}
        paths[path] = {
            "get": {
                "operationId": f"list{path[1:]}",
                "responses": _answers(s200=_answer("All", _listed(item))),
            }
        }
        for name in names:
            paths[f"{path}/{quote(name, safe=':')}"] = {
                "get": {
                    "operationId": f"get {name}",
                    "responses": _answers(404, s200=described(name, required)),
                }
            }


if __name__ == "__main__":
    url, token, *rest = sys.argv[1:]
    print(json.dumps(document(Target(url, token, rest[0] if rest else None)), indent=1))
