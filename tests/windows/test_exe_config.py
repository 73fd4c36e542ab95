"""`.exe.config` files: read as Windows and .NET read them, and changed without touching anything else."""

from __future__ import annotations

import codecs
import itertools
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mockhost import elements, exe_config
from mockhost.elements import XmlError
from mockhost.errors import UsageError
from mockhost.exe_config import EVENT_TYPES, LEVELS, parse, parse_levels, set_debug, set_switch

SERVICE = exe_config.default(exe_config.SERVICE)
PAGE = Path(__file__).with_name("page_sample.exe.config").read_bytes()
"""The sample of "Turn on verbose logging", with the end that the page lacks."""
PROXY = b"""    <system.net>
        <defaultProxy enabled="true" useDefaultCredentials="true">
            <proxy
                usesystemdefault="true"
                proxyaddress="http://proxy.contoso.example:8080"
                bypassonlocal="true"
            />
        </defaultProxy>
    </system.net>
"""


def config(settings: str = "", sources: str = "", more: str = "") -> bytes:
    diagnostics = f"<system.diagnostics><sources>{sources}</sources></system.diagnostics>" if sources else ""
    return f"<configuration>\n<appSettings>{settings}</appSettings>\n{diagnostics}{more}</configuration>".encode()


# -- reading ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", [exe_config.SERVICE, exe_config.WIZARD, exe_config.AGENT])
def test_installed_files_are_fine(path: str) -> None:
    read = parse(exe_config.default(path))
    assert (read.debug, read.problems, read.refused, read.proxy) == (False, (), None, None)
    assert {source.levels for source in read.sources.values()} == ({0} if "Agent" in path else {0x1F})


def test_the_sample_of_the_page_brings_debug_with_it() -> None:
    """The page shows it to set the level to Error; it turns authentication off, too."""
    read = parse(PAGE)
    assert read.debug
    assert {name: source.levels for name, source in read.sources.items()} == {
        "ConnectorsLog": 0x3,
        "ECMA2Host": 0x3,
    }
    assert not read.refused


def test_the_sample_as_the_page_cuts_it_off_is_refused_before_dotnet() -> None:
    cut = PAGE[: PAGE.index(b"EventLogTraceListener, System, Version=4") - len(b"tics.")]
    assert cut.endswith(b'type="System.Diagnos')
    refused = parse(cut).refused
    assert refused
    assert refused.by == "side_by_side"
    assert refused.problem.line == cut.count(b"\n") + 1
    assert "in the middle of a tag" in refused.problem.message
    assert "Microsoft's page is cut off" in refused.problem.hint


@pytest.mark.parametrize("end", [b"", b"\r\n", b"\n\n"])
def test_a_block_behind_the_root_is_refused_with_its_line(end: bytes) -> None:
    """The page says "toward the end of the file just before the closing </configuration> tag"."""
    file = exe_config.default(exe_config.AGENT).rstrip() + end + PROXY
    refused = parse(file, "agent.exe.config").refused
    assert refused
    assert refused.by == "side_by_side"
    assert refused.problem.line == file[: file.index(b"<system.net")].count(b"\n") + 1
    assert "something after </configuration>" in refused.problem.message
    assert str(refused.problem).startswith(f"agent.exe.config:{refused.problem.line}:")


def test_the_proxy_of_the_agent() -> None:
    file = exe_config.default(exe_config.AGENT).replace(b"</configuration>", PROXY + b"</configuration>")
    assert parse(file).proxy == "http://proxy.contoso.example:8080"
    assert parse(file.replace(b'enabled="true" ', b'enabled="false" ')).proxy is None
    left = parse(file.replace(b"proxy.contoso.example:8080", b"[proxy-server]:[proxy-port]"))
    assert "placeholder" in left.problems[0].message


@pytest.mark.parametrize(
    ("settings", "debug"),
    [
        ("", False),
        ('<add key="Debug" value="true"/>', True),
        ('<add key="debug" value=" True "/>', True),
        ('<add key="Debug" value="true"/><add key="DEBUG" value="false"/>', False),
        ('<add key="Debug" value="true"/><remove key="debug"/>', False),
        ('<add key="Debug" value="true"/><clear/>', False),
        ('<clear/><add key="Debug" value="true"/>', True),
        ('<!-- <add key="Debug" value="true"/> -->', False),
    ],
)
def test_debug(settings: str, debug: bool) -> None:
    """Keys regard no case, and the last one counts."""
    read = parse(config(settings))
    assert read.debug is debug
    assert not read.problems


