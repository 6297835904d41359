"""The dataset: what a store holds as tables that anybody's tools read, and its card."""
