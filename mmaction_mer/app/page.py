"""Layout of the page, and the handlers of its buttons and sliders."""

import logging
import math
import threading
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr

from ..apis.clip_prediction import ClipPrediction
from ..apis.frame_sources import FrameSource, open_frame_source
from ..apis.mer_inferencer import MERInferencer
from ..motion.magnified_clip import ALPHA, HIGH, LOW, MagnifiedClip
from ..utils.errors import MERDataError, MERRunError
from . import html
from .images import data_url
from .input_validation import INTERNAL_ERROR, ValidatedBlocks
from .limits import LIMITS, MAX_FPS, VIDEO_SUFFIXES, BoundedSource
from .sample_clips import SAMPLES, Sample, SampleClips
from .uploads import Uploads

_HERE = Path(__file__).parent
STYLE = (_HERE / 'page.css').read_text(encoding='utf-8')
HEAD = f'<script>{(_HERE / "page.js").read_text(encoding="utf-8")}</script>'
# Seconds that the film of a session is kept.
_SESSION_SECONDS = 3600

Shown = tuple[ClipPrediction, MagnifiedClip]


class ClipService:
    """Predict uploads and sample clips, one at a time.

    Args:
        inferencer: Predicts clips.
        folder: Folder for sample clips.
        uploads: The files of visitors.
    """

    def __init__(
        self, inferencer: MERInferencer, folder: Path, uploads: Uploads
    ) -> None:
        self.inferencer = inferencer
        self.samples = SampleClips(folder)
        self.uploads = uploads
        self._lock = threading.Lock()

    def predict(self, source: FrameSource) -> Shown:
        """Predict a clip, and prepare its magnified motion for display."""
        with self._lock:
            prediction = self.inferencer.predict(source)
        spot = prediction.window.spot
        return prediction, MagnifiedClip.of(
            prediction.clip, prediction.fps, registration=spot and spot.registration
        )

    def predict_upload(self, path: str, fps: float | None) -> Shown:
        """Predict an upload, and delete it."""
        with self.uploads.open(path) as file:
            return self.predict(BoundedSource(open_frame_source(file, fps, LIMITS)))

    def predict_sample(self, sample: Sample) -> Shown:
        """Predict a sample clip."""
        source = open_frame_source(self.samples.frames(sample), sample.fps)
        source.name = sample.name
        return self.predict(source)


def parse_frame_rate(text: str) -> float | None:
    """Parse the field for the frame rate; if empty, the file determines it.

    Raises:
        MERDataError: It is not an accepted frame rate.

    Example:
        >>> parse_frame_rate(' 200 ')
        200.0
        >>> parse_frame_rate('') is None
        True
    """
    if not text.strip():
        return None
    try:
        fps = float(text.replace(',', '.'))
    except ValueError:
        fps = math.nan
    if not 1 <= fps <= MAX_FPS:
        raise MERDataError(
            f'the true frame rate is {text.strip()!r}, but must be a number from 1 to '
            f'{MAX_FPS:g}; leave the field empty to use that of the file'
        )
    return fps


def theme() -> gr.themes.Base:
    """Return a plain theme with fonts of the visitor's system."""
    return gr.themes.Base(
        primary_hue='teal',
        neutral_hue='slate',
        font=['system-ui', 'sans-serif'],
        font_mono=['ui-monospace', 'monospace'],
        radius_size='md',
    )


def build_page(
    inferencer: MERInferencer, folder: Path, uploads: Uploads, demo: bool
) -> tuple[ValidatedBlocks, str]:
    """Build the page.

    Args:
        inferencer: Predicts clips.
        folder: Folder for sample clips.
        uploads: The files of visitors.
        demo: Whether the model is the one that ships with the package.

    Returns:
        The page, and CSS with the faces on the buttons of the samples.
    """
    service = ClipService(inferencer, folder, uploads)
    with ValidatedBlocks(
        uploads, title='Micro-expressions', analytics_enabled=False, fill_width=True
    ) as page:
        state = gr.State(None, time_to_live=_SESSION_SECONDS)
        _html(html.DEMO_TITLE if demo else html.MODEL_TITLE)
        with gr.Row():
            with gr.Column(scale=0, min_width=280, elem_classes='mer-left'):
                samples, clip, fps, button = _inputs()
            with gr.Column(scale=1, min_width=320, elem_classes='mer-results'):
                problem = _html('', visible=False)
                empty = _html(html.EMPTY)
                with gr.Column(visible=False) as results:
                    panel = _html('')
                    with gr.Row(elem_classes='mer-films'):
                        face, moved = _html(''), _html('')
                        with gr.Column(scale=0, min_width=210):
                            sliders = _sliders()
                            warning = _html('')
                    player, tiles, footer = _html(''), _html(''), _html('')
        outputs = [problem, empty, results, state, panel, face, moved, player, warning]
        outputs += [tiles, footer]
        options = dict(api_visibility='private', show_progress='hidden')
        for sample, one in zip(SAMPLES, samples, strict=True):
            handler = partial(_on_sample, service, sample)
            _connect(one, handler, sliders, outputs, options)
        handler = partial(_on_upload, service)
        _connect(button, handler, [clip, fps, *sliders], [*outputs, clip], options)
        for slider in sliders:
            slider.release(
                _on_slider,
                [state, *sliders],
                [moved, warning],
                trigger_mode='always_last',
                concurrency_id='sliders',
                **options,
            )
    return page, _sample_style(service.samples)


