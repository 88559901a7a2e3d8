from pathlib import Path

from mmaction_mer.datasets.preparation.issues import Clip
from mmaction_mer.datasets.preparation.reconcile import settle


def clip(onset=46, apex=50, offset=55, name='EP1', **more):
    return Clip('sub01', name, 'others', None, onset, apex, offset, row=7, **more)


def test_settle_names_every_clip_that_is_not_there(tmp_path):
    (tmp_path / 'empty').mkdir()
    missing, findings, _ = settle([clip(), Clip('a', 'b', 'c', tmp_path / 'empty')])
    assert missing == []
    assert [(one.clip, one.action) for one in findings] == [
        ('sub01/EP1', 'skipped'),
        ('a/b', 'skipped'),
    ]
    assert 'empty' in findings[1].reason


def test_images_of_another_kind_are_left_alone_and_named(tmp_path):
    folder = Path(tmp_path)
    for n in range(46, 56):
        (folder / f'img{n}.jpg').touch()
    (folder / 'thumb_1.png').touch()
    wanted = Clip('sub01', 'EP1', 'others', folder, 46, 50, 55)
    settled, findings, _ = settle([wanted])
    assert len(settled) == 1 and settled[0].frames.template == 'img{}.jpg'
    assert [one.field for one in findings] == ['frames']
    assert 'thumb_1.png' in findings[0].reason


def test_clips_whose_shift_is_in_doubt_are_left_out(tmp_path):
    """Each would have other frames; the numbers that are possible are said."""
    clips = []
    for n in range(6):
        folder = tmp_path / f'c{n}'
        folder.mkdir()
        for number in range(75, 89):
            (folder / f'{number + n}.png').touch()
        clips.append(Clip('s', f'c{n}', 'sad', folder, 47 + n, None, 58 + n, row=n))
    settled, findings, habits = settle(clips)
    assert not settled and habits.doubt
    assert [one.row for one in findings] == list(range(6))
    assert all('between 28 and 30' in one.reason for one in findings)
