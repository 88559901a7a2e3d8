"""Facial features: eyes, brows, mouth, nostrils, stubble."""

import numpy as np

from .canvas import Canvas, blob, noise, step
from .identity import CENTER, SIDES, Identity, brow_x, brow_y, lids


def paint_eyes(canvas: Canvas, who: Identity) -> None:
    """Paint eyeball, iris, lids with lashes, and the crease above."""
    for side, out in SIDES.items():
        cx, cy = CENTER + out * who.eye_gap, who.eye_y
        reach = who.eye_width / 2 + 9
        where, x, y = canvas.patch(cx - reach, cy - 19, cx + reach, cy + 15)
        t, upper, lower = lids(who, side, x)
        open_ = step(np.minimum(y - upper, lower - y), 0.5, 1.0)
        _eyeball(canvas, who, where, x, y, open_, cx, upper)

        # Skin around: the lid between crease and lashes, the crease, the bag below.
        near = np.clip(1.0 - t * t, 0, 1) ** 0.6
        fold = upper - who.crease * np.clip(1 - 0.75 * t * t, 0.1, 1)
        crease = np.exp(-0.5 * ((y - fold) / 0.75) ** 2) * near
        canvas.tint(where, (0.62, 0.55, 0.52), 0.75 * crease * (1 - open_))
        lid = step(y - fold, 0, 1.5) * step(upper - y, 0, 1.0) * near
        canvas.tint(where, (1.06, 1.0, 0.98), 0.7 * lid)
        bag = np.exp(-0.5 * ((y - lower - 5.5) / 1.2) ** 2) * near
        canvas.tint(where, (0.85, 0.8, 0.8), (0.25 + 0.4 * who.age) * bag)
        wet = np.exp(-0.5 * ((y - lower - 0.5) / 0.7) ** 2) * np.clip(1 - t * t, 0, 1)
        canvas.paint(where, np.array([0.8, 0.62, 0.58]) * who.skin[0], 0.5 * wet)
        # Lashes: a dark edge, thicker outward, and single hairs.
        thick = 0.75 + 0.35 * np.clip(t + 0.6, 0, 1.6)
        edge = np.exp(-0.5 * ((y - upper + 0.2) / thick) ** 2)
        edge = edge * step(1.0 - np.abs(t), 0, 0.16)
        canvas.paint(where, np.array([0.09, 0.06, 0.05]), 0.92 * edge)
        edge = np.exp(-0.5 * ((y - lower) / 0.5) ** 2) * step(0.9 - np.abs(t), 0, 0.3)
        canvas.tint(where, (0.5, 0.42, 0.4), 0.55 * edge)
        _lashes(canvas, who, where, side, cx)


def _eyeball(
    canvas: Canvas,
    who: Identity,
    where: tuple[slice, slice],
    x: np.ndarray,
    y: np.ndarray,
    open_: np.ndarray,
    cx: float,
    upper: np.ndarray,
) -> None:
    """Paint sclera, iris with its ring and streaks, pupil, lid's shadow, highlight."""
    ix, iy = cx + who.gaze[0], who.eye_y - 1.0 + who.gaze[1]
    away = (x - cx) / (who.eye_width / 2)
    ball = np.clip(1.0 - 0.33 * away**2, 0.4, 1) + 0 * y
    white = np.array([0.86, 0.83, 0.81], np.float32) * (
        0.25 + 0.75 * max(who.skin[0], 0.7)
    )
    eye: np.ndarray = white * ball[..., None]
    pink = np.clip(np.abs(away) - 0.72, 0, 0.3) / 0.3 * (0.7 + 0 * y)
    eye = eye * (1 - pink[..., None] * np.array([0.05, 0.25, 0.25], np.float32))
    dx, dy = x - ix, y - iy
    radius = np.sqrt(dx * dx + dy * dy)
    angle = np.arctan2(dy, dx)
    streak = noise(canvas.rng, (1, 64), (1, 2))[0]
    grain = streak[((angle / np.pi + 1) * 31.5).astype(int)]
    r = radius / who.iris_radius
    lit = 0.75 + 0.3 * np.clip(dy / who.iris_radius, -1, 1) + 0.14 * grain * r
    lit = lit * (1.0 - 0.62 * step(r, 0.94, 0.28)) * (1 + 0.35 * (1 - r))
    iris = np.asarray(who.iris, np.float32) * lit[..., None]
    alpha = step(1 - r, 0.0, 0.16)[..., None]
    eye = eye + alpha * (iris - eye)
    eye = eye * (1 - step(0.42 - r, 0, 0.12)[..., None] * 0.93)
    shadow = np.clip(1 - (y - upper) / 4.2, 0, 1)
    eye = eye * (1 - 0.5 * shadow)[..., None]
    glint = step(
        1.15 - np.hypot(x - ix - 2.2 * np.sign(who.light[0]), y - iy + 2.3), 0, 0.9
    )
    eye = eye + glint[..., None] * (0.92 - eye)
    canvas.paint(where, eye, open_)


