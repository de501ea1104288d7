"""Makes hostile Keras files and opens each: nothing may be imported, called, unmarshalled, written or fetched.

    python tests/models/hostile_models.py --count 5000

First every payload in every place of a file, in both formats; then as many more, put together at random. They are
opened in a process of their own, which Python tells of all that they make it do.
"""

import copy
import json
import os
import random
import resource
import signal
import sys
import tempfile
import warnings
import zipfile
from collections import Counter
from contextlib import contextmanager
from pathlib import Path

if __name__ == "__main__":
    warnings.simplefilter("ignore")
    sys.path.insert(0, str(Path(__file__).parent))

from hostile_parts import CANARY, PAYLOADS, PLACES, READ, WRITTEN

FORMATS = ("keras", "h5")
SECONDS = 60
"""In which each file has to be refused or loaded."""
SWAPPED = ("module", "class_name", "registered_name", "config", "function", "layer", "cell")
EFFECTS = (
    "import",
    "exec",
    "compile",
    "open",
    "os.",
    "subprocess.",
    "socket.",
    "urllib.",
    "marshal.",
    "pickle.",
    "shutil.",
    "code.__new__",
    "ctypes.",
    "ftplib.",
    "http.",
    "webbrowser.",
    "builtins.input",
)
"""What Python tells of that could be an effect."""
HARMLESS = ("os.listdir", "os.scandir", "os.fwalk", "os.walk", "marshal.dumps")


def base_model():
    """Has a place for each thing that a file can name."""
    from larq_el._keras import keras, lq

    layers = keras.layers
    image = keras.Input((4, 4, 3), name="image")
    signs = {"input_quantizer": "ste_sign", "kernel_quantizer": "ste_sign", "kernel_constraint": "weight_clip"}
    x = lq.layers.QuantConv2D(3, 1, name="binary", **signs)(image)
    x = layers.Reshape((16, 3), name="rows")(x)
    x = layers.TimeDistributed(layers.Dense(3), name="each")(x)
    x = layers.Bidirectional(layers.SimpleRNN(2), backward_layer=layers.SimpleRNN(2, go_backwards=True), name="both")(x)
    x = layers.Reshape((2, 2), name="pairs")(x)
    x = layers.RNN(layers.StackedRNNCells([layers.SimpleRNNCell(2)]), name="recurrent")(x)
    x = keras.Sequential([layers.Dense(2)], name="inside")(layers.Dense(2, activation="relu", name="dense")(x))
    return keras.Model(image, x + 1.0, name="base")


def base_files(folder):
    """The description and the rest of an untouched file of each format."""
    import h5py

    model = base_model()
    model.save(folder / "base.keras")
    model.save(folder / "base.h5")
    with zipfile.ZipFile(folder / "base.keras") as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    with h5py.File(folder / "base.h5") as file:
        old = file.attrs["model_config"]
    new = parts["config.json"].decode()
    # the layer of x + 1.0
    old, new = (json.loads(text.replace('"tf.__operators__.add"', '"plus"')) for text in (old, new))
    return {"keras": (new, parts), "h5": (old, (folder / "base.h5").read_bytes())}


def write(path, config, rest):
    """A file of a description and the rest."""
    import h5py

    text = json.dumps(config)
    if path.suffix == ".keras":
        with zipfile.ZipFile(path, "w") as archive:
            for name, content in {**rest, "config.json": text}.items():
                archive.writestr(name, content)
        return
    path.write_bytes(rest)
    with h5py.File(path, "r+", track_order=True) as file:
        del file.attrs["model_config"]
        if len(text) < 60_000:
            file.attrs["model_config"] = text


def layers_of(config):
    return {layer["name"]: layer for layer in config["config"]["layers"]}


def every_attack():
    """Each payload in each place."""
    for format_ in FORMATS:
        for payload in PAYLOADS:
            for place in PLACES:
                yield format_, f"{place}: {json.dumps(payload)[:120]}", [(place, payload)], None


def random_attacks(count, seed):
    """Several payloads in several places, each nested and mixed with others and with parts of the model."""
    rng = random.Random(seed)
    for _ in range(count):
        chosen = [(rng.choice(list(PLACES)), nested(rng, rng.choice(PAYLOADS))) for _ in range(rng.randint(0, 3))]
        yield rng.choice(FORMATS), "; ".join(place for place, _ in chosen), chosen, rng.getrandbits(32)


def nested(rng, payload):
    """The payload as it is, or inside something that may stand in its place."""
    from hostile_parts import of, old

    inside = [
        lambda it: it,
        lambda it: it,
        lambda it: [it],
        lambda it: of("keras.layers", "TimeDistributed", {"name": "w", "layer": it}),
        lambda it: old("TimeDistributed", name="w", layer=it),
        lambda it: of("keras.layers", "Bidirectional", {"name": "w", "layer": it, "backward_layer": it}),
        lambda it: of("keras.layers", "RNN", {"name": "w", "cell": it}),
        lambda it: of("keras.layers", "RNN", {"name": "w", "cell": old("StackedRNNCells", cells=[it])}),
        lambda it: of("keras.layers", "Activation", {"name": "w", "activation": it}),
        lambda it: of("keras", "Sequential", {"name": "w", "layers": [it]}),
        lambda it: old("Sequential", name="w", layers=[it]),
        lambda it: {"class_name": "Sequential", "config": [it]},
        lambda it: of("larq.quantizers", "SteSign", {"clip_value": it}, "SteSign"),
        lambda it: {"class_name": "__tuple__", "items": [it]},
        lambda it: old("L2", l2=it),
        lambda it: of("keras.mixed_precision", "Policy", {"name": it}),
    ]
    for _ in range(rng.randint(0, 3)):
        payload = rng.choice(inside)(copy.deepcopy(payload))
    return payload


