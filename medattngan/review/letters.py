"""No letters on either side: an R on real slices alone unblinds a study."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from medattngan.core.types import Codes
from medattngan.scans.text.letters import rows_with_letters


def without_letters(
    choose: Callable[[frozenset[int]], list[int]], codes: Callable[[list[int]], Sequence[Codes]], depth: int = 1
) -> tuple[list[int], int]:
    """Rows that show none, and how many were passed over.

    Where nothing shows letters, the rows are those that `choose` gives when nothing is left out.

    Args:
        choose: rows, without those given.
        codes: of rows, (H, W) uint16 each; `depth` of them a row.
        depth: slices of a row, none of which may show letters.

    Raises:
        UserError: `choose` has too few left.
    """
    passed: frozenset[int] = frozenset()
    seen: set[int] = set()
    while True:
        rows = choose(passed)
        new = [row for row in rows if row not in seen]
        seen |= set(new)
        stack = np.stack(codes(new)) if new else np.zeros((0, 8, 8), np.uint16)
        lettered = rows_with_letters(stack, range(len(stack)))
        if not lettered:
            return rows, len(passed)
        passed |= {new[at // depth] for at in lettered}