@pytest.mark.parametrize("value", ["1", "yes", "", "wahr", "\x9b31m"])
def test_a_debug_that_is_not_true_or_false_is_reported(value: str) -> None:
    read = parse(config(f'<add key="Debug" value="{value}"/>'))
    assert read.debug is False
    assert not read.refused
    assert str(read.problems[0]).isprintable()
    assert (read.problems[0].line, read.problems[0].column) == (2, 14)


# -- levels ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "bits"),
    [
        *LEVELS.items(),
        ("Error, ActivityTracing", 0xFF03),
        (" Critical,Warning ", 0x7),
        ("Off,Off", 0),
        ("15", 0xF),
        ("+3", 0x3),
        ("6", 0x6),
        ("-1", 0xFFFFFFFF),
        ("0", 0),
    ],
)
def test_levels_as_enum_parse_reads_them(text: str, bits: int) -> None:
    assert parse_levels(text) == bits


@pytest.mark.parametrize(
    ("text", "exception"),
    [
        ("Errors", "System.ArgumentException: Requested value 'Errors' was not found."),
        ("error", "System.ArgumentException: Requested value 'error' was not found."),
        ("Error,", "System.ArgumentException: Requested value 'Error,' was not found."),
        ("1, Error", "System.ArgumentException: Requested value '1, Error' was not found."),
        ("0x1F", "System.ArgumentException: Requested value '0x1F' was not found."),
        ("Error|Warning", "System.ArgumentException: Requested value 'Error|Warning' was not found."),
        ("٣", "System.ArgumentException: Requested value '٣' was not found."),
        ("4294967295", "System.OverflowException: Value was either too large or too small for an Int32."),
        ("9" * 5000, "System.OverflowException: Value was either too large or too small for an Int32."),
        (" ", "System.ArgumentException: Must specify valid information for parsing in the string."),
    ],
)
def test_a_level_that_dotnet_does_not_know_ends_the_service(text: str, exception: str) -> None:
    """Well-formed, so that Windows starts it: the exception comes with the first trace."""
    read = parse(config(sources=f'<source name="ConnectorsLog" switchValue="Error"/>'
                                f'<source name="ECMA2Host" switchValue="{text}"/>'))  # fmt: skip
    assert read.refused
    assert (read.refused.by, read.refused.exception) == ("dotnet", exception)
    assert (read.sources["ConnectorsLog"].levels, read.sources["ECMA2Host"].levels) == (0x3, 0)


@pytest.mark.parametrize(
    ("level", "written"),
    [
        ("Off", set[str]()),
        ("Critical", {"Critical"}),
        ("Error", {"Critical", "Error"}),
        ("Warning", {"Critical", "Error", "Warning"}),
        ("Information", {"Critical", "Error", "Warning", "Information"}),
        ("Verbose", {"Critical", "Error", "Warning", "Information", "Verbose"}),
        ("ActivityTracing", {"Start", "Stop", "Suspend", "Resume", "Transfer"}),
        ("All", set(EVENT_TYPES)),
        ("6", {"Error", "Warning"}),
    ],
)
def test_which_events_a_level_lets_through(level: str, written: set[str]) -> None:
    source = parse(config(sources=f'<source name="ECMA2Host" switchValue="{level}"/>')).sources["ECMA2Host"]
    assert {event for event in EVENT_TYPES if source.writes(event)} == written


@pytest.mark.parametrize(
    ("sources", "levels"),
    [
        ('<source name="ECMA2Host"/>', 0),
        ('<source name="ECMA2Host" switchValue=""/>', 0),
        ('<source name="ecma2host" switchValue="All"/>', 0),
        ('<source name="ECMA2Host" switchValue="Off"/><source name="ECMA2Host" switchValue="Error"/>', 3),
    ],
)
def test_what_is_not_set_is_off(sources: str, levels: int) -> None:
    read = parse(config(sources=sources))
    assert read.sources["ECMA2Host"].levels == levels
    assert not read.refused
    assert ("did you mean 'ECMA2Host'?" in str(read.problems)) is ("ecma2host" in sources)


