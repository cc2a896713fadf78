"""``python -m mobigo``: the command line."""

from mobigo.cli.main import main

main()
