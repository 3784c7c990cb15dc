"""From settings to argument list: one small pure function per container runtime.

All of them: the host's network (the database may listen on the loopback only), the caller's uid, the image's own
interpreter, and the database's URL as a file, so that it stands in no argument list and not in `docker inspect`.

Surprising: no `--init`. The image brings its own (tini), and some hosts lack the program that the option needs.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import assert_never

from truestrength.launcher.containers.settings import SECRET, Container, ContainerSettings, Launch, Mount, Start
from truestrength.trainer.contract.records import provenance

NOT_PASSED_ON = ("PYTHON*", "LD_*", "VIRTUAL_ENV")
"""Charliecloud passes the whole environment on; these would mix the host's Python with the image's."""
IDENTITY = (provenance.IMAGE_VARIABLE, provenance.DIGEST_VARIABLE)


def program(settings: ContainerSettings) -> str:
    """The program that starts a container, a path or a name on the search path."""
    names = {"charliecloud": "ch-run", "pyxis": "srun"}
    return settings.executable or names.get(settings.runtime, settings.runtime)


def wrap(container: Container, start: Start) -> Launch:
    """The command that says `start.words` to the interpreter in a container. Touches nothing."""
    match container.settings.runtime:
        case "none":
            raise AssertionError("a plain process is not wrapped")
        case "docker":
            return _docker(container, start)
        case "podman":
            return _podman(container, start)
        case "apptainer":
            return _apptainer(container, start)
        case "charliecloud":
            return _charliecloud(container, start)
        case "pyxis":
            return _pyxis(container, start)
        case _:
            assert_never(container.settings.runtime)


def removal(settings: ContainerSettings, name: str) -> list[str] | None:
    """The command that ends and removes a container whose client is gone.

    None for runtimes that leave nothing behind: there the worker takes the client's place or belongs to the job's step.
    """
    if settings.runtime in {"docker", "podman"}:
        return [program(settings), "rm", "--force", name]
    return None


def _docker(container: Container, start: Start) -> Launch:
    return _run(container, start, [*(["--gpus", "all"] if start.gpus else [])])


def _podman(container: Container, start: Start) -> Launch:
    return _run(
        container,
        start,
        [
            # Without it the caller's uid would be another one inside a rootless container.
            *(["--userns", "keep-id"] if container.uid else []),
            # SELinux would refuse the caller's folders; relabelling them would change the host.
            *["--security-opt", "label=disable"],
            # Podman accepts --gpus and ignores it.
            *(["--device", "nvidia.com/gpu=all"] if start.gpus else []),
        ],
    )


def _run(container: Container, start: Start, own: Iterable[str]) -> Launch:
    """What docker and podman have in common. `--env NAME` takes the value from the client's environment."""
    settings = container.settings
    arguments = [program(settings), "run", "--rm", "--name", start.name]
    for key, value in start.labels.items():
        arguments += ["--label", f"{key}={value}"]
    arguments += ["--network", "host", "--shm-size", settings.shm_size]
    arguments += ["--user", f"{container.uid}:{container.gid}", "--workdir", str(container.workdir), *own]
    for mount in _mounts(container, start):
        # Unlike --volume, --mount refuses a source that is missing instead of making it, as root.
        readonly = ",readonly" if mount.read_only else ""
        arguments += ["--mount", f"type=bind,source={mount.source},target={mount.target}{readonly}"]
    for name in start.environment:
        arguments += ["--env", name]
    if container.uid == 0:
        arguments += ["--env", "TRUESTRENGTH_ROOT=1"]  # else the image's entrypoint becomes another user
    arguments += [*settings.options, settings.image, *_inside(container, start)]
    return Launch(arguments, dict(start.environment))


def _apptainer(container: Container, start: Start) -> Launch:
    settings = container.settings
    arguments = [program(settings), "exec", "--cleanenv", "--no-home", "--pwd", str(container.workdir)]
    arguments += ["--nv"] if start.gpus else []
    for mount in _mounts(container, start):
        arguments += ["--bind", f"{mount.source}:{mount.target}:{'ro' if mount.read_only else 'rw'}"]
    arguments += [*settings.options, settings.image, *_inside(container, start)]
    # Not --env: it splits a value like "0,1" at the comma.
    return Launch(arguments, {f"APPTAINERENV_{name}": value for name, value in start.environment.items()})


def _charliecloud(container: Container, start: Start) -> Launch:
    """GPU libraries are put into the image once (`ch-fromhost --nvidia`); there is no flag for them."""
    settings = container.settings
    arguments = [program(settings), "--cd", str(container.workdir)]
    arguments += [f"--unset-env={pattern}" for pattern in NOT_PASSED_ON]
    arguments += ["--set-env"]  # the image's own variables, which would win over the caller's
    arguments += [f"--set-env={name}={value}" for name, value in start.environment.items() if name in IDENTITY]
    for mount in _mounts(container, start):
        # Read-only binds are not to be had here; the data is opened for reading anyway.
        arguments += ["--bind", f"{mount.source}:{mount.target}"]
    arguments += [*settings.options, settings.image, "--", *_inside(container, start)]
    # ch-run refuses to start without a USER, which a bare job may lack.
    return Launch(arguments, {"USER": f"uid{container.uid}", **start.environment})


def _pyxis(container: Container, start: Start) -> Launch:
    """A step inside the job's own: `--overlap` because submitit's step holds the job's cores already."""
    settings = container.settings
    mounts = (f"{m.source}:{m.target}{':ro' if m.read_only else ''}" for m in _mounts(container, start))
    # The image asks for all GPUs by this variable; "void" takes that back.
    environment: dict[str, str | None] = {
        **start.environment,
        "NVIDIA_VISIBLE_DEVICES": "all" if start.gpus else "void",
    }
    arguments = [program(settings), "--overlap", "--nodes=1", "--ntasks=1", f"--job-name={start.name}"]
    arguments += [f"--container-image={settings.image}", f"--container-mounts={','.join(mounts)}"]
    arguments += [f"--container-workdir={container.workdir}", "--no-container-mount-home"]
    arguments += ["--no-container-remap-root", "--no-container-entrypoint"]
    # An image's variable wins over the job's, unless named here.
    arguments += [f"--container-env={','.join(environment)}"]
    return Launch([*arguments, *settings.options, *_inside(container, start)], environment)


def _mounts(container: Container, start: Start) -> list[Mount]:
    own = [Mount(start.certificate, start.certificate, read_only=True)] if start.certificate else []
    return [*container.mounts, Mount(start.secret, SECRET, read_only=True), *own]


def _inside(container: Container, start: Start) -> list[str]:
    return [container.settings.python, *start.words]
