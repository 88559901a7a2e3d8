"""The report page: valid, self-contained, labeled, and with all text escaped."""

import re
from html.parser import HTMLParser

import numpy as np
import pytest

from mmaction_mer.analysis.report_html import duration, report_page
from mmaction_mer.evaluation.summary import summarize_run, summarize_seeds
from mmaction_mer.visualization import Mistake

CLASSES = ['negative', 'positive', 'surprise']
LABEL = 'selected on the test subject'
PNG = b'\x89PNG\r\n\x1a\n' + bytes(range(20))
IMAGE = np.zeros((4, 4, 3), np.uint8)
VOID = {'meta', 'link', 'img', 'br', 'hr', 'input'}


class Page(HTMLParser):
    """Check that tags are closed, and collect the content."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.attributes = [], [], []
        self.rows, self.captions, self.text = [], [], ''
        self.feed(text)
        self.close()
        assert not self.open, self.open

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, *pair) for pair in attrs]
        if tag not in VOID:
            self.open.append(tag)
        if tag == 'tr':
            self.rows.append([])
        if tag in ('td', 'th') and self.rows:
            self.rows[-1].append('')
        if tag == 'caption':
            self.captions.append('')

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)

    def handle_endtag(self, tag):
        assert self.open and self.open[-1] == tag, (tag, self.open)
        self.open.pop()

    def handle_data(self, data):
        if 'style' not in self.open:
            self.text += data
        if {'td', 'th'} & set(self.open):
            self.rows[-1][-1] += data.strip()
        if 'caption' in self.open:
            self.captions[-1] += data


def lines(seed=0, dataset='samm'):
    return {
        f's{subject}': [
            {
                'dataset': dataset, 'subject': f's{subject}', 'clip': f'c{clip}',
                'label': clip % 3, 'prediction': (clip + (clip == subject + seed)) % 3,
                'probabilities': [0.2, 0.3, 0.5],
            }
            for clip in range(6)
        ]
        for subject in range(3)
    }  # fmt: skip


def results(selection='last', seed=0, **extra):
    return summarize_run(lines(seed), CLASSES, selection, [seed], extra)


def summary(selection='last'):
    return summarize_seeds(
        {seed: lines(seed) for seed in range(3)},
        {seed: results(selection, seed) for seed in range(3)},
    )


FACTS = dict(
    folds={'done': ['s0', 's1', 's2'], 'of': 3},
    fold_seconds={'s0': 3.25, 's1': 4.0, 's2': None},
    protocol={'type': 'group-kfold', 'k': 3},
    fingerprint='0123abcd',
    parameters={'trainable': 1234, 'total': 56789},
    versions={'torch': '2.11.0', 'device': 'a device'},
    strategy='parallel',
    wall_time_s=7384.2,
    clips_trained=51200,
    clips_per_s=61.26,
    gpu_hours=1.75,
)


def mistake(**changes):
    values = dict(
        clip='samm/s1/c1', label=1, prediction=2, probabilities=[0.0377, 0.05, 0.9123],
        images=[('onset (frame 3)', IMAGE), ('apex (frame 9)', IMAGE)],
    ) | changes  # fmt: skip
    return Mistake(**values)


def test_the_page_is_valid_and_loads_nothing():
    page = report_page(
        results(**FACTS), {'confusion': PNG, 'clip': PNG}, [mistake()], 'a = 1', 'run'
    )
    assert page.startswith('<!DOCTYPE html>')
    seen = Page(page)
    assert not {'script', 'link', 'iframe', 'object', 'base'} & set(seen.tags)
    for tag, name, value in seen.attributes:
        if name in ('src', 'href', 'srcset', 'data', 'action', 'xlink:href'):
            assert tag == 'img' and value.startswith('data:image/png;base64,')
        assert not name.startswith('on')
    assert seen.tags.count('img') == 4
    assert '://' not in page and '@import' not in page and 'url(' not in page
    assert "default-src 'none'" in page
    assert 'prefers-color-scheme: dark' in page and '@media print' in page
    assert 'name="viewport"' in page


def test_numbers_are_those_of_the_results():
    found = results()
    rows = {row[0]: row[1:] for row in Page(report_page(found)).rows if row}
    for name in ('acc', 'uf1', 'uar', 'f1_from_macro_pr', 'f1_weighted'):
        low, high = found['intervals'][name]
        assert rows[name][0] == f'{100 * found["scores"][name]:.2f}'
        assert rows[name][1] == f'{100 * low:.2f} .. {100 * high:.2f}'
    for row in found['subjects']:
        assert rows[row['subject']][:2] == ['6', f'{100 * row["acc"]:.2f}']
    for name, counts in zip(CLASSES, found['confusion'], strict=True):
        assert rows[name][:3] == [str(count) for count in counts]
        assert rows[name][3] == str(sum(counts))


def test_bars_show_the_value_and_its_interval():
    found = results()
    page = report_page(found)
    low, high = (100 * end for end in found['intervals']['acc'])
    value = f'{100 * found["scores"]["acc"]:.2f}%'
    assert f'x="{low:.2f}%" y="5" width="{high - low:.2f}%"' in page
    assert f'cx="{value}"' in page
    # By subject: a plain bar.
    assert f'width="{100 * found["subjects"][0]["acc"]:.2f}%" height="8"' in page


@pytest.mark.parametrize('make', [results, summary])
def test_selection_on_the_test_subject_is_marked_everywhere(make):
    seen = Page(report_page(make('test'), {}, [mistake()]))
    head = seen.text.split('Scores')[0]
    assert f'Every number on this page: {LABEL}' in head
    scored = [text for text in seen.captions if 'percent' in text or 'Clips' in text]
    assert len(scored) == (4 if make is summary else 3)
    assert all(LABEL in text for text in scored)
    assert seen.text.count(LABEL) >= len(scored) + 2


@pytest.mark.parametrize(
    ('selection', 'words'),
    [('last', 'last iteration of a fixed schedule'), ('inner', 'inner validation')],
)
def test_the_selection_is_reported(selection, words):
    text = Page(report_page(results(selection))).text
    assert re.search(f'Model of each fold: .*{words}', text)
    assert LABEL not in text


def test_known_costs_are_shown():
    rows = {row[0]: row[1:] for row in Page(report_page(results(**FACTS))).rows if row}
    assert rows['wall time'] == ['2 h 3 min']
    assert rows['clips per second'] == ['61.3']
    assert rows['clips trained on'] == ['51,200']
    assert rows['GPU hours'] == ['1.750']
    assert rows['strategy'] == ['parallel']
    assert rows['protocol'] == ['type group-kfold, k 3']
    assert rows['trainable parameters'] == ['1,234 of 56,789']
    assert rows['fingerprint'] == ['0123abcd']
    assert rows['torch'] == ['2.11.0']
    assert rows['folds done'] == ['3 of 3']
    bare = Page(report_page(results(clips_per_s=None)))
    assert 'GPU hours' not in bare.text and 'clips per second' not in bare.text
    assert 'Not finished' not in bare.text


def test_missing_folds_are_reported_at_the_top():
    found = results(folds={'done': ['s0', 's1', 's2'], 'of': 26})
    head = Page(report_page(found)).text.split('Scores')[0]
    assert '3 of 26 folds are done' in head


def test_a_summary_shows_its_seeds_with_mean_and_deviation():
    found = summary()
    seen = Page(report_page(found, {}, [mistake(wrong_seeds=2)]))
    rows = [row for row in seen.rows if row]
    by_name = {row[0]: row[1:] for row in rows if row[0] in ('mean', 'deviation', '1')}
    names = ('acc', 'uf1', 'uar', 'f1_from_macro_pr', 'f1_weighted')
    percent = {
        'mean': found['scores'],
        'deviation': found['deviations'],
        '1': found['per_seed'][1],
    }
    for name, values in percent.items():
        assert by_name[name] == [f'{100 * values[score]:.2f}' for score in names]
    assert 'mean of 3 seeds' in seen.text and 'seeds 0, 1, 2' in seen.text
    assert 'wrong in 2 of 3 seeds' in seen.text


def test_one_seed_of_a_summary_has_no_deviation():
    found = summarize_seeds({0: lines()}, {0: results()})
    rows = {row[0]: row[1:] for row in Page(report_page(found)).rows if row}
    assert rows['deviation'] == ['–'] * 5


def test_a_composite_has_its_data_sets_and_plain_subjects():
    both = {f'{d}/{name}': rows for d in ('samm', 'smic')
            for name, rows in lines(dataset=d).items()}  # fmt: skip
    for name, rows in both.items():
        for row in rows:
            row['subject'] = f'{row["dataset"]}_{row["subject"]}'
            row['clip'] = f'{name}{row["clip"]}'
    found = summarize_run({'samm': both['samm/s0'], 'smic': both['smic/s1']}, CLASSES)
    seen = Page(report_page(found))
    assert 'Data sets, each alone' in seen.text and 'samm/s0' in seen.text
    # The folds are the data sets here.
    assert 'Folds' not in seen.text
    named = {'half': both['samm/s0'] + both['smic/s1'], 'rest': both['smic/s2']}
    assert 'Folds' in Page(report_page(summarize_run(named, CLASSES))).text


def test_all_text_is_escaped():
    evil = '<script>alert(1)</script>"\'&'
    rows = lines()
    for row in rows['s1']:
        row['subject'] = evil
    found = summarize_run(rows, [evil, 'b', 'c'], extra={'versions': {evil: evil}})
    page = report_page(
        found, {}, [mistake(clip=evil, problem=evil, images=[(evil, IMAGE)])],
        config=evil, title=evil, notes=[evil], figures=[(evil, PNG)],
    )  # fmt: skip
    assert '<script' not in page
    seen = Page(page)
    assert seen.text.count(evil) >= 9


def test_a_mistake_without_images_shows_the_reason():
    text = Page(
        report_page(results(), {}, [mistake(images=[], problem='img3.jpg: gone')])
    ).text
    assert 'No images: img3.jpg: gone' in text
    assert 'positive, predicted as surprise with 91.23 % (positive: 5.00 %)' in text
    assert 'No clip was misclassified' in Page(report_page(results())).text


def test_results_need_their_fields_but_no_extra():
    found = results()
    found['intervals'] = None
    del found['extra']
    assert 'none: a single subject' in Page(report_page(found)).text
    del found['confusion']
    with pytest.raises(ValueError, match="no field 'confusion'"):
        report_page(found)


def test_classes_without_clips_are_listed():
    found = summarize_run({'s': lines()['s0'][:1]}, CLASSES)
    page = Page(report_page(found))
    assert 'left out of every mean' in page.text and 'surprise' in page.text
    rows = {row[0]: row for row in page.rows if row}
    assert rows['surprise'][-2:] == ['0', '–']


@pytest.mark.parametrize(
    ('seconds', 'text'),
    [(0, '0.0 s'), (59.94, '59.9 s'), (61, '1 min 1 s'), (3599.7, '1 h 0 min')],
)
def test_durations(seconds, text):
    assert duration(seconds) == text
