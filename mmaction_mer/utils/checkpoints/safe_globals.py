"""Stand-ins for the classes that mmengine saves beside tensors, with checked values.

``torch.load(weights_only=True)`` calls the globals on its list of allowed ones with any
arguments from a file, and sets any state from the file. NumPy trusts both: an array of
objects interprets bytes of the file as pointers. Therefore the list contains functions
and classes of this module under the names of those of NumPy, which check both.
"""

from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np
from mmengine.logging import HistoryBuffer

from ..text import quote
from .safe_values import plain_globals, reject, user_allows

_STATISTICS = ('min', 'max', 'current', 'mean')
_NUMBERS = '?' + np.typecodes['AllInteger'] + np.typecodes['AllFloat']
#: Codes of the numeric types that an array or a scalar may have, such as ``'f4'``.
_CODES = {np.dtype(code).str[1:] for code in _NUMBERS}
# Maximum number of dimensions in NumPy 1.
_MAX_DIMENSIONS = 32
# Maximum size of a dimension of an empty array, which occupies no bytes.
_MAX_EMPTY_SIZE = 1 << 20
# Functions of NumPy, which a user may have allowed.
_RECONSTRUCT = np.empty(0).__reduce__()[0]
_SCALAR = np.float64(0).__reduce__()[0]
_HISTORY_STATE = {'max_length', '_log_history', '_count_history', 'statistics_methods'}
_HISTORY = 'mmengine.logging.history_buffer.HistoryBuffer'


def checkpoint_globals() -> list[Callable | tuple[Callable, str]]:
    """Return the globals to allow with ``torch.serialization.add_safe_globals``."""
    # The classes are included under their own names too: torch checks the class that it
    # has found, and a user may have allowed the classes of NumPy under the same names.
    allowed: list[Callable | tuple[Callable, str]] = [
        *(NumberType, NumberArray, CheckedHistory),
        (NumberType, 'numpy.dtype'),
        (NumberArray, 'numpy.ndarray'),
        (CheckedHistory, _HISTORY),
        # A HistoryBuffer stores its four statistics as getattr(HistoryBuffer, name).
        (history_statistic, 'builtins.getattr'),
        # The empty bytes of an empty array are pickled as bytes().
        (no_bytes, 'builtins.bytes'),
        *plain_globals(),
    ]
    for core in ('core', '_core'):
        # The modules in NumPy 1 and NumPy 2: a file may come from either.
        allowed.append((empty_array, f'numpy.{core}.multiarray._reconstruct'))
        allowed.append((number, f'numpy.{core}.multiarray.scalar'))
    return allowed


class NumberType:
    """Stand-in for ``numpy.dtype`` while a file is read: numeric types only."""

    def __new__(cls, code: Any, *given: Any) -> Any:
        """Create a ``numpy.dtype`` if the user has allowed it and its class."""
        if user_allows(np.dtype):
            own = np.dtype(code, *given)
            if user_allows(type(own)):
                return own
        return super().__new__(cls)

    def __init__(self, code: Any, *_: Any) -> None:
        if type(code) is not str or code not in _CODES:
            reject(f'the data type {quote(code)}')
        self.dtype = np.dtype(code)

    def __setstate__(self, state: Any) -> None:
        """Set the byte order; a numeric type has no other state."""
        if (
            type(state) is not tuple
            or len(state) != 8
            or type(state[1]) is not str
            or state[1] not in ('<', '>', '|', '=')
            or any(one is not None for one in state[2:5])
            or [type(one) for one in state[5:]] != [int] * 3
            or state[5:] != (-1, -1, 0)
        ):
            reject(f'a data type with the state {quote(state)}')
        self.dtype = self.dtype.newbyteorder(state[1])


class NumberArray(np.ndarray):
    """Stand-in for ``numpy.ndarray`` while a file is read: filled once with numbers."""

    _filled = False

    def __new__(cls, *given: Any) -> Any:
        """Create an empty array; arguments are rejected."""
        if given and user_allows(np.ndarray):
            return np.ndarray(*given)
        if given:
            reject('an array with arguments')
        return super().__new__(cls, (0,), np.uint8)

    def __setstate__(self, state: Any) -> None:
        """Set shape, type and bytes, if they are consistent."""
        # Filling it again would free memory that a tensor made from it points to.
        if self._filled or type(state) is not tuple or len(state) != 5:
            reject(f'an array with the state {quote(state)}')
        _, shape, kind, fortran, raw = state
        if isinstance(kind, np.dtype) and user_allows(np.ndarray, _RECONSTRUCT):
            super().__setstate__(state)  # the user has allowed all of it
            self._filled = True
            return
        dtype = _number_type(kind)
        if (
            type(shape) is not tuple
            or len(shape) > _MAX_DIMENSIONS
            or any(type(side) is not int or side < 0 for side in shape)
            or type(raw) is not bytes
            or any(side > max(len(raw), _MAX_EMPTY_SIZE) for side in shape)
            or prod(shape) * dtype.itemsize != len(raw)
        ):
            reject(f'an array whose shape {quote(shape)} does not match its bytes')
        # Copied, since several arrays may use the same bytes of the file.
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
    # That of NumPy, if the user has allowed it under this name.
    if isinstance(kind, np.dtype) and kind.str[1:] in _CODES:
        return np.dtype(kind.str)
    reject('an array of values that are not numbers')


