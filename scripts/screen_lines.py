"""Invented lines of text, written into slices: what `train_screen.py` learns from.

Fonts that come with packages: DejaVu (matplotlib), Pillow's bitmap font, Hershey's strokes (OpenCV, where it is
installed). STIX, cm and the texts of `benchmark_screen.py` are kept for testing.
"""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from medattngan.scans.text import alphabet
from medattngan.scans.text.markers import VIEW_WORDS

Grey = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]

DEJAVU = (
    "DejaVuSans.ttf", "DejaVuSans-Bold.ttf", "DejaVuSans-Oblique.ttf", "DejaVuSansMono.ttf",
    "DejaVuSansMono-Bold.ttf", "DejaVuSerif.ttf", "DejaVuSerif-Bold.ttf", "DejaVuSansDisplay.ttf",
)  # fmt: skip
BITMAP = "bitmap"
HERSHEY = ("hershey 0", "hershey 1", "hershey 2", "hershey 3", "hershey 4") if importlib.util.find_spec("cv2") else ()
CONSONANTS, VOWELS = "bcdfghjklmnprstvwz", "aeiou"
ACCENTED = alphabet.GERMAN + alphabet.FRENCH + alphabet.SPANISH
PREFIXES = (
    "ID", "MRN", "PID", "Acc", "DOB", "Name", "Age", "Sex", "Study", "Se", "Im", "Ex", "Dr.", "Ref", "W", "L", "kV",
    "mA", "TR", "TE", "ST", "SL", "FOV", "Zoom", "Hospital", "Clinic", "Radiology", "Univ.", "Klinikum", "Centre",
    "Hôpital",
)  # fmt: skip


@dataclass(frozen=True)
class Line:
    """A drawn line: its ink and outline from 0 to 1, and the rectangle of the line, all (rows, columns); where each
    character ends, as a share of the line's length before it was turned."""

    text: str
    ends: tuple[float, ...]
    ink: Grey
    outline: Grey
    within: Grey


def some_text(rng: np.random.Generator, longest: int = 26) -> str:
    """Names, dates, numbers, words of side and view, and plain nonsense."""
    kind = rng.integers(11)
    if kind < 3:
        text = _cased(rng, rng.choice(("^", ", ", " ", "_")).join(_name(rng) for _ in range(rng.integers(1, 4))))
    elif kind < 5:
        text = _date(rng)
    elif kind < 7:
        text = str(rng.integers(10 ** int(rng.integers(1, 10))))
        text = _prefix(rng) + text if rng.random() < 0.5 else text
    elif kind < 8:
        text = f"{rng.integers(24):02d}:{rng.integers(60):02d}" + (
            f":{rng.integers(60):02d}" if rng.random() < 0.5 else ""
        )
    elif kind < 9:
        text = _cased(rng, str(rng.choice(sorted(VIEW_WORDS))))
    elif kind < 10:
        text = _prefix(rng) + f"{rng.random() * 10 ** int(rng.integers(0, 4)):.{rng.integers(3)}f}"
    else:
        pool = alphabet.CHARACTERS[1:-1] if rng.random() < 0.7 else ACCENTED
        text = "".join(rng.choice(list(pool), rng.integers(1, 14)))
    return text[:longest].strip() or "R"


def _name(rng: np.random.Generator) -> str:
    name = "".join(str(rng.choice(list(CONSONANTS)) + rng.choice(list(VOWELS))) for _ in range(rng.integers(1, 5)))
    name += str(rng.choice(list(CONSONANTS))) if rng.random() < 0.5 else ""
    if rng.random() < 0.25:
        at = int(rng.integers(len(name)))
        name = name[:at] + str(rng.choice(list(ACCENTED.lower()))) + name[at + 1 :]
    return name.capitalize()


def _cased(rng: np.random.Generator, text: str) -> str:
    return (text, text.upper(), text.upper(), text.lower())[rng.integers(4)]


def _date(rng: np.random.Generator) -> str:
    day, month, year = int(rng.integers(1, 32)), int(rng.integers(1, 13)), int(rng.integers(1920, 2030))
    name = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")[month - 1]
    date = (
        f"{year}{month:02d}{day:02d}", f"{year}-{month:02d}-{day:02d}", f"{day:02d}.{month:02d}.{year}",
        f"{day:02d}/{month:02d}/{year % 100:02d}", f"{day:02d}-{_cased(rng, name)}-{year}",
        f"{month:02d}/{day:02d}/{year}", f"{name} {day:02d} {year}",
    )  # fmt: skip
    return (_prefix(rng) if rng.random() < 0.2 else "") + str(date[rng.integers(len(date))])


def _prefix(rng: np.random.Generator) -> str:
    return str(rng.choice(PREFIXES)) + str(rng.choice((":", ": ", " ", "", "#", "=")))


def some_font(rng: np.random.Generator, text: str) -> str:
    """One that has all the characters."""
    draw = rng.random()
    if draw < 0.2 and all(ord(character) < 256 for character in text):
        return BITMAP
    if draw < 0.45 and HERSHEY and text.isascii():
        return str(rng.choice(HERSHEY))
    return str(rng.choice(DEJAVU))


@lru_cache(maxsize=512)
def _font(file: str, size: int) -> Any:
    return ImageFont.truetype(str(Path(mpl.get_data_path(), "fonts", "ttf", file)), size)


