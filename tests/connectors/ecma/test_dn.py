"""Distinguished names: read, written, compared, generated, and refused in the real host's words."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mockhost.connectors.ecma import dn
from mockhost.connectors.ecma.dn import DN, InvalidDN

# -- reading -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "rdns"),
    [
        (
            "CN=Lola Jacobson,CN=Users,DC=contoso",
            [[("CN", "Lola Jacobson")], [("CN", "Users")], [("DC", "contoso")]],
        ),
        ("CN=ljacobson,OBJECT=USER", [[("CN", "ljacobson")], [("OBJECT", "USER")]]),
        ("CN = anchorValue, Object = objectType", [[("CN", "anchorValue")], [("Object", "objectType")]]),
        ("UID=jsmith,DC=example,DC=net", [[("UID", "jsmith")], [("DC", "example")], [("DC", "net")]]),
        ("OU=Sales+CN=J.  Smith,DC=net", [[("OU", "Sales"), ("CN", "J.  Smith")], [("DC", "net")]]),
        (r"CN=James \"Jim\" Smith\, III,DC=net", [[("CN", 'James "Jim" Smith, III')], [("DC", "net")]]),
        (r"CN=Before\0dAfter,DC=net", [[("CN", "Before\rAfter")], [("DC", "net")]]),
        ("1.3.6.1.4.1.1466.0=#04024869", [[("1.3.6.1.4.1.1466.0", b"\x04\x02Hi")]]),
        (r"CN=Lu\C4\8Di\C4\87", [[("CN", "Lučić")]]),
        ("CN=Lučić", [[("CN", "Lučić")]]),
        ('O="Sue, Grabbit; and Runn" , C=GB', [[("O", "Sue, Grabbit; and Runn")], [("C", "GB")]]),
        (r'O="a \"b\" \\ c"', [[("O", 'a "b" \\ c')]]),
        (r"CN=\ blanks \ ", [[("CN", " blanks  ")]]),
        (r"CN=\#no hex", [[("CN", "#no hex")]]),
        ("CN=a=b#c", [[("CN", "a=b#c")]]),
        ("CN=", [[("CN", "")]]),
        ("  CN=x  ", [[("CN", "x")]]),
        ("mail=bob@contoso.com,OBJECT=USER", [[("mail", "bob@contoso.com")], [("OBJECT", "USER")]]),
    ],
)
def test_a_name_is_read(text: str, rdns: list[list[tuple[str, str | bytes]]]) -> None:
    """RFC 4514's own examples, Microsoft's, and the forms that only readers have to know."""
    assert dn.parse(text) == DN(tuple(tuple(rdn) for rdn in rdns))
    assert dn.is_ldap_style(text)


@pytest.mark.parametrize(
    "text",
    [
        "username@domain.com",
        "ljacobson",
        "",
        "   ",
        "=x",
        "CN",
        "CN=a,",
        ",CN=a",
        "CN=a,,DC=b",
        "CN=a+",
        "CN=a,b",
        "1CN=a",
        "01.2=a",
        "1.=a",
        "C N=a",
        "c_n=a",
        "CN=a;DC=b",
        "CN=a<b",
        "CN=a>b",
        'CN=a"b',
        'CN="a',
        'CN="a"b',
        "CN=\\",
        "CN=a\\z",
        "CN=a\\4",
        "CN=\\FF",
        "CN=\\C4",
        "CN=#",
        "CN=#0",
        "CN=#0g",
        "CN=#00 11",
        "CN=a\0b",
        "CN=\ud800",
    ],
)
def test_what_is_no_name_is_refused_in_the_documented_words(text: str) -> None:
    """Microsoft Learn, Troubleshoot on-premises application provisioning, Common errors."""
    assert not dn.is_ldap_style(text)
    with pytest.raises(InvalidDN) as caught:
        dn.parse(text)
    assert str(caught.value) == f"Invalid LDAP style of object's DN. DN: {text}"
    assert caught.value.dn == text
    assert "column" in caught.value.reason


def test_the_reason_names_the_column() -> None:
    """A journal can point at the character, which the real host's message does not."""
    with pytest.raises(InvalidDN) as caught:
        dn.parse("CN=a,DC=b;DC=c")
    assert caught.value.reason == "';' must be escaped (column 10)"


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.text(), st.text(alphabet='CN=,+ \\"#;<>0aé\0\ud800')))
def test_reading_anything_gives_a_name_or_the_refusal(text: str) -> None:
    """No text whatever raises anything else, and what was read can be written and read again."""
    try:
        name = dn.parse(text)
    except InvalidDN:
        return
    assert dn.parse(str(name)) == name


# -- writing -----------------------------------------------------------------------------------------------------

TYPES = st.from_regex(r"\A(?:[A-Za-z][A-Za-z0-9-]{0,5}|[0-2](?:\.(?:0|[1-9][0-9]{0,3})){1,3})\Z")
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
VALUES = st.one_of(TEXTS, st.text(alphabet=' "#+,;<=>\\a\0\n', max_size=8), st.binary(min_size=1, max_size=4))
PAIRS = st.tuples(TYPES, VALUES)
NAMES = st.lists(st.lists(PAIRS, min_size=1, max_size=2).map(tuple), min_size=1, max_size=3).map(
    lambda rdns: DN(tuple(rdns))
)


@pytest.mark.slow
@settings(max_examples=300, deadline=None)
@given(NAMES)
def test_a_written_name_reads_back_as_itself(name: DN) -> None:
    """Whatever the values hold: quotes, blanks at the ends, control characters, other alphabets."""
    assert dn.parse(str(name)) == name


