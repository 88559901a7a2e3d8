"""The clips that a config cannot use are reported before the first fold.

Such a clip is on disk and can be decoded, but pipeline and model cannot use it; without
this check training would end in the middle of a fold, at the first batch with it.
"""

import json
from pathlib import Path

import numpy as np
import pytest
from load_tool import load_tool
from mmaction.registry import RUNNERS
from paths import CONFIGS

from mmaction_mer.datasets import StandardizeLength, frame_rate
from mmaction_mer.engine.runners.clip_limits import (
    check_config_clips,
    config_limits,
    read_limits,
)
from mmaction_mer.engine.runners.plan import make_plan
from mmaction_mer.motion.limits import ClipLimits, check_clip_limits
from mmaction_mer.utils.errors import MERDataError, MERRunError

FILTERED = dict(data_preprocessor=dict(type='MERDataPreprocessor'))


@pytest.fixture
def with_rates(make_config, toy_data, tmp_path):
    """A config over the toy's clips of 6 frames, some with another frame rate."""

    def make(rates, task=None, **changes):
        content = json.loads((toy_data / 'annotations.json').read_text())
        for row in content['data_list']:
            row['fps'] = rates.get(row['clip'], 100.0)
        if task:
            content['metainfo']['task_name'] = task
        path = tmp_path / 'annotations.json'
        path.write_text(json.dumps(content))
        cfg = make_config(**changes)
        for loader in (cfg.train_dataloader, cfg.test_dataloader):
            loader.dataset.ann_file = str(path)
        return cfg

    return make


def test_the_plan_names_every_clip_before_a_fold_starts(with_rates, tmp_path):
    """Five steps at 0.2 Hz last 25 s; as 4 frames they have 0.12 Hz."""
    cfg = with_rates({'s1_c2': 0.2, 's4_c0': 0.1}, model=FILTERED)
    with pytest.raises(MERDataError) as raised:
        RUNNERS.build(cfg)
    text = str(raised.value)
    assert raised.value.path == str(tmp_path / 'annotations.json')
    assert '2 problem(s)' in text
    assert "clip toy/s1/s1_c2: field 'offset': the clip lasts 25.00 s" in text
    assert "clip toy/s4/s4_c0: field 'offset': the clip lasts 50.00 s" in text
    assert '4 frames have 0.12 Hz and can hold motion up to 0.06 Hz' in text
    assert not (tmp_path / 'run').exists()
    # A model that filters nothing takes them all.
    assert make_plan(with_rates({'s1_c2': 0.2})).notes == ()


def test_the_plan_notes_which_bands_are_lowered(with_rates, capsys):
    """Five steps at 4 Hz last 1.25 s; as 4 frames they hold 0.99 * 2.4 / 2 Hz."""
    cfg = with_rates({'s1_c2': 8.0, 's4_c0': 4.0, 's4_c1': 5.5}, model=FILTERED)
    runner = RUNNERS.build(cfg)
    assert runner.plan.notes == (
        '3 clip(s) are too long for the whole pass band, 0.4 to 4 Hz: its upper edge '
        'is lowered, down to 1.19 Hz in toy/s4/s4_c0',
    )
    runner._announce('train and test')
    assert 'note: 3 clip(s) are too long' in capsys.readouterr().out


@pytest.mark.parametrize('side', ['train_dataloader', 'test_dataloader'])
def test_both_pipelines_are_checked(with_rates, side):
    cfg = with_rates({'s1_c2': 0.2})
    magnify = [dict(type='EulerianMagnification'), dict(type='RankPooling')]
    pipeline = cfg[side].dataset.pipeline
    cfg[side].dataset.pipeline = [*pipeline[:-1], *magnify, pipeline[-1]]
    with pytest.raises(MERDataError, match='toy/s1/s1_c2'):
        make_plan(cfg)
    for part in cfg[side].dataset.pipeline:
        if part['type'] == 'EulerianMagnification':
            part['fps'] = 50.0
    assert make_plan(cfg).notes == ()


def test_a_missing_apex(with_rates):
    """The toy's clips have none, but MIACNet needs it."""
    pre = dict(type='KeyFramePreprocessor')
    with pytest.raises(MERDataError, match='16 problem') as raised:
        make_plan(with_rates({}, model=dict(data_preprocessor=pre)))
    assert "clip toy/s1/s1_c0: field 'apex': is not known" in str(raised.value)
    for more in (dict(missing_apex='middle'), dict(frames=('onset', 'offset'))):
        make_plan(with_rates({}, model=dict(data_preprocessor={**pre, **more})))


