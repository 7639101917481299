"""What an ingest was asked for: checked in full before any scan is read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from medattngan.core.files import UserError, require_absent
from medattngan.core.locks import lock_of
from medattngan.scans.geometry.planes import CUTS
from medattngan.scans.options import Options, parse_window
from medattngan.scans.text.rapidocr import require_reader
from medattngan.scans.text.screens import SCREENS
from medattngan.stages.ingest.split import check_shares
from medattngan.statistics.draws import require_seed

MIN_SIZE, MAX_SIZE = 8, 4096

FOLDERS = Path("folders")
"""`--labels folders`: the folder of each picture is its label."""


@dataclass(frozen=True)
class Request:
    """What the store depends on; all of it goes into provenance. `labels` is `table`, `folders` or None, `only` as of
    `Only.asked`."""

    size: int
    plane: str
    window: str | None
    split: tuple[float, float, float]
    seed: int
    labels: str | None
    screen: str | None = None
    only: tuple[str, ...] = ()

    def check(self) -> Request:
        """Raises UserError where a value is not allowed."""
        if not MIN_SIZE <= self.size <= MAX_SIZE:
            raise UserError(f"--size {self.size} is not between {MIN_SIZE} and {MAX_SIZE} pixels.")
        if self.plane not in CUTS:
            raise UserError(f"--plane {self.plane} is not one of {', '.join(CUTS)}.")
        require_seed(self.seed)
        check_shares(self.split)
        parse_window(self.window)
        if self.screen is not None:
            if self.screen not in SCREENS:
                raise UserError(f"--screen {self.screen} is not one of {', '.join(SCREENS)}.")
            require_reader()
        return self

    @property
    def options(self) -> Options:
        """What the pipelines need of it."""
        return Options(self.size, self.plane, parse_window(self.window)[1], self.screen)


@dataclass(frozen=True)
class Places:
    """Where the scans are, where the store goes, and the user's lists: the labels, the files set aside, and others that
    were given."""

    sources: tuple[Path, ...]
    out: Path
    table: Path | None
    rejected: Path | None
    lists: tuple[Path, ...] = ()

    @classmethod
    def check(
        cls,
        sources: Sequence[str | Path] | str | Path,
        out: str | Path,
        labels: str | Path | None,
        rejected: str | Path | None,
        lists: tuple[Path, ...] = (),
    ) -> Places:
        """Raises UserError where something of the user's would be overwritten."""
        scans = [sources] if isinstance(sources, str | Path) else sources
        table = None if labels is None or Path(labels) == FOLDERS else Path(labels)
        listed = None if rejected is None else Path(rejected)
        places = cls(tuple(map(Path, scans)), Path(out).resolve(), table, listed, lists)
        require_absent(places.out)
        if listed is not None and listed.exists():
            raise UserError(f"{listed} exists already; give another --rejected or remove it first.")
        return places

    @property
    def work(self) -> Path:
        """The hidden folder of what is done so far."""
        return self.out.with_name(f".{self.out.name}.ingest")

    @property
    def not_scans(self) -> list[Path]:
        """What is ours or the user's own, should it lie among the scans."""
        return [
            self.out,
            self.work,
            lock_of(self.out),
            *(path for path in (self.table, self.rejected, *self.lists) if path is not None),
        ]
