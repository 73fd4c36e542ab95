"""A client that nobody here wrote, against everything that can go wrong: python-scim's scim2-client."""

import ssl

import pytest

httpx2 = pytest.importorskip("httpx2")
pytest.importorskip("scim2_client")

from scim2_client import SCIMClientException  # noqa: E402 - it is here only where it is installed
from scim2_client.engines.httpx2 import SyncSCIMClient  # noqa: E402
from scim2_models import URN, Extension, ResourceType, SCIMException, ScimProvider, SearchRequest, User  # noqa: E402


class Employee(Extension):
    __schema__ = URN("urn:ietf:params:scim:schemas:extension:ECMA2Host:2.0:User")
    ContosoLogin: str | None = None
    FirstName: str | None = None
    LastName: str | None = None
    Email: str | None = None
    textID: str | None = None


Person = User[Employee]
LISA = SearchRequest(filter='ContosoLogin eq "ljacobson"')


@pytest.fixture
def client(mockhost):
    told = mockhost.told()
    trust = ssl.create_default_context(cafile=told.ca_file)
    headers = {"Authorization": f"Bearer {told.secret_token}"}
    provider = ScimProvider(models=[User, Employee], resource_types=[ResourceType.from_resource(Person)])
    with httpx2.Client(
        base_url=told.url, headers=headers, verify=trust, trust_env=False, timeout=0.5
    ) as http:
        yield SyncSCIMClient(http, provider=provider)


def ids(client):
    return [each.id for each in client.query(Person, LISA).resources or []]


def test_it_works_with_a_healthy_host(mockhost, client):
    assert ids(client) == ["ljacobson"]
    user = client.query(Person, "ljacobson")
    user[Employee].FirstName = "Elisa"
    assert client.replace(user)[Employee].FirstName == "Elisa"
    assert mockhost.objects("SQL", FirstName="Elisa")


@pytest.mark.mockhost_each(
    shelf=["documented", "faults"],
    exclude="faults/several_resources",  # who asked has to count; the library can't know that one was meant
    xfail={"faults/lying_totals": "it does not miss the user who is counted and not there"},
)
def test_what_it_finds_is_whole_and_right_or_it_says_why_not(client):
    try:
        found = client.query(Person, LISA)
    except (SCIMClientException, SCIMException):
        return
    assert found.total_results == len(found.resources or [])
    assert {each.id for each in found.resources or []} <= {"ljacobson", None}


@pytest.mark.xfail(
    strict=True, reason="it does not compare the id that it asked for with the one that it got"
)
def test_an_answer_about_somebody_else_is_not_taken(mockhost, client):
    mockhost.fail_next("get_user", fault="changed_id")
    try:
        user = client.query(Person, "ljacobson")
    except (SCIMClientException, SCIMException):
        return
    assert user.id == "ljacobson"


@pytest.mark.xfail(
    strict=True, reason="a replace that is answered with another id changes the id of one's own object"
)
def test_an_answer_does_not_make_it_work_on_somebody_else(mockhost, client):
    user = client.query(Person, "ljacobson")
    mockhost.fail_next("replace_user", fault="changed_id")
    user = client.replace(user)
    assert user.id == "ljacobson"
