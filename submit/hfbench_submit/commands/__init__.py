"""The commands of `hfbench-submit`, a file each."""
