"""The package offers its verbs as functions, also where a module bears the same name."""

from __future__ import annotations

import subprocess
import sys
from types import FunctionType

import pytest

import medattngan as mg
import medattngan.stages.train.train
from medattngan.stages.train.train import train


@pytest.mark.parametrize(
    "verb",
    [
        "ingest", "inspect", "train", "sample", "explain", "explore", "evaluate", "export", "utility", "encoder",
        "audit", "push", "report", "encode", "reconstruct", "anomalies",
    ],
)  # fmt: skip
def test_every_verb_is_a_function(verb: str) -> None:
    assert isinstance(getattr(mg, verb), FunctionType)


def test_importing_a_module_does_not_hide_the_verb_of_its_name() -> None:
    assert mg.train is train


def test_importing_the_package_loads_nothing_heavy() -> None:
    code = "import sys, medattngan; sys.exit('torch' in sys.modules or 'monai' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
