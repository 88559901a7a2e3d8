"""Replacement of classes in pure Python style configs by their registered names."""

from collections.abc import Callable, Iterator, Mapping
from inspect import isclass, isroutine
from typing import Any

from mmengine.config import Config
from mmengine.config.lazy import LazyAttr, LazyObject
from mmengine.registry import Registry, root


def types_to_names(cfg: Config) -> Config:
    """Replace the classes and functions in a config by their registered names.

    A pure Python style config (``with read_base():``, ``type=MERDataset``) contains
    classes; the planning, comparison and storage of folds need strings.

    Args:
        cfg: Any config; it is not changed.

    Returns:
        The config itself if it contains no classes, else a new one.
    """
    imported = getattr(cfg, '_imported_names', None) or set()
    # Imported names are not settings.
    content = {key: value for key, value in cfg.items() if key not in imported}
    if not imported and not _contains_types(content):
        return cfg
    return Config(_replace_types(content), filename=cfg.filename)


def registered_name(given: Callable[..., Any]) -> str:
    """Return the name of a class or a function in a text style config.

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
    """Yield all registries; those of mmaction first, since its names need no scope."""
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


def _contains_types(value: Any) -> bool:
    if isinstance(value, Mapping):
        return any(_contains_types(one) for one in value.values())
    if isinstance(value, list | tuple):
        return any(_contains_types(one) for one in value)
    return _is_type(value)


def _replace_types(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _replace_types(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_replace_types(one) for one in value)
    if isinstance(value, LazyObject | LazyAttr):
        value = value.build()
    return registered_name(value) if _is_type(value) else value
