"""The checks of a cluster, by one small job that asks for what a worker asks for.

Surprising: a job that ended and left no answer, or does not see the question, means that its folder is not shared:
SLURM writes a job's log on the node, so the log cannot be read here either.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shlex
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from truestrength.launcher.containers import checks
from truestrength.launcher.database import PROJECT
from truestrength.launcher.doctor.findings import Finding, guarded
from truestrength.launcher.doctor.machine import of_skews
from truestrength.launcher.doctor.paths import ANSWER, LOG, QUESTION
from truestrength.launcher.postgres import server
from truestrength.launcher.slurm import environment, programs
from truestrength.launcher.slurm.arrays import worker_options
from truestrength.launcher.slurm.batch_script import Option, batch_script, environment_lines, setup_lines
from truestrength.launcher.slurm.profile import ClusterProfile
from truestrength.trainer.contract import files
from truestrength.trainer.contract.config.settings import Paths
from truestrength.trainer.contract.database import address
from truestrength.trainer.contract.errors import EXIT_TRY_AGAIN, DatabaseError, UserError
from truestrength.trainer.contract.paths.outputs import ClusterPaths
from truestrength.trainer.contract.paths.server import EmbeddedServerPaths

WAIT_S = 300.0
LATE_S = 15.0
"""A network file system shows a file of another machine only after a while."""
PAUSE_S = 1.0
MINUTES = 2


def examined(profile: ClusterProfile, paths: Paths, python: str) -> list[Finding]:
    """Submit the job, wait for it, and say what it found. Nothing of it is left.

    Args:
        profile: Of the cluster.
        paths: Of the configuration.
        python: What the job runs where the profile names none.
    """
    base = Path(profile.shared_folder or paths.outputs).absolute()
    there = base.is_dir()
    try:
        base.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix=".doctor-", dir=base))
    except OSError as error:
        return [
            Finding("shared folder", "fail", f"{base}: {error.strerror}", "name another: shared_folder, paths.outputs")
        ]
    try:
        return [*_probed(profile, folder, profile.python or python), _image(profile, paths)]
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        if not there:
            with contextlib.suppress(OSError):  # no longer empty
                base.rmdir()


def _probed(profile: ClusterProfile, folder: Path, python: str) -> list[Finding]:
    """The job's findings; one failure where there is no job."""
    problem = guarded("database", _database, "`truestrength db up --listen`, or DATABASE_URL to a server")
    if problem.state != "ok":
        return [problem]
    word = secrets.token_hex(8)
    files.write_text(folder / QUESTION, word)
    script = folder / "probe.sh"
    try:
        with _database_named():
            files.write_text(script, _script(profile, folder, python))
            begun = time.time()
            job_id = programs.sbatch(script)
        if job_id is None:
            raise programs.SlurmError("sbatch has named no job id")
        ended = _wait(job_id, folder)
    except UserError as error:
        away = error.exit_code == EXIT_TRY_AGAIN
        return [Finding("cluster", "fail", " ".join(str(error).split()), "`sinfo` and `sbatch --test-only`", away)]
    return _read(folder, word, profile, begun, ended=ended)


def _database() -> Finding:
    """Whether there is a database to name to a job, that other machines can reach."""
    if not address.configured() and not server.status(PROJECT).running:
        raise DatabaseError("no database for the cluster's jobs")
    url = address.database_url() if address.configured() else server.url(PROJECT)
    environment.check_reachable(url)
    return Finding("database", "ok", "")


@contextlib.contextmanager
def _database_named() -> Iterator[None]:
    """Name the embedded server's database, where no other is named."""
    if address.configured():
        yield
        return
    os.environ[address.FILE_VARIABLE] = str(EmbeddedServerPaths.of(PROJECT).url.absolute())
    try:
        yield
    finally:
        del os.environ[address.FILE_VARIABLE]


