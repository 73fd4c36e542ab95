"""The tests in other languages that the how-to pages show, run as the pages say. What a machine lacks is skipped."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PAGES = Path(__file__).parents[2] / "docs" / "how-to"
DEADLINE = 240
POM = """<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>example</groupId>
  <artifactId>scim-client</artifactId>
  <version>1</version>
  <properties>
    <maven.compiler.release>17</maven.compiler.release>
    <project.build.sourceEncoding>UTF-8</project.build.sourceEncoding>
  </properties>
  <dependencies>
    <dependency>
      <groupId>org.junit.jupiter</groupId>
      <artifactId>junit-jupiter</artifactId>
      <version>5.10.2</version>
      <scope>test</scope>
    </dependency>
  </dependencies>
  <build>
    <plugins>
      <plugin><artifactId>maven-resources-plugin</artifactId><version>3.3.1</version></plugin>
      <plugin><artifactId>maven-compiler-plugin</artifactId><version>3.13.0</version></plugin>
      <plugin><artifactId>maven-surefire-plugin</artifactId><version>3.2.5</version></plugin>
    </plugins>
  </build>
</project>
"""


def blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", (PAGES / page).read_text("utf-8"), re.M | re.S)


def played(folder: Path, scenario: str, *command: str) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, "-m", "mockhost", "run", scenario, "--timeout", "120s", "--", *command]
    return subprocess.run(words, cwd=folder, capture_output=True, text=True, timeout=DEADLINE, check=False)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("scenario", "part"), [("basics/healthy", "got 200"), ("documented/secret_token_mismatch", "got 401")]
)
def test_the_page_for_junit(tmp_path: Path, scenario: str, part: str) -> None:
    if not (shutil.which("mvn") and shutil.which("java")):
        pytest.skip("not on this machine: mvn, java")
    code = tmp_path / "src" / "test" / "java"
    code.mkdir(parents=True)
    (code / "ScimClientTest.java").write_text(blocks("junit.md", "java")[0], "utf-8")
    (tmp_path / "pom.xml").write_text(POM, "utf-8")
    done = played(tmp_path, scenario, "mvn", "-q", "-o", "test")
    if "in offline mode" in done.stdout:
        pytest.skip("Maven does not have its plug-ins and JUnit on this machine")
    assert done.returncode == 0, done.stdout + done.stderr
    assert part in done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("scenario", ["basics/healthy", "documented/secret_token_mismatch"])
@pytest.mark.parametrize("good", [True, False])
def test_the_page_for_vitest(tmp_path: Path, scenario: str, good: bool) -> None:
    """A client that lets errors of its own through passes with a healthy host only."""
    modules = os.environ.get("VITEST_MODULES")
    if not (modules and shutil.which("npx")):
        pytest.skip("VITEST_MODULES does not name a folder node_modules with Vitest")
    client, test = blocks("vitest.md", "js")
    if not good:
        client = re.sub(
            r"throw new ClientError.*", "throw error", re.sub(r"if \(answer.status.*", "", client)
        )
    (tmp_path / "client.mjs").write_text(client, "utf-8")
    (tmp_path / "client.test.mjs").write_text(test, "utf-8")
    (tmp_path / "node_modules").symlink_to(modules)
    done = played(tmp_path, scenario, "npx", "vitest", "run")
    assert (done.returncode == 0) is (good or scenario == "basics/healthy"), done.stdout + done.stderr
    if done.returncode:
        assert "a good client should fix_configuration" in done.stdout + done.stderr


@pytest.mark.slow
def test_the_page_for_go(tmp_path: Path) -> None:
    if not shutil.which("go"):
        pytest.skip("not on this machine: go")
    (tmp_path / "go.mod").write_text("module example\n\ngo 1.21\n")
    (tmp_path / "client_test.go").write_text(blocks("go.md", "go")[0], "utf-8")
    done = played(tmp_path, "basics/healthy", "go", "test", "-count=1", "-v", "./...")
    assert done.returncode == 0, done.stdout + done.stderr
