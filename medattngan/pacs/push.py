"""`push`: check every file, open the journal, ask the server what it has, send the rest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from medattngan.core.files import UserError
from medattngan.core.progress import watching
from medattngan.core.text import counted
from medattngan.pacs.credentials import Credentials, read_credentials
from medattngan.pacs.deliver import Delivery
from medattngan.pacs.instances import FolderContents, Instance, look_through, require_as_exported, require_marks
from medattngan.pacs.journal import Journal
from medattngan.pacs.letters import require_no_letters
from medattngan.pacs.outcomes import DONE, UNSURE
from medattngan.pacs.retry import Retry
from medattngan.pacs.servers import Asked, open_server

CALLING_AET = "MEDATTNGAN"


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
        text = f"{counted(len(self.outcomes), 'instances')}: {', '.join(parts)}"
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

    Nothing is sent before all was read and checked. With the same journal it goes on, and asks for what may be stored.

    Args:
        folder: as `export` writes it; other files than DICOM are left out and listed.
        url: root of a DICOMweb server (STOW-RS).
        dimse: `HOST:PORT` of a storage service class provider (C-STORE), in place of `url`.
        called_aet, calling_aet: its application entity title, and ours.
        out: the journal; `FOLDER.push.csv` beside the folder by default.
        credentials: for `url`; or a file that holds them; the environment by default, see `read_credentials`.
        ca, tls: certificates to trust in place of the usual ones, PEM; encrypt `dimse`, as `url` says itself.
        plain_http: let http:// leave this machine.
        allow_unmarked: the reason why files that do not say SYNTHETIC are sent all the same. It is written into
            the journal. Without a reason, one such file keeps all from being sent.
        allow_letters: the same for files whose pixels show what looks like letters and whose header does not say so.
        resend_unknown: send again what may have been stored, where the server cannot be asked.
        batch_instances, batch_bytes: in one STOW-RS request at most, but for a file that is larger by itself.
        retry: when to try again.
        progress: show on the terminal (stderr) how far it is.

    Raises:
        UserError: an option is not possible, a file is not fit to be sent, or the server does not want us.
    """
    folder = Path(folder)
    _require_batches(batch_instances, batch_bytes)
    known = _credentials(credentials)
    reasons = {"allow-unmarked": allow_unmarked, "allow-letters": allow_letters}
    found = _fit_to_send(folder, reasons)
    path = journal_path(folder, None if out is None else Path(out))
    asked = Asked(url, dimse, called_aet, calling_aet, None if ca is None else Path(ca), tls, plain_http)
    server = open_server(asked, known, found.instances)
    with closing(server), Journal.open(path, server.name) as journal, watching(progress) as watch:
        _begin(journal, server.name, folder, found, reasons)
        advance = watch("sending instances", len(found.instances))
        delivery = Delivery(server, journal, retry or Retry(), resend_unknown, advance)
        stopped = delivery.all_of(found.instances, batch_instances if url else 1, batch_bytes)
        outcomes = {one.name: journal.state(one) for one in found.instances}
    return PushReport(path, outcomes, found.not_dicom, found.copies, stopped)


def _credentials(given: Credentials | str | Path | None) -> Credentials:
    return given if isinstance(given, Credentials) else read_credentials(None if given is None else Path(given))


def _fit_to_send(folder: Path, reasons: Mapping[str, str | None]) -> FolderContents:
    """All that lies in the folder, once every instance says that it is synthetic, or a reason was given why not."""
    found = look_through(folder)
    require_marks(found.instances, reasons["allow-unmarked"])
    require_no_letters(found.instances, reasons["allow-letters"])
    return found


def _require_batches(instances: int, size: int) -> None:
    if instances < 1 or size < 1:
        raise UserError(f"batches of {instances} instances and {size} bytes hold nothing; give 1 or more.")


def _begin(
    journal: Journal, server: str, folder: Path, found: FolderContents, reasons: Mapping[str, str | None]
) -> None:
    """Hold the files against the journal and the seal, and write down what the journal says of a push as a whole."""
    _require_unchanged(journal, found.instances)
    require_as_exported(folder, found.instances)
    journal.note("push", server)
    for name, reason in reasons.items():
        if reason is not None:
            journal.note(name, reason)
    journal.note("not-dicom", files=found.not_dicom)
    journal.note("copy", files=found.copies)


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


def _require_unchanged(journal: Journal, instances: tuple[Instance, ...]) -> None:
    """Refuse to go on where a file that is, or may be, on the server is not the same any more."""
    for one in instances:
        if journal.state(one) in (*DONE, *UNSURE) and journal.known[one.sop_instance_uid] != one.sha256:
            raise UserError(
                f"{one.name} has changed since it was sent, but not its SOP Instance UID; "
                "a server would keep the old one, so give it a new UID."
            )
