"""What each fault of the body makes of an answer: a row for each, without a wire."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import orjson
import pytest

from mockhost.errors import UsageError
from mockhost.faults import FAULTS
from mockhost.faults.contract import Draft
from mockhost.scim.messages import ECMA_USER, ENTERPRISE_USER
from tests.faults.body.answers import (
    CREATE,
    FIND,
    Request,
    answer,
    chosen,
    context,
    core_user,
    error,
    group,
    json,
    listing,
    made,
    user,
)

Check = Callable[[Draft], object]


class Row(NamedTuple):
    """A fault, the JSON that it meets, and what must be so afterwards."""

    fault: str
    given: object
    document: object
    holds: Check
    asked: Request = FIND
    status: int = 200


def _no_json(draft: Draft) -> bool:
    try:
        orjson.loads(draft.whole_body())
    except orjson.JSONDecodeError:
        return True
    return False


def _ecma(draft: Draft) -> dict[str, Any]:
    document = json(draft)
    values: dict[str, Any] = (document["Resources"][0] if "Resources" in document else document)[ECMA_USER]
    return values


def _is(expected: object, of: Callable[[Draft], object] = json) -> Check:
    return lambda draft: of(draft) == expected


def _without(document: dict[str, Any], *names: str) -> dict[str, Any]:
    return {key: value for key, value in document.items() if key not in names}


ONE, TWO = listing(user()), listing(user(), core_user())
EMPTY = listing()
ROWS = [
    *(
        Row("malformed_json", how, document, _no_json)
        for how in ("unclosed", "trailing_comma", "unquoted_names", "python", "twice", "comment")
        for document in (ONE, user(), [], {}, [1, 2])
    ),
    Row("malformed_json", None, ONE, lambda draft: not draft.whole_body().endswith(b"}")),
    Row("malformed_json", "python", {"a": True}, lambda draft: draft.body == b"{'a': True}"),
    Row("malformed_json", "unquoted_names", {"a": 1}, lambda draft: draft.body == b"{a:1}"),
    Row("truncated_json", None, ONE, _no_json),
    Row("truncated_json", None, {"ab": 1}, lambda draft: draft.body == b'{"ab'),
    Row("truncated_json", 0, ONE, lambda draft: draft.body == b""),
    Row("truncated_json", 1.0, ONE, _no_json),
    Row("truncated_json", {"after_bytes": 3}, {"ab": 1}, lambda draft: draft.body == b'{"a'),
    Row("truncated_json", {"after_bytes": 9_999}, {"ab": 1}, lambda draft: draft.body == b'{"ab":1'),
    Row("byte_order_mark", None, {"a": 1}, lambda draft: draft.body == b'\xef\xbb\xbf{"a":1}'),
    Row("wrong_charset", None, {"a": "ö"}, lambda draft: draft.body == '{"a":"ö"}'.encode("utf-16")),
    Row("wrong_charset", "latin-1", {"a": "ö"}, lambda draft: draft.body == b'{"a":"\xf6"}'),
    Row("wrong_charset", "latin-1", {"a": "☃"}, lambda draft: draft.body == b'{"a":"?"}'),
    Row(
        "wrong_charset",
        {"actually": "windows-1252", "says": "iso-2022-jp"},
        {"a": "ö"},
        lambda draft: draft.header("Content-Type") == "application/scim+json; charset=iso-2022-jp",
    ),
    Row(
        "xml",
        None,
        ONE,
        lambda draft: draft.whole_body().startswith(b'<?xml version="1.0" encoding="utf-8"?>'),
    ),
    Row("xml", None, ONE, lambda draft: draft.header("Content-Type") == "application/xml; charset=utf-8"),
    Row(
        "xml",
        None,
        ONE,
        lambda draft: "<User><ContosoLogin>ljacobson</ContosoLogin>" in draft.whole_body().decode(),
    ),
    Row("xml", None, {"a b": "<&\x00"}, lambda draft: b"<a_b>&lt;&amp;?</a_b>" in draft.whole_body()),
    Row("xml", None, {"9": None, "x": True}, lambda draft: b"<_9/><x>true</x>" in draft.whole_body()),
    Row("xml", {"root": "List"}, [{"id": "1"}], lambda draft: b"<List><Resource><id>1" in draft.whole_body()),
    Row(
        "xml",
        {"keep_content_type": True},
        ONE,
        lambda draft: str(draft.header("Content-Type")).startswith("application/scim+json"),
    ),
    Row("missing_schemas", None, user(), _is(_without(user(), "schemas"))),
    Row("missing_schemas", None, ONE, lambda draft: b'schemas"' not in draft.whole_body()),
    Row("missing_schemas", "message", ONE, _is(_without(ONE, "schemas"))),
    Row("missing_schemas", "message", user(), _is(user())),
    Row("missing_schemas", "resources", ONE, _is(listing(_without(user(), "schemas")))),
    Row("missing_resources", None, TWO, _is(_without(TWO, "Resources"))),
    Row("missing_resources", None, user(), _is(user())),
    Row("lying_totals", None, ONE, _is({**ONE, "totalResults": 2})),
    Row("lying_totals", {"add": -1}, ONE, _is({**ONE, "totalResults": 0})),
    Row("lying_totals", {"total_results": {"add": 5}}, EMPTY, _is({**EMPTY, "totalResults": 5})),
    Row("lying_totals", 7, TWO, _is({**TWO, "totalResults": 7})),
    Row("lying_totals", {"items_per_page": 20}, TWO, _is({**TWO, "itemsPerPage": 20})),
    Row("lying_totals", {"start_index": {"add": 1}}, TWO, _is({**TWO, "startIndex": 2})),
    Row("lying_totals", "returned", {**ONE, "totalResults": 90}, _is(ONE)),
    Row("lying_totals", None, user(), _is(user())),
    Row("numbers_as_strings", None, ONE, lambda draft: json(draft)["totalResults"] == "1"),
    Row("numbers_as_strings", None, ONE, lambda draft: _ecma(draft)["Level"] == "3"),
    Row("numbers_as_strings", "level", ONE, lambda draft: json(draft)["totalResults"] == 1),
    Row("numbers_as_strings", "level", ONE, lambda draft: _ecma(draft)["Level"] == "3"),
    Row("numbers_as_strings", {"booleans": True}, user(), lambda draft: json(draft)["active"] == "True"),
    Row("numbers_as_strings", None, user(), lambda draft: json(draft)["active"] is True),
    Row("strings_as_numbers", None, ONE, lambda draft: _ecma(draft)["textID"] == 100),
    Row("strings_as_numbers", "employeeNumber", core_user(), lambda draft: json(draft)["id"] == "2819"),
    Row("strings_as_numbers", None, core_user(), lambda draft: json(draft)["id"] == 2819),
    Row(
        "strings_as_numbers",
        None,
        {"a": "-1.5", "b": "9" * 30, "c": "1e999"},
        _is({"a": -1.5, "b": 1e30, "c": "1e999"}),
    ),
    Row("null_list", None, TWO, _is({**TWO, "Resources": None})),
    Row("null_list", None, EMPTY, _is({**EMPTY, "Resources": None})),
    Row("null_list", "EMAILS", core_user(), _is({**core_user(), "emails": None})),
    Row("null_list", "objectclass", ONE, lambda draft: _ecma(draft)["objectClass"] is None),
    Row("null_list", "members", listing(group()), _is(listing({**group(), "members": None}))),
    Row("null_list", "userName", core_user(), _is(core_user())),
    Row("missing_id", None, TWO, _is(listing(_without(user(), "id"), _without(core_user(), "id")))),
    Row("missing_id", None, user(), _is(_without(user(), "id")), CREATE, 201),
    Row("missing_id", None, [group()], _is([_without(group(), "id")])),
    Row("changed_id", None, user(), lambda draft: len(json(draft)["id"]) == 36),
    Row("changed_id", None, TWO, lambda draft: len({each["id"] for each in json(draft)["Resources"]}) == 2),
    Row("changed_id", "other_case", user(), _is({**user(), "id": "LJACOBSON"})),
    Row("changed_id", "trailing_blank", user(), _is({**user(), "id": "ljacobson "})),
    Row("changed_id", {"to": "value"}, user(), _is({**user(), "id": "ljacobson-1"})),
    Row("changed_id", {"to": "value", "value": "x"}, user(), _is({**user(), "id": "x"})),
    Row("dropped_attributes", None, user(), _is({key: user()[key] for key in ("schemas", "id", "meta")})),
    Row("dropped_attributes", "FIRSTNAME", ONE, lambda draft: "FirstName" not in _ecma(draft)),
    Row("dropped_attributes", f"{ECMA_USER}:FirstName", ONE, lambda draft: "LastName" in _ecma(draft)),
    Row(
        "dropped_attributes",
        ["name.givenName"],
        core_user(),
        lambda draft: json(draft)["name"] == {"familyName": "Jensen"},
    ),
    Row(
        "dropped_attributes",
        ["id", "members.value"],
        group(),
        lambda draft: json(draft)["members"][0] == {"display": "Babs"},
    ),
    Row(
        "renamed_attributes",
        {"firstname": "GivenName"},
        ONE,
        lambda draft: list(_ecma(draft))[1] == "GivenName",
    ),
    Row(
        "renamed_attributes",
        {"emails.value": "mail"},
        core_user(),
        lambda draft: json(draft)["emails"][1]["mail"],
    ),
    Row(
        "renamed_attributes",
        {"userName": "id"},
        core_user(),
        lambda draft: json(draft)["id"] == "bjensen@example.com",
    ),
    Row("renamed_attributes", {"Nobody": "x"}, user(), _is(user())),
    Row("recased_attributes", None, EMPTY, lambda draft: json(draft)["totalresults"] == 0),
    Row("recased_attributes", "camel", user(), lambda draft: _ecma(draft)["firstName"] == "Lisa"),
    Row(
        "recased_attributes",
        "pascal",
        core_user(),
        lambda draft: json(draft)["Name"]["GivenName"] == "Barbara",
    ),
    Row(
        "recased_attributes",
        {"to": "upper", "attributes": "id"},
        user(),
        lambda draft: json(draft)["ID"] == "ljacobson",
    ),
    Row("recased_attributes", None, user(), lambda draft: ECMA_USER in json(draft)),
    Row(
        "manager_as_string",
        None,
        core_user(),
        lambda draft: json(draft)[ENTERPRISE_USER]["manager"] == "26118915",
    ),
    Row("manager_as_string", None, user(), _is(user())),
    Row("manager_as_string", "x", user(), lambda draft: json(draft)[ENTERPRISE_USER] == {"manager": "x"}),
    Row("manager_as_string", "x", user(), lambda draft: ENTERPRISE_USER in json(draft)["schemas"]),
    Row(
        "manager_as_string",
        {"attributes": "members"},
        group(),
        lambda draft: json(draft)["members"] == ["2819", "902c"],
    ),
    Row("several_resources", None, ONE, _is(listing(user(), {**user(), "id": "ljacobson-2"}))),
    Row("several_resources", 3, ONE, lambda draft: json(draft)["totalResults"] == 3),
    Row("several_resources", None, TWO, _is(TWO)),
    Row("several_resources", None, EMPTY, _is(EMPTY)),
    Row("several_resources", {"same_id": True}, user(), _is(listing(user(), user()))),
    Row("several_resources", {"of_one": "array"}, group(), lambda draft: len(json(draft)) == 2),
    Row("reformatted_values", None, ONE, lambda draft: _ecma(draft)["FirstName"] == "Lisa  "),
    Row("reformatted_values", None, user(), lambda draft: json(draft)["id"] == "ljacobson"),
    Row(
        "reformatted_values",
        "phone",
        core_user(),
        lambda draft: json(draft)["phoneNumbers"][0]["value"] == "(425) 555-0100",
    ),
    Row(
        "reformatted_values",
        "phone",
        core_user(),
        lambda draft: json(draft)["userName"] == "bjensen@example.com",
    ),
    *(
        Row("reformatted_values", "phone", {"a": before}, _is({"a": before}))
        for before in ("701984", "2026-11-28", "12 High Street", "10.0.0.1", "1 425 555 0100")
    ),
    *(
        Row("reformatted_values", "phone", {"mobilePhone": before}, _is({"mobilePhone": after}))
        for before, after in (
            ("+44 20 7946 0958", "+442079460958"),
            ("+442079460958", "+442 079 460 958"),
            ("+1 425 555 0100", "(425) 555-0100"),
            ("(425) 555-0100", "4255550100"),
            ("555-0100", "5550100"),
            ("2026-11-28 or so", "2026-11-28 or so"),
            ("+1234567890123456", "+1234567890123456"),
        )
    ),
    Row(
        "reformatted_values",
        {"how": "phone", "attributes": "employeeNumber"},
        {"employeeNumber": "701984"},
        _is({"employeeNumber": "701 984"}),
    ),
    Row(
        "reformatted_values",
        {"how": "upper", "attributes": "lastname"},
        user(),
        lambda draft: _ecma(draft)["LastName"] == "JACOBSÖN",
    ),
    Row(
        "reformatted_values", "decomposed", user(), lambda draft: _ecma(draft)["LastName"] == "Jacobso\u0308n"
    ),
    Row("reformatted_values", "html", {"a": "O'Connor & Co"}, _is({"a": "O&#39;Connor &amp; Co"})),
    Row(
        "conflict",
        None,
        user(),
        lambda draft: draft.status == 409 and json(draft)["scimType"] == "uniqueness",
        CREATE,
    ),
    Row("conflict", None, user(), lambda draft: "bob" in json(draft)["detail"], CREATE),
    Row("conflict", "Taken.", user(), lambda draft: json(draft)["detail"] == "Taken.", CREATE),
    Row("conflict", {"scim_type": ""}, user(), lambda draft: "scimType" not in json(draft), CREATE),
    Row("conflict", None, ONE, _is(ONE)),
    Row("error_with_200", None, ONE, lambda draft: (draft.status, json(draft)["status"]) == (200, "500")),
    Row("error_with_200", 409, ONE, lambda draft: json(draft)["status"] == "409"),
    Row(
        "error_with_200",
        None,
        json(error(404, "Gone.", None)),
        lambda draft: json(draft)["detail"] == "Gone.",
        FIND,
        404,
    ),
]
OF_THE_GROUP = [name for name, kind in FAULTS.items() if kind == "body"]


def _draft(row: Row) -> Draft:
    return answer(row.document, row.status)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.fault} {row.given}")
def test_what_it_makes_of_an_answer(row: Row) -> None:
    draft = made(row.fault, row.given, _draft(row), context(row.asked))
    assert row.holds(draft), draft.whole_body()


def test_every_fault_of_the_group_has_a_row() -> None:
    assert {row.fault for row in ROWS} == set(OF_THE_GROUP)


@pytest.mark.parametrize("name", OF_THE_GROUP)
def test_what_it_says_of_itself(name: str) -> None:
    """The name is the module's, the title is a phrase, and every parameter is described."""
    fault = chosen(name, chosen_example(name)).fault
    assert (fault.name, fault.group) == (name, "body")
    assert fault.title[0].isupper()
    assert not fault.title.endswith(".")
    assert all(fault.descriptions.values())
    assert fault.main is None or fault.main in fault.parameters
    assert not fault.closes


