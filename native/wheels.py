#!/usr/bin/env python3
"""Wheels of both distributions for x86-64 and 64-bit ARM Linux, from any x86-64 one: for glibc 2.17 (2012) and later.

    python native/wheels.py [--output dist]

The compiler is PyPI's `ziglang`, which links against the glibc that it is told. Each wheel's tag is compared with what
auditwheel finds its library to need. Needs the packages build, ziglang and auditwheel.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
GLIBC = "2.17"
MACHINES = ("x86_64", "aarch64")
SOURCES = ("larq_el", "zoo", "convert", "native")
FILES = ("setup.py", "setup.cfg", "pyproject.toml", "MANIFEST.in", "README.md", "LICENSE")


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=ROOT / "dist")
    output = parser.parse_args().output.resolve()
    output.mkdir(parents=True, exist_ok=True)
    for machine in MACHINES:
        for distribution in ("", "runtime"):
            wheel = build(machine, distribution, output)
            check(wheel, machine)
            print(wheel)
    return 0


def build(machine: str, distribution: str, output: Path) -> Path:
    """Builds a wheel from a copy of the checkout, whose own build folder is not touched.

    # Arguments
        machine: such as "aarch64".
        distribution: "" or "runtime", see setup.py.
        output: folder of the wheel.
    """
    target = f"{machine}-linux-gnu.{GLIBC}"
    environment = {
        **os.environ,
        "CXX": f"{sys.executable} -m ziglang c++ -target {target}",
        "LARQ_EL_DISTRIBUTION": distribution,
    }
    with tempfile.TemporaryDirectory() as temporary:
        source, made = Path(temporary) / "source", Path(temporary) / "made"
        source.mkdir()
        ignored = shutil.ignore_patterns("__pycache__", "*.so")
        for name in SOURCES:
            shutil.copytree(ROOT / name, source / name, symlinks=True, ignore=ignored)
        for name in FILES:
            shutil.copy(ROOT / name, source)
        command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(made), str(source)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"{target}: {done.stdout[-2000:]}{done.stderr[-2000:]}")
        (wheel,) = made.glob("*.whl")
        shutil.move(wheel, output / wheel.name)
        return output / wheel.name


def check(wheel: Path, machine: str) -> None:
    """Compares a wheel's tag with what auditwheel says that it runs on.

    # Arguments
        wheel: the file.
        machine: that it is for.
    """
    wanted = f"manylinux_{GLIBC.replace('.', '_')}_{machine}"
    if not wheel.name.endswith(f"-py3-none-{wanted}.whl"):
        raise SystemExit(f"{wheel.name} is not tagged {wanted}.")
    command = [sys.executable, "-m", "auditwheel", "show", str(wheel)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    found = set(re.findall(r'"(manylinux\w+)"', done.stdout))
    if wanted not in found:
        raise SystemExit(f"auditwheel finds {', '.join(sorted(found)) or done.stderr} for {wheel.name}.")


if __name__ == "__main__":
    sys.exit(main())
