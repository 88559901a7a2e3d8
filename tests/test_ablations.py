"""The lists of configs/ablations: every row is a model; and one of them run whole."""

import copy
import json
from pathlib import Path

import pytest
from load_tool import load_tool
from mmaction.registry import MODELS
from mmengine.config import Config

from mmaction_mer.datasets.synthme import Release, make_release
from mmaction_mer.engine import ablation_runs
from mmaction_mer.engine.ablation import read_table
from mmaction_mer.engine.ablation_trials import plan_trials

ROOT = Path(__file__).parents[1]
CONFIGS = ROOT / 'configs'
ALL = sorted((CONFIGS / 'ablations').glob('*.py'))
MA2MI = [path for path in ALL if path.stem.startswith('ma2mi')]
LISTS = [path for path in ALL if path not in MA2MI]
BASES = ('mpt_vit-b16_smic.py', 'mpt_vit-tiny_synthme.py')
# SMIC's and SynthME's classes, where there is no annotation to count them.
THREE = {'model.cls_head.num_classes': 3}
# As many layers as the deepest place that a row names asks for.
SMALL = dict(embed_dims=48, num_layers=4, num_heads=4, feedforward_channels=48)


def small_model(cfg):
    """Build a row's model over a small ViT; nothing else of it is changed."""
    model = copy.deepcopy(cfg.model)
    vit = model.backbone.vit
    vit.pop('init_cfg', None)
    vit.update(arch=SMALL, img_size=64)
    model.cls_head.update(in_channels=SMALL['embed_dims'], num_classes=3)
    return MODELS.build(model)


def learns(model):
    return sum(p.numel() for p in model.parameters() if p.requires_grad)


# Rows of table IX have bases of their own, so that no other can be given.
@pytest.mark.parametrize(
    ('path', 'base'),
    [
        pytest.param(path, base, id=f'{path.stem}-{base}')
        for path in LISTS
        for base in (BASES[:1] if path.stem == 'table9' else BASES)
    ],
)
def test_every_row_is_a_model_of_its_own(path, base, tmp_path):
    table = read_table(path)
    with_bases = any(row.base for row in table.rows)
    assert with_bases == (path.stem == 'table9')
    trials = plan_trials(table, tmp_path, base=None if with_bases else CONFIGS / base)
    assert len({trial.folder for trial in trials}) == len(trials)
    for trial in trials:
        assert learns(small_model(trial.cfg)) > 0
    assert table.reference is not None
    # A table of the paper's has its numbers, others have none.
    stem = path.stem
    of_the_paper = stem.startswith(('table', 'figure'))
    assert bool(table.paper) == of_the_paper
    if stem.startswith('table'):
        assert all({'acc', 'f1'} <= row.paper.keys() for row in table.rows)


@pytest.mark.parametrize('path', MA2MI, ids=lambda path: path.stem)
def test_rows_of_ma2mi_are_models_too(path, tmp_path):
    trials = plan_trials(read_table(path), tmp_path, options=THREE)
    assert len({trial.folder for trial in trials}) == len(trials)
    starts = [trial.cfg.model.backbone.get('init_cfg') for trial in trials]
    assert any(starts) and not all(starts)
    for trial in trials:
        assert learns(MODELS.build(trial.cfg.model)) > 0


def test_what_learns_in_the_papers_rows(tmp_path):
    """Counted on the ViT-B/16 itself, against the millions that the paper gives."""
    found = {}
    for name in ('table6', 'table7', 'table8'):
        table = read_table(CONFIGS / 'ablations' / f'{name}.py')
        for trial in plan_trials(table, tmp_path, options=THREE):
            model = copy.deepcopy(trial.cfg.model)
            model.backbone.vit.pop('init_cfg', None)
            count = found.get(trial.folder)
            if count is None:
                count = found[trial.folder] = learns(MODELS.build(model)) / 1e6
            # The paper counts shared means and heads as it likes: to a tenth of a
            # million, or a tenth of it.
            claimed = trial.row.paper['millions']
            assert count == pytest.approx(claimed, abs=0.1, rel=0.15), trial.row.name


