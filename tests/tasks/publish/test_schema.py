import pytest

from tasks.publish.schema import HOLES_SCHEMA, RESULTS_SCHEMA, VOLATILE, to_table


def test_a_row_with_few_columns_gets_all_of_them_as_nulls() -> None:
    table = to_table([{"item_id": "a"}], RESULTS_SCHEMA)
    assert table.schema == RESULTS_SCHEMA
    assert table["status"].null_count == 1


def test_a_key_that_is_no_column_is_a_mistake_of_ours() -> None:
    with pytest.raises(KeyError, match="widht"):
        to_table([{"widht": 3}], RESULTS_SCHEMA)


def test_volatile_columns_exist() -> None:
    assert set(VOLATILE) <= set(RESULTS_SCHEMA.names)
    assert "commit_id" in HOLES_SCHEMA.names