def _script(profile: ClusterProfile, folder: Path, python: str) -> str:
    own: dict[str, Option] = {
        "job-name": "truestrength-doctor",
        "output": str(folder / LOG).replace("%", "%%"),
        "time": MINUTES,
        "ntasks-per-node": 1,
        "requeue": False,
        "signal": None,
    }
    written = environment.write(ClusterPaths(folder))
    command = shlex.join([python, "-m", "truestrength.launcher.doctor.on_node", str(folder)])
    root = f"cd {shlex.quote(str(Path.cwd()))}"
    return batch_script(
        {**worker_options(profile), **own}, environment_lines(written), setup_lines(profile.setup), [root, command]
    )


def _wait(job_id: str, folder: Path) -> bool:
    """Wait for the answer, or for the end of the job. Returns whether the job came to an end or an answer.

    A job that has not started in time is taken back.
    """
    until = time.monotonic() + WAIT_S
    try:
        while time.monotonic() < until:
            gone = all(job.array_id != job_id for job in programs.queue())
            late = time.monotonic() + (LATE_S if gone else PAUSE_S)
            while time.monotonic() < late:
                if (folder / ANSWER).exists():
                    return True
                time.sleep(0.2)
            if gone:
                return True
        return False
    finally:
        programs.cancel([job_id])


def _read(folder: Path, word: str, profile: ClusterProfile, begun: float, *, ended: bool) -> list[Finding]:
    """What an answer means, or that there is none."""
    if not ended:
        said = f"the probe job did not end within {WAIT_S:.0f} s"
        return [Finding("cluster", "fail", said, "`squeue` says why jobs wait; ask again later", away=True)]
    if not (folder / ANSWER).exists():
        log = folder / LOG
        said = " ".join(log.read_text(errors="replace").split())[-500:] if log.exists() else ""
        if said:
            return [
                Finding("cluster", "fail", f"the probe job failed: {said}", "mend `setup` or `python` of the profile")
            ]
        said = f"{folder.parent}: the job ended, and nothing that it wrote is seen here"
        return [
            Finding("shared folder", "fail", said, "name a folder that all nodes see: shared_folder, paths.outputs")
        ]
    answer: dict[str, Any] = json.loads((folder / ANSWER).read_text(encoding="utf-8"))
    node, after = answer["node"], time.time()
    # The job answered between its submission and now: only what lies outside is skew.
    skew = min(0.0, answer["now"] - begun) + max(0.0, answer["now"] - after)
    return [
        Finding("cluster", "ok", f"a job ran on {node}, Python {answer['python']}"),
        _seen(folder.parent, node, shared=answer["question"] == word),
        _reachable(answer["database"], node),
        of_skews("clock of a node", {node: skew}),
        _gpus(answer["gpus"], node, profile),
    ]


def _seen(base: Path, node: str, *, shared: bool) -> Finding:
    if shared:
        return Finding("shared folder", "ok", f"{base}: {node} sees what is written here, and the other way")
    said = f"{base}: {node} sees another file than was written here"
    return Finding("shared folder", "fail", said, "name one that all nodes see: shared_folder, paths.outputs")


def _reachable(problem: str | None, node: str) -> Finding:
    if problem == "":
        return Finding("database", "ok", f"answers to {node}")
    then = "let it listen to the nodes (`truestrength db up --listen`), and open its port in the firewall"
    return Finding("database", "fail", f"from {node}: {problem or 'none is named to the job'}", then)


def _gpus(found: list[str], node: str, profile: ClusterProfile) -> Finding:
    asked = profile.gpus or "gpu" in (profile.gres or "")
    said = f"{node}: {', '.join(found) or 'none'}"
    if asked and not found:
        return Finding(
            "gpu of a node", "fail", f"{said}, and the profile asks for one", "mend gres or gpus, or the driver"
        )
    return Finding("gpu of a node", "ok", said if found else f"{said}, and the profile asks for none")


def _image(profile: ClusterProfile, paths: Paths) -> Finding:
    if profile.container.runtime == "none":
        return Finding("image", "ok", "none is asked for")
    then = "make the image, or mend `container` of the profile"

    def ask() -> Finding:
        checks.checked(profile.container, paths, PROJECT)
        return Finding("image", "ok", f"{profile.container.image} is there, seen from here")

    return guarded("image", ask, then)
