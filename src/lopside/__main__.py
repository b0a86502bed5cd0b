"""`python -m lopside` is the command `lopside`."""

import sys

from lopside.cli import main

if __name__ == "__main__":
    sys.exit(main())
