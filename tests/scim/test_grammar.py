"""Filters and paths: what is read, as what, and what is said of what can't be."""

from __future__ import annotations

import pytest

from mockhost.scim.errors import ScimError
from mockhost.scim.grammar import And, AttrPath, Compare, Group, Not, Or, Present, parse, parse_path, render
from mockhost.scim.messages import CORE_USER, ECMA_USER, ENTERPRISE_USER

# The examples of RFC 7644 3.4.2.2, Figure 1, and what the tables beside it allow.
RFC_EXAMPLES = (
    'userName eq "bjensen"',
    'name.familyName co "O\'Malley"',
    'userName sw "J"',
    'urn:ietf:params:scim:schemas:core:2.0:User:userName sw "J"',
    "title pr",
    'meta.lastModified gt "2011-05-13T04:42:34Z"',
    'meta.lastModified ge "2011-05-13T04:42:34Z"',
    'meta.lastModified lt "2011-05-13T04:42:34Z"',
    'meta.lastModified le "2011-05-13T04:42:34Z"',
    'title pr and userType eq "Employee"',
    'title pr or userType eq "Intern"',
    'schemas eq "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"',
    'userType eq "Employee" and (emails co "example.com" or emails.value co "example.org")',
    'userType ne "Employee" and not (emails co "example.com" or emails.value co "example.org")',
    'userType eq "Employee" and (emails.type eq "work")',
    'userType eq "Employee" and emails[type eq "work" and value co "@example.com"]',
    'emails[type eq "work" and value co "@example.com"] or ims[type eq "xmpp" and value co "@foo.com"]',
    "level eq -1.5e3",
    "level ge 0",
    "active eq true",
    "manager.$ref eq null",
)


def _says(text: str, **options: bool) -> str:
    with pytest.raises(ScimError) as refused:
        parse(text, **options)
    assert (refused.value.status, refused.value.scim_type) == (400, "invalidFilter")
    return refused.value.detail


@pytest.mark.parametrize("text", RFC_EXAMPLES)
@pytest.mark.parametrize("lenient", [True, False])
def test_the_examples_of_the_rfc_are_read(text: str, lenient: bool) -> None:
    """Leniency doesn't change the meaning of a filter that follows the RFC."""
    assert repr(parse(text, lenient=lenient)) == repr(parse(text))
    assert repr(parse(render(parse(text)), lenient=lenient)) == repr(parse(text))


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ('ContosoLogin eq "bob"', Compare(AttrPath(None, "ContosoLogin"), "eq", "bob")),
        ('userName EQ "bob"', Compare(AttrPath(None, "userName"), "eq", "bob")),
        ('userName eq"bob"', Compare(AttrPath(None, "userName"), "eq", "bob")),
        ("name.givenName Pr", Present(AttrPath(None, "name", "givenName"))),
        (f'{ECMA_USER}:-dn- eq "CN=a"', Compare(AttrPath(ECMA_USER, "-dn-"), "eq", "CN=a")),
        (f"{ENTERPRISE_USER}:manager.value pr", Present(AttrPath(ENTERPRISE_USER, "manager", "value"))),
        ('co eq "Sweden"', Compare(AttrPath(None, "co"), "eq", "Sweden")),
        ("not pr", Present(AttrPath(None, "not"))),
        ("NOT(a pr)", Not(Present(AttrPath(None, "a")))),
        ("n eq 12", Compare(AttrPath(None, "n"), "eq", 12)),
        ("n eq 1.5", Compare(AttrPath(None, "n"), "eq", 1.5)),
        ("b eq True", Compare(AttrPath(None, "b"), "eq", True)),
        ("b ne null", Compare(AttrPath(None, "b"), "ne", None)),
        (
            'emails[type eq "work"].value eq "a"',
            Group(
                AttrPath(None, "emails"),
                And(
                    Compare(AttrPath(None, "type"), "eq", "work"),
                    Compare(AttrPath(None, "value"), "eq", "a"),
                ),
            ),
        ),
    ],
)
def test_what_a_filter_is_read_as(text: str, tree: object) -> None:
    """Operators in any case, numbers as numbers, the URN up to the last colon."""
    assert repr(parse(text)) == repr(tree)


