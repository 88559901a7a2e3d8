"""A small pre-training of MIACNet for tests, and a hook that kills it."""

import json
import os
import signal
from pathlib import Path

from mmaction.registry import HOOKS
from mmengine.config import Config
from mmengine.hooks import Hook
from paths import CONFIGS


@HOOKS.register_module()
class KillAt(Hook):
    """Kill the process before an iteration."""

    priority = 'VERY_HIGH'

    def __init__(self, iteration):
        self.iteration = iteration

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        if runner.iter == self.iteration:
            os.kill(os.getpid(), signal.SIGKILL)


def small_pretraining(root, folder, work_dir, batch_size=4, kill_at=None):
    """Write a small config of ``ma2mi_miacnet_synthme.py``, and return its path."""
    cfg = Config.fromfile(CONFIGS / 'ma2mi_miacnet_synthme.py')
    cfg.work_dir = str(work_dir)
    cfg.train_cfg.update(max_iters=8, val_interval=4)
    cfg.default_hooks.checkpoint.update(interval=1000, seconds=0, share=None)
    cfg.default_hooks.logger.interval = 1
    cfg.log_processor.window_size = 1
    cfg.param_scheduler = [
        dict(type='LinearLR', start_factor=0.1, end=4, by_epoch=False)
    ]
    cfg.model.backbone.update(width=16, grid=7)
    cfg.model.backbone.branch.update(
        stem_channels=8, base_channels=8, norm_cfg=dict(type='GN', num_groups=4)
    )
    for loader in (cfg.train_dataloader, cfg.val_dataloader):
        loader.batch_size = batch_size
        loader.dataset.update(data_root=str(root), held_out=['sub01'])
        for step in loader.dataset.pipeline:
            if step.type == 'Resize':
                step.scale = (68, 68)
            if step.type == 'RandomCrop':
                step.size = 64
        loader.dataset.pipeline[3].crop_size = 98
    cfg.val_dataloader.dataset.pipeline[-2].crop_size = 64
    if kill_at is not None:
        cfg.custom_imports.imports.append('pretraining_toy')
        cfg.custom_hooks.append(dict(type='KillAt', iteration=kill_at))
    path = Path(folder) / f'{Path(work_dir).name}.py'
    cfg.dump(str(path))
    return path


def losses(work_dir):
    """Return the loss by iteration over all sessions; repeated ones count once."""
    found = {}
    for path in sorted(Path(work_dir).glob('*/vis_data/scalars.json')):
        for line in path.read_text().splitlines():
            row = json.loads(line)
            if 'loss' in row:
                found[row['step']] = row['loss']
    return found
