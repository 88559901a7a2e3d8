"""Reading of released weights of other projects, without running code in them."""

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

# Maximum depth at which trainers nest the weights.
_MAX_NESTING = 4
# Entries of a checkpoint that contain the weights.
CONTAINERS = ('state_dict', 'model', 'model_state_dict')
# Maximum size of the arrays of an .npz in bytes; those of a ViT-H have 2.5 GB.
_MAX_ARRAYS = 8 << 30
# Maximum ratio of the arrays to the .npz: weights hardly compress.
_MAX_RATIO = 10
_DOWNLOAD = 'download it again'
_HINT = (
    f'{_DOWNLOAD}; or, if you trust where it comes from, save its state dict alone '
    'with torch.save and convert that'
)


# What numpy raises for files that are damaged or not arrays.
_DAMAGES = (
    *(*UNREADABLE, OSError, MemoryError, SyntaxError, tokenize.TokenError),
    *(zlib.error, lzma.LZMAError, zipfile.BadZipFile),
)


def read_weights(path: str | Path) -> dict[str, Tensor]:
    """Read a file of weights.

    Args:
        path: A file of ``torch.save``, a ``.safetensors`` or an ``.npz`` file.

    Returns:
        Tensors by key. Entries such as ``state_dict`` or ``model`` that contain them
        are unwrapped, and the prefixes ``module.`` of data parallel training and
        ``_orig_mod.`` of compiled models removed.

    Raises:
        ConversionError: The file does not exist, is damaged, or contains more than
            weights.
        OSError: The file cannot be opened.
    """
    path = Path(path)
    if not path.is_file():
        raise ConversionError('there is no such file', path=path)
    # An OSError here is a lack of permission; below, any error means damage.
    open_regular(path).close()
    readers = {'.npz': _read_npz, '.safetensors': _read_safetensors}
    return unwrap(readers.get(path.suffix, _read_torch)(path), str(path))


def unwrap(content: Any, source: str) -> dict[str, Tensor]:
    """Extract the weights from a checkpoint of a trainer.

    >>> saved = dict(epoch=3, state_dict={'module.norm.bias': torch.zeros(2)})
    >>> unwrap(saved, 'saved.pth')
    {'norm.bias': tensor([0., 0.])}
    """
    for _ in range(_MAX_NESTING):
        if not isinstance(content, Mapping):
            break
        inner = [key for key in CONTAINERS if isinstance(content.get(key), Mapping)]
        if not inner:
            break
        content = content[inner[0]]
    if not isinstance(content, Mapping) or not content:
        raise ConversionError('contains no weights by name', path=source)
    others = [
        key
        for key, value in content.items()
        if not isinstance(key, str) or not isinstance(value, Tensor)
    ]
    if others:
        raise ConversionError(
            f'contains more than weights: {quote(others[:3])} are not tensors',
            path=source,
            hint=f'save the state dict alone, or as one of the entries {CONTAINERS}',
        )
    try:
        return dict(without_wrappers(content))
    except MERRunError as error:
        raise ConversionError(str(error), path=source) from error


def _read_torch(path: Path) -> Any:
    try:
        return read_torch_file(path, hint=_HINT)
    except CheckpointError as error:
        if not isinstance(error.__cause__, TorchScriptError):
            raise ConversionError(
                error.problem, path=error.path, field=error.field, hint=error.hint
            ) from error
        raise ConversionError(
            'is a TorchScript archive, as OpenAI releases CLIP, which is a program and '
            'not only weights; it was not opened',
            path=path,
            hint='if you trust its source, extract the weights and convert these:\n'
            '  python -c "import torch; torch.save(torch.jit.load('
            f"'{path}', map_location='cpu').state_dict(), "
            f"'{path.with_suffix('.weights.pth')}')\"",
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
                        f'has the type {array.dtype}, which numpy does not support '
                        f'(bfloat16?)',
                        path=path,
                        field=printable_name(key),
                        hint='save it as float32',
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
            'contains Python objects, which could be code; nothing in it was run',
            path=path,
            field=printable_name(key),
            hint='save the numbers alone',
        ) from error
    if not isinstance(array, np.ndarray):
        raise ConversionError('is not an array', path=path, field=printable_name(key))
    return array


def _check_declared(path: Path) -> None:
    """Check the declared sizes of an archive before memory is allocated.

    Raises:
        ConversionError: It would unpack to much more than weights do, or an array
            declares more bytes than the archive contains.
    """
    with zipfile.ZipFile(path) as archive:
        parts = archive.infolist()
        total = sum(part.file_size for part in parts)
        if total > min(_MAX_ARRAYS, _MAX_RATIO * path.stat().st_size + (64 << 20)):
            raise ConversionError(
                f'would unpack to {total:,} bytes, more than weights do; it was not '
                f'opened',
                path=path,
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
                    'declares a larger array than it contains',
                    path=path,
                    field=printable_name(part.filename),
                )


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    if importlib.util.find_spec('safetensors') is None:
        raise ConversionError(
            'cannot be read without safetensors',
            path=path,
            hint='pip install safetensors',
        )
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path)
    except SafetensorError as error:
        raise _damaged(path, error) from error


def _damaged(path: Path, error: Exception, key: str = '') -> ConversionError:
    return ConversionError(
        f'cannot be read as weights, or is truncated ({first_line(error)})',
        path=path,
        field=printable_name(key) or None,
        hint=_DOWNLOAD,
    )
