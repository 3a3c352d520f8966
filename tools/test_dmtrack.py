"""Runs a tracker over sequences and scores it; the same as `dmtrack test`.

python tools/test_dmtrack.py --data FOLDER --config configs/dmtrackGS_dla34_fpn.py --weights FILE
"""

import sys

from dmtrack.cli.main import main

if __name__ == "__main__":
    main(["test", *sys.argv[1:]])
