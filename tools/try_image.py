"""Tries a built image the way its users use it, without a Docker engine: with `buildah run`, as root.

    python tools/try_image.py [IMAGE]       default: localhost/image-check:latest

A client of another project provisions users on the running container; the services of docker/compose.yaml are
played in their order; a scenario that can't be used stops the container with its report; a read-only root file system
is enough. Prints a line for each; exit code 1 at the first that does not hold. Containers share this machine's
network, so ports are given by the environment. What can't be tried (no scim2-client, no mount namespaces) is said.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from mockhost.clock import monotonic  # noqa: E402  (the checkout is on the path only now)
from tools.smoke_clients import step, with_curl, with_scim2_client  # noqa: E402

PATIENCE = 60.0
"""Seconds that a container may take for anything; nothing that works comes near it."""
USER = 10001
BUILDAH = {
    **os.environ,
    "STORAGE_DRIVER": os.environ.get("STORAGE_DRIVER", "vfs"),
    "BUILDAH_ISOLATION": "chroot",
}


def buildah(*words: str) -> str:
    """What buildah says; it has to succeed."""
    done = subprocess.run(["buildah", *words], env=BUILDAH, capture_output=True, text=True, check=False)
    step(f"buildah {' '.join(words[:2])}", done.returncode == 0, done.stderr) if done.returncode else None
    return done.stdout.strip()


class Image:
    """An image's own words: what it runs, and how it is judged."""

    def __init__(self, name: str) -> None:
        self.name = name
        config = json.loads(buildah("inspect", "--type", "image", name))["Docker"]["config"]
        self.entrypoint: list[str] = config["Entrypoint"]
        self.command: list[str] = config["Cmd"]
        self.health: list[str] = config["Healthcheck"]["Test"][1:]
        self.environment: list[str] = config["Env"]
        self.config: dict[str, Any] = config


