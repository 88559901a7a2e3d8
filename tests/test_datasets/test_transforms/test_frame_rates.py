"""The rate of frames behind every sampler of mmaction, in Hz, and what has none."""

import numpy as np
import pytest
from mmaction.registry import TRANSFORMS
from mmengine.dataset import Compose

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
from mmaction_mer.utils.errors import MERDataError

TEST = dict(test_mode=True)


def sampled(sampler, total=250, **rates):
    """Results behind a sampler and a decoder; a frame's grey level is its number."""
    results = dict(
        filename='clip.mp4', total_frames=total, start_index=0, modality='RGB', **rates
    )
    np.random.seed(3)
    results = TRANSFORMS.build(sampler)(results)
    numbers = np.asarray(results['frame_inds'])
    # As the decoders of mmaction leave them behind.
    results['frame_inds'] = numbers.reshape(-1)
    grey = [np.full((8, 8, 3), number, np.uint8) for number in results['frame_inds']]
    return results | dict(imgs=grey, img_shape=(8, 8), original_shape=(8, 8))


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
    # mmaction lays 16 frames from the first to the last of 64, 4.2 apart.
    'target rate': (sampler('SampleFrames', clip_len=16, target_fps=50), 200 / 4.2),
    'target rate, every fourth': (
        sampler('SampleFrames', clip_len=8, target_fps=50, frame_interval=4),
        200 / (127 / 7),
    ),
    'dense': (
        sampler('DenseSampleFrames', clip_len=8, frame_interval=8, num_clips=1),
        25,
    ),
    # Steps of 249 / 16 frames, rounded to whole ones.
    'uniform': (sampler('UniformSample', clip_len=16, **TEST), 200 / (249 / 16)),
    'uniform, clips': (
        sampler('UniformSample', clip_len=16, num_clips=3, **TEST),
        200 / (249 / 16),
    ),
    # Clips at both ends of the file are filled with its first and last frame.
    'untrimmed': (
        sampler('UntrimmedSampleFrames', clip_len=6, frame_interval=10),
        20,
    ),
}  # fmt: skip


@pytest.mark.parametrize('given', ['avg_fps', 'fps', 'explicit'])
@pytest.mark.parametrize('case', REGULAR)
def test_rate_behind_stock_samplers(case, given):
    """The rate follows from the numbers of the frames and the recording's rate.

    Whether the file says that rate, the user's annotation, or the config.
    """
    config, wanted = REGULAR[case]
    results = sampled(config, avg_fps=200.0)
    # Of two rates in the results the annotation's counts; of these the config's.
    if given == 'fps':
        results.update(fps=200.0, avg_fps=30.0)
    elif given == 'explicit':
        results.update(fps=30.0, avg_fps=60.0)
    explicit = 200.0 if given == 'explicit' else None
    # Rounding to whole frames at both ends of a clip is all that may be off.
    steps = results['clip_len'] - 1
    found = frame_rate(results, explicit)
    assert 200 / found == pytest.approx(200 / wanted, abs=1 / steps)
    if case not in ('uniform', 'uniform, clips'):
        assert found == pytest.approx(wanted)


def test_the_motion_is_that_of_the_true_rate():
    """Magnification behind a sampler, with the recording's rate given to it."""
    results = sampled(sampler('SampleFrames', clip_len=16, frame_interval=4), fps=200.0)
    rng = np.random.default_rng(0)
    clip = rng.integers(0, 256, (16, 8, 8, 3), dtype=np.uint8)
    for settings in (dict(), dict(fps=200.0)):
        magnified = EulerianMagnification(output='motion', **settings)
        motion = magnified({**results, 'imgs': list(clip)})['motion']
        np.testing.assert_array_equal(motion, magnify(clip, 50.0))


def test_standardized_frames_have_the_rate_that_they_have():
    """90 frames at 200 Hz become 16 at 33.7 Hz, by whatever way the rate is known."""
    every = sampler('SampleFrames', clip_len=90)
    for rates in (dict(fps=200.0), dict(avg_fps=200.0)):
        results = StandardizeLength(16)(sampled(every, **rates))
        assert results['fps'] == pytest.approx(200 * 15 / 89)
        assert frame_rate(results, 100.0) == pytest.approx(100 * 15 / 89)
        # Again, with the rate and the step of the first time.
        again = StandardizeLength(31)(results)
        assert again['fps'] == pytest.approx(200 * 30 / 89)
        assert frame_rate(again, 100.0) == pytest.approx(100 * 30 / 89)
    # Where nothing says a rate, the one given afterwards is still the recording's.
    results = StandardizeLength(16)(sampled(every))
    assert 'fps' not in results
    assert frame_rate(results, 200.0) == pytest.approx(200 * 15 / 89)
    # Frames in memory are a recording of their own.
    memory = StandardizeLength(16)(dict(imgs=results['imgs'] * 2, fps=62.0))
    assert memory['fps'] == pytest.approx(30.0)


