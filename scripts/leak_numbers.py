#!/usr/bin/env python3
"""What P2 learns from the blinded comparison (src/protocol/element/max_enc.rs), in numbers.

P2 decrypts s (rho (2a - 1) + u): s a random sign, k uniform in FIRST..=LAST, rho uniform in [2^(k-1), 2^k), u uniform
in [-rho + 1, rho - 1]. The sign is hidden perfectly, so its view is t = rho M + u, where M = |2a - 1| is odd.

    leak_numbers.py                                     the protocol as it is: factors of 20 to 59 bits
    leak_numbers.py --first-bits 1 --last-bits 40       the same with other factors

Sections 1 and 2 look at the size of t alone and are exact: t is taken as the real number rho M. Sections 3 and 4 look
at every digit of t, with p(t | M) exact and the average over rho and u taken exactly for short factors and by random
samples for long ones; the standard error is printed. Section 5 counts the masked values of a training and prints what
they leave of sigma; --layers, --batch, --train-rows and --epochs describe the training. Section 6 counts comparisons. What adds up over
epochs, where P2 knows row and neuron, is shown by scripts/leak_demo.

Exit codes: 0, or 2 for a usage error.
"""

import argparse
import math
import random

SAMPLES = 40
EXACT_BITS = 3
TABLE = [0.0]
for n in range(1, 4097):
    TABLE.append(TABLE[-1] + 1 / (2 * n - 1))
HALF_GAMMA = 0.5772156649015329 / 2


def odd_harmonic(n):
    """1 + 1/3 + ... + 1/(2n - 1)."""
    if n < len(TABLE):
        return TABLE[n]
    return math.log(n) / 2 + math.log(2) + HALF_GAMMA + 1 / (48 * n * n)


