"""Simulation of a pickle machine that tracks sizes without creating values.

See :mod:`.checkpoint_scan` for its use.
"""

import pickletools
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from typing import Any, BinaryIO

from ..text import quote
from .pickle_globals import (
    REBUILDS,
    callable_names,
    element_size,
    full_name,
    is_type_name,
)
from .unknown_classes import may_be_data

#: Maximum number of operations of the pickles; a training state has about ten per
#: weight.
MAX_STEPS = 3_000_000
#: Maximum number of integers that may have the same hash as another one, and of members
#: of sets and counters: members of equal hash are compared pair by pair.
MAX_LARGE_INTS, MAX_MEMBERS = 1000, 20_000
#: Maximum number of members of a tuple, including those of nested tuples.
MAX_TUPLE = 10_000
#: Maximum number of elements of an expanded tensor, whose elements share memory.
MAX_EXPANDED = 1 << 20
# torch stores sizes as 64-bit integers and supports at most 64 dimensions.
_MAX_SIZE, _MAX_DIMENSIONS = 1 << 63, 64
_ENCODINGS = {'latin1', 'latin-1', 'ascii', 'utf-8', 'utf8'}


class UnsafeError(ValueError):
    """A file with more than weights; the message completes the sentence "it ..."."""


class TorchScriptError(UnsafeError):
    """A TorchScript archive."""

    def __init__(self) -> None:
        super().__init__('is a TorchScript archive, which is a program')


class UnknownClassError(UnsafeError):
    """A file with an object of an unknown class that may be plain data.

    Args:
        name: Dotted name of the class.
    """

    def __init__(self, name: str) -> None:
        super().__init__(f'contains an object of the class {quote(name)}')
        self.name = name


class CorruptedError(ValueError):
    """A file that is not a checkpoint, or a truncated one."""


@dataclass(slots=True)
class _Global:
    """A reference to a class or function."""

    name: str


@dataclass(slots=True)
class _Tuple:
    """A tuple and the number of its members, including nested ones."""

    items: list[Any]
    weight: int


@dataclass(slots=True)
class _Value:
    """A value of known size and unknown content.

    Attributes:
        size: Bytes of a string, elements of a storage, or members of a list.
        name: Function that returned it, or ``'storage'``. Defaults to ''.
    """

    size: int = 0
    name: str = ''


_MARK = object()
# The hash of an integer in Python is its remainder modulo this prime.
_MODULUS = sys.hash_info.modulus
# Functions that return bytes for a text or for bytes.
_BYTES = ('_codecs.encode', 'builtins.bytearray', 'builtins.bytes')
_HASH_TABLES = ('builtins.set', 'collections.Counter', 'collections.OrderedDict')