def _lashes(
    canvas: Canvas, who: Identity, where: tuple[slice, slice], side: str, cx: float
) -> None:
    """Paint single hairs on the upper lid, longer and more tilted outward."""
    out = SIDES[side]
    count = 26
    t = np.linspace(-0.8, 1.0, count) + canvas.rng.uniform(-0.03, 0.03, count)
    x = cx + out * t * who.eye_width / 2
    _, upper, _ = lids(who, side, x)
    length = (1.6 + 1.6 * np.clip(t + 0.5, 0, 1.4)) * canvas.rng.uniform(
        0.7, 1.2, count
    )
    tip = np.stack([x + out * length * (0.25 + 0.6 * t), upper - 0.8 * length], -1)
    base = np.stack([x, upper], -1)
    mask = canvas.strokes(where, np.stack([base, tip], 1), 0.4)
    canvas.paint(where, np.array([0.08, 0.06, 0.05]), 0.55 * mask)


def paint_brows(canvas: Canvas, who: Identity) -> None:
    """Paint many short hairs over a faint shadow."""
    rng = canvas.rng
    for out in SIDES.values():
        count = int(330 * who.brow_density * (who.brow_thickness / 3))
        t = rng.uniform(-1, 1, count)
        taper = np.clip((t + 1.06) * 5, 0, 1) * np.clip((1.1 - t) * 0.95, 0.2, 1)
        thick = who.brow_thickness * taper
        x = CENTER + out * (who.eye_gap + 1 + t * (who.eye_width / 2 + 7))
        y = brow_y(who, t) + thick * rng.uniform(-1.0, 1.0, count)
        # Inner hairs stand up, outer ones lie along the brow.
        lean = np.clip(0.35 + 0.75 * (t + 1), 0, 1.45) + rng.normal(0, 0.18, count)
        length = rng.uniform(3.0, 5.5, count) * (0.7 + 0.3 * taper)
        step_x = out * np.sin(lean) * length
        step_y = -np.cos(lean) * length * np.where(y > brow_y(who, t), 1.0, -0.35)
        start = np.stack([x, y], -1)
        mid = start + np.stack([step_x * 0.5, step_y * 0.6], -1)
        end = start + np.stack([step_x, step_y], -1)
        center = CENTER + out * brow_x(who, 0)
        middle = float(brow_y(who, 0.0))
        where, px, py = canvas.patch(center - 32, middle - 16, center + 32, middle + 18)
        u = out * (px - center) / (who.eye_width / 2 + 7)
        width = who.brow_thickness * np.clip((1.2 - u) * 0.9, 0.2, 1)
        soft = np.exp(-0.5 * ((py - brow_y(who, u)) / width) ** 2)
        soft = soft * step(1.0 - np.abs(u), 0, 0.35)
        dark = np.asarray(who.hair, np.float32) * 0.55
        canvas.paint(where, dark, 0.42 * who.brow_density * soft)
        half = count // 2
        for part, tone in ((slice(0, half), 0.8), (slice(half, count), 0.45)):
            hairs = np.stack([start[part], mid[part], end[part]], 1)
            mask = canvas.strokes(where, hairs, 0.5)
            canvas.paint(where, np.asarray(who.hair, np.float32) * tone, 0.62 * mask)


