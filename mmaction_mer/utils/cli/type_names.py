"""Configs of pure Python: classes in them are written as their registered names."""

from collections.abc import Callable, Iterator, Mapping
from inspect import isclass, isroutine
from typing import Any

from mmengine.config import Config
from mmengine.config.lazy import LazyAttr, LazyObject
from mmengine.registry import Registry, root


def name_types(cfg: Config) -> Config:
    """Write the classes and functions of a config as names.

    A config of pure Python (``with read_base():``, ``type=MERDataset``) holds what it
    names; an ordinary one holds texts, which are what folds are planned, compared and
    stored by.

    Args:
        cfg: Any config; it is not changed.

    Returns:
        The config itself where it holds no classes, else another one.
    """
    imported = getattr(cfg, '_imported_names', None) or set()
    # Of what stands in such a file, names that were imported are no settings.
    content = {key: value for key, value in cfg.items() if key not in imported}
    if not imported and not _holds_types(content):
        return cfg
    return Config(_named(content), filename=cfg.filename)


def registered_name(given: Callable[..., Any]) -> str:
    """Name a class or a function as an ordinary config would.

    >>> from torch.optim import Adam
    >>> from mmpretrain.models import VisionTransformer
    >>> registered_name(Adam), registered_name(VisionTransformer)
    ('Adam', 'mmpretrain.VisionTransformer')
    """
    for registry in _registries():
        for name, one in registry.module_dict.items():
            if one is given:
                far = registry.scope not in ('mmaction', 'mmengine')
                return f'{registry.scope}.{name}' if far else name
    return f'{given.__module__}.{given.__qualname__}'


def _registries() -> Iterator[Registry]:
    """All registries: mmaction's first, since its names need no scope."""
    found = [one for one in vars(root).values() if isinstance(one, Registry)]
    children = [child for one in found for child in one.children.values()]
    yield from sorted(
        [*found, *children],
        key=lambda one: ('mmaction', 'mmengine', one.scope).index(one.scope),
    )


def _is_type(value: Any) -> bool:
    return (
        isclass(value) or isroutine(value) or isinstance(value, LazyObject | LazyAttr)
    )


def _holds_types(value: Any) -> bool:
    if isinstance(value, Mapping):
        return any(_holds_types(one) for one in value.values())
    if isinstance(value, list | tuple):
        return any(_holds_types(one) for one in value)
    return _is_type(value)


def _named(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _named(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_named(one) for one in value)
    if isinstance(value, LazyObject | LazyAttr):
        value = value.build()
    return registered_name(value) if _is_type(value) else value
