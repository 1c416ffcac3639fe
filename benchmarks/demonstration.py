"""How far the figures of ``python -m skae`` hang on rounding: smallest and largest over kernels, threads and seeds.

The demonstration runs once for each BLAS kernel and number of threads, and once for each seed of an emulated kernel
(`tests/perturbation.py`), one after the other. Name only kernels that the processor has (`doc/contributing.md`):
OpenBLAS uses another one without a word, or ends Python.
"""

import argparse
import itertools
import os
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[1]
RUN = "import sys; from skae.__main__ import main; sys.exit(main(['--output', sys.argv[1]]))"
PERTURB = "import sys; sys.path.insert(0, 'tests'); import perturbation; perturbation.install(int(sys.argv[2])); "
ROW = re.compile(r"^  (\S.*?)  +(\d.*)$", re.MULTILINE)


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--kernels", nargs="*", default=["Haswell", "Prescott"], help="values of OPENBLAS_CORETYPE")
    parser.add_argument("--threads", nargs="*", type=int, default=[1, 2], help="values of OPENBLAS_NUM_THREADS")
    parser.add_argument("--seeds", nargs="*", type=int, default=[1, 2, 3, 4, 5], help="of the emulated kernel")
    options = parser.parse_args()
    runs = []
    for kernel, threads in itertools.product(options.kernels, options.threads):
        print(f"{kernel}, {threads} threads", flush=True)
        runs.append(figures(RUN, {"OPENBLAS_CORETYPE": kernel, "OPENBLAS_NUM_THREADS": str(threads)}))
    for seed in options.seeds:
        print(f"emulated kernel, seed {seed}", flush=True)
        runs.append(figures(PERTURB + RUN, {"OPENBLAS_NUM_THREADS": "1"}, str(seed)))
    report(runs)


def figures(code, environment, *arguments):
    """Return the figures that a run of the demonstration prints, by the name of their row."""
    environment = {key: value for key, value in os.environ.items() if key != "OMP_NUM_THREADS"} | environment
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-W", "ignore", "-c", code, str(pathlib.Path(folder, "picture.png")), *arguments]
        run = subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return {name: re.findall(r"\d+\.\d+(?: %)?", rest) for name, rest in ROW.findall(run.stdout)}


def report(runs):
    """Print the smallest and the largest of each figure, and in how many of the runs its row was printed."""
    names = dict.fromkeys(name for run in runs for name in run if any(run[name]))
    print(f"\n{'':<50} runs  figures: smallest to largest")
    for name in names:
        rows = [run[name] for run in runs if name in run]
        spread = (f"{min(column, key=number)} to {max(column, key=number)}" for column in zip(*rows, strict=True))
        print(f"{name:<50} {len(rows):>4}  {', '.join(spread)}")


def number(figure):
    return float(figure.removesuffix(" %"))


if __name__ == "__main__":
    main()
