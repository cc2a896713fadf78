"""``python -m mobigo``: the command line."""

import sys

from mobigo.cli.main import main

if __name__ == "__main__":  # processes of a plan import this module again
    sys.dont_write_bytecode = False  # a start that compiles every module anew takes twice as long
    main()
