"""The database as a job of the cluster: served from one node, used from others, stopped in good order."""

import stat
import sys
from urllib.parse import urlsplit

from tests.support.places import REPOSITORY
from truestrength.trainer.contract.database import address
from truestrength.trainer.contract.ledger import Ledger
from truestrength.trainer.contract.paths.server import EmbeddedServerPaths

BATCH = "with_its_own_database"


def test_a_sweep_runs_on_a_database_that_is_a_job_itself(project, monkeypatch):
    monkeypatch.delenv(address.URL_VARIABLE, raising=False)
    monkeypatch.chdir(project.folder)
    python = project.folder / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    script = str(REPOSITORY / "slurm" / "postgres.sbatch")
    small = ["--parsable", "--mem=500M", "--cpus-per-task=1", "--time=10", "--nodelist=n1"]
    server = project.slurm.ask("sbatch", *small, script)
    paths = EmbeddedServerPaths.of(project.folder)
    project.until(paths.url.exists, 60, "the database")
    password = urlsplit(paths.url.read_text()).password.encode()
    assert urlsplit(paths.url.read_text()).hostname == "n1"

    on_another_node = ["srun", "--nodelist=n2", "--mem=1G", "--export=ALL", sys.executable, "-m", "launcher"]
    assert "is up" in project.slurm.ask(*on_another_node, "db", "status")
    budget = ["--n-trials", "1", "--n-jobs", "1", "--batch-id", BATCH]
    running = ["--executor", "slurm", "--cluster", "cluster.yaml"]
    project.slurm.ask(*on_another_node, "sweep", "--config", "cheap.yaml", *budget, *running)
    project.until(lambda: {job["id"] for job in project.slurm.queue()} == {server}, 300, "the end of the sweep")
    [own_url] = paths.urls.iterdir()
    assert str(own_url) in project.outputs.cluster.environment.read_text()
    with Ledger(own_url.read_text().replace("@n1:", "@127.0.0.1:"), patience_s=20) as ledger:
        assert ledger.progress(BATCH).complete
        assert {worker.job_id for worker in ledger.workers(BATCH)}

    own = {paths.url, own_url, paths.state}
    assert {stat.S_IMODE(path.stat().st_mode) for path in own} == {0o600}
    places = [project.folder, *(project.slurm.folder / name for name in ("state", "spool", "log"))]
    files = [path for place in places for path in place.rglob("*") if path.is_file()]
    assert {path for path in files if password in path.read_bytes()} == own

    project.slurm.ask("scancel", server)
    project.until(lambda: not project.slurm.queue() and not paths.url.exists(), 60, "the end of the database")
    assert "database system is shut down" in paths.log.read_text()
