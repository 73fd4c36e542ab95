"""Attribute mapping expressions: the documented examples, the mistakes with their places, and the bounds."""

from __future__ import annotations

import re
from collections.abc import Mapping

import pytest

from mockhost.entra import expressions, functions
from mockhost.entra.functions import IGNORED, ExpressionError, Scope
from mockhost.errors import UsageError

USER: Mapping[str, object] = {
    "userPrincipalName": "John.Doe@contoso.com",
    "givenName": "John",
    "surname": "Doe",
    "PreferredFirstName": "John",
    "PreferredLastName": "Smith",
    "state": "QLD",
    "BusinessTitle": "Product Developer",
    "UserID": "jsmith",
    "telephoneNumber": "+91 9998887777",
    "mobile": "+91 8887779999",
    "office": "+1 (999) 888-7777",
    "AddressLineData": "545 Tremont Street",
    "mailNickname": "john_doe72",
    "extensionAttribute5": "PermissionSetOne, PermissionSetTwo",
    "zoe": "Zoë",
    "country": "USA",
    "department": "Sales",
    "proxyAddresses": ["SMTP:a@contoso.com", "smtp:b@contoso.com", "smtp:b@contoso.com"],
    "empty": "",
    "IsSoftDeleted": False,
    "appRoleAssignments": [{"id": "1", "value": "Admin", "displayName": "Administrator"}],
}


def value(text: str, user: Mapping[str, object] = USER) -> object:
    return expressions.parse(text).evaluate(Scope(user.get, lambda ordinal: (ordinal * 0.37) % 1))


