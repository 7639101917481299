"""DIMSE: C-STORE (DICOM PS3.7 9.1.1, PS3.4 B) and C-FIND at image level (PS3.4 C.4.1) over one association."""

from __future__ import annotations

import io
import ssl
import time
from collections.abc import Sequence

import pydicom
from pydicom import Dataset
from pydicom.uid import UID, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from medattngan.core.files import UserError
from medattngan.pacs.bounded_association import Meter
from medattngan.pacs.instances import READ_ERRORS, Instance, reading_quietly
from medattngan.pacs.outcomes import CannotAsk, NoAnswer, Outcome, reason, refusal

try:
    from pynetdicom import AE
    from pynetdicom.association import Association
    from pynetdicom.events import EVT_CONN_OPEN
    from pynetdicom.pdu import A_ASSOCIATE_RJ
    from pynetdicom.sop_class import StudyRootQueryRetrieveInformationModelFind  # type: ignore[attr-defined]
    from pynetdicom.status import code_to_category
except ImportError as error:
    raise UserError("push --dimse needs pynetdicom: pip install 'medattngan[push]'.") from error

FIND = StudyRootQueryRetrieveInformationModelFind
CONTEXTS_MAX = 128
"""Presentation contexts in one association (PS3.8 9.3.2.2: odd numbers of one byte)."""
REJECTED_FOR_NOW = 2
SEARCH_S = 600.0
"""Seconds that all matches of a search may take together."""
SMALLEST_PDU = 512
"""Bytes that a peer must take at a time; 0 is no limit (PS3.8 D.1)."""


