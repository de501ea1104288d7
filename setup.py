"""Build script. The metadata stands in setup.cfg; `larq_el/zoo` and `larq_el/convert` are links into the checkout.

The native delegate is compiled with the C++ compiler alone (native/build.py) and goes into the wheel as a data file.
Where there is no compiler, everything but `larq_el.runtime` is installed and works, and that says what is missing.
A cross-compiler in CXX gives a wheel for its machine:

    CXX=aarch64-linux-gnu-g++ python -m build --wheel

LARQ_EL_DISTRIBUTION=runtime makes larq_el_runtime: the same package, which requires what inference needs and no more.
"""

import os
import re
import sys
from pathlib import Path
from typing import Any

from setuptools import Distribution, setup
from setuptools.command.build_py import build_py

try:
    from setuptools.command.bdist_wheel import bdist_wheel
except ImportError:  # setuptools before 70.1
    from wheel.bdist_wheel import bdist_wheel

ROOT = Path(__file__).resolve().parent
sys.path.insert(0, str(ROOT / "native"))
from build import LIBRARY, BuildError, architecture, build  # noqa: E402


class BuildWithNative(build_py):
    """Copies the modules, and compiles the delegate beside them."""

    library: Path | None = None

    def run(self) -> None:
        """Builds both."""
        super().run()
        folder = ROOT if self.editable_mode else Path(self.build_lib).resolve()
        try:
            self.library = build(output=folder / LIBRARY.relative_to(ROOT))
        except BuildError as error:
            self.warn(f"the native delegate was not built, larq_el.runtime will not run: {error}")


RUNTIME_ALONE = os.environ.get("LARQ_EL_DISTRIBUTION", "") == "runtime"
PARTS = ("runtime",) if RUNTIME_ALONE else ("runtime", "convert", "train")


class WithNative(Distribution):
    """A distribution that depends on the platform, although it has no extension module of Python."""

    def parse_config_files(self, filenames: Any = None, ignore_option_errors: bool = False) -> None:
        """Reads setup.cfg, and requires what its extras list for the parts of this distribution."""
        super().parse_config_files(filenames, ignore_option_errors)
        wanted = [requirement for part in PARTS for requirement in self.extras_require[part]]
        self.install_requires = list(dict.fromkeys(wanted))
        if RUNTIME_ALONE:
            self.metadata.name = "larq_el_runtime"
        self._finalize_requires()

    def has_ext_modules(self) -> bool:
        """Says so to setuptools."""
        return True


class PlatformWheel(bdist_wheel):
    """The delegate depends on the platform, and on no version of Python."""

    def get_tag(self) -> tuple[str, str, str]:
        """Any Python 3, no ABI of Python, the platform that the delegate was compiled for."""
        library = self.get_finalized_command("build_py").library
        compiled = None if library is None or self.plat_name_supplied else platform_of(library)
        return "py3", "none", compiled or super().get_tag()[2]


def platform_of(library: Path) -> str | None:
    """The platform tag of a library for glibc: its machine, and the newest glibc that it takes symbols from."""
    versions = [int(version) for version in re.findall(rb"GLIBC_2\.(\d+)", library.read_bytes())]
    return f"manylinux_2_{max(versions)}_{architecture()}" if versions else None


setup(distclass=WithNative, cmdclass={"build_py": BuildWithNative, "bdist_wheel": PlatformWheel})
