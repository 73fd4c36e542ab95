"""Crowds: the same people every time, made when asked for, and patterns that can't surprise."""

from __future__ import annotations

import importlib.metadata
import subprocess
import sys
from itertools import islice
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from mockhost import MockHost
from mockhost.cli.verbs import mockhost
from mockhost.errors import ScenarioError, UsageError
from mockhost.people import POOL, Crowd, provider_problem

COLUMNS = ("ContosoLogin", "FirstName", "LastName", "Email", "IsActive")
SET = {"ContosoLogin": "user{n:07d}", "Email": "{FirstName}.{LastName}@contoso.example"}
FILL = {"FirstName": "first_name", "LastName": "last_name"}


def crowd(count: int = 1000, seed: int = 7) -> Crowd:
    """The usual crowd."""
    return Crowd(seed, count, COLUMNS, SET, FILL)


# -- the same people every time ----------------------------------------------------------------------------------


def test_a_person_is_the_same_in_every_crowd_of_a_seed() -> None:
    """However many there are, and in whatever order they are asked for."""
    small, large = crowd(10), crowd(1_000_000)
    assert [small[n] for n in reversed(range(10))] == [large[n] for n in reversed(range(10))]


def test_another_seed_makes_other_people() -> None:
    """Chance is the seed's, and of nothing else."""
    assert [person[1:3] for person in crowd(50)] != [person[1:3] for person in crowd(50, seed=8)]


def test_columns_do_not_disturb_each_other() -> None:
    """A column added or moved leaves the others as they were."""
    alone = Crowd(7, 100, ("LastName",), {}, {"LastName": "last_name"})
    assert list(alone.column(0)) == list(crowd(100).column(2))


def test_two_columns_of_one_provider_pick_apart() -> None:
    """First and middle name come from one pool and are not the same name."""
    both = Crowd(7, 200, ("a", "b"), {}, {"a": "first_name", "b": "first_name"})
    assert sum(first == second for first, second in both) < 20


def test_a_new_process_makes_the_same_people() -> None:
    """Nothing depends on the order of hashing or on what ran before."""
    code = (
        "from mockhost.people import Crowd\n"
        "print(Crowd(7, 3, ('a', 'b'), {'b': '{a}{n}'}, {'a': 'last_name'})[:])"
    )
    runs = {
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
        for _ in range(2)
    }
    here = Crowd(7, 3, ("a", "b"), {"b": "{a}{n}"}, {"a": "last_name"})
    assert runs == {f"{here[:]}\n"}


def test_without_fill_faker_is_never_imported() -> None:
    """It costs a tenth of a second, which only those pay who ask for it."""
    code = (
        "import sys\n"
        "from mockhost.people import Crowd\n"
        "people = Crowd(7, 100, ('a', 'b'), {'a': 'user{n}'}, {})\n"
        "assert people[5] == ('user5', None) and len(list(people.column(0))) == 100\n"
        "people.prepare()\n"
        "assert 'faker' not in sys.modules\n"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# -- a sequence --------------------------------------------------------------------------------------------------


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 40), st.integers(-50, 50))
def test_a_crowd_is_indexed_like_a_list(count: int, index: int) -> None:
    """Negative numbers and the end included."""
    people = crowd(count)
    listed = list(people)
    assert len(people) == len(listed) == count
    if -count <= index < count:
        assert people[index] == listed[index]
    else:
        with pytest.raises(IndexError):
            people[index]
    assert people[index:] == listed[index:]


def test_rows_columns_and_iteration_agree() -> None:
    """Three ways to the same values, of which two take short cuts."""
    people = crowd(300)
    rows = [people[n] for n in range(300)]
    assert list(people) == rows
    assert list(zip(*(people.column(i) for i in range(len(COLUMNS))), strict=True)) == rows


def test_a_crowd_without_columns_still_has_people() -> None:
    """They are merely empty."""
    assert list(Crowd(7, 3, ())) == [(), (), ()]


def test_a_million_people_take_no_room() -> None:
    """The millionth is made alone, without the others."""
    people = Crowd(7, 1_000_000, ("ContosoLogin",), {"ContosoLogin": "user{n:07d}"})
    assert people[999_999] == ("user0999999",)
    assert people[-1] == ("user0999999",)
    assert list(islice(people.column(0), 2)) == ["user0000000", "user0000001"]


def test_a_column_that_nothing_describes_is_empty() -> None:
    """None, as a column without a value is everywhere."""
    assert set(crowd(10).column(4)) == {None}


def test_a_value_that_is_no_text_is_a_constant() -> None:
    """True stays True, not its name."""
    people = Crowd(7, 2, ("IsActive", "Age", "Nothing"), {"IsActive": True, "Age": 5, "Nothing": None})
    assert list(people) == [(True, 5, None)] * 2


