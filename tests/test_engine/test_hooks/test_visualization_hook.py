"""Drawn predictions: the frames that the model was given, and its prediction."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmaction.engine.hooks import VisualizationHook
from mmaction.structures import ActionDataSample
from mmengine.visualization import Visualizer

from mmaction_mer.engine import MERVisualizationHook
from mmaction_mer.engine.hooks.visualization_hook import clip_frames
from mmaction_mer.utils.errors import MERRunError

GREYS = (10, 60, 200)


def clip(*greys):
    """Frames ``(T, 3, H, W)``, each of one grey level."""
    return torch.stack(
        [torch.full((3, 8, 12), grey, dtype=torch.uint8) for grey in greys]
    )


FORMS = {
    'PackMERInputs': dict(clip=[clip(1, 2), clip(*GREYS)]),
    'both streams': dict(image=[torch.zeros(3, 8, 12), torch.full((3, 8, 12), 10.4)],
                         motion=[torch.zeros(2, 3, 8, 12)] * 2),
    'NCTHW': [clip(1, 2)[None], clip(*GREYS).transpose(0, 1)[None]],
    'two samples': [clip(1), torch.stack([clip(10).transpose(0, 1),
                                          clip(60).transpose(0, 1)])],
    'CTHW': [clip(1, 2), clip(*GREYS, 9, 9)[:3].repeat(2, 1, 1, 1).transpose(0, 1)],
    'NCHW': [clip(1, 2), clip(*GREYS)],
}  # fmt: skip
SHOWN = {'both streams': (10,), 'two samples': (10, 60), 'CTHW': (*GREYS, *GREYS)}


@pytest.mark.parametrize('form', FORMS)
def test_frames_are_those_that_enter_the_model(form):
    """For the inputs of every packer of mmaction and of this package."""
    frames = clip_frames(FORMS[form], 1)
    assert all(frame.shape == (8, 12, 3) for frame in frames)
    assert [int(frame.mean()) for frame in frames] == list(SHOWN.get(form, GREYS))


def test_inputs_without_images_are_rejected():
    with pytest.raises(MERRunError, match='not images'):
        clip_frames(dict(keypoint=[torch.zeros(3, 4)]), 0)


def sample(number, label=0):
    names = dict(dataset='smic', subject='s1', clip=f's1/c{number}')
    found = ActionDataSample(metainfo=names).set_gt_label(label).set_pred_label(1)
    return found.set_pred_score(torch.tensor([0.25, 0.75]))


@pytest.fixture
def runner():
    added = {}
    return SimpleNamespace(
        cfg=dict(randomness=dict(seed=3)), iter=7, added=added,
        test_dataloader=SimpleNamespace(
            dataset=SimpleNamespace(metainfo=dict(classes=['negative', 'positive']))
        ),
        visualizer=SimpleNamespace(
            add_image=lambda name, image, step: added.update({name: image})
        ),
    )  # fmt: skip


def test_every_so_many_clips_are_written_whatever_the_batches(runner, tmp_path):
    hook = MERVisualizationHook(enable=True, interval=2, out_dir=tmp_path / 'drawn')
    hook.before_test_epoch(runner)
    for place, size in enumerate((3, 2)):  # the last batch is smaller
        samples = [sample(3 * place + one) for one in range(size)]
        hook.after_test_iter(runner, place, dict(inputs=[clip(*GREYS)] * 5), samples)
    names = sorted(path.name for path in (tmp_path / 'drawn').iterdir())
    assert names == [f'smic_s1_c{number}_seed3.png' for number in (0, 2, 4)]


def test_without_a_folder_sheets_go_to_the_visualizer(runner):
    hook = MERVisualizationHook(enable=True)
    hook.after_test_iter(runner, 0, dict(inputs=dict(clip=[clip(*GREYS)])), [sample(0)])
    (sheet,) = runner.added.values()
    assert sheet.dtype == np.uint8 and sheet.shape[2] == 3
    for grey in GREYS:  # each frame fills a tile
        assert (sheet == grey).all(-1).sum() > 1000
    MERVisualizationHook().after_test_iter(runner, 0, None, [sample(1)])
    assert len(runner.added) == 1


@pytest.mark.parametrize('interval', [0, -1, 1.5, None])
def test_an_invalid_interval_is_rejected(interval):
    with pytest.raises(MERRunError) as error:
        MERVisualizationHook(interval=interval)
    assert error.value.field == 'default_hooks.visualization.interval'


def test_mmactions_own_hook_names_the_replacement():
    Visualizer.get_instance('drawn by mmaction')
    batch = dict(inputs=dict(clip=[clip(*GREYS)]))
    with pytest.raises(MERRunError, match='MERVisualizationHook'):
        VisualizationHook(enable=True)._draw_samples(0, batch, [sample(0)])
    VisualizationHook()._draw_samples(0, batch, [sample(0)])
