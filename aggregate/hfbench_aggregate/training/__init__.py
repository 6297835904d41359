"""The report on training: what mixed precision, compilers and devices give, and what they cost.

A group is all ways to train one model on one task's data, on one machine in one environment. Its
arms are the cells of a factorial: precision, compiler, devices. A process run is one training from
one seed, the unit of all statistics here.

- `groups`: from submissions to groups and arms; data are never pooled with other data.
- `arms`: what an arm is called, and which arms make a factorial.
- `speed`: speed-ups, effects of factors, break-even steps, scaling.
- `scores`: quality against the baseline, and trainings that diverged.
- `tables`, `report`: the rows of the report, as JSON and as a release have them.
- `remarks`: flags, warnings and notes beside them.
- `wording`, `sections`, `printing`: the report for people.
"""
