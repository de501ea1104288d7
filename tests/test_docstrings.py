"""The examples in docstrings are run, and everything public has a docstring."""

import doctest
import importlib
import inspect
import pkgutil

import pytest

import larq_el


def _fail(name):
    raise ImportError(f"cannot import the package {name}")


# importing __main__ would run the command line
MODULES = sorted(
    module
    for module in pkgutil.walk_packages(larq_el.__path__, "larq_el.", onerror=_fail)
    if not module.name.endswith(".__main__")
)
PACKAGES = ["larq_el", *(module.name for module in MODULES if module.ispkg)]


def _examples(module):
    return any(test.examples for test in doctest.DocTestFinder().find(module))


@pytest.mark.parametrize("name", [module.name for module in MODULES])
def test_the_examples_of_a_module_run(name):
    module = importlib.import_module(name)
    if name.startswith("larq_el.cli") and not _examples(module):
        pytest.skip("no examples")
    result = doctest.testmod(module, optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    assert result.failed == 0


@pytest.mark.parametrize("name", PACKAGES)
def test_everything_public_has_a_docstring(name):
    package = importlib.import_module(name)
    public = [getattr(package, item) for item in getattr(package, "__all__", ())]
    documented = [item for item in public if inspect.isclass(item) or inspect.isroutine(item)]
    assert [item.__name__ for item in documented if not inspect.getdoc(item)] == []