@pytest.mark.parametrize(
    ("file", "exception"),
    [
        (b"<config/>", "Configuration system failed to initialize"),
        (config(more="<sytem.net/>"), "Unrecognized configuration section sytem.net."),
        (config("<system.net/>"), "Unrecognized element 'system.net'."),
        (config('<add value="true"/>'), "Required attribute 'key' not found."),
        (config(sources='<source switchValue="Error"/>'), "Required attribute 'name' not found."),
        (config(sources='<source name="ECMA2Host" switchValue="Off" switchName="x"/>'), "Only one of"),
        (config(more="<appSettings/>"), "Sections must only appear once per config file."),
    ],
)
def test_well_formed_files_that_dotnet_refuses(file: bytes, exception: str) -> None:
    refused = parse(file).refused
    assert refused
    assert refused.by == "dotnet"
    assert refused.exception.startswith("System.Configuration.ConfigurationErrorsException: ")
    assert exception in refused.exception


def test_declared_sections_and_other_files_are_left_alone() -> None:
    declared = "<configSections><sectionGroup name='a'><section name='b'/></sectionGroup></configSections>"
    read = parse(config(more=f"{declared}<a><b/></a><runtime/><system.net configSource='other.config'/>"))
    assert not read.refused
    assert [problem.message for problem in read.problems] == ["names another file, which is not read"]


# -- hostile files ---------------------------------------------------------------------------------------------

ENTITIES = "".join(
    f'<!ENTITY {b} "&{a};&{a};&{a};&{a};&{a};&{a};">' for a, b in itertools.pairwise("abcdefghijkl")
)
BOMB = f'<!DOCTYPE a [<!ENTITY a "aaaaaaaaaa">{ENTITIES}]><configuration>&l;</configuration>'
EXTERNAL = '<!DOCTYPE a [<!ENTITY a SYSTEM "file:///etc/passwd">]><configuration>&a;</configuration>'


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("text", [BOMB, EXTERNAL, "<!DOCTYPE configuration><configuration/>"])
def test_a_document_type_is_refused(text: str, encoding: str) -> None:
    (problem,) = parse(text.encode(encoding)).problems
    assert "document type" in problem.message
    assert problem.line == 1


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "has no element"),
        (b"\0" * 10, "not well-formed"),
        (b"<configuration>\0</configuration>", "not well-formed"),
        (b"<configuration" + b"<" * 500_000, "more than"),
        (b"<configuration " + b'a="" ' * 300_000 + b"/>", "more than"),
        (b"<a>" * 100_000, "levels deep"),
        (b"<a>" + b"x" * (11 << 20) + b"</a>", "larger than 10 MiB"),
        (b'<?xml version="1.0" encoding="zlib"?><configuration/>', "encoding that is not known"),
        (b'<?xml version="1.0" encoding="gbk"?><configuration/>', "encoding that is not known"),
        ('<?xml version="1.0" encoding="utf-8"?><a/>'.encode("utf-16"), "another encoding than it declares"),
        (b"<configuration><a></b></configuration>", "expected </a>"),
        (b"<configuration>&copy;</configuration>", "undefined entity"),
        (b'<configuration a="1" a="2"/>', "duplicate attribute"),
        (b"<x:configuration/>", "unbound prefix"),
        (b"<configuration", "cut off"),
    ],
)
def test_other_files_that_are_not_read(data: bytes, words: str) -> None:
    read = parse(data)
    assert read.refused
    assert read.refused.by == "side_by_side"
    assert words in str(read.problems)


def test_a_file_cut_off_anywhere_is_refused_at_a_place_inside_it() -> None:
    for end in range(len(SERVICE.rstrip())):
        (problem,) = parse(SERVICE[:end]).problems
        assert 1 <= problem.line <= len(SERVICE[:end].splitlines()) + 1


