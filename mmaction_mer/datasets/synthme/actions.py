"""Action units as smooth local displacement fields, and expressions of action units.

An action is named as in FACS: ``'12'`` moves both sides, ``'L12'`` only the person's
left side. Its weight is the displacement at its center in pixels of a
224 x 224 frame.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from .identity import SIDES, Identity, landmarks

CLASSES = ('negative', 'positive', 'surprise')
MARGIN = 16.0
EXTENT = 224.0 + 2 * MARGIN


@dataclass(frozen=True)
class Bump:
    """One Gaussian displacement: position, direction and width, in units.

    In ``shift`` and ``push``, x points outward from the middle of the face.
    """

    landmark: str
    shift: tuple[float, float]
    push: tuple[float, float]
    sigma: tuple[float, float]


# Positions and directions of the displacements, after FACS (Ekman et al., 2002).
ACTIONS: dict[str, tuple[Bump, ...]] = {
    '1': (Bump('brow_inner', (3, -3), (0.0, -1.0), (14, 13)),),
    '2': (Bump('brow_outer', (-6, -3), (0.0, -1.0), (16, 13)),),
    '4': (Bump('brow_inner', (5, 0), (-0.45, 0.89), (17, 12)),),
    '5': (Bump('upper_lid', (0, -1), (0.0, -1.0), (12, 6.5)),),
    '6': (
        Bump('cheek', (0, 0), (0.15, -0.99), (19, 11)),
        Bump('eye_outer', (5, 5), (-0.3, -0.2), (8, 8)),
    ),
    '9': (
        Bump('ala', (-3, -9), (0.1, -0.95), (10, 15)),
        Bump('brow_inner', (0, 4), (-0.2, 0.3), (12, 9)),
    ),
    '12': (
        Bump('mouth_corner', (1, 0), (0.66, -0.75), (14, 11)),
        Bump('cheek', (-6, 14), (0.15, -0.3), (15, 13)),
    ),
    '15': (Bump('mouth_corner', (1, 3), (0.05, 1.0), (13, 12)),),
}

# Relative strength: an eyelid cannot move as far as a mouth corner.
_GAIN = {'5': 0.3, '9': 0.8}

# (emotion, actions, fraction of the clips of the class)
_EXPRESSIONS: dict[str, tuple[tuple[str, tuple[str, ...], float], ...]] = {
    'negative': (
        ('anger', ('4',), 0.25),
        ('sadness', ('4', '15'), 0.25),
        ('sadness', ('15',), 0.15),
        ('disgust', ('9',), 0.15),
        ('disgust', ('4', '9'), 0.2),
    ),
    'positive': (
        ('happiness', ('12',), 0.45),
        ('happiness', ('6', '12'), 0.55),
    ),
    'surprise': (
        ('surprise', ('1', '2'), 0.6),
        ('surprise', ('1', '2', '5'), 0.4),
    ),
}


def sample_expression(
    label: int | str, rng: np.random.Generator, amplitude: float
) -> dict[str, float]:
    """Sample the actions of one expression, a little stronger on one side.

    Args:
        label: Class index or name, see :data:`CLASSES`.
        rng: Random number generator.
        amplitude: Displacement of the strongest side of the leading action in
            pixels at 224.

    Returns:
        Sided action -> weight in pixels at 224, such as ``{'L12': 1.4, 'R12': 1.1}``.

    Examples:
        >>> weights = sample_expression('positive', np.random.default_rng(0), 1.0)
        >>> round(max(weights.values()), 6)
        1.0
    """
    name = label if isinstance(label, str) else CLASSES[label]
    options = _EXPRESSIONS[name]
    fractions = [fraction for _, _, fraction in options]
    _, actions, _ = options[int(rng.choice(len(options), p=fractions))]
    asymmetry = float(np.clip(0.12 * rng.standard_normal(), -0.3, 0.3))
    weights: dict[str, float] = {}
    for action in actions:
        strength = _GAIN.get(action, 1.0) * rng.uniform(0.65, 1.0)
        for side, out in SIDES.items():
            weights[side + action] = float(strength * (1 + out * asymmetry))
    scale = amplitude / max(weights.values())
    return {name: weight * scale for name, weight in weights.items()}


def action_units(weights: Mapping[str, float]) -> list[str]:
    """Return the action unit numbers of weights, in order.

    Examples:
        >>> action_units({'L12': 1.0, 'R12': 0.9, 'L6': 0.5})
        ['6', '12']
    """
    return sorted({name.lstrip('LR') for name in weights}, key=int)


def emotion_of(weights: Mapping[str, float]) -> str:
    """Return the emotion with these actions.

    Raises:
        KeyError: No expression of the table has exactly these actions.
    """
    found = tuple(action_units(weights))
    for options in _EXPRESSIONS.values():
        for emotion, actions, _ in options:
            if actions == found:
                return emotion
    raise KeyError(f'no expression is made of the actions {found}')


def displacement(
    identity: Identity, weights: Mapping[str, float], x: np.ndarray, y: np.ndarray
) -> np.ndarray:
    """Compute the displacement field at the apex.

    The image is warped backward by this field: the pixel at (x, y) comes from
    (x, y) minus the field at (x, y).

    Args:
        identity: The person, whose landmarks place the actions.
        weights: Action -> pixels at 224, see the module's docstring.
        x: Columns in units, shape (W,).
        y: Rows in units, shape (H,).

    Returns:
        (H, W, 2) float32, x and y displacement in pixels at 224.

    Raises:
        KeyError: A weight is not of an action of :data:`ACTIONS`.
    """
    points = landmarks(identity)
    field = np.zeros((2, len(y), len(x)), np.float32)
    for name, weight in weights.items():
        action = name.lstrip('LR')
        if action not in ACTIONS:
            raise KeyError(f'unknown action {name!r}; known: {", ".join(ACTIONS)}')
        sides = name[0] if name[0] in SIDES else 'LR'
        for side in sides:
            out = SIDES[side]
            for bump in ACTIONS[action]:
                px, py = points[f'{side}_{bump.landmark}']
                px, py = px + out * bump.shift[0], py + bump.shift[1]
                # A Gaussian is separable: two short exponentials, one outer product.
                across = np.exp(-0.5 * ((x - px) / bump.sigma[0]) ** 2)
                down = np.exp(-0.5 * ((y - py) / bump.sigma[1]) ** 2)
                shape = np.outer(down, across).astype(np.float32)
                field[0] += np.float32(weight * out * bump.push[0]) * shape
                field[1] += np.float32(weight * bump.push[1]) * shape
    return np.ascontiguousarray(field.transpose(1, 2, 0))


def true_field(
    identity: Identity, weights: Mapping[str, float], size: int
) -> np.ndarray:
    """Compute the displacement at the apex on the pixel grid of a frame, head at rest.

    Args:
        identity: The person.
        weights: Action -> pixels at 224.
        size: Side of the square frame in pixels.

    Returns:
        (size, size, 2) float32 in pixels **of that frame**.
    """
    grid = (np.arange(size) + 0.5) * (224.0 / size)
    return displacement(identity, weights, grid, grid) * np.float32(size / 224.0)
