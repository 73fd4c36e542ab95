"""The scenario that `mockhost init` writes: small, valid, and with a comment beside whatever one may want next."""

from __future__ import annotations

import json

SCHEMA_NAME = "mockhost.schema.json"

_TEXT = """\
# yaml-language-server: $schema={schema}
# The line above gives editors completion and descriptions; `mockhost schema` prints the schema.
#
# Try:  mockhost validate {file}    what is wrong with this file, all at once
#       mockhost check {file}       plays expect, cure and cured
#       mockhost serve {file}       a host that behaves as described here

format: 1
extends: {parent}            # its connectors, data and settings; 'mockhost scenarios show {parent}' tells of them
title: The first import takes its time
why: >
  The listener is up before the cache is filled. Until the first full import has ended, the host can't answer.
cause: import_running              # one word that stays: what a diagnosis should find
client_should: wait                # fix_configuration | wait | retry | report | nothing
tags: [mine]

# clock: {{mode: frozen}}            # frozen: time passes when someone advances it; wall: by itself
# seed: 7                          # another seed, other generated values
# vars: {{token: {{env: SQL_TOKEN, default: correct-horse-battery}}}}    # then ${{token}} in any text

# host:
#   debug: true                    # appSettings/Debug: opens /cache to all, needs no token
#   service: stopped               # running | stopped
#   tls: expired                   # wrong_name | untrusted | not_yet_valid | wrong_usage | none | plain_http

connectors:
  {connector}:
    import: {{full_takes: 3m}}       # on the virtual clock: 'mockhost control clock advance 4m' ends it
    # system:
    #   people: 200                # a crowd beside the objects of the parent
  # LDAP: null                     # null removes what the parent has

# client:                          # what the client was told, where that is not the truth
#   {connector}: {{secret_token: the-old-one}}

# timeline:                        # what happens behind the host's back; these columns are those of basics/healthy
#   - {{at: 10m, change: {{{connector}: {{insert: [{{ContosoLogin: bob, FirstName: Bob, LastName: Kelly}}]}}}}}}

# rules:                           # answers that stand instead of the host's; the first match wins
#   - name: no user can be created
#     when: {{operation: create_user}}
#     reply: {{status: 500}}

expect:                            # the symptom, as the client sees it
  - {{send: test_connection, gets: {{status: 503, detail: {{contains: currently importing}}}}}}
cure:                              # what one does about it
  - {{advance: 4m}}
cured:                             # what holds afterwards
  - {{send: test_connection, gets: {{status: 200, totalResults: 0}}}}
"""


def text(
    schema: str = SCHEMA_NAME,
    *,
    parent: str = "basics/healthy",
    connector: str = "SQL",
    file: str = "FILE",
) -> str:
    """The starter file as YAML.

    schema: where editors find the JSON Schema, a URL or a file. parent: what it extends; connector: one of the
    parent's. file: what its comments call it.
    """
    return _TEXT.format(schema=schema, parent=parent, connector=connector, file=file)


def as_json(schema: str = SCHEMA_NAME, *, parent: str = "basics/healthy", connector: str = "SQL") -> str:
    """The same as JSON, which has no room for comments."""
    symptom = {"status": 503, "detail": {"contains": "currently importing"}}
    document = {
        "$schema": schema,
        "format": 1,
        "extends": parent,
        "title": "The first import takes its time",
        "cause": "import_running",
        "client_should": "wait",
        "tags": ["mine"],
        "connectors": {connector: {"import": {"full_takes": "3m"}}},
        "expect": [{"send": "test_connection", "gets": symptom}],
        "cure": [{"advance": "4m"}],
        "cured": [{"send": "test_connection", "gets": {"status": 200, "totalResults": 0}}],
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
