"""What users write about containers, and what they are told when it is wrong."""

from pathlib import Path

import msgspec
import pytest

from truestrength.launcher.containers.settings import (
    Container,
    ContainerSettings,
    Mount,
    container,
    parse_bind,
    parse_container,
)
from truestrength.trainer.contract.config.settings import Paths
from truestrength.trainer.contract.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "runtime", "image"),
    [
        ("docker:truestrength", "docker", "truestrength"),
        ("podman:localhost:5000/me/truestrength:1.0", "podman", "localhost:5000/me/truestrength:1.0"),
        ("apptainer:/images/t.sif", "apptainer", "/images/t.sif"),
        ("none", "none", ""),
    ],
)
def test_container_option(text: str, runtime: str, image: str) -> None:
    settings = parse_container(text)
    assert (settings.runtime, settings.image) == (runtime, image)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("dokcer:t", "did you mean 'docker'? Allowed: none, docker, podman, apptainer, charliecloud, pyxis"),
        ("truestrength:1", "no runtime 'truestrength'"),
        ("docker", "expected RUNTIME:IMAGE, for example docker:truestrength"),
        ("docker:", "expected RUNTIME:IMAGE"),
    ],
)
def test_container_option_refused(text: str, said: str) -> None:
    with pytest.raises(ConfigError) as error:
        parse_container(text)
    assert said in str(error.value)


def test_binds() -> None:
    assert parse_bind("/a") == Mount(Path("/a"), Path("/a"))
    assert parse_bind("/a:ro") == Mount(Path("/a"), Path("/a"), read_only=True)
    assert parse_bind("/a:/b") == Mount(Path("/a"), Path("/b"))
    assert parse_bind("/a:/b:ro") == Mount(Path("/a"), Path("/b"), read_only=True)
    assert parse_bind("/a:/b:rw") == Mount(Path("/a"), Path("/b"))
    assert parse_bind("~/a").source == Path.home() / "a"


@pytest.mark.parametrize("text", ["", "a", "/a:b", "/a:/b:/c", "/a,/b", "ro"])
def test_binds_refused(text: str) -> None:
    with pytest.raises(ValueError, match="SOURCE"):
        parse_bind(text)


@pytest.mark.parametrize(
    ("profile", "said"),
    [
        ({"runtime": "docker"}, "needs container.image"),
        ({"runtime": "docker", "image": "t", "binds": ["data"]}, "'data'"),
        ({"runtime": "docker", "image": "t", "env": ["A B"]}, "'A B'"),
        ({"runtime": "docker", "image": "t", "env": ["DATABASE_URL"]}, "secret file"),
        ({"runtime": "docker", "image": "t", "env": ["DATABASE_URL=postgresql://a:b@c/d"]}, "secret file"),
    ],
)
def test_profile_refused(profile: dict[str, object], said: str) -> None:
    with pytest.raises(msgspec.ValidationError) as error:
        msgspec.convert(profile, ContainerSettings)
    assert said in str(error.value)


def test_a_worker_sees_outputs_cache_and_data_under_the_same_paths(tmp_path: Path) -> None:
    paths = Paths(data="data/nba", outputs="/scratch/o", batch_cache="cache")
    settings = ContainerSettings(runtime="docker", image="t", binds=("/ref:/ref:ro",))
    found: Container = container(settings, paths, tmp_path)
    assert found.workdir == tmp_path
    assert found.mounts == (
        Mount(Path("/scratch/o"), Path("/scratch/o")),
        Mount(tmp_path / "cache", tmp_path / "cache"),
        Mount(tmp_path / "data/nba", tmp_path / "data/nba", read_only=True),
        Mount(Path("/ref"), Path("/ref"), read_only=True),
    )


@pytest.mark.parametrize("name", ["a,b", "a:b"])
def test_paths_that_no_argument_list_can_carry(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match="rename it"):
        container(ContainerSettings(runtime="docker", image="t"), Paths(outputs=name), tmp_path)
