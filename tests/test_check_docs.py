"""What `make docs-check` finds in a page, and that it sees what fails."""

import ast
import doctest
import subprocess
import sys
import threading
import time

import pytest
from docs_check import check, commands, pages, provided, scratch, shrinking, tables
from load_tool import load_tool
from mmengine.config import Config
from paths import ROOT


def found(text, kind='command'):
    pieces = commands.pieces(text, 'a.md')
    return [(one.line, one.text) for one in pieces if one.kind == kind]


@pytest.mark.parametrize('module', [commands, tables])
def test_examples(module):
    assert doctest.testmod(module) == (0, 1)


def test_a_fence_without_language_holds_commands_or_none():
    text = (
        'Words.\n\n```\nmake demo     # all of it\n. .venv/bin/activate\n\n'
        '# why\ntools/slurm_train.sh PARTITION JOB c.py\nexport A=1\n'
        'A=2 python x.py\n.venv/bin/python -m pytest\n```\n'
        '```\nwall time: 114 s\nmake up your mind\n```\n'
    )
    with pytest.raises(commands.NoClearRule, match=r'a\.md:14: .* language, or split'):
        found(text)
    assert found(text.replace('make up', 'I make up')) == [
        (4, 'make demo     # all of it'),
        (5, '. .venv/bin/activate'),
        (8, 'tools/slurm_train.sh PARTITION JOB c.py'),
        (9, 'export A=1'),
        (10, 'A=2 python x.py'),
        (11, '.venv/bin/python -m pytest'),
    ]


@pytest.mark.parametrize(
    'line',
    ['tools/     train.py test.py', 'mmaction_mer/', 'p01,p01_003,12', 'makes sense',
     'python', '...', 'tools/train.py c.py', 'docker-compose.yml  what it is'],
)  # fmt: skip
def test_lines_that_are_no_commands(line):
    assert found(f'```\n{line}\n```\n') == []


def test_every_line_of_a_shell_fence_is_a_command():
    assert found('```bash\n# why\nls -l | head\n\nmake demo\n```') == [
        (3, 'ls -l | head'),
        (5, 'make demo'),
    ]
    console = '```console\n$ ls\nmake demo\n$ make x\n```'
    assert found(console) == [(2, 'ls'), (4, 'make x')]
    assert found(console.replace('console', '')) == [(2, 'ls'), (4, 'make x')]
    assert found('```yaml\nmake demo\n```\n```json\n{}\n```') == []


def test_commands_go_on_over_lines():
    text = '- a list\n\n  ```\n  python a.py --b \\\n      --c\n  make d\n  ```\n'
    assert found(text) == [(4, 'python a.py --b \\\n    --c'), (6, 'make d')]
    text = "```\npython - <<'EOF'\nprint(1)\nEOF\nmake d\n```"
    assert found(text) == [(2, "python - <<'EOF'\nprint(1)\nEOF"), (5, 'make d')]


def test_commands_in_running_text():
    text = (
        'Type `make demo`, `make` or `tools/train.py`.\n'
        'Measured (`python benchmarks/a.py\nconfigs/b.py`), not ``make x``.\n\n'
        '| a | `pip install b` |\n\n```\nmake demo  # once is enough\n```\n'
    )
    assert found(text) == [
        (2, 'python benchmarks/a.py configs/b.py'),
        (5, 'pip install b'),
        (8, 'make demo  # once is enough'),
    ]


def test_python_blocks_are_found_word_for_word():
    text = 'a\n```python\nx = 1\n\nmake = 2\n```\n```py\nx\n```\n'
    assert found(text, 'python') == [(3, 'x = 1\n\nmake = 2'), (8, 'x')]
    assert found(text) == []