def test_pools_have_many_values() -> None:
    """Names repeat in a crowd, but not all the time."""
    names = set(crowd(20_000).column(1))
    assert POOL // 2 < len(names) <= POOL


# -- patterns ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pattern", "value"),
    [
        ("user{n:07d}", "user0000042"),
        ("{n}", "42"),
        ("{n:x}", "2a"),
        ("{n:>5}", "   42"),
        ("{{n}} {n}", "{n} 42"),
        ("plain", "plain"),
        ("", ""),
        ("{n}-{n}", "42-42"),
        ("{-dn-}!", "CN=42!"),
        ("{-dn-:.2}", "CN"),
        ("{-dn-:_<8}", "CN=42___"),
    ],
)
def test_a_pattern_is_filled(pattern: str, value: str) -> None:
    """The person's number, and other columns whatever they are called."""
    people = Crowd(7, 100, ("x", "-dn-"), {"x": pattern, "-dn-": "CN={n}"})
    assert people[42] == (value, "CN=42")
    assert list(people.column(0))[42] == value


def test_patterns_may_build_on_each_other() -> None:
    """In any order of columns."""
    people = Crowd(7, 3, ("c", "b", "a"), {"c": "{b}{a}", "b": "{a}{a}", "a": "{n}"})
    assert people[2] == ("222", "22", "2")


def test_a_pattern_sees_what_the_column_shows() -> None:
    """An e-mail address fits the names beside it."""
    for _, first, last, email, _ in crowd(50):
        assert email == ".".join(map(str, (first, last))) + "@contoso.example"


@pytest.mark.parametrize(
    ("pattern", "what"),
    [
        ("{nn}", "{nn} is not a column with values; did you mean 'n'?"),
        ("{FirstNam}", "did you mean 'FirstName'?"),
        ("{Empty}", "{Empty} is not a column with values"),
        ("{n.__class__}", "is not a column"),
        ("{n[0]}", "is not a column"),
        ("{}", "is not a column"),
        ("{0}", "is not a column"),
        ("{n!r}", "the form of {n} is not understood"),
        ("{n:{FirstName}}", "the form of {n} is not understood"),
        ("{n:99999999d}", "the form of {n} is not understood"),
        ("{FirstName:.99999999}", "the form of {FirstName} is not understood"),
        ("{FirstName:d}", "FirstName:.1"),
        ("{n:s}", "{n:07d}"),
        ("{n", "write {{ and }} for braces"),
        ("n}", "write {{ and }} for braces"),
    ],
)
def test_a_pattern_that_cannot_be_is_refused_at_once(pattern: str, what: str) -> None:
    """With the pattern, its column and a way out; never with attributes of objects or gigabytes of blanks."""
    with pytest.raises(UsageError) as caught:
        Crowd(7, 1, ("x", "FirstName", "Empty"), {"x": pattern, "FirstName": "{n}"})
    assert f"the pattern {pattern!r} of the column 'x'" in str(caught.value)
    assert what in str(caught.value)


def test_patterns_that_need_each_other_are_refused() -> None:
    """The message shows the way round."""
    with pytest.raises(UsageError, match="a -> b -> c -> a"):
        Crowd(7, 1, ("a", "b", "c"), {"a": "{b}", "b": "{c}", "c": "{a}"})
    with pytest.raises(UsageError, match="a -> a"):
        Crowd(7, 1, ("a",), {"a": "{a}"})


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="{}n:07dab!.[]<> \0é", max_size=12))
def test_any_pattern_works_for_everybody_or_for_nobody(pattern: str) -> None:
    """What was accepted never fails later."""
    try:
        people = Crowd(7, 1_000_000, ("a", "b"), {"a": pattern, "b": "x{n}"})
    except UsageError:
        return
    for n in (0, 7, 999_999):
        assert isinstance(people[n][0], str)


# -- mistakes ----------------------------------------------------------------------------------------------------


def test_a_column_that_does_not_exist_is_refused() -> None:
    """In both maps, with the nearest name."""
    with pytest.raises(UsageError, match="did you mean 'ContosoLogin'"):
        Crowd(7, 1, COLUMNS, {"contosoLogin": "x"})
    with pytest.raises(UsageError, match="did you mean 'FirstName'"):
        Crowd(7, 1, COLUMNS, {}, {"Firstname": "first_name"})


def test_a_column_described_twice_is_refused() -> None:
    """Neither wins silently."""
    with pytest.raises(UsageError, match="both in 'set' and in 'fill'"):
        Crowd(7, 1, ("a",), {"a": "x"}, {"a": "city"})


def test_a_crowd_of_fewer_than_none_is_refused() -> None:
    """A count is not negative."""
    with pytest.raises(UsageError, match="no -1 people"):
        Crowd(7, -1, ())


