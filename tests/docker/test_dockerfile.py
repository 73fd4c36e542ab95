"""The image as its recipe says it: what is tried with a running one is in tools/try_image.py."""

from __future__ import annotations

import json
import re
import shlex
import tomllib
from pathlib import Path

from mockhost import __version__, exe_config
from mockhost.cli.verbs import VERBS
from tests.cli.programs import Program
from tests.docker.files import OPTIONS, ROOT, final_stage, instructions, pairs


def said(instruction: str) -> str:
    """The only one of its kind in the final stage."""
    (text,) = [text for name, text in final_stage() if name == instruction]
    return text


def test_it_serves_the_healthy_host_unless_told_otherwise() -> None:
    assert json.loads(said("ENTRYPOINT")) == ["mockhost"]
    assert json.loads(said("CMD")) == ["serve"]
    assert said("STOPSIGNAL") == "SIGTERM"


def test_its_health_is_the_projects_own_command() -> None:
    command = json.loads(said("HEALTHCHECK").partition(" CMD ")[2])
    assert command == ["mockhost", "health"]
    assert command[1] in VERBS


def test_it_does_not_run_as_root() -> None:
    """By number: a cluster that demands it can't look names up."""
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", said("USER"))


def test_nothing_is_installed_in_the_final_stage() -> None:
    """What builds stays where it builds."""
    assert not [text for name, text in final_stage() if name == "RUN"]
    copied = [text for name, text in final_stage() if name == "COPY"]
    assert copied
    assert all(text.startswith("--from=build ") for text in copied)


def test_every_variable_of_the_image_is_an_option_of_serve() -> None:
    names = {name for name in pairs("ENV") if name.startswith("MOCKHOST_")}
    assert names
    assert names <= OPTIONS


def test_both_stages_begin_with_the_same_python() -> None:
    """The environment that the first one builds points to its interpreter."""
    bases = [text.split()[0] for name, text in instructions() if name == "FROM"]
    assert len(bases) == 2
    assert len(set(bases)) == 1
    assert pairs("LABEL")["org.opencontainers.image.base.name"] == bases[0]


def test_the_labels_tell_what_it_is() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    labels = {name.rpartition(".")[2]: value for name, value in pairs("LABEL").items()}
    assert labels["title"] == project["name"]
    assert labels["licenses"] == project["license"]
    assert pairs("ARG")["VERSION"] == __version__


def test_the_context_has_what_the_wheel_is_made_of_and_little_else() -> None:
    """A folder that the wheel needs and the ignore file does not let through would break the build."""
    lines = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    let_through = {line[1:] for line in lines if line.startswith("!")}
    wheel = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["hatch"]["build"]["targets"][
        "wheel"
    ]
    needed = {
        *wheel["packages"],
        *wheel["force-include"],
        "pyproject.toml",
        "constraints.txt",
        "README.md",
        "LICENSE",
    }
    assert let_through == needed
    assert "*" in lines
    assert all((ROOT / name).exists() for name in needed)


def test_drive_c_in_a_volume_is_edited_from_outside(tmp_path: Path) -> None:
    """The commands of the page with the image's own variables; the volume is a folder, as no engine runs here."""
    page = (ROOT / "docs/how-to/docker.md").read_text("utf-8")
    served = shlex.split(re.findall(r"^\$ docker run .* mockhost (serve .*--drive .*)$", page, re.M)[0])
    restart = shlex.split(re.findall(r"`docker exec mock mockhost (windows .*)`", page)[0])
    variables = {name: text for name, text in pairs("ENV").items() if name.startswith("MOCKHOST_")}
    env = {name: text.replace("/data", str(tmp_path)) for name, text in variables.items()}
    volume = tmp_path / served[-1].lstrip("/")
    ask = ("windows", "Invoke-WebRequest", "https://localhost:8585/ecma2host_SQL/scim/cache")

    def run(*words: str) -> tuple[int, str]:
        told = Program(words, env)
        return told.code(), told.out.rest()

    host = Program([*served[:-1], str(volume), "--port", "0", "--control-port", "0"], env)
    try:
        host.out.until("curl")
        file = volume / exe_config.SERVICE
        assert "401" in run(*ask)[1]
        assert run(*restart)[0] == 0
        assert "StatusCode        : 200" in run(*ask)[1]
        file.write_bytes(exe_config.set_debug(file.read_bytes(), False))
        run(*restart)
        assert "401" in run(*ask)[1]
    finally:
        host.kill()
    assert file.is_file()
