"""`python -m sdmae` is the command line."""

import sys

from sdmae.cli import main

if __name__ == "__main__":
    sys.exit(main())