def letters(text: str, font: str, size: int, stroke: int = 0) -> Grey:
    """Ink of a text whose font is `size` px, with a `stroke` of so many px around it."""
    if font.startswith("hershey"):
        return _hershey(text, int(font[-1]), size, stroke)
    face = ImageFont.load_default_imagefont() if font == BITMAP else _font(font, size)
    thick = 0 if font == BITMAP else stroke
    left, top, right, bottom = (
        (int(side) for side in face.getbbox(text)) if font == BITMAP else face.getbbox(text, stroke_width=thick)
    )
    picture = Image.new("L", (max(1, int(right - left)), max(1, int(bottom - top))))
    draw = ImageDraw.Draw(picture)
    if thick:
        draw.text((-left, -top), text, fill=255, font=face, stroke_width=thick)
    else:
        draw.text((-left, -top), text, fill=255, font=face)
    ink: Grey = np.asarray(picture, np.float32) / np.float32(255)
    if font != BITMAP:
        return ink
    times = max(1, round(size / 11))
    ink = np.kron(ink, np.ones((times, times), np.float32)).astype(np.float32)
    if stroke:
        thickened: Grey = np.asarray(Image.fromarray(np.pad(ink, stroke)).filter(ImageFilter.MaxFilter(2 * stroke + 1)))
        return thickened
    return ink


def ends(text: str, font: str, size: int) -> tuple[float, ...]:
    """How far along the line each character ends, from 0 to 1."""
    if font.startswith("hershey"):
        import cv2

        lengths = [float(cv2.getTextSize(text[: i + 1], int(font[-1]), size / 30, 1)[0][0]) for i in range(len(text))]
    else:
        face = ImageFont.load_default_imagefont() if font == BITMAP else _font(font, size)
        lengths = [float(face.getlength(text[: i + 1])) for i in range(len(text))]
    return tuple(length / lengths[-1] for length in lengths)


def _hershey(text: str, face: int, size: int, stroke: int) -> Grey:
    import cv2

    scale = size / 30
    thick = max(1, round(size / 16)) + 2 * stroke
    (width, height), below = cv2.getTextSize(text, face, scale, thick)
    picture = np.zeros((height + below + 2 * thick, width + 2 * thick), np.uint8)
    cv2.putText(picture, text, (thick, height + thick), face, scale, 255, thick, cv2.LINE_AA)
    return picture.astype(np.float32) / np.float32(255)


def some_line(rng: np.random.Generator, text: str, size: int, *, turned: bool = True) -> Line | None:
    """`text` in a font of `size` px, perhaps outlined or turned. None: nothing of it shows."""
    font = some_font(rng, text)
    stroke = int(rng.integers(1, 1 + max(1, size // 12))) if rng.random() < 0.15 else 0
    ink = letters(text, font, size)
    outline = letters(text, font, size, stroke) if stroke else ink
    margin = [(wide - narrow) / 2 for wide, narrow in zip(outline.shape, ink.shape, strict=True)]
    pad = [(int(np.floor(side)), int(np.ceil(side))) for side in margin]
    if min(side for sides in pad for side in sides) < 0:
        return None
    ink = np.pad(ink, pad)
    rows, columns = np.nonzero(outline > 0.3)
    if not len(rows):
        return None
    area = (slice(rows.min(), rows.max() + 1), slice(columns.min(), columns.max() + 1))
    ink, outline = ink[area], outline[area]
    line = (ink, outline, np.ones_like(ink))
    angle = _angle(rng) if turned else 0.0
    if angle:
        line = tuple(
            np.asarray(Image.fromarray(one).rotate(angle, Image.Resampling.BILINEAR, expand=True)) for one in line
        )  # type: ignore[assignment]
    return Line(text, ends(text, font, size), *line)


def _angle(rng: np.random.Generator) -> float:
    draw = rng.random()
    if draw < 0.75:
        return 0.0
    return float(rng.uniform(-12, 12)) if draw < 0.9 else float(rng.choice((90, -90)))


def write(picture: Grey, line: Line, top: int, left: int, contrast: float, rng: np.random.Generator) -> None:
    """Put a line into `picture` [0, 1] in place, `contrast` from what is around it; what does not fit is cut off."""
    rows, columns = line.ink.shape
    area = tuple(
        slice(min(max(0, start), size), max(0, min(size, start + length)))
        for start, length, size in zip((top, left), (rows, columns), picture.shape, strict=True)
    )
    inside = (slice(area[0].start - top, area[0].stop - top), slice(area[1].start - left, area[1].stop - left))
    around: Any = picture[area]
    if not around.size:
        return
    ink, outline, within = line.ink[inside], line.outline[inside], line.within[inside]
    level = float(around.mean())
    up = level + contrast <= 1 if rng.random() < 0.8 else level - contrast < 0
    value = float(np.clip(level + contrast if up else level - contrast, 0, 1))
    if (outline != ink).any():
        around = around + outline * ((0.0 if value > level else 1.0) - around) * min(1.0, 2 * contrast)
    style = rng.random()
    if style < 0.06:  # inverse: a filled box, the letters left as they were
        around = around + within * (1 - ink) * (value - around)
    elif style < 0.3:  # as much brighter everywhere: what is behind shows through
        around = around + ink * (value - level)
    else:
        around = around + ink * (value - around)
    picture[area] = np.clip(around, 0, 1)
