"""The one training loop, for every preset."""

from __future__ import annotations

import math
import time
from functools import partial

from medattngan.conditions.table import spread
from medattngan.core.files import UserError
from medattngan.core.progress import ProgressLine
from medattngan.core.run import Run
from medattngan.stages.train import checkpoint as checkpointing
from medattngan.stages.train import overfit
from medattngan.stages.train.log import Log, Row, columns, save_grid
from medattngan.stages.train.overfit import Overfitting
from medattngan.stages.train.players import Players
from medattngan.stages.train.private import Privacy
from medattngan.stages.train.validate import Validation

GRID_COUNT = 32
MAX_ROLLBACKS = 3
EPSILON = "epsilon"


class DivergedError(Exception):
    """A loss or a weight is no longer a number."""


class Training:
    """The clock around the players: budget, log, grids, checkpoints, validation, roll-back."""

    def __init__(
        self,
        run: Run,
        players: Players,
        validation: Validation | None,
        overfitting: Overfitting | None,
        line: ProgressLine,
        privacy: Privacy | None = None,
    ) -> None:
        self.run, self.players, self.line, self.ranks = run, players, line, players.ranks
        self.privacy = privacy
        self.validation, self.overfitting = validation, overfitting
        self.numbers = players.state.progress
        self.options = players.config.train

    def to_the_end(self) -> None:
        """Go on from the last checkpoint, if there is one, until the budget is spent."""
        if self.privacy is not None:
            self.line.say(str(self.privacy))
        # The first process says: it may have written its own first one before another looks.
        if self.ranks.agreed(float(bool(self.run.checkpoints()))):
            checkpointing.load(self.players.state, self.run.checkpoints()[-1])
            self.line.say(f"resuming at {self.numbers.kimg:.1f} kimg")
        else:
            self._grid()  # first, as who resumes draws it no more
            self._checkpoint()
        validated = [] if self.validation is None else [self.validation.name, *self._averages(self.validation)]
        validated += [] if self.overfitting is None else [overfit.COLUMN]
        validated += [] if self.privacy is None else [EPSILON]
        log = Log(
            self.run.path,
            columns(self.players.system.game.columns(), validated, self.players.gates),
            self.numbers.step,
            kept=self.ranks.first,
        )
        try:
            while not self._came_to_the_end(log):
                pass
        finally:
            log.close()

    def _came_to_the_end(self, log: Log) -> bool:
        """Play on and finish; False where that ended in a roll-back."""
        try:
            self._play_on(log)
            self._finish(log)
        except DivergedError as trouble:
            self._roll_back(str(trouble), log)
            return False
        return True

    def _play_on(self, log: Log) -> None:
        """Play rounds until the budget is spent."""
        numbers, options = self.numbers, self.options
        clock_zero = time.monotonic() - numbers.seconds
        saved_at, logged_images, played = numbers.seconds, numbers.images, 0.0
        while (spent := self._spent()) < 1:
            began = time.monotonic()
            # Where the rates follow the clock, a resumed training does not repeat its moves: private ones must.
            terms = self.players.play(spent if self.privacy is None else self._spent_by_count())
            # To read is to wait for what a GPU has still to do, which belongs to the time that playing takes.
            read = {name: float(value) for name, value in terms.items()} if self._crossed(options.log_kimg) else {}
            played += time.monotonic() - began
            numbers.seconds = self.ranks.agreed(time.monotonic() - clock_zero)
            if read:
                self._log(log, read, (numbers.images - logged_images) / max(played, 1e-9))
                logged_images, played = numbers.images, 0.0
            if self._crossed(options.grid_kimg):
                self._grid()
            if self._validation_due():
                self._validate(log)
            every = options.checkpoint_steps
            if numbers.seconds - saved_at >= options.checkpoint_minutes * 60 or (every and numbers.step % every == 0):
                self._checkpoint()
                saved_at = numbers.seconds

    def _finish(self, log: Log) -> None:
        """The last score, grid and checkpoint."""
        # The last row may be long ago: a bar that stays at 71 % looks like a training that broke off.
        self.line.update(1.0, f"{self.numbers.kimg:.1f} kimg; the last score and checkpoint")
        if self.validation is not None and self.numbers.validated_step != self.numbers.step:
            self._validate(log)
        self._grid()
        self._checkpoint()

    def _spent(self) -> float:
        """How much of the budget is spent; 1 is all."""
        by_time = 0.0 if self.options.minutes is None else self.numbers.seconds / 60 / self.options.minutes
        return max(self._spent_by_count(), by_time)

    def _spent_by_count(self) -> float:
        """The same by images shown, and by privacy."""
        private = 0.0 if self.privacy is None else self.numbers.step / self.privacy.most_moves
        return max(self.numbers.kimg / self.options.kimg, private)

    def _crossed(self, every_kimg: float) -> bool:
        """Whether the round just played crossed a multiple of `every_kimg`."""
        now, every = self.numbers.images, every_kimg * 1000
        return now // every > (now - self.players.system.batch_size) // every

    def _log(self, log: Log, values: Row, images_per_second: float) -> None:
        """One row of metrics.csv.

        Raises:
            DivergedError: a loss is not a number.
        """
        numbers = self.numbers
        for name, value in values.items():
            if not math.isfinite(value):
                raise DivergedError(f"{name} is {value} at step {numbers.step}")
        row: Row = {**self._position(), "images_per_second": images_per_second, **values}
        row |= {"augment_probability": numbers.augment_probability, "lr_scale": numbers.lr_scale}
        if self.privacy is not None:
            row[EPSILON] = self.privacy.epsilon(numbers.step)
        log.write(row)
        lost = "  ".join(f"{name} {value:.3g}" for name, value in values.items() if name.startswith("loss_"))
        score = "" if numbers.score is None else f"  score {numbers.score:.4g}"
        self.line.update(self._spent(), f"{images_per_second:.0f} images/s  {numbers.kimg:.1f} kimg  {lost}{score}")

    def _position(self) -> Row:
        return {"step": self.numbers.step, "kimg": self.numbers.kimg, "seconds": self.numbers.seconds}

    def _checkpoint(self) -> None:
        """Save, but never weights that are not numbers: there must always be a good state to go back to."""
        if not self.players.state.finite():
            raise DivergedError(f"a weight is not a number at step {self.numbers.step}")
        if self.privacy is not None:
            self.numbers.privacy = self.privacy.record(self.numbers.step)
        self.ranks.done_by_first(partial(checkpointing.save, self.players.state, self.run.path / "checkpoints"))

    def _roll_back(self, trouble: str, log: Log) -> None:
        """Return to the last good checkpoint with half the learning rates."""
        if self.privacy is not None:  # the moves that led here were made, and are not to be had back
            raise UserError(
                f"{self.run.path}: private training diverged ({trouble}) and cannot go back; lower "
                "optimizer.generator_lr and optimizer.discriminator_lr."
            )
        rollbacks, scale = self.numbers.rollbacks + 1, self.numbers.lr_scale / 2
        if rollbacks > MAX_ROLLBACKS:
            raise UserError(
                f"{self.run.path}: training diverged ({trouble}) again after {MAX_ROLLBACKS} roll-backs; "
                "lower optimizer.generator_lr and optimizer.discriminator_lr or raise loss.r1_gamma."
            )
        last = self.run.checkpoints()[-1]
        checkpointing.load(self.players.state, last)
        self.ranks.agreed(0.0)  # all have read it before the first writes to it again
        self.numbers.rollbacks, self.numbers.lr_scale = rollbacks, scale
        self._checkpoint()  # the same weights, and the count: a kill must not make us forget it
        log.cut(self.numbers.step)
        self.line.say(f"diverged ({trouble}); back to {last.name} with learning rates x {scale:g}")

    def _grid(self) -> None:
        name = f"kimg-{self.numbers.kimg:09.3f}.png"
        if self.ranks.first:
            save_grid(self.players.synthesize(GRID_COUNT, spread=spread), self.run.path / "grids" / name)

    def _validation_due(self) -> bool:
        every = self.options.validate_minutes
        if self.validation is None or every is None:
            return False
        return self.numbers.seconds - self.numbers.validated_at >= every * 60

    def _validate(self, log: Log) -> None:
        """Score the averaged generator; the checkpoint keeps the score, and stays as long as it is the best."""
        assert self.validation is not None
        numbers = self.numbers
        if not self.players.state.finite():
            raise DivergedError(f"a weight is not a number at step {numbers.step}")
        row = self.ranks.done_by_first(self._scores) or {}
        numbers.validated_at, numbers.validated_step = numbers.seconds, numbers.step
        numbers.score = self.ranks.agreed(row.get(self.validation.name, math.nan))
        if averages := self._averages(self.validation):
            best = min(averages, key=lambda name: row.get(name, math.nan))
            numbers.ema_kimg = self.ranks.agreed(averages[best])
        # First the row: one that is written twice is cut, and one that is not written is lost.
        log.write({**self._position(), **row})
        self._checkpoint()
        told = ", ".join(f"{name} {value:.2f}" for name, value in row.items())
        self.line.say(f"{numbers.kimg:.1f} kimg: {told}")

    def _scores(self) -> Row:
        """What a validation measures, by column."""
        assert self.validation is not None
        judge, players = self.validation, self.players
        if averages := self._averages(judge):
            of_each = {name: judge.score(players.synthesize(judge.count, one)) for name, one in averages.items()}
            row = {judge.name: min(of_each.values()), **of_each}
        else:
            row = {judge.name: judge.score(players.synthesize(judge.count))}
        return row if self.overfitting is None else {**row, overfit.COLUMN: self.overfitting.measure()}

    def _averages(self, judge: Validation) -> dict[str, float]:
        """Where several half-lives are averaged, each by the name of its column."""
        return {f"{judge.name} ema {one:g}": one for one in self.players.state.half_lives}