def test_not_binds_tighter_than_and_and_that_tighter_than_or() -> None:
    """RFC 7644 3.4.2.2, order of operations."""
    a, b, c = (Present(AttrPath(None, name)) for name in "abc")
    assert repr(parse("a pr or b pr and not (c pr)")) == repr(Or(a, And(b, Not(c))))
    assert repr(parse("(a pr or b pr) and c pr")) == repr(And(Or(a, b), c))
    assert render(And(Or(a, b), c)) == "(a pr or b pr) and c pr"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (r'a eq "\"quoted\""', '"quoted"'),
        (r'a eq "caf\u00e9"', "café"),
        (r'a eq "\ud83d\ude00"', "😀"),
        (r'a eq "\ud83d"', "\ufffd"),
        (r'a eq "tab\tslash\/back\\"', "tab\tslash/back\\"),
        ('a eq "café"', "café"),
        ('a eq ""', ""),
        ('a eq "x)]( and "', "x)]( and "),
    ],
)
def test_strings_are_json_strings(text: str, value: str) -> None:
    """RFC 7644 3.4.2.2: the comparison value follows JSON's rules, escapes included."""
    found = parse(text)
    assert isinstance(found, Compare)
    assert found.value == value
    assert repr(parse(render(found))) == repr(found)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('a eq "Robert "Bob" Smith"', 'Robert "Bob" Smith'),
        ('a eq "6" tall" and b pr', '6" tall'),
        ('(a eq "6"" or b pr)', '6"'),
        (r'a eq "CONTOSO\xavier"', r"CONTOSO\xavier"),
        ('a eq "C:\\"', "C:\\"),
        ('a eq "line\nfeed"', "line\nfeed"),
        ('a eq "50% off"', "50% off"),
    ],
)
def test_microsofts_unescaped_values_are_understood(text: str, value: str) -> None:
    """Microsoft's composer escapes neither quotes nor backslashes; a strict reader refuses them or reads less."""
    found = parse(text)
    while not isinstance(found, Compare):
        assert isinstance(found, (And, Or))
        found = found.left
    assert found.value == value


@pytest.mark.parametrize(
    "text", ['a eq "Robert "Bob" Smith"', r'a eq "\x"', 'a eq "\n"', '-dn- eq "a"', 'größe eq "a"']
)
def test_strict_reading_refuses_what_is_not_the_rfcs(text: str) -> None:
    """`lenient=False` is the RFC and nothing else."""
    parse(text)
    _says(text, lenient=False)


@pytest.mark.parametrize(
    ("text", "detail"),
    [
        ("", "expected an attribute, but the filter ends, column 1."),
        ("userName", "expected an operator after 'userName', but the filter ends, column 9."),
        ('userName xx "y"', "expected an operator after 'userName', not 'xx', column 10."),
        ("userName eq", "expected a value after 'eq', but the filter ends, column 12."),
        (
            "userName eq bob",
            'a value is a number, true, false, null or in double quotes: try "bob", column 13.',
        ),
        (
            "userName eq 'bob'",
            'a value is a number, true, false, null or in double quotes: try "bob", column 13.',
        ),
        (
            'userName eq "bob',
            "the value that begins here has no closing quote or holds an invalid escape, column 13.",
        ),
        ('userName eq "bob" foo', "expected 'and', 'or' or the end, not 'foo', column 19."),
        ('userName eq "bob" and', "expected an attribute, but the filter ends, column 22."),
        ("(a pr", "expected ')' for the '(' in column 1, but the filter ends, column 6."),
        ("a pr)", "expected 'and', 'or' or the end, not ')', column 5."),
        ("emails[type pr", "expected ']' for the '[' in column 7, but the filter ends, column 15."),
        ("emails[a[b pr]]", "brackets can't be used inside the brackets of 'emails', column 9."),
        (
            "a.b[c pr]",
            "brackets choose among the values of an attribute, 'a.b' is a sub-attribute, column 4.",
        ),
        ("not a pr", "expected '(' after 'not': try not (…), column 5."),
        ("active gt true", "'gt' can't put true and false in order: try eq or ne, column 11."),
        ("n eq 1e999", "this number is too large, column 6."),
        ("n eq 01", 'a value is a number, true, false, null or in double quotes: try "01", column 6.'),
        ("a:b pr", "expected an attribute, not 'a:b', column 1."),
        ("a.b.c pr", "expected an attribute, not 'a.b.c', column 1."),
    ],
)
def test_errors_say_what_where_and_what_to_try(text: str, detail: str) -> None:
    """Columns count from 1."""
    assert _says(text) == f"This filter is invalid: {detail}"


