"""The programs that ``motion.py`` times, each under one interface.

This file runs in the Python of the program that it calls, as a process that answers
on its standard output: it needs numpy, and each function imports what it measures.
Others' programs are called as they are, with the pyramid of their own default and a
gain that their wavelength cut-off leaves alone.
"""

import importlib.metadata
import json
import os
import sys
import time
from collections.abc import Callable, Iterator

import numpy as np

# The tasks: 'video' and 'motion' go from uint8 frames to magnified uint8 frames and
# to motion in grey levels, float32; 'call' is the program's own call alone, from and
# to its own kind of float.
Tasks = dict[str, Callable[[], np.ndarray]]


def copy(clip: np.ndarray, setting: dict) -> Iterator[tuple[str, Tasks]]:
    """Move as many bytes as a task reads and writes, half in and half out."""
    video = np.ones(clip.size, np.uint8)
    motion = np.ones(clip.size * 5 // 2, np.uint8)
    call = np.ones(clip.size * 4, np.uint8)

    def copies(source: np.ndarray) -> Callable[[], np.ndarray]:
        target = source.copy()

        def run() -> np.ndarray:
            np.copyto(target, source)
            return target

        return run

    yield 'copy', dict(video=copies(video), motion=copies(motion), call=copies(call))


def ours(clip: np.ndarray, setting: dict) -> Iterator[tuple[str, Tasks]]:
    """Name the product, the pyramid and the front end of this project."""
    import torch

    from mmaction_mer.motion import (
        front_end_matrices,
        magnify,
        magnify_pyramid,
        motion_front_end,
        rank_pool,
        to_video,
    )

    torch.set_num_threads(setting['threads'])
    fps, alpha = setting['fps'], setting['alpha']
    band = dict(low=setting['low'], high=setting['high'])
    floats = clip.astype(np.float32)
    if setting['device'] == 'cpu':
        for function in (magnify, magnify_pyramid):

            def video(function: Callable = function) -> np.ndarray:
                if function is magnify:
                    return magnify(clip, fps, alpha, as_video=True, **band)
                return to_video(function(clip, fps, alpha, add_original=True, **band))

            def motion(function: Callable = function) -> np.ndarray:
                return function(clip, fps, alpha, **band)

            def call(function: Callable = function) -> np.ndarray:
                return function(floats, fps, alpha, **band)

            yield function.__name__, dict(video=video, motion=motion, call=call)

        def pooled() -> np.ndarray:
            rank_pool(clip)
            return magnify(clip, fps, alpha, **band)

        yield 'magnify and rank_pool', dict(motion=pooled)
    for batch in (1, setting['batch']):
        # Every pixel goes its own way here, so that the layout is free.
        clips = torch.from_numpy(np.stack([clip] * batch))
        matrices = front_end_matrices(len(clip), [fps] * batch, **band)
        matrices = matrices.to(setting['device'])

        def front_end(
            clips: torch.Tensor = clips, matrices: torch.Tensor = matrices
        ) -> np.ndarray:
            moved = clips.to(setting['device'])
            _, motion = motion_front_end(moved, matrices, alpha)
            if motion.is_cuda:
                torch.cuda.synchronize()
            return motion

        name = 'motion_front_end' + (f', {batch} clips' if batch > 1 else '')
        yield name, dict(motion=front_end)


def brycedrennan(clip: np.ndarray, setting: dict) -> Iterator[tuple[str, Tasks]]:
    """Call the package eulerian-magnification."""
    import cv2
    from eulerian_magnification.base import eulerian_magnification
    from eulerian_magnification.transforms import float_to_uint8, uint8_to_float

    cv2.setNumThreads(setting['threads'])
    edges = setting['fps'], setting['low'], setting['high'], setting['alpha']
    floats = uint8_to_float(clip)

    def call() -> np.ndarray:
        return eulerian_magnification(floats, *edges)

    def video() -> np.ndarray:
        magnified = eulerian_magnification(uint8_to_float(clip), *edges)
        return float_to_uint8(np.clip(magnified, 0, 1))

    def motion() -> np.ndarray:
        start = uint8_to_float(clip)
        return 255 * (eulerian_magnification(start, *edges) - start)

    yield 'brycedrennan', dict(video=video, motion=motion, call=call)


def joeljose(clip: np.ndarray, setting: dict) -> Iterator[tuple[str, Tasks]]:
    """Call evm.py of Eulerian-Video-Magnification."""
    import cv2
    import evm

    cv2.setNumThreads(setting['threads'])
    edges = setting['fps'], setting['low'], setting['high'], setting['alpha']
    cutoff = dict(lambda_c=setting['wavelength'])

    def convert() -> np.ndarray:
        return evm.rgb_to_yiq(clip.astype(np.float32) / 255)

    yiq = convert()

    def call() -> np.ndarray:
        return evm.eulerian_magnification(yiq, *edges, **cutoff)

    def video() -> np.ndarray:
        magnified = evm.eulerian_magnification(convert(), *edges, **cutoff)
        return np.clip(evm.yiq_to_rgb(magnified) * 255, 0, 255).astype(np.uint8)

    def motion() -> np.ndarray:
        start = convert()
        magnified = evm.eulerian_magnification(start, *edges, **cutoff)
        return 255 * evm.yiq_to_rgb(magnified - start)

    yield 'joeljose', dict(video=video, motion=motion, call=call)


def hbenbel(clip: np.ndarray, setting: dict) -> Iterator[tuple[str, Tasks]]:
    """Call the functions behind evm.py's laplacian mode; its video is uint8 alone."""
    import constants
    import cv2
    import laplacian_pyramid
    import processing

    cv2.setNumThreads(setting['threads'])
    kernel, levels = constants.gaussian_kernel, 4

    def video() -> np.ndarray:
        pyramids = laplacian_pyramid.getLaplacianPyramids(clip, kernel, levels)
        filtered = laplacian_pyramid.filterLaplacianPyramids(
            pyramids,
            levels,
            setting['fps'],
            (setting['low'], setting['high']),
            setting['alpha'],
            setting['wavelength'],
            1,
        )
        return processing.getLaplacianOutputVideo(clip, filtered, kernel)

    yield 'hbenbel', dict(video=video)


def pyevm(clip: np.ndarray, setting: dict) -> Iterator[tuple[str, Tasks]]:
    """Call the functions behind magnify_motion of PyEVM, which reads files alone."""
    import cv2
    import EVM

    cv2.setNumThreads(setting['threads'])
    floats = clip.astype(np.float64)
    levels = 3

    def magnified(frames: np.ndarray) -> np.ndarray:
        bands = []
        for level in EVM.laplacian_video(frames, levels):
            band = EVM.butter_bandpass_filter(
                level, setting['low'], setting['high'], setting['fps']
            )
            band *= setting['alpha']
            bands.append(band)
        return EVM.reconstract_from_tensorlist(bands, levels)

    def video() -> np.ndarray:
        start = clip.astype(np.float64)
        return np.clip(start + magnified(start), 0, 255).astype(np.uint8)

    def motion() -> np.ndarray:
        return magnified(clip.astype(np.float64))

    yield 'PyEVM', dict(video=video, motion=motion, call=lambda: magnified(floats))


SIDES = dict(
    copy=copy,
    ours=ours,
    brycedrennan=brycedrennan,
    joeljose=joeljose,
    hbenbel=hbenbel,
    pyevm=pyevm,
)


def versions() -> dict[str, str]:
    """Name what stands under the programs in this Python."""
    found = {}
    for name in ('numpy', 'scipy', 'torch', 'opencv-python', 'opencv-python-headless'):
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            pass
    return found


def timed(
    run: Callable[[], np.ndarray], seconds: float, clock: Callable[[], float]
) -> list[float]:
    """Call again and again for so long, three times or more."""
    times: list[float] = []
    while len(times) < 3 or sum(times) < seconds:
        start = clock()
        run()
        times.append(clock() - start)
    return times


def serve(side: str, path: str, setting: dict) -> None:
    """Answer requests, one JSON line each, until the input ends.

    Args:
        side: One of :data:`SIDES`.
        path: The clip, ``(T, H, W, C)`` uint8, as ``.npy``.
        setting: ``fps``, ``low``, ``high``, ``alpha``, ``wavelength`` in pixels,
            ``threads``, ``device`` and ``batch``.
    """
    answers = os.fdopen(os.dup(1), 'w', buffering=1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # the programs print
    clip = np.load(path, allow_pickle=False)
    programs = dict(SIDES[side](clip, setting))
    # On one thread the processor's own time: what others do meanwhile counts little.
    alone = setting['threads'] == 1 and setting['device'] == 'cpu'
    clock = time.process_time if alone else time.perf_counter
    tasks = {name: list(found) for name, found in programs.items()}
    print(json.dumps(dict(tasks=tasks, versions=versions())), file=answers)
    for line in sys.stdin:
        request = json.loads(line)
        run = programs[request['program']][request['task']]
        if request.get('save'):
            result = run()
            if not isinstance(result, np.ndarray):
                result = result[0].cpu().numpy()
            np.save(request['save'], result, allow_pickle=False)
            times = []
        else:
            times = timed(run, request['seconds'], clock)
        print(json.dumps(dict(times=times)), file=answers)


if __name__ == '__main__':
    serve(sys.argv[1], sys.argv[2], json.loads(sys.argv[3]))
