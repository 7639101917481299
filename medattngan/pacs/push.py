"""`push`: check every file, open the journal, ask the server what it has, send the rest."""

from __future__ import annotations

import ssl
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from medattngan.core.addresses import why_unfit
from medattngan.core.files import UserError
from medattngan.core.terminal import terminal
from medattngan.pacs.credentials import Credentials, read_credentials
from medattngan.pacs.deliver import Delivery, Server
from medattngan.pacs.instances import Instance, look_through, require_as_exported, require_marks
from medattngan.pacs.journal import Journal
from medattngan.pacs.letters import require_no_letters
from medattngan.pacs.outcomes import DONE, UNSURE
from medattngan.pacs.retry import Retry

CALLING_AET = "MEDATTNGAN"
AET_MAX = 16


@dataclass(frozen=True)
class PushReport:
    """What became of the instances of a folder, over all pushes of its journal.

    Args:
        journal: the CSV with every instance's outcome.
        outcomes: the last state of each instance, by its file's name; the empty text where it was never sent.
        not_dicom: names of files that are not DICOM and were not sent.
        copies: names of files that are byte for byte another one.
        stopped: why the push ended before the last instance, or empty.
    """

    journal: Path
    outcomes: dict[str, str]
    not_dicom: tuple[str, ...]
    copies: tuple[str, ...]
    stopped: str

    @property
    def ok(self) -> bool:
        """Whether the server has every instance."""
        return all(state in DONE for state in self.outcomes.values())

    def count(self, *states: str) -> int:
        """How many instances are in one of `states`."""
        return sum(state in states for state in self.outcomes.values())

    def sentence(self) -> str:
        """The outcome in words."""
        counts = Counter(self.outcomes.values())
        parts = [f"{counts[state]} {words}" for state, words in _WORDS.items() if counts[state]]
        unsure = sum(counts[state] for state in UNSURE)
        parts += [f"{unsure} of unknown outcome"] if unsure else []
        text = f"{len(self.outcomes)} instances: {', '.join(parts)}"
        if self.ok:
            return f"{text}."
        stopped = f"; stopped because {self.stopped}" if self.stopped else ""
        cure = "run the same command to resume"
        if unsure:
            cure += "; it asks first for those of unknown outcome, or sends them with --resend-unknown"
        return f"{text}{stopped}; {self.journal} has the reasons, and {cure}."


_WORDS = {"stored": "stored", "present": "already there", "refused": "refused", "failed": "failed", "": "not sent"}


def push(
    folder: str | Path,
    *,
    url: str | None = None,
    dimse: str | None = None,
    called_aet: str | None = None,
    calling_aet: str = CALLING_AET,
    out: str | Path | None = None,
    credentials: Credentials | str | Path | None = None,
    ca: str | Path | None = None,
    tls: bool = False,
    plain_http: bool = False,
    allow_unmarked: str | None = None,
    allow_letters: str | None = None,
    resend_unknown: bool = False,
    batch_instances: int = 50,
    batch_bytes: int = 32 << 20,
    retry: Retry | None = None,
    progress: bool = True,
) -> PushReport:
    """Send the DICOM files under `folder` to a server, each once, and write down what became of each.

    Nothing is sent before every file was read and checked. Called again with the same journal, it goes on:
    what is stored is not sent again, and what may be stored is asked for first.

    Args:
        folder: as `export` writes it; other files than DICOM are left out and listed.
        url: root of a DICOMweb server (STOW-RS).
        dimse: `HOST:PORT` of a storage service class provider (C-STORE), in place of `url`.
        called_aet: its application entity title.
        calling_aet: ours.
        out: the journal; `FOLDER.push.csv` beside the folder by default.
        credentials: for `url`; or a file that holds them; the environment by default, see `read_credentials`.
        ca: certificates to trust in place of the usual ones, PEM.
        tls: encrypt `dimse`; `url` says so itself.
        plain_http: let http:// leave this machine.
        allow_unmarked: the reason why files that do not say SYNTHETIC are sent all the same. It is written into
            the journal. Without a reason, one such file keeps all from being sent.
        allow_letters: the same for files whose pixels show what looks like letters and whose header does not say so.
        resend_unknown: send again what may have been stored, where the server cannot be asked.
        batch_instances: in one STOW-RS request at most.
        batch_bytes: in one STOW-RS request at most, but for a file that is larger by itself.
        retry: when to try again.
        progress: show a bar.

    Raises:
        UserError: an option is not possible, a file is not fit to be sent, or the server does not want us.
    """
    folder = Path(folder)
    if batch_instances < 1 or batch_bytes < 1:
        raise UserError(f"batches of {batch_instances} instances and {batch_bytes} bytes hold nothing; give 1 or more.")
    if not isinstance(credentials, Credentials):
        credentials = read_credentials(None if credentials is None else Path(credentials))
    found = look_through(folder)
    require_marks(found.instances, allow_unmarked)
    require_no_letters(found.instances, allow_letters)
    path = journal_path(folder, None if out is None else Path(out))
    ca = None if ca is None else Path(ca)
    if (url is None) == (dimse is None):
        raise UserError("give --url URL or --dimse HOST:PORT, and one of them only.")
    server: Server
    if url is not None:
        server = _stow(url, credentials, ca, plain_http)
    else:
        server = _dimse(str(dimse), called_aet, calling_aet, found.instances, ca, tls)
        batch_instances = 1  # so that each C-STORE has its own `sending`
    try:
        with Journal.open(path, server.name) as journal, _bar(len(found.instances), progress) as bar:
            _require_unchanged(journal, found.instances)
            require_as_exported(folder)
            journal.note("push", server.name)
            if allow_unmarked is not None:
                journal.note("allow-unmarked", allow_unmarked)
            if allow_letters is not None:
                journal.note("allow-letters", allow_letters)
            journal.note("not-dicom", files=found.not_dicom)
            journal.note("copy", files=found.copies)
            delivery = Delivery(server, journal, retry or Retry(), resend_unknown, bar)
            delivery.survey(found.instances)
            if stopped := delivery.run(found.instances, batch_instances, batch_bytes):
                journal.note("stopped", stopped)
            else:
                delivery.confirm()
            outcomes = {one.name: journal.state(one) for one in found.instances}
    finally:
        server.close()
    return PushReport(path, outcomes, found.not_dicom, found.copies, stopped)


