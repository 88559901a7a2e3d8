"""Spreadsheets of a release: files, headers, cells."""
