"""Trains a model; the same as `dmtrack train`.

python tools/train_dmtrack.py --config configs/dmtrackGS_dla34_fpn.py --gpus 2
"""

import sys

from dmtrack.cli.main import main

if __name__ == "__main__":
    main(["train", *sys.argv[1:]])
