"""Trains a model, any of ours; the same as `dmtrack train`.

python tools/train.py --config configs/siamrpn/siamese_rpn_r50_20e_lasot.py --gpus 8
"""

import sys

from dmtrack.cli.main import main

if __name__ == "__main__":
    main(["train", *sys.argv[1:]])
