"""Energy: the counter's three answers (a number, not there, not allowed), and what is said in its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from truestrength.trainer.contract.records.cost import WATTS_OF_A_CORE, WATTS_OF_A_GPU
from truestrength.trainer.run import energy
from truestrength.trainer.run.energy import EnergyMeter


class Machine:
    """Counters in files as the kernel writes them."""

    def __init__(self, folder: Path) -> None:
        self.powercap = folder / "powercap"
        self.stat = folder / "stat"
        self.stat.write_text("cpu  0 0 0 0 0 0 0 0 0 0\n")

    def package(self, number: int, joules: float, most: float = 200_000.0) -> Path:
        zone = self.powercap / f"intel-rapl:{number}"
        zone.mkdir(parents=True, exist_ok=True)
        (zone / "name").write_text(f"package-{number}\n")
        (zone / "energy_uj").write_text(f"{int(joules * 1e6)}\n")
        (zone / "max_energy_range_uj").write_text(f"{int(most * 1e6)}\n")
        return zone / "energy_uj"

    def busy(self, seconds: float) -> None:
        ticks = int(seconds * energy._TICKS)
        self.stat.write_text(f"cpu  {ticks} 0 0 999999 5 0 0 0 {ticks} 0\ncpu0 1 2 3\n")

    def meter(self) -> EnergyMeter:
        return EnergyMeter(self.powercap, self.stat)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_an_attempt_has_its_share_of_what_the_packages_counted(machine: Machine) -> None:
    machine.package(0, 100.0)
    machine.package(1, 1000.0)
    meter = machine.meter()
    machine.package(0, 160.0)
    machine.package(1, 1040.0)
    machine.busy(8.0)
    assert meter.joules(10.0, 2.0, None) == (pytest.approx(25.0), "rapl")


def test_parts_of_a_package_do_not_count_twice(machine: Machine) -> None:
    for name, zone in (("core", "intel-rapl:0:0"), ("psys", "intel-rapl:1")):
        (machine.package(0, 0.0).parent.parent / zone).mkdir()
        (machine.powercap / zone / "name").write_text(name)
    meter = machine.meter()
    machine.package(0, 50.0)
    machine.busy(1.0)
    assert meter.joules(10.0, 1.0, None) == (pytest.approx(50.0), "rapl")


def test_a_counter_that_begins_anew_goes_on(machine: Machine) -> None:
    machine.package(0, 199_990.0)
    meter = machine.meter()
    machine.package(0, 20.0)
    machine.busy(1.0)
    assert meter.joules(10.0, 1.0, None) == (pytest.approx(30.0), "rapl")


def test_where_it_may_have_begun_anew_twice_cpu_seconds_count(machine: Machine) -> None:
    machine.package(0, 10.0, most=262.0)
    meter = machine.meter()
    machine.package(0, 20.0, most=262.0)
    machine.busy(1.0)
    assert meter.joules(3600.0, 7.0, None) == (7.0 * WATTS_OF_A_CORE, "cpu_seconds")


@pytest.mark.parametrize("counter", ["not there", "not allowed", "damaged"])
def test_without_a_counter_cpu_seconds_count(machine: Machine, counter: str) -> None:
    if counter != "not there":
        file = machine.package(0, 10.0)
        file.unlink()
        # A folder cannot be read by root either.
        file.mkdir() if counter == "not allowed" else file.write_text("?")
    meter = machine.meter()
    machine.busy(5.0)
    assert meter.joules(10.0, 3.0, None) == (3.0 * WATTS_OF_A_CORE, "cpu_seconds")


def test_gpu_seconds_count_where_the_gpu_tells_nothing(machine: Machine) -> None:
    used, source = machine.meter().joules(10.0, 1.0, 2.0)
    assert (used, source) == (WATTS_OF_A_CORE + 2 * WATTS_OF_A_GPU, "cpu_seconds+gpu_seconds")
