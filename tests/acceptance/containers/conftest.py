"""The image, really built, on a private engine; and projects whose launcher puts workers into it."""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.password_watch import Watch
from tests.support.places import REPOSITORY
from truestrength.trainer.contract.database import address
from truestrength.trainer.contract.ledger import Ledger
from truestrength.trainer.contract.paths.outputs import OutputsRoot

COMMIT = "0123456789abcdef0123456789abcdef01234567"
STRANGER = (4242, 4343)
"""Uid and gid of a user without a name, as those from a directory service are to a container."""
AS_STRANGER = [
    "setpriv", f"--reuid={STRANGER[0]}", f"--regid={STRANGER[1]}", "--clear-groups",
    "--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search", "--",
]  # fmt: skip
"""The capability lets the stranger use a Python in somebody's closed home folder, and changes nothing about owners."""
TAG = "truestrength:test"
LEASE_S = 5
SMALL = """
extends: [{config}]
paths: {{data: {data}}}
evaluation: {{validation: 1, first_day: 120}}
training: {{max_lists_oof: 4, max_final_batches: 4, n_folds: 2, roster_size: 5, rolling_windows: [5]}}
search_spaces:
  phase1: &small
    model_a_epochs: {{type: fixed, value: {epochs}}}
    model_a.learning_rate: {{type: float, low: 0.001, high: 0.01}}
    n_estimators_xgb: {{type: fixed, value: 2}}
    n_estimators_rf: {{type: fixed, value: 2}}
    rolling_windows: {{type: fixed, value: [5]}}
  rolling: *small
"""
"""Every trial trains a model A of its own; its epochs say how long a trial takes."""


