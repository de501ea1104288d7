"""A device that has a shell: what is common to this machine, ssh and adb."""

import os
import re
import shlex
import subprocess
import uuid
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from larq_el.errors import UserError

SHORT = 60.0
"""Seconds for a command that takes a moment."""


class DeviceError(UserError):
    """A device that cannot be reached or does not do what it was told."""


@dataclass(frozen=True)
class Completed:
    """A command that ran to its end on a device."""

    status: int
    stdout: str
    stderr: str

    @property
    def reason(self) -> str:
        """The last line of what it said, for an error message."""
        lines = [line.strip() for line in f"{self.stdout}\n{self.stderr}".splitlines() if line.strip()]
        return lines[-1].rstrip(".") if lines else f"exit status {self.status}"


class Target(ABC):
    """A machine that a benchmark runs on.

    # Attributes
        name: as the user names it.
        folder: where it can hold programs.
    """

    name: str
    folder: str

    @abstractmethod
    def command(self, script: str) -> list[str]:
        """The arguments of a process on this machine that runs a shell script on the device."""

    @abstractmethod
    def explain(self, status: int, message: str) -> str:
        """Why the script never came to its end, from the exit status and the messages of `command`'s process."""

    def run(self, script: str, *, stdin: bytes | IO[bytes] = b"", timeout: float = SHORT) -> Completed:
        """Runs a shell script.

        The exit status is the device's own: its shell prints it behind a mark, and where the mark is missing, it was
        the connection that failed. So the status 255 of a program and that of `ssh` cannot be taken for one another,
        and old versions of Android, which pass no status on, need no care.

        # Arguments
            script: for a POSIX shell.
            stdin: what it reads.
            timeout: seconds.

        # Raises
            DeviceError: where the device cannot be reached, the connection drops, or there is no answer in time.
        """
        mark = uuid.uuid4().hex
        whole = f"LC_ALL=C; export LC_ALL\n(\n{script}\n)\nprintf '\\n%s %s\\n' {mark} $?"
        given: dict[str, Any] = {"input": stdin} if isinstance(stdin, bytes) else {"stdin": stdin}
        argv = self.command(whole)
        try:
            # a session of its own: Ctrl-C reaches us alone, and then the device is put in order
            done: subprocess.CompletedProcess[bytes] = subprocess.run(
                argv, capture_output=True, timeout=timeout, start_new_session=True, **given
            )
        except FileNotFoundError as error:
            raise DeviceError(f"there is no program {argv[0]!r} on this machine; {self.name} needs it.") from error
        except subprocess.TimeoutExpired as error:
            raise DeviceError(f"{self.name} gave no answer in {timeout:.0f} seconds.") from error
        stdout, stderr = (data.decode(errors="replace").replace("\r\n", "\n") for data in (done.stdout, done.stderr))
        match = re.search(rf"\n{mark} (\d+)\n", stdout)
        if match is None:
            raise DeviceError(f"{self.name}: {self.explain(done.returncode, stderr + stdout)}.")
        return Completed(int(match[1]), stdout[: match.start()], stderr)

    def push(self, source: Path, destination: str, *, timeout: float = 600.0) -> None:
        """Copies a file to the device.

        # Raises
            DeviceError: where it did not arrive whole.
        """
        path = shlex.quote(destination)
        with source.open("rb") as file:
            done = self.run(f"cat > {path} && wc -c < {path}", stdin=file, timeout=timeout)
        self.check_pushed(done, source, destination)

    def check_pushed(self, done: Completed, source: Path, destination: str) -> None:
        """Compares the size that the device printed with the file's.

        # Raises
            DeviceError: where they differ.
        """
        size = os.path.getsize(source)
        if done.status == 0 and done.stdout.strip() == str(size):
            return
        reason = f"{done.stdout.strip() or 0} of its bytes arrived" if done.status == 0 else done.reason
        raise DeviceError(
            f"cannot copy {str(source)!r} ({size / 1e6:.1f} MB) to {destination!r} on {self.name}: {reason}; make room "
            "there, or name another folder with --device-folder."
        )


class LocalTarget(Target):
    """This machine, for a benchmark tool that runs on it."""

    name = "local"
    folder = os.environ.get("TMPDIR", "/tmp")

    def command(self, script: str) -> list[str]:
        """The script, in a shell."""
        return ["/bin/sh", "-c", script]

    def explain(self, status: int, message: str) -> str:
        """A shell that was killed."""
        return f"the shell ended with status {status}"
