"""Render a neutral face: relief, shading, skin and features."""

from dataclasses import dataclass, field

import cv2
import numpy as np

from . import features, surroundings
from .actions import EXTENT, MARGIN
from .canvas import Canvas, blob, noise, step
from .identity import CENTER, SIDES, Identity, Point, landmarks


@dataclass
class Face:
    """The rendered face of a person.

    Attributes:
        identity: The person.
        texture: (N, N, 3) float32 RGB in 0..255 over the frame and its margin.
        depth: (M, M) float32, height over the mean of the head in units, one
            sample per unit, for small turns of the head.
        landmarks: Name -> (x, y) in units.
        scale: Pixels of ``texture`` per unit.
    """

    identity: Identity
    texture: np.ndarray
    depth: np.ndarray
    landmarks: dict[str, Point]
    scale: int
    _filtered: dict[int, np.ndarray] = field(default_factory=dict, repr=False)

    def filtered(self, size: int) -> np.ndarray:
        """Return the texture without detail finer than a frame of ``size`` pixels.

        Sampling it bilinearly gives frames without aliasing, independent of the
        subpixel position.
        """
        if size not in self._filtered:
            sigma = 0.45 * self.scale * 224 / size
            self._filtered[size] = cv2.GaussianBlur(self.texture, (0, 0), sigma)
        return self._filtered[size]


def render_texture(identity: Identity, scale: int = 2) -> Face:
    """Render the neutral face of a person.

    Args:
        identity: The person; the result depends on nothing else.
        scale: Pixels per unit; 2 suffices for frames of up to about 300 pixels.
            Defaults to 2.

    Returns:
        The face.

    Examples:
        >>> from mmaction_mer.datasets.synthme.identity import sample_identity
        >>> face = render_texture(sample_identity(np.random.default_rng(0)))
        >>> face.texture.shape
        (512, 512, 3)
    """
    rng = np.random.default_rng(identity.texture_seed)
    canvas = Canvas.blank(scale, rng)
    where, x, y = canvas.whole()
    # The shape is smooth: one sample per unit suffices, at a quarter of the cost.
    coarse = np.arange(int(EXTENT), dtype=np.float32) + 0.5 - MARGIN
    inside, relief = (
        cv2.resize(values, canvas.rgb.shape[:2], interpolation=cv2.INTER_CUBIC)
        for values in head_relief(identity, coarse[None, :], coarse[:, None])
    )
    surroundings.paint_background(canvas, identity)
    surroundings.paint_neck(canvas, identity)
    surroundings.paint_ears(canvas, identity)
    skin = paint_skin(canvas, identity, relief, x, y)
    canvas.paint(where, skin, step(inside, 0.0, 2.0 / scale))
    features.paint_eyes(canvas, identity)
    features.paint_mouth(canvas, identity)
    features.paint_nostrils(canvas, identity)
    features.paint_beard(canvas, identity, inside)
    features.paint_brows(canvas, identity)
    surroundings.paint_hair(canvas, identity)
    warm = np.array([1 + identity.warmth, 1, 1 - identity.warmth], np.float32)
    texture = np.clip(canvas.rgb * warm, 0, 1) * np.float32(255)
    side = int(EXTENT)
    depth = cv2.resize(relief, (side, side), interpolation=cv2.INTER_AREA)
    depth = cv2.GaussianBlur(depth, (0, 0), 4)
    depth -= depth[40:-40, 60:-60].mean()
    return Face(identity, texture, depth, landmarks(identity), scale)


