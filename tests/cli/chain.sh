#!/usr/bin/env bash
# chain.sh - train, prune, unlearn, evaluate, predict: the data are named once.
. "$(dirname "$0")/common.sh"
quiet="--threads 1 --progress none"

run 0 train $small --epochs 4 --lr 0.05 --keep-epoch 1 --augment none --out dense $quiet
run 0 prune --model dense --sparsity 0.9 --rewind epoch=1 --epochs 2 --batch 16 --out sparse $quiet
holds sparse/run.json '"sparsity": 0.9\|"sparsity": 0.8999'
run 0 prune --model dense --sparsity 0.5 --epochs 0 --out bare $quiet
holds bare/run.json '"epochs": 0'
run 0 prune $small --sparsity 0.9 --rewind init --epochs 1 --out fresh $quiet
holds fresh/run.json '"epochs": 2'
run 0 prune --model dense --method random --sparsity 0.5 --epochs 1 --batch 16 --out random $quiet

for method in retrain ft ga l1-sparse ga-l1 rl salun boundary-shrink boundary-expand; do
    run 0 unlearn --model sparse --forget class=3 --method $method --epochs 1 --batch 16 --out $method $quiet
    holds $method/run.json '"specification": "class=3"'
    holds $method/run.json '"rte_seconds": [0-9]'
    holds $method/run.json '"sparsity": 0.9\|"sparsity": 0.8999' # masks stay
done
run 0 unlearn --model dense --forget class=3 --method ft-prune --sparsity 0.8 --epochs 2 --batch 16 --out ft-prune $quiet
holds ft-prune/run.json '"sparsity": 0.8\|"sparsity": 0.7999'
run 0 unlearn --model dense --forget class=3 --method l1-sparse --l1 proximal --gamma 0.01 --lr 0.1 --epochs 2 --batch 16 \
    --out proximal $quiet
holds proximal/run.json '"sparsity": 0.0\|"sparsity": 0,'
holds proximal/run.json '"zeros": 0.[0-9]*[1-9]' # the penalty alone

# A model that a method has destroyed is reported and written; the original stays.
cp dense/model.safetensors before
run 0 unlearn --model dense --forget class=3 --method ga --lr 0.5 --epochs 3 --batch 8 --wreck-bound 99.9 --out wrecked $quiet
says 'the model is wrecked: its accuracy on the retain set is [0-9.]* %, below the bound of 99.90 %'
says 'try a smaller --lr$'
holds wrecked/run.json '"wrecked": true'
holds wrecked/run.json '"bound": 99.9'
is_there wrecked/model.safetensors
same dense/model.safetensors before
run 0 unlearn --model dense --forget class=3 --method ft --lr 0 --epochs 1 --batch 16 --wreck-bound 0 --out unguarded $quiet
holds unguarded/run.json '"wrecked": false'

printf 'method: l1-sparse\ngamma: 0.001\nschedule: growing\nmodel: sparse\nforget: random=0.2\nepochs: 1\n' >l1.yaml
run 0 unlearn --config l1.yaml --out l1 $quiet
holds l1/config.yaml 'schedule: growing'
grep -q 'the forget set holds only' err && fail "a warning of 18 samples"
echo 7 >one
run 0 unlearn --model dense --forget ids=one --method ga --epochs 1 --out one-less $quiet
says 'the forget set holds only 1 sample: '
holds one-less/log.txt 'the forget set holds only 1 sample: '
run 0 evaluate --model one-less $quiet
says 'the forget set holds only 1 sample: '
run 0 unlearn --model ft --method ga --epochs 1 --out again $quiet # the forget set of the given run
holds again/run.json '"specification": "class=3"'

run 0 evaluate --model ft --reference retrain --mia both --mia-features all --json $quiet
for key in schema model n_forget n_retain n_test UA RA TA VA MIA_efficacy MIA_privacy confidence correctness entropy \
    modified_entropy probability RTE_seconds sparsity loss forget retain test reference gap disparity_average; do
    prints "\"$key\": "
done
prints '"schema": "lethe.evaluation/1"'
prints '"method": "ft"'
prints '"n_forget": 9'
same out ft/evaluation.json
if command -v python3 >/dev/null; then
    python3 -m json.tool <out >/dev/null || fail "the result is no JSON"
