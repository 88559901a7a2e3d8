"""The ONNX file computes the probabilities of the recognizer."""

import copy

import numpy as np
import onnxruntime
import pytest
import torch
from load_tool import load_tool
from mmaction.registry import DATASETS, MODELS
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from paths import CONFIGS

from mmaction_mer.apis import FoldWeights
from mmaction_mer.apis.onnx_export import clip_shape, export_onnx, read_metadata
from mmaction_mer.datasets.synthme.plan import Release
from mmaction_mer.datasets.synthme.release import make_release
from mmaction_mer.datasets.transforms.packing import PackMERInputs
from mmaction_mer.motion import front_end_matrices
from mmaction_mer.utils.errors import MERRunError

CLASSES = ['negative', 'positive', 'surprise']


@pytest.fixture(scope='module')
def release(tmp_path_factory):
    root = tmp_path_factory.mktemp('data') / 'synthme'
    make_release(root, Release(subjects=2, clips=3, size=112, seed=1), workers=1)
    return root


def config(name, **model):
    cfg = Config.fromfile(CONFIGS / f'{name}.py')
    cfg.merge_from_dict(dict(model=model))
    cfg.model.cls_head.num_classes = len(CLASSES)
    return cfg


def built(cfg, seed=0):
    """Build the recognizer, with its trainable weights changed at random."""
    torch.manual_seed(seed)
    model = MODELS.build(copy.deepcopy(cfg.model))
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.add_(0.05 * torch.randn_like(parameter))
    return model.eval()


def run(path, **inputs):
    session = onnxruntime.InferenceSession(path, providers=['CPUExecutionProvider'])
    given = {one.name: one.shape for one in session.get_inputs()}
    assert given == {
        name: ['batch', *value.shape[1:]] for name, value in inputs.items()
    }
    feed = {name: value.numpy() for name, value in inputs.items()}
    (result,) = session.run(['probabilities'], feed)
    return result


def predicted(model, clips, **facts):
    """Compute the probabilities of the recognizer itself."""
    samples = []
    for number in range(len(clips)):
        each = {name: values[number] for name, values in facts.items()}
        sample = PackMERInputs()(
            {'imgs': [np.zeros((8, 8, 3), np.uint8)] * 2, 'label': 0, **each}
        )
        samples.append(sample['data_samples'])
    data = model.data_preprocessor(dict(inputs=dict(clip=clips), data_samples=samples))
    with torch.no_grad():
        done = model(**data, mode='predict')
    return torch.stack([sample.pred_score for sample in done]).numpy()


LIMIT = 1e-4


def same(ours, theirs):
    assert np.abs(ours - theirs).max() < LIMIT
    # Classes that differ by less than both errors have no order.
    second, first = np.sort(theirs, axis=1)[:, -2:].T
    clear = first - second > 2 * LIMIT
    assert (ours.argmax(1) == theirs.argmax(1))[clear].all()
    assert clear.mean() > 0.5
    # Otherwise a constant would do.
    assert len(ours) == 1 or np.ptp(ours, axis=0).max() > 1e-3


def random_clips(batch, *shape):
    generator = torch.Generator().manual_seed(batch)
    return torch.randint(
        0, 256, (batch, *shape), dtype=torch.uint8, generator=generator
    )


@pytest.mark.slow
def test_the_demo_model_with_a_fixed_frame_rate(release, tmp_path):
    cfg = config('mpt_vit-tiny_synthme')
    cfg.model.backbone.vit.pop('init_cfg')
    cfg.model.backbone.vit.arch.num_layers = 1
    cfg.model.backbone.adapter_start_layer = 0
    model = built(cfg)
    pipeline = cfg.test_dataloader.dataset.pipeline
    path = export_onnx(model, tmp_path / 'm.onnx', pipeline, CLASSES, fps=50)
    for batch in (1, 5):
        clips = random_clips(batch, 16, 3, 119, 119)
        same(run(path, clip=clips), predicted(model, clips, fps=[50.0] * batch))

    # Real clips, prepared by the pipeline in the metadata.
    metadata = read_metadata(path)
    dataset = dict(cfg.test_dataloader.dataset, data_root=str(release), cache=False)
    dataset = DATASETS.build(dict(dataset, pipeline=metadata['pipeline']))
    packed = pseudo_collate([dataset[index] for index in range(6)])
    clips = torch.stack(packed['inputs']['clip'])
    same(run(path, clip=clips), predicted(model, clips, fps=[50.0] * 6))
    assert metadata['classes'] == CLASSES
    assert (metadata['fps'], metadata['alpha'], metadata['low'], metadata['high']) == (
        50,
        20,
        0.4,
        4,
    )
    assert metadata['remove_head_motion'] is True and metadata['kind'] == 'zero-phase'
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.slow
def test_a_vit_b16_with_a_filter_for_each_clip(tmp_path):
    layers = dict(embed_dims=768, num_layers=1, num_heads=12, feedforward_channels=3072)
    cfg = config('mpt_vit-b16_smic')
    cfg.model.backbone.vit.pop('init_cfg')
    cfg.model.backbone.vit.arch = layers
    cfg.model.data_preprocessor.keep_residual = False
    cfg.model.backbone.prompt.spatial = True
    model = built(cfg)
    pipeline = cfg.test_dataloader.dataset.pipeline
    path = export_onnx(model, tmp_path / 'm.onnx', pipeline, CLASSES)
    for batch in (1, 3):
        clips = random_clips(batch, 16, 3, 224, 224)
        rates = [30.0 + 40 * number for number in range(batch)]
        matrices = front_end_matrices(16, rates)
        found = run(path, clip=clips, matrices=matrices)
        same(found, predicted(model, clips, fps=rates))
    # The filter matters.
    other = run(path, clip=clips, matrices=front_end_matrices(16, [90.0] * 3))
    assert np.abs(other - found).max() > 1e-4


