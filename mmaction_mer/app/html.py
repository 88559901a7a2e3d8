"""Render a prediction as HTML; all text that a clip brings along is escaped."""

import base64
import json
from html import escape

import numpy as np

from ..apis.clip_prediction import ClipPrediction
from ..apis.timeline import COLORS
from ..motion.magnified_clip import MagnifiedClip
from ..visualization.heat_over_face import over_face
from .charts import gaussians_chart, timeline_chart
from .images import data_url, film_strip, upscale

#: Approximate seconds of one round of the player.
ROUND_SECONDS = 2.5
#: Factors by which the player can slow down.
SLOWDOWNS = (1, 2, 4, 8, 16, 32)

_HEADER = """
<header class="mer-title">
  <h1>Micro-expressions, recognized by motion prompts</h1>
  <p>A face moves by a pixel for a fraction of a second. See what that looks like when
  it is magnified, and what {model} predicts from it.</p>
  <p class="mer-caveat">{caveat}</p>
</header>
"""
DEMO_TITLE = _HEADER.format(
    model='a small vision transformer',
    caveat='The demo model was trained on synthetic faces: it shows how the method '
    'works, and is no measure of anybody’s feelings.',
)
MODEL_TITLE = _HEADER.format(
    model='the model',
    caveat='A model sorts movements of a face into the classes that it was trained on. '
    'It is no measure of anybody’s feelings.',
)
EMPTY = """
<div class="mer-empty">
  <p>Choose a sample, or upload a clip of one face.</p>
  <p>The face is detected and stabilized; then its movement is magnified, pooled into
  one image, and classified.</p>
</div>
"""


def message(text: str, kind: str = 'error') -> str:
    """Return a message in a box."""
    role = 'alert' if kind == 'error' else 'status'
    return f'<div class="mer-message mer-{kind}" role="{role}">{escape(text)}</div>'


def prediction_panel(prediction: ClipPrediction, truth: str = '') -> str:
    """Return the predicted class, a bar for each class, and the facts of the clip.

    Args:
        prediction: Prediction for the clip.
        truth: Ground truth of a sample clip. Defaults to '', unknown.
    """
    mean = prediction.window.mean
    top = int(mean.argmax())
    bars = ''.join(
        f'<div class="mer-bar{" mer-top" if index == top else ""}">'
        f'<span class="mer-name">{escape(name)}</span>'
        f'<span class="mer-track"><span style="width:{score:.1%};'
        f'background:{COLORS[index % len(COLORS)]}"></span></span>'
        f'<span class="mer-score">{score:.0%}</span></div>'
        for index, (name, score) in enumerate(
            zip(prediction.classes, mean, strict=True)
        )
    )
    facts = ''.join(
        f'<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>'
        for name, value in _facts(prediction)
    )
    known = f'<p class="mer-known">{escape(truth)}</p>' if truth else ''
    return (
        f'<section class="mer-prediction"><div class="mer-heading"><h2>Prediction</h2>'
        f'<p class="mer-label">{escape(prediction.label)}</p>{known}</div>'
        f'<div class="mer-bars">{bars}</div><dl class="mer-facts">{facts}</dl>'
        f'</section>'
    )


def _facts(prediction: ClipPrediction) -> list[tuple[str, str]]:
    facts, apex, fps = [], prediction.apex, prediction.fps
    if apex is not None:
        facts.append(('apex', f'{apex / fps:.3f} s, frame {apex:.0f}'))
    frames = prediction.frames
    facts.append(('clip', f'{frames} frames, {frames / fps:.2f} s'))
    facts.append(('frame rate', f'{fps:g} per second'))
    if len(prediction.folds) > 1:
        votes = prediction.window.votes
        facts.append(('folds that agree', f'{votes} of {len(prediction.folds)}'))
    return facts


def film(frames: np.ndarray, caption: str) -> str:
    """Return frames ``(T, S, S, 3)`` uint8 for the player, with a caption."""
    return (
        f'<figure class="mer-film"><div class="mer-strip" role="img" '
        f'aria-label="{escape(caption)}" data-frames="{len(frames)}" '
        f'style="background-image:url({film_strip(frames)});'
        f'background-size:100% {100 * len(frames)}%"></div>'
        f'<figcaption>{escape(caption)}</figcaption></figure>'
    )