fi
run 0 evaluate --model dense --forget random=0.1 --out results/dense.evaluation.json $quiet
prints 'MIA-Efficacy'
prints '|UA - (100 - TA)| is'
holds results/dense.evaluation.json '"within": \(true\|false\)'
run 0 evaluate --model ga --reference retrain --reference-2 ft --mia both $quiet
prints 'null gap'
prints 'MIA-Efficacy, class-matched, confidence'
run 0 report ga ft --html report.html
prints '^Retrain again  90 % sparse  *1  '
prints '^Retrain again: Retrain with another seed'
holds report.html '<td>Retrain again</td><td>90 % sparse</td>'
run 3 evaluate --model ft --reference l1 $quiet
says 'l1: its forget set is another one'
run 3 evaluate --model ft --reference retrain --reference-2 l1 $quiet
says 'l1: its forget set is another one'
run 2 evaluate --model ga --reference-2 retrain $quiet
says '--reference RUN_OR_FILE'

# --compat official: another split seed than the run's divides the data anew, as the official code does.
run 0 train $small --epochs 1 --compat official --out official $quiet
run 0 unlearn --model official --compat official --split-seed 2 --forget random=0.1 --method ga --epochs 1 --out drawn $quiet
cmp -s official/split.json drawn/split.json && fail "the official division is the same for another seed"
holds drawn/split.json '"seed": 2'
run 0 unlearn --model official --compat none --split-seed 2 --forget random=0.1 --method ga --epochs 1 --out kept $quiet
holds kept/split.json '"seed": 1'
run 0 prune --model official --epochs 0 --sparsity 0.5 --out reading $quiet # what follows such a run is official too
holds reading/run.json '"compat": "official"'
run 0 evaluate --model reading --json $quiet
prints '"compat": "official"'
run 0 evaluate --model reading --compat none --json $quiet
prints '"compat": "none"'
printf 'compat: none\n' >none.yaml
run 0 evaluate --model reading --config none.yaml --json $quiet
prints '"compat": "none"'
run 0 unlearn --model dense --forget class=3 --method ga --out x --print-config $quiet
prints '^compat: "\?none'
run 2 unlearn --model official --compat official --split-seed 0 --forget random=0.1 --method ga --out none $quiet
says '1 or more'
holds results/dense.evaluation.json '"method": "original"'
is_not_there dense/evaluation.json
run 0 evaluate --model dense/model.safetensors $data $quiet

run 0 predict --model ft --split forget --logits l.npy --probabilities p.npy --images i.npy --json $quiet
prints '"n": 9'
[ "$(wc -c <l.npy)" -eq $((128 + 9 * 10 * 4)) ] || fail "the size of l.npy"
[ "$(wc -c <i.npy)" -eq $((128 + 9 * 28 * 28)) ] || fail "the size of i.npy"
run 0 predict --model ft --split test --logits a.npy $quiet
run 0 predict --model ft --split test --logits b.npy --batch 7 $quiet
[ "$(wc -c <a.npy)" -eq "$(wc -c <b.npy)" ] || fail "the number of logits depends on the batch"
run 0 train $small --epochs 1 --val-fraction 0 --out whole $quiet
run 0 predict --model whole $data --split train --logits w.npy $quiet # the split of the run, though the data are named
[ "$(wc -c <w.npy)" -eq $((128 + 100 * 10 * 4)) ] || fail "the training part of a run without validation"

run 0 inspect ft
prints '^outcome  *finished'
run 0 inspect ft/model.safetensors
prints 'layer1.0.conv1.weight_mask'
run 0 inspect --dataset synthetic --json
prints '"kind": "dataset"'
run 0 doctor --arch resnet20s --threads 1
prints 'convolution  *passed'
run 0 bench --arch resnet20s --batch 8 --seconds 0.05 --repeats 1 --image-size 28 --threads 1 --json
prints '"samples_per_second": [0-9]'
prints '"peak_share": [0-9]'
run 0 bench ops --arch resnet20s --batch 2 --image-size 28 --threads 1
prints 'convolution 3x3/2 28x28x16-32'
run 2 bench layers
says "'layers' is not a benchmark"