def empty_array(kind: Any, shape: Any = (0,), code: Any = b'b') -> Any:
    """Stand in for ``_reconstruct`` of NumPy: an empty array, which is filled later."""
    own = kind is NumberArray or kind is np.ndarray
    if not own and user_allows(_RECONSTRUCT):
        return _RECONSTRUCT(kind, shape, code)  # the user has allowed all of it
    if not own or shape != (0,) or code not in (b'b', 'b'):
        reject(f'an array of the shape {quote(shape)} without values')
    return NumberArray()


def number(kind: Any, raw: Any = None) -> Any:
    """Stand in for ``scalar`` of NumPy: a number from exactly its bytes."""
    if isinstance(kind, np.dtype) and user_allows(_SCALAR):
        return _SCALAR(kind, raw)  # the user has allowed all of it
    dtype = _number_type(kind)
    if type(raw) is not bytes or len(raw) != dtype.itemsize:
        reject(f'a number with the bytes {quote(raw)}')
    return np.frombuffer(raw, dtype)[0]


def no_bytes(*given: Any) -> bytes:
    """Stand in for ``bytes``: empty bytes; arguments are rejected."""
    if user_allows(bytes):
        return bytes(*given)  # the user has allowed all of it
    if given:
        reject('a request for memory by its size')
    return b''


class CheckedHistory(HistoryBuffer):
    """Stand-in for ``HistoryBuffer`` of mmengine until its state is set."""

    def __init__(self, *given: Any, **_: Any) -> None:
        reject('a HistoryBuffer with arguments')

    def __new__(cls, *given: Any) -> Any:
        """Create one without state; arguments are rejected."""
        if given and user_allows(HistoryBuffer):
            return HistoryBuffer(*given)
        if given:
            reject('a HistoryBuffer with arguments')
        return super().__new__(cls)

    def __setstate__(self, state: Any) -> None:
        """Set two arrays of equal length, and become a ``HistoryBuffer``."""
        if user_allows(HistoryBuffer):
            self.__class__ = HistoryBuffer
            self.__setstate__(state)  # the user has allowed all of it
            self._log_history = np.array(self._log_history)
            self._count_history = np.array(self._count_history)
            return
        if type(state) is not dict or not state.keys() <= _HISTORY_STATE:
            reject('a HistoryBuffer with unknown attributes')
        arrays = [state.get('_log_history'), state.get('_count_history')]
        for array in arrays:
            if not isinstance(array, np.ndarray) or array.dtype.str[1:] not in _CODES:
                reject('a HistoryBuffer of values that are not numbers')
        logs, counts = (np.array(array) for array in arrays)
        longest = state.get('max_length')
        if logs.ndim != 1 or logs.shape != counts.shape or type(longest) is not int:
            reject('a HistoryBuffer with arrays of different lengths')
        whole = HistoryBuffer(max_length=longest)
        methods = state.get('statistics_methods', {})
        # mmengine would register statistics of the file for all buffers of the process.
        if type(methods) is not dict or any(
            method is not HistoryBuffer._statistics_methods.get(name)
            for name, method in methods.items()
        ):
            reject('a HistoryBuffer with statistics of its own')
        whole._log_history, whole._count_history = logs, counts
        self.__dict__.update(vars(whole))
        # The file cannot set another state from here on.
        self.__class__ = HistoryBuffer


def history_statistic(owner: Any, name: Any, *default: Any) -> Any:
    """Stand in for ``getattr``: only for the statistics of ``HistoryBuffer``."""
    if user_allows(getattr):
        return getattr(owner, name, *default)  # the user has allowed all of it
    own = owner is CheckedHistory or owner is HistoryBuffer
    if own and type(name) is str and name in _STATISTICS and not default:
        return getattr(HistoryBuffer, name)
    reject(f'the attribute {quote(name)}, which is not a statistic of a HistoryBuffer')