def test_several_clips_are_standardized_one_by_one():
    """No frame out is a mixture of two clips."""
    results = sampled(
        sampler('SampleFrames', clip_len=7, num_clips=2, **TEST), avg_fps=60.0
    )
    first, last = results['frame_inds'].reshape(2, 7)[:, [0, -1]].T
    results = StandardizeLength(4)(results)
    grey = np.array(results['imgs'])[:, 0, 0, 0].reshape(2, 4)
    assert grey.tolist() == [[a, a + 2, a + 4, a + 6] for a in first]
    assert (grey[:, -1] == last).all()
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
def test_irregular_frames_are_refused_or_resampled(case):
    """Frames drawn at random places have no rate; in between they are interpolated."""
    results = sampled(IRREGULAR[case], fps=200.0)
    numbers = results['frame_inds'].astype(int)
    assert len(set(np.diff(numbers))) > 2
    refused = dict(match='clip clip.mp4: .* apart .*StandardizeLength')
    for transform in (EulerianMagnification(), PackMERInputs()):
        with pytest.raises(IrregularSamplingError, **refused):
            transform(dict(results))
    assert len(RankPooling()(dict(results))['imgs']) == 1
    # Grey levels are numbers: frames out lie at equal distances between the ends.
    even = StandardizeLength(6)(results)
    grey = np.array(even['imgs'])[:, 0, 0, 0]
    wanted = np.linspace(numbers[0], numbers[-1], 6)
    np.testing.assert_allclose(grey, wanted, atol=0.51)
    assert even['fps'] == pytest.approx(200 * 5 / (numbers[-1] - numbers[0]))


@pytest.mark.parametrize(
    ('config', 'total', 'message'),
    [
        (sampler('SampleFrames', clip_len=16, frame_interval=4), 40, 'begins anew'),
        (
            sampler('DenseSampleFrames', clip_len=16, frame_interval=4),
            40,
            'begins anew.*repeat_last',
        ),
        (sampler('SampleFrames', clip_len=1, num_clips=8), 80, 'single frame'),
        (sampler('UntrimmedSampleFrames'), 80, 'single frame'),
        (sampler('SampleFrames', clip_len=8), 1, 'no other'),
    ],
)
@pytest.mark.parametrize(
    'transform', [StandardizeLength(8), EulerianMagnification(), PackMERInputs()]
)
def test_what_is_no_clip_is_refused(config, total, message, transform):
    """Frames that jump back in time, single frames, one frame over and over."""
    with pytest.raises(MERDataError, match=message) as caught:
        transform(sampled(config, total, fps=200.0))
    if not isinstance(transform, PackMERInputs):
        assert 'clip.mp4' in str(caught.value)


def test_a_held_end_keeps_the_rate():
    """Too short a clip whose last frame is repeated: the others give the step."""
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


@pytest.mark.parametrize(('rates', 'message'), [
    ({}, 'no frame rate.*DecordInit alone.*fps='),
    (dict(avg_fps=0.0), 'frame rate is 0.0'),
    (dict(avg_fps=float('nan')), 'frame rate is nan'),
])  # fmt: skip
def test_a_rate_that_nobody_says_is_asked_for(rates, message):
    results = sampled(sampler('SampleFrames', clip_len=8), **rates)
    with pytest.raises(MERDataError, match='clip.mp4: .*' + message):
        EulerianMagnification()(dict(results))
    packed = PackMERInputs(fps=80.0)(dict(results, label=0))
    assert packed['data_samples'].fps == 80


def test_packed_samples_carry_the_rate():
    """Stock readers straight into PackMERInputs; several clips are not one."""
    every = sampler('SampleFrames', clip_len=16, frame_interval=4)
    for rates in (dict(fps=200.0), dict(avg_fps=200.0)):
        packed = PackMERInputs()(sampled(every, **rates))
        assert packed['data_samples'].fps == 50
    assert packed['inputs']['clip'].shape == (16, 3, 8, 8)
    two = sampled(dict(every, num_clips=2), fps=200.0)
    with pytest.raises(MERDataError, match='clip.mp4: 2 clips sampled.*num_clips=1'):
        PackMERInputs()(two)


def test_frames_that_motion_has_replaced_are_not_magnified_again():
    """A transform with output='imgs', the default, before this package's packer."""
    for transform in (EulerianMagnification(), RankPooling()):
        results = sampled(sampler('SampleFrames', clip_len=16), fps=200.0)
        wanted = rf"{type(transform).__name__}\(output='imgs'\).*output='motion'"
        with pytest.raises(MERDataError, match=wanted):
            PackMERInputs()(transform(results))


@pytest.mark.parametrize(
    ('transform', 'stream'),
    [
        (EulerianMagnification(output='motion'), 'motion'),
        (RankPooling(output='rank_image'), 'rank_image'),
    ],
)
def test_no_stream_is_dropped_by_the_stock_packer(transform, stream):
    """mmaction's packer keeps 'imgs' alone and would train on plain frames."""
    results = transform(sampled(sampler('SampleFrames', clip_len=16), fps=200.0))
    results = TRANSFORMS.build(sampler('FormatShape', input_format='NCHW'))(results)
    pack = TRANSFORMS.build(dict(type='PackActionInputs'))
    with pytest.raises(MERDataError, match=f"clip.mp4: .*drop '{stream}'.*output='i"):
        pack(dict(results))
    kept = TRANSFORMS.build(dict(type='PackActionInputs', collect_keys=(stream,)))
    assert list(kept(dict(results))['inputs']) == [stream]


def test_by_default_a_stock_pipeline_gets_the_motion():
    """What is packed is the magnified clip or the pooled picture, not the frames."""
    rng = np.random.default_rng(0)
    clip = rng.integers(0, 256, (16, 8, 8, 3), dtype=np.uint8)
    rest = [sampler('FormatShape', input_format='NCHW'), dict(type='PackActionInputs')]
    packed = {}
    for name in ('EulerianMagnification', 'RankPooling'):
        steps = Compose([dict(type=name), *rest])
        results = sampled(sampler('SampleFrames', clip_len=16), fps=200.0)
        packed[name] = steps({**results, 'imgs': list(clip)})['inputs'].numpy()
    video = magnify(clip, 200.0, as_video=True)
    np.testing.assert_array_equal(
        packed['EulerianMagnification'], np.moveaxis(video, -1, 1)
    )
    assert packed['RankPooling'].shape == (1, 3, 8, 8)
    assert packed['RankPooling'].max() == 255