def chosen_example(name: str) -> object:
    """The parameters that the documentation shows."""
    from mockhost import faults

    return faults.find(name).example


NOT_JSON = [
    b"",
    b"<html></html>",
    b"\xff\xfe{",
    b"7",
    b'"text"',
    b"null",
    b"{",
    b"[" * 5_000,
    b'{"a":' * 300 + b"1" + b"}" * 300,
]


@pytest.mark.parametrize(
    "name", sorted(set(OF_THE_GROUP) - {"error_with_200", "conflict", "byte_order_mark", "wrong_charset"})
)
@pytest.mark.parametrize("body", NOT_JSON, ids=range(len(NOT_JSON)))
def test_what_is_no_document_passes_as_it_is(name: str, body: bytes) -> None:
    """Bodies that are no JSON object or array; and one nested too deeply to change its values, but not its text."""
    draft = Draft(200, (("Content-Type", "text/plain"), ("Content-Length", str(len(body)))), body)
    after = made(name, chosen_example(name), draft)
    assert after == draft or (body.startswith(b'{"a":') and _no_json(after))


def test_an_answer_in_pieces_is_whole_again_afterwards() -> None:
    """Also where the fault changes nothing: pieces can be read once only."""
    body = orjson.dumps(user())
    for name in OF_THE_GROUP:
        pieces = (body[place : place + 7] for place in range(0, len(body), 7))
        draft = made(name, chosen_example(name), Draft(200, (("Content-Type", "x/y"),), pieces))
        assert draft.whole_body(), name
    assert made("missing_resources", None, Draft(200, (), iter((body, body)))).whole_body() == body + body
    mark = made("byte_order_mark", None, Draft(200, (), iter((b"{", b"}"))))
    assert not isinstance(mark.body, bytes)
    assert mark.whole_body() == b"\xef\xbb\xbf{}"
    assert made("byte_order_mark", None, Draft(204, (), iter(()))).whole_body() == b""


