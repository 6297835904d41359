"""The commands of `hfbench-aggregate` that change a store."""
