"""A headless Chromium without a network, driven by Selenium; and axe-core, which looks for what keeps readers out.

In CI what is missing is installed; elsewhere the test is skipped, and says what it needs.
"""

import json
import os
import shutil
import subprocess
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service

from tests.support.places import SUPPORT

PACKAGES = {"chromium": "chromium", "chromedriver": "chromium-driver", "npm": "npm"}
"""Debian's package of each program."""
SEVERE = {"serious", "critical"}


def needs(*programs: str) -> None:
    """See that programs are there."""
    missing = [PACKAGES[program] for program in programs if not shutil.which(program)]
    if not missing:
        return
    if os.environ.get("CI") != "true":
        pytest.skip(f"needs {' and '.join(missing)}")
    apt = ["apt-get", "-qq", "-o", "DPkg::Lock::Timeout=300"]
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    subprocess.run([*apt, "update"], check=True, capture_output=True, timeout=300)
    install = [*apt, "install", "--yes", "--no-install-recommends", *missing]
    subprocess.run(install, env=quiet, check=True, capture_output=True, timeout=900)


def axe_script(folder: Path) -> str:
    """axe-core as the lock file has it, which npm checks the bytes against."""
    needs("npm")
    for name in ("package.json", "package-lock.json"):
        shutil.copy(SUPPORT / "axe" / name, folder)
    command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=300)
    return (folder / "node_modules/axe-core/axe.min.js").read_text()


class Browser:
    """One window."""

    def __init__(self, driver: webdriver.Chrome) -> None:
        self.driver = driver

    def open(self, path: Path, *, width: int = 1280, height: int = 900, scheme: str = "light") -> None:
        """Open a file in a window of this size, in pixels, for a reader who likes light or dark."""
        self.console()
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", media(scheme))
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        self.driver.get(path.absolute().as_uri())

    def console(self) -> list[str]:
        """What the console has said since it was asked last, errors of scripts and of the page's policy too."""
        return [entry["message"] for entry in self.driver.get_log("browser")]

    def requests(self) -> list[str]:
        """What pages have asked others for since it was asked last; the browser's own first page is not counted."""
        events = [json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance")]
        asked = [e["params"]["request"]["url"] for e in events if e["method"] == "Network.requestWillBeSent"]
        return [url for url in asked if not url.startswith(("chrome:", "data:"))]

    def run(self, script: str, *arguments: Any) -> Any:
        """The value of a JavaScript function's body."""
        return self.driver.execute_script(script, *arguments)

    def axe(self, script: str) -> list[str]:
        """What is serious or critical, as axe-core says it."""
        self.driver.execute_script(script)
        found = self.driver.execute_async_script("const done = arguments[0]; axe.run().then(done, done)")
        return [
            f"{one['id']}: {one['help']}: {node['html'][:200]}"
            for one in found["violations"]
            if one["impact"] in SEVERE
            for node in one["nodes"]
        ]

    def screenshot(self, path: Path, *, whole: bool = False) -> None:
        """A PNG of the window, or of the whole page."""
        shot = self.driver.execute_cdp_cmd("Page.captureScreenshot", {"captureBeyondViewport": whole})
        path.write_bytes(b64decode(shot["data"]))


def media(scheme: str) -> dict[str, Any]:
    """For `Emulation.setEmulatedMedia`."""
    return {"media": "", "features": [{"name": "prefers-color-scheme", "value": scheme}]}


@contextmanager
def chromium(folder: Path) -> Iterator[Browser]:
    """A browser whose profile is in `folder` and that reaches nobody."""
    needs("chromium", "chromedriver")
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or ""
    root = ["--no-sandbox"] if os.geteuid() == 0 else []
    nobody = ["--proxy-server=127.0.0.1:9", "--host-resolver-rules=MAP * ~NOTFOUND", "--disable-background-networking"]
    for argument in ("--headless=new", "--disable-dev-shm-usage", f"--user-data-dir={folder}", *nobody, *root):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))
    try:
        driver.execute_cdp_cmd("Network.enable", {})
        offline = {"offline": True, "latency": 0, "downloadThroughput": 0, "uploadThroughput": 0}
        driver.execute_cdp_cmd("Network.emulateNetworkConditions", offline)
        yield Browser(driver)
    finally:
        driver.quit()