def player(shown: MagnifiedClip, start: float) -> str:
    """Return the controls of the player, which a script of the page handles.

    Args:
        shown: The clip that is shown.
        start: Time of its first frame in the video, in seconds.
    """
    slow = min(SLOWDOWNS, key=lambda n: abs(np.log(n * shown.seconds / ROUND_SECONDS)))
    speeds = ''.join(
        f'<option value="{n}"{" selected" if n == slow else ""}>'
        f'{"true speed" if n == 1 else f"{n} times slower"}</option>'
        for n in SLOWDOWNS
    )
    return (
        f'<div class="mer-player" data-seconds="{shown.seconds:.6f}" '
        f'data-start="{start:.6f}" data-frames="{len(shown.frames)}">'
        f'<button type="button" class="mer-play" aria-label="play or pause">❚❚</button>'
        f'<input type="range" class="mer-seek" min="0" max="{len(shown.frames) - 1}" '
        f'value="0" aria-label="frame"><output class="mer-time"></output>'
        f'<select class="mer-speed" aria-label="speed">{speeds}</select></div>'
    )


def tiles(
    prediction: ClipPrediction, shown: MagnifiedClip, truth: float | None = None
) -> str:
    """Return saliency map, rank-pooled image, Gaussians, and a long video's timeline.

    Args:
        prediction: Prediction for the clip.
        shown: The clip that is shown.
        truth: True frame of the apex. Defaults to None, unknown.
    """
    parts = []
    window, explanation = prediction.window, prediction.explanation or {}
    if prediction.saliency is not None:
        apex = window.spot.apex / max(len(prediction.clip) - 1, 1) if window.spot else 0
        face = shown.frames[round(apex * (len(shown.frames) - 1))]
        parts.append(
            _tile(
                'Location',
                data_url(over_face(face, prediction.saliency)),
                f'saliency map of “{prediction.label}”, over the face at the apex',
            )
        )
    if explanation.get('rank_image') is not None:
        parts.append(
            _tile(
                'Rank-pooled image',
                data_url(upscale(explanation['rank_image'])),
                'the whole clip as one image: an input of the model',
            )
        )
    if explanation.get('gaussians') is not None or window.spot is not None:
        known = truth is not None and window.start <= truth < window.stop
        parts.append(
            '<figure class="mer-tile mer-wide"><h3>Time</h3>'
            f'{gaussians_chart(prediction, truth)}<figcaption>weights of the motion '
            'prompts over time; shaded: the detected movement'
            f'{"; dashed: its true apex" if known else ""}</figcaption>'
            '</figure>'
        )
    html = f'<section class="mer-tiles">{"".join(parts)}</section>'
    if len(prediction.windows) > 1:
        html += (
            '<figure class="mer-tile mer-timeline"><h3>The whole video</h3>'
            f'{timeline_chart(prediction)}<figcaption>'
            f'{len(prediction.windows)} windows; shaded: the one with the strongest '
            f'movement, which is shown above</figcaption></figure>'
        )
    return html


def _tile(title: str, url: str, caption: str) -> str:
    return (
        f'<figure class="mer-tile"><h3>{escape(title)}</h3>'
        f'<img src="{url}" alt="{escape(title)}">'
        f'<figcaption>{escape(caption)}</figcaption></figure>'
    )


def footer(prediction: ClipPrediction) -> str:
    """Return the notes, and the result as a download that is part of the page."""
    lines = ''.join(f'<li>{escape(note)}</li>' for note in prediction.notes)
    result = json.dumps({'predictions': [prediction.as_dict()]}, indent=1)
    payload = base64.b64encode(result.encode()).decode()
    return (
        f'<footer class="mer-remarks">{f"<ul>{lines}</ul>" if lines else ""}'
        f'<a class="mer-download" download="result.json" '
        f'href="data:application/json;base64,{payload}">Save the result (JSON)</a>'
        f'</footer>'
    )
