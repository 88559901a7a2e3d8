"""What changes the fingerprint of a run, and what does not."""

import json

import pytest

from mmaction_mer.engine.runners import plan as plan_module
from mmaction_mer.engine.runners.plan import make_plan
from mmaction_mer.engine.work_dir.fingerprint import (
    canonical_config,
    differences,
    fingerprint,
)
from mmaction_mer.models.utils import pretrained


def repeated(cfg):
    for loader in (cfg.train_dataloader, cfg.test_dataloader):
        loader.dataset = dict(type='RepeatDataset', times=2, dataset=loader.dataset)


DIFFERENT = [
    dict(model__width=8),
    dict(optim_wrapper__optimizer__lr=0.02),
    dict(optim_wrapper__clip_grad=dict(max_norm=1.0)),
    dict(param_scheduler=[]),
    dict(train_cfg__max_iters=9),
    dict(train_dataloader__batch_size=2),
    dict(train_dataloader__sampler__shuffle=False),
    dict(train_dataloader__dataset__filter_cfg=dict(label=[0, 1])),
    dict(test_dataloader__dataset__indices=2),
    dict(test_dataloader__dataset__pipeline=[dict(type='LoadMERFrames')]),
    dict(test_cfg=dict(fp16=True)),
    dict(randomness=dict(seed=1)),
    dict(randomness=dict(seed=0, deterministic=True)),
    dict(loso__select='inner'),
    dict(loso__protocol=dict(type='kfold', k=2, _delete_=True)),
    dict(auto_scale_lr=dict(enable=True, base_batch_size=8)),
    dict(custom_hooks=[dict(type='EMAHook')]),
    dict(default_hooks__param_scheduler=None),
    dict(compile=True),
]
SAME = [
    dict(),
    dict(work_dir='elsewhere', log_level='WARNING', resume=True, launcher='slurm'),
    dict(train_dataloader__num_workers=2, train_dataloader__pin_memory=True),
    dict(train_dataloader__dataset__cache=True, test_dataloader__dataset__store=False),
    dict(test_cfg=dict(type='TestLoop', fp16=False)),
    dict(test_evaluator=[dict(type='MERMetric'), dict(type='AccMetric')]),
    dict(val_cfg=dict(), val_evaluator=dict(type='MERMetric')),
    dict(randomness=dict(seed=None)),
    dict(randomness=dict(seed=0, diff_rank_seed=False)),
    dict(loso__folds=['s1'], loso__seeds=[0, 1], loso__share=(0, 2)),
    dict(loso__strategy='stacked', loso__folds_per_group=2, loso__workers=3),
    dict(loso__protocol=dict(type='loso', _delete_=True)),
    dict(loso__select='last'),
    dict(default_hooks__checkpoint__interval=5),
    dict(default_hooks__logger=dict(type='LoggerHook', interval=1)),
    dict(visualizer=dict(type='Visualizer', vis_backends=[])),
    dict(run_hooks=[dict(type='RunReportHook')]),
]


@pytest.mark.parametrize(
    ('changes', 'differs'),
    [*((one, True) for one in DIFFERENT), *((one, False) for one in SAME)],
    ids=str,
)
def test_changes_of_a_config(changes, differs, make_config):
    plain, changed = (canonical_config(one) for one in (
        make_config(), make_config(**changes)
    ))  # fmt: skip
    assert (fingerprint(plain) != fingerprint(changed)) == differs
    assert bool(differences(plain, changed)) == differs


def test_a_wrapped_data_set_is_reduced_too(make_config):
    plain, kept = make_config(), make_config(train_dataloader__dataset__cache=True)
    for cfg in (plain, kept):
        repeated(cfg)
    assert canonical_config(plain) == canonical_config(kept)
    assert kept.train_dataloader.dataset.dataset.cache  # the config is not changed


def relabeled(content):
    content['data_list'][5]['label'] = (content['data_list'][5]['label'] + 1) % 3


def reordered(content):
    content['data_list'] = [dict(reversed(row.items())) for row in content['data_list']]


def with_defaults(content):
    for row in content['data_list']:
        row.update(fps=int(row['fps']), aus=[], emotion='')


@pytest.mark.parametrize(
    ('change', 'differs'),
    [
        (reordered, False),
        (with_defaults, False),
        (relabeled, True),
        (lambda content: content['data_list'][8].update(onset=2), True),
        (lambda content: content['data_list'][0].update(emotion='disgust'), True),
        (lambda content: content['metainfo'].update(note='x'), True),
        (lambda content: content['data_list'].reverse(), True),
        (lambda content: content['data_list'].pop(), True),
    ],
)
def test_changes_of_the_annotation(change, differs, with_annotation):
    before = make_plan(with_annotation()).fingerprint
    after = make_plan(with_annotation(change, indent=None)).fingerprint
    assert (before != after) == differs


def test_numerics_and_initial_weights(make_config, tmp_path, monkeypatch):
    found = {make_plan(make_config()).fingerprint}
    start = tmp_path / 'start.pth'
    for content in (b'one', b'two'):
        start.write_bytes(content)
        found.add(make_plan(make_config(load_from=str(start))).fingerprint)
    found.add(make_plan(make_config(load_from='https://x.org/a.pth')).fingerprint)
    monkeypatch.setattr(plan_module, 'NUMERICS', plan_module.NUMERICS + 1)
    found.add(make_plan(make_config()).fingerprint)
    assert len(found) == 5


@pytest.mark.parametrize('scheme', ['', pretrained.PACKAGE_SCHEME])
def test_the_content_of_pretrained_weights(scheme, make_config, tmp_path, monkeypatch):
    monkeypatch.setattr(pretrained, 'WEIGHTS_DIR', tmp_path)
    file = tmp_path / 'vit.pth'
    init = dict(type='Pretrained', checkpoint=f'{scheme}vit.pth')
    if not scheme:
        init['checkpoint'] = str(file)

    def plan():
        return make_plan(make_config(model__backbone=dict(vit=dict(init_cfg=[init]))))

    file.write_bytes(b'one')
    before = plan()
    assert plan().fingerprint == before.fingerprint
    file.write_bytes(b'two')
    after = plan()
    assert after.fingerprint != before.fingerprint
    field = 'model.backbone.vit.init_cfg[0].checkpoint'
    assert list(after.config['pretrained_weights']) == [field]
    init['checkpoint'] = 'https://example.org/vit.pth'
    assert 'pretrained_weights' not in plan().config


def test_a_canonical_config_is_plain_json(make_config):
    cfg = make_config(model__scale=float('inf'))
    cfg.model.kind = dict
    json.dumps(canonical_config(cfg), allow_nan=False)
