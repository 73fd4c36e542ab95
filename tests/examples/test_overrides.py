import pytest


@pytest.fixture
def mockhost_scenario():
    return "basics/empty"


@pytest.fixture
def mockhost_tls():
    return False


@pytest.fixture
def mockhost_connector():
    return "LDAP"


def test_an_empty_directory_over_plain_http(mockhost, mockhost_client):
    assert mockhost_client.url.startswith("http://localhost:")
    assert mockhost_client.get("/Users").json()["totalResults"] == 0
    mockhost.verify(connector="LDAP", count=1)


@pytest.mark.mockhost("documented/cache_stale")
class TestAnother:
    def test_a_marker_is_nearer_than_a_fixture(self, mockhost):
        assert mockhost.scenario.client_should == "wait"
