"""Checks of plain values that came from somebody else's file.

A check is called with a value and with the place where it stands, and raises
:class:`NotAllowedError` where the value is not what it may be. Values are compared by
exact type, so that no method of a foreign class is ever called.
"""

import math
from collections.abc import Callable, Collection, Mapping
from typing import Any

from ..utils.text import quote

Check = Callable[[Any, str], None]


class NotAllowedError(ValueError):
    """A value that may not stand where it does."""


def refuse(value: Any, where: str, wanted: str) -> None:
    """Raise the error for a value, with what may stand in its place."""
    raise NotAllowedError(f'{where} is {quote(value)}, but must be {wanted}')


def flag(value: Any, where: str) -> None:
    """Allow True and False."""
    if type(value) is not bool:
        refuse(value, where, 'True or False')


def nothing(value: Any, where: str) -> None:
    """Allow None alone."""
    if value is not None:
        refuse(value, where, 'None')


def whole(low: int, high: int) -> Check:
    """Allow whole numbers from ``low`` to ``high``.

    >>> whole(1, 8)(3, 'rank')
    """

    def check(value: Any, where: str) -> None:
        if type(value) is not int or not low <= value <= high:
            refuse(value, where, f'a whole number from {low} to {high}')

    return check


def real(low: float, high: float) -> Check:
    """Allow finite numbers from ``low`` to ``high``."""

    def check(value: Any, where: str) -> None:
        if type(value) not in (int, float) or not low <= value <= high:
            refuse(value, where, f'a number from {low:g} to {high:g}')

    assert math.isfinite(low) and math.isfinite(high)
    return check


def one_of(*values: str) -> Check:
    """Allow some texts."""

    def check(value: Any, where: str) -> None:
        if type(value) is not str or value not in values:
            refuse(value, where, f'one of {", ".join(values)}'[:300])

    return check


def maybe(check: Check) -> Check:
    """Allow None besides."""

    def check_unless_none(value: Any, where: str) -> None:
        if value is not None:
            check(value, where)

    return check_unless_none


def either(*checks: Check) -> Check:
    """Allow what one of several checks allows; the last one says what is wrong."""

    def check(value: Any, where: str) -> None:
        for one in checks[:-1]:
            try:
                return one(value, where)
            except NotAllowedError:
                continue
        return checks[-1](value, where)

    return check


def several(check: Check, least: int, most: int) -> Check:
    """Allow lists and tuples of so many values, each of which passes a check."""

    def check_all(value: Any, where: str) -> None:
        if type(value) not in (list, tuple) or not least <= len(value) <= most:
            refuse(value, where, f'a list of {least} to {most} values')
        for number, one in enumerate(value):
            check(one, f'{where}[{number}]')

    return check_all


def fields(table: Mapping[str, Check], needed: Collection[str] = ()) -> Check:
    """Allow dictionaries of known keys, each value of which passes its check."""

    def check(value: Any, where: str) -> None:
        if type(value) is not dict:
            refuse(value, where, 'a dictionary')
        for key, one in value.items():
            if type(key) is not str or key not in table:
                raise NotAllowedError(
                    f'{where} has {quote(key)}, which is none of '
                    f'{", ".join(sorted(table)) or "its arguments"}'[:400]
                )
            table[key](one, f'{where}.{key}')
        for key in sorted(needed):
            if key not in value:
                raise NotAllowedError(f'{where} has no {key}')

    return check
