"""Prepares a folder in which qemu runs Python with the stock runtime as on a 64-bit ARM device.

    python tests/runtime/prepare_aarch64.py FOLDER
    LARQ_EL_AARCH64_ROOT=FOLDER python -m pytest tests/runtime/test_aarch64.py

Unpacks Python 3.11 and the C library of Debian 12 for arm64 into FOLDER/sysroot, and numpy and ai-edge-litert for
aarch64 into FOLDER/site-packages. Needs apt and dpkg (not as root: nothing is installed), pip and the network.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

MIRROR = "http://deb.debian.org/debian"
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
DEBIAN = ("python3.11-minimal", "libpython3.11-stdlib", "libstdc++6")
PYTHON = ("numpy<2", "ai-edge-litert>=1.4")
PLATFORMS = tuple(f"manylinux_2_{glibc}_aarch64" for glibc in (17, 27, 28, 34))

SYSTEM = {
    "proc/cpuinfo": """processor\t: 0
Features\t: fp asimd evtstrm aes pmull sha1 sha2 crc32 atomics fphp asimdhp cpuid asimdrdm lrcpc dcpop asimddp
CPU implementer\t: 0x41
CPU architecture: 8
CPU variant\t: 0x4
CPU part\t: 0xd0b
CPU revision\t: 1
""",
    "sys/devices/system/cpu/possible": "0\n",
    "sys/devices/system/cpu/present": "0\n",
}
"""Files of a Cortex-A76 that qemu shows in place of the host's: on those of an x86 CPU the stock runtime crashes."""


def apt_options(folder: Path) -> list[str]:
    """Options that keep apt to a folder of its own, where no package is installed yet, and to arm64."""
    (folder / "lists" / "partial").mkdir(parents=True)
    (folder / "archives" / "partial").mkdir(parents=True)
    (folder / "status").touch()
    (folder / "sources.list").write_text(f"deb [signed-by={KEYRING}] {MIRROR} bookworm main\n")
    settings = {
        "APT::Architecture": "arm64",
        "APT::Architectures": "arm64",
        "APT::Sandbox::User": "",
        "Debug::NoLocking": "true",
        "Dir::Cache": f"{folder}/",
        "Dir::Cache::archives": f"{folder}/archives/",
        "Dir::Etc::sourcelist": f"{folder}/sources.list",
        "Dir::Etc::sourceparts": "-",
        "Dir::Log": f"{folder}/",
        "Dir::State": f"{folder}/",
        "Dir::State::status": f"{folder}/status",
    }
    return [word for key, value in settings.items() for word in ("-o", f"{key}={value}")]


def unpack_debian(sysroot: Path) -> None:
    """Downloads the packages with all that they depend on, and unpacks them."""
    sysroot.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        apt = ["apt-get", "--quiet", *apt_options(folder)]
        subprocess.run([*apt, "update"], check=True)
        subprocess.run([*apt, "install", "--yes", "--download-only", "--no-install-recommends", *DEBIAN], check=True)
        for package in sorted((folder / "archives").glob("*.deb")):
            subprocess.run(["dpkg", "-x", str(package), str(sysroot)], check=True)
    for name, text in SYSTEM.items():
        (sysroot / name).parent.mkdir(parents=True, exist_ok=True)
        (sysroot / name).write_text(text)


def install_python(site_packages: Path) -> None:
    """Installs the wheels for aarch64."""
    target = ["--target", str(site_packages), "--upgrade", "--no-compile", "--only-binary=:all:"]
    python = ["--python-version", "3.11", "--implementation", "cp"]
    platforms = [word for platform in PLATFORMS for word in ("--platform", platform)]
    subprocess.run([sys.executable, "-m", "pip", "install", *target, *python, *platforms, *PYTHON], check=True)


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="that becomes LARQ_EL_AARCH64_ROOT; about 300 MB")
    folder = parser.parse_args().folder.resolve()
    try:
        unpack_debian(folder / "sysroot")
        install_python(folder / "site-packages")
    except (subprocess.CalledProcessError, FileNotFoundError) as error:
        print(error, file=sys.stderr)
        return 1
    print(f"LARQ_EL_AARCH64_ROOT={folder}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
