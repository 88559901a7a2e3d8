"""Synthetic subjects: all parameters of a face.

Lengths are in pixels of a 224 x 224 frame ("units"), x to the right, y down.
``L`` and ``R`` are the person's own left and right, as in FACS: the left brow
is on the right of the image.
"""

from dataclasses import dataclass

import numpy as np

Color = tuple[float, float, float]
Point = tuple[float, float]

# Outward direction along x of each side of the face.
SIDES = {'L': 1.0, 'R': -1.0}
CENTER = 112.0

_SKIN = np.array(
    [
        [0.96, 0.81, 0.73],
        [0.92, 0.75, 0.64],
        [0.84, 0.65, 0.52],
        [0.72, 0.53, 0.40],
        [0.55, 0.38, 0.28],
        [0.40, 0.26, 0.19],
    ]
)
_HAIR = np.array(
    [
        [0.07, 0.06, 0.06],
        [0.15, 0.10, 0.07],
        [0.28, 0.18, 0.11],
        [0.45, 0.30, 0.17],
        [0.70, 0.55, 0.34],
        [0.42, 0.18, 0.09],
        [0.55, 0.54, 0.53],
    ]
)
_IRIS = np.array(
    [
        [0.22, 0.13, 0.07],
        [0.34, 0.21, 0.11],
        [0.36, 0.36, 0.20],
        [0.35, 0.47, 0.56],
        [0.45, 0.50, 0.52],
    ]
)
HAIR_STYLES = ('short', 'long', 'swept', 'receding', 'shaved')


@dataclass(frozen=True)
class Identity:
    """A person and the lamp. Lengths in units, angles in radians, colors in 0..1.

    ``texture_seed`` is the seed of fine details: pores, freckles, single hairs.
    """

    face_width: float
    face_height: float
    face_y: float
    jaw: float
    roundness: float
    eye_y: float
    eye_gap: float
    eye_width: float
    eye_upper: float
    eye_lower: float
    eye_tilt: float
    crease: float
    gaze: Point
    iris_radius: float
    iris: Color
    brow_height: float
    brow_arch: float
    brow_thickness: float
    brow_density: float
    brow_tilt: float
    nose_y: float
    nose_width: float
    nose_height: float
    nose_bridge: float
    mouth_y: float
    mouth_width: float
    lip_upper: float
    lip_lower: float
    lip_color: float
    mouth_curve: float
    cheek: float
    skin: Color
    redness: float
    mottling: float
    pores: float
    freckles: int
    beard: float
    age: float
    gloss: float
    hair: Color
    hair_style: str
    hairline: float
    hair_part: float
    hair_wave: float
    light: tuple[float, float, float]
    fill: float
    warmth: float
    background: Color
    clothes: Color
    texture_seed: int


def _mix(table: np.ndarray, position: float) -> np.ndarray:
    """Interpolate the color at a fractional row of ``table``."""
    low = min(int(position), len(table) - 2)
    return table[low] + (position - low) * (table[low + 1] - table[low])


def _color(value: np.ndarray) -> Color:
    r, g, b = (float(v) for v in np.clip(value, 0.0, 1.0))
    return r, g, b


def sample_identity(rng: np.random.Generator) -> Identity:
    """Sample a person.

    Args:
        rng: Random number generator; the same state gives the same person.

    Returns:
        The identity, the input of
        :func:`~mmaction_mer.datasets.synthme.face.render_texture`.

    Examples:
        >>> one = sample_identity(np.random.default_rng(3))
        >>> one == sample_identity(np.random.default_rng(3))
        True
    """

    def around(mean: float, spread: float) -> float:
        """Sample a normal clipped at two standard deviations, for plausible faces."""
        return float(mean + spread * np.clip(rng.standard_normal(), -2, 2))

    skin = _mix(_SKIN, rng.uniform(0, len(_SKIN) - 1.001))
    dark = 1.0 - skin.mean()
    hair_row = rng.uniform(0, 1.2) if dark > 0.45 else rng.integers(0, len(_HAIR))
    iris_row = rng.uniform(0, 1.2) if dark > 0.42 else rng.uniform(0, 3.99)
    style = HAIR_STYLES[
        int(rng.choice(len(HAIR_STYLES), p=[0.34, 0.26, 0.22, 0.12, 0.06]))
    ]
    azimuth, elevation = rng.uniform(-0.9, 0.9), rng.uniform(0.15, 0.75)
    light = (
        float(np.sin(azimuth) * np.cos(elevation)),
        float(-np.sin(elevation)),
        float(np.cos(azimuth) * np.cos(elevation)),
    )
    masculine = rng.random() < 0.5 and style != 'long'
    backdrop = rng.uniform(0.25, 0.8) + rng.uniform(-0.06, 0.06, 3)
    return Identity(
        face_width=around(75, 2.8),
        face_height=around(99, 2.5),
        face_y=around(114, 1.5),
        jaw=around(0.30 if not masculine else 0.24, 0.05),
        roundness=around(2.4, 0.12),
        eye_y=around(96, 2.0),
        eye_gap=around(34.5, 1.5),
        eye_width=around(31, 1.6),
        eye_upper=around(6.3, 0.9),
        eye_lower=around(3.9, 0.5),
        eye_tilt=around(1.0, 0.9),
        crease=around(4.2, 1.0),
        gaze=(around(0, 0.8), around(0.2, 0.4)),
        iris_radius=around(6.2, 0.25),
        iris=_color(_mix(_IRIS, float(iris_row)) + rng.uniform(-0.03, 0.03, 3)),
        brow_height=around(20.0 if not masculine else 17.5, 1.5),
        brow_arch=around(3.6, 1.2),
        brow_thickness=around(3.4 if not masculine else 4.6, 0.6),
        brow_density=around(0.75, 0.12),
        brow_tilt=around(-1.0, 1.5),
        nose_y=around(141, 2.2),
        nose_width=around(16.5, 1.6),
        nose_height=around(14.5, 1.8),
        nose_bridge=around(5.8, 0.7),
        mouth_y=around(171, 2.0),
        mouth_width=around(28.5, 2.2),
        lip_upper=around(5.2, 1.0),
        lip_lower=around(6.6, 1.0),
        lip_color=around(0.55, 0.2),
        mouth_curve=around(1.0, 0.7),
        cheek=around(1.0, 0.3),
        skin=_color(skin + rng.uniform(-0.025, 0.025, 3)),
        redness=around(0.5, 0.2),
        mottling=around(1.0, 0.25),
        pores=around(1.0, 0.3),
        freckles=int(
            rng.integers(5, 30) + (rng.random() < 0.25) * rng.integers(60, 200)
        ),
        beard=float(rng.uniform(0.2, 1.0)) if masculine else 0.0,
        age=float(rng.uniform(0.1, 1.0)),
        gloss=around(0.5, 0.15),
        hair=_color(_HAIR[int(hair_row)] + rng.uniform(-0.02, 0.03, 3)),
        hair_style=style,
        hairline=around(44, 4.0) - (14.0 if style == 'receding' else 0.0),
        hair_part=float(rng.uniform(-40, 40)),
        hair_wave=float(rng.uniform(0.2, 1.0)),
        light=light,
        fill=float(rng.uniform(0.35, 0.65)),
        warmth=around(0.0, 0.035),
        background=_color(np.asarray(backdrop)),
        clothes=_color(rng.uniform(0.1, 0.75, 3)),
        texture_seed=int(rng.integers(2**62)),
    )


