"""Slices as pictures inside the page."""

from __future__ import annotations

import base64
from html import escape

import numpy as np

from medattngan.core.plots import png
from medattngan.core.run import Run
from medattngan.core.types import Codes
from medattngan.data.images import codes_to_images, load_images
from medattngan.data.intensity import CODE_MAX, unit_to_codes
from medattngan.data.samples import Samples
from medattngan.data.store import SliceStore
from medattngan.metrics.ssim import WINDOW_PX, nearest

PAIRS = 8
MOST_COMPARED = 4000
"""More training slices than this are thinned out before the closest are looked for."""


def data_uri(kind: str, content: bytes) -> str:
    """The address of a picture that travels inside the page.

    >>> data_uri("image/png", b"...")
    'data:image/png;base64,Li4u'
    """
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"


def picture(codes: Codes, words: str) -> str:
    """An <img> of one slice (H, W), in 8 bits, for looking at only; `words` are for those who cannot see it."""
    height, width = codes.shape
    pixels = np.rint(codes.astype(np.float64) * (255 / CODE_MAX)).astype(np.uint8)
    return f'<img src="{data_uri("image/png", png(pixels))}" width="{width}" height="{height}" alt="{escape(words)}">'


def gallery(codes: Codes, kind: str) -> str:
    """Slices (count, H, W) side by side."""
    return "\n".join(picture(one, f"{kind} slice {number}") for number, one in enumerate(codes, start=1))


def choose(store: SliceStore, count: int, seed: int) -> Codes:
    """Up to `count` slices at random, (count, H, W)."""
    return store.read(np.sort(np.random.default_rng(seed).permutation(len(store))[:count]).tolist())


def closest_pairs(samples: Samples, store: SliceStore, run: Run, seed: int) -> str:
    """Synthetic slices, each above the training slice that is most like it."""
    size = samples.codes.shape[-1]
    if size < WINDOW_PX:
        return "<p>The slices are too small to look for the training slices closest to them.</p>"
    trained = store.split(str(run.store["split"]))
    rows = np.sort(np.random.default_rng(seed).permutation(len(trained))[:MOST_COMPARED])
    real = load_images(trained, rows.tolist(), size)
    fake = codes_to_images(samples.codes[:PAIRS])
    found = nearest(real, fake)
    best = found.similarity.argmax(1)
    figures = []
    for number, column in enumerate(best.tolist()):
        match = int(found.index[number, column])
        above = picture(samples.codes[number], f"synthetic slice {number + 1}")
        below = picture(unit_to_codes(real[match, 0].numpy()), f"training slice most like synthetic slice {number + 1}")
        similarity = float(found.similarity[number, column])
        figures.append(f"<figure>{above}{below}<figcaption>{similarity:.2f}</figcaption></figure>")
    compared = f"{len(rows)} of {len(trained)}" if len(rows) < len(trained) else f"all {len(trained)}"
    words = (
        f"Above, a synthetic slice; below it, the training slice most like it among {compared}, with their structural "
        "similarity (1 is the same picture). A pair that you cannot tell apart may be a copy of a patient."
    )
    return f'<p>{words}</p><div class="pairs">{"".join(figures)}</div>'
