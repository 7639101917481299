"""DIMSE: C-STORE (DICOM PS3.7 9.1.1, PS3.4 B) and C-FIND at image level (PS3.4 C.4.1) over one association."""

from __future__ import annotations

import io
import ssl
from collections.abc import Sequence

import pydicom
from pydicom import Dataset
from pydicom.uid import UID, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from medattngan.core.files import UserError
from medattngan.pacs.instances import Instance, reading_quietly
from medattngan.pacs.outcomes import CannotAsk, NoAnswer, Outcome, reason, refusal

try:
    from pynetdicom import AE
    from pynetdicom.association import Association
    from pynetdicom.events import EVT_PDU_RECV, Event
    from pynetdicom.pdu import A_ASSOCIATE_RJ
    from pynetdicom.sop_class import StudyRootQueryRetrieveInformationModelFind  # type: ignore[attr-defined]
    from pynetdicom.status import code_to_category
except ImportError as error:
    raise UserError("push --dimse needs pynetdicom: pip install 'medattngan[push]'.") from error

FIND = StudyRootQueryRetrieveInformationModelFind
CONTEXTS_MAX = 128
"""Presentation contexts in one association (PS3.8 9.3.2.2: odd numbers of one byte)."""
REJECTED_FOR_GOOD = 1


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
        found: set[str] = set()
        with reading_quietly():
            try:
                answers = association.send_c_find(query, FIND)
            except RuntimeError:  # the association went away a moment ago
                raise self._lost(taken=False) from None
            for status, identifier in answers:
                if "Status" not in status:
                    raise self._lost()
                category = code_to_category(status.Status)
                if category == "Pending" and identifier is not None:
                    found.add(str(identifier.get("SOPInstanceUID", "")))
                elif category != "Success":
                    raise CannotAsk(f"the server answers C-FIND with {reason(status.Status)}")
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
        accepted = {(context.abstract_syntax, context.transfer_syntax[0]) for context in association.accepted_contexts}
        kind = (instance.sop_class_uid, instance.transfer_syntax_uid)
        if not accepted & set(_proposals([kind])):
            names = " in ".join(UID(uid).name for uid in kind)
            return Outcome("refused", f"the server does not accept {names}; nothing was sent")
        with reading_quietly():
            dataset = pydicom.dcmread(io.BytesIO(content))
            try:
                status = association.send_c_store(dataset)
            except RuntimeError:  # the association went away a moment ago, and nothing was sent
                raise self._lost(taken=False) from None
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
        # `association.is_rejected` stays False when the server hangs up before the association's thread looks at the
        # socket (pynetdicom 3.0.4, `ACSE._negotiate_as_requestor`), so the rejection is kept as it comes in.
        rejections: list[A_ASSOCIATE_RJ] = []

        def keep(event: Event) -> None:
            if isinstance(event.pdu, A_ASSOCIATE_RJ):
                rejections.append(event.pdu)

        association = self._entity.associate(
            self._host, self._port, ae_title=self._called, tls_args=tls, evt_handlers=[(EVT_PDU_RECV, keep)]
        )
        if association.is_established:
            self._association = association
            return association
        where = f"{self._host}:{self._port}"
        if rejections:
            said = rejections[0].reason_str
            if rejections[0].result == REJECTED_FOR_GOOD:
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
