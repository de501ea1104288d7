"""A folder on a device that is gone when the measurement ends, however it ends."""

import shlex
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from larq_el.benchmark.devices.interrupts import interrupts_ignored
from larq_el.benchmark.devices.target import SHORT, Completed, DeviceError, Target
from larq_el.errors import first_line

_REMOVAL = 30.0
"""Seconds."""


class Workspace:
    """A folder of our own on a device.

    # Attributes
        target: the device.
        path: of the folder, there.
    """

    def __init__(self, target: Target, path: str) -> None:
        self.target = target
        self.path = path

    def file(self, name: str) -> str:
        """The path of a file in it, on the device."""
        return f"{self.path}/{name}"

    def push(self, source: Path, name: str) -> str:
        """Copies a file into it, and returns its path there."""
        self.target.push(source, self.file(name))
        return self.file(name)

    def run(self, script: str, *, stdin: bytes = b"", timeout: float = SHORT) -> Completed:
        """Runs a script in it, as `Target.run`; what still runs when the folder goes is ended.

        The script's process group is noted in the folder: the connection may drop and the program run on.
        """
        note = shlex.quote(self.file("group"))
        whole = (
            f"cd {shlex.quote(self.path)} || exit 1\n"
            "g=$$; if [ -r /proc/$$/stat ]; then read -r a b c d g rest < /proc/$$/stat; fi\n"
            f"echo $g > {note}\n(\n{script}\n)\ns=$?\nrm -f {note}\nexit $s"
        )
        return self.target.run(whole, stdin=stdin, timeout=timeout)

    def make(self) -> None:
        """Makes the folder."""
        done = self.target.run(f"mkdir -m 700 {shlex.quote(self.path)}")
        if done.status != 0:
            raise DeviceError(
                f"cannot make a folder on {self.target.name}: {done.reason}; name another place with --device-folder."
            )

    def remove(self) -> None:
        """Ends what runs in the folder, and removes it."""
        path, note = shlex.quote(self.path), shlex.quote(self.file("group"))
        end = f"g=$(cat {note} 2>/dev/null)\ncase $g in ''|*[!0-9]*|0|1) ;; *) kill -9 -$g 2>/dev/null ;; esac"
        # a program that just ended may still have written something: once more then
        remove = f"rm -rf {path} 2>/dev/null || {{ sleep 1; rm -rf {path}; }}"
        done = self.target.run(f"cd /\n{end}\n{remove}\n[ ! -e {path} ]", timeout=_REMOVAL)
        if done.status != 0:
            raise DeviceError(done.reason)


@contextmanager
def workspace(target: Target, folder: str | None = None) -> Iterator[Workspace]:
    """A folder on a device, removed at the end with everything in it, whatever happened.

    # Arguments
        target: the device.
        folder: where to make it; None for the device's usual place.

    # Raises
        DeviceError: where it cannot be made, or cannot be removed; the message says what is left.
    """
    # the name is chosen here: whatever moment an interrupt comes at, we know what to remove
    space = Workspace(target, f"{(folder or target.folder).rstrip('/')}/larq-el.{uuid.uuid4().hex[:12]}")
    reached = False
    cause: BaseException | None = None
    try:
        space.make()
        reached = True
        yield space
    except BaseException as error:
        cause = error
        raise
    finally:
        with interrupts_ignored():
            left = _what_is_left(space)
        # a device that was never reached has nothing of ours
        if left and (reached or not isinstance(cause, DeviceError)):
            why = "" if cause is None else f"{first_line(cause).rstrip('.')}; besides, "
            raise DeviceError(f"{why}{left}") from cause


def _what_is_left(space: Workspace) -> str:
    """Removes the folder; a sentence where that fails."""
    try:
        space.remove()
    except DeviceError as error:
        reason = first_line(error).rstrip(".")
        return f"{space.path!r} is still on {space.target.name} ({reason}): remove it by hand."
    return ""
