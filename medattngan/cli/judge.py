"""How good and how safe the slices are: evaluate, audit, utility, report."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from medattngan.cli import parse
from medattngan.cli.say import say
from medattngan.cli.types import (
    ConfigArgument,
    DataOption,
    GreyRangeOption,
    OutOption,
    SamplesArgument,
    SettingsOption,
    TaskOption,
)
from medattngan.core.files import UserError, read_json


def evaluate(
    samples: SamplesArgument,
    data: DataOption,
    out: OutOption,
    split: Annotated[str, typer.Option(help="Split of the real patients to compare with.")] = "test",
    extractor: Annotated[
        str,
        typer.Option(
            help="Feature extractor: efficientnet-lite0; inception (needs the extra and --weights); the folder of an "
            "encoder; or the path of a TorchScript or ONNX file, PATH@SIZE if its input is not 224 px. TorchScript "
            "is code: load only files you trust."
        ),
    ] = "efficientnet-lite0",
    weights: Annotated[
        Path | None, typer.Option(help="Weights file, for an extractor that has none of its own.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Random seed of subsets and bootstrap.")] = 0,
    limit: Annotated[
        int | None, typer.Option(help="Use at most this many real and this many synthetic slices.")
    ] = None,
    value_range: GreyRangeOption = None,
    workers: Annotated[
        int | None,
        typer.Option(help="Number of processes that extract features, of one thread each; by default this one alone."),
    ] = None,
    cluster: Annotated[
        str | None, typer.Option(help="Dask scheduler, tcp://HOST:8786, whose workers extract features instead.")
    ] = None,
    task: Annotated[
        str | None,
        typer.Option(
            parser=parse.one_of(["segmentation", "volumes"]),
            metavar="segmentation|volumes",
            help="Judge pairs of slice and mask by a segmenter, or whether the slices of volumes belong together.",
        ),
    ] = None,
    steps: Annotated[
        int | None, typer.Option(min=1, help="Of --task segmentation: training steps of the segmenter (1500).")
    ] = None,
    text: Annotated[
        bool, typer.Option("--text", help="Also measure whether slices of a run with captions show what is said.")
    ] = False,
) -> None:
    """Score synthetic slices against real patients."""
    from medattngan.data.store import SliceStore

    none = {"--range": value_range, "--workers": workers, "--cluster": cluster, "--text": text or None}
    if task == "volumes":
        from medattngan.stages.evaluate.volumes import evaluate_volumes

        _refuse("--task volumes", {**none, "--limit": limit, "--steps": steps})
        found = evaluate_volumes(samples, data, out, split=split, extractor=extractor, weights=weights, seed=seed)
        for line in volume_lines(found):
            say(line)
    elif task is not None:
        from medattngan.stages.evaluate.pairs import STEPS, evaluate_pairs

        _refuse("--task segmentation", {**none, "--weights": weights})
        store, own = SliceStore.open(data), steps or STEPS
        say(pairs_line(evaluate_pairs(samples, store, out, split=split, steps=own, seed=seed, limit=limit)))
    else:
        _refuse("an evaluation without --task", {"--steps": steps})
        from medattngan.stages.evaluate.evaluate import evaluate as run_evaluate

        run_evaluate(
            samples, SliceStore.open(data), out, split=split, extractor=extractor, weights=weights, seed=seed,
            limit=limit, value_range=parse.pair(value_range, "--range"), text=text, say=_tell, workers=workers,
            cluster=cluster,
        )  # fmt: skip
        _tell_written(out, text)
    typer.echo(out)


def _refuse(of: str, given: Mapping[str, object]) -> None:
    """Refuse options that would be passed over in silence."""
    if stray := [name for name, value in given.items() if value is not None]:
        raise UserError(f"{stray[0]} has no meaning for {of}; leave it out.")


def pairs_line(record: Mapping[str, Any]) -> str:
    """What an evaluation of pairs found, in one line."""
    made, real, ratio = record["samples"], record["ceiling"], record["quotient"]
    ends = "no interval of one patient" if ratio["ci95"] is None else "95 % {:.3f} to {:.3f}".format(*ratio["ci95"])
    floor = "all masks are the same" if record["floor"] is None else f"against other masks {record['floor']:.3f}"
    return (
        f"Dice {made['dice']:.3f} against the masks asked for; {real['dice']:.3f} on held-out patients; "
        f"quotient {ratio['value']:.3f} ({ends}); "
        f"{floor}"
    )


def volume_lines(record: Mapping[str, Any]) -> list[str]:
    """What an evaluation of volumes found, a line each."""
    lines = [
        f"SSIM of slices {distance:6} apart    {one['fake']['value']:.3f}   real {one['real']['value']:.3f}   "
        f"other real patients {one['other']['value']:.3f}"
        for distance, one in record["likeness"].items()
        if "fake" in one
    ]
    scores = {name: one for name, one in record.items() if name.startswith("fd_") or name == "power_gap"}
    return lines + [f"{name:32} {one['value']:>8.4g}   real {one['floor']:.4g}" for name, one in scores.items()]


def _tell(scores: Mapping[str, Mapping[str, Any]]) -> None:
    for sentence in dict.fromkeys(told for entry in scores.values() for told in entry.get("warnings", [])):
        say(f"note: {sentence}", err=True)
    for name, entry in scores.items():
        say(_score_line(name, entry))
        if found := entry.get("worst_stratum"):
            say(_score_line(f"  worst: {found['by']} {found['stratum']}", found))


def _tell_written(out: Path, text: bool) -> None:
    """Beside the scores: label by label, where in the volume slices lie, the text, and what was not measured."""
    from medattngan.stages.evaluate.by_label import lines
    from medattngan.stages.evaluate.evaluate import POSITIONS

    for line in lines(read_json(out / "scores.json")):
        say(line)
    if (out / POSITIONS).is_file():
        found = read_json(out / POSITIONS)
        low, high = found["ci95"]
        told = f"{found['coverage']:>10.4g}   95 % {low:.4g} to {high:.4g}   real {found['floor']:.4g}"
        say(f"{'coverage of slice positions':32} {told}")
    if text:
        _tell_text(read_json(out / "text.json"))
    for name, reason in read_json(out / "provenance.json")["left_out"].items():
        say(f"{name} not measured: {reason}", err=True)


def _tell_text(scores: Mapping[str, Any]) -> None:
    for name, entry in scores.items():
        if "[" in name:
            low, high = entry["ci95"]
            against = f"real {entry['real']['value']:.3f}   chance {entry['chance']:g}"
            say(f"{name:44} {entry['value']:.3f}   95 % {low:.3f} to {high:.3f}   {against}")


def _score_line(name: str, entry: Mapping[str, Any]) -> str:
    low, high = entry["ci95"]
    return f"{name:32} {entry['value']:>10.4g}   95 % {low:.4g} to {high:.4g}   real {entry['floor']:.4g}"


def audit(
    samples: SamplesArgument,
    data: DataOption,
    out: OutOption,
    run: Annotated[Path | None, typer.Option(help="The run; tests its discriminator for membership inference.")] = None,
    encoder: Annotated[
        Path | None, typer.Option(help="Encoder made by medattngan encoder; if omitted, one is trained.")
    ] = None,
    calibrate: Annotated[str, typer.Option(help="Held-out split that sets the threshold: val or test.")] = "val",
    false_positives: Annotated[
        float, typer.Option(help="False-positive rate: fraction of held-out real slices that may be flagged.")
    ] = 0.01,
    planted: Annotated[
        int, typer.Option(help="Positive control: number of planted copies of each kind, which the audit should find.")
    ] = 400,
    limit: Annotated[int, typer.Option(help="Use at most this many slices of each held-out split.")] = 4000,
    seed: Annotated[int, typer.Option(help="Random seed.")] = 0,
    value_range: GreyRangeOption = None,
    workers: Annotated[
        int | None,
        typer.Option(
            help="Number of processes that search, of one thread each, every one with the training slices in its "
            "memory; by default this one alone."
        ),
    ] = None,
) -> None:
    """Look for copies of training patients among synthetic slices."""
    from medattngan.stages.audit.audit import audit as run_audit
    from medattngan.stages.audit.sentences import summary

    report = run_audit(
        samples, data, out, run=run, encoder=encoder, split=calibrate, false_positives=false_positives,
        planted=planted, limit=limit, seed=seed, value_range=parse.pair(value_range, "--range"), workers=workers,
    )  # fmt: skip
    for note in report["notes"]:
        say(f"note: {note}", err=True)
    for sentence in summary(report):
        say(sentence)
    typer.echo(out)


def utility(
    config: ConfigArgument,
    data: DataOption,
    out: Annotated[Path, typer.Option("--out", "-o", help="Where to write; resumes if the folder exists.")],
    settings: SettingsOption = None,
    per_class: Annotated[str | None, typer.Option(help="Numbers of real images per class (10,25,50).")] = None,
    seeds: Annotated[int, typer.Option(help="Number of random draws of the real images, each with its own GAN.")] = 5,
    amounts: Annotated[str | None, typer.Option(help="Numbers of synthetic images per real image (1,3,10).")] = None,
    pretrain_minutes: Annotated[
        float, typer.Option(help="Also start from a GAN pre-trained for this long on other patients, without labels.")
    ] = 0.0,
    task: TaskOption = None,
    patients: Annotated[
        str | None, typer.Option(help="Of --task segmentation: numbers of patients with masks (5,10,20).")
    ] = None,
    amount: Annotated[
        int | None,
        typer.Option(
            min=1, help="Synthetic pairs per real pair of --task segmentation (3), or slices with --end-to-end (10)."
        ),
    ] = None,
    steps: Annotated[
        int | None,
        typer.Option(
            min=1, help="Training steps of each segmenter (1000), or of each classifier with --end-to-end (400)."
        ),
    ] = None,
    end_to_end: Annotated[
        bool,
        typer.Option("--end-to-end", help="Train the classifier on the slices themselves, and choose by validation."),
    ] = False,
    test_data: Annotated[
        Path | None, typer.Option(help="With --end-to-end: test on this store's test patients instead.")
    ] = None,
) -> None:
    """Measure whether synthetic slices help a classifier, or synthetic pairs a segmenter, trained on few real ones.

    Each GAN trains for the train.minutes of the configuration.
    """
    from medattngan.core.config import Config

    asked = Config.load(config, settings or ())
    classes, pairs = parse.counts(per_class or "10,25,50", "--per-class"), {"--patients": patients}
    if task is not None:
        from medattngan.stages.utility.segmentation import segmentation_utility

        stray: dict[str, object] = {"--per-class": per_class, "--amounts": amounts, "--test-data": test_data}
        _refuse("--task segmentation", {**stray, "--end-to-end": end_to_end or None})
        segmentation_utility(
            asked, data, out, patients=parse.counts(patients or "5,10,20", "--patients"), seeds=seeds,
            amount=amount or 3, steps=steps or 1000, pretrain_minutes=pretrain_minutes, say=say,
        )  # fmt: skip
    elif end_to_end:
        from medattngan.stages.utility.end_to_end import end_to_end as run_end_to_end

        _refuse("--end-to-end", {**pairs, "--amounts": amounts})
        run_end_to_end(
            asked, data, out, test=test_data, seeds=seeds, steps=steps or 400, amount=amount or 10,
            per_class=classes, pretrain_minutes=pretrain_minutes,
        )  # fmt: skip
    else:
        from medattngan.stages.utility.utility import utility as run_utility

        only_there: dict[str, object] = {"--amount": amount, "--steps": steps, "--test-data": test_data}
        _refuse("a classifier on fixed features", {**pairs, **only_there})
        run_utility(
            asked, data, out, per_class=classes, seeds=seeds, amounts=parse.counts(amounts or "1,3,10", "--amounts"),
            pretrain_minutes=pretrain_minutes,
        )  # fmt: skip
    typer.echo(out)


def report(
    folders: Annotated[
        list[Path],
        typer.Argument(
            help="Folders of runs, samples, scores (of pairs too), audits, utility and reader statistics, in any order."
        ),
    ],
    data: DataOption,
    out: Annotated[Path, typer.Option("--out", "-o", help="The HTML file to write; must not exist yet.")],
    title: Annotated[str, typer.Option(help="Title of the page.")] = "Synthetic slices",
    card: Annotated[
        Path | None, typer.Option(help="YAML for the model card, with data, licence, intended_use, limits and contact.")
    ] = None,
) -> None:
    """Write one self-contained page about one or more runs."""
    from medattngan.stages.report.card import Card
    from medattngan.stages.report.report import report as run_report

    typer.echo(run_report(folders, data, out, title=title, card=None if card is None else Card.load(card)))
