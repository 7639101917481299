"""Score any folder of images, or a .npy of (count, H, W), against the real slices of a store.

    python scripts/evaluate.py IMAGES --data STORE --split test --out SCORES

The same as `medattngan evaluate`, for people who bring their own generator.
"""

from __future__ import annotations

import sys

from medattngan.cli.app import main

if __name__ == "__main__":
    sys.argv.insert(1, "evaluate")
    main()
