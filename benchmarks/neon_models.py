"""Binary multiply-accumulates a cycle of the NEON kernel, by LLVM's models of ARM's cores: no device, no caches.

    python benchmarks/neon_models.py [--native DIR] [--calls] [--lce FILE.s] [--output DIR]

Needs aarch64-linux-gnu-g++ and llvm-mca (Debian: g++-aarch64-linux-gnu, llvm-19), for --calls qemu-user-static too. The
loop is that of the compiled kernel which compares most bits; --calls feeds the models what whole calls execute, taken
from an emulator: gathering, sums and stores included. --native names the native folder of an older checkout to compare
with, --lce a loop in assembler of another kernel, with `// MACS n` in its first line.
"""

import argparse
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from larq_el.files import write_atomically

NATIVE = Path(__file__).parent.parent / "native"
CORES = {
    "A53": "cortex-a53",
    "A55": "cortex-a55",
    "A510": "cortex-a510",
    "A72": "cortex-a72",
    "N1": "neoverse-n1",
    "M1": "apple-m1",
}
FLAGS = ["-std=c++17", "-O3", "-g0", "-ffp-contract=off", "-fno-exceptions", "-fno-rtti"]
SHAPES = [(words, taps) for taps in (1, 9) for words in (1, 2, 4, 8, 16)]
ITERATIONS = 200
BITS_OF_CNT = 128
HARNESS = """
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>
#include "kernels/kernel.h"
namespace larq_el { extern const BinaryKernel kernel_neon; }
using namespace larq_el;
int main(int, char** args) {
  const BinaryKernel& kernel = kernel_neon;
  const int words = atoi(args[1]), taps = atoi(args[2]);
  std::vector<uint32_t> filters(words * taps * kBlock, 5), pixels(words * 8, 3);
  void* weights = aligned_alloc(64, static_cast<size_t>(words) * taps * kernel.weight_bytes + 64);
  void* acc = aligned_alloc(64, kernel.mr * kBlock * 4);
  kernel.pack(filters.data(), words * taps, kBlock, words * taps, PACK weights);
  std::vector<const void*> pointers;
  for (int i = 0; i < taps * kernel.mr; ++i) pointers.push_back(pixels.data() + (i % 4) * words);
  kernel.run({pointers.data(), 0, taps, words, weights}, static_cast<int32_t*>(acc));
  printf("%p\\n", reinterpret_cast<void*>(kernel.run));
}
"""


def tool(*names: str) -> str:
    found = next((name for name in names if shutil.which(name)), None)
    if found is None:
        raise SystemExit(f"there is no {names[-1]}; see --help for the packages.")
    return found