class PickleScanner:
    """Pickle machine that tracks sizes and creates no values.

    Args:
        limit: Maximum size of the pickles, in bytes.
        size: Size of the file in bytes, which its tensors cannot exceed.
    """

    def __init__(self, limit: int, size: int) -> None:
        self.limit, self.size = limit, size
        self.copied = self.hashed = self.large_ints = self.members = self.steps = 0
        self.stored = 0
        self.storages: dict[Any, int] = {}
        self.callable = callable_names()

    def scan(self, file: BinaryIO) -> Any:
        """Check one pickle.

        Args:
            file: The file, open at the beginning of the pickle.

        Returns:
            Its value, if it is a number, a text or None; else a placeholder.

        Raises:
            UnsafeError: See :func:`.checkpoint_scan.scan`.
            CorruptedError: See :func:`.checkpoint_scan.scan`.
        """
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}
        for code, argument, position in pickletools.genops(file):
            self.steps += 1
            if self.steps > MAX_STEPS or (position or 0) > self.limit:
                raise UnsafeError('has too many values beside its tensors')
            if type(argument) is int and abs(argument) >= _MODULUS:
                self._add_large_int()
            name = code.name
            if name == 'STOP':
                return self.stack.pop()
            if name in ('PROTO', 'FRAME'):
                continue
            step = getattr(self, f'_{name.lower()}', None)
            if step is not None:
                step(argument)
            elif code.arg is not None and 'GET' in name:
                self.stack.append(self.memo[argument])
            elif 'PUT' in name or name == 'MEMOIZE':
                key = len(self.memo) if name == 'MEMOIZE' else argument
                self.memo[key] = self.stack[-1]
            elif len(code.stack_before) == 0 and len(code.stack_after) == 1:
                # A number, a text, None or an empty container.
                container = name.startswith('EMPTY_')
                self.stack.append(_Value() if container else argument)
            else:
                raise CorruptedError(f'torch.save does not write the operation {name}')
        raise CorruptedError('the pickle has no end')

    # Each method below is named after the operation of pickle that it simulates.

    def _mark(self, _: Any) -> None:
        self.stack.append(_MARK)

    def _pop_mark(self) -> list[Any]:
        items: list[Any] = []
        while (item := self.stack.pop()) is not _MARK:
            items.append(item)
        return items[::-1]

    def _push_tuple(self, items: list[Any]) -> None:
        weight = 1 + sum(one.weight if type(one) is _Tuple else 1 for one in items)
        if weight > MAX_TUPLE:
            raise UnsafeError('has tuples that are nested too deeply')
        self.stack.append(_Tuple(items, weight))

    def _tuple(self, _: Any) -> None:
        self._push_tuple(self._pop_mark())

    def _tuple1(self, _: Any, count: int = 1) -> None:
        items = self.stack[-count:]
        if len(items) < count:
            raise CorruptedError('a tuple lacks members')
        del self.stack[-count:]
        self._push_tuple(items)

    def _tuple2(self, _: Any) -> None:
        self._tuple1(_, 2)

    def _tuple3(self, _: Any) -> None:
        self._tuple1(_, 3)

    def _empty_tuple(self, _: Any) -> None:
        self._push_tuple([])

    # torch rejects the next four operations. They are simulated so that a call after
    # them is reported by its name.

    def _list(self, _: Any) -> None:
        self._pop_mark()
        self.stack.append(_Value())

    def _dict(self, _: Any) -> None:
        self._list(_)

    def _frozenset(self, _: Any) -> None:
        self._list(_)

    def _additems(self, _: Any) -> None:
        self._pop_mark()

    def _append(self, _: Any) -> None:
        self._grow([self.stack.pop()])

    def _appends(self, _: Any) -> None:
        self._grow(self._pop_mark())

    def _grow(self, items: list[Any]) -> None:
        if type(self.stack[-1]) is not _Value:
            raise CorruptedError('a value is appended to something that is not a list')
        self.stack[-1].size += sum(
            one.weight if type(one) is _Tuple else 1 for one in items
        )

    def _setitem(self, _: Any) -> None:
        self.stack.pop()
        self._hash([self.stack.pop()])

    def _setitems(self, _: Any) -> None:
        self._hash(self._pop_mark()[::2])

    def _hash(self, keys: list[Any]) -> None:
        for key in keys:
            self._add_hashed(key.weight if type(key) is _Tuple else 1)
            if type(key) not in (str, int, bool):
                # Other values of equal hash can be found as well.
                self._add_members(1)

    def _add_large_int(self) -> None:
        self.large_ints += 1
        if self.large_ints > MAX_LARGE_INTS:
            raise UnsafeError('has many integers of more than 60 bits')

    def _add_members(self, size: int) -> None:
        self.members += size
        if self.members > MAX_MEMBERS:
            raise UnsafeError('has sets with more members than a checkpoint has')

    def _add_hashed(self, members: int) -> None:
        self.hashed += members
        if self.hashed > self.limit + MAX_TUPLE:
            raise UnsafeError('uses the same long value too many times')

    def _global(self, name: str) -> None:
        # pickletools separates module and name by a space.
        self._push_global(*name.split(' ', 1))

    def _stack_global(self, _: Any) -> None:
        name, module = self.stack.pop(), self.stack.pop()
        self._push_global(str(module), str(name))

    def _inst(self, name: str) -> None:
        self._global(name)

    def _push_global(self, module: str, name: str = '') -> None:
        full = full_name(module, name)
        if full not in self.callable and not is_type_name(full):
            if may_be_data(full):
                raise UnknownClassError(full)
            raise UnsafeError(f'uses {quote(full[:100])}, which is not plain data')
        self.stack.append(_Global(full))

    def _newobj(self, _: Any) -> None:
        self._reduce(_)

    def _newobj_ex(self, _: Any) -> None:
        self.stack.pop()
        self._reduce(_)

    def _reduce(self, _: Any) -> None:
        args, function = self.stack.pop(), self.stack.pop()
        if type(function) is _Value and function.name:
            raise UnsafeError(f'calls the result of {quote(function.name)}')
        if type(args) is not _Tuple or type(function) is not _Global:
            raise CorruptedError('a call without a name or arguments')
        self._add_hashed(args.weight)  # torch walks through the arguments
        self.stack.append(self._call(function.name, args.items))

    def _call(self, name: str, args: list[Any]) -> Any:
        if name == 'torch._tensor._rebuild_from_type_v2':
            inner, _, inner_args, _ = args
            if type(inner) is not _Global or type(inner_args) is not _Tuple:
                raise CorruptedError('a tensor without a function that builds it')
            return self._call(inner.name, inner_args.items)
        if name not in self.callable:
            raise UnsafeError(f'calls {quote(name)}, which is not plain data')
        if name in _BYTES[1:] and not all(_is_text(one) for one in args):
            raise UnsafeError('requests memory by its size')
        if name == '_codecs.encode' and args[1:] and args[1] not in _ENCODINGS:
            raise UnsafeError('uses an encoding that no checkpoint has')
        size = sum(_length(one) for one in _flat(args))
        self._add_copied(size)
        if name in _HASH_TABLES:
            self._add_members(size)
        if name in REBUILDS:
            self._check_tensor(args)
            return _Value(0, name)
        return _Value(size, name)

    def _check_tensor(self, args: list[Any]) -> None:
        storage, _, shape, *_ = args
        if type(storage) is not _Value or storage.name != 'storage':
            raise CorruptedError('a tensor without a storage')
        sides = shape.items if type(shape) is _Tuple else [None]
        # Checked before the product: huge integers take long to multiply.
        if len(sides) > _MAX_DIMENSIONS or not all(
            _is_number(side) and 0 <= side < _MAX_SIZE for side in sides
        ):
            raise CorruptedError('a tensor with an invalid shape')
        count = prod(sides)
        if count > max(storage.size, MAX_EXPANDED):
            raise UnsafeError(
                f'has a tensor of {quote(count)} elements, but stores only '
                f'{storage.size} of them'
            )

    def _build(self, _: Any) -> None:
        state = self.stack.pop()
        target = self.stack[-1]
        if type(target) is not _Value or target.name.startswith('torch.'):
            raise UnsafeError(
                'sets the state of a tensor, which torch.save does not do'
            )
        self._add_hashed(state.weight if type(state) is _Tuple else 1)
        self._add_copied(sum(_length(one) for one in _flat([state])))

    def _add_copied(self, size: int) -> None:
        self.copied += size
        if self.copied > 8 * self.limit + MAX_EXPANDED:
            raise UnsafeError('uses the same long value too many times')

    def _binpersid(self, _: Any) -> None:
        identifier = self.stack.pop()
        if type(identifier) is not _Tuple or len(identifier.items) not in (5, 6):
            raise CorruptedError('a storage in another file')
        _, kind, key, _, count, *_ = identifier.items
        if type(kind) is not _Global or not _is_number(count) or count < 0:
            raise CorruptedError('a storage without a type or a size')
        before = self.storages.get(key, 0)
        self.storages[key] = max(count, before)
        self.stored += self.storages[key] - before
        if count * element_size(kind.name) > self.size or self.stored > self.size:
            raise CorruptedError(
                f'declares more elements than fit its {self.size:,} bytes'
            )
        self.stack.append(_Value(count, 'storage'))


def _is_text(value: Any) -> bool:
    if type(value) is _Value:
        return value.name in _BYTES
    return type(value) in (str, bytes, bytearray)


def _is_number(value: Any) -> bool:
    return type(value) in (int, bool)


def _length(value: Any) -> int:
    if type(value) in (str, bytes, bytearray):
        return len(value)
    return value.size if type(value) is _Value and value.name != 'storage' else 0


def _flat(items: list[Any]) -> Iterator[Any]:
    """Yield the members of nested tuples; MAX_TUPLE bounds their number."""
    pending = list(items)
    while pending:
        one = pending.pop()
        if type(one) is _Tuple:
            pending.extend(one.items)
        else:
            yield one
