"""Workers in containers, started by jobs of a real SLURM."""

import json

import pytest

pytestmark = pytest.mark.timeout(1500)


@pytest.fixture
def docker_project(project, engine):
    """A project on the cluster whose profile names the image."""
    reach = [f"export {name}={value}" for name, value in engine.environment.items()]
    project.environment.update(engine.environment)
    project.profile(setup=reach, container={"runtime": "docker", "image": engine.tag})
    return project


def containers(project, engine) -> list[str]:
    label = f"label=truestrength.outputs={project.outputs.root}"
    return engine.ask("ps", "--filter", label, "--format", "{{.Names}}").split()


def test_a_sweep_in_containers(docker_project, engine):
    docker_project.submit_sweep("s", 2, 2)
    docker_project.wait_for_end()
    docker_project.check_budget("s", 2)
    folder = docker_project.outputs.sweep("s").folder
    records = [json.loads(path.read_text()) for path in folder.glob("run_*/provenance.json")]
    jobs = {worker.job_id for worker in docker_project.ledger.workers("s")}
    assert [record["image"] for record in records] == [engine.tag] * 2
    assert {record["image_digest"] for record in records} == {engine.image_id()}
    assert {record["job_id"] for record in records} <= jobs
    assert all("_" in job for job in jobs)
    assert containers(docker_project, engine) == []


def test_scancel_ends_the_container_too(docker_project, engine):
    path = docker_project.folder / "cheap.yaml"
    path.write_text(path.read_text().replace("value: 40}", "value: 100000}"))
    docker_project.submit_sweep("s", 1, 1)
    docker_project.wait_for_slots("s", 1)
    assert len(containers(docker_project, engine)) == 1
    for job in {job["array"] for job in docker_project.slurm.queue()}:
        docker_project.slurm.ask("scancel", job)
    docker_project.wait_for_end()
    docker_project.until(lambda: not containers(docker_project, engine), 60, "the end of the container")
    assert [attempt.state for attempt in docker_project.ledger.attempts("s")] == ["released"]
