"""Decides what the description of a Keras model may name, before anything is imported or called."""

import inspect
import sys
from collections.abc import Collection, Iterator
from typing import Any

from larq_el.errors import UserError
from larq_el.models.safety.allowed import CLASSES, DTYPES, FUNCTIONS, SHORT_NAMES
from larq_el.models.safety.operations import OPERATIONS

TRUSTED = frozenset({"keras", "tf_keras", "larq", "larq_el", "tensorflow"})
"""Packages whose classes are allowed one by one; a registered class of any other is the user's own."""
IDENTIFIERS = ("activation", "initializer", "regularizer", "constraint", "quantizer")
"""How the arguments are called that may be the name of a function."""
VALUES = frozenset({"__tensor__", "__numpy__", "__bytes__", "__tuple__", "__ellipsis__", "TensorShape"})
"""What Keras writes in place of values that JSON does not have."""
CODE = frozenset({"Lambda", "__lambda__"})
TENSOR_TYPES = frozenset({"TypeSpec", "CompositeTensor", "__typespec__"})
"""Ragged and sparse tensors, which no runtime has; they name classes in ways of their own."""
READ_FILES = ("StringLookup", "IntegerLookup", "TextVectorization")
"""Layers that read the file which their vocabulary names."""
_SHORT = frozenset(SHORT_NAMES)
_NAMES = _SHORT.union(*FUNCTIONS.values())


