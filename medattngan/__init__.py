"""Attention-GANs on 2D slices of medical scans: synthesize, judge, export.

>>> import medattngan as mg
>>> mg.__version__.count(".")
2
"""

from __future__ import annotations

__version__ = "0.1.0"
