"""Gradio blocks that validate all input before a handler is called."""

import logging
from collections.abc import Callable, Sequence
from typing import Any

import gradio as gr

from ..utils.errors import MERDataError
from .api_calls import file_paths
from .limits import VIDEO_SUFFIXES
from .uploads import Uploads

INTERNAL_ERROR = (
    'This failed because of an error in the program. The server’s log has the details.'
)


class ValidatedBlocks(gr.Blocks):
    """Blocks that validate whatever a client sends before a handler is called.

    Args:
        uploads: The files that may be used.
        options: Arguments of ``gradio.Blocks``.
    """

    def __init__(self, uploads: Uploads, **options: Any) -> None:
        super().__init__(**options)
        self.uploads = uploads

    async def process_api(self, block_fn: Any, inputs: Any, *args: Any, **kw: Any):
        """Process a call, and release the files that were reserved for it."""
        try:
            return await super().process_api(block_fn, inputs, *args, **kw)
        except gr.Error:
            raise
        except Exception as error:
            logging.getLogger(__name__).exception('the page could not answer')
            raise gr.Error(INTERNAL_ERROR, print_exception=False) from error
        finally:
            self.uploads.release(file_paths(inputs))

    async def preprocess_data(
        self, block_fn: Any, inputs: Any, state: Any, explicit_call: bool = False
    ) -> list[Any]:
        """Validate the values of all inputs, instead of the components.

        The components copy files, create folders, and raise exceptions of any kind.
        """
        try:
            values = validate_inputs(block_fn.inputs, inputs, self.uploads)
        except MERDataError as error:
            raise gr.Error(str(error), print_exception=False) from error
        return [
            state[block._id] if block.stateful else value
            for block, value in zip(block_fn.inputs, values, strict=True)
        ]

    def handlers(self) -> frozenset[int]:
        """Return the indices of the handlers that run on the server."""
        return frozenset(number for number, one in self.fns.items() if one.fn)


def validate_inputs(blocks: Sequence[Any], inputs: Any, uploads: Uploads) -> list[Any]:
    """Validate the inputs of a handler.

    Args:
        blocks: Its components.
        inputs: The values that a client sent, parsed from JSON.
        uploads: The files that may be used.

    Returns:
        One value per component: a number within the range of its slider, a string of
        limited length, the path of an upload, or None for no file and for the state.

    Raises:
        MERDataError: The number of values is wrong, or a value is not valid.
    """
    if not isinstance(inputs, list) or len(inputs) != len(blocks):
        raise MERDataError(f'{len(blocks)} values are needed here; reload the page')
    for path in file_paths(inputs):
        if uploads.find(path) is None:
            raise MERDataError(
                'this file was not uploaded here, or has been deleted: a clip is '
                'deleted after prediction; upload it again'
            )
    return [
        _check_of(block)(block, value)
        for block, value in zip(blocks, inputs, strict=True)
    ]


def _check_of(block: Any) -> Callable[[Any, Any], Any]:
    for kind, check in _CHECKS.items():
        if isinstance(block, kind):
            return check
    raise TypeError(f'there is no check for a {type(block).__name__}')


def _number(block: gr.Slider, value: Any) -> float:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    # Not converted to float first, which fails for an integer of a thousand digits. NaN
    # is in no range.
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
        raise MERDataError('the clip is not a file; upload it again')
    path = value['path']
    if not path.lower().endswith(VIDEO_SUFFIXES):
        suffixes = ', '.join(suffix[1:] for suffix in VIDEO_SUFFIXES)
        raise MERDataError(f'give a video file: {suffixes}')
    return path


_CHECKS: dict[type, Callable[[Any, Any], Any]] = {
    gr.State: lambda block, value: None,
    gr.Slider: _number,
    gr.Textbox: _text,
    gr.File: _file,
}
