"""mmaction's own functions for inference with our configs, against our inferencer."""

import cv2
import numpy as np
import pytest
import torch
from inference_toy import CONFIG, encode, make_run, small_config, synthetic_clip
from mmaction.apis import inference_recognizer, init_recognizer
from mmengine.config import Config
from mmengine.dataset import Compose

from mmaction_mer.datasets.annotation import MERDataError
from mmaction_mer.inference import LoadMERSource, MERInferencer


@pytest.fixture(scope='module')
def run(tmp_path_factory):
    return make_run(tmp_path_factory.mktemp('runs') / 'run', folds=('sub01',))


@pytest.fixture(scope='module')
def clip():
    return synthetic_clip()


@pytest.fixture(scope='module')
def expected(run):
    """What our inferencer says, cut out as found or taken as it is."""

    def read(given, fps=None, face='align'):
        inferencer = MERInferencer(run, device='cpu', face=face)
        return inferencer.read(given, fps=fps).window.probabilities[0]

    return read


@pytest.fixture(scope='module')
def recognizer(run):
    cfg = small_config()
    for step in cfg.test_pipeline:
        if step.type == 'StandardizeLength':
            step.length = 8
    checkpoint = str(run / 'folds' / 'sub01' / 'model.pth')
    return init_recognizer(cfg, checkpoint, device='cpu')


def test_a_video_file_scores_as_our_inferencer_has_it(
    recognizer, expected, clip, tmp_path
):
    path = encode(tmp_path / 'a.mp4', clip)  # 40 frames at 50 a second
    result = inference_recognizer(recognizer, str(path))
    np.testing.assert_allclose(result.pred_score, expected(path), atol=1e-6)
    assert int(result.pred_label) == int(expected(path).argmax())
    faster = inference_recognizer(recognizer, dict(filename=str(path), fps=200))
    np.testing.assert_allclose(faster.pred_score, expected(path, 200), atol=1e-6)
    # The rate counts: the pass band is in Hz.
    assert not np.allclose(faster.pred_score, result.pred_score, atol=1e-4)


def test_a_folder_of_frames_and_an_array_do_so_too(
    recognizer, expected, clip, tmp_path
):
    for number, frame in enumerate(clip):
        cv2.imwrite(str(tmp_path / f'img{number}.png'), frame[..., ::-1])
    want = expected(clip, 200)
    for given in (str(tmp_path), clip):
        result = inference_recognizer(recognizer, dict(filename=given, fps=200))
        np.testing.assert_allclose(result.pred_score, want, atol=1e-6)
    with pytest.raises(MERDataError, match='give fps'):
        inference_recognizer(recognizer, str(tmp_path))


def test_frames_that_are_cut_already(run, expected, clip):
    cfg = small_config()
    cfg.test_pipeline[0].face = 'as-is'
    cfg.test_pipeline[1].length = 8
    checkpoint = str(run / 'folds' / 'sub01' / 'model.pth')
    model = init_recognizer(cfg, checkpoint, device='cpu')
    result = inference_recognizer(model, dict(filename=clip, fps=200))
    want = expected(clip, 200, 'as-is')
    np.testing.assert_allclose(result.pred_score, want, atol=1e-6)


def test_what_is_no_one_clip_is_said(recognizer, clip):
    long = np.concatenate([clip, clip])
    with pytest.raises(MERDataError, match=r'longer than 1 s at 50 .* MERInferencer'):
        inference_recognizer(recognizer, dict(filename=long, fps=50))
    with pytest.raises(MERDataError, match='one frame'):
        inference_recognizer(recognizer, dict(filename=clip[:1], fps=50))
    still = np.zeros_like(clip)
    with pytest.raises(MERDataError, match='face'):
        inference_recognizer(recognizer, dict(filename=still, fps=50))
    with pytest.raises(MERDataError, match='not one of'):
        LoadMERSource(face='cut')


def test_the_reader_of_a_data_set_says_what_reads_a_file(recognizer, clip, tmp_path):
    """Before: ``KeyError: 'dataset'``, also from mmaction's own inferencer."""
    path = str(encode(tmp_path / 'a.mp4', clip))
    pipeline = Compose(recognizer.cfg.test_dataloader.dataset.pipeline)
    with pytest.raises(MERDataError, match=r'a\.mp4.*LoadMERSource.*MERInferencer'):
        inference_recognizer(recognizer, path, pipeline)


@pytest.mark.parametrize(
    'config', [CONFIG, 'configs/tsn_r18_rank-pooling_synthme.py',
               'configs/miacnet_synthme.py', 'configs/mpt_vit-b16_smic.py'],
)  # fmt: skip
def test_the_pipeline_differs_in_how_it_reads_alone(config):
    """All our configs of recognizers: what follows is the pipeline of the test."""
    cfg = Config.fromfile(config)
    first, *rest = cfg.test_pipeline
    own, *tested = cfg.test_dataloader.dataset.pipeline
    assert rest == tested
    assert (first.type, own.type) == ('LoadMERSource', 'LoadMERFrames')
    assert first.max_frames == own.max_frames
    assert first.get('dataset', '') == ('synthme' if 'synthme' in config else '')


def test_a_stock_recognizer_on_our_transforms(clip):
    """TSN on rank-pooled images: a result with probabilities that add up to one."""
    torch.manual_seed(0)
    cfg = Config.fromfile('configs/tsn_r18_rank-pooling_synthme.py')
    cfg.model.cls_head.num_classes = 3
    model = init_recognizer(cfg, device='cpu')
    result = inference_recognizer(model, dict(filename=clip, fps=200))
    assert float(result.pred_score.sum()) == pytest.approx(1, abs=1e-5)