@pytest.mark.slow
def test_key_frames_of_a_miacnet(tmp_path):
    cfg = config('miacnet_synthme')
    cfg.model.backbone.init_cfg = None
    cfg.model.backbone.branch.pop('init_cfg', None)
    model = built(cfg)
    pipeline = cfg.test_dataloader.dataset.pipeline
    path = export_onnx(model, tmp_path / 'm.onnx', pipeline, CLASSES)
    length, height, width = clip_shape(pipeline)
    for batch in (1, 3):
        clips = random_clips(batch, length, 3, height, width)
        facts = dict(onset=[0] * batch, apex=[1] * batch, offset=[2] * batch)
        place = model.data_preprocessor._place
        apex = place('apex', Config(dict(onset=0, apex=1, offset=2)), length)
        frames = clips[:, [0, apex, length - 1]]
        same(run(path, frames=frames), predicted(model, clips, **facts))
    assert read_metadata(path)['frames'] == ['onset', 'apex', 'offset']


def test_a_model_that_sees_no_motion_takes_the_clip_alone(tmp_path):
    cfg = config('mpt_vit-tiny_synthme')
    cfg.model.backbone.update(prompt=None, adapter=None)
    cfg.model.backbone.vit.update(
        init_cfg=None,
        arch=dict(embed_dims=32, num_layers=1, num_heads=2, feedforward_channels=32),
        img_size=64,
    )
    cfg.model.cls_head.in_channels = 32
    cfg.model.data_preprocessor.update(
        remove_head_motion=False, augmentation=dict(crop=64)
    )
    model = built(cfg)
    pipeline = [
        dict(type='StandardizeLength', length=4),
        dict(type='CenterCrop', crop_size=67),
        dict(type='PackMERInputs'),
    ]
    path = export_onnx(model, tmp_path / 'm.onnx', pipeline, CLASSES)
    clips = random_clips(3, 4, 3, 67, 67)
    same(run(path, clip=clips), predicted(model, clips, fps=[20.0, 50.0, 90.0]))


def test_what_cannot_be_exported_is_reported(tmp_path):
    cfg = config('mpt_vit-tiny_synthme')
    pipeline = cfg.test_dataloader.dataset.pipeline
    with pytest.raises(MERRunError, match='Linear cannot be exported'):
        export_onnx(torch.nn.Linear(1, 1), tmp_path / 'm.onnx', pipeline, CLASSES)
    with pytest.raises(MERRunError) as error:
        export_onnx(built(cfg), tmp_path / 'm.onnx', pipeline, CLASSES, fps=0.5)
    assert error.value.field == 'fps'
    for steps, hint in (
        ([dict(type='Resize', scale=(8, 8)), dict(type='PackMERInputs')], 'CenterCrop'),
        ([dict(type='RankPooling')], 'model.data_preprocessor'),
    ):
        with pytest.raises(MERRunError) as error:
            clip_shape(steps)
        assert hint in error.value.hint
    assert not list(tmp_path.iterdir())


def test_the_tool_names_folds_to_choose_from(tmp_path, capsys):
    tool = load_tool('export_onnx.py')
    assert tool.main([str(tmp_path / 'nowhere')]) == 1
    assert 'there is no such run' in capsys.readouterr().err
    weights = FoldWeights({}, [], [], '', dict(a={}, b={}), {}, 'runs/x')
    with pytest.raises(MERRunError) as error:
        tool.one_fold(weights, None)
    assert error.value.path == 'runs/x' and 'a, b' in error.value.hint
    assert list(tool.one_fold(weights, 'b').folds) == ['b']
