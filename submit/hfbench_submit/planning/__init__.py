"""Which process runs make up a sitting, and which one comes next."""
