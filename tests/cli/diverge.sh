#!/usr/bin/env bash
# diverge.sh - a loss that becomes NaN or infinite: exit code 4, a record that says so, no model.
. "$(dirname "$0")/common.sh"

run 4 train $small --epochs 3 --lr 1e30 --out run --progress none
says 'diverged'
holds run/run.json '"outcome": "diverged"'
is_not_there run/model.safetensors
is_not_there run/checkpoint.safetensors
run 3 evaluate --model run
says 'has no model'
run 2 train $small --epochs 1 --out run
