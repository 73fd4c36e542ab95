"""The manifest of the Kubernetes page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mockhost import MockHost
from mockhost.cli.options import public_names
from mockhost.scenario import loader
from tests.docker.files import DOCKER, OPTIONS, documents

DOCUMENTS: dict[str, dict[str, Any]] = {
    f"{each['kind']}/{each['metadata']['name']}": each for each in documents(DOCKER / "kubernetes.yaml")
}
HOSTS: dict[str, Any] = DOCUMENTS["StatefulSet/mockhost"]["spec"]
SCENARIOS: dict[str, str] = DOCUMENTS["ConfigMap/mockhost-scenarios"]["data"]
SERVICES = ("mockhost", "mockhost-hosts")
POD: dict[str, Any] = HOSTS["template"]["spec"]
(CONTAINER,) = POD["containers"]


@pytest.mark.parametrize("name", DOCUMENTS)
def test_kubernetes_takes_it(name: str) -> None:
    """Against the API's own schemas, unknown keys included."""
    validator = pytest.importorskip("kubernetes_validate")
    validator.validate(DOCUMENTS[name], validator.latest_version(), strict=True)


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
    assert "Service/mockhost" in DOCUMENTS
    assert POD["enableServiceLinks"] is False


def test_probes_ask_the_control_plane() -> None:
    """A scenario that stops the service must not get its pod killed."""
    ports = {port["name"]: port["containerPort"] for port in CONTAINER["ports"]}
    assert ports == {"scim": 8585, "control": 8586}
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        assert CONTAINER[probe]["httpGet"] == {"path": "/v1/health", "port": "control"}
    for name in SERVICES:
        targets = {port["port"]: port["targetPort"] for port in DOCUMENTS[f"Service/{name}"]["spec"]["ports"]}
        assert targets == {8585: "scim", 8586: "control"}


def test_its_variables_are_options() -> None:
    assert {variable["name"] for variable in CONTAINER["env"]} <= OPTIONS


def test_the_scenarios_of_the_config_map_load(tmp_path: Path) -> None:
    """And the one that is served is among them."""
    for name, text in SCENARIOS.items():
        (tmp_path / name).write_text(text, "utf-8")
        assert loader.load(str(tmp_path / name)).title
    assert CONTAINER["args"][0] == "serve"
    assert CONTAINER["args"][1].removeprefix("./") in SCENARIOS


def test_every_volume_is_mounted_and_every_mount_is_a_volume() -> None:
    mounts = {mount["name"] for mount in CONTAINER["volumeMounts"]}
    claims = {claim["metadata"]["name"] for claim in HOSTS["volumeClaimTemplates"]}
    assert mounts == {volume["name"] for volume in POD["volumes"]} | claims


def test_each_pod_has_a_name_and_a_volume_of_its_own() -> None:
    """The name is in its certificate and in its URLs, and what it keeps is on its volume."""
    headless = DOCUMENTS[f"Service/{HOSTS['serviceName']}"]
    assert headless["spec"]["clusterIP"] == "None"
    labels = HOSTS["template"]["metadata"]["labels"]
    assert HOSTS["selector"]["matchLabels"] == labels
    assert all(DOCUMENTS[f"Service/{name}"]["spec"]["selector"] == labels for name in SERVICES)
    variables = {each["name"]: each.get("value", "") for each in CONTAINER["env"]}
    names = public_names(variables["MOCKHOST_PUBLIC_NAME"].split(","), "mockhost-3")
    assert names[0] == f"mockhost-3.{HOSTS['serviceName']}"
    assert "mockhost" in names
    volume = next(mount for mount in CONTAINER["volumeMounts"] if mount["name"] == "data")
    assert variables["MOCKHOST_DATA"].startswith(f"{volume['mountPath']}/")


def test_a_pod_that_starts_again_has_what_was_changed(tmp_path: Path) -> None:
    """As in the manifest: the folder of `--data` is below that of `--state`, and is made at the start."""
    for name, text in SCENARIOS.items():
        (tmp_path / name).write_text(text, "utf-8")
    served = str(tmp_path / CONTAINER["args"][1])
    folder = tmp_path / "data"
    folder.mkdir()
    row = {"ContosoLogin": "bob", "FirstName": "Bob", "LastName": "Kelly"}
    for number in range(2):
        with MockHost(served, control=False, data=folder / "objects") as host:
            if not number:
                host.change({"SQL": {"insert": [row]}})
            assert host.objects("SQL", ContosoLogin="bob")
