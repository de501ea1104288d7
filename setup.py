"""Build script. The metadata stands in setup.cfg; `larq_el/zoo` and `larq_el/convert` are links into the checkout."""

from setuptools import setup

setup()
