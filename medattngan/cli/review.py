"""`medattngan review …`: make, serve, close and judge a blinded reader study. Imports nothing heavy before it runs."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from medattngan.cli import parse
from medattngan.cli.say import say
from medattngan.cli.types import GreyRangeOption, OutOption, SamplesArgument
from medattngan.core.addresses import redacted, why_unfit
from medattngan.core.files import UserError
from medattngan.review.qr import require_segno, show_code

StudyArgument = Annotated[Path, typer.Argument(help="A study, as made by review create.")]
UrlOption = Annotated[str, typer.Option(help="Address at which readers will reach the server.")]
QrOption = Annotated[
    str | None,
    typer.Option(help="QR codes of the links: 'terminal', or a new folder for one SVG a reader.", metavar="WHERE"),
]


def create(
    samples: SamplesArgument,
    data: Annotated[Path, typer.Option("--data", help="The slice store that the real slices come from.")],
    out: OutOption,
    count: Annotated[int, typer.Option("--count", "-n", help="Number of real and of synthetic slices, each.")],
    split: Annotated[str, typer.Option(help="Split that the real slices are taken from.")] = "test",
    protocol: Annotated[
        Path | None, typer.Option(help="YAML with instructions and questions; if omitted, a default protocol.")
    ] = None,
    references: Annotated[int, typer.Option(help="Real training slices shown as examples.")] = 0,
    readers: Annotated[int, typer.Option(help="Number of readers; each gets a personal link.")] = 1,
    seed: Annotated[
        int | None, typer.Option(help="Random seed of the choice and order of cases; secret by default.")
    ] = None,
    value_range: GreyRangeOption = None,
    harmonise: Annotated[
        bool,
        typer.Option("--harmonise", help="Give real and synthetic slices one noise floor, sharpness and grey scale."),
    ] = False,
    letters: Annotated[
        str, typer.Option(help="Slices of either kind that show letters: leave-out or keep.")
    ] = "leave-out",
    pairs: Annotated[
        bool,
        typer.Option("--pairs", help="Show each synthetic slice beside a real one, and ask which is synthetic."),
    ] = False,
    depth: Annotated[int, typer.Option(help="Slices of a case, to scroll through: neighbours of one series.")] = 1,
    url: UrlOption = "http://127.0.0.1:8765",
    qr: QrOption = None,
) -> None:
    """Choose and blind the cases, and print one personal link per reader, shown only once."""
    from medattngan.review.create import create_study
    from medattngan.review.look import told_by
    from medattngan.review.tells import sentence

    _require_plain(url)
    require_segno(qr, new=True)
    tokens = create_study(
        samples, data, out, count=count, split=split, protocol=protocol, references=references, readers=readers,
        seed=seed, value_range=parse.pair(value_range, "--range"), harmonise=harmonise, letters=letters,
        pairs=pairs, depth=depth,
    )  # fmt: skip
    typer.echo(sentence(told_by(out)), err=True)
    for reader, token in enumerate(tokens, start=1):
        _tell(f"reader-{reader}", _link(url, token), qr)
    typer.echo(out)


def serve(
    study: StudyArgument,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535)] = 8765,
    expose: Annotated[
        bool, typer.Option("--expose", help="Accept connections from other machines; needs TLS.")
    ] = False,
    tls_cert: Annotated[Path | None, typer.Option(help="Certificate chain, PEM.")] = None,
    tls_key: Annotated[Path | None, typer.Option(help="Its private key, PEM.")] = None,
    name: Annotated[
        list[str] | None, typer.Option(help="Host name by which readers reach the server; repeatable.")
    ] = None,
    interim: Annotated[
        bool,
        typer.Option("--interim", help="Show the owner the findings before the study is closed; the study notes it."),
    ] = False,
) -> None:
    """Serve the reading page, and a page for the study's owner, until Ctrl+C."""
    for package in ("starlette", "uvicorn"):
        if importlib.util.find_spec(package) is None:
            raise UserError(f"review serve needs {package}; install it with: pip install 'medattngan[review]'")
    from medattngan.review.serve import serve_study

    serve_study(
        study, host=host, port=port, expose=expose, tls_cert=tls_cert, tls_key=tls_key, names=name or (),
        interim=interim,
    )  # fmt: skip


