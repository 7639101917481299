"""From a series to square 16-bit slices: load it as its format says, run the format's pipeline, encode."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
from monai.data.image_reader import ImageReader
from monai.transforms.compose import Compose
from monai.transforms.io.dictionary import LoadImaged
from monai.transforms.utility.dictionary import EnsureChannelFirstd

from medattngan.core.types import Codes, Physical
from medattngan.data.intensity import IntensityMap
from medattngan.scans.boundary import guarded
from medattngan.scans.bounds import reading, working
from medattngan.scans.formats.table import Format, formats
from medattngan.scans.geometry.affine import stack_affine
from medattngan.scans.geometry.extent import check_extent
from medattngan.scans.geometry.orient import Item, Step
from medattngan.scans.geometry.planes import native_plane, thin_axis
from medattngan.scans.masks.along import Masked, moved, taken
from medattngan.scans.options import Options
from medattngan.scans.pipelines import SLICES_AT_ONCE
from medattngan.scans.screening import believe, refuse
from medattngan.scans.series import REASONS, Loaded, Piece, Series, SetAside
from medattngan.scans.text.boxes import Box, merged

SetAsidePiece: TypeAlias = tuple[int, str, str]
"""The index of a piece (-1 for all), the reason why it was set aside, and the class of what was raised."""


@dataclass(frozen=True)
class Prepared:
    """The slices of a series: codes (count, size, size), one position and one digest each, one map for all."""

    codes: Codes
    positions_mm: list[float]
    digests: list[str]
    map: IntensityMap
    scheme: str
    plane: str
    spacing_mm: float
    sources: list[int]
    """Which piece each slice is of; -1 for one cut from all of them."""
    set_aside: list[SetAsidePiece]
    """Those that could not be read."""
    boxes: list[Box]
    """Where text was covered on every slice, in rows and columns of the scan."""
    masked: Masked = Masked()  # noqa: RUF009
    """The mask of each slice, where the series has masks."""


def joined(parts: Sequence[tuple[int, Prepared]], failed: list[SetAsidePiece]) -> Prepared:
    """Blocks of one series, in the order of their slices' places, as one."""
    position = [mm for _, part in parts for mm in part.positions_mm]
    source = [start + i for start, part in parts for i in part.sources]
    digests = [digest for _, part in parts for digest in part.digests]
    order = np.argsort(position, kind="stable").tolist()
    return replace(
        parts[0][1],
        codes=np.concatenate([part.codes for _, part in parts])[order],
        positions_mm=[position[i] for i in order],
        digests=[digests[i] for i in order],
        sources=[source[i] for i in order],
        set_aside=failed + [(start + i, why, cause) for start, part in parts for i, why, cause in part.set_aside],
    )


def prepare(series: Series, options: Options) -> Prepared:
    """Run the pipeline of a series.

    Raises:
        SetAside: nothing of it can be used.
    """
    refuse(series, options)
    in_blocks = series.modality == "CT" and series.mask is None and _in_own_plane(series, options.plane)
    prepared = _in_blocks(series, options) if in_blocks else _run(series, options)
    believe(series, options, prepared.boxes)
    return prepared


def _in_blocks(series: Series, options: Options) -> Prepared:
    """A long CT in its own plane, which need not be in memory at once: its map is the same for every slice."""
    blocks = range(0, len(series.pieces), SLICES_AT_ONCE)
    done: list[tuple[int, Prepared]] = []
    failed: list[SetAsidePiece] = []
    for start in blocks:
        block = replace(series, pieces=series.pieces[start : start + SLICES_AT_ONCE])
        try:
            done.append((start, _run(block, options)))
        except SetAside as error:
            if error.reason == "burned-in-text":
                raise
            failed += [(start + i, error.reason, error.cause) for i in range(len(block.pieces))]
    if not done:
        raise SetAside(*failed[0][1:])
    if len({part.map for _, part in done}) > 1:  # without a rescale it has no units, and its range is its own
        return _run(series, options)
    known = tuple(merged([box for _, part in done for box in part.boxes]))
    if known != options.known_text:  # text on one block is covered on all
        return _in_blocks(series, replace(options, known_text=known))
    return joined(done, failed)


