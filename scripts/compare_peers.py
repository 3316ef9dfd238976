#!/usr/bin/env python3
"""smlp beside other libraries for Paillier's scheme, one thread each, in one run.

    compare_peers.py --out DIR [--smlp PROGRAM] [--key-bits 2048,3072] [--seconds S] [--rounds N] [--venv DIR]

Installs the pinned peers into a virtual environment, measures them in turns with `smlp primitives`, checks that every
result decrypts to the number that plain integers give, and writes peers.csv and peers.md. A peer that cannot be
installed for any Python that is found is named and left out. The column cpu_share tells what part of the time a library
had its core, in its worst turn: well below 1 another program was in the way, and the row is worth nothing.

Exit codes: 0 done, 1 a wrong result, 2 usage, 3 smlp or every peer is missing.
"""

import argparse
import csv
import json
import os
import random
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PEERS = {"sf-heu": ["sf-heu==0.5.2b0", "numpy==1.26.4"], "python-paillier": ["phe==1.5.0", "gmpy2==2.3.2"]}
PYTHONS = [sys.executable, "python3.11", "python3.10", "python3.12", "python3.9", "python3.8"]
# What is compared, as smlp primitives calls it.
OPERATIONS = ["encrypt_public", "decrypt", "add", "mul_plain_64", "dot_term_64"]
COLUMNS = ["operation", "key_bits", "library", "version", "median_ns", "times_smlp", "cpu_share"]
BATCH, DOT_BASES, DOT_ROWS = 64, 16, 4


class WrongResult(Exception):
    """A peer decrypted to something else than plain integers give."""


def pythons_own_version(python):
    """None where there is no such Python."""
    if not shutil.which(python):
        return None
    found = subprocess.run([python, "--version"], capture_output=True, text=True)
    return found.stdout.strip() if found.returncode == 0 else None


def install(peer, folder):
    """The Python of a virtual environment that has the peer, or None after saying why."""
    reasons = []
    for python in dict.fromkeys(PYTHONS):
        version = pythons_own_version(python)
        if version is None:
            continue
        place = folder / f"{peer}-{version.replace(' ', '')}"
        own = place / "bin" / "python"
        if not own.exists():
            subprocess.run([python, "-m", "venv", place], check=True)
        pip = [own, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--only-binary", ":all:"]
        done = subprocess.run(pip + PEERS[peer], capture_output=True, text=True)
        if done.returncode == 0:
            return own
        reasons.append(f"{version}: {(done.stderr.strip().splitlines() or ['no reason given'])[-1]}")
    print(f"{peer} cannot be installed and is left out:\n  " + "\n  ".join(reasons), file=sys.stderr)
    return None


def on_one_core(command, **options):
    """Runs a command with one thread on one core; what it prints, and the share of the time that it had the core."""
    core = {min(os.sched_getaffinity(0))}
    threads = {name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "RAYON_NUM_THREADS")}
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(command, env=os.environ | threads, preexec_fn=lambda: os.sched_setaffinity(0, core),
                          stdout=subprocess.PIPE, text=True, **options)
    if done.returncode != 0:
        raise WrongResult(f"{Path(command[0]).name} stopped with exit code {done.returncode}")
    after, wall = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter() - start
    return done.stdout, (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) / wall


def measure_smlp(program, key_bits, seconds):
    """Nanoseconds of each operation, and the share of the core; smlp checks its results itself."""
    with tempfile.TemporaryDirectory() as out:
        command = [program, "primitives", "--key-bits", str(key_bits), "--batch", str(BATCH), "--threads", "1",
                   "--operations", ",".join(OPERATIONS), "--seconds", str(seconds), "--out", out]
        _, share = on_one_core(command, stderr=subprocess.DEVNULL)
        with open(Path(out) / "primitives.csv", newline="") as file:
            return {row["operation"]: float(row["median_ns"]) for row in csv.DictReader(file)}, share


def measure_peer(python, peer, key_bits, seconds):
    """Nanoseconds of each operation, the share of the core, and the peer's version."""
    output, share = on_one_core([python, __file__, "--measure", peer, "--key-bits", str(key_bits),
                                 "--seconds", str(seconds)])
    found = json.loads(output.strip().splitlines()[-1])
    return found["median_ns"], share, found["version"]


class Heu:
    """sf-heu: arrays, Paillier by its ZPaillier, which encrypts with h^s as smlp does."""

    package, has_matrices = "sf-heu", True

    def __init__(self, key_bits):
        import numpy as arrays
        from heu import numpy, phe
        self.arrays = arrays
        self.kit = numpy.setup(phe.SchemaType.ZPaillier, key_bits)
        self.encryptor, self.decryptor = self.kit.encryptor(), self.kit.decryptor()
        self.evaluator = self.kit.evaluator()

    def plain(self, values):
        # As objects: numbers of 64 bits would be rounded on their way through floats.
        return self.kit.array(self.arrays.array(values, dtype=object), self.kit.bigint_encoder())

    def encrypt(self, plain):
        return self.encryptor.encrypt(plain)

    def decrypt(self, sealed):
        return self.decryptor.decrypt(sealed)

    def numbers(self, opened):
        return [int(value) for value in opened.to_numpy().flatten().tolist()]

    def add(self, a, b):
        return self.evaluator.add(a, b)

    def multiply(self, sealed, plain):
        return self.evaluator.mul(sealed, plain)

    def matrix_times(self, matrix, sealed):
        return self.evaluator.matmul(matrix, sealed)


