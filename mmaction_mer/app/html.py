"""What the page says of a reading, as HTML; whatever a clip brings in is escaped."""

import base64
import json
from collections.abc import Sequence
from html import escape

import numpy as np

from ..apis.clip_prediction import Reading
from ..apis.timeline import COLOURS
from ..motion.magnified_clip import MagnifiedClip
from ..visualization.heat_over_face import over_face
from .charts import gaussians_chart, timeline_chart
from .images import as_address, enlarged, film_strip

#: Seconds that one round of the player takes, about.
ROUND = 2.5
#: How many times slower than life it can be.
SLOWER = (1, 2, 4, 8, 16, 32)

TITLE = """
<header class="mer-title">
  <h1>Micro-expressions, read by motion prompts</h1>
  <p>A face moves by a pixel for a fraction of a second. See what is left of that when
  it is magnified, and what a small vision transformer makes of it.</p>
  <p class="mer-caveat">The demo model has learnt from synthetic faces: it shows how
  the method works, it is no measure of anybody's feelings.</p>
</header>
"""
OWN_MODEL = """
<header class="mer-title">
  <h1>Micro-expressions, read by motion prompts</h1>
  <p>A face moves by a pixel for a fraction of a second. See what is left of that when
  it is magnified, and what the model makes of it.</p>
  <p class="mer-caveat">A model sorts movements of a face into the classes that it was
  taught. It is no measure of anybody's feelings.</p>
</header>
"""
EMPTY = """
<div class="mer-empty">
  <p>Choose a sample, or drop a clip of one face.</p>
  <p>The face is found and held in place; then its movement is magnified, pooled into
  one picture, and read.</p>
</div>
"""


def message(text: str, kind: str = 'error') -> str:
    """A sentence in a calm box."""
    role = 'alert' if kind == 'error' else 'status'
    return f'<div class="mer-message mer-{kind}" role="{role}">{escape(text)}</div>'


def verdict(reading: Reading, truth: str = '') -> str:
    """The predicted class, the bars of all, and the facts of the clip.

    Args:
        reading: The reading.
        truth: What was drawn, for a sample.
    """
    mean = reading.window.mean
    top = int(mean.argmax())
    bars = ''.join(
        f'<div class="mer-bar{" mer-top" if number == top else ""}">'
        f'<span class="mer-name">{escape(name)}</span>'
        f'<span class="mer-track"><span style="width:{share:.1%};'
        f'background:{colour}"></span></span>'
        f'<span class="mer-share">{share:.0%}</span></div>'
        for number, (name, share, colour) in enumerate(
            zip(reading.classes, mean, colours(reading), strict=True)
        )
    )
    facts = ''.join(
        f'<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>'
        for name, value in _facts(reading)
    )
    told = f'<p class="mer-told">{escape(truth)}</p>' if truth else ''
    return (
        f'<section class="mer-verdict"><div class="mer-says"><h2>Reads as</h2>'
        f'<p class="mer-label">{escape(reading.label)}</p>{told}</div>'
        f'<div class="mer-bars">{bars}</div><dl class="mer-facts">{facts}</dl>'
        f'</section>'
    )


def _facts(reading: Reading) -> list[tuple[str, str]]:
    facts = []
    if reading.apex is not None:
        facts.append(
            ('apex', f'{reading.apex / reading.fps:.3f} s, frame {reading.apex:.0f}')
        )
    seconds = reading.frames / reading.fps
    facts.append(('clip', f'{reading.frames} frames, {seconds:.2f} s'))
    facts.append(('frame rate', f'{reading.fps:g} a second'))
    if len(reading.folds) > 1:
        agree = reading.window.votes
        facts.append(('folds that agree', f'{agree} of {len(reading.folds)}'))
    return facts


def colours(reading: Reading) -> list[str]:
    """A colour for each class."""
    return [COLOURS[n % len(COLOURS)] for n in range(len(reading.classes))]


