"""Resuming an ordinary config from files that are not training states."""

import pytest
import torch
from mmengine.runner import Runner
from torch import nn

from mmaction_mer.models.utils.slim_checkpoint import load_slim
from mmaction_mer.utils.errors import MERRunError

SOUND = {'epoch': 0, 'iter': 1}


class Toy(nn.Linear):
    """A model with a training step, as a runner wants it."""

    def __init__(self):
        super().__init__(2, 1)

    def train_step(self, data, optim_wrapper):
        loss = self(torch.ones(1, 2)).sum()
        optim_wrapper.update_params(loss)
        return dict(loss=loss)


def resumed(path, work_dir):
    runner = Runner(
        Toy(),
        str(work_dir),
        train_dataloader=dict(
            dataset=[0, 1],
            batch_size=1,
            sampler=dict(type='DefaultSampler', shuffle=False),
        ),
        train_cfg=dict(by_epoch=False, max_iters=2),
        optim_wrapper=dict(optimizer=dict(type='SGD', lr=0.1)),
        load_from=str(path),
        resume=True,
        default_scope='mmengine',
        experiment_name=work_dir.parent.name,
    )
    runner.train()
    return runner


@pytest.mark.parametrize(
    'content',
    [
        {'state_dict': {}},
        {'meta': [1], 'state_dict': {}},
        {'meta': {'epoch': 'x', 'iter': 1}, 'state_dict': {}, 'message_hub': {}},
        {'meta': {'epoch': 0, 'iter': -1}, 'state_dict': {}, 'message_hub': {}},
        {'meta': SOUND, 'state_dict': {}},
        {'meta': SOUND, 'state_dict': {}, 'message_hub': {}, 'optimizer': 5},
        {'meta': SOUND, 'state_dict': {}, 'message_hub': {'log_scalars': 3}},
        {'meta': SOUND, 'state_dict': {'\x1b[31m' + 'y' * 10**6: torch.ones(1)}},
    ],
)
def test_an_invalid_training_state_is_one_message(content, tmp_path, capfd):
    torch.save(content, tmp_path / 'state.pth')
    with pytest.raises(MERRunError) as caught:
        resumed(tmp_path / 'state.pth', tmp_path / 'w')
    assert len(str(caught.value)) < 1500
    shown = ''.join(capfd.readouterr())
    assert len(shown) < 50_000 and '\x1b[31m' not in shown


def test_a_config_in_a_checkpoint_is_not_run(tmp_path):
    planted = tmp_path / 'planted'
    config = f'import pathlib\npathlib.Path({str(planted)!r}).touch()\n'
    torch.save(
        {
            'meta': SOUND | {'config': config},
            'state_dict': Toy().state_dict(),
            'message_hub': {
                'log_scalars': {},
                'runtime_info': {},
                'resumed_keys': {},
            },
        },
        tmp_path / 'state.pth',
    )
    assert resumed(tmp_path / 'state.pth', tmp_path / 'w').iter == 2
    assert not planted.exists()


def test_names_of_a_checkpoint_are_quoted():
    state = {f'\x1b[31m{number}' + 'y' * 10**5: torch.ones(1) for number in range(99)}
    with pytest.raises(MERRunError) as caught:
        load_slim(nn.Linear(2, 1), state)
    assert len(str(caught.value)) < 1500 and str(caught.value).isprintable()
