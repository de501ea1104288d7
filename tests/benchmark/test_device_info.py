import os

import pytest

from larq_el.benchmark.devices.device_info import Conditions, conditions, device_info, parse_conditions, parse_info
from larq_el.benchmark.devices.target import LocalTarget

PI = """model=Raspberry Pi 4 Model B Rev 1.4
os=Debian GNU/Linux 12 (bookworm)
kernel=Linux 6.6.31+rpt-rpi-v8
machine=aarch64
cores=4
CPU part=0xd08
CPU part=0xd08
CPU part=0xd08
CPU part=0xd08
"""
PHONE = """model=Google Pixel 6
os=Android 14
soc=Tensor
kernel=Linux 5.10.157
machine=aarch64
cores=8
CPU part=0xd05
CPU part=0xd41
CPU part=0xd44
CPU part=0xfff
"""


def test_a_pi():
    info = parse_info(PI)
    assert (info.model, info.os) == ("Raspberry Pi 4 Model B Rev 1.4", "Debian GNU/Linux 12 (bookworm)")
    assert (info.kernel, info.machine, info.cpu, info.cores) == ("Linux 6.6.31+rpt-rpi-v8", "aarch64", "Cortex-A72", 4)


def test_a_phone_names_its_chip_and_each_kind_of_core():
    assert parse_info(PHONE).cpu == "Tensor (Cortex-A55 + Cortex-A78 + Cortex-X1 + ARM part 0xfff)"


def test_what_is_not_told_is_unknown():
    info = parse_info("machine=x86_64\ncores=\n")
    assert (info.model, info.os, info.cpu, info.cores) == ("unknown", "unknown", "unknown", 0)


def test_conditions_by_hand():
    text = "governor=ondemand\ngovernor=ondemand\ngovernor=performance\nkhz=600000\nkhz=1800000\n"
    text += "zone=45100 cpu-thermal\nzone=47 soc-max\nzone=88000 battery\nzone=-40000 cpu-off\nzone=x cpu-bad\n"
    assert parse_conditions(text) == Conditions(("ondemand", "performance"), 1200.0, 47.0, None)


def test_without_a_processors_sensor_the_hottest_counts():
    assert parse_conditions("zone=31000 battery\nzone=33000 skin").celsius == 33.0


@pytest.mark.parametrize(("value", "now"), [("0x0", False), ("0x50005", True), ("0x50000", False)])
def test_throttling_of_a_pi_now_not_once(value, now):
    assert parse_conditions(f"throttled={value}").throttled is now


def test_nothing_told():
    assert parse_conditions("") == Conditions()


def test_this_machine_answers():
    info = device_info(LocalTarget())
    assert info.machine == os.uname().machine
    assert info.kernel == f"{os.uname().sysname} {os.uname().release}"
    assert isinstance(conditions(LocalTarget()), Conditions)
