"""`python -m larq_el.cli`, where the script is not on the PATH."""

from larq_el.cli import main

main()
