"""The website of a release: static pages that say which version is faster, and how we know.

- `sources`, `release_reader`: a release from a store, every table checked against its manifest.
- `index`: its rows by what names them.
- `words`: numbers and verdicts as text.
- `charts`, `history`: charts as SVG.
- `comparison_view`, `cell_view`, `board_view`, `coverage_view`, `submission_view`, `findings`,
  `claims`: what the pages show, put together from the tables.
- `site_pages`, `downloads`: every page, and every file beside them.
- `pages`, `build`: from pages to files, written all at once or not at all; what is still the same
  is taken over from the last build.
- `server`, `publishing`: a look at them on this machine; a Space that shows them.
- `simulated`: how data that nobody measured is known.

`assets/` holds the style sheet and the modules that add sorting, filtering and sharing; every page
but the explorer works without them.
"""
