"""The frame rate after every sampler of mmaction, in Hz."""

import numpy as np
import pytest
from data_errors import raises_data_error
from mmaction.registry import TRANSFORMS
from toy_clips import random_clip, sampled

from mmaction_mer.datasets import (
    EulerianMagnification,
    PackMERInputs,
    RankPooling,
    StandardizeLength,
    frame_rate,
)
from mmaction_mer.datasets.transforms.frame_rates import (
    IrregularSamplingError,
    regular_step,
)
from mmaction_mer.motion import magnify

TEST = dict(test_mode=True)


def sampler(kind, **settings):
    return dict(type=kind, **settings)


REGULAR = {
    'every fourth': (sampler('SampleFrames', clip_len=16, frame_interval=4), 50),
    'every frame': (sampler('SampleFrames', clip_len=16), 200),
    'in the middle': (
        sampler('SampleFrames', clip_len=8, frame_interval=5, **TEST), 40
    ),
    'several clips': (
        sampler('SampleFrames', clip_len=8, frame_interval=2, num_clips=3),
        100,
    ),
    'each clip twice': (
        sampler(
            'SampleFrames', clip_len=8, frame_interval=2, num_clips=3,
            twice_sample=True, **TEST,
        ),
        100,
    ),
    # mmaction takes 16 frames from the first to the last of 64, 4.2 apart.
    'target rate': (sampler('SampleFrames', clip_len=16, target_fps=50), 200 / 4.2),
    'target rate, every fourth': (
        sampler('SampleFrames', clip_len=8, target_fps=50, frame_interval=4),
        200 / (127 / 7),
    ),
    'dense': (
        sampler('DenseSampleFrames', clip_len=8, frame_interval=8, num_clips=1),
        25,
    ),
    # Steps of 249 / 16 frames, rounded to integers.
    'uniform': (sampler('UniformSample', clip_len=16, **TEST), 200 / (249 / 16)),
    'uniform, clips': (
        sampler('UniformSample', clip_len=16, num_clips=3, **TEST),
        200 / (249 / 16),
    ),
    # Clips at both ends of the file repeat its first and last frame.
    'untrimmed': (
        sampler('UntrimmedSampleFrames', clip_len=6, frame_interval=10),
        20,
    ),
}  # fmt: skip


@pytest.mark.parametrize('given', ['avg_fps', 'fps', 'explicit'])
@pytest.mark.parametrize('case', REGULAR)
def test_rate_after_samplers_of_mmaction(case, given):
    """The rate follows from the frame numbers and the rate of the recording.

    That is in the file, in the annotation, or in the config.
    """
    config, wanted = REGULAR[case]
    results = sampled(config, avg_fps=200.0)
    # The annotation overrides the file, and the config overrides the annotation.
    if given == 'fps':
        results.update(fps=200.0, avg_fps=30.0)
    elif given == 'explicit':
        results.update(fps=30.0, avg_fps=60.0)
    explicit = 200.0 if given == 'explicit' else None
    # Only rounding at both ends of a clip may make a difference.
    steps = results['clip_len'] - 1
    found = frame_rate(results, explicit)
    assert 200 / found == pytest.approx(200 / wanted, abs=1 / steps)
    if case not in ('uniform', 'uniform, clips'):
        assert found == pytest.approx(wanted)


def test_magnification_uses_the_effective_rate():
    results = sampled(sampler('SampleFrames', clip_len=16, frame_interval=4), fps=200.0)
    clip = random_clip()
    for settings in (dict(), dict(fps=200.0)):
        magnified = EulerianMagnification(output='motion', **settings)
        motion = magnified({**results, 'imgs': list(clip)})['motion']
        np.testing.assert_array_equal(motion, magnify(clip, 50.0))


def test_rate_after_standardizing():
    """90 frames at 200 Hz become 16 at 33.7 Hz, wherever the rate comes from."""
    every = sampler('SampleFrames', clip_len=90)
    for rates in (dict(fps=200.0), dict(avg_fps=200.0)):
        results = StandardizeLength(16)(sampled(every, **rates))
        assert results['fps'] == pytest.approx(200 * 15 / 89)
        assert frame_rate(results, 100.0) == pytest.approx(100 * 15 / 89)
        # Again, with the rate and the step of the first time.
        again = StandardizeLength(31)(results)
        assert again['fps'] == pytest.approx(200 * 30 / 89)
        assert frame_rate(again, 100.0) == pytest.approx(100 * 30 / 89)
    # Without a rate, one that is given afterward is still that of the recording.
    results = StandardizeLength(16)(sampled(every))
    assert 'fps' not in results
    assert frame_rate(results, 200.0) == pytest.approx(200 * 15 / 89)
    # Frames in memory are a recording.
    memory = StandardizeLength(16)(dict(imgs=results['imgs'] * 2, fps=62.0))
    assert memory['fps'] == pytest.approx(30.0)


