"""The protocol of a reader study: what readers are told and asked. A YAML file: other questions need no code."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, StrictInt, StrictStr, ValidationError, model_validator

from medattngan.core.files import UserError, write_text
from medattngan.review.wordings import PAIR, STACK_INSTRUCTIONS, STACK_QUESTION

TEXT_LIMIT = 2000
"""Characters that a free text may have."""
RESERVED = frozenset({"reader", "position", "case", "synthetic", "truth", "n", "milliseconds"})
"""Columns of the table of reads, which no question may take for its own."""
OF_PAIRS = frozenset({"right", "group"})
"""Those that only the reads of pairs have, together."""
PATIENT = "patient-number"
"""Of single cases: which real ones are of one patient. No question can bear this name."""

_NO_TEXT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
"""Control characters other than tab and line ends, and halves of characters: no table can hold them."""

EXACT = 2**53 - 1
"""Whole numbers that a browser keeps exactly."""
Value = Annotated[StrictInt, Field(ge=-EXACT, le=EXACT)] | Annotated[StrictStr, Field(min_length=1)]
"""A number or a word; none is what stands in the table where a question was left out."""
Answers = dict[str, int | str]


class ProtocolPart(BaseModel):
    """A part of the protocol: fixed once made, and closed to unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Option(ProtocolPart):
    """One answer to choose. `value` is what is stored, `label` what is read."""

    value: Value
    label: str = Field(min_length=1, max_length=200)


class Question(ProtocolPart):
    """One question about every case."""

    id: str = Field(pattern=r"^[a-z][a-z0-9_]{0,31}$")
    text: str = Field(min_length=1, max_length=500)
    kind: Literal["choice", "text"] = "choice"
    options: tuple[Option, ...] = Field((), max_length=9)
    """Their order is that of the keys 1, 2, …"""
    required: bool = True
    role: Literal["authenticity"] | None = None
    """Marks the one question that asks for real or synthetic; see `Protocol`."""

    @model_validator(mode="after")
    def _whole(self) -> Question:
        if self.id in RESERVED:
            raise ValueError(f"the id {self.id} is a column of the table of reads; choose another")
        if self.kind == "text" and self.options:
            raise ValueError(f"question {self.id} is free text and can have no options")
        if self.kind == "choice" and len(self.options) < 2:
            raise ValueError(f"question {self.id} needs two options or more")
        values = [option.value for option in self.options]
        if any(isinstance(value, str) and _NO_TEXT.search(value) for value in values):
            raise ValueError(f"question {self.id} has an option whose value holds characters that are no text")
        if len(set(values)) != len(values) or len({type(value) for value in values}) > 1:
            raise ValueError(f"question {self.id} needs options with different values, all numbers or all words")
        if self.role and (self.kind != "choice" or not all(isinstance(value, int) for value in values)):
            raise ValueError(f"question {self.id} asks for authenticity, so its values must be whole numbers")
        return self

    def problem(self, answer: object) -> str | None:
        """Why `answer` is no answer to this question; None where it is one."""
        if self.kind == "text":
            if not isinstance(answer, str):
                return f"the answer to {self.id} must be text"
            if len(answer) > TEXT_LIMIT:
                return f"the answer to {self.id} is longer than {TEXT_LIMIT} characters"
            return f"the answer to {self.id} holds characters that are no text" if _NO_TEXT.search(answer) else None
        allowed = [option.value for option in self.options]
        if isinstance(answer, bool) or not any(type(answer) is type(value) and answer == value for value in allowed):
            return f"the answer to {self.id} must be one of {', '.join(map(str, allowed))}"
        return None


class Window(ProtocolPart):
    """A window in physical units."""

    center: float
    width: Annotated[float, Field(gt=0)]


class Preset(Window):
    """A window with a name."""

    name: str = Field(min_length=1, max_length=40)


def _scale(*labels: str) -> tuple[Option, ...]:
    return tuple(Option(value=value, label=label) for value, label in enumerate(labels, start=1))


DEFAULT_QUESTIONS = (
    Question(
        id="authenticity",
        text="Is this slice real or synthetic?",
        role="authenticity",
        options=_scale("certainly real", "probably real", "cannot tell", "probably synthetic", "certainly synthetic"),
    ),
    Question(
        id="plausibility",
        text="How plausible is the anatomy?",
        options=_scale("impossible", "doubtful", "acceptable", "good", "fully plausible"),
    ),
    Question(
        id="quality",
        text="How good is the image?",
        options=_scale("useless", "poor", "acceptable", "good", "excellent"),
    ),
    Question(id="comment", text="What gave it away, or what is wrong?", kind="text", required=False),
)


