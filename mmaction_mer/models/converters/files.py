"""Reading of weights as other projects release them; code in a file is never run."""

import importlib.util
import lzma
import math
import tokenize
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...utils.checkpoints.pickle_scan import TorchScriptError
from ...utils.checkpoints.reading import UNREADABLE, CheckpointError, read_torch_file
from ...utils.checkpoints.wrapped_keys import without_wrappers
from ...utils.errors import MERRunError
from ...utils.files import open_regular
from ...utils.text import first_line, printable_name, quote
from .layout import ConversionError

#: How deep trainers wrap the weights, at most.
MAX_WRAPS = 4
# Where they put them among other things.
CONTAINERS = ('state_dict', 'model', 'model_state_dict')
#: Bytes that the arrays of an .npz have at most; those of a ViT-H have 2.5 GB.
MAX_ARRAYS = 8 << 30
#: How many times smaller than its arrays an .npz is at most: weights hardly compress.
MAX_RATIO = 10
REMEDY = (
    'fetch it again; or, if you trust where it comes from, save its state dict alone '
    'with torch.save and convert that'
)


# What numpy raises over bytes that are no arrays, by where it stumbles.
_DAMAGES = (
    *(*UNREADABLE, OSError, MemoryError, SyntaxError, tokenize.TokenError),
    *(zlib.error, lzma.LZMAError, zipfile.BadZipFile),
)


def read_weights(path: str | Path) -> dict[str, Tensor]:
    """Read a file of weights.

    Args:
        path: A file of ``torch.save``, a ``.safetensors`` or an ``.npz``.

    Returns:
        Tensors by key, without what wraps them: an entry such as ``state_dict`` or
        ``model``, and the ``module.`` of data parallel training or the ``_orig_mod.``
        of a compiled model.

    Raises:
        ConversionError: The file is not there, is damaged, or holds more than weights.
        OSError: The file may not be read.
    """
    path = Path(path)
    if not path.is_file():
        raise ConversionError(f'{path}: there is no such file of weights')
    # Where it may not be read, that is said; below, any error means damage.
    open_regular(path).close()
    readers = {'.npz': _read_npz, '.safetensors': _read_safetensors}
    return unwrap(readers.get(path.suffix, _read_torch)(path), str(path))


def unwrap(content: Any, source: str) -> dict[str, Tensor]:
    """Take the weights out of what a trainer saved.

    >>> saved = dict(epoch=3, state_dict={'module.norm.bias': torch.zeros(2)})
    >>> unwrap(saved, 'saved.pth')
    {'norm.bias': tensor([0., 0.])}
    """
    for _ in range(MAX_WRAPS):
        if not isinstance(content, Mapping):
            break
        inner = [key for key in CONTAINERS if isinstance(content.get(key), Mapping)]
        if not inner:
            break
        content = content[inner[0]]
    if not isinstance(content, Mapping) or not content:
        raise ConversionError(f'{source}: holds no weights by name')
    others = [
        key
        for key, value in content.items()
        if not isinstance(key, str) or not isinstance(value, Tensor)
    ]
    if others:
        raise ConversionError(
            f'{source}: not only weights: {quote(others[:3])} are no tensors. Save the '
            f'state dict alone, or as one of the entries {CONTAINERS}'
        )
    try:
        return dict(without_wrappers(content))
    except MERRunError as error:
        raise ConversionError(f'{source}: {error}') from error


def _read_torch(path: Path) -> Any:
    try:
        return read_torch_file(path, hint=REMEDY)
    except CheckpointError as error:
        if not isinstance(error.__cause__, TorchScriptError):
            raise ConversionError(str(error)) from error
        raise ConversionError(
            f'{path}: a TorchScript archive (OpenAI releases CLIP so), which is a '
            'program and not only weights; it is not opened here. If you trust where '
            'it comes from, take the weights out of it and convert these:\n'
            '  python -c "import torch; torch.save(torch.jit.load('
            f"'{path}', map_location='cpu').state_dict(), "
            f"'{path.with_suffix('.weights.pth')}')\""
        ) from error


def _read_npz(path: Path) -> dict[str, Tensor]:
    weights = {}
    key = ''
    try:
        _check_declared(path)
        with np.load(path, allow_pickle=False) as arrays:
            for key in arrays.files:
                array = _read_array(path, arrays, key)
                if array.dtype.kind not in 'fiub':
                    raise ConversionError(
                        f'{path}: {printable_name(key)} has the type {array.dtype}, '
                        'which NumPy does not support (bfloat16?); save it as float32'
                    )
                weights[key] = torch.from_numpy(array)
    except ConversionError:
        raise
    except _DAMAGES as error:
        raise _damaged(path, error, key) from error
    return weights


def _read_array(path: Path, arrays: Any, key: str) -> np.ndarray:
    try:
        array = arrays[key]
    except ValueError as error:
        if 'pickle' not in str(error):
            raise
        raise ConversionError(
            f'{path}: {quote(key)} holds Python objects, which would be code: refused, '
            f'nothing in it was run. Save its numbers alone'
        ) from error
    if not isinstance(array, np.ndarray):
        raise ConversionError(f'{path}: {quote(key)} is no array')
    return array


def _check_declared(path: Path) -> None:
    """Check what an archive says of its size, before memory is taken for it.

    Raises:
        ConversionError: It unpacks to much more than weights do, or an array declares
            more numbers than its part of the archive holds.
    """
    with zipfile.ZipFile(path) as archive:
        parts = archive.infolist()
        total = sum(part.file_size for part in parts)
        if total > min(MAX_ARRAYS, MAX_RATIO * path.stat().st_size + (64 << 20)):
            raise ConversionError(
                f'{path}: its arrays would unpack to {total:,} bytes, which weights do '
                f'not; it is not opened'
            )
        for part in parts:
            with archive.open(part) as file:
                version = np.lib.format.read_magic(file)
                read = {1: np.lib.format.read_array_header_1_0,
                        2: np.lib.format.read_array_header_2_0}  # fmt: skip
                if version[0] not in read:
                    continue
                shape, _, dtype = read[version[0]](file)
            if math.prod(shape) * dtype.itemsize > part.file_size:
                raise ConversionError(
                    f'{path}: {quote(part.filename)} declares a larger array than it '
                    f'holds'
                )


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    if importlib.util.find_spec('safetensors') is None:
        raise ConversionError(
            f'{path}: to read this kind of file, install safetensors: pip install '
            'safetensors'
        )
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path)
    except SafetensorError as error:
        raise _damaged(path, error) from error


def _damaged(path: Path, error: Exception, key: str = '') -> ConversionError:
    where = f'{path}: {printable_name(key)}' if key else f'{path}'
    return ConversionError(
        f'{where}: cannot be read as weights, or was cut short '
        f'({first_line(error)}); fetch it again'
    )