REFERENCE: list[tuple[str, object]] = [
    ('Append([userPrincipalName], ".test")', "John.Doe@contoso.com.test"),
    ("Coalesce([mail],[userPrincipalName])", "John.Doe@contoso.com"),
    ('ConvertToBase64("Hello world!")', "SABlAGwAbABvACAAdwBvAHIAbABkACEA"),
    ('ConvertToUTF8Hex("Hello world!")', "48656C6C6F20776F726C6421"),
    ("IgnoreFlowIfNullOrEmpty([jobTitle])", IGNORED),
    ('IgnoreFlowIfNullOrEmpty(Switch([prefix], "", "3443", "Dr.", "3444", "Prof.", "3445", "Prof. Dr."))', IGNORED),
    ('IIF([country]="USA",[country],[department])', "USA"),
    ('IIF([country]="USA",IIF([state]="CA","True","False"),"False")', "False"),
    ('IIF([country]="Peru","True",IIF([state]="QLD","True","False"))', "True"),
    ("IsNull([displayName])", "True"),
    ("IsNullOrEmpty([empty])", "True"),
    ("IsPresent([department])", "True"),
    ("Item([proxyAddresses], 1)", "SMTP:a@contoso.com"),
    ('Left("John Doe", 3)', "Joh"),
    ("NormalizeDiacritics([zoe])", "Zoe"),
    ("Not([IsSoftDeleted])", "True"),
    ("RemoveDuplicates([proxyAddresses])", ("SMTP:a@contoso.com", "smtp:b@contoso.com")),
    ('Replace([BusinessTitle],"Product Developer", , , "Software Engineer", , )', "Software Engineer"),
    ('Replace([UserID],"<username>", , , , , "<username>@contoso.com")', "jsmith@contoso.com"),
    (r'Replace([telephoneNumber], , "\\+(?<isdCode>\\d* )(?<phoneNumber>\\d{10})", , "${phoneNumber}", , )',
     "9998887777"),
    # The page says that the plus goes, too, which its pattern does not do.
    (r'Replace([office], , "[()\\s-]+", , "", , )', "+19998887777"),
    (r'Replace([AddressLineData], ,"(?<streetNumber>^\\d*)","streetNumber", "888", , )', "888 Tremont Street"),
    ('Replace([userPrincipalName], , "(?<Suffix>@(.)*)", "Suffix", "", , )', "John.Doe"),
    (r'Replace([phone], , "\\+(?<isdCode>\\d* )(?<phoneNumber>\\d{10})", "phoneNumber" , , [mobile], )', "8887779999"),
    ('Replace([mailNickname], , "[a-zA-Z_]*", , "", , )', "72"),
    ("SingleAppRoleAssignment([appRoleAssignments])", "Administrator"),
    ('Split([extensionAttribute5], ",")', ("PermissionSetOne", "PermissionSetTwo")),
    ('Switch([state], "Australia/Sydney", "NSW", "Australia/Sydney","QLD", "Australia/Brisbane")',
     "Australia/Brisbane"),
    ('Switch([statusFlag], "Default Value", "true", "1", "", "0")', "0"),
    ('ToLower(Join("@", NormalizeDiacritics(StripSpaces(Join(".",  [PreferredFirstName], [PreferredLastName]))),'
     ' "contoso.com"))',
     "john.smith@contoso.com"),
    ('Word("The quick brown fox",3," ")', "brown"),
    ('Word("This,string!has&many separators",3,",!&#")', "has"),
    ('Replace([userPrincipalName], "@contoso.com", , ,"", ,)', "John.Doe"),
    ("Append(Mid([givenName], 1, 3), Mid([surname], 1, 5))", "JohDoe"),
    ('Join(", ", "", [surname], [givenName])', "Doe, John"),
]  # fmt: skip
TUTORIALS: list[tuple[str, object]] = [
    ('Join("", "CN=", Word([userPrincipalName], 1, "@"), ",CN=CloudUsers,CN=App,DC=Contoso,DC=lab")',
     "CN=John.Doe,CN=CloudUsers,CN=App,DC=Contoso,DC=lab"),
    ('Split("inetOrgPerson,posixAccount,shadowAccount",",")', ("inetOrgPerson", "posixAccount", "shadowAccount")),
    ('ToLower(Word([userPrincipalName], 1, "@"), )', "john.doe"),
    ('Join("/", "/home", ToLower(Word([userPrincipalName], 1, "@"), ))', "/home/john.doe"),
    ('ToUpper(Word([userPrincipalName], 1, "@"), )', "JOHN.DOE"),
    ('Switch([IsSoftDeleted], , "False", "9999-12-31", "True", "1990-01-01")', "9999-12-31"),
    ('Switch([IsSoftDeleted], , "False", "True", "True", "False")', "True"),
    ('Redact("Pass@w0rd1")', "Pass@w0rd1"),
    ('Item(Split([userPrincipalName], "@"), 1)', "John.Doe"),
    ('Join(" ", [givenName], [surname])', "John Doe"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), REFERENCE + TUTORIALS, ids=lambda each: str(each)[:40])
def test_documented_examples(text: str, expected: object) -> None:
    """Of the reference for expressions, and of the tutorials for on-premises apps."""
    assert value(text) == expected


@pytest.mark.parametrize("name", functions.FUNCTIONS)
def test_every_function_has_an_example(name: str) -> None:
    """The lists above name each function, but for those whose result is random."""
    named = {*re.findall(r"(\w+)\(", "".join(text for text, _ in REFERENCE + TUTORIALS))}
    assert name in named | {"Guid", "RandomString", "Count", "CStr"}


@pytest.mark.parametrize("name", functions.REFUSED)
def test_other_documented_functions_are_refused_by_name(name: str) -> None:
    """They are not misspelt: the message says that they are known."""
    with pytest.raises(ExpressionError, match=f"documented function {name} cannot be used") as raised:
        expressions.parse(f"{name}([a], [b])")
    assert raised.value.at == 1