def _in_own_plane(series: Series, plane: str) -> bool:
    frames = [piece.geometry for piece in series.pieces if piece.geometry is not None]
    if series.layout != "frames" or len(frames) < len(series.pieces):
        return False
    return plane in ("acquired", native_plane(stack_affine(frames[:1], None), 2))


def _run(series: Series, options: Options) -> Prepared:
    kind = formats()[series.format]
    pipeline = kind.pipeline(series, options)
    steps = [*load(series, kind, options), *taken(series, options), *pipeline]
    with guarded():  # Compose reports whatever a step raises as RuntimeError, with words of the source
        item = Compose(steps)({"image": [piece.path for piece in series.pieces]})
        return replace(_encoded(item, len(series.pieces)), masked=moved(item, pipeline))


def _encoded(item: Item, pieces: int) -> Prepared:
    slices: Physical = item["image"]
    intensity: IntensityMap = item["map"]
    aside = [(int(index), *_known(*why)) for index, *why in item["set_aside"]]
    sources = [int(source) for source in item["sources"]]
    if not all(-1 <= i < pieces for i in [*sources, *(i for i, *_ in aside)]):
        raise IndexError("a piece that is none")
    if not len(slices) == len(sources) == len(item["positions_mm"]):
        raise ValueError("slices without a place or a piece")
    return Prepared(
        codes=intensity.encode(slices),
        positions_mm=[float(position) for position in item["positions_mm"]],
        digests=[hashlib.sha256(one.tobytes()).hexdigest() for one in slices],
        map=intensity,
        scheme=item["scheme"],
        plane=item["plane"],
        spacing_mm=float(item["spacing_mm"]),
        sources=sources,
        set_aside=aside,
        boxes=item.get("boxes", []),
    )


def _known(reason: str, cause: str = "") -> tuple[str, str]:
    """A format's reason, which may lack a cause, and may be none of the table."""
    return (reason if reason in REASONS else "unreadable"), cause


def load(series: Series, kind: Format, options: Options) -> list[Step]:
    """The steps that read the pieces of a series into physical units, channel first."""
    reader: Any = PieceReader(kind, series.pieces, options.size)
    return [LoadImaged("image", reader=reader), EnsureChannelFirstd("image", channel_dim="no_channel")]


class PieceReader(ImageReader):
    """MONAI's door to a format. MONAI picks readers by a file's name; this one was picked by what is in the file."""

    def __init__(self, kind: Format, pieces: Sequence[Piece], size: int) -> None:
        self.kind, self.pieces, self.size = kind, pieces, size

    def verify_suffix(self, filename: Any) -> bool:
        """Names say nothing; somebody looked inside."""
        return True

    def read(self, data: Any, **kwargs: Any) -> Sequence[Piece]:
        """What `get_data` is to load: `LoadImaged` hides what goes wrong here."""
        return self.pieces

    def get_data(self, img: Sequence[Piece]) -> Loaded:
        """Voxels and meta data, with what is the same for most formats filled in.

        Raises:
            SetAside: whatever was wrong; MONAI looks into what it is given before anybody else can.
        """
        with guarded():
            reading(img[0].path)
            volume, meta = self.kind.load(img)
            volume = np.asarray(volume)
            check_extent(meta["affine"], volume.shape)
            working(max(volume.shape), max(volume.nbytes, 4 * max(volume.shape) * self.size**2))
            meta = {"slice_axis": 2, "spatial_shape": np.asarray(volume.shape)} | meta
            thin = thin_axis(volume.shape) if self.kind.layout == "volume" else None
            return volume, meta if thin is None else meta | {"slice_axis": thin}
