"""mmaction's own inference functions with our configs, against our inferencer."""

import cv2
import numpy as np
import pytest
import torch
from inference_toy import CONFIG, encode, small_config
from mmaction.apis import inference_recognizer, init_recognizer
from mmengine.config import Config
from mmengine.dataset import Compose

from mmaction_mer.apis import LoadMERSource, MERInferencer
from mmaction_mer.utils.errors import MERDataError


@pytest.fixture(scope='module')
def expected(run):
    """Compute the probabilities of our inferencer."""
    inferencers = {
        face: MERInferencer(run, device='cpu', face=face, folds=['sub01'])
        for face in ('align', 'as-is')
    }

    def probabilities(given, fps=None, face='align'):
        return inferencers[face].predict(given, fps=fps).window.probabilities[0]

    return probabilities


def build(run, **first):
    """Build a recognizer as mmaction does, with options of its first transform."""
    cfg = small_config()
    cfg.test_pipeline[0].update(first)
    for step in cfg.test_pipeline:
        if step.type == 'StandardizeLength':
            step.length = 8
    checkpoint = str(run / 'folds' / 'sub01' / 'model.pth')
    return init_recognizer(cfg, checkpoint, device='cpu')


@pytest.fixture(scope='module')
def recognizer(run):
    return build(run)


def test_a_video_has_the_scores_of_our_inferencer(recognizer, expected, clip, tmp_path):
    path = encode(tmp_path / 'a.mp4', clip)  # 40 frames at 50 per second
    result = inference_recognizer(recognizer, str(path))
    np.testing.assert_allclose(result.pred_score, expected(path), atol=1e-6)
    assert int(result.pred_label) == int(expected(path).argmax())
    faster = inference_recognizer(recognizer, dict(filename=str(path), fps=200))
    np.testing.assert_allclose(faster.pred_score, expected(path, 200), atol=1e-6)
    # The rate matters: the pass band is in Hz.
    assert not np.allclose(faster.pred_score, result.pred_score, atol=1e-4)
    # The reader of a dataset, used for a file, says which transform to use.
    steps = Compose(recognizer.cfg.test_dataloader.dataset.pipeline)
    with pytest.raises(MERDataError, match=r'a\.mp4.*LoadMERSource.*MERInferencer'):
        inference_recognizer(recognizer, str(path), steps)


def test_a_folder_and_an_array_do_too(run, recognizer, expected, clip, tmp_path):
    for number, frame in enumerate(clip):
        cv2.imwrite(str(tmp_path / f'img{number}.png'), frame[..., ::-1])
    want = expected(clip, 200)
    for given in (str(tmp_path), clip):
        result = inference_recognizer(recognizer, dict(filename=given, fps=200))
        np.testing.assert_allclose(result.pred_score, want, atol=1e-6)
    as_is = build(run, face='as-is')
    result = inference_recognizer(as_is, dict(filename=clip, fps=200))
    want = expected(clip, 200, 'as-is')
    np.testing.assert_allclose(result.pred_score, want, atol=1e-6)


def test_what_is_not_one_clip_is_rejected(recognizer, clip, tmp_path):
    cv2.imwrite(str(tmp_path / 'img1.png'), clip[0])
    for given, hint in (
        (str(tmp_path), 'give fps'),
        (dict(filename=np.concatenate([clip, clip]), fps=50), 'MERInferencer'),
        (dict(filename=clip[:1], fps=50), 'video'),
        (dict(filename=np.zeros_like(clip), fps=50), None),
    ):
        with pytest.raises(MERDataError) as error:
            inference_recognizer(recognizer, given)
        assert error.value.path and (hint is None or hint in error.value.hint)
    with pytest.raises(MERDataError) as error:
        LoadMERSource(face='cut')
    assert error.value.field == 'face'


@pytest.mark.parametrize(
    'config', [CONFIG, 'configs/tsn_r18_rank-pooling_synthme.py',
               'configs/miacnet_synthme.py', 'configs/mpt_vit-b16_smic.py'],
)  # fmt: skip
def test_the_pipelines_of_a_config_differ_only_in_how_they_load(config):
    cfg = Config.fromfile(config)
    first, *rest = cfg.test_pipeline
    own, *tested = cfg.test_dataloader.dataset.pipeline
    assert rest == tested
    assert (first.type, own.type) == ('LoadMERSource', 'LoadMERFrames')
    assert first.max_frames == own.max_frames
    assert first.get('dataset', '') == ('synthme' if 'synthme' in config else '')


def test_a_stock_recognizer_on_our_transforms(clip):
    torch.manual_seed(0)
    cfg = Config.fromfile('configs/tsn_r18_rank-pooling_synthme.py')
    cfg.model.cls_head.num_classes = 3
    model = init_recognizer(cfg, device='cpu')
    result = inference_recognizer(model, dict(filename=clip, fps=200))
    assert float(result.pred_score.sum()) == pytest.approx(1, abs=1e-5)
