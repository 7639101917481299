"""Every system we can train, one file each; `PRESETS` names them."""

from medattngan.models.table import PRESETS, all_presets, build, shape_of

__all__ = ["PRESETS", "all_presets", "build", "shape_of"]
