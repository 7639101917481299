"""Sending until every instance has an outcome: batches, retries, and asking before anything goes out again.

The journal is the only memory. An instance whose last row is `sending` or `unknown` may be on the server, so
the server is asked before it is sent again, within one push as after a kill.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

from medattngan.core.files import UserError
from medattngan.core.text import counted
from medattngan.pacs.instances import Changed, Instance
from medattngan.pacs.journal import Journal
from medattngan.pacs.outcomes import DONE, UNSURE, CannotAsk, NoAnswer, Outcome, WholeRefused
from medattngan.pacs.retry import Retry

GIVE_UP_AFTER = 3
"""Batches in a row that a server may leave without an answer before the push stops."""


class Server(Protocol):
    """What sends and asks: StowServer, DimseServer."""

    name: str

    def held(self, series: tuple[str, str]) -> set[str]: ...
    def store(self, batch: Sequence[tuple[Instance, bytes]]) -> dict[str, Outcome]: ...
    def close(self) -> None: ...


@dataclass
class Delivery:
    """One push under way.

    Args:
        server: where to.
        journal: what became of each instance.
        retry: when to try again.
        resend_unknown: send again what may be there, where the server cannot be asked.
        settled: called with the number of instances that have got an outcome.
    """

    server: Server
    journal: Journal
    retry: Retry
    resend_unknown: bool
    settled: Callable[[int], None] = lambda count: None
    _believed: list[Instance] = field(default_factory=list)
    _absent: list[Instance] = field(default_factory=list)

    def all_of(self, instances: Sequence[Instance], batch_instances: int, batch_bytes: int) -> str:
        """Survey, send and confirm; why that ended before the last instance, as the journal notes, or the empty text.

        C-STORE takes one instance at a time: in batches of one, each has its own `sending`.

        Raises:
            UserError: the server cannot be reached.
        """
        self.survey(instances)
        if stopped := self.run(instances, batch_instances, batch_bytes):
            self.journal.note("stopped", stopped)
        else:
            self.confirm()
        return stopped

    def survey(self, instances: Sequence[Instance]) -> None:
        """Ask what the server has already.

        Raises:
            UserError: it cannot be reached.
        """
        lost = self._persist(lambda: self._ask(self._open(instances)))
        if lost is not None:
            raise UserError(f"{lost.why}, {self.retry.attempts} times in a row; nothing was sent.")
        self.settled(len(instances) - len(self._open(instances)))

    def run(self, instances: Sequence[Instance], batch_instances: int, batch_bytes: int) -> str:
        """Send what is not there yet; why that ended before the last of them, or the empty text."""
        queue = deque(batches(self._unsent(instances), batch_instances, batch_bytes))
        lost_in_a_row = 0
        while queue:
            batch = queue.popleft()
            lost = None
            try:
                lost = self._persist(partial(self._send, batch))
            except WholeRefused as whole:
                # Only what was in that request: an earlier attempt may have brought the others there.
                blamed = [one for one in batch if self.journal.state(one) == "sending"]
                if len(blamed) > 1:  # by halves, until the one that spoils it is alone
                    self.journal.write("failed", blamed, f"{whole}; tried again in a smaller request")
                    self.settled(len(batch) - len(blamed))
                    queue.extendleft([blamed[len(blamed) // 2 :], blamed[: len(blamed) // 2]])
                    continue
                self.journal.write("refused", blamed, str(whole))
            self.settled(len(batch))
            lost_in_a_row = 0 if lost is None else lost_in_a_row + 1
            if lost is not None:
                self.journal.write("unknown", self._unsure(batch), lost.why)
                if not lost.reached or lost_in_a_row == GIVE_UP_AFTER:
                    return f"{lost.why}, {self.retry.attempts} times in a row"
        return ""

    def confirm(self) -> None:
        """Ask for all that the server said just now it stored; some say so of what their filters drop."""
        if self._persist(self._look) is not None:
            words = "the server said that it stored it, but does not have it when asked"
            self.journal.write("failed", self._absent, words)

    def _look(self) -> None:
        self._absent = []
        for series, members in _by_series(self._believed).items():
            try:
                held = self.server.held(series)
            except CannotAsk:
                continue
            self._absent += [one for one in members if one.sop_instance_uid not in held]
        if self._absent:  # yet: its index may lag behind
            raise NoAnswer(f"a search does not find {counted(len(self._absent), 'instances')}")

    def _persist(self, act: Callable[[], None]) -> NoAnswer | None:
        """Do `act` until it ends without NoAnswer; the last of those where the attempts end first."""
        for failures in range(1, self.retry.attempts + 1):
            try:
                act()
            except NoAnswer as error:
                lost = error
            else:
                return None
            if failures < self.retry.attempts:
                self.retry.sleep(self.retry.wait_s(failures, lost.after_s))
        return lost

    def _send(self, batch: Sequence[Instance]) -> None:
        """One attempt at a batch: ask about what is unsure, send what is not there, write down what became of it."""
        self._ask(self._unsure(batch))
        contents = self._read(self._unsent(batch))
        if not contents:
            return
        going = [one for one, _ in contents]
        self.journal.record([(one, Outcome("sending", _unmarked(one))) for one in going])
        try:
            outcomes = self.server.store(contents)
        except NoAnswer as lost:
            if not lost.taken:
                self.journal.write("failed", going, lost.why)
            raise
        except UserError as error:
            self.journal.write("failed", going, str(error))
            raise
        told = [one for one in going if one.sop_instance_uid in outcomes]
        self.journal.record([(one, outcomes[one.sop_instance_uid]) for one in told])
        self._believed += [one for one in told if self.journal.state(one) == "stored"]
        if silent := self._unsure(going):
            raise NoAnswer(f"the server's answer does not mention {len(silent)} of {counted(len(going), 'instances')}")

    def _ask(self, instances: Sequence[Instance]) -> None:
        """Ask which of these the server has, and write it down."""
        for series, members in _by_series(instances).items():
            try:
                held = self.server.held(series)
            except CannotAsk as error:
                if self.resend_unknown:
                    self.journal.write("failed", self._unsure(members), f"{error}, so it is sent again, as told")
                else:
                    self.journal.write("unknown", self._unsure(members), str(error))
                continue
            self.journal.record([pair for one in members for pair in self._verdict(one, one.sop_instance_uid in held)])

    def _verdict(self, instance: Instance, there: bool) -> list[tuple[Instance, Outcome]]:
        """What to write of an instance that was asked for; nothing where it is simply yet to be sent."""
        if self.journal.state(instance) in UNSURE:
            late = Outcome("stored", "the answer was lost; found there when asked")
            return [(instance, late if there else Outcome("failed", "not there when asked"))]
        return [(instance, Outcome("present", "found there when asked"))] if there else []

    def _read(self, instances: Sequence[Instance]) -> list[tuple[Instance, bytes]]:
        """The instances with their bytes, without those whose file has changed."""
        contents = []
        for one in instances:
            try:
                contents.append((one, one.read()))
            except Changed as error:
                self.journal.write("failed", [one], f"{error}; it was not sent")
        return contents

    def _open(self, instances: Sequence[Instance]) -> list[Instance]:
        return [one for one in instances if self.journal.state(one) not in DONE]

    def _unsent(self, instances: Sequence[Instance]) -> list[Instance]:
        """Those to send: not there, and surely so."""
        return [one for one in instances if self.journal.state(one) not in (*DONE, *UNSURE)]

    def _unsure(self, instances: Sequence[Instance]) -> list[Instance]:
        return [one for one in instances if self.journal.state(one) in UNSURE]


def batches(instances: Sequence[Instance], most: int, most_bytes: int) -> list[list[Instance]]:
    """Cut into lists of at most `most` instances and `most_bytes` bytes, in order; a larger file goes alone."""
    cut: list[list[Instance]] = []
    size = 0
    for one in instances:
        if not cut or len(cut[-1]) == most or size + one.size > most_bytes:
            cut.append([])
            size = 0
        cut[-1].append(one)
        size += one.size
    return cut


def _by_series(instances: Sequence[Instance]) -> dict[tuple[str, str], list[Instance]]:
    members: dict[tuple[str, str], list[Instance]] = {}
    for one in instances:
        members.setdefault(one.series, []).append(one)
    return members


def _unmarked(instance: Instance) -> str:
    """What the journal says of an instance that lacks marks; empty for one that has them."""
    return f"unmarked: {'; '.join(instance.missing)}" if instance.missing else ""
