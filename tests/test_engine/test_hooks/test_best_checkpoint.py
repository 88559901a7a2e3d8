"""``save_best`` of ``SlimCheckpointHook``: the weights in the file."""

from pathlib import Path

import pytest
import torch
from engine_toy import EngineToy
from mmaction.registry import METRICS
from mmengine.config import Config
from mmengine.evaluator import BaseMetric
from mmengine.hooks import Hook
from mmengine.runner import Runner, load_checkpoint

from mmaction_mer.engine.hooks.slim_checkpoint_hook import SlimCheckpointHook
from mmaction_mer.utils.errors import MERRunError

PROTOCOL = "runner_type = 'LOSORunner'\nloso = dict(protocol='loso')\n"


@METRICS.register_module(name='Scripted')
class Scripted(BaseMetric):
    """Returns one score after another."""

    default_prefix = 'mer'

    def __init__(self, scores, name='uf1'):
        super().__init__()
        self.scores, self.name = list(scores), name

    def process(self, data_batch, data_samples):
        self.results.append(1)

    def compute_metrics(self, results):
        return {self.name: self.scores.pop(0)}


class Watch(Hook):
    """Records the head's weights at every validation."""

    def __init__(self):
        self.seen = []

    def after_val_epoch(self, runner, metrics=None):
        self.seen.append(runner.model.head.weight.detach().clone())


@pytest.fixture
def training(config_file, tmp_path):
    """An ordinary training of the toy, validated four times."""

    def make(scores, epochs=False, stop=8, name='uf1', resume=False, **hook):
        text = config_file.read_text().replace(PROTOCOL, '')
        path = tmp_path / 'plain.py'
        path.write_text(text)
        cfg = Config.fromfile(path)
        cfg.val_dataloader = cfg.test_dataloader
        cfg.val_evaluator = dict(type='Scripted', scores=list(scores), name=name)
        cfg.val_cfg = dict()
        cfg.train_cfg = dict(by_epoch=False, max_iters=stop, val_interval=2)
        if epochs:  # 16 clips in batches of 4
            cfg.train_cfg = dict(by_epoch=True, max_epochs=4)
            cfg.train_dataloader.sampler.type = 'DefaultSampler'
        given = dict(type='SlimCheckpointHook', save_best='mer/uf1', interval=100)
        cfg.default_hooks.checkpoint = {**given, **hook}
        cfg.work_dir, cfg.resume = str(tmp_path / 'run'), resume
        cfg.experiment_name = f'best{tmp_path.name}{stop}'
        runner = Runner.from_cfg(cfg)
        runner.watch = Watch()
        runner.register_hook(runner.watch)
        return runner

    return make


def kept(folder):
    return sorted(path.name for path in Path(folder).glob('best_*'))


@pytest.mark.parametrize('epochs', [False, True])
@pytest.mark.parametrize(
    ('scores', 'rule', 'best'),
    [([0.2, 0.8, 0.5, 0.8], None, 1), ([0.9, 0.4, 0.3, 0.6], 'less', 2)],
)
def test_the_best_file_has_the_weights_of_the_best_score(
    training, tmp_path, scores, rule, best, epochs
):
    """By iterations or epochs, greater or less; the first of equals counts."""
    runner = training(scores, epochs, rule=rule)
    runner.train()
    number = f'epoch_{best + 1}' if epochs else f'iter_{2 * best + 2}'
    assert kept(tmp_path / 'run') == [f'best_mer_uf1_{number}.pth']
    path = tmp_path / 'run' / f'best_mer_uf1_{number}.pth'
    stored = torch.load(path, weights_only=True)['state_dict']
    # Slim: frozen weights are rebuilt, and only compared.
    assert not [key for key in stored if key.startswith('backbone')]
    assert 'frozen_fingerprint' in stored
    fresh = EngineToy()
    fresh.backbone.load_state_dict(runner.model.backbone.state_dict())
    load_checkpoint(fresh, str(path), strict=True)
    assert torch.equal(fresh.head.weight, runner.watch.seen[best])
    assert not torch.equal(fresh.head.weight, runner.watch.seen[-1])


def test_a_resumed_run_removes_the_previous_best(training, tmp_path):
    training([0.5, 0.4], stop=4).train()
    assert kept(tmp_path / 'run') == ['best_mer_uf1_iter_2.pth']
    resumed = training([0.3, 0.7], stop=8, resume=True)
    resumed.train()
    assert kept(tmp_path / 'run') == ['best_mer_uf1_iter_8.pth']


def test_auto_takes_the_first_score_of_mermetric(training, tmp_path):
    training([0.2, 0.8, 0.5, 0.1], save_best='auto').train()
    assert kept(tmp_path / 'run') == ['best_mer_uf1_iter_4.pth']


@pytest.mark.parametrize(
    'given', [dict(save_best='mer/uff', rule='greater'), dict(save_best='auto')]
)
def test_a_score_that_is_not_returned_is_named(given, training):
    with pytest.raises(MERRunError) as error:
        training([0.2] * 4, name='kappa', **given).train()
    assert error.value.field == 'save_best'


@pytest.mark.parametrize(
    ('given', 'words'),
    [
        (dict(save_best='mer/kappa'), 'Cannot infer the rule for key mer/kappa'),
        (dict(save_best='mer/uf1', rule='more'), 'rule must be greater'),
        (dict(save_best=3), 'save_best'),
        (dict(save_best=['a', 'a'], rule='less'), 'duplicate'),
        (
            dict(max_keep_ckpts=3, by_epoch=True),
            'no argument by_epoch, max_keep_ckpts',
        ),
    ],
)
def test_unsupported_arguments_are_rejected(given, words):
    with pytest.raises(MERRunError, match=words):
        SlimCheckpointHook(**given)
