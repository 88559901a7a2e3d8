"""Repairs of mmaction2, mmengine and torch."""

import importlib.util
import os
import pkgutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.dataset import DefaultSampler
from mmengine.evaluator import BaseMetric, Evaluator
from mmengine.model import BaseModel, MMDistributedDataParallel
from mmengine.runner import Runner, load_checkpoint
from torch import nn
from torch.utils.data import DataLoader

from mmaction_mer.utils.host import compat

# Not from `paths`, since the ranks of a test run this file as a script.
ROOT = Path(__file__).parents[3]


class Toy(BaseModel):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(2, 1)

    def forward(self, inputs, mode):
        loss = self.layer(inputs).square().mean()
        return {'loss': loss} if mode == 'loss' else [loss]


class Nothing(BaseMetric):
    def process(self, data_batch, data_samples):
        self.results.append(1)

    def compute_metrics(self, results):
        # A NumPy scalar, as many metrics add to the message hub.
        return {'count': np.float32(len(results))}


def collate(batch):
    return {'inputs': torch.stack(batch)}


def toy_runner(work_dir, epochs=2, launcher='none', **kwargs):
    torch.manual_seed(0)
    data = torch.randn(8, 2)
    loader = dict(batch_size=2, num_workers=0, dataset=list(data), collate_fn=collate)
    return Runner(
        model=Toy(),
        work_dir=str(work_dir),
        train_dataloader=dict(sampler=dict(type=DefaultSampler), **loader),
        train_cfg=dict(by_epoch=True, max_epochs=epochs),
        optim_wrapper=dict(optimizer=dict(type='Adam', lr=0.01)),
        val_dataloader=DataLoader(list(data), batch_size=2, collate_fn=collate),
        val_cfg=dict(),
        val_evaluator=Evaluator(Nothing(prefix='toy')),
        randomness=dict(seed=0),
        default_hooks=dict(logger=dict(type='LoggerHook', interval=1)),
        launcher=launcher,
        experiment_name=f'toy-{Path(work_dir).name}-{epochs}',
        default_scope='mmengine',
        log_level='ERROR',
        **kwargs,
    )


def test_apply_twice_changes_nothing():
    before = set(torch.serialization.get_safe_globals())
    starter = compat.mmengine_dist._init_dist_pytorch
    construct = MMDistributedDataParallel.__init__
    drn = sys.modules.get('mmaction.models.localizers.drn')
    compat.apply()
    assert set(torch.serialization.get_safe_globals()) == before
    assert compat.mmengine_dist._init_dist_pytorch is starter
    assert MMDistributedDataParallel.__init__ is construct
    assert sys.modules.get('mmaction.models.localizers.drn') is drn


# mmaction.models


def test_mmaction_models_imports_and_builds():
    import mmaction.models
    from mmaction.registry import MODELS

    head = MODELS.build({'type': 'TSNHead', 'num_classes': 3, 'in_channels': 4})
    assert isinstance(head, mmaction.models.TSNHead)
    assert MODELS.get('BMN') is mmaction.models.BMN


@pytest.mark.skipif(
    'mmaction.models.localizers.drn' not in sys.modules
    or getattr(sys.modules['mmaction.models.localizers.drn'], '__file__', None),
    reason='this mmaction2 has its DRN',
)
def test_building_the_missing_drn_raises():
    from mmaction.registry import MODELS

    with pytest.raises(NotImplementedError, match='issue 2714'):
        MODELS.build({'type': 'DRN', 'backbone': {}})


def test_an_existing_drn_is_unchanged(tmp_path, monkeypatch):
    # A source checkout of mmaction has its DRN.
    folder = tmp_path / 'mmaction/models/localizers/drn'
    folder.mkdir(parents=True)
    (tmp_path / 'mmaction/__init__.py').touch()
    monkeypatch.syspath_prepend(tmp_path)
    for name in [m for m in sys.modules if m.split('.')[0] == 'mmaction']:
        monkeypatch.delitem(sys.modules, name)
    compat.provide_drn()
    assert 'mmaction.models.localizers.drn' not in sys.modules


# Checkpoints


def test_checkpoint_is_read_back_and_training_resumes(tmp_path):
    toy_runner(tmp_path, epochs=2).train()
    resumed = toy_runner(tmp_path, epochs=3, resume=True)
    resumed.train()
    straight = toy_runner(tmp_path / 'straight', epochs=3)
    straight.train()
    # 8 samples in batches of 2; the log is continued.
    assert resumed.iter == 12
    history = resumed.message_hub.get_scalar('train/loss').data[0]
    assert len(history) == 12
    for got, want in zip(
        resumed.model.parameters(), straight.model.parameters(), strict=True
    ):
        torch.testing.assert_close(got, want)
    load_checkpoint(Toy(), str(tmp_path / 'epoch_3.pth'), strict=True)


