"""A reply that a function computes: on a host of this process only, as docs/how-to/pytest.md shows it."""

from __future__ import annotations

URN = "urn:ietf:params:scim:schemas:extension:ECMA2Host:2.0:User"


def test_a_client_that_sends_no_employee_number(mockhost, mockhost_client):
    def reply(request):
        if request.attribute("EmployeeID") is None:
            return {"status": 400, "body": {"detail": f"no EmployeeID in try {request.match}"}}
        return "normal"

    mockhost.fail_next("create_user", reply=reply)
    answer = mockhost_client.post("/Users", json={"schemas": [URN], URN: {"ContosoLogin": "ann1"}})
    assert answer.json() == {"detail": "no EmployeeID in try 1"}
    assert not mockhost.objects("SQL", ContosoLogin="ann1")
