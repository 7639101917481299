"""The map between physical units and codes loses half a step at most."""

from __future__ import annotations

import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from medattngan.data.intensity import CODE_MAX, IntensityMap, codes_to_unit, unit_to_codes

ENDS = st.floats(-1e5, 1e5, allow_nan=False)


@settings(deadline=None)
@given(lower=ENDS, width=st.floats(1e-2, 1e5), shares=st.lists(st.floats(0, 1), min_size=1, max_size=50))
def test_physical_values_inside_the_window_come_back_to_half_a_step(
    lower: float, width: float, shares: list[float]
) -> None:
    assume(lower < lower + width)
    intensity = IntensityMap(lower, lower + width, "HU")
    physical = lower + np.asarray(shares) * (intensity.upper - lower)
    back = intensity.decode(intensity.encode(physical))
    rounding = np.spacing(np.float32(max(abs(lower), abs(intensity.upper))))  # physical() is float32
    assert np.abs(back - physical).max() <= intensity.step / 2 * (1 + 1e-9) + rounding


@settings(deadline=None)
@given(st.lists(st.integers(0, CODE_MAX), min_size=1))
def test_codes_come_back_from_the_range_of_the_network(codes: list[int]) -> None:
    assert unit_to_codes(codes_to_unit(codes)).tolist() == codes


@settings(deadline=None)
@given(st.floats(-1e6, 1e6))
def test_values_outside_the_window_go_to_its_nearer_end(value: float) -> None:
    intensity = IntensityMap.window(40, 400, "HU")
    assert intensity.decode(intensity.encode(value)) == np.float32(np.clip(value, -160, 240)) or -160 < value < 240
