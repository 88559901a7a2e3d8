import logging

import numpy as np
import pytest
from data_errors import raises_data_error
from mmengine.logging import MMLogger
from toy_clips import make_results

from mmaction_mer.datasets import EulerianMagnification, PassBandCheck, RankPooling
from mmaction_mer.motion import magnify

MOTION = EulerianMagnification(output='motion')


def test_each_clip_is_magnified_separately():
    results = make_results(32) | dict(clip_len=16, num_clips=2)
    clip = np.stack(results['imgs'])
    out = EulerianMagnification(alpha=5)(results)
    expected = magnify(clip[16:], 200.0, alpha=5, add_original=True)
    np.testing.assert_array_equal(
        np.stack(out['imgs'][16:]), np.clip(np.rint(expected), 0, 255)
    )


def test_each_clip_is_pooled_separately():
    out = RankPooling()(make_results(32) | dict(clip_len=16, num_clips=2))
    assert len(out['imgs']) == 2 and out['clip_len'] == 1
    assert out['imgs'][0].dtype == np.uint8


def test_frame_rates_of_mmactions_readers():
    results = make_results(16)
    del results['fps']
    results.update(avg_fps=30.0, frame_interval=2)
    clip = np.stack(results['imgs'])
    np.testing.assert_array_equal(MOTION(dict(results))['motion'], magnify(clip, 15.0))
    del results['avg_fps']
    with raises_data_error('no frame rate', clip='c001', hint=True):
        MOTION(results)
    # The argument is the rate of the recording, of which every second frame is here.
    given = EulerianMagnification(fps=30.0, output='motion')
    np.testing.assert_array_equal(given(results)['motion'], magnify(clip, 15.0))


def test_a_narrowed_band_is_logged_once_per_dataset(caplog):
    logger = MMLogger.get_current_instance()
    logger.addHandler(caplog.handler)
    try:
        with caplog.at_level(logging.WARNING):
            # Every fold builds its own transforms, and starts with another clip.
            for fps in (5.0, 6.0):
                check = PassBandCheck(0.4, 4.0)
                for dataset in ('mmew', 'mmew', 'casme3', 'mmew'):
                    check(fps, dataset)
                check(50.0, 'casme2')
    finally:
        logger.removeHandler(caplog.handler)
    messages = [record.getMessage() for record in caplog.records]
    for dataset, count in (('mmew:', 1), ('casme3:', 1), ('casme2:', 0)):
        assert sum(dataset in text for text in messages) == count


def test_a_band_that_a_clip_cannot_hold():
    with raises_data_error('0.4-4 Hz', clip='c001 of toy', field='fps'):
        EulerianMagnification()(make_results(16, fps=0.5))


@pytest.mark.parametrize('transform', [EulerianMagnification, RankPooling])
def test_unknown_output(transform):
    with pytest.raises(ValueError, match='output'):
        transform(output='video')
