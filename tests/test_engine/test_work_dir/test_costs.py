"""Work that a run repeats for every fold is done once, shown by counters."""

import shutil
from collections import Counter

import pytest
import torch
from settings import train

from mmaction_mer.datasets import annotation
from mmaction_mer.engine.work_dir.fold_check import read_model
from mmaction_mer.engine.work_dir.fold_folder import FoldFolder
from mmaction_mer.engine.work_dir.run_clips import RunClips
from mmaction_mer.engine.work_dir.work_dir import WorkDir
from mmaction_mer.evaluation import predictions
from mmaction_mer.utils.checkpoints import reading
from mmaction_mer.utils.errors import MERDataError, MERRunError


@pytest.fixture
def count(monkeypatch):
    """Count the calls of a function by the path that it is given."""

    def start(owner, name):
        calls, function = Counter(), getattr(owner, name)

        def counted(*args, **kwargs):
            calls.update(str(one) for one in args if '/' in str(one)[:1])
            return function(*args, **kwargs)

        monkeypatch.setattr(owner, name, counted)
        return calls

    return start


@pytest.fixture
def forgotten(monkeypatch):
    """Start without the caches that earlier tests have filled."""
    annotation._parse_annotation.cache_clear()
    monkeypatch.setattr(predictions, '_KNOWN_VALID', {})


@pytest.mark.parametrize('strategy', ['sequential', 'stacked'])
def test_a_run_parses_the_annotation_once_and_validates_a_fold_once(
    strategy, stack_config, count, forgotten
):
    parsed = count(annotation, 'validate_annotation')
    validated = count(predictions, 'validate_predictions')
    cfg = stack_config(
        loso__strategy=strategy,
        train_cfg__max_iters=2,
        run_hooks=[dict(type='RunReportHook')],
    )
    train(cfg)
    assert list(parsed.values()) == [1]
    assert len(validated) == 4 and set(validated.values()) == {1}


def test_reading_a_run_parses_its_clips_once(finished_run, monkeypatch):
    calls, parse = [], RunClips.from_json.__func__
    counted = classmethod(lambda cls, content: calls.append(1) or parse(cls, content))
    monkeypatch.setattr(RunClips, 'from_json', counted)
    assert len(WorkDir(finished_run).run().folds) == 4
    assert len(calls) == 1


def test_a_model_is_opened_once(run_copy, count):
    from mmaction_mer.apis.weights import load_weights

    folder = FoldFolder(run_copy / 'folds' / 's2')
    for load in (lambda: read_model(folder), lambda: load_weights(folder.model)):
        opened = count(reading, 'open_regular')
        load()
        assert opened == {str(folder.model): 1}
    torch.save(dict(torch.load(folder.model), more=1), folder.model)
    for load in (lambda: read_model(folder), lambda: load_weights(folder.model)):
        with pytest.raises(MERRunError) as error:
            load()
        assert error.value.path == str(folder.model)


def test_changed_content_is_never_taken_from_a_cache(run_copy, toy_data, tmp_path):
    """Not even a change of equal size, within the resolution of the file times."""
    path = shutil.copy(toy_data / 'annotations.json', tmp_path)
    first = annotation.read_annotation(path)
    first['data_list'].clear()
    assert len(annotation.read_annotation(path)['data_list']) == 16
    text = (toy_data / 'annotations.json').read_text()
    (tmp_path / 'annotations.json').write_text(text.replace('"s1_c0"', '"s1_c9"'))
    assert annotation.read_annotation(path)['data_list'][0]['clip'] == 's1_c9'

    path = run_copy / 'folds' / 's1' / 'predictions.jsonl'
    lines = predictions.read_predictions(path)
    label = f'"label": {lines[0]["label"]}'
    path.write_text(path.read_text().replace(label, '"label": 7', 1))
    with pytest.raises(MERDataError):
        predictions.read_predictions(path)
