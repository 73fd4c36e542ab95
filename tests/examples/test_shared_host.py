"""One host for a whole module, as docs/how-to/pytest.md shows it."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.mockhost("basics/healthy")


@pytest.fixture(scope="module")
def client(mockhost_module):
    with mockhost_module.session() as session:
        yield session


def test_the_next_request_fails(mockhost_module, client):
    mockhost_module.fail_next("schemas")
    assert client.get(f"{mockhost_module.url()}/Schemas").status_code == 503


def test_the_rule_is_gone(mockhost_module, client):
    assert client.get(f"{mockhost_module.url()}/Schemas").status_code == 200
    mockhost_module.verify(operation="schemas", status=200, count={"at_least": 1})
