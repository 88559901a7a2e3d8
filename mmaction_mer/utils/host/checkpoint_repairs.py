"""Safe reading of checkpoints by mmengine."""

import os
from collections.abc import Callable
from contextvars import ContextVar
from pathlib import Path
from typing import Any
from urllib.parse import urlparse
from urllib.request import url2pathname

import torch
from mmengine.logging import print_log
from mmengine.runner import CheckpointLoader, Runner
from mmengine.runner import checkpoint as mmengine_checkpoint

from ..checkpoints.reading import (
    UNREADABLE,
    CheckpointError,
    check_training_state,
    read_checkpoint,
)
from ..checkpoints.wrapped_keys import without_wrappers
from ..errors import MERRunError
from ..memory import out_of_resources
from ..text import QUOTE_LENGTH, printable, quote
from .wrapping import wrap_method

# Maximum length of a log message about the keys of a checkpoint, in characters.
_MAX_LENGTH = 10_000
_resuming: ContextVar[bool] = ContextVar('resuming', default=False)


def apply() -> None:
    """Apply all repairs that this installation needs."""
    register = CheckpointLoader.register_scheme
    register(prefixes='', loader=load_from_local, force=True)
    register(prefixes='file://', loader=load_from_file_url, force=True)
    mmengine_checkpoint.load_url = load_url
    wrap_method(Runner, 'resume', _check_resumed)
    mmengine_checkpoint.print_log = _print_log


# mmengine 0.10.7 reads the files in load_from and init_cfg of a config with these
# functions. The messages of torch advise to run a rejected file as code, and torch.hub
# unpickles any content by default, also from its cache.


def load_from_local(filename: str, map_location: Any = None) -> dict[str, Any]:
    """Read a checkpoint file for mmengine, see :func:`.reading.read_checkpoint`."""
    return _read_named_weights(os.path.expanduser(filename), map_location)


def load_from_file_url(url: str, map_location: Any = None) -> dict[str, Any]:
    """Read a checkpoint file for mmengine by its ``file://`` URL."""
    return _read_named_weights(url2pathname(urlparse(url).path), map_location)


def load_url(
    url: str,
    model_dir: str | None = None,
    map_location: Any = None,
    progress: bool = True,
    **_: Any,
) -> dict[str, Any]:
    """Read a checkpoint by its URL, and download it if it is not in the cache.

    Args:
        url: The URL; its last part is the name of the file.
        model_dir: Folder of the cache. Defaults to None: that of ``torch.hub``.
        map_location: As in ``torch.load``. Defaults to None.
        progress: Whether to show the progress of the download. Defaults to True.

    Raises:
        URLError: The file cannot be downloaded.
        CheckpointError: The file cannot be read.
    """
    folder = Path(model_dir or Path(torch.hub.get_dir(), 'checkpoints'))
    name = Path(urlparse(url).path).name
    if not name:
        raise CheckpointError(f'the URL {quote(url)} contains no file name')
    path = folder / name
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        torch.hub.download_url_to_file(url, str(path), progress=progress)
    return _read_named_weights(path, map_location)


def _read_named_weights(path: str | Path, map_location: Any) -> dict[str, Any]:
    """Read a checkpoint and check that its weights have names, as mmengine assumes."""
    content = read_checkpoint(path, map_location)
    state = content.get('state_dict', content)
    if not isinstance(state, dict) or not all(type(key) is str for key in state):
        raise CheckpointError(
            'contains no weights by name', path=path, hint='use another checkpoint'
        )
    try:
        plain = without_wrappers(state)
    except MERRunError as error:
        raise CheckpointError(error.problem, path=path, hint=error.hint) from error
    if plain is not state:
        # mmengine removes only one prefix module. and reports other names as missing.
        content = {**content, 'state_dict': plain} if 'state_dict' in content else plain
    if _resuming.get():
        check_training_state(content, str(path))
    return content


# mmengine 0.10.7, Runner.resume: assumes that a file is a training state of the same
# config, and executes the text of a config in it.


def _check_resumed(resume: Callable[..., None]) -> Callable[..., None]:
    """Wrap ``Runner.resume`` to report a file that is not a training state."""

    def checked(self: Any, filename: str, *args: Any, **kwargs: Any) -> None:
        token = _resuming.set(True)
        try:
            resume(self, filename, *args, **kwargs)
        except (*UNREADABLE, AssertionError) as error:
            if isinstance(error, MERRunError) or out_of_resources(error):
                raise
            raise CheckpointError(
                f'is not a training state of this config '
                f'({type(error).__name__}: {quote(str(error)[:QUOTE_LENGTH])})',
                path=filename,
                hint='resume from another file, or start again',
            ) from error
        finally:
            _resuming.reset(token)

    return checked


# mmengine 0.10.7, load_state_dict: logs all unexpected keys unchanged.


def _print_log(message: str, *args: Any, **kwargs: Any) -> None:
    print_log(printable(str(message), _MAX_LENGTH), *args, **kwargs)
