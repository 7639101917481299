"""Reading synthetic images as people have them: a samples folder, a folder of pictures, or a .npy.

How values become [-1, 1]:

    uint8, uint16    the whole range of the type: 0 → -1, 255 or 65535 → 1
    float            [-1, 1] if any value is negative, else [0, 1]; decided over all images together
    anything else    refused: only whoever made it knows where black and white lie
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image, UnidentifiedImageError
from torch.nn import functional as F

from medattngan.files import UserError
from medattngan.types import Images

SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp")
_TOLERANCE = 1e-3  # of the range: what rounding may leave outside; it is clipped


def read_images(path: Path) -> Images:
    """All images at `path` as (count, 1, H, W) float32 in [-1, 1].

    Args:
        path: a samples folder (`pixels.npy`), a folder with pictures at any depth, in the order of their
        names, or a
            .npy file of shape (count, H, W) or (count, 1, H, W).

    Raises:
        UserError: there is none, one cannot be read, they are in colour, of unlike sizes or not square, or
        their
            values cannot be placed.
    """
    if path.is_dir() and (path / "pixels.npy").is_file():
        path = path / "pixels.npy"
    if path.is_dir():
        stack, source = _read_folder(path), path
    elif path.suffix == ".npy" and path.is_file():
        stack, source = _read_npy(path), path
    elif path.exists():
        raise UserError(
            f"{path} is neither a folder nor a .npy file; give a folder of images or a .npy of (count, H, W)."
        )
    else:
        raise UserError(f"{path} does not exist; give a samples folder, a folder of images or a .npy file.")
    if len(stack) == 0:
        raise UserError(f"{path} holds no image; give one with images in it.")
    if stack.shape[1] != stack.shape[2]:
        raise UserError(f"the images of {path} are {stack.shape[1]} x {stack.shape[2]}; crop or pad them to squares.")
    return torch.from_numpy(to_unit(stack, source)).unsqueeze(1)


def to_unit(stack: npt.NDArray[np.generic], source: Path) -> npt.NDArray[np.float32]:
    """Values of any supported type → float32 in [-1, 1]; `source` is named in errors.

    >>> to_unit(np.array([0, 255], np.uint8), Path("a.npy")), to_unit(np.array([0.0, 1.0]), Path("a.npy"))
    (array([-1.,  1.], dtype=float32), array([-1.,  1.], dtype=float32))
    """
    if stack.dtype in (np.uint8, np.uint16):
        scale = np.float32(2 / (255 if stack.dtype == np.uint8 else 65535))
        return np.asarray(stack, np.float32) * scale - np.float32(1)
    if stack.dtype.kind != "f":
        raise UserError(
            f"{source} holds {stack.dtype} values, whose black and white are unknown; save floats in [-1, 1]."
        )
    values = np.asarray(stack, np.float32)
    low, high = float(values.min()), float(values.max())
    if not np.isfinite([low, high]).all():
        raise UserError(f"{source} holds NaN or infinity; leave out the broken images.")
    if low < -1 - _TOLERANCE or high > 1 + _TOLERANCE:
        raise UserError(f"{source} holds values from {low:.4g} to {high:.4g}; scale them to [-1, 1], -1 being black.")
    if low >= 0:
        values = values * 2 - 1
    return np.clip(values, -1, 1)


def resize(images: Images, size: int) -> Images:
    """(B, 1, H, W) → (B, 1, size, size), bilinear and antialiased; unchanged where the size is right."""
    if images.shape[-1] == size:
        return images
    return F.interpolate(images, (size, size), mode="bilinear", antialias=True).clamp(-1, 1)


def _read_npy(path: Path) -> npt.NDArray[np.generic]:
    try:
        stack = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise UserError(f"{path} cannot be read as .npy ({error}); save it with numpy.save.") from None
    if stack.ndim == 4 and stack.shape[1] == 1:
        stack = stack[:, 0]
    if stack.ndim != 3:
        raise UserError(f"{path} has shape {stack.shape}; save it as (count, H, W).")
    return np.asarray(stack)


def _read_folder(path: Path) -> npt.NDArray[np.generic]:
    files = sorted(file for file in path.rglob("*") if file.suffix.lower() in SUFFIXES and file.is_file())
    if not files:
        kinds = ", ".join(SUFFIXES)
        raise UserError(f"{path} holds no image ({kinds}); for DICOM or NIfTI, run: medattngan ingest {path}")
    pictures = [_read_picture(file) for file in files]
    for file, picture in zip(files, pictures, strict=True):
        if picture.shape != pictures[0].shape:
            raise UserError(f"{file} is {picture.shape} but {files[0]} is {pictures[0].shape}; make all of one size.")
    kinds_found = {picture.dtype for picture in pictures}
    if len(kinds_found) == 1 or all(kind.kind == "f" for kind in kinds_found):
        return np.stack(pictures)
    # 8 and 16 bit side by side: each has its own range.
    return np.stack([to_unit(picture, file) for file, picture in zip(files, pictures, strict=True)])


def _read_picture(file: Path) -> npt.NDArray[np.generic]:
    """One picture as (H, W), in the type it was saved in."""
    try:
        with Image.open(file) as opened:
            image: Image.Image = opened
            if getattr(image, "n_frames", 1) > 1:
                raise UserError(f"{file} holds several pages; save each as a file of its own.")
            if image.mode in ("1", "P", "PA"):
                image = image.convert("RGBA" if "transparency" in image.info else "RGB")
            pixels = np.asarray(image)
    except (UnidentifiedImageError, OSError, SyntaxError) as error:
        raise UserError(f"{file} cannot be read as an image ({error}); remove it or save it anew.") from None
    if pixels.ndim == 3 and pixels.shape[2] in (2, 4):
        if (pixels[..., -1] != np.iinfo(pixels.dtype).max).any():
            raise UserError(f"{file} is partly transparent; save it without an alpha channel.")
        pixels = pixels[..., :-1]
    if pixels.ndim == 3:
        if (pixels != pixels[..., :1]).any():
            raise UserError(f"{file} is in colour; save the slices in grayscale.")
        pixels = pixels[..., 0]
    if pixels.dtype == np.int32 and pixels.min() >= 0 and pixels.max() <= 65535:
        return pixels.astype(np.uint16)  # how Pillow hands out some 16-bit files
    return pixels
