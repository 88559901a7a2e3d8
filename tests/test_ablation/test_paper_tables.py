"""The tables of configs/ablations: every row is a model of its own."""

import copy

import pytest
import torch
from mmaction.registry import MODELS
from paths import CONFIGS

from mmaction_mer.ablation import plan_table, read_table

TABLES = sorted((CONFIGS / 'ablations').glob('*.py'))
OF_MPT = [
    path for path in TABLES if path.stem not in ('ma2mi', 'ma2mi_mpt', 'mechanism')
]
TINY = CONFIGS / 'mpt_vit-tiny_synthme.py'
# The classes of SMIC and SynthME, without an annotation that has them.
THREE = ['model.cls_head.num_classes=3']


def trainable(model):
    return sum(one.numel() for one in model.parameters() if one.requires_grad)


def build(cfg):
    """Build the model of a row; a ViT-B takes no memory and no weights are read."""
    cfg = copy.deepcopy(cfg)
    vit = cfg.backbone.get('vit') or {}
    vit.pop('init_cfg', None)
    # A ResNet reads numbers from tensors while it is built.
    with torch.device('meta' if vit else 'cpu'):
        return MODELS.build(cfg)


# The rows of table IX have base configs of their own, so that no other can be given.
CASES = [(path, None) for path in TABLES]
CASES += [(path, TINY) for path in OF_MPT if path.stem != 'table9']


@pytest.mark.parametrize(('path', 'base'), CASES, ids=lambda path: path and path.stem)
def test_every_row_is_a_model_of_its_own(path, base, tmp_path):
    table = read_table(path)
    assert any(row.base for row in table.rows) == (path.stem == 'table9')
    trials = plan_table(table, tmp_path, base=base, options=THREE).trials
    assert len({trial.folder for trial in trials}) == len(trials)
    for trial in trials:
        assert trainable(build(trial.cfg.model)) > 0


@pytest.mark.parametrize('path', TABLES, ids=lambda path: path.stem)
def test_numbers_of_a_paper_are_there_where_it_has_them(path):
    table = read_table(path)
    assert table.reference is not None
    assert bool(table.paper) == path.stem.startswith(('table', 'figure'))
    if path.stem.startswith('table'):
        assert all({'acc', 'f1'} <= row.paper.keys() for row in table.rows)


def test_trainable_parameters_are_those_of_the_paper(tmp_path):
    """Counted on the ViT-B/16 itself, against the millions that the paper reports."""
    for name in ('table6', 'table7', 'table8'):
        plan = plan_table(
            read_table(CONFIGS / 'ablations' / f'{name}.py'), tmp_path, options=THREE
        )
        for trial in plan.trials:
            count = trainable(build(trial.cfg.model)) / 1e6
            # The paper may count shared means and heads otherwise: to a tenth of a
            # million, or a tenth of it.
            expected = trial.row.paper['millions']
            assert count == pytest.approx(expected, abs=0.1, rel=0.15), trial.row.name


def test_the_default_is_one_run_in_all_tables(tmp_path):
    plans = [plan_table(read_table(path), tmp_path) for path in OF_MPT]
    folders = {
        trial.folder
        for plan in plans
        for trial in plan.trials
        if trial.row.name == plan.spec.reference
    }
    assert len(folders) == 1