def status(study: StudyArgument) -> None:
    """Show how far each reader is, without revealing any answers."""
    from medattngan.review.database import Database
    from medattngan.review.study import Study

    opened = Study.open(study)
    database = Database(opened.database)
    try:
        for reader in database.readers():
            typer.echo(f"reader-{reader}  {len(database.progress(reader)[0])} of {opened.facts['count']}")
        closed_at, looked_at = database.closed_at(), database.looked_at()
    finally:
        database.close()
    if looked_at:
        typer.echo(f"findings were looked at before the end, first at {looked_at}")
    typer.echo(f"closed at {closed_at}" if closed_at else "open")


def link(
    study: StudyArgument,
    reader: Annotated[int, typer.Option(help="The reader's number.")],
    url: UrlOption = "http://127.0.0.1:8765",
    qr: QrOption = None,
) -> None:
    """Replace a reader's lost link; the old link stops working, the answers are kept."""
    from medattngan.review.database import Database
    from medattngan.review.study import Study

    _require_plain(url)
    require_segno(qr)
    database = Database(Study.open(study).database)
    try:
        token = database.replace_link(reader)
    finally:
        database.close()
    _tell(f"reader-{reader}", _link(url, token), qr)


def close(
    study: StudyArgument,
    incomplete: Annotated[bool, typer.Option("--incomplete", help="Close even if cases are unread.")] = False,
) -> None:
    """Stop taking answers, unblind the study, write reads.csv, and say what the readers found."""
    from medattngan.review.analyse import analyse_study
    from medattngan.review.close import close_study, load_reads

    written = close_study(study, incomplete=incomplete)
    if load_reads(study).empty:
        say("No case was read.")
    else:
        _tell_findings(analyse_study(study))
    typer.echo(written)


def stats(
    study: StudyArgument,
    out: OutOption,
    seed: Annotated[int, typer.Option(help="Random seed of bootstrap and permutations.")] = 0,
) -> None:
    """Analyse whether readers could tell real from synthetic, with confidence intervals; only after closing."""
    from medattngan.review.analyse import analyse_study
    from medattngan.review.look import told_by
    from medattngan.review.tells import sentence

    found = analyse_study(study, out, seed=seed)
    typer.echo(sentence(told_by(study)), err=True)
    _tell_findings(found)
    typer.echo(out)


def _tell_findings(found: Mapping[str, Any]) -> None:
    for line in (*found["findings"], *found["notes"]):
        say(line)


def plan(
    accuracy_excluded: Annotated[
        float, typer.Option(help="Accuracy to rule out: that readers are right in this fraction of reads or more.")
    ] = 0.6,
    power: Annotated[
        float, typer.Option(help="Statistical power: probability that a study of this size succeeds.")
    ] = 0.8,
    alpha: Annotated[float, typer.Option(help="Significance level of the tests.")] = 0.05,
    readers: Annotated[int, typer.Option(help="Number of readers.")] = 3,
    reader_sd: Annotated[float, typer.Option(help="Standard deviation of true accuracy between readers.")] = 0.03,
    correlation: Annotated[
        float, typer.Option(help="Correlation between two readers' being right on the same case.")
    ] = 0.1,
    these_readers_only: Annotated[
        bool,
        typer.Option("--these-readers-only", help="Treat readers as fixed: draw no conclusions about other readers."),
    ] = False,
) -> None:
    """Calculate how many cases and readers a study needs."""
    from medattngan.review.statistics import plan_study

    planned = plan_study(
        accuracy_excluded, power, alpha, readers, reader_sd, correlation, these_readers_only=these_readers_only
    )
    say(planned.text)


def _require_plain(url: str) -> None:
    """Refuse what cannot begin a link, before anything is made; it is not shown, since it may hold a secret."""
    if why := why_unfit(url):
        raise UserError(f"--url {redacted(url)} {why}; write it as https://HOST:PORT.")


def _tell(reader: str, link: str, qr: str | None) -> None:
    """Print a reader's link, and its QR code where that is wanted."""
    typer.echo(f"{reader}  {link}")
    if qr is not None:
        show_code(reader, link, qr)


def _link(url: str, token: str) -> str:
    return f"{url.rstrip('/')}/r/{token}"
