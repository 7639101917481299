"""Every system we can train, one file each; `PRESETS` names them."""

from medattngan.models.table import PRESETS, build

__all__ = ["PRESETS", "build"]
