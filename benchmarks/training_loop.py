"""What the training loop itself costs: hfbench's and a plain one around the same network.

As `training_bias`, but in one process, with one set of weights and one optimiser: four steps timed
by the worker's own loop, four by a plain one, in ABBA order, round after round. Whatever differs
between processes, and drifts within one, hits both alike; so this resolves what `training_bias`
cannot on a noisy machine, and leaves out what only a whole process shows (threads, placement).
Prints the ratio with its 95 % interval over rounds.

    python -m benchmarks.training_loop --model bert-mini --mode torch-eager --rounds 40
"""

import tempfile
from pathlib import Path
from statistics import median

import click
from benchmarks.setting import BASES, VERSION, printed_by_loops, tell_the_setting
from benchmarks.training_bias import LENGTHS, MODES, plan_of, print_ratio, write_examples

from hfbench_submit.environments.environments import build_environments

_LOOPS = """
import io, json, os, sys
from statistics import median
from time import perf_counter_ns
import torch
plan, rounds = json.loads(sys.argv[1]), int(sys.argv[2])
sys.path.insert(0, sys.argv[3])
from hfbench_worker import training
from hfbench_worker.answers import Answers
from hfbench_worker.torch_training import TorchTrainer
os.sched_setaffinity(0, plan["cpus"])
plan["recipe"]["epochs"] = rounds  # more steps than are done: the learning rate stays above 0
trainer = TorchTrainer(plan)
run = training._Run(plan, trainer, Answers(io.StringIO()))
trainer.train(True)
model, optimizer, schedule = trainer._call, trainer._optimizer, trainer._schedule
parameters, clipping = trainer._parameters, plan["recipe"]["clipping"]
arrays, size = run._train_split.arrays, plan["cell"]["batch_size"]
data = {name: torch.from_numpy(array).long() for name, array in arrays.items()}
order = training.order_of_epoch(plan["seed"], 0, len(data["labels"]), size)

def plain(batches):
    durations = []
    for numbers in batches:
        batch = {name: tensor[numbers] for name, tensor in data.items()}
        start = perf_counter_ns()
        loss = model(**batch).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, clipping)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
        loss.item()
        durations.append(perf_counter_ns() - start)
    return median(durations)

def harness(batches):
    with training.garbage_collection_off():
        for numbers in batches:
            run._step(numbers)
    return median(run.record.steps_ns[-len(batches):])

def round_of(batches, first, second):
    return {first.__name__: first(batches), second.__name__: second(batches)}

for _ in range(4):
    harness(order[:4]), plain(order[:4])
for number in range(rounds):
    turn = (harness, plain) if number % 2 == 0 else (plain, harness)
    first = 4 * number % (len(order) - 3)
    print(json.dumps(round_of(order[first : first + 4], *turn)), flush=True)
"""


@click.command()
@click.option("--model", type=click.Choice(sorted(LENGTHS)), default="bert-mini", show_default=True)
@click.option("--mode", type=click.Choice(MODES), default=MODES[0], show_default=True)
@click.option("--rounds", type=click.IntRange(2), default=40, show_default=True)
def main(model: str, mode: str, rounds: int) -> None:
    """Measure, and print the comparison."""
    python = build_environments(BASES["torch"], [VERSION], print)[0].python
    tell_the_setting(f"{model} {mode}, both loops in one process, {rounds} rounds of 4 steps each")
    with tempfile.TemporaryDirectory() as folder:
        plan = plan_of(model, mode, Path(folder))
        write_examples(Path(folder), plan["model"]["config"]["vocab_size"], LENGTHS[model])
        found = printed_by_loops(python, _LOOPS, plan, rounds)
    print(f"plain step: {median(one['plain'] for one in found) / 1e6:.2f} ms")
    print_ratio([one["harness"] / one["plain"] for one in found])


if __name__ == "__main__":
    main()
