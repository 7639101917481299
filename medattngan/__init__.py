"""Attention-GANs on 2D slices of medical scans: synthesize, judge, export.

The verbs and nouns of the command line, as functions and classes; each is imported when first used.

>>> import medattngan as mg
>>> mg.Config().attention.kind
'scaled_dot'
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from medattngan.core.openmp import COMPUTING, look, settle
from medattngan.core.telemetry import silence
from medattngan.core.version import __version__

silence()
settle()  # as early as can be: once PyTorch is loaded, its threads are as many as they are

if TYPE_CHECKING:
    from medattngan.core.config import Config
    from medattngan.core.files import UserError
    from medattngan.core.run import Run
    from medattngan.core.shipped import configs
    from medattngan.core.zoo import zoo
    from medattngan.data.latents import Latents
    from medattngan.data.samples import Samples
    from medattngan.data.store import SliceStore
    from medattngan.pacs.push import push
    from medattngan.review.analyse import analyse_study
    from medattngan.review.close import close_study, load_reads
    from medattngan.review.create import create_study
    from medattngan.review.serve import serve_study
    from medattngan.stages.audit.audit import audit
    from medattngan.stages.demo.demo import demo
    from medattngan.stages.demo.scans import pseudo_scans
    from medattngan.stages.encode.anomaly import anomalies
    from medattngan.stages.encode.encode import encode
    from medattngan.stages.encode.reconstruct import reconstruct
    from medattngan.stages.encoder.encoder import encoder
    from medattngan.stages.evaluate.evaluate import evaluate
    from medattngan.stages.explain.explain import explain
    from medattngan.stages.explore.explore import explore
    from medattngan.stages.export.export import export
    from medattngan.stages.export_model.export_model import export_model
    from medattngan.stages.ingest.ingest import ingest
    from medattngan.stages.ingest.listing import list_series
    from medattngan.stages.inspect.inspect import inspect
    from medattngan.stages.report.report import report
    from medattngan.stages.reseal.reseal import reseal
    from medattngan.stages.sample.generate import generate
    from medattngan.stages.sample.sample import sample
    from medattngan.stages.train.train import train
    from medattngan.stages.utility.utility import utility

_HOMES = {
    "pseudo_scans": "stages.demo.scans",
    "reseal": "stages.reseal.reseal",
    "generate": "stages.sample.generate",
    "export_model": "stages.export_model.export_model",
    "demo": "stages.demo.demo",
    "configs": "core.shipped",
    "anomalies": "stages.encode.anomaly",
    "encode": "stages.encode.encode",
    "reconstruct": "stages.encode.reconstruct",
    "zoo": "core.zoo",
    "Config": "core.config",
    "Latents": "data.latents",
    "Run": "core.run",
    "Samples": "data.samples",
    "SliceStore": "data.store",
    "UserError": "core.files",
    "analyse_study": "review.analyse",
    "audit": "stages.audit.audit",
    "close_study": "review.close",
    "create_study": "review.create",
    "encoder": "stages.encoder.encoder",
    "evaluate": "stages.evaluate.evaluate",
    "explain": "stages.explain.explain",
    "explore": "stages.explore.explore",
    "export": "stages.export.export",
    "ingest": "stages.ingest.ingest",
    "inspect": "stages.inspect.inspect",
    "list_series": "stages.ingest.listing",
    "load_reads": "review.close",
    "push": "pacs.push",
    "report": "stages.report.report",
    "sample": "stages.sample.sample",
    "serve_study": "review.serve",
    "train": "stages.train.train",
    "utility": "stages.utility.utility",
}
"""Which module each public name lives in."""


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used (PEP 562): `import medattngan` alone takes no second."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if name in COMPUTING:
        look()
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*_HOMES, "__version__"])


__all__ = [
    "Config",
    "Latents",
    "Run",
    "Samples",
    "SliceStore",
    "UserError",
    "__version__",
    "analyse_study",
    "anomalies",
    "audit",
    "close_study",
    "configs",
    "create_study",
    "demo",
    "encode",
    "encoder",
    "evaluate",
    "explain",
    "explore",
    "export",
    "export_model",
    "generate",
    "ingest",
    "inspect",
    "list_series",
    "load_reads",
    "pseudo_scans",
    "push",
    "reconstruct",
    "report",
    "reseal",
    "sample",
    "serve_study",
    "train",
    "utility",
    "zoo",
]