@pytest.mark.parametrize(
    ("value", "escaped"),
    [
        ("plain", "plain"),
        ("Smith, John", r"Smith\, John"),
        ("a+b", r"a\+b"),
        ('"x"', r"\"x\""),
        (r"back\slash", r"back\\slash"),
        ("<a;b>", r"\<a\;b\>"),
        (" x ", r"\ x\ "),
        (" ", r"\ "),
        ("  ", r"\ \ "),
        ("#1", r"\#1"),
        ("a#1=2", "a#1=2"),
        ("a\0b\n", r"a\00b\0A"),
        ("é", "é"),
        ("", ""),
    ],
)
def test_only_what_must_be_escaped_is(value: str, escaped: str) -> None:
    """RFC 4514 2.4; control characters as hex pairs, so that a name stays on its line."""
    assert dn.escape(value) == escaped


# -- comparing ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "other",
    [
        "cn=lola jacobson,dc=contoso",
        "CN = Lola  Jacobson , DC = Contoso",
        "CN=\\4cola Jacobson,DC=contoso",
        'CN="Lola Jacobson",DC=contoso',
        "CN=\\ Lola Jacobson\\ ,DC=contoso",
        "CN=Ｌola Jacobson,DC=contoso",
    ],
)
def test_spellings_of_one_name_have_one_key(other: str) -> None:
    """Case, insignificant blanks, escapes and compatibility characters make no other object."""
    assert dn.parse(other).key() == dn.parse("CN=Lola Jacobson,DC=contoso").key()


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ("CN=a,DC=b", "DC=b,CN=a"),
        ("CN=a,DC=b", "CN=a"),
        (r"CN=a\,DC\=b", "CN=a,DC=b"),
        ("CN=ab", "CN=a b"),
        ("CN=#0401", "CN=\\#0401"),
        ("CN=a", "OU=a"),
    ],
)
def test_different_names_have_different_keys(one: str, two: str) -> None:
    """Order of levels and what is inside a value count."""
    assert dn.parse(one).key() != dn.parse(two).key()


def test_the_order_within_one_level_does_not_count() -> None:
    """A multi-valued RDN is a set (RFC 4514 2.2)."""
    assert dn.parse("CN=a+OU=b,DC=c").key() == dn.parse("OU=B+CN=A,DC=c").key()


@pytest.mark.slow
@settings(max_examples=300, deadline=None)
@given(NAMES)
def test_a_key_is_a_name_that_is_its_own_key(name: DN) -> None:
    """Comparing keys is comparing names: the key of a key is the key, and case never matters."""
    key = name.key()
    assert dn.parse(key).key() == key


def test_a_name_knows_its_container() -> None:
    """What must exist before an object can be added below it."""
    name = dn.parse(r"CN=a\,b,OU=c,DC=d")
    assert str(name.parent()) == "OU=c,DC=d"
    assert dn.parse("DC=d").parent() is None


# -- generating --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("anchor", "name"),
    [
        ("ljacobson", "CN=ljacobson,OBJECT=USER"),
        ("bob@contoso.com", "CN=bob@contoso.com,OBJECT=USER"),
        ("Smith, John", r"CN=Smith\, John,OBJECT=USER"),
        (" x", r"CN=\ x,OBJECT=USER"),
        (7, "CN=7,OBJECT=USER"),
        (b"\x01\xff", "CN=01ff,OBJECT=USER"),
    ],
)
def test_a_name_is_generated_from_the_anchor(anchor: object, name: str) -> None:
    """Microsoft Learn, On-premises application provisioning architecture: the example is the first."""
    assert dn.generated(anchor) == name
    assert dn.is_ldap_style(name)


def test_the_type_of_a_generated_name_is_in_capitals() -> None:
    """The real host has one type, written USER."""
    assert dn.generated("x", "Person") == "CN=x,OBJECT=PERSON"


@settings(max_examples=200, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_a_generated_name_gives_the_anchor_back(anchor: str) -> None:
    """Whatever characters the anchor is made of."""
    assert dn.parse(dn.generated(anchor)).rdns == ((("CN", anchor),), (("OBJECT", "USER"),))


@pytest.mark.slow
@settings(deadline=None, max_examples=300)
@given(NAMES)
def test_a_name_is_compared_by_its_key_however_it_is_written(name: DN) -> None:
    """The quick way to a key, for a name that is written plainly, leads to the same key as the long one."""
    for text in (str(name), str(name).upper(), name.key()):
        try:
            read = dn.parse(text)
        except InvalidDN:
            continue  # capitals may have made another text of it
        assert dn.name_key(text) == read.key()


@pytest.mark.parametrize(
    ("value", "key"),
    [
        ("CN=Ann,OU=Staff", "cn=ann,ou=staff"),
        ("cn = Ann , ou=STAFF", "cn=ann,ou=staff"),
        ('CN="Vance, Ann",OU=Staff', "cn=vance\\, ann,ou=staff"),
        ("ann@contoso.example, Inc", "ann@contoso.example, inc"),
        ("CN=#", "cn=#"),
        ("CN=a  b", "cn=a b"),
        ("", ""),
        (7, 7),
        (None, None),
    ],
)
def test_what_is_no_name_is_compared_by_its_letters(value: object, key: object) -> None:
    """A DN is compared as one; any other text without its case, any other value as it is."""
    assert dn.name_key(value) == key
