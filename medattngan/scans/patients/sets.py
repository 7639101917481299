"""Sets that are joined: what is known to be of one patient."""

from __future__ import annotations

from collections.abc import Hashable


class Joined:
    """Disjoint sets of hashable things. Tarjan 1975, doi:10.1145/321879.321884.

    >>> sets = Joined()
    >>> sets.join("a", "b"); sets.join("b", "c")
    >>> sets.of("a") == sets.of("c"), sets.of("a") == sets.of("d")
    (True, False)
    """

    def __init__(self) -> None:
        self._above: dict[Hashable, Hashable] = {}

    def of(self, one: Hashable) -> Hashable:
        """The thing that stands for the set of `one`."""
        above = self._above.setdefault(one, one)
        while above != self._above[above]:
            self._above[one] = above = self._above[above]
        return above

    def join(self, one: Hashable, other: Hashable) -> None:
        """Make one set of two."""
        self._above[self.of(other)] = self.of(one)
