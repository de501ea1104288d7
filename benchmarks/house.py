"""What the house is like: floors and arrows, long files and functions, what a conversion repeats, what an error costs.

    python benchmarks/house.py [--before CHECKOUT] [--output benchmarks/results]

Arrows are imports between packages, those inside functions too. With --before, another checkout of this repository
(`git worktree add`) is counted beside this one.
"""

import argparse
import ast
import json
import os
import resource
import subprocess
import sys
from pathlib import Path

from larq_el.benchmark.environment import environment
from larq_el.files import write_atomically

LINES, FUNCTION = 300, 40
REPEATED = ("parses", "packs", "interpreters", "trials elsewhere")
GRAPH = """
import grimp, json
graph = grimp.build_graph("larq_el")
packages = {}
for module in graph.modules:
    for imported in graph.find_modules_directly_imported_by(module):
        one, other = ((name.split(".") + ["larq_el"])[1] for name in (module, imported))
        if one != other and "larq_el" not in (one, other):
            packages.setdefault(one, []).append(other)
print(json.dumps({name: sorted(set(others)) for name, others in packages.items()}))
"""
CONVERSION = """
import collections, importlib, json, sys
from larq_el import zoo
from larq_el.convert import convert
counts = collections.Counter()
def count(home, name, label):
    try:
        module = importlib.import_module(home)
        original = getattr(module, name)
    except (ImportError, AttributeError):
        return
    def counted(*args, **kwargs):
        counts[label] += 1
        return original(*args, **kwargs)
    for other in list(sys.modules.values()):
        if getattr(other, "__name__", "").startswith("larq_el") and getattr(other, name, None) is original:
            setattr(other, name, counted)
model = zoo.ELResNet26(input_shape=(64, 64, 3), classes=10, width=0.25)
for home in ("larq_el.tflite.packing", "larq_el.convert.flatbuffer"):
    count(home, "unpack", "parses")
    count(home, "pack", "packs")
for home in ("larq_el.tflite.lce", "larq_el._lce"):
    count(home, "interpreter", "interpreters")
for home in ("larq_el.tflite.probe",):
    count(home, "Trial", "trials elsewhere")
convert(model)
print(json.dumps(counts))
"""
COMMANDS = {
    "--help": ["--help"],
    "convert --help": ["convert", "--help"],
    "-o exists": ["convert", "el_resnet26", "-o", "{here}/setup.py"],
    "--float-ops int9": ["convert", "el_resnet26", "-o", "{here}/none.tflite", "--float-ops", "int9"],
    "verify NAME": ["verify", "el_resnet26", "{here}/setup.py"],
    "train into a used folder": ["train", "el_resnet26", "--output", "{here}"],
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--before", type=Path, help="another checkout, to compare with")
    parser.add_argument("--output", type=Path, help="folder of the Markdown file")
    args = parser.parse_args()
    before = args.before
    checkouts = [*([before] if before else []), Path(__file__).resolve().parents[1]]
    columns = [figures(checkout.resolve()) for checkout in checkouts]
    where = environment(1)
    lines = ["# The house", "", f"{where['cpu']}, Python {where['python']}", ""]
    lines += ["| | " + " | ".join(map(revision, checkouts)) + " |", "|---" * (len(columns) + 1) + "|"]
    for name in columns[-1]:
        lines.append(f"| {name} | " + " | ".join(str(column.get(name, "")) for column in columns) + " |")
    text = "\n".join(lines) + "\n"
    print(text)
    if args.output:
        write_atomically(args.output / "house.md", text.encode())


def figures(checkout: Path) -> dict[str, object]:
    graph = json.loads(python(checkout, GRAPH))
    cyclic = in_circles(graph)
    counted = json.loads(python(checkout, CONVERSION).splitlines()[-1])
    long = long_parts(checkout)
    return {
        "packages": len(graph.keys() | {other for others in graph.values() for other in others}),
        "arrows": sum(map(len, graph.values())),
        "packages in circles": ", ".join(sorted(cyclic)) or "none",
        "floors": "no order" if cyclic else depth(graph),
        f"files above {LINES} lines": "; ".join(long[0]) or "none",
        f"functions above {FUNCTION} lines": "; ".join(long[1]) or "none",
        **{
            f"a conversion: {name}": counted.get(name, 0)
            for name in ("parses", "packs", "interpreters", "trials elsewhere")
        },
        **{f"CPU seconds, {name}": f"{cpu(checkout, args):.2f}" for name, args in COMMANDS.items()},
    }


def in_circles(graph: dict[str, list[str]]) -> set[str]:
    def reached(start: str) -> set[str]:
        found: set[str] = set()
        waiting = list(graph.get(start, []))
        while waiting:
            name = waiting.pop()
            if name not in found:
                found.add(name)
                waiting.extend(graph.get(name, []))
        return found

    return {name for name in graph if name in reached(name)}


def depth(graph: dict[str, list[str]]) -> int:
    def below(name: str) -> int:
        return 1 + max(map(below, graph.get(name, [])), default=0)

    return max(map(below, graph))


def long_parts(checkout: Path) -> tuple[list[str], list[str]]:
    files, functions = [], []
    for path in sorted(path for folder in ("larq_el", "zoo", "convert") for path in (checkout / folder).rglob("*.py")):
        if any(part.is_symlink() for part in path.parents):
            continue
        text = path.read_text()
        name = str(path.relative_to(checkout))
        if (lines := text.count("\n")) > LINES:
            files.append(f"{name} {lines}")
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef) and (size := code_lines(node, text)) > FUNCTION:
                functions.append(f"{name} {node.name} {size}")
    return files, functions


def code_lines(node: ast.FunctionDef, text: str) -> int:
    """Lines of a function's body, without its docstring."""
    body = node.body[1:] if ast.get_docstring(node) else node.body
    return body[-1].end_lineno - body[0].lineno + 1 if body and body[-1].end_lineno else 0


def python(checkout: Path, code: str) -> str:
    command = [sys.executable, "-c", code]
    environment = {**os.environ, "PYTHONPATH": str(checkout), "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run(command, cwd=checkout, env=environment, capture_output=True, text=True, check=True)
    return done.stdout


def cpu(checkout: Path, args: list[str]) -> float:
    """CPU seconds of a command, the least of three."""
    filled = [arg.format(here=checkout) for arg in args]
    command = [sys.executable, "-m", "larq_el.cli", *filled]
    environment = {**os.environ, "PYTHONPATH": str(checkout)}
    seconds = []
    for _ in range(3):
        start = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(command, cwd=checkout, env=environment, capture_output=True, check=False)
        end = resource.getrusage(resource.RUSAGE_CHILDREN)
        seconds.append(end.ru_utime - start.ru_utime + end.ru_stime - start.ru_stime)
    return min(seconds)


def revision(checkout: Path) -> str:
    command = ["git", "-C", str(checkout), "rev-parse", "--short", "HEAD"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


if __name__ == "__main__":
    main()
