#!/usr/bin/env bash
# Whole trainings by the packed protocol beside the integer twin: breast_cancer 30-16-2 and digits 64-32-10.
#
#     scripts/campaign.sh NAME          figures, log and table in results/NAME
#
# Run again with the same name, it skips the jobs that are complete; a job that was stopped starts again, since a
# training cannot be resumed. Environment, with defaults:
#
#     RESULTS=results      folder above NAME, as seen from the top of the repository
#     JOBS="breast_cancer digits"
#     CANCER_EPOCHS=10  DIGITS_EPOCHS=5
#     KEY_BITS=2048        below that the keys protect nothing
#     SEED=1               splits, batches, weights and masks: an experiment that can be repeated, not private
#     FLAGS=               further flags of smlp train, as --max-steps 2 for a trial
#     SMLP=                the program [default: built from this repository]
#
# Exit codes: 0 if every job is complete and was its twin bit for bit, 2 usage, else that of the job that failed.
set -euo pipefail

if [ $# -ne 1 ] || [[ ! $1 =~ ^[A-Za-z0-9][A-Za-z0-9._-]*$ ]]; then
    echo "usage: scripts/campaign.sh NAME" >&2
    exit 2
fi
cd "$(dirname "$0")/.."
folder=${RESULTS:-results}/$1
read -r -a jobs <<<"${JOBS:-breast_cancer digits}"
read -r -a flags <<<"${FLAGS:-}"
mkdir -p "$folder"
log=$folder/campaign.log

if [ -z "${SMLP:-}" ]; then
    cargo build --quiet --release --locked --bin smlp
    SMLP=target/release/smlp
fi

say() {
    printf '%s  %s\n' "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$*" | tee -a "$log"
}

is_complete() {
    python3 - "$folder/$1/summary.json" <<'PYTHON'
import json, sys
try:
    complete = json.load(open(sys.argv[1]))["status"] == "completed"
except (OSError, ValueError, KeyError):
    complete = False
sys.exit(0 if complete else 1)
PYTHON
}

train() {
    local job=$1 layers epochs
    case $job in
        breast_cancer) layers=30,16,2 epochs=${CANCER_EPOCHS:-10} ;;
        digits) layers=64,32,10 epochs=${DIGITS_EPOCHS:-5} ;;
        *) echo "unknown job $job; known are breast_cancer and digits" >&2; exit 2 ;;
    esac
    if is_complete "$job"; then
        say "$job: complete already"
        return
    fi
    local command=("$SMLP" train --protocol packed --data "$job" --layers "$layers" --batch 32 --learning-rate 0.2
        --drop-last --epochs "$epochs" --key-bits "${KEY_BITS:-2048}" --seed "${SEED:-1}" --twin)
    [ "${KEY_BITS:-2048}" -ge 2048 ] || command+=(--allow-weak-key)
    command+=("${flags[@]}" --out "$folder/$job")
    say "$job: smlp ${command[*]:1}"
    # pipefail hands on the status of smlp.
    "${command[@]}" 2>&1 | tee -a "$log"
    say "$job: done"
}

table() {
    python3 - "$folder" "${jobs[@]}" <<'PYTHON'
import csv, json, os, sys

folder, jobs = sys.argv[1], sys.argv[2:]
heads = ["job", "status", "steps", "step median, ms", "bytes a step", "test accuracy", "plain float",
         "difference, samples", "equals twin"]
rows = [heads]
equal = True
for job in jobs:
    summary = json.load(open(os.path.join(folder, job, "summary.json")))
    history = list(csv.DictReader(open(os.path.join(folder, job, "history.csv"))))
    traffic = sum(int(row["bytes_p1_to_p2"]) + int(row["bytes_p2_to_p1"]) for row in history)
    accuracy, plain = summary["final_test_accuracy"], summary["final_baseline_test_accuracy"]
    # The packed protocol classifies the whole test part.
    difference = round((accuracy - plain) * summary["classify_rows"])
    equal = equal and summary["twin_equal"] is True and summary["classified_equal"] is True
    rows.append([job, summary["status"], str(summary["steps"]), f'{summary["step_ms_median"]:.0f}',
                 f'{traffic / summary["steps"]:.0f}', f"{accuracy:.4f}", f"{plain:.4f}",
                 f'{difference:+d} of {summary["classify_rows"]}', "yes" if summary["twin_equal"] else "NO"])
widths = [max(len(row[column]) for row in rows) for column in range(len(heads))]
for row in rows:
    print("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())
sys.exit(0 if equal else 1)
PYTHON
}

say "smlp $("$SMLP" --version | cut -d' ' -f2), commit $(git rev-parse --short HEAD 2>/dev/null || echo unknown)"
for job in "${jobs[@]}"; do
    train "$job"
done
table | tee -a "$log"
