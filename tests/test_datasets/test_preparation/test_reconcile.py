from mmaction_mer.datasets.preparation.issues import Clip
from mmaction_mer.datasets.preparation.reconcile import reconcile_clips


def clip(path, onset=46, apex=50, offset=55):
    return Clip('sub01', 'EP1', 'others', path, onset, apex, offset, row=7)


def test_missing_clips_and_other_images_are_reported(tmp_path):
    for name in [*(f'img{n}.jpg' for n in range(46, 56)), 'thumb_1.png']:
        (tmp_path / name).touch()
    (tmp_path / 'empty').mkdir()
    empty = Clip('a', 'b', 'c', tmp_path / 'empty')
    found, issues, _ = reconcile_clips([clip(None), empty, clip(tmp_path)])
    assert [one.frames.template for one in found] == ['img{}.jpg']
    assert [(one.clip, one.action) for one in issues] == [
        ('sub01/EP1', 'skipped'),
        ('a/b', 'skipped'),
        ('sub01/EP1', 'noted'),
    ]
    assert 'empty' in issues[1].reason and 'thumb_1.png' in issues[2].reason


def test_clips_with_an_ambiguous_shift_are_left_out(tmp_path):
    """Each would have other frames; the issue tells the possible numbers."""
    clips = []
    for n in range(6):
        folder = tmp_path / f'c{n}'
        folder.mkdir()
        for number in range(75, 89):
            (folder / f'{number + n}.png').touch()
        clips.append(Clip('s', f'c{n}', 'sad', folder, 47 + n, None, 58 + n, row=n))
    found, issues, numbering = reconcile_clips(clips)
    assert not found and numbering.ambiguity
    assert [one.row for one in issues] == list(range(6))
    assert all('between 28 and 30' in one.reason for one in issues)
