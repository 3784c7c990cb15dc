"""Pictures of a report's first screen for the README: light, dark, and on a phone.

    python -m tests.support.screenshots outputs4/sweeps/report.html docs/images

Take them of the demo league's plan; they are the same for the same page, browser and fonts.
"""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.support.browser import chromium

SHOTS = {"report_light": (1024, 600, "light"), "report_dark": (1024, 600, "dark"), "report_phone": (360, 740, "light")}
"""Width and height of the window in pixels, and what its reader likes."""


def take(page: Path, folder: Path) -> list[Path]:
    """Write the pictures of a page into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    taken = []
    with TemporaryDirectory() as profile, chromium(Path(profile)) as browser:
        for name, (width, height, scheme) in SHOTS.items():
            browser.open(page, width=width, height=height, scheme=scheme)
            taken.append(folder / f"{name}.png")
            browser.screenshot(taken[-1])
    return taken


if __name__ == "__main__":
    for path in take(Path(sys.argv[1]), Path(sys.argv[2])):
        sys.stdout.write(f"{path}\n")
