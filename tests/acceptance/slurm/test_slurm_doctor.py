"""`doctor --cluster` on a real SLURM: one job, and what it finds where something is broken."""

import json
import shutil

import pytest

from truestrength.launcher.commands.parser import parser
from truestrength.launcher.doctor import probe
from truestrength.launcher.postgres import server
from truestrength.launcher.postgres.host import free_port
from truestrength.trainer.contract.command_line import main

PROFILE = "{timeout_min: 2, signal_delay_s: 10, partition: normal, cpus: 1, mem_gb: 0.5}\n"


@pytest.fixture
def asked(slurm, tmp_path, monkeypatch, capsys):
    """The exit code and the findings, by check."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.delenv("DATABASE_URL_FILE", raising=False)
    (tmp_path / "mine.yaml").write_text("paths: {outputs: out, batch_cache: store}\n")
    (tmp_path / "cluster.yaml").write_text(PROFILE)

    def ask():
        code = main(parser(), ["doctor", "-c", "mine.yaml", "--cluster", "cluster.yaml", "--json"])
        return code, {one["check"]: one for one in json.loads(capsys.readouterr().out)["checks"]}

    yield ask
    server.down(tmp_path)
    assert {job["state"] for job in slurm.queue()} <= {"COMPLETING"}
    assert not list(tmp_path.glob("**/.doctor-*"))


def test_a_cluster_that_can_run_a_plan(asked, tmp_path):
    server.up(tmp_path, listen=True)
    code, found = asked()
    assert code == 0, found
    well = ("cluster", "shared folder", "database", "clock of a node", "gpu of a node")
    assert [found[check]["state"] for check in well] == ["ok"] * 5, found


def test_a_database_that_a_node_does_not_reach(asked, monkeypatch):
    closed = free_port("127.0.0.1")
    monkeypatch.setenv("DATABASE_URL", f"postgresql://me:secret@127.0.0.2:{closed}/none")
    code, found = asked()
    assert code != 0
    assert found["database"]["state"] == "fail"
    assert found["database"]["found"].startswith("from n")
    assert found["shared folder"]["state"] == "ok"
    assert "secret" not in str(found)


def test_a_folder_that_the_nodes_do_not_share(asked, tmp_path, monkeypatch):
    server.up(tmp_path, listen=True)
    sbatch = probe.programs.sbatch

    def elsewhere(script):
        """The node sees another folder of this name than the launcher."""
        text = script.read_text().replace(str(script.parent), str(tmp_path / "of_the_node"))
        shutil.copytree(script.parent, tmp_path / "of_the_node")
        script.write_text(text)
        return sbatch(script)

    monkeypatch.setattr(probe.programs, "sbatch", elsewhere)
    monkeypatch.setattr(probe, "LATE_S", 2.0)
    code, found = asked()
    assert (code, found["shared folder"]["state"]) == (1, "fail"), found
    assert "nothing that it wrote is seen here" in found["shared folder"]["found"]
