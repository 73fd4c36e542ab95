"""Users' regular expressions: they mean what they mean to `re`, and none takes longer than it may."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
import warnings
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mockhost import patterns
from mockhost.errors import UsageError
from mockhost.matching import difference

ENDLESS = ("^(a|aa)+$", "a" * 80 + "b")
ATOMS = [
    *(
        "a",
        "b",
        "B",
        "_",
        "1",
        "²",
        "é",
        "e\u0301",
        "K",
        " ",
        "\n",
        "-",
        ".",
        "|",
        "#",
        "^",
        "$",
        "{",
        "}",
        "{e}",
        "{id}",
    ),
    *(
        r"\w",
        r"\W",
        r"\d",
        r"\D",
        r"\s",
        r"\S",
        r"\b",
        r"\B",
        r"\A",
        r"\Z",
        r"\{",
        r"\N{DIGIT ONE}",
        r"\x41",
        r"\1",
    ),
    *("[ab]", "[^a]", "[[:alpha:]]", "[a&&b]", "[|~-]", r"[\w.-]", r"[\s1]", "[]a]", "[a", "x{i}", "a{e<=1}"),
    *(
        "(a|b)",
        "(?P<n>a)",
        "(?=a)",
        "(?<!b)",
        "(?:)",
        "(?i:k)",
        "(?x: a #[\n b)",
        "(?#[)",
        "(?(1)a|b)",
        ")",
        "(",
    ),
]
REPEATS = ["", "", "", "*", "+", "?", "{2}", "{1,2}", "{,2}", "{2,}", "{,}", "{}", "*?", "{2}?", "++"]
PARTS = st.tuples(st.sampled_from(ATOMS), st.sampled_from(REPEATS)).map("".join)
PATTERNS = st.tuples(
    st.sampled_from(["", "", "", "(?i)", "(?x)", "(?a)", "(?s)"]), st.lists(PARTS, max_size=6)
).map(lambda parts: parts[0] + "".join(parts[1]))
TEXTS = st.text(st.sampled_from("abAB_1²ée\u0301kK \n-{}x[:]#&"), max_size=12)


def said(function: Any, *given_: Any) -> object:
    """What a function gives, or that it refuses."""
    try:
        return function(*given_)
    except (re.error, UsageError, OverflowError, RecursionError):
        return "refused"


def by_re(pattern: str, text: str) -> bool:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return re.search(pattern, text) is not None


@settings(max_examples=400)
@given(PATTERNS, TEXTS)
def test_a_pattern_means_what_it_means_to_re(pattern: str, text: str) -> None:
    """The same patterns are valid, and each is found in the same texts."""
    assert said(patterns.search, pattern, text) == said(by_re, pattern, text)


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("[[:alpha:]]", "a]"),
        ("[[:alpha:]]", "b"),
        ("a{e}", "xyz"),
        ("x{id}", "x{id}"),
        ("(?:foo){e<=1}", "fo"),
        (r"\w", "\u0301"),
        (r"\w", "²"),
        (r"\s", "\x1c"),
        (r"\Bx", "x"),
        ("[a--b]", "a"),
        ("(?x)a # [", "a"),
        ("a" * 300, "a" * 300),
    ],
)
def test_where_regex_reads_otherwise_re_is_right(pattern: str, text: str) -> None:
    assert said(patterns.search, pattern, text) == said(by_re, pattern, text)


@pytest.mark.parametrize(
    "pattern",
    [
        "(",
        "a**",
        "[a",
        "(?P<n>a)(?P<n>b)",
        r"\p{L}",
        "(?<n>a)",
        "(?r)a",
        "\\",
        "(" * 2_000 + ")" * 2_000,
        "(?:" * 50 + "a" + ")+" * 50,
        "(?:.|" * 10 + "a" + "){9}" * 10,
        "(?:ab){1000000}",
        "a{4294967294}",
        "(?i)" + "[\0-\U0010ffff]" * 700,
        "a" * 5_000,
        "(?x:)#" + "(?:.|" * 10 + "a" + "){9}" * 10,
    ],
)
def test_what_is_no_pattern_or_too_large_is_refused_at_once(pattern: str) -> None:
    """Also what would need gigabytes to be compiled; `re` alone takes some of them."""
    with pytest.raises(UsageError):
        patterns.check(pattern)
    with pytest.raises(UsageError):
        patterns.search(pattern, "a")


@pytest.mark.parametrize("pattern", ["a" * 4_000, "(?i)" + "ſ" * 4_000, "[a]" * 1_300, "(?:a)" * 800])
def test_long_literals_are_compiled_in_pieces(pattern: str) -> None:
    """`regex` takes the cube of a literal's length to prepare a search for it, beyond any time limit."""
    pieces = patterns.translated(pattern).split("(?:|)")
    assert max(map(len, pieces)) <= 100 * len("(?:a)")
    patterns.search(pattern, "a" * 4_096)


def test_a_search_that_takes_too_long_is_given_up() -> None:
    with pytest.raises(
        patterns.TooSlow, match=r"\^\(a\|aa\)\+\$.* took more than 100 ms on a text of 81 characters"
    ):
        patterns.search(*ENDLESS)


@pytest.mark.parametrize(
    "expected",
    [{"matches": ENDLESS[0]}, {"not": {"matches": ENDLESS[0]}}, {"any_of": [{"matches": ENDLESS[0]}, 1]}],
)
def test_what_is_not_known_is_neither_a_match_nor_none(expected: object) -> None:
    """A `not` around it must not turn it into a match."""
    with pytest.raises(patterns.TooSlow):
        difference(expected, ENDLESS[1])


def test_other_threads_go_on_while_one_searches() -> None:
    """`re` would hold the interpreter's lock to the end."""
    ended: list[BaseException] = []

    def search() -> None:
        try:
            patterns.search(*ENDLESS)
        except patterns.TooSlow as error:
            ended.append(error)

    thread = threading.Thread(target=search)
    thread.start()
    counted = 0
    while thread.is_alive():
        counted += 1
    thread.join()
    assert ended
    assert counted > 1_000


def test_the_searches_of_one_exchange_share_a_time_limit() -> None:
    """Each is made once, and when their time is over the others are not made."""
    searches = patterns.Searches(0.05)
    for _ in range(3):
        with pytest.raises(patterns.TooSlow, match="took more than 100 ms"):
            searches(*ENDLESS)
    with pytest.raises(patterns.TooSlow, match="used up their time"):
        searches("b", "b")


def test_a_search_that_may_not_be_made_now_is_only_looked_up() -> None:
    searches = patterns.Searches()
    searches.only_known = True
    with pytest.raises(patterns.NotYet):
        searches("a", "a")
    searches.only_known = False
    assert searches("a", "a")
    searches.only_known = True
    assert searches("a", "a")


def test_regex_is_imported_with_the_first_search() -> None:
    """Not by a start, and not by a scenario with patterns."""
    script = (
        "import sys\nfrom mockhost import MockHost\n"
        "rule = {'when': {'header': {'X': {'matches': '^a'}}}, 'reply': {'status': 418}}\n"
        "with MockHost(tls=False, control=False, rules=[rule]):\n    print('regex' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
