"""Mistakes that are refused, each with one message, instead of pooled or traced."""

import importlib.util
import json
import re
import shutil
from pathlib import Path

import pytest
import torch
from mmaction.registry import MODELS, RUNNERS
from mmengine.config import Config

from mmaction_mer.datasets import MERDataError
from mmaction_mer.engine import MERRunError, loso_plan
from mmaction_mer.engine.fingerprint import canonical_config, file_digest
from mmaction_mer.engine.loso_plan import make_plan
from mmaction_mer.engine.outcome import conclude
from mmaction_mer.engine.stored_runs import read_runs
from mmaction_mer.engine.strategies import STRATEGIES, sequential
from mmaction_mer.models import pretrained

TOOLS = Path(__file__).parents[2] / 'tools'


def train(cfg):
    return RUNNERS.build(cfg).train()


def load(name):
    """Load a tool as a module, to call its main()."""
    spec = importlib.util.spec_from_file_location(f'mistakes_{name}', TOOLS / name)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope='module')
def finished(module_config):
    """The folds s1 and s2, trained with the last iteration."""
    cfg = Config.fromfile(module_config)
    cfg.work_dir = str(module_config.parent / 'run')
    cfg.loso = dict(protocol='loso', folds=['s1', 's2'])
    train(cfg)
    return module_config.parent / 'run'


@pytest.fixture
def run_copy(finished, tmp_path):
    """A copy of the finished run, to be spoiled."""
    shutil.copytree(finished, tmp_path / 'run')
    return tmp_path / 'run'


@pytest.mark.parametrize('scheme', ['', pretrained.PACKAGE_SCHEME])
def test_the_content_of_pretrained_weights_counts(
    scheme, make_config, tmp_path, monkeypatch
):
    monkeypatch.setattr(pretrained, 'WEIGHTS_DIR', tmp_path)
    file = tmp_path / 'vit.pth'
    file.write_bytes(b'one')
    name = f'{scheme}vit.pth' if scheme else str(file)
    init = dict(type='Pretrained', checkpoint=name)
    cfg = make_config(model__backbone=dict(vit=dict(init_cfg=[init])))
    before = make_plan(cfg)
    assert make_plan(cfg).fingerprint == before.fingerprint
    file.write_bytes(b'two')
    after = make_plan(cfg)
    assert after.fingerprint != before.fingerprint
    field = 'model.backbone.vit.init_cfg[0].checkpoint'
    assert list(after.config['pretrained_weights']) == [field]
    init['checkpoint'] = 'https://example.org/vit.pth'
    cfg = make_config(model__backbone=dict(vit=dict(init_cfg=[init])))
    assert 'pretrained_weights' not in make_plan(cfg).config


def test_other_pretrained_weights_are_refused_on_resume(
    make_config, tmp_path, monkeypatch
):
    import engine_toy

    class Toy(engine_toy.EngineToy):
        def __init__(self, *args, pretrained=None, **kwargs):
            super().__init__(*args, **kwargs)

    monkeypatch.setitem(MODELS.module_dict, 'EngineToy', Toy)
    file = tmp_path / 'weights.pth'
    file.write_bytes(b'one')
    changes = dict(model__pretrained=str(file))
    train(make_config(loso__folds=['s1'], **changes))
    file.write_bytes(b'two')
    with pytest.raises(MERRunError, match=r'pretrained_weights.*pretrained: .* -> '):
        train(make_config(resume=True, loso__folds=['s2'], **changes))


def test_the_head_must_have_as_many_classes_as_the_data(make_config, toy_data):
    with pytest.raises(MERRunError) as error:
        RUNNERS.build(make_config(model__cls_head=dict(num_classes=5)))
    for part in (
        'model.cls_head.num_classes is 5',
        f'{toy_data}/annotations.json has 3 classes',
        'leave num_classes out',
    ):
        assert part in str(error.value)
    RUNNERS.build(make_config(model__cls_head=dict(num_classes=3)))


