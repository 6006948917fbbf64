"""`python -m engine` is `waybill`."""

import sys

from engine.cli import main

sys.exit(main())