def test_the_default_is_one_run_in_all_tables(tmp_path):
    folders = []
    for path in LISTS:
        table = read_table(path)
        folders += [
            trial.folder
            for trial in plan_trials(table, tmp_path)
            if trial.row.name == table.reference
        ]
    assert len(folders) == len(LISTS) and len(set(folders)) == 1


@pytest.fixture(scope='module')
def lists(tmp_path_factory):
    """A table over the demo, made small, and its data."""
    root = tmp_path_factory.mktemp('ablation')
    make_release(root / 'data', Release(subjects=3, clips=3, size=112, seed=1), 1)
    cfg = Config.fromfile(CONFIGS / 'mpt_vit-tiny_synthme.py')
    cfg.train_cfg.max_iters = 2
    for loader in (cfg.train_dataloader, cfg.test_dataloader):
        loader.batch_size = 4
        loader.dataset.data_root = str(root / 'data')
        for step in loader.dataset.pipeline:
            if step.type == 'Resize':
                step.scale = (68, 68)
    cfg.model.data_preprocessor.augmentation.crop = 64
    cfg.model.backbone.vit.pop('init_cfg')
    cfg.model.backbone.vit.update(arch=SMALL, img_size=64)
    cfg.model.cls_head.in_channels = SMALL['embed_dims']
    folder = root / 'configs' / 'ablations'
    folder.mkdir(parents=True)
    cfg.dump(str(folder.parent / 'small.py'))
    (folder / 'two.py').write_text(
        "title = 'Two rows'\nbase = 'small.py'\n"
        "paper = dict(source='a paper', dataset='SMIC')\n"
        "rows = [dict(name='MPT', options={}, paper=dict(acc=86.59)),\n"
        "dict(name='VPT', options={'model.backbone.prompt': "
        "dict(type='VPTPrompt', num_prompts=3)})]\n"
    )
    return folder / 'two.py'


def test_a_table_from_the_command_line_and_again(lists, tmp_path, monkeypatch):
    tool = load_tool('ablate.py')
    command = [str(lists), '--out', str(tmp_path), '--seeds', '0', '1']
    assert tool.main(command) == 0
    table = json.loads((tmp_path / 'small' / 'two.json').read_text())
    found = table['measured']
    assert (found['datasets'], found['clips'], found['subjects']) == (['synthme'], 9, 3)
    assert found['seeds'] == [0, 1] and found['folds'] == {'done': 3, 'of': 3}
    whole, vpt = table['rows']
    assert whole['status'] == vpt['status'] == 'done'
    assert whole['learns'] > vpt['learns'] > 0
    assert whole['training_s'] > 0 and vpt['against']['acc']['interval']
    text = (tmp_path / 'small' / 'two.md').read_text()
    assert f'| MPT | {whole["learns"]:,} | ' in text
    assert '| paper (SMIC): Acc |' in text and '| 86.59 |\n' in text

    files = sorted((tmp_path / 'runs').rglob('*.json*'))
    assert len([path for path in files if path.name == 'predictions.jsonl']) == 12
    before = {path: path.stat().st_mtime_ns for path in files}

    def refuse(cfg):
        raise AssertionError('trained again')

    monkeypatch.setattr(ablation_runs.LOSORunner, 'from_cfg', refuse)
    assert tool.main(command) == 0
    assert {path: path.stat().st_mtime_ns for path in files} == before
    # Another annotation is another run: the table does not pass the old one off.
    annotation = lists.parents[2] / 'data' / 'annotations.json'
    text = annotation.read_text()
    content = json.loads(text)
    content['data_list'][0]['onset'] += 1
    annotation.write_text(json.dumps(content))
    try:
        monkeypatch.undo()
        assert tool.main(command) == 1
        rows = json.loads((tmp_path / 'small' / 'two.json').read_text())['rows']
        assert all('holds folds of another config' in row['status'] for row in rows)
    finally:
        annotation.write_text(text)
    assert tool.main([*command, '--only', 'VPT']) == 0
