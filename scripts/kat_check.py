#!/usr/bin/env python3
"""A second opinion on key and ciphertext files, in plain Python and textbook Paillier.

    kat_check.py --key P2.key --in FILE.enc [--expect FILE.csv] [--tolerance T]
    kat_check.py --kat VECTORS.json

The first form opens a private key file and a file of ciphertexts (their format is described in src/container.rs and
src/paillier/files.rs), checks the digests, the key's name and every ciphertext, decrypts with
m = L(c^lambda mod n^2) mu mod n and prints the values as CSV, or compares them with the numbers of a CSV file (a first
row that is not numeric is a header), each to within T, by default half a unit of the last fractional bit.

The second form recomputes known answers with plain integers: Paillier's, and those of the comparison's cryptosystem that
the example dgk_vectors prints.

Exit codes: 0 everything agrees, 1 something does not, 2 usage, 3 a file that cannot be used.
"""

import argparse
import csv
import functools
import hashlib
import json
import math
import sys
from fractions import Fraction

KINDS = {1: "public key", 2: "private key", 3: "encrypted data", 4: "encrypted answers", 5: "encrypted model",
         6: "encrypted loss curve", 9: "comparison public key", 10: "comparison private key"}
SECRET_KEY = 2
CIPHERTEXT_KINDS = (3, 4, 5, 6)
DATA = 3


class Unusable(Exception):
    """A file that cannot be used; the message says which and why."""


class Container:
    """The frame of every file: header, payload, SHA-256 of both."""

    def __init__(self, path):
        try:
            with open(path, "rb") as file:
                self.bytes = file.read()
        except OSError as error:
            raise Unusable(f"{path}: {error.strerror}") from error
        self.path, self.offset = path, 0
        if self.take(4) != b"smlp":
            raise Unusable(f"{path}: not a file written by smlp")
        version = self.number(2)
        if version != 1:
            raise Unusable(f"{path}: version {version}, this script reads version 1")
        self.kind = self.number(2)
        self.key_id = self.take(16)
        self.shape = [self.number(8) for _ in range(self.number(1))]
        self.fraction_bits, self.slot_bits, self.slots = self.number(4), self.number(4), self.number(4)
        self.payload = self.take(self.number(8))
        digest = hashlib.sha256(self.bytes[: self.offset]).digest()
        if self.take(32) != digest:
            raise Unusable(f"{path}: the digest is wrong, the file was damaged")
        if self.offset != len(self.bytes):
            raise Unusable(f"{path}: bytes follow the digest")

    def take(self, count):
        if self.offset + count > len(self.bytes):
            raise Unusable(f"{self.path}: truncated at byte {self.offset}")
        self.offset += count
        return self.bytes[self.offset - count: self.offset]

    def number(self, count):
        return int.from_bytes(self.take(count), "little")

    def require_kind(self, kinds):
        if self.kind not in kinds:
            raise Unusable(f"{self.path}: holds {KINDS.get(self.kind, 'an unknown kind')}, which is not what is needed here")


class Key:
    """Textbook Paillier with g = 1 + n."""

    def __init__(self, p, q):
        self.n = p * q
        self.n_squared = self.n * self.n
        self.lam = math.lcm(p - 1, q - 1)
        self.mu = pow(self.lam, -1, self.n)

    def decrypt(self, c):
        return (pow(c, self.lam, self.n_squared) - 1) // self.n * self.mu % self.n

    def encrypt(self, m, r):
        return (1 + self.n * m) * pow(r, self.n, self.n_squared) % self.n_squared

    def signed(self, m):
        return m - self.n if m > self.n // 2 else m


def read_key(path):
    container = Container(path)
    container.require_kind([SECRET_KEY])
    payload = container.payload
    key_bits = int.from_bytes(payload[:4], "little")
    prime_bytes, square_bytes = (key_bits + 15) // 16, (2 * key_bits + 7) // 8
    if len(payload) != 4 + 2 * prime_bytes + square_bytes:
        raise Unusable(f"{path}: {len(payload)} bytes do not hold a key of {key_bits} bits")
    fields = [payload[4: 4 + prime_bytes], payload[4 + prime_bytes: 4 + 2 * prime_bytes], payload[4 + 2 * prime_bytes:]]
    p, q, h = (int.from_bytes(field, "little") for field in fields)
    if (p * q).bit_length() != key_bits:
        raise Unusable(f"{path}: p q has {(p * q).bit_length()} bits, not {key_bits}")
    key = Key(p, q)
    if key_name(key.n, h) != container.key_id:
        raise Unusable(f"{path}: the key's name is not that of its n and h")
    if not 0 < h < key.n_squared or pow(h, key.lam, key.n_squared) != 1:
        raise Unusable(f"{path}: h is not an n-th power modulo n^2")
    return key, container.key_id