class Protocol(ProtocolPart):
    """A whole protocol. Without a file, these defaults are it.

    Exactly one question has `role: authenticity`. Of its values, those above the middle call a slice synthetic, those
    below call it real, and the middle itself is undecided. In a pair, those above the middle call the right one
    synthetic, those below the left one.

    >>> [question.id for question in Protocol().questions]
    ['authenticity', 'plausibility', 'quality', 'comment']
    >>> [question.id for question in Protocol(design="pair").questions]
    ['authenticity', 'confidence', 'comment']
    """

    design: Literal["single", "pair"] = "single"
    """Whether a case is judged alone, or a synthetic one beside a real one: two-alternative forced choice."""
    title: str = Field("Real or synthetic?", min_length=1, max_length=200)
    instructions: str = Field(
        "You will see slices one by one. Some are from patients, some were made by a computer. Judge each on its own; "
        "the share of synthetic slices is not told.",
        max_length=5000,
    )
    back_allowed: bool = True
    """Whether a reader may change an answer, and may leave a case for later."""
    questions: tuple[Question, ...] = Field(DEFAULT_QUESTIONS, min_length=1, max_length=30)
    window: Window | None = None
    """What cases open with; None for the whole range."""
    presets: tuple[Preset, ...] | None = None
    """Windows to choose from; None for those that suit the unit."""

    @model_validator(mode="before")
    @classmethod
    def _defaults_of_the_design(cls, tree: Any) -> Any:
        return {**PAIR, **tree} if isinstance(tree, dict) and tree.get("design") == "pair" else tree

    @model_validator(mode="after")
    def _one_question_of_authenticity(self) -> Protocol:
        ids = [question.id for question in self.questions]
        if self.pairs and (taken := OF_PAIRS & set(ids)):
            raise ValueError(f"the id {min(taken)} is a column of the table of reads of pairs; choose another")
        if set(ids) >= OF_PAIRS:
            raise ValueError(f"questions cannot be called {' and '.join(sorted(OF_PAIRS))} both, as reads of pairs are")
        if len(set(ids)) != len(ids):
            raise ValueError("two questions have the same id")
        marked = sum(question.role == "authenticity" for question in self.questions)
        if marked != 1:
            raise ValueError(f"exactly one question must have role: authenticity; {marked} have it")
        return self

    @property
    def pairs(self) -> bool:
        """Whether each case is a pair."""
        return self.design == "pair"

    @property
    def authenticity(self) -> Question:
        """The question that asks for real or synthetic."""
        return next(question for question in self.questions if question.role == "authenticity")

    @property
    def middle(self) -> float:
        """The middle of that question's values, 3 by default: above it a read calls the slice synthetic, below it real.

        >>> Protocol().middle
        3.0
        """
        values = [int(option.value) for option in self.authenticity.options]
        return (min(values) + max(values)) / 2

    @classmethod
    def load(cls, path: str | Path) -> Protocol:
        """Read a protocol from YAML.

        Raises:
            UserError: it is missing, is not YAML, or a key or value is not allowed.
        """
        path = Path(path)
        try:
            tree = yaml.safe_load(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise UserError(f"{path} does not exist; leave --protocol out for the default questions.") from None
        # PyYAML lets through what Python says of 2024-13-45, and of brackets nested without end.
        except (yaml.YAMLError, ValueError, RecursionError) as error:
            raise UserError(f"{path} is not valid YAML: {' '.join(str(error).split())}.") from None
        if not isinstance(tree, dict):
            raise UserError(f"{path} must hold keys such as `title:`; it holds a {type(tree).__name__}.")
        try:
            return cls.model_validate(tree)
        except ValidationError as error:
            first = error.errors()[0]
            key = ".".join(str(part) for part in first["loc"] if part not in ("int", "str"))
            reason = first["msg"].removeprefix("Value error, ")
            raise UserError(f"{path}: {key + ': ' if key else ''}{reason}.") from None

    def save(self, path: Path) -> None:
        """Write every key with its value, atomically; the design only where it is not the common one."""
        tree = self.model_dump(mode="json", exclude_none=True, exclude=None if self.pairs else {"design"})
        write_text(path, yaml.safe_dump(tree, sort_keys=False, allow_unicode=True))

    def problem(self, answers: object) -> str | None:
        """Why `answers` (question id → answer) cannot be taken; None where they can."""
        if not isinstance(answers, dict):
            return "answers must be an object of question ids"
        questions = {question.id: question for question in self.questions}
        if unknown := [key for key in answers if key not in questions]:
            return f"there is no question {str(unknown[0])[:40]!r}"
        for question in self.questions:
            if question.id not in answers:
                if question.required:
                    return f"question {question.id} needs an answer"
            elif found := question.problem(answers[question.id]):
                return found
        return None

    def public(self) -> list[dict[str, Any]]:
        """The questions as the page is told them."""
        keys = {"id", "text", "kind", "required", "options"}
        return [question.model_dump(mode="json", include=keys) for question in self.questions]


def of_stacks(protocol: Protocol) -> Protocol:
    """A protocol that speaks of slices, in the words for stacks.

    >>> of_stacks(Protocol()).authenticity.text
    'Is this stack real or synthetic?'
    """
    first, *others = protocol.questions
    questions = (first.model_copy(update={"text": STACK_QUESTION}), *others)
    return protocol.model_copy(update={"instructions": STACK_INSTRUCTIONS, "questions": questions})
