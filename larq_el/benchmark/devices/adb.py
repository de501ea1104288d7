"""An Android device, by way of the `adb` client."""

import re
import shlex
import subprocess
from pathlib import Path

from larq_el.benchmark.devices.target import Completed, DeviceError, Target
from larq_el.errors import UserError


class AdbTarget(Target):
    """An Android device.

    # Arguments
        serial: which one, as `adb devices` lists it; None for the only one.

    # Raises
        ValueError: where the serial number is none.
    """

    folder = "/data/local/tmp"

    def __init__(self, serial: str | None = None) -> None:
        if serial is not None and not re.fullmatch(r"\w[\w.:\[\]%-]*", serial):
            raise UserError(f"{serial!r} is no serial number of a device; `adb devices` lists them.")
        self.name = "adb" if serial is None else f"adb:{serial}"
        self._adb = ["adb"] if serial is None else ["adb", "-s", serial]

    def command(self, script: str) -> list[str]:
        """The client joins its arguments and gives them to the device's shell."""
        return [*self._adb, "shell", script]

    def push(self, source: Path, destination: str, *, timeout: float = 600.0) -> None:
        """By `adb push`: old versions of `adb shell` change bytes on the way."""
        argv = [*self._adb, "push", str(source.resolve()), destination]
        try:
            done = subprocess.run(argv, capture_output=True, timeout=timeout, start_new_session=True)
        except FileNotFoundError as error:
            raise DeviceError(f"there is no program 'adb' on this machine; {self.name} needs it.") from error
        except subprocess.TimeoutExpired as error:
            raise DeviceError(f"{self.name} did not take {str(source)!r} in {timeout:.0f} seconds.") from error
        if done.returncode == 0:
            size = self.run(f"wc -c < {shlex.quote(destination)}")
        else:
            size = Completed(done.returncode, "", (done.stdout + done.stderr).decode(errors="replace"))
        self.check_pushed(size, source, destination)

    def explain(self, status: int, message: str) -> str:
        """What to do about the usual failures; the client's own words for the others."""
        if "unauthorized" in message:
            return "it does not trust this computer yet; unlock it and accept the question on its screen"
        if "more than one device" in message:
            return "several devices are there; name one as adb:SERIAL, `adb devices` lists them"
        if re.search(r"no devices|not found|no such device", message):
            return "it is not there; switch on USB debugging, and see whether `adb devices` lists it"
        if "offline" in message:
            return "it is offline; unplug it and plug it in again, or `adb reconnect`"
        lines = [line.strip() for line in message.splitlines() if line.strip()]
        return f"the connection was lost ({lines[-1].rstrip('.') if lines else f'adb ended with status {status}'})"
