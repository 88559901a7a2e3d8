"""The page: what stands where, and what happens when something is pressed."""

import logging
import math
import threading
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr

from ..apis.clip_prediction import Reading
from ..apis.mer_inferencer import MERInferencer
from ..apis.sources import Source, open_source
from ..motion.magnified_clip import ALPHA, HIGH, LOW, MagnifiedClip
from ..utils.errors import MERDataError, MERRunError
from . import html as words
from .boundary import Page
from .images import as_address
from .safety import LIMITS, MOST_FPS, VIDEOS, Bounded
from .samples import SAMPLES, Sample, SampleClips
from .uploads import Uploads

_HERE = Path(__file__).parent
STYLE = (_HERE / 'page.css').read_text(encoding='utf-8')
HEAD = f'<script>{(_HERE / "page.js").read_text(encoding="utf-8")}</script>'
#: Seconds that a session's film is kept.
_KEPT = 3600


class Reader:
    """What happens behind the page.

    Args:
        inferencer: Reads clips.
        folder: For sample clips.
        uploads: Where clips are that were sent.
    """

    def __init__(
        self, inferencer: MERInferencer, folder: Path, uploads: Uploads
    ) -> None:
        self.inferencer = inferencer
        self.shelf = SampleClips(folder)
        self.uploads = uploads
        self._one_at_a_time = threading.Lock()

    def read(self, source: Source) -> tuple[Reading, MagnifiedClip]:
        """Read a clip, and prepare what is shown of it."""
        with self._one_at_a_time:
            reading = self.inferencer.read(source)
        return reading, MagnifiedClip.of(reading.clip, reading.fps)

    def upload(self, path: str, fps: float | None) -> tuple[Reading, MagnifiedClip]:
        """Read what was sent, and delete it."""
        with self.uploads.reading(path) as file:
            return self.read(Bounded(open_source(file, fps, LIMITS)))

    def sample(self, sample: Sample) -> tuple[Reading, MagnifiedClip]:
        """Read a sample clip."""
        source = open_source(self.shelf.frames(sample), sample.fps)
        source.name = sample.name
        return self.read(source)


def frame_rate(text: str) -> float | None:
    """Read the field for the frame rate; nothing means what the file says.

    Raises:
        MERDataError: It is no rate that is read here.

    Example:
        >>> frame_rate(' 200 ')
        200.0
        >>> frame_rate('') is None
        True
    """
    if not text.strip():
        return None
    try:
        fps = float(text.replace(',', '.'))
    except ValueError:
        fps = math.nan
    if not 1 <= fps <= MOST_FPS:
        raise MERDataError(
            f'the true frame rate is {text.strip()!r}, but is a number from 1 to '
            f'{MOST_FPS:g}; leave the field empty to take what the file says'
        )
    return fps


def theme() -> gr.themes.Base:
    """Quiet colours, and letters that every machine has."""
    return gr.themes.Base(
        primary_hue='teal',
        neutral_hue='slate',
        font=['system-ui', 'sans-serif'],
        font_mono=['ui-monospace', 'monospace'],
        radius_size='md',
    )


def build_page(
    inferencer: MERInferencer, folder: Path, uploads: Uploads, demo: bool
) -> tuple[Page, str]:
    """Lay the page out.

    Args:
        inferencer: Reads clips.
        folder: For sample clips.
        uploads: Where clips are that were sent.
        demo: It is the model that ships with the package.

    Returns:
        The page, and style of its own: the faces on the samples' buttons.
    """
    reader = Reader(inferencer, folder, uploads)
    with Page(
        uploads, title='Micro-expressions', analytics_enabled=False, fill_width=True
    ) as page:
        state = gr.State(None, time_to_live=_KEPT)
        _html(words.TITLE if demo else words.OWN_MODEL)
        with gr.Row():
            with gr.Column(scale=0, min_width=280, elem_classes='mer-left'):
                samples, clip, fps, read = _left_side()
            with gr.Column(scale=1, min_width=320, elem_classes='mer-results'):
                problem = _html('', visible=False)
                empty = _html(words.EMPTY)
                with gr.Column(visible=False) as results:
                    says = _html('')
                    with gr.Row(elem_classes='mer-films'):
                        face, moved = _html(''), _html('')
                        with gr.Column(scale=0, min_width=210):
                            sliders = _sliders()
                            warning = _html('')
                    player, tiles, remarks = _html(''), _html(''), _html('')
        shown = [problem, empty, results, state, says, face, moved, player, warning]
        shown += [tiles, remarks]
        wires = dict(api_visibility='private', show_progress='hidden')
        for sample, button in zip(SAMPLES, samples, strict=True):
            work = partial(_on_sample, reader, sample)
            _on_press(button, work, sliders, shown, wires)
        work = partial(_on_upload, reader)
        _on_press(read, work, [clip, fps, *sliders], [*shown, clip], wires)
        for slider in sliders:
            slider.release(
                _on_slider,
                [state, *sliders],
                [moved, warning],
                trigger_mode='always_last',
                concurrency_id='sliders',
                **wires,
            )
    return page, _faces(reader.shelf)