def run(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def loop_of(native: Path, folder: Path) -> tuple[str, int]:
    """The innermost loop of most popcounts, and its multiply-accumulates."""
    target = folder / "kernel.s"
    kernel = str(native / "kernels" / "neon.cc")
    run(tool("aarch64-linux-gnu-g++"), *FLAGS, f"-I{native}", "-fPIC", "-S", kernel, "-o", str(target))
    lines = [line.strip() for line in target.read_text().splitlines()]
    labels = {line[:-1]: at for at, line in enumerate(lines) if re.fullmatch(r"\.L\d+:", line)}
    best: list[str] = []
    for at, line in enumerate(lines):
        jump = re.match(r"(?:b\.?\w+|cbn?z|tbn?z)\s.*?(\.L\d+)$", line)
        if jump is None or not labels.get(jump[1], at) < at:
            continue
        body = lines[labels[jump[1]] : at + 1]
        if any(re.match(r"(b|bl|ret)\s", inner) for inner in body[:-1]) or sum(_is_label(one) for one in body) > 1:
            continue  # a loop around another one
        if _popcounts(body) > _popcounts(best):
            best = body
    code = "\n".join(line for line in best if line and line[0] not in "#/.")
    return code, _popcounts(best) * BITS_OF_CNT


def _is_label(line: str) -> bool:
    return re.fullmatch(r"\.L\d+:", line) is not None


def _popcounts(lines: list[str]) -> int:
    return sum(line.startswith("cnt") for line in lines)


def cycles(code: str, core: str, iterations: int) -> float:
    """Of one iteration."""
    mca = tool("llvm-mca-19", "llvm-mca")
    command = [mca, "-mtriple=aarch64", f"-mcpu={core}", f"-iterations={iterations}"]
    done = subprocess.run([*command, "-summary-view"], input=code, capture_output=True, text=True, check=True)
    found = re.search(r"Total Cycles:\s+(\d+)", done.stdout)
    assert found is not None
    return int(found[1]) / iterations


class Calls:
    """Whole calls of a kernel, as an emulator executes them."""

    def __init__(self, native: Path, folder: Path) -> None:
        has_taps = "int tap_words" in (native / "kernels" / "kernel.h").read_text()
        source = folder / "call.cc"
        source.write_text(HARNESS.replace("PACK", "words," if has_taps else ""))
        self._program = str(folder / "call")
        kernel = str(native / "kernels" / "neon.cc")
        compiler = tool("aarch64-linux-gnu-g++")
        run(compiler, *FLAGS, "-static", f"-I{native}", str(source), kernel, "-o", self._program)
        self._code = {}
        for line in run("aarch64-linux-gnu-objdump", "-d", "--no-show-raw-insn", self._program).splitlines():
            if found := re.match(r"\s*([0-9a-f]+):\s+(.*?)(?:\s+//.*)?$", line):
                self._code[int(found[1], 16)] = found[2]

    def code(self, words: int, taps: int) -> str:
        """What one call executes, without its branches."""
        emulator = tool("qemu-aarch64-static", "qemu-aarch64")
        start = int(run(emulator, self._program, str(words), str(taps)), 16)
        with tempfile.NamedTemporaryFile("r") as log:
            single = "-one-insn-per-tb" if "one-insn-per-tb" in run(emulator, "-h") else "-singlestep"
            command = [emulator, single, "-d", "exec,nochain", "-D", log.name]
            run(
                *command,
                "-dfilter",
                f"0x{start - 0x4000:x}..0x{start + 0x4000:x}",
                self._program,
                str(words),
                str(taps),
            )
            trace = [int(found, 16) for found in re.findall(r"\[[0-9a-f]+/([0-9a-f]+)/", log.read())]
        first = trace.index(start)
        lines = []
        for address in trace[first:]:
            line = self._code[address]
            if line == "ret" and len(lines) > 20:
                break
            if not re.match(r"(b|b\.\w+|bl|cbn?z|tbn?z|ret)\b", line):
                lines.append(re.sub(r"\s<.*>$", "", line))
        return "\n".join(line for line in lines if not line.startswith(("adrp", "adr")))


def table(title: str, rows: dict[str, dict[str, float]]) -> list[str]:
    lines = [f"| {title} | " + " | ".join(CORES) + " |", "|---" * (len(CORES) + 1) + "|"]
    for name, values in rows.items():
        lines.append(f"| {name} | " + " | ".join(f"{values[core]:.1f}" for core in CORES) + " |")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--native", type=Path, help="another checkout's native folder")
    parser.add_argument("--lce", type=Path, help="another kernel's loop")
    parser.add_argument("--calls", action="store_true", help="whole calls too")
    parser.add_argument("--output", type=Path, help="folder of the Markdown file")
    args = parser.parse_args()
    versions = [("this", NATIVE), *([("before", args.native)] if args.native else [])]
    loops: dict[str, dict[str, float]] = {}
    calls: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as temporary:
        for name, native in versions:
            code, macs = loop_of(native, Path(temporary))
            loops[name] = {core: macs / cycles(code, model, ITERATIONS) for core, model in CORES.items()}
            executed = Calls(native, Path(temporary)) if args.calls else None
            for words, taps in SHAPES if executed else []:
                assert executed is not None
                code, macs = executed.code(words, taps), 4 * 64 * 32 * words * taps
                row = {core: macs / cycles(code, model, 1) for core, model in CORES.items()}
                calls[f"{words} x {taps}, {name}"] = row
    if args.lce:
        code = args.lce.read_text()
        found = re.search(r"MACS (\d+)", code)
        assert found is not None
        loops["LCE"] = {core: int(found[1]) / cycles(code, model, ITERATIONS) for core, model in CORES.items()}
    mca = run(tool("llvm-mca-19", "llvm-mca"), "--version").split("version")[1].split()[0]
    lines = ["# The NEON kernel in pipeline models", "", f"llvm-mca {mca}; binary MACs a cycle, the loop alone.", ""]
    lines += table("loop", loops)
    if calls:
        lines += ["", "Whole calls: a tile of 4 pixels by 64 channels, words x taps.", ""]
        lines += table("words x taps", dict(sorted(calls.items(), key=lambda item: _order(item[0]))))
    text = "\n".join(lines) + "\n"
    print(text)
    if args.output:
        write_atomically(args.output / "neon-models.md", text.encode())


def _order(name: str) -> tuple[int, int, str]:
    words, taps = map(int, re.findall(r"\d+", name)[:2])
    return taps, words, name


if __name__ == "__main__":
    os.environ.setdefault("LC_ALL", "C")
    main()
