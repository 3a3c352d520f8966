"""Checks this code against reference outputs: `python tools/verify_reference.py dmtrack_gs FOLDER [--json FILE]`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # `parity` stands beside the package, not in it

from dmtrack.cli.main import run
from parity.command import verify

if __name__ == "__main__":
    sys.exit(run(lambda: sys.exit(verify())))
