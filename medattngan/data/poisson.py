"""Which patients a round of a private training takes: each by itself, with the same chance.

So many as come: the accountant of a private training counts on it that whether one patient takes part says nothing of
the others (Poisson sampling: Mironov, Talwar & Zhang 2019, arXiv:1908.10530, section 3). A shuffled stream of equal
batches, as other trainings have it, is another mechanism, and its promise a weaker one.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from medattngan.core.secret import Secret

WHO, WHICH = 1, 2
"""Places in the secret's stream, after the number of the round."""


class PoissonPatients:
    """The rows of a store in each round.

    Args:
        patients: of each row of the store.
        rate: chance of each patient in each round.
        slices: of each patient who is drawn: a random choice of its own, over again where it has fewer.
        secret: says who and which; nobody else may know who took part.
    """

    def __init__(self, patients: Sequence[str], rate: float, slices: int, secret: Secret) -> None:
        names = np.asarray(patients, str)
        order = np.argsort(names, kind="stable")
        starts = np.flatnonzero(np.r_[True, names[order][1:] != names[order][:-1]])
        self.own = np.split(order, starts[1:])
        self.rate, self.slices, self.secret = rate, slices, secret

    def rows(self, step: int) -> npt.NDArray[np.intp]:
        """(patients drawn, slices): rows of the store. There may be no patient at all."""
        drawn = np.flatnonzero(self.secret.uniform(len(self.own), step, WHO) < self.rate)
        return np.array([self._slices(int(one), step) for one in drawn], np.intp).reshape(-1, self.slices)

    def _slices(self, patient: int, step: int) -> npt.NDArray[np.intp]:
        own = self.own[patient]
        if len(own) == 1:
            return np.resize(own, self.slices)
        shuffled = own[np.argsort(self.secret.uniform(len(own), step, WHICH, patient))]
        return np.resize(shuffled, self.slices)
