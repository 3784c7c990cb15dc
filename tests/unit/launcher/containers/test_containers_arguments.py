"""Every runtime's argument list, word by word: they are the interface to programs that are not on every machine."""

from dataclasses import replace
from pathlib import Path

import pytest

from truestrength.launcher.containers.runtimes import removal, wrap
from truestrength.launcher.containers.settings import Container, ContainerSettings, Mount, Runtime, Start

WORDS = ["-m", "trainer", "work", "--batch-id", "b", "--threads", "2"]
INSIDE = ["/opt/venv/bin/python", "-m", "trainer", "work", "--batch-id", "b", "--threads", "2"]
ENVIRONMENT = {"CUDA_VISIBLE_DEVICES": "0,1", "API_KEY": "s3cret"}


def make_container(runtime: Runtime, image: str = "truestrength:1", uid: int = 1000, **settings: object) -> Container:
    return Container(
        settings=ContainerSettings(runtime=runtime, image=image, **settings),
        mounts=(Mount(Path("/p/outputs4"), Path("/p/outputs4")), Mount(Path("/d"), Path("/p/data"), read_only=True)),
        workdir=Path("/p"),
        uid=uid,
        gid=100,
    )


def make_start(gpus: bool = False) -> Start:
    return Start(
        name="truestrength-1",
        words=WORDS,
        environment=ENVIRONMENT,
        secret=Path("/p/.postgres/url"),
        gpus=gpus,
        labels={"truestrength.outputs": "/p/outputs4"},
    )


def test_docker() -> None:
    launch = wrap(make_container("docker", options=("--memory=8g",)), make_start())
    assert launch.arguments == [
        "docker", "run", "--rm", "--name", "truestrength-1", "--label", "truestrength.outputs=/p/outputs4",
        "--network", "host", "--shm-size", "2g", "--user", "1000:100", "--workdir", "/p",
        "--mount", "type=bind,source=/p/outputs4,target=/p/outputs4",
        "--mount", "type=bind,source=/d,target=/p/data,readonly",
        "--mount", "type=bind,source=/p/.postgres/url,target=/run/secrets/database_url,readonly",
        "--env", "CUDA_VISIBLE_DEVICES", "--env", "API_KEY", "--memory=8g", "truestrength:1", *INSIDE,
    ]  # fmt: skip
    assert launch.environment == ENVIRONMENT


def test_docker_with_gpus() -> None:
    arguments = wrap(make_container("docker"), make_start(gpus=True)).arguments
    assert "--gpus all" in " ".join(arguments[: arguments.index("truestrength:1")])


def test_podman_rootless() -> None:
    launch = wrap(make_container("podman", shm_size="512m"), make_start())
    assert launch.arguments == [
        "podman", "run", "--rm", "--name", "truestrength-1", "--label", "truestrength.outputs=/p/outputs4",
        "--network", "host", "--shm-size", "512m", "--user", "1000:100", "--workdir", "/p",
        "--userns", "keep-id", "--security-opt", "label=disable",
        "--mount", "type=bind,source=/p/outputs4,target=/p/outputs4",
        "--mount", "type=bind,source=/d,target=/p/data,readonly",
        "--mount", "type=bind,source=/p/.postgres/url,target=/run/secrets/database_url,readonly",
        "--env", "CUDA_VISIBLE_DEVICES", "--env", "API_KEY", "truestrength:1", *INSIDE,
    ]  # fmt: skip


def test_podman_of_root_keeps_its_ids_already() -> None:
    assert "keep-id" not in wrap(make_container("podman", uid=0), make_start()).arguments


@pytest.mark.parametrize("runtime", ["docker", "podman"])
def test_a_caller_who_is_root_stays_root(runtime: Runtime) -> None:
    arguments = " ".join(wrap(make_container(runtime, uid=0), make_start()).arguments)
    assert "--user 0:100" in arguments
    assert "--env TRUESTRENGTH_ROOT=1" in arguments


def test_podman_with_gpus_names_a_cdi_device() -> None:
    arguments = wrap(make_container("podman"), make_start(gpus=True)).arguments
    assert "--device nvidia.com/gpu=all" in " ".join(arguments)
    assert "--gpus" not in arguments


