"""`cluster init` on a real SLURM: what it writes is a profile that the cluster takes."""

import re
import subprocess
import sys

from tests.support.places import REPOSITORY
from truestrength.launcher.slurm.profile import load_profile


def init(slurm_conf, *arguments, path=None):
    environment = {"PATH": path or "/usr/bin:/bin", "SLURM_CONF": str(slurm_conf)}
    command = [sys.executable, "-m", "launcher", "cluster", "init", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=REPOSITORY, env=environment)


def test_a_profile_from_sinfo_loads_and_is_taken(slurm, tmp_path):
    file = tmp_path / "mine.yaml"
    done = init(slurm.conf, "--to", str(file))
    assert done.returncode == 0, done.stderr
    profile = load_profile(file)
    assert profile.partition == slurm.ask("sinfo", "--noheader", "--format=%R").split()[0]
    asked = [f"--partition={profile.partition}", f"--cpus-per-task={profile.cpus}", f"--time={profile.timeout_min}"]
    asked += [f"--mem={int(profile.mem_gb * 1024)}M"] if profile.mem_gb else []
    slurm.ask("sbatch", "--test-only", *asked, "--wrap=true")
    before = file.read_text()
    again = init(slurm.conf, "--to", str(file))
    assert (again.returncode, file.read_text()) == (2, before)
    assert "is there already" in again.stderr


def test_another_partition_and_a_machine_without_slurm_are_refused_and_nothing_is_written(slurm, tmp_path):
    file = tmp_path / "mine.yaml"
    unknown = init(slurm.conf, "--to", str(file), "--partition", "nomral")
    assert unknown.returncode == 2
    assert "did you mean 'normal'?" in unknown.stderr
    without = init(slurm.conf, "--to", str(file), path=str(tmp_path))
    assert without.returncode == 2
    assert "sinfo: no such command" in without.stderr
    assert not file.exists()


def test_a_controller_that_does_not_answer_is_said_and_nothing_is_written(slurm, tmp_path):
    text = slurm.conf.read_text()
    away = tmp_path / "slurm.conf"
    away.write_text(re.sub(r"(?m)^SlurmctldPort=.*$", "SlurmctldPort=1", text))
    assert away.read_text() != text
    done = init(away, "--to", str(tmp_path / "mine.yaml"))
    assert "SLURM does not answer" in done.stderr
    assert done.returncode != 0
    assert not (tmp_path / "mine.yaml").exists()
