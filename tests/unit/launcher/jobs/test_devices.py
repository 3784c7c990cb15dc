"""GPUs and MIG slices, listed by a stand-in for nvidia-smi, and dealt out to workers."""

import pytest

from tests.support import gpus
from truestrength.launcher.jobs import devices
from truestrength.launcher.jobs.devices import Device
from truestrength.trainer.contract.errors import ConfigError
from truestrength.trainer.contract.paths.outputs import OutputsRoot

TWO = """\
GPU 0: NVIDIA A100-SXM4-40GB (UUID: GPU-aaaa1111-0000-0000-0000-000000000000)
GPU 1: NVIDIA A100-SXM4-40GB (UUID: GPU-bbbb2222-0000-0000-0000-000000000000)
"""
SLICED = """\
GPU 0: NVIDIA A100-SXM4-40GB (UUID: GPU-aaaa1111-0000-0000-0000-000000000000)
  MIG 3g.20gb     Device  0: (UUID: MIG-11111111-aaaa-5bbb-8ccc-000000000001)
  MIG 1g.5gb      Device  1: (UUID: MIG-11111111-aaaa-5bbb-8ccc-000000000002)
GPU 1: NVIDIA A100-SXM4-40GB (UUID: GPU-bbbb2222-0000-0000-0000-000000000000)
"""
MEMORY = """\
GPU-aaaa1111-0000-0000-0000-000000000000, 40960
GPU-bbbb2222-0000-0000-0000-000000000000, 40960
"""
SLICES = ["MIG-11111111-aaaa-5bbb-8ccc-000000000001", "MIG-11111111-aaaa-5bbb-8ccc-000000000002"]


@pytest.fixture
def smi(tmp_path, monkeypatch):
    """Put a stand-in for nvidia-smi on the search path."""
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.delenv(devices.VISIBLE, raising=False)

    def make(listed, memory=MEMORY, code=0):
        (tmp_path / "listed").write_text(listed)
        (tmp_path / "memory").write_text(memory)
        script = f'#!/bin/sh\ncase "$1" in -L) cat {tmp_path}/listed;; *) cat {tmp_path}/memory;; esac\nexit {code}\n'
        (tmp_path / "nvidia-smi").write_text(script)
        (tmp_path / "nvidia-smi").chmod(0o755)

    return make


def names(environment):
    return [device.name for device in devices.devices(environment)]


def test_gpus_and_slices_are_listed_with_their_memory(smi):
    smi(SLICED)
    assert devices.devices({}) == [
        Device(SLICES[0], slice=True, memory_mb=20 * 1024),
        Device(SLICES[1], slice=True, memory_mb=5 * 1024),
        Device("1", memory_mb=40960),
    ]


@pytest.mark.parametrize(
    ("visible", "expected"),
    [
        ("1", ["1"]),
        ("1,0", ["1", *SLICES]),
        ("GPU-bbbb", ["GPU-bbbb"]),
        (SLICES[1], [SLICES[1]]),
        ("", []),
        ("7", ["7"]),
    ],
)
def test_what_is_visible_is_what_is_dealt_out(smi, visible, expected):
    smi(SLICED)
    assert names({devices.VISIBLE: visible}) == expected


def test_a_card_whose_memory_nobody_tells_is_still_a_device(smi):
    smi(TWO, "GPU-aaaa1111-0000-0000-0000-000000000000, [N/A]\n")
    assert [(device.name, device.memory_mb) for device in devices.devices({})] == [("0", None), ("1", None)]


def test_a_machine_whose_nvidia_smi_fails_has_what_is_named(smi):
    smi("NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver.", code=9)
    assert names({devices.VISIBLE: "2,3"}) == ["2", "3"]


@pytest.mark.parametrize(
    ("listed", "workers_per_gpu", "dealt"),
    [
        (TWO, None, ["0", "1", "0", "1", "0"]),
        (TWO, 2, ["0", "1", "0", "1"]),
        (TWO, 1, ["0", "1"]),
        (SLICED, 3, [*SLICES, "1", "1", "1"]),
        (SLICED, None, [*SLICES, "1", SLICES[0]]),
    ],
)
def test_devices_are_dealt_out_in_turn_and_a_slice_to_one_worker(smi, listed, workers_per_gpu, dealt):
    smi(listed)
    found = devices.devices({})
    assert [devices.deal(found, worker, workers_per_gpu) for worker in range(len(dealt))] == dealt


def test_without_a_gpu_nothing_is_dealt_out():
    assert devices.deal([], 3, None) is None
    with pytest.raises(ConfigError, match="this machine has no GPU"):
        devices.check([], 4, 2, None)


def test_more_workers_than_there_is_room_for_are_refused(smi):
    smi(SLICED)
    found = devices.devices({})
    devices.check(found, 5, 3, None)
    with pytest.raises(ConfigError, match=r"6 workers: 1 GPU and 2 MIG slices have room for 5 .*--n-jobs 5"):
        devices.check(found, 6, 3, None)


@pytest.mark.parametrize(("n_workers", "peak_mb", "refused"), [(8, 9000, False), (8, 9700, True), (4, 9700, False)])
def test_workers_whose_measured_memory_does_not_fit_are_refused(smi, n_workers, peak_mb, refused):
    smi(TWO)
    found = devices.devices({})
    if not refused:
        devices.check(found, n_workers, 4, peak_mb)
        return
    said = r"4 workers on 0: one has taken 9700 MB .* 41200 MB, and there are 40960 MB: room for 3"
    with pytest.raises(ConfigError, match=said):
        devices.check(found, n_workers, 4, peak_mb)


def test_a_slice_has_to_hold_one_worker(smi):
    smi(SLICED)
    with pytest.raises(ConfigError, match=r"1 worker on MIG-.*02: one has taken 5000 MB"):
        devices.check(devices.devices({}), 3, 1, 5000.0)


def test_the_peak_is_that_of_the_runs_of_the_outputs_root(tmp_path):
    outputs = OutputsRoot(tmp_path)
    assert devices.measured_peak_mb(outputs) is None
    for run_id, peak in ((25, None), (26, 812.5), (27, 640.0)):
        gpus.run_that_took(outputs, peak, run_id)
    outputs.sweep("a").run(27).provenance.with_name("x").write_text("")
    assert devices.measured_peak_mb(outputs) == 812.5
