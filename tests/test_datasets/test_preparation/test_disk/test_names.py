import pytest

from mmaction_mer.datasets.preparation.disk.names import match_names


@pytest.mark.parametrize(
    ('wanted', 'held'),
    [
        (('1', 'a'), ('001', 'a')),
        (('1', '3'), ('001', '0003')),
        (('1', 'a'), ('sub01', 'a')),
        (('S01', 'a'), ('1', 'a')),
        (('p1', 'EP2_1f'), ('P01', 'EP02_01F')),
        (('a', '1.0'), ('a', '001')),
    ],
)
def test_names_meet_where_one_reading_is_possible(wanted, held):
    """``1.0`` and ``1`` are what programs make of ``001`` or of a person's number."""
    others = [('2', 'x'), ('s02', 'y')]
    assert match_names([wanted], [*others, held]) == {wanted: held}


def test_the_folder_of_that_very_name_is_the_one():
    held = [('p1', 'a'), ('p01', 'a'), ('p1', 'b')]
    assert match_names([('p1', 'a')], held) == {('p1', 'a'): ('p1', 'a')}
    both = [('1', 'a'), ('001', 'a')]
    assert match_names(both, both) == {one: one for one in both}


def test_two_readings_are_both_named():
    for held in ([('1', 'a'), ('001', 'a')], [('s1', 'a'), ('sub1', 'a')]):
        (reason,) = match_names([('1', 'a')], held).values()
        assert all('/'.join(one) in reason for one in held)


def test_two_rows_never_get_one_folder():
    held = [('p1', 'EP02_01')]
    found = match_names([('p1', 'EP2_01'), ('p1', 'EP02_1')], held)
    assert len(found) == 2 and all('EP02_01' in reason for reason in found.values())
    # It is that of the row that calls it so.
    names = [('p1', 'EP2_01'), ('p1', 'EP02_01')]
    assert match_names(names, held) == {held[0]: held[0]}


def test_a_number_is_not_that_of_anything_else():
    for other in (('session1', 'a'), ('s10', 'a'), ('1a', 'a'), ('1.5', 'a')):
        assert match_names([('1', 'a')], [other]) == {}
