"""What is made small, so that every command ends in seconds.

Each function patches a module right after it is imported, whoever imports it
(``hook/sitecustomize.py``). Configs are made small where they are read and wherever
options are merged into them, again and again: doing it twice changes nothing.
"""

import argparse
import functools
import json
import os
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

SUBJECTS, CLIPS, ITERATIONS, ROWS = 4, 3, 2, 2
SHEET, DOTS = 10, 30
# What a crash of the machine would lose, nobody misses.
os.fsync = lambda file: None
# Options that a command does not give, by the name of its tool.
DEFAULTS: dict[str, dict[str, Any]] = {
    'prepare.py': dict(size=112, workers=1),
    'make_synthme.py': dict(workers=1),
    # Not over the weights of the package.
    'pretrain_synthme.py': dict(
        identities=2,
        iters=2,
        batch=2,
        workers=1,
        out=Path('checkpoints/vit-tiny_synthme.pth'),
    ),
    'allocator.py': dict(batch=2, steps=3, turns=1),
    'loso.py': dict(ways=['host-loop', 'stacked']),
    'scaling.py': dict(folds=[2], clips=[6], steps=1),
    'store.py': dict(clips=1, turns=1),
}

SUMMARY = [
    f'training: {ITERATIONS} iterations of 4 clips, no processes that read',
    f'protocols: of more than {SUBJECTS} subjects the first, the third and the fifth',
    f'SynthME: at most {SUBJECTS} subjects with {CLIPS} clips each',
    'a ViT-B (B/14, B/16, B/32): two layers of width 32 at 64 pixels, not pre-trained; '
    'files to convert are as small',
    'faces: looked for once in equal pictures (a fake release has 64)',
    'a ResNet-18 of MIACNet: an eighth of its channels',
    'weights at an address on the web: none',
    f'figures: {DOTS} dots an inch; contact sheets: the first {SHEET} clips',
    f'tables of ablations: their first {ROWS} rows',
    'clusters: a fake srun and sbatch run two tasks on this machine',
    *(
        f'{name}: ' + ', '.join(f'--{key} {value}' for key, value in options.items())
        for name, options in DEFAULTS.items()
    ),
]


def shrink_run(cfg: Any) -> None:
    """Make a config of a run small, in place; any other config stays as it is."""
    if not isinstance(cfg.get('model'), dict) or not isinstance(
        cfg.get('train_cfg'), dict
    ):
        return
    from small_configs import small_branch, small_loader, small_pictures, small_vit

    vit = cfg.model.get('backbone', {}).get('vit')
    is_large = bool(vit) and (vit.get('arch') == 'b' or vit.get('img_size') == 224)
    if 'max_iters' in cfg.train_cfg:
        cfg.train_cfg.max_iters = ITERATIONS
    if 'val_interval' in cfg.train_cfg:
        cfg.train_cfg.val_interval = ITERATIONS
    if isinstance(cfg.get('param_scheduler'), list):
        cfg.param_scheduler = cfg.param_scheduler[:1]  # the warm-up is not over
    for name in ('train_dataloader', 'val_dataloader', 'test_dataloader'):
        loader = cfg.get(name)
        if not loader:
            continue
        small_loader(loader)
        if is_large:
            small_pictures(loader.dataset)
        if cfg.get('runner_type'):
            keep_few(loader.dataset)
        elif loader.dataset.get('held_out'):
            loader.dataset.held_out = ['sub01']
    if is_large:
        small_vit(cfg.model)
    if 'branch' in cfg.model.get('backbone', {}):
        small_branch(cfg.model.backbone.branch)
    forget_addresses(cfg.model)


def keep_few(dataset: Any) -> None:
    """Let a data set keep a few subjects, if its file is there."""
    path = Path(dataset.get('data_root') or '', dataset.get('ann_file') or '')
    if not path.is_file():
        return
    rows = json.loads(path.read_text())['data_list']
    given = dataset.get('filter_cfg') or {}
    if {*given.get('subject', ())} & {row['subject'] for row in rows}:
        return  # as chosen before, maybe by names of another data set
    few: list[str] = []
    for name in sorted({row['dataset'] for row in rows}):
        own = {row['subject'] for row in rows if row['dataset'] == name}
        if len(own) <= SUBJECTS:
            return
        few += sorted(own)[:5:2]
    dataset.filter_cfg = {**given, 'subject': few}