def landmarks(identity: Identity) -> dict[str, Point]:
    """Return named points of the neutral face.

    Args:
        identity: The person.

    Returns:
        Name -> (x, y) in units; sided names start with ``L_`` or ``R_``.

    Examples:
        >>> points = landmarks(sample_identity(np.random.default_rng(0)))
        >>> points['L_mouth_corner'][0] > points['R_mouth_corner'][0]
        True
    """
    who = identity
    points: dict[str, Point] = {
        'nose_root': (CENTER, who.eye_y - 2),
        'nose_tip': (CENTER, who.nose_y - 4),
        'mouth': (CENTER, who.mouth_y),
        'chin': (CENTER, who.face_y + who.face_height),
    }
    for side, out in SIDES.items():
        eye = CENTER + out * who.eye_gap
        half = who.eye_width / 2
        for name, t in (('inner', -1.0), ('mid', 0.0), ('outer', 0.95)):
            points[f'{side}_brow_{name}'] = (
                CENTER + out * brow_x(who, t),
                float(brow_y(who, t)),
            )
        points |= {
            f'{side}_eye': (eye, who.eye_y),
            f'{side}_eye_inner': (eye - out * half, who.eye_y + who.eye_tilt),
            f'{side}_eye_outer': (eye + out * half, who.eye_y - who.eye_tilt),
            f'{side}_upper_lid': (eye, who.eye_y - who.eye_upper),
            f'{side}_lower_lid': (eye, who.eye_y + who.eye_lower),
            f'{side}_ala': (CENTER + out * who.nose_width, who.nose_y),
            f'{side}_cheek': (eye + out * 6, who.eye_y + 27),
            f'{side}_mouth_corner': (
                CENTER + out * who.mouth_width,
                who.mouth_y - who.mouth_curve,
            ),
        }
    return points


def brow_x(identity: Identity, t: float) -> float:
    """Return the distance of a brow point from the middle, t from -1 (inner) to 1."""
    return identity.eye_gap + 1.0 + t * (identity.eye_width / 2 + 7.0)


def brow_y(identity: Identity, t: np.ndarray | float) -> np.ndarray | float:
    """Return the height of the middle line of a brow; t in -1 (inner) .. 1 (outer)."""
    base = identity.eye_y - identity.brow_height
    return base + identity.brow_tilt * t - identity.brow_arch * (1 - (t - 0.3) ** 2)


def lids(
    identity: Identity, side: str, x: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the edges of the upper and the lower eyelid.

    Args:
        identity: The person.
        side: ``'L'`` or ``'R'``.
        x: Positions in units, any shape.

    Returns:
        ``t`` (-1 at the inner corner, 1 at the outer), and y of the upper and of
        the lower eyelid in units, each of the shape of ``x``. Beyond the
        corners both have the same y.
    """
    center = CENTER + SIDES[side] * identity.eye_gap
    t = (x - center) * (SIDES[side] * 2 / identity.eye_width)
    room = np.maximum(1 - t * t, 0)
    base = identity.eye_y - identity.eye_tilt * np.clip(t, -1.3, 1.3)
    upper = base - identity.eye_upper * room**0.7 * (1 - 0.12 * t)
    lower = base + identity.eye_lower * room * (1 + 0.18 * t)
    return t, upper, lower