def test_apptainer() -> None:
    launch = wrap(make_container("apptainer", "/images/t.sif"), make_start())
    assert launch.arguments == [
        "apptainer", "exec", "--cleanenv", "--no-home", "--pwd", "/p",
        "--bind", "/p/outputs4:/p/outputs4:rw", "--bind", "/d:/p/data:ro",
        "--bind", "/p/.postgres/url:/run/secrets/database_url:ro", "/images/t.sif", *INSIDE,
    ]  # fmt: skip
    assert launch.environment == {"APPTAINERENV_CUDA_VISIBLE_DEVICES": "0,1", "APPTAINERENV_API_KEY": "s3cret"}


def test_apptainer_with_gpus() -> None:
    assert "--nv" in wrap(make_container("apptainer", "/images/t.sif"), make_start(gpus=True)).arguments


def test_charliecloud() -> None:
    launch = wrap(make_container("charliecloud", "/images/t"), make_start())
    assert launch.arguments == [
        "ch-run", "--cd", "/p", "--unset-env=PYTHON*", "--unset-env=LD_*", "--unset-env=VIRTUAL_ENV", "--set-env",
        "--bind", "/p/outputs4:/p/outputs4", "--bind", "/d:/p/data",
        "--bind", "/p/.postgres/url:/run/secrets/database_url", "/images/t", "--", *INSIDE,
    ]  # fmt: skip
    assert launch.environment == {"USER": "uid1000", **ENVIRONMENT}


def test_charliecloud_tells_the_name_of_the_image_after_the_images_own_variables() -> None:
    start = replace(make_start(), environment={"TRUESTRENGTH_IMAGE": "/images/t"})
    arguments = wrap(make_container("charliecloud", "/images/t"), start).arguments
    own = arguments.index("--set-env")
    assert arguments[own + 1] == "--set-env=TRUESTRENGTH_IMAGE=/images/t"


def test_pyxis() -> None:
    launch = wrap(make_container("pyxis", "/images/t.sqsh"), make_start())
    assert launch.arguments == [
        "srun", "--overlap", "--nodes=1", "--ntasks=1", "--job-name=truestrength-1", "--container-image=/images/t.sqsh",
        "--container-mounts=/p/outputs4:/p/outputs4,/d:/p/data:ro,/p/.postgres/url:/run/secrets/database_url:ro",
        "--container-workdir=/p", "--no-container-mount-home", "--no-container-remap-root",
        "--no-container-entrypoint", "--container-env=CUDA_VISIBLE_DEVICES,API_KEY,NVIDIA_VISIBLE_DEVICES", *INSIDE,
    ]  # fmt: skip
    assert launch.environment == {**ENVIRONMENT, "NVIDIA_VISIBLE_DEVICES": "void"}


def test_pyxis_with_gpus() -> None:
    launch = wrap(make_container("pyxis", "/images/t.sqsh"), make_start(gpus=True))
    assert launch.environment["NVIDIA_VISIBLE_DEVICES"] == "all"


@pytest.mark.parametrize("runtime", ["docker", "podman", "apptainer", "charliecloud", "pyxis"])
def test_no_value_of_a_variable_stands_in_the_process_list(runtime: Runtime) -> None:
    launch = wrap(make_container(runtime), make_start())
    assert "s3cret" not in " ".join(launch.arguments)
    assert "s3cret" in launch.environment.values()


@pytest.mark.parametrize("runtime", ["docker", "podman", "apptainer", "charliecloud", "pyxis"])
def test_another_program_and_interpreter(runtime: Runtime) -> None:
    container = make_container(runtime, executable="/opt/bin/runtime", python="/usr/bin/python3")
    arguments = wrap(container, make_start()).arguments
    assert arguments[0] == "/opt/bin/runtime"
    assert arguments[-len(INSIDE) :] == ["/usr/bin/python3", *INSIDE[1:]]


def test_only_daemons_leave_containers_behind() -> None:
    assert removal(ContainerSettings(runtime="docker", image="t"), "n") == ["docker", "rm", "--force", "n"]
    assert removal(ContainerSettings(runtime="podman", image="t"), "n") == ["podman", "rm", "--force", "n"]
    for runtime in ("apptainer", "charliecloud", "pyxis"):
        assert removal(ContainerSettings(runtime=runtime, image="t"), "n") is None
