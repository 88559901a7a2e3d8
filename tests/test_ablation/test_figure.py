"""The picture of a table: the paper's numbers on axes of their own, no gap filled."""

import math

import pytest
from ablation_toy import summary

from mmaction_mer.evaluation.ablation_table import RowResult, build_table
from mmaction_mer.visualization import plot_ablation, save_figure


def table_of(*rows, **head):
    made = []
    for name, skill, paper, x in rows:
        found, lines = summary(skill) if skill else (None, None)
        made.append(RowResult(name, found, lines, 'failed: no', paper, x))
    return build_table(made, rows[0][0], title='A title', **head)


def points(axes):
    """What is drawn in axes, by label: places and values that are numbers."""
    return {
        container.get_label(): [
            (x, y)
            for x, y in zip(*container.lines[0].get_data(), strict=True)
            if not (math.isnan(x) or math.isnan(y))
        ]
        for container in axes.containers
    }


PAPER = dict(paper=dict(source='MPT, table X', dataset='SMIC'))


def test_rows_lie_below_each_other_and_the_paper_has_its_own_axes():
    table = table_of(
        ('whole', 0.9, dict(acc=86.59, f1=86.01), None),
        ('weak', 0.3, dict(acc=81.10), None),
        ('broken', None, {}, None),
        **PAPER,
    )
    figure = plot_ablation(table)
    measured, paper = figure.axes
    assert measured.get_xlabel() == 'measured, toy, %'
    assert paper.get_xlabel() == 'paper, SMIC, %'
    names = [label.get_text() for label in measured.get_yticklabels()]
    assert names == ['whole', 'weak', 'broken\n(failed)']
    shown = points(measured)
    assert {name: len(found) for name, found in shown.items()} == {'Acc': 2, 'UF1': 2}
    for place, row in enumerate(table['rows'][:2]):
        assert shown['Acc'][place][0] == pytest.approx(100 * row['acc']['value'])
        assert shown['Acc'][place][1] == pytest.approx(place, abs=0.2)
        assert shown['UF1'][place][0] == pytest.approx(100 * row['uf1']['value'])
    claimed = points(paper)
    assert [x for x, _ in claimed['Acc']] == [86.59, 81.10]
    assert [x for x, _ in claimed['F1']] == [86.01]
    assert paper.get_ylim() == measured.get_ylim()
    assert measured.get_ylim()[0] > measured.get_ylim()[1]  # from top to bottom
    # Hollow against filled; intervals are those of the table.
    colours = [
        axes.containers[0].lines[0].get_markerfacecolor() for axes in figure.axes
    ]
    assert colours[1] == 'white' != colours[0]
    assert not paper.containers[0].has_xerr
    (bars,) = measured.containers[0].lines[2]
    ends = [sorted(100 * end for end in row['acc']['interval'])
            for row in table['rows'][:2]]  # fmt: skip
    drawn = [sorted(segment[:, 0]) for segment in bars.get_segments()[:2]]
    assert drawn == [pytest.approx(pair) for pair in ends]
    assert figure.get_suptitle() == 'A title'


def test_numbers_are_drawn_along_an_axis_and_gaps_stay_gaps():
    table = table_of(
        ('7', 0.7, {}, 7),
        ('0', 0.4, dict(acc=79.27), 0),
        ('1', None, {}, 1),
        ('5', 0.9, dict(acc=86.59), 5),
        x_label='prompts',
        **PAPER,
    )
    measured, paper = plot_ablation(table).axes
    for axes in (measured, paper):
        assert axes.get_xlabel() == 'prompts'
        assert list(axes.get_xticks()) == [0, 1, 5, 7]
    assert measured.get_ylabel() == 'measured, toy, %'
    assert paper.get_ylabel() == 'paper, SMIC, %'
    where, values = measured.containers[0].lines[0].get_data()
    assert where == pytest.approx([0, 1, 5, 7], abs=0.1)
    assert [math.isnan(value) for value in values] == [False, True, False, False]
    _, values = paper.containers[0].lines[0].get_data()
    # Nothing is drawn between two numbers of the paper that are not neighbours.
    assert [math.isnan(value) for value in values] == [False, True, False, True]
    assert values[2] == 86.59


def test_without_the_papers_numbers_there_is_one_panel(tmp_path):
    table = table_of(('a', 0.9, {}, None), ('b', 0.5, {}, None))
    figure = plot_ablation(table)
    assert len(figure.axes) == 1
    assert save_figure(figure, tmp_path / 'a.png').stat().st_size > 1000
    table['rows'][0]['selection'] = 'test'
    (axes,) = plot_ablation(table).axes
    assert axes.get_xlabel() == 'measured, toy, selected on the test subject, %'


def test_a_table_with_nothing_measured_can_be_drawn(tmp_path):
    table = table_of(('a', None, dict(acc=1.0), None), **PAPER)
    figure = plot_ablation(table)
    assert [bool(axes.containers) for axes in figure.axes] == [False, True]
    save_figure(figure, tmp_path / 'a.png')


def test_the_level_of_the_commonest_class_is_marked():
    table = table_of(('a', 0.3, {}, None), ('b', 0.2, {}, None))
    (axes,) = plot_ablation(table).axes
    (line,) = [line for line in axes.lines if line.get_label() == 'majority']
    assert line.get_xdata()[0] == pytest.approx(100 * table['measured']['majority'])
    # It is left out where it would press all rows together.
    table['measured']['majority'] = -5.0
    (axes,) = plot_ablation(table).axes
    assert not [line for line in axes.lines if line.get_label() == 'majority']
