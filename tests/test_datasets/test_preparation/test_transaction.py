"""New clips and annotations replace the old ones together, whenever a run ends."""

import json
import os
import shutil

import cv2
import pytest
from preparing import contents_below, load_all, run, write_table

from mmaction_mer.datasets.preparation import transaction
from mmaction_mer.utils.errors import MERDataError

STEPS = ('_move', 'write_annotation', 'write_json')


@pytest.fixture
def pair(mini):
    """Two clips of the release, enough for two classes."""
    shutil.rmtree(mini / 'p2')
    write_table(mini, 'p1,a,happy,,30', 'p1,b,sad,,30')
    return mini


def is_killed_at(step, work):
    """Do some work in a child process that exits before its step-th file operation.

    Returns:
        Whether it was killed, rather than finished.
    """
    child = os.fork()
    if child == 0:
        code = 3
        try:
            left = [step]

            def counted(function):
                def call(*args, **kwargs):
                    left[0] -= 1
                    if left[0] < 0:
                        os._exit(9)
                    return function(*args, **kwargs)

                return call

            for name in STEPS:
                setattr(transaction, name, counted(getattr(transaction, name)))
            shutil.rmtree = counted(shutil.rmtree)
            work()
            code = 0
        finally:
            os._exit(code)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert code in (0, 9)
    return code == 9


def test_killed_at_any_step(pair, tmp_path):
    """All of the old, all of the new, or no annotation until the next run, never both.

    Each frame of clip n is 10 n + its number, and 100 more in the new release. The next
    run, even one that fails, restores the old; one that works continues to the new.
    """
    run('generic', pair, tmp_path / 'done' / 'out')
    old = contents_below(tmp_path / 'done' / 'out')
    for path in pair.rglob('*.png'):
        image = cv2.imread(str(path)) + 100
        path.unlink()  # it is also the prepared frame
        cv2.imwrite(str(path), image)
    broken = tmp_path / 'broken' / pair.name
    shutil.copytree(pair, broken)
    shutil.rmtree(broken / 'p1' / 'a')

    def levels(out):
        return [[int(one[0, 0, 0]) for one in frames] for frames in load_all(out)]

    levels_old = [[10 * clip + n for n in range(1, 7)] for clip in range(2)]
    levels_new = [[100 + level for level in clip] for clip in levels_old]
    seen, step, killed = set(), 0, True
    while killed:
        out = tmp_path / f'{step}' / 'out'
        shutil.copytree(tmp_path / 'done' / 'out', out)
        killed = is_killed_at(step, lambda out=out: run('generic', pair, out))
        state = 'none'
        if (out / 'annotations.json').exists():
            state = 'new' if levels(out) == levels_new else 'old'
            assert state == 'new' or levels(out) == levels_old
        seen.add(state)
        committed = not (out / '.prepare' / transaction.JOURNAL).exists()

        def fail(out=out):
            run('generic', broken, out, max_skipped=0)

        if step % 3 == 0 and not committed:
            # Rolling back may be interrupted as well.
            is_killed_at(step // 3, fail)
        with pytest.raises(MERDataError, match='1 are left out'):
            fail()
        if state != 'new' or not committed:
            assert contents_below(out) == old
        assert len(run('generic', pair, out).rows) == 2
        assert levels(out) == levels_new
        left = sorted(os.listdir(out / '.prepare'))
        assert left == ['lock', 'receipts', 'release.json']
        shutil.rmtree(out)
        step += 1
    assert seen == {'old', 'new', 'none'} and step > 15


@pytest.mark.parametrize(
    'content',
    [
        '[]',
        '{}',
        '{"annotations": ["../x"], "clips": []}',
        '{"annotations": [], "clips": [["..", "x", true, true]]}',
        '{"annotations": [], "clips": [["a", "b", 1, true]]}',
        '{',
    ],
)
def test_a_damaged_journal_moves_nothing(pair, tmp_path, content):
    out = tmp_path / 'out'
    run('generic', pair, out)
    before = contents_below(out)
    journal = out / '.prepare' / transaction.JOURNAL
    journal.write_text(content)
    with pytest.raises(MERDataError) as error:
        run('generic', pair, out)
    assert error.value.path == str(journal)
    assert contents_below(out) == before


def test_an_annotation_of_the_user_is_restored_too(pair, tmp_path, monkeypatch):
    """One that has the name of a new one, and is not recorded as ours."""
    out = tmp_path / 'out'
    run('generic', pair, out)
    owner = out / '.prepare' / 'release.json'
    owner.write_text(json.dumps({'release': json.loads(owner.read_text())['release']}))
    mine = out / 'annotations.json'
    mine.write_text('mine')
    monkeypatch.setattr(transaction, 'write_annotation', lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        run('generic', pair, out)
    assert mine.read_text() == 'mine'