def head_relief(
    identity: Identity, x: np.ndarray, y: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Compute the shape of the head.

    Args:
        identity: The person.
        x: (1, N) in units.
        y: (N, 1) in units.

    Returns:
        Distance inside the outline in units (negative outside) and height
        toward the viewer in units, both (N, N) float32.
    """
    who = identity
    below = np.clip((y - who.face_y) / who.face_height, 0, 1.1)
    width = who.face_width * (1 - who.jaw * below**1.6)
    across = np.abs(x - CENTER) / width
    along = np.abs(y - who.face_y) / who.face_height
    radius = (across**who.roundness + along**who.roundness) ** (1 / who.roundness)
    inside = (1 - radius) * who.face_width * 0.9
    z = 50 * np.sqrt(np.clip(1 - radius**2.6, 0, 1) + 0.012)

    # The nose: a ridge that rises from root to tip and ends under it.
    root, tip = who.eye_y - 6, who.nose_y - 4
    run = np.clip((y - root) / (tip - root), 0, 1)
    # Its end hangs lowest in the middle.
    end = who.nose_y + 2.5 - 0.030 * (x - CENTER) ** 2
    under = step(y, end, 16.0)
    ridge = (2 + (who.nose_height - 2) * run**1.3) * step(y, root, 14) * (1 - under)
    half = who.nose_bridge + (0.62 * who.nose_width - who.nose_bridge) * run**2
    z += ridge * np.exp(-0.75 * np.abs((x - CENTER) / half) ** 1.9)
    z += 3.2 * blob(x, y, (CENTER, tip - 0.5), 6.0, 5.0)
    z -= 2.2 * blob(x, y, (CENTER, who.eye_y - 8), 7, 6)

    for out in SIDES.values():
        eye = CENTER + out * who.eye_gap
        ala = CENTER + out * who.nose_width * 0.80
        corner = CENTER + out * who.mouth_width
        z += 5.5 * blob(x, y, (ala, who.nose_y - 2.5), 4.2, 4.6)
        z += 3.0 * blob(x, y, (eye + out * 2, who.eye_y - who.brow_height + 3), 17, 6)
        z -= 6.5 * blob(x, y, (eye - out * 2, who.eye_y - 1), 15, 9.5)
        z += 4.8 * blob(x, y, (eye, who.eye_y - 0.5), 9.5, 6.2)
        z -= 1.0 * blob(x, y, (eye - out * 4, who.eye_y + 13), 11, 3.0)
        z += who.cheek * 5 * blob(x, y, (eye + out * 8, who.eye_y + 30), 17, 14)
        z -= 2.5 * blob(x, y, (eye + out * 16, who.mouth_y - 6), 12, 16)
        # The fold from the nose's wing to the mouth's corner.
        slope = (corner + out * 4 - ala) / (who.mouth_y - who.nose_y)
        fold = x - (ala + out * 4 + slope * (y - who.nose_y))
        reach = blob(np.zeros_like(x), y, (0, (who.nose_y + who.mouth_y) / 2), 1, 13)
        z -= (0.5 + 1.0 * who.age) * reach * np.exp(-0.5 * (fold / 2.6) ** 2)
    z -= 0.9 * blob(x, y, (CENTER, (who.nose_y + who.mouth_y) / 2 + 2), 3, 7)
    z += 3.0 * blob(x, y, (CENTER, who.mouth_y), who.mouth_width * 0.75, 13)
    z += 2.0 * blob(
        x, y, (CENTER, who.mouth_y - 0.55 * who.lip_upper), who.mouth_width * 0.5, 2.6
    )
    z += 3.0 * blob(
        x, y, (CENTER, who.mouth_y + 0.6 * who.lip_lower), who.mouth_width * 0.5, 3.6
    )
    z -= 3.0 * blob(x, y, (CENTER, who.mouth_y + who.lip_lower + 6), 15, 4)
    z += 4.5 * blob(x, y, (CENTER, who.face_y + who.face_height - 14), 14, 9)
    return inside.astype(np.float32), z.astype(np.float32)


def shade(
    relief: np.ndarray, identity: Identity, scale: int
) -> tuple[np.ndarray, np.ndarray]:
    """Shade a relief: a lamp, a fill light, and shadow in hollows.

    Args:
        relief: (N, N) heights in units.
        identity: The person, with the lamp.
        scale: Pixels per unit.

    Returns:
        Diffuse light about 1 and gloss 0..1, both (N, N) float32.
    """
    dx = cv2.Sobel(relief, cv2.CV_32F, 1, 0, ksize=3, scale=scale / 8)
    dy = cv2.Sobel(relief, cv2.CV_32F, 0, 1, ksize=3, scale=scale / 8)
    length = 1 / np.sqrt(dx * dx + dy * dy + 1)
    lx, ly, lz = identity.light
    lamp = np.clip(((lz - dx * lx - dy * ly) * length + 0.25) / 1.25, 0, 1)
    fill = np.clip((0.8 + 0.3 * dx * lx - 0.25 * dy) * length, 0, 1.2)
    # Hollows get less ambient light.
    small = cv2.resize(relief, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA)
    around = cv2.GaussianBlur(small, (0, 0), 2.2 * scale)
    hollow = cv2.resize(around - small, relief.shape[::-1])
    light = identity.fill * fill + (1.02 - identity.fill * 0.55) * lamp
    light *= 1 - np.clip(hollow, -2.0, 7.0) * 0.035
    hx, hy, hz = np.array([lx, ly, lz + 1]) / np.linalg.norm([lx, ly, lz + 1])
    gloss = np.clip((hz - dx * hx - dy * hy) * length, 0, 1) ** 24
    return light.astype(np.float32), gloss.astype(np.float32)


def paint_skin(
    canvas: Canvas,
    identity: Identity,
    relief: np.ndarray,
    x: np.ndarray,
    y: np.ndarray,
) -> np.ndarray:
    """Paint lit skin with mottling, pores, wrinkles and freckles, (N, N, 3) in 0..1."""
    who, rng, scale = identity, canvas.rng, canvas.scale
    shape = relief.shape
    pores = noise(rng, shape, (1.7 * scale, 1.7 * scale), 2, 0.8)
    mottled = noise(rng, shape, (20 * scale, 20 * scale), 3, 0.65)
    patches = noise(rng, shape, (9 * scale, 9 * scale), 2)
    bumps = relief + (0.035 * who.pores) * pores
    brow = who.eye_y - who.brow_height
    lines = noise(rng, shape, (5 * scale, 90 * scale))
    forehead = blob(x, y, (CENTER, (brow + who.hairline) / 2 - 2), 34, 11)
    bumps += (0.28 * who.age) * forehead * lines
    for out in SIDES.values():
        crow = (CENTER + out * (who.eye_gap + who.eye_width / 2 + 9), who.eye_y + 1)
        bumps += (0.3 * who.age) * blob(x, y, crow, 7, 8) * lines
    light, gloss = shade(bumps, who, scale)

    red = 0.5 * blob(x, y, (CENTER, who.nose_y - 6), 11, 10)
    red += 0.25 * blob(x, y, (CENTER, who.face_y + who.face_height - 12), 16, 10)
    tired = np.zeros(shape, np.float32)
    for out in SIDES.values():
        eye = CENTER + out * who.eye_gap
        red += 0.8 * blob(x, y, (eye + out * 6, who.eye_y + 34), 17, 14)
        tired += blob(x, y, (eye - out * 3, who.eye_y + 9), 13, 5)
        tired += 0.6 * blob(x, y, (eye - out * 2, who.eye_y - 8), 13, 5)
    red = who.redness * (red + 0.16 * who.mottling * patches)
    tone = 1 + 0.022 * who.mottling * mottled + 0.020 * who.pores * pores
    tone -= (0.05 + 0.08 * who.age) * tired

    skin = np.empty((*shape, 3), np.float32)
    for channel, (base, blush) in enumerate(
        zip(who.skin, (0.02, -0.16, -0.13), strict=True)
    ):
        # Shadows in skin are warm: red falls off less than blue.
        depth = light ** (0.92, 1.0, 1.05)[channel]
        skin[..., channel] = base * tone * (1 + blush * red) * depth
    skin += (0.16 * who.gloss) * (gloss * (1 + 0.25 * pores))[..., None]
    _freckles(skin, who, rng, scale)
    return skin


def _freckles(
    skin: np.ndarray, who: Identity, rng: np.random.Generator, scale: int
) -> None:
    """Darken small spots, most of them around the nose and on the cheeks."""
    spots = np.zeros(skin.shape[:2], np.float32)
    across = rng.normal(CENTER, 36, who.freckles)
    down = rng.normal(who.eye_y + 30, 24, who.freckles)
    for px, py, r, a in zip(
        across,
        down,
        rng.uniform(0.3, 0.9, who.freckles),
        rng.uniform(0.15, 0.6, who.freckles),
        strict=True,
    ):
        center = (int((px + 16) * scale * 8), int((py + 16) * scale * 8))
        cv2.circle(spots, center, int(r * scale * 8), float(a), -1, cv2.LINE_8, 3)
    spots = cv2.GaussianBlur(spots, (0, 0), 0.35 * scale)
    skin *= 1 - spots[..., None] * np.array([0.35, 0.5, 0.6], np.float32)
