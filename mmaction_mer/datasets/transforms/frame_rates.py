"""The frame rate of frames that were sampled from a recording.

Two rates are told apart: that of the recording, in whose frames ``frame_inds`` counts,
and that of the frames in ``imgs``, which the pass band is laid over. Between them lies
``frame_step``, the frames of the recording from one of ``imgs`` to the next.

What is in the results of a pipeline:

- ``avg_fps`` (mmaction's ``DecordInit``) is the recording's rate.
- ``fps`` is the recording's rate behind mmaction's samplers, which leave a
  ``frame_interval`` behind, and that of ``imgs`` otherwise. Transforms of this package
  that take or make frames write both ``fps``, of ``imgs``, and ``frame_step``.
"""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from ...utils.errors import MERDataError


class IrregularSampling(MERDataError):
    """Frames that are not at regular steps, so that they have no rate."""


def sampled_numbers(results: Mapping[str, Any]) -> np.ndarray | None:
    """Frame numbers that one of mmaction's samplers chose.

    Args:
        results: The results of a pipeline.

    Returns:
        ``(K, T)`` of K clips of T frames; None where ``imgs`` holds something else:
        frames that a transform of this package has read or made.
    """
    numbers = results.get('frame_inds')
    stock = 'frame_interval' in results or 'fps' not in results
    if numbers is None or 'frame_step' in results or not stock:
        return None
    flat = np.asarray(numbers).reshape(-1)
    length = results.get('clip_len') or len(flat)
    return flat.reshape(-1, length if len(flat) % length == 0 else len(flat))


def regular_step(numbers: np.ndarray, ends: tuple[int, int] | None = None) -> float:
    """Frames of the recording from one sampled frame to the next.

    Args:
        numbers: Frame numbers ``(K, T)``, of K clips of one sample.
        ends: Numbers of the first and the last frame of the recording, if known. They
            stand for frames beyond, where a clip reaches so far.

    Returns:
        The step, which need not be whole: numbers at regular places are rounded. Where
        the first or last frame is repeated, the step is that of the others.

    Raises:
        IrregularSampling: Frames are drawn at random places, or clips differ.
        MERDataError: There is one frame, or frames go back in time.

    Example:
        >>> regular_step(np.array([[1, 5, 9, 13, 13], [40, 44, 48, 52, 56]]))
        4.0
        >>> regular_step(np.array([[0, 2, 5, 7, 10]]))
        2.5
    """
    steps = np.array([_step(clip, ends or (None, None)) for clip in numbers])
    # Each is off by the rounding of its two ends at most.
    if np.ptp(steps) > 2 / (numbers.shape[1] - 1):
        raise IrregularSampling(
            f'its clips are sampled at different steps, of {steps.min():g} to '
            f'{steps.max():g} frames'
        )
    return float(steps.mean())


def _step(clip: np.ndarray, ends: tuple[int | None, int | None]) -> float:
    check_order(clip)
    moves = np.flatnonzero(np.diff(clip))
    moving = clip[moves[0] : moves[-1] + 2]
    # Beside a frame that stands for those beyond the file, one step may be shorter.
    inner = moving[int(moving[0] == ends[0]) :]
    inner = inner[: len(inner) - int(moving[-1] == ends[1])]
    for part in (moving, inner):
        steps = np.diff(part)
        if len(steps) > 1 and (steps == steps[0]).all():
            return float(steps[0])
    for part in (clip, moving):
        if _rounded_line(part):
            return float(part[-1] - part[0]) / (len(part) - 1)
    steps = np.diff(moving)
    shown = ', '.join(str(number) for number in clip[:6])
    raise IrregularSampling(
        f'its frames lie {steps.min()} to {steps.max()} apart ({shown}, ...)'
    )


