"""Every number the statistics rest on, named, with the reason for its value.

"Calibrated" means: chosen on simulated noise profiles (process runs that differ by .3 to 3 %,
skewed, with spikes, in two modes, drifting) as the value that holds the nominal error rate
there. Changing one of these changes published verdicts, so a release records them. Those that the
client plans with have their values in `hfbench_schema.power`.
"""

from typing import Final

from hfbench_schema import power

# Level of every test, and one less the coverage of every interval: the convention of the field.
ALPHA: Final = power.ALPHA

# Power at which the smallest detectable effect is quoted: the convention since Cohen (1988).
POWER: Final = power.POWER

# |ratio - 1| under which a change is not called, however certain: nobody acts on less than 1 %,
# and code layout alone can move a timing by more (Mytkowicz et al. 2009).
LEAST_EFFECT: Final = power.LEAST_EFFECT

# |ratio - 1| within which two versions count as equivalent (Schuirmann 1987): the least margin
# that five process runs of typical noise can confirm for most cells.
EQUIVALENCE_MARGIN: Final = 0.03

# Process runs an arm needs before a verdict is given: with two, the variance of an arm has one
# degree of freedom and its t test hardly ever rejects.
LEAST_PROCESS_RUNS: Final = power.LEAST_PROCESS_RUNS

# Process runs an interval needs: one has no spread of its own.
LEAST_INTERVAL_RUNS: Final = 2

# Timed iterations below which the median of a process run is itself noisy (its sd rises from
# 2.0 to 2.3 % between 20 and 5 iterations). Fewer are kept and flagged, never dropped.
LEAST_ITERATIONS: Final = 10

# Cells a family needs before one cell borrows anything from the others: with 3 to 5 cells even
# a capped prior is liberal in the tail that Benjamini-Hochberg uses.
LEAST_FAMILY_CELLS: Final = 10

# Cap on the prior's degrees of freedom. Cells do differ in their noise; an uncapped prior gives
# 13 to 25 % false positives where one arm is noisier and has fewer process runs. Calibrated.
PRIOR_DF_CAP: Final = 10.0

# Part of the prior's degrees of freedom that each arm of a comparison gets. The prior is one
# body of evidence; given to both arms in full it would be counted twice. Calibrated.
PRIOR_SHARE_OF_ARM: Final = 0.5

# Variances are floored at this share of the family's median before their logarithm is taken, so
# that one nearly constant cell does not set the spread of all. As `limma` does (Smyth 2004).
VARIANCE_FLOOR: Final = 1e-5

# Half-width of the winsorising band in MADs: 4 robust sd leave normal data alone (one in 16,000).
WINSOR_WIDTH_MADS: Final = 4.0

# Process runs a row needs to be winsorised: the MAD of three is liberal in the tail. Calibrated.
WINSOR_LEAST_RUNS: Final = 4

# 1 / Phi^-1(3/4): makes the MAD estimate the sd of normal data.
MAD_TO_SD: Final = 1.482602218505602

# sd of log seconds below which process runs count as showing no spread at all. One part per
# million is less than the oscillator behind a clock wanders from minute to minute: a smaller
# spread is quantised, copied or cached, and says nothing about how the cell would vary.
LEAST_PROCESS_SD: Final = 1e-6

# Sittings beyond the first of each version, over both, from which the estimate of the sd between
# them is believed although it is below what would be assumed. What a sitting brings is largely
# common to its cells, so that no number of cells makes up for few sittings: two a version come out
# near 0 by luck so often that a quarter of the changes called would be false. Calibrated.
LEAST_SITTING_REPLICATES: Final = 10

# sd between sittings of one version on one machine while nothing better is known. A guess that
# replicate sittings replace; too small makes every comparison across sittings liberal.
DEFAULT_SITTING_SD: Final = 0.005

# Spread of the memory of process runs, (largest - smallest) / median, above which it is flagged:
# the same network allocates the same, so more than 1 % means that something else took part.
MEMORY_AGREEMENT: Final = 0.01

# Variance of a median over that of the mean of as many normal values, pi / 2: what an interval
# around medians must allow for. Exact for many values, wide for few.
MEDIAN_VARIANCE: Final = 1.5707963267948966

# Upper limits of the median process sd for machine grades A, B and C; above the last is D.
# A judgement: at A a 2 % change shows with five process runs, at D not even 5 % does with ten.
GRADE_LIMITS: Final = (0.01, 0.03, 0.10)

# Points (hundredths of a score) within which two qualities of training count as equivalent: the
# least margin that a handful of seeds can confirm where they scatter by half a point. A judgement.
QUALITY_MARGIN: Final = 1.0

# Seeds an arm needs before its quality is judged, for the reason of LEAST_PROCESS_RUNS. Three show
# differences of three times the sd between seeds in four of five cases, and hardly any smaller.
LEAST_SEEDS: Final = 3

