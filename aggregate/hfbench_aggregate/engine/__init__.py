"""The reduction engine: stored documents to one number a process run, once, and then kept.

`taking_in` turns documents into partitions, `partitions` lays them out as parquet, `kernel` reduces
them, `executors` says where that runs, and `index` keeps what came of it beside the store.
"""