@pytest.mark.parametrize(
    ("text", "at", "message"),
    [
        ("Jion([a], [b])", 1, "did you mean 'Join'"),
        ("Join([a], jion([b]))", 11, "'jion' is not a function"),
        ("join([a], [b])", 1, "did you mean 'Join'"),
        ('Join(",", [a]', 1, "closing parenthesis"),
        ('Join(",", [a)', 11, "closing bracket"),
        ('Join(",, [a])', 6, "closing quotation mark"),
        ("Not([a]) [b]", 10, "follows the end"),
        ("Not([a], [b])", 1, "Not(source)"),
        ("userPrincipalName", 1, "[userPrincipalName]"),
        ("Not([])", 5, "attribute without a name"),
        ("Join([a] [b])", 10, "parted by commas"),
        ('Not([a] = "b")', 9, "only be the condition of IIF"),
        ("", 1, "the expression ends"),
        ("Append([a], “b”)", 13, "straight quotation marks"),
        ('SingleAppRoleAssignment("a")', 1, "takes an attribute"),
    ],
)
def test_a_mistake_is_named_with_its_place(text: str, at: int, message: str) -> None:
    """The place is the character at which it begins, from 1."""
    with pytest.raises(ExpressionError) as raised:
        expressions.parse(text)
    assert raised.value.at == at
    assert message in str(raised.value)


def test_bounds() -> None:
    """Length, depth, and what nested functions may build."""
    with pytest.raises(ExpressionError, match="10,000 characters"):
        expressions.parse('Append("a","' + "a" * 10_000 + '")')
    with pytest.raises(ExpressionError, match="more than 50"):
        expressions.parse("Not(" * 60 + "[a]" + ")" * 60)
    doubled = '"' + "a" * 100 + '"'
    for _ in range(6):
        doubled = f'Replace("aaaaaaaaaa", "a", , , {doubled}, , )'
    with pytest.raises(UsageError, match="more than 100,000 characters"):
        value(doubled)
    with pytest.raises(UsageError, match="takes too long"):
        value(r'Replace([slow], , "^(a|aa)+$", , "", , )', {"slow": "a" * 4_000 + "b"})


def test_a_condition_fails_on_an_attribute_without_a_value() -> None:
    """ "Known limitations" of IIF: even a comparison with an empty text does not hold."""
    assert value('IIF([nothing]="","Other","no")') == "no"
    assert value('IIF(IsNullOrEmpty([nothing]),"Other","no")') == "no"
    assert value('Switch([nothing],[nothing],"","Other")') == "Other"


def test_marks_are_removed_from_the_letters_of_the_table_only() -> None:
    """The table of NormalizeDiacritics lists neither k with a cedilla nor Greek."""
    table = {"ä": "a", "Å": "A", "æ": "ae", "ǣ": "ae", "ø": "oe", "ø̄": "oe", "œ̄": "oe", "ß": "ss", "ł": "l",
             "ı": "i", "İ": "I", "Ș": "S", "ť": "t", "ǖ": "u", "ẕ": "z", "ḗ": "e", "ā́": "a"}  # fmt: skip
    assert {letter: value("NormalizeDiacritics([a])", {"a": letter}) for letter in table} == table
    assert value("NormalizeDiacritics([a])", {"a": "Ķ ά 日本"}) == "Ķ ά 日本"


def test_random_strings_keep_what_was_asked_for() -> None:
    """Six characters, three digits, three lower case; and the same ones for the same chance."""
    found = str(value("RandomString(6,3,0,0,3)"))
    assert re.fullmatch("[0-9a-z]{6}", found)
    assert sum(letter.isdigit() for letter in found) == 3
    assert found == value("RandomString(6,3,0,0,3)")
    longer = str(value('RandomString(10,2,2,2,1,"?,")'))
    assert len(longer) == 10
    assert not set("?,") & set(longer)
    assert re.fullmatch(
        "[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-a[0-9a-f]{3}-[0-9a-f]{12}", str(value("Guid()"))
    )
    with pytest.raises(UsageError, match="1 to 256"):
        value("RandomString(257,0,0,0,0)")


def test_what_is_redacted_is_known_before_it_is_evaluated() -> None:
    """Wherever Redact stands."""
    assert expressions.parse('Join("", "a", Redact([b]))').redacts
    assert not expressions.parse("Not([Redact])").redacts
