"""Pseudo-patients: one template brain, turned, bent and re-exposed into volumes that differ as patients do.

The template is the MNI ICBM152 2009a T1 average (Fonov et al. 2011, NeuroImage 54(1):313-327) that ships inside
nilearn. Everything made from it has the anatomy of that one average head: there is no diversity in it.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import numpy.typing as npt
import torch
from monai.transforms.compose import Compose
from monai.transforms.intensity.array import RandAdjustContrast, RandBiasField, RandRicianNoise
from monai.transforms.smooth_field.array import RandSmoothDeform
from monai.transforms.spatial.array import RandAffine

from medattngan.core.files import UserError

TEMPLATE = "mni_icbm152_t1_tal_nlin_sym_09a_converted.nii.gz"
SPACING_MM = 2.0
IN_PLANE_PX = 100
"""Rows and columns of a pseudo-scan: 200 mm, a head with a margin."""
SLAB_MM = (-8.0, 56.0)
"""The axial range that is kept, in the template's millimetres: from the midbrain to above the ventricles."""
MARGIN_PX = 10
"""Slices above and below the slab that bending and turning may bring into it."""
KNOTS = (7, 7, 4)
"""Of the elastic field along x, y, z."""
BEND = 0.05
"""Its greatest shift, as a share of half the volume's side: 5 mm in the plane, 2.6 mm across it."""
PEAK = (600.0, 1400.0)
"""The brightest tissue of a pseudo-scan, arbitrary units: no two scanners agree."""


@dataclass(frozen=True)
class Volume:
    """A volume in RAS+ order.

    Args:
        voxels: (x, y, z), towards right, anterior, superior.
        affine: (4, 4) from voxel indices to mm.
    """

    voxels: npt.NDArray[np.float32]
    affine: npt.NDArray[np.float64]


@dataclass(frozen=True)
class PseudoPatient:
    """One of the cohort.

    Args:
        number: from 1.
        scan: (x, y, z) int16 in arbitrary units, with its affine.
        affine: as of `Volume`.
    """

    number: int
    scan: npt.NDArray[np.int16]
    affine: npt.NDArray[np.float64]

    @property
    def name(self) -> str:
        """`pseudo-07`: no one could take it for a person's."""
        return f"pseudo-{self.number:02d}"


def template_path() -> Path:
    """The template's file inside the installed nilearn.

    Raises:
        UserError: nilearn or its file is not there.
    """
    found = importlib.util.find_spec("nilearn")
    for folder in (found.submodule_search_locations or []) if found else []:
        path = Path(folder) / "datasets" / "data" / TEMPLATE
        if path.is_file():
            return path
    raise UserError(f"the demo needs {TEMPLATE} of nilearn, which is not there: pip install --force-reinstall nilearn.")


def load_template() -> Volume:
    """The slab of the template with its margin, in 2 mm voxels, in [0, 1]: (100, 100, slices)."""
    image: Any = nib.as_closest_canonical(nib.load(template_path()))  # type: ignore[no-untyped-call]
    fine = np.asarray(image.dataobj, np.float32)
    even = fine[tuple(slice(0, n // 2 * 2) for n in fine.shape)]
    x, y, z = (n // 2 for n in even.shape)
    voxels = even.reshape(x, 2, y, 2, z, 2).mean((1, 3, 5)) / fine.max()
    affine = image.affine @ np.diag([2.0, 2.0, 2.0, 1.0])
    affine[:3, 3] += image.affine[:3, :3] @ [0.5, 0.5, 0.5]
    return _crop(Volume(voxels, affine), *_box(voxels, affine))


def _box(
    voxels: npt.NDArray[np.float32], affine: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """First voxel and shape of the part that is kept: centred on the brain in the plane, the slab across it."""
    start, shape = np.zeros(3, np.intp), np.full(3, IN_PLANE_PX)
    for axis in (0, 1):
        inside = np.flatnonzero(voxels.max(tuple({0, 1, 2} - {axis})) > 0.1)
        start[axis] = (inside[0] + inside[-1] + 1) // 2 - IN_PLANE_PX // 2
    low, high = (round((mm - affine[2, 3]) / SPACING_MM) for mm in SLAB_MM)
    start[2], shape[2] = low - MARGIN_PX, high - low + 2 * MARGIN_PX
    return start, shape


def _crop(volume: Volume, start: npt.NDArray[np.intp], shape: npt.NDArray[np.intp]) -> Volume:
    """The box from `start`, padded with air where it reaches beyond the volume."""
    before = np.maximum(-start, 0)
    after = np.maximum(start + shape - volume.voxels.shape, 0)
    padded = np.pad(volume.voxels, tuple(zip(before, after, strict=True)))
    first = start + before
    part = padded[tuple(slice(a, a + n) for a, n in zip(first, shape, strict=True))]
    affine = volume.affine.copy()
    affine[:3, 3] += volume.affine[:3, :3] @ start
    return Volume(np.ascontiguousarray(part), affine)


def variation(shape: tuple[int, ...], seed: int) -> Compose:
    """MONAI's transforms that make one pseudo-patient of a template of `shape` (x, y, z).

    The head turns by up to 5°, moves by up to 4 mm and scales by up to 8 %. Then an elastic field bends the
    anatomy: random shifts at knots about 28 mm apart, up to 5 mm in the plane, interpolated in between. Then a
    bias field as of a receiver coil, a gamma for the contrast of tissues, and Rician noise (Gudbjartsson & Patz
    1995, MRM 34(6):910-914).
    """
    turn, move, grow = np.radians(5.0), 4.0 / SPACING_MM, 0.08
    steps = [
        RandAffine(
            prob=1.0,
            rotate_range=(turn,) * 3,
            translate_range=(move,) * 3,
            scale_range=(grow,) * 3,
            padding_mode="zeros",
        ),
        RandSmoothDeform(shape, KNOTS, pad=1, prob=1.0, def_range=BEND, field_mode="trilinear", grid_mode="bilinear"),
        RandBiasField(degree=3, coeff_range=(-0.08, 0.08), prob=1.0),
        RandAdjustContrast(gamma=(0.75, 1.35), prob=1.0),
        RandRicianNoise(std=0.02, prob=1.0),
    ]
    return Compose(steps).set_random_state(seed)


def make_cohort(count: int, seed: int) -> Iterator[PseudoPatient]:
    """`count` pseudo-patients, one at a time; each depends on `seed` and its own number alone."""
    template = load_template()
    affine = template.affine.copy()
    affine[:3, 3] += template.affine[:3, 2] * MARGIN_PX
    for number in range(1, count + 1):
        words = np.random.SeedSequence([seed, number]).generate_state(2)
        varied = variation(template.voxels.shape, int(words[0]))(torch.from_numpy(template.voxels)[None])
        voxels = varied.numpy()[0, :, :, MARGIN_PX:-MARGIN_PX]
        peak = np.random.default_rng(int(words[1])).uniform(*PEAK)
        scan = np.rint(voxels * (peak / np.percentile(voxels, 99.5))).clip(0, 32767).astype(np.int16)
        yield PseudoPatient(number, scan, affine)
