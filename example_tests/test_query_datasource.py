"""Query the plugin's data, a page at a time."""


def test_pages_together_hold_every_row_once(mockforge_plugin, mockforge_request):
    whole = mockforge_plugin.query_datasource(mockforge_request.query("SELECT * FROM users"))
    pages = [
        mockforge_plugin.query_datasource(mockforge_request.query("SELECT * FROM users", limit=2, offset=offset))
        for offset in range(0, whole.total_count, 2)
    ]

    assert [row for page in pages for row in page.records] == list(whole.records)
    assert all(page.total_count == whole.total_count for page in pages)
