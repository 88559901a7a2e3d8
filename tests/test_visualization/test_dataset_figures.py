"""Figures of a dataset show its content; tools/data/browse.py writes them."""

import sys

import cv2
import numpy as np
import pytest
from load_tool import load_tool

from mmaction_mer.datasets.annotation import write_annotation
from mmaction_mer.visualization import (
    clip_sheets,
    plot_classes,
    plot_subjects,
    plot_times,
    write_clip_sheets,
)
from mmaction_mer.visualization.saving import save_figure

CLASSES = ['negative', 'positive', 'surprise']


@pytest.fixture
def data(tmp_path):
    """Five clips of 3 subjects whose frame n is an image of brightness n."""
    rows = []
    for number in range(5):
        row = {
            'dataset': 'fake' if number < 4 else 'other',
            'subject': f's{number // 2}',
            'clip': f'c{number}',
            'frame_dir': f's{number // 2}/c{number}',
            'filename_tmpl': 'img{:03d}.png',
            'onset': 20,
            'apex': 25,
            'offset': 40 + 10 * number,
            'fps': 100.0 if number else 200.0,
            'label': number % 3,
            'emotion': 'word',
        }
        folder = tmp_path / 'frames' / row['frame_dir']
        folder.mkdir(parents=True)
        for frame in range(15, row['offset'] + 1):
            image = np.full((12, 8, 3), frame, np.uint8)
            cv2.imwrite(str(folder / f'img{frame:03d}.png'), image)
        rows.append(row)
    return rows, tmp_path / 'frames'


def texts(figure):
    return [text.get_text() for text in figure.axes[0].texts]


def shown(figure):
    """Return the brightness of each image on a sheet, in order."""
    return [int(image.get_array().mean()) for image in figure.axes[0].images]


def test_a_sheet_shows_onset_and_apex_of_every_clip(data):
    rows, root = data
    rows[1]['apex'] = None
    rows[2]['apex'] = rows[2]['onset']
    (figure,) = clip_sheets(rows, root, CLASSES, title='fake')
    assert shown(figure) == [20, 25, 20, 35, 20, 20, 20, 25, 20, 25]
    assert texts(figure)[:4] == [
        'fake · clips 1 to 5 of 5',
        's0/c0 negative',
        'onset 20',
        'apex 25',
    ]
    assert 'middle 35' in texts(figure)
    assert texts(figure).count('apex 25') == 3
    # An image keeps its aspect ratio: 12 x 8 pixels in a square of an inch.
    left, right, bottom, top = figure.axes[0].images[0].get_extent()
    assert (bottom - top, right - left) == pytest.approx((1, 8 / 12))
    x, y = figure.get_size_inches()
    for image in figure.axes[0].images:
        left, right, bottom, top = image.get_extent()
        assert 0 < left < right < x and 0 < top < bottom < y


def test_sheets_are_pages(data):
    rows, root = data
    sheets = list(clip_sheets(rows, root, per_page=2))
    assert [len(shown(sheet)) for sheet in sheets] == [4, 4, 2]
    assert texts(sheets[1])[:2] == ['clips 3 to 4 of 5', 's1/c2 word']
    assert list(clip_sheets([], root)) == []
    # During the preparation of a release there are no labels yet.
    for row in rows:
        del row['label']
    assert len(list(clip_sheets(rows, root, per_page=3))) == 2
    with pytest.raises(ValueError, match='per_page'):
        next(clip_sheets(rows, root, per_page=0))


def test_a_sheet_labels_replaced_frames_and_unreadable_clips(data):
    rows, root = data
    (root / 's0' / 'c0' / 'img020.png').unlink()
    # Frames before the onset do not replace it.
    assert (root / 's0' / 'c0' / 'img019.png').is_file()
    (root / 's0' / 'c1' / 'img025.png').write_bytes(b'no image')
    rows[2].update(onset=200, apex=None, offset=300)
    rows[3]['frame_dir'] = 'nowhere'
    (figure,) = clip_sheets(rows, root, CLASSES)
    assert shown(figure) == [21, 25, 20, 25]
    assert 'near onset 21' in texts(figure)
    assert texts(figure).count('cannot be read') == 3
    assert 's1/c3 negative' in texts(figure)


def test_a_long_name_leaves_room_for_the_class(data):
    rows, root = data
    rows[0]['clip'] = 'x' * 100 + '_07'
    (figure,) = clip_sheets(rows[:1], root, CLASSES)
    label = texts(figure)[1]
    assert label.startswith('s0/xx') and label.endswith('_07 negative')
    assert len(label) <= 35


def test_large_frames_are_shrunk_and_videos_are_read(data, tmp_path):
    rows, root = data
    writer = cv2.VideoWriter(
        str(tmp_path / 'v.avi'), cv2.VideoWriter_fourcc(*'MJPG'), 30, (640, 480)
    )
    for number in range(30):
        writer.write(np.full((480, 640, 3), 5 * number, np.uint8))
    writer.release()
    row = {**rows[0], 'video': 'v.avi', 'onset': 10, 'apex': 29, 'offset': 29}
    del row['frame_dir'], row['filename_tmpl']
    (figure,) = clip_sheets([row], tmp_path)
    assert [image.get_array().shape for image in figure.axes[0].images] == [
        (112, 150, 3),
        (112, 150, 3),
    ]
    np.testing.assert_allclose(shown(figure), [50, 145], atol=3)