def key_name(n, h):
    width = (n.bit_length() + 7) // 8
    hashed = b"smlp paillier public key" + n.bit_length().to_bytes(4, "little")
    return hashlib.sha256(hashed + n.to_bytes(width, "little") + h.to_bytes(2 * width, "little")).digest()[:16]


def read_values(key, key_id, path):
    """The values of a ciphertext file as fractions, in rows as long as the last dimension of its shape."""
    container = Container(path)
    container.require_kind(CIPHERTEXT_KINDS)
    if container.key_id != key_id:
        raise Unusable(f"{path}: encrypted under key {container.key_id.hex()}, the key at hand is {key_id.hex()}")
    width = (2 * key.n.bit_length() + 7) // 8
    if len(container.payload) % width:
        raise Unusable(f"{path}: the payload is no whole number of ciphertexts")
    values = []
    for index in range(len(container.payload) // width):
        c = int.from_bytes(container.payload[index * width: (index + 1) * width], "little")
        if not 0 < c < key.n_squared or math.gcd(c, key.n) != 1:
            raise Unusable(f"{path}: ciphertext {index} is not a unit modulo n^2")
        plaintext = key.signed(key.decrypt(c))
        values += unpack(plaintext, container.slot_bits, container.slots) if container.slots else [plaintext]
    if container.kind == DATA and len(container.shape) == 3:
        rows, columns, classes = container.shape
        expected = rows * (columns + classes)
    else:
        expected = math.prod(container.shape)
    if len(values) < expected or (not container.slots and len(values) != expected):
        raise Unusable(f"{path}: {len(values)} values do not fill the shape {container.shape}")
    scaled = [Fraction(value, 1 << container.fraction_bits) for value in values[:expected]]
    if container.kind == DATA and len(container.shape) == 3:
        features, targets = in_rows(scaled[:rows * columns], columns), in_rows(scaled[rows * columns:], classes)
        return [*map(list.__add__, features, targets)], container.fraction_bits
    return in_rows(scaled, container.shape[-1] if container.shape else 1), container.fraction_bits


def in_rows(values, columns):
    columns = max(columns, 1)
    return [values[start: start + columns] for start in range(0, len(values), columns)]


def unpack(packed, slot_bits, slots):
    """The signed values of sum v_k 2^(w k), each in [-2^(w-1), 2^(w-1))."""
    values = []
    for _ in range(slots):
        value = (packed + (1 << (slot_bits - 1))) % (1 << slot_bits) - (1 << (slot_bits - 1))
        values.append(value)
        packed = (packed - value) >> slot_bits
    return values


def read_csv(path):
    try:
        with open(path, newline="", encoding="utf-8") as file:
            rows = [row for row in csv.reader(file) if row]
    except OSError as error:
        raise Unusable(f"{path}: {error.strerror}") from error
    if rows and not is_numeric(rows[0]):
        header, *rows = rows
        if header[0] == "label" and all(name.startswith("score_") for name in header[1:]):
            # Answers as the program opens them: the label is derived from the scores and not in the ciphertexts.
            rows = [row[1:] for row in rows]
    try:
        return [[Fraction(cell.strip()) for cell in row] for row in rows]
    except ValueError as error:
        raise Unusable(f"{path}: {error}") from error


def is_numeric(row):
    try:
        return all(Fraction(cell.strip()) is not None for cell in row)
    except ValueError:
        return False


def compare(rows, expected, tolerance):
    if [len(row) for row in rows] != [len(row) for row in expected]:
        print(f"the shapes differ: {len(rows)} rows were decrypted, {len(expected)} are expected, or rows of other "
              "lengths", file=sys.stderr)
        return 1
    differences = 0
    for row, (found_row, expected_row) in enumerate(zip(rows, expected)):
        for column, (found, wanted) in enumerate(zip(found_row, expected_row)):
            if abs(found - wanted) > tolerance:
                differences += 1
                print(f"row {row} column {column}: {float(found)}, expected {float(wanted)}", file=sys.stderr)
    total = sum(len(row) for row in rows)
    print(f"{total - differences} of {total} values agree")
    return 1 if differences else 0


def check_file(options):
    key, key_id = read_key(options.key)
    rows, fraction_bits = read_values(key, key_id, options.input)
    if options.expect is None:
        csv.writer(sys.stdout, lineterminator="\n").writerows([float(value) for value in row] for row in rows)
        return 0
    tolerance = Fraction(1, 2 << fraction_bits) if options.tolerance is None else options.tolerance
    return compare(rows, read_csv(options.expect), tolerance)


def check_vectors(path):
    try:
        with open(path, encoding="utf-8") as file:
            vectors = json.load(file)["vectors"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Unusable(f"{path}: {error}") from error
    passed = 0
    for vector in vectors:
        failures = failed_fields(vector)
        passed += not failures
        if failures:
            print(f"{vector.get('name')}: {', '.join(failures)}", file=sys.stderr)
    print(f"{passed} of {len(vectors)}")
    return 0 if passed == len(vectors) else 1


def failed_fields(vector):
    """The names of the fields that do not follow from the others."""
    if vector.get("kind") == "dgk":
        return failed_dgk_fields(vector)
    texts = ("name", "kind", "source", "licence", "note", "g")
    v = {name: int(value, 16) for name, value in vector.items() if isinstance(value, str) and name not in texts}
    n = v["n"]
    n_squared = n * n
    key = Key(v["p"], v["q"]) if "p" in v else None
    encrypt = lambda m, r: (1 + n * m) * pow(r, n, n_squared) % n_squared
    computed = {"n_bits": (n.bit_length(), vector["n_bits"])}
    if key:
        p, q = v["p"], v["q"]
        factor = lambda prime: pow((pow(1 + n, prime - 1, prime * prime) - 1) // prime, -1, prime)
        fields = {"n": key.n, "n2": n_squared, "lam": key.lam, "mu": key.mu, "totient": (p - 1) * (q - 1), "lp": p - 1,
                  "lq": q - 1, "mp": factor(p), "mq": factor(q)}
        computed |= {name: (value, v[name]) for name, value in fields.items() if name in v}
        for c, m in (("c", "m"), ("cb", "m_cb"), ("c_sum", "m_sum")):
            if c in v and m in v:
                computed[f"decryption of {c}"] = (key.decrypt(v[c]), v[m])
    if {"m", "r", "c"} <= v.keys():
        computed["c"] = (encrypt(v["m"], v["r"]), v["c"])
    if "c_sum" in v:
        computed["c_sum"] = (v["c1"] * v["c2"] % n_squared, v["c_sum"])
    if "k" in v:
        computed["c"] = (pow(v["c1"], v["k"], n_squared), v["c"])
    if "ca" in v:
        computed["ca"] = (encrypt(v["a"], v["r1"]), v["ca"])
        computed["cb"] = (pow(v["ca"], v["b"], n_squared) * encrypt(v["z"], v["r2"]) % n_squared, v["cb"])
    return [name for name, (found, wanted) in computed.items() if found != wanted]


def failed_dgk_fields(vector):
    """The same for the cryptosystem of Damgard, Geisler and Kroigaard: c = g^m h^r mod n, m in Z_u, u a product of primes."""
    lists = ("moduli", "plaintexts", "ciphertexts", "factors")
    v = {name: int(value, 16) for name, value in vector.items()
         if isinstance(value, str) and name not in ("name", "kind", *lists)}
    v |= {name: [int(value, 16) for value in vector[name].split()] for name in lists if name in vector}
    n, p, q, u, g, h = (v[name] for name in ("n", "p", "q", "u", "g", "h"))
    moduli = v["moduli"]
    step = pow(g, v["v_p"], p)
    # A plaintext modulo each prime of u; None for what is not in the group of g and h.
    decrypt = lambda c: [discrete_logarithm(pow(step, u // prime, p), pow(c, v["v_p"] * u // prime, p), p, prime)
                         for prime in moduli]
    residues = lambda m: [m % prime for prime in moduli]
    zeros = lambda m: sum(1 << slot for slot, prime in enumerate(moduli) if m % prime == 0)
    order = lambda base, prime, primes: [pow(base, math.prod(primes), prime) == 1,
                                         *(pow(base, math.prod(primes) // divisor, prime) != 1 for divisor in primes)]
    computed = {"n": (p * q, n), "n_bits": (n.bit_length(), vector["n_bits"]),
                "gcd(p - 1, q - 1)": (math.gcd(p - 1, q - 1), 2 * u), "u": (math.prod(moduli), u),
                "moduli": ((all(map(is_prime, moduli)), len(set(moduli))), (True, 8))}
    for name, prime in (("p", p), ("q", q)):
        v_prime = v[f"v_{name}"]
        computed[f"v_{name}"] = (((prime - 1) % (2 * u * v_prime), v_prime.bit_length()), (0, v["t"]))
        computed[f"primality of {name}"] = ((is_prime(prime), is_prime(v_prime)), (True, True))
        computed[f"orders modulo {name}"] = (all(order(g, prime, [*moduli, v_prime]) + order(h, prime, [v_prime])), True)
    if "c" in v:
        computed["c"] = (pow(g, v["m"], n) * pow(h, v["r"], n) % n, v["c"])
        computed["m"] = (decrypt(v["c"]), residues(v["m"]))
        computed["zeros"] = (zeros(v["m"]), v["zeros"])
    if "combined" in v:
        computed["plaintexts"] = ([decrypt(c) for c in v["ciphertexts"]], [residues(m) for m in v["plaintexts"]])
        m = v["constant"] + sum(factor * plaintext for factor, plaintext in zip(v["factors"], v["plaintexts"], strict=True))
        computed["combined"] = (decrypt(v["combined"]), residues(m))
        computed["combined_zeros"] = (zeros(m), v["combined_zeros"])
        # What the randomiser of the combination was is secret, but it is a power of h.
        bare = math.prod(pow(c, factor, n) for c, factor in zip(v["ciphertexts"], v["factors"], strict=True)) * pow(g, v["constant"], n)
        randomizer = v["combined"] * pow(bare, -1, n) % n
        computed["randomiser"] = ((pow(randomizer, v["v_p"], p), pow(randomizer, v["v_q"], q), randomizer != 1), (1, 1, True))
    return [name for name, (found, wanted) in computed.items() if found != wanted]


def discrete_logarithm(base, power, prime, order):
    """The exponent below the order that gives the power, found by trying all."""
    number = 1
    for exponent in range(order):
        if number == power:
            return exponent
        number = number * base % prime
    return None


@functools.lru_cache
def is_prime(number):
    """Miller and Rabin's test to the bases from 2 to 179."""
    if number < 2 or any(number % divisor == 0 and number != divisor for divisor in range(2, 200)):
        return False
    if number < 200 * 200:
        return True
    odd = (number - 1) // ((number - 1) & (1 - number))
    for base in range(2, 180):
        power, exponent = pow(base, odd, number), odd
        while exponent != number - 1 and power not in (1, number - 1):
            power, exponent = power * power % number, 2 * exponent
        if power != number - 1 and exponent % 2 == 0:
            return False
    return True


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--key", metavar="P2.key", help="private key file")
    parser.add_argument("--in", dest="input", metavar="FILE.enc", help="file of ciphertexts")
    parser.add_argument("--expect", metavar="FILE.csv", help="the numbers that must come out")
    parser.add_argument("--tolerance", type=Fraction, help="largest difference that still agrees")
    parser.add_argument("--kat", metavar="VECTORS.json", help="known answers to recompute")
    options = parser.parse_args()
    if bool(options.kat) == bool(options.key) or bool(options.key) != bool(options.input):
        parser.error("either --key and --in, or --kat")
    try:
        return check_vectors(options.kat) if options.kat else check_file(options)
    except Unusable as error:
        print(error, file=sys.stderr)
        return 3


if __name__ == "__main__":
    sys.exit(main())