def test_an_empty_pass_band(with_rates):
    pre = dict(type='MERDataPreprocessor', low=5.0)
    with pytest.raises(MERRunError, match=r'low=5\.0, high=4\.0.*0 < low < high'):
        make_plan(with_rates({}, model=dict(data_preprocessor=pre)))


def test_the_limits_of_configs():
    assert config_limits(f'{CONFIGS}/mpt_vit-b16_casme2.py') == ClipLimits()
    assert config_limits(f'{CONFIGS}/miacnet_casme2.py') == ClipLimits(
        low=None, high=None, apex=True
    )
    assert config_limits(f'{CONFIGS}/tsn_r18_rank-pooling_synthme.py') == ClipLimits(
        low=None, high=None
    )
    # It samples pairs of frames from clips of any length.
    assert config_limits(f'{CONFIGS}/ma2mi_mpt_synthme.py') is None


def test_the_limits_of_pipelines_and_models():
    load = [dict(type='LoadMERFrames'), dict(type='StandardizeLength', length=32)]
    model = dict(type='MPTRecognizer')
    assert read_limits(load, model) == ClipLimits(length=32)
    assert read_limits(load, None) == ClipLimits(length=32, low=None, high=None)
    pre = dict(type='mmaction.MERDataPreprocessor', high=3.0)
    assert read_limits(load, dict(data_preprocessor=pre)).high == 3.0
    # Neither motion nor magnified frames are filtered again on the device.
    own = dict(type='EulerianMagnification', low=1.0, high=2.0)
    for output in ('motion', 'imgs'):
        assert read_limits([*load, {**own, 'output': output}], model).low == 1.0
    # Transforms after the filter do not change its input.
    assert read_limits([own, load[1]], None).length is None
    assert read_limits([dict(type='SampleFrames'), *load], model) is None


@pytest.mark.parametrize('fps', [None, 30.0, 120.0])
@pytest.mark.parametrize('packed', [True, False])
def test_the_rate_is_the_one_that_the_filter_is_given(fps, packed):
    """A rate in the config is that of the recording, not that of 16 sampled frames.

    25 s at 30 Hz become 16 frames at 0.6 Hz, without motion above 0.3 Hz.
    """
    row = dict(dataset='toy', subject='s', clip='c', onset=0, apex=None, offset=750)
    row['fps'] = 30.0
    load = [dict(type='LoadMERFrames', max_frames=None), dict(type='StandardizeLength')]
    last = dict(type='EulerianMagnification', fps=fps)
    if packed:
        last = dict(type='PackMERInputs', fps=fps)
    result = check_clip_limits(
        read_limits([*load, last], dict(type='MPTRecognizer')), row
    )

    results = dict(row, imgs=[np.zeros((2, 2, 3), np.uint8)] * 751, frame_step=1.0)
    results = StandardizeLength()(results)
    assert result.fps == pytest.approx(frame_rate(results, fps))
    assert result.fps == pytest.approx((fps or 30.0) / 50)
    assert (result.problem is None) == (fps == 120.0)


def test_a_plain_config_of_mmengines_own_runner(with_rates, capsys):
    """tools/train.py checks the clips of a MERDataset before it builds anything."""
    cfg = with_rates({'s1_c2': 0.2}, model=FILTERED)
    for key in ('runner_type', 'loso'):
        cfg.pop(key)
    path = Path(cfg.work_dir).with_suffix('.py')
    cfg.dump(path)
    train = load_tool('train.py').main
    assert train([str(path)]) == 1
    text = capsys.readouterr().err
    assert "clip toy/s1/s1_c2: field 'offset': the clip lasts 25.00 s" in text
    assert 'Traceback' not in text and not Path(cfg.work_dir).exists()
    # Clips that a loader leaves out and other data sets are not checked.
    for loader in (cfg.train_dataloader, cfg.test_dataloader):
        loader.dataset.update(held_out='s1', side='train')
    assert check_config_clips(cfg) == []
    assert check_config_clips(with_rates({'s1_c2': 4.0}, model=FILTERED)) == [
        '1 clip(s) are too long for the whole pass band, 0.4 to 4 Hz: its upper edge '
        'is lowered, down to 1.19 Hz in toy/s1/s1_c2'
    ]
    cfg.train_dataloader.dataset = dict(type='RawframeDataset', ann_file='a.txt')
    cfg.pop('test_dataloader')
    assert check_config_clips(cfg) == []
