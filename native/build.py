#!/usr/bin/env python3
"""Builds the native delegate with a C++17 compiler and nothing else: the only description of how.

    python native/build.py                  the library, into larq_el/runtime/lib
    python native/build.py test             kernels and graphs against a loop over bits
    python native/build.py asan             the same under the address and undefined-behaviour sanitizers
    python native/build.py fuzz [SECONDS]   random and damaged graphs, under the sanitizers
    python native/build.py bench            kernels in multiply-accumulates a cycle
    CXX=aarch64-linux-gnu-g++ python native/build.py --output DIR/liblarq_el_delegate.so
    CXX="python -m ziglang c++ -target aarch64-linux-gnu.2.17" python native/build.py --output DIR/...    (old glibc)
    CXX=aarch64-linux-gnu-g++ RUNNER="qemu-aarch64-static -L /usr/aarch64-linux-gnu" python native/build.py test

Objects are kept in build/native and compiled again where a source, a header or the command changed.
"""

import argparse
import os
import re
import shlex
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

NATIVE = Path(__file__).resolve().parent
ROOT = NATIVE.parent
LIBRARY = ROOT / "larq_el" / "runtime" / "lib" / "liblarq_el_delegate.so"

# No contraction: products and sums are rounded one by one, as in LCE. No exceptions, run-time types or guarded statics:
# the library needs nothing but the C library.
FLAGS = [
    *("-std=c++17", "-O3", "-g0", "-fPIC", "-fvisibility=hidden", "-ffp-contract=off", "-pthread"),
    *("-fno-exceptions", "-fno-rtti", "-fno-threadsafe-statics", "-Wall", "-Wextra", "-Werror"),
]
ASAN = ["-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
# GCC 12's headers of AVX-512 use variables that they leave undefined
AVX512 = (
    "-mavx512f -mavx512bw -mavx512dq -mavx512vl -mprefer-vector-width=512 -Wno-uninitialized -Wno-maybe-uninitialized "
    "-Wno-unknown-warning-option"  # clang
)
PORTABLE = {"portable": "", "int8_portable": ""}
KERNELS = {
    "x86_64": {
        "avx512vpopcnt": f"{AVX512} -mavx512vpopcntdq",
        "avx512bw": AVX512,
        "avx2": "-mavx2 -mfma",
        "int8_avx512vnni": f"{AVX512} -mavx512vnni",
        "int8_avx2": "-mavx2",
        **PORTABLE,
    },
    "aarch64": {"neon": "", "int8_neondot": "-mcpu=generic+dotprod", "int8_neon": "", **PORTABLE},
}
"""Files of native/kernels for each architecture, with the flags of their instruction sets; others get the portable."""
LINK = ["-Wl,-z,defs", "-Wl,--as-needed", "-s", "-nodefaultlibs", "-lpthread", "-lm", "-lc", "-lgcc"]


class BuildError(Exception):
    """The compiler is missing, or failed."""


def compiler() -> list[str]:
    """The C++ compiler: $CXX, or g++."""
    return shlex.split(os.environ.get("CXX", "g++"))


def architecture() -> str:
    """What the compiler compiles for, such as "x86_64"."""
    command = compiler()
    if "-target" in command[:-1]:  # zig's own, with a version of glibc, which it does not know again
        return command[command.index("-target") + 1].split("-")[0]
    return _run([*compiler(), "-dumpmachine"]).split("-")[0]


def build(target: str = "library", output: Path = LIBRARY) -> Path:
    """Builds the library, or the program of tests or measurements.

    # Arguments
        target: "library", "test", "asan", "fuzz" or "bench".
        output: of the library.

    # Returns
        The file that was built.
    """
    machine = architecture()
    folder = ROOT / "build" / "native" / f"{machine}-{'asan' if target in ('asan', 'fuzz') else 'release'}"
    extra = ASAN if target in ("asan", "fuzz") else []
    kernels = {
        NATIVE / "kernels" / f"{name}.cc": flags.split() for name, flags in KERNELS.get(machine, PORTABLE).items()
    }
    programs = {"library": ["plugin.cc"], "bench": ["bench.cc"], "fuzz": ["fuzz.cc"]}.get(target)
    mains = [NATIVE / name for name in programs] if programs else sorted((NATIVE / "tests").glob("*.cc"))
    common = [path for path in sorted(NATIVE.glob("*.cc")) if path.name not in ("plugin.cc", "bench.cc", "fuzz.cc")]
    flags = {**{source: [] for source in (*common, *mains)}, **kernels}
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        objects = list(pool.map(lambda item: _compile(item[0], [*FLAGS, *item[1], *extra], folder), flags.items()))
    result = output if target == "library" else folder / target
    result.parent.mkdir(parents=True, exist_ok=True)
    shared = ["-shared", f"-Wl,--version-script={NATIVE / 'exports.map'}"] if target == "library" else ["-pthread"]
    unfinished = result.with_name(f".{result.name}.part")
    _run([*compiler(), *extra, *shared, "-o", str(unfinished), *objects, *(LINK if target == "library" else [])])
    unfinished.replace(result)
    return result


def _compile(source: Path, flags: list[str], folder: Path) -> str:
    """The object of a source, compiled where it is not there yet or out of date."""
    target = folder / source.relative_to(NATIVE).with_suffix(".o")
    target.parent.mkdir(parents=True, exist_ok=True)
    version = re.search(r'__version__ = "(.*)"', (ROOT / "larq_el" / "_version.py").read_text())
    define = f'-DLARQ_EL_VERSION="{version[1] if version else ""}"'
    command = [*compiler(), f"-I{NATIVE}", define, *flags, "-MMD", "-c", str(source), "-o", str(target)]
    record = target.with_suffix(".command")
    if not _is_current(target, record, command):
        _run(command)
        record.write_text(shlex.join(command))
    return str(target)


def _is_current(target: Path, record: Path, command: list[str]) -> bool:
    if not target.exists() or not record.exists() or record.read_text() != shlex.join(command):
        return False
    needs = target.with_suffix(".d").read_text().replace("\\\n", " ").split()[1:]
    return all(Path(need).exists() and Path(need).stat().st_mtime <= target.stat().st_mtime for need in needs)


def _run(command: list[str]) -> str:
    try:
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout
    except FileNotFoundError as error:
        raise BuildError(
            f"there is no C++ compiler {command[0]!r}: install g++ or clang, or name one in CXX."
        ) from error
    except subprocess.CalledProcessError as error:
        raise BuildError(f"{shlex.join(command)}\n{error.stderr}") from error


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("target", nargs="?", default="library", choices=["library", "test", "asan", "fuzz", "bench"])
    parser.add_argument("--output", type=Path, default=LIBRARY)
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help="of the program of tests or measurements")
    options = parser.parse_args()
    try:
        built = build(options.target, options.output)
    except BuildError as error:
        print(error, file=sys.stderr)
        return 1
    if options.target == "library":
        print(built)
        return 0
    runner = shlex.split(os.environ.get("RUNNER", ""))  # such as an emulator
    return subprocess.run([*runner, str(built), *options.arguments], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
