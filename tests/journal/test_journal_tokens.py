"""Secret tokens are found in rules, wherever a rule can have them, and nothing else is taken for one."""

from __future__ import annotations

import pytest

from mockhost.journal.secrets import tokens_in


@pytest.mark.parametrize(
    ("document", "tokens"),
    [
        ({"fault": {"token_rotated": "t-1"}}, ["t-1"]),
        ({"fault": {"token_rotated": {"token": "t-1", "connector": "SQL"}}}, ["t-1"]),
        ({"fault": "token_rotated"}, []),
        ({"fault": {"token_rotated": {"connector": "SQL"}}}, []),
        ({"sequence": [{"fault": ["html", {"token_rotated": "t-1"}]}, {"reply": "normal"}]}, ["t-1"]),
        ({"set": {"connectors.SQL.secret_token": "t-1", "host.debug": True}}, ["t-1"]),
        ({"set": {"client": {"SQL": {"secret_token": "t-1"}}}}, ["t-1"]),
        ({"Rotated": {"set": {"client.SQL.secret_token": "t-1"}}, "Started": {}}, ["t-1"]),
        ([{"at": 60, "set": {"connectors.SQL": {"secret_token": "t-1"}}}], ["t-1"]),
        ({"when": {"header": {"Authorization": "Bearer t-1"}}}, ["t-1"]),
        ({"when": {"header": {"AUTHORIZATION": ["Bearer t-1", "t-2"]}}}, ["t-1", "t-2"]),
        ({"when": {"header": {"Proxy-Authorization": {"not": {"equals": "Basic t-1"}}}}}, ["t-1"]),
        ({"when": {"header": {"Authorization": {"starts_with": "Bearer "}}}}, []),
        ({"when": {"header": {"Authorization": {"absent": True}}}}, []),
        ({"when": {"header": {"User-Agent": "curl"}, "attributes": {"ContosoLogin": "bob"}}}, []),
        ({"reply": {"headers": {"Authorization": "Bearer t-1"}, "body": {"token": "shown"}}}, ["t-1"]),
        ({"set": {"connectors.SQL.secret_token": None}}, []),
        ({}, []),
    ],
)
def test_tokens_are_found(document: object, tokens: list[str]) -> None:
    assert tokens_in(document) == tokens
