"""Stores: what keeps submissions, the ledger and releases, in a folder or on the Hub."""
