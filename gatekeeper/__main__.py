"""`gatekeeper` and `python -m gatekeeper`."""

import sys

from gatekeeper.cli import cli
from gatekeeper.cli.opening import guarded


def main() -> None:
    sys.exit(guarded(lambda: cli(standalone_mode=False)))


if __name__ == "__main__":
    main()
