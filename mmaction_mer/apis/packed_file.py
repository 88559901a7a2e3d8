"""A trained model as one file, from whoever it is: what it holds is checked first."""

import re
from collections.abc import Mapping
from typing import Any

from ..utils.errors import MERRunError
from ..utils.text import quote
from .allowed_parts import check_parts
from .packed_fit import check_fit
from .schema import NotAllowedError, refuse

FORMAT = 1
#: Bytes that a packed model has at most.
MAX_BYTES = 1 << 30
_FACTS = {'model', 'pipeline', 'classes', 'dataset', 'held_out'}
_MAX_NAMES = 10_000
#: Folds that a packed model has at most: those of CAS(ME)3, five times.
MAX_FOLDS = 500
# Names are drawn into figures, where $ begins a formula, and stand in pages.
_NAME = re.compile(r"[\w.,:+()'/ -]{1,100}")


def is_packed(content: Mapping[Any, Any]) -> bool:
    """Whether a checkpoint is a packed model, rather than weights alone."""
    meta = content.get('meta')
    return isinstance(meta, dict) and 'mmaction_mer' in meta and 'facts' in meta


def unpack(content: Mapping[Any, Any], source: str) -> dict[str, Any]:
    """Take a packed model apart.

    Args:
        content: What was read, see :func:`is_packed`.
        source: The file, for messages.

    Returns:
        ``model``, ``pipeline``, ``classes``, ``dataset``, ``held_out`` and ``folds``.

    Raises:
        MERRunError: It is of another format, or holds anything that a packed model
            may not hold; nothing of it was built.
    """
    meta = content['meta']
    version = meta['mmaction_mer']
    if type(version) is not int or version != FORMAT:
        raise MERRunError(
            f'{source}: is of format {quote(version)}, this version reads {FORMAT}; '
            f'pack the run again'
        )
    facts = meta['facts']
    if type(facts) is not dict or facts.keys() != _FACTS or 'folds' not in content:
        raise MERRunError(f'{source}: lacks what a packed run holds; pack it again')
    told = {**facts, 'folds': content['folds']}
    check_packed(told, source)
    told['classes'] = list(told['classes'])
    return told


def check_packed(told: Mapping[str, Any], source: str) -> None:
    """See that a packed model holds nothing but what it may, and fits together.

    Args:
        told: See :func:`unpack`.
        source: Where it is from, for messages.

    Raises:
        MERRunError: It does not; the message names the place and the value.
    """
    try:
        check_parts(told['model'], told['pipeline'])
        check_names(told['classes'], 'classes', 1000)
        count = told['model']['cls_head']['num_classes']
        if len(told['classes']) != count:
            raise NotAllowedError(
                f'classes has {len(told["classes"])} names, but the head has {count}'
            )
        if told['dataset'] != '' or type(told['dataset']) is not str:
            _check_name(told['dataset'], 'dataset')
        _check_folds(told['folds'], told['held_out'])
    except NotAllowedError as error:
        raise MERRunError(f'{source}: {error}. Do not use this file') from error
    check_fit(told, source)


def _check_name(value: Any, where: str) -> None:
    if type(value) is not str or not _NAME.fullmatch(value):
        refuse(value, where, 'a name of at most 100 letters, digits and .,:+()/-')


def check_names(value: Any, where: str, most: int) -> None:
    """Allow a list of at most ``most`` names of bounded length."""
    if type(value) not in (list, tuple) or len(value) > most:
        refuse(value, where, f'a list of at most {most} names')
    for number, one in enumerate(value):
        _check_name(one, f'{where}[{number}]')


def _check_folds(folds: Any, held_out: Any) -> None:
    for value, where in ((folds, 'folds'), (held_out, 'held_out')):
        if not isinstance(value, dict) or not len(value) <= MAX_FOLDS:
            wanted = f'a dictionary of at most {MAX_FOLDS} by name of the fold'
            refuse(value, where, wanted)
        for name in value:
            _check_name(name, f'a name in {where}')
            # A fold's name may become part of the name of a file.
            if name.startswith('/') or '..' in name.split('/'):
                refuse(name, f'a name in {where}', 'no path')
    if not folds:
        raise NotAllowedError('folds is empty')
    for name, people in held_out.items():
        check_names(people, f'held_out.{name}', _MAX_NAMES)
