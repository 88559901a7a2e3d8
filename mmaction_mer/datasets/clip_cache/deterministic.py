"""Which transforms of a pipeline give the same result each time."""

import inspect
from collections.abc import Callable, Sequence

from mmaction.datasets.transforms import CenterCrop, Resize

# These classes of mmaction draw no random numbers; a subclass may.
_HOST = (CenterCrop, Resize)


def is_deterministic(transform: Callable) -> bool:
    """Return whether a transform gives the same result each time.

    Its own class, not a parent, has to declare ``deterministic = True``, or be
    mmaction's ``Resize`` or ``CenterCrop``.

    >>> is_deterministic(Resize((224, 224)))
    True
    """
    kind = type(transform)
    return kind in _HOST or bool(vars(kind).get('deterministic', False))


def describe(transform: Callable) -> str | None:
    """Return a transform with all its settings as text, however the config writes them.

    Returns:
        The text; None if the transform does not keep its settings as attributes of the
        same names.

    >>> describe(CenterCrop(224))
    'mmaction.CenterCrop(crop_size=(224, 224), lazy=False)'
    """
    kind = type(transform)
    try:
        names = inspect.signature(kind).parameters
        settings = ', '.join(f'{name}={getattr(transform, name)!r}' for name in names)
    except (AttributeError, ValueError):
        return None
    return f'{kind.__module__.partition(".")[0]}.{kind.__qualname__}({settings})'


def deterministic_prefix(transforms: Sequence[Callable]) -> list[str]:
    """Describe the deterministic transforms that a pipeline begins with."""
    prefix: list[str] = []
    for transform in transforms:
        text = describe(transform) if is_deterministic(transform) else None
        if text is None:
            break
        prefix.append(text)
    return prefix
