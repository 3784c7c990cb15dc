"""The container around one worker, as its job sees it: started with a secret file, gone when the job is.

Surprising: killing the client of docker or podman leaves the container running, so it is removed by its name.
"""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from truestrength.launcher.containers.checks import image_digest
from truestrength.launcher.containers.runtimes import removal, wrap
from truestrength.launcher.containers.settings import SECRET, Container, ContainerSettings, Launch, Start
from truestrength.trainer.contract.database import url as url_text
from truestrength.trainer.contract.database.address import FILE_VARIABLE, URL_VARIABLE
from truestrength.trainer.contract.errors import DatabaseError
from truestrength.trainer.contract.ledger.lease import LEASE_VARIABLE
from truestrength.trainer.contract.records import provenance

PASSED_ON = (
    "CUDA_VISIBLE_DEVICES",
    "SLURM_JOB_ID",
    "SLURM_ARRAY_JOB_ID",
    "SLURM_ARRAY_TASK_ID",
    "SUBMITIT_LOCAL_JOB_ID",
    LEASE_VARIABLE,
    "USER",
)
"""Of the job's environment; beside what the job sets itself and what the settings name."""
OUTPUTS_LABEL = "truestrength.outputs"
REMOVAL_TIMEOUT_S = 60


@contextmanager
def contained(
    container: Container | None,
    words: Sequence[str],
    environment: Mapping[str, str | None],
    python: str = sys.executable,
) -> Iterator[Launch]:
    """Give what to start so that an interpreter gets `words`, and afterwards remove what a killed client left behind.

    Args:
        container: Where the worker shall run; None: a plain process.
        words: What is said to the interpreter: the image's own, in a container.
        environment: What the job adds for it; None removes a variable.
        python: The interpreter of a plain process.

    Raises:
        DatabaseError: no database is configured.
    """
    if container is None:
        yield Launch([python, *words], dict(environment))
        return
    for mount in container.mounts:
        if not mount.read_only:
            mount.source.mkdir(parents=True, exist_ok=True)
    name = f"truestrength-{secrets.token_hex(6)}"
    with _secret(_job(environment)) as secret:
        launch = wrap(container, _start(container, words, environment, name, secret))
        try:
            yield Launch(launch.arguments, {**environment, URL_VARIABLE: None, **launch.environment})
        finally:
            if remove := removal(container.settings, name):
                subprocess.run(remove, capture_output=True, check=False, timeout=REMOVAL_TIMEOUT_S)


def preview(container: Container, words: Sequence[str], environment: Mapping[str, str | None]) -> list[str]:
    """The arguments that `contained` would start, for `--dry-run`. Touches nothing."""
    job = _job(environment)
    secret = _secret_file(job) if job.get(FILE_VARIABLE) and not job.get(URL_VARIABLE) else Path(FILE_VARIABLE)
    return wrap(container, _start(container, words, environment, "truestrength-NAME", secret)).arguments


def wants_gpus(settings: ContainerSettings, driver: Path = Path("/dev/nvidiactl")) -> bool:
    """Whether the container gets this machine's GPUs."""
    return settings.gpus == "all" or (settings.gpus == "auto" and driver.exists())


def _start(
    container: Container, words: Sequence[str], environment: Mapping[str, str | None], name: str, secret: Path
) -> Start:
    settings = container.settings
    job = _job(environment)
    digest = container.digest or image_digest(settings)
    given = dict(entry.split("=", 1) for entry in settings.env if "=" in entry)
    passed = (*PASSED_ON, *environment, *(entry for entry in settings.env if "=" not in entry))
    own = {FILE_VARIABLE: str(SECRET), provenance.IMAGE_VARIABLE: settings.image}
    return Start(
        name=name,
        words=words,
        environment={
            **{name: job[name] for name in passed if name in job},
            **given,
            **own,
            **({provenance.DIGEST_VARIABLE: digest} if digest else {}),
        },
        secret=secret,
        certificate=_certificate(secret),
        gpus=wants_gpus(settings),
        labels={OUTPUTS_LABEL: str(container.mounts[0].source)},
    )


def _certificate(secret: Path) -> Path | None:
    """The file by which the server in a URL is known; unreadable URLs are for the worker to complain of."""
    with suppress(OSError, DatabaseError):
        if named := url_text.certificate_file(secret.read_text(encoding="utf-8")):
            return Path(named).absolute()
    return None


def _job(environment: Mapping[str, str | None]) -> dict[str, str]:
    return {name: value for name, value in {**os.environ, **environment}.items() if value is not None}


@contextmanager
def _secret(job: Mapping[str, str]) -> Iterator[Path]:
    """A file with the database's URL; where only a variable has it, one that is there as long as the worker."""
    if job.get(URL_VARIABLE):
        with tempfile.NamedTemporaryFile("w", prefix="truestrength-", encoding="utf-8") as file:
            file.write(job[URL_VARIABLE])
            file.flush()
            yield Path(file.name)
        return
    if not job.get(FILE_VARIABLE):
        raise DatabaseError(f"No database for a container: neither {URL_VARIABLE} nor {FILE_VARIABLE} is set")
    path = _secret_file(job)
    if not path.is_file():
        raise DatabaseError(f"No database for a container: {FILE_VARIABLE}={path} is not there")
    yield path


def _secret_file(job: Mapping[str, str]) -> Path:
    return Path(job[FILE_VARIABLE]).absolute()


def run_to_end(container: Container | None, words: Sequence[str]) -> str | None:
    """Let an interpreter run `words`, and wait. Returns what it says went wrong; None when nothing did."""
    with contained(container, words, {}) as launch:
        merged = {**os.environ, **launch.environment}
        environment = {name: value for name, value in merged.items() if value is not None}
        try:
            done = subprocess.run(
                launch.arguments, env=environment, capture_output=True, text=True, errors="replace", check=False
            )
        except OSError as error:
            return f"{launch.arguments[0]}: {error.strerror}"
    return None if done.returncode == 0 else done.stderr.strip()
