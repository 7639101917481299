"""`python -m medattngan` is the command `medattngan`."""

from __future__ import annotations

from medattngan.cli.app import main

if __name__ == "__main__":
    main()
