import pytest
import requests

URN = "urn:ietf:params:scim:schemas:extension:ECMA2Host:2.0:User"


@pytest.mark.mockhost("documented/first_import_running")
def test_waits_for_the_import(mockhost, mockhost_client):
    assert mockhost_client.get("/Users").status_code == 503
    mockhost.clock.advance("4m")
    assert mockhost_client.get("/Users").status_code == 200


def test_an_answer_is_lost(mockhost, mockhost_client):
    mockhost.fail_next("create_user", fault="connection_reset", write="applied")
    bob = {URN: {"ContosoLogin": "bob", "FirstName": "Bob", "LastName": "Kelly"}}
    with pytest.raises(requests.ConnectionError):
        mockhost_client.post("/Users", json=bob)
    assert mockhost.objects(ContosoLogin="bob")  # the user was created all the same
