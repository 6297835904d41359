"""The maintainer's side: the store and its ledger, intake, statistics, comparisons and releases."""
