"""A pre-training that repeats exactly: by one process or two, interrupted or not."""

import signal

import pytest
import torch
from load_tool import load_tool
from mmengine.config import Config
from mmengine.runner import Runner
from paths import TOOLS
from pretraining_toy import losses, small_pretraining
from settings import one_thread

from mmaction_mer.datasets.synthme.plan import Release
from mmaction_mer.datasets.synthme.release import make_release
from mmaction_mer.models.utils.slim_checkpoint import read_checkpoint
from mmaction_mer.utils.errors import MERRunError


@pytest.fixture(scope='module')
def release(tmp_path_factory):
    root = tmp_path_factory.mktemp('data') / 'synthme'
    make_release(root, Release(subjects=3, clips=4, size=112, seed=1), workers=1)
    return root


def train(config, *options):
    with one_thread():
        assert load_tool('train.py').main([str(config), *options]) in (None, 0)


@pytest.fixture(scope='module')
def whole(release, tmp_path_factory):
    """A training by one process without interruption."""
    folder = tmp_path_factory.mktemp('whole')
    train(small_pretraining(release, folder, folder / 'run'))
    return folder / 'run'


def weights(work_dir):
    return read_checkpoint(work_dir / 'last.pth')['state_dict']


def test_it_trains_and_leaves_its_files(whole):
    assert sorted(losses(whole)) == list(range(1, 9))
    assert (whole / 'reconstruction.png').stat().st_size > 10_000
    meta = read_checkpoint(whole / 'last.pth')['meta']
    assert meta['iter'] == 8
    assert meta['pretrained_on'] == {'synthme': ['sub02', 'sub03']}
    rows = next(whole.glob('*/vis_data/scalars.json')).read_text()
    assert 'clips_per_s' in rows and 'ma2mi/error_ratio' in rows


def test_two_processes_give_what_one_gives(release, whole, tool, tmp_path):
    """Two ranks with half the batch each: the same draws, the same weights."""
    config = small_pretraining(release, tmp_path, tmp_path / 'two', batch_size=2)
    done = tool(TOOLS / 'dist_train.sh', config, 2, CUDA_VISIBLE_DEVICES='')
    assert done.returncode == 0, done.stderr[-3000:]
    one, two = weights(whole), weights(tmp_path / 'two')
    assert one.keys() == two.keys()
    # A step moves a weight by up to 1e-3.
    for name, value in one.items():
        torch.testing.assert_close(two[name], value, rtol=1e-3, atol=2e-5, msg=name)
    subjects = read_checkpoint(tmp_path / 'two' / 'last.pth')['meta']['pretrained_on']
    assert subjects == {'synthme': ['sub02', 'sub03']}


def test_killed_and_resumed_it_has_the_same_loss_curve(release, whole, tool, tmp_path):
    work_dir = tmp_path / 'killed'
    config = small_pretraining(release, tmp_path, work_dir, kill_at=5)
    done = tool(TOOLS / 'train.py', config)
    assert done.returncode == -signal.SIGKILL
    # Saved by time: the interval is longer than the training.
    assert read_checkpoint(work_dir / 'last.pth')['meta']['iter'] == 4
    train(small_pretraining(release, tmp_path, work_dir), '--resume')
    again = losses(work_dir)
    assert sorted(again) == list(range(1, 9))
    assert again == losses(whole)
    resumed = weights(work_dir)
    assert all(torch.equal(resumed[k], value) for k, value in weights(whole).items())


def test_subjects_seen_by_the_initial_weights_stay_on_record(release, tmp_path):
    start = dict(meta=dict(pretrained_on={'mmew': ['S01'], 'dfew': None}))
    path = small_pretraining(release, tmp_path, tmp_path / 'second')
    cfg = Config.fromfile(path)
    cfg.train_cfg.max_iters = 1
    cfg.load_from = str(tmp_path / 'first.pth')
    torch.save(start | dict(state_dict={}), cfg.load_from)
    Runner.from_cfg(cfg).train()
    found = read_checkpoint(tmp_path / 'second' / 'last.pth')['meta']['pretrained_on']
    seen = {'dfew': None, 'mmew': ['S01'], 'synthme': ['sub02', 'sub03']}
    assert found == seen
    cfg = Config.fromfile(path)
    cfg.randomness.diff_rank_seed = True
    with pytest.raises(MERRunError) as error:
        Runner.from_cfg(cfg).train()
    assert error.value.field == 'randomness.diff_rank_seed'


def test_another_seed_is_another_run_and_bfloat16_trains(release, whole, tmp_path):
    cfg = Config.fromfile(small_pretraining(release, tmp_path, tmp_path / 'other'))
    cfg.randomness.seed = 1
    cfg.train_cfg.max_iters = 2
    cfg.optim_wrapper.type = 'BFloat16OptimWrapper'
    Runner.from_cfg(cfg).train()
    found = losses(tmp_path / 'other')
    assert found[1] != losses(whole)[1]
    assert all(0 < loss < 10 for loss in found.values())
