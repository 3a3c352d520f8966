#!/usr/bin/env python
"""`dmtrack test` under the name that readers of the DMTrack paper know.

python tools/test_dmtrack.py --data FOLDER --config configs/dmtrackGS_dla34_fpn.py --weights FILE
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from dmtrack.cli.main import main

if __name__ == "__main__":
    main(["test", *sys.argv[1:]])
