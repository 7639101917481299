"""What a training loses on a machine that does something else too, by how its threads wait, and by how many they are.

    python scripts/benchmark_busy.py --data STORE --out FILE.json

    GNU's own     GOMP_SPINCOUNT=300000: what OpenMP does by itself, and a training that begins on a quiet machine
    passive       OMP_WAIT_POLICY=passive: a waiting thread sleeps at once; a training that begins on a busy machine
                  (medattngan/core/openmp.py)
    one thread    OMP_NUM_THREADS=1

and one row for each `--spin`, a number of turns. Each trains the default in a process of its own; they take turns,
first on the machine as it is, then beside `--loops` busy processes that this script starts and stops. A ratio is the
median, over the turns, of the seconds that the best policy of the quiet machine took over this one's: `quiet` 0.95
loses 5 % to it, `busy` 0.5 takes twice as long.
"""

from __future__ import annotations

import contextlib
import os
import signal
import statistics
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer
from benchmark_trees import play, start

from medattngan.core.files import write_json
from medattngan.core.openmp import COUNTING, WAITING
from medattngan.core.provenance import provenance

TREE = Path(__file__).parents[1]
Row = dict[str, Any]


def policies(spins: list[int]) -> dict[str, dict[str, str]]:
    """Settings of OpenMP by the name of their row."""
    own = {f"spin {turns}": {"GOMP_SPINCOUNT": str(turns)} for turns in spins}
    return {
        "GNU's own": {"GOMP_SPINCOUNT": "300000"},
        "passive": {"OMP_WAIT_POLICY": "passive"},
        "one thread": {"OMP_NUM_THREADS": "1"},
        **own,
    }


@contextlib.contextmanager
def neighbours(loops: int) -> Iterator[None]:
    """So many processes that never rest, while this lasts."""
    started = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(loops)]
    try:
        yield
    finally:
        for one in started:
            one.kill()
            one.wait()


def measure(data: Path, named: dict[str, dict[str, str]], loops: int, turns: int, rounds: int) -> list[Row]:
    """Every policy in turn, quiet and busy in turn, after one turn that does not count."""
    clean = {name: value for name, value in os.environ.items() if name not in (*WAITING, *COUNTING)}
    players = {name: start(TREE, data, {**clean, **settings}) for name, settings in named.items()}
    seconds: dict[str, dict[str, list[float]]] = {name: {"quiet": [], "busy": []} for name in named}
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # or what was started here would outlive it
    try:
        for turn in range(-1, turns):
            print(f"turn {turn + 1} of {turns}", file=sys.stderr, flush=True)
            for when, count in (("quiet", 0), ("busy", loops)):
                with neighbours(count):
                    # Each policy begins a turn in its turn: the machine may slow down over a turn.
                    for name in sorted(named, key=lambda one: (list(named).index(one) + turn) % len(named)):
                        took = play(players[name], rounds)["seconds"]
                        if turn >= 0:
                            seconds[name][when].append(took)
    finally:
        for player in players.values():
            player.send_signal(signal.SIGKILL)
            player.wait()
    return rows_of(named, seconds, rounds)


def rows_of(
    named: dict[str, dict[str, str]], seconds: dict[str, dict[str, list[float]]], rounds: int, batch: int = 8
) -> list[Row]:
    """A row a policy, each ratio against the policy that is fastest on the quiet machine."""
    best = min(named, key=lambda name: statistics.median(seconds[name]["quiet"]))
    rows = []
    for name, settings in named.items():
        row: Row = {"policy": name, "settings": settings}
        for when, took in seconds[name].items():
            row[f"{when}_images_per_second"] = batch * rounds / statistics.median(took)
            ratios = [one / own for one, own in zip(seconds[best]["quiet"], took, strict=True)]
            row[when], row[f"{when}_quartiles"] = statistics.median(ratios), statistics.quantiles(ratios, n=4)[::2]
        rows.append(row)
    return rows


def main(
    data: Annotated[Path, typer.Option(help="A store; its size is that of the images.")],
    loops: Annotated[int, typer.Option(help="Busy processes beside the training.")] = 1,
    turns: Annotated[int, typer.Option(help="How often each policy plays, quiet and busy.")] = 9,
    rounds: Annotated[int, typer.Option(help="A turn; one in 4 takes the penalties.")] = 16,
    spin: Annotated[list[int] | None, typer.Option(help="Also measure so many turns of waiting.")] = None,
    out: Annotated[Path | None, typer.Option(help="The table as JSON.")] = None,
) -> None:
    """Print the table and write it."""
    rows = measure(data, policies(spin or []), loops, turns, rounds)
    print(f"{'':12} quiet: images/s, ratio (quartiles)   beside {loops} busy: images/s, ratio (quartiles)")
    for row in rows:
        parts = [
            f"{row[f'{when}_images_per_second']:7.1f}  {row[when]:.2f} "
            f"({row[f'{when}_quartiles'][0]:.2f} to {row[f'{when}_quartiles'][1]:.2f})"
            for when in ("quiet", "busy")
        ]
        print(f"{row['policy']:12} {parts[0]:36} {parts[1]}")
    if out is not None:
        told = {"loops": loops, "turns": turns, "rounds": rounds, "cores": os.cpu_count()}
        write_json(out, {**told, "rows": rows, "provenance": provenance(0)})


if __name__ == "__main__":
    typer.run(main)