@pytest.mark.parametrize('key', ['selection', 'fingerprint'])
def test_folds_of_two_runs_are_not_pooled(key, run_copy, make_config):
    path = run_copy / 'folds' / 's2' / 'fold.json'
    path.write_text(json.dumps({**json.loads(path.read_text()), key: 'test'}))
    runner = RUNNERS.build(make_config(load_from=str(run_copy)))
    with pytest.raises(MERRunError, match=rf'{key} in fold.json.*: s1; test: s2'):
        runner.test()
    assert not (run_copy / 'test').exists()
    folders = runner.runs[0].done()
    facts = {'wall_time_s': 0.0}
    with pytest.raises(MERRunError, match=rf'{key} in fold.json.*: s1; test: s2'):
        conclude(runner.runs[0], folders, folders, run_copy / 'other.json', facts)
    assert not (run_copy / 'other.json').exists()


def test_a_missing_fold_is_not_passed_over(make_config, tmp_path, monkeypatch):
    def forgetful(jobs, options):
        yield from sequential(jobs[:1], options)

    monkeypatch.setitem(STRATEGIES, 'forgetful', forgetful)
    cfg = make_config(loso__strategy='forgetful', loso__folds=['s1', 's2', 's4'])
    with pytest.raises(MERRunError, match=r'2 of 3 folds are not done: s2, s4'):
        train(cfg)
    assert not (tmp_path / 'run' / 'results.json').exists()


def test_samples_without_names_are_refused_before_training(make_config, tmp_path):
    cfg = make_config()
    cfg.test_dataloader.dataset.pipeline[-1] = dict(
        type='PackMERInputs', meta_keys=('dataset', 'img_shape')
    )
    state = torch.get_rng_state()
    with pytest.raises(MERRunError, match=r'without subject, clip: .*add meta_keys=\('):
        train(cfg)
    assert torch.equal(torch.get_rng_state(), state)
    assert not (tmp_path / 'run' / 'folds').exists()


def test_predictions_without_names_end_the_first_fold(
    make_config, tmp_path, monkeypatch
):
    from mmaction_mer.evaluation import mer_metric

    # Names that get lost only after the data set, in a model say.
    monkeypatch.setattr(mer_metric, 'NAMES', ('lost',))
    with pytest.raises(
        (MERRunError, MERDataError), match=r'without lost.*add meta_keys=\('
    ):
        train(make_config())
    folds = tmp_path / 'run' / 'folds'
    assert [path.name for path in folds.iterdir()] == ['s1']
    state = json.loads((folds / 's1' / 'fold.json').read_text())
    assert state['status'] == 'running'


BROKEN = [
    ('x = (', r'SyntaxError: .*line 1'),
    ('a = 1\nx = nothing_here', r'line 2: NameError: .*nothing_here'),
    ("_base_ = ['./nowhere.py']", r'nowhere\.py'),
]


@pytest.mark.parametrize('name', ['train.py', 'test.py'])
def test_a_broken_config_file_is_one_message(name, tmp_path, capsys):
    main = load(name).main
    path = tmp_path / 'broken.py'
    assert main([str(path)]) == 1
    assert capsys.readouterr().err == f'error: {path}: there is no such config file\n'
    for text, message in BROKEN:
        path.write_text(text)
        assert main([str(path)]) == 1
        shown = capsys.readouterr().err
        assert shown.startswith(f'error: {path}: this config cannot be read: ')
        assert 'Traceback' not in shown
        assert re.search(message, shown)


def test_missing_pretrained_weights_are_one_message(
    config_file, tmp_path, capsys, monkeypatch
):
    import engine_toy

    weights = tmp_path / 'vit.pth'

    class Toy(engine_toy.EngineToy):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            pretrained.load_pretrained(self, str(weights), prefix='backbone')

    monkeypatch.setitem(MODELS.module_dict, 'EngineToy', Toy)
    command = [str(config_file), '--work-dir', str(tmp_path / 'run')]
    assert load('train.py').main(command) == 1
    assert f'error: the pre-trained weights {weights}' in capsys.readouterr().err
    torch.save({'backbone.x': torch.zeros(1)}, weights)
    assert load('train.py').main([*command, '--resume']) == 1
    assert f'error: {weights}: ' in capsys.readouterr().err


def test_auto_scale_lr_says_what_the_config_lacks(config_file):
    tool = load('train.py')
    args = tool.parse_args([str(config_file), '--auto-scale-lr'])
    with pytest.raises(SystemExit, match='auto_scale_lr = dict.base_batch_size=N'):
        tool.build_config(args)
    with config_file.open('a') as file:
        file.write('auto_scale_lr = dict(base_batch_size=8)\n')
    assert tool.build_config(args).auto_scale_lr.enable