def test_globals_allowed_before_the_import_have_no_effect(tmp_path):
    """The usual recipe for the history of mmengine."""
    torch.save({'lr': np.float32(0.5), 'flag': np.bool_(True)}, tmp_path / 'c.pth')
    code = """
import sys, numpy as np, torch
from mmengine.logging import HistoryBuffer
kinds = [type(np.dtype(code)) for code in ('f8', 'i8')]
array = np.ones(1).__reduce__()[0]
torch.serialization.add_safe_globals(
    [getattr, HistoryBuffer, array, np.ndarray, np.dtype, *kinds])
import mmaction_mer.utils.host.compat
mmaction_mer.utils.host.compat.allow_checkpoint_globals()
loaded = torch.load(sys.argv[1], weights_only=True)
print(float(loaded['lr']), bool(loaded['flag']), getattr in
      torch.serialization.get_safe_globals())
"""
    done = subprocess.run(
        [sys.executable, '-W', 'ignore', '-c', code, tmp_path / 'c.pth'],
        env={**os.environ, 'PYTHONPATH': str(ROOT)},
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.stdout == '0.5 True True\n', done.stderr[-2000:]


# Distributed starts without a GPU


def run_two_processes(script, tmp_path):
    """Run the function ``script`` of this file in two processes."""
    code = (
        'import runpy, sys; import mmaction_mer; '
        f'runpy.run_path({__file__!r})[{script!r}]({str(tmp_path)!r})'
    )
    (tmp_path / 'start.py').write_text(code)
    launch = [sys.executable, '-m', 'torch.distributed.run', '--nproc_per_node=2']
    launch += ['--master_addr=127.0.0.1', '--master_port=0', '--rdzv_backend=c10d']
    launch += ['--rdzv_endpoint=127.0.0.1:0', str(tmp_path / 'start.py')]
    environment = {**os.environ, 'CUDA_VISIBLE_DEVICES': '', 'OMP_NUM_THREADS': '1'}
    environment['PYTHONPATH'] = str(ROOT)
    done = subprocess.run(
        launch, env=environment, capture_output=True, text=True, timeout=900
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-5000:]


def train_on_this_rank(work_dir):
    runner = toy_runner(work_dir, launcher='pytorch')
    runner.train()
    rank = torch.distributed.get_rank()
    (weight,) = runner.model.module.layer.weight.detach().tolist()
    facts = [torch.distributed.get_backend(), runner.world_size, runner.iter, *weight]
    Path(work_dir, f'rank{rank}.txt').write_text(repr(facts))


@pytest.mark.slow
def test_two_processes_train_without_a_gpu(tmp_path):
    run_two_processes('train_on_this_rank', tmp_path)
    first, second = ((tmp_path / f'rank{i}.txt').read_text() for i in (0, 1))
    # Four batches for two ranks over two epochs, and one set of weights.
    assert first.startswith("['gloo', 2, 4, ")
    assert first == second


@pytest.mark.parametrize('launcher', ['pytorch', 'slurm', 'mpi'])
def test_every_launcher_starts_without_a_gpu(launcher, monkeypatch):
    from mmengine.dist import init_dist
    from torch import distributed

    for name in ('RANK', 'LOCAL_RANK', 'SLURM_PROCID', 'SLURM_LOCALID',
                 'OMPI_COMM_WORLD_LOCAL_RANK', 'OMPI_COMM_WORLD_RANK'):  # fmt: skip
        monkeypatch.setenv(name, '0')
    for name in ('WORLD_SIZE', 'SLURM_NTASKS', 'OMPI_COMM_WORLD_SIZE'):
        monkeypatch.setenv(name, '1')
    for name in ('MASTER_ADDR', 'SLURM_NODELIST'):
        monkeypatch.setenv(name, '127.0.0.1')
    opened = []
    monkeypatch.setattr(compat, 'has_accelerator', lambda: False)
    monkeypatch.setattr(
        distributed, 'init_process_group', lambda backend, **_: opened.append(backend)
    )
    at_exit = []
    monkeypatch.setattr(compat.atexit, 'register', lambda *call: at_exit.append(call))
    set_device = torch.cuda.set_device
    init_dist(launcher)
    init_dist(launcher, backend='gloo')
    assert opened == ['gloo', 'gloo']
    # The threads of gloo get time before the interpreter exits.
    assert at_exit == [(time.sleep, compat.GLOO_EXIT_SECONDS)] * 2
    assert torch.cuda.set_device is set_device


def test_a_machine_with_a_gpu_starts_unchanged(monkeypatch):
    calls = []
    start = compat._starter_without_gpu(lambda backend, **kw: calls.append(backend))
    monkeypatch.setattr(compat, 'has_accelerator', lambda: True)
    start('nccl', timeout=3)
    assert calls == ['nccl']


# Python 3.14


def test_mmengine_finds_mmcv_without_find_loader(monkeypatch):
    from mmengine.utils.dl_utils.misc import mmcv_full_available

    expected = importlib.util.find_spec('mmcv._ext') is not None
    # As in Python 3.14, and as Python 3.11 was before.
    monkeypatch.delattr(pkgutil, 'find_loader', raising=False)
    compat.provide_find_loader()
    assert mmcv_full_available() is expected
    assert pkgutil.find_loader('json') is not None
