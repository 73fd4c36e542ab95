import pytest
from directory import URN, Directory, Misconfigured, Unavailable


@pytest.fixture
def directory(mockhost_client):
    return Directory(mockhost_client, pause=lambda seconds: None)


def test_finds_a_person(directory):
    assert directory.find("ljacobson")["id"] == "ljacobson"
    assert directory.find("nobody") is None


def test_creates_a_person(directory, mockhost):
    assert directory.create("bob", "Bob", "Kelly") == "bob"
    assert mockhost.objects("SQL", ContosoLogin="bob")
    mockhost.verify(operation="create_user", attributes={"FirstName": "Bob"}, count=1)


# 1
@pytest.mark.mockhost("documented/secret_token_mismatch")
def test_a_wrong_secret_token_is_not_tried_again(directory, mockhost):
    with pytest.raises(Misconfigured, match="401"):
        directory.find("ljacobson")
    mockhost.verify(operation="find_users", count=1)


# 2
@pytest.mark.mockhost("documented/certificate_expired")
def test_an_expired_certificate_is_not_tried_again(directory, mockhost):
    with pytest.raises(Misconfigured, match="expired"):
        directory.find("ljacobson")
    assert len(mockhost.journal.connections) == 1


# 3
@pytest.mark.mockhost("documented/service_stopped")
def test_a_stopped_service_is_tried_again(directory, mockhost):
    directory.pause = lambda seconds: mockhost.service("start")
    assert directory.find("ljacobson")


# 4
@pytest.mark.mockhost("documented/first_import_running")
def test_the_end_of_an_import_is_waited_for(directory, mockhost):
    directory.pause = lambda seconds: mockhost.clock.advance("4m")
    assert directory.find("ljacobson")
    mockhost.verify(order=[{"status": 503}, {"status": 200}])


# 5
def test_two_errors_in_a_row_are_overcome(directory, mockhost):
    mockhost.fail_next("find_users", times=2)
    assert directory.find("ljacobson")


# 6
def test_three_errors_in_a_row_are_not(directory, mockhost):
    mockhost.fail_next("find_users", times=3)
    with pytest.raises(Unavailable, match="503"):
        directory.find("ljacobson")


# 7
def test_nobody_is_created_twice_when_the_answer_is_lost(directory, mockhost):
    mockhost.fail_next("create_user", fault="connection_reset", write="applied")
    assert directory.create("bob", "Bob", "Kelly") == "bob"
    assert len(mockhost.objects("SQL", ContosoLogin="bob")) == 1
    mockhost.verify(order=[{"operation": "create_user"}, {"status": 409}, {"operation": "find_users"}])


# 8
def test_who_hangs_is_not_waited_for(directory, mockhost):
    mockhost.fail_next("find_users", fault="hang")
    assert directory.find("ljacobson")


# 9
@pytest.mark.mockhost("faults/rate_limit")
def test_too_many_requests_are_spread(directory, mockhost):
    pauses = []
    directory.pause = lambda seconds: (pauses.append(seconds), mockhost.clock.advance(seconds))
    for _ in range(3):
        assert directory.find("ljacobson")
    assert 5 in pauses


# 10
@pytest.mark.parametrize("fault", ["html", "truncated_json", "truncated_body", "missing_resources"])
def test_nonsense_is_not_taken_for_an_answer(directory, mockhost, fault):
    mockhost.fail_next("find_users", fault=fault, times=3)
    with pytest.raises(Unavailable):
        directory.find("ljacobson")


# and everything else
@pytest.mark.mockhost_each(shelf="documented")
def test_whatever_is_wrong_it_is_one_of_two_errors(directory):
    try:
        found = directory.find("ljacobson")
    except (Misconfigured, Unavailable):
        return
    assert found is None or found[URN]["ContosoLogin"] == "ljacobson"
