"""Attention-GANs on 2D slices of medical scans: synthesize, judge, export.

The verbs and nouns of the command line, as functions and classes; each is imported when first used.

>>> import medattngan as mg
>>> mg.Config().attention.kind
'scaled_dot'
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from medattngan.audit import audit as audit
    from medattngan.config import Config as Config
    from medattngan.data.ingest import ingest as ingest
    from medattngan.data.inspect import inspect as inspect
    from medattngan.data.samples import Samples as Samples
    from medattngan.data.store import SliceStore as SliceStore
    from medattngan.encoder import encoder as encoder
    from medattngan.evaluate import evaluate as evaluate
    from medattngan.explain import explain as explain
    from medattngan.export import export as export
    from medattngan.files import UserError as UserError
    from medattngan.push import push as push
    from medattngan.report import report as report
    from medattngan.review.close import close_study as close_study
    from medattngan.review.close import load_reads as load_reads
    from medattngan.review.create import create_study as create_study
    from medattngan.run import Run as Run
    from medattngan.sample import sample as sample
    from medattngan.train import train as train
    from medattngan.utility import utility as utility

__version__ = "0.1.0"


class _Export:
    """A name that is imported from its module when first used, whatever submodule bears the same name."""

    def __init__(self, module: str) -> None:
        self.module = module

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, instance: object, owner: type) -> Any:
        return getattr(import_module(self.module), self.name)

    def __set__(self, instance: object, value: object) -> None:
        """Leave the name as it is when Python's import would bind the submodule `medattngan.train` to it."""


class _Package(ModuleType):
    """The package with its verbs, several of which are named as the module that they stand in."""

    Config = _Export("medattngan.config")
    Run = _Export("medattngan.run")
    Samples = _Export("medattngan.data.samples")
    SliceStore = _Export("medattngan.data.store")
    UserError = _Export("medattngan.files")
    close_study = _Export("medattngan.review.close")
    create_study = _Export("medattngan.review.create")
    audit = _Export("medattngan.audit")
    encoder = _Export("medattngan.encoder")
    evaluate = _Export("medattngan.evaluate")
    explain = _Export("medattngan.explain")
    export = _Export("medattngan.export")
    ingest = _Export("medattngan.data.ingest")
    inspect = _Export("medattngan.data.inspect")
    push = _Export("medattngan.push")
    load_reads = _Export("medattngan.review.close")
    report = _Export("medattngan.report")
    sample = _Export("medattngan.sample")
    train = _Export("medattngan.train")
    utility = _Export("medattngan.utility")


sys.modules[__name__].__class__ = _Package
