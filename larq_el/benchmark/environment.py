"""What a measurement was taken on: without it a figure says nothing."""

import platform
import re
from importlib import metadata
from pathlib import Path

PACKAGES = ("larq-el", "larq-el-runtime", "larq-compute-engine", "ai-edge-litert", "tensorflow")


def cpu_name() -> str:
    """The processor's model, as the operating system names it."""
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def cpu_slug() -> str:
    """The processor's model as a part of the name of a file, such as "amd-epyc"."""
    return re.sub(r"[^a-z0-9]+", "-", cpu_name().lower()).strip("-")


def described(num_threads: int) -> str:
    """The environment in one line, for the head of a result.

    # Arguments
        num_threads: threads that the interpreters used.
    """
    return "; ".join(f"{key}: {value}" for key, value in environment(num_threads).items())


def environment(num_threads: int) -> dict[str, str | int]:
    """Processor, operating system, threads and the versions of the packages that ran.

    # Arguments
        num_threads: threads that the interpreters used.

    >>> sorted(environment(1))[:3]
    ['cpu', 'os', 'packages']
    """
    versions = []
    for package in PACKAGES:
        try:
            versions.append(f"{package} {metadata.version(package)}")
        except metadata.PackageNotFoundError:
            continue
    return {
        "cpu": cpu_name(),
        "os": f"{platform.system()} {platform.machine()}",
        "threads": num_threads,
        "python": platform.python_version(),
        "packages": ", ".join(versions),
    }