@given(st.binary(max_size=60), st.integers(0, len(SERVICE)))
def test_any_bytes_anywhere_are_read_or_refused(inserted: bytes, at: int) -> None:
    read = parse(SERVICE[:at] + inserted + SERVICE[at:])
    assert set(read.sources) >= {"ConnectorsLog", "ECMA2Host"}
    assert "".join(map(str, read.problems)).isprintable()


# -- writing ---------------------------------------------------------------------------------------------------

ENCODINGS = {
    "utf-8": lambda text: text.encode(),
    "a mark": lambda text: codecs.BOM_UTF8 + text.encode(),
    "utf-16": lambda text: text.replace("utf-8", "utf-16").encode("utf-16"),
    "utf-16 without a mark": lambda text: text.replace("utf-8", "utf-16").encode("utf-16-be"),
    "windows-1252": lambda text: text.replace("utf-8", "windows-1252").encode("windows-1252", "xmlcharrefreplace"),
}  # fmt: skip


@pytest.mark.parametrize("encode", ENCODINGS.values(), ids=ENCODINGS.keys())
def test_a_value_is_replaced_and_every_other_byte_stays(encode: object) -> None:
    text = SERVICE.decode().replace("<startup>", "<!-- é 😀 \t 'odd'  spaces -->\n<startup  >")
    text = text.replace(
        'name="ECMA2Host" switchValue="Verbose"', "switchValue = 'Verbose'\r\n\tname='ECMA2Host'"
    )
    before = encode(text)  # type: ignore[operator]
    assert set_debug(before, True) == encode(text.replace('"false"', '"true"'))  # type: ignore[operator]
    changed = re.sub(r"""(?<=['"])Verbose(?=['"])""", "Error", text)
    assert set_switch(before, "Error") == encode(changed)  # type: ignore[operator]
    assert set_switch(set_switch(before, "Error"), "Verbose") == before


def test_a_debug_that_is_not_there_is_added() -> None:
    spread = b"<configuration>\r\n  <appSettings>\r\n  </appSettings>\r\n</configuration>\r\n"
    assert set_debug(spread, True) == spread.replace(
        b"  </app", b'    <add key="Debug" value="true" />\r\n  </app'
    )
    for file in (
        exe_config.default(exe_config.WIZARD),
        b"<configuration/>",
        b"<configuration><appSettings /></configuration>",
        b'<configuration><appSettings a="/>"><add key="x" value="y"/></appSettings></configuration>',
        b'<configuration><appSettings><add key="Debug"/></appSettings></configuration>',
        b'<configuration><appSettings><add key="Debug" value="1"/><clear/></appSettings></configuration>',
    ):
        written = set_debug(file, True)
        assert parse(written).debug
        assert len(written) < len(file) + 80


def test_the_last_debug_is_the_one_that_is_written() -> None:
    file = config('<add key="Debug" value="false"/><add key="debug" value="false"/>')
    assert set_debug(file, True).count(b'"false"') == 1
    assert parse(set_debug(file, True)).debug


@given(
    st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff"), max_size=20)
)
def test_any_level_can_be_written_and_is_read_back(level: str) -> None:
    for file in (
        SERVICE,
        SERVICE.replace(b'"Verbose"', b"'Verbose'"),
        SERVICE.replace(b' switchValue="Verbose"', b""),
    ):
        read = parse(set_switch(file, level))
        assert {source.switch_value for source in read.sources.values()} == {level}


def test_a_source_that_is_not_there_is_an_error() -> None:
    with pytest.raises(UsageError, match="did you mean 'ECMA2Host'"):
        set_switch(SERVICE, "Error", "ECMAHost")
    assert parse(set_switch(SERVICE, "Off", "ECMA2Host")).sources["ConnectorsLog"].levels == 0x1F


def test_a_broken_file_is_not_written() -> None:
    with pytest.raises(XmlError, match="cut off"):
        set_debug(SERVICE[:300], True)


def test_values_and_places_of_elements() -> None:
    root = elements.read("<a>\n <b>x<c/>y</b>\n <b d='é'/></a>".encode(), "f")
    first, second = root.all("b")
    assert (first.text, first.line, first.column, second.attributes) == ("xy", 2, 2, {"d": "é"})
    assert (root.value("b"), root.value("none"), root.first("b", "c") is not None) == ("xy", "", True)
