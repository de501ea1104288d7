"""Build script. The metadata stands in setup.cfg; `larq_el/zoo` and `larq_el/convert` are links into the checkout.

The native delegate is compiled with the C++ compiler alone (native/build.py) and goes into the wheel as a data file.
Where there is no compiler, everything but `larq_el.runtime` is installed and works, and that says what is missing.
"""

import sys
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

try:
    from setuptools.command.bdist_wheel import bdist_wheel
except ImportError:  # setuptools before 70.1
    from wheel.bdist_wheel import bdist_wheel

ROOT = Path(__file__).resolve().parent
sys.path.insert(0, str(ROOT / "native"))
from build import LIBRARY, BuildError, build  # noqa: E402


class BuildWithNative(build_py):
    """Copies the modules, and compiles the delegate beside them."""

    def run(self) -> None:
        """Builds both."""
        super().run()
        folder = ROOT if self.editable_mode else Path(self.build_lib).resolve()
        try:
            build(output=folder / LIBRARY.relative_to(ROOT))
        except BuildError as error:
            self.warn(f"the native delegate was not built, larq_el.runtime will not run: {error}")


class PlatformWheel(bdist_wheel):
    """The delegate depends on the platform, and on no version of Python."""

    def finalize_options(self) -> None:
        """Marks the wheel as one of a platform."""
        super().finalize_options()
        self.root_is_pure = False

    def get_tag(self) -> tuple[str, str, str]:
        """Any Python 3, no ABI of Python, this platform."""
        return "py3", "none", super().get_tag()[2]


setup(cmdclass={"build_py": BuildWithNative, "bdist_wheel": PlatformWheel})
