"""What a checkpoint of mmengine holds beside tensors, made with every value checked.

``torch.load(weights_only=True)`` calls what stands on its list of allowed globals with
whatever arguments a file gives, and hands each object the state that the file says.
numpy trusts both: an array of objects takes bytes of the file for pointers. So none of
numpy's own functions stands on the list, but functions and classes of this module
under their names.
"""

from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np
from mmengine.logging import HistoryBuffer

from ..text import quote
from .safe_values import plain_globals, refuse, user_allows

_STATISTICS = ('min', 'max', 'current', 'mean')
_NUMBERS = '?' + np.typecodes['AllInteger'] + np.typecodes['AllFloat']
#: Codes of the types of number that an array or a scalar may have, such as ``'f4'``.
_CODES = {np.dtype(code).str[1:] for code in _NUMBERS}
# numpy has no more dimensions.
_DIMENSIONS = 32
# Sides of an empty array, at most: they take no bytes.
_SIDE = 1 << 20
# numpy's own, which a user may have allowed.
_RECONSTRUCT = np.empty(0).__reduce__()[0]
_SCALAR = np.float64(0).__reduce__()[0]
_HISTORY_STATE = {'max_length', '_log_history', '_count_history', 'statistics_methods'}
_HISTORY = 'mmengine.logging.history_buffer.HistoryBuffer'


def checkpoint_globals() -> list[Callable | tuple[Callable, str]]:
    """What ``torch.serialization.add_safe_globals`` is given."""
    # The classes by their own names too, since a user may have allowed numpy's own
    # under numpy's names, and torch sees which of two it finds.
    allowed: list[Callable | tuple[Callable, str]] = [
        *(NumberType, NumberArray, CheckedHistory),
        (NumberType, 'numpy.dtype'),
        (NumberArray, 'numpy.ndarray'),
        (CheckedHistory, _HISTORY),
        # A HistoryBuffer names its four statistics as getattr(HistoryBuffer, name).
        (history_statistic, 'builtins.getattr'),
        # No bytes at all, those of an empty array, are pickled as bytes().
        (no_bytes, 'builtins.bytes'),
        *plain_globals(),
    ]
    for core in ('core', '_core'):
        # Where numpy 1 and numpy 2 keep them: a file may come from either.
        allowed.append((empty_array, f'numpy.{core}.multiarray._reconstruct'))
        allowed.append((number, f'numpy.{core}.multiarray.scalar'))
    return allowed


class NumberType:
    """Stands for ``numpy.dtype`` while a file is read: a type of number, no other."""

    def __new__(cls, code: Any, *given: Any) -> Any:
        """Make numpy's own, where the user has allowed it and the type it is of."""
        if user_allows(np.dtype):
            own = np.dtype(code, *given)
            if user_allows(type(own)):
                return own
        return super().__new__(cls)

    def __init__(self, code: Any, *_: Any) -> None:
        if type(code) is not str or code not in _CODES:
            refuse(f'numbers of the type {quote(code)}')
        self.dtype = np.dtype(code)

    def __setstate__(self, state: Any) -> None:
        """Take the order of the bytes; a type of number has no other state."""
        if (
            type(state) is not tuple
            or len(state) != 8
            or type(state[1]) is not str
            or state[1] not in ('<', '>', '|', '=')
            or any(one is not None for one in state[2:5])
            or [type(one) for one in state[5:]] != [int] * 3
            or state[5:] != (-1, -1, 0)
        ):
            refuse(f'a type of number of the state {quote(state)}')
        self.dtype = self.dtype.newbyteorder(state[1])


class NumberArray(np.ndarray):
    """Stands for ``numpy.ndarray`` while a file is read: filled once, with numbers."""

    _filled = False

    def __new__(cls, *given: Any) -> Any:
        """Make an empty array, from no arguments."""
        if given and user_allows(np.ndarray):
            return np.ndarray(*given)
        if given:
            refuse('an array by its shape')
        return super().__new__(cls, (0,), np.uint8)

    def __setstate__(self, state: Any) -> None:
        """Take shape, type and bytes, if they fit one another."""
        # A second filling would free the memory that a tensor made of it points to.
        if self._filled or type(state) is not tuple or len(state) != 5:
            refuse(f'an array of the state {quote(state)}')
        _, shape, kind, fortran, raw = state
        if isinstance(kind, np.dtype) and user_allows(np.ndarray, _RECONSTRUCT):
            super().__setstate__(state)  # the user has allowed all of it
            self._filled = True
            return
        dtype = _number_type(kind)
        if (
            type(shape) is not tuple
            or len(shape) > _DIMENSIONS
            or any(type(side) is not int or side < 0 for side in shape)
            or type(raw) is not bytes
            or any(side > max(len(raw), _SIDE) for side in shape)
            or prod(shape) * dtype.itemsize != len(raw)
        ):
            refuse(f'an array of the shape {quote(shape)} that its bytes do not have')
        # Copied: the bytes of the file may be given to several arrays.
        flat = np.frombuffer(bytearray(raw), dtype)
        whole = flat.reshape(shape, order='F' if fortran else 'C')
        super().__setstate__(whole.__reduce__()[2])
        self._filled = True

    def __reduce__(self) -> Any:
        """Pickle as the plain array that it is."""
        return self.view(np.ndarray).__reduce__()

    def __reduce_ex__(self, protocol: Any) -> Any:
        """Pickle as the plain array that it is."""
        return self.view(np.ndarray).__reduce_ex__(protocol)