def test_length_and_depth_are_limited() -> None:
    """Both limits refuse politely, and what stays under them is read."""
    deep = "(" * 50 + "a pr" + ")" * 50
    assert repr(parse(deep)) == repr(Present(AttrPath(None, "a")))
    assert "deeper than 50 levels, column 51" in _says(f"({deep})")
    assert "at most 65536" in _says("a pr or " * 8200 + "a pr")
    assert parse("a pr or " * 8000 + "a pr")
    with pytest.raises(ScimError, match="at most 8192"):
        parse_path("a" * 9000)
    with pytest.raises(ScimError, match="at most 10 are read"):
        parse("userName pr", max_length=10)
    with pytest.raises(ScimError, match="deeper than 1 levels"):
        parse("((a pr))", max_depth=1)


def test_a_long_chain_is_no_deep_tree() -> None:
    """A thousand alternatives, as a client that looks for a list of ids sends them."""
    text = " or ".join(f'id eq "{number}"' for number in range(500))
    found = parse(text)
    assert render(found) == text

    def depth(node: object) -> int:
        return 1 + max(depth(node.left), depth(node.right)) if isinstance(node, Or) else 0

    assert depth(found) == 9


@pytest.mark.parametrize(
    ("text", "attr", "sub", "brackets"),
    [
        ("displayName", AttrPath(None, "displayName"), None, None),
        ("name.givenName", AttrPath(None, "name"), "givenName", None),
        ("members", AttrPath(None, "members"), None, None),
        (f"{ECMA_USER}:FirstName", AttrPath(ECMA_USER, "FirstName"), None, None),
        (f"{CORE_USER}:name.givenName", AttrPath(CORE_USER, "name"), "givenName", None),
        ('emails[type eq "work"].value', AttrPath(None, "emails"), "value", 'type eq "work"'),
        ('members[value eq "2819c223"]', AttrPath(None, "members"), None, 'value eq "2819c223"'),
        ("emails[a pr or (b pr)]", AttrPath(None, "emails"), None, "a pr or b pr"),
    ],
)
def test_paths(text: str, attr: AttrPath, sub: str | None, brackets: str | None) -> None:
    """RFC 7644 3.5.2: an attribute, or which of its values, and a sub-attribute."""
    path = parse_path(text)
    assert (path.attr, path.sub) == (attr, sub)
    assert (None if path.filter is None else render(path.filter)) == brackets
    assert repr(parse_path(str(path))) == repr(path)


@pytest.mark.parametrize(
    ("text", "detail"),
    [
        ("a b", "expected the end or '[' after the attribute, not 'b', column 3."),
        ("emails[", "expected an attribute, but the path ends, column 8."),
        ("emails[a pr]b", "expected the end or '.' and a sub-attribute after ']', not 'b', column 13."),
        ("emails[a pr].b.c", "expected a sub-attribute after ']', not '.b.c', column 13."),
        ('emails.type eq "work"', "expected the end or '[' after the attribute, not 'eq', column 13."),
    ],
)
def test_paths_that_are_none(text: str, detail: str) -> None:
    """The same words as for filters, with `invalidPath`."""
    with pytest.raises(ScimError) as refused:
        parse_path(text)
    assert (refused.value.scim_type, refused.value.detail) == (
        "invalidPath",
        f"This path is invalid: {detail}",
    )