def test_a_length_of_the_old_body_does_not_stay() -> None:
    draft = answer(user()).with_header("Content-Length", "999")
    assert made("missing_id", None, draft).header("Content-Length") is None


@pytest.mark.parametrize(
    ("name", "given", "words"),
    [
        ("malformed_json", "badly", "one of unclosed"),
        ("truncated_json", 1.5, "from 0 to 1"),
        ("wrong_charset", {"says": "utf 8"}, "charset"),
        ("xml", {"root": "a b"}, "element"),
        ("xml", {"root": ""}, "element"),
        ("lying_totals", "many", "whole number"),
        ("lying_totals", {"add": 1.5}, "whole number"),
        ("lying_totals", {"start_index": True}, "whole number"),
        ("lying_totals", {"totalResults": 1}, "whole number"),
        ("lying_totals", {"items_per_page": 1 << 60}, "whole number"),
        ("renamed_attributes", None, "needs its parameter"),
        ("renamed_attributes", {"names": {}}, "says nothing"),
        ("renamed_attributes", {"names": {"a": 1}}, "maps names to names"),
        ("several_resources", 1, "from 2 to 1000"),
        ("conflict", {"detail": 7}, "a text"),
        ("error_with_200", {"status": 404}, "from 200 to 299"),
    ],
)
def test_what_can_not_be_is_refused_when_it_is_said(name: str, given: object, words: str) -> None:
    with pytest.raises(UsageError) as refused:
        chosen(name, given)
    assert words in str(refused.value)


def test_a_conflict_means_that_nothing_was_written() -> None:
    assert chosen("conflict").write == "not_applied"
    assert {chosen(name, chosen_example(name)).write for name in OF_THE_GROUP if name != "conflict"} == {
        "applied"
    }


def test_another_id_each_time_and_the_same_ones_again() -> None:
    ids = [json(made("changed_id", None, answer(user()), context(ordinal=n)))["id"] for n in (1, 2, 1)]
    assert ids[0] == ids[2] != ids[1]