def mixed(rng, config):
    """Parts of the description take names and contents from each other and from payloads."""
    parts = [part for part in dictionaries(config) if "class_name" in part]
    others = [part for payload in PAYLOADS for part in [payload] if isinstance(part, dict)]
    for _ in range(rng.randint(0, 4)):
        part, key = rng.choice(parts), rng.choice(SWAPPED)
        source = rng.choice(rng.choice([parts, others]))
        if key in source:
            part[key] = copy.deepcopy(source[key])
        elif rng.random() < 0.3:
            part.pop(key, None)


def dictionaries(value):
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, dict):
            yield item
            waiting.extend(item.values())
        elif isinstance(item, list):
            waiting.extend(item)


def attacked(config, chosen, seed):
    """The description with payloads in it; one that an earlier one left no place for is left out."""
    config = copy.deepcopy(config)
    for place, payload in chosen:
        try:
            PLACES[place](layers_of(config), copy.deepcopy(payload))
        except (AttributeError, KeyError, TypeError, IndexError):
            continue
    if seed is not None:
        mixed(random.Random(seed), config)
    return config


class Watch:
    """Notes what happens while a file is opened."""

    def __init__(self):
        self.seen = []
        self.on = False
        sys.addaudithook(self.note)

    def note(self, event, values):
        if not self.on or not event.startswith(EFFECTS) or event in HARMLESS or self.is_expected(event, values):
            return
        self.on = False
        self.seen.append((event, repr(values)[:200]))
        self.on = True

    @staticmethod
    def is_expected(event, values):
        """The copy that Keras reads is written into the folder for such; files are read."""
        own = tempfile.gettempdir() + "/"
        first = str(values[0]) if values else ""
        if event == "open":
            reads = isinstance(values[1], str | None) and not values[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
            return f"{first}/".startswith(own) or first.isdigit() or (reads and not first.endswith(READ))
        if (event == "compile" and values[1] == "<unknown>") or "__autograph_generated_file" in str(values):
            return True  # TensorFlow looks at the source of a function of Larq's
        if event == "os.remove" and first.startswith("model.") and values[1] != -1:
            return True  # inside that folder
        return event in ("os.mkdir", "os.remove", "os.rmdir", "shutil.rmtree", "os.chmod") and first.startswith(own)

    @contextmanager
    def watching(self):
        self.seen = []
        self.on = True
        try:
            yield self.seen
        finally:
            self.on = False


def by_keras(path):
    """Opens a file without any check: what it names runs."""
    from larq_el._keras import keras

    return keras.models.load_model(path, safe_mode=False)


def open_all(attacks, folder, load):
    """Opens the files; prints one that did something, or ended in anything but a model or a sentence.

    # Returns
        How many were tried, refused and loaded, how many did something, and how many were at fault for any reason.
    """
    from larq_el.errors import UserError

    bases = base_files(folder)
    for format_ in FORMATS:
        load(folder / f"base.{format_}")  # what is imported late is imported now
    watch, counts = Watch(), Counter()
    signal.signal(signal.SIGALRM, late)
    for format_, title, chosen, seed in attacks:
        path = folder / f"hostile.{format_}"
        write(path, attacked(bases[format_][0], chosen, seed), bases[format_][1])
        before, fault = sorted(os.listdir()), None
        signal.alarm(SECONDS)
        try:
            with watch.watching() as seen:
                load(path)
            counts["loaded"] += 1
        except UserError as error:
            counts["refused"] += 1
            fault = None if repr(str(path)) in str(error) and "\n" not in str(error) else f"said {error}"
        except BaseException as error:
            fault = f"raised {type(error).__name__}: {error}"
        signal.alarm(0)
        if seen or sorted(os.listdir()) != before:
            fault = f"did {seen[:3] or 'write a file'}"
            counts["ran"] += 1
        counts["tried"] += 1
        if fault:
            counts["faulty"] += 1
            print(f"{format_}, {title}, {seed}: {fault}", flush=True)
    return counts


def late(*_):
    raise TimeoutError(f"not done after {SECONDS} seconds")


def main():
    import argparse

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=5000, help="of random ones, beside each payload in each place")
    parser.add_argument("--every", type=int, default=1, help="takes each n-th of those only")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--by-keras", action="store_true", help="opens them unchecked, to show that they are hostile")
    args = parser.parse_args()
    # before the working directory changes
    from larq_el.convert import load_model

    with tempfile.TemporaryDirectory() as work, tempfile.TemporaryDirectory() as scratch:
        folder = Path(work)
        os.chdir(folder)
        sys.path.insert(0, str(folder))
        (folder / "models").mkdir()
        tempfile.tempdir = scratch
        Path(f"{CANARY}.py").write_text(f"open({WRITTEN!r}, 'w').close()\ndef run(*_): open({WRITTEN!r}, 'w')\n")
        Path(READ).write_text("a\nb\n")
        attacks = [*list(every_attack())[:: args.every], *random_attacks(args.count, args.seed)]
        counts = open_all(attacks, folder / "models", by_keras if args.by_keras else load_model)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    numbers = "{tried} files tried: {refused} refused, {loaded} loaded, {ran} did something, {faulty} at fault"
    print(numbers.format_map(counts) + f"; at most {memory} MB")
    return bool(counts["faulty"])


if __name__ == "__main__":
    sys.exit(main())