class PythonPaillier:
    """python-paillier with gmpy2: a number at a time, r^n."""

    package, has_matrices = "phe", False

    def __init__(self, key_bits):
        from phe import paillier, util
        assert util.HAVE_GMP, "python-paillier runs without gmpy2"
        self.public, self.private = paillier.generate_paillier_keypair(n_length=key_bits)

    def plain(self, values):
        return values

    def encrypt(self, plain):
        return [self.public.encrypt(value) for value in plain]

    def decrypt(self, sealed):
        return [self.private.decrypt(number) for number in sealed]

    def numbers(self, opened):
        return opened

    def add(self, a, b):
        return [x + y for x, y in zip(a, b)]

    def multiply(self, sealed, plain):
        return [number * factor for number, factor in zip(sealed, plain)]


def timed(call, count, seconds):
    """Median nanoseconds of one of the `count` operations in a call: three samples or more."""
    samples, end = [], time.perf_counter() + seconds
    while len(samples) < 3 or time.perf_counter() < end:
        start = time.perf_counter_ns()
        call()
        samples.append((time.perf_counter_ns() - start) / count)
    return statistics.median(samples)


def run_peer(peer, key_bits, seconds):
    """Checks and times one peer in this process; prints JSON."""
    from importlib.metadata import version
    library = {"sf-heu": Heu, "python-paillier": PythonPaillier}[peer](key_bits)
    rng = random.Random(key_bits)
    values, factors = ([rng.getrandbits(bits) for _ in range(BATCH)] for bits in (63, 64))
    plain, plain_factors = library.plain(values), library.plain(factors)
    sealed = library.encrypt(plain)

    work = {
        "encrypt_public": (lambda: library.encrypt(plain), BATCH, values),
        "decrypt": (lambda: library.decrypt(sealed), BATCH, values),
        "add": (lambda: library.add(sealed, sealed), BATCH, [2 * value for value in values]),
        "mul_plain_64": (lambda: library.multiply(sealed, plain_factors), BATCH,
                         [value * factor for value, factor in zip(values, factors)]),
    }
    if library.has_matrices:
        rows = [factors[start:start + DOT_BASES] for start in range(0, DOT_ROWS * DOT_BASES, DOT_BASES)]
        matrix, column = library.plain(rows), library.encrypt(library.plain(values[:DOT_BASES]))
        sums = [sum(weight * value for weight, value in zip(row, values)) for row in rows]
        work["dot_term_64"] = (lambda: library.matrix_times(matrix, column), DOT_ROWS * DOT_BASES, sums)

    medians = {}
    for operation, (call, count, expected) in work.items():
        found = call() if operation == "decrypt" else library.decrypt(call())
        if library.numbers(found) != expected:
            raise WrongResult(f"{peer}, {operation} at {key_bits} bits: a wrong number")
        medians[operation] = timed(call, count, seconds)
    print(json.dumps({"version": version(library.package), "median_ns": medians}))


def compare(program, pythons, key_lengths, seconds, rounds):
    """Rows of the table: medians over the rounds, in each of which every library has its turn."""
    smlp_version = subprocess.run([program, "--version"], capture_output=True, text=True).stdout.split()[-1]
    rows = []
    for key_bits in key_lengths:
        found, shares, versions = {}, {}, {"smlp": smlp_version}
        for _ in range(rounds):
            turns = {"smlp": measure_smlp(program, key_bits, seconds)}
            for peer, python in pythons.items():
                *turns[peer], versions[peer] = measure_peer(python, peer, key_bits, seconds)
            for library, (times, share) in turns.items():
                shares[library] = min(share, shares.get(library, 1.0))
                for operation, nanoseconds in times.items():
                    found.setdefault((operation, library), []).append(nanoseconds)
        for operation in OPERATIONS:
            own = statistics.median(found[operation, "smlp"])
            for library in versions:
                if (operation, library) in found:
                    median = statistics.median(found[operation, library])
                    rows.append([operation, key_bits, library, versions[library], f"{median:.1f}", f"{median / own:.3f}",
                                 f"{shares[library]:.2f}"])
    return rows


def write(folder, rows):
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "peers.csv", "w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerows([COLUMNS] + rows)
    lines = ["| operation | key bits | library | one operation, us | times smlp | CPU share |",
             "|---|---|---|---|---|---|"]
    for operation, key_bits, library, version, median, ratio, share in rows:
        lines.append(f"| {operation} | {key_bits} | {library} {version} | {float(median) / 1e3:.1f} | {float(ratio):.2f} "
                     f"| {share} |")
    (folder / "peers.md").write_text("\n".join(lines) + "\n")
    print("\n".join(lines))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--smlp", default="target/release/smlp")
    parser.add_argument("--key-bits", default="2048,3072")
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--venv", type=Path, help="keeps the environments there for the next run")
    parser.add_argument("--measure", choices=PEERS, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    key_lengths = [int(bits) for bits in arguments.key_bits.split(",")]
    if arguments.measure:
        run_peer(arguments.measure, key_lengths[0], arguments.seconds)
        return 0
    if arguments.out is None:
        parser.error("--out is missing: name the folder for peers.csv and peers.md")
    if not shutil.which(arguments.smlp):
        print(f"there is no program {arguments.smlp}: run cargo build --release, or name it by --smlp", file=sys.stderr)
        return 3
    with tempfile.TemporaryDirectory() as scratch:
        folder = (arguments.venv or Path(scratch)).resolve()
        pythons = {peer: install(peer, folder) for peer in PEERS}
        pythons = {peer: python for peer, python in pythons.items() if python}
        if not pythons:
            return 3
        program = str(Path(shutil.which(arguments.smlp)).resolve())
        write(arguments.out, compare(program, pythons, key_lengths, arguments.seconds, arguments.rounds))
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except WrongResult as wrong:
        print(wrong, file=sys.stderr)
        sys.exit(1)
