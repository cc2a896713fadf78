"""``python -m mobigo``: the command line."""

from mobigo.cli.main import main

if __name__ == "__main__":  # processes of a plan import this module again
    main()
