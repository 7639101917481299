"""Write synthetic slices as DICOM: a samples folder, or whatever another generator made.

    python scripts/export_dicom.py SAMPLES --out DIR
    python scripts/export_dicom.py images/ --out DIR --modality MR --plane axial --spacing 1.5
    python scripts/export_dicom.py slices.npy --out DIR --modality CT --unit HU --range=-1350,150 --spacing 1.4

The same as `medattngan export`.
"""

from __future__ import annotations

import sys

from medattngan.cli.app import main

if __name__ == "__main__":
    sys.argv.insert(1, "export")
    main()
