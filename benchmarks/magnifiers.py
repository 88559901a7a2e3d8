"""The programs that ``motion.py`` times: ``magnifiers.py SIDE THREADS SECONDS FOLDER``.

This file runs in the Python of the program that it calls, so each function imports
what it measures. Others' programs are called as they are, with the pyramid of their own
default and a gain that their wavelength cut-off leaves alone.

The tasks: ``video`` goes from uint8 frames to magnified uint8 frames, ``motion`` from
uint8 frames to motion in grey levels, float32; ``call`` is the program's own call
alone, from and to its own kind of float.
"""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

Tasks = dict[str, Callable[[], np.ndarray]]
FPS, ALPHA, WAVELENGTH = 200.0, 20.0, 8.0
# An ideal filter over 16 frames at 200 Hz holds no frequency below 12.5 Hz.
LOW, HIGH = 10.0, 40.0
BAND = FPS, LOW, HIGH, ALPHA


def copy(clip: np.ndarray) -> dict[str, Tasks]:
    """Move as many bytes as a task reads and writes, half in and half out."""

    def copies(source: np.ndarray) -> Callable[[], np.ndarray]:
        target = source.copy()
        return lambda: np.copyto(target, source)

    sizes = dict(video=clip.size, motion=clip.size * 5 // 2, call=clip.size * 4)
    tasks = {task: copies(np.ones(size, np.uint8)) for task, size in sizes.items()}
    return dict(copy=tasks)


def ours(clip: np.ndarray) -> dict[str, Tasks]:
    """The product, the pyramid and the front end of this project."""
    import torch

    from mmaction_mer import motion

    band = dict(low=LOW, high=HIGH)
    floats = clip.astype(np.float32)

    def tasks_of(function: Callable) -> Tasks:
        def video() -> np.ndarray:
            if function is motion.magnify:
                return function(clip, FPS, ALPHA, as_video=True, **band)
            added = function(clip, FPS, ALPHA, add_original=True, **band)
            return motion.to_video(added)

        return dict(
            video=video,
            motion=lambda: function(clip, FPS, ALPHA, **band),
            call=lambda: function(floats, FPS, ALPHA, **band),
        )

    def pooled() -> np.ndarray:
        motion.rank_pool(clip)
        return motion.magnify(clip, FPS, ALPHA, **band)

    clips = torch.from_numpy(clip)[None]
    matrices = motion.front_end_matrices(len(clip), [FPS], **band)

    def front_end() -> np.ndarray:
        return motion.motion_front_end(clips, matrices, ALPHA)[1][0].numpy()

    return {
        'magnify': tasks_of(motion.magnify),
        'magnify_pyramid': tasks_of(motion.magnify_pyramid),
        'magnify and rank_pool': dict(motion=pooled),
        'motion_front_end': dict(motion=front_end),
    }


def brycedrennan(clip: np.ndarray) -> dict[str, Tasks]:
    """The package eulerian-magnification."""
    from eulerian_magnification.base import eulerian_magnification
    from eulerian_magnification.transforms import float_to_uint8, uint8_to_float

    floats = uint8_to_float(clip)

    def call(start: np.ndarray = floats) -> np.ndarray:
        return eulerian_magnification(start, *BAND)

    def motion() -> np.ndarray:
        start = uint8_to_float(clip)
        return 255 * (call(start) - start)

    def video() -> np.ndarray:
        return float_to_uint8(np.clip(call(uint8_to_float(clip)), 0, 1))

    return dict(brycedrennan=dict(video=video, motion=motion, call=call))


def joeljose(clip: np.ndarray) -> dict[str, Tasks]:
    """evm.py of Eulerian-Video-Magnification."""
    import evm

    def convert() -> np.ndarray:
        return evm.rgb_to_yiq(clip.astype(np.float32) / 255)

    yiq = convert()

    def call(start: np.ndarray = yiq) -> np.ndarray:
        return evm.eulerian_magnification(start, *BAND, lambda_c=WAVELENGTH)

    def motion() -> np.ndarray:
        start = convert()
        return 255 * evm.yiq_to_rgb(call(start) - start)

    def video() -> np.ndarray:
        added = evm.yiq_to_rgb(call(convert())) * 255
        return np.clip(added, 0, 255).astype(np.uint8)

    return dict(joeljose=dict(video=video, motion=motion, call=call))


def hbenbel(clip: np.ndarray) -> dict[str, Tasks]:
    """The functions behind evm.py's laplacian mode; it gives uint8 video alone."""
    import constants
    import laplacian_pyramid
    import processing

    kernel, levels = constants.gaussian_kernel, 4

    def video() -> np.ndarray:
        pyramids = laplacian_pyramid.getLaplacianPyramids(clip, kernel, levels)
        filtered = laplacian_pyramid.filterLaplacianPyramids(
            pyramids, levels, FPS, (LOW, HIGH), ALPHA, WAVELENGTH, 1
        )
        return processing.getLaplacianOutputVideo(clip, filtered, kernel)

    return dict(hbenbel=dict(video=video))


def pyevm(clip: np.ndarray) -> dict[str, Tasks]:
    """The functions behind magnify_motion of PyEVM, which itself reads files."""
    import EVM

    floats = clip.astype(np.float64)
    levels = 3

    def call(start: np.ndarray = floats) -> np.ndarray:
        bands = [
            EVM.butter_bandpass_filter(level, LOW, HIGH, FPS) * ALPHA
            for level in EVM.laplacian_video(start, levels)
        ]
        return EVM.reconstract_from_tensorlist(bands, levels)

    def video() -> np.ndarray:
        start = clip.astype(np.float64)
        return np.clip(start + call(start), 0, 255).astype(np.uint8)

    def motion() -> np.ndarray:
        return call(clip.astype(np.float64))

    return dict(PyEVM=dict(video=video, motion=motion, call=call))


SIDES = {
    function.__name__: function
    for function in (copy, ours, brycedrennan, joeljose, hbenbel, pyevm)
}


def main(side: str, threads: int, seconds: float, folder: Path) -> None:
    """Time all tasks of a side.

    Args:
        side: One of :data:`SIDES`.
        threads: Of the program; the caller has set those of BLAS and OpenMP.
        seconds: How long each task is repeated.
        folder: Holds ``clip.npy``, ``(T, H, W, 3)`` uint8. Gets ``times.json``, a list
            of program, task and the seconds of every call, and
            ``<program>-<task>.npy``, what came out.
    """
    import cv2

    cv2.setNumThreads(threads)
    # On one thread the processor's own time, which others on the machine hardly change.
    clock = time.process_time if threads == 1 else time.perf_counter
    found = []
    for program, tasks in SIDES[side](np.load(folder / 'clip.npy')).items():
        for task, run in tasks.items():
            result = run()  # warms up
            if result is not None:
                np.save(folder / f'{program}-{task}.npy', result)
            times: list[float] = []
            while len(times) < 3 or sum(times) < seconds:
                started = clock()
                run()
                times.append(clock() - started)
            found.append((program, task, times))
    (folder / 'times.json').write_text(json.dumps(found))


if __name__ == '__main__':
    main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), Path(sys.argv[4]))