def _number_type(kind: Any) -> np.dtype:
    if type(kind) is NumberType:
        return kind.dtype
    # numpy's own, where the user has allowed it under this name.
    if isinstance(kind, np.dtype) and kind.str[1:] in _CODES:
        return np.dtype(kind.str)
    refuse('an array of what are no numbers')


def empty_array(kind: Any, shape: Any = (0,), code: Any = b'b') -> Any:
    """Stand for numpy's ``_reconstruct``: an empty array, which is filled later."""
    own = kind is NumberArray or kind is np.ndarray
    if not own and user_allows(_RECONSTRUCT):
        return _RECONSTRUCT(kind, shape, code)  # the user has allowed all of it
    if not own or shape != (0,) or code not in (b'b', 'b'):
        refuse(f'an array of the shape {quote(shape)} without numbers')
    return NumberArray()


def number(kind: Any, raw: Any = None) -> Any:
    """Stand for numpy's ``scalar``: a number from exactly its bytes."""
    if isinstance(kind, np.dtype) and user_allows(_SCALAR):
        return _SCALAR(kind, raw)  # the user has allowed all of it
    dtype = _number_type(kind)
    if type(raw) is not bytes or len(raw) != dtype.itemsize:
        refuse(f'a number of the bytes {quote(raw)}')
    return np.frombuffer(raw, dtype)[0]


def no_bytes(*given: Any) -> bytes:
    """Stand for ``bytes``: none at all, from no arguments."""
    if user_allows(bytes):
        return bytes(*given)  # the user has allowed all of it
    if given:
        refuse('memory by a number')
    return b''


class CheckedHistory(HistoryBuffer):
    """Stands for mmengine's ``HistoryBuffer`` until it has its state."""

    def __init__(self, *given: Any, **_: Any) -> None:
        refuse('a HistoryBuffer by its arguments')

    def __new__(cls, *given: Any) -> Any:
        """Make one without state, from no arguments."""
        if given and user_allows(HistoryBuffer):
            return HistoryBuffer(*given)
        if given:
            refuse('a HistoryBuffer by its arguments')
        return super().__new__(cls)

    def __setstate__(self, state: Any) -> None:
        """Take two arrays of one length, and become a ``HistoryBuffer``."""
        if user_allows(HistoryBuffer):
            self.__class__ = HistoryBuffer
            self.__setstate__(state)  # the user has allowed all of it
            self._log_history = np.array(self._log_history)
            self._count_history = np.array(self._count_history)
            return
        if type(state) is not dict or not state.keys() <= _HISTORY_STATE:
            refuse('a HistoryBuffer of another state than its own')
        arrays = [state.get('_log_history'), state.get('_count_history')]
        for array in arrays:
            if not isinstance(array, np.ndarray) or array.dtype.str[1:] not in _CODES:
                refuse('a HistoryBuffer of what are no numbers')
        logs, counts = (np.array(array) for array in arrays)
        longest = state.get('max_length')
        if logs.ndim != 1 or logs.shape != counts.shape or type(longest) is not int:
            refuse('a HistoryBuffer of lists that do not fit')
        whole = HistoryBuffer(max_length=longest)
        methods = state.get('statistics_methods', {})
        # mmengine would register those of the file for all buffers of the process.
        if type(methods) is not dict or any(
            method is not HistoryBuffer._statistics_methods.get(name)
            for name, method in methods.items()
        ):
            refuse('a HistoryBuffer with statistics of its own')
        whole._log_history, whole._count_history = logs, counts
        self.__dict__.update(vars(whole))
        # From here on a file cannot give it another state.
        self.__class__ = HistoryBuffer


def history_statistic(owner: Any, name: Any, *default: Any) -> Any:
    """Stand for ``getattr``: a statistic of ``HistoryBuffer``, nothing else."""
    if user_allows(getattr):
        return getattr(owner, name, *default)  # the user has allowed all of it
    own = owner is CheckedHistory or owner is HistoryBuffer
    if own and type(name) is str and name in _STATISTICS and not default:
        return getattr(HistoryBuffer, name)
    refuse(f'an attribute {quote(name)}; only the statistics of a HistoryBuffer may be')
