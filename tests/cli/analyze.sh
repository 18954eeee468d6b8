#!/usr/bin/env bash
# analyze.sh - an analysis of a pruned run: its text, its record, its page; theta_0 found along the chain or given.
. "$(dirname "$0")/common.sh"
quiet="--threads 1 --progress none"
few="--samples 2 --iterations 1"

run 0 train $small --epochs 1 --seed 7 --out dense $quiet --quiet
run 0 prune --model dense --epochs 0 --sparsity 0.9 --out sparse $quiet --quiet

# The chain leads back to the seed: theta_0 given by hand is the same.
run 0 analyze --model sparse $few $quiet
prints '90.00 % of the prunable weights removed'
prints '^largest Hessian eigenvalue over the unmasked weights: '
prints '^layer3.2.conv2.weight  *36864 '
says 'raise --iterations'
grep '^distance' out >first || fail "no distance"
run 0 train $small --epochs 0 --seed 7 --out start $quiet --quiet
run 0 analyze --model sparse --initial start --samples 0 $quiet
grep '^distance' out >second || fail "no distance"
same first second
run 0 analyze --model sparse --initial start/model.safetensors --samples 0 $quiet
grep '^distance' out >second || fail "no distance"
same first second

# A file has no chain.
run 0 analyze --model sparse/model.safetensors $data --samples 0 $quiet --json
says 'give --initial RUN_OR_FILE'
prints '"weights": null'
prints '"hessian": null'

# Bound and error: one record on standard output and in the file, a page without outside resources, the same again.
job="analyze --arch resnet20s $data $few --sparsities 0,0.9 --error-images 8 --error-batch 4 --error-epochs 1 --forgotten 1 $quiet"
run 0 $job --out a.json --html a.html --json
same out a.json
prints '"schema": "lethe.analysis/1"'
[ "$(grep -c '"error_over_bound": [0-9]' out)" -eq 2 ] || fail "not two sparsities"
holds a.html '<svg '
grep -q 'http' a.html && fail "the page asks for something outside"
run 0 $job --out b.json --quiet
same a.json b.json
run 0 $job
prints '^ *sparsity %  *kept  *loss  *distance  *eigenvalue  *bound  *error'

run 2 analyze $data
says '--arch NAME'
run 2 analyze --arch resnet20s $data --samples 0 --sparsities 0,1
says "'1' is no number from 0 to below 1"
run 2 analyze --arch resnet20s $data --samples 0 --sparsities 0 --error-batch 200
says '--error-batch'
run 4 analyze --arch resnet20s $data --samples 0 --sparsities 0 --error-images 8 --error-batch 4 --error-lr 1e38
says 'lower --error-lr'
run 3 analyze --model sparse --initial nowhere --samples 0
says 'nowhere'
