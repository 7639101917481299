"""What a training writes for people: metrics.csv, TensorBoard and grids."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from medattngan.core.files import UserError, write_text
from medattngan.core.plots import save_picture
from medattngan.core.types import Images
from medattngan.stages.train.tensorboard import TensorBoard

Row = dict[str, float]


def columns(game: Sequence[str], validated: Sequence[str] = (), gates: Sequence[str] = ()) -> list[str]:
    """Every column that metrics.csv will have: what a game logs, what a validation gives, and these gates."""
    return [
        *("step", "kimg", "seconds", "images_per_second"),
        *game,
        *("augment_probability", "lr_scale"),
        *gates,
        *validated,
    ]


class Log:
    """metrics.csv and TensorBoard, cut back to the step that a training resumes from.

    Args:
        run: the run folder.
        header: every column metrics.csv will have.
        step: rows of later steps are removed: they will be written again.
        kept: False in a process that leaves the log to another.
    """

    def __init__(self, run: Path, header: list[str], step: int, kept: bool = True) -> None:
        self.path = run / "metrics.csv"
        self.columns = header
        self._board: TensorBoard | None = None
        if kept:
            self._cut_table(step)
            self._board = TensorBoard(run / "tensorboard", step)

    def cut(self, step: int) -> None:
        """Forget what was logged after `step`."""
        if self._board is not None:
            self._cut_table(step)
            self._board.cut(step)

    def _cut_table(self, step: int) -> None:
        rows = self._rows(step) if self.path.is_file() else []
        text = io.StringIO()
        writer = csv.DictWriter(text, self.columns, restval="", extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        write_text(self.path, text.getvalue())

    def _rows(self, step: int) -> list[dict[str, str]]:
        """What was logged up to `step`.

        Raises:
            UserError: metrics.csv is not what was written.
        """
        try:
            with self.path.open(newline="", encoding="utf-8") as handle:
                # A row that a kill cut short has no value in its last column: it is written again, too.
                return [r for r in csv.DictReader(handle) if None not in r.values() and int(r["step"]) <= step]
        except (ValueError, KeyError, csv.Error):
            raise UserError(f"{self.path} is damaged; remove it to go on without what was logged so far.") from None

    def write(self, row: Row) -> None:
        """Append one row; a column without a value stays empty."""
        if self._board is None:
            return
        with self.path.open("a", newline="", encoding="utf-8") as handle:
            values = {k: f"{v:.6g}" if k != "step" else str(int(v)) for k, v in row.items()}
            csv.DictWriter(handle, self.columns, restval="", lineterminator="\n").writerow(values)
        self._board.write(int(row["step"]), {name: value for name, value in row.items() if name != "step"})

    def close(self) -> None:
        """Close TensorBoard's file."""
        if self._board is not None:
            self._board.close()


def save_grid(images: Images, path: Path, columns: int = 8) -> None:
    """Write images (N, 1, H, W) in [-1, 1] as one 8-bit PNG, `columns` wide, for looking at only."""
    pixels = ((images[:, 0].clamp(-1, 1).numpy() + 1) / 2 * 255).round().astype(np.uint8)
    rows = -(-len(pixels) // columns)
    filled = np.zeros((rows * columns, *pixels.shape[1:]), np.uint8)
    filled[: len(pixels)] = pixels
    height, width = pixels.shape[1:]
    sheet = filled.reshape(rows, columns, height, width).transpose(0, 2, 1, 3).reshape(rows * height, columns * width)
    save_picture(path, sheet)
