"""What is written beside the DICOM series of a volume: NIfTI, a sheet of three planes, and a film through the slices.

    volume.nii.gz   values in the units of the scans, on the series' own coordinates
    planes.png      cuts in the plane of the slices and in the two across it
    slices.gif      the slices one after another

Each says that it is synthetic: the pictures beneath them, the NIfTI in its description.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import numpy.typing as npt
import torch

from medattngan.core.plots import save_film, save_picture, with_caption
from medattngan.core.types import Codes
from medattngan.data.blocks import read_rows
from medattngan.data.images import codes_to_images
from medattngan.data.intensity import codes_to_unit
from medattngan.data.reformat import reformats
from medattngan.data.samples import Samples
from medattngan.scans.geometry.affine import stack_affine
from medattngan.scans.series import Geometry
from medattngan.stages.export.marks import stamp
from medattngan.stages.export.plan import PlannedSeries
from medattngan.stages.export.plane import Plane, VolumePlane

SYNTHETIC = b"SYNTHETIC: shows no patient"
"""In the header of every NIfTI file."""
CAPTION = "SYNTHETIC, no patient"
ACROSS = 6
"""Cuts of each plane on the sheet."""
LEAST_PX = 192
"""Smaller slices are shown enlarged by a whole number."""


def write_beside(planned: PlannedSeries, samples: Samples, folder: Path) -> None:
    """Write NIfTI, sheet and film of one volume into the new folder `folder`."""
    folder.mkdir()
    codes, plane = read_rows(samples.codes, planned.rows), planned.series.plane
    assert isinstance(plane, VolumePlane)
    codes = stamp(codes) if planned.series.stamped else codes
    values = planned.series.intensity.decode(codes)
    save_nifti(values.transpose(1, 2, 0), affine_of(plane, codes.shape[1:]), folder / "volume.nii.gz")
    side = (plane.spacing_mm or (1.0, 1.0))[0]
    save_picture(folder / "planes.png", with_caption(sheet(codes, plane.step_mm / side), CAPTION))
    larger = max(1, -(-LEAST_PX // codes.shape[-1]))
    frames = [with_caption(one.repeat(larger, 0).repeat(larger, 1), CAPTION) for one in grey(codes)]
    save_film(folder / "slices.gif", np.stack(frames))


def affine_of(plane: Plane, shape: tuple[int, ...]) -> npt.NDArray[np.float64]:
    """From (row, column, slice) of a volume to RAS+ mm: what the headers of its DICOM series say."""
    orientation, spacing = plane.orientation, plane.spacing_mm
    assert orientation is not None
    assert spacing is not None
    count = len(plane.along_mm) if isinstance(plane, VolumePlane) else 1
    frames = []
    for index in (0, count - 1) if count > 1 else (0,):
        x, y, z = plane.position(index, shape[0], shape[1])
        frames.append(Geometry(tuple(orientation), (x, y, z), spacing))
    affine = stack_affine(frames, spacing[0])
    if count > 1:  # the two frames given are the first and the last
        affine[:3, 2] /= count - 1
    return affine


def save_nifti(
    values: npt.NDArray[Any], affine: npt.NDArray[np.float64], path: Path, said: bytes = SYNTHETIC
) -> None:  # fmt: skip
    """Write (rows, columns, slices) as NIfTI that says that it is synthetic, or what it is."""
    image: Any = nib.Nifti1Image(values, affine)  # type: ignore[no-untyped-call]
    image.header["descrip"] = said
    image.header.set_xyzt_units("mm")
    image.to_filename(path)


def grey(codes: Codes) -> npt.NDArray[np.uint8]:
    """Codes as they are shown: (…, H, W) from 0 to 255."""
    shown: npt.NDArray[np.uint8] = ((codes_to_unit(codes) + 1) / 2 * 255).round().astype(np.uint8)
    return shown


def sheet(codes: Codes, quotient: float) -> npt.NDArray[np.uint8]:
    """ACROSS cuts of each of three planes, a plane a row: (3 · H, ACROSS · W).

    Args:
        codes: (D, H, W), H = W.
        quotient: the step from slice to slice over the size of a pixel.
    """
    slices = codes_to_images(codes)
    stack = slices[None, :, 0]
    rows = []
    for images in (slices, reformats(stack, 0, quotient), reformats(stack, 1, quotient)):
        # Not the outermost: there is little to see.
        at = np.linspace(0, len(images) - 1, ACROSS + 2).round().astype(int)[1:-1]
        rows.append(torch.cat(list(images[at.tolist(), 0]), 1))
    shown = torch.cat(rows).clamp(-1, 1).numpy()
    picture: npt.NDArray[np.uint8] = ((shown + 1) / 2 * 255).round().astype(np.uint8)
    larger = max(1, -(-LEAST_PX // codes.shape[-1]) // 2)
    return picture.repeat(larger, 0).repeat(larger, 1)