def _left_side() -> tuple[list[gr.Button], gr.File, gr.Textbox, gr.Button]:
    _html('<div class="mer-head">Synthetic samples</div>')
    with gr.Row(elem_classes='mer-samples'):
        samples = [
            gr.Button(sample.name, elem_id=f'sample-{sample.number}')
            for sample in SAMPLES
        ]
    _html('<div class="mer-head">Or a clip of your own</div>')
    clip = gr.File(
        file_types=list(VIDEOS), show_label=False, height=140, elem_id='clip'
    )
    fps = gr.Textbox(
        label='True frame rate, frames a second',
        placeholder='as the file says',
        max_length=12,
        elem_id='fps',
    )
    read = gr.Button('Read the clip', variant='primary', elem_id='read')
    _html(
        f'<p class="mer-small">{", ".join(end[1:] for end in VIDEOS)}; up to '
        f'{LIMITS.size >> 20} MB and {LIMITS.seconds:g} seconds. High-speed clips are '
        f'often stored to play slowly: then give the camera’s rate. What you send is '
        f'deleted once it is read.</p>'
    )
    return samples, clip, fps, read


def _sliders() -> list[gr.Slider]:
    _html('<div class="mer-head">Magnify</div>')
    return [
        gr.Slider(0, 50, ALPHA, step=1, label='gain α', elem_id='alpha', buttons=[]),
        gr.Slider(0.1, 10, LOW, step=0.1, label='from, Hz', elem_id='low', buttons=[]),
        gr.Slider(0.5, 30, HIGH, step=0.5, label='to, Hz', elem_id='high', buttons=[]),
    ]


def _html(text: str, **options: Any) -> gr.HTML:
    return gr.HTML(text, apply_default_css=False, js_on_load=None, **options)


def _on_press(
    button: gr.Button, work: Any, inputs: Any, outputs: Any, wires: dict
) -> None:
    button.click(None, None, None, js='() => { window.merBusy(true); }', **wires)
    done = button.click(work, inputs, outputs, concurrency_id='model', **wires)
    done.then(None, None, None, js='() => { window.merBusy(false); }', **wires)


def _on_sample(reader: Reader, sample: Sample, *sliders: float) -> list[Any]:
    timing = reader.shelf.timing(sample)
    truth = f'drawn as {sample.label}, apex at frame {timing.apex}'
    return _answer(partial(reader.sample, sample), sliders, truth, timing.apex)


def _on_upload(
    reader: Reader, path: str | None, fps: str, *sliders: float
) -> list[Any]:
    try:
        rate = frame_rate(fps)
        if path is None:
            raise MERDataError('drop a clip first, or choose a sample')
    except MERDataError as error:
        # The clip stays, to be read yet. Not by its path: Gradio would copy the file.
        return [*_problem(str(error)), gr.skip()]
    return [*_answer(partial(reader.upload, path, rate), sliders), None]


def _answer(
    work: Any, sliders: tuple[float, ...], truth: str = '', apex: float | None = None
) -> list[Any]:
    """Read a clip and fill the page, or say in a sentence why not."""
    try:
        reading, film = work()
    except (MERDataError, MERRunError) as error:
        return _problem(str(error))
    except Exception:
        # Ours, not the clip's: the whole of it goes to whoever runs the server.
        logging.getLogger(__name__).exception('the page could not read a clip')
        return _problem(
            'This clip could not be read, because of a mistake in the program. What '
            'is known of it stands in the server’s log.'
        )
    window = reading.window
    moved, warning = _on_slider(film, *sliders)
    return [
        gr.update(value='', visible=False),
        gr.update(visible=False),
        gr.update(visible=True),
        # What the sliders need of it: there may be many visitors.
        replace(film, frames=film.still),
        words.verdict(reading, truth),
        words.film(film.frames, 'the face, cut out and held in place'),
        moved,
        words.player(film, window.start / reading.fps),
        warning,
        words.tiles(reading, film, apex),
        words.remarks(reading),
    ]


def _problem(text: str) -> list[Any]:
    """The sentence alone: what stood there was of another clip."""
    return [
        gr.update(value=words.message(_sentence(text)), visible=True),
        gr.update(visible=True),
        gr.update(visible=False),
        None,
        *[''] * 7,
    ]


def _sentence(text: str) -> str:
    """Begin with a capital and end with a stop; a file's name stays as it is."""
    if ':' not in text.split(' ')[0]:
        text = text[:1].upper() + text[1:]
    return text.rstrip('.') + '.'


def _on_slider(
    film: MagnifiedClip | None, alpha: float, low: float, high: float
) -> tuple[Any, Any]:
    """Magnify again; the model has no part in it."""
    if film is None:
        return gr.skip(), words.message(
            'The clip that was read here is not kept any longer; read it again to '
            'magnify it anew.',
            'note',
        )
    try:
        frames, note = film.magnified(alpha, low, high)
    except ValueError as error:
        return gr.skip(), words.message(f'Not magnified anew: {error}.', 'note')
    caption = f'its motion, {alpha:g} times magnified between {low:g} and {high:g} Hz'
    told = words.message(_sentence(note), 'note') if note else ''
    return words.film(frames, caption), told


def _faces(shelf: SampleClips) -> str:
    """Style that puts a face on each sample's button."""
    return ''.join(
        f'#sample-{sample.number} {{ background-image: '
        f'url({as_address(shelf.first(sample)[::2, ::2])}); }}'
        for sample in SAMPLES
    )
