"""What a device is, and the state that it is in: without them a latency says nothing."""

import re
from dataclasses import dataclass

from larq_el.benchmark.devices.target import Target

_SCRIPT = r"""
if command -v getprop >/dev/null 2>&1; then
  echo "model=$(getprop ro.product.manufacturer) $(getprop ro.product.model)"
  echo "os=Android $(getprop ro.build.version.release)"
  echo "soc=$(getprop ro.soc.model)"
else
  if [ -r /proc/device-tree/model ]; then echo "model=$(tr -d '\000' < /proc/device-tree/model)"
  elif [ -r /sys/class/dmi/id/product_name ]; then echo "model=$(cat /sys/class/dmi/id/product_name)"; fi
  if [ -r /etc/os-release ]; then echo "os=$(. /etc/os-release; echo "$PRETTY_NAME")"; fi
fi
echo "kernel=$(uname -s -r)"
echo "machine=$(uname -m)"
echo "cores=$(grep -c ^processor /proc/cpuinfo 2>/dev/null)"
sed -n 's/^\(model name\|Hardware\|CPU part\)[[:space:]]*: */\1=/p' /proc/cpuinfo 2>/dev/null
"""
_CONDITIONS = r"""
for f in /sys/devices/system/cpu/cpu[0-9]*/cpufreq/scaling_governor; do
  [ -r "$f" ] && echo "governor=$(cat "$f")"; done
for f in /sys/devices/system/cpu/cpu[0-9]*/cpufreq/scaling_cur_freq; do
  [ -r "$f" ] && echo "khz=$(cat "$f" 2>/dev/null)"; done
for z in /sys/class/thermal/thermal_zone*; do
  [ -r "$z/temp" ] && echo "zone=$(cat "$z/temp" 2>/dev/null) $(cat "$z/type" 2>/dev/null)"; done
command -v vcgencmd >/dev/null 2>&1 && vcgencmd get_throttled 2>/dev/null
true
"""
_ARM_PARTS = {
    "0xd03": "Cortex-A53", "0xd04": "Cortex-A35", "0xd05": "Cortex-A55", "0xd07": "Cortex-A57", "0xd08": "Cortex-A72",
    "0xd09": "Cortex-A73", "0xd0a": "Cortex-A75", "0xd0b": "Cortex-A76", "0xd0c": "Neoverse-N1", "0xd0d": "Cortex-A77",
    "0xd41": "Cortex-A78", "0xd44": "Cortex-X1", "0xd46": "Cortex-A510", "0xd47": "Cortex-A710", "0xd48": "Cortex-X2",
    "0xd4d": "Cortex-A715", "0xd4e": "Cortex-X3", "0xd80": "Cortex-A520", "0xd81": "Cortex-A720", "0xd82": "Cortex-X4",
}  # fmt: skip
_CPU_ZONE = re.compile(r"cpu|soc|pkg|core|tsens|cluster|big|little|mtktscpu", re.IGNORECASE)


@dataclass(frozen=True)
class DeviceInfo:
    """A device.

    # Attributes
        model: as its maker names it.
        os: name and version.
        kernel: name and version.
        machine: the processor's family, as `uname -m` names it.
        cpu: the processor.
        cores: how many it has.
    """

    model: str
    os: str
    kernel: str
    machine: str
    cpu: str
    cores: int


@dataclass(frozen=True)
class Conditions:
    """The state of a device at one moment; None or empty for what it does not tell.

    # Attributes
        governors: of the cores' frequency, each once.
        mhz: the cores' mean frequency.
        celsius: the hottest sensor of the processor, or of all where none is named after it.
        throttled: whether a Raspberry Pi is being slowed down by heat or a weak power supply.
    """

    governors: tuple[str, ...] = ()
    mhz: float | None = None
    celsius: float | None = None
    throttled: bool | None = None


def device_info(target: Target) -> DeviceInfo:
    """Asks a device what it is."""
    return parse_info(target.run(_SCRIPT).stdout)


def conditions(target: Target) -> Conditions:
    """Asks a device for its state."""
    return parse_conditions(target.run(_CONDITIONS).stdout)


def parse_info(text: str) -> DeviceInfo:
    """The answer to the question of what a device is.

    >>> parse_info("model=Raspberry Pi 4\\nmachine=aarch64\\ncores=4\\nCPU part=0xd08\\nCPU part=0xd08").cpu
    'Cortex-A72'
    """
    values = _values(text)
    parts = [_ARM_PARTS.get(part, f"ARM part {part}") for part in dict.fromkeys(values.get("CPU part", []))]
    names = [*values.get("model name", []), *values.get("soc", []), *values.get("Hardware", [])]
    named = next((name for name in names if name), "")
    arm = f"({' + '.join(parts)})" if named and parts else " + ".join(parts)
    cores = _first(values, "cores")
    return DeviceInfo(
        model=_first(values, "model") or "unknown",
        os=_first(values, "os") or "unknown",
        kernel=_first(values, "kernel"),
        machine=_first(values, "machine"),
        cpu=f"{named} {arm}".strip() or "unknown",
        cores=int(cores) if cores.isdigit() else 0,
    )


def parse_conditions(text: str) -> Conditions:
    """The answer to the question of a device's state.

    >>> parse_conditions("governor=ondemand\\ngovernor=ondemand\\nzone=45100 cpu-thermal\\nzone=99000 battery")
    Conditions(governors=('ondemand',), mhz=None, celsius=45.1, throttled=None)
    """
    values = _values(text)
    khz = [int(value) for value in values.get("khz", []) if value.isdigit()]
    zones = [(_celsius(value), kind) for value, _, kind in (zone.partition(" ") for zone in values.get("zone", []))]
    known = [(degrees, kind) for degrees, kind in zones if degrees is not None]
    degrees = [degrees for degrees, kind in known if _CPU_ZONE.search(kind)] or [degrees for degrees, _ in known]
    throttled = _first(values, "throttled")
    return Conditions(
        governors=tuple(dict.fromkeys(values.get("governor", []))),
        mhz=sum(khz) / len(khz) / 1e3 if khz else None,
        celsius=max(degrees, default=None),
        # the low bits tell of now, the high ones of some time since the start
        throttled=bool(int(throttled, 16) & 0xF) if throttled.startswith("0x") else None,
    )


def _celsius(value: str) -> float | None:
    """Most kernels give thousandths, some degrees; sensors that are switched off give nonsense."""
    try:
        degrees = float(value)
    except ValueError:
        return None
    degrees = degrees / 1e3 if abs(degrees) >= 1e3 else degrees
    return degrees if 0 < degrees < 150 else None


def _values(text: str) -> dict[str, list[str]]:
    values: dict[str, list[str]] = {}
    for line in text.splitlines():
        key, equals, value = line.partition("=")
        if equals:
            values.setdefault(key, []).append(value.strip())
    return values


def _first(values: dict[str, list[str]], key: str) -> str:
    return values.get(key, [""])[0]