def journal_path(folder: Path, out: Path | None) -> Path:
    """Where the journal lies: never in the folder that it is about.

    Raises:
        UserError: `out` lies in it.
    """
    folder = folder.resolve()
    path = folder.with_name(f"{folder.name}.push.csv") if out is None else out
    if path.resolve().is_relative_to(folder):
        raise UserError(f"--out {path} lies in the folder that is pushed; put the journal beside it.")
    return path


def _stow(url: str, credentials: Credentials, ca: Path | None, plain_http: bool) -> Server:
    from medattngan.pacs.stow import StowServer

    if ca is not None:
        tls_context(ca)
    return StowServer(url, credentials, ca, plain_http)


def _dimse(
    address: str, called: str | None, calling: str, instances: tuple[Instance, ...], ca: Path | None, tls: bool
) -> Server:
    from medattngan.pacs.dimse import DimseServer

    host, _, port = address.rpartition(":")
    if why_unfit(f"http://{address}/") or "/" in address or not port.isdecimal() or not 0 < int(port) < 65536:
        raise UserError("--dimse is not HOST:PORT, such as pacs.example.org:11112.")  # not shown: it may hold a secret
    if called is None:
        raise UserError("--dimse needs --aet, the application entity title of the server.")
    for option, title in (("--aet", called), ("--calling-aet", calling)):
        if not (title.strip() and title.isascii() and title.isprintable()) or len(title) > AET_MAX or "\\" in title:
            raise UserError(f"{option} {title!r} is no application entity title: 1 to {AET_MAX} ASCII characters.")
    context = tls_context(ca) if tls or ca is not None else None
    kinds = sorted({(one.sop_class_uid, one.transfer_syntax_uid) for one in instances})
    return DimseServer(host.strip("[]"), int(port), called, calling, kinds, context)


def tls_context(ca: Path | None) -> ssl.SSLContext:
    """TLS 1.2 or later that verifies the server's certificate and name (PS3.15 B.9, BCP 195).

    Raises:
        UserError: `ca` holds no certificate.
    """
    try:
        context = ssl.create_default_context(cafile=None if ca is None else str(ca))
    except (OSError, ValueError):
        raise UserError(f"--ca {ca} contains no readable PEM certificate; give your authority's.") from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _require_unchanged(journal: Journal, instances: tuple[Instance, ...]) -> None:
    """Refuse to go on where a file that is, or may be, on the server is not the same any more."""
    for one in instances:
        if journal.state(one) in (*DONE, *UNSURE) and journal.known[one.sop_instance_uid] != one.sha256:
            raise UserError(
                f"{one.name} has changed since it was sent, but not its SOP Instance UID; "
                "a server would keep the old one, so give it a new UID."
            )


@contextmanager
def _bar(total: int, wanted: bool) -> Iterator[Callable[[int], None]]:
    """A bar on standard error; what advances it."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=terminal(), disable=not wanted) as bar:
        task = bar.add_task("Sending", total=total)
        yield lambda count: bar.update(task, advance=count)
