"""Query the plugin's data: filters, pages, columns."""

import pytest

from pytest_mockforge import Refusal


def test_a_filter_keeps_matching_rows(mockforge_plugin, mockforge_request):
    query = mockforge_request.query("SELECT * FROM users", parameters={"min_balance": 99.75, "active": True})
    result = mockforge_plugin.query_datasource(query)

    assert [row["name"] for row in result.records] == ["Ada Lovelace", "Björn Ångström", "zoe"]


def test_pages_together_hold_every_row_once(mockforge_plugin, mockforge_request):
    whole = mockforge_plugin.query_datasource(mockforge_request.query("SELECT * FROM users"))
    pages = [
        mockforge_plugin.query_datasource(mockforge_request.query("SELECT * FROM users", limit=2, offset=offset))
        for offset in range(0, whole.total_count, 2)
    ]

    assert [row for page in pages for row in page.records] == list(whole.records)
    assert all(page.total_count == whole.total_count for page in pages)


def test_columns_have_types(mockforge_plugin, mockforge_request):
    result = mockforge_plugin.query_datasource(mockforge_request.query("SELECT * FROM users", limit=0))
    balance = next(column for column in result.columns if column.name == "balance")

    assert (balance.data_type, balance.custom_type) == ("Custom", "money")


def test_an_insert_is_refused(mockforge_plugin, mockforge_request):
    with pytest.raises(Refusal):
        mockforge_plugin.query_datasource(mockforge_request.query("INSERT INTO users VALUES (7)", type="Insert"))
