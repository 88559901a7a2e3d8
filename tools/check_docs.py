"""Run every command of README.md and docs/, in a scratch copy, on small stand-ins.

    python tools/check_docs.py [--list] [--only docs/loso.md ...]

`make docs-check` calls it. Its parts are in ``tests/docs_check/``, so that it needs a
checkout.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / 'tests'))

from docs_check.check import main

if __name__ == '__main__':
    sys.exit(main())
