"""What is missing is said before anything is submitted, with what to do about it."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import pytest

from truestrength.launcher.containers.checks import ask, check, image_digest
from truestrength.launcher.containers.settings import SECRET, Container, ContainerSettings, Runtime, container
from truestrength.trainer.contract.config.settings import Paths
from truestrength.trainer.contract.errors import UserError

ID = "sha256:" + "a" * 64


def make(tmp_path: Path, runtime: Runtime, image: str = "t:1", **settings: object) -> Container:
    return container(ContainerSettings(runtime=runtime, image=image, **settings), Paths(), tmp_path)


def answers(code: int, output: str = "", error: str = "") -> tuple[list[Sequence[str]], object]:
    asked: list[Sequence[str]] = []

    def run(command: Sequence[str]) -> tuple[int, str, str]:
        asked.append(command)
        return code, output, error

    return asked, run


def refused(found: Container, run: object = None, which: object = str) -> str:
    with pytest.raises(UserError) as error:
        check(found, which, run or answers(0)[1])
    return str(error.value)


def test_no_container_asks_nothing(tmp_path: Path) -> None:
    asked, run = answers(1)
    check(make(tmp_path, "none"), lambda _: None, run)
    assert asked == []


@pytest.mark.parametrize(
    ("runtime", "program"),
    [
        ("docker", "docker"),
        ("podman", "podman"),
        ("apptainer", "apptainer"),
        ("charliecloud", "ch-run"),
        ("pyxis", "srun"),
    ],
)
def test_missing_runtime(tmp_path: Path, runtime: Runtime, program: str) -> None:
    said = refused(make(tmp_path, runtime), which=lambda _: None)
    assert f"no program '{program}' here" in said
    assert "container.executable" in said


def test_only_the_nodes_have_the_runtime(tmp_path: Path) -> None:
    asked, run = answers(1)
    check(make(tmp_path, "apptainer", check=False), lambda _: None, run)
    assert asked == []


def test_missing_bind_is_refused_even_then(tmp_path: Path) -> None:
    said = refused(make(tmp_path, "docker", binds=(f"{tmp_path}/nowhere",), check=False))
    assert f"{tmp_path}/nowhere does not exist" in said


@pytest.mark.parametrize(
    ("runtime", "error"),
    [("docker", "Error: No such image: t:1"), ("podman", "Error: t:1: image not known")],
)
def test_missing_image_of_a_daemon(tmp_path: Path, runtime: Runtime, error: str) -> None:
    asked, run = answers(1, error=error)
    assert f"`{runtime} build --tag t:1 .`" in refused(make(tmp_path, runtime), run)
    assert asked == [[runtime, "image", "inspect", "t:1"]]


def test_daemon_that_does_not_answer(tmp_path: Path) -> None:
    run = answers(1, error="Cannot connect to the Docker daemon at unix:///x. Is it running?\n")[1]
    assert "docker does not answer: Cannot connect" in refused(make(tmp_path, "docker"), run)


@pytest.mark.parametrize(("runtime", "how"), [("apptainer", "apptainer build"), ("pyxis", "enroot import")])
def test_missing_image_file(tmp_path: Path, runtime: Runtime, how: str) -> None:
    run = answers(0, "--container-image")[1]
    assert how in refused(make(tmp_path, runtime, f"{tmp_path}/t.sif"), run)
    (tmp_path / "t.sif").touch()
    check(make(tmp_path, runtime, f"{tmp_path}/t.sif"), str, run)


def test_images_that_are_still_to_be_fetched(tmp_path: Path) -> None:
    check(make(tmp_path, "apptainer", "docker://me/t:1"), str, answers(1)[1])
    check(make(tmp_path, "pyxis", "me/t:1"), str, answers(0, "--container-image")[1])


def test_cluster_without_pyxis(tmp_path: Path) -> None:
    assert "no --container-image" in refused(make(tmp_path, "pyxis"), answers(0, "--overlap")[1])


def test_charliecloud_image_needs_environment_and_mount_points(tmp_path: Path) -> None:
    image = tmp_path / "image"
    found = make(tmp_path / "project", "charliecloud", str(image))
    assert "no " + str(image / "ch/environment") in refused(found)
    (image / "ch").mkdir(parents=True)
    (image / "ch/environment").touch()
    inside = [str(image / target.relative_to("/")) for target in (*(m.target for m in found.mounts), SECRET)]
    assert f"mkdir -p {' '.join(inside)}" in refused(found)
    for path in inside:
        Path(path).mkdir(parents=True)
    check(found, str, answers(1)[1])


@pytest.mark.parametrize(
    ("runtime", "printed"),
    [("docker", f"{ID}\n"), ("docker", f"me/t@{ID}\n"), ("podman", "a" * 64 + "\n"), ("podman", f"localhost/t@{ID}")],
)
def test_digest_of_a_daemons_image(runtime: Runtime, printed: str) -> None:
    asked, run = answers(0, printed)
    assert image_digest(ContainerSettings(runtime=runtime, image="t:1"), run) == ID
    assert asked[0][-1] == "t:1"


def test_digest_of_a_missing_image_is_none() -> None:
    assert image_digest(ContainerSettings(runtime="docker", image="t:1"), answers(1)[1]) is None


def test_digest_of_a_file_is_of_its_bytes(tmp_path: Path) -> None:
    file = tmp_path / "t.sif"
    file.write_bytes(b"image")
    expected = f"sha256:{hashlib.sha256(b'image').hexdigest()}"
    assert image_digest(ContainerSettings(runtime="apptainer", image=str(file))) == expected


def test_digest_in_a_name() -> None:
    assert image_digest(ContainerSettings(runtime="pyxis", image=f"me/t@{ID}")) == ID
    assert image_digest(ContainerSettings(runtime="charliecloud", image="/no/folder")) is None


def test_asking_a_program_that_is_not_there() -> None:
    code, _, error = ask(["/no/such/program"])
    assert code == 127
    assert "No such file" in error
