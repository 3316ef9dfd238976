#!/usr/bin/env bash
# Every engine against GMP, and GMP against crypto-bigint: COUNT inputs of each operation at each length of keys.
#
#   scripts/equality_campaign.sh [LOG]      COUNT=10000 KEY_BITS="1024 1536 2048 3072 4096" OPERATIONS="product ..."
#
# A line of LOG is a finished part (operation,key_bits,count,compared,equal,seconds); a part that has one of at least
# COUNT inputs is not run again, so an interrupted campaign goes on where it stopped.
set -euo pipefail
cd "$(dirname "$0")/.."

log=${1:-results/equality_campaign.csv}
count=${COUNT:-10000}
operations=${OPERATIONS:-product square conversion power_64 multi_power_64 full_power encrypt decrypt}

cargo build --quiet --release --locked --example equality_campaign
mkdir -p "$(dirname "$log")"
[ -s "$log" ] || echo "operation,key_bits,count,compared,equal,seconds" >"$log"

for key_bits in ${KEY_BITS:-1024 1536 2048 3072 4096}; do
    for operation in $operations; do
        if awk -F, -v o="$operation" -v b="$key_bits" -v c="$count" \
            '$1 == o && $2 == b && $3 >= c && $5 == "true" { found = 1 } END { exit !found }' "$log"; then
            continue
        fi
        # A part that differs prints its line too, then stops the campaign.
        target/release/examples/equality_campaign "$operation" "$key_bits" "$count" | tee -a "$log"
    done
done