def check_order(clip: np.ndarray) -> None:
    """See that sampled frames go on in time.

    Args:
        clip: Frame numbers ``(T,)``.

    Raises:
        MERDataError: They do not.
    """
    if len(clip) < 2:
        raise MERDataError(
            'a single frame was sampled (clip_len=1), but motion needs two or more of '
            'one clip: give the sampler another clip_len'
        )
    steps = np.diff(clip)
    if (steps < 0).any():
        back = int(np.argmin(steps))
        raise MERDataError(
            f'frame {clip[back + 1]} was sampled after frame {clip[back]}: more frames '
            f'are asked for than there are, and the sampler begins anew: lower its '
            f"clip_len or frame_interval, or give it out_of_bound_opt='repeat_last'"
        )
    if not steps.any():
        raise MERDataError(
            f'frame {clip[0]} was sampled {len(clip)} times and no other, but motion '
            f'needs two'
        )


def _rounded_line(numbers: np.ndarray) -> bool:
    """Whether numbers can be regular places that were rounded one way.

    They can if over any number of steps they rise by one or two neighboring amounts.

    >>> _rounded_line(np.array([0, 2, 5, 7, 10])), _rounded_line(np.array([0, 1, 5, 6]))
    (True, False)
    """
    count = len(numbers)
    return all(
        np.ptp(numbers[lag:] - numbers[:-lag]) <= 1 for lag in range(1, count - 1)
    )


def frame_step(results: Mapping[str, Any]) -> float:
    """Frames of the recording from one frame of ``imgs`` to the next.

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
        return regular_step(numbers, ends and (first + ends[0], first + ends[1] - 1))
    return float(results.get('frame_interval') or 1)


def recording_rate(results: Mapping[str, Any], fps: float | None = None) -> float:
    """Frame rate of the recording that frames were sampled from, in Hz.

    Args:
        results: The results of a pipeline.
        fps: The rate, if it is known better than from the results.

    Raises:
        MERDataError: Nothing says it, or what is said is no rate.
    """
    if fps is not None:
        rate = fps
    elif 'fps' in results:
        rate = results['fps'] * results.get('frame_step', 1)
    elif 'avg_fps' in results:
        rate = results['avg_fps']
    else:
        raise MERDataError(
            "no frame rate in the results, and the pass band is in Hz: of mmaction's "
            'readers DecordInit alone gives one (avg_fps); say the frames a second of '
            'the recording by fps=... of EulerianMagnification or PackMERInputs'
        )
    return _checked(rate)


def _checked(rate: float) -> float:
    if not (math.isfinite(rate) and rate > 0):
        raise MERDataError(
            f'the frame rate is {rate}, but must be above 0 Hz: say that of the '
            f'recording by fps=... of EulerianMagnification or PackMERInputs'
        )
    return float(rate)


def frame_rate(results: Mapping[str, Any], fps: float | None = None) -> float:
    """Effective frame rate of the frames in a pipeline's results, in Hz.

    Args:
        results: The results of a pipeline; which key means what stands at the head of
            this file.
        fps: The recording's rate in Hz, if it is known better than from the results.

    Returns:
        The recording's rate over the step from one frame to the next.

    Raises:
        MERDataError: There is no rate, or frames are not at regular steps; the message
            names the clip.

    Example:
        >>> sampled = dict(frame_inds=np.arange(0, 64, 4), clip_len=16,
        ...                frame_interval=4, fps=200.0)
        >>> frame_rate(sampled), frame_rate(sampled, fps=100.0)
        (50.0, 25.0)
    """
    try:
        if fps is None and {'fps', 'frame_step'} <= results.keys():
            return _checked(results['fps'])
        return recording_rate(results, fps) / frame_step(results)
    except IrregularSampling as error:
        raise IrregularSampling(
            f'clip {clip_of(results)}: {error}, which has no frame rate: put '
            f'StandardizeLength between, or sample regularly (SampleFrames without '
            f'temporal_jitter; UniformSample with test_mode=True)'
        ) from error
    except MERDataError as error:
        raise MERDataError(f'clip {clip_of(results)}: {error}') from error


def clip_of(results: Mapping[str, Any]) -> str:
    """Name of a clip for a message, as far as the results hold one.

    >>> clip_of(dict(filename='a/b.mp4'))
    'a/b.mp4'
    """
    for key in ('clip', 'frame_dir', 'filename'):
        if key in results:
            return str(results[key])
    return '(unnamed)'