@pytest.mark.parametrize(
    ("provider", "what"),
    [
        ("firstname", "did you mean 'first_name'?"),
        ("qqqqqqqq", "faker's documentation"),
        ("__class__", "has no provider"),
        ("seed_instance", "has no provider"),
        ("add_provider", "has no provider"),
        ("profile", "a dict"),
        ("date_of_birth", "depend on the day"),
        ("past_date", "depend on the day"),
        ("credit_card_expire", "depend on the day"),
        ("uuid1", "depend on the day"),
        ("words", "a list"),
        ("enum", "gives nothing by itself"),
    ],
)
def test_a_provider_that_does_not_fit_is_refused_with_the_reason(provider: str, what: str) -> None:
    """When asked before, when preparing, and when a value is needed."""
    assert what in (provider_problem(provider) or "")
    people = Crowd(7, 2, ("a",), {}, {"a": provider})
    for use in (people.prepare, lambda: people[0], lambda: list(people.column(0)), lambda: list(people)):
        with pytest.raises(UsageError, match="people: "):
            use()


@pytest.mark.parametrize(
    "provider", ["first_name", "city", "job", "uuid4", "pybool", "pyfloat", "pydecimal", "timezone"]
)
def test_a_provider_that_fits_gives_values_that_a_column_can_hold(provider: str) -> None:
    """Texts, whole numbers and booleans; numbers with a fraction as texts."""
    assert provider_problem(provider) is None
    values = list(Crowd(7, 50, ("a",), {}, {"a": provider}).column(0))
    assert all(type(value) in (str, int, bool) for value in values)
    assert values == list(Crowd(7, 50, ("a",), {}, {"a": provider}).column(0))


# -- without faker ----------------------------------------------------------------------------------------------


@pytest.fixture
def without_faker(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where the plain package is installed."""
    monkeypatch.setitem(sys.modules, "faker", None)


def test_faker_comes_with_an_extra_only() -> None:
    """Its pytest plugin would slow down every run of pytest beside mockhost."""
    needed = [
        line for line in importlib.metadata.requires("mockhost") or () if line.lower().startswith("faker")
    ]
    assert needed
    assert all("extra ==" in line for line in needed)


@pytest.mark.usefixtures("without_faker")
@pytest.mark.parametrize("name", ["basics/healthy", "basics/scim", "basics/scim_people"])
def test_what_names_no_made_up_values_needs_no_faker(name: str) -> None:
    """Literal objects, and crowds of patterns."""
    with MockHost(name) as host:
        assert host.check().ok


CROWDS: list[tuple[str, dict[str, object]]] = [
    ("basics/million", {}),
    ("basics/healthy", {"connectors": {"SQL": {"system": {"people": 5}}}}),
    ("basics/healthy", {"connectors": {"LDAP": {"system": {"people": {"count": 5}}}}}),
    (
        "basics/scim",
        {"connectors": {"SCIM": {"system": {"people": {"count": 5, "fill": {"title": "job"}}}}}},
    ),
    ("basics/healthy", {"rules": [{"reply": {"status": 200, "body": "{{faker.city}}"}}]}),
]


@pytest.mark.usefixtures("without_faker")
@pytest.mark.parametrize(("name", "overrides"), CROWDS)
def test_made_up_values_without_faker_name_the_line_to_type(name: str, overrides: dict[str, object]) -> None:
    """At load, once for each crowd; and in `mockhost validate`."""
    with pytest.raises(ScenarioError) as caught:
        MockHost(name, **overrides)  # type: ignore[arg-type]
    (problem,) = caught.value.problems
    assert "need the package faker, which is not installed" in problem.message
    assert problem.hint == "run: pip install 'mockhost[people]'"


@pytest.mark.usefixtures("without_faker")
def test_a_running_host_refuses_made_up_values_without_faker() -> None:
    """Whatever was there stays."""
    with MockHost() as host:
        with pytest.raises(ScenarioError, match=r"mockhost\[people\]"):
            host.set("connectors.SQL.system.people", 5)
        with pytest.raises(UsageError, match=r"mockhost\[people\]"):
            host.add_rule({"reply": {"status": 200, "body": "{{faker.city}}"}})
        with pytest.raises(ScenarioError, match=r"mockhost\[people\]"):
            host.use("basics/million")
        assert len(host.objects()) == 5


@pytest.mark.usefixtures("without_faker")
def test_validate_reports_a_crowd_without_faker(tmp_path: Path) -> None:
    """With its place in the file."""
    file = tmp_path / "crowd.yaml"
    file.write_text(
        "format: 1\nextends: basics/healthy\nconnectors: {SQL: {system: {people: 50}}}\n", "utf-8"
    )
    result = CliRunner().invoke(mockhost, ["validate", str(file)])
    assert result.exit_code == 1
    assert "crowd.yaml:3:" in result.output
    assert "FirstName, LastName need the package faker" in result.output
    assert "pip install 'mockhost[people]'" in result.output