def test_classes_are_counted(data):
    axes = plot_classes(data[0], CLASSES, 'fake').axes[0]
    assert [bar.get_width() for bar in axes.patches] == [2, 2, 1]
    assert texts(axes.figure) == [
        '2 clips, 40%, 2 subjects',
        '2 clips, 40%, 2 subjects',
        '1 clips, 20%, 1 subjects',
    ]
    assert axes.get_title(loc='left') == 'fake'
    plot_classes([], CLASSES)


def test_subjects_are_stacked_by_class(data):
    axes = plot_subjects(data[0], CLASSES).axes[0]
    negative, positive, surprise = (
        [bar.get_height() for bar in group] for group in axes.containers
    )
    assert (negative, positive, surprise) == ([1, 1, 0], [1, 0, 1], [0, 1, 0])
    assert [bar.get_y() for bar in axes.containers[2]] == [2, 1, 1]
    names = [label.get_text() for label in axes.get_xticklabels()]
    assert names == ['s0', 's1', 's2']
    assert {'fake', 'other', 'median 2'} == set(texts(axes.figure))
    many = [{**data[0][0], 'subject': f's{number}'} for number in range(300)]
    figure = plot_subjects(many, CLASSES)
    assert figure.get_size_inches()[0] <= 26
    assert not list(figure.axes[0].get_xticks())


def test_times_show_frames_milliseconds_and_rates(data):
    rows, _ = data
    figure = plot_times(rows, CLASSES)
    frames, times, rates = figure.axes
    for axes, median in ((frames, 41), (times, 400)):
        assert sum(bar.get_height() for bar in axes.patches) == len(rows)
        assert axes.lines[0].get_xdata()[0] == median
        assert axes.get_xlim()[0] == 0
    assert times.patches[0].get_x() == pytest.approx(100)  # 20 frames at 200 Hz
    assert [label.get_text() for label in rates.get_xticklabels()] == ['100', '200']
    assert [text.get_text() for text in rates.texts] == ['4', '1']
    # Rates measured for each clip are too many for a bar each.
    varied = [{**row, 'fps': 90.0 + n} for n, row in enumerate(rows * 3)]
    rates = plot_times(varied, CLASSES).axes[2]
    assert sum(bar.get_height() for bar in rates.patches) == 15
    assert [text.get_text() for text in rates.texts] == ['median 97']


def test_browse_writes_every_figure(data, tmp_path, capsys):
    rows, root = data
    tool = load_tool('data/browse.py')
    metainfo = {'dataset': 'fake', 'classes': CLASSES, 'format': 1}
    path = tmp_path / 'annotations.json'
    write_annotation(path, {'metainfo': metainfo, 'data_list': rows})
    out = tmp_path / 'browse' / 'annotations'
    out.mkdir(parents=True)
    for name in ('clips_02.png', 'clips_mine.png'):
        (out / name).write_bytes(b'')
    assert tool.main([str(path)]) == 0
    assert {file.name for file in out.iterdir()} == {
        'classes.png', 'subjects.png', 'times.png', 'clips_01.png', 'clips_mine.png'
    }  # fmt: skip
    image = cv2.imread(str(out / 'clips_01.png'))
    assert image is not None and len(np.unique(image)) > 10
    assert str(out) in capsys.readouterr().out
    assert tool.main([str(tmp_path / 'none.json')]) == 1
    assert 'not found' in capsys.readouterr().err


def test_sheets_are_written_page_by_page(data, tmp_path):
    rows, root = data
    pages = write_clip_sheets(rows, root, tmp_path / 'sheets', per_page=2)
    names = ['clips_01.png', 'clips_02.png', 'clips_03.png']
    assert [page.name for page in pages] == names
    assert all(page.read_bytes().startswith(b'\x89PNG') for page in pages)
    # The pages of a longer set of sheets are removed.
    write_clip_sheets(rows, root, tmp_path / 'sheets')
    assert [page.name for page in (tmp_path / 'sheets').iterdir()] == names[:1]


def test_sheets_are_replaced_when_all_are_drawn(data, tmp_path, monkeypatch):
    """An interrupted run leaves all pages of the run before."""
    rows, root = data
    folder = tmp_path / 'sheets'
    pages = write_clip_sheets(rows, root, folder, per_page=2)
    before = {page: page.read_bytes() for page in pages}
    assert len(before) > 1
    calls = []

    def interrupted(sheet, path, dpi=150):
        calls.append(path)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return save_figure(sheet, path, dpi)

    # The package has a function of this module's name.
    module = sys.modules[write_clip_sheets.__module__]
    monkeypatch.setattr(module, 'save_figure', interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_clip_sheets(rows[::-1], root, folder, per_page=2)
    assert {page: page.read_bytes() for page in before} == before
    monkeypatch.undo()
    pages = write_clip_sheets(rows[::-1], root, folder, per_page=2)
    assert [page.read_bytes() for page in pages] != list(before.values())
    assert sorted(folder.iterdir()) == pages