class Container:
    """A container of the image; a context that removes it, whatever it still does."""

    def __init__(
        self,
        image: Image,
        *,
        name: str = "",
        env: Mapping[str, str] | None = None,
        mounts: Sequence[str] = (),
        user: str = "",
        neighbours: Sequence[str] = (),
    ) -> None:
        self.image = image
        self._options = [f"--env={key}={value}" for key, value in (env or {}).items()]
        self._options += [f"--volume={mount}" for mount in mounts]
        self._places = {mount.split(":")[1] for mount in mounts}
        self._options += [f"--hostname={name}"] if name else []
        self._options += [f"--user={user}"] if user else []
        self._neighbours = [f"--add-host={each}:127.0.0.1" for each in neighbours]
        self._id = ""
        self._main: subprocess.Popen[str] | None = None
        self._folder = tempfile.TemporaryDirectory(prefix="mockhost-image-")
        self.log = Path(self._folder.name) / "log"

    def __enter__(self) -> Container:
        self._id = buildah("from", "--pull-never", *self._neighbours, self.image.name)
        for place in self._places & set(self.image.config.get("Volumes") or ()):
            buildah("config", "--volume", f"{place}-", self._id)  # else the image's own goes before ours
        return self

    def __exit__(self, *error: object) -> None:
        if self._main is not None and self._main.poll() is None:
            os.killpg(self._main.pid, signal.SIGKILL)
            self._main.wait()
        buildah("rm", self._id)
        self._folder.cleanup()

    def start(self, *arguments: str) -> None:
        """Run the image's entrypoint with these arguments, or its own command, in the background."""
        words = [*self.image.entrypoint, *(arguments or self.image.command)]
        self._main = subprocess.Popen(
            ["buildah", "run", *self._options, self._id, "--", *words],
            env=BUILDAH, stdout=self.log.open("w"), stderr=subprocess.STDOUT, text=True, start_new_session=True,
        )  # fmt: skip

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run something else in it, as `docker exec` does."""
        command = ["buildah", "run", *self._options, self._id, "--", *words]
        return subprocess.run(
            command, env=BUILDAH, capture_output=True, text=True, timeout=PATIENCE, check=False
        )

    def healthy(self) -> bool:
        """Wait until the image's own health check holds."""
        until, pause = monotonic() + PATIENCE, threading.Event()
        while monotonic() < until and (self._main is None or self._main.poll() is None):
            if self.run(*self.image.health).returncode == 0:
                return True
            pause.wait(0.1)
        return False

    def ready(self) -> dict[str, Any]:
        """The ready file's document."""
        document: dict[str, Any] = json.loads(self.run("cat", "/data/ready.json").stdout)
        return document

    def stop(self) -> tuple[int, float]:
        """Tell its process to end, as `docker stop` does; the exit code, and the seconds until it was gone."""
        assert self._main is not None
        pid, started = int(self.ready()["pid"]), monotonic()
        os.kill(pid, signal.SIGTERM)
        pause = threading.Event()
        while Path(f"/proc/{pid}").exists() and monotonic() < started + PATIENCE:
            pause.wait(0.005)
        seconds = monotonic() - started
        return self._main.wait(PATIENCE), seconds

    def resident(self) -> float:
        """MiB of memory that its process holds."""
        status = Path(f"/proc/{self.ready()['pid']}/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0]) / 1024


# -- the stories ---------------------------------------------------------------------------------------------------


def image_is_lean(image: Image) -> None:
    """Nothing that only builds or tests, bytecode for everything, and what operators look for."""
    with Container(image) as container:
        script = (
            "import importlib.util as u, pathlib, sys, mockhost, json;"
            "root = pathlib.Path(mockhost.__file__).parent.parent;"
            "bare = [str(f) for f in root.rglob('*.py') if not pathlib.Path(u.cache_from_source(f)).exists()];"
            "extra = [p.name for p in root.iterdir() for n in ('pip', 'setuptools', 'pytest', 'hypothesis')"
            " if p.name.split('-')[0] == n];"
            "print(json.dumps([bare, extra, sys.prefix]))"
        )
        bare, extra, prefix = json.loads(container.run("python", "-c", script).stdout)
        step(f"every module of {prefix} has its bytecode", not bare, bare[:5])
        step("no installer and no test code beside it", not extra, extra)
    labels = image.config.get("Labels") or {}
    step(
        "labels",
        {f"org.opencontainers.image.{key}" for key in ("title", "version", "licenses")} <= set(labels),
        labels,
    )
    step("it is told to end by SIGTERM", image.config.get("StopSignal") == "SIGTERM", image.config)
    step(f"user {image.config['User']}", image.config["User"].split(":")[0].isdecimal(), image.config["User"])


def clients_provision(image: Image) -> None:
    """Clients of other projects, against the default command; then `docker stop`."""
    env = {"MOCKHOST_PORT": "18585", "MOCKHOST_CONTROL_PORT": "18586"}
    with Container(image, env=env) as container, tempfile.TemporaryDirectory() as folder:
        container.start()
        step("docker run: healthy", container.healthy(), container.log.read_text())
        ready = container.ready()
        trust = Path(folder) / "trust.pem"
        trust.write_text(container.run("cat", ready["ca_file"]).stdout)
        told = ready["connectors"]["SQL"]
        if importlib.util.find_spec("scim2_client"):
            with_scim2_client("SQL", told["url"], told["secret_token"], str(trust))
        else:
            print("skip scim2-client is not installed", flush=True)
        with_curl("SQL", told["url"], told["secret_token"], str(trust))
        log = container.log.read_text()
        step("the log says the control plane's token", ready["control"]["token"] in log)
        step("the log has a line for each exchange", log.count("create_user") >= 1, log)
        done = container.run("mockhost", "control", "status")
        step("docker exec … mockhost control status, without a token", done.returncode == 0, done.stderr)
        print(f"     {container.resident():.0f} MiB resident", flush=True)
        code, seconds = container.stop()
        step(
            f"docker stop: exit code {code} after {seconds * 1_000:.0f} ms", code == 0 and seconds < 10, code
        )


def compose_file_plays(image: Image, file: Path) -> None:
    """Every service of the compose file with its own command, environment, host name and volumes, in its order."""
    from ruamel.yaml import YAML

    services: dict[str, dict[str, Any]] = YAML(typ="safe", pure=True).load(file)["services"]
    with tempfile.TemporaryDirectory(prefix="mockhost-compose-") as folder, contextlib.ExitStack() as stack:
        Path(folder).chmod(0o755)
        names = [str(service.get("hostname", name)) for name, service in services.items()]
        for name, service in sorted(services.items(), key=lambda item: len(item[1].get("depends_on", ()))):
            mounts = list(_mounts(service, Path(folder)))
            env, host_name = service.get("environment", {}), str(service.get("hostname", name))
            container = Container(image, name=host_name, env=env, mounts=mounts, neighbours=names)
            stack.enter_context(container)
            entrypoint = service.get("entrypoint", image.entrypoint)
            if service["healthcheck"].get("disable"):
                done = container.run(*entrypoint, *(word.replace("$$", "$") for word in service["command"]))
                print("".join(f"     | {line}\n" for line in done.stdout.splitlines()), end="", flush=True)
                step(f"compose: {name} ends with 0", done.returncode == 0, done.stderr)
            else:
                container.start(*service["command"])
                step(f"compose: {name} is healthy", container.healthy(), container.log.read_text())


def _mounts(service: Mapping[str, Any], folder: Path) -> Iterator[str]:
    for mount in service.get("volumes", ()):
        volume, place, *mode = str(mount).split(":")
        kept = folder / volume
        kept.mkdir(exist_ok=True)
        os.chown(kept, USER, USER)
        yield ":".join([str(kept), place, *mode])


def bad_scenarios_stop_it(image: Image) -> None:
    """A file that can't be used: the full report and exit code 1; one that is not there: 2."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        (Path(folder) / "broken.yaml").write_text(
            "format: 1\nextends: basics/healthy\nseed: x\nconectors: {}\n"
        )
        (Path(folder) / "mine.yaml").write_text("format: 1\nextends: documented/service_stopped\n")
        env = {"MOCKHOST_PORT": "18585", "MOCKHOST_CONTROL_PORT": "18586", "MOCKHOST_LOG_FORMAT": "json"}
        with Container(image, env=env, mounts=[f"{folder}:/scenarios:ro"]) as container:
            for words, code, texts in (
                (
                    ("serve", "./broken.yaml"),
                    1,
                    ("2 problems", "broken.yaml:3:7: $.seed", "did you mean 'connectors'?"),
                ),
                (("serve", "broken"), 1, ("2 problems",)),
                (("serve", "./none.yaml"), 2, ("there is no such file",)),
                (("serve", "documented/secret_token"), 2, ("secret_token_mismatch",)),
            ):
                done = container.run(*image.entrypoint, *words)
                said = done.stdout + done.stderr
                # buildah adds lines of its own, and has one exit code for them all.
                ended = f"exit status {code}" in said or done.returncode == code
                step(
                    f"docker run {' '.join(words)}: exit code {code}",
                    ended and all(t in said for t in texts),
                    said,
                )
            container.start("serve", "mine")
            step("a scenario mounted at /scenarios, its service stopped: healthy", container.healthy())
            first = json.loads(container.log.read_text().splitlines()[0])
            step("the log is JSON lines", first["event"] == "ready" and not first["listening"], first)


def any_user_and_name_will_do(image: Image) -> None:
    """As in clusters that give each project user numbers of its own; and a name that only clients can look up."""
    env = {
        "MOCKHOST_PORT": "18585",
        "MOCKHOST_CONTROL_PORT": "18586",
        "MOCKHOST_PUBLIC_NAME": "mock.contoso.invalid",
    }
    with Container(image, env=env, user="54321:0") as container:
        container.start()
        step("docker run --user 54321:0: healthy", container.healthy(), container.log.read_text())
        urls = {told["url"].partition("/ecma2host")[0] for told in container.ready()["connectors"].values()}
        step("its public name is in the URLs", urls == {"https://mock.contoso.invalid:18585"}, urls)
        done = container.run("mockhost", "control", "status")
        step("docker exec … mockhost control finds it all the same", done.returncode == 0, done.stderr)


def read_only_root_is_enough(image: Image) -> None:
    """In a mount namespace of its own: the root read-only, with nothing but /dev/shm, and with a folder at /data."""
    with Container(image) as container, tempfile.TemporaryDirectory(prefix="mockhost-root-") as folder:
        root = buildah("mount", container._id)
        for title, extra, drop, code, text in (
            ("a volume at /data", "mount -t tmpfs -o mode=1777 tmpfs data", (), 0, "Listening on"),
            ("/dev/shm and no state", ":", ("MOCKHOST_STATE", "MOCKHOST_READY_FILE"), 0, "Listening on"),
            ("nothing to write to", ":", (), 4, "/data"),
        ):
            env = [each for each in image.environment if each.partition("=")[0] not in drop]
            env += ["MOCKHOST_PORT=18585", "MOCKHOST_CONTROL_PORT=18586"]
            shm = "mkdir dev/shm && mount -t tmpfs -o mode=1777 tmpfs dev/shm"
            script = (
                f"mount --bind {root} {folder} && mount -o remount,ro,bind {folder} && cd {folder}"
                f" && mount -t proc proc proc && mount -t tmpfs tmpfs dev && {shm} && mknod -m 666 dev/null c 1 3"
                f" && mknod -m 444 dev/urandom c 1 9 && {extra}"
                f" && exec timeout --preserve-status -s TERM 3 chroot --userspec={USER}:{USER} . env -i"
                f" {' '.join(repr(each) for each in env)} {' '.join([*image.entrypoint, *image.command])}"
            )
            done = subprocess.run(
                ["unshare", "--mount", "sh", "-c", script],
                capture_output=True,
                text=True,
                timeout=PATIENCE,
                check=False,
            )
            said = done.stdout + done.stderr
            if "unshare" in said and "ermitted" in said:
                print("skip no mount namespaces here: read-only roots are not tried", flush=True)
                return
            step(f"read-only, {title}: exit code {code}", done.returncode == code and text in said, said)
            if code:
                print("".join(f"     | {line}\n" for line in said.splitlines()), end="", flush=True)


def main(arguments: Sequence[str]) -> None:
    """Tell all stories of an image, one after the other."""
    image = Image(arguments[0] if arguments else "localhost/image-check:latest")
    image_is_lean(image)
    clients_provision(image)
    compose_file_plays(image, ROOT / "docker" / "compose.yaml")
    bad_scenarios_stop_it(image)
    any_user_and_name_will_do(image)
    read_only_root_is_enough(image)


if __name__ == "__main__":
    main(sys.argv[1:])
