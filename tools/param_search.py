"""Searches the test-time parameters of a tracker on a tuning split; the same as `dmtrack search`.

python tools/param_search.py --data FOLDER --layout got10k --split val --config configs/siamrpn/NAME.py --weights FILE \
    --sampler grid --penalty-k-range 0.01,0.22,0.05 --window-influence-range 0.01,0.22,0.05 --lr-range 0.4,0.61,0.05
"""

import sys

from dmtrack.cli.main import main

if __name__ == "__main__":
    main(["search", *sys.argv[1:]])