def paint_mouth(canvas: Canvas, who: Identity) -> None:
    """Paint lips with fine lines, the seam between them, and its deep corners."""
    half = who.mouth_width
    where, x, y = canvas.patch(
        CENTER - half - 10, who.mouth_y - 18, CENTER + half + 10, who.mouth_y + 20
    )
    t = (x - CENTER) / half
    room = np.clip(1 - t * t, 0, 1)
    seam = who.mouth_y - who.mouth_curve * t * t + 0.9 * np.exp(-((t / 0.22) ** 2))
    bow = (
        1
        - 0.28 * np.exp(-((t / 0.13) ** 2))
        + 0.12 * np.exp(-(((np.abs(t) - 0.26) / 0.16) ** 2))
    )
    top = seam - who.lip_upper * room**0.75 * bow
    bottom = seam + who.lip_lower * room**0.8
    lines = noise(canvas.rng, (y.size, x.size), (9 * canvas.scale, 1.5 * canvas.scale))
    upper = step(np.minimum(y - top, seam - y), 0.65, 1.3)
    lower = step(np.minimum(bottom - y, y - seam), 0.75, 1.5)
    red = (
        np.array([0.98, 0.62, 0.62]) * (1 - who.lip_color)
        + np.array([0.93, 0.46, 0.47]) * who.lip_color
    )
    wrinkled = (1 + 0.05 * lines)[..., None]
    canvas.tint(where, red * 0.86 * wrinkled, 0.9 * upper)
    canvas.tint(where, red * 1.04 * wrinkled, 0.9 * lower)
    shine = blob(
        x,
        y,
        (CENTER + 3 * np.sign(who.light[0]), who.mouth_y + 0.5 * who.lip_lower),
        9,
        1.3,
    )
    canvas.paint(
        where,
        np.array([1, 0.9, 0.88]),
        0.2 * who.gloss * shine * (1 + 0.4 * lines) * lower,
    )
    dark = np.exp(-0.5 * ((y - seam) / (0.45 + 0.35 * room)) ** 2)
    dark = dark * step(0.99 - np.abs(t), 0, 0.14)
    canvas.tint(where, (0.30, 0.17, 0.17), 0.9 * dark)
    for out in SIDES.values():
        corner = blob(
            x, y, (CENTER + out * half, who.mouth_y - who.mouth_curve), 2.6, 2.0
        )
        canvas.tint(where, (0.6, 0.5, 0.48), 0.6 * corner)
    shade = blob(x, y, (CENTER, who.mouth_y + who.lip_lower + 3.0), 13, 2.2)
    canvas.tint(where, (0.8, 0.74, 0.72), 0.55 * shade * (1 - lower))


def paint_nostrils(canvas: Canvas, who: Identity) -> None:
    """Paint nostrils, the creases of the wings and the shadow under the tip."""
    where, x, y = canvas.patch(
        CENTER - 26, who.nose_y - 16, CENTER + 26, who.nose_y + 12
    )
    under = blob(
        x, y, (CENTER - 2 * who.light[0], who.nose_y + 3.5), who.nose_width * 0.55, 2.6
    )
    canvas.tint(where, (0.75, 0.68, 0.66), 0.3 * under)
    for out in SIDES.values():
        nx = CENTER + out * who.nose_width * 0.44
        u, v = out * (x - nx), y - (who.nose_y + 0.6)
        hole = np.exp(-0.5 * ((u / 2.4) ** 2 + ((v + 0.22 * u) / 1.2) ** 2))
        canvas.tint(where, (0.22, 0.13, 0.12), np.clip(1.15 * hole, 0, 0.95))
        ax, ay = CENTER + out * who.nose_width * 0.72, who.nose_y - 2.8
        radius = np.hypot((x - ax) / 1.0, (y - ay) / 1.15)
        wing = np.exp(-0.5 * ((radius - 5.0) / 0.9) ** 2) * step(out * (x - ax), 0.5, 6)
        canvas.tint(where, (0.68, 0.58, 0.55), 0.7 * wing)


def paint_beard(canvas: Canvas, who: Identity, inside: np.ndarray) -> None:
    """Paint stubble: a shadow over jaw and lip, and grains of hair.

    Args:
        canvas: The image.
        who: The person.
        inside: Distance inside the face's outline in units, of the whole image.
    """
    if not who.beard:
        return
    where, x, y = canvas.patch(20, who.nose_y, 204, who.face_y + who.face_height + 2)
    jaw = step(y, who.mouth_y - 4 - 0.30 * np.abs(x - CENTER), 16)
    jaw = jaw * step(inside[where], 5, 10)
    cheeks = np.exp(-0.5 * ((np.abs(x - CENTER) - 26) / 13) ** 2) * step(
        who.mouth_y - y, -4, 16
    )
    lips = np.clip(1 - ((x - CENTER) / who.mouth_width) ** 2, 0, 1) ** 0.7
    on_lips = step(who.lip_upper * lips + 0.4 - (who.mouth_y - y), 0, 1.5) * step(
        who.lip_lower * lips + 0.8 - (y - who.mouth_y), 0, 1.5
    )
    area = jaw * (1 - 0.75 * cheeks) * (1 - on_lips * (lips > 0))
    area = area * step(y, who.nose_y + 7, 5)
    grain = noise(canvas.rng, area.shape, (1.1 * canvas.scale, 0.8 * canvas.scale))
    grain = np.clip(0.55 + 0.45 * grain, 0, 1.3)
    tone = 0.35 + 0.3 * np.asarray(who.hair, np.float32)
    canvas.tint(where, tone, np.clip(0.55 * who.beard * area * grain, 0, 1))
