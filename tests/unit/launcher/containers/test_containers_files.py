"""What the image's files and the profiles with containers say fits the rest of the project."""

import re
import tomllib

import pytest
import yaml

from tests.support.places import REPOSITORY
from truestrength.launcher.containers.settings import ContainerSettings
from truestrength.launcher.slurm.profile import load_profile
from truestrength.trainer.contract.records import provenance


def test_the_image_has_the_version_of_the_project() -> None:
    version = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]["version"]
    assert f"ARG VERSION={version}\n" in (REPOSITORY / "Dockerfile").read_text()


def test_the_image_is_built_anywhere_without_a_registry_for_the_syntax() -> None:
    lines = (REPOSITORY / "Dockerfile").read_text().splitlines()
    assert not [line for line in lines if line.startswith("# syntax=")]


def test_whatever_the_dockerfile_copies_reaches_the_build() -> None:
    copied = re.findall(
        r"^COPY (?:--chmod=\S+ )?(?!--from)(.+) \S+$", (REPOSITORY / "Dockerfile").read_text(), re.MULTILINE
    )
    names = {name for line in copied for name in line.split()}
    let_in = {line[1:] for line in (REPOSITORY / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert names == let_in
    assert all((REPOSITORY / name).exists() for name in names)


def test_compose_passes_no_password() -> None:
    services = yaml.safe_load((REPOSITORY / "compose.yaml").read_text())["services"]
    assert set(services) == {"database", "phase1"}
    assert services["phase1"]["environment"]["DATABASE_URL_FILE"] == "/var/lib/truestrength/url"
    assert "DATABASE_URL" not in {name for service in services.values() for name in service["environment"]}
    gpus = yaml.safe_load((REPOSITORY / "compose.gpu.yaml").read_text())["services"]
    assert set(gpus) <= set(services)


@pytest.mark.parametrize(("name", "runtime"), [("apptainer", "apptainer"), ("pyxis", "pyxis")])
def test_profiles(name: str, runtime: str) -> None:
    settings: ContainerSettings = load_profile(REPOSITORY / "slurm" / "profiles" / f"{name}.yaml").container
    assert settings.runtime == runtime
    assert settings.image


def test_every_setting_is_explained() -> None:
    text = (REPOSITORY / "docker" / "README.md").read_text()
    block = yaml.safe_load(re.search(r"```yaml\n(container:.*?)```", text, re.DOTALL).group(1))["container"]
    assert set(block) == set(ContainerSettings.__struct_fields__)
    defaults = {name: value for name, value in block.items() if name not in ("runtime", "image")}
    written = ContainerSettings(**{**defaults, "binds": tuple(block["binds"]), "env": (), "options": ()})
    assert written == ContainerSettings()


def test_the_variables_of_the_image_are_those_that_provenance_reads() -> None:
    text = (REPOSITORY / "Dockerfile").read_text()
    assert f"{provenance.IMAGE_VARIABLE}=truestrength:${{VERSION}}" in text
    assert f"{provenance.COMMIT_VARIABLE}=${{COMMIT}}" in text
