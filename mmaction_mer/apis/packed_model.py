"""Read a trained model from one file, after checking everything in it."""

import re
from collections.abc import Mapping
from typing import Any

from ..utils.errors import MERRunError
from ..utils.text import quote
from .allowed_types import check_config
from .packed_model_check import check_fit
from .schema import NotAllowedError, reject

#: Version of the format.
FORMAT = 1
#: Largest size of a packed model in bytes.
MAX_BYTES = 1 << 30
_FACTS = {'model', 'pipeline', 'classes', 'dataset', 'held_out'}
_MAX_NAMES = 10_000
_PACK_AGAIN = 'pack the run again'
#: Largest number of folds in a packed model: five times those of CAS(ME)3.
MAX_FOLDS = 500
# Names appear in figures, where $ begins a formula, and in HTML.
_NAME = re.compile(r"[\w.,:+()'/ -]{1,100}")


def is_packed(content: Mapping[Any, Any]) -> bool:
    """Return whether a checkpoint is a packed model, not weights alone."""
    meta = content.get('meta')
    return isinstance(meta, dict) and 'mmaction_mer' in meta and 'facts' in meta


def unpack(content: Mapping[Any, Any], source: str) -> dict[str, Any]:
    """Check a packed model and return its parts.

    Args:
        content: Content of the file, see :func:`is_packed`.
        source: The file, for messages.

    Returns:
        ``model``, ``pipeline``, ``classes``, ``dataset``, ``held_out`` and ``folds``.

    Raises:
        MERRunError: It has another format, or contains something that is not allowed;
            nothing was built from it.
    """
    meta = content['meta']
    version = meta['mmaction_mer']
    if type(version) is not int or version != FORMAT:
        raise MERRunError(
            f'has format {quote(version)}, but this version reads {FORMAT}',
            path=source,
            hint=_PACK_AGAIN,
        )
    facts = meta['facts']
    if type(facts) is not dict or facts.keys() != _FACTS or 'folds' not in content:
        raise MERRunError(
            'lacks entries of a packed model', path=source, hint=_PACK_AGAIN
        )
    parts = {**facts, 'folds': content['folds']}
    check_packed(parts, source)
    return {**parts, 'classes': list(parts['classes'])}


def check_packed(parts: Mapping[str, Any], source: str) -> None:
    """Check that a packed model contains only what is allowed, and fits together.

    Args:
        parts: See :func:`unpack`.
        source: Origin of the model, for messages.

    Raises:
        MERRunError: It does not; the message has the place and the value.
    """
    try:
        check_config(parts['model'], parts['pipeline'])
        check_names(parts['classes'], 'classes', 1000)
        count = parts['model']['cls_head']['num_classes']
        if len(parts['classes']) != count:
            raise NotAllowedError(
                f'classes has {len(parts["classes"])} names, but the head has {count}'
            )
        if parts['dataset'] != '' or type(parts['dataset']) is not str:
            _check_name(parts['dataset'], 'dataset')
        _check_folds(parts['folds'], parts['held_out'])
    except NotAllowedError as error:
        raise MERRunError(
            str(error), path=source, hint='do not use this file'
        ) from error
    check_fit(parts, source)


def _check_name(value: Any, where: str) -> None:
    if type(value) is not str or not _NAME.fullmatch(value):
        reject(value, where, 'a name of at most 100 letters, digits and .,:+()/-')


def check_names(value: Any, where: str, most: int) -> None:
    """Allow a list of at most ``most`` names of bounded length."""
    if type(value) not in (list, tuple) or len(value) > most:
        reject(value, where, f'a list of at most {most} names')
    for index, one in enumerate(value):
        _check_name(one, f'{where}[{index}]')


def _check_folds(folds: Any, held_out: Any) -> None:
    for value, where in ((folds, 'folds'), (held_out, 'held_out')):
        if not isinstance(value, dict) or not len(value) <= MAX_FOLDS:
            wanted = f'a dictionary of at most {MAX_FOLDS} by name of the fold'
            reject(value, where, wanted)
        for name in value:
            _check_name(name, f'a name in {where}')
            # The name of a fold may become part of a file name.
            if name.startswith('/') or '..' in name.split('/'):
                reject(name, f'a name in {where}', 'not a path')
    if not folds:
        raise NotAllowedError('folds is empty')
    for name, subjects in held_out.items():
        check_names(subjects, f'held_out.{name}', _MAX_NAMES)
