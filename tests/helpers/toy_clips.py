"""Results of pipelines with random frames, or with frames of a sampler of mmaction."""

import numpy as np
from mmaction.registry import TRANSFORMS


def random_clip(frames=16, size=(8, 8)):
    """Return random frames ``(T, H, W, 3)`` uint8."""
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (frames, *size, 3), dtype=np.uint8)


def make_results(frames=31, size=(40, 48), fps=200.0):
    """Return the results of a reader of this package."""
    return dict(
        imgs=list(random_clip(frames, size)),
        fps=fps,
        clip='c001',
        dataset='toy',
        subject='sub01',
        label=1,
        modality='RGB',
        num_clips=1,
        clip_len=frames,
        img_shape=size,
        original_shape=size,
    )


def sampled(sampler, total=250, **rates):
    """Return the results of a sampler and a decoder of mmaction.

    The gray level of a frame is its number.
    """
    results = dict(
        filename='clip.mp4', total_frames=total, start_index=0, modality='RGB', **rates
    )
    np.random.seed(3)
    results = TRANSFORMS.build(sampler)(results)
    # As the decoders of mmaction leave them.
    numbers = np.asarray(results['frame_inds']).reshape(-1)
    gray = [np.full((8, 8, 3), number, np.uint8) for number in numbers]
    return results | dict(
        frame_inds=numbers, imgs=gray, img_shape=(8, 8), original_shape=(8, 8)
    )
