"""The manifest of the Kubernetes page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mockhost.scenario import loader
from tests.docker.files import DOCKER, OPTIONS, documents

DOCUMENTS: dict[str, dict[str, Any]] = {each["kind"]: each for each in documents(DOCKER / "kubernetes.yaml")}
POD: dict[str, Any] = DOCUMENTS["Deployment"]["spec"]["template"]["spec"]
(CONTAINER,) = POD["containers"]


@pytest.mark.parametrize("kind", DOCUMENTS)
def test_kubernetes_takes_it(kind: str) -> None:
    """Against the API's own schemas, unknown keys included."""
    validator = pytest.importorskip("kubernetes_validate")
    validator.validate(DOCUMENTS[kind], validator.latest_version(), strict=True)


def test_the_pod_fits_the_restricted_standard() -> None:
    """Kubernetes, "Pod Security Standards", restricted; and nothing is written to the image's file system."""
    pod, container = POD["securityContext"], CONTAINER["securityContext"]
    assert pod["runAsNonRoot"] is True
    assert pod["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["allowPrivilegeEscalation"] is False
    assert container["capabilities"] == {"drop": ["ALL"]}
    assert container["readOnlyRootFilesystem"] is True
    assert {next(iter(volume.keys() - {"name"})) for volume in POD["volumes"]} <= {"configMap", "emptyDir"}


def test_a_service_does_not_become_an_option() -> None:
    """Kubernetes makes MOCKHOST_PORT=tcp://… of a Service called mockhost, unless it is told not to."""
    assert DOCUMENTS["Service"]["metadata"]["name"] == "mockhost"
    assert POD["enableServiceLinks"] is False


def test_probes_ask_the_control_plane() -> None:
    """A scenario that stops the service must not get its pod killed."""
    ports = {port["name"]: port["containerPort"] for port in CONTAINER["ports"]}
    assert ports == {"scim": 8585, "control": 8586}
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        assert CONTAINER[probe]["httpGet"] == {"path": "/v1/health", "port": "control"}
    targets = {port["port"]: port["targetPort"] for port in DOCUMENTS["Service"]["spec"]["ports"]}
    assert targets == {8585: "scim", 8586: "control"}


def test_its_variables_are_options() -> None:
    assert {variable["name"] for variable in CONTAINER["env"]} <= OPTIONS


def test_the_scenarios_of_the_config_map_load(tmp_path: Path) -> None:
    """And the one that is served is among them."""
    for name, text in DOCUMENTS["ConfigMap"]["data"].items():
        (tmp_path / name).write_text(text, "utf-8")
        assert loader.load(str(tmp_path / name)).title
    assert CONTAINER["args"][0] == "serve"
    assert CONTAINER["args"][1].removeprefix("./") in DOCUMENTS["ConfigMap"]["data"]


def test_every_volume_is_mounted_and_every_mount_is_a_volume() -> None:
    mounts = {mount["name"] for mount in CONTAINER["volumeMounts"]}
    assert mounts == {volume["name"] for volume in POD["volumes"]}
