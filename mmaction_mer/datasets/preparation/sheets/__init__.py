"""Spreadsheets and tables of a release: files, headers, cells."""
