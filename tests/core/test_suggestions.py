"""A command that is suggested can be run: it names no folder that is there already."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from medattngan.core.files import UserError, unused
from medattngan.core.run import Run
from medattngan.data.samples import Samples
from medattngan.data.store import SliceStore
from medattngan.extractors.encoder import load_encoder
from medattngan.pacs.instances import look_through


@pytest.mark.parametrize("opened", [SliceStore.open, Run.open, Samples.open, load_encoder, look_through])
def test_a_suggested_out_is_free(opened: Callable[[Path], Any], tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "there-2").mkdir()
    with pytest.raises(UserError, match=r"make (one|some) with: medattngan") as raised:
        opened(tmp_path / "there")
    assert str(raised.value).rstrip(".").endswith(f"--out {tmp_path / 'there-3'}")


def test_a_name_that_is_free_is_suggested_as_it_is(tmp_path: Path) -> None:
    assert unused(tmp_path / "new") == tmp_path / "new"
