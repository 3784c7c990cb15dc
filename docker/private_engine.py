#!/usr/bin/env python3
"""A Docker engine of one's own, for tests: no registry, no bridge, no firewall rules, nothing in /var or ~/.docker.

Needs root and Debian's packages. Surprising: the image that the Dockerfile begins with is not fetched but made from
Debian's packages, and what this machine needs to reach its package index (a CA bundle, folders of wheels, another
index) reaches the build as secrets and over the loopback, so that nothing of it is left in the image.
"""

from __future__ import annotations

import argparse
import configparser
import contextlib
import functools
import http.server
import io
import os
import platform
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

PACKAGE_OF = {
    "dockerd": "docker.io",
    "mmdebstrap": "mmdebstrap",
    "ch-run": "charliecloud-runtime",
    "docker-compose": "docker-compose",
}
SEARCH_PATH = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
BASE = "python:3.11-slim"
"""The name that the Dockerfile asks for."""
FOLDER = Path("/dev/shm/truestrength-engine")  # noqa: S108 - of root's
CONTEXT = Path(__file__).resolve().parents[1]
GPU_HOOK = "#!/bin/sh\nexec cat >/dev/null\n"
"""Stands for NVIDIA's: with it the engine accepts `--gpus`, and there is still no GPU."""


class EngineError(Exception):
    """The engine cannot be installed, started or used."""


def missing_packages() -> list[str]:
    """Debian packages that have to be installed before `start`."""
    return sorted({package for name, package in PACKAGE_OF.items() if not shutil.which(name, path=SEARCH_PATH)})


def install() -> None:
    """Install what is missing from Debian's packages; does nothing when all is there."""
    if packages := missing_packages():
        apt = ["apt-get", "-qq", "-o", "DPkg::Lock::Timeout=300", "-o", "Dpkg::Use-Pty=0"]
        # Installed, not started: the engine here is a private one.
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
        for command in ([*apt, "update"], [*apt, "install", "-y", "--no-install-recommends", *packages]):
            run(command, environment=environment)


def start(folder: Path) -> None:
    """Start the engine unless it runs, and give it a base image."""
    if os.geteuid() != 0:
        raise EngineError("the private engine has to be started by root")
    if packages := missing_packages():
        raise EngineError(
            f"missing Debian packages: {' '.join(packages)}; `{Path(__file__).name} install` installs them"
        )
    folder.mkdir(mode=0o711, parents=True, exist_ok=True)
    if not _answers(folder):
        _start_daemon(folder)
    if not images(folder, BASE):
        _make_base(folder)


def build(folder: Path, tag: str, *options: str) -> None:
    """Build the Dockerfile, with this machine's ways to the package index as secrets.

    Raises:
        EngineError: with the end of the build's output.
    """
    with _package_index(folder) as arguments:
        command = [docker(), "build", "--progress=plain", "--network=host", *arguments, "--tag", tag, *options]
        run([*command, str(CONTEXT)], environment={**os.environ, **address(folder), "DOCKER_BUILDKIT": "1"})


def stop(folder: Path) -> None:
    """Stop the engine with all its containers, and remove everything it has written."""
    pid_file = folder / "dockerd.pid"
    if _answers(folder):
        running = run([docker(), "ps", "--quiet"], environment={**os.environ, **address(folder)}).split()
        if running:
            run([docker(), "kill", *running], environment={**os.environ, **address(folder)})
        pid = int(pid_file.read_text())
        os.kill(pid, signal.SIGTERM)
        _wait(30, "the end of dockerd", lambda: not _runs(pid))
    mounts = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()]
    for mount in sorted((mount for mount in mounts if mount.startswith(f"{folder}/")), reverse=True):
        subprocess.run(["umount", mount], check=False, capture_output=True)
    shutil.rmtree(folder, ignore_errors=True)


def address(folder: Path) -> dict[str, str]:
    """The variable that leads Docker's clients to this engine, and no further configuration."""
    return {"DOCKER_HOST": f"unix://{folder}/docker.sock", "DOCKER_CONFIG": str(folder / "client")}


def images(folder: Path, tag: str) -> list[str]:
    """Ids of the images of this name."""
    return run([docker(), "images", "--quiet", tag], environment={**os.environ, **address(folder)}).split()


@functools.cache
def docker() -> str:
    """A client that can build with BuildKit: built in before version 23, a plugin (buildx) since."""
    for folder in ("/usr/bin", *SEARCH_PATH.split(":")):
        client = Path(folder) / "docker"
        if not os.access(client, os.X_OK):
            continue
        version = run([str(client), "--version"]).split()[2]
        plugin = subprocess.run([client, "buildx", "version"], capture_output=True, check=False)
        if int(version.split(".")[0]) < 23 or not plugin.returncode:
            return str(client)
    raise EngineError("no docker client here can use BuildKit")


def run(command: list[str], environment: dict[str, str] | None = None) -> str:
    """Run a command to its end and give its output.

    Raises:
        EngineError: it failed; with the end of what it said.
    """
    finished = subprocess.run(
        command, env=environment, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
    )
    if finished.returncode:
        raise EngineError(
            f"{' '.join(command[:3])}: exit {finished.returncode}: {(finished.stdout + finished.stderr)[-4000:]}"
        )
    return finished.stdout


