"""The frame rate of frames that were sampled from a recording.

There are two rates: that of the recording, in whose frames ``frame_inds`` counts, and
that of the frames in ``imgs``, to which the pass band applies. Their ratio is
``frame_step``, the number of frames of the recording from one of ``imgs`` to the next.

Keys in the results of a pipeline:

- ``avg_fps`` (mmaction's ``DecordInit``) is the rate of the recording.
- ``fps`` is the rate of the recording after mmaction's samplers, which add a
  ``frame_interval``, and that of ``imgs`` otherwise. Transforms of this package that
  read or interpolate frames write both ``fps``, of ``imgs``, and ``frame_step``.
"""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from ...utils.errors import MERDataError

_SET_FPS = 'set fps=... of EulerianMagnification or PackMERInputs'


class IrregularSamplingError(MERDataError):
    """Frames are not at regular steps and so have no frame rate."""


def sampled_numbers(results: Mapping[str, Any]) -> np.ndarray | None:
    """Return the frame numbers that one of mmaction's samplers chose.

    Args:
        results: The results of a pipeline.

    Returns:
        ``(K, T)`` of K clips of T frames; None if a transform of this package has read
        or interpolated the frames.
    """
    numbers = results.get('frame_inds')
    stock = 'frame_interval' in results or 'fps' not in results
    if numbers is None or 'frame_step' in results or not stock:
        return None
    flat = np.asarray(numbers).reshape(-1)
    length = results.get('clip_len') or len(flat)
    return flat.reshape(-1, length if len(flat) % length == 0 else len(flat))


def regular_step(
    numbers: np.ndarray,
    ends: tuple[int, int] | None = None,
    clip: str | None = None,
) -> float:
    """Return the number of frames of the recording between sampled frames.

    Args:
        numbers: Frame numbers ``(K, T)``, of K clips of one sample.
        ends: Numbers of the first and the last frame of the recording, which are
            repeated where a clip reaches beyond them. Defaults to None.
        clip: Name of the clip, for messages. Defaults to None.

    Returns:
        The step, which need not be an integer: numbers at regular positions are
        rounded. If the first or last frame is repeated, the step is that of the others.

    Raises:
        IrregularSamplingError: Frames are at random positions, or clips differ.
        MERDataError: There is one frame, or frames go back in time.

    Example:
        >>> regular_step(np.array([[1, 5, 9, 13, 13], [40, 44, 48, 52, 56]]))
        4.0
        >>> regular_step(np.array([[0, 2, 5, 7, 10]]))
        2.5
    """
    steps = np.array([_step(row, ends or (None, None), clip) for row in numbers])
    # Rounding moves each of the two ends of a clip by less than one frame.
    if np.ptp(steps) > 2 / (numbers.shape[1] - 1):
        raise _irregular(
            f'several clips were sampled at different steps, of {steps.min():g} to '
            f'{steps.max():g} frames',
            clip,
        )
    return float(steps.mean())


def _step(
    numbers: np.ndarray, ends: tuple[int | None, int | None], clip: str | None
) -> float:
    _check_order(numbers, clip)
    moves = np.flatnonzero(np.diff(numbers))
    moving = numbers[moves[0] : moves[-1] + 2]
    # The step next to a repeated end may be shorter.
    inner = moving[int(moving[0] == ends[0]) :]
    inner = inner[: len(inner) - int(moving[-1] == ends[1])]
    for part in (moving, inner):
        steps = np.diff(part)
        if len(steps) > 1 and (steps == steps[0]).all():
            return float(steps[0])
    for part in (numbers, moving):
        if _rounded_line(part):
            return float(part[-1] - part[0]) / (len(part) - 1)
    steps = np.diff(moving)
    first = ', '.join(str(number) for number in numbers[:6])
    raise _irregular(
        f'frames are {steps.min()} to {steps.max()} apart ({first}, ...)', clip
    )


def _irregular(problem: str, clip: str | None) -> IrregularSamplingError:
    return IrregularSamplingError(
        f'{problem} and have no frame rate',
        clip=clip,
        hint='put StandardizeLength before, or sample at regular steps (SampleFrames '
        'without temporal_jitter; UniformSample with test_mode=True)',
    )