def test_placeholders_are_filled_in():
    fill = tables.filled_in
    assert fill('tools/slurm_loso.sh PARTITION JOB c.py', 'README.md') == (
        'tools/slurm_loso.sh gpu mpt c.py'
    )
    usage = 'python tools/convert_weights.py SOURCE CONFIG [--out CHECKPOINT]'
    assert fill(usage, 'docs/backbones.md').endswith(
        'FaRL.pth configs/mpt_farl-b16_smic.py --out checkpoints/converted.pth'
    )
    # A word of one page is a word there alone; parts of words and settings are none.
    assert fill('python A.py --x=A A', 'docs/loso.md').endswith(
        'A.py --x=work_dirs/ours work_dirs/ours'
    )
    for text in ('python a.py A', 'JOBS=2 make x', "pip install -e '.[lite]'"):
        assert fill(text, 'README.md') == text


def test_what_is_listed_has_to_be_run_elsewhere(tmp_path):
    assert tables.listed('make test     # sets everything up').reason
    assert tables.listed("pip install -e '.[lite]'  # with mmcv-lite").evidence
    for text in ('make demo', 'python tools/train.py c.py', 'make tests'):
        assert tables.listed(text) is None
    row = tables.Listed('x', 'why', ('tests/test_a.py', 'def test_x'))
    assert tables.missing_evidence(row, tmp_path) == 'tests/test_a.py does not exist'
    (tmp_path / 'tests').mkdir()
    (tmp_path / 'tests/test_a.py').write_text('def test_y')
    assert 'does not say' in tables.missing_evidence(row, tmp_path)
    (tmp_path / 'tests/test_a.py').write_text('def test_x')
    assert tables.missing_evidence(row, tmp_path) is None


def test_every_command_of_the_project_is_run_or_listed():
    run, apart, wrong = check.sort_out(ROOT, check.find_pages(ROOT))
    assert not wrong
    assert sum(map(len, run.values())) > 50 and apart
    texts = {page: [one.text for one in some] for page, some in run.items()}
    assert any('tools/train.py' in text for text in texts['README.md'])
    # Every script that is there to be typed in, is; and what is listed, is not run.
    listed = {piece for piece, _ in apart}
    assert not listed & {one for some in run.values() for one in some}
    text = '\n'.join(sum(texts.values(), []))
    for name in ('train', 'test', 'ablate', 'convert_weights', 'data/prepare'):
        assert f'tools/{name}.py' in text


def test_stand_ins_exist_for_every_name():
    """Whatever ``provided`` says is made by ``stand_ins.py`` is known there."""
    text = (scratch.HERE / 'stand_ins.py').read_text()
    (makers,) = (
        node.value
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.AnnAssign) and node.target.id == 'MAKERS'
    )
    known = {key.value for key in makers.keys}
    asked = {
        name
        for name, command in provided.PROVIDED.items()
        if command.startswith(provided.STAND_INS)
    }
    assert asked == known


def test_what_a_command_presupposes(tmp_path):
    (tmp_path / 'configs/_base_').mkdir(parents=True)
    (tmp_path / 'configs/_base_/d.py').write_text("data_root = 'data/casme2'")
    (tmp_path / 'configs/a.py').write_text("_base_ = './_base_/d.py'")

    def asked(text):
        return provided.asked_for(text, tmp_path)

    assert asked('python tools/train.py configs/a.py') == ['data/casme2']
    asked_of_run = asked('python x.py --run work_dirs/a/folds')
    assert asked_of_run == ['work_dirs/a', 'data/casme2']
    assert asked('python x.py work_dirs/b') == []
    prepare = 'python tools/data/prepare.py samm --root SAMM --out data/samm  # CK+'
    assert asked(prepare) == ['SAMM']
    assert asked('python x.py --cfg-options d.root=data/smic') == ['data/smic']
    assert asked('python -c "load(\'ViT-B-16.pt\')"') == ['ViT-B-16.pt']