def forget_addresses(node: Any) -> None:
    """Take out every ``init_cfg`` that would fetch its weights."""
    if isinstance(node, dict):
        start = node.get('init_cfg')
        if isinstance(start, dict) and str(start.get('checkpoint'))[:4] == 'http':
            del node['init_cfg']
        for value in node.values():
            forget_addresses(value)
    elif isinstance(node, list | tuple):
        for value in node:
            forget_addresses(value)


def patch_config(module: ModuleType) -> None:
    """``Config.fromfile`` and what merges options into its result."""
    config = module.Config
    read, merge = config.fromfile, config.merge_from_dict

    def fromfile(*args: Any, **options: Any) -> Any:
        cfg = read(*args, **options)
        shrink_run(cfg)
        return cfg

    def merge_from_dict(self: Any, *args: Any, **options: Any) -> None:
        merge(self, *args, **options)
        shrink_run(self)

    config.fromfile = staticmethod(fromfile)
    config.merge_from_dict = merge_from_dict


def patch_synthme(module: ModuleType) -> None:
    """``make_release`` draws fewer people and clips."""
    make = module.make_release

    @functools.wraps(make)
    def make_release(out: Any, release: Any, *args: Any, **options: Any) -> Any:
        subjects = min(release.subjects, SUBJECTS)
        clips = min(release.clips, CLIPS)
        small = replace(release, subjects=subjects, clips=clips)
        return make(out, small, *args, **options)

    module.make_release = make_release


def patch_ablation(module: ModuleType) -> None:
    """``read_table`` keeps the first rows."""
    read = module.read_table

    @functools.wraps(read)
    def read_table(*args: Any, **options: Any) -> Any:
        table = read(*args, **options)
        return replace(table, rows=table.rows[:ROWS])

    module.read_table = read_table


def patch_faces(module: ModuleType) -> None:
    """A face that was found is known when the same picture comes again."""
    find = module.FaceFinder.__call__
    known: dict[tuple[Any, bytes], Any] = {}

    @functools.wraps(find)
    def call(self: Any, picture: Any) -> Any:
        key = picture.shape, picture.tobytes()
        if key not in known:
            known[key] = find(self, picture)
        return known[key]

    module.FaceFinder.__call__ = call


def patch_figures(module: ModuleType) -> None:
    """Figures have few dots."""
    save = module.Figure.savefig

    @functools.wraps(save)
    def savefig(self: Any, *args: Any, **options: Any) -> Any:
        return save(self, *args, **options | dict(dpi=DOTS))

    module.Figure.savefig = savefig


def patch_sheets(module: ModuleType) -> None:
    """Contact sheets show the first clips."""
    write = module.write_clip_sheets

    @functools.wraps(write)
    def write_clip_sheets(rows: Any, *args: Any, **options: Any) -> Any:
        return write(rows[:SHEET], *args, **options)

    module.write_clip_sheets = write_clip_sheets


def patch_argparse(module: ModuleType) -> None:
    """Options that are not given have small values in some tools."""
    parser = module.ArgumentParser
    parse = parser.parse_known_args

    def parse_known_args(
        self: argparse.ArgumentParser, *args: Any, **options: Any
    ) -> Any:
        small = DEFAULTS.get(Path(sys.argv[0]).name, {})
        known = {action.dest for action in self._actions}
        self.set_defaults(**{k: v for k, v in small.items() if k in known})
        return parse(self, *args, **options)

    parser.parse_known_args = parse_known_args


PATCHES = {
    'mmengine.config.config': patch_config,
    'mmaction_mer.datasets.synthme.release': patch_synthme,
    'mmaction_mer.datasets.faces.finder': patch_faces,
    'mmaction_mer.ablation.spec': patch_ablation,
    'mmaction_mer.visualization.clip_sheets': patch_sheets,
    'matplotlib.figure': patch_figures,
    'argparse': patch_argparse,
}
