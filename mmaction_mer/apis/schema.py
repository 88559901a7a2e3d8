"""Check plain values and configs that come from an untrusted file.

A check is called with a value and with its place in the file, and raises
:class:`NotAllowedError` if the value is not allowed there. Types are compared exactly,
so that no method of an unknown class is ever called.
"""

import importlib
import math
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

from ..utils.text import quote

if TYPE_CHECKING:
    from mmengine.registry import Registry

Check = Callable[[Any, str], None]
_FILE_NAME = re.compile(r'[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}')


class NotAllowedError(ValueError):
    """A value is not allowed in its place."""


def reject(value: Any, where: str, wanted: str) -> NoReturn:
    """Raise the error for a value, naming what is allowed in its place."""
    raise NotAllowedError(f'{where} is {quote(value)}, but must be {wanted}')


def boolean(value: Any, where: str) -> None:
    """Allow True and False."""
    if type(value) is not bool:
        reject(value, where, 'True or False')


def none(value: Any, where: str) -> None:
    """Allow only None."""
    if value is not None:
        reject(value, where, 'None')


def integer(low: int, high: int) -> Check:
    """Allow integers from ``low`` to ``high``.

    >>> integer(1, 8)(3, 'rank')
    """

    def check(value: Any, where: str) -> None:
        if type(value) is not int or not low <= value <= high:
            reject(value, where, f'an integer from {low} to {high}')

    return check


def number(low: float, high: float) -> Check:
    """Allow finite numbers from ``low`` to ``high``."""

    def check(value: Any, where: str) -> None:
        if type(value) not in (int, float) or not low <= value <= high:
            reject(value, where, f'a number from {low:g} to {high:g}')

    assert math.isfinite(low) and math.isfinite(high)
    return check


def one_of(*values: str) -> Check:
    """Allow some strings."""

    def check(value: Any, where: str) -> None:
        if type(value) is not str or value not in values:
            reject(value, where, f'one of {", ".join(values)}'[:300])

    return check


def optional(check: Check) -> Check:
    """Allow None as well."""

    def check_unless_none(value: Any, where: str) -> None:
        if value is not None:
            check(value, where)

    return check_unless_none


def any_of(*checks: Check) -> Check:
    """Allow what one of several checks allows; the last one makes the message."""

    def check(value: Any, where: str) -> None:
        for one in checks[:-1]:
            try:
                return one(value, where)
            except NotAllowedError:
                continue
        return checks[-1](value, where)

    return check


def list_of(check: Check, least: int, most: int) -> Check:
    """Allow lists and tuples of ``least`` to ``most`` values that pass a check."""

    def check_all(value: Any, where: str) -> None:
        if type(value) not in (list, tuple) or not least <= len(value) <= most:
            reject(value, where, f'a list of {least} to {most} values')
        for index, one in enumerate(value):
            check(one, f'{where}[{index}]')

    return check_all


def mapping(table: Mapping[str, Check], required: Collection[str] = ()) -> Check:
    """Allow dictionaries with known keys, each value of which passes its check."""

    def check(value: Any, where: str) -> None:
        if type(value) is not dict:
            reject(value, where, 'a dictionary')
        for key, one in value.items():
            if type(key) is not str or key not in table:
                raise NotAllowedError(
                    f'{where} has {quote(key)}, which is none of '
                    f'{", ".join(sorted(table)) or "its arguments"}'[:400]
                )
            table[key](one, f'{where}.{key}')
        for key in sorted(required):
            if key not in value:
                raise NotAllowedError(f'{where} has no {key}')

    return check


def pretrained_weights(released: Collection[str]) -> Check:
    """Allow files of weights that ship with the package, and some released ones.

    Args:
        released: Addresses of the released files.
    """

    def check(value: Any, where: str) -> None:
        from ..models.utils.pretrained import PACKAGE_SCHEME, WEIGHTS_DIR

        if type(value) is str:
            name = value.removeprefix(PACKAGE_SCHEME)
            if value in released or (
                value.startswith(PACKAGE_SCHEME)
                and _FILE_NAME.fullmatch(name)
                and (WEIGHTS_DIR / name).is_file()
            ):
                return
        raise NotAllowedError(
            f'{where} is {quote(value)}, which a packed model may not read: give the '
            f'run itself, not a packed file'
        )

    return check


@dataclass(frozen=True)
class AllowedType:
    """A class that an untrusted config may build.

    Attributes:
        location: The class, as ``'module:name'``.
        registry: The registry that it is registered in, as ``'module:name'``.
        arguments: Check of each argument that is allowed.
        required: Arguments that must be given.
    """

    location: str
    registry: str
    arguments: Mapping[str, Check]
    required: tuple[str, ...] = ()

    def check_registered(self, name: str) -> None:
        """Check that the registry has, under a name, this class and no other.

        :meth:`Registry.get` is not called: it imports what it does not find.

        Raises:
            NotAllowedError: Another class is registered under the name.
        """
        registry: Registry | None = _import(self.registry)
        own = name.rpartition('.')[2]
        while registry is not None:
            if own in registry.module_dict:
                if registry.module_dict[own] is _import(self.location):
                    return
                break
            registry = registry.parent
        raise NotAllowedError(f'{name} is registered as something else here')


class AllowedTypes(dict[str, AllowedType]):
    """Table of the classes that an untrusted config may build, by ``type``."""

    def config_of(self, *names: str) -> Check:
        """Allow configs of one of some types, with allowed arguments."""

        def check(value: Any, where: str) -> None:
            if type(value) is not dict:
                reject(value, where, f'one of {", ".join(names)}')
            kind = value.get('type')
            name = kind.removeprefix('mmaction.') if type(kind) is str else ''
            allowed = self.get(name) if name in names else None
            # The prefix is only right for classes in mmaction's registries.
            if allowed is None or (
                name != kind and not allowed.registry.startswith('mmaction.')
            ):
                raise NotAllowedError(
                    f'{where} asks for {quote(kind)}, which is none of '
                    f'{", ".join(names)} and might run code'
                )
            allowed.check_registered(name)
            arguments = {'type': one_of(kind), **allowed.arguments}
            mapping(arguments, allowed.required)(value, where)

        return check


def _import(location: str) -> Any:
    module, _, name = location.partition(':')
    return getattr(importlib.import_module(module), name)