def test_several_clips_are_standardized_one_by_one():
    """No result mixes frames of two clips."""
    results = sampled(
        sampler('SampleFrames', clip_len=7, num_clips=2, **TEST), avg_fps=60.0
    )
    first, last = results['frame_inds'].reshape(2, 7)[:, [0, -1]].T
    results = StandardizeLength(4)(results)
    gray = np.array(results['imgs'])[:, 0, 0, 0].reshape(2, 4)
    assert gray.tolist() == [[a, a + 2, a + 4, a + 6] for a in first]
    assert (gray[:, -1] == last).all()
    assert results['clip_len'] == 4 and results['fps'] == 30


IRREGULAR = {
    'uniform at random': sampler('UniformSample', clip_len=10),
    'jitter': sampler(
        'SampleFrames', clip_len=10, frame_interval=8, temporal_jitter=True
    ),
    'dense jitter': sampler(
        'DenseSampleFrames', clip_len=8, frame_interval=8, temporal_jitter=True
    ),
}


@pytest.mark.parametrize('case', IRREGULAR)
def test_irregular_frames_are_rejected_or_resampled(case):
    """Frames at random positions have no rate, but can be interpolated."""
    results = sampled(IRREGULAR[case], fps=200.0)
    numbers = results['frame_inds'].astype(int)
    assert len(set(np.diff(numbers))) > 2
    for transform in (EulerianMagnification(), PackMERInputs()):
        with pytest.raises(IrregularSamplingError, match='apart') as caught:
            transform(dict(results))
        assert caught.value.clip == 'clip.mp4'
        assert 'StandardizeLength' in caught.value.hint
    assert len(RankPooling()(dict(results))['imgs']) == 1
    # Gray levels are frame numbers, and have equal distances after interpolation.
    even = StandardizeLength(6)(results)
    gray = np.array(even['imgs'])[:, 0, 0, 0]
    wanted = np.linspace(numbers[0], numbers[-1], 6)
    np.testing.assert_allclose(gray, wanted, atol=0.51)
    assert even['fps'] == pytest.approx(200 * 5 / (numbers[-1] - numbers[0]))


@pytest.mark.parametrize(
    ('config', 'total', 'words'),
    [
        (sampler('SampleFrames', clip_len=16, frame_interval=4), 40, 'starts again'),
        (
            sampler('DenseSampleFrames', clip_len=16, frame_interval=4),
            40,
            'repeat_last',
        ),
        (sampler('SampleFrames', clip_len=1, num_clips=8), 80, ''),
        (sampler('UntrimmedSampleFrames'), 80, ''),
        (sampler('SampleFrames', clip_len=8), 1, 'no other frame'),
    ],
)
@pytest.mark.parametrize(
    'transform', [StandardizeLength(8), EulerianMagnification(), PackMERInputs()]
)
def test_samples_without_motion_are_rejected(config, total, words, transform):
    """Frames that go back in time, single frames, one frame that repeats."""
    with raises_data_error(words, clip='clip.mp4'):
        transform(sampled(config, total, fps=200.0))


def test_a_repeated_end_keeps_the_rate():
    """The other frames give the step."""
    config = sampler(
        'SampleFrames', clip_len=16, frame_interval=4, out_of_bound_opt='repeat_last'
    )
    results = sampled(config, 40, avg_fps=200.0)
    assert results['frame_inds'][-3:].tolist() == [36, 36, 36]
    assert frame_rate(results) == 50
    assert regular_step(np.array([[0, 0, 0, 1, 2, 3, 3, 3, 3]])) == 1
    # Frames that were doubled all along are half a frame apart.
    assert regular_step(np.array([np.arange(33) // 2])) == 0.5


def test_faces_at_a_time_of_ava():
    """The clip is laid around a time stamp, with the annotation's rate."""
    config = sampler('SampleAVAFrames', clip_len=8, frame_interval=3, **TEST)
    results = dict(
        img_key='video', fps=30, timestamp=3, timestamp_start=0, shot_info=(0, 250)
    )
    results = TRANSFORMS.build(config)(results)
    assert frame_rate(results) == 10


@pytest.mark.parametrize('rates', [{}, dict(avg_fps=0.0), dict(avg_fps=float('nan'))])
def test_a_missing_or_invalid_rate(rates):
    results = sampled(sampler('SampleFrames', clip_len=8), **rates)
    with raises_data_error('fps=', clip='clip.mp4', hint=True):
        EulerianMagnification()(dict(results))
    packed = PackMERInputs(fps=80.0)(dict(results, label=0))
    assert packed['data_samples'].fps == 80