def film(frames: np.ndarray, caption: str) -> str:
    """A film for the player, ``(T, S, S, 3)`` uint8, with words below."""
    return (
        f'<figure class="mer-film"><div class="mer-strip" role="img" '
        f'aria-label="{escape(caption)}" data-frames="{len(frames)}" '
        f'style="background-image:url({film_strip(frames)});'
        f'background-size:100% {100 * len(frames)}%"></div>'
        f'<figcaption>{escape(caption)}</figcaption></figure>'
    )


def player(shown: MagnifiedClip, start: float) -> str:
    """Buttons of the player, which a script of the page answers.

    Args:
        shown: The film.
        start: Seconds of its first frame in the video.
    """
    slow = min(
        (1, 2, 4, 8, 16, 32), key=lambda n: abs(np.log(n * shown.seconds / ROUND))
    )
    speeds = ''.join(
        f'<option value="{n}"{" selected" if n == slow else ""}>'
        f'{"true speed" if n == 1 else f"{n} times slower"}</option>'
        for n in SLOWER
    )
    return (
        f'<div class="mer-player" data-seconds="{shown.seconds:.6f}" '
        f'data-start="{start:.6f}" data-frames="{len(shown.frames)}">'
        f'<button type="button" class="mer-play" aria-label="play or hold">❚❚</button>'
        f'<input type="range" class="mer-seek" min="0" max="{len(shown.frames) - 1}" '
        f'value="0" aria-label="frame"><output class="mer-time"></output>'
        f'<select class="mer-speed" aria-label="speed">{speeds}</select></div>'
    )


def tiles(reading: Reading, shown: MagnifiedClip, truth: float | None = None) -> str:
    """Heat map, rank-pooled image, Gaussians; the timeline of a long video."""
    parts = []
    if reading.heat is not None:
        place = 0.0
        if reading.window.spot is not None:
            place = reading.window.spot.apex / max(len(reading.clip) - 1, 1)
        face = shown.frames[round(place * (len(shown.frames) - 1))]
        parts.append(
            _tile(
                'Where it looks',
                as_address(over_face(face, reading.heat)),
                f'what speaks for “{reading.label}”, over the face at the apex',
            )
        )
    window, explained = reading.window, reading.explained or {}
    seen = truth is not None and window.start <= truth < window.stop
    if explained.get('rank_image') is not None:
        parts.append(
            _tile(
                'Rank-pooled image',
                as_address(enlarged(explained['rank_image'])),
                'the whole clip as one picture: what the model sees',
            )
        )
    if explained.get('gaussians') is not None or window.spot is not None:
        parts.append(
            '<figure class="mer-tile mer-wide"><h3>When it looks</h3>'
            f'{gaussians_chart(reading, truth)}<figcaption>weights of the motion '
            'prompts over time; shaded: the movement that was found'
            f'{"; dashed: its true apex" if seen else ""}</figcaption>'
            '</figure>'
        )
    html = f'<section class="mer-tiles">{"".join(parts)}</section>'
    if len(reading.windows) > 1:
        html += _timeline(reading)
    return html


def _tile(title: str, address: str, caption: str) -> str:
    return (
        f'<figure class="mer-tile"><h3>{escape(title)}</h3>'
        f'<img src="{address}" alt="{escape(title)}">'
        f'<figcaption>{escape(caption)}</figcaption></figure>'
    )


def _timeline(reading: Reading) -> str:
    return (
        '<figure class="mer-tile mer-timeline"><h3>The whole video</h3>'
        f'{timeline_chart(reading)}<figcaption>'
        f'{len(reading.windows)} windows; shaded: the one with the strongest movement, '
        f'which is shown above</figcaption></figure>'
    )


def remarks(reading: Reading, notes: Sequence[str] = ()) -> str:
    """Notes, and the whole result to take away; nothing of it is on the server."""
    lines = ''.join(f'<li>{escape(note)}</li>' for note in (*reading.notes, *notes))
    result = json.dumps({'predictions': [reading.as_dict()]}, indent=1)
    payload = base64.b64encode(result.encode()).decode()
    return (
        f'<footer class="mer-remarks">{f"<ul>{lines}</ul>" if lines else ""}'
        f'<a class="mer-download" download="result.json" '
        f'href="data:application/json;base64,{payload}">Save the result (JSON)</a>'
        f'</footer>'
    )
