"""Which frames are picked, and what is said where an apex is not known."""

import pytest
import torch
from mmaction.structures import ActionDataSample

from mmaction_mer.models.data_preprocessors.key_frames import KeyFramePreprocessor
from mmaction_mer.utils.errors import MERDataError


def batch(*apexes, length=5):
    """Clips of which frame t is of grey level 10 t, frames 20 to 40."""
    clip = (10 * torch.arange(length)).view(-1, 1, 1, 1).expand(-1, 3, 4, 4)
    samples = [
        ActionDataSample(
            metainfo=dict(clip=f'c{number}', onset=20, apex=apex, offset=40)
        )
        for number, apex in enumerate(apexes)
    ]
    clips = [clip.to(torch.uint8) for _ in apexes]
    return dict(inputs=dict(clip=clips), data_samples=samples)


def levels(preprocessor, data):
    frames = preprocessor(data)['inputs']['frames']
    assert frames.shape[2:] == (3, 4, 4) and frames.dtype == torch.float32
    return (frames[:, :, 0, 0, 0] * 127.5 + 127.5).round().tolist()


def test_the_frame_nearest_to_the_apex_is_taken():
    data = batch(20, 26, 28, 40)
    assert levels(KeyFramePreprocessor(), data) == [
        [0, 0, 40],
        [0, 10, 40],
        [0, 20, 40],
        [0, 40, 40],
    ]
    assert levels(KeyFramePreprocessor(('onset', 'apex')), batch(30)) == [[0, 20]]


def test_a_clip_without_an_apex_is_named_or_its_middle_taken():
    with pytest.raises(MERDataError, match="missing_apex='middle'") as error:
        KeyFramePreprocessor()(batch(30, None))
    assert (error.value.clip, error.value.field) == ('c1', 'apex')
    middle = KeyFramePreprocessor(missing_apex='middle')
    assert levels(middle, batch(None)) == [[0, 20, 40]]
    assert levels(KeyFramePreprocessor(('onset', 'offset')), batch(None)) == [[0, 40]]


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (dict(frames=('onset',)), 'two or three of onset, apex, offset'),
        (dict(frames=('onset', 'peak')), "got .*'peak'"),
        (dict(frames=('apex', 'onset')), 'in order'),
        (dict(frames=('onset', 'onset')), 'in order'),
        (dict(missing_apex='guess'), "'refuse' or 'middle', got 'guess'"),
    ],
)
def test_bad_options_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        KeyFramePreprocessor(**options)


def test_all_frames_of_a_clip_are_cut_alike():
    torch.manual_seed(0)
    pre = KeyFramePreprocessor(augmentation=dict(crop=3, flip=0.5))
    data = batch(30, 30)
    clip = torch.randint(0, 200, (3, 4, 4), dtype=torch.uint8)
    data['inputs']['clip'] = [clip.repeat(5, 1, 1, 1) for _ in range(2)]
    frames = pre(data, training=True)['inputs']['frames']
    assert frames.shape == (2, 3, 3, 3, 3)
    assert torch.equal(frames[:, 0], frames[:, 1])
    assert torch.equal(frames[:, 0], frames[:, 2])
