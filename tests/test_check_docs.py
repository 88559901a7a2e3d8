"""``make docs-check`` finds what a page has to run, and reports what fails."""

import doctest
import sys
from pathlib import Path

import pytest
from load_tool import load_tool

ROOT = Path(__file__).parents[1]
check_docs = load_tool('check_docs.py')
PAGES = check_docs.read_pages()
# Their Python blocks are the interface for extensions: run here, too.
PROGRAMS = [page for page in PAGES if page.startswith(('docs/ext', 'docs/stock'))]
PAGE = """\
Type `make demo`, `make` or `tools/train.py`, `mim test` or `pip install
thing`.

```bash
ls | head   # any line of bash
python a.py --b \\
    --c
cat <<'EOF'
text # this
EOF
```

- a list:

  ```
  # why
  tools/slurm_train.sh PARTITION JOB c.py [--seeds 0]
  ```

```
tools/     train.py test.py
I make up my mind
```

```python title="one.py"
x = 1
```

```python
import one
print('value', one.x)
```

```text
value 1
```

```yaml
make: demo
```
"""


def test_examples():
    assert doctest.testmod(check_docs) == (0, 2)


def test_all_that_is_to_be_run_is_found_in_its_place():
    steps, files = check_docs.read_page(PAGE, 'a.md')
    program = '\n' * 29 + "import one\nprint('value', one.x)"
    assert [(step.line, step.text.rstrip()) for step in steps] == [
        (1, 'make demo'),
        (1, 'pip install thing'),
        (5, 'ls | head   # any line of bash'),
        (6, 'python a.py --b \\\n    --c'),
        (8, "cat <<'EOF'\ntext # this\nEOF"),
        (17, 'tools/slurm_train.sh PARTITION JOB c.py [--seeds 0]'),
        (30, program),
    ]
    assert steps[-1].printed == ('value 1',)
    assert files == {'one.py': 'x = 1\n'}


def test_every_page_is_read_and_every_exception_is_needed():
    steps = {page: check_docs.read_page(text, page)[0] for page, text in PAGES.items()}
    found = sum(steps.values(), [])
    assert len(steps['README.md']) > 30 and len(found) > 120
    for page, text in PAGES.items():
        if '```bash' in text or '```python' in text:
            assert steps[page], page
    for name in ('train', 'test', 'ablate', 'convert_weights', 'data/prepare'):
        assert any(f'tools/{name}.py' in step.text for step in found)
    reasons = [step.reason for step in found]
    assert set(reasons) == {None, *check_docs.NOT_RUN.values()}
    assert reasons.count(None) > 0.75 * len(reasons)


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """A scratch copy of nothing, for pages that expect nothing."""
    monkeypatch.setattr(check_docs, 'EXPECTED', [])
    (tmp_path / '.venv/bin').mkdir(parents=True)
    for name in ('python', 'python3'):
        (tmp_path / '.venv/bin' / name).symlink_to(sys.executable)
    return tmp_path


def failures(text, tree):
    return [step.line for step in check_docs.check_page('a.md', text, tree)]


def test_a_command_that_fails_is_reported(tree, capsys):
    text = '```bash\ntrue\necho so far; exit 7\nfalse | true\nmake demo\n```\n'
    assert failures(text, tree) == [3, 4, 5]
    said = capsys.readouterr().out
    assert 'ok      a.md:2: true' in said
    assert 'FAILED  a.md:3: echo so far; exit 7' in said
    assert '    so far' in said


def test_a_command_that_hangs_is_stopped(tree, monkeypatch):
    monkeypatch.setattr(check_docs, 'LIMIT', 0.5)
    assert failures('```bash\nsleep 60 & sleep 60\n```\n', tree) == [2]


def test_a_program_that_fails_or_prints_something_else_is_reported(tree, capsys):
    (tree / 'check_types.py').write_text('def check(path): pass\n')
    text = PAGE[PAGE.index('```python title') :]
    assert failures(text, tree) == []
    assert failures(text.replace('value 1', 'value 2'), tree) == [6]
    assert 'in this order: value 2' in capsys.readouterr().out
    assert failures(text.replace('one.x', 'one.y'), tree) == [6]
    assert 'docs_program.py", line 7' in capsys.readouterr().out


def test_a_server_has_to_answer(tree, monkeypatch):
    monkeypatch.setattr(check_docs, 'LIMIT', 30)
    (tree / 'tensorboard.py').write_text(
        'import http.server as h; s = h.HTTPServer(("127.0.0.1", 0), '
        'h.SimpleHTTPRequestHandler)\n'
        'print("on http://127.0.0.1:%d" % s.server_port, flush=True)\n'
        's.serve_forever()\n'
    )
    assert failures('```bash\npython tensorboard.py\n```\n', tree) == []
    assert failures('```bash\necho tensorboard\n```\n', tree) == [2]


def test_a_type_has_to_be_registered_with_its_arguments(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(ROOT / 'tests/docs_check')
    import check_types

    path = tmp_path / 'block.py'
    good = "x = [dict(type='RankPooling', output='imgs', **{}), dict(a=1), ...]"
    path.write_text(good)
    check_types.check(path)
    path.write_text(good.replace('Rank', 'Rang'))
    with pytest.raises(ValueError, match="line 1: 'RangPooling' is not registered"):
        check_types.check(path)
    path.write_text(good.replace('output', 'put'))
    with pytest.raises(TypeError, match="'put'"):
        check_types.check(path)


@pytest.fixture(scope='module')
def copy(tmp_path_factory):
    tree = tmp_path_factory.mktemp('tree')
    check_docs.make_tree(tree)
    return tree


@pytest.mark.slow
@pytest.mark.parametrize('page', PROGRAMS)
def test_the_programs_for_extensions_run(page, copy):
    assert check_docs.check_page(page, PAGES[page], copy) == []