@pytest.mark.parametrize('file', ['folds/s1/fold.json', 'loso.json'])
def test_a_state_that_is_no_object_is_named(file, run_copy):
    (run_copy / file).write_text('[1]')
    with pytest.raises(MERRunError, match=rf'{file}: holds a list.*--resume'):
        read_runs(run_copy)


def test_how_it_is_tested_is_part_of_the_fingerprint(make_config):
    plain = make_plan(make_config()).fingerprint
    assert make_plan(make_config(test_cfg=dict(fp16=True))).fingerprint != plain
    assert make_plan(make_config(test_cfg=dict(type='TestLoop'))).fingerprint == plain
    assert 'test_cfg' not in canonical_config(dict(test_cfg=dict(fp16=False)))


MISTAKES = [
    ('model.scal=1', r"the config's model cannot be built: TypeError: .*'scal'"),
    ('optim_wrapper.optimizer.lr=abc', r"the config's optim_wrapper cannot be built"),
    ('train_cfg.max_iters=0', r'train_cfg\.max_iters is 0, not a positive integer'),
    ('train_cfg.max_iters=x', r"train_cfg\.max_iters is 'x', not a positive integer"),
    ('train_cfg=5', r'train_cfg is 5, not a dict of settings'),
    ('train_cfg.type=Nope', r"the config's train_cfg cannot be built"),
    ('test_evaluator.type=Nope', r"the config's evaluator cannot be built"),
    ('test_dataloader.batch_size=0', r'test_dataloader\.batch_size is 0, not a'),
    ('train_dataloader.dataset.pipeline.9.type=X', r'--cfg-options .*Index 9 exceeds'),
]


@pytest.mark.parametrize(('option', 'message'), MISTAKES)
def test_a_mistaken_option_is_one_message(
    option, message, config_file, tmp_path, capsys
):
    command = [str(config_file), '--work-dir', str(tmp_path / 'run')]
    assert load('train.py').main([*command, '--cfg-options', option]) == 1
    shown = capsys.readouterr().err
    assert re.search(message, shown)
    assert 'Traceback' not in shown


def test_an_option_without_a_value_is_a_usage_error(config_file, capsys):
    with pytest.raises(SystemExit) as stop:
        load('train.py').main([str(config_file), '--cfg-options', 'model.scale'])
    assert stop.value.code == 2
    assert "'model.scale' is not of the form key=value" in capsys.readouterr().err


def test_whether_clips_are_kept_in_memory_is_not_part_of_the_fingerprint(make_config):
    plain, kept = make_config(), make_config()
    kept.train_dataloader.dataset.cache = True
    assert canonical_config(plain) == canonical_config(kept)
    assert kept.train_dataloader.dataset.cache
    for cfg in (plain, kept):
        inner = cfg.train_dataloader.dataset
        cfg.train_dataloader.dataset = dict(
            type='RepeatDataset', times=2, dataset=inner
        )
    assert canonical_config(plain) == canonical_config(kept)


def test_folds_of_older_numerics_are_refused(make_config, tmp_path, monkeypatch):
    cfg = make_config()
    cfg.update(work_dir=str(tmp_path / 'run'), loso=dict(folds=['s1']))
    train(cfg)
    monkeypatch.setattr(loso_plan, 'NUMERICS', loso_plan.NUMERICS + 1)
    again = make_config()
    again.update(work_dir=str(tmp_path / 'run'), resume=True)
    with pytest.raises(MERRunError, match='numerics'):
        train(again)


@pytest.mark.parametrize(
    'state',
    [5, 'text', [1], torch.ones(2), None],
    ids=['5', 'text', 'list', 'tensor', ''],
)
def test_a_model_without_weights_by_name_is_not_scored(
    state, run_copy, config_file, tmp_path, capsys
):
    model = run_copy / 'folds' / 's1' / 'model.pth'
    torch.save(dict(state_dict=state), model)
    # Who changes one file can change two.
    stored = json.loads(model.with_name('fold.json').read_text())
    stored['digests']['model.pth'] = file_digest(model)
    model.with_name('fold.json').write_text(json.dumps(stored))
    test = load('test.py').main
    given = [str(config_file), str(run_copy), '--folds', 's1']
    assert test([*given, '--work-dir', str(tmp_path / 'scored')]) == 1
    errors = capsys.readouterr().err
    assert f'{model}: holds no state_dict' in errors and 'Traceback' not in errors
