"""The batched product against the single-clip functions."""

import numpy as np
import pytest
import torch

from mmaction_mer.motion import (
    front_end_matrices,
    magnify,
    magnify_pyramid,
    motion_front_end,
    rank_pool,
)


def test_batched_product_equals_the_functions_clip_by_clip():
    rng = np.random.default_rng(0)
    clips = rng.integers(0, 256, (3, 16, 20, 24, 3), dtype=np.uint8)
    rates = [25.0, 50.0, 158.0]
    tensor = torch.tensor(clips).permute(0, 1, 4, 2, 3)
    image, motion = motion_front_end(tensor, front_end_matrices(16, rates), alpha=20)
    assert image.dtype == motion.dtype == torch.float32
    for i, fps in enumerate(rates):
        np.testing.assert_allclose(
            motion[i].permute(0, 2, 3, 1).numpy(), magnify(clips[i], fps), atol=2e-2
        )
        np.testing.assert_allclose(
            image[i].permute(1, 2, 0).numpy(), rank_pool(clips[i]), atol=2e-2
        )


@pytest.mark.parametrize('remove_head_motion', [False, True])
def test_without_the_residual_it_is_what_the_pyramid_gives(remove_head_motion):
    rng = np.random.default_rng(1)
    clips = rng.integers(0, 256, (2, 16, 40, 51, 3), dtype=np.uint8)
    tensor = torch.tensor(clips).permute(0, 1, 4, 2, 3)
    matrices = front_end_matrices(16, [50.0, 50.0])
    with_it, motion = (
        motion_front_end(tensor, matrices, 20, remove_head_motion, keep)[1]
        for keep in (True, False)
    )
    form = dict(keep_residual=False, remove_head_motion=remove_head_motion)
    for i, clip in enumerate(clips):
        ours = motion[i].permute(0, 2, 3, 1).numpy()
        np.testing.assert_allclose(ours, magnify(clip, 50.0, **form), atol=2e-2)
        walk = magnify_pyramid(clip, 50.0, **form)
        np.testing.assert_allclose(ours, walk, atol=2e-2)
    # It is not nothing that was left out.
    assert (motion - with_it).abs().max() > 10
