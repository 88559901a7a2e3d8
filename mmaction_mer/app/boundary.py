"""Gradio's blocks, which give no handler anything but what it was made for."""

import logging
from collections.abc import Callable, Sequence
from typing import Any

import gradio as gr

from ..utils.errors import MERDataError
from .calls import files_of
from .safety import VIDEOS
from .uploads import Uploads

MISTAKE = (
    'This could not be done, because of a mistake in the program. What is known of it '
    'stands in the server’s log.'
)


class Page(gr.Blocks):
    """Blocks that look at whatever a client sends before a handler sees it.

    Args:
        uploads: The files that may be named.
        options: Of Gradio's Blocks.
    """

    def __init__(self, uploads: Uploads, **options: Any) -> None:
        super().__init__(**options)
        self.uploads = uploads

    async def process_api(self, block_fn: Any, inputs: Any, *args: Any, **kw: Any):
        """Do what a client asks for; files that wait for it wait no longer."""
        try:
            return await super().process_api(block_fn, inputs, *args, **kw)
        except gr.Error:
            raise
        except Exception as error:
            logging.getLogger(__name__).exception('the page could not answer')
            raise gr.Error(MISTAKE, print_exception=False) from error
        finally:
            self.uploads.settle(files_of(inputs))

    async def preprocess_data(
        self, block_fn: Any, inputs: Any, state: Any, explicit_call: bool = False
    ) -> list[Any]:
        """Check the values of all inputs, in place of the components' own reading.

        Theirs copies files, makes folders for them, and raises what it stumbles over.
        """
        try:
            values = checked(block_fn.inputs, inputs, self.uploads)
        except MERDataError as error:
            raise gr.Error(str(error), print_exception=False) from error
        return [
            state[block._id] if block.stateful else value
            for block, value in zip(block_fn.inputs, values, strict=True)
        ]

    def handlers(self) -> frozenset[int]:
        """Numbers of what runs on the server when something is pressed."""
        return frozenset(number for number, one in self.fns.items() if one.fn)


def checked(blocks: Sequence[Any], inputs: Any, uploads: Uploads) -> list[Any]:
    """Check the values of a handler's inputs.

    Args:
        blocks: Its components.
        inputs: What a client sent for them, as read from JSON.
        uploads: The files that may be named.

    Returns:
        One for each: a number within its slider's range, a text of bounded length, the
        path of an upload, or None for no file and for what only the server knows.

    Raises:
        MERDataError: There are too few or too many, or one is nothing of that kind.
    """
    if not isinstance(inputs, list) or len(inputs) != len(blocks):
        raise MERDataError(f'{len(blocks)} values are needed here; reload the page')
    for path in files_of(inputs):
        if not uploads.holds(path):
            raise MERDataError(
                'a file was named that nobody has sent here, or that was deleted '
                'since: a clip is deleted once it is read; drop it again'
            )
    return [
        _checks(block)(block, value)
        for block, value in zip(blocks, inputs, strict=True)
    ]


def _checks(block: Any) -> Callable[[Any, Any], Any]:
    for kind, check in _CHECKS.items():
        if isinstance(block, kind):
            return check
    raise TypeError(f'nothing checks what is sent for a {type(block).__name__}')


def _nothing(block: Any, value: Any) -> None:
    return None


def _number(block: gr.Slider, value: Any) -> float:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    # Compared as it is: an integer of a thousand digits is no float. NaN is in no
    # range.
    if not number or not block.minimum <= value <= block.maximum:
        raise MERDataError(
            f'{block.label}: give a number from {block.minimum:g} to {block.maximum:g}'
        )
    return float(value)


def _text(block: gr.Textbox, value: Any) -> str:
    if value is None:
        return ''
    if not isinstance(value, str) or len(value) > block.max_length:
        raise MERDataError(
            f'{block.label}: give up to {block.max_length} letters and digits'
        )
    return value


def _file(block: gr.File, value: Any) -> str | None:
    if value is None:
        return None
    if not isinstance(value, dict) or not isinstance(value.get('path'), str):
        raise MERDataError('the clip is no file; drop it again')
    path = value['path']
    if not path.lower().endswith(tuple(VIDEOS)):
        raise MERDataError('give an mp4, avi, mov, mkv, webm, mpg or ts file')
    return path


_CHECKS: dict[type, Callable[[Any, Any], Any]] = {
    gr.State: _nothing,
    gr.Slider: _number,
    gr.Textbox: _text,
    gr.File: _file,
}