def test_things_are_made_once_and_laid_where_they_are_missing(tmp_path):
    ran = []

    def run(command):
        ran.append(command)
        (tmp_path / 'made/SAMM').mkdir(parents=True)
        (tmp_path / 'made/SAMM/a').write_text('b')

    provider = provided.Provider(tmp_path / 'made', run)
    for name in ('one', 'two', 'two'):
        provider.lay('SAMM', tmp_path / name)
        assert (tmp_path / name / 'SAMM/a').read_text() == 'b'
    assert ran == [provided.PROVIDED['SAMM']]
    with pytest.raises(RuntimeError, match='has not made CK'):
        provided.Provider(tmp_path / 'made', lambda _: None).lay('CK+', tmp_path / 'x')


@pytest.fixture
def tree(tmp_path):
    """A repository of a page, and what the check needs."""
    root = tmp_path / 'tree'
    (root / 'docs').mkdir(parents=True)
    subprocess.run(['git', 'init', '-q'], cwd=root, check=True)
    (root / '.gitignore').write_text('ignored\n')
    (root / 'ignored').touch()
    (root / 'Makefile').write_text('x:\n\ttrue\nno:\n\t@echo lost; exit 3\n')
    return root


def run_pieces(root, text, folder):
    """Run a page's pieces in a copy, without the server."""
    names = scratch.tracked_files(root)
    copy = scratch.copy_tree(root, folder, names)
    env = scratch.environment(copy, folder / 'socket')
    del env['DOCS_CHECK_SOCKET'], env['PYTHONPATH']
    results = []
    provider = provided.Provider(copy, lambda _: None)
    pages.run_page(commands.pieces(text, 'docs/a.md'), copy, env, provider,
                   results.append)  # fmt: skip
    return results, copy


def test_commands_run_in_order_word_for_word_in_a_copy(tree, tmp_path):
    text = (
        '```bash\nexport WHO="a  b"\nprintf \'%s|\' "$WHO" x{1,2} \\\n'
        '   # not a word\necho >made\ntest -f made && test ! -e ignored\nmake x\n'
        'command -v python\nfalse | true\nexit 7\nmake no\n```\n'
    )
    results, copy = run_pieces(tree, text, tmp_path / 'copy')
    troubled = {one.piece.line: one.trouble for one in results if one.trouble}
    assert set(troubled) == {9, 10, 11}, troubled
    assert troubled[10].startswith('exit status 7')
    assert troubled[11].startswith('exit status 2') and 'lost' in troubled[11]
    assert (copy / 'made').exists() and not (tree / 'made').exists()
    assert not (copy / 'ignored').exists()


def test_a_wrong_command_makes_the_check_fail_and_is_named(tree, tmp_path, capsys):
    wrong = 'make no  # ends badly'
    (results, _) = run_pieces(tree, f'```\n{wrong}\nmake x\n```\n', tmp_path / 'copy')
    assert check.say(results, [], [], 1.0) == 1
    said = capsys.readouterr().out
    assert f'FAILED docs/a.md:2\n  {wrong}\nexit status 2' in said
    assert 'lost' in said and '2 commands and 0 Python blocks run, 1 failed' in said
    assert 'no output of it is a result' in said
    assert check.say(results[1:], [], [], 1.0) == 0
    assert check.say(results[1:], [], ['docs/a.md:3: what is it?'], 1.0) == 1
    assert 'WRONG docs/a.md:3' in capsys.readouterr().out


def test_a_command_that_hangs_is_stopped(tree):
    trouble = pages.run_shell('echo so far; sleep 60 & sleep 60', tree, {}, limit=0.5)
    assert trouble == 'not ended after 0 s\n    so far'


def test_what_runs_can_be_stopped(tree, monkeypatch):
    monkeypatch.setattr(pages, 'STOPPED', threading.Event())
    ended = []
    run = threading.Thread(
        target=lambda: ended.append(pages.run_shell('echo up >up; sleep 60', tree, {}))
    )
    run.start()
    while not (tree / 'up').exists():
        time.sleep(0.01)
    pages.stop_all()
    run.join(30)
    assert ended[0].startswith('exit status -9')
    assert 'stopped' in pages.run_shell('echo more >more', tree, {})
    assert not (tree / 'more').exists()