def _check_order(numbers: np.ndarray, clip: str | None) -> None:
    """Check that sampled frames ``(T,)`` go forward in time."""
    if len(numbers) < 2:
        raise MERDataError(
            'a single frame was sampled (clip_len=1), but motion needs at least two',
            clip=clip,
            hint='set another clip_len of the sampler',
        )
    steps = np.diff(numbers)
    if (steps < 0).any():
        back = int(np.argmin(steps))
        raise MERDataError(
            f'frame {numbers[back + 1]} was sampled after frame {numbers[back]}: the '
            'sampler starts again because the clip has too few frames',
            clip=clip,
            hint='reduce clip_len or frame_interval of the sampler, or set '
            "out_of_bound_opt='repeat_last'",
        )
    if not steps.any():
        raise MERDataError(
            f'frame {numbers[0]} was sampled {len(numbers)} times and no other frame, '
            'but motion needs at least two',
            clip=clip,
        )


def _rounded_line(numbers: np.ndarray) -> bool:
    """Return whether numbers can be regular positions that were rounded.

    They can if, over any number of steps, their increments differ by at most one.

    >>> _rounded_line(np.array([0, 2, 5, 7, 10])), _rounded_line(np.array([0, 1, 5, 6]))
    (True, False)
    """
    count = len(numbers)
    return all(
        np.ptp(numbers[lag:] - numbers[:-lag]) <= 1 for lag in range(1, count - 1)
    )


def frame_step(results: Mapping[str, Any]) -> float:
    """Return the frames of the recording from one frame of ``imgs`` to the next.

    Raises:
        MERDataError: They were not sampled at regular steps, or are fewer than two.
    """
    if 'frame_step' in results:
        return float(results['frame_step'])
    numbers = sampled_numbers(results)
    if numbers is not None:
        first = int(results.get('start_index', 0))
        count = results.get('total_frames')
        ends = results.get('shot_info') if count is None else (0, count)
        ends = ends and (first + ends[0], first + ends[1] - 1)
        return regular_step(numbers, ends, clip_of(results))
    return float(results.get('frame_interval') or 1)


def recording_rate(results: Mapping[str, Any], fps: float | None = None) -> float:
    """Return the frame rate of the recording that frames were sampled from, in Hz.

    Args:
        results: The results of a pipeline.
        fps: The rate, which overrides the results. Defaults to None.

    Raises:
        MERDataError: There is no rate, or it is not above 0 Hz.
    """
    if fps is not None:
        rate = fps
    elif 'fps' in results:
        rate = results['fps'] * results.get('frame_step', 1)
    elif 'avg_fps' in results:
        rate = results['avg_fps']
    else:
        raise MERDataError(
            'the results have no frame rate, which the pass band in Hz needs; of '
            "mmaction's readers only DecordInit adds one (avg_fps)",
            clip=clip_of(results),
            hint=_SET_FPS,
        )
    return _checked(rate, results)


def _checked(rate: float, results: Mapping[str, Any]) -> float:
    if not (math.isfinite(rate) and rate > 0):
        raise MERDataError(
            f'must be above 0 Hz, but is {rate}',
            clip=clip_of(results),
            field='fps',
            hint=_SET_FPS,
        )
    return float(rate)


def frame_rate(results: Mapping[str, Any], fps: float | None = None) -> float:
    """Return the effective frame rate of the frames in ``imgs``, in Hz.

    Args:
        results: The results of a pipeline; see the keys at the top of this file.
        fps: Rate of the recording in Hz, which overrides the results. Defaults to None.

    Returns:
        The rate of the recording, divided by the step from one frame to the next.

    Raises:
        MERDataError: There is no rate, or frames are not at regular steps.

    Example:
        >>> sampled = dict(frame_inds=np.arange(0, 64, 4), clip_len=16,
        ...                frame_interval=4, fps=200.0)
        >>> frame_rate(sampled), frame_rate(sampled, fps=100.0)
        (50.0, 25.0)
    """
    if fps is None and {'fps', 'frame_step'} <= results.keys():
        return _checked(results['fps'], results)
    return recording_rate(results, fps) / frame_step(results)


def clip_of(results: Mapping[str, Any]) -> str:
    """Return the name of a clip for messages, if the results have one.

    >>> clip_of(dict(filename='a/b.mp4'))
    'a/b.mp4'
    """
    for key in ('clip', 'frame_dir', 'filename'):
        if key in results:
            return str(results[key])
    return '(unnamed)'
