"""Train the networks that find and read text in scans, on invented lines written into real slices.

    python scripts/train_screen.py detector ct=tcia_ct_100 mr=tcia_gbm_mr cxr=cxr_pneumonia_128 --steps 6000 --out DIR
    python scripts/train_screen.py reader ct=tcia_ct_100 mr=tcia_gbm_mr cxr=cxr_pneumonia_128 --steps 12000 --out DIR

The same command goes on where it was stopped. `--ship` writes the weights, as 16-bit numbers, to where the package
has them. Only every second patient of a folder is used; `benchmark_screen.py` tests on the others.
"""

from __future__ import annotations

import argparse
import json
import math
import string
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image
from safetensors.torch import save_file
from screen_lines import Grey, some_line, some_text, write
from screen_slices import Background, backgrounds, crop, piece
from torch import Tensor, nn
from torch.nn import functional as F

from medattngan.scans.text import alphabet
from medattngan.scans.text.alphabet import TOKENS
from medattngan.scans.text.detector import STRIDE, Detector
from medattngan.scans.text.markers import VIEW_WORDS
from medattngan.scans.text.reader import LINE_PX, MAX_COLUMNS, Reader
from medattngan.scans.text.reader import STRIDE as READER_STRIDE

CROP_PX = 192
CROPS = 8
STRIPS = 24
DOWN, ACROSS = READER_STRIDE
PEAK_RATE = 2e-3
SAVE_EVERY = 100

Groups = list[list[Background]]
Batch = tuple[Tensor, ...]


class Task(NamedTuple):
    """How a network is made, what it is shown, and what it should lessen."""

    network: Callable[[], nn.Module]
    batch: Callable[[Groups, np.random.Generator], Batch]
    loss: Callable[[nn.Module, Batch], Tensor]


