"""One sitting: measured slot by slot into a journal, and written as a submission."""