def _start_daemon(folder: Path) -> None:
    hooks = folder / "hooks"
    hooks.mkdir(exist_ok=True)
    hook = hooks / "nvidia-container-runtime-hook"
    hook.write_text(GPU_HOOK)
    hook.chmod(0o755)
    (folder / "dockerd.pid").unlink(missing_ok=True)
    command = [
        "dockerd", "--host", address(folder)["DOCKER_HOST"], "--pidfile", str(folder / "dockerd.pid"),
        "--data-root", str(folder / "data"), "--exec-root", str(folder / "exec"),
        "--bridge=none", "--iptables=false", "--ip6tables=false", "--ip-forward=false", "--ip-masq=false",
    ]  # fmt: skip
    with (folder / "dockerd.log").open("ab") as log:
        started = subprocess.Popen(
            command, env={**os.environ, "PATH": f"{hooks}:{SEARCH_PATH}"}, stdin=subprocess.DEVNULL,
            stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
    started.returncode = 0  # it outlives this process on purpose
    try:
        _wait(60, "dockerd", lambda: _answers(folder))
    except EngineError as error:
        raise EngineError(f"{error}\n{(folder / 'dockerd.log').read_text()[-2000:]}") from None


def _answers(folder: Path) -> bool:
    command = [docker(), "version"]
    return not subprocess.run(
        command, env={**os.environ, **address(folder)}, capture_output=True, check=False
    ).returncode


def _make_base(folder: Path) -> None:
    """What `python:3.11-slim` is to the Dockerfile: a small Debian with `python` in /usr/local/bin."""
    archive = folder / "base.tar"
    suite, mirror = _debian()
    # A distribution's Python refuses pip outside of virtual environments; the real base image does not.
    finish = (
        'for name in python python3; do ln -sf /usr/bin/python3 "$1/usr/local/bin/$name"; done; '
        'rm -f "$1"/usr/lib/python3*/EXTERNALLY-MANAGED'
    )
    run([
        "mmdebstrap", "--quiet", "--format=tar", "--variant=essential",
        "--include=apt,ca-certificates,python3,python3-venv", f"--customize-hook={finish}",
        "--aptopt=Acquire::Languages \"none\"", "--aptopt=APT::Install-Recommends \"false\"",
        *(f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in ("man", "locale", "info", "doc")),
        suite, str(archive), mirror,
    ])  # fmt: skip
    change = "ENV PATH=/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin"
    run([docker(), "import", "--change", change, str(archive), BASE], environment={**os.environ, **address(folder)})
    archive.unlink()


def _debian() -> tuple[str, str]:
    """Code name and mirror of this machine's distribution, as its own apt knows them."""
    suite = platform.freedesktop_os_release()["VERSION_CODENAME"]
    form = ["--format", "$(CODENAME) $(REPO_URI)", "Created-By: Packages", "Component: main"]
    for line in run(["apt-get", "indextargets", *form]).splitlines():
        name, _, mirror = line.partition(" ")
        if name == suite:
            return suite, mirror
    raise EngineError(f"apt knows no mirror of {suite}: run apt-get update")


@contextlib.contextmanager
def _package_index(folder: Path) -> Iterator[list[str]]:
    """Arguments of `docker build` that let its pip reach what this machine's pip reaches."""
    settings = _pip_settings()
    with contextlib.ExitStack() as stack:
        links = [
            stack.enter_context(_served(Path(link.removeprefix("file://"))))
            if link.startswith(("/", "file://"))
            else link
            for link in settings.get("find-links", "").split()
        ]
        lines = ["[global]", f"find-links = {' '.join(links)}", "timeout = 180"]
        lines += [f"index-url = {settings['index-url']}"] if settings.get("index-url", "").startswith("http") else []
        arguments = []
        bundle = settings.get("cert") or os.environ.get("SSL_CERT_FILE")
        if bundle:
            lines.append("cert = /run/secrets/ca_bundle")
            arguments += ["--secret", f"id=ca_bundle,src={bundle}"]
        if _has_cpu_torch(settings):
            arguments += ["--build-arg", "TORCH_CPU_INDEX="]
        conf = folder / "pip.conf"
        conf.write_text("\n".join(lines) + "\n")
        yield [*arguments, "--secret", f"id=pip_conf,src={conf}"]


def _pip_settings() -> dict[str, str]:
    """What `pip config list` says, environment over files."""
    listed = run([sys.executable, "-m", "pip", "config", "list"])
    parser = configparser.RawConfigParser()
    parser.read_file(io.StringIO("[pip]\n" + listed.replace(":env:.", "env-")))
    found = {key: value.strip("'").replace("\\n", " ") for key, value in parser["pip"].items()}
    files = {key.partition(".")[2]: value for key, value in found.items() if "." in key}
    return files | {key.removeprefix("env-"): value for key, value in found.items() if key.startswith("env-")}


def _has_cpu_torch(settings: dict[str, str]) -> bool:
    folders = [Path(link.removeprefix("file://")) for link in settings.get("find-links", "").split()]
    return any(next(folder.glob("torch-*+cpu*.whl"), None) for folder in folders if folder.is_dir())


@contextlib.contextmanager
def _served(folder: Path) -> Iterator[str]:
    """The folder over HTTP on a free port of the loopback."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None: ...

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/"
        server.shutdown()


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def _wait(seconds: float, what: str, ready: Callable[[], bool]) -> None:
    deadline = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > deadline:
            raise EngineError(f"{what}: waited {seconds:g} s")
        time.sleep(0.1)


def main() -> int:
    """Run one of the functions above from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("action", choices=["install", "start", "build", "stop"])
    parser.add_argument("--folder", type=Path, default=FOLDER, help=f"of its state ({FOLDER}); much faster on a tmpfs")
    parser.add_argument("--tag", default="truestrength:test")
    parser.add_argument("--torch", choices=["cpu", "cuda"], default="cpu")
    args = parser.parse_args()
    try:
        match args.action:
            case "install":
                install()
            case "start":
                start(args.folder)
            case "build":
                build(args.folder, args.tag, "--build-arg", f"TORCH={args.torch}")
            case "stop":
                stop(args.folder)
    except EngineError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