class Policy:
    """What one file may name: parts of Keras, Larq and larq_el one by one, and what its user registered or imported.

    # Arguments
        name: of the file, for errors.
        imported: names of modules that the user has imported.
        largest: size of the largest dimension among the file's arrays.
    """

    def __init__(self, name: str, imported: Collection[str], largest: int) -> None:
        # what is ours registers itself where it is imported
        from larq_el import layers, quantizers
        from larq_el._keras import keras

        ours = {(getattr(layers, own).__module__, own) for own in layers.__all__}
        ours |= {(quantizers.__name__, own.__name__) for own in quantizers.REGISTERED}
        self.name = name
        self.imported = sorted(imported)
        self.largest = largest
        self.classes = ours | {(module, own) for module, names in CLASSES.items() for own in names}
        self.find = keras.saving.get_registered_object
        self.reads_files = tuple(getattr(keras.layers, own) for own in READ_FILES)

    def check(self, config: Any) -> None:
        """Refuses a description that names anything else.

        # Arguments
            config: JSON values; what only training needs is no longer part of it.

        # Raises
            ValueError: names the thing, and what to do.
        """
        for part in dictionaries(config):
            if "class_name" in part:
                self._check_part(part)
            if any(key.endswith("_type") and value == "lambda" for key, value in part.items()):
                raise self._code()

    def _check_part(self, part: dict[str, Any]) -> None:
        name = part["class_name"]
        if name in ("function", *VALUES):
            return self._check_function(part) if name == "function" else self._check_value(part)
        if name in CODE:
            raise self._code()
        if name in TENSOR_TYPES:
            raise self._unsafe(f"a type of tensor ({name})")
        own = self._check_class(part)
        inner = part.get("config")
        if own or not isinstance(inner, dict):
            # the user's own class gives its arguments whatever meaning it likes
            return None
        self._check_identifiers(inner)
        if name in ("TFOpLambda", "SlicingOpLambda") and inner.get("function") not in OPERATIONS:
            raise self._unsafe(f"the function {inner.get('function')!r} of TensorFlow")
        self._check_sizes(inner)
        return None

    def _check_class(self, part: dict[str, Any]) -> bool:
        """Whether it is a class of the user's; refuses what is neither that nor allowed.

        Keras looks a part up by its registered name, its class name and its module, in an order that depends on where
        the part stands. So whatever it would find by any of them has to be allowed.
        """
        name, registered, module = part["class_name"], part.get("registered_name"), part.get("module")
        if not isinstance(name, str) or not isinstance(registered, str | None) or not isinstance(module, str | None):
            raise self._missing(str(name), None, None)
        found = [thing for key in (registered, name) if (thing := self.find(key)) is not None]
        if not all(map(self._is_allowed, found)):
            raise self._unsafe(f"{name!r} of module {module!r}" if module else repr(name))
        home = _home(module)
        if module is not None and (home, name) not in self.classes:
            own = self._own(module, name) or self._registered(part, module, name)
            if own is None:
                raise self._missing(name, registered, module)
            found.append(own)
        elif module is None and not found and name not in _SHORT:
            raise self._missing(name, registered, None)
        if any(inspect.isclass(thing) and issubclass(thing, self.reads_files) for thing in found) or name in READ_FILES:
            self._check_vocabulary(part)
        return any(thing is not None and not _is_trusted(thing) for thing in found)

    def _check_function(self, part: dict[str, Any]) -> None:
        name, registered, module = part.get("config"), part.get("registered_name"), part.get("module")
        if not isinstance(name, str) or not isinstance(module, str | None):
            raise self._missing(str(name), None, None)
        # Keras looks it up by this name in some places
        if registered not in (None, name) and not (module == "builtins" and registered == "function"):
            raise self._missing(str(registered), None, module)
        found = self.find(name)
        if found is not None and not self._is_allowed(found):
            raise self._unsafe(f"the function {name!r}")
        if found is None and name not in FUNCTIONS.get(_home(module), ()) and self._own(module, name) is None:
            raise self._missing(name, None, module)

    def _check_value(self, part: dict[str, Any]) -> None:
        config = part.get("config")
        if isinstance(config, dict) and config.get("dtype", "string") not in DTYPES:
            raise self._unsafe(f"a constant of type {config['dtype']!r}")
        if "_COMPOSITE_TYPE" in part.get("items", ()):
            raise self._unsafe("a type of tensor")  # in JSON inside the JSON

    def _check_identifiers(self, config: dict[str, Any]) -> None:
        for key, value in config.items():
            if not isinstance(value, str) or not key.endswith(IDENTIFIERS) or value in _NAMES:
                continue
            found = self.find(value)
            if found is None:
                raise self._missing(value, None, None)
            if not self._is_allowed(found):
                raise self._unsafe(repr(value))

    def _check_vocabulary(self, part: dict[str, Any]) -> None:
        config = part.get("config")
        if isinstance(config, dict) and isinstance(config.get("vocabulary"), str):
            raise self._unsafe(f"another file, {config['vocabulary']!r}, to be read")

    def _check_sizes(self, config: dict[str, Any]) -> None:
        for key in ("units", "filters"):
            # an array of that size would be made before it is found that the file has no such array
            wanted = config.get(key)
            if isinstance(wanted, int) and wanted > max(self.largest, 1):
                raise UserError(
                    f"{self.name} is damaged: layer {config.get('name')!r} has {wanted} {key}, and the largest of its "
                    f"arrays {self.largest}; save the model again."
                )

    def _own(self, module: Any, name: str) -> Any:
        """A class or function that an imported module defines itself, by its name."""
        thing = _attribute(module, name) if module in self.imported else None
        return thing if _is(thing, module, name) else None

    def _registered(self, part: dict[str, Any], module: str, name: str) -> Any:
        """A registered class that Keras finds without importing the module that the file names."""
        thing = self.find(part.get("registered_name", name)) or _attribute(module, name)
        known = (self.find(part.get("registered_name")), self.find(name))
        return thing if _is(thing, module, name) and any(thing is other for other in known) else None

    def _is_allowed(self, thing: Any) -> bool:
        if not _is_trusted(thing):
            return inspect.isclass(thing) or inspect.isfunction(thing)
        home, name = _home(thing.__module__), thing.__name__
        return (home, name) in self.classes or name in FUNCTIONS.get(home, ())

    def _code(self) -> UserError:
        return UserError(
            f"{self.name} is not safe to open: it holds the code of a Lambda layer; write that as a layer class, and "
            "name its module with --import."
        )

    def _unsafe(self, thing: str) -> UserError:
        return UserError(
            f"{self.name} is not safe to open: it names {thing}, which no file may; write what needs it as a layer "
            "class, and name its module with --import."
        )

    def _missing(self, name: str, registered: str | None, module: str | None) -> UserError:
        package = (module or "larq").split(".")[0]
        if package in TRUSTED | {"builtins"} and _attribute(module, name) is not None:
            return self._unsafe(f"{name!r} of module {module!r}")
        if package not in TRUSTED | {"builtins"} and module not in self.imported:
            return UserError(
                f"{self.name} needs {name!r} of module {module!r}, which is neither of Keras nor of Larq; if you trust "
                "it, name the file or module that registers it with --import."
            )
        if registered is not None and registered.endswith(f">{name}"):
            name = registered
        homes = ", ".join(["Keras", "Larq", *self.imported])
        return UserError(
            f"{self.name} holds no Keras model that can be read: it needs {name!r}, which is in none of {homes}; name "
            "the file that has it with --import FILE."
        )


def _home(module: str | None) -> str:
    """The module as `allowed` lists it: Keras 2 lives in `tf_keras`, and writes both names."""
    module = module or ""
    return module.removeprefix("tf_") if module.split(".")[0] == "tf_keras" else module


def _attribute(module: str | None, name: str) -> Any:
    """What a module that is imported already has under a name; it is not imported for that."""
    home = f"tf_{module}" if (module or "").split(".")[0] == "keras" else module
    return getattr(sys.modules.get(home or ""), name, None)


def _is(thing: Any, module: str | None, name: str) -> bool:
    return getattr(thing, "__module__", None) == module and getattr(thing, "__name__", None) == name


def _is_trusted(thing: Any) -> bool:
    """Whether it is of a package whose contents are allowed one by one."""
    return str(getattr(thing, "__module__", "")).split(".")[0] in TRUSTED


def dictionaries(value: Any) -> Iterator[dict[str, Any]]:
    """All dictionaries inside a JSON value; not by recursion, which a file could exhaust."""
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, dict):
            yield item
            waiting.extend(item.values())
        elif isinstance(item, list):
            waiting.extend(item)
