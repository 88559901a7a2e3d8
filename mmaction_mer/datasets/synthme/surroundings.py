"""Surroundings of the face: wall, neck and clothes, ears, hair."""

import cv2
import numpy as np

from .canvas import Canvas, noise, step
from .identity import CENTER, SIDES, Identity


def paint_background(canvas: Canvas, who: Identity) -> None:
    """Paint a slightly uneven wall."""
    where, x, y = canvas.whole()
    shape = canvas.rgb.shape[:2]
    uneven = noise(canvas.rng, shape, (90 * canvas.scale, 90 * canvas.scale))
    wall = 1 + 0.04 * uneven - 0.0008 * (y - CENTER) + 0.0008 * who.light[0] * (x - 112)
    canvas.rgb[where] = np.asarray(who.background, np.float32) * wall[..., None]


def paint_neck(canvas: Canvas, who: Identity) -> None:
    """Paint the neck in the chin's shadow, and clothes."""
    chin = who.face_y + who.face_height
    where, x, y = canvas.patch(-16, chin - 60, 240, 240)
    half = who.face_width * 0.66 + np.clip(y - chin, 0, 99) * 0.25
    across = (x - CENTER) / half
    round_ = np.sqrt(np.clip(1 - across**2, 0.02, 1))
    light = 0.36 + 0.38 * round_ + 0.15 * across * who.light[0]
    light = light * (0.75 + 0.25 * step(y, chin + 12, 24))
    skin = np.asarray(who.skin, np.float32) * light[..., None]
    canvas.paint(where, skin, step(1 - np.abs(across), 0.01, 0.02) + 0 * y)
    weave = noise(canvas.rng, light.shape, (2 * canvas.scale, 2 * canvas.scale))
    cloth = np.asarray(who.clothes, np.float32) * (0.75 + 0.05 * weave)[..., None]
    shoulder = chin - 8 + 0.0022 * np.abs(x - CENTER) ** 2
    canvas.paint(where, cloth, step(y - (shoulder + 16), 0, 1))


def paint_ears(canvas: Canvas, who: Identity) -> None:
    """Paint ears, half hidden behind the face."""
    for out in SIDES.values():
        ex, ey = CENTER + out * (who.face_width + 0.5), who.eye_y + 14
        where, x, y = canvas.patch(ex - 12, ey - 24, ex + 12, ey + 26)
        u, v = (x - ex) / 7.5, (y - ey) / 18
        radius = np.sqrt(u * u + v * v)
        rim = np.exp(-0.5 * ((radius - 0.82) / 0.12) ** 2)
        bowl = np.exp(-0.5 * (radius / 0.5) ** 2)
        light = 0.68 + 0.2 * out * who.light[0] + 0.14 * rim - 0.28 * bowl
        color = np.asarray(who.skin, np.float32) * light[..., None]
        color = color * np.array([1.05, 0.93, 0.92], np.float32)
        canvas.paint(where, color, step(1 - radius, 0.0, 0.1))


def paint_hair(canvas: Canvas, who: Identity) -> None:
    """Paint strands from a parting, between the skull outline and the hairline."""
    rng, scale = canvas.rng, canvas.scale
    long = who.hair_style == 'long'
    low = 400.0 if long else who.eye_y + (8 if who.hair_style == 'receding' else 4)
    where, x, y = canvas.patch(-16, -16, 240, low + 8)
    px, py = CENTER + 0.5 * who.hair_part, who.face_y - who.face_height - 4
    radius, angle = cv2.cartToPolar(
        (x - px + 0 * y).astype(np.float32), (y - py + 0 * x + 6).astype(np.float32)
    )
    strands = noise(rng, (64, 2048), (40, 5), 3, 0.8)
    sway = noise(rng, radius.shape, (50 * scale, 50 * scale), 2)
    turn = angle * (1024 / np.pi) + 14 * who.hair_wave * sway
    grain = cv2.remap(
        strands,
        np.mod(turn, 2047).astype(np.float32),
        np.clip(radius * 0.28, 0, 63).astype(np.float32),
        cv2.INTER_LINEAR,
    )
    thick = {'short': 7, 'long': 13, 'swept': 11, 'receding': 4, 'shaved': 1.5}[
        who.hair_style
    ]
    across = (x - CENTER) / (who.face_width + thick)
    up = (y - who.face_y) / (who.face_height + thick)
    skull = (1 - np.sqrt(across**2 + up**2)) * who.face_width
    if long:
        # Down the sides: an outline that stays wide below the temples.
        wide = who.face_width + thick + 3 * np.sin(y / 19)
        skull = np.where(y > who.face_y - 14, wide - np.abs(x - CENTER), skull)
    lean = (
        0.00010 * who.hair_part * (x - CENTER) * (who.hair_style in ('swept', 'long'))
    )
    temple = who.face_width * (0.83 if long else 0.93)
    open_x = np.abs(x - CENTER) / temple
    open_y = (who.face_y - y) / (who.face_y - who.hairline)
    open_y = np.clip(open_y * (1 + lean), 0, 9)
    bare = (1 - (open_x**3.2 + open_y**2.6) ** 0.35) * 60
    covered = np.minimum(skull + 0.5 * grain, -bare + 1.6 * grain)
    covered = np.minimum(covered, (low - y) * 0.8 + 2.5 * grain)
    alpha = step(covered, 0.0, 4.0 if who.hair_style == 'shaved' else 2.6)
    lx, ly, _ = who.light
    sheen = np.exp(-0.5 * ((radius - 34 - 6 * lx - 3 * sway) / 11) ** 2)
    rim = np.clip(skull / 16, 0, 1)
    light = 0.55 + 0.35 * rim + 0.3 * grain * 0.5 + 0.004 * lx * (x - CENTER)
    light = np.clip(light, 0.15, 2) + 0.45 * sheen * np.clip(0.6 + 0.4 * grain, 0, 2)
    tone = np.asarray(who.hair, np.float32) * light[..., None]
    tone = tone + (0.05 * sheen * np.clip(0.5 + grain, 0, 2))[..., None]
    if who.hair_style == 'shaved':
        alpha = alpha * 0.55
    # Hair casts a soft shadow on the forehead.
    shadow = step(-bare, -3.0, 12) * step(bare, 0, 3) * step(skull, 0, 2) * (y < low)
    canvas.tint(where, (0.78, 0.72, 0.7), 0.6 * shadow)
    canvas.paint(where, tone, alpha)