def _inputs() -> tuple[list[gr.Button], gr.File, gr.Textbox, gr.Button]:
    _html('<div class="mer-head">Synthetic samples</div>')
    with gr.Row(elem_classes='mer-samples'):
        samples = [
            gr.Button(sample.name, elem_id=f'sample-{sample.number}')
            for sample in SAMPLES
        ]
    _html('<div class="mer-head">Or a clip of your own</div>')
    clip = gr.File(
        file_types=list(VIDEO_SUFFIXES), show_label=False, height=140, elem_id='clip'
    )
    fps = gr.Textbox(
        label='True frame rate, frames per second',
        placeholder='that of the file',
        max_length=12,
        elem_id='fps',
    )
    button = gr.Button('Predict', variant='primary', elem_id='predict')
    suffixes = ', '.join(suffix[1:] for suffix in VIDEO_SUFFIXES)
    _html(
        f'<p class="mer-small">{suffixes}; up to {LIMITS.size >> 20} MB and '
        f'{LIMITS.seconds:g} seconds. High-speed clips are often stored to be played '
        f'slowly: then give the rate of the camera. Your clip is deleted after '
        f'prediction.</p>'
    )
    return samples, clip, fps, button


def _sliders() -> list[gr.Slider]:
    _html('<div class="mer-head">Magnify</div>')
    return [
        gr.Slider(0, 50, ALPHA, step=1, label='gain α', elem_id='alpha', buttons=[]),
        gr.Slider(0.1, 10, LOW, step=0.1, label='from, Hz', elem_id='low', buttons=[]),
        gr.Slider(0.5, 30, HIGH, step=0.5, label='to, Hz', elem_id='high', buttons=[]),
    ]


def _html(text: str, **options: Any) -> gr.HTML:
    return gr.HTML(text, apply_default_css=False, js_on_load=None, **options)


def _connect(
    button: gr.Button, handler: Any, inputs: Any, outputs: Any, options: dict
) -> None:
    button.click(None, None, None, js='() => { window.merBusy(true); }', **options)
    done = button.click(handler, inputs, outputs, concurrency_id='model', **options)
    done.then(None, None, None, js='() => { window.merBusy(false); }', **options)


def _on_sample(service: ClipService, sample: Sample, *sliders: float) -> list[Any]:
    apex = service.samples.timing(sample).apex
    truth = f'rendered as {sample.label}, apex at frame {apex}'
    return _results(partial(service.predict_sample, sample), sliders, truth, apex)


def _on_upload(
    service: ClipService, path: str | None, fps: str, *sliders: float
) -> list[Any]:
    try:
        rate = parse_frame_rate(fps)
        if path is None:
            raise MERDataError('upload a clip first, or choose a sample')
    except MERDataError as error:
        # The clip is kept for another try. Its path is not returned, since Gradio would
        # copy the file.
        return [*_problem(str(error)), gr.skip()]
    return [*_results(partial(service.predict_upload, path, rate), sliders), None]


def _results(
    predict: Any, sliders: tuple[float, ...], truth: str = '', apex: float | None = None
) -> list[Any]:
    """Predict a clip and return the outputs of the page, or a message."""
    try:
        prediction, shown = predict()
    except (MERDataError, MERRunError) as error:
        return _problem(str(error))
    except Exception:
        # An error of the program, not of the clip: details go to the log only.
        logging.getLogger(__name__).exception('the page could not predict a clip')
        return _problem(INTERNAL_ERROR)
    moved, warning = _on_slider(shown, *sliders)
    return [
        gr.update(value='', visible=False),
        gr.update(visible=False),
        gr.update(visible=True),
        # The sliders do not need the original frames; there may be many visitors.
        replace(shown, frames=shown.still),
        html.prediction_panel(prediction, truth),
        html.film(shown.frames, 'the aligned face'),
        moved,
        html.player(shown, prediction.window.start / prediction.fps),
        warning,
        html.tiles(prediction, shown, apex),
        html.footer(prediction),
    ]


def _problem(text: str) -> list[Any]:
    """Return outputs that show a message only."""
    return [
        gr.update(value=html.message(_sentence(text)), visible=True),
        gr.update(visible=True),
        gr.update(visible=False),
        None,
        *[''] * 7,
    ]


def _sentence(text: str) -> str:
    """Capitalize a message, unless it begins with a file name, and add a period."""
    if ':' not in text.split(' ')[0]:
        text = text[:1].upper() + text[1:]
    return text.rstrip('.') + '.'


def _on_slider(
    shown: MagnifiedClip | None, alpha: float, low: float, high: float
) -> tuple[Any, Any]:
    """Magnify again, without the model."""
    if shown is None:
        return gr.skip(), html.message(
            'This clip is no longer stored; predict it again to magnify it.', 'note'
        )
    try:
        frames, note = shown.magnified(alpha, low, high)
    except ValueError as error:
        return gr.skip(), html.message(f'Not magnified: {error}.', 'note')
    caption = f'its motion, magnified {alpha:g} times between {low:g} and {high:g} Hz'
    warning = html.message(_sentence(note), 'note') if note else ''
    return html.film(frames, caption), warning


def _sample_style(samples: SampleClips) -> str:
    """Return CSS that shows a face on the button of each sample."""
    return ''.join(
        f'#sample-{sample.number} {{ background-image: '
        f'url({data_url(samples.first(sample)[::2, ::2])}); }}'
        for sample in SAMPLES
    )