class Factors:
    """The distribution of (rho, u)."""

    def __init__(self, first_bits, last_bits):
        self.first_bits, self.last_bits = first_bits, last_bits
        self.octaves = last_bits - first_bits + 1

    def lengths(self):
        return range(self.first_bits, self.last_bits + 1)

    def weight(self, low, high):
        """The sum of p(rho, u) over low <= rho <= high, for one u that all these rho allow."""
        low, high = max(low, 1 << (self.first_bits - 1)), min(high, (1 << self.last_bits) - 1)
        total = 0.0
        while low <= high:
            bits = low.bit_length()
            end = min(high, (1 << bits) - 1)
            total += (odd_harmonic(end) - odd_harmonic(low - 1)) / (self.octaves << (bits - 1))
            low = end + 1
        return total

    def likelihood(self, t, magnitude):
        """p(t | M): the rho with |t - rho M| < rho."""
        highest = (t - 1) // (magnitude - 1) if magnitude > 1 else (1 << self.last_bits) - 1
        return self.weight(t // (magnitude + 1) + 1, highest)

    def blinds(self, bits, samples, rng):
        """Equally likely factors of that length: (probability, rho, u)."""
        if bits <= EXACT_BITS:
            for rho in range(1 << (bits - 1), 1 << bits):
                for u in range(1 - rho, rho):
                    yield 1 / ((2 * rho - 1) << (bits - 1)), rho, u
            return
        for _ in range(samples):
            rho = rng.randrange(1 << (bits - 1), 1 << bits)
            yield 1 / samples, rho, rng.randrange(1 - rho, rho)


def size_distance(factors, octaves_apart):
    """Total variation distance of the sizes for magnitudes M and 2^x M: both densities are steps; integrate between
    neighbouring edges."""
    ratio = 2.0**octaves_apart
    edges = [2.0 ** (k - 1) for k in range(factors.first_bits, factors.last_bits + 2)]
    cuts = sorted(edges + [edge * ratio for edge in edges])

    def density(r):
        if not edges[0] <= r < edges[-1]:
            return 0.0
        return 1 / (factors.octaves * 2.0 ** math.floor(math.log2(r)))

    middles = ((low, high, (low + high) / 2) for low, high in zip(cuts, cuts[1:]))
    return sum(abs(density(r) - density(r / ratio) / ratio) * (high - low) for low, high, r in middles) / 2


def octave_information(factors, octaves):
    """Bits about which of `octaves` equally likely octaves M is in: H(octave of t) - H(k)."""
    counts = [0] * (factors.octaves + octaves - 1)
    for j in range(octaves):
        for k in range(factors.octaves):
            counts[j + k] += 1
    total = factors.octaves * octaves
    entropy = -sum(count / total * math.log2(count / total) for count in counts)
    return entropy - math.log2(factors.octaves)


def neighbour_distance(factors, magnitude, rng):
    """Total variation distance of t for M and M + 2: the mean of (1 - p(t | M + 2) / p(t | M))+ over t given M."""
    total = 0.0
    for bits in factors.lengths():
        for probability, rho, u in factors.blinds(bits, 50 * SAMPLES, rng):
            t = rho * magnitude + u
            ratio = factors.likelihood(t, magnitude + 2) / factors.likelihood(t, magnitude)
            total += probability * max(0.0, 1 - ratio)
    return total / factors.octaves


def value_information(factors, octave, rng):
    """Bits about M, uniform over the odd numbers of one octave that P2 knows; their standard error; and the
    probability that P2's best guess is M."""
    low, high = 1 << octave, 1 << (octave + 1)
    count = 1 << (octave - 1)
    mean = variance = guess = 0.0
    for bits in factors.lengths():
        draws = []
        for probability, rho, u in factors.blinds(bits, SAMPLES, rng):
            magnitude = rng.randrange(low, high, 2) + 1
            t = rho * magnitude + u
            likelihoods = candidates(factors, t, low, high)
            total = sum(likelihoods.values())
            draws.append((probability, math.log2(likelihoods[magnitude] * count / total)))
            guess += probability * max(likelihoods.values()) / total / factors.octaves
        average = sum(probability * information for probability, information in draws)
        mean += average / factors.octaves
        spread = sum(probability * (information - average) ** 2 for probability, information in draws)
        variance += spread / len(draws) / factors.octaves**2
    return mean, math.sqrt(variance), guess


def candidates(factors, t, low, high):
    """p(t | M) for each odd M of [low, high) for which it is not zero."""
    first, last = t // (high + 1), t // (low - 1) + 1
    if last - first > high - low:
        return {m: p for m in range(low + 1, high, 2) if (p := factors.likelihood(t, m)) > 0}
    found = {}
    for rho in range(max(first, 1), last + 1):
        # The odd number in (t/rho - 1, t/rho + 1); none if t/rho is an even integer.
        quotient = t // rho
        odd = quotient if quotient % 2 else quotient + 1
        if low < odd < high and abs(t - rho * odd) < rho:
            found[odd] = found.get(odd, 0.0) + factors.weight(rho, rho)
    return found


def masked_values(layers, batch, train_rows, epochs):
    """How many masked values P2 decrypts in a training of the element-wise protocol, all comparisons excluded."""
    weights = list(zip(layers, layers[1:]))
    products = sum(fan_in * fan_out for fan_in, fan_out in weights)
    carried = sum(fan_in * fan_out for fan_in, fan_out in weights[1:])
    hidden = sum(layers[1:-1])
    # Forward, gates, loss, backward, gates, gradient: two operands a product, one value a division.
    per_row = 2 * products + sum(layers[1:]) + 2 * hidden + 2 * layers[-1] + 2 * carried + 3 * hidden + 2 * products
    parameters = products + sum(layers[1:])
    steps = -(-train_rows // batch)
    once = train_rows * (layers[0] + layers[-1]) + parameters
    return once + epochs * (train_rows * per_row + steps * parameters + parameters + 1)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--first-bits", type=int, default=20, help="shortest factor, in bits (default 20)")
    parser.add_argument("--last-bits", type=int, default=59, help="longest factor, in bits (default 59)")
    parser.add_argument("--layers", default="30,16,2", help="widths of the layers (default 30,16,2)")
    parser.add_argument("--batch", type=int, default=32, help="rows of a batch (default 32)")
    parser.add_argument("--train-rows", type=int, default=455, help="training rows (default 455)")
    parser.add_argument("--epochs", type=int, default=10, help="epochs (default 10)")
    options = parser.parse_args()
    if not 1 <= options.first_bits <= options.last_bits <= 64:
        parser.error("1 <= first-bits <= last-bits <= 64 is needed")
    factors, rng = Factors(options.first_bits, options.last_bits), random.Random(1)

    print(f"factors of {factors.first_bits} to {factors.last_bits} bits")
    print("1. size of t: total variation distance for two magnitudes x octaves apart")
    for x in (0.25, 0.5, 1, 2, 5, 10):
        print(f"   x = {x:<5} {size_distance(factors, x):.4f}")
    print("2. size of t: mutual information, bits a comparison")
    for octaves in (2, 5, 10, 17):
        print(f"   which of {octaves:>2} equally likely octaves  {octave_information(factors, octaves):.4f}")
    # The position y in the octave has density 2^y ln 2 for t; it is compared with a uniform one.
    print(f"   position within the octave         {2 - 1 / math.log(2) + math.log2(math.log(2)):.4f}")
    print("3. every digit of t: total variation distance for the neighbours M and M + 2")
    for octave in (5, 8, 11, 14, 17):
        distance = neighbour_distance(factors, (1 << octave) + 1, rng)
        print(f"   {f'M = 2^{octave} + 1':<16} {distance:.3f}")
    print("4. every digit of t: bits about M within its octave, known to P2; how often its best guess is M")
    for octave in (5, 8, 11, 14):
        bits, error, guess = value_information(factors, octave, rng)
        print(f"   2^{octave:<2} < M < 2^{octave + 1:<2}  {bits:.2f} +- {error:.2f} of {octave - 1} bits   {guess:.3f}")
    layers = [int(width) for width in options.layers.split(",")]
    count = masked_values(layers, options.batch, options.train_rows, options.epochs)
    print(f"5. {options.layers}, {options.train_rows} rows, {options.epochs} epochs: {count} masked values")
    for sigma in (40, 64):
        print(f"   sigma = {sigma} leaves {sigma - 1 - math.log2(count):.1f} bits")
    print(f"6. the same training: {options.epochs * options.train_rows * sum(layers[1:-1])} comparisons")


if __name__ == "__main__":
    main()
