"""The website of a release: static pages that say which version is faster, and how we know.

- `release_reader`: a release from a store, every table checked against its manifest.
- `words`: numbers and verdicts as text.
- `charts`: the geometry of the charts; the templates draw it.
- `comparison_view`, `submission_view`: what the pages show, put together from the tables.
- `build`: the pages, written all at once or not at all.
- `server`: a look at them on this machine.
"""