def main() -> None:
    """Train one of the two."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("network", choices=sorted(TASKS))
    parser.add_argument("scans", nargs="+", help="NAME=FOLDER of clean scans")
    parser.add_argument("--steps", type=int, default=6000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--ship", type=Path, help="write the weights to this file")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(args.seed)
    network, batch, loss = TASKS[args.network]
    groups = backgrounds([Path(entry.partition("=")[2]) for entry in args.scans])
    print([len(group) for group in groups], "slices", flush=True)
    model = network().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    print(sum(weight.numel() for weight in model.parameters()), "weights", flush=True)
    train(model, lambda rng: batch(groups, rng), loss, args.steps, args.seed, args.out / f"{args.network}.pt")
    if args.ship:
        ship(model, args.ship)


def train(
    model: nn.Module, batch: Callable[[np.random.Generator], Batch], loss: Callable[[nn.Module, Batch], Tensor],
    steps: int, seed: int, path: Path,
) -> None:  # fmt: skip
    """AdamW, with a rate that warms up and falls as a cosine; a step's numbers follow from the seed and its
    number."""
    optimiser = torch.optim.AdamW(model.parameters(), PEAK_RATE, weight_decay=1e-3)
    done = 0
    if path.exists():
        state = torch.load(path, weights_only=True)
        model.load_state_dict(state["model"])
        optimiser.load_state_dict(state["optimiser"])
        done = state["step"]
    start, recent = time.time(), []
    model.train()
    for step in range(done, steps):
        warm = min(1.0, (step + 1) / 200)
        for group in optimiser.param_groups:
            group["lr"] = PEAK_RATE * warm * (0.5 + 0.5 * math.cos(math.pi * step / steps))
        value = loss(model, batch(np.random.default_rng([seed, step])))
        optimiser.zero_grad()
        value.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        optimiser.step()
        recent.append(float(value.detach()))
        if (step + 1) % SAVE_EVERY == 0 or step + 1 == steps:
            temporary = path.with_suffix(".part")
            torch.save({"model": model.state_dict(), "optimiser": optimiser.state_dict(), "step": step + 1}, temporary)
            temporary.replace(path)
            minutes = round((time.time() - start) / 60, 1)
            print(
                json.dumps({"step": step + 1, "loss": round(float(np.mean(recent)), 4), "minutes": minutes}), flush=True
            )
            recent = []
    model.eval()


def ship(model: nn.Module, path: Path) -> None:
    """Write what the package needs of a network, as 16-bit numbers."""
    state = {name: value.half() if value.is_floating_point() else value for name, value in model.state_dict().items()}
    save_file({name: value.contiguous() for name, value in state.items()}, path)


def size_px(rng: np.random.Generator) -> int:
    """Of a font: half of all are of 7 to 12 px, the rest up to 44."""
    return int(rng.integers(7, 13)) if rng.random() < 0.5 else int(np.exp(rng.uniform(np.log(12), np.log(44))))


def contrast_of(rng: np.random.Generator) -> float:
    return float(np.exp(rng.uniform(np.log(0.06), 0.0)))


def lettered(groups: Groups, rng: np.random.Generator) -> tuple[Grey, Grey]:
    """A crop with lines in it, or with none, and where they are: (CROP_PX, CROP_PX) each."""
    picture = crop(groups, CROP_PX, rng)
    target = np.zeros_like(picture)
    if rng.random() < 0.3:
        return picture, target
    coarse = 2 if rng.random() < 0.15 else 1  # small pictures are looked at enlarged
    if coarse > 1:
        picture, target = picture[::2, ::2].copy(), target[::2, ::2].copy()
    for _ in range(rng.integers(1, 6)):
        size, contrast = size_px(rng), contrast_of(rng)
        rows = int(rng.integers(1, 4)) if rng.random() < 0.3 else 1
        top, left = int(rng.integers(-4, len(picture) - 8)), int(rng.integers(-30, len(picture) - 16))
        for _ in range(rows):
            line = some_line(rng, some_text(rng), size, turned=rows == 1)
            if line is None:
                continue
            place = (
                slice(max(0, top - 2), max(0, top + line.ink.shape[0] + 2)),
                slice(max(0, left - 2), max(0, left + line.ink.shape[1] + 2)),
            )
            if target[place].any() or not target[place].size:
                break
            write(picture, line, top, left, contrast, rng)
            mark(target, line.within, top, left)
            top += line.ink.shape[0] + 2 + int(size * rng.uniform(0.05, 0.4))
    if coarse > 1:
        larger = F.interpolate(torch.from_numpy(picture)[None, None], scale_factor=2.0, mode="bicubic").clamp(0, 1)
        picture, target = larger[0, 0].numpy(), np.kron(target, np.ones((2, 2), np.float32))
    return (np.rint(picture * 255) / 255).astype(np.float32), target


def mark(target: Grey, within: Grey, top: int, left: int) -> None:
    """Set the rectangle of a line in `target`."""
    rows, columns = within.shape
    area = (slice(max(0, top), max(0, top + rows)), slice(max(0, left), max(0, left + columns)))
    held = target[area]
    inside = within[max(0, -top) :, max(0, -left) :][: held.shape[0], : held.shape[1]]
    held[inside > 0.5] = 1


def crops(groups: Groups, rng: np.random.Generator) -> Batch:
    pairs = [lettered(groups, rng) for _ in range(CROPS)]
    pictures, targets = (torch.from_numpy(np.stack(one))[:, None] for one in zip(*pairs, strict=True))
    return pictures, F.avg_pool2d(targets, STRIDE)


def of_pixels(model: nn.Module, batch: Batch) -> Tensor:
    """Cross-entropy, the hardest pixels doubly (Lin et al. 2017, arXiv:1708.02002), and Dice (Milletari et al.
    2016, arXiv:1606.04797)."""
    pictures, targets = batch
    logits = model(pictures.contiguous(memory_format=torch.channels_last))
    each = F.binary_cross_entropy_with_logits(logits, targets, reduction="none")
    focal = (each * (0.2 + (1 - torch.exp(-each)) ** 2)).mean()
    share = logits.sigmoid()
    dice = 1 - (2 * (share * targets).sum() + 1) / (share.sum() + targets.sum() + 1)
    value: Tensor = 5 * focal + dice
    return value


def strips(groups: Groups, rng: np.random.Generator) -> Batch:
    """Crops of one shape (B, 1, H, W), their tokens (B, T), padded by -1, the same with one in ten mistaken, which is
    what it is told that it has read, and where each character stands (B, T, H/8, W/4). One in ten batches is of crops
    of more lines."""
    lines = int(rng.integers(2, 4)) if rng.random() < 0.1 else 1
    longest = (4, 8, 8, 12, 20)[rng.integers(5)] if lines == 1 else 8
    drawn = [strip(groups, lines, longest, rng) for _ in range(STRIPS)]
    wide = max(picture.shape[1] for picture, *_ in drawn)
    width = min(MAX_COLUMNS * ACROSS, -(-wide // 32) * 32)
    crops = torch.stack([fitted(torch.from_numpy(picture), width) for picture, *_ in drawn])
    tokens = [torch.tensor(alphabet.encode(text)) for _, text, _ in drawn]
    padded = nn.utils.rnn.pad_sequence(tokens, batch_first=True, padding_value=-1)
    places = torch.zeros(*padded.shape, lines * LINE_PX // DOWN, width // ACROSS)
    for target, (picture, _, boxes) in zip(places, drawn, strict=True):
        squeezed = min(1.0, width / picture.shape[1])
        for one, box in zip(target, boxes, strict=False):
            one[covered(box * (1, 1, squeezed, squeezed), one.shape)] = 1
    mistaken = torch.from_numpy(rng.random(padded.shape) < 0.1)
    told = torch.where(mistaken, torch.from_numpy(rng.integers(TOKENS, size=padded.shape)), padded.clamp(min=0))
    return crops, padded, told, places


def covered(box: Grey, shape: tuple[int, ...]) -> tuple[slice, slice]:
    """The features that a box (top, bottom, left, right) in pixels touches; none where it is empty."""
    top, bottom, left, right = box
    if right <= left:
        return slice(0), slice(0)
    down = slice(max(0, int(top / DOWN)), max(1, math.ceil(bottom / DOWN)))
    return down, slice(min(int(left / ACROSS), shape[1] - 1), math.ceil(right / ACROSS))


def strip(groups: Groups, lines: int, longest: int, rng: np.random.Generator) -> tuple[Grey, str, Grey]:
    """A crop as the detector's boxes give it, `lines` times LINE_PX high, what is written in it (at times, nothing),
    and where each character stands: (characters, 4), top, bottom, left, right in pixels of the crop."""
    size, contrast = min(max(8, size_px(rng)), 24), max(0.15, contrast_of(rng))
    drawn = [some_line(rng, said(rng, longest), size, turned=False) for _ in range(lines)]
    kept = [line for line in drawn if line is not None]
    if len(kept) < lines:
        return strip(groups, lines, longest, rng)
    nothing = lines == 1 and rng.random() < 0.07
    above, below = (int(rng.uniform(0.08, 0.5) * size) + 1 for _ in range(2))
    before, after = (int(rng.uniform(0.1, 0.9) * size) + 1 for _ in range(2))
    gaps = [0, *(int(rng.uniform(0.1, 0.5) * size) + 1 for _ in range(lines - 1))]
    rows = above + below + sum(gaps) + sum(len(line.ink) for line in kept)
    columns = before + after + max(line.ink.shape[1] for line in kept)
    picture = piece(groups, rows, columns, rng)
    top, boxes = above, []
    for line, gap in zip(kept, gaps, strict=True):
        top += gap
        if not nothing:
            write(picture, line, top, before, contrast, rng)
        along = before + np.array([0.0, *line.ends]) * line.ink.shape[1]
        boxes += [(top, top + len(line.ink), left, right) for left, right in pairwise(along)]
        boxes.append((0, 0, 0, 0))  # the end of the line stands nowhere
        top += len(line.ink)
    height = lines * LINE_PX
    width = max(16, round(columns * height / rows * float(np.exp(rng.normal(0, 0.1)))))
    resized = np.array(Image.fromarray(picture).resize((width, height), Image.Resampling.BICUBIC))
    if nothing:
        return resized, "", np.zeros((0, 4), np.float32)
    scaled = np.array(boxes) * (height / rows, height / rows, width / columns, width / columns)
    return resized, alphabet.LINE_END.join(line.text for line in kept), scaled.astype(np.float32)


def said(rng: np.random.Generator, longest: int) -> str:
    """What a line says: a quarter of all say a side or a view, which is what must be told from the rest; a quarter are
    letters and digits in no order, so that what they look like is learnt and not what follows what."""
    kind = rng.random()
    if kind < 0.25:
        words = " ".join(rng.choice(sorted(VIEW_WORDS), rng.integers(1, 3)))
        return (words, words.capitalize(), words.lower())[int(rng.choice(3, p=(0.7, 0.15, 0.15)))][:longest].strip()
    if kind < 0.5:
        return "".join(rng.choice(list(string.ascii_letters + string.digits), rng.integers(1, longest + 1)))
    return some_text(rng, longest)


def fitted(picture: Tensor, width: int) -> Tensor:
    """(H, W) → (1, H, width): squeezed where it is wider, else what stands at its right edge is repeated."""
    if picture.shape[1] > width:
        squeezed: Tensor = F.interpolate(picture[None, None], (len(picture), width), mode="bilinear", antialias=True)
        return squeezed[0]
    return F.pad(picture[None, None], (0, width - picture.shape[1], 0, 0), mode="replicate")[0]


def of_characters(model: nn.Module, batch: Batch) -> Tensor:
    """Cross-entropy with label smoothing (Szegedy et al. 2016, arXiv:1512.00567); and, since a line that we wrote
    ourselves says where its letters stand, the attention that does not fall on the character that is read, and what
    is taken for another at its place (the focusing loss of Cheng et al. 2017, arXiv:1709.02054)."""
    crops, tokens, told, places = batch
    assert isinstance(model, Reader)
    features = model.look(crops.contiguous(memory_format=torch.channels_last))
    logits, attention = model.follow(features, told)
    spelled = F.cross_entropy(logits.flatten(0, 1), tokens.flatten(), ignore_index=-1, label_smoothing=0.05)
    somewhere = places.sum((2, 3)) > 0
    missed = -((attention * places).sum((2, 3))[somewhere] + 1e-6).log()
    there = torch.einsum("bthw,btc->bhwc", places, F.one_hot(tokens.clamp(min=0), TOKENS).float())
    shares = there / there.sum(-1, keepdim=True).clamp(min=1)
    taken = -(shares * model.by_seen(features.permute(0, 2, 3, 1)).log_softmax(-1)).sum() / shares.sum().clamp(min=1)
    value: Tensor = spelled + 0.5 * missed.mean() + 0.5 * taken
    return value


TASKS: dict[str, Task] = {"detector": Task(Detector, crops, of_pixels), "reader": Task(Reader, strips, of_characters)}


if __name__ == "__main__":
    main()
