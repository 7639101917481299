"""The tables of `benchmark_training.py` as they are printed."""

from __future__ import annotations

from cells import SCORE
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from training_speed import Result, device

AIM = 1.0
"""Seconds per thousand images at 128 px on one GPU of today, at most."""


def print_tables(speed: list[Result], quality: list[Result]) -> None:
    """Both tables, and below them why what failed did."""
    title = f"{device()['name']}; the aim is {AIM:g} s a thousand images at 128 px"
    head = ["px", "batch", "precision", "compile", "images/s", "s/kimg", "x StyleGAN2-ADA, V100", "peak MB", "start s"]
    timed = Table(*head, "reading alone, images/s", title=title)
    for one in speed:
        row = [str(one["size"]), str(one["batch_size"]), one["precision"], "on" if one["compiled"] else "off"]
        if "failed" in one:
            timed.add_row(*row, "failed")
            continue
        times = one["times_stylegan2_ada"]
        row += [f"{one['images_per_second']:.1f}", f"{one['seconds_per_kimg']:.2f}", f"{times:.2f}" if times else ""]
        row += [f"{one['peak_mb']:.0f}", f"{one['start_seconds']:.0f}", f"{one['reading_images_per_second']:.0f}"]
        timed.add_row(*row)
    learned = Table("px", "combination", "minutes", "kimg", escape(SCORE), "floor", "grid", title="Quality")
    for one in quality:
        row = [str(one["size"]), one["name"]]
        if "failed" in one:
            learned.add_row(*row, "failed")
            continue
        score = one["scores"].get(SCORE)
        row += [f"{one['minutes']:.1f}", f"{one['kimg']:.1f}"]
        row += [f"{score['value']:.1f}", f"{score['floor']:.1f}"] if score else ["not measured", ""]
        learned.add_row(*row, one["grid_file"])
    console = Console()
    console.width = max(console.width, 140)  # a log has no width, and 80 would cut the figures
    console.print(timed)
    if quality:
        console.print(learned)
    for one in [*speed, *quality]:
        if "failed" in one:
            console.print(f"failed: {one['name']}: {escape(one['failed'])}", soft_wrap=True)