# Seeds below which a report of training warns: four show 2.4 sd between seeds, three only 3.1.
ADVISED_SEEDS: Final = 4

# Variance that rounding to steps of 1 adds (Sheppard 1898), and so the least that scores are taken
# to have in steps of one example: where all seeds agree to the example, they may differ by parts
# of one, and by luck.
ROUNDING_VARIANCE: Final = 1 / 12

# Versions a series needs before change points are looked for: eight find three of five changes of
# 1 to 5 % where versions scatter by .6 %; fewer leave hardly a choice of splits. A judgement.
LEAST_SERIES_VERSIONS: Final = 8

# Versions a part of a changed series needs to be split again: two segments and some choice.
LEAST_SPLIT_VERSIONS: Final = 6

# Versions on each side of a change point: one alone may be a glitch, and has no spread.
LEAST_SEGMENT_VERSIONS: Final = 2

# Normal series behind the null distribution of the change point statistic, for each length. The
# error of a p of .05 is then .0015; the least p, 1 / 20,001, lets one change among hundreds of
# cells pass Benjamini-Hochberg.
NULL_SERIES: Final = 20_000

# Seed of those series, together with their length; any number, fixed so that results rebuild.
NULL_SEED: Final = 20_130_611

# Common cells below which a suite is not ranked: a paired t test of five needs differences of
# 1.2 sd for p = .05, before any adjustment for the other pairs. A judgement.
LEAST_SUITE_CELLS: Final = 6

# Contributors a pooled verdict needs: with two, how far machines differ has one degree of freedom.
# Five are asked for; eight find a 5 % change in nine of ten cells.
LEAST_CONTRIBUTORS: Final = 3

# sd between sittings in the variance that a contributor's effect is weighted by. Small on purpose:
# how far machines and sittings differ is what tau^2 estimates, and a wide guess here hides it (7 to
# 11 % false positives with the process sd in its place). Calibrated.
POOLING_SITTING_SD: Final = 0.005

# Machines of grade A or B from which on C and D machines leave the pooled figure: four to six quiet
# ones find a 5 % change in 79 to 100 % of cells, ten of which half are noisy in 32 %. Calibrated.
LEAST_QUIET_CONTRIBUTORS: Final = 5

# Contributors a cell needs before any is dropped as an outlier: of two, nothing says which is one.
# At five, which would shield the median from two wrong ones, cells of three and four stay spoilt,
# and eight contributors with a twentieth of wrong effects find 34 % of 5 % changes, not 84.
LEAST_SCREEN_CONTRIBUTORS: Final = 3

# Distance from the median of a cell that an outlier exceeds both of: in robust sd (5 leave normal
# data alone) and in log ratio (no honest machine is lost for a few percent). Calibrated.
SCREEN_WIDTH: Final = 5.0
SCREEN_LEAST_DISTANCE: Final = 0.10

# Share of cells whose contributors disagree more by chance than a cell may in the prior of the
# disagreement: the few beyond it hold wrong effects that were too many for the screen, and would
# make the family look as uneven as they are. Calibrated.
DISPUTED_P: Final = 0.001

# Factor from the median of its cell beyond which a process run is flagged as stuck: clocks, modes
# and neighbours make a factor of two, and hardly three. A judgement.
STUCK_FACTOR: Final = 3.0

# Share of different values among the timed iterations of a process run below which it is too smooth
# to be measured: nanoseconds of a real machine hardly ever repeat. Calibrated: finds all made-up
# cells, and none of 100,000 honest ones.
LEAST_DISTINCT_SHARE: Final = 0.10

# Contributors a cell needs before one of them is called a misfit: of three, 5.6 % of honest cells
# would be; of four, .5 %. Calibrated.
LEAST_MISFIT_CONTRIBUTORS: Final = 4

# Sweeps of the median polish (Tukey 1977): what is left to move after ten is far below any limit.
POLISH_SWEEPS: Final = 10

# Distance at which a cell does not fit, in robust sd and as a factor; it must exceed both: machines
# do differ from cell to cell, by 15 % or so. Calibrated: finds every wrong unit, 84 to 93 % of
# wrong batch sizes, 70 to 82 % of throttled clocks.
MISFIT_WIDTH: Final = 4.0
MISFIT_FACTOR: Final = 1.25

# Least scale of one contributor, as a share of that of all: who agrees by luck is not held to it.
MISFIT_LEAST_SCALE: Final = 0.5

# Share of a submission's cells that may be misfits before all of it is held for review.
HOLD_SHARE: Final = 0.20

# Factor beyond which the unit of time must be wrong: machines of one class differ by less than
# 100, and neighbouring units by 1,000. A judgement.
WRONG_UNIT_FACTOR: Final = 100.0

# |median over cells of the log ratio| that says a whole sitting was fast or slow, where most cells
# should not have changed; and by how much a machine has to drift to be flagged. A judgement.
SHIFT_LIMIT: Final = 0.01
