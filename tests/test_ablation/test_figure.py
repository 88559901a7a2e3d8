"""The figure of a table: the paper's numbers on axes of their own, gaps stay gaps."""

import numpy as np
import pytest
from ablation_toy import PAPER, toy_row, toy_spec

from mmaction_mer.ablation import build_table, plot_ablation


def markers(axes):
    """Return x and y of the finite markers, by label."""
    found = {}
    for container in axes.containers:
        places = np.array(container.lines[0].get_data(), float).T
        found[container.get_label()] = places[np.isfinite(places).all(axis=1)]
    return found


def test_rows_are_listed_and_the_paper_has_its_own_axes():
    rows = [
        toy_row('whole', 0.9, dict(acc=86.59, f1=86.01)),
        toy_row('weak', 0.3, dict(acc=81.10)),
        toy_row('broken', status='failed: no'),
    ]
    table = build_table(toy_spec('whole', paper=PAPER), rows)
    figure = plot_ablation(table)
    measured, paper = figure.axes
    assert figure.get_suptitle() == 'A title'
    assert measured.get_xlabel() == 'measured, toy, %'
    assert paper.get_xlabel() == 'paper, SMIC, %'
    names = [label.get_text() for label in measured.get_yticklabels()]
    assert names == ['whole', 'weak', 'broken\n(failed)']
    assert paper.get_ylim() == measured.get_ylim()
    assert measured.get_ylim()[0] > measured.get_ylim()[1]  # from top to bottom

    scores = {
        key: [[100 * row[key]['value'], place] for place, row in
              enumerate(table['rows'][:2])]
        for key in ('acc', 'uf1')
    }  # fmt: skip
    shown = markers(measured)
    assert shown['Acc'] == pytest.approx(np.array(scores['acc']), abs=0.2)
    assert shown['UF1'] == pytest.approx(np.array(scores['uf1']), abs=0.2)
    assert shown['Acc'][:, 0] == pytest.approx(np.array(scores['acc'])[:, 0])
    assert markers(paper)['Acc'][:, 0].tolist() == [86.59, 81.10]
    assert markers(paper)['F1'][:, 0].tolist() == [86.01]
    # Filled against hollow; the intervals are those of the table.
    (first, *_), (second, *_) = measured.containers, paper.containers
    assert first.lines[0].get_markerfacecolor() != 'white'
    assert second.lines[0].get_markerfacecolor() == 'white'
    assert not second.has_xerr
    (bars,) = first.lines[2]
    for segment, row in zip(bars.get_segments(), table['rows'][:2], strict=False):
        ends = 100 * np.array(row['acc']['interval'])
        assert sorted(segment[:, 0]) == pytest.approx(ends)


def test_numbers_are_drawn_along_an_axis_and_gaps_stay_gaps():
    rows = [
        toy_row('7', 0.7, x=7),
        toy_row('0', 0.4, dict(acc=79.27), x=0),
        toy_row('1', x=1),
        toy_row('5', 0.9, dict(acc=86.59), x=5),
    ]
    spec = toy_spec('7', paper=PAPER, x_label='prompts')
    measured, paper = plot_ablation(build_table(spec, rows)).axes
    for axes in (measured, paper):
        assert axes.get_xlabel() == 'prompts'
        assert list(axes.get_xticks()) == [0, 1, 5, 7]
    assert measured.get_ylabel() == 'measured, toy, %'
    assert paper.get_ylabel() == 'paper, SMIC, %'
    places, values = measured.containers[0].lines[0].get_data()
    assert places == pytest.approx([0, 1, 5, 7], abs=0.1)
    assert np.isnan(values).tolist() == [False, True, False, False]
    # No line joins two numbers of the paper that are not neighbors.
    _, values = paper.containers[0].lines[0].get_data()
    assert np.isnan(values).tolist() == [False, True, False, True]
    assert values[2] == 86.59


def test_without_the_papers_numbers_there_is_one_panel():
    rows = [toy_row('a', 0.9, selection='test'), toy_row('b', 0.5)]
    (axes,) = plot_ablation(build_table(toy_spec('a'), rows)).axes
    assert axes.get_xlabel() == 'measured, toy, selected on the test subject, %'


def test_a_table_without_results_can_be_drawn():
    rows = [toy_row('a', None, dict(acc=1.0))]
    figure = plot_ablation(build_table(toy_spec('a', paper=PAPER), rows))
    assert [bool(axes.containers) for axes in figure.axes] == [False, True]


def test_the_share_of_the_largest_class_is_marked_where_it_is_near():
    rows = [toy_row('a', 0.3), toy_row('b', 0.2)]
    table = build_table(toy_spec('a'), rows)

    def lines():
        (axes,) = plot_ablation(table).axes
        return [line for line in axes.lines if line.get_label() == 'majority']

    (line,) = lines()
    assert line.get_xdata()[0] == pytest.approx(100 * table['measured']['majority'])
    table['measured']['majority'] = -5.0
    assert not lines()