def test_a_server_has_to_answer(tree, monkeypatch):
    monkeypatch.setattr(pages, 'SERVERS', pages.re.compile('make (app|lie|end)'))
    serve = (
        'import http.server as h; s = h.HTTPServer(("127.0.0.1", 0), '
        'h.SimpleHTTPRequestHandler); '
        'print("on http://127.0.0.1:%d" % s.server_port, flush=True); '
    )
    (tree / 'Makefile').write_text(
        f"app:\n\t@{sys.executable} -c '{serve} s.serve_forever()'\n"
        f'lie:\n\t@echo http://127.0.0.1:9; sleep 60\nend:\n\t@echo over\n'
    )
    env = scratch.environment(tree, tree)
    del env['PYTHONPATH']
    assert pages.run_shell('make app', tree, env, limit=60) == ''
    assert pages.run_shell('make lie', tree, env, 1).startswith('does not answer after')
    assert pages.run_shell('make end', tree, env, 60).startswith('ended with 0')


def test_a_training_finds_no_run_of_another_one(tmp_path):
    run = tmp_path / 'work_dirs/a'
    for text, stays in (
        ('python tools/train.py configs/a.py --resume', True),
        ('python tools/test.py configs/a.py', True),
        ('python tools/train.py configs/ab.py', True),
        ('python tools/train.py configs/a.py --seeds 0', False),
        ('tools/slurm_loso.sh gpu mpt configs/a.py', False),
        ('tools/dist_train.sh configs/a.py 4', False),
        ('mim run mmaction train configs/a.py', False),
        ('mim train mmaction configs/b.py --work-dir work_dirs/a', False),
        ('mim train mmaction configs/a.py --work-dir work_dirs/b', True),
    ):
        run.mkdir(parents=True, exist_ok=True)
        pages.set_aside(text, tmp_path)
        assert run.exists() == stays, text


@pytest.mark.parametrize('path', sorted((ROOT / 'configs').glob('*.py')))
def test_configs_are_small_and_made_small_twice_the_same(path, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    cfg = Config.fromfile(path)
    shrinking.shrink_run(cfg)
    assert cfg.train_cfg.max_iters == shrinking.ITERATIONS
    assert 'https://' not in str(cfg.model)
    again = cfg.to_dict()
    shrinking.shrink_run(cfg)
    assert cfg.to_dict() == again


def test_the_hook_is_in_every_python(tmp_path):
    code = (
        'from mmengine.config import Config; import sys\n'
        'cfg = Config.fromfile(sys.argv[1]); cfg.merge_from_dict('
        "{'train_cfg.max_iters': 80}); print(cfg.train_cfg.max_iters)"
    )
    config = ROOT / 'configs/mpt_vit-tiny_synthme.py'
    env = scratch.environment(ROOT, tmp_path)
    done = subprocess.run(
        [sys.executable, '-c', code, str(config)],
        env=env, cwd=tmp_path, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.split()[-1] == str(shrinking.ITERATIONS)


def test_a_block_names_what_is_registered(tmp_path):
    sys.path.append(str(scratch.HERE))
    block = load_tool('../tests/docs_check/block.py')
    path = tmp_path / 'block.py'
    good = "x = [dict(type='RankPooling', output='imgs')]"
    path.write_text(good)
    block.main(str(path))
    for bad, said in (
        (good.replace('Rank', 'Rang'), "type='RangPooling' is registered nowhere"),
        (good.replace('output', 'put'), "RankPooling: .*unexpected.*'put'"),
        ("dict(type='MERDataset', pipeline=[dict(type='No'), ...])", "'No' is regis"),
    ):
        path.write_text(bad)
        with pytest.raises(ValueError, match=said):
            block.main(str(path))


def test_the_tool_lists(capsys):
    tool = load_tool('check_docs.py')
    assert tool.main(['--list', '--only', 'README.md']) == 0
    said = capsys.readouterr().out
    assert 'README.md:' in said and 'Not run here' in said
    with pytest.raises(SystemExit, match='no such page'):
        tool.main(['--only', 'docs/none.md'])
