"""Writes PySOT's experiment file as a config of ours.

python tools/convert_pysot_config.py experiments/siamrpn_r50_l234_dwxcorr/config.yaml --output configs/mine.py
dmtrack weights import model.pth --from pysot --config configs/mine.py
"""

import argparse
import sys
from pathlib import Path

from dmtrack.cli.main import run
from dmtrack.config import dump_config
from dmtrack.files import write_bytes
from dmtrack.weights.importers.pysot_config import read_pysot_config


def main() -> None:
    """Prints the config, or writes it to `--output`."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path, help="config.yaml of PySOT")
    parser.add_argument("--output", type=Path, help="config to write (.py); printed by default")
    options = parser.parse_args()
    text = dump_config(read_pysot_config(options.file))
    if options.output:
        write_bytes(options.output, text.encode())
    else:
        print(text, end="")


if __name__ == "__main__":
    sys.exit(run(main))
