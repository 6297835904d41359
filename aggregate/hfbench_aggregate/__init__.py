"""The maintainer's side: store, intake, ledger, reduction, statistics, releases."""
