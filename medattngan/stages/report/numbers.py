"""Numbers as the page writes them."""

from __future__ import annotations


def number(value: float) -> str:
    """With three digits, or as many as stand before the point.

    >>> number(45701.2), number(4.5), number(-0.51234), number(0)
    ('45,701', '4.50', '-0.512', '0')
    """
    if value == 0:
        return "0"
    decimals = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2 if abs(value) >= 1 else 3
    return f"{value:,.{decimals}f}"


def percent(share: float) -> str:
    """With two digits, and with three where two would hide that it is not all.

    >>> percent(0.01234), percent(0.5), percent(0), percent(1), percent(0.996)
    ('1.2 %', '50 %', '0 %', '100 %', '99.6 %')
    """
    return f"{100 * share:.{3 if share > 0.99 else 2}g} %"
