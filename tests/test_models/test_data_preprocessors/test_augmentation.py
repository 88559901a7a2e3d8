"""Crops and flips of a batch at once are those of each clip by itself."""

import pytest
import torch

from mmaction_mer.models.data_preprocessors.augmentation import (
    Augmentation,
    CropFlipParams,
)


def pictures(*shape):
    return torch.arange(torch.tensor(shape).prod().item(), dtype=torch.float32).view(
        shape
    )


def test_each_clip_has_its_own_place_and_side():
    streams = pictures(3, 2, 5, 7)
    geometry = CropFlipParams(
        torch.tensor([0.0, 0.99, 0.5]),
        torch.tensor([0.0, 0.99, 0.5]),
        torch.tensor([False, True, True]),
    )
    out = Augmentation(crop=4)(streams, geometry)
    # Two places down and four across: 0.5 is the second of two, the third of four.
    assert torch.equal(out[0], streams[0, :, :4, :4])
    assert torch.equal(out[1], streams[1, :, 1:5, 3:7].flip(-1))
    assert torch.equal(out[2], streams[2, :, 1:5, 2:6].flip(-1))


def test_without_a_crop_only_flips():
    streams = pictures(2, 3, 1, 4, 6)
    geometry = CropFlipParams(torch.rand(2), torch.rand(2), torch.tensor([True, False]))
    out = Augmentation()(streams, geometry)
    assert torch.equal(out[0], streams[0].flip(-1))
    assert torch.equal(out[1], streams[1])
    still = Augmentation().middle(2)
    assert Augmentation()(streams, still) is streams


def test_draws_reach_every_place_equally_and_repeat():
    augmentation = Augmentation(crop=8, flip=0.3)
    torch.manual_seed(0)
    first = augmentation.draw(4000)
    torch.manual_seed(0)
    again = augmentation.draw(4000)
    assert torch.equal(first.top, again.top) and torch.equal(first.flip, again.flip)
    assert first.flip.float().mean() == pytest.approx(0.3, abs=0.03)
    rows = augmentation(pictures(1, 10, 10).expand(4000, -1, -1), first)[:, 0, 0] // 10
    counts = torch.bincount(rows.long(), minlength=3)
    assert len(counts) == 3 and (counts / 4000 - 1 / 3).abs().max() < 0.03


def test_the_middle_is_the_middle():
    out = Augmentation(crop=112)(pictures(1, 119, 119), Augmentation().middle(1))
    assert out[0, 0, 0] == 4 * 119 + 4
    assert (
        Augmentation(crop=5)(pictures(1, 5, 5), Augmentation().middle(1)).sum() == 300
    )


@pytest.mark.parametrize('settings', [dict(flip=1.5), dict(flip=-0.1), dict(crop=0)])
def test_impossible_settings(settings):
    with pytest.raises(ValueError, match='got'):
        Augmentation(**settings)


def test_a_crop_larger_than_the_clips_is_refused():
    with pytest.raises(ValueError, match='crop=6 is larger than the 5 x 7 pixels'):
        Augmentation(crop=6)(pictures(1, 5, 7), Augmentation().middle(1))