def _load(path: Path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


private_engine = _load(REPOSITORY / "docker" / "private_engine.py")


class Engine:
    """A Docker engine with the image in it."""

    tag = TAG
    commit = COMMIT
    stranger = STRANGER

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = private_engine.address(folder)

    def docker(self, *arguments: str, timeout: float = 300) -> subprocess.CompletedProcess[str]:
        """Run docker's client."""
        return subprocess.run(
            [private_engine.docker(), *arguments],
            env={**os.environ, **self.environment},
            capture_output=True,
            text=True,
            check=False,
            timeout=timeout,
        )

    def ask(self, *arguments: str) -> str:
        done = self.docker(*arguments)
        assert done.returncode == 0, f"{arguments}: {done.stdout[-2000:]}{done.stderr[-2000:]}"
        return done.stdout.strip()

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """`docker run`; the engine has no network of its own."""
        return self.docker("run", "--rm", "--network=host", *arguments)

    def image_id(self) -> str:
        return self.ask("image", "inspect", "--format", "{{.Id}}", TAG)


@pytest.fixture(scope="session")
def engine(pytestconfig: pytest.Config) -> Iterator[Engine]:
    """An engine with the image `truestrength:test`, built from this checkout.

    `TRUESTRENGTH_ENGINE_FOLDER` names one that is to be kept, so that the next session builds from its cache.
    """
    _require_engine()
    kept = os.environ.get("TRUESTRENGTH_ENGINE_FOLDER")
    folder = Path(kept) if kept else Path(tempfile.mkdtemp(prefix="truestrength-", dir=_roomy_folder()))
    try:
        began = time.monotonic()
        private_engine.start(folder)
        folder.chmod(0o711)
        started = time.monotonic()
        private_engine.build(folder, TAG, "--build-arg", "TORCH=cpu", "--build-arg", f"COMMIT={COMMIT}")
        made = Engine(folder)
        size = int(made.ask("image", "inspect", "--format", "{{.Size}}", TAG))
        said = f"image: {size / 1e6:.0f} MB with TORCH=cpu, built in {time.monotonic() - started:.0f} s"
        with pytestconfig.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():
            print(f"\n{said} (engine and base image: {started - began:.0f} s)")
        # The stranger may use the engine as a member of its group.
        os.chown(folder / "docker.sock", 0, STRANGER[1])
        (folder / "docker.sock").chmod(0o660)
        yield made
    finally:
        if not kept:
            private_engine.stop(folder)


def _require_engine() -> None:
    """Skip where there is no engine; where it must be tested, install it."""
    required = os.environ.get("CI") == "true" or os.environ.get("TRUESTRENGTH_REQUIRE_CONTAINERS") == "1"
    if required:
        private_engine.install()
    elif missing := private_engine.missing_packages():
        pytest.skip(f"not installed: {' '.join(missing)} (TRUESTRENGTH_REQUIRE_CONTAINERS=1 installs them)")
    elif os.geteuid() != 0:
        pytest.skip("the private Docker engine needs root")


def _roomy_folder() -> str | None:
    """A tmpfs with room for the layers: removing them from a disk can take minutes."""
    memory = Path("/dev/shm")
    return str(memory) if memory.is_dir() and shutil.disk_usage(memory).free > 8e9 else None


class Place:
    """A folder of the stranger's, and the launcher run in it as the stranger."""

    def __init__(self, folder: Path, engine: Engine, league: Path, url: str) -> None:
        self.folder = folder
        self.engine = engine
        self.url = url
        self.ledger = Ledger(url, patience_s=20)
        self.outputs = OutputsRoot(folder / "outputs4")
        shutil.copytree(league / "demo", folder / "league")
        self.configure(epochs=20)
        for path in (folder, *folder.rglob("*")):
            os.chown(path, *STRANGER)

    def configure(self, epochs: int) -> None:
        """Write the configuration; the more epochs, the longer a trial."""
        text = SMALL.format(config=REPOSITORY / "config/outputs4_phase1.yaml", data="league", epochs=epochs)
        (self.folder / "small.yaml").write_text(text)

    def start(self, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        """Start `truestrength` as the stranger."""
        inherited = {k: v for k, v in os.environ.items() if k not in (address.URL_VARIABLE, address.FILE_VARIABLE)}
        own = {"HOME": str(self.folder), "TRUESTRENGTH_LEASE_S": str(LEASE_S), address.URL_VARIABLE: self.url}
        return subprocess.Popen(
            [*AS_STRANGER, sys.executable, "-m", "launcher", *arguments],
            cwd=self.folder,
            env={**inherited, **self.engine.environment, **own, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def launcher(self, *arguments: str, **environment: str) -> tuple[int, str]:
        """Run `truestrength` to its end; gives its exit code and what it said."""
        with self.start(*arguments, **environment) as process:
            said = process.communicate(timeout=300)[0]
        return process.returncode, said

    def sweep(self, n_trials: int, n_jobs: int, container: str) -> list[str]:
        """The arguments of a sweep named `s`."""
        budget = ["--n-trials", str(n_trials), "--n-jobs", str(n_jobs)]
        return ["sweep", "--batch-id", "s", "--config", "small.yaml", *budget, "--container", container]

    def containers(self) -> list[str]:
        """Names of the project's containers that run."""
        label = f"label=truestrength.outputs={self.outputs.root}"
        return self.engine.ask("ps", "--filter", label, "--format", "{{.Names}}").split()

    def check_complete(self, n_trials: int) -> list[dict]:
        """Exactly the budget, files of the stranger's only; gives the complete runs' provenance."""
        progress = self.ledger.progress("s")
        assert (progress.done, progress.failed, progress.open) == (n_trials, 0, 0)
        sweep = self.outputs.sweep("s")
        assert sum(",complete," in row for row in sweep.results.read_text().splitlines()) == n_trials
        strangers = [path for path in self.folder.rglob("*") if path.lstat().st_uid != STRANGER[0]]
        assert strangers == []
        found = [json.loads(path.read_text()) for path in sweep.folder.glob("run_*/provenance.json")]
        return [record for record in found if record["state"] == "complete"]


@pytest.fixture
def place(engine: Engine, league: Path, database_url: str, password_watch: Watch) -> Iterator[Place]:
    """A project of the stranger's, on a path that every user can enter."""
    with tempfile.TemporaryDirectory(prefix="truestrength-") as name:
        Path(name).chmod(0o755)
        password_watch.know(database_url, STRANGER[0])
        password_watch.folders.append(Path(name))
        made = Place(Path(name), engine, league, database_url)
        yield made
        made.ledger.close()
        for container in made.containers():
            engine.docker("rm", "--force", container)


@pytest.fixture
def until() -> Callable[[Callable[[], object], float, str], None]:
    """Wait until something is true."""

    def wait(ready: Callable[[], object], seconds: float, what: str) -> None:
        deadline = time.monotonic() + seconds
        while not ready():
            assert time.monotonic() < deadline, f"waited {seconds:g} s for {what}"
            time.sleep(0.2)

    return wait
