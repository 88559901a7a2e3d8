"""Plans of tables: which config and which folder belongs to a row."""

import pytest
from ablation_toy import edit

from mmaction_mer.ablation import plan_table, read_table
from mmaction_mer.utils.errors import ConfigError


def test_rows_are_merged_into_the_base(tables, tmp_path):
    spec = read_table(tables[0])
    plan = plan_table(spec, tmp_path, options=['model.alpha=3.0'], strategy='stacked')
    assert (plan.base, plan.stem) == ('base.py', tmp_path / 'base' / 'first')
    trial = plan.trials[0]
    # A row's own options are applied after those of all rows.
    assert trial.cfg.model.alpha == 0.0
    assert trial.changes == ['model.alpha: 3.0 -> 0.0']
    assert trial.cfg.resume and trial.cfg.work_dir == str(trial.folder)
    assert trial.cfg.loso.to_dict() == dict(
        protocol='loso', strategy='stacked', seeds=[4]
    )
    assert plan_table(spec, tmp_path, seeds=[0, 1]).trials[0].seeds == (0, 1)


def test_equal_configs_share_a_folder(tables, tmp_path):
    first, second = (plan_table(read_table(path), tmp_path) for path in tables)
    assert first.trials[1].folder == second.trials[1].folder
    assert first.trials[0].folder == second.trials[2].folder
    assert first.trials[0].folder.parent == tmp_path / 'runs' / 'base'


def test_a_row_with_a_base_of_its_own(tables, tmp_path):
    wide = tmp_path / 'configs' / 'wide.py'
    wide.write_text((tmp_path / 'configs' / 'base.py').read_text())
    edit(wide, 'num=5', 'num=9')
    edit(tables[1], "'off', options={'model.prompt': None}",
            "'off', base='wide.py', options={}")  # fmt: skip
    trial = plan_table(read_table(tables[1]), tmp_path).trials[0]
    assert trial.changes == ['model.prompt.num: 5 -> 9']
    assert trial.folder.parent.name == 'wide'
    # It is named by the difference from its own base.
    assert trial.folder.name.startswith('base-')


@pytest.mark.parametrize(
    ('file', 'old', 'new', 'field'),
    [
        ('base.py', 'runner_type', 'other', 'runner_type'),
        ('ablations/first.py', 'model.alpha', 'modell.alpha',
         "rows['alpha = 0'].options['modell.alpha']"),
        ('ablations/first.py', "{}", "{'loso': 5}", 'loso'),
    ],
)  # fmt: skip
def test_a_mistake_names_file_and_field(file, old, new, field, tables):
    path = tables[0].parents[1] / file
    edit(path, old, new)
    with pytest.raises(ConfigError) as caught:
        plan_table(read_table(tables[0]), path.parent)
    assert (caught.value.path, caught.value.field) == (str(path), field)
