"""What can become of an instance, and of an attempt to send or to ask.

Failure reasons: DICOM PS3.4 B.2.3 (C-STORE), PS3.7 annex C, PS3.18 I.2.2 (Store Instances Response Module).
"""

from __future__ import annotations

from dataclasses import dataclass

STATES: dict[str, str] = {
    "stored": "the server says it has it, because of this push",
    "present": "the server had it before; nothing was sent",
    "refused": "the server answered and will not have it",
    "failed": "it was not stored; the same command tries again",
    "sending": "it went out and no answer has come: the server may have it or not",
    "unknown": "it went out, no answer came, and the server could not be asked",
}
"""What the journal says of an instance; its last row counts."""
DONE = ("stored", "present")
UNSURE = ("sending", "unknown")

DUPLICATE = 0x0111
REASONS: dict[int, str] = {
    0x0110: "processing failure",
    0x0111: "duplicate SOP instance",
    0x0112: "no such SOP instance",
    0x0115: "invalid argument value",
    0x0117: "invalid SOP instance UID",
    0x0119: "class and instance conflict",
    0x0122: "SOP class not supported",
    0x0124: "not authorized",
    0x0210: "duplicate invocation",
    0x0211: "unrecognized operation",
    0x0212: "mistyped argument",
    0xB000: "coercion of data elements",
    0xB006: "elements discarded",
    0xB007: "data set does not match SOP class",
    0xC122: "transfer syntax not supported",
}
RANGES: tuple[tuple[int, int, str], ...] = (
    (0xA700, 0xA7FF, "out of resources"),
    (0xA900, 0xA9FF, "data set does not match SOP class"),
    (0xC000, 0xCFFF, "cannot understand"),
)


def reason(code: int) -> str:
    """A DICOM status or failure reason as people read it.

    >>> reason(0xA701), reason(0xC122), reason(0x0999)
    ('A701H, out of resources', 'C122H, transfer syntax not supported', '0999H, a reason of its own')
    """
    words = REASONS.get(code) or next(
        (text for low, high, text in RANGES if low <= code <= high), "a reason of its own"
    )
    return f"{code:04X}H, {words}"


@dataclass(frozen=True)
class Outcome:
    """What became of one instance. `state` is a key of STATES."""

    state: str
    detail: str = ""


def refusal(code: int, comment: str = "") -> Outcome:
    """The outcome of an instance that the server did not store, by its DICOM reason.

    >>> refusal(0x0111).state, refusal(0xA700).state
    ('present', 'refused')
    """
    said = f"the server says {reason(code)}" + (f": {comment}" if comment else "")
    return Outcome("present" if code == DUPLICATE else "refused", said)


class NoAnswer(Exception):  # noqa: N818 - what happened, not whose fault it is
    """The server did not answer, or said that it cannot just now.

    Args:
        why: what happened, in a few words.
        taken: whether it may hold what was sent all the same.
        after_s: how long it asks to be left alone.
        reached: whether there is a server at all.
    """

    def __init__(self, why: str, *, taken: bool = True, after_s: float = 0.0, reached: bool = True) -> None:
        super().__init__(why)
        self.why, self.taken, self.after_s, self.reached = why, taken, after_s, reached


class WholeRefused(Exception):  # noqa: N818
    """The server refused a request as a whole and did not say which instance is to blame."""


class CannotAsk(Exception):  # noqa: N818
    """The server does not say what it holds."""