class DimseServer:
    """A storage service class provider, spoken to through one association that is made when needed.

    Args:
        host: its name or address.
        port: its port.
        called: its application entity title.
        calling: ours.
        kinds: (SOP class, transfer syntax) of all that will be sent.
        tls: how to encrypt, where at all.

    Raises:
        UserError: too many kinds for one association.
    """

    def __init__(
        self,
        host: str,
        port: int,
        called: str,
        calling: str,
        kinds: Sequence[tuple[str, str]],
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.name = f"dicom{'s' if tls else ''}://{host}:{port}/{called}"
        self._host, self._port, self._called, self._tls = host, port, called, tls
        self._entity = AE(ae_title=calling)
        self._entity.connection_timeout = 10
        self._entity.acse_timeout = 30
        self._entity.dimse_timeout = 120
        self._entity.network_timeout = 120
        for sop_class, syntax in _proposals(kinds):
            self._entity.add_requested_context(UID(sop_class), UID(syntax))
        self._entity.add_requested_context(FIND, [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
        self._association: Association | None = None
        self._meter = Meter()

    def close(self) -> None:
        """Release the association."""
        if self._association is not None and self._association.is_established:
            self._association.release()
        self._association = None

    def held(self, series: tuple[str, str]) -> set[str]:
        """SOP Instance UIDs that the server has of a (study, series).

        Raises:
            NoAnswer: it does not answer.
            CannotAsk: it does not do searches, or not for us.
        """
        association = self._associate()
        if not any(context.abstract_syntax == FIND for context in association.accepted_contexts):
            raise CannotAsk("the server does not offer C-FIND")
        query = Dataset()
        query.QueryRetrieveLevel = "IMAGE"
        query.StudyInstanceUID, query.SeriesInstanceUID = series
        query.SOPInstanceUID = ""
        self._meter.start()
        with reading_quietly():
            try:
                return self._matches(association, query)
            except (RuntimeError, ArithmeticError):  # the association went away a moment ago
                raise self._lost(taken=False) from None
            except READ_ERRORS:
                self._lost()
                raise CannotAsk("the server answers C-FIND with something that is damaged") from None

    def _matches(self, association: Association, query: Dataset) -> set[str]:
        """What the server finds.

        Raises:
            NoAnswer: the association broke.
            CannotAsk: it finds without an end, or answers with a failure.
        """
        found: set[str] = set()
        end = time.monotonic() + SEARCH_S
        for status, identifier in association.send_c_find(query, FIND):
            if "Status" not in status:
                lost = self._lost()
                raise CannotAsk("the server answers C-FIND without an end") if self._meter.spent else lost
            category = code_to_category(status.Status)
            if category == "Pending" and identifier is not None:
                found.add(str(identifier.get("SOPInstanceUID", "")))
            elif category != "Success":
                raise CannotAsk(f"the server answers C-FIND with {reason(status.Status)}")
            if time.monotonic() > end:
                self._lost()
                raise CannotAsk(f"the server finds more and more: {len(found)} instances, and no end")
        return found - {""}

    def store(self, batch: Sequence[tuple[Instance, bytes]]) -> dict[str, Outcome]:
        """Send instances one after another; what the server says of each, by SOP Instance UID.

        Raises:
            NoAnswer: there was no answer.
            UserError: it refused us.
        """
        return {instance.sop_instance_uid: self._store(instance, content) for instance, content in batch}

    def _store(self, instance: Instance, content: bytes) -> Outcome:
        association = self._associate()
        accepted = {
            (context.abstract_syntax, syntax)
            for context in association.accepted_contexts
            for syntax in (context.transfer_syntax or [])[:1]
        }
        kind = (instance.sop_class_uid, instance.transfer_syntax_uid)
        if not accepted & set(_proposals([kind])):
            names = " in ".join(UID(uid).name for uid in kind)
            return Outcome("refused", f"the server does not accept {names}; nothing was sent")
        self._meter.start()
        with reading_quietly():
            dataset = pydicom.dcmread(io.BytesIO(content))
            try:
                status = association.send_c_store(dataset)
            except RuntimeError:  # the association went away a moment ago, and nothing was sent
                raise self._lost(taken=False) from None
            except ValueError:
                return Outcome("refused", "C-STORE cannot encode it as the server accepts it; nothing was sent")
        if "Status" not in status:
            raise self._lost()
        comment = str(status.get("ErrorComment", ""))
        category = code_to_category(status.Status)
        if category == "Success":
            return Outcome("stored")
        if category == "Warning" and status.Status >= 0xB000:
            return Outcome("stored", f"with a warning: {reason(status.Status)}")
        return refusal(status.Status, comment)

    def _associate(self) -> Association:
        """The association, made anew where there is none.

        Raises:
            NoAnswer: the server cannot be reached, or not now.
            UserError: it does not want us, or nothing of what we have.
        """
        if self._association is not None and self._association.is_established:
            return self._association
        tls = None if self._tls is None else (self._tls, self._host)
        where = f"{self._host}:{self._port}"
        self._meter.start()
        try:
            association = self._entity.associate(
                self._host,
                self._port,
                ae_title=self._called,
                tls_args=tls,
                evt_handlers=[(EVT_CONN_OPEN, self._meter.watch)],
            )
        except OSError:
            raise NoAnswer(f"{self._host} is not known", taken=False, reached=False) from None
        if association.is_established:
            self._association = association
            most = int(association.acceptor.maximum_length or 0)
            if 0 < most < SMALLEST_PDU:
                self._lost()
                raise UserError(f"{where} takes {most} bytes at a time, which is too few; ask who runs it.")
            return association
        if rejection := self._meter.rejection:
            said = _said(*rejection[1:])
            if rejection[0] != REJECTED_FOR_NOW:
                raise UserError(
                    f"{where} rejects the association ({said}); are --aet {self._called} and --calling-aet "
                    f"{self._entity.ae_title} the ones that it knows?"
                )
            raise NoAnswer(f"{where} rejects the association for now ({said})", taken=False)
        if association.rejected_contexts and not association.accepted_contexts:
            raise UserError(f"{where} accepts neither C-FIND nor any of these SOP classes and transfer syntaxes.")
        secured = " or its certificate is not trusted (see --ca)" if self._tls else ""
        raise NoAnswer(f"{where} cannot be reached{secured}", taken=False, reached=False)

    def _lost(self, taken: bool = True) -> NoAnswer:
        """What to raise when the association broke while an answer was due."""
        if self._association is not None and self._association.is_established:
            self._association.abort()
        self._association = None
        return NoAnswer(f"the association with {self._host}:{self._port} broke", taken=taken)


def _said(source: int, diagnostic: int) -> str:
    """Why an association was rejected (PS3.8 9.3.4), in words where there are some.

    >>> _said(1, 7), _said(9, 42)
    ('Called AE title not recognised', 'for a reason without a name, 9/42')
    """
    rejection = A_ASSOCIATE_RJ()
    rejection.source, rejection.reason_diagnostic = source, diagnostic
    try:
        return rejection.reason_str
    except ValueError:
        return f"for a reason without a name, {source}/{diagnostic}"


def _proposals(kinds: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """A presentation context a kind, and Implicit VR for what is not compressed, which all must accept (PS3.5 10.1).

    Raises:
        UserError: they are too many for one association.
    """
    proposals = set(kinds)
    plain = [sop_class for sop_class, syntax in kinds if syntax == ExplicitVRLittleEndian]
    proposals |= {(sop_class, str(ImplicitVRLittleEndian)) for sop_class in plain}
    if len(proposals) >= CONTEXTS_MAX:
        raise UserError(f"the files are of {len(kinds)} kinds, more than one association holds; push them in parts.")
    return sorted(proposals)
